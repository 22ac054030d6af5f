"""Decide which rows are separated by a Poisson regression of the indicator of y > 0.

Separation depends on where y is positive, not on how large it is. Newton's step for the indicator changes
the linear index by e with ``X'W = X'y`` for ``W = mu (1 + e)``. Along a separating direction z (0 where
y > 0, at least 0 elsewhere) ``sum of z mu (1 + e) = 0``: where 1 + e > 0 on every zero row, nothing is
separated, and that is a proof. Otherwise e tends to an integer -z on separated rows and to 0 on all others,
and a rounded z that lies in the space of regressors proves that the rows are separated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson import newton
from entrepot.models.poisson.identify import identified
from entrepot.models.poisson.layout import SparseLayout, sums_by_group

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

_TOLERANCE = 1e-3
# A rounded direction is in the space of regressors where no row is farther from it than this.
_MEMBER = 1e-8
_STEPS = 40


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of the zero rows.

    Attributes
    ----------
    direction : ndarray, shape (n,)
        A proved separating direction, positive on the rows that it separates, else zeros. More may be found
        once these rows are gone.
    complete : bool
        Whether it is proved that no other row is separated.
    suspects : ndarray of bool, shape (n,)
        Where nothing is proved: the rows among which separated ones are.
    """

    direction: FloatArray
    complete: bool
    suspects: BoolArray


def separated_rows(problem: newton.Problem, parts: FloatArray) -> Verdict:
    """Find separated rows, or prove that there are none.

    Parameters
    ----------
    problem : newton.Problem
        As for the regression; cells of weight 0 are not rows.
    parts : ndarray, shape (k, L)
        First guess of the regressors' fixed-effect parts.
    """
    there = problem.weights > 0
    positive = there & (problem.y > 0)
    zero = there & ~positive
    none, no_rows = np.zeros(zero.size), np.zeros(zero.size, dtype=np.bool_)
    if not zero.any():
        return Verdict(none, True, no_rows)
    indicator = newton.Problem(
        problem.layout, positive / positive.sum() * there.sum(), there.astype(np.float64), problem.x
    )
    state = newton.balanced(indicator)
    for step in range(_STEPS):
        weighted = newton.weighted_at(indicator, state)
        direction, parts = newton.newton_direction(indicator, weighted, parts, _TOLERANCE)
        if newton.overlapping(indicator, weighted, direction, _TOLERANCE):
            return Verdict(none, True, no_rows)
        suspects = zero & (direction.eta < -0.5)
        rest = float(np.abs(direction.eta[there & ~suspects]).max(initial=0.0))
        if step > 0 and rest < 0.3 and suspects.any():
            found = np.where(suspects, np.rint(-direction.eta), 0.0)
            if _member(indicator, found):
                return Verdict(found, False, suspects)
            if rest < 1e-3:
                return Verdict(none, False, zero & (direction.eta < -0.01))
        state, _ = newton.line_search(indicator, state, direction)
        state = newton.rescaled(indicator, state, newton.POLISH)
    return Verdict(none, False, zero)


def decide(positive: BoolArray, groups: tuple[IntArray, ...], x: FloatArray) -> Verdict:
    """Find separated rows of any sparse design; see `separated_rows`.

    Parameters
    ----------
    positive : ndarray of bool, shape (n,)
        Where y > 0; at least one row in each group.
    groups : tuple of ndarray of int, shape (n,)
        Codes of each fixed effect, contiguous from 0; at least one.
    x : ndarray, shape (n, k)
        Regressors of about unit size, centred.
    """
    layout, ones = SparseLayout(groups), np.ones(positive.size)
    columns = np.ascontiguousarray(x.T)
    keep, _, parts = identified(layout, columns, ones)
    return separated_rows(newton.Problem(layout, positive.astype(np.float64), ones, columns[keep]), parts)


def _member(problem: newton.Problem, direction: FloatArray) -> bool:
    """Whether a direction (n,) is a combination of the dummies and the regressors."""
    largest = float(np.abs(direction).max())
    left = _outside(problem, direction[None])
    if np.abs(left).max() <= _MEMBER * largest or not len(problem.x):
        return bool(np.abs(left).max() <= _MEMBER * largest)
    basis = _outside(problem, problem.x)
    scale = np.linalg.norm(basis, axis=1)
    basis = (basis / np.where(scale > 0, scale, 1.0)[:, None]).T
    left[0] -= basis @ np.linalg.lstsq(basis, left[0], rcond=1e-12)[0]
    return bool(np.abs(left).max() <= _MEMBER * largest)


def _outside(problem: newton.Problem, columns: FloatArray) -> FloatArray:
    """Return what the dummies leave of columns (m, n), unweighted."""
    layout, weights = problem.layout, problem.weights
    layout.weigh(weights)
    left = columns
    for tolerance in (1e-10, 1e-3):
        target = sums_by_group(layout, left * weights)
        left = left - layout.spread(layout.solve(target, None, tolerance))
    return left * weights
