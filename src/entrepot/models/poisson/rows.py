"""Check the input of a Poisson regression, prune what carries no information and fix the order of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

KEPT, ZERO_WEIGHT, ALL_ZERO, SINGLETON, SEPARATED = 0, 1, 2, 3, 4
REASONS = {
    ZERO_WEIGHT: "weight is zero",
    ALL_ZERO: "y is zero throughout a fixed-effect group",
    SINGLETON: "only observation of a fixed-effect group",
    SEPARATED: "y is zero and separated: no finite estimate fits it",
}


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked input: y (n,), x (n, k), weights (n,) and one code array (n,) per fixed effect."""

    y: FloatArray
    x: FloatArray
    weights: FloatArray
    groups: tuple[IntArray, ...]


def checked(
    y: ArrayLike, x: ArrayLike | None, groups: Sequence[ArrayLike], weights: ArrayLike | None
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
    weight = np.ones(n) if weights is None else _numbers(weights, "weights")
    if weight.shape != (n,):
        raise ValueError(f"weights must have shape ({n},), got {weight.shape}")
    _refuse(weight < 0, "weights", "is negative")
    codes = tuple(_codes(group, n, f"groups[{k}]") for k, group in enumerate(groups))
    return Rows(outcome, regressors, weight, codes or (np.zeros(n, dtype=np.intp),))


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
    return array.astype(np.intp)


def contiguous(codes: IntArray) -> IntArray:
    """Return codes from 0 without holes, in the order of the codes given.

    Examples
    --------
    >>> contiguous(np.array([7, 3, 7])).tolist()
    [1, 0, 1]
    """
    if codes.size and int(codes.max()) <= 4 * codes.size + 1024:
        present = np.bincount(codes) > 0
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
    compact = [contiguous(group) for group in rows.groups]
    while True:
        before = np.count_nonzero(reason)
        for codes in compact:
            kept = reason == KEPT
            totals = np.bincount(codes, weights=np.where(kept, rows.y, 0.0))
            reason[kept & (totals[codes] == 0)] = ALL_ZERO
            if not singletons:
                continue
            kept = reason == KEPT
            counts = np.bincount(codes, weights=kept)
            reason[kept & (counts[codes] == 1)] = SINGLETON
        if np.count_nonzero(reason) == before:
            return reason


def canonical_order(rows: Rows) -> IntArray:
    """Return the permutation that makes every sum, and so every digit, independent of the order of rows."""
    keys = [rows.weights, rows.y, *rows.x.T, *rows.groups]
    order = np.lexsort(rows.groups[::-1])
    sorted_groups = [group[order] for group in rows.groups]
    repeats = np.ones(max(order.size - 1, 0), dtype=np.bool_)
    for group in sorted_groups:
        repeats &= group[1:] == group[:-1]
    return np.lexsort(keys) if repeats.any() else order


def take(rows: Rows, index: IntArray) -> Rows:
    """Return the rows at ``index``, codes made contiguous from 0."""
    codes = tuple(contiguous(group[index]) for group in rows.groups)
    return Rows(rows.y[index], rows.x[index], rows.weights[index], codes)
