from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from entrepot.models import detection as dd
from entrepot.models.detection import legs as module

from .conftest import EARLY, GROUPS, LATE, legs_of, rows_of


def shuffled(trade: dd.Trade, order: np.ndarray) -> dd.Trade:
    return trade.rows(order)


def assert_same(one: dd.Legs, two: dd.Legs) -> None:
    for field in dataclasses.fields(one):
        np.testing.assert_allclose(
            getattr(one, field.name), getattr(two, field.name), rtol=1e-11, atol=1e-11, err_msg=field.name
        )


def test_row_order_changes_nothing(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    order = np.random.default_rng(0).permutation(trade.value.size)
    assert_same(legs_of(trade, roles, LATE), legs_of(shuffled(trade, order), roles, LATE))


def test_rows_of_one_sender_in_parts_change_nothing(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    part = np.random.default_rng(1).uniform(0.2, 0.8, trade.value.size)
    halves = [dataclasses.replace(trade, value=trade.value * share) for share in (part, 1.0 - part)]
    assert_same(legs_of(trade, roles, LATE), legs_of(halves[0].plus(halves[1]), roles, LATE))


def test_unit_of_value_changes_no_ratio(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    scaled = dataclasses.replace(trade, value=trade.value * 1000.0)
    one = legs_of(trade, roles, LATE)
    two = dd.measure_legs(scaled, roles, LATE, parents=[GROUPS, GROUPS // 5], floor=1000.0)
    np.testing.assert_allclose(two.expected, 1000.0 * one.expected, rtol=1e-11)
    np.testing.assert_allclose(two.breadth, one.breadth, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(two.persistence, one.persistence, rtol=1e-9, atol=1e-9)


def test_legs_that_were_not_observed_are_nan_not_zero(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    legs = legs_of(trade, roles, LATE, direct_observed=False)
    for name in ("onward", "onward_expected", "gap_before", "gap_after", "unit_before", "unit_after"):
        assert np.isnan(getattr(legs, name)).all(), name
    assert np.isnan(legs.direct_before).all()
    assert np.isnan(legs.fall).all()


def onward_world() -> tuple[dd.Trade, dd.Roles]:
    cube = np.zeros((4, 4, 40, 2))
    cube[0, 1:3, 0, :] = [[100.0, 300.0], [100.0, 300.0]]
    cube[1, 3, 0, :] = [10.0, 210.0]
    return rows_of(cube), dd.roles([0], [1, 2], [3], countries=4, controls=[])


def test_onward_is_observed_only_for_hubs_that_report() -> None:
    trade, roles = onward_world()
    legs = legs_of(trade, roles, dd.window([0], [1]))
    assert legs.onward[legs.hub == 1].tolist() == [210.0]
    assert np.isnan(legs.onward[legs.hub == 2]).all()


def test_a_hub_whose_reports_stop_is_not_observed() -> None:
    trade, roles = onward_world()
    silent = trade.rows(~((trade.exporter == 1) & (trade.period == 1)))
    assert np.isnan(legs_of(silent, roles, dd.window([0], [1])).onward).all()


def test_a_reporting_hub_that_sells_nothing_onward_has_zero() -> None:
    trade, roles = onward_world()
    known = np.array([False, False, True, False])
    legs = legs_of(trade, roles, dd.window([0], [1]), onward_observed=known)
    assert legs.onward[legs.hub == 2].tolist() == [0.0]
    assert np.isnan(legs.onward[legs.hub == 1]).all()


def test_goods_can_be_looked_for_elsewhere_after_the_hub() -> None:
    cube = np.zeros((5, 5, 40, 2))
    cube[0, 1, 0] = [100.0, 300.0]
    cube[1, 4, 0] = [5.0, 180.0]
    roles = dd.roles([0], [1], [3], countries=5, controls=[])
    window = dd.window([0], [1])
    assert legs_of(rows_of(cube), roles, window).onward.tolist() == [0.0]
    anyone = legs_of(rows_of(cube), roles, window, onward_to=np.array([2, 3, 4]))
    assert anyone.onward.tolist() == [180.0]
    assert anyone.onward_expected.tolist() == [5.0]


def test_fall_of_the_direct_flow() -> None:
    cube = np.zeros((3, 3, 40, 2))
    cube[0, 1, :2, :] = 50.0
    cube[0, 2, 0, :] = [80.0, 20.0]
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3), dd.window([0], [1]))
    assert legs.fall[0] == 0.75
    assert np.isnan(legs.fall[1])


def test_breadth_counts_every_sender_once_and_bounds_it() -> None:
    cube = np.zeros((5, 5, 40, 2))
    cube[0, 3, 0, 1] = 1e9
    cube[:3, 3, 1, 1] = 1e3
    roles = dd.roles([0, 1, 2], [3], [4], countries=5, controls=[])
    legs = legs_of(rows_of(cube), roles, dd.window([0], [1]))
    assert legs.breadth[0] <= module.LIMIT
    assert legs.breadth[1] == pytest.approx(3 * 2 * np.tanh(np.log(1001.0) / 2))
    assert legs.senders_after.tolist() == [1.0, 3.0]
    np.testing.assert_array_equal(legs.joined, legs.breadth)


def test_breadth_tells_origins_that_joined_from_rises_and_falls() -> None:
    cube = np.zeros((5, 5, 40, 2))
    cube[0, 3, 0] = [0.5, 1e3]
    cube[1, 3, 0] = [1e3, 4e3]
    cube[2, 3, 0] = [4e3, 1e3]
    roles = dd.roles([0, 1, 2], [3], [4], countries=5, controls=[])
    legs = legs_of(rows_of(cube), roles, dd.window([0], [1]))
    bounded = 2 * np.tanh(np.log([1001 / 1.5, 4001 / 1001, 1001 / 4001]) / 2)
    assert [legs.joined[0], legs.raised[0], legs.fallen[0]] == pytest.approx(bounded)


def test_only_established_flows_that_rose_for_more_than_one_lump_count_as_manifold() -> None:
    cube = np.zeros((3, 3, 40, 12))
    cube[0, 1, :3, :] = 30.0
    cube[0, 1, 0, 8:11] = 300.0
    cube[0, 1, 1, 8:11] = [900.0, 0.0, 0.0]
    cube[0, 1, 2, 8:11] = 150.0
    cube[0, 1, 3, :] = 10.0
    cube[0, 1, 3, 8:11] = 100.0
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3, controls=[]), LATE)
    assert legs.multiplied.tolist() == [True, False, False, False]


def test_persistence_tells_steady_trade_from_one_lump() -> None:
    cube = np.zeros((3, 3, 40, 12))
    cube[0, 1, :, :] = 10.0
    cube[0, 1, 0, 8:11] = 100.0
    cube[0, 1, 1, 8:11] = [280.0, 10.0, 10.0]
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3, controls=[]), LATE)
    assert legs.observed[0] == legs.observed[1]
    assert legs.persistence[0] == pytest.approx(np.log(101 / 11))
    assert legs.persistence[0] > legs.persistence[1] + 1.0
    assert legs.top_period[1] == pytest.approx(280 / 300)


def test_mirror_gap_and_unit_value() -> None:
    cube, reported, mass = np.zeros((3, 3, 40, 2)), np.zeros((3, 3, 40, 2)), np.ones((3, 3, 40, 2))
    cube[0, 1, 0] = [1e6, 3e6]
    reported[0, 1, 0] = [1e6, 1e6]
    mass[0, 1, 0] = [100.0, 150.0]
    roles = dd.roles([0], [1], [2], countries=3, controls=[])
    legs = legs_of(rows_of(cube, mass), roles, dd.window([0], [1]), hub_reports=rows_of(reported))
    assert (legs.gap_after - legs.gap_before)[0] == pytest.approx(np.log(3), abs=1e-5)
    assert legs.unit_after[0] / legs.unit_before[0] == pytest.approx(2.0)


def test_small_change_is_not_tested(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    legs = dd.measure_legs(trade, roles, EARLY, parents=[GROUPS], floor=1e9)
    assert not legs.large.any()


def test_floor_and_parents_are_checked(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    with pytest.raises(ValueError, match="floor"):
        dd.measure_legs(trade, roles, LATE, parents=[GROUPS], floor=0.0)
    with pytest.raises(ValueError, match="parents"):
        dd.measure_legs(trade, roles, LATE, parents=[GROUPS[:3]], floor=1.0)
