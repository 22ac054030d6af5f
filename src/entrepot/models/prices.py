"""Value against volume: how much of a change of trade is price, and how much is tonnes.

On the items with value and quantity in both periods (the matched sample) with unit values ``p = v / q``:

- Laspeyres ``P_L = sum p1 q0 / sum p0 q0``, Paasche ``P_P = sum p1 q1 / sum p0 q1``, Fisher
  ``P = sqrt(P_L P_P)``; the same for quantities with p and q swapped; ``P Q = V1 / V0`` exactly.
- Additive split with the logarithmic mean ``L(a, b) = (a - b) / ln(a / b)`` of the matched totals:
  ``V1 - V0 = L(V1, V0) ln P + L(V1, V0) ln Q``, price effect + volume effect, without a cross term. A price
  effect is positive exactly when the printed Fisher index is above 1.
- By item, the price effect follows the additive form of the Fisher index, with weights
  ``p0 (q0 + q1 / Q)``; the volume effect likewise.

All that is outside the matched sample stays on lines of its own, so that the parts sum to the change of
value.

References
----------
Balk, B. M. (2008). Price and Quantity Index Numbers. Cambridge University Press.
https://doi.org/10.1017/CBO9780511720758 (Fisher, Montgomery-Vartia and the logarithmic mean, additive
Fisher).
Iglewicz, B., & Hoaglin, D. C. (1993). How to Detect and Handle Outliers. ASQC Quality Press (the rule 3.5).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Turns a median absolute deviation into a standard deviation under normality: 1 / Phi^-1(3/4).
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class IndexPair:
    """A price index and its quantity index, period 0 = 1.

    Attributes
    ----------
    price, quantity : float
        Pure numbers.
    """

    price: float
    quantity: float


@dataclass(frozen=True, slots=True)
class PriceVolume:
    """Price and volume parts of a change of value; amounts in the unit of the values, n items.

    Attributes
    ----------
    laspeyres, paasche, fisher : IndexPair or None
        Indices of the matched sample; None where nothing is matched (``coverage0 == coverage1 == 0``).
    total0, total1 : float
        Value of all items in the two periods.
    price_effect, volume_effect : float
        Parts of the change of the matched value; 0 where nothing is matched.
    entry : float
        Value in period 1 of the items without value in period 0, >= 0.
    exit : float
        Minus the value in period 0 of the items without value in period 1, <= 0.
    unmatched : float
        Change of value of the items traded in both periods but without a quantity in one of them.
    trimmed : float
        Change of value of the items left out as unit-value outliers.
    coverage0, coverage1 : float
        Share of the value of each period that is in the matched sample; 0 where nothing is matched.
    matched_items, unmatched_items, trimmed_items : int
        Number of items.
    trim_ratio : float or None
        Largest ratio, up or down, to the median change of unit value that was kept; None if none was tested.
    matched : ndarray of bool, shape (n,)
        True for the items of the matched sample.
    price_by_item, volume_by_item : ndarray, shape (n,)
        The two effects by item, 0 outside the matched sample; they sum to the effects.
    """

    laspeyres: IndexPair | None
    paasche: IndexPair | None
    fisher: IndexPair | None
    total0: float
    total1: float
    price_effect: float
    volume_effect: float
    entry: float
    exit: float
    unmatched: float
    trimmed: float
    coverage0: float
    coverage1: float
    matched_items: int
    unmatched_items: int
    trimmed_items: int
    trim_ratio: float | None
    matched: BoolArray
    price_by_item: FloatArray
    volume_by_item: FloatArray

    @property
    def change(self) -> float:
        """Change of the total value, ``total1 - total0``; the six parts sum to it."""
        return self.total1 - self.total0

    @property
    def parts(self) -> dict[str, float]:
        """The six parts of the change, in reading order."""
        return {
            "price": self.price_effect,
            "volume": self.volume_effect,
            "entry": self.entry,
            "exit": self.exit,
            "unmatched": self.unmatched,
            "trimmed": self.trimmed,
        }


def price_volume(
    value0: ArrayLike,
    quantity0: ArrayLike,
    value1: ArrayLike,
    quantity1: ArrayLike,
    *,
    trim: float | None = 3.5,
    trim_floor: float = 2.0,
) -> PriceVolume:
    """Split a change of value into price, volume, entry, exit and what cannot be matched.

    Outlier rule: an item leaves the matched sample when its change of unit value, ``|ln(p1/p0) - median|``,
    is above ``max(trim * 1.4826 * MAD, ln(trim_floor))``, both taken over all items with two unit values,
    each counted once. The median lets a common inflation pass; the floor keeps a true price move in a calm
    sample, where the MAD is near 0, from being called an outlier.

    Parameters
    ----------
    value0, value1 : array_like, shape (n,)
        Value of each item, >= 0, one currency unit; 0 = no trade. A cell is an item, for example partner x
        product: the finer, the less a unit value mixes.
    quantity0, quantity1 : array_like, shape (n,)
        Quantity of each item in its own unit; NaN = not observed. A positive value with quantity 0 has no
        unit value (rounding at source) and counts as not observed.
    trim : float or None
        Number of robust standard deviations kept; None keeps every item.
    trim_floor : float
        Ratio to the median change within which no item is ever trimmed, >= 1.

    Returns
    -------
    PriceVolume
        Indices, effects, coverage.

    Raises
    ------
    ValueError
        If shapes differ, a value is NaN, negative or infinite, a quantity is negative or infinite, or a trim
        parameter is out of range.

    Examples
    --------
    The price doubles, the tonnes halve; the second item is new.

    >>> answer = price_volume([100, 0], [10, 0], [100, 30], [5, 3])
    >>> answer.fisher
    IndexPair(price=2.0, quantity=0.5)
    >>> round(answer.price_effect, 3), round(answer.volume_effect, 3), answer.entry
    (69.315, -69.315, 30.0)
    """
    v0, v1 = _amounts(value0, "value0"), _amounts(value1, "value1")
    q0, q1 = _amounts(quantity0, "quantity0", gaps=True), _amounts(quantity1, "quantity1", gaps=True)
    for name, array in (("quantity0", q0), ("value1", v1), ("quantity1", q1)):
        if array.shape != v0.shape:
            raise ValueError(f"{name} has shape {array.shape}, value0 has {v0.shape}; they must agree")
    _check_trim(trim, trim_floor)
    traded = (v0 > 0) & (v1 > 0)
    # A NaN compares as False, so an unobserved quantity never enters as a zero.
    priced = traded & (q0 > 0) & (q1 > 0)
    matched, ratio = _trim(v0, q0, v1, q1, priced, trim, trim_floor)
    lost, outliers = traded & ~priced, priced & ~matched
    indices, by_price, by_volume = _split(v0, q0, v1, q1, matched)
    total0, total1 = float(v0.sum()), float(v1.sum())
    laspeyres, paasche, fisher = indices
    price, volume = _effects(v0[matched], v1[matched], fisher)
    return PriceVolume(
        laspeyres=laspeyres,
        paasche=paasche,
        fisher=fisher,
        total0=total0,
        total1=total1,
        price_effect=price,
        volume_effect=volume,
        entry=float(v1[v0 == 0].sum()),
        exit=-float(v0[v1 == 0].sum()),
        unmatched=float((v1[lost] - v0[lost]).sum()),
        trimmed=float((v1[outliers] - v0[outliers]).sum()),
        coverage0=float(v0[matched].sum()) / total0 if total0 > 0 else 0.0,
        coverage1=float(v1[matched].sum()) / total1 if total1 > 0 else 0.0,
        matched_items=int(matched.sum()),
        unmatched_items=int(lost.sum()),
        trimmed_items=int(outliers.sum()),
        trim_ratio=ratio,
        matched=matched,
        price_by_item=by_price,
        volume_by_item=by_volume,
    )


def _amounts(values: ArrayLike, name: str, *, gaps: bool = False) -> FloatArray:
    """Return a checked vector; ``gaps`` allows NaN."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} must be a vector, one number per item, got shape {array.shape}")
    if not gaps and np.isnan(array).any():
        raise ValueError(
            f"{name} holds values that were not observed (NaN); leave those items out, in both periods"
        )
    if np.isinf(array).any() or (array < 0).any():
        raise ValueError(f"{name} must be finite and >= 0")
    return array


def _check_trim(trim: float | None, floor: float) -> None:
    """Refuse trim parameters without a meaning."""
    if trim is not None and not trim > 0:
        raise ValueError(f"trim must be positive or None, got {trim}")
    if not floor >= 1:
        raise ValueError(f"trim_floor must be at least 1, got {floor}")


def _trim(
    v0: FloatArray,
    q0: FloatArray,
    v1: FloatArray,
    q1: FloatArray,
    priced: BoolArray,
    trim: float | None,
    floor: float,
) -> tuple[BoolArray, float | None]:
    """Return the mask of the items kept and the largest ratio to the median that was allowed."""
    if trim is None or not priced.any():
        return priced, None
    # Differences of logarithms, since a ratio of ratios may overflow in extreme units.
    change = np.log(v1[priced]) - np.log(q1[priced]) - np.log(v0[priced]) + np.log(q0[priced])
    distance = np.abs(change - np.median(change))
    limit = max(trim * _MAD_TO_SIGMA * float(np.median(distance)), log(floor))
    kept = priced.copy()
    # The slack keeps a unit value exactly at the limit, whatever the rounding of its logarithm.
    kept[priced] = distance <= limit + 1e-12
    return kept, exp(limit) if limit < 700 else float("inf")


def _split(
    v0: FloatArray, q0: FloatArray, v1: FloatArray, q1: FloatArray, matched: BoolArray
) -> tuple[tuple[IndexPair | None, IndexPair | None, IndexPair | None], FloatArray, FloatArray]:
    """Return the three index pairs and the two effects by item."""
    by_price, by_volume = np.zeros_like(v0), np.zeros_like(v0)
    if not matched.any():
        return (None, None, None), by_price, by_volume
    a, b = v0[matched], v1[matched]
    growth = q1[matched] / q0[matched]
    old_at_new, new_at_old = b / growth, a * growth
    laspeyres = IndexPair(float(old_at_new.sum() / a.sum()), float(new_at_old.sum() / a.sum()))
    paasche = IndexPair(float(b.sum() / new_at_old.sum()), float(b.sum() / old_at_new.sum()))
    fisher = IndexPair(sqrt(laspeyres.price * paasche.price), sqrt(laspeyres.quantity * paasche.quantity))
    start, end = float(a.sum()), float(b.sum())
    mean = _log_mean(start, end)
    # Additive Fisher: sum (p1 - p0)(q0 + q1 / Q) / sum p0 (q0 + q1 / Q) = P - 1, and the same for quantities.
    price_terms = (old_at_new - a) + (b - new_at_old) / fisher.quantity
    volume_terms = (new_at_old - a) + (b - old_at_new) / fisher.price
    price_base = start + float(new_at_old.sum()) / fisher.quantity
    volume_base = start + float(old_at_new.sum()) / fisher.price
    by_price[matched] = price_terms * (mean * _log_over_gap(fisher.price) / price_base)
    by_volume[matched] = volume_terms * (mean * _log_over_gap(fisher.quantity) / volume_base)
    return (laspeyres, paasche, fisher), by_price, by_volume


def _log(ratio: float) -> float:
    """Return the logarithm of a positive ratio, to full precision near 1."""
    # ratio - 1 is exact between 1/2 and 2 (Sterbenz), and loses digits elsewhere.
    return log1p(ratio - 1.0) if 0.5 <= ratio <= 2.0 else log(ratio)


def _log_over_gap(index: float) -> float:
    """Return ``ln(x) / (x - 1)``, 1 at x = 1."""
    return _log(index) / (index - 1.0) if index != 1.0 else 1.0


def _log_mean(start: float, end: float) -> float:
    """Return the logarithmic mean ``(b - a) / ln(b / a)`` of two positive numbers, a where they agree."""
    gap = end - start
    growth = log1p(gap / start) if 0.5 <= end / start <= 2.0 else log(end / start)
    return gap / growth if growth != 0 else start


def _effects(v0: FloatArray, v1: FloatArray, fisher: IndexPair | None) -> tuple[float, float]:
    """Return the price effect and the volume effect of the matched sample."""
    if fisher is None:
        return 0.0, 0.0
    mean = _log_mean(float(v0.sum()), float(v1.sum()))
    return mean * log(fisher.price), mean * log(fisher.quantity)
