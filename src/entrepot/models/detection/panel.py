"""Long arrays of trade, the roles countries play in it, and the windows that are compared.

Goods leave *origins*, may stop at *hubs* and reach *destinations*. Under an export ban the origins are the
senders of the measure and the destination is its target; under an import ban it is the other way round. All
else is the same, so one model serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Trade:
    """Rows of trade on coded axes; rows with the same key add up, and an absent key is a reported nil.

    Attributes
    ----------
    exporter, importer, product, period : ndarray of int, shape (n,)
        Codes from 0; exporters and importers share one axis of countries.
    value : ndarray, shape (n,)
        Value, >= 0, one unit throughout.
    mass : ndarray, shape (n,), or None
        Mass; NaN where it was not observed.
    countries, products, periods : int
        Lengths of the axes.
    """

    exporter: IntArray
    importer: IntArray
    product: IntArray
    period: IntArray
    value: FloatArray
    mass: FloatArray | None
    countries: int
    products: int
    periods: int

    def among(self, exporters: IntArray, importers: IntArray) -> Trade:
        """Rows from any of ``exporters`` to any of ``importers``."""
        keep = (
            member(exporters, self.countries)[self.exporter]
            & member(importers, self.countries)[self.importer]
        )
        return self.rows(keep)

    def rows(self, keep: BoolArray) -> Trade:
        """Rows where ``keep`` holds, on the same axes."""
        mass = None if self.mass is None else self.mass[keep]
        return Trade(
            self.exporter[keep],
            self.importer[keep],
            self.product[keep],
            self.period[keep],
            self.value[keep],
            mass,
            self.countries,
            self.products,
            self.periods,
        )

    def within(self, window: Window) -> Trade:
        """Rows in the periods of a window, both parts."""
        return self.rows(member(np.append(window.pre.ravel(), window.post), self.periods)[self.period])

    def plus(self, other: Trade) -> Trade:
        """These rows and those of ``other``, on the same axes; mass is dropped if either lacks it."""
        if (self.countries, self.products, self.periods) != (other.countries, other.products, other.periods):
            raise ValueError("other must lie on the same axes")
        mass = None
        if self.mass is not None and other.mass is not None:
            mass = np.concatenate([self.mass, other.mass])
        return Trade(
            np.concatenate([self.exporter, other.exporter]),
            np.concatenate([self.importer, other.importer]),
            np.concatenate([self.product, other.product]),
            np.concatenate([self.period, other.period]),
            np.concatenate([self.value, other.value]),
            mass,
            self.countries,
            self.products,
            self.periods,
        )

    def regroup(self, groups: IntArray) -> Trade:
        """The same trade with product p relabelled ``groups[p]``, as for HS6 to HS2."""
        groups = np.asarray(groups, np.int64)
        return Trade(
            self.exporter,
            self.importer,
            groups[self.product],
            self.period,
            self.value,
            self.mass,
            self.countries,
            int(groups.max()) + 1,
            self.periods,
        )


@dataclass(frozen=True, slots=True)
class Roles:
    """Who is what; country codes. The three sets are disjoint.

    Attributes
    ----------
    origins, hubs, destinations : ndarray of int
    controls : ndarray of int
        Importers whose purchases from the origins say how a product grew by itself. Destinations are never
        among them; a hub may be, and is left out of its own baseline.
    """

    origins: IntArray
    hubs: IntArray
    destinations: IntArray
    controls: IntArray


@dataclass(frozen=True, slots=True)
class Window:
    """Two sets of periods; position i of each year of ``pre`` is the same season as position i of ``post``.

    Attributes
    ----------
    pre : ndarray of int, shape (years, n)
    post : ndarray of int, shape (n,)
    """

    pre: IntArray
    post: IntArray


def trade(
    exporter: ArrayLike,
    importer: ArrayLike,
    product: ArrayLike,
    period: ArrayLike,
    value: ArrayLike,
    *,
    countries: int,
    products: int,
    periods: int,
    mass: ArrayLike | None = None,
) -> Trade:
    """Check rows of trade and put them on coded axes.

    Raises
    ------
    ValueError
        If lengths differ, a code lies outside its axis, or a value is negative or not a number: rows that
        were not observed are left out by the caller, never given as 0.

    Examples
    --------
    >>> trade([0], [1], [0], [0], [5.0], countries=2, products=1, periods=1).value
    array([5.])
    """
    sizes = {"exporter": countries, "importer": countries, "product": products, "period": periods}
    codes = {
        name: np.asarray(array, np.int64)
        for name, array in zip(sizes, (exporter, importer, product, period), strict=True)
    }
    values = np.asarray(value, np.float64)
    masses = None if mass is None else np.asarray(mass, np.float64)
    for name, array in codes.items():
        if array.shape != values.shape or array.ndim != 1:
            raise ValueError(f"{name} must have one entry a row, as value has")
        if array.size and (array.min() < 0 or array.max() >= sizes[name]):
            raise ValueError(f"{name} has codes outside 0..{sizes[name] - 1}")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("value must be a number >= 0 in every row; leave out rows that were not observed")
    if masses is not None and masses.shape != values.shape:
        raise ValueError("mass must have one entry a row, as value has")
    return Trade(
        codes["exporter"],
        codes["importer"],
        codes["product"],
        codes["period"],
        values,
        masses,
        countries,
        products,
        periods,
    )


def roles(
    origins: ArrayLike,
    hubs: ArrayLike,
    destinations: ArrayLike,
    *,
    countries: int,
    controls: ArrayLike | None = None,
) -> Roles:
    """Check who is what; without ``controls``, every country that is no origin and no destination.

    Raises
    ------
    ValueError
        If a set is empty, two of the three overlap, or a destination is among the controls.
    """
    sets = {
        "origins": np.unique(np.asarray(origins, np.int64)),
        "hubs": np.unique(np.asarray(hubs, np.int64)),
        "destinations": np.unique(np.asarray(destinations, np.int64)),
    }
    for name, chosen in sets.items():
        if not chosen.size:
            raise ValueError(f"{name} must name at least one country")
        if chosen.min() < 0 or chosen.max() >= countries:
            raise ValueError(f"{name} has codes outside 0..{countries - 1}")
    joined = np.concatenate(list(sets.values()))
    if np.unique(joined).size != joined.size:
        raise ValueError("origins, hubs and destinations must not overlap")
    barred = np.concatenate([sets["origins"], sets["destinations"]])
    default = np.setdiff1d(np.arange(countries), barred)
    compared = default if controls is None else np.unique(np.asarray(controls, np.int64))
    if np.isin(compared, barred).any():
        raise ValueError("controls must not hold origins or destinations")
    return Roles(sets["origins"], sets["hubs"], sets["destinations"], compared)


def window(pre: ArrayLike, post: ArrayLike) -> Window:
    """Pair every period after with the same season before; several years before are averaged.

    Raises
    ------
    ValueError
        If the periods overlap, or ``pre`` is no whole number of times as long as ``post``.

    Examples
    --------
    >>> window([0, 1, 2, 3], [4, 5]).pre
    array([[0, 1],
           [2, 3]])
    """
    before, after = np.asarray(pre, np.int64).ravel(), np.asarray(post, np.int64).ravel()
    if not after.size or not before.size or before.size % after.size:
        raise ValueError("pre must hold a whole number of times the periods of post, in the order of post")
    if np.intersect1d(before, after).size or np.unique(before).size != before.size:
        raise ValueError("pre and post must not share or repeat periods")
    return Window(before.reshape(-1, after.size), after)


def member(codes: IntArray, size: int) -> BoolArray:
    """Whether each code 0..size-1 is among ``codes``."""
    flags = np.zeros(size, bool)
    flags[codes] = True
    return flags


def compact(keys: IntArray, size: int) -> tuple[IntArray, IntArray]:
    """Distinct keys in order, and the place of every row's key among them; linear where a table fits."""
    if size > 50_000_000:
        found, place = np.unique(keys, return_inverse=True)
        return found, place.astype(np.int64)
    seen = np.zeros(size, bool)
    seen[keys] = True
    places = np.cumsum(seen, dtype=np.int64) - 1
    return np.flatnonzero(seen).astype(np.int64), places[keys]


def sum_by(group: IntArray, amount: FloatArray, size: int) -> FloatArray:
    """Sums of ``amount`` by group 0..size-1."""
    return np.asarray(np.bincount(group, weights=amount, minlength=size), np.float64)


def comparable(trade: Trade, window: Window) -> BoolArray:
    """Products traded by anyone with anyone both before and after, shape (products,).

    A code that begins or ends between the windows is a break of the nomenclature, not of trade. Ask at the
    finest level there is (CN8 before HS6), drop the others, then regroup.
    """
    both = np.ones(trade.products, bool)
    for periods in (window.pre.ravel(), window.post):
        part = member(periods, trade.periods)[trade.period]
        both &= sum_by(trade.product[part], trade.value[part], trade.products) > 0
    return both
