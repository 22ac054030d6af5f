"""Coalitions: Shapley values against their definition, transfers, invariances, and the empty shock."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.equilibrium.coalition import Ban, Coalitions, Tariff, coalitions, harm_ratio
from entrepot.models.equilibrium.many_sectors import ManySectors
from entrepot.models.equilibrium.one_sector import OneSector

seeds = st.integers(0, 2**32 - 1)


def random_trade(rng: np.random.Generator, n: int) -> np.ndarray:
    size = rng.lognormal(0, 0.7, n)
    return np.outer(size, size) * rng.lognormal(0, 0.5, (n, n)) + 5 * n * np.diag(size**2)


def one_sector(seed: int = 1, n: int = 6, theta: Any = 4.0) -> OneSector:
    # balanced: a target with a fixed surplus may have no equilibrium once banned by almost everybody
    return OneSector(random_trade(np.random.default_rng(seed), n), theta, deficits="balanced")


def harm_of(found: Coalitions, members: Sequence[int]) -> Any:
    return found.target_loss[found.row(members)] if members else 0.0


@given(seed=seeds, shock=st.sampled_from([Ban(), Ban(exports=False), Tariff(0.4), Tariff(0.4, None, 0.3)]))
@settings(max_examples=15, deadline=None)
def test_shapley_is_the_mean_over_orders_of_joining_and_sums_to_all_harm(seed: int, shock: Any) -> None:
    groups = [[0, 1], [2], [3], [4]]
    found = coalitions(one_sector(seed, 7), shock, groups, 5)
    assert found.masks.shape == (15, 4)
    assert found.masks[-1].all()
    by_hand = np.zeros(4)
    for order in permutations(range(4)):
        for place, member in enumerate(order):
            by_hand[member] += harm_of(found, order[: place + 1]) - harm_of(found, order[:place])
    np.testing.assert_allclose(found.shapley, by_hand / 24, rtol=1e-10, atol=1e-12)
    assert found.shapley.sum() == pytest.approx(found.target_loss[-1], rel=1e-10, abs=1e-10)
    np.testing.assert_allclose(found.alone, [harm_of(found, [k]) for k in range(4)])
    without = [harm_of(found, [i for i in range(4) if i != k]) for k in range(4)]
    np.testing.assert_allclose(found.last_in, found.target_loss[-1] - np.array(without))
    assert (found.shapley_error == 0).all()


def test_losses_are_real_income_at_baseline_prices() -> None:
    model = one_sector()
    found = coalitions(model, Ban(), [[0, 1], [2]], [3, 4])
    ban = np.zeros((6, 6), dtype=bool)
    ban[np.ix_([0, 1, 2], [3, 4])] = True
    loss = model.trade.sum(axis=0) * (1 - model.solve(ban=ban | ban.T).welfare_hat)
    np.testing.assert_allclose(found.member_loss[-1], [loss[:2].sum(), loss[2]], rtol=1e-6)
    np.testing.assert_allclose(found.target_loss[-1], loss[3:5].sum(), rtol=1e-6)
    np.testing.assert_allclose(found.others_loss[-1], loss[5], rtol=1e-6)
    income = model.trade.sum(axis=0)
    np.testing.assert_allclose(found.target_percent[-1], 100 * loss[3:5].sum() / income[3:5].sum(), rtol=1e-6)
    assert found.harm_per_cost[-1] == pytest.approx(loss[3:5].sum() / loss[:3].sum(), rel=1e-6)
    # a member that stays out is not charged to the coalition
    alone = found.row([1])
    assert found.own_loss[alone] == found.member_loss[alone, 1]


@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_transfers_even_out_the_percentage_and_sum_to_zero(seed: int) -> None:
    found = coalitions(one_sector(seed), Ban(), [0, 1, 2], 5)
    for row, mask in enumerate(found.masks):
        paid = found.transfers(row)
        assert abs(paid.sum()) <= 1e-10 * found.member_income.sum()
        assert (paid[~mask] == 0).all()
        after = 100 * (found.member_loss[row] - paid)[mask] / found.member_income[mask]
        np.testing.assert_allclose(after, after[0], rtol=1e-9, atol=1e-12)
    even = found.member_loss[-1] - found.transfers(weights=[1.0, 1.0, 1.0])
    np.testing.assert_allclose(even, even[0], rtol=1e-9)


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_the_order_of_members_does_not_matter(seed: int) -> None:
    model, order = one_sector(seed), [2, 0, 3, 1]
    one = coalitions(model, Ban(), [0, 1, 2, 3], 4, tolerance=1e-12)
    other = coalitions(model, Ban(), order, 4, tolerance=1e-12)
    np.testing.assert_allclose(other.shapley, one.shapley[order], rtol=1e-8)
    np.testing.assert_allclose(other.last_in, one.last_in[order], rtol=1e-8)
    np.testing.assert_allclose(other.transfers(), one.transfers()[order], rtol=1e-6, atol=1e-9)
    for row, mask in enumerate(other.masks):
        same = one.row([order[k] for k in np.flatnonzero(mask)])
        np.testing.assert_allclose(other.member_loss[row], one.member_loss[same][order], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("shock", [Tariff(0.0), lambda mask: {}, lambda mask: {"cost_hat": np.ones((6, 6))}])
def test_no_shock_gives_zeros(shock: Any) -> None:
    found = coalitions(one_sector(), shock, [0, 1, 2], 5)
    for name in ("member_loss", "target_loss", "others_loss", "shapley", "last_in", "alone"):
        np.testing.assert_allclose(getattr(found, name), 0, atol=1e-9)
    assert (found.harm_per_cost == 0).all()
    np.testing.assert_allclose(found.transfers(), 0, atol=1e-9)


def test_a_callable_sees_the_member_groups() -> None:
    seen = []

    def shock(mask: np.ndarray) -> dict[str, Any]:
        seen.append(mask.tolist())
        cost = np.ones((6, 6))
        cost[5, [0, 1]] += 0.5 * mask[0]
        cost[5, 2] += 0.3 * mask[1]
        return {"cost_hat": cost}

    found = coalitions(one_sector(), shock, [[0, 1], 2], 5)
    assert seen == [[True, False], [False, True], [True, True]]
    assert (found.target_loss > 0).all()
    assert found.target_loss[-1] > found.target_loss[:2].max()


def test_draws_are_solved_together_and_equal_one_by_one() -> None:
    trade = random_trade(np.random.default_rng(3), 5)
    thetas = np.array([[2.0, 5.0, 9.0]])
    together = coalitions(OneSector(trade, thetas), Ban(), [0, 1, 2], 4)
    assert together.member_loss.shape == (7, 1, 3, 3)
    assert together.transfers().shape == together.shapley.shape == (1, 3, 3)
    assert together.harm_per_cost.shape == (7, 1, 3)
    for k, theta in enumerate(thetas[0]):
        alone = coalitions(OneSector(trade, theta), Ban(), [0, 1, 2], 4)
        np.testing.assert_allclose(together.shapley[0, k], alone.shapley, rtol=1e-6)
        np.testing.assert_allclose(together.member_loss[:, 0, k], alone.member_loss, rtol=1e-5, atol=1e-7)


def test_sampling_agrees_with_all_subsets() -> None:
    model, members = one_sector(5, 9), list(range(7))
    exact = coalitions(model, Ban(), members, 7)
    sampled = coalitions(model, Ban(), members, 7, size_limit=3, orders=40, seed=2)
    assert exact.orders == 0
    assert sampled.orders == 40
    assert len(sampled.masks) < len(exact.masks)
    assert len(np.unique(sampled.masks, axis=0)) == len(sampled.masks)
    assert sampled.shapley.sum() == pytest.approx(sampled.target_loss[-1], rel=1e-10)
    np.testing.assert_allclose(sampled.last_in, exact.last_in, rtol=1e-6)
    np.testing.assert_allclose(sampled.alone, exact.alone, rtol=1e-6)
    assert (sampled.shapley_error > 0).all()
    # 4.5 standard errors: seven of them at once, few pairs
    assert (np.abs(sampled.shapley - exact.shapley) < 4.5 * sampled.shapley_error).all()
    again = coalitions(model, Ban(), members, 7, size_limit=3, orders=40, seed=2)
    assert np.array_equal(again.shapley, sampled.shapley)


def test_every_order_comes_with_its_reverse() -> None:
    """Two members have two orders, so that a single pair already is the Shapley value."""
    exact = coalitions(one_sector(), Ban(), [0, 1], 5)
    sampled = coalitions(one_sector(), Ban(), [0, 1], 5, size_limit=0, orders=4)
    np.testing.assert_allclose(sampled.shapley, exact.shapley, rtol=1e-12)
    np.testing.assert_allclose(sampled.shapley_error, 0, atol=1e-12)


def test_a_tariff_is_levied_on_the_goods_of_the_other_side() -> None:
    model = one_sector()
    found = coalitions(model, Tariff(0.4, retaliation=0.2), [0, [1, 2]], [4, 5])
    duty = np.ones((6, 6))
    duty[4:, :3], duty[:3, 4:] = 1.4, 1.2
    loss = model.trade.sum(axis=0) * (1 - model.solve(tariff_hat=duty).welfare_hat)
    np.testing.assert_allclose(found.target_loss[-1], loss[4:].sum(), rtol=1e-6)
    np.testing.assert_allclose(found.member_loss[-1], [loss[0], loss[1:3].sum()], rtol=1e-6)


def test_one_sector_and_many_sectors_agree() -> None:
    trade = random_trade(np.random.default_rng(8), 5)
    many = ManySectors(trade[..., None], np.ones((5, 1)), np.zeros((5, 1, 1)), None, 4.0)
    for shock in (Ban(), Tariff(0.3, None, 0.2)):
        one = coalitions(OneSector(trade, 4.0), shock, [[0, 1], 2], 4, tolerance=1e-11)
        two = coalitions(many, shock, [[0, 1], 2], 4, tolerance=1e-11)
        np.testing.assert_allclose(two.member_loss, one.member_loss, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(two.shapley, one.shapley, rtol=1e-6)


def test_sectors_of_a_ban(random_world: Any) -> None:
    arrays = random_world(np.random.default_rng(4), n=5, j=3)
    model = ManySectors(**arrays | {"theta": np.full((2, 3), [[3.0], [6.0]])})
    whole = coalitions(model, Ban(), [0, 1], 4)
    part = coalitions(model, Ban(sectors=[1]), [0, 1], 4)
    assert whole.shapley.shape == (2, 2)
    assert (part.target_loss < whole.target_loss).all()
    np.testing.assert_allclose(whole.shapley.sum(axis=-1), whole.target_loss[-1], rtol=1e-10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"members": []}, "members: at least one group"),
        ({"members": [0, [0, 1]]}, "members: country 0 is in two groups"),
        ({"members": [0, 9]}, "members: positions must lie between 0 and 5"),
        ({"members": [0, [True]]}, "members: positions of countries"),
        ({"target": 0}, "target: country 0 is a member"),
        ({"target": []}, "target: positions of countries"),
        ({"shock": Ban(sectors=[0])}, "sectors: a one-sector model"),
        ({"shock": Tariff(-1.0)}, "rate: a finite number above -1"),
        ({"shock": lambda mask: {"bann": 1}}, "shock: bann is no argument"),
        (
            {"shock": lambda mask: {"kind": "full" if mask.all() else "conditional"}},
            "shock: kind must be one",
        ),
        ({"size_limit": 20}, "size_limit: a number between"),
        ({"size_limit": 1, "orders": 5}, "orders: an even number"),
    ],
)
def test_refuses_bad_arguments(changes: dict[str, Any], message: str) -> None:
    given = {"shock": Ban(), "members": [0, 1], "target": 5, **changes}
    with pytest.raises(ValueError, match=message):
        coalitions(one_sector(), **given)


def test_refuses_a_row_or_weights_that_are_not_there() -> None:
    found = coalitions(one_sector(), Ban(), [0, 1, 2, 3], 5, size_limit=0, orders=4)
    assert found.row([2]) >= 0
    with pytest.raises(ValueError, match="members: positions"):
        found.row([7])
    with pytest.raises(ValueError, match="weights: some member"):
        found.transfers(weights=[0.0, 0, 0, 0])
    with pytest.raises(ValueError, match="weights: finite"):
        found.transfers(weights=[-1.0, 1, 1, 1])


def test_harm_ratio_at_zero_cost() -> None:
    found = harm_ratio([2.0, 2.0, 1e-9, -2.0], [1.0, 0.0, 0.0, 0.0], 1e-6, 1e-9)
    assert found.tolist() == [2.0, np.inf, 0.0, 0.0]
