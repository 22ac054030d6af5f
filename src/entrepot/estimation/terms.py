"""Turn the terms of a formula into columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation.formula import Factor, Lagged, Numeric, Product, Term, Transformed, Variable
from entrepot.estimation.frame import Codes, Frame

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Columns = list[tuple[str, FloatArray]]
NO_YEAR = int(np.iinfo(np.intp).min)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Who sells to whom in which year, row by row.

    Attributes
    ----------
    exporter, importer : Codes
        Countries, of one numbering.
    year : ndarray of int, shape (n,), or None
        Calendar years, ``NO_YEAR`` where missing; None where the data have none.
    """

    exporter: Codes
    importer: Codes
    year: IntArray | None

    @property
    def pair(self) -> IntArray:
        """Code of the directed pair, shape (n,); -1 where a side is missing."""
        code = self.exporter.code * len(self.importer.values) + self.importer.code
        return np.where((self.exporter.code < 0) | (self.importer.code < 0), -1, code)


def evaluate(term: Term, frame: Frame, cells: Cells | None) -> Columns:
    """Return the named columns of a term, NaN where a value is missing.

    Parameters
    ----------
    term : Term
        Part of a formula.
    frame : Frame
        The data, n rows.
    cells : Cells or None
        Needed for lags and leads.

    Raises
    ------
    InputError
        For a column that does not hold numbers, an unknown reference value, or a lag without years.
    DataError
        For a logarithm or a root of what has none.
    """
    match term:
        case Factor():
            return _dummies(term, frame, cells)
        case Product(parts):
            sets = [evaluate(part, frame, cells) for part in parts]
            return [
                (":".join(name for name, _ in chosen), reduce(np.multiply, [values for _, values in chosen]))
                for chosen in product(*sets)
            ]
        case _:
            return [(term.label, numeric(term, frame, cells))]


def numeric(term: Numeric, frame: Frame, cells: Cells | None) -> FloatArray:
    """Return the column of a term that has exactly one; see `evaluate`."""
    match term:
        case Variable(name):
            values = frame.numbers(name)
            if np.isinf(values).any():
                row = int(np.flatnonzero(np.isinf(values))[0])
                raise DataError.bad_cell("data", row + 1, name, "is infinite")
            return values
        case Transformed(function, inner):
            return _transformed(term.label, function, numeric(inner, frame, cells))
        case Lagged(inner, periods):
            if cells is None or cells.year is None:
                raise InputError(
                    f"term '{term.label}' needs exporters, importers and years",
                    hint="name the columns with exporter=, importer= and year=",
                )
            return lagged(numeric(inner, frame, cells), cells.pair, cells.year, periods, term.label)


def lagged(values: FloatArray, pair: IntArray, year: IntArray, periods: int, label: str) -> FloatArray:
    """Return the value of the same pair ``periods`` years before; NaN where the data have no such row.

    Parameters
    ----------
    values : ndarray, shape (n,)
    pair, year : ndarray of int, shape (n,)
        Codes of pairs, -1 where missing, and calendar years, ``NO_YEAR`` where missing: such a row is no
        one's past.
    periods : int
        Negative for a lead.
    label : str
        Term to name in the error.

    Raises
    ------
    InputError
        If a pair has two rows in a year.

    Examples
    --------
    >>> lagged(np.array([1.0, 2.0]), np.array([7, 7]), np.array([2000, 2004]), 4, "l(x, 4)").tolist()
    [nan, 1.0]
    """
    found = np.full(values.size, np.nan)
    known = np.flatnonzero((pair >= 0) & (year != NO_YEAR))
    if known.size == 0:
        return found
    since = year[known] - int(year[known].min())
    span = int(since.max()) + 1
    key = pair[known] * span + since
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    if (ordered[1:] == ordered[:-1]).any():
        raise InputError(
            f"term '{label}': an exporter, importer and year have more than one row",
            hint="make the lag a column of the data first",
        )
    before = since - periods
    wanted = np.where((before >= 0) & (before < span), pair[known] * span + before, -1)
    place = np.minimum(np.searchsorted(ordered, wanted), order.size - 1)
    found[known] = np.where(ordered[place] == wanted, values[known[order[place]]], np.nan)
    return found


def _transformed(label: str, function: str, values: FloatArray) -> FloatArray:
    bad = {"log": values <= 0, "sqrt": values < 0, "exp": values > 700}[function]
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError(
            f"term '{label}': row {row + 1} has {values[row]:g}, which has no {function}"
            + (f", and {int(bad.sum()) - 1} more rows" if bad.sum() > 1 else ""),
            hint="leave these rows out, or use the column as it is",
        )
    return np.asarray({"log": np.log, "sqrt": np.sqrt, "exp": np.exp}[function](values))


def _dummies(term: Factor, frame: Frame, cells: Cells | None) -> Columns:
    (codes,) = frame.codes(term.name)
    by = None if term.by is None else numeric(term.by, frame, cells)
    if term.reference is not None:
        dropped: int | None = _place(term, codes.values)
    else:
        # All dummies add up to the constant, so that one of them has to go; slopes need not.
        dropped = 0 if by is None else None
    found: Columns = []
    for at, value in enumerate(codes.values):
        if at == dropped:
            continue
        column = np.where(codes.code < 0, np.nan, (codes.code == at).astype(np.float64))
        label = f"{term.name}::{_written(value)}"
        if by is not None and term.by is not None:
            column, label = column * by, f"{label}:{term.by.label}"
        found.append((label, column))
    return found


def _place(term: Factor, values: tuple[Any, ...]) -> int:
    """Return the place of the reference among the values; 2006 and 2006.0 are one."""
    written = str(term.reference)
    for at, value in enumerate(values):
        if str(value) == written or (isinstance(value, float) and _number(written) == value):
            return at
    raise InputError.unknown(
        f"reference of {term.label}:", written, [str(value) for value in values], see=_listed(values)
    )


def _written(value: Any) -> str:
    """Write a value; 2006.0 is 2006, as a column of whole numbers with gaps arrives as floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _listed(values: tuple[Any, ...]) -> str:
    shown = ", ".join(str(value) for value in values[:8])
    return f"its values are {shown}{', ...' if len(values) > 8 else ''}"
