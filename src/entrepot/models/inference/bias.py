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

from entrepot.models.inference.clusters import IntArray
from entrepot.models.inference.covariance import Covariance, bread_and_scores, invert, sandwich
from entrepot.models.inference.leverage import effects_reach
from entrepot.models.inference.panel import PairPanel, members, pair_panel

FloatArray = NDArray[np.float64]

# Directions with less information than this share of the strongest are the fixed effects' own collinearity.
_RANK = 1e-10
# With pair effects the leverage inverts a dense matrix with a row for each exporter-time and importer-time
# effect: 3.2 GB and 8e12 operations at this size.
_MOST_EFFECTS = 20_000


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
        20,000 exporter-time and importer-time effects beside pair effects.

    Examples
    --------
    >>> i, j = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 2, 0, 2, 0, 1])
    >>> x = np.array([[1.0], [-1.0], [-1.0], [1.0], [1.0], [-1.0]])
    >>> y = np.array([1.5, 0.5, 1.5, 0.5, 0.5, 1.5])
    >>> correct_gravity(x, np.ones(6), y, i, j, np.zeros(6, dtype=int), pair_effects=False).bias.tolist()
    [0.0]
    """
    bread, _ = bread_and_scores(x_tilde, mu, y)
    panel = pair_panel(x_tilde, mu, y, exporter, importer, period, pair_effects=pair_effects)
    effects = (panel.sellers + panel.buyers) * panel.mu.shape[1]
    if pair_effects and effects > _MOST_EFFECTS:
        raise ValueError(
            f"exporter, importer and period make {effects} effects; "
            f"with pair effects at most {_MOST_EFFECTS} fit"
        )
    by_exporter = by_importer = np.zeros(bread.shape[0])
    if pair_effects:
        factor = panel.countries / (panel.countries - 1)
        by_exporter = factor * invert(bread) @ _score_bias(panel, panel.exporter)
        by_importer = factor * invert(bread) @ _score_bias(panel, panel.importer)
    return GravityCorrection(by_exporter + by_importer, by_exporter, by_importer, _adjusted(panel, bread))


def _score_bias(panel: PairPanel, side: IntArray) -> FloatArray:
    """B (or D) of each regressor, with ``side`` the exporter (or importer) of each pair."""
    bias = np.zeros(panel.x.shape[2])
    for pairs in members(side):
        mu, x = panel.mu[pairs], panel.x[pairs]
        score = panel.y[pairs] - mu
        share = mu / mu.sum(axis=1, keepdims=True)
        centred = x - np.einsum("pt,ptk->pk", share, x)[:, None, :]
        inverse = _pseudo_inverse(panel.total_information(pairs))
        middle = inverse @ (score.T @ score) @ inverse
        for k in range(bias.size):
            # The product of H with x, and the derivative of -H along x with the total of each pair held.
            moved = mu * centred[:, :, k]
            cross = moved.T @ share
            curve = cross + cross.T - np.diag(moved.sum(axis=0))
            bias[k] += np.sum(curve * middle) / 2 - np.sum(inverse * (moved.T @ score).T)
    return bias


def _adjusted(panel: PairPanel, bread: FloatArray) -> Covariance:
    """Clustered covariance with each pair's score raised by the inverse of one less its leverage."""
    reach, inverse = effects_reach(panel), invert(bread)
    score = panel.y - panel.mu
    lifted = np.empty_like(score)
    for pairs in members(panel.exporter):
        x = panel.x[pairs]
        blocks = reach.of(panel, pairs) + x @ inverse @ x.swapaxes(1, 2)
        rest = np.eye(score.shape[1]) - panel.information(pairs) @ blocks
        # A pair that a regressor or an effect fits alone has leverage 1 and no score left: pinv gives it 0.
        lifted[pairs] = np.einsum("pts,ps->pt", np.linalg.pinv(rest, rcond=_RANK), score[pairs])
    plain, raised = (np.einsum("ptk,pt->pk", panel.x, values) for values in (score, lifted))
    meat = raised.T @ plain
    count = score.shape[0]
    factor = count / (count - 1)
    matrix, repaired = sandwich(bread, (meat + meat.T) / 2, factor)
    return Covariance(matrix, "clustered, adjusted", (count,), factor, "stata", repaired)


def _pseudo_inverse(matrix: FloatArray) -> FloatArray:
    """Generalised inverse, taken in units with a diagonal of 1 so that a small year keeps its digits."""
    size = np.sqrt(np.diag(matrix))
    unit = np.where(size > 0, size, 1.0)
    scale = np.outer(unit, unit)
    return np.asarray(np.linalg.pinv(matrix / scale, rcond=_RANK, hermitian=True) / scale)
