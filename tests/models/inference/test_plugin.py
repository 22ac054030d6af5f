"""Plugin lasso: the penalty by hand, selection in simulations, invariances, the provisions panel, errors.

No published selection exists for the data at hand: Breinlich et al. (2021) select among 305 provisions, of
which the data hold 16. What is checked on them is what the method must satisfy.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from entrepot.models.inference import clustered, plugin_lasso
from entrepot.models.poisson import fit


class Sample:
    """100 pairs, 8 years, 12 regressors of which columns 1 and 4 matter."""

    def __init__(self, seed: int, effects: tuple[float, float] = (0.8, -0.8)) -> None:
        rng = np.random.default_rng(seed)
        self.pair, year = np.repeat(np.arange(100), 8), np.tile(np.arange(8), 100)
        self.x = rng.normal(size=(800, 12))
        level = 0.3 * rng.normal(size=100)[self.pair] + rng.normal(size=8)[year] + self.x[:, [1, 4]] @ effects
        self.y = np.exp(level) * rng.gamma(2, 0.5, 800)
        self.groups = [self.pair, year]


def test_the_penalty_is_the_formula_at_the_selected_model() -> None:
    s = Sample(0)
    found = plugin_lasso(s.y, s.x, s.groups, s.pair)
    assert found.lasso.selected == (1, 4)
    assert found.settled
    n = int(found.lasso.kept.sum())
    assert (found.gamma, found.candidates) == (pytest.approx(0.1 / np.log(n)), 12)
    quantile = stats.norm.ppf(1 - found.gamma / 24)
    assert found.lasso.penalty == pytest.approx(1.1 * np.sqrt(n) * quantile, rel=1e-12)
    post = fit(s.y, s.x[:, [1, 4]], s.groups)
    # A regression of the fitted means on all regressors has those very means, so it projects with them.
    project = fit(post.mu, s.x, s.groups)
    assert project.mu == pytest.approx(post.mu, rel=1e-8)
    sums = np.array([project.x_tilde[s.pair == g].T @ (post.y - post.mu)[s.pair == g] for g in range(100)])
    assert found.lasso.loadings == pytest.approx(np.sqrt((sums**2).sum(axis=0) / n), rel=1e-6)
    assert found.post is not None
    assert found.post.beta == pytest.approx(post.beta, rel=1e-9)
    assert found.covariance is not None
    spread = clustered(post.x_tilde, post.mu, post.y, [s.pair])
    assert found.covariance.matrix == pytest.approx(spread.matrix, rel=1e-7)
    # The penalty shrinks.
    assert (np.abs(found.lasso.beta[[1, 4]]) < np.abs(post.beta)).all()


def test_noise_is_rarely_selected_and_strong_effects_are_found() -> None:
    noise = [plugin_lasso(s.y, s.x, s.groups, s.pair) for s in (Sample(k, (0.0, 0.0)) for k in range(40))]
    # gamma = 0.015 bounds the share of samples of noise with a selection.
    assert sum(len(found.lasso.selected) > 0 for found in noise) <= 3
    nothing = next(found for found in noise if not found.lasso.selected)
    assert (nothing.post, nothing.covariance, nothing.settled) == (None, None, True)
    strong = [plugin_lasso(s.y, s.x, s.groups, s.pair) for s in (Sample(k) for k in range(20))]
    # A sample with a heavy cluster in its first round may stop before the effects stand out.
    assert sum(found.lasso.selected == (1, 4) for found in strong) >= 18


def test_units_and_order_change_nothing() -> None:
    s = Sample(2)
    base = plugin_lasso(s.y, s.x, s.groups, s.pair)
    order, size = np.random.default_rng(0).permutation(800), 10.0 ** np.arange(-6, 6)
    other = plugin_lasso(
        1e6 * s.y[order], ((s.x - 2) * size)[order], [g[order] for g in s.groups], 9 - 2 * s.pair[order] + 200
    )
    assert other.lasso.selected == base.lasso.selected
    assert other.lasso.beta * size == pytest.approx(base.lasso.beta, abs=1e-8)
    assert other.lasso.penalty == base.lasso.penalty
    assert other.lasso.loadings == pytest.approx(base.lasso.loadings * size * 1e6, rel=1e-7)


def test_absorbed_columns_do_not_count_as_candidates() -> None:
    s = Sample(3)
    base = plugin_lasso(s.y, s.x, s.groups, s.pair)
    wide = np.column_stack([s.x, s.pair % 7, np.ones(800)])
    found = plugin_lasso(s.y, wide, s.groups, s.pair)
    assert found.candidates == 12
    assert found.lasso.absorbed == (12, 13)
    assert found.lasso.loadings[12:].tolist() == [0.0, 0.0]
    assert found.lasso.beta[:12] == pytest.approx(base.lasso.beta, abs=1e-10)


@pytest.mark.needs_shared
def test_provisions_of_trade_agreements(shared: Path) -> None:
    # The 40 largest traders of the panel, which fit in a second; see the module for what is known.
    table = pq.read_table(shared / "gravity-panel-1964-2016" / "trade.parquet")
    names = [name for name in table.column_names if "_prov_" in name]
    exporter, importer = (np.array(table[name].to_pylist()) for name in ("exporter", "importer"))
    countries, code = np.unique(exporter, return_inverse=True)
    value = table["usd"].to_numpy().astype(float)
    largest = np.sort(countries[np.argsort(-np.bincount(code, weights=value))[:40]])
    there = np.isin(exporter, largest) & np.isin(importer, largest) & (exporter != importer)
    i, j = (np.searchsorted(largest, side[there]) for side in (exporter, importer))
    t = np.unique(table["year"].to_numpy()[there].astype(int), return_inverse=True)[1]
    x = np.column_stack([table[name].to_numpy()[there].astype(float) for name in names])
    y, pair = value[there], i * 40 + j
    groups = [i * 100 + t, j * 100 + t, pair]
    found = plugin_lasso(y, x, groups, pair)
    assert found.settled
    assert found.lasso.violation < 1e-8
    kept, bound = found.lasso.kept, found.lasso.penalty * found.lasso.loadings
    rest = y[kept] - found.lasso.mu
    for group in groups:
        assert (
            np.abs(np.bincount(group[kept], weights=rest)).max()
            < 1e-8 * np.bincount(group[kept], y[kept]).max()
        )
    score = x[kept].T @ rest
    for k in set(range(16)) - set(found.lasso.absorbed):
        gap = abs(score[k] - bound[k] * np.sign(found.lasso.beta[k]))
        assert (gap if found.lasso.beta[k] else max(abs(score[k]) - bound[k], 0.0)) < 1e-8 * bound[k]
    assert 0 < len(found.lasso.selected) < 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"multiplier": 0.0}, "multiplier must be positive"),
        ({"gamma": 1.5}, "gamma must lie between 0 and 1"),
        ({"clusters": [0] * 4}, "clusters must hold at least two clusters"),
        ({"clusters": [0, 1]}, r"clusters must have shape \(4,\)"),
        ({"x": [[1.0]] * 4}, "x must hold a column that the fixed effects do not absorb"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {
        "y": [1.0, 2.0, 3.0, 1.0],
        "x": [[0.0], [1.0], [2.0], [1.0]],
        "groups": [],
        "clusters": [0, 0, 1, 1],
    }
    with pytest.raises(ValueError, match=words):
        plugin_lasso(**(arguments | change))
