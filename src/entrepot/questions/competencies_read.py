"""From the store to exports by country and product, one matrix a year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError
from entrepot.models.complexity import Complexity, ConventionName, complexity
from entrepot.questions import words
from entrepot.questions.selection import whole

if TYPE_CHECKING:
    from entrepot.store.store import Store

Table = Literal["flows", "industry_flows"]
FloatArray = NDArray[np.float64]

# A table of goods with at least so many six-digit products shows what a country can make.
BREADTH = 500
# Exports from which a country counts in the reference sample: a rule of the Atlas and of the Observatory.
LARGE = 1e9
# With fewer large exporters than this the rule selects too little, and every country counts.
FEWEST = 10

# A country that makes fewer than these with advantage is not ranked: its index is that of one or two.
RANKED = 3

# Conventions whose owners compute on every country given.
EVERYBODY = ("ecomplexity", "r-economiccomplexity")


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood, after every word was resolved.

    Attributes
    ----------
    country : str
        ISO3 code.
    table : str
        Table of the store.
    level : int
        HS digits of a product; 0 for industries.
    revision : str
        HS revision of the products; empty for industries.
    things : str
        What the products are, in the plural: industries, products, or what the table holds.
    years : tuple of int
        Years of the profile, in order; the last one is that of the lists.
    convention : ConventionName
    reference : tuple of str
        ISO3 codes of the reference sample; empty for the rule of the convention.
    lang : str
        Language of country names.
    """

    country: str
    table: Table
    level: int
    revision: str
    things: str
    years: tuple[int, ...]
    convention: ConventionName
    reference: tuple[str, ...]
    lang: str

    @property
    def year(self) -> int:
        """Year of the lists."""
        return self.years[-1]

    @property
    def goods(self) -> bool:
        """Whether what is made is told by HS codes rather than by industries."""
        return self.table == "flows"


@dataclass(frozen=True, slots=True)
class Space:
    """Exports of one year with their measures.

    Attributes
    ----------
    countries, products : tuple of str
        Labels of rows and columns, sorted.
    exports : ndarray, shape (countries, products)
        USD; 0 where no side reported any.
    found : Complexity
    rule : str
        How the reference sample was chosen, in words.
    """

    countries: tuple[str, ...]
    products: tuple[str, ...]
    exports: FloatArray
    found: Complexity
    rule: str

    @property
    def sample(self) -> str:
        """The reference sample in words."""
        return f"{self.found.sample} ({self.rule})"

    def row(self, country: str) -> int:
        """Return the row of a country."""
        return self.countries.index(country)

    def rank(self, country: str, values: FloatArray) -> tuple[int, int]:
        """Return the place of a country among the reference sample and itself, and how many that is."""
        row = self.row(country)
        among = self.found.reference.copy()
        among[row] = True
        held = values[among & ~np.isnan(values)]
        return int((held > values[row]).sum()) + 1, len(held)


def breadth(store: Store) -> int:
    """Return the number of products in the flows."""
    return len(store.collect(store.table("flows").select("product").unique()))


def exporters(store: Store, table: Table) -> set[str]:
    """Return the countries that sell in a table, in any year."""
    column = "exporter" if table == "flows" else "seller_country"
    # The totals name the same countries in a few thousand rows.
    name, column = (
        ("industry_totals", "country")
        if table == "industry_flows" and store.has("industry_totals")
        else (table, column)
    )
    return set(store.collect(store.table(name).select(column).unique()).column(column).to_pylist())


def read(store: Store, ask: Ask) -> dict[int, Space]:
    """Read exports and measure complexity, by year.

    Raises
    ------
    DataError
        If the country sells nothing in the year of the lists, or the table does not order countries.
    """
    spaces: dict[int, Space] = {}
    for year, (names, products, exports) in _matrices(store, ask).items():
        if ask.country in names:
            spaces[year] = _measured(ask, names, products, exports)
    if ask.year not in spaces:
        raise DataError.empty_selection(
            f"exports of {words.with_article(ask.country)} in {ask.year} in the table {ask.table}"
            f"{words.counted_with(ask.country)}",
            hint="choose another --year or --table",
        )
    return spaces


def _measured(ask: Ask, names: tuple[str, ...], products: tuple[str, ...], exports: FloatArray) -> Space:
    """Measure one year; what the model refuses becomes an error about the data."""
    mask, rule = reference(ask, names, exports)
    try:
        found = complexity(exports, convention=ask.convention, reference=mask)
        # Asked for here, so that a table that does not order countries is known at once.
        _ = found.eci
    except ValueError as error:
        raise DataError(
            f"the table {ask.table} cannot say what {words.with_article(ask.country)} can make: {error}",
            hint="use a table with more countries and products, or another --reference",
        ) from error
    return Space(names, products, exports, found, rule)


def reference(ask: Ask, names: Sequence[str], exports: FloatArray) -> tuple[NDArray[np.bool_], str]:
    """Choose the reference sample: mask of the countries, and the rule in words."""
    if ask.reference:
        return np.isin(names, ask.reference), "as asked"
    everybody = np.ones(len(names), dtype=bool)
    if ask.convention in EVERYBODY or not ask.goods:
        return everybody, "every country of the table"
    large = exports.sum(axis=1) >= LARGE
    if large.sum() < FEWEST:
        return everybody, f"every country, since fewer than {FEWEST} export 1 bn USD here"
    return (
        large,
        "exports of at least 1 bn USD in the table; rules on population and data quality not applied",
    )


def _matrices(store: Store, ask: Ask) -> dict[int, tuple[tuple[str, ...], tuple[str, ...], FloatArray]]:
    """Sum exports by year, country and product."""
    import pyarrow.compute as pc

    seller, buyer, product, unit = (
        ("exporter", "importer", "product", 1e3)
        if ask.goods
        else ("seller_country", "buyer_country", "seller_sector", 1e6)
    )
    frame = store.table(ask.table).filter(
        nw.col("year") >= ask.years[0], nw.col("year") <= ask.year, nw.col(seller) != nw.col(buyer)
    )
    made = nw.col(product).str.slice(0, ask.level) if ask.goods else nw.col(product)
    frame = frame.with_columns(made.alias("made"))
    sums = store.collect(frame.group_by("year", seller, "made").agg(nw.col("value").sum()))
    matrices = {}
    for year in ask.years:
        rows = sums.filter(pc.field("year") == year)
        names, products = (
            tuple(sorted(pc.unique(rows.column(name)).to_pylist())) for name in (seller, "made")
        )
        exports = np.zeros((len(names), len(products)))
        place = _places(rows.column(seller), names), _places(rows.column("made"), products)
        exports[place] = whole(unit * np.nan_to_num(rows.column("value").to_numpy()))
        if exports.any():
            matrices[year] = names, products, exports
    return matrices


def _places(column: object, labels: Sequence[str]) -> NDArray[np.intp]:
    """Return the position of each cell among sorted labels."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found = pc.index_in(column, value_set=pa.array(labels, pa.string()))
    return np.asarray(found.to_numpy(), dtype=np.intp)


def held_years(store: Store, table: Table) -> tuple[int, int]:
    """Return the first and the last year of a table."""
    within = store.info(table).years
    if within is None:
        raise DataError.empty_selection(
            f"any year: the table {table} is empty", hint="write it again, or use another --table"
        )
    return within
