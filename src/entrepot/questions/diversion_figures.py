"""What the charts of ``diversion`` show: trade around each code's own measure, and third countries' paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from entrepot.models import detection as dd
from entrepot.models.detection.panel import member, sum_by
from entrepot.questions import words
from entrepot.questions.diversion_hubs import paths
from entrepot.questions.diversion_tables import Row, build, needs_review
from entrepot.result import Column, Figure, Table
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.questions.diversion import Ask, Found

# Periods before and after the measure.
AROUND = {True: 12, False: 4}
# With fewer clusters than this in a dimension its sandwich is not to be trusted.
LEAST_CLUSTERS = 5
STRIPS = 8
THIRD, DIRECT = "to third countries", "direct"
COLOURS = {THIRD: "#b5482a", DIRECT: "#2a5f9e"}
EVENT = (
    Column("series", "Flow"),
    Column("step", "Periods from the measure", "", "integer"),
    Column("effect", "Trade", "1 = before", "decimal", 2),
    Column("lower", "Low", "", "decimal", 2, "95%, clustered"),
    Column("upper", "High", "", "decimal", 2, "95%, clustered"),
    Column("cells", "Cells", "", "integer"),
)


@dataclass(frozen=True, slots=True)
class Event:
    """One path around the measures.

    Attributes
    ----------
    series : str
    study : EventStudy
    clustered : str
        What the standard errors are clustered by.
    """

    series: str
    study: dd.EventStudy
    clustered: str


def event_studies(found: Found) -> tuple[Event, ...]:
    """Stack sales to third countries and direct ones around each code's own day, where this can be fitted."""
    hubs = np.unique(np.concatenate([case.roles.hubs for case in found.cases]))
    made = ((THIRD, hubs), (DIRECT, found.cases[-1].roles.destinations))
    return tuple(event for name, buyers in made if (event := _event(found, name, buyers)) is not None)


def _event(found: Found, series: str, buyers: dd.panel.IntArray) -> Event | None:
    """Fit one path over cells (buyer, product), relative to the buyer's other purchases where observed."""
    data, span = found.data, found.data.calendar
    day = {code: row.since for code, row in found.scope.items() if row.since}
    start = np.array([span.at(day[c].year, day[c].month) if c in day else -1 for c in data.products])
    start[start >= span.periods] = -1
    rows, size = data.covered, len(data.products)
    product = data.hs6[rows.product]
    mine = member(found.cases[-1].roles.origins, rows.countries)[rows.exporter]
    mine &= member(buyers, rows.countries)[rows.importer] & (start[product] >= 0)
    cells, place = np.unique(rows.importer[mine] * size + product[mine], return_inverse=True)
    if not cells.size:
        return None
    slot = place * span.periods + rows.period[mine]
    cube = sum_by(slot, rows.value[mine], cells.size * span.periods).reshape(-1, span.periods)
    buyer, goods = np.divmod(cells, size)
    # Steps that at least half of the cells observe.
    middle, around = int(np.median(start[goods])), AROUND[span.monthly]
    first, last = -min(around, middle), min(around, span.periods - 1 - middle)
    if first == 0 or last == 0:
        return None
    value, weight, inside = dd.stack(cube, _exposure(found, buyer), start[goods], first, last)
    clusters, named = _clusters(goods, buyer)
    try:
        study = dd.event_study(value, weight, inside & (weight > 0), first, clusters)
    except ValueError:
        return None
    return Event(series, study, named)


def _exposure(found: Found, buyer: dd.panel.IntArray) -> dd.panel.FloatArray:
    """Other purchases of each cell's buyer of the same origins, or 1; 0 in periods that nobody reported."""
    rest, span, case = found.data.uncovered, found.data.calendar, found.cases[-1]
    table = np.ones((len(found.data.countries), span.periods))
    if rest is not None:
        ours = member(case.roles.origins, rest.countries)[rest.exporter]
        slot = rest.importer[ours] * span.periods + rest.period[ours]
        table = sum_by(slot, rest.value[ours], rest.countries * span.periods).reshape(-1, span.periods)
    return np.where(case.bought_observed, table, 0.0)[buyer]


def _clusters(
    goods: dd.panel.IntArray, buyer: dd.panel.IntArray
) -> tuple[tuple[dd.panel.IntArray, ...], str]:
    """Cluster by product and country where there are enough of both, else by what there is more of."""
    both = (("product", goods), ("country", buyer))
    many = [pair for pair in both if np.unique(pair[1]).size >= LEAST_CLUSTERS]
    chosen = many or [max(both, key=lambda pair: np.unique(pair[1]).size)]
    return tuple(pair[1] for pair in chosen), " and ".join(pair[0] for pair in chosen)


def event_table(events: Sequence[Event]) -> Table:
    """Return the paths, trade before = 1."""
    return build(
        "event",
        "Trade around the day of each code's own measure, mean of the periods before = 1",
        EVENT,
        (
            {
                "series": event.series,
                "step": int(step),
                "effect": float(np.exp(event.study.effect[i])),
                "lower": float(np.exp(event.study.lower[i])),
                "upper": float(np.exp(event.study.upper[i])),
                "cells": event.study.cells,
            }
            for event in events
            for i, step in enumerate(event.study.month)
        ),
    )


def figures(ask: Ask, found: Found, rows: Sequence[Row], events: Sequence[Event]) -> tuple[Figure, ...]:
    """Return the charts: the event study first, then third countries in small multiples."""
    made = [event_figure(ask, found, events)] if events else []
    strips = hub_figure(ask, found, rows)
    return tuple(made if strips is None else [*made, strips])


def event_figure(ask: Ask, found: Found, events: Sequence[Event]) -> Figure:
    """Draw trade around the measures with bands."""
    data = event_table(events).data
    noun = "month" if found.data.calendar.monthly else "year"
    said = [f"{_spoken(event)} {noun}s after" for event in events]
    relative = ", relative to other purchases in the same period" if found.data.uncovered is not None else ""
    clustered = words.listing(list(dict.fromkeys(event.clustered for event in events)))
    return Figure(
        name="event",
        kind="line",
        title=f"Trade in covered goods around the measure: {'; '.join(said)}",
        subtitle=f"Mean of the {noun}s before = 1{relative}; {noun}s from each code's own measure; band: 95% "
        f"clustered by {clustered}; {events[0].study.cells:,} product-by-country cells",
        alt=f"Lines by {noun} from the measure. {'; '.join(said)}.",
        data=data.select(["series", "step", "effect", "lower", "upper"]),
        encode={"x": "step", "y": "effect", "series": "series", "lower": "lower", "upper": "upper"},
        options={
            "order": [event.series for event in events],
            "colours": COLOURS,
            "marks": [{"x": 0, "label": "measure"}],
            "unit": "before = 1",
            "zero": True,
        },
    )


def _spoken(event: Event) -> str:
    last = event.study
    low, high = (float(np.exp(a[-1])) for a in (last.lower, last.upper))
    return (
        f"{event.series} {np.exp(last.effect[-1]):.2f} times as before "
        f"({_ratio(low)} to {_ratio(high)}) {int(last.month[-1])}"
    )


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else "over 100"


def hub_figure(ask: Ask, found: Found, rows: Sequence[Row]) -> Figure | None:
    """Draw purchases of some third countries against what was expected, those in need of review first."""
    chosen = _chosen(rows)
    if not chosen:
        return None
    data, span = found.data, found.data.calendar
    steps: list[dict[str, Any]] = []
    texts: dict[str, str] = {}
    for hub, codes in sorted(chosen.items(), key=lambda item: countries.name(item[0], ask.lang)):
        place = int(data.place([hub])[0])
        observed, expected = paths(found, place, np.searchsorted(data.products, sorted(codes)))
        seen, after = np.isfinite(observed), np.isfinite(expected) & np.isfinite(observed)
        due = float(expected[after].sum())
        ratio = float(observed[after].sum()) / due if due > span.floor else float("nan")
        texts[hub] = f"{ratio:,.1f} times what was expected" if ratio == ratio else "next to none expected"
        steps += [
            {
                "period": f"{span.label(period)}-01" if span.monthly else span.year(period),
                "hub": hub,
                "observed": float(observed[period]) if seen[period] else None,
                "expected": float(expected[period]) if after[period] else None,
            }
            for period in range(span.periods)
        ]
    return _strips(ask, found, chosen, steps, texts)


def _chosen(rows: Sequence[Row]) -> dict[str, set[str]]:
    """Third countries with the largest excess in cells to review, or else in any, with those products."""
    marked = [row for row in rows if needs_review(row)] or [row for row in rows if row.values["excess"] > 0]
    excess: dict[str, float] = {}
    for row in marked:
        excess[row.hub] = excess.get(row.hub, 0.0) + row.values["excess"]
    hubs = sorted(excess, key=lambda hub: (-round(excess[hub]), hub))[:STRIPS]
    return {hub: {row.product for row in marked if row.hub == hub} for hub in hubs}


def _strips(
    ask: Ask,
    found: Found,
    chosen: dict[str, set[str]],
    steps: list[dict[str, Any]],
    texts: dict[str, str],
) -> Figure:
    import pyarrow as pa

    names = [countries.name(hub, ask.lang) for hub in texts]
    span = found.data.calendar
    goods = len(set().union(*chosen.values()))
    what = f"{goods} product{'s' if goods > 1 else ''}"
    origin = words.with_article(ask.target) if ask.form == "import-ban" else "the senders"
    title = f"Purchases of {what} from {origin} against what was expected: {words.listing(names, STRIPS)}"
    start = min((row.since for row in found.scope.values() if row.since), default=None)
    marks = []
    if start is not None:
        at = span.at(start.year, start.month)
        marks = [{"x": f"{span.label(at)}-01" if span.monthly else span.year(at), "label": "first measure"}]
    return Figure(
        name="hubs",
        kind="strips",
        title=title,
        subtitle=f"Current USD a {'month' if span.monthly else 'year'}, each strip on its own scale; "
        "dashed: expected. Each country with its own products in question; in order of names",
        alt=f"{title}. "
        + "; ".join(f"{countries.name(hub, ask.lang)}: {text}" for hub, text in texts.items())
        + ".",
        data=pa.Table.from_pylist(steps),
        encode={"x": "period", "y": "observed", "series": "hub", "expected": "expected"},
        options={"text": texts, "marks": marks, "unit": "USD"},
    )
