"""Panels for the tests of the Poisson regression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """A trade panel: y (n,), x (n, k) and codes of exporter-year, importer-year and pair."""

    y: FloatArray
    x: FloatArray
    groups: list[NDArray[np.intp]]


def _panel(seed: int, *, zeros: float = 0.3, unit: float = 1.0, absent: float = 0.1) -> Panel:
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(6, 12)), int(rng.integers(4, 8))
    i, year, j = (axis.ravel() for axis in np.meshgrid(range(n), range(t), range(n), indexing="ij"))
    there = (rng.random(i.size) > absent) & (i != j)
    i, year, j = i[there], year[there], j[there]
    x = np.column_stack([rng.normal(size=i.size), rng.random(i.size) < 0.3])
    level = (
        rng.normal(size=(n, t))[i, year] + rng.normal(size=(t, n))[year, j] + rng.normal(size=(n, n))[i, j]
    )
    y = np.exp(x @ [0.5, -0.4] + level) * rng.lognormal(0, 1, i.size)
    y[rng.random(i.size) < zeros] = 0
    groups = [i * t + year, year * n + j, i * n + j]
    return Panel(y * unit, x, groups)


@pytest.fixture(scope="session")
def panel() -> Callable[..., Panel]:
    """Make a random panel from a seed."""
    return _panel
