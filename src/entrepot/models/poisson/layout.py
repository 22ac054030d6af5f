"""Sums over fixed-effect groups and weighted projections on them, for any list of fixed effects."""

from __future__ import annotations

from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from entrepot.models.poisson.cg import Operator, Tolerance, conjugate_gradients
from entrepot.models.poisson.levels import components
from entrepot.models.poisson.precondition import (
    HARD,
    SMALL,
    BlockPlaces,
    Blocks,
    block_places,
    corrected_diagonal,
    small_inverse,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Right-hand sides from which one pass over a sparse matrix for all of them beats a pass for each.
SIDE_BY_SIDE = 3
EVERYWHERE = slice(None)
# Numbers that are worked on at a time.
PIECE = 49_152


class Layout(Protocol):
    """What the estimator needs of the fixed effects: sums by group and least squares on group dummies."""

    sizes: tuple[int, ...]
    inner: int

    def sums_of(self, k: int, values: FloatArray) -> FloatArray:
        """Sum values (n,) by the groups of fixed effect ``k``."""

    def scale(self, k: int, levels: FloatArray, values: FloatArray) -> None:
        """Multiply values (n,) in place by the level of fixed effect ``k`` that each row has."""

    def weigh(self, weights: FloatArray) -> None:
        """Set the weights (n,) of the projections that follow."""

    def pieces(self, rows: int) -> list[slice]:
        """Return slices of the n rows; ``rows`` arrays as long as one stay in the cache between two uses."""

    def gather(self, target: FloatArray, at: slice, sums: FloatArray) -> None:
        """Add target (m, piece), the rows of one of the pieces, to its sums (m, L) by group."""

    def solve(self, sums: FloatArray, start: FloatArray | None, tolerance: Tolerance) -> FloatArray:
        """Regress on the group dummies; sums (m, L) by group are of the target times the weights.

        Returns the levels of all fixed effects one after another, shape (m, L).
        """

    def spread(self, levels: FloatArray, at: slice = EVERYWHERE, out: FloatArray | None = None) -> FloatArray:
        """Return the sum of the levels (m, L) that each row of a piece has, in ``out`` if given."""


def sums_by_group(layout: Layout, target: FloatArray) -> FloatArray:
    """Return the sums (m, L) of target (m, n) by the groups of all fixed effects, one after another."""
    sums = np.zeros((len(target), sum(layout.sizes)))
    for at in layout.pieces(len(target)):
        layout.gather(target[:, at], at, sums)
    return sums


class SparseLayout:
    """Fixed effects as sparse dummies; the one with most levels is eliminated in closed form.

    With G the dummies of that one and R those of the rest, the system of conjugate gradients is
    ``R'WR - R'WG (G'WG)^-1 G'WR``: its three sparse matrices keep their pattern and take new weights.

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
        self._others = [k for k in range(len(groups)) if k != self._out]
        self._rest = np.concatenate([np.arange(edges[k], edges[k + 1]) for k in self._others] or [edges[:0]])
        if self._others:
            self._build([groups[k] for k in self._others])
        self._hard = False
        self._places: BlockPlaces | None = None
        self._placed = False
        self.weigh(np.ones(groups[0].size))

    def _build(self, rest: list[IntArray]) -> None:
        """Lay out the patterns: the rows of each level, and the codes that those rows have elsewhere."""
        n, r = rest[0].size, len(rest)
        offsets = np.cumsum([0] + [self.sizes[k] for k in self._others])
        width, out = int(offsets[-1]), self._groups[self._out]
        codes = np.stack([group + offset for group, offset in zip(rest, offsets[:-1], strict=True)], axis=1)
        ends, self._of_rest = _rows_by_level(codes, width)
        self._cross = _pattern(ends, out[self._of_rest], (width, self.sizes[self._out]))
        out_ends, self._of_out = _rows_by_level(out[:, None], self.sizes[self._out])
        columns = codes[self._of_out].ravel()
        self._back = _pattern(out_ends * r, columns, (self.sizes[self._out], width))
        own = np.repeat(np.arange(r), np.diff(ends[offsets]))
        elsewhere = np.array([[k for k in range(r) if k != at] for at in range(r)], dtype=np.intp)
        columns = codes[self._of_rest[:, None], elsewhere[own]].ravel()
        self._inner = _pattern(ends * (r - 1), columns, (width, width))
        self._n, self._r, self._width = n, r, width

    def sums_of(self, k: int, values: FloatArray) -> FloatArray:
        """Sum values (n,) by the groups of fixed effect ``k``."""
        sums = np.bincount(self._groups[k], weights=values, minlength=self.sizes[k])
        return np.asarray(sums, dtype=np.float64)

    def spread_of(self, k: int, levels: FloatArray) -> FloatArray:
        """Return the level of fixed effect ``k`` that each row has."""
        return levels[self._groups[k]]

    def scale(self, k: int, levels: FloatArray, values: FloatArray) -> None:
        """Multiply values (n,) in place by the level of fixed effect ``k`` that each row has."""
        values *= self.spread_of(k, levels)

    def weigh(self, weights: FloatArray) -> None:
        """Set the weights (n,) of the projections that follow."""
        self._one_sum = self.sums_of(self._out, weights)
        if not self._others:
            return
        by_rest = weights[self._of_rest]
        self._cross.data = by_rest
        self._inner.data = np.repeat(by_rest, self._r - 1) if self._r > 2 else by_rest
        self._back.data = np.repeat(weights[self._of_out], self._r)
        self._diagonal = self._cross @ np.ones(self.sizes[self._out])
        self._precondition: Operator | None = self._blocks(weights) if self._hard else None
        if self._precondition is None:
            left = self._diagonal - self._left_out(by_rest)
            scale = corrected_diagonal(left, self._diagonal)
            self._precondition = lambda v: v / scale

    def pieces(self, rows: int) -> list[slice]:
        """Return one piece: sparse groups are not contiguous."""
        return [EVERYWHERE]

    def gather(self, target: FloatArray, at: slice, sums: FloatArray) -> None:
        """Add target (m, n) to its sums (m, L) by group."""
        for row, into in zip(target, sums, strict=True):
            for k, group in enumerate(self._slices):
                into[group] += self.sums_of(k, row)

    def solve(self, sums: FloatArray, start: FloatArray | None, tolerance: Tolerance) -> FloatArray:
        """Regress on the group dummies; see `Layout.solve`."""
        levels = np.zeros_like(sums)
        if not len(sums):
            return levels
        one = sums[:, self._slices[self._out]]
        if self._others:
            reduced = sums[:, self._rest] - _each(self._cross, one / self._one_sum)
            first = None if start is None else start[:, self._rest]
            assert self._precondition is not None
            found, used = conjugate_gradients(
                self._product, self._precondition, self._diagonal, reduced, first, tolerance
            )
            self.inner += used
            self._hard = self._hard or used > HARD
            levels[:, self._rest] = found
            one = one - _each(self._back, found)
        levels[:, self._slices[self._out]] = one / self._one_sum
        return levels

    def spread(self, levels: FloatArray, at: slice = EVERYWHERE, out: FloatArray | None = None) -> FloatArray:
        """Return the sum of the levels (m, L) that each row has, shape (m, n), in ``out`` if given."""
        total = np.empty((len(levels), self._groups[0].size)) if out is None else out
        for row, into in zip(levels, total, strict=True):
            np.take(row[self._slices[0]], self._groups[0], out=into, mode="clip")
            for k in range(1, len(self.sizes)):
                into += row[self._slices[k]][self._groups[k]]
        return total

    def _product(self, levels: FloatArray) -> FloatArray:
        result: FloatArray = self._diagonal * levels
        if len(levels) >= SIDE_BY_SIDE:
            turned = np.ascontiguousarray(levels.T)
            taken = self._cross @ ((self._back @ turned) / self._one_sum[:, None])
            result += (self._inner @ turned - taken).T
            return result
        for row, into in zip(levels, result, strict=True):
            into += self._inner @ row
            into -= self._cross @ ((self._back @ row) / self._one_sum)
        return result

    def _left_out(self, by_rest: FloatArray) -> FloatArray:
        """Return what elimination takes from the diagonal, by level, where no cell is repeated."""
        share = by_rest * by_rest / self._one_sum[self._cross.indices]
        ends = self._cross.indptr
        return np.asarray(np.add.reduceat(share, ends[:-1]) if share.size else share)

    def _blocks(self, weights: FloatArray) -> Operator | None:
        """Return the preconditioner by components of the two fixed effects that are left, None elsewhere."""
        if self._width <= SMALL:
            return small_inverse(self._product, self._diagonal)
        if self._r != 2:
            return None
        a, b = (self._groups[k] for k in self._others)
        if not self._placed:
            self._places, self._placed = block_places(*components(a, b), rows=self._n), True
        where = self._places
        if where is None:
            return None
        (blocks, n, m), split = where.sizes, self.sizes[self._others[0]]
        left = weights * (1 - weights / self._one_sum[self._groups[self._out]])
        flat = where.first[a] * m + where.second[b] % m
        cells = np.asarray(np.bincount(flat, left, blocks * n * m), dtype=np.float64).reshape(blocks, n, m)
        plain = [np.zeros(blocks * n), np.zeros(blocks * m)]
        plain[0][where.first] = self._diagonal[:split]
        plain[1][where.second] = self._diagonal[split:]
        inverse = Blocks(cells, plain[0].reshape(blocks, n), plain[1].reshape(blocks, m))

        def apply(v: FloatArray) -> FloatArray:
            first, second = np.zeros((blocks * n, len(v))), np.zeros((blocks * m, len(v)))
            first[where.first], second[where.second] = v[:, :split].T, v[:, split:].T
            one, two = inverse.solve(first.reshape(blocks, n, -1), second.reshape(blocks, m, -1))
            one, two = one.reshape(blocks * n, -1)[where.first], two.reshape(blocks * m, -1)[where.second]
            return np.ascontiguousarray(np.concatenate([one, two]).T)

        return apply


def _each(matrix: sparse.csr_array, rows: FloatArray) -> FloatArray:
    return np.stack([matrix @ row for row in rows])


def _rows_by_level(codes: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Return where each level's rows end and begin (width + 1,) and the rows themselves, in order."""
    n, r = codes.shape
    pointers = np.arange(0, n * r + 1, r)
    dummies = sparse.csr_array((np.ones(n * r, dtype=np.int8), codes.ravel(), pointers), shape=(n, width))
    turned = dummies.tocsc()
    return turned.indptr.astype(np.intp), turned.indices.astype(np.intp)


def _pattern(ends: IntArray, columns: IntArray, shape: tuple[int, int]) -> sparse.csr_array:
    small = np.int32 if columns.size < 2**31 else np.int64
    return sparse.csr_array(
        (np.empty(columns.size), columns.astype(small), ends.astype(small)), shape=shape, copy=False
    )
