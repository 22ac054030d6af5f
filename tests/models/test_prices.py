"""Price and volume: identities on arbitrary data, hand-computed values, Russia's raw materials."""

from __future__ import annotations

from math import log, sqrt
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.models.prices import PriceVolume, price_volume

AMOUNT = st.one_of(st.just(0.0), st.floats(1e-3, 1e6))
GAPPY = st.one_of(st.just(np.nan), AMOUNT)


@st.composite
def trade(draw: st.DrawFn) -> tuple[np.ndarray, ...]:
    n = draw(st.integers(1, 12))
    scale = 10.0 ** draw(st.integers(-6, 12))
    v0, v1 = (scale * draw(arrays(float, n, elements=AMOUNT)) for _ in range(2))
    q0, q1 = (draw(arrays(float, n, elements=GAPPY)) for _ in range(2))
    return v0, q0, v1, q1


def close(a: float, b: float, scale: float) -> bool:
    return abs(a - b) <= 1e-12 * scale


@given(trade(), st.sampled_from([None, 1.0, 3.5]))
def test_the_parts_sum_to_the_change_of_value(data: tuple[np.ndarray, ...], trim: float | None) -> None:
    answer = price_volume(*data, trim=trim)
    scale = answer.total0 + answer.total1
    assert close(sum(answer.parts.values()), answer.total1 - answer.total0, scale)
    assert answer.entry >= 0 >= answer.exit


@given(trade(), st.sampled_from([None, 3.5]))
def test_fisher_price_times_quantity_is_the_growth_of_matched_value(
    data: tuple[np.ndarray, ...], trim: float | None
) -> None:
    answer = price_volume(*data, trim=trim)
    if answer.matched_items == 0:
        assert answer.fisher is answer.laspeyres is answer.paasche is None
        assert answer.coverage0 == answer.coverage1 == 0.0
        return
    assert answer.fisher
    assert answer.laspeyres
    assert answer.paasche
    growth = data[2][answer.matched].sum() / data[0][answer.matched].sum()
    assert answer.fisher.price * answer.fisher.quantity == pytest.approx(growth, rel=1e-12)
    assert answer.laspeyres.price * answer.paasche.quantity == pytest.approx(growth, rel=1e-12)
    assert answer.fisher.price == pytest.approx(sqrt(answer.laspeyres.price * answer.paasche.price))
    sign = np.sign(answer.fisher.price - 1.0)
    assert sign * answer.price_effect >= 0


@given(trade())
def test_the_items_sum_to_the_effects(data: tuple[np.ndarray, ...]) -> None:
    answer = price_volume(*data)
    for items, effect in (
        (answer.price_by_item, answer.price_effect),
        (answer.volume_by_item, answer.volume_effect),
    ):
        assert close(items.sum(), effect, float(np.abs(items).sum()) + answer.total0 + answer.total1)
        assert not items[~answer.matched].any()


@given(trade())
def test_time_reversal_turns_the_effects_round(data: tuple[np.ndarray, ...]) -> None:
    v0, q0, v1, q1 = data
    there, back = price_volume(v0, q0, v1, q1, trim=None), price_volume(v1, q1, v0, q0, trim=None)
    scale = there.total0 + there.total1
    for name in ("price", "volume", "unmatched"):
        assert close(there.parts[name], -back.parts[name], 1e2 * scale)
    assert there.entry == -back.exit


@given(trade())
def test_quantities_in_other_units_change_nothing(data: tuple[np.ndarray, ...]) -> None:
    v0, q0, v1, q1 = data
    factor = 10.0 ** (np.arange(len(v0)) % 5 - 2)
    plain = price_volume(v0, q0, v1, q1, trim=None)
    other = price_volume(v0, q0 * factor, v1, q1 * factor, trim=None)
    assert close(plain.price_effect, other.price_effect, 1e3 * (plain.total0 + plain.total1))


def test_hand_computed_indices() -> None:
    """Two goods: p0 = (1, 2), q0 = (10, 10), p1 = (2, 3), q1 = (8, 12), worked by hand."""
    answer = price_volume([10, 20], [10, 10], [16, 36], [8, 12])
    assert answer.fisher
    assert answer.laspeyres
    assert answer.paasche
    assert answer.laspeyres.price == pytest.approx(50 / 30)
    assert answer.paasche.price == pytest.approx(52 / 32)
    assert answer.laspeyres.quantity == pytest.approx(32 / 30)
    assert answer.paasche.quantity == pytest.approx(52 / 50)
    fisher = sqrt(50 / 30 * 52 / 32)
    assert answer.fisher.price == pytest.approx(fisher)
    assert answer.price_effect == pytest.approx((52 - 30) / log(52 / 30) * log(fisher))
    assert answer.price_by_item.min() > 0
    assert answer.volume_by_item[0] < 0 < answer.volume_by_item[1]


def test_offsetting_prices_keep_their_items() -> None:
    answer = price_volume([10, 10], [10, 10], [20, 5], [10, 10])
    assert answer.price_by_item[0] > 0 > answer.price_by_item[1]


def test_a_missing_quantity_is_not_zero() -> None:
    answer = price_volume([10, 10], [10, np.nan], [12, 15], [10, 5])
    assert (answer.matched_items, answer.unmatched_items) == (1, 1)
    assert answer.unmatched == 5.0
    assert answer.coverage0 == pytest.approx(0.5)
    assert answer.price_effect == pytest.approx(2.0)


def test_nothing_matched_has_no_index() -> None:
    answer = price_volume([10.0], [np.nan], [12.0], [1.0])
    assert answer.fisher is None
    assert answer.coverage1 == 0.0
    assert answer.parts == {"price": 0, "volume": 0, "entry": 0, "exit": 0, "unmatched": 2, "trimmed": 0}


def test_an_outlying_unit_value_is_trimmed_and_a_common_inflation_is_not() -> None:
    q = np.full(9, 10.0)
    v0 = np.full(9, 100.0)
    v1 = 3 * v0
    v1[-1] = 30_000
    answer = price_volume(v0, q, v1, q)
    assert (answer.matched_items, answer.trimmed_items) == (8, 1)
    assert answer.fisher is not None
    assert answer.fisher.price == pytest.approx(3)
    assert answer.trimmed == 29_900
    assert answer.trim_ratio == pytest.approx(2)
    assert price_volume(v0, q, v1, q, trim=None).trimmed_items == 0
    v1[-1] = 590
    assert price_volume(v0, q, v1, q).trimmed_items == 0


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (([1.0, np.nan], [1, 1], [1, 1], [1, 1]), {}, "value0"),
        (([1.0], [-1], [1], [1]), {}, "quantity0"),
        (([1.0], [1], [np.inf], [1]), {}, "value1"),
        (([1.0], [1], [1], [1, 2]), {}, "quantity1"),
        (([[1.0]], [1], [1], [1]), {}, "value0"),
        (([1.0], [1], [1], [1]), {"trim": 0.0}, "trim"),
        (([1.0], [1], [1], [1]), {"trim_floor": 0.5}, "trim_floor"),
    ],
)
def test_bad_arguments_are_named(
    arguments: tuple[object, ...], options: dict[str, float], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        price_volume(*arguments, **options)  # type: ignore[arg-type]


def russia(shared: Path, first: int, last: int, code: str | None = None) -> PriceVolume:
    wanted = [("exporter", "=", "RUS"), ("year", "in", [first, last])]
    if code is not None:
        wanted.append(("hs6", "=", code))
    rows = pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", filters=wanted).to_pylist()
    cells = {(r["year"], r["importer"], r["hs6"]): r for r in rows}
    items = sorted({key[1:] for key in cells})
    columns = []
    for year in (first, last):
        found = [cells.get((year, *item)) for item in items]
        columns.append([r["kusd"] if r else 0.0 for r in found])
        columns.append([np.nan if r is None or r["tonnes"] is None else r["tonnes"] for r in found])
    return price_volume(*columns)


@pytest.mark.needs_shared
@pytest.mark.parametrize(("first", "last"), [(2021, 2023), (1996, 2024), (2008, 2009)])
def test_the_identities_hold_on_russian_raw_materials(shared: Path, first: int, last: int) -> None:
    answer = russia(shared, first, last)
    assert close(sum(answer.parts.values()), answer.change, max(answer.total0, answer.total1))
    assert answer.fisher is not None
    start = answer.coverage0 * answer.total0
    end = answer.coverage1 * answer.total1
    assert answer.fisher.price * answer.fisher.quantity == pytest.approx(end / start, rel=1e-12)
    assert 0.2 < answer.coverage0 <= 1
    assert abs(answer.unmatched) < answer.total0


@pytest.mark.needs_shared
def test_crude_oil_prices_fell_in_2009(shared: Path) -> None:
    """World crude prices fell by 35-40% from 2008 to 2009 (Brent 97 to 62 USD a barrel, IMF PCPS)."""
    answer = russia(shared, 2008, 2009, "270900")
    assert answer.fisher is not None
    assert 0.55 < answer.fisher.price < 0.72
    assert answer.price_effect < 0
