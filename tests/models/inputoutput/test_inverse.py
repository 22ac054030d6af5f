"""The Leontief inverse: textbook numbers, identities, tables that have none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.inputoutput import leontief_inverse, value_added_shares


def test_miller_and_blair() -> None:
    """Miller and Blair (2009), Input-Output Analysis, chapter 2: inverse and a change in final demand."""
    Z, X = [[150, 500], [200, 100]], [1000, 2000]
    B = leontief_inverse(Z, X)
    # Printed with three decimals.
    np.testing.assert_allclose(B, [[1.254, 0.330], [0.264, 1.122]], atol=5e-4)
    np.testing.assert_allclose(B @ [600, 1500], [1247.5, 1841.6], atol=0.1)
    np.testing.assert_allclose(value_added_shares(Z, X), [0.65, 0.70])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_columns_of_value_added_content_sum_to_one(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    Z = rng.lognormal(0, 2, (n, n))
    X = Z.sum(axis=0) * rng.uniform(1.01, 3, n)
    B, v = leontief_inverse(Z, X), value_added_shares(Z, X)
    np.testing.assert_allclose(v @ B, 1.0, atol=1e-9)
    np.testing.assert_allclose(B, np.linalg.inv(np.eye(n) - Z / X), rtol=1e-8, atol=1e-12)


def test_the_arguments_are_left_alone() -> None:
    Z, X = np.array([[1.0, 2], [3, 4]]), np.array([10.0, 10])
    before = Z.copy()
    leontief_inverse(Z, X)
    assert (before == Z).all()


def test_an_industry_without_output_is_alone() -> None:
    B = leontief_inverse([[1, 0], [0, 0]], [4, 0])
    np.testing.assert_allclose(B, [[4 / 3, 0], [0, 1]])
    assert value_added_shares([[1, 0], [0, 0]], [4, 0]).tolist() == [0.75, 1.0]


def test_negative_value_added_is_allowed_where_the_table_is_productive() -> None:
    """An industry that is subsidised buys more than it makes; the table as a whole still delivers."""
    Z, X = [[0, 1], [12, 0]], [10, 100]
    assert value_added_shares(Z, X)[0] == pytest.approx(-0.2)
    assert (leontief_inverse(Z, X) >= 0).all()


@pytest.mark.parametrize(
    ("Z", "X", "message"),
    [
        ([[10.0]], [10.0], "Z is singular"),
        ([[5.0, 5], [5, 5]], [10.0, 10], "Z is singular"),
        ([[11.0]], [10.0], "Z is not productive"),
        ([[0.0, 9], [9, 0]], [3.0, 3], "Z is not productive"),
        ([[11.0, 0], [0, 1]], [10.0, 10], "Z is not productive"),
        ([[1.0, 0], [1, 0]], [4.0, 0], "X is zero for industry 1, but Z has flows of it"),
        ([[-1.0]], [4.0], "Z must not be negative, its least value is -1"),
        ([[1.0, 2]], [4.0], "Z must be a square matrix"),
    ],
)
def test_tables_without_an_inverse(Z: list[list[float]], X: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        leontief_inverse(Z, X)


def test_nearly_singular_is_refused() -> None:
    with pytest.raises(ValueError, match="singular"):
        leontief_inverse([[0.5, 0.5 - 1e-17], [0.5, 0.5]], [1.0, 1.0])
