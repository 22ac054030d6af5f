"""The product space: proximity of products, and sums weighted with it.

With ``C = M' M`` and ubiquity ``u``, proximity is ``phi[i, j] = C[i, j] / max(u[i], u[j])``, the smaller of
the two conditional probabilities. Sums ``V phi`` need no product-by-product matrix: with products in order of
ubiquity, ``max(u[i], u[j])`` is the ubiquity of the later one, so between two blocks of products ``phi`` has
the rank of the number of countries and goes through ``V M'``; only inside a block is it written out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# Products written out at a time for many rows of weights, and for few; near the number of countries both
# parts of the work cost alike.
BLOCK, NARROW = 128, 64
# Rows of the proximity matrix scaled at a time: they fit the cache of one core.
ROWS = 128
# Counts up to 2^24 are exact in single precision.
EXACT = 2**24


def proximity(m: FloatArray, *, diagonal: bool) -> FloatArray:
    """Return the proximity of every pair of products.

    Parameters
    ----------
    m : ndarray, shape (countries, products)
        Presence of the reference sample.
    diagonal : bool
        Whether a product's proximity with itself is kept (1 where M is 0 or 1) or set to 0.

    Returns
    -------
    ndarray, shape (products, products)
        Symmetric, between 0 and 1; 0 for a product that nobody in the sample makes.

    References
    ----------
    Hidalgo, C. A., Klinger, B., Barabasi, A.-L., & Hausmann, R. (2007). The product space conditions the
    development of nations. Science, 317(5837), 482-487. https://doi.org/10.1126/science.1144581

    Examples
    --------
    >>> proximity(np.array([[1.0, 1.0], [1.0, 0.0]]), diagonal=False).tolist()
    [[0.0, 0.5], [0.5, 0.0]]
    """
    inverse = _inverse(m.sum(axis=0))
    phi = np.empty((m.shape[1], m.shape[1]))
    counted = _countable(m)
    for start in range(0, m.shape[1], ROWS):
        rows = slice(start, start + ROWS)
        np.minimum(inverse[rows, None], inverse[None, :], out=phi[rows])
        phi[rows] *= counted[:, rows].T @ counted
    if not diagonal:
        np.fill_diagonal(phi, 0.0)
    return phi


def proximity_row(m: FloatArray, product: int, *, diagonal: bool) -> FloatArray:
    """Return the proximity of one product with all, shape (products,), without building the matrix."""
    inverse = _inverse(m.sum(axis=0))
    row = (m[:, product] @ m) * np.minimum(inverse, inverse[product])
    if not diagonal:
        row[product] = 0.0
    return np.asarray(row)


@dataclass(frozen=True, slots=True)
class Ordered:
    """Presence with the products in order of ubiquity.

    Attributes
    ----------
    order : ndarray of int, shape (products,)
        Products, rarest first.
    made : ndarray, shape (countries, products)
        Presence in that order.
    counted : ndarray, shape (countries, products)
        The same in single precision where every count of it is exact there.
    inverse : ndarray, shape (products,)
        One over ubiquity, 0 for a product that nobody makes.
    """

    order: NDArray[np.intp]
    made: FloatArray
    counted: NDArray[np.float32] | FloatArray
    inverse: FloatArray


def by_ubiquity(m: FloatArray) -> Ordered:
    """Put the products of the reference sample in order of ubiquity."""
    ubiquity = m.sum(axis=0)
    order = np.argsort(ubiquity, kind="stable")
    made = m[:, order]
    return Ordered(order, made, _countable(made), _inverse(ubiquity)[order])


def weighted(v: FloatArray, base: Ordered, *, diagonal: bool) -> FloatArray:
    """Return ``V phi`` without building ``phi``.

    Parameters
    ----------
    v : ndarray, shape (rows, products)
        Weights of the products, finite.
    base : Ordered
        Presence of the reference sample.
    diagonal : bool
        As `proximity`.

    Returns
    -------
    ndarray, shape (rows, products)

    Examples
    --------
    >>> m = np.array([[1.0, 1.0], [1.0, 0.0]])
    >>> weighted(m, by_ubiquity(m), diagonal=True).tolist()
    [[1.5, 1.5], [1.0, 0.5]]
    """
    weights, inverse = v[:, base.order], base.inverse
    total = np.empty_like(weights)
    width = BLOCK if len(v) > NARROW else NARROW
    blocks = [slice(start, start + width) for start in range(0, v.shape[1], width)]
    for block in blocks:
        near = (base.counted[:, block].T @ base.counted[:, block]).astype(np.float64)
        near *= np.minimum(inverse[block, None], inverse[None, block])
        if not diagonal:
            np.fill_diagonal(near, 0.0)
        total[:, block] = weights[:, block] @ near
    _add_rarer(total, weights, base.made, inverse, blocks)
    _add_commoner(total, weights, base.made, inverse, blocks)
    result = np.empty_like(total)
    result[:, base.order] = total
    return result


def _add_rarer(
    total: FloatArray, weights: FloatArray, made: FloatArray, inverse: FloatArray, blocks: list[slice]
) -> None:
    """Add what products of earlier blocks give: they are rarer, so the own ubiquity divides."""
    gathered = np.zeros((weights.shape[0], made.shape[0]))
    for before, block in pairwise(blocks):
        gathered += weights[:, before] @ made[:, before].T
        total[:, block] += (gathered @ made[:, block]) * inverse[block]


def _add_commoner(
    total: FloatArray, weights: FloatArray, made: FloatArray, inverse: FloatArray, blocks: list[slice]
) -> None:
    """Add what products of later blocks give: they are commoner, so their ubiquity divides."""
    gathered = np.zeros((weights.shape[0], made.shape[0]))
    for after, block in pairwise(reversed(blocks)):
        gathered += (weights[:, after] * inverse[after]) @ made[:, after].T
        total[:, block] += gathered @ made[:, block]


def _inverse(ubiquity: FloatArray) -> FloatArray:
    """Return 1 / ubiquity, and 0 for a product that nobody makes."""
    return np.divide(1.0, ubiquity, out=np.zeros_like(ubiquity), where=ubiquity > 0)


def _countable(m: FloatArray) -> NDArray[np.float32] | FloatArray:
    """Return M in single precision where every count of it is exact, else unchanged."""
    whole = m.shape[0] < EXACT and bool(((m == 0) | (m == 1)).all())
    return m.astype(np.float32) if whole else m
