"""Incidental-parameter corrections of Weidner and Zylkin for gravity by Poisson regression.

Write S, H for the score and the information of one pair (i, j) with respect to its linear predictor over T
periods, the pair effect profiled out: ``S = y - mu``, ``H = diag(mu) - mu mu' / sum(mu)`` (``H = diag(mu)``
without pair effects), and ``G[x]`` for the derivative of -H along x. With ``W = sum x~' H x~``, the bias of
the three-way estimate is ``W^-1 (B + D) N / (N - 1)``,

    B = sum_i { -tr[ H_i^+ sum_j H x~ S' ] + tr[ (sum_j G[x~]) H_i^+ (sum_j S S') H_i^+ ] / 2 },

``H_i = sum_j H``, and D the same with exporters and importers exchanged. The factor N / (N - 1), N countries,
is a choice in finite samples that leaves the order 1/N as it is. Estimates with exporter-time and
importer-time effects alone have no such bias.

Clustered covariances are too small for the same reason. The adjusted one has ``x~' (I - P)^-1 S S' x~``,
symmetrised, in the meat in place of ``x~' S S' x~``, with P the leverage of the pair's rows on exporter-time
effects, importer-time effects and regressors, times G / (G - 1) for G pairs.

References
----------
Weidner, M., & Zylkin, T. (2021). Bias and consistency in three-way gravity models. Journal of International
Economics, 132, 103513. https://doi.org/10.1016/j.jinteco.2021.103513
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inference.clusters import IntArray, cluster_codes, directed_pairs
from entrepot.models.inference.covariance import Covariance, bread_and_scores, invert, sandwich

FloatArray = NDArray[np.float64]

# Directions with less information than this share of the strongest are the fixed effects' own collinearity.
_RANK = 1e-10
# The leverage inverts a dense matrix with a row for each exporter-time and importer-time effect.
_MOST_EFFECTS = 8000


@dataclass(frozen=True, slots=True)
class GravityCorrection:
    """Bias of the coefficients and the covariance that accounts for estimated fixed effects.

    Attributes
    ----------
    bias : ndarray, shape (k,)
        Subtract it from the estimate; zero without pair effects.
    exporter_part, importer_part : ndarray, shape (k,)
        The parts of ``bias`` that come from exporter-time and importer-time effects.
    covariance : Covariance
        Clustered by directed pair, adjusted for leverage.
    """

    bias: FloatArray
    exporter_part: FloatArray
    importer_part: FloatArray
    covariance: Covariance


@dataclass(frozen=True, slots=True)
class _Panel:
    """Pairs by periods: arrays of shape (pairs, periods), zero where there is no row."""

    exporter: IntArray
    importer: IntArray
    countries: int
    y: FloatArray
    mu: FloatArray
    x: FloatArray


def correct_gravity(
    x_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    exporter: ArrayLike,
    importer: ArrayLike,
    period: ArrayLike,
    *,
    pair_effects: bool,
) -> GravityCorrection:
    """Correct a gravity estimate for the fixed effects that were estimated with it.

    Parameters
    ----------
    x_tilde : array_like, shape (n, k)
        Regressors after weighted projection on all fixed effects of the model.
    mu, y : array_like, shape (n,)
        Fitted means and outcome in one unit, at the estimate.
    exporter, importer : array_like of int, shape (n,)
        Country codes of one numbering.
    period : array_like of int, shape (n,)
        Period codes; a pair has at most one row in a period.
    pair_effects : bool
        True for exporter-time, importer-time and pair effects; False for the first two alone.

    Returns
    -------
    GravityCorrection
        Bias and adjusted covariance.

    Raises
    ------
    ValueError
        If shapes disagree, a pair has two rows in a period, ``x_tilde`` is collinear, or there are more than
        8,000 exporter-time and importer-time effects.

    Examples
    --------
    >>> i, j = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 2, 0, 2, 0, 1])
    >>> x = np.array([[1.0], [-1.0], [-1.0], [1.0], [1.0], [-1.0]])
    >>> y = np.array([1.5, 0.5, 1.5, 0.5, 0.5, 1.5])
    >>> correct_gravity(x, np.ones(6), y, i, j, np.zeros(6, dtype=int), pair_effects=False).bias.tolist()
    [0.0]
    """
    bread, _ = bread_and_scores(x_tilde, mu, y)
    panel = _panel(x_tilde, mu, y, exporter, importer, period)
    information = _information(panel.mu, pair_effects)
    inverse = invert(bread)
    none = np.zeros(bread.shape[0])
    if pair_effects:
        factor = panel.countries / (panel.countries - 1)
        by_exporter = factor * inverse @ _score_bias(panel, information, panel.exporter)
        by_importer = factor * inverse @ _score_bias(panel, information, panel.importer)
    else:
        by_exporter = by_importer = none
    covariance = _adjusted(panel, information, bread)
    return GravityCorrection(by_exporter + by_importer, by_exporter, by_importer, covariance)


def _panel(
    x_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    exporter: ArrayLike,
    importer: ArrayLike,
    period: ArrayLike,
) -> _Panel:
    x = np.asarray(x_tilde, dtype=np.float64)
    rows = x.shape[0]
    source, target = (
        cluster_codes(values, rows, name) for values, name in ((exporter, "exporter"), (importer, "importer"))
    )
    when, pair = cluster_codes(period, rows, "period"), directed_pairs(exporter, importer)
    pairs, periods = int(pair.max()) + 1, int(when.max()) + 1
    if np.unique(pair * periods + when).size < rows:
        raise ValueError("period must name each row of a pair once")
    effects = (int(source.max()) + int(target.max()) + 2) * periods
    if effects > _MOST_EFFECTS:
        raise ValueError(f"exporter, importer and period make {effects} effects; at most {_MOST_EFFECTS} fit")

    def tensor(values: FloatArray) -> FloatArray:
        filled = np.zeros((pairs, periods, *values.shape[1:]))
        filled[pair, when] = values
        return filled

    first = np.unique(pair, return_index=True)[1]
    countries = np.union1d(np.asarray(exporter), np.asarray(importer)).size
    outcome, means = np.asarray(y, dtype=np.float64), np.asarray(mu, dtype=np.float64)
    return _Panel(source[first], target[first], countries, tensor(outcome), tensor(means), tensor(x))


def _information(mu: FloatArray, pair_effects: bool) -> FloatArray:
    """H of each pair, shape (pairs, periods, periods)."""
    information = mu[:, :, None] * np.eye(mu.shape[1])
    if pair_effects:
        information -= mu[:, :, None] * mu[:, None, :] / mu.sum(axis=1)[:, None, None]
    return np.asarray(information, dtype=np.float64)


def _score_bias(panel: _Panel, information: FloatArray, side: IntArray) -> FloatArray:
    """B (or D) of each regressor, with ``side`` the exporter (or importer) of each pair."""
    score = panel.y - panel.mu
    inverse = _pseudo_inverse(_by(side, information))
    spread = _by(side, np.einsum("pt,ps->pts", score, score))
    middle = inverse @ spread @ inverse
    bias = np.empty(panel.x.shape[2])
    for at in range(bias.size):
        x = panel.x[:, :, at]
        covaries = _by(side, np.einsum("pts,ps,pr->ptr", information, x, score))
        curve = _by(side, _curvature(panel.mu, x))
        bias[at] = np.einsum("nts,nts->", curve, middle) / 2 - np.einsum("nts,nst->", inverse, covaries)
    return bias


def _curvature(mu: FloatArray, x: FloatArray) -> FloatArray:
    """Derivative of -H along x with the total of each pair held, shape (pairs, periods, periods)."""
    total = mu.sum(axis=1, keepdims=True)
    share = mu / total
    move = share * (x - (share * x).sum(axis=1, keepdims=True))
    cross = move[:, :, None] * share[:, None, :]
    curve = cross + cross.swapaxes(1, 2) - move[:, :, None] * np.eye(mu.shape[1])
    return np.asarray(total[:, :, None] * curve)


def _adjusted(panel: _Panel, information: FloatArray, bread: FloatArray) -> Covariance:
    reach = _effects_reach(panel, information)
    reach += np.einsum("ptk,kl,psl->pts", panel.x, invert(bread), panel.x)
    rest = np.eye(panel.mu.shape[1]) - information @ reach
    score = panel.y - panel.mu
    # A pair that a regressor or an effect fits alone has leverage 1 and no score left: pinv gives it nothing.
    lifted = np.einsum("pts,ps->pt", np.linalg.pinv(rest, rcond=_RANK), score)
    plain, raised = (np.einsum("ptk,pt->pk", panel.x, values) for values in (score, lifted))
    meat = raised.T @ plain
    pairs = panel.mu.shape[0]
    factor = pairs / (pairs - 1)
    matrix, repaired = sandwich(bread, (meat + meat.T) / 2, factor)
    return Covariance(matrix, "clustered, adjusted", (pairs,), factor, "stata", repaired)


def _effects_reach(panel: _Panel, information: FloatArray) -> FloatArray:
    """``Z (sum Z' H Z)^+ Z'`` for each pair, Z its exporter-time and importer-time dummies."""
    periods = panel.mu.shape[1]
    sellers, buyers = int(panel.exporter.max()) + 1, int(panel.importer.max()) + 1
    blocks = np.zeros((sellers + buyers, periods, sellers + buyers, periods))
    source, target = panel.exporter, sellers + panel.importer
    for left in (source, target):
        for right in (source, target):
            np.add.at(blocks.swapaxes(1, 2), (left, right), information)
    size = (sellers + buyers) * periods
    spread = _pseudo_inverse(blocks.reshape(1, size, size))[0].reshape(blocks.shape).swapaxes(1, 2)
    return np.asarray(
        spread[source, source] + spread[source, target] + spread[target, source] + spread[target, target]
    )


def _by(side: IntArray, values: FloatArray) -> FloatArray:
    sums = np.zeros((int(side.max()) + 1, *values.shape[1:]))
    np.add.at(sums, side, values)
    return sums


def _pseudo_inverse(matrices: FloatArray) -> FloatArray:
    """Generalised inverses, taken in units with a diagonal of 1 so that a small country keeps its digits."""
    size = np.sqrt(np.einsum("ntt->nt", matrices))
    unit = np.where(size > 0, size, 1.0)
    scale = unit[:, :, None] * unit[:, None, :]
    return np.asarray(np.linalg.pinv(matrices / scale, rcond=_RANK, hermitian=True) / scale)
