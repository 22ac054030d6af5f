"""Constant market share: what part of export growth is the market's, the mix's, and the country's own.

With own exports ``x[j, k]`` to partner j of product k, the market ``w[j, k]`` (the world's exports of k to j,
own included) and the share ``s = x / w``, four effects move exports from period 0 to period 1:

- world: the size of the market, ``W = sum w``;
- product: its composition by product, ``W_k / W``;
- partner: its composition by partner, ``W_j / W``;
- own: own shares ``s[j, k]``, the performance that the market does not explain.

For a set S of effects switched to period 1, exports would be ``v(S) = W_S sum_jk s_S[j,k] m_S[j,k]`` with the
market's structure ``m_S`` =

- ``w0[j,k] / W0`` with neither composition in S;
- ``w0[j,k] / W0_k * W1_k / W1`` with product only: products take their new weight, partners keep
  their part of each product;
- ``w0[j,k] / W0_j * W1_j / W1`` with partner only;
- ``w1[j,k] / W1`` with both.

Then ``v(none) = V0`` and ``v(all) = V1``. Walking from none to all in the order world, product, partner, own
is the classical constant-market-share analysis of Leamer and Stern; another order gives other numbers for the
same data. The default is the average over all 24 orders, the Shapley value of v, which depends on no order.

References
----------
Leamer, E. E., & Stern, R. M. (1970). Quantitative International Economics. Allyn and Bacon, chapter 7.
Richardson, J. D. (1971). Constant-market-shares analysis of export growth. Journal of International
Economics, 1(2), 227-239 (the dependence on the order).
Shorrocks, A. F. (2013). Decomposition procedures for distributional analysis: a unified framework based on
the Shapley value. Journal of Economic Inequality, 11, 99-126. https://doi.org/10.1007/s10888-011-9214-z
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

EFFECTS = ("world", "product", "partner", "own")
_ALL = range(1 << len(EFFECTS))


@dataclass(frozen=True, slots=True)
class MarketShare:
    """Parts of a change of exports; amounts in the unit of the exports, J partners and K products.

    Attributes
    ----------
    total0, total1 : float
        Own exports in the two periods.
    effects : ndarray, shape (4,)
        In the order of ``EFFECTS``: world growth, product mix, partner mix, own performance.
    entry : float
        Own exports of period 1 to markets that did not exist in period 0 (``world0 = 0``), >= 0.
    exit : float
        Minus own exports of period 0 to markets that no longer exist (``world1 = 0``), <= 0.
    by_cell : ndarray, shape (4, J, K)
        The effects by partner and product; 0 in new and lost markets.
    order : tuple of str or None
        Order used; None for the Shapley average.
    lower, upper : ndarray, shape (4,)
        Smallest and largest value of each effect over the 24 orders: what a classical analysis might have
        said.
    counterfactual : ndarray, shape (16,)
        ``v(S)``; bit i of the place says whether effect i of ``EFFECTS`` is at period 1.
    """

    total0: float
    total1: float
    effects: FloatArray
    entry: float
    exit: float
    by_cell: FloatArray
    order: tuple[str, ...] | None
    lower: FloatArray
    upper: FloatArray
    counterfactual: FloatArray

    @property
    def change(self) -> float:
        """Change of own exports; the six parts sum to it."""
        return self.total1 - self.total0

    @property
    def parts(self) -> dict[str, float]:
        """The six parts of the change, in reading order."""
        named = {name: float(amount) for name, amount in zip(EFFECTS, self.effects, strict=True)}
        return {**named, "entry": self.entry, "exit": self.exit}


def market_share(
    own0: ArrayLike,
    own1: ArrayLike,
    world0: ArrayLike,
    world1: ArrayLike,
    *,
    order: Sequence[str] | None = None,
) -> MarketShare:
    """Split a change of exports into world growth, product mix, partner mix and own performance.

    Markets that exist in one period only have no share in the other. Their own exports stand on the lines
    entry and exit; the markets still count in the totals of the world, its products and its partners. A
    market that exists in both periods and that the country enters or leaves is own performance.

    Parameters
    ----------
    own0, own1 : array_like, shape (J, K)
        Own exports to partner (row) of product (column), >= 0.
    world0, world1 : array_like, shape (J, K)
        The market: the world's exports to the partner of the product, own exports included, same unit.
    order : sequence of str, optional
        A permutation of ``EFFECTS`` for one classical decomposition; by default the average over all orders.

    Returns
    -------
    MarketShare
        The effects, by cell too, and their range over the orders.

    Raises
    ------
    ValueError
        If shapes differ, a number is NaN, negative or infinite, own exports are positive where the market is
        0, or ``order`` is no permutation of ``EFFECTS``.

    Examples
    --------
    The market doubles and the country keeps its share: all is world growth.

    >>> answer = market_share([[1.0, 2.0]], [[2.0, 4.0]], [[10.0, 10.0]], [[20.0, 20.0]])
    >>> round(answer.parts["world"], 9), abs(round(answer.parts["own"], 9))
    (3.0, 0.0)
    """
    names = ("own0", "own1", "world0", "world1")
    x0, x1, w0, w1 = (_matrix(a, name) for a, name in zip((own0, own1, world0, world1), names, strict=True))
    for name, array in zip(names[1:], (x1, w0, w1), strict=True):
        if array.shape != x0.shape:
            raise ValueError(f"{name} has shape {array.shape}, own0 has {x0.shape}; they must agree")
    for name, own, world in (("own0", x0, w0), ("own1", x1, w1)):
        if ((own > 0) & (world == 0)).any():
            raise ValueError(f"{name} is positive where the market is 0; the market must include own exports")
    steps = _weights(_path(order))
    both = (w0 > 0) & (w1 > 0)
    by_cell = np.zeros((len(EFFECTS), *x0.shape))
    value = np.zeros(len(_ALL))
    for subset, cells in zip(_ALL, _counterfactuals(x0, x1, w0, w1, both), strict=True):
        value[subset] = cells.sum()
        by_cell += steps[:, subset, None, None] * cells
    every = np.array([_weights([path]) @ value for path in permutations(range(len(EFFECTS)))])
    return MarketShare(
        total0=float(x0.sum()),
        total1=float(x1.sum()),
        effects=steps @ value,
        entry=float(x1[w0 == 0].sum()),
        exit=-float(x0[w1 == 0].sum()),
        by_cell=by_cell,
        order=None if order is None else tuple(order),
        lower=every.min(axis=0),
        upper=every.max(axis=0),
        counterfactual=value,
    )


def _matrix(values: ArrayLike, name: str) -> FloatArray:
    """Return a checked matrix."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} must be a matrix [partner, product], got shape {array.shape}")
    if np.isnan(array).any():
        raise ValueError(
            f"{name} holds cells that were not observed (NaN); leave them out of all four matrices"
        )
    if np.isinf(array).any() or (array < 0).any():
        raise ValueError(f"{name} must be finite and >= 0")
    return array


def _path(order: Sequence[str] | None) -> list[tuple[int, ...]]:
    """Return the orders to average over, as places in ``EFFECTS``."""
    if order is None:
        return list(permutations(range(len(EFFECTS))))
    if isinstance(order, str) or sorted(order) != sorted(EFFECTS):
        raise ValueError(f"order must name each of {', '.join(EFFECTS)} once, got {order!r}")
    return [tuple(EFFECTS.index(name) for name in order)]


def _weights(paths: Sequence[tuple[int, ...]]) -> FloatArray:
    """Return the matrix (4, 16) that turns the values v(S) into effects, averaged over the paths.

    With all 24 paths these are the Shapley weights, ``|S|! (3 - |S|)! / 4!`` with their signs.
    """
    weights = np.zeros((len(EFFECTS), len(_ALL)))
    if len(paths) == factorial(len(EFFECTS)):
        for effect in range(len(EFFECTS)):
            for subset in _ALL:
                others = (subset & ~(1 << effect)).bit_count()
                weight = factorial(others) * factorial(3 - others) / factorial(4)
                weights[effect, subset] = weight if subset >> effect & 1 else -weight
        return weights
    for path in paths:
        subset = 0
        for effect in path:
            weights[effect, subset] -= 1.0 / len(paths)
            subset |= 1 << effect
            weights[effect, subset] += 1.0 / len(paths)
    return weights


def _counterfactuals(
    x0: FloatArray, x1: FloatArray, w0: FloatArray, w1: FloatArray, both: NDArray[np.bool_]
) -> list[FloatArray]:
    """Return own exports by cell for each of the 16 sets of effects, bit i of the place for effect i."""
    size = (float(w0.sum()), float(w1.sum()))
    if not both.any():
        return [np.zeros_like(x0) for _ in _ALL]
    share = (_ratio(x0, w0, both), _ratio(x1, w1, both))
    old, new = w0 / size[0], w1 / size[1]
    by_product = old * _ratio(new.sum(axis=0), old.sum(axis=0))
    by_partner = old * _ratio(new.sum(axis=1), old.sum(axis=1))[:, None]
    structure = (old, by_product, by_partner, new)
    return [size[s & 1] * share[s >> 3 & 1] * structure[s >> 1 & 3] for s in _ALL]


def _ratio(top: FloatArray, bottom: FloatArray, where: NDArray[np.bool_] | None = None) -> FloatArray:
    """Divide, with 0 where the divisor is 0 or outside ``where``."""
    allowed = bottom > 0 if where is None else where
    return np.divide(top, bottom, out=np.zeros_like(top), where=allowed)
