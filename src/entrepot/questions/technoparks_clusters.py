"""From the product space to clusters: candidates, what each is worth, and what stands around a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.models.clusters import Selection, choose, cohesion, communities
from entrepot.models.complexity import Complexity, complexity
from entrepot.questions.lawful import open_sectors
from entrepot.questions.partners_score import Positions
from entrepot.questions.partners_trade import Trade
from entrepot.world import sectors

if TYPE_CHECKING:
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Places = NDArray[np.intp]

# CEPII's rule for a dependency: sellers of the country and of the world concentrated, imports above exports.
CONCENTRATED = 0.4

# The programme stays small: more candidates than these are cut to the most worthy.
MOST_CANDIDATES = 300

# Industries whose services stand for knowledge in the purchases of others: the skill proxy.
KNOWLEDGE = ("J58T60", "J61", "J62_63", "M")


# What a park can house: a deposit, a field or an office of the state is none of it.
HOUSED = ("manufacturing",)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Items that a country could reach, with what each is worth; arrays of length n.

    Attributes
    ----------
    places : ndarray of int
        Positions among the items of the trade.
    reach : ndarray
        Density, 0 to 1.
    pci, gain : ndarray
        Complexity of the item, and the outlook gain of making it.
    skill : ndarray
        Share of knowledge services in the purchases of its industry; NaN where no table says.
    imports : ndarray
        Own imports, USD a year.
    sellers : ndarray
        Concentration of their sellers, 0 to 1; NaN without imports.
    dependent : ndarray of bool
        True where the country's sellers and the world's are concentrated and imports exceed exports.
    demand : ndarray
        Imports of the markets that are open, USD a year.
    worth : ndarray
        ``rank(reach) rank(complexity) rank(substitution)``, each between 0 and 1.
    """

    places: Places
    reach: FloatArray
    pci: FloatArray
    gain: FloatArray
    skill: FloatArray
    imports: FloatArray
    sellers: FloatArray
    dependent: BoolArray
    demand: FloatArray
    worth: FloatArray

    def cut(self, keep: NDArray[np.intp]) -> Candidates:
        """Return the candidates at some positions."""
        return Candidates(*(getattr(self, name)[keep] for name in self.__dataclass_fields__))


@dataclass(frozen=True, eq=False)
class Plan:
    """The clusters, and everything that is said about them.

    Attributes
    ----------
    trade : Trade
    open : Positions
    space : Complexity
    candidates : Candidates
    chosen : Selection
        Members are positions among the candidates.
    pool : int
        Number of communities from which the clusters were chosen.
    near : ndarray, shape (n, K)
        Proximity of each candidate to every item.
    """

    trade: Trade
    open: Positions
    space: Complexity
    candidates: Candidates
    chosen: Selection
    pool: int
    near: FloatArray

    def items(self, cluster: int) -> Places:
        """Return the items of a cluster, most worthy first, as positions among the items of the trade."""
        members = self.chosen.members[cluster]
        order = np.argsort(-np.round(self.candidates.worth[members], 12), kind="stable")
        return self.candidates.places[members[order]]

    def leaders(self, cluster: int) -> Places:
        """Return the items of a cluster in the order in which they name it: its own before shared ones."""
        others = [group for at, group in enumerate(self.chosen.members) if at != cluster]
        shared = self.candidates.places[np.concatenate([np.zeros(0, np.intp), *others])]
        items = self.items(cluster)
        return items[np.argsort(np.isin(items, shared), kind="stable")]


def plan(
    store: Store,
    trade: Trade,
    positions: Positions,
    k: int,
    *,
    brains: float = 0.0,
    size: tuple[int, int] = (2, 6),
    overlap: int = 1,
) -> Plan:
    """Choose the clusters of a country.

    Raises
    ------
    DataError
        If the table does not order countries by complexity.
    InputError
        If brains count and the store has no input-output table to measure them by.
    """
    space = product_space(trade)
    found = candidates(store, trade, positions, space, brains)
    # Rows of the candidates only: the whole matrix of a full HS would take 200 MB.
    rows = np.array([space.proximity_to(int(place)) for place in found.places])
    rows = np.nan_to_num(rows.reshape(len(found.places), len(trade.items)))
    near = rows[:, found.places]
    pool = communities(near, least=size[0])
    worth = cohesion(near, pool) * found.worth
    if size[0] == 1:
        # Alone, an item coheres with itself.
        worth = np.where(pool.sum(axis=1, keepdims=True) == 1, pool * found.worth, worth)
    chosen = choose(worth, pool, k, least=size[0], most=size[1], overlap=overlap)
    return Plan(trade, positions, space, found, chosen, len(pool), rows)


def product_space(trade: Trade) -> Complexity:
    """Return the measures of complexity of the table, under the default convention."""
    try:
        space = complexity(trade.exports)
        _ = space.pci
    except ValueError as error:
        raise DataError(
            f"the table {trade.basis} does not order countries by complexity: {error}",
            hint="choose another --table or --year",
        ) from None
    return space


def candidates(
    store: Store, trade: Trade, positions: Positions, space: Complexity, brains: float
) -> Candidates:
    """Return the items within reach that are not made with advantage and stand outside the measures.

    An item is a candidate if it raises complexity (above the mean of what is made) or replaces concentrated
    imports, and if some open market buys it. A code that some sender keeps from the country is none; of the
    industries only manufacturing and knowledge services are.
    """
    own = trade.own
    density, pci = space.density_of(own), space.pci
    demand = np.where(positions.sell, trade.imports, 0.0).sum(axis=0)
    buys, sellers = trade.imports[own], trade.sellers[own]
    concentrated = (np.nan_to_num(sellers) > CONCENTRATED) & (buys > trade.exports[own])
    keep = np.flatnonzero(
        _allowed(trade, positions) & (demand > 0) & (np.nan_to_num(density) > 0) & np.isfinite(pci)
        & (space.m[own] < 1) & (_raises(space, own) | concentrated)
    )  # fmt: skip
    skill = skills(store, trade)
    if skill is None and brains > 0:
        raise InputError(
            "the store has no input-output table to measure brains by", hint="leave --brains out"
        )
    talent = np.full(len(trade.items), np.nan) if skill is None else skill
    worth = _worth(density[keep], pci[keep], talent[keep], (buys * np.nan_to_num(sellers))[keep], brains)
    found = Candidates(
        places=keep,
        reach=density[keep],
        pci=pci[keep],
        gain=space.cog_of(own)[keep],
        skill=talent[keep],
        imports=buys[keep],
        sellers=sellers[keep],
        dependent=(concentrated & (np.nan_to_num(trade.world_sellers) > CONCENTRATED))[keep],
        demand=demand[keep],
        worth=worth,
    )
    most = np.sort(np.argsort(-np.round(worth, 12), kind="stable")[:MOST_CANDIDATES])
    return found.cut(most)


def _allowed(trade: Trade, positions: Positions) -> BoolArray:
    """Return the items (K,) that a park of the country may be about."""
    if trade.basis == "flows":
        return ~positions.law.made(trade.country) & positions.buy.any(axis=0)
    return np.array([sectors.group(item) in HOUSED or item in KNOWLEDGE for item in trade.items], bool)


def _raises(space: Complexity, own: int) -> BoolArray:
    """Return the items (K,) more complex than the mean of what the country makes; all if it makes nothing."""
    made = (space.m[own] >= 1) & np.isfinite(space.pci)
    return np.asarray(space.pci > space.pci[made].mean() if made.any() else np.isfinite(space.pci))


def _worth(
    reach: FloatArray, pci: FloatArray, skill: FloatArray, replaced: FloatArray, brains: float
) -> FloatArray:
    """Multiply three ranks: reach, complexity (goods and brains weighted), and imports replaced."""
    goods = _rank(pci)
    mixed = goods if brains == 0 else (1 - brains) * goods + brains * _rank(np.nan_to_num(skill))
    return np.asarray(_rank(reach) * mixed * _rank(replaced))


def _rank(values: FloatArray) -> FloatArray:
    """Return ranks above 0 up to 1, equal values alike."""
    n = max(1, len(values))
    rounded = np.round(values, 10)
    below = (rounded[:, None] > rounded[None, :]).sum(axis=1)
    equal = (rounded[:, None] == rounded[None, :]).sum(axis=1)
    return np.asarray((below + 0.5 * (equal + 1)) / n)


def skills(store: Store, trade: Trade) -> FloatArray | None:
    """Return the skill proxy of every item, shape (K,); None without an input-output table.

    The share of knowledge services in what an industry buys, over the whole world: publishing, telecoms, IT,
    professional and research services. A code takes the share of the industry that makes it.
    """
    if not store.has("industry_flows"):
        return None
    share = _knowledge(store, store.info("industry_flows").sha256)
    return np.array([share.get(_industry(trade, item), np.nan) for item in trade.items])


@lru_cache(maxsize=4)
def _knowledge(store: Store, sha256: str) -> dict[str, float]:
    """Return the share of knowledge services in each industry's purchases, once for each store content."""
    _, year = store.info("industry_flows").years or (0, 0)
    frame = store.table("industry_flows").filter(nw.col("year") == year)
    sums = store.collect(frame.group_by("buyer_sector", "seller_sector").agg(nw.col("value").sum()))
    total: dict[str, float] = {}
    known: dict[str, float] = {}
    for row in sums.to_pylist():
        total[row["buyer_sector"]] = total.get(row["buyer_sector"], 0.0) + row["value"]
        if row["seller_sector"] in KNOWLEDGE:
            known[row["buyer_sector"]] = known.get(row["buyer_sector"], 0.0) + row["value"]
    return {name: round(known.get(name, 0.0) / value, 10) for name, value in total.items() if value > 0}


def _industry(trade: Trade, item: str) -> str:
    """Return the industry that makes an item; empty for goods not specified by kind."""
    if trade.basis == "industry_flows":
        return item
    return sectors.of_product(item) if item[:2] < "98" else ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Something made at home with advantage, near a cluster: an HS heading or an industry."""

    cluster: int
    item: str
    exports: float
    proximity: float


def anchors(found: Plan, most: int = 4) -> list[Anchor]:
    """Return what is made with advantage and nearest to each cluster; headings for HS codes.

    An anchor is open to some market and, like any position, no arms and no dual-use good of a target.
    """
    trade, space = found.trade, found.space
    made = (space.m[trade.own] >= 1) & found.open.sell.any(axis=0)
    if trade.basis == "flows":
        made &= ~found.open.law.made(trade.country)
    rows: list[Anchor] = []
    for cluster in range(len(found.chosen.groups)):
        near = found.near[found.chosen.members[cluster]].mean(axis=0)
        best: dict[str, Anchor] = {}
        for place in np.flatnonzero(made):
            name = trade.items[place][:4] if trade.basis == "flows" else trade.items[place]
            before = best.get(name)
            value = float(trade.exports[trade.own, place]) + (before.exports if before else 0.0)
            nearest = max(float(near[place]), before.proximity if before else 0.0)
            best[name] = Anchor(cluster, name, value, nearest)
        rows += sorted(best.values(), key=lambda row: (-round(row.proximity, 10), row.item))[:most]
    return rows


@dataclass(frozen=True, slots=True)
class Input:
    """What the industries of a cluster buy from one industry: at home, and from sources that are open."""

    cluster: int
    sector: str
    home: float
    abroad: float
    sources: tuple[str, ...]


def inputs(store: Store, found: Plan, at: date, own: str | None, most: int = 6) -> list[Input] | None:
    """Return the largest inputs of each cluster's industries; None where no table holds the country's.

    Purchases from abroad count only where the source's industry is open to the country.
    """
    trade = found.trade
    if not store.has("industry_flows"):
        return None
    _, year = store.info("industry_flows").years or (0, 0)
    frame = store.table("industry_flows").filter(
        nw.col("year") == year, nw.col("buyer_country") == trade.country
    )
    keys = ("buyer_sector", "seller_country", "seller_sector")
    rows = store.collect(frame.group_by(*keys).agg(nw.col("value").sum()).sort(*keys)).to_pylist()
    if not rows:
        return None
    sources = sorted({row["seller_country"] for row in rows} - {trade.country})
    free = open_sectors(trade.country, sources, at, sells=False, own=own)
    place = {source: i for i, source in enumerate(sources)}
    order = {code: i for i, code in enumerate(sectors.codes())}
    found_rows: list[Input] = []
    for cluster in range(len(found.chosen.groups)):
        mine = {_industry(trade, trade.items[item]) for item in found.items(cluster)}
        home: dict[str, float] = {}
        abroad: dict[str, dict[str, float]] = {}
        for row in rows:
            seller, sector = row["seller_country"], row["seller_sector"]
            if row["buyer_sector"] not in mine:
                continue
            if seller == trade.country:
                home[sector] = home.get(sector, 0.0) + 1e6 * row["value"]
            elif free[place[seller], order[sector]]:
                part = abroad.setdefault(sector, {})
                part[seller] = part.get(seller, 0.0) + 1e6 * row["value"]
        found_rows += _largest_inputs(cluster, home, abroad, most)
    return found_rows


def _largest_inputs(
    cluster: int, home: Mapping[str, float], abroad: Mapping[str, Mapping[str, float]], most: int
) -> list[Input]:
    rows = []
    for sector in {*home, *abroad}:
        from_abroad = abroad.get(sector, {})
        first = sorted(from_abroad, key=lambda name: (-round(from_abroad[name]), name))[:3]
        rows.append(
            Input(
                cluster, sector, round(home.get(sector, 0.0)), round(sum(from_abroad.values())), tuple(first)
            )
        )
    rows = [row for row in rows if row.abroad > 0]
    return sorted(rows, key=lambda row: (-row.abroad, row.sector))[:most]


@dataclass(frozen=True, slots=True)
class Market:
    """A partner that buys what a cluster could make, over the positions open to the country."""

    cluster: int
    partner: str
    demand: float
    sold: float | None
    positions: tuple[str, ...]


def markets(found: Plan, most: int = 6) -> list[Market]:
    """Return the largest open markets of each cluster."""
    trade = found.trade
    rows = []
    for cluster in range(len(found.chosen.groups)):
        items = found.items(cluster)
        free = found.open.sell[:, items]
        demand = np.where(free, trade.imports[:, items], 0.0)
        sold = np.where(free, trade.sold[:, items], 0.0).sum(axis=1)
        order = np.argsort(-demand.sum(axis=1), kind="stable")[:most]
        rows += [
            Market(
                cluster,
                trade.partners[j],
                float(demand[j].sum()),
                float(sold[j]) if trade.observed[j] else None,
                tuple(trade.items[item] for item, there in zip(items, demand[j] > 0, strict=True) if there),
            )
            for j in order
            if demand[j].sum() > 0
        ]
    return rows
