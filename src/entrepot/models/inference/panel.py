"""A trade panel as a tensor of pairs by periods, and the information that each pair carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inference.clusters import IntArray, cluster_codes, directed_pairs

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairPanel:
    """Pairs by periods: arrays of shape (pairs, periods), zero where there is no row.

    Attributes
    ----------
    exporter, importer : ndarray of int, shape (pairs,)
        Codes from 0 on each side.
    countries : int
        Countries on either side.
    y, mu : ndarray, shape (pairs, periods)
        Outcome and fitted mean.
    x : ndarray, shape (pairs, periods, k)
        Projected regressors.
    pair_effects : bool
        Whether the model has pair effects.
    """

    exporter: IntArray
    importer: IntArray
    countries: int
    y: FloatArray
    mu: FloatArray
    x: FloatArray
    pair_effects: bool

    @property
    def sellers(self) -> int:
        """Number of exporters."""
        return int(self.exporter.max()) + 1

    @property
    def buyers(self) -> int:
        """Number of importers."""
        return int(self.importer.max()) + 1

    def information(self, pairs: IntArray) -> FloatArray:
        """H of each pair given, shape (m, periods, periods)."""
        mu = self.mu[pairs]
        blocks = mu[:, :, None] * np.eye(mu.shape[1])
        if self.pair_effects:
            blocks -= mu[:, :, None] * (mu / mu.sum(axis=1, keepdims=True))[:, None, :]
        return np.asarray(blocks)

    def total_information(self, pairs: IntArray) -> FloatArray:
        """Sum of H over the pairs given, shape (periods, periods)."""
        mu = self.mu[pairs]
        total = np.diag(mu.sum(axis=0))
        if self.pair_effects:
            total -= mu.T @ (mu / mu.sum(axis=1, keepdims=True))
        return np.asarray(total)


def members(side: IntArray) -> list[IntArray]:
    """Return the pairs of each country of one side.

    Examples
    --------
    >>> [at.tolist() for at in members(np.array([1, 0, 1]))]
    [[1], [0, 2]]
    """
    order = np.argsort(side, kind="stable")
    return np.split(order, np.cumsum(np.bincount(side))[:-1])


def pair_panel(
    x_tilde: ArrayLike,
    mu: ArrayLike,
    y: ArrayLike,
    exporter: ArrayLike,
    importer: ArrayLike,
    period: ArrayLike,
    *,
    pair_effects: bool,
) -> PairPanel:
    """Lay rows out by pair and period.

    Parameters
    ----------
    x_tilde, mu, y, exporter, importer, period, pair_effects
        As in `entrepot.models.inference.bias.correct_gravity`.

    Returns
    -------
    PairPanel
        Pairs in the order of (exporter, importer).

    Raises
    ------
    ValueError
        If shapes disagree or a pair has two rows in a period.
    """
    x = np.asarray(x_tilde, dtype=np.float64)
    rows = x.shape[0]
    source, target = (
        cluster_codes(values, rows, name) for values, name in ((exporter, "exporter"), (importer, "importer"))
    )
    when, pair = cluster_codes(period, rows, "period"), directed_pairs(exporter, importer)
    pairs, periods = int(pair.max()) + 1, int(when.max()) + 1
    if np.unique(pair * periods + when).size < rows:
        raise ValueError("period must name each row of a pair once")

    def tensor(values: ArrayLike) -> FloatArray:
        given = np.asarray(values, dtype=np.float64)
        filled = np.zeros((pairs, periods, *given.shape[1:]))
        filled[pair, when] = given
        return filled

    first = np.unique(pair, return_index=True)[1]
    countries = np.union1d(np.asarray(exporter), np.asarray(importer)).size
    return PairPanel(source[first], target[first], countries, tensor(y), tensor(mu), tensor(x), pair_effects)
