"""Both sides of every pair, behind the filter of measures, and the score of each partner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import InputError
from entrepot.models.complexity import Complexity, complexity
from entrepot.models.potential import (
    Potential,
    Reexports,
    domestic,
    export_potential,
    import_potential,
    supply_shares,
)
from entrepot.questions.lawful import Lawful, lawful, open_sectors
from entrepot.questions.partners_trade import Trade
from entrepot.world import products as hs
from entrepot.world import reporting, sectors, un_regimes

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Weights are of ranks between 0 and 1, so that a criterion in USD does not drown one in shares.
WEIGHTS: Mapping[str, float] = {
    "size": 0.30,
    "ease": 0.20,
    "complementarity": 0.20,
    "growth": 0.15,
    "risk": 0.15,
}


@dataclass(frozen=True, eq=False)
class Positions:
    """Which positions may be shown, for one country and every partner.

    Attributes
    ----------
    sell, buy : ndarray of bool, shape (N, K)
        True where the country's sale to, or purchase from, the partner is outside every measure.
    law : Lawful
        What was read, for its lists of countries.
    """

    sell: BoolArray
    buy: BoolArray
    law: Lawful


@dataclass(frozen=True, eq=False)
class Sides:
    """Both sides of every pair, over the positions that may be shown; USD a year.

    Attributes
    ----------
    trade : Trade
    open : Positions
    supply : ndarray, shape (N, K)
        Shares of the world market, corrected for re-exports where the table holds them.
    own_share : ndarray, shape (K,)
        Part of the country's exports that is not more than passed through.
    selling : Potential
        What the country could sell to each partner.
    buying : Potential
        What it could buy from each partner.
    space : Complexity or None
        None where the table does not order countries.
    """

    trade: Trade
    open: Positions
    supply: FloatArray
    own_share: FloatArray
    selling: Potential
    buying: Potential
    space: Complexity | None


@dataclass(frozen=True, eq=False)
class Pool:
    """The partners, scored.

    Attributes
    ----------
    criteria : mapping of str to ndarray, shape (N,)
        The five criteria in their own units; NaN where not observed.
    ranks : mapping of str to ndarray, shape (N,)
        The same between 0 (least) and 1 (most) among the partners that have a score.
    score : ndarray, shape (N,)
        Weighted mean of the ranks that are observed; NaN for a partner without one.
    flags : tuple of tuple of str, length N
        Risk flags.
    """

    criteria: Mapping[str, FloatArray]
    ranks: Mapping[str, FloatArray]
    score: FloatArray
    flags: tuple[tuple[str, ...], ...]

    @property
    def order(self) -> NDArray[np.intp]:
        """Positions of the partners that have a score, best first."""
        order = np.argsort(-np.nan_to_num(self.score, nan=-1.0), kind="stable")
        return order[~np.isnan(self.score[order])]


def open_positions(trade: Trade, at: date, *, own: str | Path | None = None) -> Positions:
    """Return the positions outside every measure on a day: the only ones that any output may hold.

    A position of an input-output table is an industry; see `entrepot.questions.lawful.open_sectors`.
    """
    revision = trade.revision or "HS1992"
    if trade.basis == "flows":
        law = lawful(trade.items, revision, at, own=own)
        sell = ~law.exports(trade.country, trade.partners)
        buy = ~law.imports(trade.country, trade.partners)
    else:
        law = lawful(hs.codes(revision), revision, at, own=own)
        order = [sectors.codes().index(item) for item in trade.items]
        sell = open_sectors(trade.country, trade.partners, at, own=own)[:, order]
        buy = open_sectors(trade.country, trade.partners, at, sells=False, own=own)[:, order]
    # A country is no partner of itself.
    sell[trade.own] = buy[trade.own] = False
    return Positions(sell, buy, law)


def both_sides(trade: Trade, positions: Positions) -> Sides:
    """Compute the potential of every pair as seller and as buyer."""
    # An input-output table follows goods from where they are made: nothing passes through in it.
    rule: Reexports = "none" if trade.basis == "industry_flows" else "net"
    supply = supply_shares(trade.exports, trade.imports, reexports=rule)
    kept = domestic(trade.exports, trade.imports, reexports=rule)[trade.own]
    sales = trade.exports[trade.own]
    share = np.divide(kept, sales, out=np.zeros_like(kept), where=sales > 0)
    selling = export_potential(
        supply[trade.own], trade.imports, trade.sold,
        domestic_share=share, allowed=positions.sell, observed=trade.observed,
    )  # fmt: skip
    buying = import_potential(
        trade.imports[trade.own], supply, trade.bought, allowed=positions.buy, observed=trade.observed
    )
    return Sides(trade, positions, supply, share, selling, buying, _space(trade))


def _space(trade: Trade) -> Complexity | None:
    """Return the measures of complexity; None where too few countries make anything."""
    try:
        found = complexity(trade.exports)
        _ = found.pci
    except ValueError:
        return None
    return found


def score(sides: Sides, weights: Mapping[str, float]) -> Pool:
    """Score every partner that has an open position which the country supplies."""
    trade, selling = sides.trade, sides.selling
    flags = tuple(_flags(sides, place) for place in range(len(trade.partners)))
    eligible = trade.others & (np.nan_to_num(_expected(sides)) > 0)
    criteria = {
        "size": _expected(sides),
        "ease": selling.ease,
        "complementarity": complementarity(sides),
        "growth": growth(sides),
        "risk": -np.array([float(len(flag)) for flag in flags]),
    }
    ranks = {name: _rank(values, eligible) for name, values in criteria.items()}
    total, mass = np.zeros(len(eligible)), np.zeros(len(eligible))
    for name, weight in weights.items():
        seen = ~np.isnan(ranks[name])
        total[seen] += weight * ranks[name][seen]
        mass[seen] += weight
    value = np.divide(total, mass, out=np.full(len(mass), np.nan), where=eligible & (mass > 0))
    return Pool(criteria, ranks, value, flags)


def _expected(sides: Sides) -> FloatArray:
    """Return the demand that the country's supply shares would meet, also where trade is not observed."""
    demand = np.where(sides.open.sell, sides.trade.imports, 0.0)
    return np.asarray(demand @ sides.supply[sides.trade.own])


def complementarity(sides: Sides) -> FloatArray:
    """Return Michaely's index of what the country supplies against what each partner buys, shape (N,).

    ``1 - 1/2 sum_k |x_k - m_jk|`` with shares over the open positions: 1 = the same mix, 0 = no item in
    common. NaN where a side is empty.
    """
    supplied = sides.trade.exports[sides.trade.own] * sides.own_share
    x, m = sides.open.sell * supplied, sides.open.sell * sides.trade.imports
    sums = x.sum(axis=1), m.sum(axis=1)
    both = (sums[0] > 0) & (sums[1] > 0)
    index = np.full(len(x), np.nan)
    gap = np.abs(x[both] / sums[0][both, None] - m[both] / sums[1][both, None])
    index[both] = 1 - 0.5 * gap.sum(axis=1)
    return index


def growth(sides: Sides) -> FloatArray:
    """Return the yearly growth of the demand for what the country supplies, shape (N,), nominal USD.

    Between the window and the one before it, over the open positions. NaN without an earlier window.
    """
    trade = sides.trade
    if trade.before is None:
        return np.full(len(trade.partners), np.nan)
    supply = sides.supply[trade.own]
    now = (sides.open.sell * trade.imports) @ supply
    then = (sides.open.sell * trade.before) @ supply
    ratio = np.divide(now, then, out=np.full(len(now), np.nan), where=(then > 0) & (now > 0))
    return np.asarray(ratio ** (1 / (trade.years[1] - trade.years[0] + 1)) - 1)


def dependence(sides: Sides) -> FloatArray:
    """Return how far each partner depends on one seller of what the country supplies, shape (N,).

    The mean Herfindahl-Hirschman index of its sellers, weighted by its demand at the country's shares.
    """
    weight = np.where(sides.open.sell, sides.trade.imports, 0.0) * sides.supply[sides.trade.own]
    total = weight.sum(axis=1)
    held = (weight * np.nan_to_num(sides.trade.sellers)).sum(axis=1)
    index: FloatArray = np.divide(held, total, out=np.full(len(total), np.nan), where=total > 0)
    return index


def _flags(sides: Sides, place: int) -> tuple[str, ...]:
    """Return the risk flags of one partner, in words."""
    trade, law = sides.trade, sides.open.law
    partner, country = trade.partners[place], trade.country
    if place == trade.own:
        return ()
    closed = law.why_closed(country, partner)
    if closed:
        return (closed,)
    found = []
    if partner in law.listed:
        found.append("target of measures")
    if partner in un_regimes.in_force(law.at):
        found.append("UN sanctions regime")
    if partner in reporting.silent(trade.years[1]):
        found.append("publishes no trade")
    if not trade.observed[place]:
        found.append("their trade is not observed")
    return tuple(found)


def _rank(values: FloatArray, eligible: BoolArray) -> FloatArray:
    """Return ranks between 0 and 1 among the eligible, equal values alike; NaN stays NaN."""
    found = np.full(len(values), np.nan)
    chosen = np.flatnonzero(eligible & ~np.isnan(values))
    if len(chosen) == 1:
        found[chosen] = 1.0
    elif len(chosen):
        seen = values[chosen]
        below = (seen[:, None] > seen[None, :]).sum(axis=1)
        equal = (seen[:, None] == seen[None, :]).sum(axis=1) - 1
        found[chosen] = (below + 0.5 * equal) / (len(chosen) - 1)
    return found


def read_weights(given: Mapping[str, float] | None) -> dict[str, float]:
    """Return weights that sum to 1; a criterion that is not named counts nothing.

    Raises
    ------
    InputError
        For an unknown name, a negative or infinite weight, or weights that are all zero.

    Examples
    --------
    >>> read_weights({"size": 3, "ease": 1})["size"]
    0.75
    """
    chosen = dict(WEIGHTS) if given is None else dict(given)
    for name, weight in chosen.items():
        if name not in WEIGHTS:
            raise InputError.unknown("weight", name, list(WEIGHTS), see=f"weights: {', '.join(WEIGHTS)}")
        if not 0 <= weight < float("inf"):
            raise InputError(f"the weight {name} is {weight}", hint="give a number of zero or more")
    total = sum(chosen.values())
    if not total > 0:
        raise InputError("no weight is above zero", hint=f"for example size=1; names: {', '.join(WEIGHTS)}")
    return {name: chosen.get(name, 0.0) / total for name in WEIGHTS}
