"""Many-sector trade equilibrium with input-output links, tariffs, export taxes, costs, bans and deficits.

The model of Caliendo and Parro (2015) in exact hat algebra (Dekle, Eaton and Kortum 2008), its equations in
:mod:`entrepot.models.equilibrium.sweep`. Labour moves freely between sectors of a country; each sector buys
intermediates of all sectors in fixed cost shares; goods differ by origin (or suppliers by productivity) with
one trade elasticity per sector. The unknowns log w, log P and log X are iterated jointly under Anderson
acceleration until the residuals of labour markets, prices and spending are small; the length of a step never
stops the search. A ban is an exact zero in the trade kernel, not a large cost.

Numeraire: value added of all countries together (of each group that trades with one another, where bans split
the world), so additive deficits are fixed in units of world value added.

References
----------
Caliendo, L., & Parro, F. (2015). Estimates of the trade and welfare effects of NAFTA. Review of Economic
Studies, 82(1), 1-44. https://doi.org/10.1093/restud/rdu035 Dekle, R., Eaton, J., & Kortum, S. (2008). Global
rebalancing with gravity. IMF Staff Papers, 55(3), 511-540.
https://doi.org/10.1057/imfsp.2008.17
Costinot, A., & Rodriguez-Clare, A. (2014). Trade theory with numbers. Handbook of International Economics, 4,
197-261.
https://doi.org/10.1016/B978-0-444-54314-1.00004-5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from entrepot.models.equilibrium.economy import (
    FloatArray,
    IntArray,
    as_floats,
    build_economy,
    draw_axes,
    flatten_draws,
    table_layout,
)
from entrepot.models.equilibrium.shocks import Shocks, deficit_rule
from entrepot.models.equilibrium.sweep import Counterfactual, evaluate, find_equilibrium, residuals, split

Deficits = Literal["additive", "multiplicative", "balanced"]

INEXACT = 1e-7
TABLE_BYTES = 2**29


@dataclass(frozen=True, slots=True)
class ManySectorsResult:
    """A counterfactual; N countries, J sectors, leading axes are draws, money in the unit of the trade table.

    Attributes
    ----------
    welfare_hat : ndarray, shape (..., N)
        Exact change of real income ``(I'/I) / prod_j P_j^a_j``, new over old; income I holds value added, tax
        revenue and the deficit.
    wage_hat : ndarray, shape (..., N)
        Change of the wage (price of value added) against the numeraire.
    price_hat : ndarray, shape (..., N, J)
        Change of price indices; 1 where the country spends nothing on the sector.
    output_hat : ndarray, shape (..., N, J)
        Change of the value of output; 1 where there was none.
    trade : ndarray, shape (..., N, N, J), or None
        New flows [exporter, importer, sector] net of tariffs; None where ``keep_trade`` is False.
    expenditure : ndarray, shape (..., N, J)
        New spending gross of tariffs.
    income : ndarray, shape (..., N)
        New income.
    tariff_revenue, export_revenue : ndarray, shape (..., N)
        New taxes collected, in ``income``.
    residual : ndarray, shape (...)
        Largest relative error of any equilibrium condition.
    residual_parts : ndarray, shape (..., 3)
        Largest error of labour markets, price indices and spending.
    sweeps : ndarray of int, shape (...)
        Evaluations of the equilibrium map.
    """

    welfare_hat: FloatArray
    wage_hat: FloatArray
    price_hat: FloatArray
    output_hat: FloatArray
    trade: FloatArray | None
    expenditure: FloatArray
    income: FloatArray
    tariff_revenue: FloatArray
    export_revenue: FloatArray
    residual: FloatArray
    residual_parts: FloatArray
    sweeps: IntArray


class ManySectors:
    """An economy of N countries and J sectors, calibrated to a trade table.

    Parameters
    ----------
    trade : array_like, shape (..., N, N, J)
        Flows [exporter, importer, sector] net of tariffs and inclusive of export taxes, domestic sales
        included. Leading axes, here and below, are draws.
    value_added : array_like, shape (..., N, J)
        Share of value added in costs.
    inputs : array_like, shape (..., N, J, J)
        Shares [country, input sector, using sector] in costs, >= -0.05 (published tables hold small
        negative ones); with ``value_added`` they sum to 1 (within
        1e-4; they are renormalised).
    final_shares : array_like, shape (..., N, J), or None
        Shares of final spending, renormalised; None takes them from the tables (spending less inputs).
    theta : array_like, shape (..., J) or scalar
        Trade elasticities, > 0.
    tariffs, export_tax : array_like, shape (..., N, N, J), optional
        Baseline ad valorem rates, > -1 (0.1 = 10%): tariffs on the border price, paid to the importer; export
        taxes on the producer's price, paid to the exporter.
    deficits : {"additive", "multiplicative", "balanced"} or array_like of shape (..., N)
        "additive": imports less exports stay fixed in units of world value added. "multiplicative": they move
        with the country's value added, less a common residual. "balanced" or an array: the baseline is first
        rebased to no deficits, or to those, and they stay fixed.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or value; the message names it.

    Examples
    --------
    Two equal countries whose one sector uses half of its output as input: losing all trade costs
    ``1 - 0.8^(1 / (theta * value added share))``.

    >>> import numpy as np
    >>> trade = np.array([[[80.0], [20.0]], [[20.0], [80.0]]])
    >>> world = ManySectors(trade, np.full((2, 1), 0.5), np.full((2, 1, 1), 0.5), None, theta=4.0)
    >>> result = world.solve(ban=~np.eye(2, dtype=bool)[:, :, None])
    >>> np.round(result.welfare_hat, 6).tolist(), round(0.8 ** (1 / (4 * 0.5)), 6)
    ([0.894427, 0.894427], 0.894427)
    """

    def __init__(
        self,
        trade: ArrayLike,
        value_added: ArrayLike,
        inputs: ArrayLike,
        final_shares: ArrayLike | None,
        theta: ArrayLike,
        *,
        tariffs: ArrayLike | None = None,
        export_tax: ArrayLike | None = None,
        deficits: Deficits | ArrayLike = "additive",
    ) -> None:
        table = np.asarray(trade, dtype=np.float64)
        if table.ndim < 3 or table.shape[-3] != table.shape[-2] or table.size == 0:
            raise ValueError(f"trade must have shape (..., N, N, J), not {table.shape}")
        n, j = table.shape[-2:]
        given: dict[str, tuple[ArrayLike | None, tuple[int, ...], float]] = {
            "trade": (table, (n, n, j), 0.0),
            "value_added": (value_added, (n, j), 0.0),
            "inputs": (inputs, (n, j, j), -0.05),
            "final_shares": (final_shares, (n, j), 0.0),
            "theta": (theta, (j,), 1e-6),
            "tariffs": (0.0 if tariffs is None else tariffs, (n, n, j), -0.999999),
            "export_tax": (0.0 if export_tax is None else export_tax, (n, n, j), -0.999999),
        }
        arrays = {
            name: as_floats(name, value, shape, least=least)
            for name, (value, shape, least) in given.items()
            if value is not None
        }
        cores = {name: len(given[name][1]) for name in arrays}
        self.draws = draw_axes(**{name: (array, cores[name]) for name, array in arrays.items()})
        self.scale_deficits = isinstance(deficits, str) and deficits == "multiplicative"
        flat = {name: flatten_draws(array, cores[name], self.draws) for name, array in arrays.items()}
        self.economy = build_economy(flat)
        self.baseline_residual = self._baseline_residual()
        if isinstance(deficits, str) and deficits not in get_args(Deficits):
            raise ValueError(f"deficits must be one of {', '.join(get_args(Deficits))} or an array")
        if not isinstance(deficits, str) or deficits == "balanced":
            rebased = self.rebase(deficits=deficits)
            self.draws, self.economy = rebased.draws, rebased.economy
            self.baseline_residual = rebased.baseline_residual

    @property
    def trade(self) -> FloatArray:
        """Baseline flows [exporter, importer, sector] net of tariffs, shape (..., N, N, J)."""
        economy = self.economy
        flows = economy.shares * economy.expenditure.swapaxes(-1, -2)[..., None] / (1 + economy.tariffs)
        return self._with_draws(table_layout(flows))

    @property
    def tariffs(self) -> FloatArray:
        """Baseline tariffs [exporter, importer, sector], shape (..., N, N, J)."""
        return self._with_draws(table_layout(self.economy.tariffs))

    @property
    def export_tax(self) -> FloatArray:
        """Baseline export taxes [exporter, importer, sector], shape (..., N, N, J)."""
        return self._with_draws(table_layout(self.economy.export_tax))

    def solve(
        self,
        cost_hat: ArrayLike | None = None,
        tariffs: ArrayLike | None = None,
        export_tax: ArrayLike | None = None,
        ban: ArrayLike | None = None,
        deficits: Deficits | ArrayLike | None = None,
        *,
        tolerance: float = 1e-9,
        polish: float | None = None,
        keep_trade: bool = True,
    ) -> ManySectorsResult:
        """Return the equilibrium after a shock, all leading axes broadcast together as draws.

        Parameters
        ----------
        cost_hat : array_like, shape (..., N, N, J), optional
            Change of iceberg (non-tariff) costs [exporter, importer, sector], > 0: 1.1 = 10% dearer.
        tariffs, export_tax : array_like, shape (..., N, N, J), optional
            New rates in levels; the baseline's where absent.
        ban : array_like of bool or float, shape (..., N, N, J), optional
            True where a flow is forbidden: it becomes exactly zero. A number in [0, 1] is the share of the
            flow's varieties that is forbidden.
        deficits : {"additive", "multiplicative", "balanced"} or array_like of shape (..., N), optional
            New deficits; the baseline's, by its rule, where absent.
        tolerance : float
            Largest relative residual that every draw must reach.
        polish : float, optional
            Residual to aim at by Newton-Krylov, 1e-13 for example.
        keep_trade : bool
            Whether to return the flows; without them, memory does not grow with N * N * J times the draws.

        Returns
        -------
        ManySectorsResult

        Raises
        ------
        ValueError
            If an argument is wrong, the baseline is no equilibrium (see :meth:`rebase`), or a ban leaves
            final users without a supplier, a country without a buyer, or a deficit that cannot be paid.
        ConvergenceError
            If some draw has no solution to the tolerance; the message says why.
        """
        if self.baseline_residual > INEXACT:
            raise ValueError(
                f"trade: the baseline is no equilibrium (residual {self.baseline_residual:.1e}: spending, "
                "inputs and final_shares do not fit one another); call rebase() first"
            )
        if (self.economy.income <= 0).any():
            raise ValueError("trade: a country's surplus exceeds its income, so that it has nothing to spend")
        shocks = self._shocks(cost_hat, tariffs, export_tax, ban, deficits)
        return self._result(shocks, tolerance, polish, keep_trade)

    def rebase(
        self,
        cost_hat: ArrayLike | None = None,
        tariffs: ArrayLike | None = None,
        export_tax: ArrayLike | None = None,
        ban: ArrayLike | None = None,
        deficits: Deficits | ArrayLike | None = None,
    ) -> ManySectors:
        """Return the economy whose baseline is the equilibrium after a shock; takes what :meth:`solve` takes.

        Without arguments it is the equilibrium with the baseline's shares, value added and deficits, for
        tables that are not quite one (negative final uses set to zero, input shares from another source). It
        is solved to 1e-12 where rounding allows.
        """
        shocks = self._shocks(cost_hat, tariffs, export_tax, ban, deficits)
        found = self._result(shocks, 1e-10, 1e-12, keep_trade=True)
        if found.trade is None:
            raise AssertionError("trade was kept")
        economy = self.economy
        n, j = economy.value_added.shape[-2:]
        rates = {"tariffs": economy.tariffs, "export_tax": economy.export_tax}
        for name, new in (("tariffs", tariffs), ("export_tax", export_tax)):
            kept = self._with_draws(table_layout(rates[name]))
            rates[name] = kept if new is None else as_floats(name, new, (n, n, j))
        return ManySectors(
            found.trade,
            self._with_draws(economy.value_added),
            self._with_draws(economy.inputs),
            self._with_draws(economy.final_shares),
            self._with_draws(economy.theta),
            deficits="multiplicative" if shocks.scale_deficits else "additive",
            **rates,
        )

    def _shocks(
        self,
        cost_hat: ArrayLike | None,
        tariffs: ArrayLike | None,
        export_tax: ArrayLike | None,
        ban: ArrayLike | None,
        deficits: Deficits | ArrayLike | None,
    ) -> Shocks:
        n, j = self.economy.value_added.shape[-2:]
        limits = {"cost_hat": 1e-6, "tariffs": -0.999999, "export_tax": -0.999999, "ban": 0.0}
        given = {"cost_hat": cost_hat, "tariffs": tariffs, "export_tax": export_tax, "ban": ban}
        arrays: dict[str, FloatArray | None] = {
            name: None if value is None else as_floats(name, value, (n, n, j), least=limits[name])
            for name, value in given.items()
        }
        if arrays["ban"] is not None and (arrays["ban"] > 1).any():
            raise ValueError("ban must be True or False, or a share between 0 and 1")
        fixed, scaled = deficit_rule(deficits, self.economy, self.scale_deficits)
        cores = {name: (array, 3) for name, array in arrays.items()} | {"deficits": (fixed, 1)}
        own = np.empty(self.draws)
        draws = draw_axes(**cores, **{"the economy": (own, 0)})
        return Shocks(draws=draws, own=self.draws, deficits=fixed, scale_deficits=scaled, **arrays)

    def _result(
        self, shocks: Shocks, tolerance: float, polish: float | None, keep_trade: bool
    ) -> ManySectorsResult:
        n, j = self.economy.value_added.shape[-2:]
        count = int(np.prod(shocks.draws, dtype=np.intp))
        if keep_trade and 8 * count * n * n * j > TABLE_BYTES:
            raise ValueError(
                f"keep_trade: {count} tables of flows need {8e-9 * count * n * n * j:.1f} GB; "
                "pass keep_trade=False"
            )
        out: dict[str, Any] = {}
        for index, found in find_equilibrium(shocks.cases(self.economy), n, j, tolerance, polish):
            for name, part in _outcome(*found, keep_trade).items():
                if name not in out:
                    out[name] = np.empty((count, *part.shape[1:]), dtype=part.dtype)
                out[name][index] = part
        shaped = {name: part.reshape(shocks.draws + part.shape[1:]) for name, part in out.items()}
        if keep_trade:
            shaped["trade"] = table_layout(shaped["trade"])
        return ManySectorsResult(**({"trade": None} | shaped))

    def _baseline_residual(self) -> float:
        """Return the largest residual of the baseline itself, over draws."""
        n, j = self.economy.value_added.shape[-2:]
        shocks = self._shocks(None, None, None, None, None)
        worst = 0.0
        for _, case in shocks.cases(self.economy, check=False):
            z = np.zeros((case.draws, n + 2 * n * j))
            gaps = residuals(case, z, evaluate(case, z))
            worst = max(worst, *(float(np.abs(gap).max()) for gap in gaps))
        return worst

    def _with_draws(self, array: FloatArray) -> FloatArray:
        """Give a flattened array its leading axes back (none where all draws share it)."""
        core = array.shape[1:]
        return array.reshape(core) if array.shape[0] == 1 else array.reshape(self.draws + core)


def _outcome(
    case: Counterfactual, z: FloatArray, sweeps: IntArray, keep_trade: bool
) -> dict[str, FloatArray | IntArray]:
    """Return the arrays of a result for a block of draws, one leading axis."""
    economy = case.economy
    state = evaluate(case, z)
    gaps = residuals(case, z, state)
    parts = np.stack([np.abs(gap).reshape(z.shape[0], -1).max(axis=1) for gap in gaps], axis=1)
    log_wage, log_price, _ = split(z, *case.shape)
    spending = case.spending(z)
    index = (economy.final_shares * log_price).sum(axis=-1)
    made = economy.output > 0
    out: dict[str, FloatArray | IntArray] = {
        "welfare_hat": state.income / economy.income * np.exp(-index),
        "wage_hat": np.exp(log_wage),
        "price_hat": np.exp(log_price),
        "output_hat": np.where(made, state.flows.output / np.where(made, economy.output, 1.0), 1.0),
        "expenditure": spending,
        "income": state.income,
        "tariff_revenue": state.flows.duties,
        "export_revenue": state.flows.export_revenue,
        "residual": parts.max(axis=1),
        "residual_parts": parts,
        "sweeps": sweeps,
    }
    if keep_trade:
        net = case.kernel if case.net is None else case.net
        out["trade"] = net * state.cost_power[..., None, :] * state.demand[..., None]
    return out
