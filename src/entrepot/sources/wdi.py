"""World Bank, World Development Indicators: output, people, prices and more, by country and year.

Two ways. The service (version 2) answers in JSON, ``[about the pages, rows]``; a wrong code is answered with
status 200 and one message. Several indicators in one question need ``source=2``. The archive ``WDI_CSV.zip``
holds all indicators since 1960 in ``WDICSV.csv`` (``WDIData.csv`` before 2024): Country Name, Country Code,
Indicator Name, Indicator Code, then one column a year. Both list some fifty groups of countries among the
countries; their rows are refused, and those of the world serve to compare sums with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from entrepot.errors import DataError, SourceError
from entrepot.result import Source
from entrepot.sources import archive, checks, cleaning
from entrepot.sources.checks import Verdict
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import dialect, stage
from entrepot.sources.fetch import Copy, Remote

BASE = "https://api.worldbank.org/v2/"
BULK_BASE = "https://databank.worldbank.org/data/download/"
# Asked for where none is named.
INDICATORS = {
    "NY.GDP.MKTP.CD": "GDP, current USD",
    "NY.GDP.MKTP.KD": "GDP, constant 2015 USD",
    "NY.GDP.MKTP.PP.KD": "GDP at purchasing power parity, constant international USD",
    "NY.GDP.PCAP.CD": "GDP for one person, current USD",
    "SP.POP.TOTL": "people",
    "NE.EXP.GNFS.CD": "exports of goods and services, current USD",
    "NE.IMP.GNFS.CD": "imports of goods and services, current USD",
    "NV.IND.MANF.CD": "value added of manufacturing, current USD",
    "PA.NUS.FCRF": "exchange rate, national currency for one USD, average of the year",
    "FP.CPI.TOTL": "consumer prices, 2010 = 100",
    "TM.TAX.MRCH.WM.AR.ZS": "applied tariff weighted by trade, %",
    "LP.LPI.OVRL.XQ": "logistics performance index, 1 to 5",
}
# Of these the world is the sum of its countries, those apart for which the Bank estimates.
SUMS = ("SP.POP.TOTL", "NY.GDP.MKTP.CD")
WORLD = "WLD"
# Groups of countries that the Bank lists among the countries.
GROUPS = {
    "AFE", "AFW", "ARB", "CEB", "CSS", "EAP", "EAR", "EAS", "ECA", "ECS", "EMU", "EUU", "FCS",
    "HIC", "HPC", "IBD", "IBT", "IDA", "IDB", "IDX", "LAC", "LCN", "LDC", "LIC", "LMC", "LMY",
    "LTE", "MEA", "MIC", "MNA", "NAC", "OED", "OSS", "PRE", "PSS", "PST", "SAS", "SSA", "SSF",
    "SST", "TEA", "TEC", "TLA", "TMN", "TSA", "TSS", "UMC", "WLD",
}  # fmt: skip
UNSPECIFIED = {"CHI": "Channel Islands", "INX": "not classified"}
MEMBER = re.compile(r"(?:^|/)WDI(?:CSV|Data)\.csv$", re.IGNORECASE)
YEAR = re.compile(r"(\d{4})(?: \[YR\d{4}\])?")
NAMES = {"country": "Country Code", "indicator": "Indicator Code"}
FIELDS = ("indicator", "country", "countryiso3code", "date", "value")
WORD = pa.struct([("id", pa.string()), ("value", pa.string())])
ROWS = pa.schema(
    [
        ("indicator", WORD),
        ("country", WORD),
        ("countryiso3code", pa.string()),
        ("date", pa.string()),
        ("value", pa.float64()),
    ]
)
# Rows that one answer can have; more come on further pages.
PAGE = 20_000
# Groups named in a note.
NAMED = 5


def judge(codes: Collection[str]) -> dict[str, Verdict]:
    """Say for every code of the World Bank which country it is, or why it is none.

    Examples
    --------
    >>> found = judge(["BLR", "XKX", "EUU", "WLD", "CHI", "ZZZ"])
    >>> [verdict.becomes for verdict in found.values()]
    ['BLR', 'XKX', None, None, None, None]
    >>> found["EUU"].fault, found["CHI"].fault
    ('an aggregate, not a country: EUU', 'no single country: Channel Islands')
    """
    countries = checks.check_countries([code for code in codes if code not in GROUPS])
    verdicts = {}
    for code in codes:
        if code in GROUPS:
            verdicts[code] = Verdict(fault=f"an aggregate, not a country: {code}")
        elif code in UNSPECIFIED:
            verdicts[code] = Verdict(fault=f"no single country: {UNSPECIFIED[code]}")
        else:
            verdicts[code] = countries[code]
    return verdicts


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return one question a year to the service, for the indicators named or those of `INDICATORS`."""
    words = ";".join(request.products or INDICATORS)
    name = "-".join(request.products) or "main"
    return tuple(
        Remote(
            f"{request.base}country/all/indicator/{words}?source=2&date={year}&format=json&per_page={PAGE}",
            f"WDI-{year}-{name}.json",
            (year, year),
        )
        for year in request.years
    )


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the figures in one answer of the service.

    Raises
    ------
    DataError
        If it is no answer, has a message for rows, lacks a field, or has further pages.
    """
    lifted = _lifted(copy.path)
    connection.register("answer", lifted)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE raw AS
        SELECT TRY_CAST("date" AS SMALLINT) AS year, indicator.id AS indicator, value,
            coalesce(nullif(countryiso3code, ''), country.id) AS country
        FROM answer"""
    )
    connection.unregister("answer")
    connection.execute('CREATE OR REPLACE TEMP TABLE raw_lines (reason VARCHAR, line BIGINT, "row" VARCHAR)')
    (year,) = connection.execute("SELECT mode(year) FROM raw").fetchall()[0]
    if year is None or year not in request.years:
        raise DataError(f"{copy.path.name} is of {year}, which was not asked for", hint="fetch it again")
    connection.execute("CREATE OR REPLACE TEMP TABLE one_year AS FROM raw WHERE value IS NOT NULL")
    yield _clean(connection, year, ())


def _lifted(path: Path) -> pa.Table:
    """Return the rows of an answer of the service."""
    meta, data = _answer(path)
    if int(meta.get("pages", 1)) > 1:
        raise DataError(
            f"{path.name} is the first of {int(meta['pages'])} pages",
            hint="name fewer indicators, or take them all with 'wdi-bulk'",
        )
    missing = [name for name in FIELDS if not any(name in row for row in data)]
    if missing:
        raise DataError.missing_columns(path.name, missing, sorted(data[0]))
    try:
        return pa.Table.from_pylist(data, schema=ROWS)
    except (pa.ArrowInvalid, pa.ArrowTypeError, TypeError) as error:
        raise DataError(
            f"{path.name} is no answer of the World Bank: {error}", hint="fetch it again"
        ) from error


def _answer(path: Path) -> tuple[Mapping[str, Any], Sequence[dict[str, Any]]]:
    try:
        # Numbers of other currencies are larger than 64-bit integers that a double holds exactly.
        answer = json.loads(path.read_bytes().decode("utf-8-sig"), parse_int=float)
    except ValueError as error:
        raise DataError(
            f"{path.name} is no answer of the World Bank: {error}", hint="fetch it again"
        ) from error
    match answer:
        case [{"message": [{"value": told}, *_]}, *_]:
            raise DataError(f"the World Bank says: {told}", hint="is the code of the indicator right?")
        case [dict() as meta, [dict(), *_] as data]:
            return meta, data
    raise DataError(f"{path.name} holds no figures", hint="ask for other years or indicators")


def remotes_bulk(request: Request) -> tuple[Remote, ...]:
    """Return the archive of all indicators and years."""
    return (Remote(f"{request.base}WDI_CSV.zip", "WDI_CSV.zip", BULK_DATASET.years),)


def read_bulk(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the figures of one year after the other; all indicators, or those named.

    Raises
    ------
    SourceError
        If the archive is damaged, or lacks the table or a year.
    DataError
        If the table cannot be taken.
    """
    names = archive.members(copy.path)
    member = next((name for name in names if MEMBER.search(name)), None)
    if member is None:
        raise SourceError.not_in_archive(copy.path, "table WDICSV.csv", names)
    with archive.extracted(copy.path, member) as path:
        notes = _stage(connection, path, request)
    if request.products:
        kept = ", ".join("'" + code.replace("'", "''") + "'" for code in request.products)
        connection.execute(f"DELETE FROM raw WHERE indicator NOT IN ({kept})")
    for place, year in enumerate(request.years):
        if place:
            connection.execute("DELETE FROM raw_lines")
        connection.execute(
            f"""CREATE OR REPLACE TEMP TABLE one_year AS
            SELECT {year}::SMALLINT AS year, country, indicator, y{year} AS value FROM raw
            WHERE y{year} IS NOT NULL"""
        )
        yield _clean(connection, year, () if place else notes)


def _stage(connection: duckdb.DuckDBPyConnection, path: Path, request: Request) -> tuple[str, ...]:
    """Read the years asked for as columns y2020 and so on."""
    found = {int(m[1]): name for name in dialect(path).columns if (m := YEAR.fullmatch(name))}
    absent = [str(year) for year in request.years if year not in found]
    if absent:
        held = f"{min(found)} to {max(found)}" if found else "no year"
        raise SourceError.not_in_archive("WDI_CSV.zip", f"figures for {', '.join(absent)}", [held])
    years = {f"y{year}": found[year] for year in request.years}
    types = {"country": "VARCHAR", "indicator": "VARCHAR"} | dict.fromkeys(years, "DOUBLE")
    staged = stage(connection, path, types, names=NAMES | years, table="raw", what="WDI")
    return tuple(note for note in staged.notes if not note.startswith("Columns not read"))


def _clean(connection: duckdb.DuckDBPyConnection, year: int, notes: tuple[str, ...]) -> Parsed:
    """Turn the table one_year into rows of ``indicators``."""
    what = f"WDI {year}"
    codes = [code for (code,) in connection.execute("SELECT DISTINCT country FROM one_year").fetchall()]
    verdicts = judge(sorted(code for code in codes if code is not None))
    cleaning.lift(connection, "one_year_countries", verdicts)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE judged AS
        SELECT s.*, a.becomes, CASE WHEN s.country IS NULL THEN 'no country'
            WHEN s.year IS NULL THEN 'no year' WHEN s.year != {year} THEN 'another year: ' || s.year
            WHEN s.indicator IS NULL THEN 'no indicator'
            WHEN NOT isfinite(s.value) THEN 'value not finite' ELSE a.fault END AS fault
        FROM one_year AS s LEFT JOIN one_year_countries AS a ON a.code = s.country"""
    )
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE refused AS
        SELECT reason, line, "row" FROM raw_lines UNION ALL
        SELECT fault, NULL, concat_ws(',', year, country, indicator, value) FROM judged
        WHERE fault IS NOT NULL"""
    )
    rows = connection.sql(
        "SELECT year, becomes AS country, indicator, value FROM judged WHERE fault IS NULL ORDER BY ALL"
    )
    found = (*_check_refused(connection, what, verdicts), *_check_world(connection, year))
    return Parsed(
        what,
        rows,
        (year, year),
        connection.table("refused") if connection.table("refused").shape[0] else None,
        notes=tuple(f"{what}: {note}" for note in (*notes, *found)),
    )


def _check_refused(
    connection: duckdb.DuckDBPyConnection, what: str, verdicts: Mapping[str, Verdict]
) -> tuple[str, ...]:
    """Say what was refused; raise if more than half of what is no group of countries was."""
    count, groups, reason = connection.execute(
        "SELECT count(*), count(*) FILTER (reason LIKE 'an aggregate, not%'), coalesce(mode(reason), '') "
        "FROM refused"
    ).fetchall()[0]
    total = connection.table("judged").shape[0] + connection.table("raw_lines").shape[0]
    checks.refuse_too_many(what, count - groups, total - groups, reason)
    listed = [code for code in verdicts if code in GROUPS]
    others = " and others" if len(listed) > NAMED else ""
    told = []
    if groups:
        told.append(
            f"{groups} of {total} figures are of groups of countries ({', '.join(listed[:NAMED])}{others}) "
            "and were refused."
        )
    if count > groups:
        told.append(f"{count - groups} further figures were refused; the reject file has the reasons.")
    return tuple(told)


def _check_world(connection: duckdb.DuckDBPyConnection, year: int) -> tuple[str, ...]:
    """Compare sums over countries with the figure that the Bank gives for the world."""
    found = connection.execute(
        "SELECT indicator, sum(value) FILTER (fault IS NULL), sum(value) FILTER (country = $1) FROM judged "
        "WHERE list_contains($2, indicator) GROUP BY indicator ORDER BY indicator",
        [WORLD, list(SUMS)],
    ).fetchall()
    compared = (
        checks.check_total_against(added or 0.0, world, f"{INDICATORS[code]} in {year}")
        for code, added, world in found
        if world
    )
    return tuple(finding.text for finding in compared if finding is not None)


DATASET = Dataset(
    id="wdi",
    source=Source(
        id="world_bank_wdi",
        producer="World Bank",
        title="World Development Indicators",
        version="as published on the day of access",
        licence="CC BY 4.0",
        url="https://datatopics.worldbank.org/world-development-indicators/",
        accessed=date(2026, 11, 23),
    ),
    table="indicators",
    about="GDP, people, prices, exchange rates and tariffs of countries: twelve indicators, or those named.",
    base=BASE,
    years=(1960, 2025),
    size_mb=1,
    unit="one year of the indicators asked for",
    redistributable=True,
    remotes=remotes,
    read=read,
    selects=("products",),
)

BULK_DATASET = replace(
    DATASET,
    id="wdi-bulk",
    about="All 1,500 World Development Indicators of countries.",
    base=BULK_BASE,
    size_mb=280,
    unit="all years and indicators",
    remotes=remotes_bulk,
    read=read_bulk,
)
