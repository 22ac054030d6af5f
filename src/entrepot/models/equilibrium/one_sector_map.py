"""The equilibrium map of the one-sector model for a block of draws, in logs of factory prices.

A sweep is two batched products of a matrix with a vector: prices ``A'c`` and sales ``A (M/A'c)`` with
``c = p^-theta`` and the constant ``A_ij = X_ij k_ij^-theta (1 + t_ij) / (E_j (1 + t'_ij))``; a third, for
consumer prices, where supply is elastic. With export taxes incomes M join the unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from entrepot.models.equilibrium.no_equilibrium import find_reason, list_countries, sells_one_way
from entrepot.models.fixed_point import ConvergenceError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
T = TypeVar("T", bound=np.generic)

_FLOOR = 1e-3  # least income during the search, as a share of output, so that logs exist
_IMBALANCE = 1e-9  # share of spending by which a group's deficits may miss zero
_LAST_SWEEPS = 100  # plain sweeps after a failure, to see which incomes vanish
_FLATTEST = 0.02  # least slope used, as a share of the steepest one
_FAR = 46.0  # a price change of 1e20 is no equilibrium, but a limit in which some flow vanishes


@dataclass(frozen=True, slots=True)
class Shock:
    """What a block of draws is hit by; each array has the leading axis of the draws or 1, or is absent."""

    cost: FloatArray | None
    tariff: FloatArray | None
    export_tax: FloatArray | None
    ban: BoolArray | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A block's equilibrium: the arrays of ``OneSectorResult`` with one leading axis of draws."""

    welfare_hat: FloatArray
    price_hat: FloatArray
    factory_price_hat: FloatArray
    output_hat: FloatArray
    trade: FloatArray
    expenditure: FloatArray
    tariff_revenue: FloatArray
    export_revenue: FloatArray
    residual: FloatArray
    sweeps: IntArray


@dataclass(frozen=True, slots=True)
class _Block:
    """Constants of the map for the draws at work; leading axis the draws or 1, N countries.

    ``gross[i, j]`` gives consumer prices, ``net`` spending before duties, ``sold`` sales after export taxes;
    they are one array where no duty tells them apart. ``same[i, j]`` is 1 where i and j belong to one group
    of countries that trade, absent where all do; ``world`` is output summed over the group.
    """

    gross: FloatArray
    net: FloatArray
    sold: FloatArray
    square: FloatArray
    output: FloatArray
    world: FloatArray
    spending: FloatArray
    expenditure: FloatArray
    same: FloatArray | None
    theta: FloatArray
    psi: FloatArray

    def at(self, draws: IntArray) -> _Block:
        """Return the block of some draws only."""
        gross = _pick(self.gross, draws)
        net = gross if self.net is self.gross else _pick(self.net, draws)
        return _Block(
            gross=gross,
            net=net,
            sold=net if self.sold is self.net else _pick(self.sold, draws),
            square=_pick(self.square, draws),
            output=_pick(self.output, draws),
            world=_pick(self.world, draws),
            spending=_pick(self.spending, draws),
            expenditure=_pick(self.expenditure, draws),
            same=None if self.same is None else _pick(self.same, draws),
            theta=_pick(self.theta, draws),
            psi=_pick(self.psi, draws),
        )


@dataclass(frozen=True, slots=True)
class _State:
    """Everything the map knows at one point; shapes (m, N)."""

    log_price: FloatArray
    weight: FloatArray
    before_duty: FloatArray
    output: FloatArray
    income: FloatArray
    wanted: FloatArray
    sales: FloatArray
    export_revenue: FloatArray


class OneSectorMap:
    """The map ``log p -> log p`` whose fixed point is the equilibrium, for a block of draws.

    Parameters
    ----------
    trade : ndarray, shape (m or 1, N, N)
    theta, psi : ndarray, shape (m or 1,)
    tariffs : ndarray, shape (m or 1, N, N), optional
    shock : Shock
    deficits, kind : str
        As in ``OneSector``.

    Raises
    ------
    ValueError
        If the shock admits no equilibrium, for a reason that can be read off the flows left.
    """

    def __init__(
        self,
        trade: FloatArray,
        theta: FloatArray,
        psi: FloatArray,
        tariffs: FloatArray | None,
        shock: Shock,
        deficits: str,
        kind: str,
    ) -> None:
        self.deficits = deficits
        self.conditional = kind == "conditional"
        self.taxed = shock.export_tax is not None
        self.elastic = bool((psi > 0).any()) and not self.conditional
        self.n: int = trade.shape[-1]
        self.trade = trade
        self.support: BoolArray = trade > 0 if shock.ban is None else (trade > 0) & ~shock.ban
        cause = "trade" if shock.ban is None else "ban"
        groups = _groups(self.support, trade, cause, deficits, self.conditional)
        self.block = _constants(trade, theta, psi, tariffs, shock, groups)
        self.current, self.draws = self.block, np.empty(0, dtype=np.intp)

    @property
    def unknowns(self) -> int:
        """Length of the vector of unknowns: log p, and log M where there are export taxes."""
        return 2 * self.n if self.taxed else self.n

    def evaluate(self, z: FloatArray, draws: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the next point and the largest relative excess demand; see ``find_fixed_point``."""
        block = self._at(draws)
        state = self._state(block, z)
        common = _within(block.same, state.sales) / block.world
        relative = state.sales / (state.output * common)
        residual = np.abs(relative - 1).max(axis=1)
        if state.income is not state.wanted:
            budget = np.abs(state.wanted - state.income) / state.output
            residual = np.maximum(residual, budget.max(axis=1))
        if self.conditional or self.deficits != "multiplicative":
            residual = np.maximum(residual, np.abs(common - 1).max(axis=1))
        residual = np.where(np.abs(state.log_price).max(axis=1) < _FAR, residual, np.inf)
        distance = np.log(relative)
        g = state.log_price + distance / self._slope(block, state, distance)
        if self.taxed:
            kept = np.maximum(state.wanted, _least(block) * state.output)
            g = np.concatenate((g, np.log(kept / block.spending)), axis=1)
        return g, residual

    def outcome(self, z: FloatArray, residual: FloatArray, sweeps: IntArray) -> Outcome:
        """Return what the equilibrium at ``z`` looks like."""
        block = self.block
        state = self._state(block, z)
        phi = _prices(block.gross, state.weight)
        expenditure = state.income * phi / state.before_duty
        trade = state.weight[:, :, None] * block.net
        trade *= (state.income / state.before_duty)[:, None, :]
        price = phi ** (-1 / block.theta)
        return Outcome(
            welfare_hat=expenditure / block.expenditure / price,
            price_hat=price,
            factory_price_hat=np.exp(state.log_price),
            output_hat=state.output / block.output,
            trade=trade,
            expenditure=expenditure,
            tariff_revenue=expenditure - state.income
            if block.gross is not block.net
            else np.zeros_like(expenditure),
            export_revenue=state.export_revenue,
            residual=residual,
            sweeps=sweeps,
        )

    def explain(self, error: ConvergenceError, first: int) -> ConvergenceError:
        """Return the error with the reason that the economy gives, draws counted from ``first``."""
        worst = int(np.argmax(error.residual))
        draw = error.draws[worst : worst + 1]
        reason = find_reason(
            _pick(self.trade, draw)[0],
            _pick(self.support, draw)[0],
            self._impoverished(error.z[worst : worst + 1], draw),
            deficits=self.deficits,
            fixed=self.conditional,
        )
        message = f"{error} (draws of this message start at {first})" if first else str(error)
        message += f": {reason}" if reason else ""
        return ConvergenceError(message, draws=first + error.draws, residual=error.residual, z=error.z)

    def _impoverished(self, z: FloatArray, draw: IntArray) -> BoolArray:
        """Return the countries whose income falls to nothing on plain sweeps from ``z``, shape (N,)."""
        block = self.block.at(draw)
        short = np.zeros(self.n, dtype=np.bool_)
        with np.errstate(all="ignore"):
            for _ in range(_LAST_SWEEPS):
                state = self._state(block, z)
                short |= state.wanted[0] <= _least(block)[0] * state.output[0]
                g, _ = self.evaluate(z, draw)
                z = np.clip(np.nan_to_num(g, nan=0.0), -_FAR, _FAR)
        return short

    def _slope(self, block: _Block, state: _State, distance: FloatArray) -> FloatArray:
        """Return minus the own-price slope of log excess demand, shape (m, N), steeper far from zero.

        Where goods are gross substitutes, a step of one over the slope makes the map an average, so that
        sweeps do not diverge. A country that buys nothing at home has the steepest slope, 1 + theta + psi:
        the safe choice while slopes still change along the step.
        """
        demand = state.income / state.before_duty
        ratio = state.weight / state.sales
        own = ratio * state.weight * _sales(block.square, demand / state.before_duty)
        slope = block.theta * (1 - own)
        most = 1 + block.theta + block.psi
        if not self.conditional:
            home = ratio * demand * block.sold.diagonal(axis1=1, axis2=2)
            bought = state.weight / state.before_duty * block.net.diagonal(axis1=1, axis2=2)
            slope = slope + (1 - home) * (1 + block.psi * (1 - bought))
        slope = np.minimum(np.maximum(slope, _FLATTEST * most), most)
        return np.asarray(slope + np.minimum(1.0, np.abs(distance)) * (most - slope))

    def _at(self, draws: IntArray) -> _Block:
        """Return the constants of the draws at work, copied only when some have left."""
        if draws.size != self.draws.size or not np.array_equal(draws, self.draws):
            self.draws, self.current = draws, self.block.at(draws)
        return self.current

    def _state(self, block: _Block, z: FloatArray) -> _State:
        """Follow prices ``z`` through supply, income and demand."""
        log_price = z[:, : self.n]
        weight = np.exp(-block.theta * log_price)
        before_duty = _prices(block.net, weight)
        if self.conditional:
            level = _within(block.same, block.output * np.exp(log_price))
            output = np.broadcast_to(block.output, log_price.shape)
        else:
            supply = (1 + block.psi) * log_price
            if self.elastic:
                phi = before_duty if block.gross is block.net else _prices(block.gross, weight)
                supply = supply + block.psi / block.theta * np.log(phi)
            output = block.output * np.exp(supply)
            level = _within(block.same, output)
        level = block.world / level
        if not self.conditional:
            output = output * level
        income, wanted, revenue = self._incomes(block, z, output, weight, before_duty)
        return _State(
            log_price=log_price + np.log(level),
            weight=weight,
            before_duty=before_duty,
            output=output,
            income=income,
            wanted=wanted,
            sales=weight * _sales(block.sold, income / before_duty),
            export_revenue=revenue,
        )

    def _incomes(
        self, block: _Block, z: FloatArray, output: FloatArray, weight: FloatArray, before_duty: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return income used, income earned (they differ off the solution only) and export taxes."""
        earned, revenue = output, np.zeros_like(output)
        income: FloatArray | None = None
        if self.taxed:
            income = block.spending * np.exp(z[:, self.n :])
            spent = income / before_duty
            revenue = weight * (_sales(block.net, spent) - _sales(block.sold, spent))
            earned = output + revenue
        if self.conditional:
            wanted = np.broadcast_to(block.spending, output.shape)
        elif self.deficits == "multiplicative":
            wanted = block.spending / block.output * earned
        elif self.deficits == "balanced":
            wanted = earned
        else:
            wanted = earned + (block.spending - block.output)
        if income is not None:
            return income, wanted, revenue
        fixed = self.deficits == "additive" and not self.conditional
        return (np.maximum(wanted, _least(block) * output) if fixed else wanted), wanted, revenue


def _pick(array: NDArray[T], draws: IntArray) -> NDArray[T]:
    """Return the rows of some draws; an array shared by all stays as it is."""
    return array if array.shape[0] == 1 else array[draws]


def _least(block: _Block) -> FloatArray:
    """Return the least income during the search as a share of output, well below the baseline's."""
    return np.minimum(_FLOOR, 0.5 * block.spending / block.output)


def _prices(matrix: FloatArray, weight: FloatArray) -> FloatArray:
    """Return ``sum_i matrix[i, j] weight_i``, shape (m, N)."""
    if matrix.shape[0] == 1:
        return np.asarray(weight @ matrix[0])
    return np.asarray(np.matmul(weight[:, None, :], matrix)[:, 0])


def _sales(matrix: FloatArray, demand: FloatArray) -> FloatArray:
    """Return ``sum_j matrix[i, j] demand_j``, shape (m, N)."""
    if matrix.shape[0] == 1:
        return np.asarray(demand @ matrix[0].T)
    return np.asarray(np.matmul(matrix, demand[:, :, None])[:, :, 0])


def _within(same: FloatArray | None, value: FloatArray) -> FloatArray:
    """Return each country's sum of ``value`` over the group it trades in, shape (m, N) or (m, 1)."""
    if same is None:
        return np.asarray(value.sum(axis=1, keepdims=True))
    return _sales(same, value)


def _constants(
    trade: FloatArray,
    theta: FloatArray,
    psi: FloatArray,
    tariffs: FloatArray | None,
    shock: Shock,
    same: FloatArray | None,
) -> _Block:
    """Return the constant matrices of the map."""
    paid = trade if tariffs is None else trade * (1 + tariffs)
    expenditure = paid.sum(axis=1)
    gross = paid / expenditure[:, None, :]
    for change in (shock.cost, shock.tariff, shock.export_tax):
        if change is not None:
            gross = gross * _power(change, theta)
    if shock.ban is not None:
        gross = np.where(shock.ban, 0.0, gross)
    net = gross if tariffs is None else gross / (1 + tariffs)
    if shock.tariff is not None:
        net = net / shock.tariff
    sold = net if shock.export_tax is None else net / shock.export_tax
    output = trade.sum(axis=2)
    return _Block(
        gross=gross,
        net=net,
        sold=sold,
        square=net * sold,
        output=output,
        world=np.asarray(_within(same, output)),
        spending=trade.sum(axis=1),
        expenditure=expenditure,
        same=same,
        theta=theta[:, None],
        psi=psi[:, None],
    )


def _power(change: FloatArray, theta: FloatArray) -> FloatArray:
    """Return ``change ** -theta`` by draw; exponentials are taken only where something changes."""
    moved = (change != 1).any(axis=0)
    logs = np.log(change[:, moved])
    out = np.ones((max(change.shape[0], theta.size), *change.shape[1:]))
    out[:, moved] = np.exp(-theta[:, None] * logs)
    return out


def _groups(
    support: BoolArray, trade: FloatArray, cause: str, deficits: str, conditional: bool
) -> FloatArray | None:
    """Return who trades in one group with whom, or None if all do; refuse what has no equilibrium."""
    for empty, what in ((~support.any(axis=2), "sell to"), (~support.any(axis=1), "buy from")):
        if empty.any():
            where = list_countries(np.any(empty, axis=0))
            raise ValueError(f"{cause}: countries {where} may {what} no one, not even at home")
    hub: BoolArray = np.all(support, axis=2) & np.all(support, axis=1)
    if np.any(hub, axis=1).all():  # one country that trades with all ties everyone together
        return None
    labels = np.stack([connected_components(graph, directed=False)[1] for graph in support])
    if deficits == "balanced" and not conditional and any(sells_one_way(graph) for graph in support):
        raise ValueError(
            f"{cause}: some countries would sell to others from which nothing can come back, however "
            "indirectly; with deficits='balanced' there is no equilibrium"
        )
    if not labels.any():
        return None
    same: FloatArray = (labels[:, :, None] == labels[:, None, :]).astype(np.float64)
    if conditional or deficits == "additive":
        _check_balance(same, trade, cause)
    return same


def _check_balance(same: FloatArray, trade: FloatArray, cause: str) -> None:
    """Refuse groups cut off from the rest whose fixed deficits could not be paid."""
    spending, output = trade.sum(axis=1), trade.sum(axis=2)
    gap = np.abs(np.matmul(same, (spending - output)[:, :, None])[:, :, 0])
    size = np.matmul(same, spending[:, :, None])[:, :, 0]
    cut = np.any(gap > _IMBALANCE * size, axis=0)
    if cut.any():
        raise ValueError(
            f"{cause}: countries {list_countries(cut)} are in groups cut off from the rest whose fixed "
            "deficits do not sum to zero, so that no one could pay them; use deficits='multiplicative' or "
            "'balanced' with kind='full'"
        )
