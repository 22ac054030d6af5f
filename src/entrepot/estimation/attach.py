"""Ready regressors beside a table of one's own, row by row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation import regressors
from entrepot.estimation.formula import columns_of, parse
from entrepot.estimation.frame import Frame
from entrepot.estimation.sanctions import coverage
from entrepot.result import Source
from entrepot.world import products

IntArray = NDArray[np.intp]
REVISION = "HS1992"


def named(formula: str) -> tuple[str, ...]:
    """Return all columns that a formula names, in order.

    Example
    -------
    >>> named("trade ~ log(dist) + rta | exporter^year")
    ('trade', 'dist', 'rta', 'exporter', 'year')
    """
    read = parse(formula)
    terms = [name for term in read.terms for name in columns_of(term)]
    effects = [name for effect in read.effects for name in effect.columns]
    return tuple(dict.fromkeys((read.outcome, *terms, *effects)))


def attached(
    table: pa.Table, wanted: Sequence[str], roles: tuple[str, str, str], product: str | None = None
) -> tuple[pa.Table, tuple[Source, ...]]:
    """Add ready regressors to a table.

    Parameters
    ----------
    table : pyarrow.Table
        n rows.
    wanted : sequence of str
        Names of ready regressors.
    roles : tuple of str
        Columns of exporter, importer and year; the year is needed for what changes with time.
    product : str, optional
        HS1992 code for the measures in force, where the table has no column ``product``.

    Returns
    -------
    table : pyarrow.Table
        With one more column for each; null where a value is not known.
    law : tuple of Source
        Instruments behind the measures in force.

    Raises
    ------
    InputError
        If a column is lacking, a country is unknown, or the product is not told.
    DataError
        If a country or year is missing.
    """
    needs = {one.needs for one in regressors.regressors() if one.name in wanted}
    dated = bool(needs - {""})
    for role in roles if dated else roles[:2]:
        if role not in table.column_names:
            see = f"{', '.join(wanted)} cannot be added without it"
            raise InputError.unknown("column", role, table.column_names, see=see)
    places, exporter, importer = _countries(table, roles[0], roles[1])
    year = _years(table, roles[2]) if dated else np.zeros(table.num_rows, np.intp)
    years = tuple(range(int(year.min(initial=9999)), int(year.max(initial=0)) + 1)) if dated else ()
    codes = _codes(table, product) if "product" in needs else np.full(table.num_rows, "")
    read: dict[Source, None] = {}
    values = {name: np.full(table.num_rows, np.nan) for name in wanted}
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        law = coverage(places, years, (str(code),), REVISION) if code else None
        read |= dict.fromkeys(law.sources if law else ())
        grids = regressors.columns(wanted, regressors.Places(places, years, law, np.ones(1)))
        for name, grid in grids.items():
            sheet = year[rows] - years[0] if len(grid) > 1 else 0
            values[name][rows] = grid[sheet, exporter[rows], importer[rows]]
    for name, column in values.items():
        table = table.append_column(name, pa.array(column, from_pandas=True))
    return table, tuple(read)


def _countries(table: pa.Table, exporter: str, importer: str) -> tuple[tuple[str, ...], IntArray, IntArray]:
    """Return the ISO3 codes of a table and the place of each row's exporter and importer among them."""
    sides = Frame(table, tuple(table.column_names)).codes(exporter, importer)
    for name, side in zip((exporter, importer), sides, strict=True):
        if (side.code < 0).any():
            raise DataError.missing_values({name: int((side.code < 0).sum())})
    known = [regressors.canonical(str(value)) for value in sides[0].values]
    places = tuple(dict.fromkeys(known))
    place = np.array([places.index(country) for country in known], np.intp)
    return places, place[sides[0].code], place[sides[1].code]


def _years(table: pa.Table, name: str) -> IntArray:
    values = Frame(table, tuple(table.column_names)).numbers(name)
    if np.isnan(values).any():
        raise DataError.missing_values({name: int(np.isnan(values).sum())})
    return np.rint(values).astype(np.intp)


def _codes(table: pa.Table, product: str | None) -> NDArray[np.str_]:
    """Return the HS code of each row."""
    if product is not None:
        code = products.resolve(product, REVISION)
        return np.full(table.num_rows, code)
    if "product" not in table.column_names:
        raise InputError(
            "measures in force depend on the product, and the data have no column 'product'",
            hint="name it with --product 270900 (product= in Python), or take sanctions_pair",
        )
    return np.array([str(value) for value in table["product"].to_pylist()])
