"""The plugin lasso: penalty from theory, loadings robust to clusters, the regression on what it selects.

The penalty of `entrepot.models.inference.penalised` is ``lambda = c sqrt(n) q(1 - gamma / (2 p))``, q the
normal quantile and p the number of regressors that the fixed effects do not absorb, ``c = 1.1``,
``gamma = 0.1 / log n``, with the loadings

    phi_k = sqrt(sum_g (sum_{i in g} x~_ik (y_i - mu_i))^2 / n)

for clusters g, x~ the regressors after projection on the fixed effects with weights mu. A regressor enters
where its score exceeds ``c q`` of its cluster-robust standard deviations. The loadings need mu: the first
round takes it from the fixed effects alone, which is cautious, the next ones from the regression without
penalty on the regressors just selected, until the set repeats itself. Where several sets are right by their
own loadings, this leads to a small one.

Selection makes the usual standard errors of the second regression too small: they describe the selected model
as if it had been chosen before seeing the data. The selected set says which regressors predict the outcome;
of two that are nearly collinear, it may keep either.

References
----------
Breinlich, H., Corradi, V., Rocha, N., Ruta, M., Santos Silva, J. M. C., & Zylkin, T. (2021). Machine learning
in international trade research: evaluating the impact of trade agreements. World Bank Policy Research Working
Paper 9629. http://hdl.handle.net/10986/35451
Belloni, A., Chernozhukov, V., Hansen, C., & Kozbur, D. (2016). Inference in high-dimensional panel models
with an application to gun control. Journal of Business & Economic Statistics, 34(4), 590-605.
https://doi.org/10.1080/07350015.2015.1102733
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from entrepot.models.inference.clusters import IntArray, cluster_codes
from entrepot.models.inference.covariance import Covariance, clustered
from entrepot.models.inference.penalised import LassoFit, Problem, regressor_matrix, solve
from entrepot.models.poisson import PoissonFit, fit

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PluginLasso:
    """The lasso with the plugin penalty and the regression on what it selects.

    Attributes
    ----------
    lasso : LassoFit
        The penalised regression of the last round.
    post : PoissonFit or None
        The regression without penalty on the selected columns, None where there are none; its ``columns``
        count within ``lasso.selected``.
    covariance : Covariance or None
        Of ``post``, clustered; it does not know of the selection.
    multiplier, gamma : float
        c and gamma of the penalty.
    candidates : int
        p: columns that the fixed effects do not absorb.
    rounds : int
        Rounds of loadings.
    settled : bool
        False where the selected sets went round in circles instead of settling; the last is reported.
    """

    lasso: LassoFit
    post: PoissonFit | None
    covariance: Covariance | None
    multiplier: float
    gamma: float
    candidates: int
    rounds: int
    settled: bool


def plugin_lasso(
    y: ArrayLike,
    x: ArrayLike,
    groups: Sequence[ArrayLike],
    clusters: ArrayLike,
    *,
    multiplier: float = 1.1,
    gamma: float | None = None,
    tolerance: float = 1e-10,
) -> PluginLasso:
    """Select regressors by the lasso with cluster-robust plugin penalty and estimate the selected model.

    Parameters
    ----------
    y, x, groups
        As in `lasso`.
    clusters : array_like of int, shape (n,)
        Codes of the clusters, such as pairs.
    multiplier : float
        c > 1.
    gamma : float, optional
        Probability, in large samples, of selecting a regressor that does not belong; ``0.1 / log n`` where
        None.
    tolerance : float
        As in `lasso`.

    Returns
    -------
    PluginLasso
        Selection, coefficients and covariance.

    Raises
    ------
    ValueError
        If an argument is malformed or there are fewer than two clusters.
    NotConverged
        As in `lasso`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, pair = rng.normal(size=(900, 5)), np.arange(900) // 3
    >>> found = plugin_lasso(rng.poisson(np.exp(0.5 * x[:, 1])), x, [], pair)
    >>> found.lasso.selected
    (1,)
    """
    if not (np.isfinite(multiplier) and multiplier > 0):
        raise ValueError(f"multiplier must be positive, got {multiplier}")
    regressors = regressor_matrix(x)
    code = cluster_codes(clusters, regressors.shape[0])
    problem = Problem.start(y, regressors, groups)
    code, rows = code[problem.kept], int(problem.kept.sum())
    probability = 0.1 / np.log(rows) if gamma is None else gamma
    if not 0 < probability < 1:
        raise ValueError(f"gamma must lie between 0 and 1, got {gamma}")
    candidates = regressors.shape[1] - len(problem.absorbed)
    if candidates == 0:
        raise ValueError("x must hold a column that the fixed effects do not absorb")
    if np.unique(code).size < 2:
        raise ValueError("clusters must hold at least two clusters")
    penalty = multiplier * np.sqrt(rows) * float(stats.norm.isf(probability / (2 * candidates)))
    found, rounds, settled = _iterate(problem, penalty, code, tolerance)
    post, covariance = _refit(y, regressors, groups, found.selected, clusters)
    return PluginLasso(found, post, covariance, multiplier, probability, candidates, rounds, settled)


def _iterate(
    problem: Problem, penalty: float, code: IntArray, tolerance: float
) -> tuple[LassoFit, int, bool]:
    """Alternate between loadings and lasso until a selected set repeats itself."""
    state, mu = problem.first(), problem.mu
    seen: list[tuple[int, ...]] = [()]
    while True:
        found, state = solve(problem, penalty, _loadings(problem, mu, code), state, tolerance)
        # The loadings depend on the selected set alone: one met twice in a row is the answer, one met before
        # that closes a circle.
        if found.selected in seen:
            return found, len(seen), found.selected == seen[-1]
        seen.append(found.selected)
        mu = _means(problem, found)


def _means(problem: Problem, found: LassoFit) -> FloatArray:
    """Fitted means of the regression on the selected columns, in the unit of ``problem.y``."""
    mu = found.mu / problem.unit
    post = fit(problem.y, problem.x[:, found.selected], problem.groups)
    # A row that the selected regressors separate keeps the lasso's mean, which its penalty holds above 0.
    mu[post.kept] = post.mu
    return mu


def _loadings(problem: Problem, mu: FloatArray, code: IntArray) -> FloatArray:
    """Return phi in the units of the regressors and of y; 1, which nothing uses, for an absorbed column."""
    x_tilde = problem.projector.residual(problem.x, mu)
    scores = x_tilde * (problem.y - mu)[:, None]
    sums = np.column_stack([np.bincount(code, weights=column) for column in scores.T])
    phi = np.sqrt((sums**2).sum(axis=0) / problem.y.size) * problem.scale * problem.unit
    phi[list(problem.absorbed)] = 1.0
    if (phi == 0).any():
        column = int(np.flatnonzero(phi == 0)[0])
        raise ValueError(f"x must have a score in some cluster; that of column {column} is 0 in all")
    return np.asarray(phi)


def _refit(
    y: ArrayLike, x: FloatArray, groups: Sequence[ArrayLike], selected: tuple[int, ...], clusters: ArrayLike
) -> tuple[PoissonFit | None, Covariance | None]:
    if not selected:
        return None, None
    post = fit(y, x[:, selected], groups)
    if not post.columns:
        return post, None
    return post, clustered(post.x_tilde, post.mu, post.y, [np.asarray(clusters)[post.kept]])
