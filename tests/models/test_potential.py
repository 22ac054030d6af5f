"""Export potential: identities, a slow reading of the definition, and wrong arguments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from entrepot.models import potential as model
from entrepot.models.potential import (
    domestic,
    export_potential,
    import_potential,
    position_potential,
    supply_shares,
)

# Amounts span twelve decades; sums of at most 40 such terms keep 1e-12 of the largest.
amounts = st.one_of(st.just(0.0), st.floats(1e-6, 1e6))
shares = st.one_of(st.just(0.0), st.floats(1e-6, 1.0))


@st.composite
def worlds(draw):
    j, k = draw(st.integers(1, 5)), draw(st.integers(1, 8))
    return (
        draw(hnp.arrays(float, k, elements=shares)),
        draw(hnp.arrays(float, (j, k), elements=amounts)),
        draw(hnp.arrays(float, (j, k), elements=amounts)),
        draw(hnp.arrays(bool, (j, k))),
        draw(hnp.arrays(float, k, elements=st.floats(0, 1))),
    )


def by_definition(supply, demand, trade, allowed, own):
    """The formulas cell by cell."""
    rows = []
    for d, v, free in zip(demand, trade, allowed, strict=True):
        ks = [k for k in range(len(supply)) if free[k]]
        actual, expected = sum(v[k] for k in ks), sum(supply[k] * d[k] for k in ks)
        unmet = sum(max(supply[k] * d[k] - v[k], 0) for k in ks)
        if expected == 0:
            rows.append((actual, expected, np.nan, np.nan, np.nan, unmet))
            continue
        ease = sum(v[k] * own[k] for k in ks) / expected
        ep = {k: min(supply[k] * d[k] * ease, d[k]) for k in ks}
        gap = sum(max(ep[k] - v[k], 0) for k in ks)
        rows.append((actual, expected, ease, sum(ep.values()), gap, unmet))
    return np.array(rows).T


@given(worlds())
def test_every_sum_is_that_of_the_definition(world):
    supply, demand, trade, allowed, own = world
    found = export_potential(supply, demand, trade, allowed=allowed, domestic_share=own)
    truth = by_definition(supply, demand, trade, allowed, own)
    scale = 1e-12 * (1 + demand.sum() + trade.sum() + np.nan_to_num(truth[3]).sum())
    for name, row in zip(("actual", "expected", "ease", "potential", "gap", "unmet"), truth, strict=True):
        value = getattr(found, name)
        np.testing.assert_array_equal(np.isnan(value), np.isnan(row))
        # Gaps are differences of large sums: rounding is that of the sums.
        np.testing.assert_allclose(value, row, rtol=1e-11, atol=scale)


@given(worlds())
def test_what_the_cap_leaves_alone_adds_up_to_the_trade(world):
    supply, demand, trade, _, own = world
    found = export_potential(supply, demand, trade, domestic_share=own)
    sold = trade @ own
    for j in range(len(demand)):
        if np.isnan(found.ease[j]):
            continue
        free = found.ease[j] * supply.max() <= 1
        if free:
            assert found.potential[j] == pytest.approx(sold[j], rel=1e-11, abs=1e-9)
        else:
            assert found.potential[j] <= sold[j] * (1 + 1e-11) + 1e-9
        assert found.potential[j] <= demand[j].sum() * (1 + 1e-11) + 1e-9


@given(worlds())
def test_the_gap_lies_between_nothing_and_the_potential(world):
    supply, demand, trade, allowed, own = world
    found = export_potential(supply, demand, trade, allowed=allowed, domestic_share=own)
    seen = ~np.isnan(found.gap)
    assert (found.gap[seen] >= 0).all()
    assert (found.gap[seen] <= found.potential[seen] * (1 + 1e-12) + 1e-9).all()
    assert (found.potential[seen] - found.gap[seen] <= found.actual[seen] * (1 + 1e-11) + 1e-9).all()
    assert (found.unmet <= found.expected * (1 + 1e-12)).all()


@given(worlds(), st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(world, unit):
    supply, demand, trade, allowed, _ = world
    one = export_potential(supply, demand, trade, allowed=allowed)
    two = export_potential(supply, unit * demand, unit * trade, allowed=allowed)
    np.testing.assert_allclose(two.ease, one.ease, rtol=1e-11)
    scale = 1e-11 * unit * (1 + demand.sum() + trade.sum())
    np.testing.assert_allclose(two.gap, unit * one.gap, rtol=1e-11, atol=scale)


@given(worlds())
def test_a_barred_position_moves_nothing(world):
    supply, demand, trade, allowed, own = world
    one = export_potential(supply, demand, trade, allowed=allowed, domestic_share=own)
    louder = np.where(allowed, demand, demand * 7 + 3)
    two = export_potential(
        supply, louder, np.where(allowed, trade, 99.0), allowed=allowed, domestic_share=own
    )
    for name in ("actual", "expected", "ease", "potential", "gap", "unmet"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


@given(worlds())
def test_trade_in_proportion_to_supply_and_demand_leaves_no_gap(world):
    supply, demand, _, _, _ = world
    found = export_potential(supply, demand, supply * demand * 0.5)
    seen = ~np.isnan(found.ease)
    np.testing.assert_allclose(found.ease[seen], 0.5, rtol=1e-11)
    np.testing.assert_allclose(found.gap[seen], 0, atol=1e-9 * (1 + demand.max()))


@given(worlds())
def test_the_buyer_sees_what_the_seller_sees(world):
    supply, demand, trade, allowed, _ = world
    for j in range(len(demand)):
        one = export_potential(supply, demand[j : j + 1], trade[j : j + 1], allowed=allowed[j : j + 1])
        two = import_potential(demand[j], supply[None], trade[j : j + 1], allowed=allowed[j : j + 1])
        scale = 1e-11 * (1 + demand.sum() + trade.sum())
        for name in ("actual", "expected", "ease", "potential", "gap", "unmet"):
            np.testing.assert_allclose(getattr(one, name), getattr(two, name), rtol=1e-11, atol=scale)


def test_blocks_do_not_change_the_answer(monkeypatch):
    rng = np.random.default_rng(3)
    supply, demand = rng.random(50), rng.lognormal(size=(23, 50))
    trade, allowed = rng.lognormal(size=(23, 50)), rng.random((23, 50)) < 0.8
    whole = export_potential(supply, demand, trade, allowed=allowed)
    monkeypatch.setattr(model, "BLOCK", 170)
    parts = export_potential(supply, demand, trade, allowed=allowed)
    for name in ("actual", "ease", "gap", "unmet"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)


def test_positions_add_up_to_the_market():
    supply, demand = np.array([0.2, 0.9, 0.0]), np.array([[100.0, 10.0, 5.0]])
    found = export_potential(supply, demand, [[60.0, 0.0, 0.0]])
    cells = position_potential(supply, demand[0], float(found.ease[0]))
    # 60 / 29 of its share: the second good would take 18.6 of a market of 10.
    assert cells == pytest.approx([20 * 60 / 29, 10.0, 0.0])
    assert found.potential[0] == pytest.approx(cells.sum())


def test_a_market_that_nobody_reports_is_not_a_market_without_trade():
    found = export_potential([0.5], [[10.0], [10.0]], [[0.0], [0.0]], observed=[True, False])
    assert found.ease[0] == 0
    assert np.isnan([found.ease[1], found.gap[1], found.actual[1]]).all()


def test_nothing_expected_has_no_ease():
    found = export_potential([0.0], [[10.0]], [[3.0]])
    assert np.isnan([found.ease[0], found.gap[0]]).all()
    assert found.actual[0] == 3.0


@given(hnp.arrays(float, (4, 3), elements=amounts), hnp.arrays(float, (4, 3), elements=amounts))
def test_shares_of_the_world_market_sum_to_one_where_anybody_supplies(exports, imports):
    share = supply_shares(exports, imports)
    total = share.sum(axis=0)
    supplied = domestic(exports, imports).max(axis=0) > 0
    np.testing.assert_allclose(total, supplied.astype(float), rtol=1e-12)
    assert (share[exports <= imports] == 0).all()
    np.testing.assert_array_equal(domestic(exports, imports, reexports="none"), exports)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: export_potential([1.2], [[1.0]], [[1.0]]), "supply holds shares"),
        (lambda: export_potential([0.5], [[-1.0]], [[1.0]]), "demand must be finite"),
        (lambda: export_potential([0.5], [[np.nan]], [[1.0]]), "demand must be finite"),
        (lambda: export_potential([0.5], [[np.inf]], [[1.0]]), "demand and trade must be finite"),
        (lambda: export_potential([0.5], [[1.0, 2.0]], [[1.0, 2.0]]), "demand or supply has shape"),
        (lambda: export_potential([0.5], [[1.0]], [[1.0], [2.0]]), "trade has shape"),
        (lambda: export_potential([0.5], [1.0], [[1.0]]), "demand must have 2 axes"),
        (lambda: export_potential([0.5], [[1.0]], [[1.0]], allowed=[[True, True]]), "allowed has shape"),
        (lambda: export_potential([0.5], [[1.0]], [[1.0]], observed=[True, True]), "observed has shape"),
        (lambda: export_potential([0.5], [[1.0]], [[1.0]], domestic_share=[1, 1]), "domestic_share has"),
        (lambda: import_potential([1.0], [[1.5]], [[1.0]]), "supply holds shares"),
        (lambda: supply_shares([[1.0]], [[1.0, 2.0]]), "imports has shape"),
        (lambda: supply_shares([[np.inf]], [[1.0]]), "exports must be finite"),
        (lambda: supply_shares([[1.0]], [[1.0]], reexports="half"), "reexports must be"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
