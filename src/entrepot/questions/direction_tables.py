"""How the answer of ``direction`` is laid out in tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from entrepot.models.concentration import concentration, reorientation
from entrepot.questions import words
from entrepot.questions.direction_words import Ask
from entrepot.questions.panel import MATERIAL, Panel
from entrepot.result import Column, Table
from entrepot.world import countries


def main_table(shown: Panel, ask: Ask) -> Table:
    """Lay the panel out as tidy rows; cells that never trade in the window are left out."""
    import pyarrow as pa

    shares = shown.shares
    t, g = np.nonzero((shown.value > 0) | shown.dark)
    status = np.where(
        shown.dark[t, g], "not observed", np.where(shown.unseen[t, g] > 0, "lower bound", "observed")
    )
    names = np.array(shown.labels, dtype=object)[g]
    labels = {name: words.label(name, ask.by, ask.lang) for name in shown.labels}
    quantity = np.where(shown.quantity > 0, shown.quantity, np.nan)
    data = pa.table(
        {
            "year": pa.array(shown.years[t], pa.int16()),
            ask.by: pa.array(names, pa.string()),
            "label": pa.array([labels[name] for name in names], pa.string()),
            "value": _nullable(shown.observed[t, g]),
            "reported": pa.array(shown.value[t, g]),
            "share": _nullable(shares[t, g]),
            "quantity": _nullable(quantity[t, g]),
            "status": pa.array(status.tolist(), pa.string()),
        }
    )
    columns = (
        Column("year", "Year", format="year"),
        Column(ask.by, ask.by.capitalize(), format="code"),
        Column("label", "Name"),
        Column("value", f"{ask.flow.capitalize()}", "USD", "integer", doc="null where not observed"),
        Column(
            "reported", "Reported part", "USD", "integer", doc="what a reporting side shows: a lower bound"
        ),
        Column("share", "Share", "of reported trade", "percent"),
        Column("quantity", "Mass", "tonnes", "integer", doc="over the rows that carry a quantity"),
        Column("status", "Status", doc="observed, lower bound or not observed"),
    )
    return Table(
        "direction", f"{ask.flow.capitalize()} of {countries.name(ask.country, ask.lang)}", data, columns
    )


def _nullable(values: np.ndarray) -> object:
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def shown_years(years: Sequence[int], most: int = 6) -> list[int]:
    """Choose the years for a table that is read: all, or the first and the last ones."""
    return list(years) if len(years) <= most else [years[0], *years[-(most - 1) :]]


def display_table(shown: Panel, ask: Ask) -> Table:
    """Lay the panel out for reading: groups down, years across, then shares and their change."""
    import pyarrow as pa

    years = [int(year) for year in shown.years]
    scale, unit, digits = words.scale_for(shown.value.max(axis=0).tolist())
    order = np.argsort(
        -np.nan_to_num(np.maximum(shown.value[0], shown.value[-1]) + shown.unseen[-1]), kind="stable"
    )
    ends = shown.observed_ends
    columns = [Column("label", ask.by.capitalize())]
    data: dict[str, object] = {
        "label": pa.array([words.label(shown.labels[g], ask.by, ask.lang) for g in order], pa.string())
    }
    if ask.by == "partner":
        columns.insert(0, Column("code", "Code", format="code"))
        data = {"code": pa.array([shown.labels[g] for g in order], pa.string()), **data}
    for year in shown_years(years):
        columns.append(Column(str(year), str(year), unit, "decimal", digits))
        data[str(year)] = _nullable(shown.observed[years.index(year)][order] / scale)
    if ends is not None:
        shares = shown.shares
        for year in dict.fromkeys(ends):
            columns.append(Column(f"share_{year}", f"Share {year}", "", "percent"))
            data[f"share_{year}"] = _nullable(shares[years.index(year)][order])
        if ends[0] < ends[1]:
            change = shares[years.index(ends[1])] - shares[years.index(ends[0])]
            columns.append(Column("change", "Change of share", "points", "decimal", 1))
            data["change"] = _nullable(100 * change[order])
    title = f"{ask.flow.capitalize()} by {ask.by}, {unit}"
    return Table("by-" + ask.by, title, pa.table(data), tuple(columns))


def totals_table(cells: Panel, ask: Ask) -> Table:
    """Yearly totals with concentration and what is not seen."""
    import pyarrow as pa

    seen = ~cells.total_dark & (cells.total > 0)
    index = concentration(cells.value).herfindahl
    by = "partner" if ask.by == "bloc" else ask.by
    data = pa.table(
        {
            "year": pa.array(cells.years, pa.int16()),
            "value": _nullable(np.where(seen, cells.total, np.nan)),
            "reported": pa.array(cells.total),
            "unseen": pa.array(cells.unseen.sum(axis=1)),
            "status": pa.array(
                [
                    "not observed" if dark else "lower bound" if part else "observed"
                    for dark, part in zip(cells.total_dark, cells.unseen.sum(axis=1) > 0, strict=True)
                ],
                pa.string(),
            ),
            "herfindahl": _nullable(np.where(seen, index, np.nan)),
            "reorientation": _nullable(distance_from_first(cells, seen)),
        }
    )
    columns = (
        Column("year", "Year", format="year"),
        Column(
            "value", "Total", "USD", "integer", doc=f"null where more than {MATERIAL:.0%} is not observed"
        ),
        Column("reported", "Reported part", "USD", "integer"),
        Column("unseen", "Not observed, when last seen", "USD", "integer"),
        Column("status", "Status", doc="a lower bound where up to a tenth is not observed"),
        Column("herfindahl", f"Herfindahl index by {by}", "0 to 1", "decimal", 3),
        Column("reorientation", f"Re-orientation by {by} since the first year", "0 to 1", "decimal", 3),
    )
    return Table("totals", "Yearly totals and concentration", data, columns)


def distance_from_first(cells: Panel, seen: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the re-orientation of each year from the first observed one, shape (T,)."""
    if not seen.any():
        return np.full(len(cells.years), np.nan)
    first = np.broadcast_to(cells.observed[int(np.argmax(seen))], cells.observed.shape)
    return np.where(seen, reorientation(first, cells.observed, missing="omit"), np.nan)
