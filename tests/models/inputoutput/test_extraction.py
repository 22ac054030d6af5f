"""Hypothetical extraction: the block identity against solving again, and how losses behave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.inputoutput import (
    extract,
    leontief_inverse,
    no_substitution_losses,
    partner_loss,
    supply_losses,
)

worlds = st.tuples(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 4))


def world(seed: int, n: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    R = n * j
    Z = rng.lognormal(0, 1.5, (R, R)) * (rng.random((R, R)) < 0.8)
    final = np.maximum(1.2 * Z.sum(axis=0) - Z.sum(axis=1), 0) + rng.lognormal(0, 1, R)
    return Z, final, Z.sum(axis=1) + final


@settings(max_examples=40, deadline=None)
@given(worlds)
def test_demand_side_equals_solving_again(size: tuple[int, int, int]) -> None:
    Z, final, X = world(*size)
    j = size[2]
    r, s = slice(0, j), slice(j, 2 * j)
    A = Z / X
    A[r, s] = 0
    again = np.linalg.solve(np.eye(len(X)) - A, final)
    found = extract(leontief_inverse(Z, X), X, Z[r, s], r, s)
    np.testing.assert_allclose(found.output, again, rtol=1e-9)
    np.testing.assert_allclose(found.loss, X - again, rtol=1e-6, atol=1e-9 * X.max())
    assert (found.loss >= -1e-9 * X.max()).all()


@settings(max_examples=40, deadline=None)
@given(worlds)
def test_supply_side_equals_solving_the_ghosh_model_again(size: tuple[int, int, int]) -> None:
    Z, _, X = world(*size)
    j = size[2]
    r, s = slice(0, j), slice(j, 2 * j)
    B, primary = leontief_inverse(Z, X), X - Z.sum(axis=0)

    def output_without(cells: tuple[object, object]) -> np.ndarray:
        allocation = Z / X[:, None]
        allocation[cells] = 0
        return np.linalg.solve((np.eye(len(X)) - allocation).T, primary)

    needs, own, towards = (Z / X)[r, s], B[s, s], B[s, r]
    whole = (1 - output_without((r, s)) / X)[s]
    np.testing.assert_allclose(partner_loss(needs, own, towards), whole, rtol=1e-7, atol=1e-10)
    single = supply_losses(needs, own, towards)
    for i in range(j):
        one = (1 - output_without((i, s)) / X)[s]
        np.testing.assert_allclose(single[i], one, rtol=1e-7, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(worlds)
def test_losses_are_ordered(size: tuple[int, int, int]) -> None:
    """Linear, then bottleneck, then every trace indispensable; a partner costs no less than one input."""
    Z, _, X = world(*size)
    _, n, j = size
    s, others = slice(0, j), slice(j, None)
    B, A = leontief_inverse(Z, X), Z / X
    kinds = np.tile(A[:, s].reshape(n, j, j).sum(axis=0), (n - 1, 1))
    linear = supply_losses(A[others, s], B[s, s], B[s, others])
    strict = no_substitution_losses(A[others, s], kinds, B[s, s])
    loose = no_substitution_losses(A[others, s], kinds, B[s, s], material=0.05)
    assert (linear >= 0).all()
    assert (linear <= strict + 1e-12).all()
    assert (loose <= strict + 1e-12).all()
    assert (strict <= 1).all()
    partner = partner_loss(A[j : 2 * j, s], B[s, s], B[s, j : 2 * j])
    assert (partner >= linear[:j].max(axis=0) - 1e-12).all()
    assert (partner <= 1 + 1e-12).all()


def test_what_remains_still_meets_final_demand() -> None:
    """In the economy without the sales, value added (with the input saved) is final demand again."""
    Z, final, X = world(4, 3, 2)
    B = leontief_inverse(Z, X)
    found = extract(B, X, Z[:2, 2:4], slice(0, 2), slice(2, 4))
    coefficients = Z / X
    coefficients[:2, 2:4] = 0
    assert (1 - coefficients.sum(axis=0)) @ found.output == pytest.approx(final.sum())


def test_nothing_sold_nothing_lost() -> None:
    B = leontief_inverse([[1, 0], [0, 1]], [10, 10])
    assert extract(B, [10, 10], [[0.0]], slice(0, 1), slice(1, 2)).loss.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("inverse", "X", "sales", "message"),
    [
        (np.eye(3), [1.0, 1], [[1.0]], r"inverse must have shape \(2, 2\)"),
        (np.eye(2), [1.0, 1], [[1.0, 2]], r"sales must have shape \(1, 1\), got \(1, 2\)"),
        (np.eye(2), [1.0, np.nan], [[1.0]], "X must be finite and not negative"),
    ],
)
def test_faults(inverse: np.ndarray, X: list[float], sales: list[list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        extract(inverse, X, sales, slice(0, 1), slice(1, 2))
