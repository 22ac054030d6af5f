"""Inexact Newton iterations for Poisson regression with fixed effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.layout import Layout

FloatArray = NDArray[np.float64]

SWEEPS = 20
POLISH = 2
SCORE = 1e-8


# Fitted values below this (in units of the mean of y) weigh as much: sums of still smaller ones underflow.
FLOOR = 1e-100


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
    """Layout, y (n,), weights (n,) and regressors (k, n), scaled; y has a positive sum in each group."""

    layout: Layout
    y: FloatArray
    weights: FloatArray
    x: FloatArray


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
    state = _balanced(problem)
    change, parts = 0.1, warm
    score = relative_score(problem, state)
    for iteration in range(1, limit + 1):
        inner = max(min(0.1 * change, 1e-2), 0.01 * tolerance)
        direction, parts = _direction(problem, state, parts, inner)
        state, length = _step(problem, state, direction)
        state = _scaled(problem, state, POLISH)
        change = float(np.abs(length * direction.beta).max(initial=0.0)) if length else 0.0
        last, score = score, relative_score(problem, state)
        # Close to the end, scores below the aim move by rounding only.
        if change <= tolerance and (score <= tolerance or (score <= 0.1 * SCORE and score > 0.5 * last)):
            return _finished(problem, state, parts, iteration, score)
        change = max(change, score)
        if not length:
            break
    if score > SCORE or change > 1e-7:
        raise NotConverged(
            f"no convergence after {iteration} iterations: largest relative score {score:.1e}, last change "
            f"of a standardised coefficient {change:.1e}"
        )
    return _finished(problem, state, parts, iteration, score)


def _finished(problem: Problem, state: State, parts: FloatArray, iteration: int, score: float) -> Solution:
    weighted = problem.weights * np.maximum(state.mu, FLOOR)
    problem.layout.weigh(weighted)
    if len(problem.x) == 0:
        return Solution(state, problem.x, iteration, score)
    parts = problem.layout.solve(problem.x * weighted, parts, 1e-12)
    return Solution(state, problem.x - problem.layout.spread(parts), iteration, score)


def _balanced(problem: Problem) -> State:
    """Fit the fixed effects alone, in part, by scaling each group to its total (beta = 0)."""
    levels, eta = np.zeros(sum(problem.layout.sizes)), np.zeros_like(problem.y)
    state = State(np.zeros(len(problem.x)), levels, eta, np.ones_like(eta), float("inf"))
    return _scaled(problem, state, SWEEPS)


def _scaled(problem: Problem, state: State, sweeps: int) -> State:
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
    mu = np.exp(eta)
    return State(state.beta, state.levels + shift, eta, mu, deviance(problem.y, mu, problem.weights))


@dataclass(frozen=True, slots=True)
class Direction:
    """Newton's change of the coefficients, the levels and the linear index."""

    beta: FloatArray
    levels: FloatArray
    eta: FloatArray


def _direction(
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
    # Errors of the two solves enter the coefficients as a product, so the regressors' may be the larger.
    aims = np.full(k + 1, max(tolerance, 1e-6))
    aims[k] = tolerance
    levels = layout.solve(target, start, aims)
    spread = layout.spread(levels)
    projected = np.subtract(problem.x, spread[:k], out=spread[:k])
    gram = np.multiply(projected, weighted, out=target[:k]) @ projected.T
    beta = np.linalg.lstsq(gram, projected @ (residual - weighted * spread[k]), rcond=1e-15)[0]
    eta = beta @ projected + spread[k]
    return Direction(beta, levels[k] - beta @ levels[:k], eta), levels[:k]


def _step(problem: Problem, state: State, direction: Direction) -> tuple[State, float]:
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

    A group's scale is its sum of y + mu, or the average group's where that is larger; a regressor's is the
    sum of |x| (y + mu).
    """
    residual = problem.weights * (problem.y - state.mu)
    size = problem.weights * (problem.y + state.mu)
    worst = 0.0
    for k in range(len(problem.layout.sizes)):
        scale = problem.layout.sums_of(k, size)
        off = np.abs(problem.layout.sums_of(k, residual))
        scale = np.maximum(scale, scale.sum() / max(np.count_nonzero(scale), 1))
        worst = max(worst, float((off / scale).max(initial=0.0)))
    if len(problem.x):
        scale = np.abs(problem.x) @ size
        worst = max(worst, float((np.abs(problem.x @ residual) / np.where(scale > 0, scale, 1.0)).max()))
    return worst
