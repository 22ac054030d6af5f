"""Check the input of a Poisson regression, prune what carries no information and fix the order of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

# Exponentials of a wider offset leave the range of floating-point numbers.
LARGEST_OFFSET = 600

KEPT, ZERO_WEIGHT, ALL_ZERO, SINGLETON, SEPARATED = 0, 1, 2, 3, 4
REASONS = {
    ZERO_WEIGHT: "weight is zero",
    ALL_ZERO: "y is zero throughout a fixed-effect group",
    SINGLETON: "only observation of a fixed-effect group",
    SEPARATED: "y is zero and separated: no finite estimate fits it",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked input: y, weights and offset (n,), x (n, k) and one code array (n,) per fixed effect."""

    y: FloatArray
    x: FloatArray
    weights: FloatArray
    groups: tuple[IntArray, ...]
    offset: FloatArray | None = None


def checked(
    y: ArrayLike,
    x: ArrayLike | None,
    groups: Sequence[ArrayLike],
    weights: ArrayLike | None,
    offset: ArrayLike | None = None,
) -> Rows:
    """Return the input as arrays of equal length.

    Without groups there is one group of all rows: the constant.

    Raises
    ------
    ValueError
        Naming the argument and the first offending row.
    """
    outcome = _numbers(y, "y")
    if outcome.ndim != 1 or outcome.size == 0:
        raise ValueError(f"y must be one-dimensional and not empty, got shape {outcome.shape}")
    _refuse(outcome < 0, "y", "is negative")
    n = outcome.size
    regressors = np.empty((n, 0)) if x is None else _numbers(x, "x")
    if regressors.ndim == 1:
        regressors = regressors[:, None]
    if regressors.ndim != 2 or regressors.shape[0] != n:
        raise ValueError(f"x must have shape ({n}, k), got {regressors.shape}")
    weight = np.ones(n) if weights is None else _column(weights, n, "weights")
    if weights is not None:
        _refuse(weight < 0, "weights", "is negative")
    known = None if offset is None else _column(offset, n, "offset")
    if known is not None and float(np.ptp(known)) > LARGEST_OFFSET:
        raise ValueError(f"offset must span at most {LARGEST_OFFSET} on the log scale, got {np.ptp(known):g}")
    codes = tuple(_codes(group, n, f"groups[{k}]") for k, group in enumerate(groups))
    return Rows(outcome, regressors, weight, codes or (np.zeros(n, dtype=np.intp),), known)


def _column(values: ArrayLike, n: int, name: str) -> FloatArray:
    array = _numbers(values, name)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    return array


def _numbers(values: ArrayLike, name: str) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers") from error
    _refuse(~np.isfinite(array), name, "is NaN or infinite")
    return array


def _refuse(bad: BoolArray, name: str, what: str) -> None:
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f"row {place[0]}" if len(place) < 2 else f"row {place[0]}, column {place[1]}"
        raise ValueError(f"{name} {what} in {where}, and {int(bad.sum()) - 1} more")


def _codes(values: ArrayLike, n: int, name: str) -> IntArray:
    array = np.asarray(values)
    if array.shape != (n,):
        raise ValueError(f"{name} must have shape ({n},), got {array.shape}")
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integer codes, got {array.dtype}")
    _refuse(array < 0, name, "is negative")
    return array.astype(np.intp, copy=False)


def contiguous(codes: IntArray) -> IntArray:
    """Return codes from 0 without holes, in the order of the codes given.

    Examples
    --------
    >>> contiguous(np.array([7, 3, 7])).tolist()
    [1, 0, 1]
    """
    if codes.size and int(codes.max()) <= 4 * codes.size + 1024:
        present = np.bincount(codes) > 0
        if present.all():
            return codes
        return np.asarray((np.cumsum(present) - 1)[codes])
    return np.asarray(np.unique(codes, return_inverse=True)[1])


def prune(rows: Rows, *, singletons: bool = True, reason: NDArray[np.int8] | None = None) -> NDArray[np.int8]:
    """Return why each row is dropped (0 = kept), to a fixed point over all fixed effects.

    A group whose outcomes are all zero has its fixed effect at minus infinity and fits them exactly; a group
    of one observation is fitted exactly whatever the coefficients. Neither tells anything about them, but
    singletons count in the degrees of freedom of some programs, so they stay where ``singletons`` is False.
    Rows with a ``reason`` already are out from the start.
    """
    reason = np.zeros(rows.y.size, dtype=np.int8) if reason is None else reason.copy()
    reason[rows.weights == 0] = ZERO_WEIGHT
    if max(int(codes.max()) for codes in rows.groups) > 4 * rows.y.size + 1024:
        rows = take(rows, np.arange(rows.y.size))
    kept = np.flatnonzero(reason == KEPT)
    if kept.size == reason.size and all(_informative(codes, rows.y, singletons) for codes in rows.groups):
        return reason
    while True:
        before = kept.size
        kept = _drop(rows, kept, reason, ALL_ZERO, kept[rows.y[kept] > 0], 1)
        if singletons:
            kept = _drop(rows, kept, reason, SINGLETON, kept, 2)
        if kept.size == before:
            return reason


def _informative(codes: IntArray, y: FloatArray, singletons: bool) -> bool:
    """Whether every group has a positive outcome, and two rows where ``singletons`` count."""
    count = np.bincount(2 * codes + (y > 0), minlength=2 * int(codes.max()) + 2).reshape(-1, 2)
    return bool(count[:, 1].all() and (not singletons or (count.sum(axis=1) >= 2).all()))


def _drop(
    rows: Rows, kept: IntArray, reason: NDArray[np.int8], why: int, counted: IntArray, least: int
) -> IntArray:
    """Drop kept rows in groups with fewer than ``least`` of the counted rows; return what is still kept."""
    for codes in rows.groups:
        there = codes if counted.size == codes.size else codes[counted]
        enough = np.bincount(there, minlength=int(codes.max()) + 1) >= least
        if enough.all():
            continue
        stays = enough[codes[kept]]
        if not stays.all():
            reason[kept[~stays]] = why
            kept = kept[stays]
            counted = counted[reason[counted] == KEPT]
    return kept


def canonical_order(rows: Rows) -> IntArray:
    """Return the permutation that makes every sum, and so every digit, independent of the order of rows."""
    known = () if rows.offset is None else (rows.offset,)
    keys = [*known, rows.weights, rows.y, *rows.x.T, *rows.groups]
    order = np.lexsort(rows.groups[::-1])
    sorted_groups = [group[order] for group in rows.groups]
    repeats = np.ones(max(order.size - 1, 0), dtype=np.bool_)
    for group in sorted_groups:
        repeats &= group[1:] == group[:-1]
    return np.lexsort(keys) if repeats.any() else order


def take(rows: Rows, index: IntArray) -> Rows:
    """Return the rows at ``index``, none twice, codes made contiguous from 0."""
    if index.size == rows.y.size and (index == np.arange(index.size)).all():
        return replace(rows, groups=tuple(contiguous(group) for group in rows.groups))
    codes = tuple(contiguous(group[index]) for group in rows.groups)
    known = None if rows.offset is None else rows.offset[index]
    return Rows(rows.y[index], rows.x[index], rows.weights[index], codes, known)
