"""Poisson regression with fixed effects and a lasso penalty.

The lasso minimises, over the coefficients and the fixed effects, which bear no penalty,

    sum_i (mu_i - y_i log mu_i) + lambda sum_k phi_k |beta_k|,    mu = exp(x beta + fixed effects).

Each step is a proximal Newton step: weighted least squares on projected variables, with the penalty, by
coordinate descent on the k x k moments. `entrepot.models.inference.plugin` has a penalty that theory sets.

References
----------
Breinlich, H., Corradi, V., Rocha, N., Ruta, M., Santos Silva, J. M. C., & Zylkin, T. (2021). Machine learning
in international trade research: evaluating the impact of trade agreements. World Bank Policy Research Working
Paper 9629. http://hdl.handle.net/10986/35451
Friedman, J., Hastie, T., & Tibshirani, R. (2010). Regularization paths for generalized linear models via
coordinate descent. Journal of Statistical Software, 33(1). https://doi.org/10.18637/jss.v033.i01
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inference.clusters import IntArray
from entrepot.models.inference.projection import Projector
from entrepot.models.poisson import NotConverged, fit

FloatArray = NDArray[np.float64]

# Share of a regressor's variation below which what is left is rounding.
_NOTHING_LEFT = 1e-7
# Error of a score that rounding accounts for, as a share of the sum of its absolute terms.
_ROUNDING = 1e-13
# Linear index below which the mean of y counts as no smaller: its inverse would overflow.
_LEAST = -700.0
_STEPS = 500


@dataclass(frozen=True, slots=True)
class LassoFit:
    """A penalised Poisson regression.

    Attributes
    ----------
    beta : ndarray, shape (k,)
        Coefficients, exactly 0 where not selected.
    selected, absorbed : tuple of int
        Columns with a coefficient, and columns that the fixed effects absorb.
    penalty : float
        lambda.
    loadings : ndarray, shape (k,)
        phi, 0 for an absorbed column.
    mu : ndarray, shape (n_kept,)
        Fitted means.
    kept : ndarray of bool, shape (n,)
        Rows in the regression.
    violation : float
        Largest violation of the optimality conditions, less rounding, relative to the penalty of the
        regressor and to the size of the group.
    iterations : int
        Newton steps.
    """

    beta: FloatArray
    selected: tuple[int, ...]
    absorbed: tuple[int, ...]
    penalty: float
    loadings: FloatArray
    mu: FloatArray
    kept: NDArray[np.bool_]
    violation: float
    iterations: int


def lasso(
    y: ArrayLike,
    x: ArrayLike,
    groups: Sequence[ArrayLike],
    penalty: float,
    loadings: ArrayLike | None = None,
    *,
    tolerance: float = 1e-10,
) -> LassoFit:
    """Fit a Poisson regression with fixed effects and the penalty ``penalty * sum(loadings * abs(beta))``.

    Rows that the fixed effects alone fit exactly are dropped, as in `entrepot.models.poisson.fit`. A
    regressor that separates rows has a finite coefficient, thanks to its penalty, so that its rows stay.

    Parameters
    ----------
    y : array_like, shape (n,)
        Outcome >= 0.
    x : array_like, shape (n, k)
        Regressors.
    groups : sequence of array_like of int, each of shape (n,)
        Codes of each fixed effect.
    penalty : float
        lambda >= 0, in units of the score of y. At 0 this is the regression without penalty, with a
        coefficient of 0 for regressors that are not identified.
    loadings : array_like, shape (k,), optional
        phi > 0; 1 where None.
    tolerance : float
        Largest relative violation of the optimality conditions.

    Returns
    -------
    LassoFit
        The estimates.

    Raises
    ------
    ValueError
        If an argument is malformed.
    NotConverged
        If the optimality conditions are not reached to 1e-8.

    Examples
    --------
    >>> y, x = [1.0, 4.0, 2.0, 6.0], [[0.0], [1.0], [0.0], [1.0]]
    >>> lasso(y, x, [], penalty=5.0).selected, lasso(y, x, [], penalty=1.0).selected
    ((), (0,))
    """
    regressors = regressor_matrix(x)
    phi = np.ones(regressors.shape[1]) if loadings is None else np.asarray(loadings, dtype=np.float64)
    if phi.shape != (regressors.shape[1],) or not np.isfinite(phi).all() or (phi <= 0).any():
        raise ValueError(f"loadings must be {regressors.shape[1]} positive numbers")
    if not (np.isfinite(penalty) and penalty >= 0):
        raise ValueError(f"penalty must be at least 0, got {penalty}")
    if penalty == 0:
        return _unpenalised(y, regressors, groups, phi)
    problem = Problem.start(y, regressors, groups)
    return solve(problem, penalty, phi, problem.first(), tolerance)[0]


@dataclass(frozen=True, slots=True)
class Problem:
    """Kept rows: y in units of its mean, regressors centred and scaled, the fit of the effects alone."""

    y: FloatArray
    x: FloatArray
    scale: FloatArray
    unit: float
    groups: tuple[IntArray, ...]
    projector: Projector
    mu: FloatArray
    kept: NDArray[np.bool_]
    absorbed: tuple[int, ...]

    @classmethod
    def start(cls, y: ArrayLike, x: FloatArray, groups: Sequence[ArrayLike]) -> Problem:
        """Fit the fixed effects alone and keep the rows that they do not fit exactly."""
        alone = fit(y, None, groups)
        if alone.kept.size != x.shape[0]:
            raise ValueError(f"x must have {alone.kept.size} rows, not {x.shape[0]}")
        kept, unit = alone.kept, float(alone.y.mean())
        codes = tuple(np.asarray(group)[kept].astype(np.intp) for group in groups)
        projector = Projector(codes, int(kept.sum()))
        centred = x[kept] - x[kept].mean(axis=0)
        deviation = centred.std(axis=0)
        flat = deviation <= 1e-13 * np.abs(x[kept]).max(axis=0, initial=0.0)
        scale = np.where(flat, 1.0, deviation)
        standard = np.where(flat, 0.0, centred / scale)
        mu = alone.mu / unit
        left = projector.residual(standard, mu)
        share = np.sqrt((mu @ left**2) / np.maximum(mu @ standard**2, 1e-300))
        absorbed = tuple(int(at) for at in np.flatnonzero(share <= _NOTHING_LEFT))
        return cls(alone.y / unit, standard, scale, unit, codes, projector, mu, kept, absorbed)

    def first(self) -> State:
        """Return the fixed effects alone."""
        return State(np.zeros(self.x.shape[1]), np.log(self.mu))


@dataclass(frozen=True, slots=True)
class State:
    """Coefficients of the scaled regressors and the linear index."""

    beta: FloatArray
    eta: FloatArray


def solve(
    problem: Problem, penalty: float, loadings: FloatArray, state: State, tolerance: float
) -> tuple[LassoFit, State]:
    """Go proximal Newton steps until the optimality conditions hold.

    Parameters
    ----------
    problem : Problem
        Data.
    penalty : float
        lambda > 0.
    loadings : ndarray, shape (k,)
        phi > 0.
    state : State
        Where to start.
    tolerance : float
        Largest relative violation.

    Returns
    -------
    (LassoFit, State)
        The estimates, and the state that the next penalty may start from.
    """
    bound = penalty * loadings / (problem.scale * problem.unit)
    levels, change = None, 0.1
    violation = best = np.inf
    iteration = 0
    while iteration < _STEPS:
        iteration += 1
        mu = np.exp(np.maximum(state.eta, _LEAST))
        # The last column is (y - mu) / mu, which a tiny mu makes too large to hold other than weighted.
        target = np.column_stack([problem.x * mu[:, None], problem.y - mu])
        # The errors of the two projections enter a step as a product: neither needs every digit.
        parts = problem.projector.parts(target, mu, levels, max(min(0.1 * change, 1e-3), 1e-7))
        levels = parts.levels
        # The last column's part shrinks to nothing: its last value would be a worse start than 0.
        levels[-1] = 0.0
        violation = _violation(problem, state, mu, bound)
        if violation <= tolerance or (best <= 1e-9 and violation > 0.5 * best):
            break
        best = min(best, violation)
        state, length, change = _step(problem, state, bound, parts.values, mu)
        if length == 0:
            break
        # Groups far smaller than the rest hardly enter the norm that the projection reduces; this sets them.
        mu = np.exp(np.maximum(state.eta, _LEAST))
        state = State(state.beta, state.eta + problem.projector.balance(problem.y, mu))
        change = min(change, violation)
    if violation > 1e-8:
        raise NotConverged(f"no convergence: optimality conditions of the lasso violated by {violation:.1e}")
    kept_phi = loadings.copy()
    kept_phi[list(problem.absorbed)] = 0.0
    answer = LassoFit(
        beta=state.beta / problem.scale,
        selected=tuple(int(at) for at in np.flatnonzero(state.beta)),
        absorbed=problem.absorbed,
        penalty=penalty,
        loadings=kept_phi,
        mu=np.exp(state.eta) * problem.unit,
        kept=problem.kept,
        violation=float(violation),
        iterations=iteration,
    )
    return answer, state


def _step(
    problem: Problem,
    state: State,
    bound: FloatArray,
    parts: FloatArray,
    mu: FloatArray,
) -> tuple[State, float, float]:
    """Go one Newton step, halved until the objective does not rise; its length and its largest change."""
    x_tilde = problem.x - parts[:, :-1]
    moments = x_tilde.T @ (mu[:, None] * x_tilde)
    free = np.ones(state.beta.size, dtype=np.bool_)
    free[list(problem.absorbed)] = False
    score = x_tilde.T @ (problem.y - mu)
    target = coordinate_descent(moments, moments @ state.beta + score, bound, state.beta, free)
    d_beta = target - state.beta
    d_eta = parts[:, -1] + x_tilde @ d_beta
    before = _objective(problem, state, bound)
    slack, length = 1e-12 * (abs(before) + float(problem.y.sum())), 1.0
    for _ in range(40):
        # At full length the zeros of the coordinate descent stay exact zeros.
        beta = target if length == 1.0 else state.beta + length * d_beta
        trial = State(beta, state.eta + length * d_eta)
        if _objective(problem, trial, bound) <= before + slack:
            return trial, length, float(length * np.abs(d_eta).max())
        length /= 2
    return state, 0.0, 0.0


def _objective(problem: Problem, state: State, bound: FloatArray) -> float:
    with np.errstate(over="ignore"):
        loss = np.exp(state.eta).sum() - problem.y @ state.eta
    return float(loss + bound @ np.abs(state.beta))


def _violation(problem: Problem, state: State, mu: FloatArray, bound: FloatArray) -> float:
    """Largest relative violation of the optimality conditions of coefficients and fixed effects."""
    score = problem.x.T @ (problem.y - mu)
    active = state.beta != 0
    off = np.where(active, np.abs(score - bound * np.sign(state.beta)), np.maximum(np.abs(score) - bound, 0))
    off[list(problem.absorbed)] = 0.0
    # Beside a penalty that is next to nothing, what rounding leaves of the score would be a large share.
    off = np.maximum(off - _ROUNDING * (np.abs(problem.x).T @ (problem.y + mu)), 0.0)
    return max(float((off / bound).max()), problem.projector.imbalance(problem.y - mu, problem.y + mu))


def coordinate_descent(
    moments: FloatArray,
    target: FloatArray,
    bound: FloatArray,
    start: FloatArray,
    free: NDArray[np.bool_],
    sweeps: int = 10_000,
) -> FloatArray:
    """Minimise ``b' A b / 2 - c' b + sum(bound * abs(b))`` one coordinate at a time.

    Parameters
    ----------
    moments : ndarray, shape (k, k)
        A, positive semi-definite.
    target, bound, start : ndarray, shape (k,)
        c, the penalty of each coordinate, and the first guess.
    free : ndarray of bool, shape (k,)
        Coordinates that may move; the others stay where they are.
    sweeps : int
        Most passes over the coordinates.

    Returns
    -------
    ndarray, shape (k,)
        The minimiser, with exact zeros.

    Examples
    --------
    >>> everything = np.array([True, True])
    >>> coordinate_descent(np.eye(2), np.array([3.0, 0.5]), np.ones(2), np.zeros(2), everything).tolist()
    [2.0, 0.0]
    """
    beta, size = start.copy(), np.diag(moments)
    gradient = target - moments @ beta
    at_all = np.flatnonzero(free & (size > 0))
    for _ in range(sweeps):
        moved = 0.0
        for k in at_all:
            pull = gradient[k] + size[k] * beta[k]
            new = np.sign(pull) * max(abs(pull) - bound[k], 0.0) / size[k]
            if new != beta[k]:
                gradient -= moments[:, k] * (new - beta[k])
                moved = max(moved, abs(new - beta[k]) * np.sqrt(size[k]))
                beta[k] = new
        if moved <= 1e-15 * max(1.0, float(np.max(np.abs(beta) * np.sqrt(size), initial=0.0))):
            break
    return beta


def _unpenalised(y: ArrayLike, x: FloatArray, groups: Sequence[ArrayLike], loadings: FloatArray) -> LassoFit:
    plain = fit(y, x, groups)
    beta = np.zeros(x.shape[1])
    beta[list(plain.columns)] = plain.beta
    absorbed = tuple(gone.column for gone in plain.unidentified if gone.reason.startswith("absorbed"))
    return LassoFit(
        beta, plain.columns, absorbed, 0.0, loadings, plain.mu, plain.kept, plain.score, plain.iterations
    )


def regressor_matrix(x: ArrayLike) -> FloatArray:
    """Return regressors of shape (n, k) as floats.

    Raises
    ------
    ValueError
        If the shape is another, or a value is not finite.
    """
    regressors = np.asarray(x, dtype=np.float64)
    if regressors.ndim != 2 or 0 in regressors.shape:
        raise ValueError(f"x must have shape (n, k) with n and k above 0, not {regressors.shape}")
    if not np.isfinite(regressors).all():
        raise ValueError("x must be finite")
    return regressors
