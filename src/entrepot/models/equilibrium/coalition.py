"""Coalitions of senders against a target: who pays, what a member adds, which transfers even it out.

A coalition S of sender groups applies a shock between its members and the target T; the equilibrium is solved
for every S. With baseline income ``E_n`` and the exact change of real income ``W_n`` (new over old), the loss
of country n in money at baseline prices, its equivalent variation, is ``E_n (1 - W_n)``; a group loses the
sum over its countries. The game is the harm to the target,

    v(S) = sum_{n in T} E_n (1 - W_n(S)),    v(nobody) = 0,

and the contribution of member i is the last-in marginal ``v(all) - v(all but i)``, or the Shapley value

    phi_i = sum_{S without i} |S|! (G - |S| - 1)! / G! (v(S + i) - v(S)),    sum_i phi_i = v(all).

Above the size limit it is estimated from random orders of joining, each together with its reverse; every
order adds up to v(all), so the estimate does too. The empty coalition is not solved: it harms nobody.

References
----------
Shapley, L. S. (1953). A value for n-person games. Contributions to the Theory of Games II, 307-317.
https://doi.org/10.1515/9781400881970-018
Castro, J., Gomez, D., & Tejada, J. (2009). Polynomial calculation of the Shapley value based on sampling.
Computers & Operations Research, 36(5), 1726-1730. https://doi.org/10.1016/j.cor.2008.04.004
Chowdhry, S., Hinz, J., Kamin, K., & Wanner, J. (2024). Brothers in arms: the value of coalitions in sanctions
regimes. Economic Policy, 39(118), 471-512.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from entrepot.models.equilibrium.instruments import (
    Ban,
    BoolArray,
    Case,
    Countries,
    FloatArray,
    IntArray,
    Model,
    Tariff,
    base_income,
    country_count,
    country_mask,
    solve_cases,
)

Shock = Ban | Tariff | Callable[[BoolArray], Case]

FREE = 1e-9  # a loss below this part of income is within the solver's tolerance: it counts as no cost
_MOST = 14  # groups whose subsets are all solved at most: 16,383 equilibria


@dataclass(frozen=True, slots=True)
class Coalitions:
    """Losses in every coalition; C coalitions, G members, leading axes after C are draws of the model.

    Losses are in money at baseline prices (equivalent variation), in the unit of the trade table; a negative
    loss is a gain.

    Attributes
    ----------
    masks : ndarray of bool, shape (C, G)
        Members of each coalition, smaller ones first; the last row is the grand coalition.
    member_loss : ndarray, shape (C, ..., G)
        Loss of each group, inside the coalition or not.
    target_loss : ndarray, shape (C, ...)
        Harm to the target.
    others_loss : ndarray, shape (C, ...)
        Loss of all other countries together.
    member_income : ndarray, shape (..., G)
        Baseline income.
    target_income : ndarray, shape (...)
        Baseline income.
    shapley, shapley_error : ndarray, shape (..., G)
        Shapley value of the harm in money, and its standard error from sampling (0 where all were solved).
    last_in : ndarray, shape (..., G)
        Harm that is lost if the member alone leaves the grand coalition, in money.
    alone : ndarray, shape (..., G)
        Harm that the member does by itself, in money.
    orders : int
        Random orders sampled; 0 where all subsets were solved.
    """

    masks: BoolArray
    member_loss: FloatArray
    target_loss: FloatArray
    others_loss: FloatArray
    member_income: FloatArray
    target_income: FloatArray
    shapley: FloatArray
    shapley_error: FloatArray
    last_in: FloatArray
    alone: FloatArray
    orders: int

    @property
    def member_percent(self) -> FloatArray:
        """Loss of each group in percent of its real income, shape (C, ..., G)."""
        return 100 * self.member_loss / self.member_income

    @property
    def target_percent(self) -> FloatArray:
        """Harm to the target in percent of its real income, shape (C, ...)."""
        return 100 * self.target_loss / self.target_income

    @property
    def own_loss(self) -> FloatArray:
        """Loss of a coalition's own members together, shape (C, ...)."""
        loss: FloatArray = np.where(self._inside(), self.member_loss, 0.0).sum(axis=-1)
        return loss

    @property
    def harm_per_cost(self) -> FloatArray:
        """Harm per own loss, money over money, by :func:`harm_ratio`, shape (C, ...)."""
        income = np.where(self._inside(), self.member_income, 0.0).sum(axis=-1)
        return harm_ratio(self.target_loss, self.own_loss, FREE * self.target_income, FREE * income)

    def row(self, members: Sequence[int]) -> int:
        """Return the row of the coalition of these member groups.

        Raises
        ------
        ValueError
            If a position is no member group, or the coalition was not solved.
        """
        groups = self.masks.shape[1]
        wanted = country_mask("members", members, groups)
        found = np.flatnonzero((self.masks == wanted).all(axis=1))
        if not found.size:
            raise ValueError(f"members: the coalition of {list(members)} was not among those sampled")
        return int(found[0])

    def transfers(self, row: int = -1, weights: ArrayLike | None = None) -> FloatArray:
        """Return what each member receives (+) or pays (-) to share the coalition's loss, shape (..., G).

        ``T_i = loss_i - w_i / sum(w) * sum_k loss_k`` over the members of coalition ``row``, zero for others;
        transfers sum to zero. They are money at baseline prices; what they themselves do to prices (the
        transfer problem) is left out.

        Parameters
        ----------
        row : int
            Coalition, by its row in ``masks``; the grand coalition by default.
        weights : array_like, shape (..., G), optional
            Shares in which the loss is to be borne, >= 0. Baseline income by default: a burden in proportion
            to income, so that every member loses the same percentage.

        Raises
        ------
        ValueError
            If weights are negative or not finite, or sum to zero in the coalition.
        """
        inside = self.masks[row]
        given = self.member_income if weights is None else np.asarray(weights, dtype=np.float64)
        if not np.isfinite(given).all() or (given < 0).any():
            raise ValueError("weights: finite numbers, at least 0, are needed")
        share = np.where(inside, given, 0.0)
        total = share.sum(axis=-1, keepdims=True)
        if (total <= 0).any():
            raise ValueError("weights: some member of the coalition needs a weight above 0")
        loss = np.where(inside, self.member_loss[row], 0.0)
        paid: FloatArray = loss - share / total * loss.sum(axis=-1, keepdims=True)
        return paid

    def _inside(self) -> BoolArray:
        """Return the masks with axes for the draws."""
        count, groups = self.masks.shape
        return self.masks.reshape((count, *(1,) * (self.member_loss.ndim - 2), groups))


@dataclass(frozen=True, slots=True)
class _Plan:
    """Coalitions to solve, and the random orders (R, G) they come from (None: all subsets)."""

    masks: BoolArray
    orders: IntArray | None

    def rows(self, masks: BoolArray) -> IntArray:
        """Return the row of each mask, shape of ``masks`` without its last axis; -1 for nobody."""
        position = {mask.tobytes(): row for row, mask in enumerate(self.masks)}
        flat = masks.reshape(-1, masks.shape[-1])
        found = [position[mask.tobytes()] if mask.any() else -1 for mask in flat]
        return np.array(found, dtype=np.intp).reshape(masks.shape[:-1])


def coalitions(
    model: Model,
    shock: Shock,
    members: Sequence[Countries],
    target: Countries,
    *,
    size_limit: int = 10,
    orders: int = 64,
    seed: int = 0,
    tolerance: float = 1e-9,
) -> Coalitions:
    """Solve the coalitions of sender groups against a target.

    Parameters
    ----------
    model : OneSector or ManySectors
        The economy; its draws are kept as leading axes.
    shock : Ban, Tariff or callable
        What a coalition does. A callable gets the mask of member groups in the coalition, bool of shape (G,),
        and returns arguments of ``model.solve`` as a dict.
    members : sequence
        G groups of senders, each a position of a country or several; no country twice.
    target : int or sequence of int
        Positions of the target's countries.
    size_limit : int
        Up to so many groups (14 at most) all ``2^G - 1`` coalitions are solved; above, the grand coalition,
        each member alone, each left out, and those on random orders of joining.
    orders : int
        Random orders above the size limit, an even number >= 4: half drawn, half their reverses.
    seed : int
        Seed of the random orders.
    tolerance : float
        Residual that every equilibrium must reach.

    Returns
    -------
    Coalitions

    Raises
    ------
    ValueError
        If an argument is wrong, or as ``model.solve``.
    ConvergenceError
        If some coalition has no equilibrium to the tolerance; the message says why.

    Examples
    --------
    Three equal countries; two stop trading with the third.

    >>> from entrepot.models.equilibrium.one_sector import OneSector
    >>> world = OneSector(np.full((3, 3), 10.0) + 70 * np.eye(3), 4.0)
    >>> found = coalitions(world, Ban(), members=[0, 1], target=2)
    >>> found.masks.astype(int).tolist(), np.round(found.target_percent, 3).tolist()
    ([[1, 0], [0, 1], [1, 1]], [2.743, 2.743, 5.426])
    >>> np.round(found.shapley, 3).tolist(), np.round(found.transfers() + 0.0, 9).tolist()
    ([2.713, 2.713], [0.0, 0.0])
    """
    n = country_count(model)
    groups, hit = _groups(members, target, n)
    plan = _plan(len(groups), size_limit, orders, seed)

    def make(position: int) -> Case:
        mask = plan.masks[position]
        if isinstance(shock, Ban | Tariff):
            return shock.case(model, groups[mask].any(axis=0), hit)
        return shock(mask.copy())

    welfare = solve_cases(model, len(plan.masks), make, tolerance=tolerance)
    income = base_income(model)
    loss = income * (1 - welfare)
    rest = ~(groups.any(axis=0) | hit)
    harm = loss @ hit
    shapley, error = _shapley(plan, harm)
    size = len(groups)
    everyone, each = np.ones((1, size), dtype=np.bool_), np.eye(size, dtype=np.bool_)
    without = _value(harm, plan.rows(~each))
    draws = harm.shape[1:]
    return Coalitions(
        masks=plan.masks,
        member_loss=loss @ groups.T,
        target_loss=harm,
        others_loss=loss @ rest,
        member_income=np.broadcast_to(income @ groups.T, (*draws, size)),
        target_income=np.broadcast_to(income @ hit, draws),
        shapley=shapley,
        shapley_error=error,
        last_in=np.moveaxis(_value(harm, plan.rows(everyone)) - without, 0, -1),
        alone=np.moveaxis(_value(harm, plan.rows(each)), 0, -1),
        orders=0 if plan.orders is None else len(plan.orders),
    )


def harm_ratio(
    harm: ArrayLike, cost: ArrayLike, least_harm: ArrayLike = 0.0, least_cost: ArrayLike = 0.0
) -> FloatArray:
    """Return harm per cost, with a stated rule where the cost is zero or a gain.

    Infinite where harm comes at no cost (``harm > least_harm`` and ``cost <= least_cost``); 0 where there is
    neither harm nor cost; else ``harm / cost``.

    Examples
    --------
    >>> harm_ratio([3.0, 3.0, 0.0, -1.0, -1.0], [2.0, -1.0, 0.0, 2.0, -1.0]).tolist()
    [1.5, inf, 0.0, -0.5, 0.0]
    """
    harm, cost = np.broadcast_arrays(np.asarray(harm, dtype=np.float64), np.asarray(cost, dtype=np.float64))
    costly = cost > least_cost
    ratio = np.divide(harm, cost, out=np.zeros(harm.shape), where=costly)
    return np.where(~costly & (harm > least_harm), np.inf, ratio)


def _groups(members: Sequence[Countries], target: Countries, n: int) -> tuple[BoolArray, BoolArray]:
    """Return masks of the members' countries (G, N) and the target's (N,), checked to be disjoint."""
    if len(members) == 0:
        raise ValueError("members: at least one group of countries is needed")
    groups = np.array([country_mask("members", group, n) for group in members])
    twice = np.flatnonzero(groups.sum(axis=0) > 1)
    if twice.size:
        raise ValueError(f"members: country {twice[0]} is in two groups")
    hit = country_mask("target", target, n)
    both = np.flatnonzero(hit & groups.any(axis=0))
    if both.size:
        raise ValueError(f"target: country {both[0]} is a member as well")
    return groups, hit


def _plan(size: int, size_limit: int, orders: int, seed: int) -> _Plan:
    """Choose the coalitions: all subsets, or those on random orders of joining."""
    if not 0 <= size_limit <= _MOST:
        raise ValueError(f"size_limit: a number between 0 and {_MOST} is needed, got {size_limit}")
    if size <= size_limit:
        number = np.arange(1, 2**size)
        return _Plan(_sorted((number[:, None] >> np.arange(size)) % 2 == 1), None)
    if orders < 4 or orders % 2:
        raise ValueError(f"orders: an even number of at least 4 is needed, got {orders}")
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(size), (orders // 2, 1)), axis=1)
    chosen = np.concatenate([drawn, drawn[:, ::-1]]).astype(np.intp)
    each = np.eye(size, dtype=np.bool_)
    joined = _joined(chosen).reshape(-1, size)
    return _Plan(_sorted(np.unique(np.concatenate([joined, each, ~each]), axis=0)), chosen)


def _sorted(masks: BoolArray) -> BoolArray:
    """Return masks with somebody in them, smaller coalitions first."""
    masks = masks[masks.any(axis=1)]
    keys = (*(~masks[:, ::-1]).T, masks.sum(axis=1))
    return np.ascontiguousarray(masks[np.lexsort(keys)])


def _joined(orders: IntArray) -> BoolArray:
    """Return who has joined after each step of each order, shape (R, G, G)."""
    size = orders.shape[1]
    rank = np.argsort(orders, axis=1)
    joined: BoolArray = rank[:, None, :] <= np.arange(size)[:, None]
    return joined


def _value(harm: FloatArray, rows: IntArray) -> FloatArray:
    """Return v of the coalitions in ``rows``, shape (*rows.shape, ...); nobody (-1) does no harm."""
    nobody = (rows < 0).reshape(rows.shape + (1,) * (harm.ndim - 1))
    return np.where(nobody, 0.0, harm[rows])


def _shapley(plan: _Plan, harm: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Shapley values and their standard errors, shape (..., G)."""
    masks, size = plan.masks, plan.masks.shape[1]
    if plan.orders is None:
        count = masks.sum(axis=1)
        weight = np.array([factorial(k) * factorial(size - k - 1) for k in range(size)] + [0])
        weight = weight / factorial(size)
        # a coalition counts for its members as joined by them, and for the others as what they find
        coefficient = np.where(masks, weight[count - 1][:, None], -weight[count][:, None])
        value = np.moveaxis(np.tensordot(coefficient, harm, axes=(0, 0)), 0, -1)
        return value, np.zeros_like(value)
    chain = _value(harm, plan.rows(_joined(plan.orders)))
    step = np.diff(chain, axis=1, prepend=0.0)
    rank = np.argsort(plan.orders, axis=1)
    added = np.take_along_axis(step, rank.reshape(rank.shape + (1,) * (step.ndim - 2)), axis=1)
    half = len(added) // 2
    pairs = (added[:half] + added[half:]) / 2
    error = pairs.std(axis=0, ddof=1) / np.sqrt(half)
    return np.moveaxis(pairs.mean(axis=0), 0, -1), np.moveaxis(error, 0, -1)
