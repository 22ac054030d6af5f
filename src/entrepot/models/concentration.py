"""Concentration of trade and how far it has turned to other partners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
Missing = Literal["refuse", "omit"]


@dataclass(frozen=True, slots=True)
class Concentration:
    """How concentrated a distribution is; arrays over the leading axes of the values, 0-d for one vector.

    Attributes
    ----------
    herfindahl : ndarray
        Herfindahl-Hirschman index, sum of squared shares, between 1/n and 1. NaN where the total is 0.
    effective_number : ndarray
        ``1 / herfindahl``: the number of equal partners with the same concentration.
    largest : ndarray
        Share of the largest item, between 0 and 1.
    observed : ndarray of int
        Number of items observed; the rest was NaN and left out of the total.
    """

    herfindahl: FloatArray
    effective_number: FloatArray
    largest: FloatArray
    observed: NDArray[np.intp]


def shares(values: ArrayLike, *, missing: Missing = "refuse") -> FloatArray:
    """Return each item's share of the total along the last axis.

    Parameters
    ----------
    values : array_like, shape (..., n)
        Values >= 0 in one unit; NaN = not observed.
    missing : {"refuse", "omit"}
        "omit" gives shares of the observed total and keeps NaN where an item was not observed.

    Returns
    -------
    ndarray, shape (..., n)
        Shares between 0 and 1. All NaN where the total is 0: nothing has no composition.

    Raises
    ------
    ValueError
        If ``values`` is empty, negative or infinite, or holds NaN while ``missing`` is "refuse".

    Examples
    --------
    >>> shares([3, 1]).tolist()
    [0.75, 0.25]
    """
    checked = _checked(values, missing, "values")
    # Dividing by the largest item first keeps very small or very large units out of trouble.
    largest = np.max(np.nan_to_num(checked), axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled = np.where(largest > 0, checked / largest, np.nan)
        return np.asarray(scaled / np.nansum(scaled, axis=-1, keepdims=True), dtype=np.float64)


def concentration(values: ArrayLike, *, missing: Missing = "refuse") -> Concentration:
    """Measure concentration along the last axis: ``H = sum s_i^2`` and the effective number ``1 / H``.

    Parameters
    ----------
    values : array_like, shape (..., n)
        Values >= 0 in one unit; NaN = not observed.
    missing : {"refuse", "omit"}
        See `shares`. With "omit" the index is that of the observed part only.

    Returns
    -------
    Concentration
        Index, effective number, largest share and number of items observed.

    Raises
    ------
    ValueError
        As `shares`.

    References
    ----------
    Hirschman, A. O. (1964). The paternity of an index. American Economic Review, 54(5), 761-762.
    Adelman, M. A. (1969). Comment on the "H" concentration measure as a numbers-equivalent. Review of
    Economics and Statistics, 51(1), 99-101. https://doi.org/10.2307/1926955

    Examples
    --------
    >>> concentration([1, 1, 1, 1]).effective_number.item()
    4.0
    """
    part = shares(values, missing=missing)
    defined = np.isfinite(part).any(axis=-1)
    index = np.where(defined, np.nansum(part * part, axis=-1), np.nan)
    largest = np.where(defined, np.max(np.nan_to_num(part), axis=-1), np.nan)
    observed = np.sum(~np.isnan(np.asarray(values, dtype=np.float64)), axis=-1)
    return Concentration(index, np.asarray(1.0 / index), largest, np.asarray(observed, dtype=np.intp))


def reorientation(values0: ArrayLike, values1: ArrayLike, *, missing: Missing = "refuse") -> FloatArray:
    """Return the re-orientation distance ``D = 1/2 sum_i |s1_i - s0_i|`` along the last axis.

    The share of trade that would have to change partner to restore the first composition: 0 = the same
    composition, 1 = no partner in common. Twice this is the L1 distance of the compositions.

    Parameters
    ----------
    values0, values1 : array_like, shape (..., n)
        Values >= 0 of the same n items in two periods; the units may differ. NaN = not observed.
    missing : {"refuse", "omit"}
        "omit" compares the items that were observed in both periods only.

    Returns
    -------
    ndarray, shape (...)
        Distance between 0 and 1; NaN where a total is 0.

    Raises
    ------
    ValueError
        If the shapes differ, or as `shares`.

    Examples
    --------
    >>> reorientation([3, 1], [1, 3]).item()
    0.5
    """
    first = _checked(values0, missing, "values0")
    second = _checked(values1, missing, "values1")
    if first.shape != second.shape:
        raise ValueError(f"values1 has shape {second.shape}, values0 has {first.shape}; they must agree")
    both = ~(np.isnan(first) | np.isnan(second))
    old = shares(np.where(both, first, np.nan), missing="omit")
    new = shares(np.where(both, second, np.nan), missing="omit")
    gap = np.abs(new - old)
    defined = np.isfinite(gap).any(axis=-1)
    return np.where(defined, np.minimum(0.5 * np.nansum(gap, axis=-1), 1.0), np.nan)


def _checked(values: ArrayLike, missing: Missing, name: str) -> FloatArray:
    """Return the values as floats after checking them."""
    array = np.asarray(values, dtype=np.float64)
    if missing not in ("refuse", "omit"):
        raise ValueError(f"missing must be 'refuse' or 'omit', got {missing!r}")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"{name} must hold at least one item along its last axis")
    if np.isinf(array).any() or (array < 0).any():
        raise ValueError(f"{name} must be finite and >= 0")
    if missing == "refuse" and np.isnan(array).any():
        raise ValueError(
            f"{name} holds values that were not observed (NaN); pass missing='omit' to leave them out"
        )
    return array
