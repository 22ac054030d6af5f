"""From a formula and a data frame to the arrays of a regression, with every fault of the data named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation.formula import Effect, Formula, columns_of, parse
from entrepot.estimation.frame import Codes, Frame, read
from entrepot.estimation.terms import NO_YEAR, Cells, evaluate
from entrepot.models.inference import symmetric_pairs
from entrepot.models.poisson.rows import contiguous

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
Missing = Literal["refuse", "drop"]


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns that name the exporter, the importer and the year; None where the data have none."""

    exporter: str | None
    importer: str | None
    year: str | None

    @property
    def present(self) -> tuple[str, ...]:
        """The columns that there are."""
        return tuple(name for name in (self.exporter, self.importer, self.year) if name is not None)


@dataclass(frozen=True, slots=True, eq=False)
class Design:
    """The arrays of a regression; n rows, k regressors.

    Attributes
    ----------
    formula : Formula
        As understood.
    frame : Frame
        All rows given.
    roles : Roles
        Columns of exporter, importer and year.
    rows : ndarray of int, shape (n,)
        Place of each row of the arrays among the rows given.
    missing : dict of str to int
        Rows left out for a missing value, by reason.
    y : ndarray, shape (n,)
        Trade, in the unit given.
    x : ndarray, shape (n, k)
        Regressors.
    terms : tuple of str, length k
        Their names.
    weights, offset : ndarray, shape (n,), or None
        Weights and offset.
    groups : tuple of ndarray of int, shape (n,)
        Codes of the fixed effects of the formula.
    cells : Cells or None
        Exporter, importer and year of each row of the arrays; None where the data name no countries.
    """

    formula: Formula
    frame: Frame
    roles: Roles
    rows: IntArray
    missing: dict[str, int]
    y: FloatArray
    x: FloatArray
    terms: tuple[str, ...]
    weights: FloatArray | None
    offset: FloatArray | None
    groups: tuple[IntArray, ...]
    cells: Cells | None

    def codes(self, columns: Sequence[str], *, symmetric: bool = False) -> IntArray:
        """Return codes (n,) of the combinations of columns, -1 where one is missing."""
        return _at(combine(self.frame, columns, symmetric), self.rows)


def build(
    formula: str,
    data: Any,
    *,
    clusters: Sequence[str] = (),
    extra: Sequence[str] = (),
    weights: str | None = None,
    offset: str | None = None,
    exporter: str | None = None,
    importer: str | None = None,
    year: str | None = None,
    missing: Missing = "refuse",
) -> Design:
    """Read a formula and the data that it needs.

    Parameters
    ----------
    formula, data, weights, offset, exporter, importer, year, missing
        As in `gravity`.
    clusters : sequence of str
        Further columns that the covariance needs.
    extra : sequence of str
        Further columns to read, which may miss values.

    Returns
    -------
    Design

    Raises
    ------
    InputError, DataError
        As in `gravity`.

    Examples
    --------
    >>> data = {"trade": [1.0, 2.0], "rta": [0, 1], "exporter": ["A", "B"], "importer": ["B", "A"]}
    >>> build("trade ~ rta | exporter", data).x.tolist()
    [[0.0], [1.0]]
    """
    if missing not in ("refuse", "drop"):
        raise InputError.bad_option("missing", missing, ("refuse", "drop"))
    understood = parse(formula)
    given = {"exporter": exporter, "importer": importer, "year": year}
    effects = [name for effect in understood.effects for name in effect.columns]
    needed = [understood.outcome, *(name for term in understood.terms for name in columns_of(term)), *effects]
    needed += [name for name in (weights, offset, *given.values(), *clusters, *extra) if name is not None]
    frame = read(data, needed, optional=tuple(given))
    if frame.rows == 0:
        raise DataError.empty_selection(
            "the regression: the data have no rows", hint="check the filters before it"
        )
    roles = Roles(**{name: column or _detected(frame, name) for name, column in given.items()})
    return _assembled(understood, frame, roles, (*clusters,), weights, offset, missing)


def _detected(frame: Frame, name: str) -> str | None:
    return name if name in frame.table.column_names else None


def _assembled(
    formula: Formula,
    frame: Frame,
    roles: Roles,
    clusters: tuple[str, ...],
    weights: str | None,
    offset: str | None,
    missing: Missing,
) -> Design:
    cells = cells_of(frame, roles)
    outcome = _not_negative(frame, formula.outcome)
    columns = [column for term in formula.terms for column in evaluate(term, frame, cells)]
    groups = tuple(combine(frame, effect.columns, effect.symmetric) for effect in formula.effects)
    extra = {
        name: _not_negative(frame, name) if name == weights else _finite(frame, name)
        for name in (weights, offset)
        if name is not None
    }
    absent: dict[str, BoolArray] = {formula.outcome: np.isnan(outcome)}
    absent |= {name: np.isnan(values) for name, values in (*columns, *extra.items())}
    absent |= {effect.label: code < 0 for effect, code in zip(formula.effects, groups, strict=True)}
    for name in (*roles.present, *clusters):
        absent.setdefault(name, frame.codes(name)[0].code < 0)
    keep, counts = _complete(absent, missing)
    _unique(frame, formula.effects, roles, keep)
    cells = None if cells is None else taken(cells, keep)
    y = _at(outcome, keep)
    _tradable(y, formula.outcome, cells)
    return Design(
        formula=formula,
        frame=frame,
        roles=roles,
        rows=keep,
        missing=counts,
        y=y,
        x=np.stack([_at(values, keep) for _, values in columns]).T if columns else np.empty((keep.size, 0)),
        terms=tuple(name for name, _ in columns),
        weights=None if weights is None else extra[weights][keep],
        offset=None if offset is None else extra[offset][keep],
        groups=tuple(_at(code, keep) for code in groups),
        cells=cells,
    )


def _at(values: NDArray[Any], rows: IntArray) -> NDArray[Any]:
    """Return the values at rows in order, none twice."""
    return values if rows.size == values.size else values[rows]


def cells_of(frame: Frame, roles: Roles) -> Cells | None:
    """Return who sells to whom in which year, or None where the data name no countries."""
    if roles.exporter is None or roles.importer is None:
        return None
    exporter, importer = frame.codes(roles.exporter, roles.importer)
    return Cells(exporter, importer, None if roles.year is None else _years(frame, roles.year))


def taken(cells: Cells, rows: IntArray) -> Cells:
    """Return the cells of some rows."""
    exporter, importer = (
        Codes(_at(side.code, rows), side.values) for side in (cells.exporter, cells.importer)
    )
    return Cells(exporter, importer, None if cells.year is None else _at(cells.year, rows))


def combine(frame: Frame, columns: Sequence[str], symmetric: bool = False) -> IntArray:
    """Return codes (n,) of the combinations of columns in the order of their values; -1 is missing."""
    if symmetric:
        first, second = (side.code for side in frame.codes(*columns))
        code = symmetric_pairs(first, second)
        return np.where((first < 0) | (second < 0), -1, code)
    return frame.joint(*columns)


def _years(frame: Frame, name: str) -> IntArray:
    values = frame.numbers(name)
    column = frame.table[name]
    if pa.types.is_integer(column.type) and not column.null_count and np.abs(values).max() <= 1e6:
        return values.astype(np.intp)
    whole = np.where(np.isnan(values), 0, values)
    bad = (whole != np.rint(whole)) | (np.abs(whole) > 1e6)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError.bad_cell("data", row + 1, name, f"{values[row]:g} is not a year")
    return np.where(np.isnan(values), NO_YEAR, whole.astype(np.intp))


def _finite(frame: Frame, name: str) -> FloatArray:
    values = frame.numbers(name)
    _refuse(np.isinf(values), values, name, "infinite")
    return values


def _not_negative(frame: Frame, name: str) -> FloatArray:
    values = _finite(frame, name)
    _refuse(values < 0, values, name, "negative")
    return values


def _refuse(bad: BoolArray, values: FloatArray, name: str, what: str) -> None:
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        more = f" ({int(bad.sum())} such rows)" if bad.sum() > 1 else ""
        raise DataError.bad_cell("data", row + 1, name, f"{values[row]:g} is {what}{more}")


def _complete(absent: dict[str, BoolArray], missing: Missing) -> tuple[IntArray, dict[str, int]]:
    """Return the rows without a missing value, and how many the others are by their first missing column."""
    gone = np.zeros(next(iter(absent.values())).size, dtype=np.bool_)
    counts: dict[str, int] = {}
    for name, mask in absent.items():
        if count := int((mask & ~gone).sum()):
            counts[f"{name} is missing"] = count
        gone |= mask
    if counts and missing == "refuse":
        raise DataError.missing_values({name: int(mask.sum()) for name, mask in absent.items() if mask.any()})
    if gone.all():
        raise DataError.empty_selection("the regression: every row misses a value", hint=", ".join(counts))
    return np.flatnonzero(~gone), counts


def _unique(frame: Frame, effects: Sequence[Effect], roles: Roles, rows: IntArray) -> None:
    """Refuse two rows for one cell: exporter, importer, year and what else the fixed effects tell apart."""
    if roles.exporter is None or roles.importer is None:
        return
    key = tuple(dict.fromkeys((*roles.present, *(name for effect in effects for name in effect.columns))))
    *others, last = key
    (own,) = frame.codes(last)
    # Not kept by the frame: nothing else needs codes of single rows.
    code = _at(frame.joint(*others), rows) * len(own.values)
    code += _at(own.code, rows)
    if np.bincount(contiguous(code)).max() < 2:
        return
    order = np.argsort(code, kind="stable")
    twice = order[np.flatnonzero(code[order][1:] == code[order][:-1])[0] :][:2]
    first, second = (int(row) for row in rows[twice])
    cell = {name: frame.table[name][first].as_py() for name in key}
    raise DataError.duplicate_key("data", first + 1, second + 1, cell)


def _tradable(y: FloatArray, name: str, cells: Cells | None) -> None:
    if cells is not None:
        trades = np.zeros(len(cells.exporter.values), dtype=np.bool_)
        trades[cells.exporter.code] = trades[cells.importer.code] = True
        there = np.flatnonzero(trades)
        if there.size < 2:
            only = ", ".join(str(cells.exporter.values[at]) for at in there)
            raise DataError(
                f"a gravity equation needs at least two countries, the data have {there.size} ({only})",
                hint="check the filters, and the columns given as exporter= and importer=",
            )
    if not y.any():
        raise DataError(f"column '{name}' is zero in all {y.size} rows", hint="there is no trade to explain")
