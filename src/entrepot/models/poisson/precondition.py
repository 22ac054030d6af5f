"""Preconditioners of the least-squares systems that are left when one fixed effect is eliminated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.cg import NULL, Operator

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Conjugate gradients that took more iterations than this make the next solve use blocks.
HARD = 30
# Systems no larger than this are then inverted whole.
SMALL = 300
# A block counts this share of the plain sum of weights where nothing is left of it.
_FLOOR = 1e-8
_SHIFT = 1e-6
_LARGEST_CELLS = 40_000_000
LARGEST_SIDE = 1200


def small_inverse(product: Operator, diagonal: FloatArray) -> Operator:
    """Return the pseudo-inverse of a small system, in units in which its diagonal is at most 1."""
    unit = 1 / np.sqrt(diagonal)
    system = product(np.eye(diagonal.size)) * unit * unit[:, None]
    values, vectors = np.linalg.eigh((system + system.T) / 2)
    real = values > NULL
    scaled = vectors[:, real] * unit[:, None]
    return lambda v: np.asarray(((v @ scaled) / values[real]) @ scaled.T)


def corrected_diagonal(left: FloatArray, plain: FloatArray) -> FloatArray:
    """Return the diagonal after elimination, kept from 0 where rounding is all that is left of it."""
    return np.where(plain > 0, np.maximum(left, 1e-3 * plain), 1.0)


@dataclass(frozen=True, slots=True)
class BlockPlaces:
    """Where the groups of two fixed effects lie in padded blocks, one block per connected component.

    Attributes
    ----------
    sizes : tuple of int
        Blocks, first groups and second groups in the largest block: T, N, M.
    first, second : ndarray of int
        Flat place of each group in (T, N) and (T, M).
    """

    sizes: tuple[int, int, int]
    first: IntArray
    second: IntArray


def block_places(first: IntArray, second: IntArray, rows: int) -> BlockPlaces | None:
    """Place groups by component, given the component of each; None where padding or blocks are too large."""
    blocks = int(first.max()) + 1
    places = []
    widths = []
    for label in (first, second):
        counts = np.bincount(label, minlength=blocks)
        order = np.argsort(label, kind="stable")
        rank = np.empty(label.size, dtype=np.intp)
        rank[order] = np.arange(label.size) - np.repeat(np.cumsum(counts) - counts, counts)
        widths.append(int(counts.max()))
        places.append(label * widths[-1] + rank)
    cells = blocks * widths[0] * widths[1]
    if min(widths) > LARGEST_SIDE or cells > min(_LARGEST_CELLS, 40 * rows + 100_000):
        return None
    return BlockPlaces((blocks, widths[0], widths[1]), places[0], places[1])


class Blocks:
    """Exact inverse of the two-way system within each block (a year), all blocks at once.

    The system of block t is ``[[diag(a), E], [E', diag(b)]]`` with row sums a and column sums b of E.

    Parameters
    ----------
    cells : ndarray, shape (T, N, M)
        E: weights that are left after elimination, w (1 - w / sum of w in the eliminated group).
    plain_rows, plain_columns : ndarray, shapes (T, N), (T, M)
        Sums of the weights themselves: what rounding is measured by.
    """

    def __init__(self, cells: FloatArray, plain_rows: FloatArray, plain_columns: FloatArray) -> None:
        self._turned = cells.shape[1] < cells.shape[2]
        if self._turned:
            cells = np.ascontiguousarray(cells.transpose(0, 2, 1))
            plain_rows, plain_columns = plain_columns, plain_rows
        # Units in which both diagonals are 1, so that blocks of very unequal groups keep their digits.
        self._rows = _unit(np.maximum(cells.sum(axis=2), _FLOOR * plain_rows))
        columns = np.maximum(cells.sum(axis=1), _FLOOR * plain_columns) + _SHIFT * plain_columns
        self._columns = _unit(columns)
        cells = cells * self._rows
        cells *= self._columns.transpose(0, 2, 1)
        schur = -np.matmul(cells.transpose(0, 2, 1), cells)
        at = np.arange(columns.shape[1])
        schur[:, at, at] += 1.0
        # Half precision of what only steers the search costs no digit of its result, and half the memory.
        self._inverse = np.linalg.inv(schur).astype(np.float32)
        self._cells = cells.astype(np.float32)

    def solve(self, first: FloatArray, second: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Apply the inverse to (T, N, m) and (T, M, m)."""
        if self._turned:
            first, second = second, first
        one, two = (first * self._rows).astype(np.float32), (second * self._columns).astype(np.float32)
        inner = np.matmul(self._inverse, two - np.matmul(self._cells.transpose(0, 2, 1), one))
        outer = (one - np.matmul(self._cells, inner)) * self._rows
        inner = inner * self._columns
        return (inner, outer) if self._turned else (outer, inner)


def _unit(diagonal: FloatArray) -> FloatArray:
    return (1 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0)))[:, :, None]
