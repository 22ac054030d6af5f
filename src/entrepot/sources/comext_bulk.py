"""Eurostat Comext's bulk files: all that EU members report, a year or a month a file.

A year is ``full_v2_202252.7z``, a month ``full_v2_202201.7z``: one table of 17 or 18 columns in kilograms and
euros, in which codes can lack their leading zero. An archive of type 7z is unpacked by a program of the
system (7zz, 7z, 7za or bsdtar) or taken unpacked from beside it. Files of the first layout (DECLARANT_ISO)
are read too. Currency and codes as in `comext`.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import duckdb

from entrepot.errors import SourceError
from entrepot.sources import archive
from entrepot.sources.comext import (
    DATASET,
    DIRECTIONS,
    MISSING,
    USD_PER_EURO,
    check_revision,
    clean,
    code_sql,
    currency,
    give_zeros_back,
    iso2,
    odd_notes,
    year_of,
)
from entrepot.sources.dataset import Parsed, Request
from entrepot.sources.delimited import Staged, dialect, stage
from entrepot.sources.fetch import Copy, Remote, discard, fetch

BULK_BASE = "https://ec.europa.eu/eurostat/api/dissemination/"
FOLDER = "comext%2FCOMEXT_DATA%2FPRODUCTS%2F"
BULK = {
    "reporter": "REPORTER",
    "partner": "PARTNER",
    "product": "PRODUCT_NC",
    "flow": "FLOW",
    "period": "PERIOD",
    "euros": "VALUE_EUR",
    "kg": "QUANTITY_KG",
}
FIRST_BULK = {
    "reporter": "DECLARANT_ISO",
    "partner": "PARTNER_ISO",
    "euros": "VALUE_IN_EUROS",
    "kg": "QUANTITY_IN_KG",
}
# What stands for the whole year in the place of a month.
ANNUAL = 52
MONTHS = 12
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c"
UNPACKERS = {
    "7zz": ("x", "-so", "-bd"),
    "7z": ("x", "-so", "-bd"),
    "7za": ("x", "-so", "-bd"),
    "bsdtar": ("-xOf",),
}


def remotes_bulk(request: Request) -> tuple[Remote, ...]:
    """Return one archive a year.

    Raises
    ------
    InputError
        If codes are wanted in a revision that was not in force in a year.
    """
    check_revision(request)
    return tuple(_archive(request, year, ANNUAL) for year in request.years)


def remotes_months(request: Request) -> tuple[Remote, ...]:
    """Return the archive of January of each year; reading it fetches the other months.

    Raises
    ------
    InputError
        If codes are wanted in a revision that was not in force in a year.
    """
    check_revision(request)
    return tuple(_archive(request, year, 1) for year in request.years)


def _archive(request: Request, year: int, month: int) -> Remote:
    name = f"full_v2_{year}{month:02}.7z"
    return Remote(f"{request.base}files?file={FOLDER}{name}", name, (year, year))


def read_bulk(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give all reports of one year.

    Raises
    ------
    SourceError
        If the archive is damaged, or there is no program to unpack it.
    DataError
        If the table in it cannot be taken.
    """
    year = year_of(copy.path, request)
    with _unpacked(copy.path) as path:
        raw = _stage_bulk(connection, path, f"Comext {year}")
    _empty(connection)
    zeros = _append_bulk(connection, year, ANNUAL, request)
    notes = (*odd_notes(raw.notes), *zeros, *currency(year, request), *_scope(request))
    yield clean(connection, Staged("staged", "staged_lines", 0, notes), year, request)


def read_months(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the reports of the months of one year, as many as have been published.

    Raises
    ------
    SourceError
        If an archive cannot be fetched or is damaged, or there is no program to unpack it.
    DataError
        If a table cannot be taken.
    """
    year = year_of(copy.path, request)
    _empty(connection, "month TINYINT, ")
    odd, months = set[str](), 0
    for path in _months(copy, request, year):
        months += 1
        with _unpacked(path) as table:
            raw = _stage_bulk(connection, table, path.name)
        odd.update((*odd_notes(raw.notes), *_append_bulk(connection, year, months, request)))
    held = () if months == MONTHS else (f"Holds the months 1 to {months}: the next was not published.",)
    notes = (*sorted(odd), *held, *currency(year, request), *_scope(request))
    yield clean(connection, Staged("staged", "staged_lines", 0, notes), year, request)


def _months(copy: Copy, request: Request, year: int) -> Iterator[Path]:
    """Give the archives of a year from January on, until one is not there."""
    yield copy.path
    for month in range(2, MONTHS + 1):
        remote = _archive(request, year, month)
        if not copy.url:
            # Files fetched by hand lie side by side.
            found = copy.path.with_name(f"{Path(remote.name).stem}{copy.path.suffix}")
            if not found.is_file():
                return
            yield found
            continue
        try:
            yield fetch(remote, copy.path.parent).path
        except SourceError as error:
            if error.status == 404:
                return
            raise


def _stage_bulk(connection: duckdb.DuckDBPyConnection, path: Path, what: str) -> Staged:
    """Read one unpacked table, of the present or of the first layout."""
    first = "DECLARANT_ISO" in (name.upper() for name in dialect(path).columns)
    names: Mapping[str, str] = BULK | FIRST_BULK if first else BULK
    types = dict.fromkeys(BULK, "VARCHAR") | {"euros": "DOUBLE", "kg": "DOUBLE"}
    return stage(connection, path, types, names=names, table="raw", what=what, missing=MISSING)


def _empty(connection: duckdb.DuckDBPyConnection, month: str = "") -> None:
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE staged (year SMALLINT, {month}reporter VARCHAR, partner VARCHAR, "
        "direction VARCHAR, product VARCHAR, value DOUBLE, quantity DOUBLE)"
    )
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE staged_lines (reason VARCHAR, line BIGINT, "row" VARCHAR)'
    )


def _append_bulk(
    connection: duckdb.DuckDBPyConnection, year: int, period: int, request: Request
) -> tuple[str, ...]:
    """Add the table raw to the staged reports, customs procedures added up; other periods are refused."""
    zeros = give_zeros_back(connection)
    month = "" if period == ANNUAL else f"{period}::TINYINT, "
    fits = f"right(period, 2) = '{period:02}'"
    wanted = [fits]
    if request.products:
        wanted.append("(" + " OR ".join(f"starts_with(product, '{code}')" for code in request.products) + ")")
    if request.countries:
        wanted.append(f"reporter IN ({', '.join(repr(iso2(iso3)) for iso3 in request.countries)})")
    connection.execute(
        f"""INSERT INTO staged
        SELECT TRY_CAST(left(period, 4) AS SMALLINT), {month}reporter, partner, {DIRECTIONS} AS direction,
            {code_sql(request)} AS code, sum(euros) * {USD_PER_EURO[year] / 1000},
            CASE WHEN count(nullif(kg, 0)) = count(*) THEN sum(kg) / 1000 END
        FROM raw WHERE {" AND ".join(wanted)} GROUP BY ALL"""
    )
    connection.execute("INSERT INTO staged_lines SELECT * FROM raw_lines")
    kind = "annual" if period == ANNUAL else "of this month"
    connection.execute(
        f"""INSERT INTO staged_lines SELECT 'not {kind}: ' || coalesce(period, ''), NULL,
        concat_ws(',', reporter, partner, product, flow, period, euros, kg)
        FROM raw WHERE NOT coalesce({fits}, false)"""
    )
    return zeros


def _scope(request: Request) -> tuple[str, ...]:
    """Say what is done with procedures, and what the rows are limited to."""
    told = ["All customs procedures were added up."]
    if request.products or request.countries:
        told.append(f"Holds {', '.join((*request.products, *request.countries))} only.")
    return tuple(told)


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give the table in an archive of Comext, or the file itself if it is none."""
    beside = [path.with_suffix(ending) for ending in (".dat", ".csv") if path.with_suffix(ending).is_file()]
    with path.open("rb") as file:
        packed = file.read(len(SEVEN_ZIP)) == SEVEN_ZIP
    if beside:
        yield beside[0]
    elif packed:
        with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
            target = Path(folder) / "table.dat"
            _run_unpacker(path, target)
            yield target
    elif zipfile.is_zipfile(path):
        with archive.extracted(path, archive.members(path)[0]) as target:
            yield target
    else:
        yield path


def _run_unpacker(path: Path, target: Path) -> None:
    program = next((found for name in UNPACKERS if (found := shutil.which(name))), None)
    if program is None:
        raise SourceError(
            f"{path} is a 7z archive, and no program here unpacks it",
            hint=f"install 7-Zip, or unpack it yourself to {path.with_suffix('.dat')} and run this again",
        )
    options = UNPACKERS[Path(program).stem]
    with target.open("wb") as out:
        done = subprocess.run([program, *options, str(path)], stdout=out, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        discard(path)
        told = done.stderr.decode(errors="replace").strip().splitlines()
        raise SourceError.damaged(path, told[-1] if told else f"{program} ended with {done.returncode}")


BULK_DATASET = replace(
    DATASET,
    id="comext-bulk",
    about="What EU members report by partner and CN8: value and mass of whole years; needs 7-Zip.",
    base=BULK_BASE,
    size_mb=93,
    unit="one year of all products",
    remotes=remotes_bulk,
    read=read_bulk,
)

BULK_MONTHLY = replace(
    BULK_DATASET,
    id="comext-bulk-monthly",
    about="What EU members report by partner and CN8: value and mass of each month; needs 7-Zip.",
    size_mb=600,
    unit="the twelve months of one year",
    remotes=remotes_months,
    read=read_months,
)
