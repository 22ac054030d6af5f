"""Many sectors: oracle of NAFTA 1993, analytic cases, invariances, and a battery up to total bans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.equilibrium.calibration import calibrate_tariff_data
from entrepot.models.equilibrium.many_sectors import ManySectors, ManySectorsResult
from entrepot.models.equilibrium.one_sector import OneSector
from entrepot.models.fixed_point import ConvergenceError

World = Callable[..., dict[str, Any]]
seeds = st.integers(0, 2**32 - 1)
MEXICO, CANADA, USA = 19, 4, 29


def abroad(n: int, j: int) -> np.ndarray:
    return np.broadcast_to(~np.eye(n, dtype=bool)[:, :, None], (n, n, j))


def some_shock(rng: np.random.Generator, n: int, j: int) -> dict[str, np.ndarray]:
    off = abroad(n, j)
    return {
        "cost_hat": np.exp(rng.normal(0, 0.3, (n, n, j)) * off),
        "tariffs": rng.uniform(0, 0.5, (n, n, j)) * off,
        "export_tax": rng.uniform(0, 0.2, (n, n, j)) * off,
    }


def assert_sound(result: ManySectorsResult) -> None:
    assert (result.residual <= 1e-9).all()
    assert np.array_equal(result.residual, result.residual_parts.max(axis=-1))
    for name in ManySectorsResult.__slots__:
        assert np.isfinite(getattr(result, name)).all(), name


@pytest.mark.needs_shared
class TestNafta:
    """Caliendo and Parro (2015), data and exact real income of ../shared/data/ge-nafta-1993."""

    def test_exact_real_income_of_every_region(self, nafta: Any) -> None:
        recipe = calibrate_tariff_data(
            nafta.trade, nafta.gross_output, nafta.value_added, nafta.materials, nafta.tariffs
        )
        economy = recipe.economy(nafta.theta, deficits="balanced")
        result = economy.solve(tariffs=nafta.new_tariffs, tolerance=1e-11)
        percent = 100 * (result.welfare_hat - 1)
        # the oracle is printed to eight decimals of a percent
        np.testing.assert_allclose(percent, nafta.expected, rtol=0, atol=1.5e-8)
        assert np.round(percent[[MEXICO, CANADA, USA]], 4).tolist() == [0.0073, -0.1101, 0.0741]
        assert result.sweeps <= 60

    def test_refuses_a_table_that_is_no_equilibrium(self, nafta: Any) -> None:
        recipe = calibrate_tariff_data(
            nafta.trade, nafta.gross_output, nafta.value_added, nafta.materials, nafta.tariffs
        )
        raw = ManySectors(
            recipe.trade,
            recipe.value_added,
            recipe.inputs,
            recipe.final_shares,
            nafta.theta,
            tariffs=recipe.tariffs,
        )
        with pytest.raises(ValueError, match=r"baseline is no equilibrium .* call rebase\(\)"):
            raw.solve(tariffs=nafta.new_tariffs)


@pytest.mark.needs_shared
@pytest.mark.parametrize("deficits", ["balanced", "additive"])
@pytest.mark.parametrize("retaliation", [False, True])
def test_one_sector_without_inputs_is_the_one_sector_model(
    world_194: Any, deficits: Any, retaliation: bool
) -> None:
    hat = world_194.retaliation_hat if retaliation else world_194.tariff_hat
    n = len(world_194.countries)
    one = OneSector(world_194.trade, 4.0, deficits=deficits).solve(tariff_hat=hat, tolerance=1e-12)
    table = world_194.trade[:, :, None]
    many = ManySectors(table, np.ones((n, 1)), np.zeros((n, 1, 1)), None, 4.0, deficits=deficits)
    result = many.solve(tariffs=hat[:, :, None] - 1, tolerance=1e-11)
    np.testing.assert_allclose(result.welfare_hat, one.welfare_hat, rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.output_hat[:, 0], one.output_hat, rtol=0, atol=1e-9)
    np.testing.assert_allclose(result.tariff_revenue, one.tariff_revenue, rtol=1e-7, atol=1e-3)
    np.testing.assert_allclose(result.price_hat[:, 0], one.price_hat, rtol=0, atol=1e-9)


class TestAnalytic:
    @given(seed=seeds)
    @settings(max_examples=15, deadline=None)
    def test_autarky_through_bans(self, random_world: World, seed: int) -> None:
        """``log P = (I - G')^-1 (-log share_home / theta)``, ``W = exp(-a . log P)``, numeraire the wage."""
        world = random_world(np.random.default_rng(seed))
        model = ManySectors(**world, deficits="balanced")
        n, j = world["value_added"].shape
        result = model.solve(ban=abroad(n, j), tolerance=1e-12)
        home = model.trade[np.arange(n), np.arange(n)] / model.trade.sum(axis=0)
        for country in range(n):
            lost = -np.log(home[country]) / world["theta"]
            log_price = np.linalg.solve(np.eye(j) - world["inputs"][country].T, lost)
            expected = np.exp(-model.economy.final_shares[0, country] @ log_price)
            assert abs(result.welfare_hat[country] / expected - 1) < 1e-10
        assert (result.trade[abroad(n, j)] == 0).all()

    @given(seed=seeds)
    @settings(max_examples=15, deadline=None)
    def test_lerner_symmetry_with_inputs(self, random_world: World, seed: int) -> None:
        """A tariff on all imports of a country does what the same tax on all its exports does."""
        world = random_world(np.random.default_rng(seed))
        model = ManySectors(**world, deficits="balanced")
        n, j = world["value_added"].shape
        tariff, tax = np.zeros((n, n, j)), np.zeros((n, n, j))
        tariff[1:, 0] = tax[0, 1:] = 0.3
        by_tariff = model.solve(tariffs=tariff, tolerance=1e-11)
        by_tax = model.solve(export_tax=tax, tolerance=1e-11)
        np.testing.assert_allclose(by_tariff.welfare_hat, by_tax.welfare_hat, rtol=0, atol=1e-10)
        # The shock must do something: a hundred times the tolerance above.
        assert abs(by_tariff.welfare_hat[0] - 1) > 1e-8
        assert by_tariff.tariff_revenue[0] > 0
        assert by_tax.export_revenue[0] > 0

    def test_optimal_tariff_of_a_small_country_is_one_over_theta(self) -> None:
        theta, size = 4.0, 1e-4
        trade = np.array([[[0.7 * size], [0.3 * size]], [[0.3 * size], [1.0]]])
        model = ManySectors(trade, np.ones((2, 1)), np.zeros((2, 1, 1)), None, theta)
        rates = np.linspace(0.2, 0.3, 101)
        tariffs = np.zeros((101, 2, 2, 1))
        tariffs[:, 1, 0, 0] = rates
        welfare = model.solve(tariffs=tariffs, tolerance=1e-12).welfare_hat[:, 0]
        assert abs(rates[welfare.argmax()] - 1 / theta) <= 0.001

    @given(seed=seeds)
    @settings(max_examples=10, deadline=None)
    def test_no_shock_gives_nothing_in_one_sweep(self, random_world: World, seed: int) -> None:
        model = ManySectors(**random_world(np.random.default_rng(seed)))
        result = model.solve()
        assert result.sweeps == 1
        np.testing.assert_allclose(result.welfare_hat, 1, rtol=0, atol=1e-13)
        np.testing.assert_allclose(result.trade, model.trade, rtol=1e-13)


class TestIdentities:
    @given(seed=seeds, unit=st.floats(1e-3, 1e6))
    @settings(max_examples=10, deadline=None)
    def test_unit_of_money_does_not_matter(self, random_world: World, seed: int, unit: float) -> None:
        rng = np.random.default_rng(seed)
        world = random_world(rng)
        shock = some_shock(rng, *world["value_added"].shape)
        one = ManySectors(**world).solve(**shock, tolerance=1e-11)
        other = ManySectors(**{**world, "trade": unit * world["trade"]}).solve(**shock, tolerance=1e-11)
        np.testing.assert_allclose(one.welfare_hat, other.welfare_hat, rtol=1e-9)
        np.testing.assert_allclose(unit * one.trade, other.trade, rtol=1e-8)

    @given(seed=seeds)
    @settings(max_examples=10, deadline=None)
    def test_order_of_countries_and_sectors_does_not_matter(self, random_world: World, seed: int) -> None:
        rng = np.random.default_rng(seed)
        world = random_world(rng)
        n, j = world["value_added"].shape
        shock = some_shock(rng, n, j)
        c, s = rng.permutation(n), rng.permutation(j)

        def pairs(table: np.ndarray) -> np.ndarray:
            return table[np.ix_(c, c, s)]

        moved = ManySectors(
            pairs(world["trade"]),
            world["value_added"][np.ix_(c, s)],
            world["inputs"][np.ix_(c, s, s)],
            None,
            world["theta"][s],
        )
        one = ManySectors(**world).solve(**shock, tolerance=1e-11)
        other = moved.solve(**{name: pairs(value) for name, value in shock.items()}, tolerance=1e-11)
        np.testing.assert_allclose(one.welfare_hat[c], other.welfare_hat, rtol=1e-9)

    @given(seed=seeds, rule=st.sampled_from(["additive", "multiplicative", "balanced"]))
    @settings(max_examples=20, deadline=None)
    def test_accounts_add_up(self, random_world: World, seed: int, rule: Any) -> None:
        """Walras: budgets, markets and the balance of payments hold in the flows that come out."""
        rng = np.random.default_rng(seed)
        world = random_world(rng)
        n, j = world["value_added"].shape
        model = ManySectors(**world, deficits=rule)
        shock = some_shock(rng, n, j)
        result = model.solve(**shock, tolerance=1e-11)
        flows, t, e = result.trade, shock["tariffs"], shock["export_tax"]
        np.testing.assert_allclose((flows * (1 + t)).sum(axis=0), result.expenditure, rtol=1e-9)
        np.testing.assert_allclose((flows * t).sum(axis=(0, 2)), result.tariff_revenue, rtol=1e-8, atol=1e-9)
        output = (flows / (1 + e)).sum(axis=1)
        np.testing.assert_allclose(output, result.output_hat * model.economy.output[0], rtol=1e-9)
        wages = (model.economy.value_added[0] * output).sum(axis=1)
        np.testing.assert_allclose(wages, model.economy.labour[0] * result.wage_hat, rtol=1e-9)
        deficit = flows.sum(axis=(0, 2)) - flows.sum(axis=(1, 2))
        taxes = result.tariff_revenue + result.export_revenue
        np.testing.assert_allclose(wages + taxes + deficit, result.income, rtol=1e-8)
        if rule != "multiplicative":
            np.testing.assert_allclose(
                deficit / wages.sum(), model.economy.deficits[0] / wages.sum(), rtol=0, atol=1e-9
            )
        assert abs(wages.sum() / model.economy.labour[0].sum() - 1) < 1e-9

    @given(seed=seeds)
    @settings(max_examples=8, deadline=None)
    def test_draws_are_the_same_economies_one_by_one(self, random_world: World, seed: int) -> None:
        rng = np.random.default_rng(seed)
        world = random_world(rng)
        n, j = world["value_added"].shape
        theta = world["theta"] * np.exp(rng.normal(0, 0.2, (3, 1, j)))
        shock = some_shock(rng, n, j)
        cost = np.stack([shock["cost_hat"], shock["cost_hat"] ** 2])
        together = ManySectors(**{**world, "theta": theta}).solve(
            **{**shock, "cost_hat": cost}, tolerance=1e-11
        )
        assert together.welfare_hat.shape == (3, 2, n)
        assert together.trade.shape == (3, 2, n, n, j)
        for first in range(3):
            for second in range(2):
                one = ManySectors(**{**world, "theta": theta[first, 0]})
                alone = one.solve(**{**shock, "cost_hat": cost[second]}, tolerance=1e-11)
                np.testing.assert_allclose(
                    together.welfare_hat[first, second], alone.welfare_hat, rtol=0, atol=1e-9
                )
                np.testing.assert_allclose(together.trade[first, second], alone.trade, rtol=1e-7)

    def test_rebase_is_the_same_world_seen_from_its_other_end(self, random_world: World) -> None:
        rng = np.random.default_rng(5)
        world = random_world(rng, n=4, j=3)
        shock = some_shock(rng, 4, 3)
        model = ManySectors(**world)
        there = model.solve(**shock, tolerance=1e-11).welfare_hat
        other = model.rebase(**shock)
        zero = np.zeros((4, 4, 3))
        back = other.solve(cost_hat=1 / shock["cost_hat"], tariffs=zero, export_tax=zero, tolerance=1e-11)
        np.testing.assert_allclose(there * back.welfare_hat, 1, rtol=0, atol=1e-9)
        np.testing.assert_allclose(back.trade, model.trade, rtol=1e-8)

    def test_a_ban_is_the_limit_of_high_costs(self, random_world: World) -> None:
        world = random_world(np.random.default_rng(8), n=4, j=2)
        model = ManySectors(**{**world, "theta": np.array([4.0, 6.0])}, deficits="balanced")
        ban = np.zeros((4, 4, 2), dtype=bool)
        ban[0, 1] = ban[1, 0] = True
        banned = model.solve(ban=ban, tolerance=1e-11)
        costly = model.solve(cost_hat=np.where(ban, 1e3, 1.0), tolerance=1e-11)
        np.testing.assert_allclose(banned.welfare_hat, costly.welfare_hat, rtol=0, atol=1e-9)
        ten = model.solve(cost_hat=np.where(ban, 10.0, 1.0), tolerance=1e-11)
        assert np.abs(ten.welfare_hat - banned.welfare_hat).max() > 1e-7
        assert (banned.trade[ban] == 0).all()


def battery_case(rng: np.random.Generator, kind: int, n: int, j: int) -> dict[str, Any]:
    """Shocks from mild to the end of all trade."""
    off = abroad(n, j)
    if kind == 0:
        return {"ban": off}
    if kind == 1:
        return {"ban": off & (rng.random((n, n, j)) < 0.6)}
    if kind == 2:
        ban = np.zeros((n, n, j), dtype=bool)
        ban[0], ban[:, 0] = True, True
        return {"ban": ban & off}
    if kind == 3:
        return {"ban": (1 - 10.0 ** -rng.uniform(1, 5)) * off}
    if kind == 4:
        return {"cost_hat": np.exp(rng.normal(0, 0.8, (n, n, j)) * off)}
    return {"tariffs": rng.uniform(0, 3, (n, n, j)) * off, "export_tax": rng.uniform(0, 1, (n, n, j)) * off}


@pytest.mark.parametrize("kind", range(6))
def test_battery(random_world: World, kind: int) -> None:
    """Every solve meets the residual or is refused, and only for deficits that cannot be financed."""
    solved, refused = 0, []
    for seed in range(34):
        rng = np.random.default_rng([kind, seed])
        world = random_world(rng)
        n, j = world["value_added"].shape
        try:
            model = ManySectors(**world, deficits="balanced" if seed % 2 == 0 else "additive")
            result = model.solve(**battery_case(rng, kind, n, j))
        except (ValueError, ConvergenceError) as error:
            refused.append(str(error))
            continue
        assert_sound(result)
        solved += 1
    assert solved >= 17
    for message in refused:
        assert "deficits" in message, message


class TestRefusals:
    def two(self, **changes: Any) -> ManySectors:
        trade = np.array([[[80.0, 60.0], [20.0, 5.0]], [[20.0, 5.0], [80.0, 60.0]]])
        given = {
            "trade": trade,
            "value_added": np.full((2, 2), 0.6),
            "inputs": np.full((2, 2, 2), 0.2),
            "final_shares": None,
            "theta": 5.0,
        }
        return ManySectors(**{**given, **changes})

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"trade": np.ones((2, 3, 2))}, "trade must have shape"),
            ({"trade": -np.ones((2, 2, 2))}, "trade must not lie below 0"),
            ({"trade": np.full((2, 2, 2), np.nan)}, "trade must be finite"),
            ({"theta": 0.0}, "theta must not lie below"),
            ({"theta": np.ones(3)}, "theta has shape"),
            ({"value_added": np.full((2, 2), 0.7)}, "value_added and inputs must sum to 1"),
            ({"tariffs": -1.0}, "tariffs must not lie below"),
            ({"deficits": "none"}, "deficits must be one of"),
            ({"deficits": [1.0, 1.0]}, "deficits must sum to zero"),
            ({"final_shares": np.zeros((2, 2))}, "final_shares: every country"),
            ({"theta": np.ones((3, 2)), "tariffs": np.zeros((2, 2, 2, 2))}, "leading draw axes do not fit"),
        ],
    )
    def test_bad_economy(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.two(**changes)

    @pytest.mark.parametrize(
        ("shock", "message"),
        [
            ({"cost_hat": 0.0}, "cost_hat must not lie below"),
            ({"ban": 1.5}, "ban must be True or False"),
            ({"ban": np.ones((2, 2, 2), dtype=bool)}, "ban leaves final users of sector 0 in country 0"),
            ({"cost_hat": np.ones((3, 3, 2))}, "cost_hat has shape"),
            ({"deficits": "other"}, "deficits must be one of"),
        ],
    )
    def test_bad_shock(self, shock: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.two().solve(**shock)

    def test_deficit_of_a_country_cut_off(self) -> None:
        model = self.two(deficits=[3.0, -3.0])
        with pytest.raises(ValueError, match=r"deficits: the ban leaves countries 0 .* no longer trade"):
            model.solve(ban=abroad(2, 2))
        assert_sound(model.solve(ban=abroad(2, 2), deficits="balanced"))

    def test_surplus_beyond_income_is_named(self) -> None:
        with pytest.raises(ConvergenceError, match="Countries 1 would have a surplus"):
            self.two().solve(deficits=[400.0, -400.0])

    def test_too_many_tables_to_keep(self) -> None:
        with pytest.raises(ValueError, match="pass keep_trade=False"):
            self.two().solve(cost_hat=np.broadcast_to(1.0, (10**7, 2, 2, 2)))

    def test_without_flows(self) -> None:
        result = self.two().solve(cost_hat=1.1, keep_trade=False)
        assert result.trade is None

    def test_a_good_nobody_can_make_any_more_stops_its_users(self) -> None:
        """Sector 1 is made in country 1 alone, and sector 0 of country 0 needs it: the ban ends both."""
        trade = np.zeros((2, 2, 3))
        trade[0, 0] = [50.0, 0.0, 50.0]
        trade[1, 1] = [50.0, 0.0, 50.0]
        trade[1, 0, 1] = 10.0
        trade[0, 1, 0] = 10.0
        trade[0, 1, 2] = trade[1, 0, 2] = trade[1, 0, 0] = 5.0
        inputs = np.zeros((2, 3, 3))
        inputs[0, 1, 0] = 10.0 / 60.0
        model = ManySectors(trade, 1 - inputs.sum(axis=1), inputs, None, 4.0, deficits="balanced")
        ban = np.zeros((2, 2, 3), dtype=bool)
        ban[1, 0, 1] = True
        result = model.solve(ban=ban)
        assert_sound(result)
        assert result.output_hat[0, 0] == 0
        assert result.trade[0, :, 0].tolist() == [0, 0]
        assert result.welfare_hat[0] < 1
