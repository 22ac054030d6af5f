r"""How much: excess with a block-bootstrap interval, shrunk ratios, and bounds on what was diverted.

What was diverted through a hub is known only to lie in an interval:

.. math::  0 \le diverted_{hk} \le \min(excess^A_{hk}, fall^C_k) \quad [\text{or } \min(excess^A, excess^B)]

The upper bound of several cells is the sum of theirs, each product's sum over hubs capped at its own fall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from entrepot.models.detection.baseline import Flows
from entrepot.models.detection.dispersion import Dispersion
from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import BoolArray, FloatArray, IntArray, compact, sum_by


@dataclass(frozen=True, slots=True)
class Excess:
    """Trade above expectation of some set of flows, over the window.

    Attributes
    ----------
    observed, expected, excess : float
    lower, upper : float
        95% interval of ``excess`` over draws of whole blocks of months and whole origins.
    ratio_lower, ratio_upper : float
        The same for observed over expected.
    """

    observed: float
    expected: float
    excess: float
    lower: float
    upper: float
    ratio_lower: float
    ratio_upper: float


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Log ratios of observed to expected, shrunk from cell to HS4 x hub to hub.

    Attributes
    ----------
    cell : ndarray, shape (c,)
    group : ndarray, shape (c,)
        Of the cell's group in its hub.
    hub : ndarray, shape (c,)
        Of the cell's hub.
    hub_error : ndarray, shape (c,)
        Standard error of ``hub``.
    """

    cell: FloatArray
    group: FloatArray
    hub: FloatArray
    hub_error: FloatArray


def bootstrap(flows: Flows, keep: BoolArray, *, block: int = 3, draws: int = 500, seed: int = 0) -> Excess:
    """Excess of the flows chosen by ``keep``, with an interval over months x origins.

    A draw takes whole origins with replacement and, on its own, circular blocks of months with replacement;
    observed and expected of a month are drawn together, so that season and common shocks stay.

    Parameters
    ----------
    flows : Flows
    keep : ndarray of bool, shape (flows,)
    block : int
        Length of a block of months; cut to the window where that is shorter.
    draws, seed : int
    """
    size, length = int(flows.exporter.max()) + 1 if flows.exporter.size else 1, flows.length
    chosen = keep[flows.row_flow]
    origin = flows.exporter[flows.row_flow[chosen]]
    slot = origin * length + flows.position[chosen]
    growth = (flows.importer_factor * flows.product_factor)[flows.row_flow[chosen]] / flows.years
    value, late = flows.rows.value[chosen], flows.is_after[chosen]
    seen = sum_by(slot, np.where(late, value, 0.0), size * length).reshape(size, length)
    due = sum_by(slot, np.where(late, 0.0, value * growth), size * length).reshape(size, length)
    active = (seen + due).sum(1) > 0
    seen, due = seen[active], due[active]
    rng = np.random.default_rng(seed)
    months = _blocks(rng, length, min(block, length), draws)
    origins = rng.multinomial(len(seen), np.full(len(seen), 1.0 / max(len(seen), 1)), size=draws)
    drawn = [((origins @ table) * months).sum(1) for table in (seen, due)]
    lower, upper = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
    ratio = drawn[0] / np.maximum(drawn[1], 1e-300)
    low, high = np.quantile(ratio, [0.025, 0.975])
    observed, expected = float(seen.sum()), float(due.sum())
    return Excess(
        observed, expected, observed - expected, float(lower), float(upper), float(low), float(high)
    )


def _blocks(rng: np.random.Generator, length: int, block: int, draws: int) -> FloatArray:
    """How often each month is drawn when circular blocks are, shape (draws, length)."""
    count = -(-length // block)
    start = rng.integers(0, length, size=(draws, count))
    picked = (start[:, :, None] + np.arange(block)) % length
    picked = picked.reshape(draws, -1)[:, :length]
    times = np.zeros((draws, length))
    np.add.at(times, (np.repeat(np.arange(draws), length), picked.ravel()), 1.0)
    return times


def shrink(legs: Legs, dispersion: Dispersion, groups: IntArray) -> Shrunk:
    r"""Shrink each tested cell's log ratio to its group in the hub, and that to the hub.

    A cell's variance is that of the Student t at its size, from its robust scale; the variances between cells
    and between groups are estimated by moments (DerSimonian and Laird 1986). The weight of a cell falls with
    its distance from the hub's median as under the t distribution, so that one freak cell does not carry a
    hub.

    Parameters
    ----------
    legs : Legs
    dispersion : Dispersion
        Of leg A.
    groups : ndarray of int, shape (products,)
        HS4 of each product.
    """
    size = legs.expected + legs.floor
    ratio = np.log((legs.observed + legs.floor) / size) - dispersion.location[0]
    ratio -= dispersion.location[1] * (np.log(size) - dispersion.centre)
    nu, scale = dispersion.degrees, dispersion.spread(size)
    hubs, hub = np.unique(legs.hub, return_inverse=True)
    middle = np.array([np.median(ratio[(hub == i) & legs.large]) for i in range(hubs.size)])[hub]
    distance = (ratio - middle) / scale
    weight = np.where(legs.large, (nu + 1.0) / (nu + distance**2) / scale**2, 0.0)
    _, group = compact(
        hub * (int(groups.max()) + 1) + groups[legs.product], hubs.size * (int(groups.max()) + 1)
    )
    owner = np.zeros(int(group.max()) + 1, np.int64)
    owner[group] = hub
    by_group, group_weight, spread = _pool(ratio, weight, group, owner.size)
    inner = spread
    by_hub, hub_weight, outer = _pool(by_group, group_weight, owner, hubs.size)
    mixed = _mix(by_group, group_weight, by_hub[owner], outer)
    cell = _mix(ratio, weight, mixed[group], inner)
    error = np.sqrt(1.0 / np.maximum(hub_weight, 1e-300))
    return Shrunk(cell, mixed[group], by_hub[hub], error[hub])


def _pool(
    mean: FloatArray, weight: FloatArray, group: IntArray, size: int
) -> tuple[FloatArray, FloatArray, float]:
    """Means of groups with precision, and the variance between members of one group by moments."""
    total = sum_by(group, weight, size)
    first = np.divide(sum_by(group, weight * mean, size), total, out=np.zeros(size), where=total > 0)
    misfit = float((weight * (mean - first[group]) ** 2).sum())
    free = float((weight > 0).sum() - (total > 0).sum())
    square = np.divide(sum_by(group, weight**2, size), total, out=np.zeros(size), where=total > 0)
    between = max(0.0, (misfit - free) / max(float(weight.sum() - square.sum()), 1e-300))
    loose = np.divide(
        1.0, between + np.divide(1.0, weight, out=np.full(weight.size, np.inf), where=weight > 0)
    )
    precision = sum_by(group, loose, size)
    pooled = np.divide(sum_by(group, loose * mean, size), precision, out=np.zeros(size), where=precision > 0)
    return np.asarray(pooled), precision, between


def _mix(mean: FloatArray, weight: FloatArray, prior: FloatArray, between: float) -> FloatArray:
    """Mean of own value and prior, by precision."""
    if between <= 0:
        return prior
    return np.asarray((weight * mean + prior / between) / (weight + 1.0 / between))


def diverted_at_most(legs: Legs, keep: BoolArray | None = None) -> FloatArray:
    """Upper bound of what was diverted in each cell; NaN where neither legs B nor C were observed.

    With the hub's exports observed the bound is min(excess A, excess B), else min(excess A, fall C); each
    product's bounds are scaled down where together they exceed the fall of its direct flow. Cells outside
    ``keep`` bound nothing and get 0.

    Parameters
    ----------
    legs : Legs
    keep : ndarray of bool, shape (c,), optional

    Returns
    -------
    ndarray, shape (c,)
    """
    chosen = np.ones(legs.hub.size, bool) if keep is None else keep
    bound = np.where(chosen, np.maximum(legs.excess, 0.0), 0.0)
    onward = np.maximum(legs.onward - legs.onward_expected, 0.0)
    fall = np.maximum(legs.direct_before - legs.direct_after, 0.0)
    unknown = np.isnan(onward) & np.isnan(fall)
    bound = np.fmin(np.fmin(bound, onward), fall)
    size = int(legs.product.max()) + 1 if legs.product.size else 0
    together = sum_by(legs.product, bound, size)[legs.product]
    limit = np.where(np.isnan(fall), np.inf, fall)
    bound = bound * np.minimum(1.0, np.divide(limit, together, out=np.ones_like(bound), where=together > 0))
    return np.where(unknown & chosen, np.nan, bound)


def lost_in_transit(legs: Legs, reported_excess: FloatArray) -> FloatArray:
    """Excess of the origins' reports over the excess in the hub's own; NaN where the hub did not report."""
    return np.asarray(legs.excess - reported_excess)
