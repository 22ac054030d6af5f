from __future__ import annotations

import numpy as np
import pytest

from entrepot.models.detection import event_study, stack


def study_world(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    cells, months = 60, 7
    exposure = rng.lognormal(0, 0.2, (cells, months))
    theta = np.exp([0, 0, 0, 0.0, 0.5, 0.8, 1.0])
    y = rng.poisson(rng.lognormal(4, 1, (cells, 1)) * exposure * theta * rng.gamma(5, 0.2, (cells, months)))
    return y.astype(float), exposure, rng.random((cells, months)) < 0.95, np.arange(cells) // 6


def dummies(
    y: np.ndarray, o: np.ndarray, seen: np.ndarray, first: int, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same regression with a dummy for every cell and month: Newton steps and a plain sandwich."""
    used = np.where(seen, y, 0).sum(1) > 0
    y, o, seen, group = y[used], o[used], seen[used], group[used]
    n, months = y.shape
    cell, month = np.nonzero(seen)
    x = np.zeros((cell.size, n + months - 1))
    x[np.arange(cell.size), cell] = 1.0
    later = month > 0
    x[np.flatnonzero(later), n + month[later] - 1] = 1.0
    target, offset = y[cell, month], np.log(o[cell, month])
    beta = np.zeros(x.shape[1])
    beta[:n] = np.log(np.maximum(target.mean(), 1))
    for _ in range(60):
        mu = np.exp(x @ beta + offset)
        beta = beta + np.linalg.solve(x.T @ (mu[:, None] * x), x.T @ (target - mu))
    mu = np.exp(x @ beta + offset)
    bread = np.linalg.inv(x.T @ (mu[:, None] * x))
    names, place = np.unique(group[cell], return_inverse=True)
    score = np.zeros((names.size, x.shape[1]))
    np.add.at(score, place, (target - mu)[:, None] * x)
    count = names.size
    variance = bread @ score.T @ score @ bread * count / (count - 1)
    full = np.vstack([np.zeros(x.shape[1]), np.eye(x.shape[1])[n:]])
    before = np.arange(months) < -first
    contrast = (np.eye(months) - np.outer(np.ones(months), before / before.sum())) @ full
    return contrast @ beta, np.sqrt(np.diag(contrast @ variance @ contrast.T))


def test_it_is_the_regression_with_dummies() -> None:
    y, o, seen, group = study_world()
    found = event_study(y, o, seen, -4, (group,))
    effect, error = dummies(y, o, seen, -4, group)
    # The same equations; proportional fitting stops at 1e-10 and the errors go through a pseudo-inverse.
    np.testing.assert_allclose(found.effect, effect, atol=1e-7)
    np.testing.assert_allclose(found.error, error, rtol=1e-5)


def test_the_path_is_recovered() -> None:
    y, o, seen, group = study_world(1)
    found = event_study(y, o, seen, -4, (group,))
    assert found.effect[:4].mean() == pytest.approx(0.0, abs=1e-12)
    assert (np.abs(found.effect[4:] - [0.5, 0.8, 1.0]) < 3.5 * found.error[4:]).all()
    assert found.month.tolist() == [-4, -3, -2, -1, 0, 1, 2]


def test_two_ways_are_never_narrower_than_one() -> None:
    y, o, seen, group = study_world(2)
    hub = np.arange(len(y)) % 5
    both = event_study(y, o, seen, -4, (group, hub))
    for one in (group, hub):
        assert (both.error >= event_study(y, o, seen, -4, (one,)).error - 1e-12).all()
    assert both.clusters == (10, 5)


def test_each_code_is_stacked_on_its_own_date() -> None:
    cube = np.tile(np.arange(10.0), (2, 1))
    value, exposure, inside = stack(cube, np.ones_like(cube), np.array([4, 8]), -2, 2)
    assert value[0].tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert value[1].tolist() == [6.0, 7.0, 8.0, 9.0, 0.0]
    assert inside[1].tolist() == [True, True, True, True, False]
    assert exposure[1, -1] == 0.0


def test_a_month_outside_the_data_is_not_a_nil() -> None:
    y = np.array([[10.0, 10.0, 20.0, 20.0], [10.0, 10.0, 20.0, 0.0]])
    seen = np.array([[True] * 4, [True, True, True, False]])
    found = event_study(y, np.ones_like(y), seen, -2, (np.arange(2),))
    np.testing.assert_allclose(np.exp(found.effect), [1.0, 1.0, 2.0, 2.0], rtol=1e-8)


def test_arguments_are_checked() -> None:
    y = np.ones((2, 3))
    with pytest.raises(ValueError, match="first"):
        event_study(y, y, y > 0, 0, (np.arange(2),))
    with pytest.raises(ValueError, match="shape"):
        event_study(y, y[:, :2], y > 0, -1, (np.arange(2),))
    y[:, 1] = 0.0
    with pytest.raises(ValueError, match="every month"):
        event_study(y, np.ones_like(y), np.ones_like(y, bool), -1, (np.arange(2),))
