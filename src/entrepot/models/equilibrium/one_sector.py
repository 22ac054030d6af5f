"""One-sector trade equilibrium in exact hat algebra: Armington and universal gravity.

Baseline flows ``X[i, j]`` from exporter i to importer j, domestic trade included, at border prices (before
import duties ``t``). Output ``Y_i = sum_j X_ij``, spending before duties ``M_j = sum_i X_ij``, deficit
``D = M - Y``, expenditure ``E_j = sum_i X_ij (1 + t_ij)``, share ``l_ij = X_ij (1 + t_ij) / E_j``. With
factory prices ``p`` (all in changes, new over old), ``k_ij`` = cost_hat * tariff_hat * export_tax_hat and
``K_ij = k_ij^-theta``, zero where banned:

    P_j^-theta = sum_i l_ij K_ij p_i^-theta                       consumer prices
    Y'_i       = Y_i p_i (p_i / P_i)^psi                          supply
    X'_ij      = l_ij K_ij p_i^-theta P_j^theta E'_j / (1 + t'_ij)
    M'_j       = Y'_j + export taxes + D'_j = sum_i X'_ij         income
    Y'_i       = sum_j X'_ij / (1 + x_ij)                         goods markets

``theta`` is the trade elasticity (sigma - 1), ``psi`` the supply elasticity (0 = fixed endowments); what they
are in Armington, Eaton-Kortum, Melitz and with intermediate goods is in Allen, Arkolakis and Takahashi.

Deficits ("additive" ``D' = D``; "multiplicative" ``D' = D Y'/Y``, where world deficits need not sum to zero
and goods markets clear up to one common factor, which is removed; "balanced" ``D' = 0`` in the baseline too).

Numeraire: world output, ``sum Y' = sum Y`` in each group of countries that trade with one another.

References
----------
Dekle, R., Eaton, J., & Kortum, S. (2008). Global rebalancing with gravity. IMF Staff Papers, 55(3), 511-540.
https://doi.org/10.1057/imfsp.2008.17
Arkolakis, C., Costinot, A., & Rodriguez-Clare, A. (2012). New trade models, same old gains? American Economic
Review, 102(1), 94-130. https://doi.org/10.1257/aer.102.1.94
Costinot, A., & Rodriguez-Clare, A. (2014). Trade theory with numbers. Handbook of International Economics, 4,
197-261. https://doi.org/10.1016/B978-0-444-54314-1.00004-5
Allen, T., Arkolakis, C., & Takahashi, Y. (2020). Universal gravity. Journal of Political Economy, 128(2),
393-433. https://doi.org/10.1086/704385
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, TypeVar, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.equilibrium.one_sector_map import OneSectorMap, Outcome, Shock
from entrepot.models.fixed_point import ConvergenceError, find_fixed_point

T = TypeVar("T", bound=np.generic)

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Deficits = Literal["additive", "multiplicative", "balanced"]
Kind = Literal["full", "conditional"]

_CHUNK = 2**19  # entries of a (draws, N, N) block: small enough to stay in cache and bound memory
_SWEEPS = 1000
_FIELDS = tuple(field.name for field in fields(Outcome))


@dataclass(frozen=True, slots=True)
class OneSectorResult:
    """A counterfactual; N countries, leading axes are draws, money in the unit of the trade matrix.

    Attributes
    ----------
    welfare_hat : ndarray, shape (..., N)
        Exact change of real income, ``(E'/E) / P``, new over old; income includes duties and the deficit.
        With multiplicative deficits and no duties it is ``(Y'/Y) / P``.
    price_hat : ndarray, shape (..., N)
        Change of the consumer price index P; 1 = unchanged against the numeraire (world output).
    factory_price_hat : ndarray, shape (..., N)
        Change of the factory price p.
    output_hat : ndarray, shape (..., N)
        Change of nominal output, ``Y'/Y``; 1 by definition in a conditional solve.
    trade : ndarray, shape (..., N, N)
        New flows [exporter, importer] at border prices, before import duties.
    baseline : ndarray, shape (..., N, N)
        The flows that the changes refer to: the trade given, or with "balanced" the trade rebased to no
        deficits (leading axes only where it differs by draw).
    expenditure : ndarray, shape (..., N)
        New spending E', duties paid included.
    tariff_revenue : ndarray, shape (..., N)
        New import duties collected by the importer, in ``expenditure``.
    export_revenue : ndarray, shape (..., N)
        New export taxes collected by the exporter, in ``expenditure``.
    residual : ndarray, shape (...)
        Largest relative excess demand of any country's goods, with budgets and prices holding exactly.
    sweeps : ndarray of int, shape (...)
        Evaluations of the equilibrium map.
    """

    welfare_hat: FloatArray
    price_hat: FloatArray
    factory_price_hat: FloatArray
    output_hat: FloatArray
    trade: FloatArray
    baseline: FloatArray
    expenditure: FloatArray
    tariff_revenue: FloatArray
    export_revenue: FloatArray
    residual: FloatArray
    sweeps: IntArray

    @property
    def exports_hat(self) -> FloatArray:
        """Change of exports to other countries, shape (..., N); 1 where there were and are none."""
        return _change(_abroad(self.trade).sum(-1), _abroad(self.baseline).sum(-1))

    @property
    def imports_hat(self) -> FloatArray:
        """Change of imports from other countries, shape (..., N); 1 where there were and are none."""
        return _change(_abroad(self.trade).sum(-2), _abroad(self.baseline).sum(-2))


class OneSector:
    """An economy of N countries with one sector, calibrated to a trade matrix.

    Parameters
    ----------
    trade : array_like, shape (..., N, N)
        Flows [exporter, importer] at border prices, domestic trade on the diagonal, >= 0; every country must
        sell and buy something. Leading axes are draws.
    theta : float or array_like, shape (...)
        Trade elasticity, > 0; one per draw.
    psi : float or array_like, shape (...)
        Supply elasticity, >= 0; 0 keeps endowments fixed.
    deficits : {"additive", "multiplicative", "balanced"}
        How deficits move; see the head of this module.
    tariffs : array_like, shape (..., N, N), optional
        Baseline import duties t [exporter, importer] as rates (0.1 = 10%), > -1; none by default.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or value; the message names it.

    Examples
    --------
    Two equal countries that spend a fifth abroad, and the total ban of their trade: real income falls by
    ``1 - 0.8^(1/theta)``, the formula of Arkolakis, Costinot and Rodriguez-Clare.

    >>> import numpy as np
    >>> economy = OneSector([[80.0, 20.0], [20.0, 80.0]], theta=4.0)
    >>> result = economy.solve(ban=~np.eye(2, dtype=bool))
    >>> np.round(result.welfare_hat, 6).tolist(), round(0.8 ** (1 / 4), 6)
    ([0.945742, 0.945742], 0.945742)
    """

    def __init__(
        self,
        trade: ArrayLike,
        theta: ArrayLike,
        *,
        psi: ArrayLike = 0.0,
        deficits: Deficits = "additive",
        tariffs: ArrayLike | None = None,
    ) -> None:
        if deficits not in get_args(Deficits):
            raise ValueError(f"deficits: one of {', '.join(get_args(Deficits))} is needed, got {deficits!r}")
        self.trade = _checked_trade(trade)
        self.theta = _numbers("theta", theta, low=0.0, strict=True)
        self.psi = _numbers("psi", psi, low=0.0, strict=False)
        self.tariffs = None if tariffs is None else self._pairs("tariffs", tariffs, low=-1.0)
        self.deficits: Deficits = deficits
        self._batch("theta, psi, trade, tariffs")
        if deficits == "balanced":
            self.trade = self._solve({}, None, "full", 1e-11, 1e-14).trade

    def solve(
        self,
        cost_hat: ArrayLike | None = None,
        tariff_hat: ArrayLike | None = None,
        ban: ArrayLike | None = None,
        kind: Kind = "full",
        *,
        export_tax_hat: ArrayLike | None = None,
        tolerance: float = 1e-10,
        polish: float | None = None,
    ) -> OneSectorResult:
        """Return the equilibrium after a shock, with all leading axes broadcast together as draws.

        Parameters
        ----------
        cost_hat : array_like, shape (..., N, N), optional
            Change of iceberg costs [exporter, importer], > 0: 1.1 = 10% dearer. A gravity effect b in logs of
            trade enters as ``exp(-b / theta)``.
        tariff_hat : array_like, shape (..., N, N), optional
            Change of ``1 + t``: a duty of 25% in place of the baseline duty ``t`` is ``1.25 / (1 + t)``.
            Duties are paid back to the importer's income.
        ban : array_like of bool, shape (..., N, N), optional
            True where a flow is forbidden; it becomes exactly zero.
        kind : {"full", "conditional"}
            "full": general equilibrium with fixed endowments (or supply of elasticity psi). "conditional":
            output and spending before duties stay at the baseline, prices only adjust (multilateral
            resistances).
        export_tax_hat : array_like, shape (..., N, N), optional
            Change of ``1 + x`` from a baseline without export taxes, paid to the exporter's income; 1 on the
            diagonal; only with "full". Flows stay at border prices, tax included.
        tolerance : float
            Residual that every draw must reach.
        polish : float, optional
            Residual to aim at by Newton-Krylov, 1e-13 for example.

        Returns
        -------
        OneSectorResult

        Raises
        ------
        ValueError
            If an argument is wrong, or a ban leaves a country without any seller or buyer, or cuts off a
            group of countries whose fixed deficit cannot be paid.
        ConvergenceError
            If some draw has no solution to the tolerance; the message says why.
        """
        if kind not in get_args(Kind):
            raise ValueError(f"kind: one of {', '.join(get_args(Kind))} is needed, got {kind!r}")
        shocks: dict[str, FloatArray] = {}
        given = (("cost_hat", cost_hat), ("tariff_hat", tariff_hat), ("export_tax_hat", export_tax_hat))
        for name, value in given:
            if value is not None:
                shocks[name] = self._pairs(name, value, low=0.0)
        if kind == "conditional" and export_tax_hat is not None:
            raise ValueError("export_tax_hat: needs kind='full'; a conditional solve holds incomes fixed")
        tax = shocks.get("export_tax_hat")
        if tax is not None and (np.einsum("...ii->...i", tax) != 1).any():
            raise ValueError("export_tax_hat: sales at home are no exports, so the diagonal must be 1")
        forbidden = None if ban is None else self._ban(ban)
        return self._solve(shocks, forbidden, kind, tolerance, polish)

    def _pairs(self, name: str, value: ArrayLike, low: float) -> FloatArray:
        array = _numbers(name, value, low=low, strict=True)
        n = self.trade.shape[-1]
        if array.shape[-2:] != (n, n):
            raise ValueError(f"{name}: shape (..., {n}, {n}) is needed, got {array.shape}")
        return array

    def _ban(self, ban: ArrayLike) -> BoolArray:
        array = np.asarray(ban)
        n = self.trade.shape[-1]
        if array.dtype != np.bool_ or array.shape[-2:] != (n, n):
            raise ValueError(
                f"ban: booleans of shape (..., {n}, {n}) are needed, got {array.dtype} {array.shape}"
            )
        return array

    def _batch(self, names: str, *more: NDArray[np.generic]) -> tuple[int, ...]:
        pairs = (self.trade, *([] if self.tariffs is None else [self.tariffs]), *more)
        try:
            return np.broadcast_shapes(self.theta.shape, self.psi.shape, *(a.shape[:-2] for a in pairs))
        except ValueError:
            raise ValueError(f"{names}: the leading axes (draws) do not match") from None

    def _solve(
        self,
        shocks: dict[str, FloatArray],
        ban: BoolArray | None,
        kind: Kind,
        tolerance: float,
        polish: float | None,
    ) -> OneSectorResult:
        """Solve chunk by chunk, so that working memory does not grow with the draws."""
        forbidden = [] if ban is None else [ban]
        batch = self._batch(", ".join(("theta", "psi", "trade", *shocks)), *shocks.values(), *forbidden)
        draws, n = int(np.prod(batch)), self.trade.shape[-1]
        size = max(1, _CHUNK // n**2)
        parts = []
        for first in range(0, draws, size):
            where = np.arange(first, min(first + size, draws))
            block = self._map(batch, where, shocks, ban, kind)
            start = np.zeros((where.size, block.unknowns))
            try:
                found = find_fixed_point(
                    block.evaluate, start, tolerance=tolerance, polish=polish, max_sweeps=_SWEEPS
                )
            except ConvergenceError as error:
                raise block.explain(error, first) from error
            parts.append(block.outcome(found.z, found.residual, found.sweeps))
        joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS}
        shaped = {name: value.reshape((*batch, *value.shape[1:])) for name, value in joined.items()}
        return OneSectorResult(baseline=self.trade, **shaped)

    def _map(
        self,
        batch: tuple[int, ...],
        where: IntArray,
        shocks: dict[str, FloatArray],
        ban: BoolArray | None,
        kind: Kind,
    ) -> OneSectorMap:
        """Return the map of the draws ``where``; what has no draws keeps a leading axis of 1."""

        def pick(array: NDArray[T], core: int) -> NDArray[T]:
            inner = array.shape[array.ndim - core :]
            if array.size == np.prod(inner, dtype=np.intp):
                return array.reshape(1, *inner)
            return np.broadcast_to(array, (*batch, *inner))[np.unravel_index(where, batch)]

        change = {name: pick(value, 2) for name, value in shocks.items()}
        shock = Shock(
            cost=change.get("cost_hat"),
            tariff=change.get("tariff_hat"),
            export_tax=change.get("export_tax_hat"),
            ban=None if ban is None else pick(ban, 2),
        )
        return OneSectorMap(
            trade=pick(self.trade, 2),
            theta=pick(self.theta, 0),
            psi=pick(self.psi, 0),
            tariffs=None if self.tariffs is None else pick(self.tariffs, 2),
            shock=shock,
            deficits=self.deficits,
            kind=kind,
        )


def _numbers(name: str, value: ArrayLike, *, low: float, strict: bool) -> FloatArray:
    """Return finite numbers above ``low``, or at it unless ``strict``."""
    array = np.asarray(value, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(f"{name}: finite numbers are needed (a ban is given as ban=, a missing flow as 0)")
    if not (array > low if strict else array >= low).all():
        raise ValueError(f"{name}: values must be {'above' if strict else 'at least'} {low:g}")
    return array


def _checked_trade(trade: ArrayLike) -> FloatArray:
    """Return the trade matrix, or say what is wrong with it."""
    array = _numbers("trade", trade, low=0.0, strict=False)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise ValueError(f"trade: a square matrix [exporter, importer] is needed, got shape {array.shape}")
    for axis, what in ((-1, "sells nothing to anyone"), (-2, "buys nothing from anyone")):
        empty = np.argwhere(array.sum(axis=axis) == 0)
        if empty.size:
            raise ValueError(f"trade: country {empty[0, -1]} {what}, not even at home; leave it out")
    return array


def _abroad(trade: FloatArray) -> FloatArray:
    """Return the flows with domestic trade set to zero."""
    return trade * (1 - np.eye(trade.shape[-1]))


def _change(new: FloatArray, old: FloatArray) -> FloatArray:
    """Return new over old; 1 where both are zero."""
    new, old = np.broadcast_arrays(new, old)
    return np.divide(new, old, out=np.ones_like(new), where=old > 0)
