"""Conjugate gradients for several right-hand sides of one positive semi-definite system."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Tolerance = float | FloatArray
# A direction along which A is smaller than this share of its diagonal lies in the null space.
NULL = 1e-14
Operator = Callable[[FloatArray], FloatArray]


def conjugate_gradients(
    product: Operator,
    precondition: Operator,
    diagonal: FloatArray,
    target: FloatArray,
    start: FloatArray | None,
    tolerance: Tolerance,
    limit: int = 2000,
) -> tuple[FloatArray, int]:
    """Solve ``A v = target`` row by row, all rows in one product per iteration.

    Parameters
    ----------
    product, precondition : callable
        Map (m, L) to (m, L). The system may be singular as long as it is consistent.
    diagonal : ndarray, shape (L,)
        What is small is measured by it: the diagonal of A or larger.
    target : ndarray, shape (m, L)
        Right-hand sides.
    start : ndarray, shape (m, L), optional
        First guess.
    tolerance : float or ndarray, shape (m,)
        Stop a row when its preconditioned residual norm is this share of that of its right-hand side.
    limit : int
        Most iterations; a row that stops improving for 100 of them is left where it was best.

    Returns
    -------
    (ndarray, int)
        Solutions and the iterations used.
    """
    solution = np.zeros_like(target) if start is None else start.copy()
    residual = target if start is None else target - product(start)
    aim = np.square(tolerance) * _dots(target, precondition(target))
    rows = np.arange(len(target))
    best, best_at = np.full(len(target), np.inf), np.zeros(len(target), dtype=np.intp)
    z = precondition(residual)
    size = _dots(residual, z)
    direction = z
    for iteration in range(limit):
        improved = size < 0.81 * best[rows]
        best[rows[improved]], best_at[rows[improved]] = size[improved], iteration
        # Rounding alone moves a row that stalls or that climbs far above its best.
        going = (size > aim[rows]) & (size > 1e-300)
        going &= (iteration - best_at[rows] < 100) & (size < 1e6 * best[rows])
        if not going.all():
            rows, size, direction, residual = rows[going], size[going], direction[going], residual[going]
        if rows.size == 0:
            return solution, iteration
        image = product(direction)
        curvature = _dots(direction, image)
        # Rounding puts residuals into the null space, where any step is one to nowhere.
        real = curvature > NULL * np.einsum("ml,ml,l->m", direction, direction, diagonal)
        length = np.where(real, size / np.where(real, curvature, 1.0), 0.0)
        solution[rows] += length[:, None] * direction
        residual = residual - length[:, None] * image
        z = precondition(residual)
        fresh = _dots(residual, z)
        direction = z + (fresh / size)[:, None] * direction
        size = np.where(real, fresh, 0.0)
    return solution, limit


def _dots(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ml,ml->m", left, right))
