"""Shocks to a many-sector economy, turned block by block into the constants of a sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from entrepot.models.equilibrium.economy import (
    Economy,
    FloatArray,
    IntArray,
    as_floats,
    draw_rows,
    lead_axes,
    pair_layout,
    row_numbers,
)
from entrepot.models.equilibrium.support import BoolArray, Support, find_support
from entrepot.models.equilibrium.sweep import TINY, Counterfactual

BLOCK_ENTRIES = 2**21
UNBALANCED = 1e-9


@dataclass(frozen=True, slots=True)
class Shocks:
    """What an economy is hit by; arrays keep the caller's order [..., exporter, importer, sector].

    Attributes
    ----------
    draws : tuple of int
        Leading axes of the economy and all shocks together.
    own : tuple of int
        Leading axes of the economy.
    cost_hat, tariffs, export_tax, ban : ndarray or None
        Change of iceberg costs, new rates, share of the flow that is forbidden.
    deficits : ndarray, shape (..., N), or None
        New deficits; None keeps the economy's.
    scale_deficits : bool
        Whether deficits move with value added.
    """

    draws: tuple[int, ...]
    own: tuple[int, ...]
    cost_hat: FloatArray | None
    tariffs: FloatArray | None
    export_tax: FloatArray | None
    ban: FloatArray | None
    deficits: FloatArray | None
    scale_deficits: bool

    def cases(self, economy: Economy, *, check: bool = True) -> Iterator[tuple[IntArray, Counterfactual]]:
        """Yield blocks of flattened draws with their constants; the first block is one draw.

        The blocks are small, so that their kernels stay in cache and memory does not grow with the draws.
        Without ``check`` every link that has trade counts as feasible.
        """
        n, j = economy.value_added.shape[-2:]
        count = int(np.prod(self.draws, dtype=np.intp))
        size = max(1, BLOCK_ENTRIES // (n * n * j))
        rows, laid = row_numbers(self.own, self.draws), _Layout(self)
        common: Support | None = None
        first = 0
        while first < count:
            last = min(first + (size if first else 1), count)
            index = np.arange(first, last)
            mine = economy.take(rows[index])
            deficits = mine.deficits if self.deficits is None else self.pick(self.deficits, 1, index)
            ban = laid.pairs("ban", index)
            support = common
            if support is None:
                support = _support(mine, ban, deficits) if check else _as_observed(mine)
                common = support if self._one_support(economy) else None
            deficits = settled(deficits, mine.labour, support.market)
            yield index, self._case(mine, support, laid, deficits, index)
            first = last

    def pick(self, array: FloatArray, core: int, index: IntArray) -> FloatArray:
        """Return the rows of a shock that belong to some draws; one row where all draws share it."""
        rows = draw_rows(array, core)
        return rows if rows.shape[0] == 1 else rows[row_numbers(lead_axes(array, core), self.draws)[index]]

    def _one_support(self, economy: Economy) -> bool:
        """Whether all draws share everything that decides which goods exist."""
        shared = (economy.shares, economy.inputs, economy.final_shares, economy.value_added, economy.deficits)
        mine = ((self.ban, 3), (self.deficits, 1))
        return all(array.shape[0] == 1 for array in shared) and all(
            array is None or not np.prod(lead_axes(array, core), dtype=np.intp) > 1 for array, core in mine
        )

    def _case(
        self,
        economy: Economy,
        support: Support,
        laid: _Layout,
        deficits: FloatArray,
        index: IntArray,
    ) -> Counterfactual:
        """Raise the wedges to ``-theta`` once and fold them into the shares."""
        log_wedge, ban = laid.pairs("cost_hat", index), laid.pairs("ban", index)
        rates = []
        for name, old in (("tariffs", economy.tariffs), ("export_tax", economy.export_tax)):
            new = laid.pairs(name, index)
            rate = old if new is None else new
            if new is not None:
                change = np.log1p(rate) - np.log1p(old)
                log_wedge = change if log_wedge is None else log_wedge + change
            rates.append(rate)
        kernel = economy.shares
        if log_wedge is not None:
            with np.errstate(over="ignore"):
                kernel = kernel * np.exp(-economy.theta[..., None, None] * log_wedge)
            if not np.isfinite(kernel).all():
                raise ValueError("cost_hat, tariffs or export_tax: a cost falls so far that trade overflows")
        if ban is not None:
            kernel = kernel * (1 - ban)
        if not (support.links.shape[0] == 1 and support.links.sum() == (kernel > 0).sum()):
            kernel = np.where(support.links, kernel, 0.0)
        net = kernel / (1 + rates[0]) if rates[0].any() else None
        taxed = (kernel if net is None else net) / (1 + rates[1]) if rates[1].any() else None
        return Counterfactual(economy, support, kernel, net, taxed, deficits, self.scale_deficits, index.size)


class _Layout:
    """Shocks in the layout of the kernels, costs as logs; what all draws share is turned only once."""

    def __init__(self, shocks: Shocks) -> None:
        self.shocks = shocks
        self.shared: dict[str, FloatArray] = {}

    def pairs(self, name: str, index: IntArray) -> FloatArray | None:
        """Return a shock for some draws, shape (draws or 1, J, N, N); None where it is absent."""
        array: FloatArray | None = getattr(self.shocks, name)
        if array is None or name in self.shared:
            return self.shared.get(name)
        turned = pair_layout(self.shocks.pick(array, 3, index))
        if name == "cost_hat":
            turned = np.log(turned)
        if draw_rows(array, 3).shape[0] == 1:
            self.shared[name] = turned
        return turned


def settled(deficits: FloatArray, labour: FloatArray, market: IntArray) -> FloatArray:
    """Make deficits sum to zero exactly in every market, where rounding left a trace of an imbalance."""
    for label in range(int(market.max()) + 1):
        size = np.where(market == label, labour, 0.0)
        total = np.where(market == label, deficits, 0.0).sum(axis=-1, keepdims=True)
        deficits = deficits - size * (total / np.maximum(size.sum(axis=-1, keepdims=True), TINY))
        alone = (market == label) & ((market == label).sum(axis=-1, keepdims=True) == 1)
        deficits = np.where(alone, 0.0, deficits)
    return deficits


def _support(economy: Economy, ban: FloatArray | None, deficits: FloatArray) -> Support:
    allowed: BoolArray = np.ones((1, 1, 1, 1), dtype=np.bool_) if ban is None else ban < 1
    return find_support(economy, allowed, deficits)


def _as_observed(economy: Economy) -> Support:
    """Return the support of the tables as they are, be they an equilibrium or not."""
    market = np.zeros((1, economy.value_added.shape[1]), dtype=np.intp)
    return Support(economy.shares > 0, economy.expenditure > 0, economy.output > 0, market)


def deficit_rule(
    deficits: str | ArrayLike | None, economy: Economy, scale: bool
) -> tuple[FloatArray | None, bool]:
    """Return new deficits (None for the economy's own) and whether they move with value added.

    Raises
    ------
    ValueError
        If the word is unknown, or deficits do not sum to zero over countries.
    """
    n = economy.value_added.shape[1]
    if deficits is None:
        return None, scale
    if isinstance(deficits, str):
        rules = {"additive": (None, False), "multiplicative": (None, True), "balanced": (np.zeros(n), False)}
        if deficits not in rules:
            raise ValueError(f"deficits must be one of {', '.join(rules)} or an array, not {deficits!r}")
        return rules[deficits]
    given = as_floats("deficits", deficits, (n,))
    world = float(economy.labour.sum(axis=-1).min())
    if np.abs(given.sum(axis=-1)).max() > UNBALANCED * world:
        raise ValueError(
            f"deficits must sum to zero over countries; they sum to {given.sum(axis=-1).flat[0]:.4g}"
        )
    return given, False
