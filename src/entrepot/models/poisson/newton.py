"""Inexact Newton iterations for Poisson regression with fixed effects."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.layout import PIECE, Layout

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

SWEEPS = 8
# The first sweeps end where none changes a group by more than this share.
CLOSE = 0.1
POLISH = 2
LAST_SWEEPS = 20
SCORE = 1e-8


# Fitted values below this (in units of the mean of y) weigh as much: sums of still smaller ones underflow.
FLOOR = 1e-100
LARGEST = 500.0
# A step of a coefficient that an exact projection still asks for, in standard deviations of its regressor.
LEFT = 1e-8
# How large the error of a regressor's projection may be beside what the projection leaves.
SLACK = 0.1
# A regressor of which this share is left by the projection is identified beyond doubt.
PLAIN = 0.03
# Steps after which zero rows that still fall steeply are looked into.
EARLY = 4
# How far above -1 Newton's relative change of a zero row must stay to prove that nothing is separated.
MARGIN = 0.05


class Unproved(Exception):
    """The iterations alone do not prove that every regressor is identified and no row separated."""


class NotConverged(RuntimeError):
    """The score equations were not reached; the message says how far the iterations came."""


@dataclass(slots=True)
class State:
    """Where the iterations stand; y and x scaled, levels of all fixed effects one after another.

    ``fitted`` is the weighted mean, w exp(eta), and ``linear`` the sum of w y eta.
    """

    beta: FloatArray
    levels: FloatArray
    eta: FloatArray
    fitted: FloatArray
    linear: float
    deviance: float


@dataclass(slots=True)
class Problem:
    """Layout, y (n,), weights (n,), regressors (k, n) and offset (n,), scaled.

    y has a positive sum in each group. ``goal`` is the weighted y, ``totals`` its sums by group, ``reach``
    (k,) the sums of |x| times it, and ``saturated`` the part of the deviance that no estimate changes.
    """

    layout: Layout
    y: FloatArray
    weights: FloatArray
    x: FloatArray
    offset: FloatArray | None = None
    goal: FloatArray = field(init=False)
    totals: list[FloatArray] = field(init=False)
    saturated: float = field(init=False)
    reach: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        self.goal = self.weights * self.y
        self.totals = [self.layout.sums_of(k, self.goal) for k in range(len(self.layout.sizes))]
        self.reach, self.saturated = np.zeros(len(self.x)), -float(self.goal.sum())
        for at in pieces(self.x):
            logs = np.log(np.maximum(self.y[at], np.finfo(float).tiny))
            self.saturated += float(self.goal[at] @ logs)
            self.reach += np.abs(self.x[:, at]) @ self.goal[at]


@dataclass(frozen=True, slots=True)
class Weighted:
    """The weighted least squares of a Newton step, all but their solution.

    Attributes
    ----------
    weights : ndarray, shape (n,)
        Fitted values, none so small that sums of them underflow.
    fitted : ndarray, shape (n,)
        Fitted values.
    sums : ndarray, shape (k + 1, L)
        Sums by group of the regressors times the weights, and of the residual.
    norms : ndarray, shape (k,)
        Weighted norms of the regressors.
    score : float
        Largest score over its scale: a group's is its sum of y + mu, a regressor's the sum of |x| (y + mu).
    """

    weights: FloatArray
    fitted: FloatArray
    sums: FloatArray
    norms: FloatArray
    score: float


@dataclass(frozen=True, slots=True)
class Solution:
    """Final state, projected regressors (k, n), outer iterations and the largest relative score."""

    state: State
    projected: FloatArray
    iterations: int
    score: float


def solve(problem: Problem, warm: FloatArray | None, tolerance: float, limit: int) -> Solution:
    """Maximise the Poisson likelihood.

    Parameters
    ----------
    problem : Problem
        The data.
    warm : ndarray, shape (k, L), or None
        First guess of the regressors' fixed-effect parts, as `identify.identified` leaves it. None where
        nothing is known of separation and identification: the iterations are then to prove both.
    tolerance : float
        Largest change of a coefficient, in standard deviations of its regressor, that counts as none.
    limit : int
        Most iterations.

    Raises
    ------
    NotConverged
        If the largest relative score stays above 1e-8.
    Unproved
        If ``warm`` is None and there is doubt; more is known then only by a closer look.
    """
    state, doubt = balanced(problem), PLAIN if warm is None else 0.0
    parts = np.zeros((len(problem.x), state.levels.size)) if warm is None else warm
    inner, exactness = 1e-2, 1.0
    weighted = weighted_at(problem, state)
    for iteration in range(1, limit + 1):
        direction, parts = newton_direction(problem, weighted, parts, inner, doubt)
        before, used = weighted, inner
        if warm is None and iteration >= EARLY and direction.eta[zero_rows(problem)].min(initial=0.0) < -0.5:
            raise Unproved
        state, length = line_search(problem, state, direction)
        state = rescaled(problem, state, POLISH)
        change = float(np.abs(length * direction.beta).max(initial=0.0)) if length else 0.0
        weighted = weighted_at(problem, state)
        if change <= tolerance and weighted.score > 0.9 * SCORE:
            # Only groups far smaller than the rest are left.
            state = rescaled(problem, state, LAST_SWEEPS)
            weighted = weighted_at(problem, state)
        # A step that was solved to `inner` leaves about that share of itself to go.
        if inner * change <= tolerance and weighted.score <= 0.9 * SCORE:
            if warm is None and not overlapping(problem, before, direction, used):
                raise Unproved
            if weighted.score > 0.01 * SCORE:
                state = rescaled(problem, state, POLISH)
                weighted = weighted_at(problem, state)
            projected, parts, step = _finished(problem, weighted, parts, doubt)
            left = float(np.abs(step).max(initial=0.0))
            if left <= (LEFT if change <= tolerance else 0.01 * tolerance):
                return Solution(_moved(state, step, projected, parts), projected, iteration, weighted.score)
            exactness *= 1e-3 if change <= tolerance else 1.0
        # Solves need to be exact only where the steps converge quadratically.
        inner = exactness * min(max(0.5 * (weighted.score / before.score) ** 2, 1e-4), 1e-2)
        if not length:
            break
    if warm is None:
        raise Unproved
    projected, parts, step = _finished(problem, weighted, parts)
    score, change = weighted.score, float(np.abs(step).max(initial=0.0))
    if score > SCORE or change > LEFT:
        raise NotConverged(
            f"no convergence after {iteration} iterations: largest relative score {score:.1e}, next change "
            f"of a standardised coefficient {change:.1e}"
        )
    return Solution(state, projected, iteration, score)


def _finished(
    problem: Problem, weighted: Weighted, parts: FloatArray, doubt: float = 0.0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Project the regressors exactly; return them, their parts and the step (k,) that is still to go.

    Exact projections make that step independent of the errors of all fixed effects.
    """
    problem.layout.weigh(weighted.weights)
    if len(problem.x) == 0:
        return problem.x, parts, np.empty(0)
    projected = np.empty_like(problem.x)
    parts, gram, right = _projected(problem, weighted, parts, 1e-10, doubt, projected)
    return projected, parts, _coefficients(gram, right)


def _moved(state: State, step: FloatArray, projected: FloatArray, parts: FloatArray) -> State:
    """Take the last step of the coefficients, too small to move the fitted values that sums are made of."""
    return replace(
        state, beta=state.beta + step, levels=state.levels - step @ parts, eta=state.eta + step @ projected
    )


def _projected(
    problem: Problem,
    weighted: Weighted,
    parts: FloatArray,
    tolerance: float,
    doubt: float = 0.0,
    projected: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return parts of the regressors, exact beside what they leave, and the normal equations of what is left.

    Raises
    ------
    Unproved
        If less than ``doubt`` is left of a regressor, or of some combination of them.
    """
    for _ in range(3):
        parts = problem.layout.solve(weighted.sums[: len(problem.x)], parts, tolerance)
        gram, right = _normal_equations(problem, weighted, parts, projected)
        least = _least_share(gram, weighted.norms)
        if least < doubt:
            raise Unproved
        if tolerance <= SLACK * least:
            break
        tolerance = max(0.3 * SLACK * least, 1e-13)
    return parts, gram, right


def _normal_equations(
    problem: Problem, weighted: Weighted, levels: FloatArray, projected: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return Gram matrix (k, k) and right-hand side (k,) of the regressors less the levels that they have.

    Levels beyond those of the regressors, (k + 1, L), are those of the residual. What is left of the
    regressors goes into ``projected`` (k, n) where it is given.
    """
    k = len(problem.x)
    gram, right = np.zeros((k, k)), np.zeros(k)
    for at in problem.layout.pieces(2 * k + 1):
        rows = problem.layout.spread(levels, at)
        into = rows[:k] if projected is None else projected[:, at]
        left = np.subtract(problem.x[:, at], rows[:k], out=into)
        heavy = left * weighted.weights[at]
        gram += heavy @ left.T
        right += left @ (problem.goal[at] - weighted.fitted[at])
        if len(rows) > k:
            right -= heavy @ rows[k]
    return gram, right


def gram_of(projected: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted cross products of rows (k, n), a piece at a time, which stays in the cache."""
    gram = np.zeros((len(projected), len(projected)))
    for at in pieces(projected):
        gram += (projected[:, at] * weights[at]) @ projected[:, at].T
    return gram


def pieces(rows: FloatArray) -> list[slice]:
    """Return slices of rows (k, n) that stay in the cache from one use to the next."""
    step = max(PIECE // max(len(rows), 1), 1024)
    return [slice(start, start + step) for start in range(0, rows.shape[1], step)]


def _least_share(gram: FloatArray, size: FloatArray) -> float:
    """Return how much of some combination of the regressors the projection leaves at least."""
    size = np.where(size > 0, size, 1.0)
    values = np.linalg.eigvalsh(gram / size / size[:, None])
    return float(np.sqrt(max(values[0], 1e-24)))


def _coefficients(gram: FloatArray, right: FloatArray) -> FloatArray:
    """Solve the normal equations in units in which every regressor counts the same."""
    unit = np.sqrt(np.diagonal(gram))
    unit = np.where(unit > 0, unit, 1.0)
    scaled = gram / unit / unit[:, None]
    return np.asarray(np.linalg.lstsq(scaled, right / unit, rcond=1e-15)[0] / unit)


def balanced(problem: Problem) -> State:
    """Fit the fixed effects alone, in part, by scaling each group to its total (beta = 0)."""
    levels = np.zeros(sum(problem.layout.sizes))
    eta = np.zeros_like(problem.y) if problem.offset is None else problem.offset
    return rescaled(problem, state_at(problem, np.zeros(len(problem.x)), levels, eta), SWEEPS, CLOSE)


def state_at(
    problem: Problem, beta: FloatArray, levels: FloatArray, eta: FloatArray, step: FloatArray | float = 0.0
) -> State:
    """Return the state at a linear index plus a step, deviance ``2 sum w (y log(y / mu) - y + mu)``."""
    moved, fitted = np.empty((2, eta.size))
    np.add(eta, step, out=moved)
    linear, total = 0.0, 0.0
    for at in pieces(eta[None]):
        # Cells without a row may have any index.
        part = np.minimum(moved[at], LARGEST, out=fitted[at])
        np.exp(part, out=part)
        part *= problem.weights[at]
        total += float(part.sum())
        linear += float(problem.goal[at] @ moved[at])
    return State(beta, levels, moved, fitted, linear, 2 * (problem.saturated + total - linear))


def rescaled(problem: Problem, state: State, sweeps: int, enough: float = 0.0) -> State:
    """Scale each group in turn to its total, which raises the likelihood at given coefficients.

    Groups far smaller than the rest hardly enter the norm that conjugate gradients reduce; this sets them.
    Sweeps end early when none changes a group by more than ``enough``, a share of its total. The arrays of
    the state given are used up.
    """
    layout = problem.layout
    factors = [np.ones(size) for size in layout.sizes]
    fitted, eta = state.fitted, state.eta
    for _ in range(sweeps if len(factors) > 1 else 1):
        change = 0.0
        for k, total in enumerate(problem.totals):
            now = layout.sums_of(k, fitted)
            ratio = np.where(now > 0, total / np.where(now > 0, now, 1.0), 1.0)
            factors[k] *= ratio
            layout.scale(k, ratio, fitted)
            change = max(change, float(ratio.max()) - 1, 1 - float(ratio.min()))
        if change < enough:
            break
    shift = np.log(np.concatenate(factors))
    for at in layout.pieces(1):
        eta[at] += layout.spread(shift[None], at)[0]
    linear = state.linear + float(np.concatenate(problem.totals) @ shift)
    loss = 2 * (problem.saturated + float(fitted.sum()) - linear)
    return State(state.beta, state.levels + shift, eta, fitted, linear, loss)


@dataclass(frozen=True, slots=True)
class Direction:
    """Newton's change of the coefficients, the levels and the linear index."""

    beta: FloatArray
    levels: FloatArray
    eta: FloatArray


def newton_direction(
    problem: Problem, weighted: Weighted, parts: FloatArray, tolerance: float, doubt: float = 0.0
) -> tuple[Direction, FloatArray]:
    """Solve the weighted least squares of (y - mu)/mu on the regressors and the fixed effects.

    Raises
    ------
    Unproved
        If less than ``doubt`` is left of a regressor, or of some combination of them.
    """
    layout, k = problem.layout, len(problem.x)
    layout.weigh(weighted.weights)
    start = np.concatenate([parts, np.zeros((1, parts.shape[1]))]) if parts.any() else None
    levels = layout.solve(weighted.sums, start, tolerance)
    gram, right = _normal_equations(problem, weighted, levels)
    if k:
        least = _least_share(gram, weighted.norms)
        if least < doubt:
            raise Unproved
        if tolerance > SLACK * least:
            aim = max(0.3 * SLACK * least, 1e-13)
            levels[:k] = _projected(problem, weighted, levels[:k], aim)[0]
            gram, right = _normal_equations(problem, weighted, levels)
    beta = _coefficients(gram, right)
    change = levels[k] - beta @ levels[:k]
    eta = np.empty_like(problem.y)
    for at in layout.pieces(k + 1):
        layout.spread(change[None], at, eta[None, at])
        eta[at] += beta @ problem.x[:, at]
    return Direction(beta, change, eta), levels[:k]


def weighted_at(problem: Problem, state: State) -> Weighted:
    """Return the weighted least squares of the Newton step from a state, in one pass over the data."""
    layout, x, k = problem.layout, problem.x, len(problem.x)
    low = any((state.fitted[at] < FLOOR * problem.weights[at]).any() for at in layout.pieces(2))
    weights = np.maximum(state.fitted, FLOOR * problem.weights) if low else state.fitted
    sums = np.zeros((k + 1, state.levels.size))
    squares, off, reach = np.zeros(k), np.zeros(k), problem.reach.copy()
    for at in layout.pieces(k + 1):
        target = np.empty((k + 1, weights[at].size))
        np.multiply(x[:, at], weights[at], out=target[:k])
        np.subtract(problem.goal[at], state.fitted[at], out=target[k])
        layout.gather(target, at, sums)
        squares += np.einsum("kn,kn->k", x[:, at], target[:k])
        off += x[:, at] @ target[k]
        reach += np.abs(target[:k], out=target[:k]).sum(axis=1)
    # A group's sum of mu is that of y less that of the residual.
    scale = 2 * np.concatenate(problem.totals) - sums[k]
    off, scale = np.abs(np.concatenate([off, sums[k]])), np.concatenate([reach, scale])
    score = float((off / np.where(scale > 0, scale, 1.0)).max())
    return Weighted(weights, state.fitted, sums, np.sqrt(squares), score)


def zero_rows(problem: Problem) -> IntArray:
    """Return the rows with y = 0; cells of weight 0 are none."""
    return np.flatnonzero((problem.weights > 0) & (problem.y == 0))


def overlapping(problem: Problem, weighted: Weighted, direction: Direction, tolerance: float) -> bool:
    """Whether a Newton step proves that nothing is separated (see `overlap`).

    1 + e must be positive on all zero rows by more than the error of the solves can be on any of them.
    """
    zero, eta = zero_rows(problem), direction.eta
    if float(eta[zero].min(initial=0.0)) <= MARGIN - 1:
        return False
    energy = float(np.sqrt(weighted.weights @ np.square(eta)) + np.abs(direction.beta) @ weighted.norms)
    error = 3 * tolerance * energy / np.sqrt(weighted.weights[zero])
    return bool((eta[zero] - error).min(initial=0.0) > MARGIN - 1)


def line_search(problem: Problem, state: State, direction: Direction) -> tuple[State, float]:
    """Go along the direction, halving until the deviance does not rise; length 0 where nothing helps."""
    slack = 1e-12 * (abs(state.deviance) + float(problem.totals[0].sum()))
    length = 1.0
    for _ in range(40):
        beta, levels = state.beta + length * direction.beta, state.levels + length * direction.levels
        step = direction.eta if length == 1 else length * direction.eta
        found = state_at(problem, beta, levels, state.eta, step)
        if found.deviance <= state.deviance + slack:
            return found, length
        length /= 2
    return replace(state, eta=state.eta.copy(), fitted=state.fitted.copy()), 0.0


def deviance(y: FloatArray, mu: FloatArray, weights: FloatArray) -> float:
    """Return ``2 sum w (y log(y / mu) - y + mu)``; infinite where mu overflows or vanishes beside y > 0."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        # Where y is 0 the logarithm counts nothing, as long as it is finite.
        logs = np.log(np.maximum(y / mu, np.finfo(float).tiny))
        total = 2 * float(weights @ (y * logs - y + mu))
    return total if np.isfinite(total) else float("inf")
