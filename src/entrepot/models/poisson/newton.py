"""Inexact Newton iterations for Poisson regression with fixed effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.layout import Layout

FloatArray = NDArray[np.float64]

SWEEPS = 8
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
PIECE = 16_384


class NotConverged(RuntimeError):
    """The score equations were not reached; the message says how far the iterations came."""


@dataclass(slots=True)
class State:
    """Where the iterations stand; y and x scaled, levels of all fixed effects one after another."""

    beta: FloatArray
    levels: FloatArray
    eta: FloatArray
    mu: FloatArray
    deviance: float


@dataclass(frozen=True, slots=True)
class Problem:
    """Layout, y (n,), weights (n,), regressors (k, n) and offset (n,), scaled.

    y has a positive sum in each group.
    """

    layout: Layout
    y: FloatArray
    weights: FloatArray
    x: FloatArray
    offset: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """Final state, projected regressors (k, n), outer iterations and the largest relative score."""

    state: State
    projected: FloatArray
    iterations: int
    score: float


def solve(problem: Problem, warm: FloatArray, tolerance: float, limit: int) -> Solution:
    """Maximise the Poisson likelihood.

    Parameters
    ----------
    problem : Problem
        The data.
    warm : ndarray, shape (k, L)
        First guess of the regressors' fixed-effect parts.
    tolerance : float
        Largest change of a coefficient, in standard deviations of its regressor, that counts as none.
    limit : int
        Most iterations.

    Raises
    ------
    NotConverged
        If the largest relative score stays above 1e-8.
    """
    state = balanced(problem)
    parts, inner, exactness = warm, 1e-2, 1.0
    score = relative_score(problem, state)
    for iteration in range(1, limit + 1):
        direction, parts = newton_direction(problem, state, parts, inner)
        state, length = line_search(problem, state, direction)
        state = rescaled(problem, state, POLISH)
        change = float(np.abs(length * direction.beta).max(initial=0.0)) if length else 0.0
        last, score = score, relative_score(problem, state)
        if change <= tolerance and score > 0.9 * SCORE:
            # Only groups far smaller than the rest are left.
            state = rescaled(problem, state, LAST_SWEEPS)
            score = relative_score(problem, state)
        if change <= tolerance and score <= 0.9 * SCORE:
            projected, parts, change = _finished(problem, state, parts)
            if change <= LEFT:
                return Solution(state, projected, iteration, score)
            exactness = 1e-3 * exactness
        # Solves need to be exact only where the steps converge quadratically.
        inner = exactness * min(max(0.5 * (score / last) ** 2, 1e-4), 1e-2)
        if not length:
            break
    projected, parts, change = _finished(problem, state, parts)
    if score > SCORE or change > LEFT:
        raise NotConverged(
            f"no convergence after {iteration} iterations: largest relative score {score:.1e}, next change "
            f"of a standardised coefficient {change:.1e}"
        )
    return Solution(state, projected, iteration, score)


def _finished(problem: Problem, state: State, parts: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Project the regressors exactly; return them, their parts and the largest step that is still to go.

    Exact projections make that step independent of the errors of all fixed effects.
    """
    weighted = problem.weights * np.maximum(state.mu, FLOOR)
    problem.layout.weigh(weighted)
    if len(problem.x) == 0:
        return problem.x, parts, 0.0
    projected, gram, parts = _projected(problem, weighted, parts, problem.x * weighted, 1e-10)
    step = _coefficients(gram, projected @ (problem.weights * (problem.y - state.mu)))
    return projected, parts, float(np.abs(step).max())


def _projected(
    problem: Problem, weighted: FloatArray, parts: FloatArray, target: FloatArray, tolerance: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the projected regressors, their Gram matrix and parts, exact beside what is left of them."""
    size = np.sqrt(np.einsum("kn,kn->k", problem.x, target))
    for _ in range(3):
        parts = problem.layout.solve(target, parts, tolerance)
        spread = problem.layout.spread(parts)
        projected = np.subtract(problem.x, spread, out=spread)
        gram = _gram(projected, weighted)
        least = _least_share(gram, size)
        if tolerance <= SLACK * least:
            break
        tolerance = max(0.3 * SLACK * least, 1e-13)
    return projected, gram, parts


def _gram(projected: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted cross products of rows (k, n), a piece at a time, which stays in the cache."""
    gram = np.zeros((len(projected), len(projected)))
    for start in range(0, weights.size, PIECE):
        piece = projected[:, start : start + PIECE]
        gram += (piece * weights[start : start + PIECE]) @ piece.T
    return gram


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
    state = State(np.zeros(len(problem.x)), levels, eta, np.exp(eta), float("inf"))
    return rescaled(problem, state, SWEEPS)


def rescaled(problem: Problem, state: State, sweeps: int) -> State:
    """Scale each group in turn to its total, which raises the likelihood at given coefficients.

    Groups far smaller than the rest hardly enter the norm that conjugate gradients reduce; this sets them.
    """
    layout, goal = problem.layout, problem.weights * problem.y
    totals = [layout.sums_of(k, goal) for k in range(len(layout.sizes))]
    factors = [np.ones(size) for size in layout.sizes]
    weighted = problem.weights * state.mu
    for _ in range(sweeps if len(totals) > 1 else 1):
        for k, total in enumerate(totals):
            now = layout.sums_of(k, weighted)
            ratio = np.where(now > 0, total / np.where(now > 0, now, 1.0), 1.0)
            factors[k] *= ratio
            weighted *= layout.spread_of(k, ratio)
    shift = np.log(np.concatenate(factors))
    eta = state.eta + layout.spread(shift[None])[0]
    # Cells without a row may have any index.
    mu = np.exp(np.minimum(eta, LARGEST))
    return State(state.beta, state.levels + shift, eta, mu, deviance(problem.y, mu, problem.weights))


@dataclass(frozen=True, slots=True)
class Direction:
    """Newton's change of the coefficients, the levels and the linear index."""

    beta: FloatArray
    levels: FloatArray
    eta: FloatArray


def newton_direction(
    problem: Problem, state: State, parts: FloatArray, tolerance: float
) -> tuple[Direction, FloatArray]:
    """Solve the weighted least squares of (y - mu)/mu on the regressors and the fixed effects."""
    layout, k = problem.layout, len(problem.x)
    weighted = problem.weights * np.maximum(state.mu, FLOOR)
    residual = problem.weights * (problem.y - state.mu)
    layout.weigh(weighted)
    target = np.empty((k + 1, residual.size))
    np.multiply(problem.x, weighted, out=target[:k])
    target[k] = residual
    start = np.concatenate([parts, np.zeros((1, parts.shape[1]))])
    levels = layout.solve(target, start, tolerance)
    spread = layout.spread(levels)
    projected = np.subtract(problem.x, spread[:k], out=spread[:k])
    gram = _gram(projected, weighted)
    if k:
        size = np.sqrt(np.einsum("kn,kn->k", problem.x, target[:k]))
        least = _least_share(gram, size)
        if tolerance > SLACK * least:
            aim = max(0.3 * SLACK * least, 1e-13)
            projected, gram, levels[:k] = _projected(problem, weighted, levels[:k], target[:k], aim)
    beta = _coefficients(gram, projected @ (residual - weighted * spread[k]))
    eta = beta @ projected + spread[k]
    return Direction(beta, levels[k] - beta @ levels[:k], eta), levels[:k]


def line_search(problem: Problem, state: State, direction: Direction) -> tuple[State, float]:
    """Go along the direction, halving until the deviance does not rise; length 0 where nothing helps."""
    slack = 1e-12 * (abs(state.deviance) + float(problem.weights @ problem.y))
    length = 1.0
    for _ in range(40):
        eta = state.eta + length * direction.eta
        with np.errstate(over="ignore", under="ignore"):
            mu = np.exp(eta)
        found = deviance(problem.y, mu, problem.weights)
        if found <= state.deviance + slack:
            beta = state.beta + length * direction.beta
            return State(beta, state.levels + length * direction.levels, eta, mu, found), length
        length /= 2
    return state, 0.0


def deviance(y: FloatArray, mu: FloatArray, weights: FloatArray) -> float:
    """Return ``2 sum w (y log(y / mu) - y + mu)``; infinite where mu overflows or vanishes beside y > 0."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        ratio = np.where(y > 0, y, 1.0) / np.where(y > 0, mu, 1.0)
        total = 2 * float(weights @ (y * np.log(ratio) - y + mu))
    return total if np.isfinite(total) else float("inf")


def relative_score(problem: Problem, state: State) -> float:
    """Return the largest score over its scale.

    A group's scale is its sum of y + mu, a regressor's is the sum of |x| (y + mu).
    """
    residual = problem.weights * (problem.y - state.mu)
    size = problem.weights * (problem.y + state.mu)
    worst = 0.0
    for k in range(len(problem.layout.sizes)):
        scale = problem.layout.sums_of(k, size)
        off = np.abs(problem.layout.sums_of(k, residual))
        worst = max(worst, float((off / np.where(scale > 0, scale, 1.0)).max(initial=0.0)))
    if len(problem.x):
        scale = np.array([np.abs(row) @ size for row in problem.x])
        worst = max(worst, float((np.abs(problem.x @ residual) / np.where(scale > 0, scale, 1.0)).max()))
    return worst
