"""Trade of one country with every partner, and of the world, as arrays for `partners` and `technoparks`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import narwhals as nw
import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.questions import words
from entrepot.questions.settlements import covered, partial_products
from entrepot.world import countries, reporting

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.store.engine import Frame
    from entrepot.store.store import Store

Basis = Literal["auto", "flows", "industry_flows"]
FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Seller, buyer and item columns, and US dollars per unit of value, by table of the store.
_LAYOUT = {
    "flows": ("exporter", "importer", "product", 1e3),
    "industry_flows": ("seller_country", "buyer_country", "seller_sector", 1e6),
}


@dataclass(frozen=True, eq=False)
class Trade:
    """What one country trades with every other, and what the world trades, a year on average.

    Attributes
    ----------
    country : str
        ISO3 code.
    basis : {"flows", "industry_flows"}
        Table of the store: goods by HS code, or intermediate sales by industry.
    years : tuple of int
        First and last year of the window that is averaged.
    revision : str
        HS revision of the codes; empty for industries.
    partners : tuple of str, length N
        ISO3 codes of all countries, the country itself included, sorted.
    items : tuple of str, length K
        HS codes or industries, sorted.
    exports, imports : ndarray, shape (N, K)
        Totals of each country, USD a year.
    before : ndarray, shape (N, K), or None
        Imports in the window before; None where the table does not reach back that far.
    sold, bought : ndarray, shape (N, K)
        What the country sells to and buys from each, USD a year over the years observed.
    sellers : ndarray, shape (N, K)
        Herfindahl-Hirschman index of the sellers from which each country buys an item; NaN without imports.
    world_sellers : ndarray, shape (K,)
        The same of all exporters of an item.
    observed : ndarray of bool, shape (N,)
        False where neither side published their trade in any year of the window.
    few : int or None
        Number of products where the table does not hold all goods.
    """

    country: str
    basis: Literal["flows", "industry_flows"]
    years: tuple[int, int]
    revision: str
    partners: tuple[str, ...]
    items: tuple[str, ...]
    exports: FloatArray
    imports: FloatArray
    before: FloatArray | None
    sold: FloatArray
    bought: FloatArray
    sellers: FloatArray
    world_sellers: FloatArray
    observed: BoolArray
    few: int | None

    @property
    def own(self) -> int:
        """Position of the country among the partners."""
        return self.partners.index(self.country)

    @property
    def others(self) -> BoolArray:
        """True for every partner but the country itself, shape (N,)."""
        mask = np.ones(len(self.partners), bool)
        mask[self.own] = False
        return mask


def choose_table(store: Store, country: str, table: Basis) -> Literal["flows", "industry_flows"]:
    """Return the table that says most about a country: flows where they hold all goods, else industries."""
    if table != "auto":
        return table
    if not store.has("industry_flows"):
        return "flows"
    if store.has("flows") and partial_products(store) is None:
        return "flows"
    return "industry_flows" if country in covered(store, "industry_flows") else "flows"


def last_year(store: Store, basis: str, year: int | None, at: date | None) -> int:
    """Return the last year of the window: the one asked for, or the last that was over on the day of the law.

    Law older than the trade would open what has been barred since.

    Raises
    ------
    InputError
        If the trade asked for is younger than the law.
    DataError
        If the table does not hold the year.
    """
    first, last = store.info(basis).years or (0, 0)
    over = last if at is None else at.year if (at.month, at.day) == (12, 31) else at.year - 1
    if at is not None and year is not None and year > over:
        raise InputError(
            f"the law of {at} does not go with the trade of {year}",
            hint="give an earlier --year or a later --at",
        )
    chosen = min(last, over) if year is None else year
    if not first <= chosen <= last:
        held = f"{first}" if first == last else f"{first} to {last}"
        raise DataError.empty_selection(
            f"{chosen} in the table {basis}",
            hint=f"it holds {held}; choose --year, a later --at or --table",
        )
    return chosen


def read_trade(
    store: Store,
    country: str,
    *,
    table: Basis = "auto",
    year: int | None = None,
    at: date | None = None,
    window: int = 3,
) -> Trade:
    """Read what one country and the world trade, averaged over the years of a window.

    Parameters
    ----------
    store : Store
    country : str
        ISO3 code.
    table : {"auto", "flows", "industry_flows"}
        See `choose_table`.
    year : int, optional
        Last year of the window; the last one of the table if left out.
    at : date, optional
        Day of the law: the window ends before it.
    window : int
        Years that are averaged; fewer where the table is shorter.

    Raises
    ------
    InputError
        If the year is younger than the law.
    DataError
        If the table does not hold the year or the country.
    """
    basis = choose_table(store, country, table)
    until = last_year(store, basis, year, at)
    first, _ = store.info(basis).years or (0, 0)
    since = max(first, until - window + 1)
    world = _world(store, store.info(basis).sha256, basis, since, until)
    if country not in world.names:
        raise DataError.empty_selection(
            f"{words.with_article(country)} in the table {basis}, {since} to {until}"
            f"{words.counted_with(country)}",
            hint="choose another --table or --year",
        )
    own, sold, bought = _own(store, _cells(store, basis, since, until), country, world)
    years = until - since + 1
    dark = _dark_years(country, world.names, since, until, own) if basis == "flows" else 0
    seen = np.broadcast_to(years - dark, len(world.names))[:, None]
    unit = _LAYOUT[basis][3]
    scale = np.divide(unit, seen, out=np.zeros(seen.shape), where=seen > 0)
    return Trade(
        country=country,
        basis=basis,
        years=(since, until),
        revision=(store.info(basis).revision or "") if basis == "flows" else "",
        partners=world.names,
        items=world.items,
        exports=np.rint(unit / years * world.exports),
        imports=np.rint(unit / years * world.imports),
        before=_before(store, basis, world, since - years, since - 1),
        sold=np.rint(scale * sold),
        bought=np.rint(scale * bought),
        sellers=world.sellers,
        world_sellers=_index((world.exports**2).sum(axis=0), world.exports.sum(axis=0)),
        observed=seen[:, 0] > 0,
        few=partial_products(store) if basis == "flows" else None,
    )


@dataclass(frozen=True, eq=False)
class _World:
    """Sums over a window, in units of the table: N countries, K items."""

    names: tuple[str, ...]
    items: tuple[str, ...]
    exports: FloatArray  # (N, K)
    imports: FloatArray  # (N, K)
    sellers: FloatArray  # (N, K)


@lru_cache(maxsize=8)
def _world(store: Store, sha256: str, basis: str, since: int, until: int) -> _World:
    """Sum the trade of all countries over a window, once for each content of a store."""
    rows = _cells(store, basis, since, until)
    sold, bought = (_totals(store, rows, side) for side in ("seller", "buyer"))
    names = tuple(sorted(set(sold.column("party").to_pylist()) | set(bought.column("party").to_pylist())))
    items = tuple(sorted(set(sold.column("item").to_pylist())))
    imports = _array(bought, names, items, "value")
    return _World(
        names,
        items,
        _array(sold, names, items, "value"),
        imports,
        _index(_array(bought, names, items, "square"), imports),
    )


def _before(store: Store, basis: str, now: _World, since: int, until: int) -> FloatArray | None:
    """Return the imports of an earlier window, USD a year in the rows and columns of today's, or None."""
    first, _ = store.info(basis).years or (0, 0)
    if since < first:
        return None
    then = _world(store, store.info(basis).sha256, basis, since, until)
    found = np.zeros((len(now.names), len(now.items)))
    rows = {name: i for i, name in enumerate(then.names)}
    columns = {item: i for i, item in enumerate(then.items)}
    here = [i for i, name in enumerate(now.names) if name in rows]
    across = [k for k, item in enumerate(now.items) if item in columns]
    kept = np.ix_([rows[now.names[i]] for i in here], [columns[now.items[k]] for k in across])
    found[np.ix_(here, across)] = then.imports[kept]
    return np.asarray(np.rint(_LAYOUT[basis][3] / (until - since + 1) * found))


def _cells(store: Store, basis: str, since: int, until: int) -> Frame:
    """Return a lazy frame of seller, buyer, item, year and value, without trade inside a country."""
    seller, buyer, item, _ = _LAYOUT[basis]
    frame = store.table(basis).filter(
        nw.col("year") >= since, nw.col("year") <= until, nw.col(seller) != nw.col(buyer)
    )
    return frame.select(
        nw.col("year"),
        nw.col(seller).alias("seller"),
        nw.col(buyer).alias("buyer"),
        nw.col(item).alias("item"),
        nw.col("value"),
    )


def _totals(store: Store, rows: Frame, side: str) -> pa.Table:
    """Sum one side's trade by item, with the sum of the squares over its partners."""
    pairs = rows.group_by("seller", "buyer", "item").agg(nw.col("value").sum())
    squared = pairs.with_columns((nw.col("value") * nw.col("value")).alias("square"))
    sums = squared.group_by(side, "item").agg(nw.col("value").sum(), nw.col("square").sum())
    return store.collect(
        sums.with_columns(nw.col(side).alias("party")).select("party", "item", "value", "square")
    )


def _own(store: Store, rows: Frame, country: str, world: _World) -> tuple[pa.Table, FloatArray, FloatArray]:
    """Return the country's own rows by year, and what it sold and bought, each (N, K), in table units."""
    own = store.collect(
        rows.filter((nw.col("seller") == country) | (nw.col("buyer") == country))
        .group_by("year", "seller", "buyer", "item")
        .agg(nw.col("value").sum())
    )
    arrays = []
    for side, partner in (("seller", "buyer"), ("buyer", "seller")):
        part = own.filter(pc.equal(own.column(side), country))
        arrays.append(_array(part.rename_columns({partner: "party"}), world.names, world.items, "value"))
    return own, arrays[0], arrays[1]


def _array(table: pa.Table, names: Sequence[str], items: Sequence[str], column: str) -> FloatArray:
    """Add a tidy column into an array of shape (names, items)."""
    row, place = _places(table.column("party"), names), _places(table.column("item"), items)
    found = np.zeros((len(names), len(items)))
    values = table.column(column).to_numpy()
    known = (row >= 0) & (place >= 0)
    np.add.at(found, (row[known], place[known]), values[known])
    return found


def _places(column: Any, known: Sequence[str]) -> NDArray[np.int64]:
    import pyarrow as pa

    found = pc.fill_null(pc.index_in(column, value_set=pa.array(known, pa.string())), -1)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _index(squares: FloatArray, sums: FloatArray) -> FloatArray:
    """Return the Herfindahl-Hirschman index; NaN where nothing is traded."""
    index: FloatArray = np.divide(squares, sums**2, out=np.full(sums.shape, np.nan), where=sums > 0)
    # The engine sums in any order: what it leaves in the last digits is no information.
    return np.round(index, 10)


def _dark_years(
    country: str, names: Sequence[str], since: int, until: int, sales: pa.Table
) -> NDArray[np.int64]:
    """Count the years in which neither side published a pair's trade, shape (N,)."""
    count = np.zeros(len(names), np.int64)
    for year in range(since, until + 1):
        # A row that exists was reported by somebody, whatever the calendar says.
        rows = sales.filter(pc.equal(sales.column("year"), year))
        seen = set(rows.column("seller").to_pylist()) | set(rows.column("buyer").to_pylist())
        silent = reporting.dark_partners(country, year) - seen
        count += np.array([name in silent for name in names], np.int64)
    return count


def breadth(trade: Trade) -> str:
    """Say in words what stands behind the numbers."""
    if trade.basis == "industry_flows":
        return f"intermediate goods and services by {len(trade.items)} industries"
    return "all goods" if trade.few is None else f"{trade.few} products"


def item_label(trade: Trade, item: str) -> str:
    """Name an item for the reader."""
    return words.label(item, "sector" if trade.basis == "industry_flows" else "product")


def inside(label: str) -> str:
    """Write a label as it stands inside a sentence: without what an official text says behind a semicolon.

    Examples
    --------
    >>> inside("Motor vehicles"), inside("IT services"), inside("Tar; distilled from coal, and ...")
    ('motor vehicles', 'IT services', 'tar')
    >>> inside("Artificial staple fibres, carded or ..."), inside("Waste and scrap of ...")
    ('artificial staple fibres', 'waste and scrap of …')
    """
    label = label.partition(";")[0]
    if label.endswith(" ..."):
        start, comma, _ = label.rpartition(",")
        label = start if comma else f"{label[:-4]} \u2026"
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def partner_names(trade: Trade, lang: str) -> dict[str, str]:
    """Return the names of all partners."""
    return {iso3: countries.name(iso3, lang) for iso3 in trade.partners}
