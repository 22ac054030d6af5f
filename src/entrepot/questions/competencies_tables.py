"""Tables of the competencies question."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from entrepot.questions.competencies_lists import Lists
from entrepot.questions.competencies_read import RANKED, Ask, Space
from entrepot.result import Column, Table

MOST = 50
_RCA = "revealed comparative advantage: share in the country's exports over share in the world's"
_DENSITY = "share of the product's proximities that lead to what the country makes, 0 to 1"
_GAIN = "complexity outlook gain: what making it would add to the outlook"


def _cells(values: NDArray[np.float64]) -> object:
    """Make a column; what is not defined is null."""
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def _picked(space: Space, found: Lists, chosen: NDArray[np.intp]) -> dict[str, object]:
    """Return the columns that every list of products has."""
    import pyarrow as pa

    return {
        "code": pa.array([space.products[i] for i in chosen], pa.string()),
        "label": pa.array([found.labels[i] for i in chosen], pa.string()),
        "kind": pa.array([found.kinds[i] for i in chosen], pa.string()),
    }


def _described(ask: Ask) -> tuple[Column, ...]:
    what = "Product" if ask.goods else "Industry"
    code = Column("code", ask.revision or "Code", format="code")
    return code, Column("label", what), Column("kind", "Kind")


def everything(ask: Ask, space: Space, found: Lists) -> Table:
    """One row per product with all measures; where a product is barred, only what is made of it."""
    import pyarrow as pa

    rows = np.flatnonzero(found.made | ~found.barred)
    rows = rows[np.lexsort((rows, -found.exports[rows]))]
    hidden = found.barred[rows]
    exports = found.exports[rows]
    total = float(space.exports[space.row(ask.country)].sum())
    data = pa.table(
        {
            **_picked(space, found, rows),
            "exports": pa.array(exports),
            "share": pa.array(exports / total),
            "world": pa.array(found.world[rows]),
            "rca": _cells(found.rca[rows]),
            "made": pa.array(np.where(found.made[rows], "yes", "no").tolist(), pa.string()),
            "pci": _cells(found.pci[rows]),
            "density": _cells(np.where(hidden, np.nan, found.density[rows])),
            "distance": _cells(np.where(hidden, np.nan, 1.0 - found.density[rows])),
            "gain": _cells(np.where(hidden | found.made[rows], np.nan, found.cog[rows])),
        }
    )
    columns = (
        *_described(ask),
        Column("exports", "Exports", "USD", "integer", doc="0 where no reporting side shows any"),
        Column("share", "Share", "of its exports", "percent"),
        Column("world", "World exports", "USD", "integer", doc="of all countries of the table"),
        Column("rca", "RCA", "", "decimal", 2, _RCA),
        Column("made", "Made", doc="RCA of at least 1"),
        Column("pci", "PCI", "", "decimal", 2, "product complexity index"),
        Column("density", "Density", "", "decimal", 3, _DENSITY),
        Column("distance", "Distance", "", "decimal", 3, "1 less density"),
        Column("gain", "Gain", "", "decimal", 3, _GAIN),
    )
    return Table("competencies", "What is made, how complex it is and how near the rest", data, columns)


def made(ask: Ask, space: Space, found: Lists) -> Table:
    """What the country makes with advantage, largest exports first."""
    import pyarrow as pa

    rows = np.flatnonzero(found.made)
    rows = rows[np.lexsort((rows, -found.exports[rows]))]
    total = float(space.exports[space.row(ask.country)].sum())
    data = pa.table(
        {
            **_picked(space, found, rows),
            "exports": pa.array(found.exports[rows]),
            "share": pa.array(found.exports[rows] / total),
            "rca": _cells(found.rca[rows]),
            "pci": _cells(found.pci[rows]),
        }
    )
    columns = (
        *_described(ask),
        Column("exports", "Exports", "USD", "integer"),
        Column("share", "Share", "of its exports", "percent"),
        Column("rca", "RCA", "", "decimal", 2, _RCA),
        Column("pci", "PCI", "", "decimal", 2, "product complexity index"),
    )
    return Table("made", "Made with advantage (RCA of at least 1)", data, columns)


def near(ask: Ask, space: Space, found: Lists, which: str) -> Table:
    """What is not made: ``nearest`` by density, or ``outlook`` by gain."""
    import pyarrow as pa

    rows = (found.nearest if which == "nearest" else found.outlook)[:MOST]
    data = pa.table(
        {
            **_picked(space, found, rows),
            "density": _cells(found.density[rows]),
            "pci": _cells(found.pci[rows]),
            "gain": _cells(found.cog[rows]),
            "rca": _cells(found.rca[rows]),
            "world": pa.array(found.world[rows] / 1e9),
        }
    )
    columns = (
        *_described(ask),
        Column("density", "Density", "", "decimal", 3, _DENSITY),
        Column("pci", "PCI", "", "decimal", 2, "product complexity index"),
        Column("gain", "Gain", "", "decimal", 3, _GAIN),
        Column("rca", "RCA now", "", "decimal", 2, _RCA),
        Column("world", "World exports", "USD bn", "decimal", 1),
    )
    title = (
        "Nearest of what is not made, by density"
        if which == "nearest"
        else "Within reach, more complex than what is made, by the outlook they would open"
    )
    return Table(which, title, data, columns)


def profile(ask: Ask, spaces: Mapping[int, Space], dark: Mapping[int, float]) -> Table:
    """One row per year: complexity, its rank and diversity; null where too much was not observed."""
    import pyarrow as pa

    rows: dict[str, list[object]] = {name: [] for name in _PROFILE}
    for year in ask.years:
        space = spaces.get(year)
        seen = space is not None and year not in dark
        place: tuple[int | None, int | None] = (None, None)
        eci = diversity = None
        if space is not None and seen:
            row = space.row(ask.country)
            value = float(space.found.eci[row])
            diversity = int((np.nan_to_num(space.found.rca[row]) >= 1.0).sum())
            if not np.isnan(value):
                eci = value
                place = space.rank(ask.country, space.found.eci) if diversity >= RANKED else (None, None)
        status = "observed" if seen else "no exports reported" if space is None else "not observed"
        for name, cell in zip(_PROFILE, (year, eci, *place, diversity, status), strict=True):
            rows[name].append(cell)
    kinds = (pa.int16(), pa.float64(), pa.int64(), pa.int64(), pa.int64(), pa.string())
    data = pa.table({name: pa.array(rows[name], kind) for name, kind in zip(_PROFILE, kinds, strict=True)})
    columns = (
        Column("year", "Year", format="year"),
        Column(
            "eci", "ECI", "", "decimal", 2, "economic complexity index; compare ranks over time, not levels"
        ),
        Column("rank", "Rank", "", "integer", doc="1 = most complex of the sample; null below 3 made"),
        Column("of", "Of", "countries", "integer"),
        Column("diversity", "Made with advantage", "", "integer", doc="number with RCA of at least 1"),
        Column("status", "Status"),
    )
    return Table("profile", "Complexity over time", data, columns)


_PROFILE = ("year", "eci", "rank", "of", "diversity", "status")
