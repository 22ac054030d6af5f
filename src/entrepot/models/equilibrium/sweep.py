"""One sweep of the many-sector model: the joint map on z = (log w, log P, log X) and its residuals.

With hats for changes, ``n`` importer, ``i`` exporter, ``j`` and ``k`` sectors, and wedges
``kappa = cost_hat * change of (1 + tariff) * change of (1 + export tax)``::

    c_ij   = w_i^va_ij * prod_k P_ik^g_ikj                       unit costs
    P_nj   = [sum_i share_nij * (kappa_nij * c_ij)^-theta_j]^(-1/theta_j)
    Y_ij   = sum_n share'_nij * X_nj / ((1 + t)(1 + e))          producers' sales
    I_n    = w_n L_n + tariff revenue + export tax revenue + D_n
    X_nj   = sum_k g_njk * Y_nk + a_nj * I_n                     spending
    w_n L_n = sum_j va_nj * Y_nj                                 labour market clears

(Caliendo & Parro 2015, equations 10 to 14, with export taxes.) The shares times ``kappa^-theta`` are fixed in
a solve, so a sweep costs two to four matrix-vector products per sector and two input-output contractions; the
NJ x NJ system is never formed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np

from entrepot.models.equilibrium.economy import Economy, FloatArray, IntArray, take_draws
from entrepot.models.equilibrium.support import Support
from entrepot.models.fixed_point import ConvergenceError, FixedPoint, find_fixed_point

WAGE_STEP = 0.35
MEMORY = 10
INCOME_FLOOR = 1e-3
TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Everything a sweep reads: baseline, support, kernels and deficits of the new equilibrium.

    Attributes
    ----------
    economy : Economy
        Baseline.
    support : Support
        What exists under the bans.
    kernel : ndarray, shape (draws, J, N, N)
        ``share * kappa^-theta`` [sector, importer, exporter], exactly zero where banned.
    net : ndarray or None, shape (draws, J, N, N)
        Kernel over (1 + tariff); None where no tariff is levied.
    producer : ndarray or None, shape (draws, J, N, N)
        ``net`` over (1 + export tax); None where no export tax is levied.
    deficits : ndarray, shape (draws, N)
        Deficits in units of the baseline's world value added.
    scale_deficits : bool
        Whether deficits move with the country's value added ("multiplicative") or stay fixed ("additive").
    draws : int
        Draws in this block, also where all arrays are shared.
    """

    economy: Economy
    support: Support
    kernel: FloatArray
    net: FloatArray | None
    producer: FloatArray | None
    deficits: FloatArray
    scale_deficits: bool
    draws: int

    @property
    def shape(self) -> tuple[int, int]:
        """Countries N and sectors J."""
        return self.economy.value_added.shape[1], self.economy.value_added.shape[2]

    def take(self, index: IntArray) -> Self:
        """Return the counterfactual of some draws."""
        return type(self)(
            self.economy.take(index),
            self.support.take(index),
            take_draws(self.kernel, index),
            None if self.net is None else take_draws(self.net, index),
            None if self.producer is None else take_draws(self.producer, index),
            take_draws(self.deficits, index),
            self.scale_deficits,
            index.size,
        )

    def spending(self, z: FloatArray) -> FloatArray:
        """Return spending gross of tariffs at ``z``, shape (draws, N, J)."""
        log_spend = split(z, *self.shape)[2]
        return np.where(self.support.buys, self.economy.expenditure * np.exp(log_spend), 0.0)


@dataclass(frozen=True, slots=True)
class State:
    """Quantities of one sweep at given (log w, log P, log X); shapes (draws, N) and (draws, N, J).

    Attributes
    ----------
    wages, income, labour_demand, expenditure, output, prices : ndarray
        ``wages`` and ``income`` in money of the new equilibrium; ``prices`` as log change, implied by costs.
    cost_power : ndarray, shape (draws, J, N)
        ``c^-theta`` of each exporter, over its largest value in the sector.
    demand : ndarray, shape (draws, J, N)
        Spending per unit of the price sum: times kernel and cost_power it gives flows gross of taxes.
    tariff_revenue, export_revenue : ndarray, shape (draws, N)
        Taxes collected.
    """

    wages: FloatArray
    income: FloatArray
    labour_demand: FloatArray
    expenditure: FloatArray
    output: FloatArray
    prices: FloatArray
    cost_power: FloatArray
    demand: FloatArray
    tariff_revenue: FloatArray
    export_revenue: FloatArray


def split(z: FloatArray, countries: int, sectors: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return views of log wages (draws, N), log prices and log spending (draws, N, J) in ``z``."""
    cells = countries * sectors
    shape = (z.shape[0], countries, sectors)
    return z[:, :countries], z[:, countries : countries + cells].reshape(shape), z[:, -cells:].reshape(shape)


def evaluate(case: Counterfactual, z: FloatArray) -> State:
    """Compute costs, prices, sales and incomes implied by log changes of wages, prices and spending."""
    economy = case.economy
    log_wage, log_price, _ = split(z, *case.shape)
    spending = case.spending(z)
    log_cost = economy.value_added * log_wage[..., None]
    log_cost += np.matmul(log_price[:, :, None, :], economy.inputs)[:, :, 0, :]
    theta = economy.theta[..., None]
    exponent = -theta * log_cost.swapaxes(-1, -2)
    peak = exponent.max(axis=-1, keepdims=True)
    power = np.exp(exponent - peak)
    price_sum = np.matmul(case.kernel, power[..., None])[..., 0]
    exists = case.support.buys.swapaxes(-1, -2)
    price_sum = np.where(exists, np.maximum(price_sum, TINY), 1.0)
    prices = np.where(exists, -(np.log(price_sum) + peak) / theta, 0.0).swapaxes(-1, -2)
    demand = spending.swapaxes(-1, -2) / price_sum
    wages = economy.labour * np.exp(log_wage)
    net, producer = (case.net if case.net is not None else case.kernel), case.producer
    received = power * np.matmul(demand[..., None, :], net)[..., 0, :]
    sales = received if producer is None else power * np.matmul(demand[..., None, :], producer)[..., 0, :]
    duties = np.zeros_like(wages)
    if case.net is not None:
        untaxed = np.matmul(case.net, power[..., None])[..., 0]
        duties = (demand * np.where(exists, price_sum - untaxed, 0.0)).sum(axis=-2)
    export_revenue = (received - sales).sum(axis=-2)
    income = wages + duties + export_revenue + _deficits(case, wages, log_wage)
    income = np.maximum(income, INCOME_FLOOR * wages)
    output = sales.swapaxes(-1, -2)
    new_spending = np.matmul(economy.inputs, output[..., None])[..., 0]
    new_spending += economy.final_shares * income[..., None]
    labour_demand = (economy.value_added * output).sum(axis=-1)
    return State(
        wages, income, labour_demand, new_spending, output, prices, power, demand, duties, export_revenue
    )


def _deficits(case: Counterfactual, wages: FloatArray, log_wage: FloatArray) -> FloatArray:
    """Return deficits at current wages; scaled ones lose their common residual, so that they sum to zero."""
    if not case.scale_deficits:
        return case.deficits
    scaled: FloatArray = case.deficits * np.exp(log_wage)
    scaled -= wages * (scaled.sum(axis=-1) / wages.sum(axis=-1))[:, None]
    return scaled


def residuals(case: Counterfactual, z: FloatArray, state: State) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log errors of labour markets (draws, N), prices and spending (draws, N, J)."""
    _, log_price, _ = split(z, *case.shape)
    economy, support = case.economy, case.support
    labour = np.log(np.maximum(state.labour_demand, TINY) / state.wages)
    price = np.where(support.buys, state.prices - log_price, 0.0)
    base = np.where(support.buys, economy.expenditure, 1.0)
    _, _, log_spend = split(z, *case.shape)
    new = np.where(support.buys, np.maximum(state.expenditure, TINY), 1.0)
    spend = np.where(support.buys, np.log(new / base) - log_spend, 0.0)
    return labour, price, spend


def advance(case: Counterfactual, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Apply the joint map once, undamped.

    Parameters
    ----------
    case : Counterfactual
        Data of the new equilibrium.
    z : ndarray, shape (draws, N + 2NJ)
        Log changes of wages, prices and spending.

    Returns
    -------
    tuple of ndarray
        The image of ``z`` in the same shape, each market's value added held at its baseline level, and the
        largest residual of any condition, shape (draws,).
    """
    parts = residuals(case, z, evaluate(case, z))
    gap = np.concatenate([part.reshape(z.shape[0], -1) for part in parts], axis=1)
    return normalise(case, z + gap), np.abs(gap).max(axis=1)


def normalise(case: Counterfactual, z: FloatArray) -> FloatArray:
    """Shift nominal logs so that value added of every market equals its baseline (in place)."""
    log_wage, log_price, log_spend = split(z, *case.shape)
    labour = case.economy.labour
    wages = labour * np.exp(log_wage)
    market = case.support.market
    shift = np.zeros_like(log_wage)
    for label in range(int(market.max()) + 1):
        inside = market == label
        here = np.where(inside, wages, 0.0).sum(axis=-1)
        before = np.where(inside, labour, 0.0).sum(axis=-1)
        change = np.log(np.where(here > 0, here, 1.0) / np.where(here > 0, before, 1.0))
        shift += np.where(inside, change[:, None], 0.0)
    log_wage -= shift
    log_price -= np.where(case.support.buys, shift[..., None], 0.0)
    log_spend -= np.where(case.support.buys, shift[..., None], 0.0)
    return z


def find_equilibrium(
    cases: Iterator[tuple[IntArray, Counterfactual]],
    countries: int,
    sectors: int,
    tolerance: float,
    polish: float | None,
) -> Iterator[tuple[IntArray, tuple[Counterfactual, FloatArray, IntArray]]]:
    """Solve block after block; later ones start from the first solution, or from the baseline if that fails.

    Yields
    ------
    tuple
        Draws of the block; its constants, its solution z of shape (draws, N + 2NJ), and the sweeps of each
        draw.

    Raises
    ------
    ConvergenceError
        If some draw has no solution to the tolerance; the message counts draws over all blocks.
    """
    base = np.zeros(countries * (1 + 2 * sectors))
    mixing = np.ones_like(base)
    mixing[:countries] = WAGE_STEP
    start = base
    for index, case in cases:
        current = _Current(case)
        try:
            found = current.solve(start, mixing, tolerance, polish)
        except ConvergenceError as error:
            if start is base:
                raise explain(case, error, index) from error
            found = current.solve(base, mixing, tolerance, polish)
        if start is base:
            start = found.z[0]
        yield index, (case, found.z, found.sweeps)


def explain(case: Counterfactual, error: ConvergenceError, index: IntArray) -> ConvergenceError:
    """Return the error with the reason that the economy gives, draws counted over all blocks."""
    message = str(error)
    if index[0]:
        message += f" (draws counted from {index[0]})"
    if error.draws.size and np.isfinite(error.z).all():
        part = case.take(error.draws)
        state = evaluate(part, error.z)
        broke = np.flatnonzero((state.income <= 2 * INCOME_FLOOR * state.wages).any(axis=0))
        if broke.size:
            message += (
                f". Countries {', '.join(map(str, broke[:8]))} would have a surplus as large as their income "
                "after the shock; deficits='balanced' or smaller ones may have a solution"
            )
    return ConvergenceError(message, draws=index[error.draws], residual=error.residual, z=error.z)


class _Current:
    """A block's map on the draws still at work, whose constants are copied only when some have left."""

    def __init__(self, case: Counterfactual) -> None:
        self.case = self.current = case
        self.draws = np.arange(case.draws)

    def __call__(self, z: FloatArray, draws: IntArray) -> tuple[FloatArray, FloatArray]:
        if not np.array_equal(draws, self.draws):
            self.draws, self.current = draws, self.case.take(draws)
        return advance(self.current, z)

    def solve(
        self, start: FloatArray, mixing: FloatArray, tolerance: float, polish: float | None
    ) -> FixedPoint:
        """Return the block's solutions, all from one start."""
        first = np.broadcast_to(start, (self.case.draws, start.size))
        return find_fixed_point(self, first, tolerance=tolerance, polish=polish, mixing=mixing, memory=MEMORY)
