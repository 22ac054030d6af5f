from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from entrepot.models import detection as dd

from .conftest import GROUPS, LATE, legs_of, rows_of


def simple(onward: bool) -> dd.Legs:
    """Two hubs, one product: excess 200 and 100; direct fall 90; hub 1 sells 50 more onward."""
    cube = np.zeros((4, 4, 40, 2))
    cube[0, 1, 0], cube[0, 2, 0], cube[0, 3, 0] = [100.0, 300.0], [100.0, 200.0], [90.0, 0.0]
    if onward:
        cube[1, 3, 0] = [10.0, 60.0]
    return legs_of(rows_of(cube), dd.roles([0], [1, 2], [3], countries=4, controls=[]), dd.window([0], [1]))


def test_diverted_is_bounded_by_excess_and_fall_over_all_hubs() -> None:
    bound = dd.diverted_at_most(simple(onward=False))
    np.testing.assert_allclose(bound, [45.0, 45.0])


def test_diverted_is_bounded_by_what_went_on() -> None:
    legs = simple(onward=True)
    # Hub 1 passed on 50 more, hub 2 did not report: min(200, 50, 90), min(100, 90); together at most 90.
    np.testing.assert_allclose(dd.diverted_at_most(legs), np.array([50.0, 90.0]) * 90 / 140)


def test_only_chosen_cells_are_bounded() -> None:
    bound = dd.diverted_at_most(simple(onward=False), np.array([True, False]))
    assert bound.tolist() == [90.0, 0.0]


def test_no_bound_without_the_direct_flow_and_onward_sales() -> None:
    legs = dataclasses.replace(
        simple(onward=False), direct_before=np.full(2, np.nan), direct_after=np.full(2, np.nan)
    )
    assert np.isnan(dd.diverted_at_most(legs)).all()


def test_lost_in_transit_is_unknown_without_the_hubs_reports() -> None:
    legs = simple(onward=False)
    np.testing.assert_allclose(dd.lost_in_transit(legs, np.array([50.0, np.nan])), [150.0, np.nan])


def test_bootstrap_covers_the_point_and_is_repeatable(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    flows = dd.expect(trade, roles.origins, roles.hubs, roles.controls, LATE, parents=[GROUPS], floor=1.0)
    keep = flows.importer == 3
    one, two = dd.bootstrap(flows, keep), dd.bootstrap(flows, keep)
    assert one == two
    assert one.lower <= one.excess <= one.upper
    assert one.observed == pytest.approx(flows.after[keep].sum())
    assert one.expected == pytest.approx(flows.expected[keep].sum())
    assert one.ratio_lower <= one.observed / one.expected <= one.ratio_upper


def test_bootstrap_of_even_trade_has_no_spread_over_months() -> None:
    cube = np.zeros((3, 3, 40, 12))
    cube[0, 1, :, :8], cube[0, 1, :, 8:] = 10.0, 30.0
    roles = dd.roles([0], [1], [2], countries=3, controls=[])
    flows = dd.expect(
        rows_of(cube), roles.origins, roles.hubs, roles.controls, LATE, parents=[GROUPS], floor=1.0
    )
    found = dd.bootstrap(flows, np.ones(flows.before.size, bool))
    assert (found.lower, found.excess, found.upper) == pytest.approx((2400.0, 2400.0, 2400.0))


def test_shrinkage_lies_between_cell_and_hub(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    legs = legs_of(trade, roles, LATE)
    ratio = np.log((legs.observed + legs.floor) / (legs.expected + legs.floor))
    tail = dd.fit_dispersion(ratio, legs.expected + legs.floor)
    shrunk = dd.shrink(legs, tail, GROUPS)
    assert np.std(shrunk.cell) < np.std(ratio)
    assert np.std(shrunk.group) <= np.std(shrunk.cell) + 1e-12
    for hub in np.unique(legs.hub):
        assert np.unique(shrunk.hub[legs.hub == hub]).size == 1
    assert (shrunk.hub_error > 0).all()


def test_a_rise_of_one_hub_is_found_at_the_hub(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    calm = legs_of(trade, alone, LATE)
    ratio = np.log((calm.observed + calm.floor) / (calm.expected + calm.floor))
    tail = dd.fit_dispersion(ratio, calm.expected + calm.floor)
    hit = (trade.importer == 3) & (trade.period >= 8)
    risen = dataclasses.replace(trade, value=np.where(hit, np.e, 1.0) * trade.value)
    before, after = (dd.shrink(legs_of(t, alone, LATE), tail, GROUPS) for t in (trade, risen))
    # The floor of 3 in both windows takes a little of the factor e from small cells.
    assert after.hub[0] - before.hub[0] == pytest.approx(1.0, abs=0.1)
