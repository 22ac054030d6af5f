"""From a store's input-output table to arrays: axes, output, value added shares, sales, the inverse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError
from entrepot.models.inputoutput import leontief_inverse
from entrepot.questions import localisation_cache as cache
from entrepot.world import countries
from entrepot.world import sectors as industries

if TYPE_CHECKING:
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# The OECD splits two countries into parts by kind of trade; together they are the country.
PARTS = {"CN1": "CHN", "CN2": "CHN", "MX1": "MEX", "MX2": "MEX"}
TABLES = ("industry_flows", "industry_totals")


@dataclass(frozen=True)
class Industry:
    """One year of an inter-country table: R = codes x sectors rows, code by code; million USD.

    Attributes
    ----------
    store : Store
    year : int
    codes : tuple of str
        Territories as the table names them, sorted.
    countries : tuple of str
        ISO3 codes of the countries that they form, sorted: the N places of origin.
    sectors : tuple of str
        J industries.
    output : ndarray, shape (R,)
        Gross output.
    bought : ndarray, shape (R,)
        Inputs over the cells of the table.
    inputs : ndarray, shape (R,)
        Inputs as the totals state them: at least ``bought``, more where small cells were left out.
    """

    store: Store
    year: int
    codes: tuple[str, ...]
    countries: tuple[str, ...]
    sectors: tuple[str, ...]
    output: FloatArray
    bought: FloatArray
    inputs: FloatArray

    @cached_property
    def owner(self) -> IntArray:
        """Country of each row, as its place in ``countries``."""
        place = {iso3: i for i, iso3 in enumerate(self.countries)}
        return np.repeat([place[PARTS.get(code, code)] for code in self.codes], len(self.sectors))

    @cached_property
    def sector(self) -> IntArray:
        """Industry of each row, as its place in ``sectors``."""
        return np.tile(np.arange(len(self.sectors)), len(self.codes))

    @cached_property
    def value_added(self) -> FloatArray:
        """Share of output that is no input: value added, taxes on inputs, inputs that the table lacks."""
        return 1.0 - self.inputs * self.per_output

    @cached_property
    def per_output(self) -> FloatArray:
        """1 / output, and 0 where there is none."""
        return np.divide(1.0, self.output, out=np.zeros_like(self.output), where=self.output > 0)

    def rows(self, country: str) -> IntArray:
        """Return the rows of a country."""
        return np.flatnonzero(self.owner == self.countries.index(country))

    def sales_to(self, rows: IntArray) -> FloatArray:
        """Return what every row sells to the given rows of one country, shape (R, K), million USD."""
        codes = sorted({self.codes[row // len(self.sectors)] for row in rows})
        frame = self.store.table("industry_flows").filter(
            nw.col("year") == self.year, nw.col("buyer_country").is_in(codes)
        )
        table = self.store.collect(frame.drop("year"))
        column = np.full(len(self.output), -1)
        column[rows] = np.arange(len(rows))
        found = np.zeros((len(self.output), len(rows)))
        found[self.place(table, "seller"), column[self.place(table, "buyer")]] = table["value"].to_numpy()
        return found

    def place(self, table: pa.Table, side: str) -> IntArray:
        """Return the row of each seller or buyer of a table."""
        code = _places(table[f"{side}_country"], self.codes)
        return np.asarray(code * len(self.sectors) + _places(table[f"{side}_sector"], self.sectors))

    @cached_property
    def flows(self) -> FloatArray:
        """All intermediate sales, shape (R, R): read only where the inverse is not at hand."""
        frame = self.store.table("industry_flows").filter(nw.col("year") == self.year)
        table = self.store.collect(frame.drop("year"))
        found = np.zeros((len(self.output), len(self.output)))
        found[self.place(table, "seller"), self.place(table, "buyer")] = table["value"].to_numpy()
        return found

    @cached_property
    def inverse(self) -> FloatArray:
        """The Leontief inverse, from the cache where it is there."""
        shares = 1.0 - self.bought * self.per_output
        step = max(1, len(shares) // 16)

        def compute() -> FloatArray:
            try:
                return leontief_inverse(self.flows, self.output)
            except ValueError as error:
                raise DataError(
                    f"the input-output table of {self.year} cannot be inverted: {error}",
                    hint="check industry_flows and industry_totals of the store against their source",
                ) from None

        def sound(known: FloatArray) -> bool:
            # A sixteenth of the columns tells a damaged file without reading all of it into memory.
            return bool(np.abs(shares @ known[:, ::step] - 1.0).max() < 1e-6)

        hashes = [self.store.info(name).sha256 for name in TABLES]
        name = cache.key(hashes, self.year)
        return cache.fetch(cache.folder(self.store), name, len(shares), compute, sound)


def read_industry(store: Store, year: int | None = None) -> Industry:
    """Read axes and totals of one year; flows and the inverse are read when they are asked for.

    Raises
    ------
    StoreError
        If a table is absent.
    DataError
        If the table does not hold the year.
    """
    first, last = store.info("industry_flows").years or (0, 0)
    chosen = last if year is None else year
    totals = store.collect(store.table("industry_totals").filter(nw.col("year") == chosen))
    if not first <= chosen <= last or totals.num_rows == 0:
        held = f"{first}" if first == last else f"{first} to {last}"
        raise DataError.empty_selection(
            f"an input-output table of {chosen}", hint=f"the store holds {held}; choose --year"
        )
    codes = tuple(sorted(pc.unique(totals["country"]).to_pylist()))
    sectors = in_order(pc.unique(totals["sector"]).to_pylist())
    empty = np.zeros(len(codes) * len(sectors))
    axes = Industry(store, chosen, codes, _countries(codes), sectors, empty, empty, empty)
    frame = store.table("industry_flows").filter(nw.col("year") == chosen)
    keys = ("buyer_country", "buyer_sector")
    bought = store.collect(frame.group_by(*keys).agg(nw.col("value").sum()))
    inputs, output, cells = (np.zeros(len(empty)) for _ in range(3))
    place = axes.place(totals.rename_columns({"country": "buyer_country", "sector": "buyer_sector"}), "buyer")
    output[place] = totals["gross_output"].to_numpy()
    inputs[place] = totals["intermediate_use"].to_numpy()
    cells[axes.place(bought, "buyer")] = bought["value"].to_numpy()
    return Industry(store, chosen, codes, axes.countries, sectors, output, cells, np.maximum(inputs, cells))


def in_order(found: Sequence[str]) -> tuple[str, ...]:
    """Return sectors in the order of the OECD tables, or sorted where they are others."""
    known = industries.codes()
    return tuple(sorted(found, key=lambda code: (known.index(code) if code in known else len(known), code)))


def _countries(codes: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({PARTS.get(code, code) for code in codes}))


def _places(column: pa.ChunkedArray, known: Sequence[str]) -> IntArray:
    """Return where each text stands in a list; what is absent from the totals is an error."""
    found = pc.index_in(column, value_set=pa.array(known, pa.string())).combine_chunks()
    if found.null_count:
        missing = sorted(set(pc.unique(column).to_pylist()) - set(known))
        raise DataError(
            f"the input-output table has {missing[0]}, which industry_totals does not have",
            hint="write both tables from the same source",
        )
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.intp)


def sector_name(code: str) -> str:
    """Return the name of an industry, or its code where it is not one of the OECD's."""
    return industries.name(code) if code in industries.codes() else code


def country_name(iso3: str, lang: str = "en") -> str:
    """Return the name of a country, of the rest of the world, or the code where it is neither."""
    if iso3 == "ROW":
        return "Rest of the world"
    return countries.name(iso3, lang) if iso3 in countries.known() else iso3
