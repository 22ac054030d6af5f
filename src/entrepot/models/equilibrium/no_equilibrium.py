"""Why a one-sector economy has no equilibrium, once the search has found none: reasons read off its flows."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse.csgraph import connected_components

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_NAMED = 8
_VANISHING = 1e-10


def list_countries(where: BoolArray | np.bool_) -> str:
    """Return the positions of countries in words, the first few of many.

    Examples
    --------
    >>> list_countries(np.array([True, False, True]))
    '0, 2'
    """
    positions = np.flatnonzero(where)
    text = ", ".join(str(k) for k in positions[:_NAMED])
    return text if positions.size <= _NAMED else f"{text} and {positions.size - _NAMED} more"


def sells_one_way(support: BoolArray) -> bool:
    """Return whether some countries can sell to others from which nothing comes back, however indirectly.

    Parameters
    ----------
    support : ndarray of bool, shape (N, N)
        True where exporter i can sell to importer j.

    Examples
    --------
    >>> sells_one_way(np.array([[True, True], [False, True]]))
    True
    """
    tied = connected_components(support, directed=False)[0]
    return bool(connected_components(support, connection="strong")[0] > tied)


def flow_room(trade: FloatArray, support: BoolArray, *, fixed_output: bool) -> float:
    """Return how large a part t of every baseline flow fits into some feasible set of flows; 0 if none does.

    Feasible flows live on the support, leave every country its baseline deficit, and sum to baseline trade;
    with fixed output they sum to every country's output and spending. An equilibrium needs t > 0: every
    flow allowed is positive in it. Found by linear programming: maximise t subject to ``F_ij >= t X_ij``.

    Parameters
    ----------
    trade : ndarray, shape (N, N)
        Baseline flows, domestic trade included.
    support : ndarray of bool, shape (N, N)
        Flows that remain allowed and positive.
    fixed_output : bool
        Whether output and spending are fixed, or only the deficit.

    Examples
    --------
    A surplus country that may no longer sell abroad:

    >>> trade, support = np.array([[8.0, 2.0], [1.0, 9.0]]), np.array([[True, False], [True, True]])
    >>> flow_room(trade, support, fixed_output=False)
    0.0
    """
    n = trade.shape[0]
    seller, buyer = np.nonzero(support)
    edge = np.arange(seller.size)
    one = np.ones(seller.size)
    sales = sp.csr_array((one, (seller, edge)), shape=(n, edge.size))
    purchases = sp.csr_array((one, (buyer, edge)), shape=(n, edge.size))
    output, spending, world = trade.sum(axis=1), trade.sum(axis=0), trade.sum()
    balance = (sales, purchases) if fixed_output else (purchases - sales, sp.csr_array(one[None]))
    target = (output, spending) if fixed_output else (spending - output, np.array([world]))
    flows = trade[seller, buyer] / world
    # unknowns: what a flow exceeds t X by, and t
    matrix = sp.vstack(balance)
    system = sp.hstack((matrix, sp.csr_array((matrix @ flows)[:, None])))
    cost = np.append(np.zeros(edge.size), -1.0)
    found = linprog(cost, A_eq=system, b_eq=np.concatenate(target) / world, bounds=(0, None), method="highs")
    return float(found.x[-1]) if found.status == 0 else 0.0


def find_reason(
    trade: FloatArray, support: BoolArray, short: BoolArray, *, deficits: str, fixed: bool
) -> str:
    """Return a sentence on why there is no equilibrium, or an empty text where none is known.

    Parameters
    ----------
    trade : ndarray, shape (N, N)
    support : ndarray of bool, shape (N, N)
    short : ndarray of bool, shape (N,)
        Countries whose income fell to nothing at the best iterate.
    deficits : str
        As in ``OneSector``.
    fixed : bool
        Whether output and spending are held fixed (a conditional solve).
    """
    if fixed:
        if flow_room(trade, support, fixed_output=True) <= _VANISHING:
            return "no flows over the pairs left add up to every country's given output and spending"
        return ""
    if deficits == "additive" and short.any():
        return (
            f"countries {list_countries(short)} have a fixed surplus larger than their new output; "
            "deficits='multiplicative' or 'balanced' lets it shrink"
        )
    if deficits == "additive" and flow_room(trade, support, fixed_output=False) <= _VANISHING:
        return "no flows over the pairs left carry the fixed deficits; deficits='balanced' drops them"
    if sells_one_way(support):
        return "some countries could sell to others from which nothing can come back, however indirectly"
    return ""
