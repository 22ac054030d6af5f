from __future__ import annotations

import numpy as np
import pytest

from entrepot.models import detection as dd

from .conftest import GROUPS, LATE, legs_of


def planted(world: tuple[dd.Trade, dd.Roles], how: dd.Plant) -> tuple[dd.Legs, dd.Legs, np.ndarray, dd.Trade]:
    trade, roles = world
    before = legs_of(trade, roles, LATE)
    cells = np.flatnonzero(dd.candidates(before, 5.0, how.mix))[:20:4]
    new = dd.plant(trade, roles, LATE, before, cells, how, GROUPS, np.random.default_rng(0))
    return before, legs_of(new, roles, LATE), cells, new


def test_the_amount_is_what_was_asked(world: tuple[dd.Trade, dd.Roles]) -> None:
    for mix in ("direct", "own"):
        before, after, cells, _ = planted(world, dd.Plant(3.0, mix=mix))
        added = after.observed[cells] - before.observed[cells]
        np.testing.assert_allclose(added, 2.0 * before.expected[cells], rtol=1e-12)
        rest = np.setdiff1d(np.arange(before.hub.size), cells)
        np.testing.assert_array_equal(after.observed[rest], before.observed[rest])


def test_partial_recording_shows_less(world: tuple[dd.Trade, dd.Roles]) -> None:
    before, after, cells, _ = planted(world, dd.Plant(3.0, recorded=0.25))
    added = after.observed[cells] - before.observed[cells]
    np.testing.assert_allclose(added, 0.5 * before.expected[cells], rtol=1e-12)


def test_misclassified_goods_stay_in_their_heading(world: tuple[dd.Trade, dd.Roles]) -> None:
    before, after, cells, _ = planted(world, dd.Plant(5.0, misclassified=0.3))
    size = int(GROUPS.max()) + 1

    def by_heading(legs: dd.Legs) -> np.ndarray:
        return np.bincount(legs.hub * size + GROUPS[legs.product], legs.observed, 8 * size)

    wanted = np.bincount(
        before.hub[cells] * size + GROUPS[before.product[cells]], 4.0 * before.expected[cells], 8 * size
    )
    np.testing.assert_allclose(by_heading(after) - by_heading(before), wanted, atol=1e-8)
    assert (after.observed[cells] - before.observed[cells] < 4.0 * before.expected[cells]).any()


def test_delay_leaves_the_first_months_alone(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, _ = world
    *_, new = planted(world, dd.Plant(3.0, delay=2))
    fresh = new.rows(np.arange(new.value.size) >= trade.value.size)
    assert fresh.period.tolist() == [10] * fresh.value.size


def test_planting_nowhere_changes_nothing(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    legs = legs_of(trade, roles, LATE)
    none = np.zeros(0, np.int64)
    assert dd.plant(trade, roles, LATE, legs, none, dd.Plant(3.0), GROUPS, np.random.default_rng(0)) is trade


def test_a_plant_without_a_shape_is_refused(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    gone = trade.rows(trade.importer != 7)
    legs = legs_of(gone, roles, LATE)
    with pytest.raises(ValueError, match="shape the plant"):
        dd.plant(gone, roles, LATE, legs, np.array([0]), dd.Plant(3.0), GROUPS, np.random.default_rng(0))
