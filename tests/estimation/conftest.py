"""Panels for the tests of the gravity front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

THREE_WAY = "exporter^year + importer^year + exporter^importer"


@pytest.fixture(scope="session")
def three_way() -> str:
    """The fixed effects of structural gravity."""
    return THREE_WAY


@pytest.fixture
def panel() -> dict[str, Any]:
    """Eight countries, five years, domestic trade included, no zeros; regressors rta, tariff, size."""
    rng = np.random.default_rng(11)
    names = np.array(["AUT", "BRA", "CAN", "DEU", "EGY", "FRA", "GHA", "HUN"])
    i, j, t = (axis.ravel() for axis in np.meshgrid(range(8), range(8), range(5), indexing="ij"))
    apart = rng.normal(size=(8, 8))
    rta = ((apart[i, j] + t > 2.5) & (i != j)).astype(float)
    tariff = np.where(i == j, 0.0, rng.uniform(0, 0.3, i.size))
    level = rng.normal(size=(8, 5))[i, t] + rng.normal(size=(8, 5))[j, t] + apart[i, j] + 3.0 * (i == j)
    trade = np.exp(level + 0.4 * rta - 2.0 * tariff) * rng.gamma(4, 0.25, i.size)
    return {
        "exporter": names[i], "importer": names[j], "year": 2000 + t, "trade": trade, "rta": rta,
        "tariff": tariff, "abroad": (i != j).astype(int), "zone": np.array(["n", "s", "e", "w"])[i % 4],
    }  # fmt: skip


@pytest.fixture(scope="session")
def bias_example(shared: Path) -> pd.DataFrame:
    """Manufacturing trade of 65 countries, the example of ppml_fe_bias."""
    data = pd.read_parquet(shared / "gravity-ppmlhdfe" / "ppml_fe_bias_example.parquet")
    return data[data.category == "MANUF"]


@pytest.fixture(scope="session")
def guide(shared: Path) -> pd.DataFrame:
    """Trade of 69 countries, 1986 to 2006, of the WTO and UNCTAD guide."""
    data = pd.read_parquet(shared / "gravity-wto-guide" / "agtpa.parquet")
    data["abroad"] = (data.exporter != data.importer).astype(int)
    data["home"] = data.exporter.where(data.abroad == 0, "abroad")
    return data


@pytest.fixture(scope="session")
def every_fourth(guide: pd.DataFrame) -> pd.DataFrame:
    """Years 1986, 1990, ... 2006, as in the guide's tables."""
    return guide[guide.year.isin(range(1986, 2007, 4))]
