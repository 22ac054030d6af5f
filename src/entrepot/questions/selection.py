"""From the store to panels: lazy queries for the trade of one country."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.questions import words
from entrepot.questions.panel import MATERIAL, Panel, last_seen
from entrepot.world import countries, reporting

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.store.engine import Frame
    from entrepot.store.store import Store

Direction = Literal["exports", "imports"]


def product_filter(frame: Frame, products: Sequence[str]) -> Frame:
    """Keep the rows whose code is, or begins with, one of ``products``; all rows if it is empty."""
    if not products:
        return frame
    whole = [code for code in products if len(code) == 6]
    tests = [nw.col("product").is_in(whole)] if whole else []
    tests += [nw.col("product").str.starts_with(code) for code in products if len(code) < 6]
    return frame.filter(nw.any_horizontal(*tests, ignore_nulls=False))


def country_flows(
    store: Store,
    country: str,
    direction: Direction,
    keys: Sequence[str],
    *,
    products: Sequence[str] = (),
    partners: Sequence[str] | None = None,
) -> pa.Table:
    """Sum one country's flows by ``keys`` (``year``, ``partner``, ``product``, ``chapter``, ``heading``).

    Returns
    -------
    pyarrow.Table
        ``keys``, ``value`` (USD thousand), ``quantity`` (tonnes).
    """
    own, partner = ("exporter", "importer") if direction == "exports" else ("importer", "exporter")
    derived = {
        "partner": nw.col(partner).alias("partner"),
        "chapter": nw.col("product").str.slice(0, 2).alias("chapter"),
        "heading": nw.col("product").str.slice(0, 4).alias("heading"),
    }
    frame = product_filter(store.table("flows"), products)
    frame = frame.filter(nw.col(own) == country, nw.col("exporter") != nw.col("importer"))
    if partners is not None:
        frame = frame.filter(nw.col(partner).is_in(list(partners)))
    extra = [derived[key] for key in keys if key in derived]
    frame = frame.with_columns(*extra) if extra else frame
    sums = frame.group_by(*keys).agg(nw.col("value").sum(), nw.col("quantity").sum())
    return store.collect(sums)


def whole(usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to whole dollars: parallel sums of the engine differ in their last digits from run to run."""
    return np.rint(usd)


def pivot(
    table: pa.Table, years: NDArray[np.int64], labels: Sequence[str], key: str, name: str
) -> NDArray[np.float64]:
    """Lay a tidy column out as an array of shape (years, labels); absent cells are 0."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = pc.index_in(table.column(key).combine_chunks(), value_set=pa.array(labels, pa.string()))
    row = np.searchsorted(years, table.column("year").to_numpy())
    array = np.zeros((len(years), len(labels)))
    amounts = np.nan_to_num(table.column(name).to_numpy().astype(np.float64, copy=False))
    np.add.at(array, (row, column.to_numpy()), amounts)
    return array


def panel(
    store: Store,
    country: str,
    direction: Direction,
    key: Literal["partner", "product", "heading", "chapter"],
    *,
    products: Sequence[str] = (),
) -> Panel:
    """Build the panel of one country by partner or by product level, over all years of the store.

    Raises
    ------
    DataError
        If the selection holds no row.
    """
    table = country_flows(store, country, direction, ["year", key], products=products)
    if table.num_rows == 0:
        raise nothing_selected(store, country, direction, products)
    first, last = store.info("flows").years or (0, 0)
    years = np.arange(first, last + 1)
    names = tuple(sorted(set(table.column(key).to_pylist())))
    value = whole(1e3 * pivot(table, years, names, key, "value"))
    quantity = np.round(pivot(table, years, names, key, "quantity"), 3)
    if key == "partner":
        silent = [reporting.dark_partners(country, int(year)) for year in years]
        # A row that exists was reported by somebody, whatever the calendar says.
        dark = np.array([[name in row for name in names] for row in silent]) & (value == 0)
        unseen = np.where(dark, np.nan_to_num(last_seen(np.where(dark, np.nan, value))), 0.0)
    else:
        unseen = unseen_by_product(store, country, direction, key, products, years, names)
        dark = unseen > MATERIAL * (value + unseen)
    return Panel(country, direction, years, names, value, quantity, unseen, dark)


def unseen_by_product(
    store: Store,
    country: str,
    direction: Direction,
    key: Literal["product", "heading", "chapter"],
    products: Sequence[str],
    years: NDArray[np.int64],
    names: Sequence[str],
) -> NDArray[np.float64]:
    """Return what dark pairs were worth when last seen, USD, by year and product, shape (T, L)."""
    silent = [reporting.dark_partners(country, int(year)) for year in years]
    partners = sorted(frozenset[str]().union(*silent))
    keys = ["year", "partner", key]
    table = country_flows(store, country, direction, keys, products=products, partners=partners)
    unseen = np.zeros((len(years), len(names)))
    for partner in set(table.column("partner").to_pylist()):
        rows = table.filter(pc.field("partner") == partner)
        flows = whole(1e3 * pivot(rows, years, names, key, "value"))
        dark = np.array([partner in row for row in silent])[:, None] & (flows.sum(axis=1) == 0)[:, None]
        seen = np.where(dark, np.nan, flows)
        unseen += np.where(dark, np.nan_to_num(last_seen(seen)), 0.0)
    return unseen


def nothing_selected(
    store: Store,
    country: str,
    direction: str,
    products: Sequence[str],
    window: tuple[int | None, int | None] = (None, None),
) -> DataError:
    """Say that a selection is empty, and what the store does hold."""
    first, last = store.info("flows").years or (0, 0)
    goods = f" in {', '.join(products)}" if products else ""
    since, until = window
    years = (f" since {since}" if since else "") + (f" until {until}" if until else "")
    held = store.info("flows").holds or "goods"
    return DataError.empty_selection(
        f"{direction} of {words.with_article(country)}{goods}{years}{words.counted_with(country)}",
        hint=f"the store's flows hold {held}, {first} to {last}",
    )


def check_window(since: int | None, until: int | None) -> None:
    """Refuse years that are no whole numbers, and a window that ends before it begins."""
    for name, year in (("since", since), ("until", until)):
        if year is not None and not isinstance(year, int):
            raise InputError(f"{name} is no year: {year!r}", hint="give a whole number, for example 2021")
    if since is not None and until is not None and since > until:
        raise InputError.bad_window(since, until)


def industry_panel(
    store: Store, country: str, direction: Direction, by: Literal["partner", "sector"]
) -> Panel:
    """Build the panel of one country from the input-output table, by partner or by seller's sector.

    Values are USD; intermediate sales only where the table holds no final demand by destination.
    """
    own, partner = (
        ("seller_country", "buyer_country") if direction == "exports" else ("buyer_country", "seller_country")
    )
    key = partner if by == "partner" else "seller_sector"
    frame = store.table("industry_flows").filter(nw.col(own) == country, nw.col(partner) != country)
    table = store.collect(frame.group_by("year", key).agg(nw.col("value").sum()))
    if table.num_rows == 0:
        raise DataError.empty_selection(
            f"{countries.name(country)} in the input-output table",
            hint="the table holds 80 countries; ask for --table flows",
        )
    years = np.unique(table.column("year").to_numpy()).astype(np.int64)
    names = tuple(sorted(set(table.column(key).to_pylist())))
    value = whole(1e6 * pivot(table, years, names, key, "value"))
    none = np.zeros_like(value)
    return Panel(country, direction, years, names, value, none, none, none.astype(bool))
