"""Welfare: the published first-order numbers, and a decomposition whose parts sum to the exact change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.equilibrium.calibration import calibrate_tariff_data
from entrepot.models.equilibrium.many_sectors import ManySectors
from entrepot.models.equilibrium.welfare import PARTS, decompose, differentiation_matrix, first_order

World = Callable[..., dict[str, Any]]
seeds = st.integers(0, 2**32 - 1)
ORDER = [19, 4, 29]  # Mexico, Canada, USA


def nafta_economy(nafta: Any, deficits: str) -> ManySectors:
    recipe = calibrate_tariff_data(
        nafta.trade, nafta.gross_output, nafta.value_added, nafta.materials, nafta.tariffs
    )
    return recipe.economy(nafta.theta, deficits=deficits)


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("deficits", "digits", "expected"),
    [
        (
            "balanced",
            4,
            [
                [1.3121, -0.4118, 1.7239, 1.7153],
                [-0.0638, -0.1081, 0.0443, 0.3228],
                [0.0848, 0.0435, 0.0412, 0.1124],
            ],
        ),
        ("additive", 2, [[1.17, -0.41, 1.59, 1.64], [-0.04, -0.08, 0.04, 0.33], [0.08, 0.05, 0.04, 0.12]]),
    ],
)
def test_first_order_formula_gives_the_published_numbers(
    nafta: Any, deficits: str, digits: int, expected: list[list[float]]
) -> None:
    economy = nafta_economy(nafta, deficits)
    result = economy.solve(tariffs=nafta.new_tariffs)
    got = first_order(economy, result)
    table = np.stack([got.welfare, got.terms_of_trade, got.volume_of_trade, got.real_wage], axis=1)
    assert np.round(100 * table[ORDER], digits).tolist() == expected


@pytest.mark.needs_shared
def test_exact_decomposition_of_nafta(nafta: Any) -> None:
    economy = nafta_economy(nafta, "balanced")
    parts = decompose(economy, tariffs=nafta.new_tariffs)
    percent = 100 * (parts.welfare_hat - 1)
    np.testing.assert_allclose(percent, nafta.expected, rtol=0, atol=2e-8)
    assert np.abs(parts.gap).max() < 1e-9
    shown = parts.percent()
    np.testing.assert_allclose(sum(shown[name] for name in PARTS), percent, rtol=0, atol=1e-7)
    # Mexico wins volume and loses as much on prices, which the first-order formula misses
    assert shown["import_volume"][19] == pytest.approx(0.685, abs=0.001)
    assert shown["terms_of_trade"][19] == pytest.approx(-0.678, abs=0.001)


def some_shock(rng: np.random.Generator, kind: str, n: int, j: int) -> dict[str, Any]:
    off = np.broadcast_to(~np.eye(n, dtype=bool)[:, :, None], (n, n, j))
    share = rng.uniform(0, 0.9, (n, n, j))
    return {
        "costs": {"cost_hat": np.exp(rng.normal(0, 0.3, (n, n, j)))},
        "taxes": {
            "tariffs": rng.uniform(0, 0.8, (n, n, j)) * off,
            "export_tax": rng.uniform(0, 0.3, (n, n, j)) * off,
        },
        "ban": {"ban": off & (rng.random((n, n, j)) < 0.3), "tariffs": 0.1 * off},
        "shares": {"ban": share * off, "deficits": "balanced"},
    }[kind]


@given(seed=seeds, kind=st.sampled_from(["costs", "taxes", "ban", "shares"]))
@settings(max_examples=16, deadline=None)
def test_parts_sum_to_the_exact_change(random_world: World, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    world = random_world(rng, n=4, j=3)
    model = ManySectors(**{**world, "theta": rng.uniform(2, 8, 3)})
    if kind == "ban":
        model = model.rebase(deficits="balanced")
    shock = some_shock(rng, kind, 4, 3)
    parts = decompose(model, **shock)
    exact = model.solve(**shock, tolerance=1e-11).welfare_hat
    summed = sum(getattr(parts, name) for name in PARTS)
    np.testing.assert_allclose(parts.welfare_hat, exact, rtol=1e-9)
    np.testing.assert_allclose(summed + parts.gap, np.log(parts.welfare_hat), rtol=0, atol=1e-14)
    np.testing.assert_allclose(summed, np.log(exact), rtol=0, atol=2e-9)
    assert np.abs(parts.gap).max() < 2e-9
    np.testing.assert_allclose(parts.by_partner.sum(axis=1), parts.terms_of_trade, rtol=0, atol=1e-12)


def test_each_part_answers_to_its_own_instrument(random_world: World) -> None:
    rng = np.random.default_rng(3)
    model = ManySectors(**random_world(rng, n=4, j=2), deficits="balanced")
    off = np.broadcast_to(~np.eye(4, dtype=bool)[:, :, None], (4, 4, 2))
    of = {
        "import_volume": {"tariffs": 0.3 * off},
        "export_volume": {"export_tax": 0.3 * off},
        "trade_costs": {"cost_hat": np.where(off, 1.2, 1.0)},
        "bans": {"ban": 0.5 * off},
        "transfers": {"deficits": np.array([1.0, -1.0, 0.0, 0.0])},
    }
    for part, shock in of.items():
        found = decompose(model, **shock)
        for name in of:
            assert (np.abs(getattr(found, name)).max() > 1e-4) == (name == part), (part, name)


def test_terms_of_trade_are_a_transfer_among_countries(random_world: World) -> None:
    """Money gained on border prices by one country is lost by another, at every point of the path."""
    model = ManySectors(**random_world(np.random.default_rng(4), n=3, j=2), deficits="balanced")
    tariffs = np.zeros((3, 3, 2))
    tariffs[1:, 0] = 1e-4
    parts = decompose(model, tariffs=tariffs)
    money = parts.by_partner * model.economy.income[0][:, None]
    np.testing.assert_allclose(money, -money.T, rtol=0, atol=1e-4 * np.abs(money).max())


def test_first_order_agrees_with_the_exact_parts_of_a_small_shock(random_world: World) -> None:
    rng = np.random.default_rng(6)
    world = random_world(rng, n=3, j=2)
    off = np.broadcast_to(~np.eye(3, dtype=bool)[:, :, None], (3, 3, 2))
    model = ManySectors(**world, deficits="balanced").rebase(tariffs=0.2 * off)
    tariffs = (0.2 + 1e-5 * rng.random((3, 3, 2))) * off
    parts = decompose(model, tariffs=tariffs)
    approximate = first_order(model, model.solve(tariffs=tariffs, tolerance=1e-12))
    np.testing.assert_allclose(approximate.terms_of_trade, parts.terms_of_trade, rtol=0, atol=1e-8)
    np.testing.assert_allclose(approximate.volume_of_trade, parts.import_volume, rtol=0, atol=1e-8)


def test_no_shock(random_world: World) -> None:
    parts = decompose(ManySectors(**random_world(np.random.default_rng(1), n=3, j=2)))
    assert (parts.welfare_hat == 1).all()
    assert all((values == 0).all() for values in parts.percent().values())


def test_differentiation_matrix_is_exact_on_polynomials() -> None:
    points = (np.polynomial.legendre.leggauss(9)[0] + 1) / 2
    np.testing.assert_allclose(differentiation_matrix(points) @ points**8, 8 * points**7, atol=1e-11)


def test_refusals(random_world: World) -> None:
    world = random_world(np.random.default_rng(2), n=3, j=2)
    draws = ManySectors(**{**world, "theta": np.full((2, 2), 4.0)})
    with pytest.raises(ValueError, match="not draws"):
        decompose(draws, cost_hat=1.1)
    model = ManySectors(**world)
    with pytest.raises(ValueError, match="cost_hat: decompose takes one shock"):
        decompose(model, cost_hat=np.full((2, 3, 3, 2), 1.1))
    with pytest.raises(ValueError, match="deficits must be 'balanced' or an array"):
        decompose(model, deficits="multiplicative")
    with pytest.raises(ValueError, match="result: one solution with its flows"):
        first_order(model, model.solve(cost_hat=1.1, keep_trade=False))
