"""The legs of evidence of each cell (hub, product). A leg that was not observed is NaN, never 0.

A  goods from the origins to the hub above expectation;
B  goods from the hub to the destinations above expectation;
C  fall of the direct flow from origins to destinations (of the product: the same for every hub);
D  change of the mirror gap: what origins report to send against what the hub reports to receive;
E  breadth: rises and falls against expectation added up over origin countries, each counted once whatever its
   size, origins that joined apart from those that sold before;
F  persistence: the mean rise above expectation over periods, each counted once whatever its size;
G  growth of the unit value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entrepot.models.detection.baseline import Flows, expect
from entrepot.models.detection.panel import (
    BoolArray,
    FloatArray,
    IntArray,
    Roles,
    Trade,
    Window,
    compact,
    member,
    sum_by,
)

LEGS = ("A", "B", "C", "D", "E", "F", "G")
# One origin's log rise counts for at most this in the breadth: one consignment can multiply a flow at will.
# Chosen among none, 2 and 3 on placebo windows and plants.
LIMIT = 2.0
# A flow is established from this many times small change on, and rose manifold beyond this log ratio.
ESTABLISHED = 20.0
MANIFOLD = np.log(7.0)


@dataclass(frozen=True, slots=True)
class Legs:
    """Evidence by cell in one window; cells are ordered by hub, then product. Values are sums over time.

    Attributes
    ----------
    hub, product : ndarray of int, shape (c,)
    before, observed, expected : ndarray, shape (c,)
        Origins to hub: mean window before, window after, and what was expected after.
    hub_factor, product_factor : ndarray, shape (c,)
        The two growth factors in ``expected``, weighted by flow; 1 where nothing was bought before.
    onward, onward_expected : ndarray, shape (c,)
        Hub to destinations; NaN where the hub's exports were not observed.
    direct_before, direct_after : ndarray, shape (c,)
        Origins to destinations, of the product; NaN where not observed.
    gap_before, gap_after : ndarray, shape (c,)
        Log of origins' exports over the hub's reported imports; NaN where either is absent.
    joined, raised, fallen : ndarray, shape (c,)
        Sum over origins of the log of what each sold over what was expected, both plus ``floor``, each
        bounded smoothly by ``LIMIT``: rises of those that sold no more than small change before, rises of
        the others, and falls (negative).
    senders_before, senders_after : ndarray, shape (c,)
        Number of origins with any trade.
    persistence : ndarray, shape (c,)
        Mean over periods of the log of what came over what was expected, both plus a period's ``floor``.
    unit_before, unit_after : ndarray, shape (c,)
        Value per mass; NaN where mass was not observed.
    top_period, top_origin : ndarray, shape (c,)
        Share of the largest period in the flow after, and of the largest origin in the excess; NaN without
        one.
    floor : float
        Value of small change over the whole window.
    length : int
        Periods after.
    """

    hub: IntArray
    product: IntArray
    before: FloatArray
    observed: FloatArray
    expected: FloatArray
    hub_factor: FloatArray
    product_factor: FloatArray
    onward: FloatArray
    onward_expected: FloatArray
    direct_before: FloatArray
    direct_after: FloatArray
    gap_before: FloatArray
    gap_after: FloatArray
    joined: FloatArray
    raised: FloatArray
    fallen: FloatArray
    senders_before: FloatArray
    senders_after: FloatArray
    persistence: FloatArray
    unit_before: FloatArray
    unit_after: FloatArray
    top_period: FloatArray
    top_origin: FloatArray
    floor: float
    length: int

    @property
    def excess(self) -> FloatArray:
        """Observed less expected, origins to hub; negative where less came than expected."""
        return self.observed - self.expected

    @property
    def breadth(self) -> FloatArray:
        """Rises less falls over origins, each counted once."""
        return np.asarray(self.joined + self.raised + self.fallen)

    @property
    def multiplied(self) -> BoolArray:
        """Established flows that rose manifold, and not in a few periods alone: they rose on average too."""
        ratio = np.log((self.observed + self.floor) / (self.expected + self.floor))
        steady = (self.expected > ESTABLISHED * self.floor) & (self.persistence > 0.0)
        return np.asarray(steady & (ratio > MANIFOLD))

    @property
    def fall(self) -> FloatArray:
        """Share of the direct flow that went, 0 to 1; NaN where there was none or it was not observed."""
        had = self.direct_before > self.floor
        share = np.full(self.hub.size, np.nan)
        np.divide(self.direct_after, self.direct_before, out=share, where=had)
        return np.asarray(np.clip(1.0 - share, 0.0, 1.0))

    @property
    def large(self) -> BoolArray:
        """Cells with more than small change in the window: the ones that are tested."""
        return np.asarray(self.observed + self.expected > self.floor)


def measure_legs(
    trade: Trade,
    roles: Roles,
    window: Window,
    *,
    parents: Sequence[IntArray],
    floor: float,
    uncovered: Trade | None = None,
    hub_reports: Trade | None = None,
    onward_observed: BoolArray | None = None,
    onward_to: IntArray | None = None,
    direct_observed: bool = True,
) -> Legs:
    """Measure every leg in one window.

    Parameters
    ----------
    trade : Trade
        Covered goods, as the origins report them (and the hubs, where hubs' exports are known).
    roles : Roles
    window : Window
    parents : sequence of ndarray of int, shape (products,)
        Coarser groups of each product, finest first.
    floor : float
        Value a period that is small change: about the smallest flow worth a look.
    uncovered : Trade, optional
        Goods outside the measures (product codes are not read).
    hub_reports : Trade, optional
        Imports as the hubs report them, for the mirror gap.
    onward_observed : ndarray of bool, shape (countries,), optional
        Hubs whose own exports are known in both windows; by default those with any row as exporter in each.
    onward_to : ndarray of int, optional
        Where goods are looked for after the hub, leg B; by default the destinations. Under an import ban
        goods may be sold on to anyone.
    direct_observed : bool
        Whether flows from origins to destinations are known.

    Returns
    -------
    Legs

    Raises
    ------
    ValueError
        If ``floor`` is not positive or a parent grouping has the wrong length.
    """
    if not floor > 0:
        raise ValueError("floor must be a positive value a period")
    if any(np.asarray(group).shape != (trade.products,) for group in parents):
        raise ValueError("parents must give one group for every product")
    flows = expect(
        trade,
        roles.origins,
        roles.hubs,
        roles.controls,
        window,
        parents=parents,
        floor=floor,
        uncovered=uncovered,
    )
    keys, cell = compact(flows.importer * trade.products + flows.product, trade.countries * trade.products)
    hub, product = np.divmod(keys, trade.products)
    amounts = {
        name: sum_by(cell, getattr(flows, name), keys.size) for name in ("before", "after", "expected")
    }
    goal = roles.destinations if onward_to is None else np.asarray(onward_to, np.int64)
    onward = _onward(trade, roles, goal, window, parents, floor, onward_observed, hub, product)
    direct = _direct(trade, roles, window, product) if direct_observed else (np.full(hub.size, np.nan),) * 2
    gaps = _gaps(trade, hub_reports, roles, window, hub, product, floor)
    persistence, top_period = _by_period(flows, cell, amounts["expected"], floor)
    factors = _factors(flows, cell, keys.size)
    breadth = _breadth(flows, cell, keys.size, floor * window.post.size)
    units = _unit_values(flows, cell, keys.size)
    return Legs(
        hub=hub,
        product=product,
        before=amounts["before"],
        observed=amounts["after"],
        expected=amounts["expected"],
        hub_factor=factors[0],
        product_factor=factors[1],
        onward=onward[0],
        onward_expected=onward[1],
        direct_before=direct[0],
        direct_after=direct[1],
        gap_before=gaps[0],
        gap_after=gaps[1],
        joined=breadth[0],
        raised=breadth[1],
        fallen=breadth[2],
        senders_before=sum_by(cell, (flows.before > 0).astype(float), keys.size),
        senders_after=sum_by(cell, (flows.after > 0).astype(float), keys.size),
        persistence=persistence,
        unit_before=units[0],
        unit_after=units[1],
        top_period=top_period,
        top_origin=_top_origin(flows, cell, keys.size),
        floor=floor * window.post.size,
        length=window.post.size,
    )


def _factors(flows: Flows, cell: IntArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Flow-weighted growth factors of each cell."""
    base = sum_by(cell, flows.before, size)
    grown = sum_by(cell, flows.before * flows.importer_factor, size)
    final = sum_by(cell, flows.expected, size)
    ones = np.ones(size)
    by_hub = np.divide(grown, base, out=ones.copy(), where=base > 0)
    by_product = np.divide(final, grown, out=ones.copy(), where=grown > 0)
    return np.asarray(by_hub), np.asarray(by_product)


def _breadth(
    flows: Flows, cell: IntArray, size: int, small: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log rises of origins that joined and of the others, and log falls, each summed over origins."""
    rise = LIMIT * np.tanh(np.log((flows.after + small) / (flows.expected + small)) / LIMIT)
    up, old = np.maximum(rise, 0.0), flows.before > small
    return (
        sum_by(cell, np.where(old, 0.0, up), size),
        sum_by(cell, np.where(old, up, 0.0), size),
        sum_by(cell, np.minimum(rise, 0.0), size),
    )


def _by_period(
    flows: Flows, cell: IntArray, expected: FloatArray, floor: float
) -> tuple[FloatArray, FloatArray]:
    """Mean log rise over the periods after, and the share of the largest of them."""
    size, length, late = expected.size, flows.length, flows.is_after
    slot, place = compact(cell[flows.row_flow[late]] * length + flows.position[late], size * length)
    value = sum_by(place, flows.rows.value[late], slot.size)
    owner = slot // length
    # Periods without a row have the log of floor over (expected + floor); start from all of them.
    season = _season(flows)
    none = sum(np.log(floor / (expected * share + floor)) for share in season)
    rise = none + sum_by(owner, np.log((value + floor) / floor), size)
    top = np.zeros(size)
    np.maximum.at(top, owner, value)
    total = sum_by(owner, value, size)
    share = np.divide(top, total, out=np.full(size, np.nan), where=total > 0)
    return rise / length, np.asarray(share)


def _season(flows: Flows) -> FloatArray:
    """Share of each position of the window in the trade before, shape (length,)."""
    by_position = sum_by(flows.position, np.where(flows.is_after, 0.0, flows.rows.value), flows.length)
    total = by_position.sum()
    return np.asarray(by_position / total if total > 0 else np.full(flows.length, 1.0 / flows.length))


def _top_origin(flows: Flows, cell: IntArray, size: int) -> FloatArray:
    """Share of the origin with the largest rise in the sum of all rises; NaN where nothing rose."""
    rise = np.maximum(flows.after - flows.expected, 0.0)
    top = np.zeros(size)
    np.maximum.at(top, cell, rise)
    total = sum_by(cell, rise, size)
    return np.asarray(np.divide(top, total, out=np.full(size, np.nan), where=total > 0))


def _unit_values(flows: Flows, cell: IntArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Value per mass before and after, over the rows with mass."""
    mass = flows.rows.mass
    if mass is None:
        return np.full(size, np.nan), np.full(size, np.nan)
    known = np.isfinite(mass) & (mass > 0)
    of_row = cell[flows.row_flow]
    answers = []
    for chosen in (known & ~flows.is_after, known & flows.is_after):
        value = sum_by(of_row[chosen], flows.rows.value[chosen], size)
        weight = sum_by(of_row[chosen], mass[chosen], size)
        answers.append(np.divide(value, weight, out=np.full(size, np.nan), where=weight > 0))
    return answers[0], answers[1]


def _onward(
    trade: Trade,
    roles: Roles,
    goal: IntArray,
    window: Window,
    parents: Sequence[IntArray],
    floor: float,
    observed: BoolArray | None,
    hub: IntArray,
    product: IntArray,
) -> tuple[FloatArray, FloatArray]:
    """Hub to ``goal``, observed and expected, at the cells; NaN where the hub's exports are unknown."""
    if observed is None:
        observed = np.ones(trade.countries, bool)
        for periods in (window.pre.ravel(), window.post):
            seen = np.zeros(trade.countries, bool)
            seen[trade.exporter[member(periods, trade.periods)[trade.period]]] = True
            observed &= seen
    found = np.full((2, hub.size), np.nan)
    known = observed[hub]
    if not known.any():
        return found[0], found[1]
    barred = np.union1d(np.union1d(roles.origins, roles.destinations), goal)
    controls = np.setdiff1d(np.arange(trade.countries), barred)
    flows = expect(trade, roles.hubs, goal, controls, window, parents=parents, floor=floor)
    key = flows.exporter * trade.products + flows.product
    size = trade.countries * trade.products
    for line, amount in enumerate((flows.after, flows.expected)):
        found[line, known] = sum_by(key, amount, size)[(hub * trade.products + product)[known]]
    return found[0], found[1]


def _direct(trade: Trade, roles: Roles, window: Window, product: IntArray) -> tuple[FloatArray, FloatArray]:
    """Origins to destinations of each cell's product, before (mean over years) and after."""
    rows = trade.among(roles.origins, roles.destinations)
    answers = []
    for periods, years in ((window.pre.ravel(), window.pre.shape[0]), (window.post, 1)):
        chosen = member(periods, rows.periods)[rows.period]
        answers.append(sum_by(rows.product[chosen], rows.value[chosen], trade.products)[product] / years)
    return answers[0], answers[1]


def _gaps(
    trade: Trade,
    hub_reports: Trade | None,
    roles: Roles,
    window: Window,
    hub: IntArray,
    product: IntArray,
    floor: float,
) -> tuple[FloatArray, FloatArray]:
    """Log of origins' reports over the hub's reports, before and after."""
    if hub_reports is None:
        return np.full(hub.size, np.nan), np.full(hub.size, np.nan)
    size, at = trade.countries * trade.products, hub * trade.products + product
    answers = []
    for periods in (window.pre.ravel(), window.post):
        sums = []
        for source in (trade, hub_reports):
            rows = source.among(roles.origins, roles.hubs)
            rows = rows.rows(member(periods, rows.periods)[rows.period])
            sums.append(sum_by(rows.importer * trade.products + rows.product, rows.value, size)[at])
        both = (sums[0] > 0) & (sums[1] > 0)
        small = floor * periods.size
        gap = np.full(hub.size, np.nan)
        gap[both] = np.log((sums[0][both] + small) / (sums[1][both] + small))
        answers.append(gap)
    return answers[0], answers[1]
