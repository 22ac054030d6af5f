r"""Legs combined into one calibrated log-likelihood ratio, learned without looking at the cell it judges.

Each leg becomes a feature that grows with the evidence; a leg that was not observed adds exactly 0. A ridge
logistic regression with weights >= 0 separates targets from decoys on the products of the other folds. Scores
are then ranked in units of those decoys. One slope and constant for all folds, which change no rank and so no
q-value, turn them into a log-likelihood ratio, of which each leg has an additive part:

.. math::  \mathrm{LLR} = c + \sum_\ell w_\ell \, x_\ell

An established flow that rose manifold and lasted stands out whoever sent it: it has no less than the
log-likelihood ratio of all such flows together, counted on the products of the other folds.

It is trained in rounds, each time on the targets that the round before set apart from the decoys, as in
semi-supervised target-decoy search. The fall of the direct flow is a fact about the measure, the same for a
target and for its decoy: a decoy carries its product's own, so it can only sharpen the other legs, never
tell the windows apart.

References
----------
Kall, L., et al. (2007). Semi-supervised learning for peptide identification. Nature Methods, 4, 923-925.
https://doi.org/10.1038/nmeth1113
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from entrepot.models.detection.decoys import q_values
from entrepot.models.detection.dispersion import Dispersion, fit_dispersion
from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import BoolArray, FloatArray, IntArray

# Feature names; the letter is the leg, "AC" leg A where the direct flow fell.
FEATURES = ("A", "AC", "A size", "B", "D", "E joined", "E raised", "E fallen", "F", "G")
ROUNDS = 4
TRAINING_LEVEL = 0.1
RIDGE = 1.0


@dataclass(frozen=True, slots=True)
class Weights:
    """What one fold learned from the others.

    Attributes
    ----------
    dispersion : Dispersion
        Tail of leg A in the placebo windows.
    onward : Dispersion or None
        Tail of leg B; None where it was not observed.
    spread : ndarray, shape (features,)
        Standard deviation of each feature in training; 1 where it does not vary.
    weight : ndarray, shape (features,)
        Weight a feature, >= 0; 0 for one never observed.
    constant : float
    middle : float
        Score of the average decoy: the most that a cell without an excess can have.
    manifold : float
        Log-likelihood ratio of established flows that rose manifold, as a class: the least that one of them
        can have.
    """

    dispersion: Dispersion
    onward: Dispersion | None
    spread: FloatArray
    weight: FloatArray
    constant: float
    middle: float = 0.0
    manifold: float = -np.inf

    def parts(self, features: FloatArray) -> FloatArray:
        """Each feature's part of the log-likelihood ratio, shape (n, features)."""
        return np.asarray(features / self.spread * self.weight)

    def score(self, features: FloatArray) -> FloatArray:
        """Log-likelihood ratio, shape (n,)."""
        return np.asarray(self.parts(features).sum(1) + self.constant)


def features(legs: Legs, fall: FloatArray, dispersion: Dispersion, onward: Dispersion | None) -> FloatArray:
    """Features of every cell, shape (cells, len(FEATURES)); what was not observed is 0.

    Parameters
    ----------
    legs : Legs
    fall : ndarray, shape (cells,)
        Fall of the direct flow in the window of the measure, 0 to 1; NaN where it was not observed.
    dispersion, onward : Dispersion
        Tails of legs A and B.
    """
    small = legs.floor
    ratio = np.log((legs.observed + small) / (legs.expected + small))
    z = np.arcsinh(dispersion.standardise(ratio, legs.expected + small))
    columns = np.zeros((legs.hub.size, len(FEATURES)))
    columns[:, 0] = z
    columns[:, 1] = z * np.nan_to_num(fall)
    columns[:, 2] = np.log1p(np.maximum(legs.excess, 0.0) / small)
    if onward is not None:
        through = np.log((legs.onward + small) / (legs.onward_expected + small))
        columns[:, 3] = np.nan_to_num(np.arcsinh(onward.standardise(through, legs.onward_expected + small)))
    columns[:, 4] = np.nan_to_num(legs.gap_after - legs.gap_before)
    columns[:, 5] = legs.joined
    columns[:, 6] = legs.raised
    columns[:, 7] = legs.fallen
    columns[:, 8] = legs.persistence
    # A dearer unit explains a rise in value, so it counts against; a cheaper one is no evidence.
    columns[:, 9] = -np.maximum(np.nan_to_num(np.log(legs.unit_after / legs.unit_before)), 0.0)
    return columns


def tails(legs: list[Legs], keep: list[np.ndarray]) -> tuple[Dispersion, Dispersion | None]:
    """Tails of legs A and B over the chosen cells of the placebo windows."""
    ratio, size, through, onward = [], [], [], []
    for one, chosen in zip(legs, keep, strict=True):
        small = one.floor
        ratio.append(np.log((one.observed + small) / (one.expected + small))[chosen])
        size.append((one.expected + small)[chosen])
        known = chosen & np.isfinite(one.onward)
        through.append(np.log((one.onward + small) / (one.onward_expected + small))[known])
        onward.append((one.onward_expected + small)[known])
    second = np.concatenate(through)
    tail = fit_dispersion(second, np.concatenate(onward)) if second.size >= 20 else None
    return fit_dispersion(np.concatenate(ratio), np.concatenate(size)), tail


def learn(
    targets: FloatArray, decoys: FloatArray, dispersion: Dispersion, onward: Dispersion | None
) -> Weights:
    """Learn weights that set targets apart from decoys; rows are cells, columns ``FEATURES``."""
    spread = np.concatenate([targets, decoys]).std(0)
    spread = np.where(spread > 0, spread, 1.0)
    x, y = targets / spread, decoys / spread
    chosen = np.ones(len(x), bool)
    weight = np.zeros(x.shape[1])
    for _ in range(ROUNDS):
        weight = _logistic(x[chosen], y)
        passed = q_values(x @ weight, y @ weight) <= TRAINING_LEVEL
        if passed.sum() < 20 or (passed == chosen).all():
            break
        chosen = passed
    # In units of the decoys, so that the scores of all folds can be ranked together.
    width = float((y @ weight).std())
    weight = weight / width if width > 0 else weight
    return Weights(dispersion, onward, spread, weight, -float((y @ weight).mean()))


def calibrate(target: FloatArray, decoy: FloatArray, innocent: float) -> tuple[float, float]:
    """Slope and constant that make a score the log-likelihood ratio of the guilty part of a mixture.

    Targets are ``pi f0 + (1 - pi) f0 exp(a s) / M(a)`` with ``pi`` the share of innocents and ``M(a)`` the
    decoys' mean of ``exp(a s)``: an exponential tilt, so that decoys' mean likelihood ratio is 1 by
    construction.
    """
    # Some part must be guilty for a tilt to be seen at all.
    share = min(innocent, 0.99)

    def loss(p: FloatArray) -> float:
        tilt = p[0] * target - special.logsumexp(p[0] * decoy) + np.log(decoy.size)
        return -float(np.logaddexp(np.log(share), np.log1p(-share) + tilt).sum()) / target.size

    # A slope of exactly 0 would lose the ranks.
    slope = float(optimize.minimize(loss, [1.0], method="L-BFGS-B", bounds=[(1e-6, 20.0)]).x[0])
    return slope, float(np.log(decoy.size) - special.logsumexp(slope * decoy))


def class_ratio(target: BoolArray, decoy: BoolArray, innocent: float) -> float:
    """Log-likelihood ratio of belonging to a class of cells, under the mixture of `calibrate`.

    The decoys count one more than they are, as in q-values. Minus infinity where the class is no more common
    among targets than among innocents.

    Examples
    --------
    >>> target, decoy = np.arange(100) < 12, np.arange(200) < 3
    >>> round(class_ratio(target, decoy, 0.7), 2)
    2.87
    """
    share = min(innocent, 0.99)
    common = (decoy.sum() + 1.0) / decoy.size
    guilty = (target.mean() - share * common) / (1.0 - share)
    return float(np.log(guilty / common)) if guilty > 0 else -np.inf


def _logistic(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Slopes of a ridge logistic regression, all >= 0."""
    x = np.concatenate([positive, negative])
    label = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])

    def loss(p: FloatArray) -> tuple[float, FloatArray]:
        line = x @ p[:-1] + p[-1]
        value = (
            np.logaddexp(0.0, line).sum() - line[: len(positive)].sum() + 0.5 * RIDGE * (p[:-1] ** 2).sum()
        )
        error = special.expit(line) - label
        return float(value), np.append(x.T @ error + RIDGE * p[:-1], error.sum())

    start = np.zeros(x.shape[1] + 1)
    bounds = [(0.0, None)] * x.shape[1] + [(None, None)]
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return np.asarray(found[:-1])


def folds_of(groups: IntArray, folds: int) -> IntArray:
    """Fold of each product: whole groups (such as HS4) go together, dealt out in the order of their codes."""
    _, rank = np.unique(groups, return_inverse=True)
    return np.asarray(rank % folds, np.int64)
