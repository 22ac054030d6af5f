r"""What each flow would have been: a multiplicative Poisson baseline in closed form.

.. math::  E[y_{shk}] = y^{pre}_{shk} \; g_{hs} \; g_{k,-h}

``g_hs`` is the growth of hub h's purchases of uncovered goods from s; ``g_k,-h`` the growth of the origins'
sales of k to all other control partners (h and the destinations left out), each flow scaled by its own
``g_hs`` first: that is the column step of iterative proportional fitting given the rows, so growth common to
all partners is counted once. Both are shrunk where they rest on little trade: the product's factor to its
parents' (HS4, HS2, all), a sender's to that of all senders, in proportion to the sender's size, so that
cutting a sender into like parts changes nothing. The product's factor is pooled over senders: one sender's
sales of one HS6 code to a few partners say next to nothing about its sales to another.

A control must have no reason to divert itself. Where no such partner was observed, the product's factor is 1.

References
----------
Deming, W. E., & Stephan, F. F. (1940). On a least squares adjustment of a sampled frequency table. Annals of
Mathematical Statistics, 11(4), 427-444.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entrepot.models.detection.panel import (
    BoolArray,
    FloatArray,
    IntArray,
    Trade,
    Window,
    compact,
    member,
    sum_by,
)

# Trade, in floors a period, at which a growth rate counts half itself and half its parent's. Chosen once for
# the likelihood of a peace-time window (EU to five neighbours, 2020 to 2021), which prefers strong shrinkage.
PRODUCT_WEIGHT = 10_000.0
IMPORTER_WEIGHT = 10_000.0


@dataclass(frozen=True, slots=True)
class Flows:
    """Flows (exporter, importer, product) of two windows and what was expected; values are sums over time.

    Attributes
    ----------
    exporter, importer, product : ndarray of int, shape (m,)
    before, after : ndarray, shape (m,)
        Value in the window before (mean over its years) and after.
    importer_factor, product_factor, expected : ndarray, shape (m,)
    row_flow : ndarray of int, shape (r,)
        The flow of each row of ``rows``.
    rows : Trade
        The rows behind, in the two windows only.
    position : ndarray of int, shape (r,)
        Position of a row's period in its window.
    is_after : ndarray of bool, shape (r,)
    years, length : int
        Years before; periods after.
    """

    exporter: IntArray
    importer: IntArray
    product: IntArray
    before: FloatArray
    after: FloatArray
    importer_factor: FloatArray
    product_factor: FloatArray
    expected: FloatArray
    row_flow: IntArray
    rows: Trade
    position: IntArray
    is_after: BoolArray
    years: int
    length: int


def expect(
    trade: Trade,
    exporters: IntArray,
    importers: IntArray,
    controls: IntArray,
    window: Window,
    *,
    parents: Sequence[IntArray],
    floor: float,
    uncovered: Trade | None = None,
    prior: FloatArray | None = None,
) -> Flows:
    """Observed and expected flows from ``exporters`` to ``importers``.

    Parameters
    ----------
    trade : Trade
        Covered goods.
    exporters, importers, controls : ndarray of int
        Controls are importers too; each importer is left out of its own product factor.
    window : Window
    parents : sequence of ndarray of int, shape (products,)
        Coarser groups of each product, finest first (HS4, then HS2).
    floor : float
        Value a period below which a flow is small change.
    uncovered : Trade, optional
        Goods outside the measures; without them the importer's factor is 1 (not observed).
    prior : ndarray, shape (countries, products), optional
        Growth of the closest parent of each product as each importer sees it. It takes the place of
        ``parents`` and of all goods where ``trade`` holds some products only.

    Returns
    -------
    Flows

    Raises
    ------
    ValueError
        If ``prior`` is given beside ``parents``, or has another shape.
    """
    if prior is not None and (parents or prior.shape != (trade.countries, trade.products)):
        raise ValueError("prior must have shape (countries, products), and takes the place of parents")
    everyone = np.union1d(importers, controls)
    parents = [np.asarray(group, np.int64) for group in parents]
    rows, position, is_after = _in_window(trade.among(exporters, everyone), window)
    key = (rows.exporter * trade.countries + rows.importer) * trade.products + rows.product
    keys, flow = compact(key, trade.countries**2 * trade.products)
    exporter, rest = np.divmod(keys, trade.countries * trade.products)
    importer, product = np.divmod(rest, trade.products)
    years, length = window.pre.shape[0], window.post.size
    before = sum_by(flow, np.where(is_after, 0.0, rows.value), keys.size) / years
    after = sum_by(flow, np.where(is_after, rows.value, 0.0), keys.size)
    factor = importer_factors(uncovered, exporters, everyone, window, floor)[exporter, importer]
    is_control = member(controls, trade.countries)[importer]
    growth = product_factors(
        importer, product, before * factor, after, is_control, trade, parents, floor * length, prior
    )
    wanted = member(importers, trade.countries)[importer]
    kept = wanted[flow]
    return Flows(
        exporter=exporter[wanted],
        importer=importer[wanted],
        product=product[wanted],
        before=before[wanted],
        after=after[wanted],
        importer_factor=factor[wanted],
        product_factor=growth[wanted],
        expected=(before * factor * growth)[wanted],
        row_flow=(np.cumsum(wanted) - 1)[flow[kept]],
        rows=rows.rows(kept),
        position=position[kept],
        is_after=is_after[kept],
        years=years,
        length=length,
    )


def _in_window(rows: Trade, window: Window) -> tuple[Trade, IntArray, BoolArray]:
    """Rows of either window, with their position in it and whether it is the one after."""
    place = np.full(rows.periods, -1, np.int64)
    place[window.pre] = np.arange(window.post.size)
    place[window.post] = np.arange(window.post.size)
    later = member(window.post, rows.periods)
    rows = rows.rows((place[rows.period] >= 0) & (rows.value > 0))
    return rows, place[rows.period], later[rows.period]


def importer_factors(
    uncovered: Trade | None, exporters: IntArray, importers: IntArray, window: Window, floor: float
) -> FloatArray:
    """Growth of each importer's purchases of uncovered goods from each exporter, shrunk to its mean.

    Returns
    -------
    ndarray, shape (countries, countries) or (1, 1) broadcast when ``uncovered`` is None
        [exporter, importer]; 1 where nothing is known.
    """
    countries = int(max(exporters.max(), importers.max())) + 1 if uncovered is None else uncovered.countries
    if uncovered is None:
        return np.ones((countries, countries))
    rows, _, is_after = _in_window(uncovered.among(exporters, importers), window)
    key = rows.exporter * countries + rows.importer
    shape = (countries, countries)
    before = (
        sum_by(key, np.where(is_after, 0.0, rows.value), countries**2).reshape(shape) / window.pre.shape[0]
    )
    after = sum_by(key, np.where(is_after, rows.value, 0.0), countries**2).reshape(shape)
    small = floor * window.post.size
    common = (after.sum(0) + small) / (before.sum(0) + small)
    size = before.sum(1) + after.sum(1)
    share = size / max(size.sum(), 1e-300)
    weight = IMPORTER_WEIGHT * small * share[:, None]
    grown = np.divide(after + weight * common, before + weight, out=np.ones(shape), where=before + weight > 0)
    return np.asarray(grown)


def product_factors(
    importer: IntArray,
    product: IntArray,
    fitted: FloatArray,
    after: FloatArray,
    is_control: BoolArray,
    trade: Trade,
    parents: Sequence[IntArray],
    small: float,
    prior: FloatArray | None = None,
) -> FloatArray:
    """Growth of each flow's product in the other controls' purchases, relative to ``fitted``; shape (m,)."""
    mine = is_control.astype(float)
    pooled = np.ones(fitted.size) if prior is None else prior[importer, product]
    coarser = [np.zeros(trade.products, np.int64), *reversed([np.asarray(g, np.int64) for g in parents])]
    for groups in (*(coarser if prior is None else ()), np.arange(trade.products)):
        group, count = groups[product], int(groups.max()) + 1
        then, now = (
            _others(group, importer, amount * mine, count, trade.countries) for amount in (fitted, after)
        )
        weight = PRODUCT_WEIGHT * small
        pooled = (now + weight * pooled) / (then + weight)
    return pooled


def _others(
    group: IntArray, importer: IntArray, amount: FloatArray, count: int, countries: int
) -> FloatArray:
    """Sum of ``amount`` over the flow's group less what its own importer bought, of every flow."""
    _, pair = compact(group * countries + importer, count * countries)
    size = int(pair.max()) + 1 if pair.size else 0
    left = sum_by(group, amount, count)[group] - sum_by(pair, amount, size)[pair]
    return np.asarray(np.maximum(left, 0.0))
