"""UN Comtrade: what each country reports of its trade, by partner and HS6; annual bulk files, and a preview.

Two ways, as the organisation's own client and help pages describe them. Bulk (a premium key): an index of
the files of a year, one compressed tab-separated file a reporter, with the partners, the world as a partner,
and breakdowns by mode of transport, customs procedure and second partner beside their totals. Preview (no
key): at most 500 records a question, in JSON with the same names. Assumed, because no bulk file was at hand:
its headings are those of the preview; totals stand under motCode 0, customsCode C00 and partner2Code 0.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import duckdb
import pyarrow as pa

from entrepot.errors import DataError, InputError, SourceError
from entrepot.result import Source
from entrepot.sources import reports
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import Staged, stage
from entrepot.sources.fetch import Copy, Remote, discard, fetch
from entrepot.world import countries
from entrepot.world.products import REVISIONS

BASE = "https://comtradeapi.un.org/"
KEY = "COMTRADE_KEY"
KEY_HEADER = "Ocp-Apim-Subscription-Key"
WORLD = ("0", "W00")
# The preview never gives more records and does not say that it left some out.
PREVIEW_LIMIT = 500
# Present codes of reporters that differ from M49; `countries.from_code` reads them back.
OWN_CODES = {"USA": "842", "CHE": "757", "FRA": "251", "NOR": "579", "IND": "699", "TWN": "490", "XKX": "412"}
NAMES = {
    "year": "refYear",
    "reporter": "reporterCode",
    "partner": "partnerCode",
    "flow": "flowCode",
    "product": "cmdCode",
    "level": "aggrLevel",
    "mode": "motCode",
    "customs": "customsCode",
    "second": "partner2Code",
    "usd": "primaryValue",
    "kg": "netWgt",
}
TYPES = dict.fromkeys(NAMES, "VARCHAR") | {"year": "SMALLINT", "usd": "DOUBLE", "kg": "DOUBLE"}
INDEX = ("reporterCode", "period", "classificationCode", "publicationDate", "fileUrl")
DIRECTIONS = "CASE flow WHEN 'X' THEN 'export' WHEN 'M' THEN 'import' END"
TOTALS = "mode = '0' AND customs = 'C00' AND second = '0' AND level = '6'"


def code_of(iso3: str) -> str:
    """Return the number that UN Comtrade gives to a country.

    Raises
    ------
    InputError
        If it has none.

    Examples
    --------
    >>> code_of("BLR"), code_of("USA")
    ('112', '842')
    """
    country = countries.countries().get(iso3)
    found = OWN_CODES.get(iso3) or (country.m49 if country else "")
    if not found:
        raise InputError(f"UN Comtrade has no code for {iso3}", hint="leave it out; an empty list means all")
    return str(int(found))


def classification(revision: str | None) -> str:
    """Return the letters of UN Comtrade for a revision of the Harmonized System.

    Examples
    --------
    >>> classification("HS1992"), classification("HS2022")
    ('H0', 'H6')
    """
    return f"H{REVISIONS.index(revision or REVISIONS[0])}"


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return one index a year; the files that it names are fetched beside it when it is read.

    Raises
    ------
    InputError
        If there is no key, or a country has no code.
    """
    headers = _key()
    code = classification(request.revision)
    asked = "+".join(code_of(iso3) for iso3 in request.countries)
    found = []
    for year in request.years:
        words = {"period": str(year)} | ({"reporterCode": asked.replace("+", ",")} if asked else {})
        name = f"index-{code}-{year}{'-' + asked if asked else ''}.json"
        url = f"{request.base}bulk/v1/get/C/A/{code}?{urlencode(words, safe=',')}"
        found.append(Remote(url, name, (year, year), headers=headers))
    return tuple(found)


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give all reports of the year whose index this is.

    Raises
    ------
    SourceError
        If a file cannot be fetched or is damaged.
    DataError
        If the index is not one, names no file, or a file cannot be taken.
    """
    code = classification(request.revision)
    year = int(copy.path.name.split("-")[2].removesuffix(".json"))
    entries = _newest(copy.path, code, year)
    if not entries:
        raise DataError(
            f"UN Comtrade has no reports in {code} for {year}", hint="ask for another year or revision"
        )
    _empty(connection)
    other, odd = 0, set[str]()
    for entry in entries:
        published = entry["publicationDate"][:10]
        name = f"COMTRADE-FINAL-CA{int(entry['reporterCode']):03d}{year}{code}[{published}].gz"
        headers = _key() if _same_place(entry["fileUrl"], request.base) else {}
        file = fetch(Remote(entry["fileUrl"], name, (year, year), headers=headers), copy.path.parent)
        with _unpacked(file.path) as path:
            raw = stage(connection, path, TYPES, names=NAMES, table="raw", what=name)
        other += _append(connection, raw)
        odd.update(note for note in raw.notes if "separated" not in note and "not read" not in note)
    who = f"reports of {len(entries)} countries" if request.countries else "all countries that reported"
    notes = (f"Holds {who}.", *sorted(odd), *_other(other))
    yield _clean(connection, f"UN Comtrade {year}", year, request, notes)


def remotes_preview(request: Request) -> tuple[Remote, ...]:
    """Return one question a year.

    Raises
    ------
    InputError
        If no country or no six-digit product is named: the preview gives too little for all.
    """
    if not request.countries or not request.products:
        raise InputError(
            "the preview of UN Comtrade needs countries and six-digit products",
            hint="name both, for example RUS and 270900, or use 'comtrade' with a key for whole years",
        )
    code = classification(request.revision)
    words = {
        "reporterCode": ",".join(code_of(iso3) for iso3 in request.countries),
        "cmdCode": ",".join(request.products),
        "flowCode": "M,X",
        "partner2Code": "0",
        "customsCode": "C00",
        "motCode": "0",
    }
    who = "+".join((*request.countries, *request.products))
    place = f"{request.base}public/v1/preview/C/A/{code}"
    return tuple(
        Remote(
            f"{place}?{urlencode({'period': str(year), **words}, safe=',')}",
            f"preview-{code}-{year}-{who}.json",
            (year, year),
        )
        for year in request.years
    )


def read_preview(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the reports in one answer of the preview.

    Raises
    ------
    DataError
        If the answer is none, is empty, lacks a field, or is as long as an answer can be.
    """
    year = int(copy.path.name.split("-")[2])
    what = f"UN Comtrade preview {year}"
    data = _data(copy.path)
    if not data:
        raise DataError(f"{what}: no such trade was reported", hint="see which years the countries reported")
    if len(data) >= PREVIEW_LIMIT:
        raise DataError(
            f"{what}: the answer has {len(data)} records and is cut off",
            hint="ask for fewer countries or products, or use 'comtrade' with a key",
        )
    missing = [field for field in NAMES.values() if not any(field in row for row in data)]
    if missing:
        raise DataError.missing_columns(what, missing, sorted(data[0]))
    _empty(connection)
    lifted = pa.table({name: _column(data, name, field) for name, field in NAMES.items()})
    connection.register("answer", lifted)
    typed = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in TYPES.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE raw AS SELECT {typed} FROM answer")
    connection.execute("CREATE OR REPLACE TEMP TABLE raw_lines AS SELECT * FROM staged_lines")
    connection.unregister("answer")
    other = _append(connection, Staged("raw", "raw_lines", len(data), ()))
    notes = (f"Holds {', '.join(request.products)} as reported by {', '.join(request.countries)}.",)
    yield _clean(connection, what, year, request, (*notes, *_other(other)))


def _column(data: Sequence[Mapping[str, Any]], name: str, field: str) -> pa.Array:
    if TYPES[name] == "DOUBLE":
        return pa.array([row.get(field) for row in data], pa.float64())
    return pa.array([None if row.get(field) is None else str(row[field]) for row in data], pa.string())


def _key() -> dict[str, str]:
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise InputError(
            f"UN Comtrade's bulk files need a key in the environment variable {KEY}",
            hint="keys are given at https://comtradedeveloper.un.org/; 'comtrade-preview' needs none",
        )
    return {KEY_HEADER: key}


def _same_place(url: str, base: str) -> bool:
    """Tell whether an address is the publisher's own: the key goes nowhere else."""
    return urlsplit(url)[:2] == urlsplit(base)[:2]


def _data(path: Path) -> list[dict[str, Any]]:
    """Return the records of an answer of UN Comtrade."""
    try:
        answer = json.loads(path.read_bytes().decode("utf-8-sig"))
    except ValueError as error:
        raise DataError(f"{path.name} is no answer of UN Comtrade: {error}", hint="fetch it again") from error
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        told = answer.get("error") or answer.get("message") if isinstance(answer, dict) else ""
        raise DataError(
            f"{path.name} is no answer of UN Comtrade: {told or 'no records'}", hint="fetch it again"
        )
    return data


def _newest(path: Path, code: str, year: int) -> list[dict[str, Any]]:
    """Return the newest file of each reporter in an index."""
    newest: dict[int, dict[str, Any]] = {}
    for entry in _data(path):
        missing = [field for field in INDEX if not entry.get(field)]
        if missing:
            raise DataError.missing_columns(path.name, missing, sorted(entry))
        if entry["classificationCode"] != code or str(entry["period"]) != str(year):
            continue
        reporter = int(entry["reporterCode"])
        if reporter not in newest or entry["publicationDate"] > newest[reporter]["publicationDate"]:
            newest[reporter] = entry
    return [newest[reporter] for reporter in sorted(newest)]


@contextlib.contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give the text in a compressed file as a temporary file."""
    with tempfile.TemporaryDirectory(prefix="entrepot-") as folder:
        target = Path(folder) / "file.txt"
        try:
            with gzip.open(path) as packed, target.open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            discard(path)
            raise SourceError.damaged(path, str(error)) from error
        yield target


def _empty(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE staged (year SMALLINT, reporter VARCHAR, partner VARCHAR, "
        "direction VARCHAR, product VARCHAR, value DOUBLE, quantity DOUBLE)"
    )
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE staged_lines (reason VARCHAR, line BIGINT, "row" VARCHAR)'
    )


def _append(connection: duckdb.DuckDBPyConnection, raw: Staged) -> int:
    """Add the totals of a file to the staged reports; returns the number of rows that are breakdowns."""
    # A mass of zero beside a value means that none was reported.
    connection.execute(
        f"INSERT INTO staged SELECT year, reporter, partner, {DIRECTIONS}, product, usd / 1000, "
        f"nullif(kg, 0) / 1000 FROM {raw.table} WHERE {TOTALS} AND flow IN ('X', 'M')"
    )
    connection.execute(f"INSERT INTO staged_lines SELECT * FROM {raw.rejects}")
    (other,) = connection.execute(
        f"SELECT count(*) FROM {raw.table} WHERE NOT coalesce({TOTALS} AND flow IN ('X', 'M'), false)"
    ).fetchall()[0]
    return int(other)


def _other(rows: int) -> tuple[str, ...]:
    if not rows:
        return ()
    return (
        f"{rows} rows break the same trade down (mode of transport, procedure, second partner, re-exports, "
        "two and four digits) and were not taken.",
    )


def _clean(
    connection: duckdb.DuckDBPyConnection, what: str, year: int, request: Request, notes: tuple[str, ...]
) -> Parsed:
    (rows,) = connection.execute("SELECT count(*) FROM staged").fetchall()[0]
    staged = Staged("staged", "staged_lines", rows, notes)
    return reports.clean(
        connection,
        staged,
        what=what,
        revision=request.revision or REVISIONS[0],
        world=WORLD,
        years=range(year, year + 1),
    )


DATASET = Dataset(
    id="comtrade",
    source=Source(
        id="un_comtrade",
        producer="United Nations Statistics Division",
        title="UN Comtrade Database",
        version="annual final data, as published on the day of access",
        licence="UN Comtrade policy on use and re-dissemination: internal use, data not passed on",
        url="https://comtradeplus.un.org/",
        accessed=date(2026, 11, 23),
    ),
    table="reports",
    about="What each country reports of its trade by partner and HS6: value and mass; needs a premium key.",
    base=BASE,
    years=(1988, 2025),
    size_mb=1500,
    unit="one year of all reporters",
    redistributable=False,
    remotes=remotes,
    read=read,
    revisions=REVISIONS,
    key=KEY,
    selects=("countries",),
)

PREVIEW = replace(
    DATASET,
    id="comtrade-preview",
    about="A small piece of UN Comtrade without a key: named countries and products, 500 records a year.",
    size_mb=0.5,
    unit="one year of the countries and products named",
    remotes=remotes_preview,
    read=read_preview,
    key="",
    selects=("products", "countries"),
)
