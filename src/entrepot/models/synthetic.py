"""Synthetic trade of realistic shape and size: gravity, comparative advantage, sparsity, heavy tails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

DISTANCE_ELASTICITY = 1.0
ADVANTAGE, TASTE, SHOCK, UNIT_VALUE = 2.0, 2.2, 0.5, 0.6
MISSING_QUANTITY = 0.05
# Part of the products on which the cut-off is found: about a million cells at full size.
SAMPLE = 0.05


@dataclass(frozen=True)
class Margins:
    """What synthetic trade is anchored on.

    Attributes
    ----------
    exports, imports : ndarray, shape (N, J)
        Value by country and sector, USD thousand; zero where a country does not trade in a sector.
    distance : ndarray, shape (N, N)
        Kilometres; the diagonal is not used.
    sector : ndarray of int, shape (K,)
        Sector of each product.
    weight : ndarray, shape (K,)
        Share of each product in the trade of its sector, any positive scale.
    """

    exports: FloatArray
    imports: FloatArray
    distance: FloatArray
    sector: IntArray
    weight: FloatArray

    def __post_init__(self) -> None:
        n, j = self.exports.shape
        if self.imports.shape != (n, j) or self.distance.shape != (n, n):
            raise ValueError(f"exports are {n} x {j}; imports and distance do not fit")
        if self.sector.shape != self.weight.shape or self.sector.min() < 0 or self.sector.max() >= j:
            raise ValueError("sector and weight need one entry a product, sectors among those of exports")
        if (self.exports < 0).any() or (self.imports < 0).any() or (self.weight <= 0).any():
            raise ValueError("exports and imports cannot be negative; weights must be positive")


@dataclass(frozen=True)
class Shipments:
    """Trade of one exporter in one year: parallel arrays, one entry a flow.

    Attributes
    ----------
    year, exporter : int
        Year as asked for; position of the exporter.
    importer, product : ndarray of int
        Positions.
    value : ndarray
        USD thousand.
    quantity : ndarray
        Tonnes; NaN where it is missing.
    """

    year: int
    exporter: int
    importer: IntArray
    product: IntArray
    value: FloatArray
    quantity: FloatArray


def flows(margins: Margins, years: range, rows: int, seed: int = 1) -> Iterator[Shipments]:
    r"""Draw trade flows, exporter by exporter within each year, in memory for one exporter only.

    .. math::

        \log v_{ijkt} = \log X_{i s(k)} + \log M_{j s(k)} + \log w_k - \log d_{ij}
                        + a_{ik} + \varepsilon_{ijk} + \eta_{ijkt}

    Comparative advantage :math:`a` and taste :math:`\varepsilon` last, the shock :math:`\eta` does not. Flows
    below a common cut-off are not traded; the cut-off is set so that about `rows` flows a year remain. What
    remains is scaled so that each exporter's total in a sector equals its margin.

    Parameters
    ----------
    margins : Margins
        What the flows are anchored on.
    years : range
        Years to draw.
    rows : int
        Flows a year; met to a few per cent.
    seed : int
        Of all draws; the same seed gives the same flows.

    Yields
    ------
    Shipments

    Raises
    ------
    ValueError
        If `rows` is not positive or more than half of all cells.

    Examples
    --------
    >>> margins = Margins(np.ones((3, 1)), np.ones((3, 1)), np.ones((3, 3)), np.zeros(50, int), np.ones(50))
    >>> drawn = list(flows(margins, range(2020, 2022), rows=100))
    >>> [part.exporter for part in drawn]
    [0, 1, 2, 0, 1, 2]
    >>> [round(float(part.value.sum()), 9) for part in drawn[:3]]
    [1.0, 1.0, 1.0]
    """
    n, k = len(margins.exports), len(margins.sector)
    if not 0 < rows <= n * (n - 1) * k / 2:
        raise ValueError(f"rows must be between 1 and half of the {n * (n - 1) * k} cells, not {rows}")
    world = _World(margins, seed)
    cutoff = world.cutoff(rows)
    for year in years:
        for exporter in range(n):
            yield world.shipments(exporter, year, cutoff)


class _World:
    """Margins in logarithms, and draws that depend on seed, exporter and year alone."""

    def __init__(self, margins: Margins, seed: int) -> None:
        self.margins, self.seed = margins, seed
        with np.errstate(divide="ignore"):
            self.supply = np.log(margins.exports).astype(np.float32)
            self.demand = np.log(margins.imports).astype(np.float32)
        self.ease = (-DISTANCE_ELASTICITY * np.log(np.maximum(margins.distance, 1.0))).astype(np.float32)
        np.fill_diagonal(self.ease, -np.inf)
        self.weight = np.log(margins.weight).astype(np.float32)
        self.price = np.random.default_rng([seed, 1]).normal(0.0, 1.5, len(margins.weight))

    def latent(self, exporter: int, year: int, products: IntArray | None = None) -> NDArray[np.float32]:
        """Return the logarithm of trade by importer and product before the cut-off, for some products."""
        sector = self.margins.sector if products is None else self.margins.sector[products]
        weight = self.weight if products is None else self.weight[products]
        lasting = np.random.default_rng([self.seed, 2, exporter])
        passing = np.random.default_rng([self.seed, 3, exporter, year])
        shape = (len(self.ease), len(sector))
        own = self.supply[exporter][sector] + weight
        own += ADVANTAGE * lasting.standard_normal(len(sector), dtype=np.float32)
        log = TASTE * lasting.standard_normal(shape, dtype=np.float32)
        log += SHOCK * passing.standard_normal(shape, dtype=np.float32)
        log += own + self.demand[:, sector]
        log += self.ease[exporter][:, None]
        return log

    def cutoff(self, rows: int) -> float:
        """Return the cut-off that leaves about `rows` flows, found on a part of the products."""
        n, k = len(self.ease), len(self.weight)
        size = min(k, max(50, round(SAMPLE * k)))
        products = np.sort(np.random.default_rng([self.seed, 4]).choice(k, size, replace=False))
        sampled = np.concatenate([self.latent(i, 0, products).ravel() for i in range(n)])
        kept = round(rows * size / k)
        return float(np.partition(sampled, len(sampled) - kept)[len(sampled) - kept])

    def shipments(self, exporter: int, year: int, cutoff: float) -> Shipments:
        """Return what one exporter ships in one year."""
        log = self.latent(exporter, year)
        importer, product = np.nonzero(log > cutoff)
        value = np.exp(log[importer, product].astype(np.float64) - cutoff)
        sector = self.margins.sector[product]
        sums = np.bincount(sector, value, minlength=self.margins.exports.shape[1])
        value *= (self.margins.exports[exporter] / np.where(sums > 0, sums, 1.0))[sector]
        draws = np.random.default_rng([self.seed, 5, exporter, year])
        price = np.exp(self.price[product] + UNIT_VALUE * draws.standard_normal(len(value)))
        quantity = np.where(draws.random(len(value)) < MISSING_QUANTITY, np.nan, value / price)
        return Shipments(year, exporter, importer, product, value, quantity)
