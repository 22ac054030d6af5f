"""Exporter-year, importer-year and pair effects on a dense (exporter | year | importer) tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.cg import Operator, System, Tolerance, refined
from entrepot.models.poisson.layout import EVERYWHERE, PIECE
from entrepot.models.poisson.levels import Links, linked
from entrepot.models.poisson.normal import Normal
from entrepot.models.poisson.precondition import (
    HARD,
    LARGEST_SIDE,
    SMALL,
    Blocks,
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
    exporter_a, exporter_c, cells = linked(a, c)
    cells *= int(year_a.max()) + 1
    cells += t
    importer_b, importer_c, j = linked(b, c)
    sizes = (int(exporter_a.max()) + 1, int(year_a.max()) + 1, int(importer_b.max()) + 1)
    cells *= sizes[2]
    cells += j
    places = (
        exporter_a * sizes[1] + year_a,
        year_b * sizes[2] + importer_b,
        exporter_c * sizes[2] + importer_c,
    )
    volume = sizes[0] * sizes[1] * sizes[2]
    if a.size < max(fill, 1e-3) * volume or any(_repeats(place) for place in places):
        return None
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
        self._by_importer, room = np.empty((2, m, t, n))
        self._room = room.view(np.float32).reshape(2, self.cells)

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
        self._normal = normal = Normal.of(w, self._by_importer)
        self._single: System | None = None
        if self._hard:
            self._system = normal.system(self._inverse(w))
            return
        single = normal.single(self._room)
        scaling = (single or normal).scaling()
        self._system = normal.system(scaling)
        self._single = single.system(scaling) if single else None

    def pieces(self, rows: int) -> list[slice]:
        """Return slices of whole exporters; ``rows`` arrays as long as one stay in the cache."""
        _, t, m = self._dims
        step = max(PIECE // (max(rows, 1) * t * m), 1) * t * m
        return [slice(start, min(start + step, self.cells)) for start in range(0, self.cells, step)]

    def gather(self, target: FloatArray, at: slice, sums: FloatArray) -> None:
        """Add target (r, piece), cells of whole exporters, to its sums (r, L) by group."""
        rows, (_, t, m) = len(target), self._dims
        first, last, second, pair = self._bounds(at)
        own = last - first
        # Products with ones take half the time of sums along an axis.
        cube = target.reshape(rows * own, t, m)
        sums[:, first * t : last * t] += (cube @ np.ones(m)).reshape(rows, own * t)
        sums[:, second:pair] += np.ones(own) @ target.reshape(rows, own, t * m)
        sums[:, pair + first * m : pair + last * m] += (np.ones(t) @ cube).reshape(rows, own * m)

    def _bounds(self, at: slice) -> tuple[int, int, int, int]:
        """Return the first and the last exporter of a piece, and where importer-years and pairs begin."""
        n, t, m = self._dims
        start, stop, _ = at.indices(self.cells)
        return start // (t * m), stop // (t * m), n * t, n * t + t * m

    def solve(self, sums: FloatArray, start: FloatArray | None, tolerance: Tolerance) -> FloatArray:
        """Regress on the group dummies; see `Layout.solve`."""
        n, t, m = self._dims
        normal, two = self._normal, n * t + t * m
        own = sums[:, two:].reshape(len(sums), n, m)
        reduced = sums[:, :two] - normal.from_pairs(own / normal.pair)
        first = None if start is None else start[:, :two]
        found, used = refined(self._system, self._single, reduced, first, tolerance)
        self.inner += used
        self._hard = self._hard or (used > HARD and min(n, m) <= LARGEST_SIDE)
        pair = (own - normal.to_pairs(found)) / normal.pair
        return np.concatenate([found, pair.reshape(len(sums), n * m)], axis=1)

    def spread(self, levels: FloatArray, at: slice = EVERYWHERE, out: FloatArray | None = None) -> FloatArray:
        """Return the sum of the levels (r, L) that each cell of whole exporters has, in ``out`` if given."""
        rows, (_, t, m) = len(levels), self._dims
        first, last, second, pair = self._bounds(at)
        own = last - first
        result = np.empty((rows, own * t * m)) if out is None else out
        cube = result.reshape(rows, own, t, m)
        a = levels[:, first * t : last * t].reshape(rows, own, t, 1)
        np.add(a, levels[:, second:pair].reshape(rows, 1, t, m), out=cube)
        cube += levels[:, pair + first * m : pair + last * m].reshape(rows, own, 1, m)
        return result

    def _inverse(self, w: FloatArray) -> Operator:
        """Return the preconditioner that inverts a small system, and each year's two-way system of others."""
        normal = self._normal
        if normal.diagonal.size <= SMALL:
            return small_inverse(normal.product, normal.diagonal)
        rows, columns = normal.split(normal.diagonal[None])
        left = w * (1 - w / normal.pair[:, None])
        cells = np.ascontiguousarray(left.transpose(1, 0, 2))
        inverse = Blocks(cells, np.ascontiguousarray(rows[0].T), columns[0])

        def apply(v: FloatArray) -> FloatArray:
            a, b = normal.split(v)
            first, second = inverse.solve(a.transpose(2, 1, 0), b.transpose(1, 2, 0))
            return normal.joined(first.transpose(2, 1, 0), second.transpose(2, 0, 1))

        return apply
