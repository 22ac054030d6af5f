"""Shares, concentration and the re-orientation distance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.models.concentration import concentration, reorientation, shares

AMOUNT = st.one_of(st.just(0.0), st.floats(1e-6, 1e12))
VECTORS = st.integers(1, 20).flatmap(lambda n: arrays(float, n, elements=AMOUNT))
PAIRS = st.integers(1, 20).flatmap(lambda n: arrays(float, (2, n), elements=AMOUNT))


@given(VECTORS)
def test_the_index_lies_between_one_over_n_and_one(values: np.ndarray) -> None:
    answer = concentration(values)
    if not values.any():
        assert np.isnan(answer.herfindahl)
        assert np.isnan(shares(values)).all()
        return
    assert shares(values).sum() == pytest.approx(1, abs=1e-12)
    assert 1 / len(values) - 1e-12 <= answer.herfindahl <= 1 + 1e-12
    assert answer.herfindahl <= answer.largest + 1e-12
    assert answer.effective_number == pytest.approx(1 / answer.herfindahl)


@given(PAIRS)
def test_the_distance_is_a_distance(pair: np.ndarray) -> None:
    a, b = pair
    if not (a.any() and b.any()):
        assert np.isnan(reorientation(a, b))
        return
    there = reorientation(a, b)
    assert 0 <= there <= 1
    assert there == reorientation(b, a)
    assert reorientation(a, a) == 0
    assert reorientation(a, 8 * b) == pytest.approx(there, abs=1e-12)


@given(PAIRS)
def test_the_distance_is_the_sum_of_the_gains(pair: np.ndarray) -> None:
    """What some partners gain the others lose, so half the absolute changes is the sum of the gains."""
    a, b = pair
    if a.any() and b.any():
        gains = np.maximum(shares(b) - shares(a), 0).sum()
        assert reorientation(a, b) == pytest.approx(gains, abs=1e-12)


def test_hand_values() -> None:
    answer = concentration([5, 3, 2])
    assert answer.herfindahl == pytest.approx(0.38)
    assert answer.effective_number == pytest.approx(1 / 0.38)
    assert answer.largest == pytest.approx(0.5)
    assert reorientation([1, 0], [0, 7]) == 1


def test_leading_axes_are_years() -> None:
    values = np.array([[1.0, 1.0], [3.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(concentration(values).herfindahl, [0.5, 0.625, np.nan])
    np.testing.assert_allclose(reorientation(values[:-1], values[1:]), [0.25, np.nan])


def test_what_was_not_observed_is_left_out_and_counted() -> None:
    answer = concentration([2.0, np.nan, 2.0], missing="omit")
    assert (answer.herfindahl, answer.observed) == (0.5, 2)
    assert np.isnan(shares([2.0, np.nan, 2.0], missing="omit")[1])
    assert reorientation([1.0, 5.0, 1.0], [1.0, np.nan, 3.0], missing="omit") == 0.25
    assert np.isnan(reorientation([1.0, np.nan], [np.nan, 1.0], missing="omit"))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: shares([1.0, np.nan]), "values"),
        (lambda: shares([]), "values"),
        (lambda: shares([-1.0, 2.0]), "values"),
        (lambda: concentration([np.inf, 2.0]), "values"),
        (lambda: shares([1.0], missing="zero"), "missing"),  # type: ignore[arg-type]
        (lambda: reorientation([1.0], [np.nan]), "values1"),
        (lambda: reorientation([1.0], [1.0, 2.0]), "values1"),
    ],
)
def test_bad_arguments_are_named(call: object, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        call()  # type: ignore[operator]


@pytest.mark.needs_shared
def test_russian_crude_turned_to_other_buyers(shared: Path) -> None:
    """Crude oil, BACI: India 0.94 (2021) to 48.6 bn USD (2023), Germany 10.3 to 0.04."""
    wanted = [("exporter", "=", "RUS"), ("hs6", "=", "270900"), ("year", "in", [2021, 2023])]
    rows = pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", filters=wanted).to_pylist()
    buyers = sorted({row["importer"] for row in rows})
    values = np.zeros((2, len(buyers)))
    for row in rows:
        values[int(row["year"] == 2023), buyers.index(row["importer"])] += row["kusd"]
    assert values[1, buyers.index("IND")] == pytest.approx(48.6e6, rel=0.01)
    assert 0.4 < reorientation(values[0], values[1]) < 0.9
    assert concentration(values[1]).herfindahl > concentration(values[0]).herfindahl
