"""Which goods can still be made, sold and bought once bans are exact zeros, and who is cut off from whom.

A price is finite where at least one supplier is left whose own inputs all have finite prices; spending is
positive where final users or a sector that still sells ask for the good. Both are fixed points on booleans,
found before any number is computed, so that the solver never meets the logarithm of a zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from entrepot.models.equilibrium.economy import Economy, FloatArray

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

BALANCE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Support:
    """What exists in an equilibrium, one row of axis 0 per draw or one shared by all.

    Attributes
    ----------
    links : ndarray of bool, shape (draws, J, N, N)
        Whether [sector, importer, exporter] can trade.
    buys, sells : ndarray of bool, shape (draws, N, J)
        Whether a country spends on a sector, and whether its producers sell anything.
    market : ndarray of int, shape (draws, N)
        Label of the group of countries that trade with one another, directly or not; each group has its own
        unit of account, because no trade compares them.
    """

    links: BoolArray
    buys: BoolArray
    sells: BoolArray
    market: IntArray

    def take(self, index: IntArray) -> Self:
        """Return the support of some draws."""
        if self.links.shape[0] == 1:
            return self
        return type(self)(self.links[index], self.buys[index], self.sells[index], self.market[index])


def find_support(economy: Economy, allowed: BoolArray, deficits: FloatArray) -> Support:
    """Find what can be made, sold and bought when only ``allowed`` links may trade.

    Parameters
    ----------
    economy : Economy
        Baseline.
    allowed : ndarray of bool, shape (draws, J, N, N)
        False where a ban forbids the flow [sector, importer, exporter] altogether.
    deficits : ndarray, shape (draws, N)
        Deficits that the new equilibrium must finance.

    Raises
    ------
    ValueError
        If final users are left without any supplier, a country without any buyer, or a group of countries
        that no longer trades both ways cannot finance its deficit; the message names the argument, countries
        and sectors.
    """
    needs = economy.inputs > 0
    wants = economy.final_shares > 0
    links, priced = _priced_links((economy.shares > 0) & allowed, needs)
    _refuse_unsupplied(wants & ~priced)
    buys, sells = _demand(links, wants, needs)
    idle = ~_any(sells & (economy.value_added > 0), -1)
    if idle.any():
        raise ValueError(f"ban leaves country {_second(idle)} without a buyer for anything it makes")
    return Support(links, buys, sells, _markets(links, buys, economy.labour, deficits))


def _any(mask: BoolArray, axis: int) -> BoolArray:
    return np.asarray(mask.any(axis=axis))


def _priced_links(links: BoolArray, needs: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Remove sellers whose inputs have no supplier, until nothing changes; return links and finite prices."""
    while True:
        priced = _any(links, -1).swapaxes(-1, -2)
        short = _any(needs & ~priced[..., None], -2)
        left = links & ~short.swapaxes(-1, -2)[..., None, :]
        if (left == links).all():
            return left, priced
        links = left


def _demand(links: BoolArray, wants: BoolArray, needs: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Spread demand from final users to the sectors that serve them, until nothing changes."""
    buys = np.broadcast_to(wants, np.broadcast_shapes(wants.shape, links.shape[:1] + wants.shape[1:]))
    while True:
        sells = _any(links & buys.swapaxes(-1, -2)[..., None], -2).swapaxes(-1, -2)
        more = buys | _any(needs & sells[..., None, :], -1)
        if (more == buys).all():
            return buys, sells
        buys = more


def _refuse_unsupplied(without: BoolArray) -> None:
    if without.any():
        _, country, sector = np.unravel_index(int(without.argmax()), without.shape)
        raise ValueError(
            f"ban leaves final users of sector {sector} in country {country} without any supplier "
            f"(real income would be zero); {int(without[0].sum())} such country-sectors in the first draw"
        )


def _second(mask: BoolArray) -> int:
    """Return the country of the first True of a (draws, N) mask."""
    return int(np.unravel_index(int(mask.argmax()), mask.shape)[1])


def _markets(links: BoolArray, buys: BoolArray, labour: FloatArray, deficits: FloatArray) -> IntArray:
    """Label connected groups of countries per draw, checking that each can finance its deficits."""
    flows = _any(links & buys.swapaxes(-1, -2)[..., None], -3)
    labels = np.zeros(flows.shape[:2], dtype=np.intp)
    for draw, flow in enumerate(flows):
        graph = csr_array(flow.T)
        blocks, strong = connected_components(graph, connection="strong")
        if blocks == 1:
            continue
        labels[draw] = connected_components(graph, connection="weak")[1]
        for row in range(deficits.shape[0]):
            _check_balance(flow, labels[draw], strong, deficits[row], labour[min(row, labour.shape[0] - 1)])
    return labels


def _check_balance(
    flow: BoolArray, weak: IntArray, strong: IntArray, deficits: FloatArray, labour: FloatArray
) -> None:
    """Refuse groups of countries whose trade, cut by bans, cannot add up to their deficits."""
    for label, groups in ((weak, range(weak.max() + 1)), (strong, range(strong.max() + 1))):
        for group in groups:
            inside = label == group
            sold, bought = flow[np.ix_(~inside, inside)].any(), flow[np.ix_(inside, ~inside)].any()
            gap = deficits[inside].sum() / labour[inside].sum()
            closed = not sold and not bought and abs(gap) > BALANCE_TOLERANCE
            if closed or (sold and not bought and gap >= 0) or (bought and not sold and gap <= 0):
                who = ", ".join(str(country) for country in np.flatnonzero(inside)[:10])
                way = {
                    (False, False): "no longer trade",
                    (True, False): "only sell",
                    (False, True): "only buy",
                }
                raise ValueError(
                    f"deficits: the ban leaves countries {who} in a place where they "
                    f"{way[bool(sold), bool(bought)]} with others, but their deficit is {gap:.3g} of value "
                    "added; no wage balances that (see deficits='balanced')"
                )
