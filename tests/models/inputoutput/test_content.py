"""Value added by origin: numbers of decompr, shares that sum to one, faults."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from entrepot.models.inputoutput import (
    content_by_origin,
    decompose,
    leontief_inverse,
    value_added_by_origin,
    value_added_shares,
)


def read(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))[1:]


@pytest.mark.needs_shared
def test_leontief_decomposition_agrees_with_decompr(shared: Path) -> None:
    folder = shared / "va-leather"
    Z, Y = (np.array([row[1:] for row in read(folder / name)], float) for name in ("inter.csv", "final.csv"))
    X = np.array([row[0] for row in read(folder / "out.csv")], float)
    exports = decompose(Z, Y, X)["EXGR"].sum(axis=1)
    B, v = leontief_inverse(Z, X), value_added_shares(Z, X)
    found = value_added_by_origin(B, v, exports).ravel()
    expected = [float(row[4]) for row in read(folder / "expected_leontief_exports.csv")]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    # Values that the package prints in its own tests, five decimals.
    assert found[[0, 80]] == pytest.approx([28.52278, 34.74381], abs=1e-5)
    by_final_demand = (v[:, None] * (B @ Y)).ravel()
    assert by_final_demand[[0, 19]] == pytest.approx([24.3345824, 23.6841309], abs=1e-6)
    assert value_added_by_origin(B, v, X).ravel()[[0, 80]] == pytest.approx(
        [66.75361799, 96.78316785], abs=1e-7
    )


def test_content_sums_to_one_by_any_grouping() -> None:
    rng = np.random.default_rng(1)
    Z = rng.lognormal(0, 1, (6, 6))
    X = 1.5 * Z.sum(axis=0)
    B, v = leontief_inverse(Z, X), value_added_shares(Z, X)
    share = content_by_origin(B[:, :2], v, [0, 0, 1, 1, 2, 0])
    assert share.shape == (3, 2)
    np.testing.assert_allclose(share.sum(axis=0), 1.0)
    np.testing.assert_allclose(share[2], v[4] * B[4, :2])


@pytest.mark.parametrize("origin", [[0, 1], [0.0, 1.0, 2.0], [0, -1, 1]])
def test_places_of_origin_must_be_numbered(origin: list[float]) -> None:
    with pytest.raises(ValueError, match="origin must be 3 whole numbers from 0"):
        content_by_origin(np.eye(3), np.ones(3), origin)


def test_shapes_must_fit() -> None:
    with pytest.raises(ValueError, match="v and demand must have shapes"):
        value_added_by_origin(np.eye(3), np.ones(2), np.ones(3))
