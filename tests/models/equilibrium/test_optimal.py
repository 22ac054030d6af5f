"""Optimal tariffs: Gros's formula, the small country, brute force, many partners and harm at no cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.equilibrium.many_sectors import ManySectors
from entrepot.models.equilibrium.one_sector import OneSector
from entrepot.models.equilibrium.optimal import harm_frontier, optimal_tariff

SYMMETRIC = np.array([[80.0, 20.0], [20.0, 80.0]])
# fmt: off
FOUR = np.array([[80.0, 15, 5, 2], [15, 80, 5, 3], [4, 6, 90, 3], [2, 3, 2, 50]])
# fmt: on


def small(share: float) -> np.ndarray:
    """A country of this size that spends and sells a fifth abroad, and the rest of the world."""
    return np.array([[0.8 * share, 0.2 * share], [0.2 * share, 1 - share]])


def welfare(model: OneSector, rates: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    return model.solve(tariff_hat=np.where(pairs, 1 + rates[:, None, None], 1.0), tolerance=1e-11).welfare_hat


def test_small_country_converges_to_one_over_theta_like_its_size() -> None:
    theta = np.array([2.0, 3.0, 5.0, 8.0])
    off = []
    for share in (1e-2, 1e-3, 1e-4):
        best = optimal_tariff(OneSector(small(share), theta), 0)
        assert best.is_maximum.all()
        assert not best.at_bound.any()
        off.append(best.tariff[:, 0] * theta - 1)
    # t* theta = 1 / l_ff, and the others spend about (its size) * 0.13 on its goods
    assert (np.abs(off[2]) < 0.2 * 1e-4).all()
    np.testing.assert_allclose(np.divide(off[:2], off[1:]), 10, rtol=0.01)


@given(seed=st.integers(0, 2**32 - 1), theta=st.floats(1.5, 12))
@settings(max_examples=15, deadline=None)
def test_two_countries_follow_the_formula_of_gros(seed: int, theta: float) -> None:
    rng = np.random.default_rng(seed)
    trade = np.diag(rng.lognormal(0, 1, 2))
    # balanced trade, below half of the smaller country's spending
    trade[[0, 1], [1, 0]] = trade.max(axis=0).min() * rng.uniform(0.02, 1)
    model = OneSector(trade, theta)
    best = optimal_tariff(model, 0)
    duty = np.where([[False, False], [True, False]], 1 + best.tariff, 1.0)
    after = model.solve(tariff_hat=duty, tolerance=1e-12)
    foreign = after.trade[1, 1] / after.trade[:, 1].sum()
    np.testing.assert_allclose(best.tariff[0], 1 / (theta * foreign), rtol=1e-5)
    np.testing.assert_allclose(best.gain, 100 * (after.welfare_hat[0] - 1), rtol=1e-6)
    assert best.gain > 0
    assert best.is_maximum
    assert best.curvature[0] < 0


def test_symmetric_countries_against_brute_force() -> None:
    model = OneSector(SYMMETRIC, 4.0)
    pairs = np.array([[False, False], [True, False]])
    rates = np.linspace(0.25, 0.33, 801)
    brute = welfare(model, rates, pairs)[:, 0]
    best = optimal_tariff(model, 0)
    assert abs(best.tariff[0] - rates[brute.argmax()]) <= 1e-4
    assert best.gain >= 100 * (brute.max() - 1) - 1e-8
    assert best.path_objective.max() <= best.gain + 1e-8
    assert best.path_tariff.shape == (*best.path_objective.shape, 1)
    mirror = optimal_tariff(model, 1)
    np.testing.assert_allclose(mirror.tariff, best.tariff, rtol=1e-6)


def test_bounds_hold_and_are_told() -> None:
    model = OneSector(SYMMETRIC, 4.0)
    for bounds, sign in (((-0.2, 0.1), 1), ((0.5, 3.0), -1)):
        best = optimal_tariff(model, 0, bounds=bounds)
        assert best.tariff[0] == pytest.approx(bounds[1] if sign > 0 else bounds[0])
        assert best.at_bound.all()
        assert best.is_maximum
        assert sign * best.slope[0] > 0


def test_union_sets_no_duty_inside_and_does_as_well_as_its_sum() -> None:
    model = OneSector(FOUR, 4.0)
    best = optimal_tariff(model, [0, 1])
    pairs = np.zeros((4, 4), dtype=bool)
    pairs[2:, :2] = True
    hat = welfare(model, best.tariff, pairs)[0]
    income = FOUR.sum(axis=0)[:2]
    assert best.gain == pytest.approx(100 * (income @ (hat[:2] - 1)) / income.sum(), rel=1e-6)
    assert best.is_maximum


def test_a_tariff_per_partner_beats_one_for_all_and_no_neighbour_beats_it() -> None:
    model = OneSector(FOUR, 4.0, tariffs=0.3 * (1 - np.eye(4)))
    one = optimal_tariff(model, 0)
    many = optimal_tariff(model, 0, partners=[[1], [2], [3]])
    assert many.is_maximum
    assert many.gain > one.gain
    assert (np.abs(many.slope) < 1e-4).all()
    assert (many.curvature < 0).all()
    rng = np.random.default_rng(0)
    near = np.exp(rng.normal(0, 0.02, (200, 3))) * (1 + many.tariff)
    change = np.ones((200, 4, 4))
    change[:, 1:, 0] = near / 1.3
    others = model.solve(tariff_hat=change).welfare_hat[:, 0]
    assert (100 * (others - 1) < many.gain).all()


def test_draws_get_their_own_best() -> None:
    thetas = np.array([3.0, 6.0])
    both = optimal_tariff(OneSector(FOUR, thetas), 0)
    for k, theta in enumerate(thetas):
        alone = optimal_tariff(OneSector(FOUR, theta), 0)
        np.testing.assert_allclose(both.tariff[k], alone.tariff, atol=1e-6)
        np.testing.assert_allclose(both.gain[k], alone.gain, rtol=1e-7)


def test_many_sectors_agree_with_one_and_choose_sectors(random_world: Any) -> None:
    many = ManySectors(FOUR[..., None], np.ones((4, 1)), np.zeros((4, 1, 1)), None, 4.0)
    best, same = optimal_tariff(OneSector(FOUR, 4.0), 0), optimal_tariff(many, 0)
    np.testing.assert_allclose(same.tariff, best.tariff, atol=1e-6)
    arrays = random_world(np.random.default_rng(4), n=3, j=3) | {"theta": 5.0}
    model = ManySectors(**arrays, deficits="balanced")
    part = optimal_tariff(model, 0, sectors=[1])
    rates = model.tariffs.copy()
    rates[1:, 0, 1] = part.tariff[0]
    direct = model.solve(tariffs=rates, tolerance=1e-11).welfare_hat[0]
    assert part.gain == pytest.approx(100 * (direct - 1), abs=1e-7)
    assert part.is_maximum


def test_most_harm_at_no_cost_where_harm_is_free() -> None:
    model = OneSector(SYMMETRIC, 4.0)
    best = optimal_tariff(model, 0, objective="harm_per_cost", target=1)
    assert best.free
    assert np.isinf(best.harm_per_cost)
    # the rate at which the own gain is used up: beyond the welfare optimum
    assert abs(best.gain) < 1e-6
    assert best.tariff[0] > optimal_tariff(model, 0).tariff[0]
    assert best.is_maximum
    frontier = harm_frontier(model, 0, 1)
    assert frontier.most_harm(0.0) <= best.harm
    assert best.harm < frontier.harm[frontier.cost > 0].max()


def test_best_ratio_where_no_harm_is_free() -> None:
    """Above the optimum every rise costs something."""
    model = OneSector(FOUR, 4.0, tariffs=0.3 * (1 - np.eye(4)))
    best = optimal_tariff(model, 0, objective="harm_per_cost", target=1, bounds=(0.5, 3.0))
    assert not best.free
    income = (FOUR * np.where(np.eye(4), 1, 1.3)).sum(axis=0)
    assert best.harm_per_cost == pytest.approx(best.harm * income[1] / (-best.gain * income[0]), rel=1e-9)
    assert best.harm_per_cost == best.path_objective.max()
    assert best.tariff[0] == pytest.approx(0.5)


def test_frontier_keeps_what_no_other_rate_beats() -> None:
    frontier = harm_frontier(OneSector(FOUR, [3.0, 8.0]), 0, 1, points=21)
    assert frontier.cost.shape == frontier.harm.shape == frontier.efficient.shape == (21, 2)
    for draw in range(2):
        cost, harm = frontier.cost[:, draw], frontier.harm[:, draw]
        for k in range(21):
            beaten = ((cost <= cost[k]) & (harm > harm[k])) | ((cost < cost[k]) & (harm >= harm[k]))
            assert frontier.efficient[k, draw] == (not beaten.any())
    assert (np.diff([frontier.most_harm(cost) for cost in (-1.0, 0.0, 0.1, 5.0)], axis=0) >= 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bounds": (0.3, 0.1)}, "bounds: two rates"),
        ({"objective": "gain"}, "objective: one of welfare"),
        ({"objective": "harm_per_cost"}, "target: needed"),
        ({"target": 0}, "target: a country cannot"),
        ({"country": 7}, "country: positions must lie"),
        ({"country": [0, 1, 2, 3]}, "partners: at least one country"),
        ({"partners": [0]}, "partners: no country may be"),
        ({"partners": [1, [1, 2]]}, "partners: no country may be"),
        ({"partners": [1, 2], "objective": "harm_per_cost", "target": 1}, "partners: with objective"),
        ({"sectors": [0]}, "sectors: a one-sector model"),
    ],
)
def test_refuses_bad_arguments(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        optimal_tariff(OneSector(FOUR, 4.0), **{"country": 0, **changes})


def test_refuses_several_rates_over_draws_and_a_frontier_of_one_point() -> None:
    model = OneSector(FOUR, [3.0, 4.0])
    with pytest.raises(ValueError, match="single draw"):
        optimal_tariff(model, 0, partners=[1, 2])
    with pytest.raises(ValueError, match="points: at least 2"):
        harm_frontier(model, 0, 1, points=1)
