"""Fixtures for the store's tests."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from entrepot.result import Source
from entrepot.store import Store, open_store


@pytest.fixture(scope="session")
def pack() -> Store:
    return open_store()


@pytest.fixture
def source() -> Source:
    return Source("x", "Producer", "Title", "1", "CC0", "https://example.org", date(2026, 1, 2), "ab" * 32)


@pytest.fixture
def flows() -> pa.Table:
    return pa.table(
        {
            "year": pa.array([2020, 2021, 2021], pa.int16()),
            "exporter": ["BLR", "BLR", "RUS"],
            "importer": ["RUS", "RUS", "BLR"],
            "product": ["010111", "010111", "270900"],
            "value": [1.5, 0.1 + 0.2, 1e9],
            "quantity": [None, 2.5, 0.0],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")
