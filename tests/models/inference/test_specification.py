"""Wald and score tests: identities, size and power of RESET, errors."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.models.inference import clustered, score_test, wald


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
