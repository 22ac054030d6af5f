from __future__ import annotations

import numpy as np
import pytest

from entrepot.models import detection as dd
from entrepot.models.detection import panel


def make(value: list[float], **more: object) -> dd.Trade:
    n = len(value)
    return dd.trade([0] * n, [1] * n, [0] * n, [0] * n, value, countries=3, products=2, periods=4, **more)


def test_rows_that_were_not_observed_are_refused() -> None:
    with pytest.raises(ValueError, match="leave out rows that were not observed"):
        make([1.0, np.nan])


def test_negative_trade_is_refused() -> None:
    with pytest.raises(ValueError, match="value"):
        make([-1.0])


def test_codes_outside_their_axis_are_refused() -> None:
    with pytest.raises(ValueError, match="importer"):
        dd.trade([0], [3], [0], [0], [1.0], countries=3, products=1, periods=1)


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="product"):
        dd.trade([0], [1], [0, 0], [0], [1.0], countries=3, products=1, periods=1)
    with pytest.raises(ValueError, match="mass"):
        make([1.0], mass=[1.0, 2.0])


def test_roles_must_not_overlap() -> None:
    with pytest.raises(ValueError, match="overlap"):
        dd.roles([0], [1], [1], countries=3)


def test_roles_are_never_empty() -> None:
    with pytest.raises(ValueError, match="hubs"):
        dd.roles([0], [], [1], countries=3)


def test_destinations_are_no_controls() -> None:
    with pytest.raises(ValueError, match="controls"):
        dd.roles([0], [1], [2], countries=4, controls=[2, 3])


def test_controls_are_everyone_else_unless_named() -> None:
    assert dd.roles([0], [1], [2], countries=5).controls.tolist() == [1, 3, 4]
    assert dd.roles([0], [1], [2], countries=5, controls=[]).controls.tolist() == []


def test_window_pairs_seasons() -> None:
    assert dd.window([0, 1, 12, 13], [24, 25]).pre.tolist() == [[0, 1], [12, 13]]


@pytest.mark.parametrize(
    ("pre", "post"), [([0, 1], [1, 2]), ([0, 1, 2], [4, 5]), ([], [1]), ([0, 0], [1, 2])]
)
def test_windows_that_cannot_be_paired_are_refused(pre: list[int], post: list[int]) -> None:
    with pytest.raises(ValueError, match="pre"):
        dd.window(pre, post)


def test_codes_that_begin_or_end_between_the_windows_are_not_comparable() -> None:
    trade = dd.trade(
        [0, 0, 0, 0], [1, 1, 2, 1], [0, 0, 1, 2], [0, 1, 1, 0], [1.0] * 4, countries=3, products=4, periods=2
    )
    assert dd.comparable(trade, dd.window([0], [1])).tolist() == [True, False, False, False]


def test_regroup_keeps_the_total() -> None:
    trade = dd.trade([0, 0], [1, 1], [0, 1], [0, 0], [2.0, 3.0], countries=2, products=2, periods=1)
    wide = trade.regroup(np.array([0, 0]))
    assert wide.products == 1
    assert wide.value.sum() == 5.0


def test_trade_on_other_axes_is_not_added() -> None:
    other = dd.trade([0], [1], [0], [0], [1.0], countries=3, products=9, periods=4)
    with pytest.raises(ValueError, match="axes"):
        make([1.0]).plus(other)


def test_compact_is_the_same_on_both_ways() -> None:
    keys = np.array([7, 3, 7, 0, 9])
    for size in (10, 10**9):
        found, place = panel.compact(keys, size)
        assert found.tolist() == [0, 3, 7, 9]
        assert found[place].tolist() == keys.tolist()
