"""Reach of fixed effects into pairs, against dense algebra; generalised inverses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.inference.leverage import effects_reach, generalised_inverse
from entrepot.models.inference.panel import PairPanel, members, pair_panel


def _panel(seed: int, pair_effects: bool, countries: int = 5, periods: int = 4) -> PairPanel:
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(np.arange(countries), np.arange(countries), np.arange(periods), indexing="ij")
    there = rng.random(grid[0].shape) < 0.7
    i, j, t = (axis[there] for axis in grid)
    mu = rng.lognormal(0, 2, i.size)
    return pair_panel(rng.normal(size=(i.size, 1)), mu, mu, i, j, t, pair_effects=pair_effects)


def _dense_leverage(panel: PairPanel) -> np.ndarray:
    """Leverage of every cell on all fixed effects, shape (cells, cells), cells without a row at 0."""
    pairs, periods = panel.mu.shape
    pair, time = (axis.ravel() for axis in np.indices((pairs, periods)))
    codes = [panel.exporter[pair] * periods + time, panel.importer[pair] * periods + time]
    codes += [pair] if panel.pair_effects else []
    dummies = np.column_stack([np.equal.outer(code, np.unique(code)) for code in codes]).astype(float)
    root = np.sqrt(panel.mu.ravel())[:, None] * dummies
    return root @ np.linalg.pinv(root, rcond=1e-11)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), pair_effects=st.booleans())
def test_reach_gives_the_leverage_of_the_dense_design(seed: int, pair_effects: bool) -> None:
    panel = _panel(seed, pair_effects)
    every = np.arange(panel.mu.shape[0])
    reach, information = effects_reach(panel).of(panel, every), panel.information(every)
    dense = _dense_leverage(panel)
    periods = panel.mu.shape[1]
    for p in every:
        cells = slice(p * periods, (p + 1) * periods)
        size = np.sqrt(panel.mu[p])
        own = np.outer(size, size) / panel.mu[p].sum() if pair_effects else 0.0
        # sqrt(mu) Z .. Z' sqrt(mu) between the roots of H; the pair effect's own leverage is apart.
        there = size > 0
        inverse = np.where(there, 1 / np.where(there, size, 1.0), 0.0)
        half = information[p] * np.outer(inverse, inverse)
        expected = dense[cells, cells] - own
        found = half @ (reach[p] * np.outer(size, size)) @ half
        assert found == pytest.approx(expected, abs=1e-8)


def test_one_period_is_the_same_jointly_and_by_period() -> None:
    panel = _panel(3, pair_effects=False, periods=1)
    jointly = PairPanel(panel.exporter, panel.importer, 5, panel.y, panel.mu, panel.x, pair_effects=False)
    pairs = np.arange(panel.mu.shape[0])
    matrix = np.zeros((panel.sellers + panel.buyers,) * 2)
    rows = np.stack([panel.exporter, panel.sellers + panel.importer])
    for (a, b), weight in zip(rows.T, panel.mu[:, 0], strict=True):
        matrix[[a, a, b, b], [a, b, a, b]] += weight
    spread = np.linalg.pinv(matrix, hermitian=True)
    expected = [spread[np.ix_([a, b], [a, b])].sum() for a, b in rows.T]
    assert effects_reach(jointly).of(panel, pairs).ravel() == pytest.approx(expected, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 12), rank=st.integers(1, 12))
def test_generalised_inverse_is_one(seed: int, size: int, rank: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, rank)) * 10.0 ** rng.integers(-4, 5, size)[:, None]
    root[rng.random(size) < 0.2] = 0.0
    matrix = root @ root.T
    found = generalised_inverse(np.triu(matrix))
    every = np.arange(size)
    inverse = found.at(every[:, None], every[None, :])
    unit = np.where(np.diag(matrix) > 0, np.sqrt(np.diag(matrix)), 1.0)
    again = matrix @ inverse @ matrix / np.outer(unit, unit)
    assert inverse == pytest.approx(inverse.T)
    assert again == pytest.approx(matrix / np.outer(unit, unit), abs=1e-5)


def test_members_lists_the_pairs_of_each_country() -> None:
    side = np.array([2, 0, 2, 1])
    assert [at.tolist() for at in members(side)] == [[1], [3], [0, 2]]
