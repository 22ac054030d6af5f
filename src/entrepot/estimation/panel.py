"""From the store to a square panel of trade: zeros filled in, what nobody reported left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.world import products as goods
from entrepot.world import reporting

if TYPE_CHECKING:
    from entrepot.store.engine import Frame
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Silent = Literal["missing", "zero"]


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """Who could trade when, whatever the product.

    Attributes
    ----------
    countries : tuple of str, length N
        Codes of the store, sorted.
    years : tuple of int, length T
        Consecutive years.
    present : ndarray of bool, shape (T, N)
        The country trades something with somebody in that year.
    dark : ndarray of bool, shape (T, N, N)
        Neither side published for that year.
    """

    countries: tuple[str, ...]
    years: tuple[int, ...]
    present: BoolArray
    dark: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """Trade of one product, or of several together, by exporter, importer and year.

    Attributes
    ----------
    products : tuple of str
        Codes that are added up, sorted.
    axes : Axes
        Countries and years.
    trade : ndarray, shape (T, N, N)
        USD by year, exporter and importer; 0 where no trade is recorded.
    inside : ndarray of bool, shape (T, N, N)
        Cells of the panel.
    unseen : int
        Cells left out since neither side reports.
    """

    products: tuple[str, ...]
    axes: Axes
    trade: FloatArray
    inside: BoolArray
    unseen: int

    @property
    def rows(self) -> int:
        """Number of cells."""
        return int(self.inside.sum())

    @property
    def zeros(self) -> int:
        """Cells without trade, filled with 0."""
        return int((self.inside & (self.trade == 0)).sum())

    def frame(self, columns: Mapping[str, FloatArray] | None = None, *, traded: bool = False) -> pa.Table:
        """Return the cells as rows, by year, exporter and importer.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (T, N, N) or (1, N, N), optional
            Further columns; see `entrepot.estimation.regressors.columns`.
        traded : bool
            Only pairs with trade in some year: a pair effect takes up the others whole.

        Returns
        -------
        pyarrow.Table
            ``exporter``, ``importer``, ``year``, ``trade`` (USD), ``value`` (the same) and ``columns``; a
            value that is not known is null.
        """
        inside = self.inside & (self.trade.any(axis=0) if traded else True)
        year, exporter, importer = np.nonzero(inside)
        names = pa.array(self.axes.countries, pa.string())
        trade = pa.array(self.trade[inside])
        table = {
            "exporter": names.take(pa.array(exporter)),
            "importer": names.take(pa.array(importer)),
            "year": pa.array(np.asarray(self.axes.years, np.int64)[year]),
            "trade": trade,
            "value": trade,
        }
        for name, grid in (columns or {}).items():
            cells = grid[year if len(grid) > 1 else 0, exporter, importer]
            table[name] = pa.array(cells, from_pandas=True)
        return pa.table(table)


def panel(
    store: Store,
    product: str | Sequence[str] | None = None,
    *,
    since: int | None = None,
    until: int | None = None,
    silent: Silent = "missing",
) -> Panel:
    """Return the panel of a product, or of several together.

    A pair is in the panel of a year if the exporter sells the product to somebody in the window, the importer
    buys it from somebody, and both trade something in that year. A cell without a row in the store is zero,
    but one on which neither side reports is not observed and left out.

    Parameters
    ----------
    store : Store
        With a table ``flows``.
    product : str or sequence of str, optional
        HS codes of 2 to 6 digits or words such as "gold"; all products of the store if left out.
    since, until : int, optional
        First and last year; those of the store if left out.
    silent : {"missing", "zero"}
        What a cell is on which neither side reports and no trade is recorded.

    Returns
    -------
    Panel

    Raises
    ------
    InputError
        Unknown product or option, or a window that ends before it begins.
    DataError
        If the store holds no such trade.

    Examples
    --------
    >>> from entrepot.store.store import open_store
    >>> oil = panel(open_store(), "270900", since=2021)
    >>> oil.axes.years, oil.products
    ((2021, 2022, 2023, 2024), ('270900',))
    """
    codes = product_codes(store, product)
    return panel_of(store, axes(store, since, until), codes, silent)


def product_codes(store: Store, product: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the codes of the store that words or shorter codes stand for, sorted; all of them for None.

    Raises
    ------
    InputError
        If a word names no product.
    DataError
        If the store holds none of a product's codes.
    """
    info = store.info("flows")
    table = store.collect(store.table("flows").select("product").unique())
    held = sorted(table.column("product").to_pylist())
    if product is None:
        return tuple(held)
    words = [product] if isinstance(product, str) else list(product)
    if not words:
        raise InputError("no product is named", hint="leave the product out for all of the store")
    found: set[str] = set()
    for word in words:
        code = goods.resolve(word, info.revision or "HS1992")
        own = {other for other in held if other.startswith(code)}
        if not own:
            raise DataError.empty_selection(
                f"product {word}" + (f" ({code})" if code != word else ""),
                hint=f"the store's flows hold {info.holds or 'other products'}",
            )
        found |= own
    return tuple(sorted(found))


def axes(store: Store, since: int | None = None, until: int | None = None) -> Axes:
    """Return the countries and years of a window, cut to the years that the store holds.

    Raises
    ------
    InputError
        If the window ends before it begins.
    DataError
        If the store holds no year of it.
    """
    if since is not None and until is not None and since > until:
        raise InputError.bad_window(since, until)
    first, last = store.info("flows").years or (0, -1)
    start, end = max(first, since or first), min(last, until or last)
    if start > end:
        raise DataError.empty_selection(
            f"the years {f'from {since}' if since and since > last else f'up to {until}'}",
            hint=f"the store's flows run from {first} to {last}",
        )
    years = tuple(range(start, end + 1))
    frame = _within(store.table("flows"), years)
    seen = [store.collect(frame.select("year", nw.col(side).alias("country")).unique()) for side in _SIDES]
    rows = pa.concat_tables(seen)
    names, code = np.unique(rows.column("country").to_numpy(zero_copy_only=False), return_inverse=True)
    present = np.zeros((len(years), names.size), dtype=np.bool_)
    present[rows.column("year").to_numpy().astype(np.int64) - start, code] = True
    countries = tuple(names.tolist())
    quiet = np.array([[name in reporting.silent(year) for name in countries] for year in years], np.bool_)
    return Axes(countries, years, present, quiet[:, :, None] & quiet[:, None, :])


_SIDES = ("exporter", "importer")


def panel_of(store: Store, axes: Axes, codes: Sequence[str], silent: Silent = "missing") -> Panel:
    """Return the panel of codes of the store over axes that many products share.

    Raises
    ------
    InputError
        For another ``silent``.
    DataError
        If there is no trade in the window.
    """
    return panel_from(store.collect(cells(store, axes, codes)), axes, codes, silent)


def panel_from(rows: pa.Table, axes: Axes, codes: Sequence[str], silent: Silent = "missing") -> Panel:
    """Return the panel of rows that are read already; see `cells` and `panel_of`."""
    if silent not in get_args(Silent):
        raise InputError.bad_option("silent", silent, get_args(Silent))
    trade = _laid_out(rows, axes)
    if not trade.any():
        raise DataError.empty_selection(
            f"trade in {', '.join(codes[:4])} from {axes.years[0]} to {axes.years[-1]}",
            hint="take a longer window or another product",
        )
    sells, buys = trade.any(axis=(0, 2)), trade.any(axis=(0, 1))
    could = (axes.present & sells)[:, :, None] & (axes.present & buys)[:, None, :]
    could &= ~np.eye(len(axes.countries), dtype=np.bool_)
    # A row that exists was reported by somebody, whatever the calendar says.
    unseen = could & axes.dark & (trade == 0)
    inside = could & ~unseen if silent == "missing" else could
    return Panel(tuple(codes), axes, trade, inside, int(unseen.sum()) if silent == "missing" else 0)


def cells(store: Store, axes: Axes, codes: Sequence[str], *, by_product: bool = False) -> Frame:
    """Return the sums of flows of codes by year, exporter and importer, and product if asked, lazily."""
    frame = _within(store.table("flows"), axes.years).filter(nw.col("exporter") != nw.col("importer"))
    chosen = frame.filter(nw.col("product").is_in(list(codes)))
    keys = ("product", "year", *_SIDES) if by_product else ("year", *_SIDES)
    return chosen.group_by(*keys).agg(nw.col("value").sum())


def _laid_out(rows: pa.Table, axes: Axes) -> FloatArray:
    """Lay sums out as (T, N, N), in whole dollars."""
    trade = np.zeros((len(axes.years), len(axes.countries), len(axes.countries)))
    names = np.array(axes.countries)
    sides = (rows.column(name).to_numpy(zero_copy_only=False).astype(names.dtype) for name in _SIDES)
    place = (
        rows.column("year").to_numpy().astype(np.int64) - axes.years[0],
        *(np.searchsorted(names, side) for side in sides),
    )
    # Parallel sums of the engine differ in their last digits from run to run.
    trade[place] = np.rint(1e3 * np.nan_to_num(rows.column("value").to_numpy().astype(np.float64)))
    return trade


def world_trade(store: Store, axes: Axes, codes: Sequence[str]) -> FloatArray:
    """Return the trade of all countries in each code over the window, shape (C,), USD."""
    frame = _within(store.table("flows"), axes.years).filter(nw.col("exporter") != nw.col("importer"))
    rows = store.collect(frame.group_by("product").agg(nw.col("value").sum()))
    value = dict(zip(rows.column("product").to_pylist(), rows.column("value").to_pylist(), strict=True))
    return np.array([np.rint(1e3 * (value.get(code) or 0.0)) for code in codes])


def _within(frame: Frame, years: Sequence[int]) -> Frame:
    return frame.filter(nw.col("year") >= years[0], nw.col("year") <= years[-1])
