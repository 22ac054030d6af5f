"""The lasso: optimality conditions by hand, both ends of the path, invariances, hard columns, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.inference import LassoFit, lasso
from entrepot.models.inference.penalised import coordinate_descent
from entrepot.models.poisson import fit


@dataclass(frozen=True)
class Sample:
    """A trade panel with exporter-year, importer-year and pair effects."""

    y: np.ndarray
    x: np.ndarray
    groups: list[np.ndarray]


def _sample(seed: int, width: int = 6, countries: int = 6, years: int = 4, zeros: float = 0.3) -> Sample:
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(np.arange(countries), np.arange(countries), np.arange(years), indexing="ij")
    there = (grid[0] != grid[1]) & (rng.random(grid[0].shape) < 0.9)
    i, j, t = (axis[there] for axis in grid)
    x = rng.normal(size=(i.size, width))
    x[:, ::2] = x[:, ::2] > 0.5
    y = np.exp(x[:, :2] @ [0.8, -0.6] + rng.normal(size=(countries, years))[i, t]) * rng.lognormal(
        0, 1, i.size
    )
    # A third of the rows stays positive, so that pruning never takes all.
    y[(rng.random(i.size) < zeros) & ((i + j + t) % 3 > 0)] = 0
    return Sample(y, x, [i * years + t, j * years + t, i * countries + j])


def _largest_penalty(s: Sample) -> float:
    """The smallest lambda that keeps every coefficient at 0: the largest score of the effects alone."""
    alone = fit(s.y, None, s.groups)
    return float(np.abs(s.x[alone.kept].T @ (alone.y - alone.mu)).max())


def _off(s: Sample, found: LassoFit) -> float:
    """Largest violation of the optimality conditions, from the raw rows."""
    y, x = s.y[found.kept], s.x[found.kept]
    rest, scale = y - found.mu, y.sum()
    worst = 0.0
    for group in s.groups:
        worst = max(worst, float(np.abs(np.bincount(group[found.kept], weights=rest)).max()) / scale)
    bound = found.penalty * found.loadings
    for k, score in enumerate(x.T @ rest):
        if k in found.absorbed:
            continue
        gap = (
            abs(score - bound[k] * np.sign(found.beta[k])) if found.beta[k] else max(abs(score) - bound[k], 0)
        )
        worst = max(worst, gap / bound[k])
    return worst


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100_000), share=st.floats(0.02, 0.95), zeros=st.sampled_from([0.0, 0.4, 0.7]))
def test_the_optimality_conditions_hold(seed: int, share: float, zeros: float) -> None:
    s = _sample(seed, zeros=zeros)
    loadings = np.random.default_rng(seed).uniform(0.5, 2.0, s.x.shape[1])
    found = lasso(s.y, s.x, s.groups, share * _largest_penalty(s), loadings)
    assert _off(s, found) < 1e-8
    assert found.violation < 1e-8
    assert found.selected == tuple(np.flatnonzero(found.beta))


def test_without_penalty_it_is_the_plain_regression() -> None:
    s = _sample(1)
    plain, none = fit(s.y, s.x, s.groups), lasso(s.y, s.x, s.groups, 0.0)
    assert none.beta.tolist() == plain.beta.tolist()
    assert none.mu.tolist() == plain.mu.tolist()
    top = _largest_penalty(s)
    gaps = []
    for share in (1e-4, 1e-6, 1e-8):
        found = lasso(s.y, s.x, s.groups, share * top)
        gaps.append(float(np.abs(found.beta - plain.beta).max()))
    # The path is linear in lambda where no coefficient is near 0.
    assert gaps[1] == pytest.approx(gaps[0] / 100, rel=0.01)
    assert gaps[2] == pytest.approx(gaps[0] / 10_000, rel=0.01)


def test_the_path_begins_at_the_largest_score() -> None:
    s = _sample(2)
    top = _largest_penalty(s)
    assert lasso(s.y, s.x, s.groups, 1.0001 * top).selected == ()
    first = lasso(s.y, s.x, s.groups, 0.9999 * top)
    assert len(first.selected) == 1
    alone = fit(s.y, None, s.groups)
    # Both stop at relative scores of 1e-8 at most.
    assert lasso(s.y, s.x, s.groups, 2 * top).mu == pytest.approx(alone.mu, rel=1e-7)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_units_and_order_change_nothing(seed: int) -> None:
    s = _sample(seed)
    penalty = 0.2 * _largest_penalty(s)
    base = lasso(s.y, s.x, s.groups, penalty)
    rng = np.random.default_rng(seed)
    order, columns = rng.permutation(s.y.size), rng.permutation(s.x.shape[1])
    size = 10.0 ** rng.integers(-6, 7, s.x.shape[1])
    groups = [group[order] for group in s.groups]
    other = lasso(
        1e6 * s.y[order], ((s.x + 3) * size)[order][:, columns], groups, 1e6 * penalty, size[columns]
    )
    assert sorted(columns[list(other.selected)]) == list(base.selected)
    back = np.empty_like(base.beta)
    back[columns] = other.beta * size[columns]
    assert back == pytest.approx(base.beta, abs=1e-7)


def test_hard_columns() -> None:
    s = _sample(3)
    rows = np.flatnonzero(s.y == 0)[:3]
    separating = np.zeros(s.y.size)
    separating[rows] = 1.0
    absorbed = np.random.default_rng(0).normal(size=40)[s.groups[2]]
    x = np.column_stack([s.x, s.x[:, 0], absorbed, separating, np.ones(s.y.size)])
    penalty = 0.05 * _largest_penalty(s)
    hard = Sample(s.y, x, s.groups)
    found = lasso(s.y, x, s.groups, penalty)
    assert _off(hard, found) < 1e-8
    assert found.absorbed == (7, 9)
    assert found.beta[[7, 9]].tolist() == [0.0, 0.0]
    assert np.isfinite(found.beta).all()
    # Of two equal columns the fit has one sum, however it is shared.
    assert found.beta[0] + found.beta[6] == pytest.approx(
        lasso(s.y, np.delete(x, 6, axis=1), s.groups, penalty).beta[0], abs=1e-8
    )
    strict = lasso(s.y, x, s.groups, 1e-4 * penalty)
    assert strict.beta[8] < found.beta[8] <= 0
    assert strict.kept.tolist() == found.kept.tolist()


def test_coordinate_descent_meets_its_conditions() -> None:
    rng = np.random.default_rng(4)
    for width in (1, 5, 40):
        root = rng.normal(size=(3 * width, width))
        moments, target = root.T @ root, 5 * rng.normal(size=width)
        bound = rng.uniform(1, 5, width)
        free = np.ones(width, dtype=bool)
        beta = coordinate_descent(moments, target, bound, np.zeros(width), free)
        gradient = target - moments @ beta
        assert gradient[beta != 0] == pytest.approx((bound * np.sign(beta))[beta != 0], abs=1e-10)
        assert (np.abs(gradient[beta == 0]) <= bound[beta == 0] + 1e-10).all()
    held = coordinate_descent(
        np.eye(2), np.array([5.0, 5.0]), np.ones(2), np.zeros(2), np.array([True, False])
    )
    assert held.tolist() == [4.0, 0.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"penalty": -1.0}, "penalty must be at least 0"),
        ({"penalty": np.nan}, "penalty must be at least 0"),
        ({"loadings": [1.0]}, "loadings must be 2 positive numbers"),
        ({"loadings": [1.0, 0.0]}, "loadings must be 2 positive numbers"),
        ({"x": [1.0, 2.0, 3.0]}, r"x must have shape \(n, k\)"),
        ({"x": [[1.0, np.nan]] * 3}, "x must be finite"),
        ({"x": [[1.0, 2.0]] * 4}, "x must have 3 rows, not 4"),
        ({"y": [1.0, -1.0, 2.0]}, "y is negative in row 1"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {
        "y": [1.0, 2.0, 3.0],
        "x": [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]],
        "groups": [],
        "penalty": 1.0,
    }
    with pytest.raises(ValueError, match=words):
        lasso(**(arguments | change))
