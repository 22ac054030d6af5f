"""Tables and figures of the partners question; every row stands outside the measures in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entrepot.models.potential import position_potential
from entrepot.questions import words
from entrepot.questions.partners_score import WEIGHTS, Pool, Sides, dependence
from entrepot.questions.partners_trade import item_label
from entrepot.result import Column, Figure, Table
from entrepot.world import blocs

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray = NDArray[np.float64]

# Rows of a table of positions that are kept, largest gap first.
MOST = 1000


def numbers(values: FloatArray) -> pa.Array[Any]:
    """Return numbers as Arrow, NaN as null."""
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def texts(values: Sequence[str]) -> pa.Array[Any]:
    """Return words as Arrow, also where there are none."""
    import pyarrow as pa

    return pa.array(list(values), pa.string())


def pool_table(sides: Sides, pool: Pool, names: Mapping[str, str]) -> Table:
    """One row per partner, best score first; a partner without open positions has neither rank nor sums."""
    import pyarrow as pa

    trade, selling, buying = sides.trade, sides.selling, sides.buying
    ranked = pool.order
    rest = [i for i in range(len(trade.partners)) if trade.others[i] and i not in set(ranked.tolist())]
    order = np.array([*ranked.tolist(), *rest], np.intp)
    shown = ~np.isnan(pool.score)
    rank = np.full(len(trade.partners), np.nan)
    rank[ranked] = np.arange(1, len(ranked) + 1)

    def over(values: FloatArray) -> pa.Array[Any]:
        return numbers(np.where(shown, values, np.nan)[order])

    data = {
        "rank": pa.array(rank[order], pa.int64(), from_pandas=True, safe=False),
        "partner": texts([trade.partners[i] for i in order]),
        "name": texts([names[trade.partners[i]] for i in order]),
        "score": over(pool.score),
        **{name: over(np.abs(pool.criteria[name]) if name == "risk" else pool.criteria[name])
           for name in WEIGHTS},
        "actual": over(selling.actual),
        "potential": over(selling.potential),
        "gap": over(selling.gap),
        "unmet": over(selling.unmet),
        "dependence": over(dependence(sides)),
        "bought": over(buying.actual),
        "buying_gap": over(buying.gap),
        "positions": pa.array(sides.open.sell.sum(axis=1)[order], pa.int64()),
        "flags": texts(["; ".join(pool.flags[i]) for i in order]),
    }  # fmt: skip
    return Table("partners", "Partners, scored", pa.table(data), _POOL)


_POOL = (
    Column("rank", "Rank", "", "integer", doc="null where nothing is left outside the measures"),
    Column("partner", "Code", format="code"),
    Column("name", "Partner"),
    Column("score", "Score", "0 to 1", "decimal", 2, doc="weighted mean of ranks"),
    Column("size", "Market", "USD", "integer", doc="its imports times the country's world-market shares"),
    Column("ease", "Ease", "", "decimal", 2, doc="actual over expected trade; 1 = as the shares say"),
    Column("complementarity", "Complementarity", "0 to 1", "decimal", 2, doc="Michaely's index"),
    Column("growth", "Growth of demand", "a year", "percent", doc="nominal; null without an earlier window"),
    Column("risk", "Risk flags", "", "integer"),
    Column("actual", "Sold", "USD a year", "integer"),
    Column("potential", "Potential", "USD a year", "integer", doc="null where trade is not observed"),
    Column("gap", "Unrealised", "USD a year", "integer", doc="sum of potential less sold, where positive"),
    Column("unmet", "Unmet demand", "USD a year", "integer", doc="the gap at an ease of 1"),
    Column("dependence", "Seller HHI", "0 to 1", "decimal", 2, doc="how far it depends on one seller"),
    Column("bought", "Bought", "USD a year", "integer"),
    Column("buying_gap", "Unrealised purchases", "USD a year", "integer", doc="what could be bought from it"),
    Column("positions", "Open positions", "", "integer", doc="outside every measure in force"),
    Column("flags", "Flags"),
)


def display(sides: Sides, pool: Pool, names: Mapping[str, str]) -> Table:
    """The pool laid out for reading."""
    import pyarrow as pa

    order, selling, buying = pool.order, sides.selling, sides.buying
    scale, unit, digits = _scale(np.nan_to_num(selling.gap)[order])
    data = pa.table(
        {
            "name": texts([names[sides.trade.partners[i]] for i in order]),
            "score": numbers(pool.score[order]),
            "sold": numbers(selling.actual[order] / scale),
            "gap": numbers(selling.gap[order] / scale),
            "unmet": numbers(selling.unmet[order] / scale),
            "ease": numbers(selling.ease[order]),
            "dependence": numbers(dependence(sides)[order]),
            "buying": numbers(buying.gap[order] / scale),
            "flags": texts(["; ".join(pool.flags[i]) or "none" for i in order]),
        }
    )
    columns = (
        Column("name", "Partner"),
        Column("score", "Score", "0 to 1", "decimal", 2),
        Column(
            "sold",
            "Sold of these",
            unit,
            "decimal",
            digits,
            doc="in the positions shown; the rest is left out",
        ),
        Column("gap", "Unrealised", unit, "decimal", digits, doc="at the ease of today"),
        Column("unmet", "Unmet", unit, "decimal", digits, doc="at an ease of 1"),
        Column("ease", "Ease", "", "decimal", 2),
        Column("dependence", "Seller HHI", "", "decimal", 2),
        Column("buying", "Could buy more", unit, "decimal", digits),
        Column("flags", "Risk flags"),
    )
    return Table("pool", f"Partner pool, {unit} a year", data, columns)


def _scale(gaps: FloatArray) -> tuple[float, str, int]:
    """Choose the scale of the pool; that of a small exporter is in thousands, so that its gaps show."""
    if 0 < gaps.max(initial=0.0) < 1e5:
        return 1e3, "USD k", 1
    return words.scale_for(gaps.tolist())


def sales(sides: Sides, names: Mapping[str, str], only: str | None = None) -> Table:
    """What the country could sell to whom: one row per open position it supplies, largest gap first."""
    import pyarrow as pa

    trade = sides.trade
    supply = sides.supply[trade.own]
    cells = _positions(sides, trade.imports, supply, sides.selling.ease, trade.sold, sides.open.sell)
    j, k, gap, potential = _kept(cells, trade.partners, only)
    made = _own_row(sides, "density"), _own_row(sides, "pci"), _own_row(sides, "gain")
    data = {
        **_who(sides, names, j, k),
        "demand": numbers(trade.imports[j, k]),
        "share": numbers(supply[k]),
        "supply": numbers(trade.exports[trade.own, k] * sides.own_share[k]),
        "actual": numbers(np.where(trade.observed[j], trade.sold[j, k], np.nan)),
        "potential": numbers(potential),
        "gap": numbers(gap),
        "sellers": numbers(trade.sellers[j, k]),
        "density": numbers(made[0][k]),
        "pci": numbers(made[1][k]),
        "gain": numbers(made[2][k]),
    }
    columns = (
        *_WHO,
        Column("demand", "Its imports", "USD a year", "integer"),
        Column("share", "World-market share", "of supply", "percent", 2, "corrected for re-exports"),
        Column("supply", "Own supply", "USD a year", "integer", doc="what the country exports of it to all"),
        Column("actual", "Sold", "USD a year", "integer"),
        Column("potential", "Potential", "USD a year", "integer"),
        Column("gap", "Unrealised", "USD a year", "integer"),
        Column("sellers", "Seller HHI", "0 to 1", "decimal", 2, doc="1 = it buys from one seller"),
        Column("density", "Density", "0 to 1", "decimal", 2, doc="how near it is to what is made"),
        Column("pci", "Complexity", "", "decimal", 2, doc="product complexity index"),
        Column("gain", "Gain", "", "decimal", 2, doc="complexity outlook gain of making it with advantage"),
    )
    title = _title("What could be sold, by partner and position", len(j))
    return Table("sales", title, pa.table(data), columns)


def needs(sides: Sides, names: Mapping[str, str], only: str | None = None) -> Table:
    """What the country could buy from whom: one row per open position, largest gap first."""
    import pyarrow as pa

    trade = sides.trade
    demand = trade.imports[trade.own]
    cells = _positions(sides, sides.supply, demand, sides.buying.ease, trade.bought, sides.open.buy)
    j, k, gap, potential = _kept(cells, trade.partners, only)
    data = {
        **_who(sides, names, j, k),
        "demand": numbers(demand[k]),
        "sellers": numbers(trade.sellers[trade.own, k]),
        "share": numbers(sides.supply[j, k]),
        "actual": numbers(np.where(trade.observed[j], trade.bought[j, k], np.nan)),
        "potential": numbers(potential),
        "gap": numbers(gap),
    }
    columns = (
        *_WHO,
        Column("demand", "Own imports", "USD a year", "integer"),
        Column("sellers", "Seller HHI", "0 to 1", "decimal", 2, doc="how far the country depends on one"),
        Column("share", "Its world-market share", "of supply", "percent", 2),
        Column("actual", "Bought", "USD a year", "integer"),
        Column("potential", "Potential", "USD a year", "integer"),
        Column("gap", "Unrealised", "USD a year", "integer"),
    )
    title = _title("What could be bought, by partner and position", len(j))
    return Table("needs", title, pa.table(data), columns)


_WHO = (
    Column("partner", "Code", format="code"),
    Column("name", "Partner"),
    Column("item", "Position", format="code"),
    Column("label", "What"),
)


def _who(sides: Sides, names: Mapping[str, str], j: NDArray[np.intp], k: NDArray[np.intp]) -> dict[str, Any]:
    trade = sides.trade
    labels = {i: item_label(trade, trade.items[i]) for i in np.unique(k)}
    return {
        "partner": texts([trade.partners[i] for i in j]),
        "name": texts([names[trade.partners[i]] for i in j]),
        "item": texts([trade.items[i] for i in k]),
        "label": texts([labels[i] for i in k]),
    }


def _positions(
    sides: Sides,
    table: FloatArray,
    vector: FloatArray,
    ease: FloatArray,
    now: FloatArray,
    free: NDArray[np.bool_],
) -> tuple[FloatArray, FloatArray]:
    """Return potential and gap of every open position, each (N, K); NaN where there is none."""
    selling = table is sides.trade.imports
    potential = np.full(table.shape, np.nan)
    for j in np.flatnonzero(np.isfinite(ease)):
        share, demand = (vector, table[j]) if selling else (table[j], vector)
        potential[j] = position_potential(share, demand, float(ease[j]))
    potential[~free | (table * vector <= 0)] = np.nan
    return potential, np.maximum(potential - now, 0.0)


def _kept(
    cells: tuple[FloatArray, FloatArray], partners: Sequence[str], only: str | None
) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray, FloatArray]:
    """Choose the positions of a table: those of one partner, or the largest gaps of all."""
    potential, gap = cells
    if only is not None:
        keep = np.array([name == only for name in partners])
        gap = np.where(keep[:, None], gap, np.nan)
    # Whole dollars decide, so that rounding never decides what is in the table.
    j, k = np.nonzero(np.nan_to_num(np.rint(gap)) > 0)
    order = np.argsort(-np.rint(gap[j, k]), kind="stable")[:MOST]
    j, k = j[order], k[order]
    return j, k, gap[j, k], potential[j, k]


def _title(what: str, rows: int) -> str:
    """Say that a table was cut."""
    return what if rows < MOST else f"{what}: the {MOST:,} largest gaps"


def _own_row(sides: Sides, what: str) -> FloatArray:
    """Return density, complexity or gain of every item for the country, shape (K,); NaN where undefined."""
    if sides.space is None:
        return np.full(len(sides.trade.items), np.nan)
    if what == "pci":
        return sides.space.pci
    own = sides.trade.own
    return sides.space.density_of(own) if what == "density" else sides.space.cog_of(own)


def near(sides: Sides, names: Mapping[str, str], only: str | None = None) -> Table:
    """What the country does not sell with advantage yet, nearest first, and which open markets buy it."""
    import pyarrow as pa

    trade = sides.trade
    density = _own_row(sides, "density")
    made = np.zeros(len(density)) if sides.space is None else sides.space.m[trade.own]
    keep = np.array([only in (None, name) for name in trade.partners])
    demand = np.where(sides.open.sell & keep[:, None], trade.imports, 0.0)
    barred = sides.open.law.made(trade.country) if trade.basis == "flows" else np.zeros(len(made), bool)
    chosen = np.flatnonzero((made < 1) & np.isfinite(density) & (demand.sum(axis=0) > 0) & ~barred)
    order = chosen[np.argsort(-np.round(density[chosen], 10), kind="stable")]
    tops = [np.argsort(-demand[:, k], kind="stable")[:3] for k in order]
    data = {
        "item": texts([trade.items[k] for k in order]),
        "label": texts([item_label(trade, trade.items[k]) for k in order]),
        "density": numbers(density[order]),
        "pci": numbers(_own_row(sides, "pci")[order]),
        "gain": numbers(_own_row(sides, "gain")[order]),
        "supply": numbers((trade.exports[trade.own] * sides.own_share)[order]),
        "demand": numbers(demand.sum(axis=0)[order]),
        "markets": texts(
            [", ".join(names[trade.partners[j]] for j in top if demand[j, k] > 0)
             for k, top in zip(order, tops, strict=True)]
        ),
    }  # fmt: skip
    columns = (
        Column("item", "Position", format="code"),
        Column("label", "What"),
        Column("density", "Density", "0 to 1", "decimal", 2, doc="how near it is to what is made"),
        Column("pci", "Complexity", "", "decimal", 2),
        Column("gain", "Gain", "", "decimal", 2, doc="complexity outlook gain"),
        Column("supply", "Own supply", "USD a year", "integer"),
        Column("demand", "Demand in open markets", "USD a year", "integer"),
        Column("markets", "Largest open markets"),
    )
    return Table("near", "Near what is made, not sold with advantage yet", pa.table(data), columns)


def scatter(sides: Sides, pool: Pool, names: Mapping[str, str], title: str, subtitle: str) -> Figure:
    """Ease against unmet demand, one point per scored partner, sized by the gap."""
    import pyarrow as pa

    trade, selling = sides.trade, sides.selling
    group = blocs.partition("meeting", trade.years[1])
    ids = [g.id for g in blocs.partition_groups("meeting")]
    # A logarithmic axis has no place for nil: those partners are in the table.
    seen = np.nan_to_num(selling.ease) > 0
    order = np.array(
        [i for i in pool.order if (seen[i] and selling.unmet[i] > 0) or np.isnan(selling.ease[i])], np.intp
    )
    data = pa.table(
        {
            "partner": texts([names[trade.partners[i]] for i in order]),
            "ease_percent": numbers(100 * selling.ease[order]),
            "unmet_demand": numbers(selling.unmet[order]),
            "unrealised": numbers(selling.gap[order]),
            "bloc": texts([group.get(trade.partners[i], ids[-1]) for i in order]),
        }
    )
    return Figure(
        name="ease-and-demand",
        kind="scatter",
        title=title,
        subtitle=f"{subtitle}. Right: sells there with more ease; up: more demand unmet; size: unrealised. "
        "Partners with no trade, or nothing unmet, are in the table",
        alt=f"Scatter of {words.count(len(order), 'partner')}: ease of trade against unmet demand. {title}.",
        data=data,
        encode={
            "label": "partner",
            "x": "ease_percent",
            "y": "unmet_demand",
            "size": "unrealised",
            "group": "bloc",
        },
        options={
            "log_x": True,
            "log_y": True,
            "x_line": 100.0,
            "x_title": "Ease: sold, % of what world-market shares say",
            "y_title": "Unmet demand, USD a year",
            "order": ids,
        },
    )
