"""Where a change of real income comes from: exact parts along the shock, and the first-order formula.

For exporter i, importer n, sector j, with unit cost c, iceberg cost d, border price ``p_in = c_i (1 +
e_in)``, border flow M, producers' receipts ``R = M / (1 + e)``, tariff t and income I, an equilibrium moves
by

    I_n dlog W_n =  sum_mj M_nm dlog p_nm - sum_ij M_in dlog p_in       terms of trade
                  + sum_ij t M_in dlog (M_in / (p_in d_in))             volume of taxed imports
                  + sum_mj e R_nm dlog (R_nm / c_n)                     volume of taxed exports
                  - sum_ij M_in dlog d_in                               iceberg trade costs
                  + sum_ij M_in (1 + t) dlog K_in / theta               varieties lost to bans (K: share still
                  allowed) + dD_n                                                transfers (deficits)

Domestic sales cancel in the first line. The shock is scaled from 0 to 1, the equilibrium solved at
Gauss-Legendre points on the way, its derivative taken from the polynomial through these points, and each part
integrated on its own with the same weights. So the parts sum to the exact ``log W`` up to an error of
quadrature, which is reported beside them and given to no part.

References
----------
Caliendo, L., & Parro, F. (2015), equation 16. https://doi.org/10.1093/restud/rdu035
Dixit, A., & Norman, V. (1980). Theory of International Trade. Cambridge University Press.
Berrut, J.-P., & Trefethen, L. N. (2004). Barycentric Lagrange interpolation. SIAM Review, 46(3), 501-517.
https://doi.org/10.1137/S0036144502417715
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from entrepot.models.equilibrium.economy import FloatArray, as_floats
from entrepot.models.equilibrium.many_sectors import ManySectors, ManySectorsResult
from entrepot.models.fixed_point import ConvergenceError

TIGHT, LOOSE = 1e-11, 1e-9
ROUNDING = 1e-11
PARTS = ("terms_of_trade", "import_volume", "export_volume", "trade_costs", "bans", "transfers")


@dataclass(frozen=True, slots=True)
class Decomposition:
    """Parts of the exact change of real income, in log points: ``sum of parts + gap = log welfare_hat``.

    Attributes
    ----------
    welfare_hat : ndarray, shape (N,)
        Exact change of real income, new over old.
    terms_of_trade : ndarray, shape (N,)
        Export prices less import prices at the border, weighted by trade.
    import_volume, export_volume : ndarray, shape (N,)
        Taxed imports and exports gained or lost, each worth its tax.
    trade_costs : ndarray, shape (N,)
        Iceberg costs paid on imports and on domestic sales.
    bans : ndarray, shape (N,)
        Varieties that buyers can no longer have.
    transfers : ndarray, shape (N,)
        Change of the deficit, that is of spending not earned.
    by_partner : ndarray, shape (N, N)
        Terms of trade of each country [row] against each partner [column].
    gap : ndarray, shape (N,)
        Error of quadrature: ``log welfare_hat`` less the sum of the parts.
    nodes : int
        Points on the path.
    """

    welfare_hat: FloatArray
    terms_of_trade: FloatArray
    import_volume: FloatArray
    export_volume: FloatArray
    trade_costs: FloatArray
    bans: FloatArray
    transfers: FloatArray
    by_partner: FloatArray
    gap: FloatArray
    nodes: int

    def percent(self) -> dict[str, FloatArray]:
        """Return the parts in percent of real income.

        All parts of a country are multiplied by one factor, ``100 (W - 1) / log W``, so that they keep their
        proportions and sum (with the gap) to the exact ``100 (W - 1)``.
        """
        logs = np.log(self.welfare_hat)
        small = np.abs(logs) < 1e-12
        factor = 100 * np.where(small, 1.0, np.expm1(logs) / np.where(small, 1.0, logs))
        return {name: getattr(self, name) * factor for name in (*PARTS, "gap")}


@dataclass(frozen=True, slots=True)
class FirstOrder:
    """First-order approximation of the welfare change at baseline trade; not the exact change of real income.

    Attributes
    ----------
    welfare, terms_of_trade, volume_of_trade : ndarray, shape (N,)
        Shares of baseline income (0.01 = 1%); welfare is the sum of the other two.
    real_wage : ndarray, shape (N,)
        Exact change of the real wage less one.
    """

    welfare: FloatArray
    terms_of_trade: FloatArray
    volume_of_trade: FloatArray
    real_wage: FloatArray


@dataclass(frozen=True, slots=True)
class _Path:
    """The shock from 0 to 1: logs of one plus rates and of costs at both ends, share of varieties left."""

    log_cost: FloatArray
    log_tariff: tuple[FloatArray, FloatArray]
    log_export: tuple[FloatArray, FloatArray]
    cut: FloatArray
    deficits: tuple[FloatArray, FloatArray] | None

    def shocks(self, s: FloatArray) -> dict[str, FloatArray]:
        """Return the arguments of ``solve`` at the points ``s``, as draws; what does not move is left out."""
        at = s[:, None, None, None]
        out = {}
        if self.log_cost.any():
            out["cost_hat"] = np.exp(at * self.log_cost)
        for name, (old, new) in (("tariffs", self.log_tariff), ("export_tax", self.log_export)):
            if (old != new).any():
                out[name] = np.expm1((1 - at) * old + at * new)
        if self.cut.any():
            out["ban"] = 1 - (1 - at * self.cut) ** 2
        if self.deficits is not None:
            old, new = self.deficits
            out["deficits"] = (1 - s[:, None]) * old + s[:, None] * new
        return out


@dataclass(frozen=True, slots=True)
class _Panel:
    """One stretch of the path: where it ends, welfare there since the baseline, and the stretch's parts."""

    end: float
    welfare_hat: FloatArray
    parts: dict[str, FloatArray]
    by_partner: FloatArray
    gap: FloatArray


def decompose(
    model: ManySectors,
    cost_hat: ArrayLike | None = None,
    tariffs: ArrayLike | None = None,
    export_tax: ArrayLike | None = None,
    ban: ArrayLike | None = None,
    deficits: ArrayLike | None = None,
    *,
    nodes: int = 12,
    tolerance: float = 1e-9,
    most_nodes: int = 240,
) -> Decomposition:
    """Split the exact change of real income into parts, by integration along the shock.

    Costs and one plus rates move geometrically, deficits linearly, and of the banned varieties the share
    ``(1 - s)^2`` is left at point s, which keeps every path smooth up to a total ban. Parts depend on the
    path (the total does not).

    Parameters
    ----------
    model : ManySectors
        An economy without draw axes.
    cost_hat, tariffs, export_tax, ban, deficits
        As in :meth:`ManySectors.solve`, without draw axes; ``deficits`` may be "balanced" or an array.
    nodes : int
        Gauss-Legendre points on each stretch of the path.
    tolerance : float
        Gap aimed at, in log points; stretches that miss their part of it are halved.
    most_nodes : int
        Largest number of points solved.

    Returns
    -------
    Decomposition
        With the gap reached; read ``gap`` where a path is not smooth.

    Raises
    ------
    ValueError
        If the model or a shock has draw axes, or :meth:`ManySectors.solve` refuses the shock.
    ConvergenceError
        If a point on the path has no solution.

    Examples
    --------
    >>> import numpy as np
    >>> trade = np.array([[[80.0], [20.0]], [[20.0], [80.0]]])
    >>> world = ManySectors(trade, np.ones((2, 1)), np.zeros((2, 1, 1)), None, theta=4.0)
    >>> tariffs = np.array([[[0.0], [0.0]], [[0.1], [0.0]]])
    >>> parts = decompose(world, tariffs=tariffs)
    >>> np.round(parts.percent()["terms_of_trade"], 3).tolist(), bool(np.abs(parts.gap).max() < 1e-9)
    ([0.926, -0.949], True)
    """
    if model.draws:
        raise ValueError("model: decompose takes one economy, not draws")
    if nodes < 2:
        raise ValueError(f"nodes must be 2 or more, not {nodes}")
    path = _path(model, cost_hat, tariffs, export_tax, ban, deficits)
    if not path.shocks(np.ones(1)):
        return _nothing(model)
    waiting, done, used = [(0.0, 1.0)], list[_Panel](), 0
    while waiting:
        start, end = waiting.pop()
        panel = _integrate(model, path, start, end, nodes)
        used += nodes
        share = tolerance * (end - start)
        if np.abs(panel.gap).max() <= max(share, ROUNDING) or used + 2 * nodes > most_nodes:
            done.append(panel)
        else:
            middle = (start + end) / 2
            waiting += [(start, middle), (middle, end)]
    return _joined(done, nodes)


def _path(
    model: ManySectors,
    cost_hat: ArrayLike | None,
    tariffs: ArrayLike | None,
    export_tax: ArrayLike | None,
    ban: ArrayLike | None,
    deficits: ArrayLike | None,
) -> _Path:
    n, j = model.economy.value_added.shape[-2:]
    shape = (n, n, j)

    def pairs(name: str, value: ArrayLike | None, absent: ArrayLike, least: float) -> FloatArray:
        array = as_floats(name, absent if value is None else value, shape, least=least)
        if array.ndim > 3:
            raise ValueError(f"{name}: decompose takes one shock, not draws; got shape {array.shape}")
        return array

    old_tariff, old_export = model.tariffs, model.export_tax
    ends: tuple[FloatArray, FloatArray] | None = None
    if deficits is not None:
        if isinstance(deficits, str) and deficits != "balanced":
            raise ValueError(
                "deficits must be 'balanced' or an array; a rule is chosen when the model is built"
            )
        new = np.zeros(n) if isinstance(deficits, str) else as_floats("deficits", deficits, (n,))
        ends = (model.economy.deficits[0], new)
    forbidden = pairs("ban", ban, 0.0, 0.0)
    if (forbidden > 1).any():
        raise ValueError("ban must be True or False, or a share between 0 and 1")
    return _Path(
        log_cost=np.log(pairs("cost_hat", cost_hat, 1.0, 1e-6)),
        log_tariff=(np.log1p(old_tariff), np.log1p(pairs("tariffs", tariffs, old_tariff, -0.999999))),
        log_export=(np.log1p(old_export), np.log1p(pairs("export_tax", export_tax, old_export, -0.999999))),
        cut=1 - np.sqrt(1 - forbidden),
        deficits=ends,
    )


def differentiation_matrix(points: FloatArray) -> FloatArray:
    """Return the matrix that maps values at points to derivatives of their interpolating polynomial.

    Parameters
    ----------
    points : ndarray, shape (m,)
        Distinct points.

    Returns
    -------
    ndarray, shape (m, m)
        Barycentric differentiation matrix; its rows sum to zero.
    """
    apart = points[:, None] - points[None, :]
    np.fill_diagonal(apart, 1.0)
    weight = 1 / np.prod(apart, axis=1)
    matrix: FloatArray = weight[None, :] / weight[:, None] / apart
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix


def _integrate(model: ManySectors, path: _Path, start: float, end: float, nodes: int) -> _Panel:
    """Solve at Gauss-Legendre points of one stretch of the path and at its ends, and integrate every part."""
    inner, weights = np.polynomial.legendre.leggauss(nodes)
    points, weights = start + (inner + 1) / 2 * (end - start), weights / 2 * (end - start)
    every = np.concatenate([points, [start, end]])
    shocks: dict[str, Any] = path.shocks(every)
    try:
        found = model.solve(**shocks, tolerance=TIGHT)
    except ConvergenceError:
        # near a total ban rounding can stop the residual above TIGHT; the gap tells what that costs
        found = model.solve(**shocks, tolerance=LOOSE, polish=TIGHT)
    parts, partner = _slopes(model, path, found, points)
    summed = {name: weights @ values for name, values in parts.items()}
    log_end, log_start = np.log(found.welfare_hat[-1]), np.log(found.welfare_hat[-2])
    gap = log_end - log_start - np.sum(list(summed.values()), axis=0)
    return _Panel(end, found.welfare_hat[-1], summed, np.tensordot(weights, partner, axes=1), gap)


def _joined(panels: list[_Panel], nodes: int) -> Decomposition:
    """Add up the stretches of the path."""
    welfare_hat = max(panels, key=lambda panel: panel.end).welfare_hat
    parts = {name: np.sum([panel.parts[name] for panel in panels], axis=0) for name in PARTS}
    return Decomposition(
        welfare_hat=welfare_hat,
        **parts,
        by_partner=np.sum([panel.by_partner for panel in panels], axis=0),
        gap=np.log(welfare_hat) - np.sum(list(parts.values()), axis=0),
        nodes=nodes * len(panels),
    )


def _nothing(model: ManySectors) -> Decomposition:
    """Return the decomposition of no shock."""
    n = model.economy.value_added.shape[1]
    zero = np.zeros(n)
    return Decomposition(
        np.ones(n), **dict.fromkeys(PARTS, zero), by_partner=np.zeros((n, n)), gap=zero, nodes=0
    )


def unit_costs(model: ManySectors, log_wage: FloatArray, log_price: FloatArray) -> FloatArray:
    """Return log changes of unit costs (..., N, J) from those of wages (..., N) and prices (..., N, J)."""
    economy = model.economy
    cost: FloatArray = economy.value_added[0] * log_wage[..., None]
    cost += np.einsum("...nk,nkj->...nj", log_price, economy.inputs[0])
    return cost


def _slopes(
    model: ManySectors, path: _Path, on_way: ManySectorsResult, points: FloatArray
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Return each part's derivative at the points (m, N), and terms of trade by partner (m, N, N)."""
    flows = on_way.trade
    if flows is None:
        raise AssertionError("trade was kept")
    flows, many = flows[: len(points)], len(points)
    derive = differentiation_matrix(points)

    def slope(values: FloatArray) -> FloatArray:
        return np.asarray(np.tensordot(derive, values, axes=1))

    price = slope(np.log(on_way.price_hat[:many]))
    cost = unit_costs(model, slope(np.log(on_way.wage_hat[:many])), price)
    spent = on_way.expenditure[:many]
    spent = np.where(spent > 0, spent, 1.0)
    income = on_way.income[:many]
    at = points[:, None, None, None]
    log_t, log_e = ((1 - at) * old + at * new for old, new in (path.log_tariff, path.log_export))
    d_t, d_e = path.log_tariff[1] - path.log_tariff[0], path.log_export[1] - path.log_export[0]
    theta = model.economy.theta[0]
    d_left = -2 * path.cut / np.maximum(1 - at * path.cut, 1e-300)
    border = cost[:, :, None, :] + d_e
    d_flow = -theta * (border + path.log_cost + d_t - price[:, None]) - d_t + d_left
    d_flow += slope(np.log(spent))[:, None]
    received = flows * np.exp(-log_e)
    earned = on_way.income - on_way.tariff_revenue - on_way.export_revenue
    deficit = (earned - model.economy.labour[0] * on_way.wage_hat)[:many]
    moved = np.einsum("...imj,...imj->...im", flows, border)
    partner = (moved - moved.swapaxes(-1, -2)) / income[:, :, None]
    onto = {"import": "sinj->sn", "export": "sinj->si"}
    sums = {
        "import_volume": (onto["import"], np.expm1(log_t) * flows * (d_flow - border - path.log_cost)),
        "export_volume": (onto["export"], np.expm1(log_e) * received * (d_flow - d_e - cost[:, :, None, :])),
        "trade_costs": (onto["import"], -flows * path.log_cost),
        "bans": (onto["import"], np.exp(log_t) * flows * d_left / theta),
    }
    parts = {name: np.einsum(rule, values) / income for name, (rule, values) in sums.items()}
    parts["terms_of_trade"] = partner.sum(axis=-1)
    parts["transfers"] = slope(deficit) / income
    return parts, partner


def first_order(model: ManySectors, result: ManySectorsResult) -> FirstOrder:
    """Return the first-order terms-of-trade and volume-of-trade formula of Caliendo and Parro (2015).

    ``ToT_n = sum (exports_n dlog c_n - imports_ni dlog c_i) / I_n`` and
    ``VoT_n = sum t imports (dlog imports - dlog c_i) / I_n`` with trade, tariffs and income of the baseline
    and changes taken as new over old less one. For large shocks it is far from the exact change of real
    income.

    Parameters
    ----------
    model : ManySectors
        The economy, without draw axes.
    result : ManySectorsResult
        A solution of it, with its flows.

    Returns
    -------
    FirstOrder

    Raises
    ------
    ValueError
        If the result has no flows, or there are draw axes.
    """
    if model.draws or result.trade is None or result.trade.ndim != 3:
        raise ValueError("result: one solution with its flows is needed (keep_trade=True, no draws)")
    base, income = model.trade, model.economy.income[0]
    log_wage, log_price = np.log(result.wage_hat), np.log(result.price_hat)
    cost = np.expm1(unit_costs(model, log_wage, log_price))
    moved = base * cost[:, None, :]
    terms = (moved.sum(axis=(1, 2)) - moved.sum(axis=(0, 2))) / income
    volume = model.tariffs * (result.trade - base - moved)
    index = (model.economy.final_shares[0] * log_price).sum(axis=-1)
    trade_volume = volume.sum(axis=(0, 2)) / income
    return FirstOrder(terms + trade_volume, terms, trade_volume, np.expm1(log_wage - index))
