"""Constant market share: identities, the classical formulas as oracle, and the dependence on the order."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.models.market_share import EFFECTS, MarketShare, market_share

AMOUNT = st.one_of(st.just(0.0), st.floats(1e-3, 1e4))


@st.composite
def markets(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    shape = (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    scale = 10.0 ** draw(st.integers(-6, 12))
    own = [scale * draw(arrays(float, shape, elements=AMOUNT)) for _ in range(2)]
    rest = [scale * draw(arrays(float, shape, elements=AMOUNT)) for _ in range(2)]
    return own[0], own[1], own[0] + rest[0], own[1] + rest[1]


def exact(answer: MarketShare) -> bool:
    scale = max(answer.total0, answer.total1, float(np.abs(answer.counterfactual).max()))
    return abs(sum(answer.parts.values()) - answer.change) <= 1e-12 * scale


@given(markets(), st.sampled_from([None, *permutations(EFFECTS)]))
def test_the_parts_sum_to_the_change(data: tuple[np.ndarray, ...], order: tuple[str, ...] | None) -> None:
    answer = market_share(*data, order=order)
    assert exact(answer)
    scale = float(np.abs(answer.counterfactual).max())
    np.testing.assert_allclose(answer.by_cell.sum(axis=(1, 2)), answer.effects, atol=1e-12 * scale)
    slack = 1e-12 * scale
    assert (answer.lower - slack <= answer.effects).all()
    assert (answer.effects <= answer.upper + slack).all()


@given(markets())
def test_the_default_is_the_average_of_all_orders(data: tuple[np.ndarray, ...]) -> None:
    answer = market_share(*data)
    orders = [market_share(*data, order=order).effects for order in permutations(EFFECTS)]
    scale = float(np.abs(answer.counterfactual).max())
    np.testing.assert_allclose(np.mean(orders, axis=0), answer.effects, atol=1e-12 * scale)


@given(markets())
def test_products_and_partners_are_treated_alike(data: tuple[np.ndarray, ...]) -> None:
    plain, turned = market_share(*data), market_share(*(a.T for a in data))
    scale = float(np.abs(plain.counterfactual).max())
    np.testing.assert_allclose(plain.effects[[0, 2, 1, 3]], turned.effects, atol=1e-11 * scale)


@given(markets())
def test_time_reversal_turns_the_average_round(data: tuple[np.ndarray, ...]) -> None:
    """With one product and one partner there is no mix, and all effects change sign."""
    x0, x1, w0, w1 = (a[:1, :1] for a in data)
    there, back = market_share(x0, x1, w0, w1), market_share(x1, x0, w1, w0)
    scale = float(np.abs(there.counterfactual).max())
    np.testing.assert_allclose(there.effects, -back.effects, atol=1e-12 * scale)
    assert there.entry == -back.exit


def continuing() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(5)
    w0, w1 = rng.lognormal(3, 1.5, (2, 5, 7))
    return w0 * rng.uniform(0, 0.5, (5, 7)), w1 * rng.uniform(0, 0.5, (5, 7)), w0, w1


def test_the_classical_orders_are_leamer_and_stern() -> None:
    """g V0, sum_k (g_k - g) V0_k, sum_jk (g_jk - g_k) V0_jk and the rest: Leamer and Stern (1970), ch. 7."""
    x0, x1, w0, w1 = continuing()
    g = w1.sum() / w0.sum() - 1
    g_k = w1.sum(axis=0) / w0.sum(axis=0) - 1
    g_j = (w1.sum(axis=1) / w0.sum(axis=1) - 1)[:, None]
    g_jk = w1 / w0 - 1
    rest = x1.sum() - (x0 * (1 + g_jk)).sum()
    by_product = [g * x0.sum(), ((g_k - g) * x0).sum(), ((g_jk - g_k) * x0).sum(), rest]
    by_partner = [g * x0.sum(), ((g_jk - g_j) * x0).sum(), ((g_j - g) * x0).sum(), rest]
    first = market_share(x0, x1, w0, w1, order=("world", "product", "partner", "own"))
    second = market_share(x0, x1, w0, w1, order=("world", "partner", "product", "own"))
    np.testing.assert_allclose(first.effects, by_product, rtol=1e-11)
    np.testing.assert_allclose(second.effects, by_partner, rtol=1e-11)


def test_the_classical_product_effect_depends_on_the_order() -> None:
    """World demand moves to product 2 and to partner 2 at once, along the diagonal only."""
    w0 = np.array([[100.0, 1.0], [1.0, 100.0]])
    w1 = np.array([[100.0, 1.0], [1.0, 400.0]])
    x0 = np.array([[0.0, 0.0], [0.0, 10.0]])
    x1 = np.array([[0.0, 0.0], [0.0, 40.0]])
    first = market_share(x0, x1, w0, w1, order=("world", "product", "partner", "own"))
    second = market_share(x0, x1, w0, w1, order=("world", "partner", "product", "own"))
    average = market_share(x0, x1, w0, w1)
    assert abs(first.effects[1]) > 20 * abs(second.effects[1])
    assert average.effects[1] == pytest.approx(average.effects[2], abs=1e-12)
    assert average.effects[3] == pytest.approx(0, abs=1e-12)
    assert average.lower[1] <= second.effects[1] <= first.effects[1] <= average.upper[1] + 1e-12


def test_a_kept_share_in_a_uniform_market_is_all_world_growth() -> None:
    x0, _, w0, _ = continuing()
    answer = market_share(x0, 1.7 * x0, w0, 1.7 * w0)
    np.testing.assert_allclose(answer.effects, [0.7 * x0.sum(), 0, 0, 0], atol=1e-12 * x0.sum())


def test_own_performance_alone() -> None:
    x0, _, w0, _ = continuing()
    answer = market_share(x0, 1.3 * x0, w0, w0)
    np.testing.assert_allclose(answer.effects, [0, 0, 0, 0.3 * x0.sum()], atol=1e-12 * x0.sum())


def test_new_and_lost_markets_have_their_own_lines() -> None:
    answer = market_share([[4.0, 0.0, 2.0]], [[4.0, 3.0, 0.0]], [[8.0, 0.0, 5.0]], [[8.0, 6.0, 0.0]])
    assert (answer.entry, answer.exit) == (3.0, -2.0)
    assert not answer.by_cell[:, 0, 1:].any()
    assert exact(answer)


def test_no_market_in_common() -> None:
    answer = market_share([[1.0, 0.0]], [[0.0, 2.0]], [[1.0, 0.0]], [[0.0, 2.0]])
    assert (answer.entry, answer.exit) == (2.0, -1.0)
    assert not answer.effects.any()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"own0": [[np.nan, 1.0]]}, "own0"),
        ({"world1": [[-1.0, 1.0]]}, "world1"),
        ({"own1": [[1.0]]}, "own1"),
        ({"own0": [1.0, 1.0]}, "own0"),
        ({"world0": [[0.0, 5.0]]}, "own0"),
        ({"order": ("world", "own", "product", "product")}, "order"),
        ({"order": "world"}, "order"),
    ],
)
def test_bad_arguments_are_named(change: dict[str, object], named: str) -> None:
    good: dict[str, object] = {name: [[1.0, 1.0]] for name in ("own0", "own1", "world0", "world1")}
    with pytest.raises(ValueError, match=named):
        market_share(**{**good, **change})  # type: ignore[arg-type]


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("exporter", "first", "last"), [("RUS", 2021, 2023), ("KAZ", 2012, 2022), ("ARM", 2021, 2024)]
)
def test_the_parts_sum_on_real_raw_materials(shared: Path, exporter: str, first: int, last: int) -> None:
    path = shared / "trade-baci-rawmat" / "trade.parquet"
    rows = pq.read_table(path, filters=[("year", "in", [first, last])])
    table = {name: rows.column(name).to_numpy() for name in ("year", "kusd")}
    partners, j = np.unique(np.array(rows.column("importer").to_pylist()), return_inverse=True)
    products, k = np.unique(np.array(rows.column("hs6").to_pylist()), return_inverse=True)
    own = np.array(rows.column("exporter").to_pylist()) == exporter
    matrices = []
    for chosen in (own, np.ones_like(own)):
        for year in (first, last):
            rows_in = chosen & (table["year"] == year)
            matrix = np.zeros((len(partners), len(products)))
            np.add.at(matrix, (j[rows_in], k[rows_in]), table["kusd"][rows_in].astype(float))
            matrices.append(matrix)
    answer = market_share(*matrices)
    assert abs(sum(answer.parts.values()) - answer.change) <= 1e-12 * max(answer.total0, answer.total1)
    classical = market_share(*matrices, order=("world", "product", "partner", "own"))
    assert abs(sum(classical.parts.values()) - classical.change) <= 1e-12 * max(answer.total0, answer.total1)
    # The reason for the average: on real data the classical product effect moves with the order.
    assert answer.upper[1] - answer.lower[1] > 0.01 * answer.total0
