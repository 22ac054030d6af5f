"""The Leontief inverse of an inter-country table, computed once and in place.

``A = Z X^-1`` (inputs per unit of output), ``B = (I - A)^-1`` (output of the row needed for one unit of final
output of the column), ``v = 1 - colsum(A)`` (value added per unit of output).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import lapack

FloatArray = NDArray[np.float64]

# A table whose column sums of v B miss one by more than this is singular to working precision.
IDENTITY = 1e-6


def leontief_inverse(Z: ArrayLike, X: ArrayLike) -> FloatArray:
    """Return ``B = (I - Z X^-1)^-1`` by one LU factorisation in place (LAPACK getrf and getri).

    An industry without output has no inputs and no sales; its row and column of B are those of the identity.

    Parameters
    ----------
    Z : array_like, shape (R, R)
        Intermediate sales [seller, buyer], >= 0, any one unit.
    X : array_like, shape (R,)
        Gross output, >= 0, same unit.

    Returns
    -------
    ndarray, shape (R, R)
        Row-major, unitless.

    Raises
    ------
    ValueError
        If shapes do not fit, a value is negative or not finite, an industry without output buys or sells
        inputs, or the table is singular or not productive (some output needs itself in full).

    Notes
    -----
    Leontief, W. (1936), Quantitative Input and Output Relations in the Economic Systems of the United
    States, Review of Economics and Statistics 18(3), doi:10.2307/1927837.

    Examples
    --------
    Miller and Blair (2009), chapter 2: two industries.

    >>> leontief_inverse([[150, 500], [200, 100]], [1000, 2000]).round(4).tolist()
    [[1.2541, 0.33], [0.264, 1.1221]]
    """
    flows, output = check_flows(Z, X)
    return inverted(flows, output)


def inverted(flows: FloatArray, output: FloatArray) -> FloatArray:
    """Invert a checked table; see `leontief_inverse`."""
    work = flows * -reciprocal(output)
    work.ravel()[:: len(output) + 1] += 1.0
    # LAPACK works on columns: the transposed view of a row-major array is one without a copy.
    factors, pivots, info = lapack.dgetrf(work.T, overwrite_a=1)
    if info > 0:
        raise ValueError(f"Z is singular: industry {info - 1} and others need their own output in full")
    size = int(lapack.dgetri_lwork(len(output))[0])
    inverse, info = lapack.dgetri(factors, pivots, lwork=size, overwrite_lu=1)
    found = np.asarray(inverse.T, dtype=np.float64)
    _check_productive(found, flows, output, info)
    return found


def value_added_shares(Z: ArrayLike, X: ArrayLike) -> FloatArray:
    """Return ``v = 1 - colsum(Z) / X``: what is left of a unit of output after inputs in the table.

    It holds value added, taxes less subsidies on inputs and whatever inputs the table lacks. It may be
    negative where inputs exceed output. An industry without output has 1.

    Parameters
    ----------
    Z : array_like, shape (R, R)
        Intermediate sales [seller, buyer].
    X : array_like, shape (R,)
        Gross output.

    Returns
    -------
    ndarray, shape (R,)

    Raises
    ------
    ValueError
        As `leontief_inverse`.

    Examples
    --------
    >>> value_added_shares([[150, 500], [200, 100]], [1000, 2000]).round(2).tolist()
    [0.65, 0.7]
    """
    flows, output = check_flows(Z, X)
    return shares_of(flows, output)


def shares_of(flows: FloatArray, output: FloatArray) -> FloatArray:
    """Return the value added shares of a checked table."""
    return np.asarray(1.0 - flows.sum(axis=0) * reciprocal(output), dtype=np.float64)


def reciprocal(output: FloatArray) -> FloatArray:
    """Return 1 / X, and 0 for an industry without output."""
    return np.divide(1.0, output, out=np.zeros_like(output), where=output > 0)


def check_flows(Z: ArrayLike, X: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return Z and X as float64 arrays; raise ValueError if they are no input-output table."""
    flows = np.ascontiguousarray(Z, dtype=np.float64)
    output = np.asarray(X, dtype=np.float64)
    if flows.ndim != 2 or flows.shape[0] != flows.shape[1] or not flows.size:
        raise ValueError(f"Z must be a square matrix, got shape {flows.shape}")
    if output.shape != flows.shape[:1]:
        raise ValueError(f"X must have shape {flows.shape[:1]}, got {output.shape}")
    for name, array in (("Z", flows), ("X", output)):
        # The minimum of an array with NaN is NaN: one pass for both checks, no temporary.
        low, high = float(array.min()), float(array.max())
        if not np.isfinite(low) or not np.isfinite(high):
            raise ValueError(f"{name} holds NaN or infinity: fill in or leave out what was not observed")
        if low < 0:
            raise ValueError(f"{name} must not be negative, its least value is {low:g}")
    idle = np.flatnonzero(output == 0)
    busy = idle[(flows[:, idle].sum(axis=0) > 0) | (flows[idle].sum(axis=1) > 0)]
    if len(busy):
        raise ValueError(f"X is zero for industry {busy[0]}, but Z has flows of it")
    return flows, output


def _check_productive(inverse: FloatArray, flows: FloatArray, output: FloatArray, info: int) -> None:
    """Refuse an inverse with negative cells, or one that fails the identity v B = 1."""
    low = float(inverse.min())
    if info > 0 or not np.isfinite(low):
        raise ValueError("Z is singular: some industries need their own output in full")
    # Rounding leaves cells slightly below zero where the true cell is nil.
    if low < -1e-9 * float(inverse.max()):
        raise ValueError("Z is not productive: making one unit of some output needs more than one unit of it")
    miss = float(np.abs(shares_of(flows, output) @ inverse - 1.0).max())
    if not miss < IDENTITY:
        raise ValueError(f"Z is singular to working precision: column sums of v B miss one by {miss:.1g}")
