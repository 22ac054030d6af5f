"""What the charts of ``direction`` show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from entrepot.questions import words
from entrepot.questions.panel import Panel, by_bloc
from entrepot.result import Figure, Table
from entrepot.world import blocs, countries, products, sectors

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.questions.direction_words import Ask

OTHER = "other"


def figures(cells: Panel, shown: Panel, ask: Ask, ends: tuple[int, int] | None) -> list[Figure]:
    """Choose the charts: bands over time, a slope between two years, and a map or a treemap."""
    chosen: list[Figure] = []
    if len(cells.years) > 1:
        chosen.append(bands(cells, shown, ask))
    if ends is not None and ends[0] < ends[1]:
        chosen.append(slope(shown, ask, ends))
    if ends is not None and len(cells.years) == 1:
        chosen.append(bars(shown, ask, ends[1]))
    if ends is not None and ask.by in ("partner", "bloc"):
        chosen.append(world_map(cells, ask, ends[1]))
    elif ends is not None:
        chosen.append(treemap(shown, ask, ends[1]))
    return chosen


def bands(cells: Panel, shown: Panel, ask: Ask) -> Figure:
    """Stacked area by bloc (partners) or by the largest products, with what is not seen left open."""
    if ask.by in ("partner", "bloc"):
        wide = by_bloc(cells)
        labels = {group.id: group.label for group in blocs.partition_groups("meeting")}
        noun = "bloc"
    else:
        wide = largest(shown, 7)
        labels = {name: _short(name, ask) for name in wide.labels}
        noun = ask.by
    scale, unit, _ = _scale(wide)
    t, g = np.nonzero(np.ones_like(wide.dark))
    status = np.where(wide.dark, "not observed", np.where(wide.unseen > 0, "lower bound", "observed"))
    data = _table(
        year=wide.years[t],
        series=[wide.labels[i] for i in g],
        label=[labels[wide.labels[i]] for i in g],
        value=wide.observed[t, g] / scale,
        status=status[t, g].tolist(),
    )
    return Figure(
        name=f"by-{noun}",
        kind="area",
        title=f"{words.capital(words.possessive(ask.country))} {ask.flow} by {noun}",
        subtitle=f"{unit}, {wide.years[0]}-{wide.years[-1]}; hatched where nobody reported",
        alt=_bands_alt(wide, labels, ask),
        data=data,
        encode={"x": "year", "y": "value", "series": "series", "label": "label"},
        options={"share": True, "order": list(wide.labels), "unit": unit},
    )


def _bands_alt(wide: Panel, labels: dict[str, str], ask: Ask) -> str:
    seen = np.flatnonzero(~wide.total_dark & (wide.total > 0))
    if not len(seen):
        return f"{countries.name(ask.country, ask.lang)}: {ask.flow} are not observed in these years."
    first, last = seen[0], seen[-1]
    parts = []
    for t in dict.fromkeys((first, last)):
        g = int(np.argmax(wide.value[t]))
        share = wide.value[t, g] / wide.total[t]
        parts.append(
            f"in {wide.years[t]} the largest group was {labels[wide.labels[g]]} with {words.percent(share)}"
        )
    return f"Stacked areas of {ask.flow}: {'; '.join(parts)}."


def largest(shown: Panel, most: int) -> Panel:
    """Keep the ``most`` largest labels and sum the rest into ``other``."""
    weight = shown.value.sum(axis=0) + shown.unseen.max(axis=0)
    if len(shown.labels) <= most + 1:
        return shown
    top = np.argsort(-weight, kind="stable")[:most]
    group = np.full(len(shown.labels), most, dtype=np.int64)
    group[top] = np.arange(most)
    member = np.broadcast_to(group, shown.value.shape)
    return shown.grouped(member, [*(shown.labels[i] for i in top), OTHER])


def slope(shown: Panel, ask: Ask, ends: tuple[int, int]) -> Figure:
    """Compare the largest groups in the first and the last observed year."""
    years = list(shown.years)
    first, last = years.index(ends[0]), years.index(ends[1])
    weight = np.maximum(shown.value[first], shown.value[last]) * ~(shown.dark[first] | shown.dark[last])
    # Lines that would all lie on the axis say nothing.
    top = [int(g) for g in np.argsort(-weight, kind="stable")[:8] if weight[g] > 0.01 * weight.max()]
    scale, unit, _ = words.scale_for(weight[top].tolist())
    data = _table(
        year=[str(ends[0])] * len(top) + [str(ends[1])] * len(top),
        series=[shown.labels[g] for g in top] * 2,
        label=[_short(shown.labels[g], ask) for g in top] * 2,
        value=np.concatenate([shown.value[first, top], shown.value[last, top]]) / scale,
    )
    change = shown.value[last, top] - shown.value[first, top]
    lead = top[int(np.argmax(np.abs(change)))]
    title = (
        f"{_short(shown.labels[lead], ask)}: {words.money(shown.value[first, lead])} in {ends[0]}, "
        f"{words.money(shown.value[last, lead])} in {ends[1]}"
    )
    return Figure(
        name="slope",
        kind="slope",
        title=title,
        subtitle=f"{unit}, {ask.flow}, {ends[0]} and {ends[1]}, the largest by {ask.by}",
        alt=title + ".",
        data=data,
        encode={"x": "year", "y": "value", "series": "series", "label": "label"},
        options={"unit": unit, "colour_by": ask.by},
    )


def bars(shown: Panel, ask: Ask, year: int) -> Figure:
    """Rank the largest groups of a single year."""
    t = list(shown.years).index(year)
    top = [int(g) for g in np.argsort(-shown.value[t], kind="stable")[:12] if shown.value[t, g] > 0]
    scale, unit, _ = words.scale_for(shown.value[t, top].tolist())
    labels = [_short(shown.labels[g], ask) for g in top]
    share = words.percent(shown.value[t, top[0]] / shown.total[t])
    title = (
        f"{labels[0]} takes {share} of {ask.flow}"
        if ask.flow != "imports"
        else f"{share} comes from {labels[0]}"
    )
    if ask.by in ("product", "sector"):
        title = f"{labels[0]}: {share} of {ask.flow}"
    return Figure(
        name="ranking",
        kind="bar",
        title=title,
        subtitle=f"{unit}, {year}, {ask.flow}, the largest by {ask.by}",
        alt=title + ".",
        data=_table(label=labels, value=shown.value[t, top] / scale, series=[shown.labels[g] for g in top]),
        encode={"label": "label", "value": "value", "series": "series"},
        options={"unit": unit, "colour_by": ask.by},
    )


def world_map(cells: Panel, ask: Ask, year: int) -> Figure:
    """Partners on the map in the last observed year."""
    t = list(cells.years).index(year)
    live = [g for g in range(len(cells.labels)) if cells.value[t, g] > 0 or cells.dark[t, g]]
    top = int(np.argmax(cells.value[t]))
    scale, unit, _ = _scale(cells)
    title = f"In {year} the largest partner was {countries.name(cells.labels[top], ask.lang)}"
    return Figure(
        name="map",
        kind="map",
        title=title,
        subtitle=f"{unit}, {ask.flow}, {year}; grey where no trade is reported",
        alt=f"{title} with {words.money(cells.value[t, top])}.",
        data=_table(
            iso3=[cells.labels[g] for g in live],
            label=[countries.name(cells.labels[g], ask.lang) for g in live],
            value=cells.observed[t, live] / scale,
        ),
        encode={"iso3": "iso3", "value": "value", "label": "label"},
        options={"scale": "sequential", "unit": unit, "focus": ask.country},
    )


def treemap(shown: Panel, ask: Ask, year: int) -> Figure:
    """Products or sectors of one year, grouped by chapter or broad sector."""
    t = list(shown.years).index(year)
    top = [int(g) for g in np.argsort(-shown.value[t], kind="stable")[:40] if shown.value[t, g] > 0]
    group = [
        sectors.group(shown.labels[g]) if ask.by == "sector" else products.chapter_name(shown.labels[g][:2])
        for g in top
    ]
    scale, unit, _ = words.scale_for(shown.value[t, top].tolist())
    lead = _short(shown.labels[top[0]], ask)
    title = f"{lead}: {words.percent(shown.value[t, top[0]] / shown.total[t])} of {ask.flow} in {year}"
    return Figure(
        name="treemap",
        kind="treemap",
        title=title,
        subtitle=f"{unit}, {ask.flow}, {year}; area is value",
        alt=title + ".",
        data=_table(
            label=[_short(shown.labels[g], ask) for g in top], value=shown.value[t, top] / scale, group=group
        ),
        encode={"label": "label", "value": "value", "group": "group"},
        options={"unit": unit},
    )


def waterfall(part: Table, ask: Ask, ends: tuple[int, int]) -> Figure:
    """Draw the parts of a change between two years, down to their total."""
    every = part.data.to_pylist()
    peak = max(abs(row["value"]) for row in every)
    rows = [row for row in every[:-1] if abs(row["value"]) > 1e-3 * peak] + every[-1:]
    scale, unit, _ = words.scale_for([peak])
    largest = max(rows[:-1], key=lambda row: abs(row["value"]), default=rows[-1])
    moved = words.money(abs(largest["value"]))
    sign = "added" if largest["value"] > 0 else "took away"
    title = f"{words.capital(str(largest['part']))} {sign} {moved}"
    return Figure(
        name=part.name,
        kind="waterfall",
        title=title,
        subtitle=f"{unit}, change of {ask.flow}. {part.title}",
        alt=f"{title} between {ends[0]} and {ends[1]}.",
        data=_table(
            label=[words.capital(str(row["part"])) for row in rows],
            value=np.array([row["value"] for row in rows]) / scale,
            kind=["step"] * (len(rows) - 1) + ["total"],
        ),
        encode={"label": "label", "value": "value", "kind": "kind"},
        options={"unit": unit},
    )


def _scale(cells: Panel) -> tuple[float, str, int]:
    return words.scale_for(cells.value.max(axis=0).tolist())


def _short(name: str, ask: Ask) -> str:
    return "Other" if name == OTHER and ask.by != "bloc" else words.label(name, ask.by, ask.lang)


def _table(**columns: Sequence[object] | np.ndarray) -> pa.Table:
    """Make an Arrow table in which NaN means null."""
    import pyarrow as pa

    arrays = {}
    for name, values in columns.items():
        if isinstance(values, np.ndarray) and values.dtype.kind == "f":
            arrays[name] = pa.array(values, mask=np.isnan(values))
        else:
            arrays[name] = pa.array(values)
    return pa.table(arrays)
