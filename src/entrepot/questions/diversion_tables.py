"""Tables of ``diversion``: evidence rows, third countries, onward markets, mirror gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entrepot.questions import words
from entrepot.questions.diversion_evidence import (
    CONSISTENT,
    ORDINARY,
    PASSED,
    REDIRECTED,
    STAYED,
    UNSEEN,
    Evidence,
)
from entrepot.result import Column, Table
from entrepot.world import countries
from entrepot.world.short_names import short

if TYPE_CHECKING:
    from entrepot.questions.diversion import Ask, Found

FloatArray = NDArray[np.float64]
RANK = {CONSISTENT: 0, PASSED: 0, STAYED: 1, UNSEEN: 1, REDIRECTED: 2, ORDINARY: 3}
NOT_OBSERVED = "not observed"
# Rows that are read before one asks for more: the scale of amounts is theirs.
READ = 12
NONE_APPLIES = "none of those tested"


def money_column(name: str, label: str, doc: str = "") -> Column:
    """Describe a column of amounts."""
    return Column(name, label, "USD", "decimal", 0, doc)


WHO = (
    Column("product", "Code", format="code"),
    Column("name", "Product"),
    Column("hub", "Country", format="code"),
    Column("hub_name", "Third country"),
    Column("period", "Period"),
)
MAIN = (
    *WHO,
    Column("in_force", "In force", "%", "percent", 0, "share of the period; null where no day is printed"),
    money_column("observed", "Observed", "purchases of the third country"),
    money_column("expected", "Expected"),
    money_column("expected_low", "Expected, low", "95% of placebo cells of this size lie above"),
    money_column("expected_high", "Expected, high", "95% of placebo cells of this size lie below or at it"),
    Column("ratio", "Ratio", "", "decimal", 2, "null where next to nothing was expected"),
    Column("ratio_low", "Ratio, low", "", "decimal", 2, "over the high expectation"),
    Column("ratio_high", "Ratio, high", "", "decimal", 2, "over the low expectation"),
    money_column("excess", "Excess"),
    Column("q", "q", "", "decimal", 4, "target-decoy false-discovery rate; null = not calibrated"),
    Column("decoy_rate", "Decoy rate", "", "decimal", 4, "share of placebo cells at least as far out"),
    Column("bh", "Benjamini-Hochberg", "", "decimal", 4, "of the decoy rate; null = not calibrated"),
    Column("decoys", "Placebo cells", "", "integer"),
    money_column("onward", "Sold on", "to the target, or under an import ban to the senders"),
    money_column("onward_expected", "Sold on, expected"),
    money_column("others", "Sold to others", "import bans: to all other markets"),
    money_column("others_expected", "Sold to others, expected"),
    money_column("direct_before", "Direct, before", "between senders and target, all third countries alike"),
    money_column("direct_after", "Direct, after"),
    Column("gap_change", "Mirror gap, change", "log", "decimal", 2),
    Column("senders_before", "Origins before", "", "integer"),
    Column("senders_after", "Origins after", "", "integer"),
    Column("persistence", "Mean rise", "log", "decimal", 2, "over periods, each counted once"),
    Column("unit_value_change", "Unit value", "log change", "decimal", 2),
    Column("legs", "Legs"),
    Column("scope", "Scope"),
    Column("measures", "Measures"),
    Column("explanations", "Other explanations"),
    Column("verdict", "Reading"),
    money_column("diverted_low", "Diverted, at least"),
    money_column("diverted_high", "Diverted, at most"),
    money_column("passed_high", "Passed on, at most", "import bans: to markets that are no senders"),
    money_column("lost", "Lost in transit", "excess by the origins' reports less that by its own"),
    Column("hub_reports", "Own reports", doc="empty where the third country reports throughout"),
    Column("command", "Command"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the evidence: where it stands, and its numbers under the names of the main table."""

    product: str
    hub: str
    place: int
    cell: int
    verdict: str
    values: dict[str, Any]

    @property
    def period(self) -> str:
        """Label of its period."""
        return str(self.values["period"])


def inside(name: str) -> str:
    """Write the name of goods as it stands inside a phrase; abbreviations keep their capitals."""
    return name[:1].lower() + name[1:] if name[1:2].islower() else name


def needs_review(row: Row) -> bool:
    """Tell whether a cell rose and what was sold on rose with it, or was not observed."""
    return row.verdict in (CONSISTENT, PASSED)


def rows(ask: Ask, found: Found) -> tuple[Row, ...]:
    """Return the tested cells that are asked for: those in need of review first, the largest first."""
    made = [row for place in range(len(found.evidence)) for row in _of_period(ask, found, place)]
    made.sort(key=lambda r: (RANK[r.verdict], -round(r.values["excess"]), r.place, r.hub, r.product))
    return tuple(made)


def _of_period(ask: Ask, found: Found, place: int) -> Iterator[Row]:
    """Make the rows of one period; what holds for a whole column is reckoned once."""
    seen, data, case = found.evidence[place], found.data, found.cases[place]
    hubs = {int(i): data.countries[i] for i in np.unique(seen.legs.hub)}
    silent = {name: case.silence(name, seen.period.window) for name in hubs.values()}
    numbers, ways = _numbers(seen), _ways(seen)
    for cell in np.flatnonzero(seen.tested).tolist():
        product, hub = data.products[seen.legs.product[cell]], hubs[int(seen.legs.hub[cell])]
        if not ask.shows(product, hub):
            continue
        law = found.scope[product]
        values = {
            "product": product,
            "name": words.capital(short(product)),
            "hub": hub,
            "hub_name": countries.name(hub, ask.lang),
            "period": seen.period.label,
            "in_force": _in_force(seen, law.since),
            **{name: column[cell] for name, column in numbers.items()},
            "decoys": seen.decoys,
            "diverted_low": 0.0,
            "legs": "; ".join(f"{name} {column[cell]}" for name, column in ways.items()),
            "scope": "in full" if law.full else "in part",
            "measures": law.text,
            "explanations": _explanations(seen, cell),
            "verdict": seen.verdict[cell],
            "hub_reports": silent[hub],
            "command": command(ask, hub=hub, product=product),
        }
        yield Row(product, hub, place, cell, seen.verdict[cell], values)


def _in_force(seen: Evidence, since: date | None) -> float | None:
    """Share of the period for which a measure with a printed day was in force."""
    if since is None:
        return None
    whole = (seen.period.last - seen.period.first).days + 1
    left = (seen.period.last - max(since, seen.period.first)).days + 1
    return max(0.0, left / whole)


def _numbers(seen: Evidence) -> dict[str, list[float | None]]:
    """Return the numeric columns of all cells; None where nothing was observed."""
    legs, others = seen.legs, seen.others
    unseen = np.full(legs.hub.size, np.nan)

    def over(bottom: FloatArray) -> FloatArray:
        known = np.nan_to_num(bottom) > legs.floor
        return np.asarray(np.divide(legs.observed, bottom, out=unseen.copy(), where=known))

    columns = {
        "observed": legs.observed,
        "expected": legs.expected,
        "expected_low": seen.low,
        "expected_high": seen.high,
        "ratio": over(legs.expected),
        "ratio_low": over(seen.high),
        "ratio_high": over(seen.low),
        "excess": legs.excess,
        "q": seen.q,
        "decoy_rate": seen.rate,
        "bh": seen.adjusted,
        "onward": legs.onward,
        "onward_expected": legs.onward_expected,
        "others": unseen if others is None else others.onward,
        "others_expected": unseen if others is None else others.onward_expected,
        "direct_before": legs.direct_before,
        "direct_after": legs.direct_after,
        "gap_change": legs.gap_after - legs.gap_before,
        "senders_before": legs.senders_before,
        "senders_after": legs.senders_after,
        "persistence": legs.persistence,
        "unit_value_change": np.log(legs.unit_after / legs.unit_before),
        "diverted_high": seen.diverted,
        "passed_high": seen.passed,
        "lost": seen.lost,
    }
    return {name: _plain(column) for name, column in columns.items()}


def _plain(column: FloatArray) -> list[float | None]:
    """Round to whole dollars, and to four digits of a ratio: the rest is noise that only swells the files."""
    rounded = np.where(np.abs(column) >= 1e4, np.round(column), np.round(column, 4))
    return [value if isfinite(value) else None for value in rounded.tolist()]


def _ways(seen: Evidence) -> dict[str, list[str]]:
    """Say which way every leg of every cell went; the numbers have their own columns."""
    legs, others = seen.legs, seen.others
    changes = {"A purchases": legs.excess, "B onward": legs.onward - legs.onward_expected}
    if others is not None:
        changes["B other markets"] = others.onward - others.onward_expected
    changes |= {
        "C direct": legs.direct_after - legs.direct_before,
        "D mirror gap": legs.gap_after - legs.gap_before,
        "E origins": legs.senders_after - legs.senders_before,
        "F lasting": legs.persistence,
        "G unit value": legs.unit_after - legs.unit_before,
    }
    return {
        name: np.select([np.isnan(c), c > 0, c < 0], [NOT_OBSERVED, "up", "down"], "same").tolist()
        for name, c in changes.items()
    }


def _explanations(seen: Evidence, cell: int) -> str:
    """Name the innocent explanations that apply, and those that could not be tested."""
    hits = [row.name for row in seen.explanations if row.applies[cell]]
    unknown = [row.name for row in seen.explanations if not row.known[cell]]
    text = ", ".join(hits) or NONE_APPLIES
    return text + (f"; {NOT_OBSERVED}: {', '.join(unknown)}" if unknown else "")


def command(ask: Ask, *, hub: str = "", product: str = "") -> str:
    """Write the command that gives the answer, or one row of it."""
    flags = [f"--sender {','.join(ask.sender)}", f"--form {ask.form}"]
    flags.append(f"--baseline {ask.baseline[0]}:{ask.baseline[1]}")
    if ask.fdr != 0.05:
        flags.append(f"--fdr {ask.fdr:g}")
    given = {name: getattr(ask, name) for name in ("until", "table", "bound", "catalogue")}
    flags += [f"--{name} {value}" for name, value in given.items() if value not in (None, "auto", "upper")]
    if ask.hubs:
        flags.append(f"--hubs {','.join(ask.hubs)}")
    shown = (hub,) if hub else ask.hub
    goods = (product,) if product else ask.product
    flags += [f"--hub {','.join(shown)}"] if shown else []
    flags += [f"--product {','.join(goods)}"] if goods else []
    return f"entrepot diversion --target {ask.target} {' '.join(flags)}"


def build(name: str, title: str, columns: Sequence[Column], values: Iterable[dict[str, Any]]) -> Table:
    """Make a table of rows, with types by the formats of its columns."""
    import pyarrow as pa

    kinds = {"text": pa.string(), "code": pa.string(), "integer": pa.int64(), "year": pa.int64()}
    made = list(values)
    data = {c.name: pa.array([v[c.name] for v in made], kinds.get(c.format, pa.float64())) for c in columns}
    return Table(name, title, pa.table(data), tuple(columns))


def main_table(ask: Ask, found: Found, shown: Sequence[Row]) -> Table:
    """One row per product, third country and period."""
    return build("evidence", "Evidence by product, third country and period", MAIN, (r.values for r in shown))


def display_table(ask: Ask, found: Found, shown: Sequence[Row]) -> Table:
    """Lay the evidence out for reading; what is the same in every row or observed nowhere is left out."""
    several = len(found.evidence) > 1
    # Flows to review stand first and may be small beside the others.
    scale, unit, digits = words.scale_for([row.values["observed"] for row in shown[:READ]])

    def laid(row: Row) -> dict[str, Any]:
        v = row.values
        name = inside(v["name"].split(";")[0].removesuffix(" ..."))
        onward = v["onward"] if ask.form == "export-ban" else _sum(v["onward"], v["others"])
        money = {
            "observed": v["observed"],
            "expected": v["expected"],
            "high": v["expected_high"],
            "onward": onward,
            "diverted": v["diverted_high"],
        }
        return {
            "flow": f"{v['hub_name']}, {name} ({row.product})" + (f", {row.period}" if several else ""),
            **{name: None if value is None else value / scale for name, value in money.items()},
            "q": v["q"],
            "reading": v["verdict"] + ("" if v["verdict"] == ORDINARY else _but(v["explanations"])),
        }

    made = [laid(row) for row in shown]
    columns = [
        Column("flow", "Third country, goods (HS6)" + (", year" if several else "")),
        Column("observed", "Bought", unit, "decimal", digits),
        Column("expected", "Expected", unit, "decimal", digits),
        Column("high", "up to", unit, "decimal", digits, "97.5% of placebo cells of its size lie below"),
        Column("onward", "Sold on", unit, "decimal", digits),
        Column("q", "q", "%", "percent", 1),
        Column("diverted", "At most diverted", unit, "decimal", digits),
        Column("reading", "Reading, and other explanations"),
    ]
    empty = {name for name in ("high", "onward", "q") if all(row[name] is None for row in made)}
    columns = [column for column in columns if column.name not in empty]
    return build("evidence", "Evidence", columns, made)


def _but(explanations: str) -> str:
    """Return the explanations that apply, to stand behind a verdict."""
    applying = explanations.split(";")[0]
    return "" if applying in ("", NONE_APPLIES) else f" ({applying})"


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b
