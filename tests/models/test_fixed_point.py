"""Anderson acceleration, its stopping rule, its failures, and the Newton-Krylov polish."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.models.fixed_point import ConvergenceError, find_fixed_point

RNG = np.random.default_rng(7)
N = 40
MATRIX = RNG.normal(size=(N, N)) / np.sqrt(N)
MATRIX *= 0.97 / np.abs(np.linalg.eigvals(MATRIX)).max()
TARGET = RNG.normal(size=(5, N))


def linear(z, draws):
    """g(z) = A z + b with spectral radius 0.97; plain sweeps need about 900 for 1e-12."""
    g = z @ MATRIX.T + TARGET[draws]
    return g, np.abs(g - z).max(axis=1)


def test_a_linear_map_is_solved_in_few_sweeps():
    found = find_fixed_point(linear, np.zeros((5, N)), tolerance=1e-10)
    exact = np.linalg.solve(np.eye(N) - MATRIX, TARGET.T).T
    np.testing.assert_allclose(found.z, exact, atol=1e-8)
    plain = find_fixed_point(linear, np.zeros((5, N)), tolerance=1e-10, memory=0, max_sweeps=5000)
    assert (found.sweeps * 4 < plain.sweeps).all()
    assert (found.residual <= 1e-10).all()


def test_leading_axes_are_kept():
    found = find_fixed_point(lambda z, _: (0.5 * z + 1, np.abs(z - 2).max(axis=1)), np.zeros((2, 3, 4)))
    assert found.z.shape == (2, 3, 4)
    assert found.residual.shape == found.sweeps.shape == (2, 3)
    np.testing.assert_allclose(found.z, 2)


def test_draws_alone_and_together_agree():
    together = find_fixed_point(linear, np.zeros((5, N)), tolerance=1e-12).z
    for draw in range(5):
        alone = find_fixed_point(
            lambda z, _, draw=draw: linear(z, np.array([draw])), np.zeros(N), tolerance=1e-12
        )
        np.testing.assert_allclose(alone.z, together[draw], atol=1e-10)


def test_the_residual_stops_the_search_not_the_step():
    """The map creeps: its step is 1e-6 of the distance, so a rule on steps would stop far from the answer."""

    def creeping(z, draws):
        return z + 1e-6 * (3.0 - z), np.abs(z - 3.0).max(axis=1)

    found = find_fixed_point(creeping, np.zeros((1, 1)), tolerance=1e-9)
    assert abs(found.z[0, 0] - 3.0) <= 1e-9


def test_a_start_that_solves_takes_one_sweep_and_is_returned_untouched():
    start = np.full((3, 2), 0.25)
    found = find_fixed_point(lambda z, _: (z.copy(), np.zeros(len(z))), start)
    assert found.sweeps.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(found.z, start)


def test_done_draws_leave_the_batch():
    seen = []

    def evaluate(z, draws):
        seen.append(draws.tolist())
        rate = np.array([0.0, 0.9])[draws, None]
        return rate * z + 1.0, np.abs(rate * z + 1.0 - z).max(axis=1)

    find_fixed_point(evaluate, np.array([[1.0], [0.0]]))
    assert seen[0] == [0, 1]
    assert seen[1] == [1]


def test_mixing_by_block_and_weights_lead_to_the_same_point():
    mixing = np.where(np.arange(N) < 10, 0.35, 1.0)
    plain = find_fixed_point(linear, np.zeros((5, N)), tolerance=1e-12)
    mixed = find_fixed_point(linear, np.zeros((5, N)), tolerance=1e-12, mixing=mixing, weights=1 + mixing)
    np.testing.assert_allclose(mixed.z, plain.z, atol=1e-9)


def test_a_diverging_map_is_rescued_by_newton():
    """g(z) = 40 arctan(z) - 30 z pushes away from its fixed point 0 at every small step."""

    def repelling(z, _):
        return -25.0 * np.arctan(z) + np.sin(3 * z) * 9, np.abs(z).max(axis=1)

    found = find_fixed_point(repelling, np.full((1, 2), 0.05), memory=0, max_sweeps=5)
    assert found.residual[0] <= 1e-10


def test_polish_goes_on_from_the_tolerance():
    def cubic(z, _):
        return z + 0.3 * (np.exp(-z) - z), np.abs(np.exp(-z) - z).max(axis=1)

    rough = find_fixed_point(cubic, np.zeros((2, 3)), tolerance=1e-3)
    fine = find_fixed_point(cubic, np.zeros((2, 3)), tolerance=1e-3, polish=1e-14)
    assert (rough.residual > 1e-12).all()
    assert (fine.residual <= 1e-14).all()


def test_polish_takes_an_analytic_derivative():
    calls = []

    def jvp(z, v, draws):
        calls.append(draws.tolist())
        return v @ MATRIX.T

    found = find_fixed_point(linear, np.zeros((5, N)), tolerance=1e-4, polish=1e-13, jvp=jvp)
    assert calls
    assert found.residual.max() <= 1e-13


def test_no_solution_is_named_with_its_draws():
    """z = z + 1 for draw 1 only."""

    def evaluate(z, draws):
        g = np.where((draws == 1)[:, None], z + 1.0, 0.5 * z)
        return g, np.abs(g - z).max(axis=1)

    with pytest.raises(ConvergenceError, match=r"1 of 3 draws; draw 1: .*no step lowers it") as caught:
        find_fixed_point(evaluate, np.ones((3, 2)), max_sweeps=60)
    assert caught.value.draws.tolist() == [1]
    assert caught.value.residual.tolist() == [1.0]
    assert caught.value.z.shape == (1, 2)


def test_values_that_are_not_finite_raise_and_do_not_leave():
    with pytest.raises(ConvergenceError, match="no finite value"):
        find_fixed_point(lambda z, _: (z * np.nan, np.zeros(len(z))), np.zeros((1, 2)), max_sweeps=10)


def test_the_search_turns_back_from_where_the_map_is_not_finite():
    """log(z) is no number left of 0, where the first plain step leads; the fixed point is at 0.1."""

    def evaluate(z, _):
        g = z - 4.0 * (np.log(z) - np.log(0.1))
        return g, np.abs(np.log(z) - np.log(0.1)).max(axis=1)

    found = find_fixed_point(evaluate, np.full((1, 1), 1.0))
    assert found.z[0, 0] == pytest.approx(0.1, abs=1e-10)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("start", np.zeros((0, 2))),
        ("start", np.array([np.nan])),
        ("tolerance", 0.0),
        ("max_sweeps", 0),
        ("memory", -1),
        ("mixing", 1.5),
        ("mixing", [0.5, 0.5]),
        ("weights", [1.0, 1.0]),
        ("max_step", 0.0),
    ],
)
def test_a_bad_argument_is_named(argument, value):
    call = {"start": np.zeros(3), argument: value}
    with pytest.raises(ValueError, match=argument):
        find_fixed_point(lambda z, _: (z, np.zeros(len(z))), **call)
