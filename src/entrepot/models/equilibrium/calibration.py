"""From tables to the arrays of a many-sector economy, with a report of everything that was approximated.

Two recipes: an inter-country input-output table (final demand by destination may be absent), and trade
matrices with tariffs, gross output and national input shares, as in Caliendo & Parro (2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import nnls

from entrepot.models.equilibrium.economy import ROUNDING, FloatArray, as_floats
from entrepot.models.equilibrium.many_sectors import ManySectors


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """What a calibration had to approximate; amounts in the unit of the table.

    Attributes
    ----------
    final_use : float
        Total final use.
    final_allocated : float
        Final use spread over destinations by the buyers' sourcing shares (0 where destinations were given).
    final_at_home : float
        Final use that the sourcing shares do not explain and that was left in the seller's home market.
    fit_error : float
        Sum of absolute misfits of sellers' final sales before the remainder went home, over total final use.
    negative_final : float
        Sum of negative final uses set to zero (stock changes and rounding).
    raised_value_added : float
        Value added created where inputs exceeded the allowed share of output.
    raised_cells : int
        Number of country-sectors concerned.
    raised_output : float
        Output added where sales to other countries exceed gross output.
    """

    final_use: float
    final_allocated: float = 0.0
    final_at_home: float = 0.0
    fit_error: float = 0.0
    negative_final: float = 0.0
    raised_value_added: float = 0.0
    raised_cells: int = 0
    raised_output: float = 0.0

    def sentences(self) -> tuple[str, ...]:
        """Return one plain sentence per approximation that was made."""
        told = []
        if self.final_allocated or self.final_at_home:
            told.append(
                "Final demand by destination was not in the table: "
                f"{self._share(self.final_allocated)} of final use was spread by the buyers' sourcing shares "
                "of intermediates (non-negative least squares per selling sector) and "
                f"{self._share(self.final_at_home)} was left in the seller's home market."
            )
        if self.negative_final:
            told.append(f"Negative final use of {self._share(self.negative_final)} was set to zero.")
        if self.raised_cells:
            told.append(
                f"Inputs exceeded the allowed share of output in {self.raised_cells} country-sectors; "
                f"value added was raised by {self._share(self.raised_value_added)} of final use."
            )
        if self.raised_output:
            told.append(f"Output was raised to exports by {self._share(self.raised_output)} of final use.")
        return tuple(told)

    def _share(self, amount: float) -> str:
        return f"{100 * amount / self.final_use:.3g}%"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Arrays ready for :class:`ManySectors`.

    Attributes
    ----------
    trade, tariffs : ndarray, shape (N, N, J)
        Flows [exporter, importer, sector] net of tariffs, domestic sales included; ad valorem rates.
    value_added : ndarray, shape (N, J)
        Share of value added in costs.
    inputs : ndarray, shape (N, J, J)
        Cost shares [country, input sector, using sector].
    final_shares : ndarray, shape (N, J)
        Shares of final spending.
    exact : bool
        Whether the arrays are an equilibrium as they stand; otherwise :meth:`economy` solves for the nearest
        one with the same shares.
    report : CalibrationReport
        What was approximated.
    """

    trade: FloatArray
    tariffs: FloatArray
    value_added: FloatArray
    inputs: FloatArray
    final_shares: FloatArray
    exact: bool
    report: CalibrationReport

    def economy(self, theta: ArrayLike, **options: Any) -> ManySectors:
        """Return the economy at an exact equilibrium.

        Parameters
        ----------
        theta : array_like, shape (J,) or scalar
            Trade elasticities.
        **options
            Passed to :meth:`ManySectors.rebase`, for example ``deficits="balanced"``.
        """
        model = ManySectors(
            self.trade, self.value_added, self.inputs, self.final_shares, theta, tariffs=self.tariffs
        )
        return model if self.exact and not options else model.rebase(**options)


def calibrate_table(
    flows: ArrayLike,
    gross_output: ArrayLike,
    *,
    final_demand: ArrayLike | None = None,
    most_inputs: float = 0.98,
) -> Calibration:
    """Calibrate to an inter-country input-output table.

    Where final demand by destination is absent, final sales of each seller ``f = gross output - intermediate
    sales`` are spread per selling sector by ``min ||S F - f||, F >= 0``, where column n of ``S`` holds the
    shares in which country n sources that sector's intermediates; what a seller's row leaves over stays in
    the home market, and a row that overshoots is scaled down, so that every seller's final sales are met
    exactly.

    Parameters
    ----------
    flows : array_like, shape (N, J, N, J)
        Intermediate sales [seller, selling sector, buyer, buying sector].
    gross_output : array_like, shape (N, J)
        Output in the same unit.
    final_demand : array_like, shape (N, J, N), optional
        Final sales [seller, selling sector, destination].
    most_inputs : float
        Largest share of inputs in output; above it value added is raised.

    Returns
    -------
    Calibration
        An exact equilibrium (``exact`` is True) without tariffs. Value added is the residual of output, so it
        includes taxes and inputs from countries outside the table.

    Raises
    ------
    ValueError
        If a shape does not fit, an entry is negative or not finite, or a country sells nothing.

    Examples
    --------
    >>> import numpy as np
    >>> flows = np.array([[40.0, 10.0], [10.0, 40.0]]).reshape(2, 1, 2, 1)
    >>> cal = calibrate_table(flows, np.full((2, 1), 100.0))
    >>> np.round(cal.trade[:, :, 0], 6).tolist()
    [[80.0, 20.0], [20.0, 80.0]]
    """
    flows = np.asarray(flows, dtype=np.float64)
    if flows.ndim != 4 or flows.shape[:2] != flows.shape[2:]:
        raise ValueError(f"flows must have shape (N, J, N, J), not {flows.shape}")
    n, j = flows.shape[:2]
    flows = as_floats("flows", flows, (n, j, n, j), least=0.0)
    if not 0 < most_inputs < 1:
        raise ValueError(f"most_inputs must lie between 0 and 1, not {most_inputs}")
    gross_output = as_floats("gross_output", gross_output, (n, j), least=0.0)
    sourcing = flows.sum(axis=3).transpose(1, 0, 2)
    final, told = _final_use(sourcing, gross_output, final_demand)
    trade = (sourcing + final).transpose(1, 2, 0)
    output = trade.sum(axis=1)
    bought = flows.sum(axis=0).transpose(1, 0, 2)
    inputs, excess = _input_shares(bought, output, most_inputs)
    spent = trade.sum(axis=0) - np.einsum("nkj,nj->nk", inputs, output)
    spent = np.where(spent > ROUNDING * trade.sum(axis=0), spent, 0.0)
    without = np.flatnonzero(spent.sum(axis=1) <= 0)
    if without.size:
        raise ValueError(f"flows: country {without[0]} is left without final use; give final_demand")
    report = CalibrationReport(
        final_use=float(final.sum()),
        raised_value_added=float((excess * output).sum()),
        raised_cells=int((excess > 0).sum()),
        **told,
    )
    return Calibration(
        trade=trade,
        tariffs=np.zeros_like(trade),
        value_added=1 - inputs.sum(axis=1),
        inputs=inputs,
        final_shares=spent / spent.sum(axis=1, keepdims=True),
        exact=True,
        report=report,
    )


def _input_shares(
    bought: FloatArray, output: FloatArray, most_inputs: float
) -> tuple[FloatArray, FloatArray]:
    """Return cost shares of inputs, cut where they exceed the limit, and by how much of output they did."""
    made = output[:, None, :]
    inputs = np.divide(bought, made, out=np.zeros_like(bought), where=made > 0)
    total = inputs.sum(axis=1)
    excess = np.maximum(total - most_inputs, 0.0)
    kept = np.divide(total - excess, total, out=np.ones_like(total), where=total > 0)
    return inputs * kept[:, None, :], excess


def _final_use(
    sourcing: FloatArray, gross_output: FloatArray, final_demand: ArrayLike | None
) -> tuple[FloatArray, dict[str, float]]:
    """Return final sales [sector, seller, destination] and the amounts for the report."""
    j, n, _ = sourcing.shape
    if final_demand is not None:
        given = as_floats("final_demand", final_demand, (n, j, n)).transpose(1, 0, 2)
        return np.maximum(given, 0.0), {"negative_final": float(np.maximum(-given, 0.0).sum())}
    sold = gross_output.T - sourcing.sum(axis=2)
    negative = float(np.maximum(-sold, 0.0).sum())
    sold = np.maximum(sold, 0.0)
    final = np.zeros_like(sourcing)
    misfit = 0.0
    for sector in range(j):
        final[sector], missed = spread_final_use(sourcing[sector], sold[sector])
        misfit += missed
    home = sold - final.sum(axis=2)
    allocated = float(final.sum())
    final[:, np.arange(n), np.arange(n)] += home
    return final, {
        "negative_final": negative,
        "final_allocated": allocated,
        "final_at_home": float(home.sum()),
        "fit_error": misfit / float(sold.sum()),
    }


def spread_final_use(sourcing: FloatArray, sold: FloatArray) -> tuple[FloatArray, float]:
    """Spread one sector's final sales over destinations by the buyers' sourcing shares.

    Parameters
    ----------
    sourcing : ndarray, shape (N, N)
        Intermediate sales [seller, buyer] of the sector.
    sold : ndarray, shape (N,)
        Final sales of each seller, non-negative.

    Returns
    -------
    tuple of (ndarray of shape (N, N), float)
        Sales [seller, destination], whose rows sum to at most ``sold``; sum of absolute misfits of the
        least-squares problem.
    """
    total = sourcing.sum(axis=0)
    shares = np.where(total > 0, sourcing / np.where(total > 0, total, 1.0), np.eye(len(sold)))
    scale = max(float(sold.max()), np.finfo(float).tiny)
    demand, _ = nnls(shares, sold / scale)
    fitted = shares * demand * scale
    rows = fitted.sum(axis=1)
    over = np.where(rows > sold, sold / np.where(rows > 0, rows, 1.0), 1.0)
    return fitted * over[:, None], float(np.abs(rows - sold).sum())


def calibrate_tariff_data(
    trade: ArrayLike,
    gross_output: ArrayLike,
    value_added: ArrayLike,
    materials: ArrayLike,
    tariffs: ArrayLike,
) -> Calibration:
    """Calibrate to trade matrices, tariffs, gross output and national input shares (Caliendo & Parro 2015).

    Domestic sales are gross output, at least exports, less exports. Final demand is spending gross of tariffs
    less purchases of inputs, negative entries set to zero; so the arrays are not yet an equilibrium.

    Parameters
    ----------
    trade : array_like, shape (N, N, J)
        Flows between countries [exporter, importer, sector] net of tariffs, zero on the diagonal.
    gross_output : array_like, shape (N, J)
        Output in the same unit.
    value_added : array_like, shape (N, J)
        Share of value added in output.
    materials : array_like, shape (N, J, J)
        Shares [country, input sector, using sector] of materials; columns sum to 1. Published tables have
        small negative shares: down to -0.05 they are kept.
    tariffs : array_like, shape (N, N, J)
        Ad valorem rates.

    Returns
    -------
    Calibration
        Arrays with ``exact`` False: ``economy(theta, deficits=...)`` solves for the equilibrium.

    References
    ----------
    Caliendo, L., & Parro, F. (2015). Estimates of the trade and welfare effects of NAFTA. Review of Economic
    Studies 82(1), 1-44. https://doi.org/10.1093/restud/rdu035

    Examples
    --------
    >>> import numpy as np
    >>> trade = np.array([[[0.0], [20.0]], [[20.0], [0.0]]])
    >>> zero = np.zeros((2, 2, 1))
    >>> output, value_added, materials = np.full((2, 1), 100.0), np.full((2, 1), 0.5), np.ones((2, 1, 1))
    >>> cal = calibrate_tariff_data(trade, output, value_added, materials, zero)
    >>> cal.trade[0, :, 0]
    array([80., 20.])
    """
    between = np.array(trade, dtype=np.float64)
    if between.ndim != 3 or between.shape[0] != between.shape[1]:
        raise ValueError(f"trade must have shape (N, N, J), not {between.shape}")
    n, j = between.shape[1:]
    between = np.array(as_floats("trade", between, (n, n, j), least=0.0))
    tariffs = as_floats("tariffs", tariffs, (n, n, j), least=0.0)
    value_added = as_floats("value_added", value_added, (n, j), least=0.0)
    inputs = as_floats("materials", materials, (n, j, j), least=-0.05) * (1 - value_added)[:, None, :]
    diagonal = np.arange(n)
    if between[diagonal, diagonal].any():
        raise ValueError("trade must be zero on its diagonal; domestic sales follow from gross_output")
    output = as_floats("gross_output", gross_output, (n, j), least=0.0)
    exports = between.sum(axis=1)
    between[diagonal, diagonal] = np.maximum(output - exports, 0.0)
    output_used = np.maximum(output, exports)
    spending = (between * (1 + tariffs)).sum(axis=0)
    final = spending - np.einsum("nkj,nj->nk", inputs, output_used)
    kept = np.maximum(final, 0.0)
    report = CalibrationReport(
        final_use=float(kept.sum()),
        negative_final=float((kept - final).sum()),
        raised_output=float((output_used - output).sum()),
    )
    return Calibration(
        trade=between,
        tariffs=tariffs,
        value_added=value_added,
        inputs=inputs,
        final_shares=kept / kept.sum(axis=1, keepdims=True),
        exact=False,
        report=report,
    )
