"""Trade for ``diversion``: rows of the store on coded axes, covered goods apart from the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.models import detection as dd
from entrepot.questions.diversion_scope import Form
from entrepot.world import countries as world

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.store.engine import Frame
    from entrepot.store.store import Store

Basis = Literal["auto", "flows", "reports"]
IntArray = NDArray[np.int64]
FUELS = "27"
# Small change: about the smallest flow worth a look, USD a month.
FLOOR = 1_000.0


@dataclass(frozen=True, slots=True)
class Calendar:
    """The axis of time: months or years from ``first``.

    Attributes
    ----------
    first, last : int
        Years.
    monthly : bool
    periods : int
    """

    first: int
    last: int
    monthly: bool
    periods: int

    def at(self, year: int, month: int = 1) -> int:
        """Return the period of a month, or of its year."""
        return 12 * (year - self.first) + month - 1 if self.monthly else year - self.first

    def year(self, period: int) -> int:
        """Return the year of a period."""
        return self.first + (period // 12 if self.monthly else period)

    def since(self, period: int) -> Calendar:
        """Return the calendar from the year of a period on."""
        first = self.year(period)
        return replace(self, first=first, periods=self.periods - self.at(first))

    def label(self, period: int) -> str:
        """Write a period."""
        return f"{self.year(period)}-{period % 12 + 1:02d}" if self.monthly else str(self.year(period))

    @property
    def floor(self) -> float:
        """Small change a period, USD."""
        return FLOOR if self.monthly else 12.0 * FLOOR


@dataclass(frozen=True)
class Data:
    """Trade of one store, USD.

    Attributes
    ----------
    basis : str
        Table read.
    calendar : Calendar
    countries : tuple of str
    codes : tuple of str
        Finest codes of the covered goods.
    covered : Trade
        Covered goods by ``codes``.
    uncovered : Trade or None
        Other goods, without fuels, as one product; None where there are none, or where the table holds only
        some goods: raw materials say nothing about what a country ordinarily buys.
    mirror : Trade or None
        Covered goods as the other side reports them, by ``codes``.
    """

    basis: str
    calendar: Calendar
    countries: tuple[str, ...]
    codes: tuple[str, ...]
    covered: dd.Trade
    uncovered: dd.Trade | None
    mirror: dd.Trade | None

    @cached_property
    def products(self) -> tuple[str, ...]:
        """HS6 codes."""
        return tuple(sorted({code[:6] for code in self.codes}))

    @cached_property
    def hs6(self) -> IntArray:
        """HS6 place of every finest code."""
        return np.searchsorted(self.products, [code[:6] for code in self.codes]).astype(np.int64)

    def groups(self, digits: int) -> IntArray:
        """Group of every HS6 code at some digits."""
        return np.unique([code[:digits] for code in self.products], return_inverse=True)[1].astype(np.int64)

    def place(self, names: Collection[str]) -> IntArray:
        """Codes of the countries that the table holds."""
        index = {name: i for i, name in enumerate(self.countries)}
        return np.array(sorted(index[name] for name in names if name in index), np.int64)


def choose_table(store: Store, table: Basis) -> str:
    """Return the table to read: reports where there are any, else flows.

    Raises
    ------
    InputError
        Unknown table.
    """
    if table not in ("auto", "flows", "reports"):
        raise InputError.bad_option("table", table, ("auto", "flows", "reports"))
    if table == "auto":
        return "reports" if store.has("reports") else "flows"
    store.info(table)
    return table


def trade_frame(store: Store, basis: str, side: str) -> Frame:
    """Return trade as exporter, importer, product, value; of ``reports``, as one side tells it."""
    frame = store.table(basis)
    if basis == "reports":
        own, other = ("exporter", "importer") if side == "export" else ("importer", "exporter")
        frame = frame.filter(nw.col("direction") == side)
        frame = frame.with_columns(nw.col("reporter").alias(own), nw.col("partner").alias(other))
    return frame.filter(nw.col("exporter") != nw.col("importer"))


def told_by(form: Form) -> str:
    """Return whose reports are read: the exporters' under an export ban, else the importers'."""
    return "export" if form == "export-ban" else "import"


def all_codes(store: Store, basis: str) -> tuple[str, ...]:
    """Return the product codes of a table."""
    table = store.collect(store.table(basis).select("product").unique())
    return tuple(sorted(table.column("product").to_pylist()))


def calendar(store: Store, basis: str, until: int | None) -> Calendar:
    """Return the span of a table, up to a year."""
    first, last = store.info(basis).years or (0, 0)
    last = last if until is None else min(last, until)
    monthly = "month" in store.table(basis).collect_schema().names()
    if not monthly:
        return Calendar(first, last, False, last - first + 1)
    frame = store.table(basis).filter(nw.col("year") <= last)
    top = store.collect(
        frame.select((nw.col("year").cast(nw.Int64) * 12 + nw.col("month")).max().alias("top"))
    )
    months = int(top.column("top")[0].as_py()) - 12 * first
    return Calendar(first, last, True, months)


def refuse_groups(store: Store, basis: str) -> None:
    """Refuse a table in which a group of countries reports beside its members.

    Raises
    ------
    DataError
        Naming the codes that are no countries.
    """
    column = "reporter" if basis == "reports" else "exporter"
    found = store.collect(store.table(basis).select(column).unique()).column(column).to_pylist()
    strange = sorted(set(found) - world.known())
    if strange:
        raise DataError.group_reports(basis, strange)


def read(
    store: Store, basis: str, form: Form, span: Calendar, covered: Sequence[str], banned: Collection[str]
) -> Data:
    """Read covered goods product by product, and all others as one.

    Parameters
    ----------
    store : Store
    basis : str
    form : {"export-ban", "import-ban"}
    span : Calendar
    covered : sequence of str
        Codes that are looked at.
    banned : collection of str
        Codes under a measure: those that are not looked at are no ordinary goods either.

    Returns
    -------
    Data
    """
    import pyarrow as pa

    side = told_by(form)
    goods = _rows(store, basis, side, span, nw.col("product").is_in(list(covered)))
    others = ~nw.col("product").is_in(sorted({*covered, *banned})) & ~nw.col("product").str.starts_with(FUELS)
    rest = _rows(store, basis, side, span, others, by_product=False)
    back = None
    if basis == "reports" and form == "export-ban":
        back = _rows(store, basis, "import", span, nw.col("product").is_in(list(covered)))
    tables = [table for table in (goods, rest, back) if table is not None]
    names = pa.chunked_array(
        [
            chunk
            for table in tables
            for name in ("exporter", "importer")
            for chunk in table.column(name).chunks
        ],
        pa.string(),
    )
    countries = tuple(sorted(set(pc.unique(names).to_pylist()) & world.known()))
    codes = tuple(sorted(set(covered)))
    return Data(
        basis,
        span,
        countries,
        codes,
        _trade(goods, countries, codes, span),
        _trade(rest, countries, ("",), span) if rest.num_rows and not store.info(basis).holds else None,
        _trade(back, countries, codes, span) if back is not None and back.num_rows else None,
    )


def _rows(
    store: Store, basis: str, side: str, span: Calendar, goods: nw.Expr, *, by_product: bool = True
) -> pa.Table:
    keys = ["year", *(["month"] if span.monthly else []), "exporter", "importer"]
    frame = trade_frame(store, basis, side).filter(goods, nw.col("year").is_between(span.first, span.last))
    if by_product:
        return store.collect(frame.select(*keys, "product", "value", "quantity"))
    return store.collect(frame.group_by(*keys).agg(nw.col("value").sum()))


def _trade(table: pa.Table, countries: Sequence[str], codes: Sequence[str], span: Calendar) -> dd.Trade:
    """Put rows on the axes; partners that are no countries are left out. The order of rows is lost."""
    exporter, importer = (_places(table, name, countries) for name in ("exporter", "importer"))
    whole = "product" in table.column_names
    product = _places(table, "product", codes) if whole else np.zeros(table.num_rows, np.int64)
    year = table.column("year").to_numpy().astype(np.int64) - span.first
    period = 12 * year + table.column("month").to_numpy().astype(np.int64) - 1 if span.monthly else year
    # Sums by the engine differ in their last bits from run to run.
    value = np.round(1e3 * np.nan_to_num(table.column("value").to_numpy().astype(np.float64)), 3)
    mass = table.column("quantity").to_numpy().astype(np.float64) if whole else None
    # A fixed order, so that no sum depends on how the engine hands the rows out.
    key = ((exporter * len(countries) + importer) * len(codes) + product) * span.periods + period
    order = np.argsort(key, kind="stable")
    if (np.diff(key[order]) == 0).any():
        order = np.lexsort((value, key))
    order = order[(exporter[order] >= 0) & (importer[order] >= 0)]
    return dd.trade(
        exporter[order],
        importer[order],
        product[order],
        period[order],
        value[order],
        countries=len(countries),
        products=len(codes),
        periods=span.periods,
        mass=None if mass is None else mass[order],
    )


def _places(table: pa.Table, name: str, values: Sequence[str]) -> IntArray:
    import pyarrow as pa

    found = pc.index_in(table.column(name), value_set=pa.array(values, pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)
