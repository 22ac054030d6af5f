"""Conjugate gradients for several right-hand sides of one positive semi-definite system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Tolerance = float | FloatArray
# A direction along which A is smaller than this share of its diagonal lies in the null space.
NULL = 1e-14
SINGLE_NULL = 1e-5
# What a solve in single precision promises to leave, and its aim, below that as its residuals drift.
PROMISE = 1e-4
MARGIN = 0.3
# Most iterations of such a solve, and most solves.
SINGLE_LIMIT = 60
ROUNDS = 8
Operator = Callable[[FloatArray], FloatArray]


def conjugate_gradients(
    product: Operator,
    precondition: Operator,
    diagonal: FloatArray,
    target: FloatArray,
    start: FloatArray | None,
    tolerance: Tolerance,
    limit: int = 2000,
    null: float = NULL,
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
    null : float
        Share of the diagonal below which a direction counts as one of the null space.

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
        real = curvature > null * np.einsum("ml,ml,l->m", direction, direction, diagonal)
        length = np.where(real, size / np.where(real, curvature, 1.0), 0.0)
        solution[rows] += length[:, None] * direction
        residual = residual - length[:, None] * image
        z = precondition(residual)
        fresh = _dots(residual, z)
        direction = z + (fresh / size)[:, None] * direction
        size = np.where(real, fresh, 0.0)
    return solution, limit


@dataclass(frozen=True, slots=True)
class System:
    """A system to solve: ``product``, ``precondition`` and ``diagonal`` of `conjugate_gradients`."""

    product: Operator
    precondition: Operator
    diagonal: FloatArray
    null: float = NULL

    def norms(self, residual: FloatArray) -> FloatArray:
        """Return the preconditioned norm (m,) of each row of a residual (m, L)."""
        return np.asarray(np.sqrt(_dots(residual, self.precondition(residual))))


def refined(
    exact: System, single: System | None, target: FloatArray, start: FloatArray | None, tolerance: Tolerance
) -> tuple[FloatArray, int]:
    """Solve as `conjugate_gradients` does, by corrections that are found in single precision.

    Residuals are in double precision, so the solution is as good. Where a correction brings less than it
    promises, what is left is solved in double precision.

    Parameters
    ----------
    exact, single : System
        The same system in double and in single precision; None where single precision does not do.
    target, start, tolerance
        As in `conjugate_gradients`.

    Returns
    -------
    (ndarray, int)
        Solutions and the iterations used.
    """
    used = 0
    if single is not None:
        start, used, done = _corrected(exact, single, target, start, tolerance)
        if done:
            return start, used
    found, more = conjugate_gradients(
        exact.product, exact.precondition, exact.diagonal, target, start, tolerance
    )
    return found, used + more


def _corrected(
    exact: System, single: System, target: FloatArray, start: FloatArray | None, tolerance: Tolerance
) -> tuple[FloatArray, int, bool]:
    """Return how far corrections in single precision come, their iterations and whether that is all."""
    solution = np.zeros_like(target) if start is None else start
    residual = target if start is None else target - exact.product(start)
    aim = tolerance * exact.norms(target)
    left, used = exact.norms(residual), 0
    for _ in range(ROUNDS):
        if (left <= aim).all():
            return solution, used, True
        unit = np.where(left > 0, left, 1.0)
        share = np.clip(aim / unit, PROMISE, 1.0)
        small: NDArray[Any] = (residual / unit[:, None]).astype(np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            step, more = conjugate_gradients(
                single.product, single.precondition, single.diagonal,
                small, None, MARGIN * share, SINGLE_LIMIT, single.null,
            )  # fmt: skip
        used += more
        correction = step * unit[:, None]
        residual = residual - exact.product(correction)
        before, left = left, exact.norms(residual)
        if not (left <= np.maximum(2 * share * before, aim)).all():
            break
        solution = solution + correction
    return solution, used, False


def _dots(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ml,ml->m", left, right))
