"""The world of 194 countries in 2023 and the US tariffs of April 2025, from ../shared/data/ge-tariffs-194."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class World194:
    """N = 194 countries; flows [exporter, importer] in thousand USD, domestic trade on the diagonal.

    ``tariff_hat`` is the change of 1 + t by the United States alone, ``retaliation_hat`` with every country
    charging the United States what it is charged.
    """

    countries: tuple[str, ...]
    trade: FloatArray
    tariff_hat: FloatArray
    retaliation_hat: FloatArray

    @property
    def usa(self) -> int:
        return self.countries.index("USA")


def load(shared: Path) -> World194:
    """Calibrate: spending = GDP + imports - exports, domestic trade = max(spending - imports, 0)."""
    folder = shared / "ge-tariffs-194" / "data" / "base_data"
    with (folder / "country_labels.csv").open(encoding="utf-8") as file:
        countries = tuple(row["iso3"] for row in csv.DictReader(file))
    trade = np.genfromtxt(folder / "trade_cepii.csv", delimiter=",", skip_header=1, filling_values=0.0)
    gdp = np.genfromtxt(folder / "gdp.csv", skip_header=1) / 1e3
    rates = np.genfromtxt(folder / "tariffs.csv", skip_header=1)
    trade = np.nan_to_num(trade)
    imports, exports = trade.sum(axis=0), trade.sum(axis=1)
    spending = gdp + imports - exports
    trade = trade + np.diag(np.maximum(spending - imports, 0))
    usa = countries.index("USA")
    tariff_hat = np.ones_like(trade)
    tariff_hat[:, usa] = 1 + rates
    tariff_hat[usa, usa] = 1
    return World194(countries, trade, tariff_hat, tariff_hat * tariff_hat.T)
