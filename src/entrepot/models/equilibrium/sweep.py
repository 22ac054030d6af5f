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
HALF_OPEN = 0.1
CLOSED = 1e-12
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
class Flows:
    """Flows added up by country; shapes (draws, N), ``output`` (draws, N, J).

    Attributes
    ----------
    output : ndarray
        Producers' sales net of all taxes.
    exports, imports : ndarray
        Trade with other countries at border prices (export taxes in, tariffs out).
    elasticity : ndarray
        Trade elasticity averaged over a country's exports.
    duties, export_revenue : ndarray
        Tariffs collected by the importer and export taxes collected by the exporter.
    """

    output: FloatArray
    exports: FloatArray
    imports: FloatArray
    elasticity: FloatArray
    duties: FloatArray
    export_revenue: FloatArray


@dataclass(frozen=True, slots=True)
class State:
    """What (log w, log P, log X) imply; shapes (draws, N) and (draws, N, J).

    Attributes
    ----------
    wages, income, deficits, labour_demand : ndarray
        In money of the new equilibrium, by country.
    expenditure, prices : ndarray
        Spending wanted, in money, and the log change of price indices, by country and sector.
    cost_power : ndarray, shape (draws, J, N)
        ``c^-theta`` of each exporter, over its largest value in the sector.
    demand : ndarray, shape (draws, J, N)
        Spending per unit of the price sum: times kernel and cost_power it gives flows gross of taxes.
    flows : Flows
        Trade, output and taxes.
    """

    wages: FloatArray
    income: FloatArray
    deficits: FloatArray
    labour_demand: FloatArray
    expenditure: FloatArray
    prices: FloatArray
    cost_power: FloatArray
    demand: FloatArray
    flows: Flows


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
    flows = _flows(case, power, demand, price_sum)
    deficits = _deficits(case, wages, log_wage)
    income = wages + flows.duties + flows.export_revenue + deficits
    income = np.maximum(income, INCOME_FLOOR * wages)
    new_spending = np.matmul(economy.inputs, flows.output[..., None])[..., 0]
    new_spending += economy.final_shares * income[..., None]
    labour_demand = (economy.value_added * flows.output).sum(axis=-1)
    return State(wages, income, deficits, labour_demand, new_spending, prices, power, demand, flows)


def _flows(case: Counterfactual, power: FloatArray, demand: FloatArray, price_sum: FloatArray) -> Flows:
    """Add up flows by country: two to four products of a kernel with a vector per sector."""
    net = case.kernel if case.net is None else case.net
    received = power * np.matmul(demand[..., None, :], net)[..., 0, :]
    sales = received
    if case.producer is not None:
        sales = power * np.matmul(demand[..., None, :], case.producer)[..., 0, :]
    untaxed = price_sum if case.net is None else np.matmul(net, power[..., None])[..., 0]
    home = np.einsum("bjnn->bjn", net) * power * demand
    abroad = received - home
    exists = case.support.buys.swapaxes(-1, -2)
    exports = abroad.sum(axis=-2)
    weighted = (abroad * case.economy.theta[..., None]).sum(axis=-2)
    return Flows(
        output=sales.swapaxes(-1, -2),
        exports=exports,
        imports=(np.where(exists, demand * untaxed, 0.0) - home).sum(axis=-2),
        elasticity=weighted / np.maximum(exports, TINY),
        duties=(demand * np.where(exists, price_sum - untaxed, 0.0)).sum(axis=-2),
        export_revenue=(received - sales).sum(axis=-2),
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
    """Apply the joint map once.

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
    state = evaluate(case, z)
    parts = residuals(case, z, state)
    gap = np.concatenate([part.reshape(z.shape[0], -1) for part in parts], axis=1)
    image = z + gap
    image[:, : case.shape[0]] = z[:, : case.shape[0]] + wage_step(state, parts[0])
    return normalise(case, image), np.abs(gap).max(axis=1)


def wage_step(state: State, labour_gap: FloatArray) -> FloatArray:
    """Return the change of log wages, shape (draws, N).

    Where all spending is consistent, the labour market clears exactly when trade balances. The labour gap
    ignores errors of spending made on the way, but hardly feels the wage of a country that trades little; the
    gap of the trade balance does the opposite. So the step is a mean of both, weighted by openness.
    """
    flows = state.flows
    least = CLOSED * state.wages
    sold = np.maximum(flows.exports, least) + np.maximum(state.deficits, 0.0)
    bought = np.maximum(flows.imports, least) + np.maximum(-state.deficits, 0.0)
    balance = np.log(sold / bought) / (2 + flows.elasticity)
    openness = (sold + bought) / (2 * flows.output.sum(axis=-1))
    weight = openness / (openness + HALF_OPEN)
    step: FloatArray = weight * WAGE_STEP * labour_gap + (1 - weight) * balance
    return step


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
    start = base
    for index, case in cases:
        current = _Current(case)
        try:
            found = current.solve(start, tolerance, polish)
        except ConvergenceError as error:
            if start is base:
                raise explain(case, error, index) from error
            found = current.solve(base, tolerance, polish)
        if start is base:
            start = found.z[0]
        yield index, (case, found.z, found.sweeps)


def explain(case: Counterfactual, error: ConvergenceError, index: IntArray) -> ConvergenceError:
    """Return the error with the reason that the economy gives, draws counted over all blocks."""
    message = str(error)
    if index[0]:
        message += f" (draws counted from {index[0]})"
    if error.draws.size and np.isfinite(error.z).all():
        part = case.take(error.draws[:1])
        message += ". " + _worst_condition(part, error.z[:1])
    return ConvergenceError(message, draws=index[error.draws], residual=error.residual, z=error.z)


def _worst_condition(case: Counterfactual, z: FloatArray) -> str:
    """Say in one sentence where a draw fails, and what the country's balance of payments looks like."""
    state = evaluate(case, z)
    broke = np.flatnonzero(state.income[0] <= 2 * INCOME_FLOOR * state.wages[0])
    if broke.size:
        return (
            f"Countries {', '.join(map(str, broke[:8]))} would have a surplus as large as their income after "
            "the shock: smaller deficits, or deficits='balanced', may have a solution"
        )
    parts = residuals(case, z, state)
    kind = int(np.argmax([np.abs(part).max() for part in parts]))
    where = np.unravel_index(int(np.abs(parts[kind][0]).argmax()), parts[kind][0].shape)
    names = ("labour market", "price index", "spending")
    sector = f", sector {where[1]}" if kind else ""
    country = where[0]
    share, flows = 100 / state.income[0, country], state.flows
    return (
        f"Worst is the {names[kind]} of country {country}{sector}; there deficits are "
        f"{share * state.deficits[0, country]:.3g}% of income, exports "
        f"{share * flows.exports[0, country]:.3g}% and imports {share * flows.imports[0, country]:.3g}%"
    )


class _Current:
    """A block's map on the draws still at work, whose constants are copied only when some have left."""

    def __init__(self, case: Counterfactual) -> None:
        self.case = self.current = case
        self.draws = np.arange(case.draws)

    def __call__(self, z: FloatArray, draws: IntArray) -> tuple[FloatArray, FloatArray]:
        if not np.array_equal(draws, self.draws):
            self.draws, self.current = draws, self.case.take(draws)
        return advance(self.current, z)

    def solve(self, start: FloatArray, tolerance: float, polish: float | None) -> FixedPoint:
        """Return the block's solutions, all from one start."""
        first = np.broadcast_to(start, (self.case.draws, start.size))
        return find_fixed_point(self, first, tolerance=tolerance, polish=polish, memory=MEMORY)
