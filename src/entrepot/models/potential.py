"""Export potential: what an exporter could sell where, from its supply, their demand and the ease between.

For exporter ``i``, market ``j`` and product ``k``

    EP_ijk = min(supply_ik * demand_jk * ease_ij, demand_jk)
    ease_ij = sum_k v_ijk / sum_k supply_ik demand_jk
    gap_ij = sum_k max(EP_ijk - v_ijk, 0)

``supply`` is the exporter's share of the world market (corrected for re-exports), ``demand`` the imports of
the market, ``v`` what is traded. The table of all ``i, j, k`` is never built: for one exporter it is an outer
product of a vector with the demand, worked through in blocks of markets that stay in the cache.

References
----------
Decreux, Y., & Spies, J. (2016). Export Potential Assessments: a methodology to identify export opportunities
for developing countries. International Trade Centre, Geneva.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Reexports = Literal["net", "none"]

# Cells worked through at once: three such blocks fit into the second-level cache of a common core.
BLOCK = 32_768


@dataclass(frozen=True, slots=True)
class Potential:
    """What one exporter sells and could sell in each of J markets, in the unit of the demand.

    Attributes
    ----------
    actual : ndarray, shape (J,)
        What it sells, over the positions allowed.
    expected : ndarray, shape (J,)
        ``sum_k supply_k demand_jk``: what it would sell at its world-market shares.
    ease : ndarray, shape (J,)
        ``domestic / expected``: 1 = as its world-market shares say. NaN where nothing is expected or the
        trade was not observed.
    potential : ndarray, shape (J,)
        ``sum_k EP_jk``. NaN where the ease is.
    gap : ndarray, shape (J,)
        ``sum_k max(EP_jk - v_jk, 0)``, the unrealised potential. NaN where the ease is.
    unmet : ndarray, shape (J,)
        The same at an ease of 1: demand that its supply would meet if the market were as near as others.
    """

    actual: FloatArray
    expected: FloatArray
    ease: FloatArray
    potential: FloatArray
    gap: FloatArray
    unmet: FloatArray


def supply_shares(exports: ArrayLike, imports: ArrayLike, *, reexports: Reexports = "net") -> FloatArray:
    """Return each exporter's share of the world market of each product, corrected for re-exports.

    Parameters
    ----------
    exports, imports : array_like, shape (I, K)
        Total exports and imports of the same countries and products, >= 0, any one unit.
    reexports : {"net", "none"}
        "net": what a country buys of a product is taken out of what it sells of it, so that goods which only
        pass through are no supply; this is an upper bound on re-exports. "none": exports as they are.

    Returns
    -------
    ndarray, shape (I, K)
        Shares that sum to 1 over exporters; 0 where nobody supplies the product.

    Raises
    ------
    ValueError
        If the arrays differ in shape or hold what is negative or not finite, or for an unknown rule.

    Examples
    --------
    >>> supply_shares([[8.0], [4.0]], [[2.0], [4.0]]).tolist()
    [[1.0], [0.0]]
    """
    sold = domestic(exports, imports, reexports=reexports)
    # Dividing by the largest first keeps very small units out of trouble.
    top = sold.max(axis=0, initial=0.0)
    scaled = np.divide(sold, top, out=np.zeros_like(sold), where=top > 0)
    return np.asarray(scaled / np.maximum(scaled.sum(axis=0), 1.0))


def domestic(exports: ArrayLike, imports: ArrayLike, *, reexports: Reexports = "net") -> FloatArray:
    """Return exports less what may be re-exported, shape (I, K), see `supply_shares`."""
    sold, bought = _table(exports, "exports"), _table(imports, "imports")
    if sold.shape != bought.shape:
        raise ValueError(f"imports has shape {bought.shape}, exports has {sold.shape}; they must agree")
    for array, name in ((sold, "exports"), (bought, "imports")):
        if np.isinf(array).any():
            raise ValueError(f"{name} must be finite")
    if reexports not in get_args(Reexports):
        raise ValueError(f"reexports must be 'net' or 'none', got {reexports!r}")
    return sold if reexports == "none" else np.maximum(sold - bought, 0.0)


def export_potential(
    supply: ArrayLike,
    demand: ArrayLike,
    trade: ArrayLike,
    *,
    domestic_share: ArrayLike | None = None,
    allowed: ArrayLike | None = None,
    observed: ArrayLike | None = None,
) -> Potential:
    """Return what one exporter could sell in every market, and how much of it is unrealised.

    Parameters
    ----------
    supply : array_like, shape (K,)
        The exporter's share of the world market of each product, 0 to 1.
    demand : array_like, shape (J, K)
        Imports of each market, >= 0; multiply by growth first if it is known.
    trade : array_like, shape (J, K)
        What the exporter sells now, >= 0, in the same unit.
    domestic_share : array_like, shape (K,), optional
        Share of the exporter's sales that is its own supply: only that part enters the ease.
    allowed : array_like of bool, shape (J, K), optional
        Positions that may be counted; the others are left out of every sum.
    observed : array_like of bool, shape (J,), optional
        False where nobody published the trade: its ease is NaN and not nil.

    Returns
    -------
    Potential

    Raises
    ------
    ValueError
        If shapes do not agree, or an array holds what is negative or not finite.

    References
    ----------
    Decreux and Spies (2016), section 2.

    Examples
    --------
    A market buys 100 of each of two goods; the exporter has a fifth of the world market of both, and sells
    it only one.

    >>> found = export_potential([0.2, 0.2], [[100.0, 100.0]], [[30.0, 0.0]])
    >>> found.ease.round(6).tolist(), found.potential.round(6).tolist(), found.gap.round(6).tolist()
    ([0.75], [30.0], [15.0])
    """
    share = _table(supply, "supply", 1)
    wanted = _table(demand, "demand")
    _shares(share, "supply")
    own = np.ones_like(share) if domestic_share is None else _table(domestic_share, "domestic_share", 1)
    _same(own, "domestic_share", share.shape)
    return _all(share, wanted, _table(trade, "trade"), own, None, allowed, observed)


def import_potential(
    demand: ArrayLike,
    supply: ArrayLike,
    trade: ArrayLike,
    *,
    allowed: ArrayLike | None = None,
    observed: ArrayLike | None = None,
) -> Potential:
    """Return what one market could buy from every exporter: `export_potential` seen from the buyer.

    Parameters
    ----------
    demand : array_like, shape (K,)
        Imports of the market, >= 0.
    supply : array_like, shape (I, K)
        Shares of each exporter in the world market of each product, 0 to 1.
    trade : array_like, shape (I, K)
        What the market buys from each now, in the unit of the demand.
    allowed, observed : array_like, optional
        As in `export_potential`, shapes (I, K) and (I,).

    Returns
    -------
    Potential
        Arrays of shape (I,).

    Raises
    ------
    ValueError
        As `export_potential`.

    Examples
    --------
    >>> found = import_potential([100.0, 100.0], [[0.2, 0.2]], [[30.0, 0.0]])
    >>> found.gap.round(6).tolist()
    [15.0]
    """
    wanted, shares = _table(demand, "demand", 1), _table(supply, "supply")
    _shares(shares, "supply")
    return _all(wanted, shares, _table(trade, "trade"), np.ones_like(wanted), wanted, allowed, observed)


def _all(
    vector: FloatArray,
    table: FloatArray,
    sold: FloatArray,
    own: FloatArray,
    limit: FloatArray | None,
    allowed: ArrayLike | None,
    observed: ArrayLike | None,
) -> Potential:
    """Work through the partners in blocks; ``limit`` (K,) caps a position, by default the table does."""
    _same(table, "demand or supply", (len(table), len(vector)))
    _same(sold, "trade", table.shape)
    free = None if allowed is None else np.asarray(allowed, dtype=bool)
    if free is not None:
        _same(free, "allowed", table.shape)
    sums = np.empty((6, len(table)))
    rows = max(1, BLOCK // max(1, len(vector)))
    for first in range(0, len(table), rows):
        part = slice(first, first + rows)
        open_now = None if free is None else free[part]
        _block(vector, table[part], sold[part], own, limit, open_now, sums[:, part])
    if observed is not None:
        seen = np.asarray(observed, dtype=bool)
        _same(seen, "observed", (len(table),))
        sums[:, ~seen] = np.nan
    return Potential(*sums)


def _block(
    vector: FloatArray,
    table: FloatArray,
    sold: FloatArray,
    own: FloatArray,
    limit: FloatArray | None,
    free: BoolArray | None,
    sums: FloatArray,
) -> None:
    """Fill the six sums (6, B) of a block of B markets, in place.

    ``sum max(a - b, 0) = sum a - sum min(a, b)`` saves half of the passes over memory.
    """
    if free is not None:
        table, sold = table * free, sold * free
    ones = np.ones_like(vector)
    expected, actual = table @ vector, sold @ ones
    if not (np.isfinite(expected) & np.isfinite(actual)).all():
        raise ValueError("demand and trade must be finite; mark what was not observed with observed=")
    ease = np.divide(sold @ own, expected, out=np.full(len(sold), np.nan), where=expected > 0)
    level = np.nan_to_num(ease)
    base = table * vector
    lesser = np.minimum(base, sold)
    unmet = expected - lesser @ ones
    base *= level[:, None]
    potential = level * expected
    share = vector if limit is None else table.max(axis=0)
    # A market buys no more than it imports, however near it is; that binds for few products.
    hot = np.flatnonzero(share * level.max(initial=0.0) > 1)
    if len(hot):
        free_of_cap = base[:, hot]
        capped = np.minimum(free_of_cap, table[:, hot] if limit is None else limit[hot])
        potential = potential - (free_of_cap - capped).sum(axis=1)
        base[:, hot] = capped
    gap = potential - np.minimum(base, sold, out=lesser) @ ones
    sums[:] = actual, expected, ease, potential, np.maximum(gap, 0.0), np.maximum(unmet, 0.0)
    sums[3:5, np.isnan(ease)] = np.nan


def position_potential(supply: ArrayLike, demand: ArrayLike, ease: float) -> FloatArray:
    """Return ``EP_k`` of one exporter in one market, shape (K,): ``min(supply * demand * ease, demand)``.

    Examples
    --------
    >>> position_potential([0.2, 0.9], [100.0, 10.0], 2.0).tolist()
    [40.0, 10.0]
    """
    wanted = _table(demand, "demand", 1)
    return np.minimum(_table(supply, "supply", 1) * wanted * ease, wanted)


def _table(values: ArrayLike, name: str, axes: int = 2) -> FloatArray:
    """Return the values as floats after checking them."""
    # Blocks of rows are read from memory in one piece.
    array = np.asarray(values, dtype=np.float64, order="C")
    if array.ndim != axes:
        raise ValueError(f"{name} must have {axes} axes, got {array.ndim}")
    # NaN fails the comparison too; infinity shows in the sums, which saves a pass over memory.
    if array.size and not array.min() >= 0:
        raise ValueError(f"{name} must be finite and >= 0; mark what was not observed with observed=")
    return array


def _shares(array: FloatArray, name: str) -> None:
    if array.size and array.max() > 1 + 1e-9:
        raise ValueError(f"{name} holds shares of the world market, at most 1; got {array.max():g}")


def _same(array: NDArray[np.generic], name: str, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
