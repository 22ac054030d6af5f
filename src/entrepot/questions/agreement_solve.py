"""Solve a scenario: the central case, the sweep of elasticities, other models, and the draws."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.models.equilibrium import ManySectors, OneSector
from entrepot.models.fixed_point import ConvergenceError
from entrepot.questions.economy import WorldEconomy
from entrepot.questions.scenario import Scenario, ShockArrays

FloatArray = NDArray[np.float64]

# Boehm, Levchenko and Pandalai-Nayar (2023), doi:10.1257/aer.20210225: about 0.76 in the first year.
SHORT_RUN = 0.76
# Log standard deviation of bilateral sourcing shares: the table's own uncertainty.
SHARES_SPREAD = 0.1
# Draws solved at once: bounds memory to a few hundred MB at 80 countries x 50 sectors.
BATCH = 20
# Residual of each draw: a millionth of the spread between draws. The central case is solved to 1e-9.
DRAW_TOLERANCE = 1e-7


@dataclass(frozen=True, slots=True)
class Worth:
    """Change of real income of every country, percent; N countries, D draws.

    Attributes
    ----------
    central : ndarray, shape (N,)
        At the scenario's elasticities and effects.
    drawn : ndarray, shape (D, N)
        One row per draw of elasticities, effects and shares.
    failed : int
        Draws without an equilibrium to the tolerance; they are left out.
    sweep : mapping of float to ndarray, shape (N,)
        At one elasticity for all sectors.
    one_sector, short_run : ndarray, shape (N,), or None
        The same shock in other models; None where that model has no equilibrium.
    residual : float
        Largest residual of the central equilibrium.
    sweeps : int
        Evaluations of the map that the central equilibrium took.
    """

    central: FloatArray
    drawn: FloatArray
    failed: int
    sweep: dict[float, FloatArray]
    one_sector: FloatArray | None
    short_run: FloatArray | None
    residual: float
    sweeps: int


def measure(
    economy: WorldEconomy,
    scenario: Scenario,
    shocks: ShockArrays,
    sweep: Sequence[float],
    draws: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> Worth:
    """Solve the central case, the sweep, the other models and the draws."""
    theta = theta_of(economy, scenario)
    model = closed_economy(economy, scenario, theta)
    central = model.solve(**instruments(scenario, economy, shocks), keep_trade=False)
    drawn, failed = draw(economy, scenario, shocks, draws, seed, progress)
    return Worth(
        central=percent(central.welfare_hat),
        drawn=drawn,
        failed=failed,
        sweep={value: _at(economy, scenario, shocks, value) for value in sweep},
        one_sector=_tried(lambda: one_sector(economy, scenario, shocks)),
        short_run=_tried(lambda: _at(economy, scenario, shocks, SHORT_RUN)),
        residual=float(central.residual),
        sweeps=int(central.sweeps),
    )


def percent(welfare_hat: FloatArray) -> FloatArray:
    """Turn a ratio into a change in percent."""
    return 100.0 * (welfare_hat - 1.0)


def theta_of(economy: WorldEconomy, scenario: Scenario) -> FloatArray:
    """Return the central trade elasticity of every sector, shape (J,)."""
    if isinstance(scenario.theta, float | int):
        return np.full(len(economy.sectors), float(scenario.theta))
    default = scenario.theta.get("default", 5.0)
    return np.array([float(scenario.theta.get(sector, default)) for sector in economy.sectors])


def closed_economy(economy: WorldEconomy, scenario: Scenario, theta: FloatArray) -> ManySectors:
    """Return the calibrated economy with the scenario's closure."""
    options = {} if scenario.deficits == "additive" else {"deficits": scenario.deficits}
    return economy.calibration.economy(theta, **options)


def instruments(
    scenario: Scenario,
    economy: WorldEconomy,
    shocks: ShockArrays,
    theta: FloatArray | None = None,
    effects: FloatArray | None = None,
    noise: FloatArray | float = 1.0,
) -> dict[str, Any]:
    """Return the arguments of a solve; leading axes of ``theta`` and ``effects`` (..., K) are draws."""
    theta = theta_of(economy, scenario) if theta is None else theta
    cost: FloatArray | float = 1.0 if shocks.cost_hat is None else shocks.cost_hat
    if shocks.effects:
        mean = np.array([effect[0] for effect in shocks.effects]) if effects is None else effects
        weights = np.stack([effect[2] for effect in shocks.effects])
        # A log effect b on trade is a change of costs by exp(-b / theta).
        cost = cost * np.exp(-np.tensordot(mean, weights, axes=1) / theta[..., None, None, :])
    given = {"tariffs": shocks.tariffs, "export_tax": shocks.export_tax, "ban": shocks.ban}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if shocks.cost_hat is not None or shocks.effects or not isinstance(noise, float):
        chosen["cost_hat"] = np.asarray(cost * noise)
    return chosen


def _at(economy: WorldEconomy, scenario: Scenario, shocks: ShockArrays, value: float) -> FloatArray:
    """Solve with one elasticity for all sectors; returns percent, shape (N,)."""
    theta = np.full(len(economy.sectors), value)
    model = closed_economy(economy, scenario, theta)
    return percent(model.solve(**instruments(scenario, economy, shocks, theta), keep_trade=False).welfare_hat)


def _tried(run: Callable[[], FloatArray]) -> FloatArray | None:
    """Return the answer of another model, or None where it has no equilibrium."""
    try:
        return run()
    except (ConvergenceError, ValueError):
        return None


def one_sector(economy: WorldEconomy, scenario: Scenario, shocks: ShockArrays) -> FloatArray:
    """Solve the same shock in the one-sector model: trade-weighted over sectors; percent, shape (N,)."""
    trade = economy.calibration.trade
    total = trade.sum(axis=2)
    theta = float(theta_of(economy, scenario) @ trade.sum(axis=(0, 1)) / trade.sum())
    given = instruments(scenario, economy, shocks)
    share = np.divide(trade, total[:, :, None], out=np.zeros_like(trade), where=total[:, :, None] > 0)
    left = share * (1.0 - given.get("ban", np.zeros_like(trade)))
    kept = (left * given.get("cost_hat", np.ones_like(trade)) ** -theta).sum(axis=2)
    kept = np.where(total > 0, kept, 1.0)
    rates = {
        name: 1.0 + (share * given[key]).sum(axis=2)
        for name, key in (("tariff_hat", "tariffs"), ("export_tax_hat", "export_tax"))
        if key in given
    }
    ban = kept <= 0
    cost = np.where(ban, 1.0, np.where(ban, 1.0, kept) ** (-1.0 / theta))
    return percent(OneSector(total, theta).solve(cost_hat=cost, ban=ban, **rates).welfare_hat)


def draw(
    economy: WorldEconomy,
    scenario: Scenario,
    shocks: ShockArrays,
    draws: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FloatArray, int]:
    """Draw elasticities, effects and sourcing shares jointly.

    Elasticities are log-normal around the scenario's, half of the variance common to all sectors; effects are
    normal; shares are perturbed by random costs, and the change is taken against that perturbed baseline,
    which hat algebra composes exactly.

    Returns
    -------
    drawn : ndarray, shape (D, N)
        Percent of real income; draws without an equilibrium are left out.
    failed : int
        How many were left out.
    """
    n, j = len(economy.countries), len(economy.sectors)
    found: list[FloatArray] = []
    failed = 0
    for start in range(0, draws, BATCH):
        size = min(BATCH, draws - start)
        # One stream per batch: a longer run begins with the shorter one.
        random = np.random.default_rng([seed, start])
        spread = scenario.theta_spread / np.sqrt(2.0)
        logs = spread * (random.standard_normal((size, 1)) + random.standard_normal((size, j)))
        theta = theta_of(economy, scenario) * np.exp(logs)
        mean, sd = (np.array([effect[i] for effect in shocks.effects]) for i in (0, 1))
        effects = mean + sd * random.standard_normal((size, len(shocks.effects)))
        noise = np.exp(SHARES_SPREAD * random.standard_normal((size, n, n, j)) / theta[:, None, None, :])
        try:
            found.append(_solved(economy, scenario, shocks, theta, effects, noise))
        except ConvergenceError:
            for k in range(size):
                one = slice(k, k + 1)
                try:
                    found.append(_solved(economy, scenario, shocks, theta[one], effects[one], noise[one]))
                except ConvergenceError:
                    failed += 1
        if progress is not None:
            progress(start + size, draws)
    return (np.concatenate(found) if found else np.empty((0, n))), failed


def _solved(
    economy: WorldEconomy,
    scenario: Scenario,
    shocks: ShockArrays,
    theta: FloatArray,
    effects: FloatArray,
    noise: FloatArray,
) -> FloatArray:
    """Return the change against the perturbed baseline, percent, shape (D, N)."""
    model = closed_economy(economy, scenario, theta)
    base = model.solve(cost_hat=noise, tolerance=DRAW_TOLERANCE, keep_trade=False).welfare_hat
    given = instruments(scenario, economy, shocks, theta, effects, noise)
    return percent(model.solve(**given, tolerance=DRAW_TOLERANCE, keep_trade=False).welfare_hat / base)
