"""Sandwich covariances of Poisson regression with fixed effects projected out.

With ``x~`` the regressors after weighted projection on the fixed effects (weights mu), the bread is
``A = x~' diag(mu) x~``, the score of row i is ``s_i = x~_i (y_i - mu_i)``, and ``V = c A^-1 M A^-1``:

- heteroskedastic: ``M = sum_i s_i s_i'``;
- clustered: ``M = sum_g S_g S_g'`` with ``S_g`` the sum of the scores of cluster g;
- multi-way: ``M = sum over non-empty sets of ways (-1)^(size - 1) M(intersection)`` (Cameron, Gelbach and
  Miller 2011). Where V has a negative eigenvalue, it is set to zero and V rebuilt (`sandwich`), and
  `Covariance.repaired` says so;
- dyadic: ``M`` sums ``s_i s_j'`` over all pairs of rows that share a country (Aronow, Samii and Assenova
  2015; Cameron and Miller 2014), computed as the sum over countries less what pairs of countries share twice.

Small-sample factor c. ``"stata"``: G/(G-1) with G clusters, the smallest G for several ways, n/(n-1) for
heteroskedastic, G/(G-1) with G countries for dyadic. ``"fixest"``: the same times (n-1)/(n-K), where K counts
the regressors and the fixed effects not nested in a cluster; the caller gives K. ``"none"``: 1.

References
----------
Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway clustering. Journal of
Business & Economic Statistics, 29(2), 238-249. https://doi.org/10.1198/jbes.2010.07136
Aronow, P. M., Samii, C., & Assenova, V. A. (2015). Cluster-robust variance estimation for dyadic data.
Political Analysis, 23(4), 564-577. https://doi.org/10.1093/pan/mpv018
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inference.clusters import IntArray, cluster_codes, intersect, symmetric_pairs

FloatArray = NDArray[np.float64]
Convention = Literal["stata", "fixest", "none"]

# A bread with a larger condition number after scaling has no inverse worth printing.
_SINGULAR = 1e13


@dataclass(frozen=True, slots=True)
class Covariance:
    """A covariance matrix of the coefficients and how it was made.

    Attributes
    ----------
    matrix : ndarray, shape (k, k)
        Symmetric, positive semi-definite.
    kind : str
        "heteroskedastic", "clustered" or "dyadic".
    groups : tuple of int
        Number of clusters in each way (countries for dyadic); empty for heteroskedastic.
    factor : float
        Small-sample factor inside ``matrix``.
    convention : str
        Where the factor comes from.
    repaired : bool
        True where a negative eigenvalue was set to zero.
    """

    matrix: FloatArray
    kind: str
    groups: tuple[int, ...]
    factor: float
    convention: Convention
    repaired: bool = False

    @property
    def standard_errors(self) -> FloatArray:
        """Square roots of the diagonal, shape (k,)."""
        return np.asarray(np.sqrt(np.diag(self.matrix)))


def heteroskedastic(
    x_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    *,
    convention: Convention = "stata",
    parameters: int | None = None,
) -> Covariance:
    """Covariance robust to heteroskedasticity, rows independent.

    Parameters
    ----------
    x_tilde : array_like, shape (n, k)
        Regressors after weighted projection on the fixed effects.
    mu : array_like, shape (n,)
        Fitted means > 0 in the unit of y.
    y : array_like, shape (n,)
        Outcome.
    convention : {"stata", "fixest", "none"}
        Small-sample factor, see the module.
    parameters : int, optional
        K of "fixest": regressors and fixed effects.

    Returns
    -------
    Covariance
        With ``groups`` empty.

    Raises
    ------
    ValueError
        If shapes disagree, ``mu`` is not positive, ``x_tilde`` is collinear, or ``parameters`` is missing.

    Examples
    --------
    >>> heteroskedastic([[1.0], [1.0]], [2.0, 2.0], [1.0, 3.0], convention="none").matrix.tolist()
    [[0.125]]
    """
    bread, scores = bread_and_scores(x_tilde, mu, y)
    rows = scores.shape[0]
    factor = _factor(convention, rows, rows, parameters)
    matrix, repaired = sandwich(bread, scores.T @ scores, factor)
    return Covariance(matrix, "heteroskedastic", (), factor, convention, repaired)


def clustered(
    x_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    clusters: Sequence[ArrayLike],
    *,
    convention: Convention = "stata",
    parameters: int | None = None,
) -> Covariance:
    """Covariance robust to dependence within clusters, one way or several.

    Parameters
    ----------
    x_tilde, mu, y : array_like
        As in `heteroskedastic`.
    clusters : sequence of array_like of int, each of shape (n,)
        One array of codes for each way: ``[pair]``, or ``[exporter, importer, year]``.
    convention, parameters
        As in `heteroskedastic`; K leaves out fixed effects nested in a cluster.

    Returns
    -------
    Covariance
        ``repaired`` where several ways gave a negative eigenvalue.

    Raises
    ------
    ValueError
        As in `heteroskedastic`, or if a way has fewer than two clusters.

    Examples
    --------
    >>> one = clustered([[1.0]] * 4, [1.0] * 4, [2.0, 0.0, 1.5, 0.5], [[0, 0, 1, 1]])
    >>> one.groups, one.factor, one.matrix.tolist()
    ((2,), 2.0, [[0.0]])
    """
    bread, scores = bread_and_scores(x_tilde, mu, y)
    rows = scores.shape[0]
    if not clusters:
        raise ValueError("clusters must hold at least one array of codes")
    ways = [cluster_codes(values, rows, f"clusters[{at}]") for at, values in enumerate(clusters)]
    groups = tuple(int(way.max()) + 1 for way in ways)
    for at, count in enumerate(groups):
        if count < 2:
            raise ValueError(f"clusters[{at}] must have at least two clusters")
    meat = np.zeros_like(bread)
    for size in range(1, len(ways) + 1):
        for chosen in combinations(ways, size):
            meat += (-1.0) ** (size - 1) * _clustered_meat(
                scores, intersect(chosen) if size > 1 else chosen[0]
            )
    factor = _factor(convention, min(groups), rows, parameters)
    matrix, repaired = sandwich(bread, meat, factor)
    return Covariance(matrix, "clustered", groups, factor, convention, repaired)


def dyadic(
    x_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    exporter: ArrayLike,
    importer: ArrayLike,
    *,
    convention: Convention = "stata",
    parameters: int | None = None,
) -> Covariance:
    """Covariance robust to dependence between any two rows that share a country on either side.

    Parameters
    ----------
    x_tilde, mu, y : array_like
        As in `heteroskedastic`.
    exporter, importer : array_like of int, shape (n,)
        Country codes of one numbering; equal for domestic trade.
    convention, parameters
        As in `heteroskedastic`.

    Returns
    -------
    Covariance
        ``groups`` holds the number of countries.

    Raises
    ------
    ValueError
        As in `heteroskedastic`, or if there are fewer than three countries.

    Examples
    --------
    >>> x, y = [[1.0], [-1.0], [0.5], [0.0]], [2.0, 0.0, 1.0, 1.0]
    >>> dyadic(x, [1.0] * 4, y, [1, 2, 1, 3], [2, 3, 3, 1], convention="none").groups
    (3,)
    """
    bread, scores = bread_and_scores(x_tilde, mu, y)
    rows = scores.shape[0]
    cluster_codes(exporter, rows, "exporter")
    cluster_codes(importer, rows, "importer")
    ends = np.concatenate([np.asarray(exporter), np.asarray(importer)])
    codes = np.unique(ends, return_inverse=True)[1].astype(np.intp)
    first, second = codes[:rows], codes[rows:]
    countries = int(codes.max()) + 1
    if countries < 3:
        raise ValueError("exporter and importer must name at least three countries")
    abroad = first != second
    sums = _sums(scores, first, countries) + _sums(scores[abroad], second[abroad], countries)
    # Two rows of one pair of countries share both of them and were counted twice.
    meat = sums.T @ sums - _clustered_meat(scores[abroad], symmetric_pairs(first[abroad], second[abroad]))
    factor = _factor(convention, countries, rows, parameters)
    matrix, repaired = sandwich(bread, meat, factor)
    return Covariance(matrix, "dyadic", (countries,), factor, convention, repaired)


def bread_and_scores(x_tilde: ArrayLike, mu: ArrayLike, y: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return ``A = x~' diag(mu) x~`` and the scores ``x~_i (y_i - mu_i)``.

    Parameters
    ----------
    x_tilde, mu, y : array_like
        As in `heteroskedastic`.

    Returns
    -------
    bread : ndarray, shape (k, k)
        Expected information.
    scores : ndarray, shape (n, k)
        One row an observation.

    Raises
    ------
    ValueError
        As in `heteroskedastic`.

    Examples
    --------
    >>> bread, scores = bread_and_scores([[1.0], [2.0]], [1.0, 1.0], [3.0, 1.0])
    >>> bread.tolist(), scores.tolist()
    ([[5.0]], [[2.0], [0.0]])
    """
    x, means, outcome = (np.asarray(values, dtype=np.float64) for values in (x_tilde, mu, y))
    if x.ndim != 2 or x.shape[0] == 0 or x.shape[1] == 0:
        raise ValueError(f"x_tilde must have shape (n, k) with n and k above 0, not {x.shape}")
    for name, values in (("mu", means), ("y", outcome)):
        if values.shape != (x.shape[0],):
            raise ValueError(f"{name} must have shape ({x.shape[0]},), not {values.shape}")
    for name, values in (("x_tilde", x), ("mu", means), ("y", outcome)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite")
    if (means <= 0).any():
        raise ValueError("mu must be positive")
    bread = x.T @ (means[:, None] * x)
    size = np.sqrt(np.diag(bread))
    if (size == 0).any() or np.linalg.cond(bread / np.outer(size, size)) > _SINGULAR:
        raise ValueError("x_tilde must not be collinear: drop the regressors that the others explain")
    return bread, x * (outcome - means)[:, None]


def _sums(scores: FloatArray, codes: IntArray, groups: int) -> FloatArray:
    return np.column_stack([np.bincount(codes, weights=column, minlength=groups) for column in scores.T])


def _clustered_meat(scores: FloatArray, codes: IntArray) -> FloatArray:
    if codes.size == 0:
        return np.zeros((scores.shape[1], scores.shape[1]))
    sums = _sums(scores, codes, int(codes.max()) + 1)
    return np.asarray(sums.T @ sums)


def _factor(convention: Convention, groups: int, rows: int, parameters: int | None) -> float:
    if convention == "none":
        return 1.0
    if convention not in ("stata", "fixest"):
        raise ValueError(f"convention must be 'stata', 'fixest' or 'none', not {convention!r}")
    if groups < 2:
        raise ValueError("x_tilde must have at least two rows")
    factor = groups / (groups - 1)
    if convention == "stata":
        return factor
    if parameters is None or not 0 < parameters < rows:
        raise ValueError(f"parameters must be between 1 and n - 1 = {rows - 1} for convention 'fixest'")
    # With one cluster a row, n/(n-1) x (n-1)/(n-K) is the usual n/(n-K).
    return factor * (rows - 1) / (rows - parameters)


def invert(bread: FloatArray) -> FloatArray:
    """Invert a positive definite matrix in units where its diagonal is 1, so that scale costs no digits.

    Parameters
    ----------
    bread : ndarray, shape (k, k)
        Symmetric, positive definite.

    Returns
    -------
    ndarray, shape (k, k)
        The inverse.

    Examples
    --------
    >>> invert(np.array([[4.0]])).tolist()
    [[0.25]]
    """
    size = np.sqrt(np.diag(bread))
    unit = np.outer(size, size)
    return np.asarray(np.linalg.inv(bread / unit) / unit)


def sandwich(bread: FloatArray, meat: FloatArray, factor: float) -> tuple[FloatArray, bool]:
    """Return ``factor A^-1 M A^-1`` with negative eigenvalues at zero, and whether there were any.

    The eigenvalues are those in units where A has a unit diagonal: the repair does not depend on the units of
    the regressors.

    Parameters
    ----------
    bread, meat : ndarray, shape (k, k)
        A, positive definite, and M, symmetric.
    factor : float
        Small-sample factor.

    Returns
    -------
    matrix : ndarray, shape (k, k)
        Symmetric, positive semi-definite.
    repaired : bool
        True where a negative eigenvalue was set to zero.

    Examples
    --------
    >>> sandwich(np.array([[2.0]]), np.array([[4.0]]), 1.0)
    (array([[1.]]), False)
    """
    size = np.sqrt(np.diag(bread))
    unit = np.outer(size, size)
    inverse = np.linalg.inv(bread / unit)
    matrix = factor * inverse @ (meat / unit) @ inverse
    matrix = (matrix + matrix.T) / 2
    values, vectors = np.linalg.eigh(matrix)
    negative = bool(values[0] < -1e-12 * max(abs(values[0]), values[-1]))
    if negative:
        matrix = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return np.asarray(matrix / unit), negative
