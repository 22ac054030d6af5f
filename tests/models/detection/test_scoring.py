from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from entrepot.models import detection as dd
from entrepot.models.detection import evidence

from .conftest import EARLY, GROUPS, LATE, legs_of, world_of


def diverting(trade: dd.Trade, products: int = 12) -> dd.Trade:
    """Fivefold trade with hubs 3 and 4 in the first products after period 8."""
    hit = (trade.period >= 8) & (trade.product < products) & np.isin(trade.importer, (3, 4))
    return dataclasses.replace(trade, value=np.where(hit, 5.0, 1.0) * trade.value)


@pytest.fixture
def answer(world: tuple[dd.Trade, dd.Roles]) -> dd.Detection:
    return judged(*world)


def judged(trade: dd.Trade, roles: dd.Roles) -> dd.Detection:
    """A world with fivefold trade in some cells against its own past."""
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    return dd.detect(
        legs_of(diverting(trade), alone, LATE), [legs_of(trade, alone, EARLY)], groups=GROUPS, folds=4
    )


def test_planted_cells_rank_first_and_the_rate_holds_over_worlds() -> None:
    """One world of 160 cells says little about a rate of 20%; thirty together do (16% when written)."""
    ranked, false, flagged = [], 0, 0
    for seed in range(30):
        answer = judged(*world_of(seed))
        true = (answer.legs.product < 12) & np.isin(answer.legs.hub, (3, 4))
        ranked.append(true[np.argsort(-answer.score)[: true.sum()]].mean())
        found = answer.q <= 0.2
        false, flagged = false + int((found & ~true).sum()), flagged + int(found.sum())
    assert np.mean(ranked) > 0.9
    assert flagged >= 30 * 10
    assert false / flagged <= 0.2


def test_a_missing_leg_adds_exactly_nothing(answer: dd.Detection) -> None:
    names = list(evidence.FEATURES)
    for leg in ("B", "D", "G"):
        assert (answer.parts[:, names.index(leg)] == 0).all()


def test_parts_add_up_to_the_score_where_there_is_an_excess(answer: dd.Detection) -> None:
    constant = answer.weights[0].constant
    up = answer.tested & (answer.legs.excess > 0) & ~answer.legs.multiplied
    fold = answer.fold[answer.legs.product]
    constants = np.array([w.constant for w in answer.weights])[fold]
    np.testing.assert_allclose((answer.parts.sum(1) + constants)[up], answer.score[up], rtol=1e-10)
    assert np.isfinite(constant)


def test_an_established_flow_that_rose_manifold_has_its_class_behind_it(
    world: tuple[dd.Trade, dd.Roles],
) -> None:
    trade, roles = world
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    hit = (trade.period >= 8) & (trade.product < 12) & (trade.importer == 3) & (trade.exporter == 0)
    one_sender = dataclasses.replace(trade, value=np.where(hit, 60.0, 1.0) * trade.value)
    answer = dd.detect(
        legs_of(one_sender, alone, LATE), [legs_of(trade, alone, EARLY)], groups=GROUPS, folds=4
    )
    risen = answer.legs.multiplied
    assert risen.sum() >= 5
    least = np.array([w.manifold for w in answer.weights])[answer.fold[answer.legs.product]]
    assert np.isfinite(least).all()
    assert (answer.score[risen] >= least[risen]).all()
    raw = (
        answer.parts.sum(1) + np.array([w.constant for w in answer.weights])[answer.fold[answer.legs.product]]
    )
    assert (raw[risen] < least[risen]).any()


def test_a_class_no_more_common_than_among_innocents_says_nothing() -> None:
    target, decoy = np.arange(100) < 2, np.arange(1000) < 30
    assert evidence.class_ratio(target, decoy, 0.7) == -np.inf
    assert evidence.class_ratio(np.arange(100) < 10, decoy, 1.0) > 0


def test_without_an_excess_no_cell_passes_the_average_decoy(answer: dd.Detection) -> None:
    middle = answer.weights[0].middle
    down = answer.tested & (answer.legs.excess <= 0)
    raw = (
        answer.parts.sum(1) + np.array([w.constant for w in answer.weights])[answer.fold[answer.legs.product]]
    )
    assert (raw[down] > middle + 1e-9).any()
    assert (answer.score[down] <= middle + 1e-9).all()


def test_no_cell_is_ranked_by_weights_that_saw_its_group(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    base = diverting(trade)
    fold = evidence.folds_of(GROUPS, 4)
    mine = np.isin(base.product, np.flatnonzero(fold == 2)) & (base.importer != 7)
    other = dataclasses.replace(base, value=np.where(mine & (base.period >= 8), 40.0, 1.0) * base.value)
    decoys = [legs_of(trade, alone, EARLY)]
    one, two = (dd.detect(legs_of(t, alone, LATE), decoys, groups=GROUPS, folds=4) for t in (base, other))
    direction = [d.weights[2].weight / np.linalg.norm(d.weights[2].weight) for d in (one, two)]
    np.testing.assert_allclose(direction[0], direction[1], rtol=1e-9, atol=1e-12)
    for name in ("location", "scale", "degrees"):
        tails = [getattr(d.weights[2].dispersion, name) for d in (one, two)]
        np.testing.assert_array_equal(tails[0], tails[1])


def test_nor_by_decoys_of_its_group(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    fold = evidence.folds_of(GROUPS, 4)
    mine = np.isin(trade.product, np.flatnonzero(fold == 1)) & (trade.importer != 7) & (trade.period < 7)
    wild = dataclasses.replace(trade, value=np.where(mine & (trade.period >= 4), 30.0, 1.0) * trade.value)
    target = legs_of(diverting(trade), alone, LATE)
    one, two = (dd.detect(target, [legs_of(t, alone, EARLY)], groups=GROUPS, folds=4) for t in (trade, wild))
    direction = [d.weights[1].weight / np.linalg.norm(d.weights[1].weight) for d in (one, two)]
    np.testing.assert_allclose(direction[0], direction[1], rtol=1e-9, atol=1e-12)
    assert one.weights[1].dispersion.degrees == two.weights[1].dispersion.degrees
    assert not np.allclose(one.weights[0].dispersion.location, two.weights[0].dispersion.location)


def test_the_wildest_placebo_window_decides(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    alone = dd.roles(roles.origins, roles.hubs, roles.destinations, countries=8, controls=[])
    rng = np.random.default_rng(2)
    noise = np.where(
        (trade.period >= 4) & (trade.period < 7), np.exp(rng.normal(0, 1, trade.value.size)), 1.0
    )
    wild = dataclasses.replace(trade, value=trade.value * noise)
    placebos = [legs_of(trade, alone, EARLY), legs_of(wild, alone, EARLY)]
    answer = dd.detect(legs_of(diverting(trade), alone, LATE), placebos, groups=GROUPS, folds=4)
    for one in placebos:
        decoys = answer.judge(one)[one.large]
        mine = dd.q_values(answer.score[answer.tested], decoys, answer.innocent)
        assert (answer.q[answer.tested] >= mine - 1e-12).all()


def test_groups_are_never_split_between_folds() -> None:
    fold = evidence.folds_of(GROUPS, 5)
    assert all(np.unique(fold[g == GROUPS]).size == 1 for g in np.unique(GROUPS))
    assert np.unique(fold).size == 5


def test_row_order_changes_nothing(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    order = np.random.default_rng(3).permutation(trade.value.size)
    both = []
    for rows in (trade, trade.rows(order)):
        target, decoy = legs_of(diverting(rows), roles, LATE), legs_of(rows, roles, EARLY)
        both.append(dd.detect(target, [decoy], groups=GROUPS, folds=4))
    np.testing.assert_array_equal(both[0].q, both[1].q)
    np.testing.assert_allclose(both[0].score, both[1].score, rtol=1e-8)


def test_the_fall_of_direct_trade_alone_tells_no_windows_apart(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    gone = (trade.importer == 7) & (trade.period >= 8)
    target = legs_of(trade.rows(~gone), roles, LATE)
    answer = dd.detect(target, [legs_of(trade, roles, EARLY)], groups=GROUPS, folds=4)
    assert np.nanmin(target.fall) == 1.0
    assert not (answer.q <= 0.1).any()


def test_small_cells_have_no_score(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    target, decoy = (dd.measure_legs(trade, roles, w, parents=[GROUPS], floor=60.0) for w in (LATE, EARLY))
    answer = dd.detect(target, [decoy], groups=GROUPS, folds=3)
    assert (~answer.tested).any()
    assert np.isnan(answer.score[~answer.tested]).all()
    assert np.isnan(answer.q[~answer.tested]).all()


def test_ratio_averages_one_among_decoys(answer: dd.Detection) -> None:
    """A likelihood ratio f1/f0 has mean 1 under f0; the cap at 0 without an excess can only lower it."""
    assert 0.5 < np.exp(answer.decoy_score).mean() <= 1.0 + 1e-6


def test_arguments_are_checked(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    target, decoy = legs_of(trade, roles, LATE), legs_of(trade, roles, EARLY)
    with pytest.raises(ValueError, match="placebos"):
        dd.detect(target, [], groups=GROUPS)
    with pytest.raises(ValueError, match="as long"):
        dd.detect(target, [legs_of(trade, roles, dd.window([0, 1], [4, 5]))], groups=GROUPS)
    with pytest.raises(ValueError, match="folds"):
        dd.detect(target, [decoy], groups=np.zeros(40, int))


def test_too_little_trade_is_refused(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, roles = world
    target = legs_of(trade, roles, LATE)
    few = legs_of(trade.rows(trade.product < 2), roles, EARLY)
    with pytest.raises(ValueError, match="above small change outside every fold"):
        dd.detect(target, [few], groups=GROUPS, folds=4)
    none = legs_of(trade.rows(trade.importer == 7), roles, LATE)
    with pytest.raises(ValueError, match="target must hold"):
        dd.detect(none, [target], groups=GROUPS, folds=4)
