"""Small worlds with known truth, and the real case of 2022 through the validation script."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from entrepot.models import detection as dd

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture(scope="session")
def script() -> ModuleType:
    """scripts/build_validation.py as a module."""
    sys.path.insert(0, str(SCRIPTS))
    return importlib.import_module("build_validation")


@pytest.fixture(scope="session")
def case(script: ModuleType, shared: Path) -> Any:
    """EU exports of listed goods, by month."""
    return script.load(shared)


@pytest.fixture(scope="session")
def found(script: ModuleType, case: Any) -> dd.Detection:
    """March to November 2022 against three placebo windows of 2021."""
    return script.detection(case)


def rows_of(cube: np.ndarray, mass: np.ndarray | None = None) -> dd.Trade:
    """Trade from a full array [exporter, importer, product, period]; zeros become absent rows."""
    at = np.nonzero(cube)
    return dd.trade(
        *at,
        cube[at],
        countries=cube.shape[0],
        products=cube.shape[2],
        periods=cube.shape[3],
        mass=None if mass is None else mass[at],
    )


def world_of(seed: int) -> tuple[dd.Trade, dd.Roles]:
    """Countries 0-2 origins, 3-6 hubs, 7 destination; 40 products in 20 groups, 12 periods of noisy trade."""
    rng = np.random.default_rng(seed)
    cube = np.zeros((8, 8, 40, 12))
    size = rng.lognormal(3, 1, (3, 5, 40, 1))
    cube[:3, 3:, :, :] = rng.poisson(size * rng.gamma(2, 0.5, (3, 5, 40, 12)))
    return rows_of(cube), dd.roles([0, 1, 2], [3, 4, 5, 6], [7], countries=8)


@pytest.fixture
def world() -> tuple[dd.Trade, dd.Roles]:
    """One noisy world."""
    return world_of(5)


GROUPS = np.arange(40) // 2
EARLY = dd.window([0, 1, 2], [4, 5, 6])
LATE = dd.window([4, 5, 6], [8, 9, 10])


def legs_of(trade: dd.Trade, roles: dd.Roles, window: dd.Window, **more: Any) -> dd.Legs:
    """Legs with the groups of ``world``."""
    return dd.measure_legs(trade, roles, window, parents=[GROUPS, GROUPS // 5], floor=1.0, **more)
