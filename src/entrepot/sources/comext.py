"""Eurostat Comext: what EU members report of their trade, by partner and code of the Combined Nomenclature.

The SDMX 2.1 service of data set DS-045409 answers for named products, in SDMX-CSV (key freq, reporter,
partner, product, flow, indicators; 100 kg and euros; TIME_PERIOD is 2022 or 2022-01); the bulk files are
read by `comext_bulk`; JSON-stat and SDMX 3.0 are not read. Values become USD at the yearly average rate of
the European Central Bank, those of months too; the rates of 2018 to 2023 could not be compared with its own
file when they were written down here. The first six digits of a code of the Combined Nomenclature are those
of the Harmonized System in force in that year.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import duckdb

from entrepot.errors import DataError, InputError
from entrepot.result import Source
from entrepot.sources import checks, reports
from entrepot.sources.checks import Verdict
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import Staged, stage
from entrepot.sources.fetch import Copy, Remote
from entrepot.world import countries
from entrepot.world.products import REVISIONS, exists

BASE = "https://ec.europa.eu/eurostat/api/comext/dissemination/"
WORLD = ("WORLD",)
# Marks of missing cells; NA is Namibia.
MISSING = ("", ":")
# Codes as they are reported, or cut to six digits of the Harmonized System.
CN = "CN"
CODES = (CN, *reversed(REVISIONS[3:]))
# Part of the codes without their zero that must be known with it.
KNOWN = 0.9
# USD for one euro, average of the year: European Central Bank, series EXR.A.USD.EUR.SP00.A.
USD_PER_EURO = {
    2010: 1.3257, 2011: 1.3920, 2012: 1.2848, 2013: 1.3281, 2014: 1.3285, 2015: 1.1095, 2016: 1.1069,
    2017: 1.1297, 2018: 1.1810, 2019: 1.1195, 2020: 1.1422, 2021: 1.1827, 2022: 1.0530, 2023: 1.0813,
    2024: 1.0824,
}  # fmt: skip
UNSPECIFIED = {
    "QP": "high seas",
    "QQ": "stores and provisions",
    "QR": "stores and provisions within the EU",
    "QS": "stores and provisions outside the EU",
    "QU": "countries not determined",
    "QV": "countries not specified within the EU",
    "QW": "countries not specified outside the EU",
    "QX": "countries kept secret",
    "QY": "countries kept secret within the EU",
    "QZ": "countries kept secret outside the EU",
}
# Codes of Eurostat for parts of a country, and what it lets stand for one.
PARTS = {"XU": "GBR", "XI": "GBR", "XC": "ESP", "XL": "ESP"}
SDMX = {
    "freq": "freq",
    "reporter": "reporter",
    "partner": "partner",
    "product": "product",
    "flow": "flow",
    "indicator": "indicators",
    "year": "TIME_PERIOD",
    "number": "OBS_VALUE",
}
YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)(?:\d\d)?(?!\d)")
PER_TONNE = {"QUANTITY_IN_100KG": 10, "QUANTITY_KG": 1000}
EUROS = ("VALUE_IN_EUROS", "VALUE_EUR")
DIRECTIONS = "CASE flow WHEN '1' THEN 'import' WHEN '2' THEN 'export' END"


def judge(codes: Collection[str | int]) -> dict[str | int, Verdict]:
    """Say for every code of Comext which country it is, or why it is none.

    Examples
    --------
    >>> found = judge(["GR", "XS", "XU", "EU27_2020", "QX", "ZZ"])
    >>> [verdict.becomes for verdict in found.values()]
    ['GRC', 'SRB', 'GBR', None, None, None]
    >>> found["QX"].fault, found["EU27_2020"].fault
    ('no single country: countries kept secret', 'an aggregate, not a country: EU27_2020')
    """
    return {code: _judge(str(code).strip().upper()) for code in codes}


def _judge(code: str) -> Verdict:
    if code in UNSPECIFIED:
        return Verdict(fault=f"no single country: {UNSPECIFIED[code]}")
    if len(code) > 2 or code in checks.GROUP_WORDS:
        return Verdict(fault=f"an aggregate, not a country: {code}")
    iso3 = PARTS.get(code) or countries.from_code(code, "iso2")
    return Verdict(iso3) if iso3 else Verdict(fault=f"unknown country {code}")


def remotes(request: Request, freq: str = "A") -> tuple[Remote, ...]:
    """Return one question a year to the SDMX service, for the year (freq A) or its months (M).

    Raises
    ------
    InputError
        If no product is named: the service gives no whole years; if a country has no code; or if codes are
        wanted in a revision that was not in force in a year.
    """
    if not request.products:
        raise InputError(
            "Comext's SDMX service needs products, for example 8471 or 84713000",
            hint="'comext-bulk' fetches whole years",
        )
    check_revision(request)
    reporters = "+".join(iso2(iso3) for iso3 in request.countries)
    products = "+".join(request.products)
    key = f"{freq}.{reporters}..{products}.1+2.VALUE_IN_EUROS+QUANTITY_IN_100KG"
    monthly = "" if freq == "A" else "-M"
    first, last = ("", "") if freq == "A" else ("-01", "-12")
    return tuple(
        Remote(
            f"{request.base}sdmx/2.1/data/DS-045409/{key}"
            f"?format=SDMX-CSV&compressed=false&startPeriod={year}{first}&endPeriod={year}{last}",
            f"DS-045409-{year}{monthly}-{reporters or 'all'}-{products}.csv",
            (year, year),
        )
        for year in request.years
    )


def revision_of(year: int) -> str:
    """Return the revision of the Harmonized System that the Combined Nomenclature of a year rests on.

    Examples
    --------
    >>> revision_of(2021), revision_of(2022)
    ('HS2017', 'HS2022')
    """
    return next(known for known in reversed(REVISIONS) if int(known[2:]) <= year)


def check_revision(request: Request) -> None:
    """Refuse years in which the codes were those of another revision than is asked for.

    Raises
    ------
    InputError
        Naming the first such year.
    """
    if request.revision in (None, CN):
        return
    other = [year for year in request.years if revision_of(year) != request.revision]
    if other:
        raise InputError(
            f"Comext's codes of {other[0]} are of {revision_of(other[0])}, not of {request.revision}",
            hint=f"ask for that year with --hs {revision_of(other[0])}, and with --to for one revision",
        )


def iso2(iso3: str) -> str:
    """Return the code of Comext for a country.

    Raises
    ------
    InputError
        If it has none.
    """
    country = countries.countries().get(iso3)
    if country is None or not country.iso2:
        raise InputError(f"Comext has no reporter {iso3}", hint="reporters are the EU's members")
    return country.iso2


def read(
    connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request, freq: str = "A"
) -> Iterator[Parsed]:
    """Give the reports in one answer of the SDMX service.

    Raises
    ------
    DataError
        If it is no table, lacks a column, has other units, or most of its rows cannot be taken.
    """
    year = year_of(copy.path, request)
    what = f"Comext {year}"
    _refuse_message(copy.path, what)
    raw = stage(
        connection,
        copy.path,
        dict.fromkeys(SDMX, "VARCHAR") | {"number": "DOUBLE"},
        names=SDMX,
        table="raw",
        what=what,
        missing=MISSING,
    )
    _check_units(connection, what)
    zeros = give_zeros_back(connection)
    connection.execute(_staged_sql(year, request, freq))
    wanted = "annual" if freq == "A" else "monthly"
    connection.execute(
        f"""INSERT INTO {raw.rejects} SELECT 'not {wanted}', NULL,
        concat_ws(',', freq, reporter, partner, product, flow, indicator, year, number)
        FROM raw WHERE freq IS DISTINCT FROM '{freq}'"""
    )
    notes = (
        *odd_notes(raw.notes),
        *zeros,
        *currency(year, request),
        f"Holds {', '.join(request.products)} only.",
    )
    yield clean(connection, replace(raw, table="staged", notes=notes), year, request)


def _staged_sql(year: int, request: Request, freq: str) -> str:
    """Return the reports of an answer, one row a report: its indicators stand below each other."""
    divisor = " ".join(f"WHEN '{name}' THEN {parts}" for name, parts in PER_TONNE.items())
    euros = ", ".join(f"'{name}'" for name in EUROS)
    month = "" if freq == "A" else "TRY_CAST(right(year, 2) AS TINYINT) AS month, "
    return f"""CREATE OR REPLACE TEMP TABLE staged AS
        SELECT TRY_CAST(left(year, 4) AS SMALLINT) AS year, {month}reporter, partner,
            {DIRECTIONS} AS direction, {code_sql(request)} AS product,
            sum(number) FILTER (indicator IN ({euros})) * {USD_PER_EURO[year] / 1000} AS value,
            nullif(sum(number / CASE indicator {divisor} END), 0) AS quantity
        FROM raw WHERE freq = '{freq}' GROUP BY ALL"""


def year_of(path: Path, request: Request) -> int:
    """Return the year of a file by its name, or the one asked for where the name does not tell.

    Raises
    ------
    InputError
        If neither tells, or euros of that year have no rate here.
    """
    found = YEAR.search(path.name)
    year = int(found[1]) if found else request.years[0]
    if found is None and len(request.years) > 1:
        raise InputError(f"{path.name} does not tell its year", hint=f"ask for one, such as --years {year}")
    if year not in USD_PER_EURO:
        raise InputError(
            f"there is no rate of the euro for {year}", hint=f"there is for {min(USD_PER_EURO)} and later"
        )
    return year


def clean(connection: duckdb.DuckDBPyConnection, staged: Staged, year: int, request: Request) -> Parsed:
    """Turn a staged year into rows of ``reports``."""
    cut = request.revision not in (None, CN)
    return reports.clean(
        connection,
        staged,
        what=f"Comext {year}",
        judge=judge,
        revision=revision_of(year) if cut else None,
        national=not cut,
        world=WORLD,
        years=range(year, year + 1),
        add_up=True,
    )


def code_sql(request: Request) -> str:
    """Return the product code as it is asked for: as reported, or its first six digits."""
    return "product" if request.revision in (None, CN) else "left(product, 6)"


def give_zeros_back(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Give codes their leading zero back where the whole column lost it."""
    found = [str(code) for (code,) in connection.execute("SELECT DISTINCT product FROM raw").fetchall()]
    short = [code for code in found if code.isdigit() and len(code) % 2]
    if not short or any(code.startswith("0") and code.isdigit() for code in found):
        return ()
    known = sum(any(exists(f"0{code}"[:6], revision) for revision in REVISIONS) for code in short)
    if known < KNOWN * len(short):
        return ()
    connection.execute(
        "UPDATE raw SET product = '0' || product WHERE regexp_full_match(product, '\\d(\\d\\d)*')"
    )
    return (f"Leading zeros of product codes were lost; {len(short)} codes got theirs back.",)


def _refuse_message(path: Path, what: str) -> None:
    """Refuse an answer in XML: the service says so that a question is too large or must wait."""
    with path.open("rb") as file:
        head = file.read(2000).lstrip(b"\xef\xbb\xbf \r\n\t")
    if head.startswith(b"<"):
        text = " ".join(head.decode("utf-8", "replace").split())[:160]
        raise DataError(
            f"{what}: the service sent a message instead of a table: {text}",
            hint="ask for fewer products or countries, or use 'comext-bulk'",
        )


def _check_units(connection: duckdb.DuckDBPyConnection, what: str) -> None:
    found = {name for (name,) in connection.execute("SELECT DISTINCT indicator FROM raw").fetchall()}
    other = sorted(str(name) for name in found - {*PER_TONNE, *EUROS})
    if other:
        raise DataError(
            f"{what}: unknown unit {', '.join(other)}", hint=f"known are {', '.join((*PER_TONNE, *EUROS))}"
        )


def odd_notes(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out that columns which nobody asked for were not read: both layouts have them."""
    return tuple(note for note in notes if not note.startswith("Columns not read"))


def currency(year: int, request: Request) -> tuple[str, ...]:
    """Say at what rate euros became USD, and of what nomenclature the codes are."""
    rate = f"Euros became USD at {USD_PER_EURO[year]} (European Central Bank, average of {year})."
    if request.revision in (None, CN):
        return (rate, "Codes are those of the Combined Nomenclature of each year.")
    return (rate, f"Codes of the Combined Nomenclature were cut to six digits of {revision_of(year)}.")


DATASET = Dataset(
    id="comext",
    source=Source(
        id="eurostat_comext",
        producer="Eurostat",
        title="Comext: EU trade since 1988 by HS2-4-6 and CN8 (DS-045409)",
        version="as published on the day of access",
        licence="CC BY 4.0 (Commission Decision 2011/833/EU)",
        url="https://ec.europa.eu/eurostat/web/international-trade-in-goods/database",
        accessed=date(2026, 11, 23),
    ),
    table="reports",
    about="What EU members report of named products by partner: value and mass of a year.",
    base=BASE,
    years=(min(USD_PER_EURO), max(USD_PER_EURO)),
    size_mb=2,
    unit="one year of the products named",
    redistributable=True,
    remotes=remotes,
    read=read,
    revisions=CODES,
    selects=("products", "countries"),
)

MONTHLY = replace(
    DATASET,
    id="comext-monthly",
    about="What EU members report of named products by partner: value and mass of each month.",
    size_mb=20,
    unit="the months of one year of the products named",
    remotes=partial(remotes, freq="M"),
    read=partial(read, freq="M"),
)
