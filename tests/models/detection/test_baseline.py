from __future__ import annotations

import numpy as np
import pytest

from entrepot.models import detection as dd
from entrepot.models.detection import baseline

from .conftest import GROUPS, rows_of


def expect(trade: dd.Trade, roles: dd.Roles, uncovered: dd.Trade | None = None) -> dd.Flows:
    return dd.expect(
        trade,
        roles.origins,
        roles.hubs,
        roles.controls,
        dd.window([0], [1]),
        parents=[GROUPS],
        floor=1.0,
        uncovered=uncovered,
    )


@pytest.fixture
def multiplicative(monkeypatch: pytest.MonkeyPatch) -> tuple[dd.Trade, dd.Trade, dd.Roles]:
    """A world that follows the model exactly; shrinkage switched off."""
    monkeypatch.setattr(baseline, "PRODUCT_WEIGHT", 0.0)
    monkeypatch.setattr(baseline, "IMPORTER_WEIGHT", 0.0)
    rng = np.random.default_rng(0)
    before = rng.lognormal(8, 1, (2, 4, 40))
    hub, product = rng.lognormal(0, 0.3, (2, 4, 1)), rng.lognormal(0, 0.3, 40)
    cube, rest = np.zeros((7, 7, 40, 2)), np.zeros((7, 7, 1, 2))
    cube[:2, 2:6, :, 0], cube[:2, 2:6, :, 1] = before, before * hub * product
    rest[:2, 2:6, 0, 0] = 1e9
    rest[:2, 2:6, 0, 1] = 1e9 * hub[:, :, 0]
    return rows_of(cube), rows_of(rest), dd.roles([0, 1], [2, 3, 4, 5], [6], countries=7)


def test_a_multiplicative_world_is_foreseen_exactly(
    multiplicative: tuple[dd.Trade, dd.Trade, dd.Roles],
) -> None:
    covered, uncovered, roles = multiplicative
    flows = expect(covered, roles, uncovered)
    # The floor of 1 in the importer's factor is 1e-9 of the uncovered trade here.
    np.testing.assert_allclose(flows.expected, flows.after, rtol=1e-8)


def test_a_hub_is_left_out_of_its_own_baseline(multiplicative: tuple[dd.Trade, dd.Trade, dd.Roles]) -> None:
    covered, uncovered, roles = multiplicative
    value = np.where((covered.importer == 3) & (covered.period == 1), 50.0, 1.0) * covered.value
    more = dd.trade(
        covered.exporter,
        covered.importer,
        covered.product,
        covered.period,
        value,
        countries=7,
        products=40,
        periods=2,
    )
    one, two = expect(covered, roles, uncovered), expect(more, roles, uncovered)
    mine = one.importer == 3
    np.testing.assert_allclose(two.expected[mine], one.expected[mine], rtol=1e-12)
    assert (two.expected[~mine] > one.expected[~mine]).all()


def test_without_controls_and_uncovered_goods_expectation_is_the_past(
    world: tuple[dd.Trade, dd.Roles],
) -> None:
    trade, roles = world
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    flows = expect(trade, alone)
    np.testing.assert_array_equal(flows.expected, flows.before)


def test_cutting_a_sender_into_like_parts_changes_no_expectation(
    multiplicative: tuple[dd.Trade, dd.Trade, dd.Roles], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baseline, "PRODUCT_WEIGHT", 50.0)
    monkeypatch.setattr(baseline, "IMPORTER_WEIGHT", 1e6)
    covered, uncovered, roles = multiplicative

    def cut(trade: dd.Trade) -> dd.Trade:
        """A third of what country 0 sells is sold by the new country 7."""
        mine = trade.exporter == 0
        exporter = np.concatenate([trade.exporter, np.full(mine.sum(), 7)])
        value = np.concatenate([np.where(mine, 2 / 3, 1.0) * trade.value, trade.value[mine] / 3])
        keys = [np.concatenate([k, k[mine]]) for k in (trade.importer, trade.product, trade.period)]
        return dd.trade(exporter, *keys, value, countries=8, products=trade.products, periods=2)

    def by_cell(flows: dd.Flows) -> np.ndarray:
        return np.bincount(flows.importer * 40 + flows.product, flows.expected, 6 * 40)

    parts = dd.roles([0, 1, 7], roles.hubs, roles.destinations, countries=8)
    whole = expect(covered, roles, uncovered)
    np.testing.assert_allclose(
        by_cell(expect(cut(covered), parts, cut(uncovered))), by_cell(whole), rtol=1e-10
    )


def test_several_years_before_are_averaged() -> None:
    cube = np.zeros((3, 3, 40, 3))
    cube[0, 1, 0, :] = [10.0, 30.0, 20.0]
    roles = dd.roles([0], [1], [2], countries=3, controls=[])
    flows = dd.expect(
        rows_of(cube),
        roles.origins,
        roles.hubs,
        roles.controls,
        dd.window([0, 1], [2]),
        parents=[GROUPS],
        floor=1.0,
    )
    assert flows.expected.tolist() == [20.0]


def test_a_prior_takes_the_place_of_parents_and_has_their_shape(
    multiplicative: tuple[dd.Trade, dd.Trade, dd.Roles],
) -> None:
    covered, _, roles = multiplicative
    sides = (roles.origins, roles.hubs, roles.controls, dd.window([0], [1]))
    for parents, shape in (([GROUPS], (7, 40)), ([], (7, 1))):
        with pytest.raises(ValueError, match="takes the place of parents"):
            dd.expect(covered, *sides, parents=parents, floor=1.0, prior=np.ones(shape))
