r"""False-discovery rates from decoys, beside Benjamini-Hochberg.

A decoy is the same statistic where there can be no diversion: in a placebo window, or at a placebo partner.
With ``T(s)`` targets and ``D(s)`` decoys that score at least s among ``n_T`` and ``n_D``,

.. math::  FDR(s) = \pi_0 \, \frac{D(s) + 1}{T(s)} \frac{n_T}{n_D}, \qquad q(s) = \min_{s' \le s} FDR(s')

which assumes no distribution, only that decoys are like targets without diversion. The share of innocent
targets :math:`\pi_0` is 1 unless it is estimated from low scores, where there are few others.

References
----------
Elias, J. E., & Gygi, S. P. (2007). Target-decoy search strategy. Nature Methods, 4, 207-214.
https://doi.org/10.1038/nmeth1019
Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. JRSS B, 57(1), 289-300.
Storey, J. D. (2002). A direct approach to false discovery rates. JRSS B, 64(3), 479-498.
Keich, U., Kertesz-Farkas, A., & Noble, W. S. (2015). Improved false discovery rate estimation procedure for
shotgun proteomics. Journal of Proteome Research, 14(8), 3148-3161.
https://doi.org/10.1021/acs.jproteome.5b00081
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from entrepot.models.detection.panel import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class FalseShare:
    """What untouched placebo cells say about a level of q.

    Attributes
    ----------
    level : float
        The level of q asked for.
    found : int
        Targets at or below it.
    crossed, placebos : int
        Untouched placebo cells at or above the same score, of how many.
    share : float
        Estimated false share among what was found; NaN where nothing was found.
    lower, upper : float
        95% interval of ``share``.
    """

    level: float
    found: int
    crossed: int
    placebos: int
    share: float
    lower: float
    upper: float


def q_values(target: FloatArray, decoy: FloatArray, innocent: float = 1.0) -> FloatArray:
    """q-value of every target against decoys; higher scores are stronger evidence.

    Parameters
    ----------
    target : ndarray, shape (t,)
    decoy : ndarray, shape (d,)
    innocent : float
        Share of targets without diversion, see `innocent_share`; 1 is the safe choice.

    Returns
    -------
    ndarray, shape (t,), at most 1

    Raises
    ------
    ValueError
        If there is no decoy, or a score is not a number.

    Examples
    --------
    >>> q_values(np.array([5.0, 4.0, 0.0]), np.array([1.0, -1.0, -2.0]))
    array([0.5       , 0.5       , 0.66666667])
    """
    if not decoy.size:
        raise ValueError("decoy must hold at least one score: nothing is calibrated without placebos")
    if np.isnan(target).any() or np.isnan(decoy).any():
        raise ValueError("scores must be numbers")
    order = np.argsort(target, kind="stable")
    ranked = target[order]
    above = target.size - np.searchsorted(ranked, ranked, side="left")
    decoys = decoy.size - np.searchsorted(np.sort(decoy), ranked, side="left")
    rate = innocent * (decoys + 1.0) / above * (target.size / decoy.size)
    found = np.empty(target.size)
    found[order] = np.minimum(np.minimum.accumulate(rate), 1.0)
    return found


def innocent_share(target: FloatArray, decoy: FloatArray) -> float:
    """Share of targets without diversion, judged by those that score below most decoys.

    Below the 30, 50 and 70% quantiles of the decoys lie few others. The largest of the three shares is taken,
    each at the upper end of its 95% interval, so that q errs on the high side.

    Examples
    --------
    >>> innocent_share(np.arange(10.0), np.arange(10.0))
    1.0
    """
    levels = np.array([0.3, 0.5, 0.7])
    below = np.array([(target <= cut).mean() for cut in np.quantile(decoy, levels)])
    upper = below + 1.96 * np.sqrt(below * (1.0 - below) / target.size)
    return float(min(1.0, (upper / levels).max()))


def tail_probabilities(target: FloatArray, decoy: FloatArray) -> FloatArray:
    """Probability that a decoy scores at least as high as each target: ``(1 + D(s)) / (1 + n_D)``."""
    above = decoy.size - np.searchsorted(np.sort(decoy), target, side="left")
    return np.asarray((1.0 + above) / (1.0 + decoy.size))


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """Adjusted p-values of Benjamini and Hochberg.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.04, 0.04])
    """
    order = np.argsort(p, kind="stable")[::-1]
    scaled = p[order] * p.size / np.arange(p.size, 0, -1)
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return adjusted


def false_share(
    target: FloatArray,
    q: FloatArray,
    placebo: FloatArray,
    level: float,
    *,
    innocent: float = 1.0,
    clusters: tuple[IntArray, IntArray] | None = None,
    draws: int = 500,
    seed: int = 0,
) -> FalseShare:
    """Estimate the false share among targets with ``q <= level`` from placebo cells that took no part.

    Parameters
    ----------
    target, q : ndarray, shape (t,)
        Scores and q-values.
    placebo : ndarray, shape (p,)
        Scores of untouched placebo cells, by the same weights.
    level : float
    innocent : float
        Share of targets without diversion, as in ``q``.
    clusters : pair of ndarray, optional
        Cluster (such as HS4) of each target and each placebo cell, drawn together for the interval; without
        them every cell is its own.
    draws, seed : int
    """
    flagged = q <= level
    cut = target[flagged].min() if flagged.any() else np.inf
    crossed = placebo >= cut
    groups = (np.arange(target.size), target.size + np.arange(placebo.size)) if clusters is None else clusters
    names, place = np.unique(np.concatenate(groups), return_inverse=True)
    hits = np.bincount(place[: target.size], weights=flagged, minlength=names.size)
    slips = np.bincount(place[target.size :], weights=crossed, minlength=names.size)
    scale = innocent * target.size / placebo.size
    if not flagged.any():
        return FalseShare(level, 0, 0, placebo.size, np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(names.size, np.full(names.size, 1 / names.size), size=draws)
    drawn = (weights @ slips) * scale / np.maximum(weights @ hits, 1.0)
    lower, upper = np.quantile(drawn, [0.025, 0.975])
    # No placebo crossed: the exact 95% bound on a rate with no event is about 3 events.
    least = (3.0 if not crossed.any() else 0.0) * scale / flagged.sum()
    return FalseShare(
        level,
        int(flagged.sum()),
        int(crossed.sum()),
        int(placebo.size),
        float(crossed.sum() * scale / flagged.sum()),
        float(lower),
        float(max(upper, least)),
    )
