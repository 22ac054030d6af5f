"""What the charts of ``coverage`` show: bounds by sender, a calendar of measures, and a time line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from entrepot.measures.catalogue import Catalogue
from entrepot.measures.schema import Measure
from entrepot.questions import words
from entrepot.questions.coverage_tables import ALL, Row, party_name, span, timeline_table
from entrepot.result import Figure
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.questions.coverage import Answer, Ask


VISIBLE = 0.001


def figures(held: Catalogue, ask: Ask, answers: Sequence[Answer], rows: Sequence[Row]) -> tuple[Figure, ...]:
    """Return the charts, the bounds first; a time line only if one was asked for."""
    found = [calendar_figure(held, ask, answers)]
    # An axis of ten-thousandths of a percent would show noise as if it were a finding.
    if max((row.share_upper or 0.0 for row in rows), default=0.0) >= VISIBLE:
        found.insert(0, bounds_figure(ask, rows))
    return (*found, line_figure(ask, answers)) if ask.periods else tuple(found)


def bounds_figure(ask: Ask, rows: Sequence[Row]) -> Figure:
    """Draw the covered share as an interval per sender and direction."""
    import pyarrow as pa

    shown = [row for row in rows if row.direction in ("export", "import", ALL) and row.trade]
    several = len(ask.senders) > 1
    if several:
        shown = [row for row in shown if row.direction == ALL]
    data = pa.table(
        {
            "label": pa.array([_label(row, ask, several) for row in shown], pa.string()),
            "lower": pa.array([row.share_lower for row in shown], pa.float64()),
            "upper": pa.array([row.share_upper for row in shown], pa.float64()),
            "sender": pa.array([row.sender for row in shown], pa.string()),
        }
    )
    target = words.possessive(ask.target)
    return Figure(
        "bounds",
        "bounds",
        f"Share of {target} trade with each sender that its measures cover",
        "Share of the trade in this store, at least and at most",
        "; ".join(_spoken(row, ask, several) for row in shown) or "No trade is observed.",
        data,
        {"label": "label", "lower": "lower", "upper": "upper", "group": "sender"},
        {"format": "percent", "unit": "share of trade"},
    )


def _label(row: Row, ask: Ask, several: bool) -> str:
    name = party_name(row.sender, ask.lang)
    if several:
        return f"{name}, {row.base_year}"
    what = {"export": "exports", "import": "imports", ALL: "both directions"}[row.direction]
    return f"{name}, {what}, {row.base_year}"


def _spoken(row: Row, ask: Ask, several: bool) -> str:
    low, high = words.percent(row.share_lower or 0.0), words.percent(row.share_upper or 0.0)
    return f"{_label(row, ask, several)}: at least {low}, at most {high}"


def calendar_figure(held: Catalogue, ask: Ask, answers: Sequence[Answer]) -> Figure:
    """Draw one bar per annex from its start to its end; an unknown start or end is null."""
    import pyarrow as pa

    at = max(found.at for found in answers)
    bars: dict[tuple[str, str], tuple[str, date | None, date | None]] = {}
    for found in answers:
        for measure in found.measures:
            when = span(held, measure)
            if when.since is None or when.since <= at:
                annex = measure.annex or measure.measure_id
                key = (found.sender, f"{measure.instrument_id}/{annex}/{measure.direction}")
                label, until = _known_end(held, measure, when.until, at)
                bars[key] = _widen(bars.get(key), label, when.since, until)
    ordered = sorted(bars.items(), key=lambda item: (item[1][1] or date.min, item[1][0]))
    starts, ends = [bar[1] for _, bar in ordered], [bar[2] for _, bar in ordered]
    data = pa.table(
        {
            "label": pa.array([bar[0] for _, bar in ordered], pa.string()),
            "start": pa.array([day.isoformat() if day else None for day in starts], pa.string()),
            "end": pa.array([day.isoformat() if day else None for day in ends], pa.string()),
            "sender": pa.array([key[0] for key, _ in ordered], pa.string()),
        }
    )
    known = [day for day in starts if day]
    first = f", the first known start on {min(known)}" if known else ""
    target = words.with_article(ask.target)
    return Figure(
        "calendar",
        "calendar",
        f"Measures on {target}: {len(bars)} lists since {min(known).year if known else 'an unknown date'}",
        "Lists of goods and when they apply; a missing start is not known",
        f"{len(bars)} lists of goods{first}; {sum(day is None for day in ends)} have no known end.",
        data,
        {"label": "label", "start": "start", "end": "end", "group": "sender"},
        {"at": at.isoformat()},
    )


def _known_end(held: Catalogue, measure: Measure, until: date | None, at: date) -> tuple[str, date | None]:
    """Name a list and end its bar where knowledge ends, so that silence is not drawn as law in force."""
    as_of = held.instrument[measure.instrument_id].as_of
    if until is None and as_of < at:
        return f"{_bar(held, measure)}, known to {as_of}", as_of
    return _bar(held, measure), until


def _bar(held: Catalogue, measure: Measure) -> str:
    """Name a list by its annex, or by its title where it has none."""
    annex = measure.annex
    title = measure.title.partition(":")[0]
    place = f"{'Annex ' if annex and annex[0] in 'IVX' else ''}{annex}"
    where = place or held.instrument[measure.instrument_id].reference
    verb = measure.direction
    return f"{where}: {title} ({verb})" if verb not in title.lower() else f"{where}: {title}"


def _widen(
    bar: tuple[str, date | None, date | None] | None, label: str, since: date | None, until: date | None
) -> tuple[str, date | None, date | None]:
    """Join a measure to the bar of its annex."""
    if bar is None:
        return label, since, until
    start = min(day for day in (bar[1], since) if day) if bar[1] or since else None
    end = max(bar[2], until) if bar[2] and until else None
    return bar[0], start, end


def line_figure(ask: Ask, answers: Sequence[Answer]) -> Figure:
    """Draw the covered share along time with its band."""
    import pyarrow as pa

    table = timeline_table(answers).data
    years = all(label.isdigit() for label, _, _ in ask.periods)
    labels = table.column("period").to_pylist()
    data = pa.table(
        {
            "period": pa.array([int(label) for label in labels], pa.int64()) if years else pa.array(labels),
            "at_most": table.column("share_upper"),
            "at_least": table.column("share_lower"),
            "sender": table.column("sender"),
        }
    )
    trade = "each year's own trade" if years else "trade of the base year"
    return Figure(
        "timeline",
        "line",
        f"Share of trade with {countries.name(ask.target, ask.lang)} under measures, at most",
        f"Share of {trade} in this store; the band reaches down to the lower bound",
        "; ".join(
            f"{s} {p}: {_or_unseen(u)}"
            for s, p, u in zip(
                table.column("sender").to_pylist(),
                labels,
                table.column("share_upper").to_pylist(),
                strict=True,
            )
        ),
        data,
        {"x": "period", "y": "at_most", "series": "sender", "lower": "at_least", "upper": "at_most"},
        {"format": "percent", "zero": True, "unit": "share of trade"},
    )


def _or_unseen(share: float | None) -> str:
    return "not observed" if share is None else words.percent(share)
