"""Clearing: invariants of every stage, and the optimum of networkx's network simplex as oracle."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.clearing import Clearing, clear, largest_circulation


@st.composite
def obligations(draw: st.DrawFn) -> np.ndarray:
    """Random debts: sparse or dense, even or heavy-tailed, in units from 1e-6 to 1e12."""
    n = draw(st.integers(2, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread, density = draw(st.sampled_from([0.1, 1.0, 4.0])), draw(st.sampled_from([0.2, 0.5, 1.0]))
    matrix = rng.lognormal(0, spread, (n, n)) * (rng.random((n, n)) < density)
    np.fill_diagonal(matrix, 0)
    return matrix * 10.0 ** draw(st.integers(-6, 12))


@st.composite
def whole_obligations(draw: st.DrawFn) -> np.ndarray:
    """Whole-number debts, for which network simplex is exact."""
    n = draw(st.integers(2, 10))
    cells = st.lists(st.one_of(st.just(0), st.integers(1, 1000)), min_size=n * n, max_size=n * n)
    matrix = np.array(draw(cells), dtype=float).reshape(n, n)
    np.fill_diagonal(matrix, 0)
    return matrix


def smallest_payments(offset: np.ndarray) -> int:
    """Least sum of payments along the balances that leaves every net position, by network simplex."""
    graph = nx.DiGraph()
    balance = offset.sum(axis=1) - offset.sum(axis=0)
    for member, amount in enumerate(balance):
        graph.add_node(member, demand=-int(amount))
    for debtor, creditor in np.argwhere(offset):
        graph.add_edge(int(debtor), int(creditor), capacity=int(offset[debtor, creditor]), weight=1)
    cost, _ = nx.network_simplex(graph)
    return int(cost)


def positions(matrix: np.ndarray) -> np.ndarray:
    return matrix.sum(axis=0) - matrix.sum(axis=1)


def check(answer: Clearing) -> None:
    turnover = answer.gross.sum(axis=0) + answer.gross.sum(axis=1)
    for stage in (answer.gross, answer.offset, answer.after_cycles):
        assert (stage >= 0).all()
        assert (np.abs(positions(stage) - answer.net) <= 1e-12 * turnover).all()
    assert (np.abs(positions(answer.cycles)) <= 1e-12 * turnover).all()
    assert (answer.cycles >= 0).all()
    assert (answer.cycles <= answer.offset).all()
    assert not ((answer.offset > 0) & (answer.offset.T > 0)).any()
    assert (np.diff(answer.totals) <= 0).all()
    assert ((answer.share_cleared >= 0) & (answer.share_cleared <= 1)).all()
    assert abs(answer.net.sum()) <= 1e-12 * turnover.sum()


@given(obligations())
def test_no_stage_changes_a_net_position(matrix: np.ndarray) -> None:
    check(clear(matrix))


@settings(max_examples=60)
@given(whole_obligations(), st.integers(-6, 12))
def test_the_optimum_is_that_of_network_simplex(matrix: np.ndarray, power: int) -> None:
    expected = smallest_payments(np.maximum(matrix - matrix.T, 0))
    answer = clear(matrix * 10.0**power)
    assert answer.totals[2] == pytest.approx(expected * 10.0**power, rel=1e-9)
    check(answer)


@given(obligations())
def test_what_remains_holds_no_ring(matrix: np.ndarray) -> None:
    """Balances below the solver's tolerance of the largest one do not count."""
    remaining = clear(matrix).after_cycles
    largest = remaining.max(initial=0)
    graph = nx.DiGraph(list(map(tuple, np.argwhere(remaining > 1e-9 * largest))))
    assert nx.is_directed_acyclic_graph(graph)


@given(obligations())
def test_the_house_minimum_is_half_the_absolute_positions(matrix: np.ndarray) -> None:
    answer = clear(matrix)
    assert answer.totals[3] == pytest.approx(
        np.maximum(positions(matrix), 0).sum(), rel=1e-9, abs=1e-12 * matrix.sum()
    )


def test_a_mixed_scale_keeps_every_position() -> None:
    """A ring of millionths beside a ring of trillions: the small members keep their positions too."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        matrix = 10.0 ** rng.uniform(-6, 12, (9, 9))
        np.fill_diagonal(matrix, 0)
        check(clear(matrix))


def test_two_separate_rings_are_each_cleared_at_their_own_scale() -> None:
    matrix = np.zeros((6, 6))
    for ring, amount in (((0, 1, 2), 1e12), ((3, 4, 5), 1e-6)):
        for a, b in zip(ring, ring[1:] + ring[:1], strict=True):
            matrix[a, b] = amount
    matrix[0, 3] = 1.0
    answer = clear(matrix)
    assert answer.after_cycles.sum() == pytest.approx(1.0, abs=0)


def test_hand_values() -> None:
    """Four members, worked by hand: two rings share an arc of 4, so 4 of their 3 + 3 can go round."""
    matrix = np.zeros((4, 4))
    matrix[0, 1] = 4
    matrix[1, 2] = matrix[2, 0] = 3
    matrix[1, 3] = matrix[3, 0] = 3
    assert largest_circulation(matrix).sum() == pytest.approx(12)
    assert clear(matrix).totals == pytest.approx([16, 16, 4, 2])


def test_the_same_input_gives_the_same_plan() -> None:
    matrix = np.ones((8, 8)) - np.eye(8)
    matrix += np.triu(matrix)
    first, second = clear(matrix), clear(matrix)
    np.testing.assert_array_equal(first.cycles, second.cycles)


def test_the_order_of_members_does_not_change_the_totals() -> None:
    rng = np.random.default_rng(11)
    matrix = rng.lognormal(0, 2, (15, 15))
    np.fill_diagonal(matrix, 0)
    order = rng.permutation(15)
    plain, turned = clear(matrix), clear(matrix[np.ix_(order, order)])
    np.testing.assert_allclose(plain.totals, turned.totals, rtol=1e-9)
    np.testing.assert_allclose(plain.net[order], turned.net, rtol=1e-12, atol=1e-12 * matrix.sum())


def test_a_pair_and_nothing_at_all() -> None:
    assert clear([[0, 5], [2, 0]]).totals.tolist() == [7, 3, 3, 3]
    empty = clear(np.zeros((3, 3)))
    assert empty.totals.tolist() == [0, 0, 0, 0]
    assert empty.share_cleared.tolist() == [0, 0, 0, 0]


def test_what_was_not_observed_is_refused_or_marked() -> None:
    matrix = [[0, np.nan, 1.0], [2.0, 0, 0], [0, 3.0, 0]]
    with pytest.raises(ValueError, match="obligations holds 1 values that were not observed"):
        clear(matrix)
    answer = clear(matrix, missing="leave_out")
    assert not answer.complete
    assert not answer.observed[0, 1]
    assert answer.totals[0] == 6
    check(answer)


@pytest.mark.parametrize(
    ("matrix", "named"),
    [
        ([[0, 1, 2], [1, 0, 2]], "square"),
        ([[0, -1], [1, 0]], "obligations"),
        ([[0, np.inf], [1, 0]], "obligations"),
        ([[1, 1], [1, 0]], "diagonal"),
    ],
)
def test_bad_obligations_are_named(matrix: list[list[float]], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        clear(matrix)


def test_an_unknown_treatment_of_gaps_is_named() -> None:
    with pytest.raises(ValueError, match="missing"):
        clear([[0, 1], [1, 0]], missing="zero")  # type: ignore[arg-type]
