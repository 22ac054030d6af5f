"""Exporter-year, importer-year and pair effects on a dense (exporter | year | importer) tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.cg import Operator, Tolerance, conjugate_gradients
from entrepot.models.poisson.levels import Links, linked
from entrepot.models.poisson.precondition import (
    HARD,
    LARGEST_SIDE,
    SMALL,
    Blocks,
    corrected_diagonal,
    small_inverse,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class DenseShape:
    """Where rows and groups lie in the tensor.

    Attributes
    ----------
    sizes : tuple of int
        Exporters, years and importers: N, T, M.
    roles : tuple of int
        Which of the given fixed effects is exporter-year, importer-year and pair.
    cells : ndarray of int, shape (n,)
        Flat place of each row.
    places : tuple of ndarray of int
        Flat place of each level of exporter-year, importer-year and pair in its own matrix.
    links : dict of (int, int) to (ndarray of int, ndarray of int)
        What the levels of two of the given fixed effects share: year, exporter or importer of each.
    """

    sizes: tuple[int, int, int]
    roles: tuple[int, int, int]
    cells: IntArray
    places: tuple[IntArray, IntArray, IntArray]
    links: Links


def dense_shape(groups: tuple[IntArray, ...], fill: float) -> DenseShape | None:
    """Return the tensor that three fixed effects span, None where they span none or fill too little of it.

    Two fixed effects that share an index are linked through it, so the components of their graph are the
    index: years for exporter-year and importer-year, exporters for exporter-year and pair.
    """
    if len(groups) != 3:
        return None
    pair = int(np.argmax([group.max() for group in groups]))
    first, second = (k for k in range(3) if k != pair)
    a, b, c = groups[first], groups[second], groups[pair]
    year_a, year_b, t = linked(a, b)
    exporter_a, exporter_c, i = linked(a, c)
    importer_b, importer_c, j = linked(b, c)
    sizes = (int(exporter_a.max()) + 1, int(year_a.max()) + 1, int(importer_b.max()) + 1)
    places = (
        exporter_a * sizes[1] + year_a,
        year_b * sizes[2] + importer_b,
        exporter_c * sizes[2] + importer_c,
    )
    volume = sizes[0] * sizes[1] * sizes[2]
    if a.size < max(fill, 1e-3) * volume or any(_repeats(place) for place in places):
        return None
    cells = i * sizes[1]
    cells += t
    cells *= sizes[2]
    cells += j
    if _repeats(cells):
        return None
    links = {
        (first, second): (year_a, year_b),
        (first, pair): (exporter_a, exporter_c),
        (second, pair): (importer_b, importer_c),
    }
    links |= {(one, other): (right, left) for (other, one), (left, right) in links.items()}
    return DenseShape(sizes, (first, second, pair), cells, places, links)


def _repeats(places: IntArray) -> bool:
    there = np.zeros(int(places.max()) + 1, dtype=np.bool_)
    there[places] = True
    return int(np.count_nonzero(there)) < places.size


def original(shape: DenseShape, levels: list[FloatArray]) -> list[FloatArray]:
    """Return the levels of the fixed effects as given, in their order and codes."""
    result: list[FloatArray] = [np.empty(0)] * 3
    for role, level, place in zip(shape.roles, levels, shape.places, strict=True):
        result[role] = level[place]
    return result


class DenseLayout:
    """The three-way layout: pair effects in closed form, conjugate gradients on the other two.

    Levels are held in the order exporter-year (N, T), importer-year (T, M), pair (N, M), all cells included.
    """

    def __init__(self, shape: DenseShape) -> None:
        n, t, m = shape.sizes
        self._dims = (n, t, m)
        self.sizes: tuple[int, ...] = (n * t, t * m, n * m)
        self.cells = n * t * m
        self.inner = 0
        self._hard = False
        self._by_importer = np.empty((m, n, t))
        self.weigh(np.ones(self.cells))

    def sums_of(self, k: int, values: FloatArray) -> FloatArray:
        """Sum values (cells,) by the groups of fixed effect ``k``."""
        return np.asarray(values.reshape(self._dims).sum(axis=(2, 0, 1)[k])).ravel()

    def scale(self, k: int, levels: FloatArray, values: FloatArray) -> None:
        """Multiply values (cells,) in place by the level of fixed effect ``k`` that each cell has."""
        n, t, m = self._dims
        cube = values.reshape(self._dims)
        cube *= levels.reshape(((n, t, 1), (1, t, m), (n, 1, m))[k])

    def weigh(self, weights: FloatArray) -> None:
        """Set the weights (cells,) of the projections that follow."""
        w = weights.reshape(self._dims)
        self._w = w
        np.copyto(self._by_importer, w.transpose(2, 0, 1))
        self._diagonal = _filled(np.concatenate([w.sum(axis=2).ravel(), w.sum(axis=0).ravel()]))
        self._pair = _filled(w.sum(axis=1))
        if self._hard and self._diagonal.size <= SMALL:
            self._precondition = small_inverse(self._product, self._diagonal)
            return
        if self._hard:
            self._precondition = self._blocks(w * (1 - w / self._pair[:, None]))
            return
        share, squares = 1 / self._pair, w * w
        taken = (np.matmul(squares, share[:, :, None]), np.einsum("itj,ij->tj", squares, share))
        left = self._diagonal - np.concatenate([part.ravel() for part in taken])
        scale = corrected_diagonal(left, self._diagonal)
        self._precondition = lambda v: v / scale

    def solve(self, target: FloatArray, start: FloatArray | None, tolerance: Tolerance) -> FloatArray:
        """Regress on the group dummies; see `Layout.solve`."""
        n, t, m = self._dims
        cube = target.reshape(len(target), n, t, m)
        own = cube.sum(axis=2)
        two = self._joined(cube.sum(axis=3), cube.sum(axis=1))
        reduced = two - self._from_pairs(own / self._pair)
        first = None if start is None else start[:, : n * t + t * m]
        found, used = conjugate_gradients(
            self._product, self._precondition, self._diagonal, reduced, first, tolerance
        )
        self.inner += used
        self._hard = self._hard or (used > HARD and min(n, m) <= LARGEST_SIDE)
        pair = (own - self._to_pairs(found)) / self._pair
        return np.concatenate([found, pair.reshape(len(target), n * m)], axis=1)

    def spread(self, levels: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Return the sum of the levels (r, L) that each cell has, shape (r, cells), in ``out`` if given."""
        n, t, m = self._dims
        a, b = self._split(levels[:, : n * t + t * m])
        shape = (len(levels), n, t, m)
        cube = np.empty(shape) if out is None else out.reshape(shape)
        np.add(a[:, :, :, None], b[:, None], out=cube)
        cube += levels[:, n * t + t * m :].reshape(len(levels), n, 1, m)
        return cube.reshape(len(levels), self.cells)

    def _blocks(self, left: FloatArray) -> Operator:
        """Return the preconditioner that solves each year's two-way system."""
        rows, columns = self._split(self._diagonal[None])
        cells = np.ascontiguousarray(left.transpose(1, 0, 2))
        inverse = Blocks(cells, np.ascontiguousarray(rows[0].T), columns[0])

        def apply(v: FloatArray) -> FloatArray:
            a, b = self._split(v)
            first, second = inverse.solve(a.transpose(2, 1, 0), b.transpose(1, 2, 0))
            return self._joined(first.transpose(2, 1, 0), second.transpose(2, 0, 1))

        return apply

    def _split(self, two: FloatArray) -> tuple[FloatArray, FloatArray]:
        n, t, m = self._dims
        return two[:, : n * t].reshape(len(two), n, t), two[:, n * t :].reshape(len(two), t, m)

    def _to_pairs(self, two: FloatArray) -> FloatArray:
        """Sum the weighted levels of exporter-years and importer-years over the years of each pair."""
        a, b = self._split(two)
        from_a = np.matmul(a.transpose(1, 0, 2), self._w)
        from_b = np.matmul(self._by_importer, b.transpose(2, 1, 0))
        return np.asarray(from_a.transpose(1, 0, 2) + from_b.transpose(2, 1, 0))

    def _from_pairs(self, pair: FloatArray) -> FloatArray:
        """Sum the weighted levels of pairs over importers and over exporters."""
        to_a = np.matmul(self._w, pair.transpose(1, 2, 0))
        to_b = np.matmul(pair.transpose(2, 0, 1), self._by_importer)
        return self._joined(to_a.transpose(2, 0, 1), to_b.transpose(1, 2, 0))

    def _product(self, two: FloatArray) -> FloatArray:
        a, b = self._split(two)
        years = self._w.transpose(1, 0, 2)
        to_a = np.matmul(years, b.transpose(1, 2, 0))
        to_b = np.matmul(a.transpose(2, 0, 1), years)
        cross = self._joined(to_a.transpose(2, 1, 0), to_b.transpose(1, 0, 2))
        return self._diagonal * two + cross - self._from_pairs(self._to_pairs(two) / self._pair)

    def _joined(self, a: FloatArray, b: FloatArray) -> FloatArray:
        rows, (n, t, m) = len(a), self._dims
        return np.concatenate([a.reshape(rows, n * t), b.reshape(rows, t * m)], axis=1)


def _filled(sums: FloatArray) -> FloatArray:
    """Put 1 where a group has no cell: its level stays at 0."""
    return np.where(sums > 0, sums, 1.0)
