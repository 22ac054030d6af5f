"""Trade between the members of a sender and a target, and how much of it some measures cover."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from entrepot.measures.catalogue import Catalogue, countries
from entrepot.measures.schema import Measure
from entrepot.measures.scope import covered
from entrepot.world import reporting

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.store.store import Store

Side = Literal["export", "import"]
Amount = Literal["trade", "lower", "upper"]
SIDES: tuple[Side, ...] = ("export", "import")
AMOUNTS: tuple[Amount, ...] = ("trade", "lower", "upper")


@dataclass(frozen=True, slots=True)
class PairTrade:
    """Trade between a sender and a target, by year, member of the sender and product.

    Attributes
    ----------
    sender : str
    members : tuple of str, length K
    codes : tuple of str, length C
    nomenclature : str
        Of the codes.
    years : tuple of int, length T
    value : dict of ndarray, shape (T, K, C)
        USD, by side: ``export`` is from the sender to the target.
    dark : bool ndarray, shape (T, K)
        True where neither the member nor the target published.
    """

    sender: str
    members: tuple[str, ...]
    codes: tuple[str, ...]
    nomenclature: str
    years: tuple[int, ...]
    value: dict[Side, NDArray[np.float64]]
    dark: NDArray[np.bool_]

    def of_year(self, side: Side, year: int) -> NDArray[np.float64]:
        """Return the trade (K, C) of one year; pairs on which nobody reported are 0 in it."""
        trade: NDArray[np.float64] = self.value[side][self.years.index(year)]
        return trade

    def observed(self, year: int) -> bool:
        """Tell whether the store holds trade of a year that at least one pair reported."""
        if year not in self.years:
            return False
        place = self.years.index(year)
        seen = ~self.dark[place]
        return any(bool(self.value[side][place][seen].sum() > 0) for side in SIDES)

    def dark_members(self, year: int) -> tuple[str, ...]:
        """Return the members whose trade with the target nobody published in a year."""
        place = self.years.index(year)
        return tuple(m for m, dark in zip(self.members, self.dark[place], strict=True) if dark)

    def base_year(self, at: date) -> int | None:
        """Return the last year before a day for which trade is observed."""
        return next((year for year in reversed(self.years) if year < at.year and self.observed(year)), None)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Covered trade of one direction: (K, C) USD at least and at most, beside the trade itself."""

    trade: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def total(self, name: Amount) -> float:
        """Return the sum of one of the three arrays."""
        return float(getattr(self, name).sum())


def pair_trade(store: Store, sender: str, target: str, at: date) -> PairTrade:
    """Read all years of trade between the members of a sender on a day and a target."""
    stands_for = countries(sender, at)
    members = None if stands_for is None else stands_for - {target}
    tables = {side: _flows(store, side, members, target) for side in SIDES}
    names = sorted({name for table in tables.values() for name in table.column("member").to_pylist()})
    codes = sorted({code for table in tables.values() for code in table.column("product").to_pylist()})
    info = store.info("flows")
    first, last = info.years or (0, -1)
    years = tuple(range(first, last + 1))
    value = {side: _array(table, years, names, codes) for side, table in tables.items()}
    silent = [reporting.dark_partners(target, year) for year in years]
    dark = np.array([[name in row for name in names] for row in silent], bool).reshape(len(years), len(names))
    return PairTrade(sender, tuple(names), tuple(codes), info.revision or "HS1992", years, value, dark)


def _flows(store: Store, side: Side, members: Collection[str] | None, target: str) -> pa.Table:
    own, other = ("exporter", "importer") if side == "export" else ("importer", "exporter")
    frame = store.table("flows").filter(nw.col(other) == target, nw.col(own) != target)
    if members is not None:
        frame = frame.filter(nw.col(own).is_in(sorted(members)))
    keyed = frame.with_columns(nw.col(own).alias("member"))
    return store.collect(keyed.group_by("year", "member", "product").agg(nw.col("value").sum()))


def _array(
    table: pa.Table, years: Sequence[int], names: Sequence[str], codes: Sequence[str]
) -> NDArray[np.float64]:
    """Lay the sums of one side out as (T, K, C), USD."""
    array = np.zeros((len(years), len(names), len(codes)))
    if table.num_rows:
        place = (
            table.column("year").to_numpy().astype(np.int64) - years[0],
            np.searchsorted(np.array(names), np.array(table.column("member").to_pylist())),
            np.searchsorted(np.array(codes), np.array(table.column("product").to_pylist())),
        )
        array[place] = 1e3 * np.nan_to_num(table.column("value").to_numpy().astype(np.float64))
    return array


def bounds(
    law: Catalogue,
    pair: PairTrade,
    side: Side,
    year: int,
    measures: Sequence[Measure],
    since: date,
    until: date | None = None,
) -> Bounds:
    """Weigh one year's trade by the share of ``[since, until)`` in which each flow is covered.

    Parameters
    ----------
    law : Catalogue
    pair : PairTrade
    side : {"export", "import"}
    year : int
        Year of the trade.
    measures : sequence of Measure
        Only those of the same direction count.
    since : date
    until : date, optional
        By default the day after ``since``: a single day.

    Returns
    -------
    Bounds
    """
    trade = pair.of_year(side, year)
    of_side = [row for row in measures if row.direction == side]
    low, high = covered(
        law,
        pair.codes,
        pair.nomenclature,
        sender=pair.sender,
        members=pair.members,
        measures=of_side,
        since=since,
        until=until or since + timedelta(days=1),
    )
    return Bounds(trade, low * trade, high * trade)
