"""Weighted projection on fixed effects, many times on one set of rows, for the penalised regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inference.clusters import cluster_codes
from entrepot.models.poisson.layout import SparseLayout, sums_by_group

FloatArray = NDArray[np.float64]

# Weights below this (in units of their mean) count as much: sums of still smaller ones underflow.
_FLOOR = 1e-100


@dataclass(frozen=True, slots=True)
class Parts:
    """What the fixed effects take of each column.

    Attributes
    ----------
    values : ndarray, shape (n, k)
        The sum of the levels that each row has.
    levels : ndarray, shape (k, L)
        Level of every group, the start of the next projection.
    """

    values: FloatArray
    levels: FloatArray


class Projector:
    """Residuals of weighted least squares on group dummies.

    Parameters
    ----------
    groups : sequence of array_like of int, each of shape (n,)
        One array of codes for each fixed effect; none stands for a constant.
    rows : int
        Number of rows n.
    """

    def __init__(self, groups: Sequence[ArrayLike], rows: int) -> None:
        codes = [cluster_codes(group, rows, f"groups[{at}]") for at, group in enumerate(groups)]
        self._layout = SparseLayout(tuple(codes) or (np.zeros(rows, dtype=np.intp),))

    def parts(
        self, target: FloatArray, weights: FloatArray, start: FloatArray | None, tolerance: float
    ) -> Parts:
        """Regress columns on the group dummies; ``target`` (n, k) is the columns times ``weights`` (n,)."""
        self._layout.weigh(np.maximum(weights, _FLOOR * weights.mean()))
        sums = sums_by_group(self._layout, np.ascontiguousarray(target.T))
        levels = self._layout.solve(sums, start, tolerance)
        return Parts(self._layout.spread(levels).T, levels)

    def residual(self, columns: FloatArray, weights: FloatArray) -> FloatArray:
        """Return what is left of columns (n, k), orthogonal to all fixed effects under weights (n,)."""
        return columns - self.parts(columns * weights[:, None], weights, None, 1e-12).values

    def balance(self, y: FloatArray, mu: FloatArray) -> FloatArray:
        """Return the change of log mu (n,) that takes each group in turn to its total of y, twice over."""
        change, scaled = np.zeros_like(mu), mu.copy()
        for k in 2 * list(range(len(self._layout.sizes))):
            ratio = self._layout.sums_of(k, y) / self._layout.sums_of(k, scaled)
            factor = self._layout.spread_of(k, ratio)
            scaled *= factor
            change += np.log(factor)
        return change

    def imbalance(self, residual: FloatArray, size: FloatArray) -> float:
        """Return the largest sum of ``residual`` over a group, relative to its or the mean ``size``."""
        worst = 0.0
        for k in range(len(self._layout.sizes)):
            scale = self._layout.sums_of(k, size)
            off = np.abs(self._layout.sums_of(k, residual))
            worst = max(worst, float((off / np.maximum(scale, scale.mean())).max()))
        return worst
