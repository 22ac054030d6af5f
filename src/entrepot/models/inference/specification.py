"""Wald and score tests after Poisson regression, robust to the covariance that is handed in.

RESET asks whether powers of the linear predictor belong in the model. By score: project ``eta^2`` on the
fixed effects and the regressors with weights mu, and test that its score is zero; no second fit is needed.
By Wald: fit with ``eta^2`` among the regressors and test its coefficient.

References
----------
Ramsey, J. B. (1969). Tests for specification errors in classical linear least-squares regression analysis.
Journal of the Royal Statistical Society B, 31(2), 350-371. https://doi.org/10.1111/j.2517-6161.1969.tb00796.x
Santos Silva, J. M. C., & Tenreyro, S. (2006). The log of gravity. Review of Economics and Statistics, 88(4),
641-658. https://doi.org/10.1162/rest.88.4.641
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from entrepot.models.inference.covariance import Convention, bread_and_scores, clustered, heteroskedastic

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChiSquare:
    """A statistic with a chi-square distribution under the null.

    Attributes
    ----------
    statistic : float
        At least 0.
    degrees : int
        Degrees of freedom.
    p_value : float
        Probability of a larger statistic under the null.
    """

    statistic: float
    degrees: int
    p_value: float


def wald(coefficients: ArrayLike, covariance: ArrayLike) -> ChiSquare:
    """Test that all the coefficients given are zero: ``b' V^-1 b``.

    Parameters
    ----------
    coefficients : array_like, shape (q,)
        The coefficients under test.
    covariance : array_like, shape (q, q)
        Their covariance.

    Returns
    -------
    ChiSquare
        With q degrees of freedom.

    Raises
    ------
    ValueError
        If shapes disagree, a value is not finite, or ``covariance`` is singular.

    Examples
    --------
    >>> wald([2.0], [[4.0]]).statistic
    1.0
    """
    tested, spread = np.asarray(coefficients, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    if tested.ndim != 1 or tested.size == 0:
        raise ValueError(f"coefficients must be a vector, not of shape {tested.shape}")
    if spread.shape != (tested.size, tested.size):
        raise ValueError(f"covariance must have shape {(tested.size, tested.size)}, not {spread.shape}")
    if not np.isfinite(tested).all():
        raise ValueError("coefficients must be finite")
    if not np.isfinite(spread).all():
        raise ValueError("covariance must be finite")
    size = np.sqrt(np.maximum(np.diag(spread), 0.0))
    if (size == 0).any() or np.linalg.cond(spread / np.outer(size, size)) > 1e12:
        raise ValueError("covariance must not be singular: too few clusters, or a coefficient twice")
    unit = tested / size
    statistic = float(unit @ np.linalg.solve(spread / np.outer(size, size), unit))
    return ChiSquare(statistic, tested.size, float(stats.chi2.sf(statistic, tested.size)))


def score_test(
    added_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    clusters: Sequence[ArrayLike] | None = None,
    *,
    convention: Convention = "stata",
) -> ChiSquare:
    """Test by their score that regressors left out of the model have coefficient zero.

    Parameters
    ----------
    added_tilde : array_like, shape (n, q)
        The added regressors after weighted projection (weights mu) on the fixed effects and on the regressors
        of the model; for RESET, those of the squared linear predictor.
    mu, y : array_like, shape (n,)
        Fitted means and outcome of the model without them.
    clusters : sequence of array_like of int, optional
        As in `clustered`; heteroskedasticity-robust where None.
    convention : {"stata", "none"}
        Small-sample factor of the covariance.

    Returns
    -------
    ChiSquare
        With q degrees of freedom.

    Raises
    ------
    ValueError
        If shapes disagree, or the added regressors are collinear or already in the model.

    Examples
    --------
    >>> score_test([[1.0], [-1.0], [0.0]], [1.0, 1.0, 1.0], [2.0, 1.0, 0.0], convention="none").statistic
    1.0
    """
    bread, scores = bread_and_scores(added_tilde, mu, y)
    if clusters is None:
        spread = heteroskedastic(added_tilde, mu, y, convention=convention)
    else:
        spread = clustered(added_tilde, mu, y, clusters, convention=convention)
    # One Newton step from zero has the robust covariance of the sandwich, so that its Wald is the score test.
    return wald(np.linalg.solve(bread, scores.sum(axis=0)), spread.matrix)
