"""Calibrations shared by the tests of the equilibrium models."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def world_194(shared: Path) -> Any:
    """The 194 countries of data_194.py; only for tests marked ``needs_shared``."""
    return _beside("data_194").load(shared)


@pytest.fixture(scope="session")
def nafta(shared: Path) -> Any:
    """The tables of data_nafta.py; only for tests marked ``needs_shared``."""
    return _beside("data_nafta").load(shared)


@pytest.fixture(scope="session")
def random_world() -> Callable[..., dict[str, Any]]:
    """The maker of random economies of economies.py."""
    made: Callable[..., dict[str, Any]] = _beside("economies").random_world
    return made
