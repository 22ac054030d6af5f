"""Normal equations of exporter-years and importer-years in a tensor, with the pairs eliminated."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.cg import NULL, SINGLE_NULL, Operator, System
from entrepot.models.poisson.precondition import corrected_diagonal

# Single or double precision.
RealArray = NDArray[Any]
FloatArray = NDArray[np.float64]

# Weights that single precision holds with room for their squares.
_RANGE = 1e-18, 1e18


class Normal:
    """Sums of weights times levels between exporter-years, importer-years and pairs.

    Levels of exporter-years (N, T) and importer-years (T, M) stand one after another in rows (r, L).

    Parameters
    ----------
    cells : ndarray, shape (N, T, M)
        Weights, in single or double precision.
    by_importer : ndarray, shape (M, T, N)
        The same, laid out for sums of importers.
    diagonal, pair : ndarray, shapes (N T + T M,), (N, M)
        Sums of the weights; 1 where there is no cell.
    """

    def __init__(
        self, cells: RealArray, by_importer: RealArray, diagonal: RealArray, pair: RealArray
    ) -> None:
        self._dims = cells.shape
        self._w, self._by_importer = cells, by_importer
        self._years = cells.transpose(1, 0, 2)
        self.diagonal, self.pair = diagonal, pair

    @classmethod
    def of(cls, cells: FloatArray, by_importer: FloatArray) -> Normal:
        """Return the normal equations of weights (N, T, M)."""
        np.copyto(by_importer, cells.transpose(2, 1, 0))
        diagonal = _filled(np.concatenate([cells.sum(axis=2).ravel(), cells.sum(axis=0).ravel()]))
        return cls(cells, by_importer, diagonal, _filled(cells.sum(axis=1)))

    def split(self, two: RealArray) -> tuple[RealArray, RealArray]:
        """Return exporter-years (r, N, T) and importer-years (r, T, M)."""
        n, t, m = self._dims
        return two[:, : n * t].reshape(len(two), n, t), two[:, n * t :].reshape(len(two), t, m)

    def joined(self, a: RealArray, b: RealArray) -> RealArray:
        """Return (r, L) from exporter-years (r, N, T) and importer-years (r, T, M)."""
        rows, (n, t, m) = len(a), self._dims
        return np.concatenate([a.reshape(rows, n * t), b.reshape(rows, t * m)], axis=1)

    def to_pairs(self, two: RealArray) -> RealArray:
        """Sum the weighted levels of exporter-years and importer-years over the years of each pair."""
        a, b = self.split(two)
        from_a = np.matmul(a.transpose(1, 0, 2), self._w)
        from_b = np.matmul(b.transpose(2, 0, 1), self._by_importer)
        return np.asarray(from_a.transpose(1, 0, 2) + from_b.transpose(1, 2, 0))

    def from_pairs(self, pair: RealArray) -> RealArray:
        """Sum the weighted levels of pairs (r, N, M) over importers and over exporters."""
        to_a = np.matmul(self._w, pair.transpose(1, 2, 0))
        to_b = np.matmul(self._by_importer, pair.transpose(2, 1, 0))
        return self.joined(to_a.transpose(2, 0, 1), to_b.transpose(2, 1, 0))

    def product(self, two: RealArray) -> RealArray:
        """Multiply by the normal equations."""
        a, b = self.split(two)
        to_a = np.matmul(self._years, b.transpose(1, 2, 0))
        to_b = np.matmul(a.transpose(2, 0, 1), self._years)
        result = self.joined(to_a.transpose(2, 1, 0), to_b.transpose(1, 0, 2))
        result += self.diagonal * two
        result -= self.from_pairs(self.to_pairs(two) / self.pair)
        return result

    def system(self, precondition: Operator) -> System:
        """Return the system to solve."""
        single = self._w.dtype == np.float32
        return System(self.product, precondition, self.diagonal, SINGLE_NULL if single else NULL)

    def single(self, room: RealArray) -> Normal | None:
        """Return the same in single precision, in ``room`` (2, cells), None where weights do not fit."""
        if self.pair.min() < _RANGE[0] or self._w.max() > _RANGE[1]:
            return None
        cells, by_importer = room[0].reshape(self._w.shape), room[1].reshape(self._by_importer.shape)
        cells[:], by_importer[:] = self._w, self._by_importer
        return Normal(cells, by_importer, self.diagonal.astype(np.float32), self.pair.astype(np.float32))

    def scaling(self) -> Operator:
        """Return the preconditioner that divides by the diagonal of the normal equations."""
        squares, share = self._w * self._w, 1 / self.pair
        taken = np.matmul(squares, share[:, :, None]), np.einsum("itj,ij->tj", squares, share)
        left = self.diagonal - np.concatenate([part.ravel() for part in taken])
        scale = corrected_diagonal(left, self.diagonal)
        return lambda v: v / scale


def _filled(sums: FloatArray) -> FloatArray:
    """Put 1 where a group has no cell: its level stays at 0."""
    return np.where(sums > 0, sums, 1.0)
