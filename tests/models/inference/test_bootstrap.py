"""Bootstrap: draws against copies of rows, the sandwich, invariances, failures, intervals, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.inference import Bootstrap, bootstrap, clustered
from entrepot.models.poisson import fit


@dataclass(frozen=True)
class Sample:
    """Exporter-year, importer-year and pair effects; clusters are pairs."""

    y: np.ndarray
    x: np.ndarray
    groups: list[np.ndarray]
    pair: np.ndarray


def _sample(seed: int, countries: int = 7, years: int = 4, zeros: float = 0.2) -> Sample:
    rng = np.random.default_rng(seed)
    i, j, t = (
        axis.ravel() for axis in np.meshgrid(*map(np.arange, (countries, countries, years)), indexing="ij")
    )
    away = i != j
    i, j, t = i[away], j[away], t[away]
    x = rng.normal(size=(i.size, 2))
    shock = rng.lognormal(0, 0.3, (countries, countries))[i, j] * rng.lognormal(0, 0.5, i.size)
    y = np.exp(x @ [0.4, -0.3] + rng.normal(size=(countries, years))[i, t]) * shock
    y[rng.random(i.size) < zeros] = 0
    return Sample(y, x, [i * years + t, j * years + t, i * countries + j], i * countries + j)


def test_a_draw_is_the_fit_with_its_clusters_copied() -> None:
    s = _sample(0)
    found = bootstrap(s.y, s.x, s.groups, s.pair, draws=3, seed=5)
    assert found.clusters == 42
    pairs = np.unique(s.pair)
    for draw in range(3):
        chosen = np.random.default_rng([5, draw]).integers(pairs.size, size=pairs.size)
        rows = np.concatenate([np.flatnonzero(s.pair == pairs[c]) for c in chosen])
        # Each copy is a pair of its own; that it shares its effect with the others changes nothing.
        copy = np.repeat(np.arange(pairs.size), 4)
        copied = fit(s.y[rows], s.x[rows], [s.groups[0][rows], s.groups[1][rows], copy], singletons="keep")
        assert found.draws[draw] == pytest.approx(copied.beta, abs=1e-7)


def test_pairs_spread_like_the_sandwich_on_a_regular_design() -> None:
    rng = np.random.default_rng(1)
    cluster, x = np.repeat(np.arange(250), 4), rng.normal(size=1000)
    y = np.exp(0.3 * x) * np.repeat(rng.lognormal(0, 0.4, 250), 4) * rng.lognormal(0, 0.4, 1000)
    year = np.tile(np.arange(4), 250)
    base = fit(y, x, [year])
    sandwich = clustered(base.x_tilde, base.mu, base.y, [cluster], convention="none").standard_errors
    pairs = bootstrap(y, x, [year], cluster, draws=400)
    # 400 draws leave 3.5% of sampling error in a standard deviation; second-order terms are of order 1/250.
    assert pairs.standard_errors == pytest.approx(sandwich, rel=0.12)
    assert pairs.draws.mean(axis=0) == pytest.approx(base.beta, abs=4 * sandwich[0] / 20)


@pytest.mark.parametrize("multiplier", ["rademacher", "mammen", "normal"])
def test_score_draws_have_the_covariance_of_the_sandwich(multiplier: Any) -> None:
    s = _sample(2)
    found = bootstrap(s.y, s.x, s.groups, s.pair, draws=20_000, method="score", multiplier=multiplier)
    base = fit(s.y, s.x, s.groups)
    sandwich = clustered(base.x_tilde, base.mu, base.y, [s.pair[base.kept]], convention="none").matrix
    size = np.sqrt(np.diag(sandwich))
    # A covariance from 20,000 draws has a relative error of about 1%, more where v has heavy tails.
    assert (found.covariance - sandwich) / np.outer(size, size) == pytest.approx(np.zeros((2, 2)), abs=0.06)
    assert found.draws.mean(axis=0) == pytest.approx(base.beta, abs=5 * size.max() / np.sqrt(20_000))


def test_mammen_keeps_the_third_moment_of_the_scores_and_signs_have_none() -> None:
    x, y = np.array([0.0, 0, 0, 1, 1, 1, 1]), np.array([1.0, 1.2, 0.8, 9.0, 1.0, 1.5, 1.5])
    base, cluster = fit(y, x, []), np.arange(7)
    moves = base.x_tilde[:, 0] * (y - base.mu) / (base.x_tilde[:, 0] ** 2 @ base.mu)
    third = {}
    for name in ("mammen", "rademacher"):
        found = bootstrap(y, x, [], cluster, draws=40_000, method="score", multiplier=name)  # type: ignore[arg-type]
        third[name] = float(((found.draws - found.beta) ** 3).mean())
    expected = float((moves**3).sum())
    # The third moment of 40,000 draws of this spread has a standard error of 2% of the figure.
    assert third["mammen"] == pytest.approx(expected, rel=0.1)
    assert abs(third["rademacher"]) < 0.1 * abs(expected)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), method=st.sampled_from(["pairs", "score"]))
def test_order_names_and_units_change_nothing(seed: int, method: Any) -> None:
    s = _sample(seed, countries=6, years=3)
    base = bootstrap(s.y, s.x, s.groups, s.pair, draws=3, method=method, seed=seed)
    order = np.random.default_rng(seed).permutation(s.y.size)
    size = np.array([1e-5, 1e5])
    other = bootstrap(
        1e6 * s.y[order],
        (s.x * size)[order],
        [group[order] for group in s.groups],
        7 + 3 * s.pair[order],
        draws=3,
        method=method,
        seed=seed,
    )
    assert other.draws * size == pytest.approx(base.draws, abs=1e-8)


@pytest.mark.parametrize("method", ["pairs", "score"])
def test_a_draw_does_not_depend_on_their_number(method: Any) -> None:
    s = _sample(3)
    few, many = (bootstrap(s.y, s.x, s.groups, s.pair, draws=n, method=method, seed=9) for n in (2, 5))
    assert many.draws[:2] == pytest.approx(few.draws, rel=1e-14)
    other = bootstrap(s.y, s.x, s.groups, s.pair, draws=2, method=method, seed=10)
    assert np.abs(other.draws - few.draws).max() > 1e-4


def test_draws_without_estimates_are_counted_with_their_reasons() -> None:
    rng = np.random.default_rng(4)
    cluster = np.repeat(np.arange(5), 8)
    only = np.where(cluster == 2, rng.normal(size=40), 0.0)
    y = rng.lognormal(size=40)
    found = bootstrap(y, only, [cluster], cluster, draws=60)
    # The one cluster that tells is missing from a draw with probability (4/5)^5 = 0.33.
    assert 8 <= len(found.failed) <= 32
    assert len(found.draws) + len(found.failed) == 60
    assert {failure.reason for failure in found.failed} == {"column 0 absorbed by the fixed effects"}
    assert np.isfinite(found.draws).all()
    drawn = [2 in np.random.default_rng([0, draw]).integers(5, size=5) for draw in range(60)]
    assert [failure.draw for failure in found.failed] == [draw for draw in range(60) if not drawn[draw]]


def test_columns_without_a_coefficient_are_left_out() -> None:
    s = _sample(5)
    constant = np.column_stack([np.ones(s.y.size), s.x])
    found = bootstrap(s.y, constant, s.groups, s.pair, draws=3)
    plain = bootstrap(s.y, s.x, s.groups, s.pair, draws=3)
    assert found.columns == (1, 2)
    assert found.draws == pytest.approx(plain.draws, abs=1e-9)


def test_weights_act_as_frequencies() -> None:
    s = _sample(6)
    twice = np.where(s.pair % 2 == 0, 2, 1)
    rows = np.repeat(np.arange(s.y.size), twice)
    for method in ("pairs", "score"):
        weighted = bootstrap(s.y, s.x, s.groups, s.pair, weights=twice, draws=2, method=method)  # type: ignore[arg-type]
        copied = bootstrap(
            s.y[rows],
            s.x[rows],
            [group[rows] for group in s.groups],
            s.pair[rows],
            draws=2,
            method=method,  # type: ignore[arg-type]
        )
        assert weighted.draws == pytest.approx(copied.draws, abs=1e-7)


def test_intervals() -> None:
    draws = np.arange(101.0)[:, None] / 100
    made = Bootstrap(np.array([0.4]), (0,), draws, (), 7, "pairs", 0)
    assert made.interval(0.9) == pytest.approx(np.array([[0.05, 0.95]]))
    spread = np.std(draws, ddof=1)
    assert made.standard_errors == pytest.approx([spread])
    assert made.interval(kind="normal") == pytest.approx(
        np.array([[0.4 - 1.959964 * spread, 0.4 + 1.959964 * spread]])
    )
    one = Bootstrap(np.array([0.4]), (0,), draws[:1], (), 7, "pairs", 0)
    for ask in (lambda: one.interval(), lambda: one.covariance):
        with pytest.raises(ValueError, match="draws must be at least 2"):
            ask()
    with pytest.raises(ValueError, match="level must lie between 0 and 1"):
        made.interval(95)
    assert made.shift == pytest.approx([0.1])
    assert made.centred.mean() == pytest.approx(0.4)
    assert made.interval(0.9, kind="basic") == pytest.approx(np.array([[-0.15, 0.75]]))
    with pytest.raises(ValueError, match="kind must be 'percentile', 'normal' or 'basic'"):
        made.interval(kind="bca")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"draws": 0}, "draws must be at least 1"),
        ({"method": "wild"}, "method must be 'pairs' or 'score'"),
        ({"method": "score", "multiplier": "webb"}, "multiplier must be 'rademacher', 'mammen' or 'normal'"),
        ({"clusters": [0, 0, 0, 0]}, "clusters must hold at least two clusters"),
        ({"clusters": [0, 1]}, r"clusters must have shape \(4,\)"),
        ({"x": [1.0, 1.0, 1.0, 1.0]}, "x must hold a regressor that the fixed effects do not absorb"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {
        "y": [1.0, 2.0, 3.0, 1.0],
        "x": [0.0, 1.0, 2.0, 1.0],
        "groups": [],
        "clusters": [0, 0, 1, 1],
        "draws": 2,
    }
    with pytest.raises(ValueError, match=words):
        bootstrap(**(arguments | change))
