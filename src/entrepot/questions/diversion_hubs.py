"""What each third country bought in all, with intervals, and its path over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from entrepot.models import detection as dd
from entrepot.models.detection.panel import member, sum_by
from entrepot.questions.diversion_case import last_day
from entrepot.questions.diversion_evidence import Evidence, hub_effects
from entrepot.questions.diversion_read import Calendar, Data, trade_frame
from entrepot.questions.diversion_scope import Law
from entrepot.questions.diversion_tables import WHO, Row, build, money_column, needs_review
from entrepot.result import Column, Table
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.questions.diversion import Ask, Found
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]
# Fewer origins or periods than this leave nothing to draw from.
LEAST_DRAWN = 3
# Onward markets shown for each product and third country.
MARKETS = 3
HUBS = (
    Column("hub", "Country", format="code"),
    Column("hub_name", "Third country"),
    Column("period", "Period"),
    Column("cells", "Products", "", "integer", doc="tested"),
    Column("found", "Risen", "", "integer", doc="beyond placebo windows; null where trade was not observed"),
    money_column("observed", "Observed"),
    money_column("expected", "Expected"),
    Column("ratio", "Ratio", "", "decimal", 2),
    Column("ratio_low", "Ratio, low", "", "decimal", 2, "95%, drawn over months x origins"),
    Column("ratio_high", "Ratio, high", "", "decimal", 2, "95%, drawn over months x origins"),
    Column("typical", "Typical ratio", "", "decimal", 2, "shrunk mean of its products"),
    Column("typical_low", "Typical, low", "", "decimal", 2),
    Column("typical_high", "Typical, high", "", "decimal", 2),
    Column("q", "q", "%", "percent", 1, "of its typical ratio against those of placebo windows; rough"),
    money_column("excess", "Excess of the risen"),
    money_column("excess_low", "Excess, low", "95%, drawn over months x origins"),
    money_column("excess_high", "Excess, high", "95%, drawn over months x origins"),
    money_column("diverted_low", "Diverted, at least"),
    money_column("diverted_high", "Diverted, at most"),
    Column("hub_reports", "Own reports"),
)
ONWARD = (
    *WHO,
    Column("market", "Market code", format="code"),
    Column("market_name", "Market"),
    money_column("before", "Sales before", "mean of the baseline"),
    money_column("after", "Sales after"),
    Column("sender", "Is a sender"),
    money_column("senders_before", "Market to senders, before"),
    money_column("senders_after", "Market to senders, after"),
)
MIRROR = (
    Column("hub", "Country", format="code"),
    Column("hub_name", "Third country"),
    Column("year", "Year", "", "year"),
    money_column("sent", "Senders report"),
    money_column("received", "It reports"),
    Column("gap", "Gap", "log", "decimal", 2),
    Column("change", "Change since the baseline", "log", "decimal", 2),
    Column("periods", "Periods compared", "", "integer", doc="months or years in which both sides report"),
)


@dataclass(frozen=True, slots=True)
class HubLine:
    """One third country in one period; None where it was not observed or cannot be said."""

    hub: str
    place: int
    cells: int | None = None
    found: int | None = None
    observed: float | None = None
    expected: float | None = None
    ratio: float | None = None
    ratio_low: float | None = None
    ratio_high: float | None = None
    typical: float | None = None
    typical_low: float | None = None
    typical_high: float | None = None
    q: float | None = None
    excess: float | None = None
    excess_low: float | None = None
    excess_high: float | None = None
    diverted_low: float | None = None
    diverted_high: float | None = None


def hub_lines(ask: Ask, found: Found, place: int) -> list[HubLine]:
    """Return the third countries of one period that bought anything, and those that nobody reported."""
    seen, case = found.evidence[place], found.cases[place]
    legs = seen.legs
    flows = case.flows
    shrunk = _typical(found, seen)
    lines = [HubLine(name, place) for name in case.dark if not ask.hub or name in ask.hub]
    for hub in np.unique(legs.hub[seen.tested]):
        name = found.data.countries[hub]
        if ask.hub and name not in ask.hub:
            continue
        mine = (legs.hub == hub) & seen.tested
        risen = mine & seen.risen
        observed, expected = float(legs.observed[mine].sum()), float(legs.expected[mine].sum())
        drawn = _drawn(flows, legs, mine, hub)
        more = _drawn(flows, legs, risen, hub) if risen.any() else None
        middle, low, high = shrunk.get(int(hub), (None, None, None))
        lines.append(
            HubLine(
                name,
                place,
                cells=int(mine.sum()),
                found=int(risen.sum()),
                observed=observed,
                expected=expected,
                ratio=observed / expected if expected > legs.floor else None,
                ratio_low=drawn.ratio_lower if drawn else None,
                ratio_high=drawn.ratio_upper if drawn else None,
                typical=middle,
                typical_low=low,
                typical_high=high,
                q=None if np.isnan(seen.hub_q[hub]) else float(seen.hub_q[hub]),
                excess=float(legs.excess[risen].sum()),
                excess_low=more.lower if more else None,
                excess_high=more.upper if more else None,
                diverted_low=0.0,
                diverted_high=_bound(seen, risen),
            )
        )
    return lines


def _drawn(flows: dd.Flows, legs: dd.Legs, cells: NDArray[np.bool_], hub: int) -> dd.Excess | None:
    """Interval over blocks of months and whole origins; None where there are too few of either."""
    mine = (flows.importer == hub) & np.isin(flows.product, legs.product[cells])
    if flows.length < LEAST_DRAWN or np.unique(flows.exporter[mine]).size < LEAST_DRAWN:
        return None
    return dd.bootstrap(flows, mine)


def _bound(seen: Evidence, risen: NDArray[np.bool_]) -> float | None:
    """Sum of the upper bounds of what rose; None where one of them was not observed."""
    if np.isnan(seen.diverted[risen]).any():
        return None
    return float(seen.diverted[risen].sum())


def _typical(found: Found, seen: Evidence) -> dict[int, tuple[float, float, float]]:
    """Shrunk ratio of observed to expected trade of each third country, with a 95% interval."""
    if seen.detection is None:
        return {}
    hubs = np.unique(seen.legs.hub[seen.tested])
    effects = hub_effects(seen.legs, hubs, seen.detection.weights[0].dispersion, found.data.groups(4))
    lines = {}
    for hub, (effect, error) in zip(hubs, effects, strict=True):
        low, high = np.exp(effect - 1.96 * error), np.exp(effect + 1.96 * error)
        lines[int(hub)] = float(np.exp(effect)), float(low), float(high)
    return lines


def paths(found: Found, hub: int, products: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
    """Purchases of some products by one third country in every period, and what was expected.

    Returns
    -------
    observed, expected : ndarray, shape (periods,)
        NaN where nobody reported, and ``expected`` outside the windows after the measure.
    """
    span, rows = found.data.calendar, found.data.covered
    origins = found.cases[-1].roles.origins
    mine = (rows.importer == hub) & member(origins, rows.countries)[rows.exporter]
    mine &= np.isin(found.data.hs6, products)[rows.product]
    bought = sum_by(rows.period[mine], rows.value[mine], span.periods)
    observed = np.where(found.cases[-1].bought_observed[hub], bought, np.nan)
    expected = np.full(span.periods, np.nan)
    for case, seen in zip(found.cases, found.evidence, strict=True):
        if hub not in case.roles.hubs:
            continue
        flows = case.flows
        chosen = (flows.importer == hub) & np.isin(flows.product, products)
        growth = flows.importer_factor * flows.product_factor / flows.years
        part = chosen[flows.row_flow] & ~flows.is_after
        value = flows.rows.value[part] * growth[flows.row_flow[part]]
        expected[seen.period.window.post] = sum_by(flows.position[part], value, flows.length)
    return observed, expected


def hub_table(ask: Ask, found: Found) -> Table:
    """One row per third country and period, in the order of names; one that nobody reported says so."""
    lines = [
        _hub_values(ask, found, line)
        for place in range(len(found.evidence))
        for line in hub_lines(ask, found, place)
    ]
    lines.sort(key=lambda v: (v["hub_name"], v["period"]))
    return build("hubs", "Third countries, all goods examined", HUBS, lines)


def _hub_values(ask: Ask, found: Found, line: HubLine) -> dict[str, Any]:
    seen = found.evidence[line.place]
    numbers = {
        name: getattr(line, name) for name in HubLine.__dataclass_fields__ if name not in ("hub", "place")
    }
    return {
        "hub": line.hub,
        "hub_name": countries.name(line.hub, ask.lang),
        "period": seen.period.label,
        **numbers,
        "hub_reports": found.cases[line.place].silence(line.hub, seen.period.window),
    }


def onward_table(ask: Ask, found: Found, shown: Sequence[Row]) -> Table:
    """Where a third country sold more of what it bought more of: the largest rises, by country."""
    marked = [row for row in shown if needs_review(row)]
    places = [found.evidence[row.place].legs.product[row.cell] for row in marked]
    goods = found.data.covered
    goods = goods.rows(np.isin(found.data.hs6, places)[goods.product])
    return build(
        "onward",
        "Markets to which third countries sold more",
        ONWARD,
        (line for row in marked for line in _markets(ask, found, goods, row)),
    )


def _markets(ask: Ask, found: Found, goods: dd.Trade, row: Row) -> list[dict[str, Any]]:
    """Return the markets with the largest rise in one product from one third country."""
    case, seen = found.cases[row.place], found.evidence[row.place]
    window, ends = seen.period.window, case.roles.destinations
    rows = goods.rows(found.data.hs6[goods.product] == seen.legs.product[row.cell])
    hub = rows.exporter == seen.legs.hub[row.cell]

    def by_market(chosen: Any) -> tuple[Any, Any]:
        sums = []
        for periods, years in ((window.pre.ravel(), window.pre.shape[0]), (window.post, 1)):
            part = chosen & np.isin(rows.period, periods)
            sums.append(np.bincount(rows.importer[part], rows.value[part], rows.countries) / years)
        return sums[0], sums[1]

    before, after = by_market(hub)
    rise = after - before
    rise[case.roles.origins] = 0.0
    lines = []
    for place in np.argsort(-rise, kind="stable")[:MARKETS]:
        if rise[place] <= 0:
            break
        further = by_market(rows.exporter == place)
        name = found.data.countries[place]
        lines.append(
            {
                "product": row.product,
                "name": row.values["name"],
                "hub": row.hub,
                "hub_name": row.values["hub_name"],
                "period": seen.period.label,
                "market": name,
                "market_name": countries.name(name, ask.lang),
                "before": float(before[place]),
                "after": float(after[place]),
                "sender": "yes" if name in case.members else "no",
                "senders_before": None if name in case.members else float(further[0][ends].sum()),
                "senders_after": None if name in case.members else float(further[1][ends].sum()),
            }
        )
    return lines


def mirror_table(store: Store, law: Law, data: Data, ask: Ask) -> Table:
    """Log of what the senders report to have sold over what each third country reports to have bought.

    A year compares the periods in which both sides report; without any there is no gap.
    """
    span = data.calendar
    years = range(span.first, span.last + 1)
    held = law.members(last_day(span))
    third = [c for c in data.countries if c not in held and c != law.target]
    hubs = [c for c in third if (not ask.hub or c in ask.hub) and (ask.hubs is None or c in ask.hubs)]
    hubs.sort(key=lambda name: countries.name(name, ask.lang))
    told = [_told(store, side, sorted(held), hubs, span) for side in ("export", "import")]
    both = np.isfinite(told[0]) & np.isfinite(told[1])
    year_of = np.array([span.year(period) for period in range(span.periods)])
    counts = np.array([both[:, year_of == year].sum(1) for year in years]).T
    sent, received = (
        np.array([np.where(both, side, 0.0)[:, year_of == year].sum(1) for year in years]).T for side in told
    )
    sent, received = (np.where(counts > 0, sums, np.nan) for sums in (sent, received))
    base = min(max(ask.baseline[1], span.first), span.last) - span.first
    found = dd.mirror_gap(sent, received, base)

    def at(table: FloatArray, i: int, j: int) -> float | None:
        return float(table[i, j]) if isfinite(table[i, j]) else None

    return build(
        "mirror",
        "Mirror gap: senders' exports over the third country's own imports, all goods that both report",
        MIRROR,
        (
            {
                "hub": name,
                "hub_name": countries.name(name, ask.lang),
                "year": year,
                "sent": at(sent, i, j),
                "received": at(received, i, j),
                "gap": at(found.gap, i, j),
                "change": at(found.change, i, j),
                "periods": int(counts[i, j]),
            }
            for i, name in enumerate(hubs)
            for j, year in enumerate(years)
        ),
    )


def _told(store: Store, side: str, members: Sequence[str], hubs: Sequence[str], span: Calendar) -> FloatArray:
    """Sum what one side reports by third country and period, USD; NaN where it reports nothing."""
    keys = ["year", *(["month"] if span.monthly else []), "importer"]
    frame = trade_frame(store, "reports", side)
    frame = frame.filter(nw.col("exporter").is_in(list(members)), nw.col("importer").is_in(list(hubs)))
    table = store.collect(frame.group_by(*keys).agg(nw.col("value").sum()))
    place = {name: i for i, name in enumerate(hubs)}
    found = np.full((len(hubs), span.periods), np.nan)
    for row in table.to_pylist():
        period = span.at(row["year"], row.get("month", 1))
        if 0 <= period < span.periods:
            found[place[row["importer"]], period] = round(1e3 * float(row["value"]), 3)
    return found
