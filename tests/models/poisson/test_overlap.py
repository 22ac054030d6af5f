"""Separation by a regression of the indicator: both proofs, on designs too large for a dense basis."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.models import separation
from entrepot.models.poisson.overlap import decide
from entrepot.models.separation import certify, find_separated


def _design(seed: int) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    n, t = int(rng.integers(5, 12)), int(rng.integers(2, 6))
    i, year, j = (axis.ravel() for axis in np.indices((n, t, n)))
    size = rng.lognormal(0, 1, n)
    y = rng.poisson(0.15 * size[i] * size[j]) * rng.lognormal(0, 2, i.size)
    x = np.column_stack([(i == 0) & (j < 3) & (year > 0), i % 3 == j % 3]).astype(float)
    return y, [i * t + year, j * t + year, i * n + j][: 2 + seed % 2], x


@pytest.mark.parametrize("seed", range(40))
def test_agrees_with_the_linear_programme(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y, codes, x = _design(seed)
    monkeypatch.setattr(separation, "_DENSE_CELLS", 0)
    assert (find_separated(y, codes, x).mask == certify(y, codes, x).mask).all()


def test_small_designs_on_the_path_of_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(separation, "_DENSE_CELLS", 0)
    rng, proved = np.random.default_rng(5), 0
    for _ in range(100):
        rows = int(rng.integers(6, 40))
        y = rng.poisson(0.4, rows)
        x = rng.integers(-2, 3, (rows, 2)) * (rng.random((rows, 2)) < 0.4)
        codes = [rng.integers(0, 6, rows) for _ in range(int(rng.integers(1, 4)))]
        found = find_separated(y, codes, x)
        assert (found.mask == certify(y, codes, x).mask).all()
        proved += bool((found.mask & ~found.by_group).any())
    assert proved > 10


def test_a_verdict_is_complete_or_names_a_direction() -> None:
    # The cycle of positive rows leaves one way to move: the row that joins the two blocks.
    first = np.array([0, 0, 1, 1, 2, 2, 3, 3, 0])
    second = np.array([0, 1, 0, 1, 2, 3, 2, 3, 2])
    positive = np.array([True] * 8 + [False])
    verdict = decide(positive, (first, second), np.empty((9, 0)))
    assert verdict.direction.tolist() == [0.0] * 8 + [1.0]
    closed = np.append(first, 2), np.append(second, 0)
    verdict = decide(np.append(positive, False), closed, np.empty((10, 0)))
    assert verdict.complete
    assert not verdict.direction.any()
