"""How far exporter-time and importer-time effects reach into each pair: ``Z_p (sum Z' H Z)^- Z_p'``.

Without pair effects, H is diagonal and the periods fall apart: one system of exporters and importers each.
With pair effects, every two periods of a pair are linked, and all effects form one dense system of
``(exporters + importers) periods`` rows. It is factored in place by Cholesky with pivoting, which finds the
effects that are redundant, and inverted in place: n^3 operations and 8 n^2 bytes. Which effects count as
redundant changes no leverage and no score, so that any generalised inverse serves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from entrepot.models.inference.clusters import IntArray
from entrepot.models.inference.panel import PairPanel, members

FloatArray = NDArray[np.float64]

# An effect whose information beyond the others is a smaller share of its own is redundant.
_RANK = 1e-10


class Reach(Protocol):
    """Gives ``Z_p (sum Z' H Z)^- Z_p'`` of any pairs."""

    def of(self, panel: PairPanel, pairs: IntArray) -> FloatArray:
        """Return the blocks of the pairs given, shape (m, periods, periods)."""


@dataclass(frozen=True, slots=True)
class GeneralisedInverse:
    """A generalised inverse of a positive semi-definite matrix, lower triangle, in the order of its pivots.

    Attributes
    ----------
    lower : ndarray, shape (n, n)
        In units where the diagonal of the matrix is 1.
    place : ndarray of int, shape (n,)
        Row of ``lower`` that each row of the matrix has.
    unit : ndarray, shape (n,)
        Square roots of the diagonal.
    """

    lower: FloatArray
    place: IntArray
    unit: FloatArray

    def at(self, rows: IntArray, columns: IntArray) -> FloatArray:
        """Return the elements at rows and columns, which broadcast."""
        left, right = self.place[rows], self.place[columns]
        values = self.lower[np.maximum(left, right), np.minimum(left, right)]
        return np.asarray(values / (self.unit[rows] * self.unit[columns]))


def generalised_inverse(upper: FloatArray) -> GeneralisedInverse:
    """Invert a positive semi-definite matrix, destroying it.

    Parameters
    ----------
    upper : ndarray, shape (n, n), C order
        The matrix; only the upper triangle is read.

    Returns
    -------
    GeneralisedInverse
        Rows and columns of redundant rows are zero.

    Examples
    --------
    >>> found = generalised_inverse(np.array([[4.0, 2.0], [0.0, 1.0]]))
    >>> round(float(found.at(np.array([0]), np.array([0]))[0]), 12)
    0.25
    """
    size = np.sqrt(np.maximum(np.diag(upper), 0.0))
    unit = np.where(size > 0, size, 1.0)
    upper /= unit[:, None]
    upper /= unit
    factor, pivots, rank, _ = lapack.dpstrf(upper.T, tol=_RANK, lower=1, overwrite_a=1)
    factor[rank:] = 0.0
    last = np.arange(rank, unit.size)
    # The identity below the rank makes the factor regular, so that it is inverted where it lies.
    factor[last, last] = 1.0
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    inverse[last, last] = 0.0
    place = np.empty(unit.size, dtype=np.intp)
    place[pivots - 1] = np.arange(unit.size)
    return GeneralisedInverse(inverse, place, unit)


@dataclass(frozen=True, slots=True)
class JointReach:
    """All periods in one system."""

    inverse: GeneralisedInverse

    def of(self, panel: PairPanel, pairs: IntArray) -> FloatArray:
        """Return the blocks of the pairs given, shape (m, periods, periods)."""
        periods = np.arange(panel.mu.shape[1])
        seller = panel.exporter[pairs][:, None] * periods.size + periods
        buyer = (panel.sellers + panel.importer[pairs])[:, None] * periods.size + periods
        cross = self.inverse.at(seller[:, :, None], buyer[:, None, :])
        own = self.inverse.at(seller[:, :, None], seller[:, None, :])
        return np.asarray(
            own + cross + cross.swapaxes(1, 2) + self.inverse.at(buyer[:, :, None], buyer[:, None, :])
        )


@dataclass(frozen=True, slots=True)
class PeriodReach:
    """A system for each period."""

    inverses: tuple[GeneralisedInverse, ...]

    def of(self, panel: PairPanel, pairs: IntArray) -> FloatArray:
        """Return the blocks of the pairs given, shape (m, periods, periods)."""
        blocks = np.zeros((pairs.size, len(self.inverses), len(self.inverses)))
        seller, buyer = panel.exporter[pairs], panel.sellers + panel.importer[pairs]
        for t, inverse in enumerate(self.inverses):
            own = inverse.at(seller, seller) + inverse.at(buyer, buyer)
            blocks[:, t, t] = own + 2 * inverse.at(seller, buyer)
        return blocks


def effects_reach(panel: PairPanel) -> Reach:
    """Factor the information on exporter-time and importer-time effects.

    Parameters
    ----------
    panel : PairPanel
        Fitted means by pair and period.

    Returns
    -------
    Reach
        Blocks for any pairs.
    """
    if panel.pair_effects:
        return JointReach(generalised_inverse(_joint(panel)))
    return PeriodReach(tuple(generalised_inverse(_of_period(panel, t)) for t in range(panel.mu.shape[1])))


def _joint(panel: PairPanel) -> FloatArray:
    """Upper triangle of ``sum Z' H Z``, effects ordered by side, country, period."""
    count, periods = panel.sellers + panel.buyers, panel.mu.shape[1]
    blocks = np.zeros((count, periods, count, periods))
    for seller, pairs in enumerate(members(panel.exporter)):
        blocks[seller, :, seller] = panel.total_information(pairs)
        blocks[seller, :, panel.sellers + panel.importer[pairs]] = panel.information(pairs)
    for buyer, pairs in enumerate(members(panel.importer), start=panel.sellers):
        blocks[buyer, :, buyer] = panel.total_information(pairs)
    return blocks.reshape(count * periods, count * periods)


def _of_period(panel: PairPanel, period: int) -> FloatArray:
    """Upper triangle of the information of one period on exporters and importers."""
    count, mu = panel.sellers + panel.buyers, panel.mu[:, period]
    matrix = np.zeros((count, count))
    matrix[panel.exporter, panel.sellers + panel.importer] = mu
    sums = np.concatenate([np.bincount(panel.exporter, weights=mu), np.bincount(panel.importer, weights=mu)])
    np.fill_diagonal(matrix, sums)
    return matrix
