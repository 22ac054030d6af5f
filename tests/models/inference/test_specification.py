"""Wald and score tests: identities, size and power of RESET, errors."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from entrepot.models.inference import clustered, reset, score_test, wald
from entrepot.models.poisson import fit


def _reset(y: np.ndarray, x: np.ndarray) -> float:
    """P-value of RESET by score for a Poisson regression without fixed effects."""
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        mu = np.exp(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (mu[:, None] * x), x.T @ (y - mu))
    squared = (x @ beta) ** 2
    added = squared - x @ np.linalg.solve(x.T @ (mu[:, None] * x), x.T @ (mu * squared))
    return score_test(added[:, None], mu, y).p_value


def test_wald_of_one_coefficient_is_its_squared_ratio() -> None:
    answer = wald([-1.5], [[0.25]])
    assert answer.statistic == pytest.approx(9.0)
    # The probability that a standard normal exceeds 3 in size.
    assert answer.p_value == pytest.approx(0.0026997960632601866, rel=1e-9)
    assert wald([1.0, 2.0], np.diag([1.0, 4.0])).statistic == pytest.approx(2.0)
    assert wald([1e-9, 2e9], np.diag([1e-18, 4e18])).statistic == pytest.approx(2.0)


def test_score_test_is_the_quadratic_form_of_the_scores() -> None:
    rng = np.random.default_rng(0)
    x, y, cluster = rng.standard_normal((60, 2)), rng.lognormal(0, 1, 60), np.arange(60) // 3
    mu = np.full(60, 1.3)
    scores = x * (y - mu)[:, None]
    sums = np.array([scores[cluster == g].sum(axis=0) for g in range(20)])
    total = scores.sum(axis=0)
    expected = total @ np.linalg.solve(sums.T @ sums, total)
    assert score_test(x, mu, y, [cluster], convention="none").statistic == pytest.approx(expected)
    assert score_test(x, mu, y, [cluster]).statistic == pytest.approx(expected * 19 / 20)
    assert clustered(x, mu, y, [cluster]).groups == (20,)


def test_reset_keeps_its_size_and_finds_a_wrong_form() -> None:
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(400), rng.standard_normal(400)])
    right = [_reset(rng.poisson(np.exp(0.5 + 0.5 * x[:, 1])).astype(float), x) for _ in range(200)]
    wrong = [_reset(rng.poisson(1.0 + x[:, 1] ** 2).astype(float), x) for _ in range(50)]
    # 200 draws at 5%: between 2 and 22 rejections but for one draw in ten thousand.
    assert 2 <= sum(p < 0.05 for p in right) <= 22
    assert sum(p < 0.05 for p in wrong) > 40


def _trade(seed: int, power: float = 1.0) -> tuple[np.ndarray, np.ndarray, list[np.ndarray], np.ndarray]:
    """A panel of pairs with exporter-year and importer-year effects; a power other than 1 bends the index."""
    rng = np.random.default_rng(seed)
    i, j, t = (
        axis.ravel() for axis in np.meshgrid(np.arange(12), np.arange(12), np.arange(3), indexing="ij")
    )
    x = rng.normal(size=(i.size, 2))
    eta = x @ [0.5, 0.3] + rng.normal(0, 0.3, (12, 3))[i, t] + rng.normal(0, 0.3, (12, 3))[j, t]
    y = rng.poisson(5 * np.exp(np.sign(eta) * np.abs(eta) ** power)).astype(float)
    return y, x, [i * 3 + t, j * 3 + t], i * 12 + j


def test_reset_is_the_regression_with_the_squared_index() -> None:
    y, x, groups, pair = _trade(0)
    base = fit(y, x, groups)
    again = fit(y, np.column_stack([x, np.log(base.mu) ** 2]), groups)
    spread = clustered(again.x_tilde, again.mu, y, [pair])
    for fitted in (None, base):
        found = reset(y, x, groups, [pair], fitted=fitted)
        assert found.coefficient == pytest.approx(again.beta[2], rel=1e-6)
        assert found.standard_error == pytest.approx(spread.standard_errors[2], rel=1e-6)
        assert found.test.statistic == pytest.approx((found.coefficient / found.standard_error) ** 2)
        assert found.test.p_value == pytest.approx(stats.chi2.sf(found.test.statistic, 1))


def test_reset_does_not_depend_on_units_order_or_pruned_rows() -> None:
    y, x, groups, pair = _trade(1)
    base = reset(y, x, groups, [pair])
    order = np.random.default_rng(0).permutation(y.size)
    shuffled = [group[order] for group in groups]
    other = reset(1e7 * y[order], (4 + 1e-3 * x)[order], shuffled, [5 + 2 * pair[order]])
    assert other.coefficient == pytest.approx(base.coefficient, rel=1e-6)
    assert other.test.statistic == pytest.approx(base.test.statistic, rel=1e-6)
    more = [np.append(group, [900, 900]) for group in groups]
    zeros = reset(np.append(y, [0, 0]), np.vstack([x, x[:2]]), more, [np.append(pair, [0, 1])])
    assert zeros.test.statistic == pytest.approx(base.test.statistic, rel=1e-6)
    twice = np.repeat(np.arange(y.size), 1 + (pair % 2))
    weighted = reset(y, x, groups, [pair], weights=1 + (pair % 2))
    copied = reset(y[twice], x[twice], [group[twice] for group in groups], [pair[twice]])
    assert weighted.test.statistic == pytest.approx(copied.test.statistic, rel=1e-6)


def test_reset_by_refit_agrees_with_the_score_test_under_the_null() -> None:
    gaps, rejected = [], 0
    for seed in range(25):
        y, x, groups, pair = _trade(seed)
        refit = reset(y, x, groups, [pair])
        base = fit(y, x, groups)
        # A regression of the fitted means has these means: its projections carry the weights of the test.
        project = fit(base.mu, np.column_stack([x, np.log(base.mu) ** 2]), groups)
        tilde, mu = project.x_tilde, base.mu
        added = tilde[:, 2] - tilde[:, :2] @ np.linalg.solve(
            tilde[:, :2].T @ (mu[:, None] * tilde[:, :2]), tilde[:, :2].T @ (mu * tilde[:, 2])
        )
        score = score_test(added[:, None], mu, y, [pair])
        gaps.append(abs(refit.test.p_value - score.p_value))
        rejected += refit.test.p_value < 0.05
    assert np.median(gaps) < 0.05
    assert rejected <= 5
    assert sum(reset(*_trade(seed, 1.6)[:3], [_trade(seed)[3]]).test.p_value < 0.01 for seed in range(5)) == 5


def test_reset_names_what_leaves_no_test() -> None:
    with pytest.raises(ValueError, match="the squared linear predictor is absorbed by the fixed effects"):
        reset([1.0, 3.0, 2.0, 5.0], [[0.0], [1.0], [0.0], [1.0]], [[0, 1, 0, 1]])
    with pytest.raises(ValueError, match="x and groups must make the linear predictor vary"):
        reset([1.0, 3.0, 2.0, 5.0], np.empty((4, 0)), [])
    with pytest.raises(ValueError, match="is collinear with the regressors before it"):
        reset([1.0, 3.0, 2.0, 5.0, 2.0], [[0, 0], [1, 0], [0, 1], [1, 0], [0, 1]], [])


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="coefficients must be a vector"):
        wald([[1.0]], [[1.0]])
    with pytest.raises(ValueError, match=r"covariance must have shape \(1, 1\)"):
        wald([1.0], [[1.0, 0.0], [0.0, 1.0]])
    with pytest.raises(ValueError, match="covariance must not be singular"):
        wald([1.0, 1.0], [[1.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="coefficients must be finite"):
        wald([np.nan], [[1.0]])
    with pytest.raises(ValueError, match="covariance must be finite"):
        wald([1.0], [[np.inf]])
