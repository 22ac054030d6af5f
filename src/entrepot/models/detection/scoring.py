"""Detection: targets against decoys, cross-fitted over products."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from entrepot.models.detection.decoys import benjamini_hochberg, innocent_share, q_values, tail_probabilities
from entrepot.models.detection.evidence import (
    FEATURES,
    Weights,
    calibrate,
    class_ratio,
    features,
    folds_of,
    learn,
    tails,
)
from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Detection:
    """Scores and false-discovery rates of the cells of one window.

    Attributes
    ----------
    legs : Legs
        The evidence behind, cell by cell.
    tested : ndarray of bool, shape (c,)
        Cells with more than small change; the others have NaN below.
    score : ndarray, shape (c,)
        Log-likelihood ratio by the weights of the other folds; no more than the average decoy's where
        there is no excess, no less than the whole class's where an established flow rose manifold.
    parts : ndarray, shape (c, features)
        Its part from each of ``evidence.FEATURES``; 0 where the leg was not observed.
    q, p, adjusted : ndarray, shape (c,)
        Target-decoy q-value, the largest over the placebo windows; tail probability among decoys; the same
        after Benjamini-Hochberg.
    student : ndarray, shape (c,)
        Tail probability of leg A alone under the fitted Student t.
    innocent : float
        Share of tested cells without diversion, as used in ``q``.
    decoy_score : ndarray, shape (d,)
        Scores of the tested cells of all placebo windows.
    decoy_product : ndarray of int, shape (d,)
    weights : tuple of Weights
        One a fold.
    fold : ndarray of int, shape (products,)
    fall : ndarray, shape (products,)
        Fall of each product's direct flow in the window of the measure; NaN where it was not observed.
    """

    legs: Legs
    tested: BoolArray
    score: FloatArray
    parts: FloatArray
    q: FloatArray
    p: FloatArray
    adjusted: FloatArray
    student: FloatArray
    innocent: float
    decoy_score: FloatArray
    decoy_product: IntArray
    weights: tuple[Weights, ...]
    fold: IntArray
    fall: FloatArray

    @property
    def decoys(self) -> int:
        """Number of placebo cells behind the q-values."""
        return int(self.decoy_score.size)

    @property
    def least(self) -> float:
        """Lowest q-value that any tested cell reached: at a level below it nothing is calibrated."""
        return float(np.nanmin(self.q))

    def judge(self, legs: Legs) -> FloatArray:
        """Score other cells (placebos, plants) by weights that never saw their products; NaN if small."""
        return _scores(legs, self.weights, self.fold, self.fall)[0]

    def cut(self, level: float) -> float:
        """Lowest score with ``q <= level``; infinite where there is none."""
        found = self.score[self.tested & (np.nan_to_num(self.q, nan=2.0) <= level)]
        return float(found.min()) if found.size else np.inf


def detect(target: Legs, placebos: Sequence[Legs], *, groups: IntArray, folds: int = 5) -> Detection:
    """Score every cell of ``target`` and give it a q-value against the cells of ``placebos``.

    Trade strays further in one placebo window than in another, for all cells together. So every window
    judges by itself and the largest q-value counts; the weights are learned from all windows.

    Parameters
    ----------
    target : Legs
        The window after the measure.
    placebos : sequence of Legs
        Windows in which nobody had a reason to divert, measured in the same way and of the same length.
    groups : ndarray of int, shape (products,)
        Group of each product that is never split between folds (HS4).
    folds : int
        Number of folds, at least 2.

    Returns
    -------
    Detection

    Raises
    ------
    ValueError
        If there are no placebos, they have another length, there are fewer groups than folds, or too few
        cells lie above small change to learn from.
    """
    if not placebos:
        raise ValueError("placebos must hold at least one window: without them nothing is calibrated")
    if any(one.length != target.length for one in placebos):
        raise ValueError("placebos must be as long as the target window")
    if folds < 2 or np.unique(groups).size < folds:
        raise ValueError("folds must be at least 2 and at most the number of groups of products")
    if not target.large.any():
        raise ValueError("target must hold at least one cell above small change")
    fold = folds_of(np.asarray(groups, np.int64), folds)
    fall = _by_product(target, fold.size)
    decoys = list(placebos)
    weights = tuple(_train(target, decoys, fold, fall, left_out) for left_out in range(folds))
    weights, innocent = _calibrated(target, decoys, weights, fold, fall)
    score, parts, student = _scores(target, weights, fold, fall)
    others = [_scores(one, weights, fold, fall)[0] for one in decoys]
    decoy_score = np.concatenate([s[one.large] for s, one in zip(others, decoys, strict=True)])
    decoy_product = np.concatenate([one.product[one.large] for one in decoys])
    tested = target.large
    q, p, adjusted = (np.full(score.size, np.nan) for _ in range(3))
    each = [q_values(score[tested], s[one.large], innocent) for s, one in zip(others, decoys, strict=True)]
    q[tested] = np.max(each, axis=0)
    p[tested] = tail_probabilities(score[tested], decoy_score)
    adjusted[tested] = benjamini_hochberg(p[tested])
    return Detection(
        legs=target,
        tested=tested,
        score=score,
        parts=parts,
        q=q,
        p=p,
        adjusted=adjusted,
        student=student,
        innocent=innocent,
        decoy_score=decoy_score,
        decoy_product=decoy_product,
        weights=weights,
        fold=fold,
        fall=fall,
    )


def _by_product(target: Legs, products: int) -> FloatArray:
    """Fall of the direct flow of every product that has a cell; NaN for the others."""
    fall = np.full(products, np.nan)
    fall[target.product] = target.fall
    return fall


def _train(target: Legs, decoys: list[Legs], fold: IntArray, fall: FloatArray, left_out: int) -> Weights:
    """Weights learned on every fold but one."""
    keep = [one.large & (fold[one.product] != left_out) for one in decoys]
    mine = target.large & (fold[target.product] != left_out)
    if sum(int(k.sum()) for k in keep) < 20 or not mine.any():
        raise ValueError(
            "target and placebos must hold cells above small change outside every fold (placebos 20)"
        )
    dispersion, onward = tails(decoys, keep)
    x = features(target, fall[target.product], dispersion, onward)[mine]
    y = np.concatenate(
        [features(one, fall[one.product], dispersion, onward)[k] for one, k in zip(decoys, keep, strict=True)]
    )
    return learn(x, y, dispersion, onward)


def _calibrated(
    target: Legs, decoys: list[Legs], weights: tuple[Weights, ...], fold: IntArray, fall: FloatArray
) -> tuple[tuple[Weights, ...], float]:
    """The same weights on the scale of a log-likelihood ratio, and the share of innocents.

    One slope and constant serve all folds. Both are judged by scores before those without an excess are
    capped, since the cap heaps cells up at one score.
    """
    mine = _scores(target, weights, fold, fall, -np.inf)[0][target.large]
    others = [_scores(one, weights, fold, fall, -np.inf)[0][one.large] for one in decoys]
    theirs = np.concatenate(others)
    innocent = innocent_share(mine, theirs)
    slope, shift = calibrate(mine, theirs, innocent)
    return tuple(
        replace(
            one,
            weight=one.weight * slope,
            constant=one.constant * slope + shift,
            middle=shift,
            manifold=_manifold(target, decoys, fold, number, innocent),
        )
        for number, one in enumerate(weights)
    ), innocent


def _manifold(target: Legs, decoys: list[Legs], fold: IntArray, left_out: int, innocent: float) -> float:
    """Log-likelihood ratio of established flows that rose manifold, on every fold but one."""
    mine, *others = (one.multiplied[one.large & (fold[one.product] != left_out)] for one in (target, *decoys))
    return class_ratio(mine, np.concatenate(others), innocent)


def _scores(
    legs: Legs, weights: tuple[Weights, ...], fold: IntArray, fall: FloatArray, cap: float = 0.0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Score, parts and Student tail of every tested cell by the weights of its own fold."""
    score, student = np.full(legs.hub.size, np.nan), np.full(legs.hub.size, np.nan)
    parts = np.zeros((legs.hub.size, len(FEATURES)))
    size = legs.expected + legs.floor
    ratio = np.log((legs.observed + legs.floor) / size)
    for number, learned in enumerate(weights):
        mine = legs.large & (fold[legs.product] == number)
        x = features(legs, fall[legs.product], learned.dispersion, learned.onward)[mine]
        # Without an excess nothing can have been diverted, whatever the breadth says.
        capped = legs.excess[mine] <= cap
        raw = learned.score(x)
        score[mine] = np.where(capped, np.minimum(raw, learned.middle), raw)
        score[mine & legs.multiplied] = np.maximum(score[mine & legs.multiplied], learned.manifold)
        parts[mine] = learned.parts(x)
        student[mine] = learned.dispersion.upper_tail(learned.dispersion.standardise(ratio, size)[mine])
    return score, parts, student
