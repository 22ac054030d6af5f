"""Planted diversions: real trade of a placebo window with a known amount led through a hub.

What is added has the senders and the months either of the real direct flow of that product (goods that would
have gone straight to the destination) or of the hub's own purchases, so it is as lumpy as trade is. A plant
can come late, be recorded only in part, or be declared under another code of its HS4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import BoolArray, FloatArray, IntArray, Roles, Trade, Window, member
from entrepot.models.detection.panel import trade as make

Mix = Literal["direct", "own"]


@dataclass(frozen=True, slots=True)
class Plant:
    """What is planted.

    Attributes
    ----------
    factor : float
        Trade with the plant over expected trade: 3 adds twice the expectation.
    delay : int
        Months of the window before it starts; the whole amount then comes in the rest.
    recorded : float
        Share that the origins' figures show as sold to the hub, 0 to 1.
    misclassified : float
        Share declared under another product of the same HS4 that the hub buys, 0 to 1.
    mix : {"direct", "own"}
        Whose senders and months: those of the direct flow, or of the hub's own purchases.
    """

    factor: float
    delay: int = 0
    recorded: float = 1.0
    misclassified: float = 0.0
    mix: Mix = "direct"


def candidates(legs: Legs, least: float, mix: Mix = "direct") -> BoolArray:
    """Cells where a plant is fair: at least ``least`` a period expected, and trade to take its shape from."""
    shape = legs.direct_after if mix == "direct" else legs.observed
    return np.asarray((legs.expected > least * legs.length) & (np.nan_to_num(shape) > legs.floor))


def plant(
    trade: Trade,
    roles: Roles,
    window: Window,
    legs: Legs,
    cells: IntArray,
    how: Plant,
    groups: IntArray,
    rng: np.random.Generator,
) -> Trade:
    """Return ``trade`` with diversions added to the cells ``cells`` of ``legs``, in the window after.

    Parameters
    ----------
    trade : Trade
    roles : Roles
    window : Window
        The placebo window of ``legs``.
    legs : Legs
    cells : ndarray of int
        Places in ``legs`` to plant in; each must have trade of the chosen mix after the delay.
    how : Plant
    groups : ndarray of int, shape (products,)
        HS4 of each product.
    rng : Generator

    Raises
    ------
    ValueError
        If a cell has no trade of the chosen mix in the months left by the delay.
    """
    source = trade.among(roles.origins, roles.destinations if how.mix == "direct" else roles.hubs)
    source = source.rows(member(window.post[how.delay :], trade.periods)[source.period])
    key = source.product if how.mix == "direct" else source.importer * trade.products + source.product
    order = np.argsort(key, kind="stable")
    ranked = key[order]
    pieces: list[tuple[IntArray, IntArray, IntArray, IntArray, FloatArray]] = []
    for cell in cells:
        product, hub = int(legs.product[cell]), int(legs.hub[cell])
        wanted = product if how.mix == "direct" else hub * trade.products + product
        rows = order[np.searchsorted(ranked, wanted) : np.searchsorted(ranked, wanted, side="right")]
        total = source.value[rows].sum()
        if not total > 0:
            raise ValueError("cells must have trade to shape the plant in the months after the delay")
        amount = (how.factor - 1.0) * legs.expected[cell] * how.recorded / total * source.value[rows]
        label = _label(legs, product, hub, groups, rng)
        for code, share in ((product, 1.0 - how.misclassified), (label, how.misclassified)):
            if share > 0:
                places = (np.full(rows.size, hub), np.full(rows.size, code))
                pieces.append((source.exporter[rows], *places, source.period[rows], amount * share))
    if not pieces:
        return trade
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return trade.plus(
        make(
            *columns,
            countries=trade.countries,
            products=trade.products,
            periods=trade.periods,
        )
    )


def _label(legs: Legs, product: int, hub: int, groups: IntArray, rng: np.random.Generator) -> int:
    """Another product of the same group that the hub buys, or the product itself where there is none."""
    near = (legs.hub == hub) & (groups[legs.product] == groups[product]) & (legs.product != product)
    return int(rng.choice(legs.product[near])) if near.any() else product
