"""Where imports are large and concentrated: candidates for making at home.

The rule of CEPII's GeoDep for goods: imports come from few sellers (Herfindahl above 0.4), the world has few
sellers (above 0.4), and imports exceed exports; in two of the last three years. The input-output table has
one year and broad industries, so there it is a ranking with the same three measures. Nearness is density in
the product space, of intermediate exports by industry, or of exports by product where the store is broad.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.measures import load_catalogue
from entrepot.measures.scope import match
from entrepot.models.complexity import ConventionName, complexity
from entrepot.models.concentration import concentration
from entrepot.questions import words
from entrepot.questions.lawful import lawful
from entrepot.questions.localisation_table import Industry, country_name, sector_name
from entrepot.questions.selection import country_flows
from entrepot.result import Column, Table
from entrepot.world import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]

# Jaravel and Mejean (2021) and CEPII's GeoDep: above this Herfindahl index few sellers decide.
FEW = 0.4
WINDOW = 3
# A large import: at least this share of the country's observed imports in the table.
LARGE = 0.001
# Partners that are not observed are named above this share of imports when last seen.
WORTH = 0.01
NEEDED = 2
# Density over fewer products than this says little about what a country can make.
BROAD = 500
CONVENTION: ConventionName = "atlas"


def sector_candidates(
    store: Store, table: Industry, country: str, home: Sequence[str], lang: str = "en"
) -> Table:
    """One row per kind of input: imports, their concentration, the world's, own exports and home supply."""
    rows = table.rows(country)
    bought = _by_seller(table, table.sales_to(rows).sum(axis=1))
    world = _by_seller(table, _exports(store, table))
    inside = np.isin(table.countries, list(home))
    own = table.countries.index(country)
    imports = np.where(inside[:, None], 0.0, bought)
    total, sold = imports.sum(axis=0), world[own]
    few, few_world = (concentration(flows.T).herfindahl for flows in (imports, world))
    ratio = np.divide(total, sold, out=np.full(len(total), np.inf), where=sold > 0)
    at_home = np.divide(bought[inside].sum(axis=0), bought.sum(axis=0), out=np.zeros(len(total)),
                        where=bought.sum(axis=0) > 0)  # fmt: skip
    order = [j for j in np.argsort(-total, kind="stable") if total[j] > 0]
    met = (few > FEW).astype(int) + (few_world > FEW) + (ratio > 1.0)
    data = pa.table(
        {
            "sector": pa.array([table.sectors[j] for j in order], pa.string()),
            "name": pa.array([sector_name(table.sectors[j]) for j in order], pa.string()),
            "imports": pa.array(np.rint(1e6 * total[order])),
            "largest": pa.array(
                [country_name(table.countries[int(imports[:, j].argmax())], lang) for j in order]
            ),
            "import_hhi": pa.array(np.round(few[order], 6)),
            "world_hhi": pa.array(np.round(few_world[order], 6), from_pandas=True),
            "imports_to_exports": _finite(ratio[order]),
            "home_share": pa.array(np.round(at_home[order], 9)),
            "density": _finite(density(world)[own][order]),
            "met": pa.array(met[order], pa.int64()),
        }
    )
    title = f"Imported kinds of input, {country_name(country, lang)}, {table.year}"
    return Table("candidates", title, data, _sector_columns())


def _sector_columns() -> tuple[Column, ...]:
    return (
        Column("sector", "Input", format="code"),
        Column("name", "What"),
        Column("imports", "Imported", "USD", "integer"),
        Column("largest", "Largest seller"),
        Column("import_hhi", "Import HHI", "0 to 1", "decimal", 2),
        Column("world_hhi", "World HHI", "0 to 1", "decimal", 2, doc="of intermediate exports by country"),
        Column("imports_to_exports", "Imports to exports", "", "decimal", 2, doc="null: exports nothing"),
        Column("home_share", "Made at home", "of purchases", "percent", doc="of that kind of input"),
        Column("density", "Nearness", "density", "decimal", 2, doc=f"0 to 1, convention {CONVENTION}"),
        Column("met", "Of three", "criteria", "integer", doc="HHI > 0.4, world HHI > 0.4, imports > exports"),
    )


def _exports(store: Store, table: Industry) -> FloatArray:
    """Return intermediate sales abroad of every row of the table, shape (R,)."""
    frame = store.table("industry_flows").filter(
        nw.col("year") == table.year, nw.col("seller_country") != nw.col("buyer_country")
    )
    sums = store.collect(frame.group_by("seller_country", "seller_sector").agg(nw.col("value").sum()))
    found = np.zeros(len(table.output))
    found[table.place(sums, "seller")] = sums["value"].to_numpy()
    return found


def _by_seller(table: Industry, amounts: FloatArray) -> FloatArray:
    """Add rows up by country and industry, shape (N, J)."""
    found = np.zeros((len(table.countries), len(table.sectors)))
    np.add.at(found, (table.owner, table.sector), amounts)
    return found


def hs_candidates(store: Store, country: str, lang: str) -> tuple[Table | None, tuple[str, ...]]:
    """Apply the rule of GeoDep to the last three years of goods trade; say which partners were not seen.

    Positions of chapter 93, and those under a measure in force on the country, are left out.

    Returns
    -------
    Table or None
        One row per candidate, largest imports first; None if the country imports nothing in the table.
    tuple of str
        Partners with whom neither side published, which had sold to the country before.
    """
    first, last = store.info("flows").years or (0, 0)
    years = list(range(max(first, last - WINDOW + 1), last + 1))
    codes, imports, sellers = _imports(store, country)
    if not codes:
        return None, ()
    outside = _outside_measures(store, codes, country, last)
    few, few_world, ratio, near = _criteria(store, country, codes, imports, years)
    met = (few > FEW) & (few_world > FEW) & (ratio > 1.0)
    mean = np.array([imports[year].sum(axis=0) for year in years]).mean(axis=0)
    large = mean >= LARGE * mean.sum()
    chosen = np.flatnonzero((met.sum(axis=0) >= NEEDED) & large & outside)
    dark, unseen = _dark(country, years, imports, sellers)
    order = chosen[np.argsort(-mean[chosen], kind="stable")]
    top = np.array([imports[year] for year in years]).sum(axis=0)
    data = pa.table(
        {
            "product": pa.array([codes[k] for k in order], pa.string()),
            "name": pa.array([words.label(codes[k], "product") for k in order], pa.string()),
            "imports": pa.array(np.rint(1e3 * mean[order])),
            "largest": pa.array([country_name(sellers[int(top[:, k].argmax())], lang) for k in order],
                                pa.string()),
            "import_hhi": _finite(few[-1][order]),
            "world_hhi": _finite(few_world[-1][order]),
            "imports_to_exports": _finite(ratio[-1][order]),
            "density": _finite(near[order]),
            "years_met": pa.array(met.sum(axis=0)[order], pa.int64()),
            "dark_share": pa.array(np.round(dark[order], 9)),
        }
    )  # fmt: skip
    title = f"Large, concentrated imports, {country_name(country, lang)}, {years[0]} to {last}"
    return Table("candidates_hs", title, data, _product_columns(years)), unseen


def _product_columns(years: Sequence[int]) -> tuple[Column, ...]:
    span = f"mean of {years[0]} to {years[-1]}"
    return (
        Column("product", "Product", format="code"),
        Column("name", "Name"),
        Column("imports", "Observed imports", "USD a year", "integer", doc=span),
        Column("largest", "Largest seller", doc="among those observed"),
        Column("import_hhi", "Import HHI", "0 to 1", "decimal", 2),
        Column("world_hhi", "World HHI", "0 to 1", "decimal", 2),
        Column("imports_to_exports", "Imports to exports", "", "decimal", 2, doc="null: exports nothing"),
        Column("density", "Nearness", "density", "decimal", 2, doc=f"{years[-1]}; null in narrow tables"),
        Column("years_met", "Years met", f"of {WINDOW}", "integer"),
        Column("dark_share", "Partners not observed held", "of imports when last seen", "percent"),
    )


def _imports(store: Store, country: str) -> tuple[list[str], dict[int, FloatArray], list[str]]:
    """Return products, imports [seller, product] in USD thousand for every year, and sellers."""
    table = country_flows(store, country, "imports", ["year", "partner", "product"])
    codes, sellers = (sorted(set(table.column(name).to_pylist())) for name in ("product", "partner"))
    first, last = store.info("flows").years or (0, 0)
    found = {year: np.zeros((len(sellers), len(codes))) for year in range(first, last + 1)}
    for row in table.to_pylist():
        found[row["year"]][sellers.index(row["partner"]), codes.index(row["product"])] = row["value"]
    return codes, found, sellers


def _criteria(
    store: Store, country: str, codes: Sequence[str], imports: dict[int, FloatArray], years: Sequence[int]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return import HHI, world HHI and imports over exports, (years, products), and density, (products,)."""
    frame = store.table("flows").filter(
        nw.col("year").is_in(list(years)), nw.col("product").is_in(list(codes))
    )
    sums = store.collect(frame.group_by("year", "exporter", "product").agg(nw.col("value").sum())).to_pylist()
    exporters = sorted({row["exporter"] for row in sums} | {country})
    place = {code: k for k, code in enumerate(codes)}
    world = np.zeros((len(years), len(codes), len(exporters)))
    for row in sums:
        at = years.index(row["year"]), place[row["product"]], exporters.index(row["exporter"])
        world[at] = row["value"]
    bought = np.array([imports[year].T for year in years])
    sold = world[:, :, exporters.index(country)]
    total = bought.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(total > 0, total / sold, 0.0)
    narrow = np.full(len(codes), np.nan)
    near = narrow if len(codes) < BROAD else density(world[-1].T)[exporters.index(country)]
    return concentration(bought).herfindahl, concentration(world).herfindahl, ratio, near


def density(exports: FloatArray) -> FloatArray:
    """Return how near each product is to what each country exports with advantage; NaN where nothing is.

    Parameters
    ----------
    exports : ndarray, shape (countries, products)

    Returns
    -------
    ndarray, shape (countries, products)
    """
    if not (exports > 0).any():
        return np.full(exports.shape, np.nan)
    return np.asarray(complexity(exports, convention=CONVENTION).density, dtype=np.float64)


def _dark(
    country: str, years: Sequence[int], imports: dict[int, FloatArray], sellers: Sequence[str]
) -> tuple[FloatArray, tuple[str, ...]]:
    """Return the share that partners not observed in the window held when last seen, by product, and who."""
    dark = set().union(*(reporting.dark_partners(country, year) for year in years))
    rows = [i for i, seller in enumerate(sellers) if seller in dark]
    seen = [
        year for year in imports if year < years[0] and not dark & set(reporting.dark_partners(country, year))
    ]
    if not rows or not seen:
        return np.zeros(next(iter(imports.values())).shape[1]), ()
    before = imports[max(seen)]
    total = before.sum(axis=0)
    share = np.divide(before[rows].sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
    sold = before[rows].sum(axis=1)
    named = [sellers[rows[i]] for i in np.argsort(-sold, kind="stable") if sold[i] > WORTH * total.sum()]
    return share, tuple(named)


def _outside_measures(store: Store, codes: Sequence[str], country: str, year: int) -> NDArray[np.bool_]:
    """Tell which positions are neither arms nor, for a target, dual-use or under a measure in force.

    Partial scope counts as in force.
    """
    at, revision = date(year, 12, 31), store.info("flows").revision or "HS1992"
    law = lawful(codes, revision, at)
    catalogue = load_catalogue()
    measures = catalogue.select(country)
    barred = law.arms | law.dual_use if country in law.listed else law.arms.copy()
    if measures and codes:
        found = match(catalogue, codes, revision, at=at, measures=measures)
        barred |= (found.possible > 0).any(axis=1)
    return ~barred


def _finite(values: FloatArray) -> pa.Array[Any]:
    """Return numbers with null for what is not finite."""
    return pa.array(np.round(values, 6), pa.float64(), mask=~np.isfinite(values))
