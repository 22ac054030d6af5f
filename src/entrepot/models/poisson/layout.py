"""Sums over fixed-effect groups and weighted projections on them, for any list of fixed effects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from entrepot.models.poisson.cg import Tolerance, conjugate_gradients

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


class Layout(Protocol):
    """What the estimator needs of the fixed effects: sums by group and least squares on group dummies."""

    sizes: tuple[int, ...]
    inner: int

    def sums_of(self, k: int, values: FloatArray) -> FloatArray:
        """Sum values (n,) by the groups of fixed effect ``k``."""

    def spread_of(self, k: int, levels: FloatArray) -> FloatArray:
        """Return the level of fixed effect ``k`` that each row has."""

    def weigh(self, weights: FloatArray) -> None:
        """Set the weights (n,) of the projections that follow."""

    def solve(self, target: FloatArray, start: FloatArray | None, tolerance: Tolerance) -> FloatArray:
        """Regress on the group dummies; target (m, n) is already multiplied by the weights.

        Returns the levels of all fixed effects one after another, shape (m, L).
        """

    def spread(self, levels: FloatArray) -> FloatArray:
        """Return the sum of the levels (m, L) that each row has, shape (m, n)."""


class SparseLayout:
    """Fixed effects as sparse dummies; the one with most levels is eliminated in closed form.

    Parameters
    ----------
    groups : tuple of ndarray of int, shape (n,)
        Codes of each fixed effect, contiguous from 0.
    """

    def __init__(self, groups: tuple[IntArray, ...]) -> None:
        self.sizes: tuple[int, ...] = tuple(int(group.max()) + 1 for group in groups)
        self.inner = 0
        self._groups = groups
        self._out = int(np.argmax(self.sizes))
        edges = np.concatenate([[0], np.cumsum(self.sizes)])
        self._slices = [slice(int(a), int(b)) for a, b in pairwise(edges)]
        rest = [k for k in range(len(groups)) if k != self._out]
        self._rest = np.concatenate([np.arange(edges[k], edges[k + 1]) for k in rest] or [edges[:0]])
        self._all = _dummies(groups, self.sizes)
        self._alone = not rest
        if rest:
            self._some = _dummies([groups[k] for k in rest], [self.sizes[k] for k in rest])
            self._some_t = self._some.T.tocsr()
        self._one_t = _dummies([groups[self._out]], [self.sizes[self._out]]).T.tocsr()
        self.weigh(np.ones(groups[0].size))

    def sums_of(self, k: int, values: FloatArray) -> FloatArray:
        """Sum values (n,) by the groups of fixed effect ``k``."""
        sums = np.bincount(self._groups[k], weights=values, minlength=self.sizes[k])
        return np.asarray(sums, dtype=np.float64)

    def spread_of(self, k: int, levels: FloatArray) -> FloatArray:
        """Return the level of fixed effect ``k`` that each row has."""
        return levels[self._groups[k]]

    def weigh(self, weights: FloatArray) -> None:
        """Set the weights (n,) of the projections that follow."""
        self._weights = weights[:, None]
        self._one_sum = (self._one_t @ weights)[:, None]
        if not self._alone:
            self._diagonal = self._some_t @ weights

    def solve(self, target: FloatArray, start: FloatArray | None, tolerance: Tolerance) -> FloatArray:
        """Regress on the group dummies; see `Layout.solve`."""
        levels = np.zeros((len(target), sum(self.sizes)))
        columns = np.ascontiguousarray(target.T)
        one = self._one_t @ columns
        if not self._alone:
            mean = (one / self._one_sum)[self._groups[self._out]]
            reduced = (self._some_t @ (columns - self._weights * mean)).T
            first = None if start is None else start[:, self._rest]
            found, used = conjugate_gradients(
                self._product, lambda v: v / self._diagonal, reduced, first, tolerance
            )
            self.inner += used
            levels[:, self._rest] = found
            one = one - self._one_t @ (self._weights * (self._some @ np.ascontiguousarray(found.T)))
        levels[:, self._slices[self._out]] = (one / self._one_sum).T
        return levels

    def spread(self, levels: FloatArray) -> FloatArray:
        """Return the sum of the levels (m, L) that each row has, shape (m, n)."""
        return np.ascontiguousarray((self._all @ np.ascontiguousarray(levels.T)).T)

    def _product(self, levels: FloatArray) -> FloatArray:
        weighted = self._weights * (self._some @ np.ascontiguousarray(levels.T))
        mean = (self._one_t @ weighted) / self._one_sum
        weighted -= self._weights * mean[self._groups[self._out]]
        return np.ascontiguousarray((self._some_t @ weighted).T)


def _dummies(groups: Sequence[IntArray], sizes: Sequence[int]) -> sparse.csr_array:
    offsets = np.concatenate([[0], np.cumsum(sizes)])[:-1]
    n = groups[0].size
    shifted = [group + offset for group, offset in zip(groups, offsets, strict=True)]
    columns = np.stack(shifted, axis=1).ravel()
    pointers = np.arange(0, columns.size + 1, len(groups))
    return sparse.csr_array((np.ones(columns.size), columns, pointers), shape=(n, int(sum(sizes))))
