"""Tables of ``coverage``: one row per sender and direction, by chapter, by measure, and along time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from entrepot.measures.catalogue import Catalogue, Window
from entrepot.measures.schema import DIRECTIONS, KINDS, LEGAL_KINDS, Measure
from entrepot.questions import words
from entrepot.questions.coverage_trade import AMOUNTS, SIDES, Amount, Bounds, bounds
from entrepot.result import Column, Table
from entrepot.world import blocs, countries, products

if TYPE_CHECKING:
    from entrepot.questions.coverage import Answer, Ask

ALL = "all"


@dataclass(frozen=True, slots=True)
class Row:
    """One sender and direction; money in USD, shares of the trade in that direction.

    ``already`` is True where a measure was in force in the base year or before it.
    """

    sender: str
    direction: str
    at: date
    as_of: date
    measures: int
    scope_rows: int
    codes: int
    rows_possible: int
    base_year: int | None
    trade: float | None
    lower: float | None
    upper: float | None
    already: bool = False

    @property
    def share_lower(self) -> float | None:
        """Lower bound as a share of trade; None where no trade is observed."""
        return self.lower / self.trade if self.trade and self.lower is not None else None

    @property
    def share_upper(self) -> float | None:
        """Upper bound as a share of trade; None where no trade is observed."""
        return self.upper / self.trade if self.trade and self.upper is not None else None


def kinds_counted(kinds: Collection[str]) -> tuple[str, ...]:
    """Return the kinds whose scope rows are counted: every binding kind, and what was asked for."""
    return tuple(kind for kind in KINDS if kind in LEGAL_KINDS or kind in kinds)


def party_name(party: str, lang: str = "en") -> str:
    """Name a sender: a country, a bloc or the United Nations."""
    if party == "UN":
        return "UN"
    if party in countries.known():
        return countries.name(party, lang)
    return party if len(party) <= 3 else blocs.blocs()[blocs.resolve_bloc(party)].title


def rows(held: Catalogue, ask: Ask, answers: Sequence[Answer]) -> tuple[Row, ...]:
    """Return the rows of all senders: each direction it acts in, then all together."""
    return tuple(row for found in answers for row in _of_sender(held, ask, found))


def _of_sender(held: Catalogue, ask: Ask, found: Answer) -> list[Row]:
    kinds = kinds_counted(ask.kinds)
    acts = {row.direction for row in found.every if row.kind in kinds}
    listed = [_row(held, ask, found, side, (side,)) for side in DIRECTIONS if side in acts]
    return [*listed, _row(held, ask, found, ALL, SIDES)]


def _row(held: Catalogue, ask: Ask, found: Answer, direction: str, sides: Sequence[str]) -> Row:
    """Count the scope of one direction and add up the bounds of its sides."""
    count = held.in_force(
        found.at,
        target=ask.target,
        sender=found.sender,
        direction=None if direction == ALL else direction,
        kinds=kinds_counted(ask.kinds),
    )
    parts = [found.sides[side] for side in sides if side in found.sides]
    return Row(
        found.sender,
        direction,
        found.at,
        found.as_of,
        count.measures,
        count.rows,
        count.codes,
        count.possible_rows - count.rows,
        found.base,
        _total(parts, "trade"),
        _total(parts, "lower"),
        _total(parts, "upper"),
        found.base is not None and held.first_date(found.measures).year <= found.base,
    )


def _total(parts: Sequence[Bounds], name: Amount) -> float | None:
    return sum(part.total(name) for part in parts) if parts else None


def _arrow(kind: str) -> Any:
    import pyarrow as pa

    return {"text": pa.string(), "date": pa.date32(), "int": pa.int64(), "float": pa.float64()}[kind]


def _table(name: str, title: str, columns: Sequence[tuple[Column, str, Sequence[object]]]) -> Table:
    """Build a Table from (column, type, values)."""
    import pyarrow as pa

    data = pa.table({column.name: pa.array(values, _arrow(kind)) for column, kind, values in columns})
    return Table(name, title, data, tuple(column for column, _, _ in columns))


def main_table(ask: Ask, found: Sequence[Row]) -> Table:
    """Lay the rows out as tidy data in USD."""
    columns: list[tuple[Column, str]] = [
        (Column("sender", "Sender", format="code"), "text"),
        (Column("direction", "Direction", doc="seen from the sender"), "text"),
        (Column("at", "Law on", format="date"), "date"),
        (Column("as_of", "Catalogue as of", format="date"), "date"),
        (Column("measures", "Measures in force", format="integer"), "int"),
        (Column("scope_rows", "Scope rows", format="integer", doc="known in force, binding kinds"), "int"),
        (Column("codes", "Codes", format="integer", doc="distinct codes among them"), "int"),
        (Column("rows_possible", "Rows possibly in force", format="integer", doc="date not known"), "int"),
        (Column("base_year", "Base year", format="year", doc="year of the trade"), "int"),
        (Column("trade", "Trade", "USD", "integer"), "float"),
        (Column("lower", "Covered, at least", "USD", "integer"), "float"),
        (Column("upper", "Covered, at most", "USD", "integer"), "float"),
        (Column("share_lower", "At least", "of trade", "percent"), "float"),
        (Column("share_upper", "At most", "of trade", "percent"), "float"),
    ]
    cells = [(column, kind, [getattr(row, column.name) for row in found]) for column, kind in columns]
    return _table("coverage", f"Measures on {countries.name(ask.target, ask.lang)}", cells)


def display_table(ask: Ask, found: Sequence[Row]) -> Table:
    """Lay the rows out for reading: one per sender, or one per direction where a single sender is asked."""
    shown = [row for row in found if row.direction == ALL or len(ask.senders) == 1]

    scale, unit, digits = words.scale_for([row.trade or 0.0 for row in shown])

    def scaled(name: str) -> list[float | None]:
        return [None if (usd := getattr(row, name)) is None else usd / scale for row in shown]

    cells: list[tuple[Column, str, Sequence[object]]] = [
        (Column("sender", "Sender"), "text", [party_name(row.sender, ask.lang) for row in shown]),
        (Column("direction", "Direction"), "text", [row.direction for row in shown]),
        (Column("at", "Law on", format="date"), "date", [row.at for row in shown]),
        (Column("scope_rows", "Scope rows", format="integer"), "int", [row.scope_rows for row in shown]),
        (Column("codes", "Codes", format="integer"), "int", [row.codes for row in shown]),
        (Column("base_year", "Base year", format="year"), "int", [row.base_year for row in shown]),
        (Column("trade", "Trade", unit, "decimal", digits), "float", scaled("trade")),
        (Column("lower", "Covered, at least", unit, "decimal", digits), "float", scaled("lower")),
        (Column("upper", "Covered, at most", unit, "decimal", digits), "float", scaled("upper")),
        (Column("share_lower", "At least", "", "percent"), "float", [row.share_lower for row in shown]),
        (Column("share_upper", "At most", "", "percent"), "float", [row.share_upper for row in shown]),
    ]
    return _table("by-sender", f"Measures on {countries.name(ask.target, ask.lang)}", cells)


def parts(held: Catalogue, ask: Ask, answers: Sequence[Answer]) -> tuple[Table, ...]:
    """Return the further tables: by HS group, by measure, and the time line if one was asked for."""
    tables = [groups_table(ask, answers), measures_table(held, ask, answers)]
    return (*tables, timeline_table(answers)) if ask.periods else tuple(tables)


def groups_table(ask: Ask, answers: Sequence[Answer]) -> Table:
    """Break covered trade down by chapter or heading; groups without covered trade are not listed."""
    listed: list[tuple[str, str, str, float, float, float]] = []
    for found in answers:
        for side, part in found.sides.items():
            groups = _by_group(found.pair.codes, ask.level, part)
            listed += [(found.sender, side, group, *amounts) for group, amounts in groups]
    name, label = ("chapters", "Chapter") if ask.level == 2 else ("headings", "Heading")
    trade, upper = np.array([row[3] for row in listed]), np.array([row[5] for row in listed])
    lower = np.array([row[4] for row in listed])
    cells: list[tuple[Column, str, Sequence[object]]] = [
        (Column("sender", "Sender", format="code"), "text", [row[0] for row in listed]),
        (Column("direction", "Direction"), "text", [row[1] for row in listed]),
        (Column("product", label, format="code"), "text", [row[2] for row in listed]),
        (Column("name", "Goods"), "text", [group_name(row[2]) for row in listed]),
        (Column("trade", "Trade", "USD", "integer"), "float", trade.tolist()),
        (Column("lower", "Covered, at least", "USD", "integer"), "float", lower.tolist()),
        (Column("upper", "Covered, at most", "USD", "integer"), "float", upper.tolist()),
        (Column("share_lower", "At least", "of the group", "percent"), "float", (lower / trade).tolist()),
        (Column("share_upper", "At most", "of the group", "percent"), "float", (upper / trade).tolist()),
    ]
    return _table(name, f"Covered trade by {label.lower()}", cells)


def _by_group(codes: Sequence[str], level: int, part: Bounds) -> list[tuple[str, tuple[float, float, float]]]:
    """Sum (K, C) bounds by the first digits of the code; largest upper bound first."""
    sums: dict[str, tuple[float, float, float]] = {}
    columns = [getattr(part, name).sum(axis=0) for name in AMOUNTS]
    for place, code in enumerate(codes):
        before = sums.get(code[:level], (0.0, 0.0, 0.0))
        added = [float(column[place]) for column in columns]
        trade, lower, upper = (a + b for a, b in zip(before, added, strict=True))
        sums[code[:level]] = (trade, lower, upper)
    covered = [(group, cells) for group, cells in sums.items() if cells[2] > 0]
    return sorted(covered, key=lambda item: -item[1][2])


def group_name(code: str) -> str:
    """Name a chapter or heading in the newest revision that has it."""
    return products.chapter_name(code) if len(code) == 2 else products.heading_name(code)


@dataclass(frozen=True, slots=True)
class Span:
    """When a measure is in force: known dates, None where they are not known."""

    since: date | None
    until: date | None
    precision: str


def span(held: Catalogue, measure: Measure) -> Span:
    """Return the interval of a measure; a start that was only observed is None."""
    ends = [held.scope[p].valid_to for p in held.scope_of.get(measure.measure_id, ())]
    until = measure.valid_to or (max(e for e in ends if e) if ends and all(ends) else None)
    return Span(measure.valid_from, until, measure.date_precision)


def measures_table(held: Catalogue, ask: Ask, answers: Sequence[Answer]) -> Table:
    """List the measures possibly in force with the trade that each covers by itself."""
    listed: list[tuple[object, ...]] = []
    for found in answers:
        for measure in found.every:
            windows = [held.windows[p] for p in held.scope_of.get(measure.measure_id, ())]
            known, possible = _in_force(windows, found.at)
            if possible:
                when = span(held, measure)
                money = _money(held, found, measure)
                legal = held.instrument[measure.instrument_id].reference
                place = " ".join(filter(None, (measure.annex, measure.part)))
                listed.append(
                    (
                        *(found.sender, measure.measure_id, legal, measure.provision, place, measure.title),
                        *(measure.kind, measure.direction, when.since, when.precision, when.until),
                        *(known, possible - known, *money, measure.condition),
                    )
                )
    columns: list[tuple[Column, str]] = [
        (Column("sender", "Sender", format="code"), "text"),
        (Column("measure", "Measure", format="code"), "text"),
        (Column("reference", "Instrument"), "text"),
        (Column("provision", "Provision"), "text"),
        (Column("annex", "Annex"), "text"),
        (Column("title", "Title"), "text"),
        (Column("kind", "Kind"), "text"),
        (Column("direction", "Direction"), "text"),
        (Column("since", "Since", format="date", doc="null where the start is not known"), "date"),
        (Column("precision", "Date is", doc="exact, latest possible, or only observed in force"), "text"),
        (Column("until", "Until", format="date", doc="null while in force"), "date"),
        (Column("scope_rows", "Scope rows", format="integer"), "int"),
        (Column("rows_possible", "Rows possibly in force", format="integer"), "int"),
        (Column("lower", "Covered, at least", "USD", "integer", doc="measures overlap: do not add"), "float"),
        (Column("upper", "Covered, at most", "USD", "integer"), "float"),
        (Column("condition", "Condition"), "text"),
    ]
    cells = [(column, kind, [row[i] for row in listed]) for i, (column, kind) in enumerate(columns)]
    return _table("measures", "Measures known or possibly in force", cells)


def _in_force(windows: Sequence[Window], at: date) -> tuple[int, int]:
    """Count the rows known and those known or possibly in force on a day."""
    return sum(w.is_known(at) for w in windows), sum(w.is_possible(at) for w in windows)


def _money(held: Catalogue, found: Answer, measure: Measure) -> tuple[float | None, float | None]:
    """Bound the trade under one measure alone; None where its kind or direction has no trade to count."""
    for side in SIDES:
        if side == measure.direction and found.base is not None and measure in found.measures:
            part = bounds(held, found.pair, side, found.base, [measure], found.at)
            return float(part.lower.sum()), float(part.upper.sum())
    return None, None


def timeline_table(answers: Sequence[Answer]) -> Table:
    """Lay the time lines out; a period whose trade nobody reported is null."""
    points = [(found.sender, point) for found in answers for point in found.line]
    trade = [point[1] for _, point in points]
    lower, upper = [point[2] for _, point in points], [point[3] for _, point in points]

    def shares(amounts: Sequence[float | None]) -> list[float | None]:
        return [a / t if t and a is not None else None for a, t in zip(amounts, trade, strict=True)]

    cells: list[tuple[Column, str, Sequence[object]]] = [
        (Column("sender", "Sender", format="code"), "text", [sender for sender, _ in points]),
        (Column("period", "Period"), "text", [point[0] for _, point in points]),
        (Column("trade", "Trade", "USD", "integer"), "float", trade),
        (Column("lower", "Covered, at least", "USD", "integer"), "float", lower),
        (Column("upper", "Covered, at most", "USD", "integer"), "float", upper),
        (Column("share_lower", "At least", "of trade", "percent"), "float", shares(lower)),
        (Column("share_upper", "At most", "of trade", "percent"), "float", shares(upper)),
    ]
    return _table("timeline", "Covered trade along time", cells)
