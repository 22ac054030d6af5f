"""CEPII Gravity and GeoDist: distance, borders, languages, colonial ties and agreements of two countries.

Gravity (release 202211) is one archive with ``Gravity_V202211.csv``: 4.7 million rows and 87 columns, every
pair of countries in every year from 1948 to 2021, whether they existed then or not (``country_exists_o`` and
``country_exists_d``). A state that changed stands several times under one ISO code, apart by ``country_id``
(``DEU.1`` is West Germany) and by the years in which it existed. GeoDist (2011) is an old workbook,
``dist_cepii.xls``, of 224 countries without a year, with codes that ISO gave up: ROM, ZAR, TMP, PAL, and YUG
for Serbia and Montenegro.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path

import duckdb

from entrepot.errors import SourceError
from entrepot.result import Source
from entrepot.sources import archive, checks, cleaning, workbook
from entrepot.sources.checks import Verdict
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import stage
from entrepot.sources.fetch import Copy, Remote

RELEASE = "202211"
FIRST, LAST = 1948, 2021
BASE = "https://www.cepii.fr/DATA_DOWNLOAD/gravity/data/"
GEODIST_BASE = "https://www.cepii.fr/distance/"
MEMBER = re.compile(r"(?:^|/)Gravity_V\w+\.csv$", re.IGNORECASE)
GEODIST_MEMBER = re.compile(r"(?:^|/)dist_cepii\.(csv|xlsx?)$", re.IGNORECASE)
KILOMETRES = ("dist", "distcap", "distw_arithmetic", "distw_harmonic")
FLAGS = (
    "contig",
    "comlang_off",
    "comlang_ethno",
    "comcol",
    "col45",
    "col_dep_ever",
    "col_dep",
    "sibling_ever",
    "comleg_posttrans",
    "fta_wto",
)
EXISTS = ("country_exists_o", "country_exists_d")
GEODIST_KILOMETRES = ("dist", "distcap", "distw", "distwces")
GEODIST_FLAGS = (
    "contig",
    "comlang_off",
    "comlang_ethno",
    "colony",
    "comcol",
    "curcol",
    "col45",
    "smctry",
)
# GeoDist knows the state of 2003 to 2006 by the code of the one before it.
GEODIST_CODES = {"YUG": "SCG"}
# Distances there and back differ by rounding to single precision.
EVEN = 1e-4


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return the archive of all years."""
    name = f"Gravity_csv_V{RELEASE}.zip"
    return (Remote(f"{request.base}{name}", name, (FIRST, LAST)),)


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the pairs of one year after the other.

    Raises
    ------
    SourceError
        If the archive is damaged or has no table.
    DataError
        If a column is missing, a year has no rows, or most rows of a year cannot be taken.
    """
    numbers = dict.fromkeys((*KILOMETRES, "comrelig"), "DOUBLE")
    types = {"year": "SMALLINT", "exporter": "VARCHAR", "importer": "VARCHAR", **numbers}
    types |= dict.fromkeys((*FLAGS, *EXISTS), "TINYINT")
    names = {"exporter": "iso3_o", "importer": "iso3_d"}
    with _member(copy.path, MEMBER, "table Gravity_V...csv") as path:
        staged = stage(connection, path, types, names=names, table="raw", what="CEPII Gravity")
    notes = tuple(note for note in staged.notes if not note.startswith("Columns not read"))
    for place, year in enumerate(request.years):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE pairs AS FROM raw WHERE year = {year} AND {' AND '.join(EXISTS)}"
        )
        (absent,) = connection.execute(
            f"SELECT count(*) FROM raw WHERE year = {year} AND NOT coalesce({' AND '.join(EXISTS)}, false)"
        ).fetchall()[0]
        if place:
            connection.execute("DELETE FROM raw_lines")
        what = f"CEPII Gravity {year}"
        told = (f"{absent} pairs of which one did not exist in this year were left out.",) if absent else ()
        yield _clean(
            connection, what, (*KILOMETRES, *FLAGS, "comrelig"), (*(() if place else notes), *told), year
        )


def remotes_geodist(request: Request) -> tuple[Remote, ...]:
    """Return the archive of the table of pairs."""
    return (Remote(f"{request.base}dist_cepii.zip", "dist_cepii.zip"),)


def read_geodist(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give all pairs.

    Raises
    ------
    SourceError
        If the archive is damaged or has no table.
    DataError
        If a column is missing, or most rows cannot be taken.
    """
    what = "CEPII GeoDist"
    types = {"exporter": "VARCHAR", "importer": "VARCHAR"}
    types |= dict.fromkeys(GEODIST_KILOMETRES, "DOUBLE") | dict.fromkeys(GEODIST_FLAGS, "TINYINT")
    names = {"exporter": "iso_o", "importer": "iso_d"}
    with _member(copy.path, GEODIST_MEMBER, "table dist_cepii") as path, _as_text(path) as text:
        staged = stage(connection, text, types, names=names, table="raw", what=what)
    connection.execute("CREATE OR REPLACE TEMP TABLE pairs AS FROM raw")
    yield _clean(connection, what, (*GEODIST_KILOMETRES, *GEODIST_FLAGS), staged.notes, None)


@contextlib.contextmanager
def _member(path: Path, wanted: re.Pattern[str], what: str) -> Iterator[Path]:
    names = archive.members(path)
    member = next((name for name in names if wanted.search(name)), None)
    if member is None:
        raise SourceError.not_in_archive(path, what, names)
    with archive.extracted(path, member) as found:
        yield found


@contextlib.contextmanager
def _as_text(path: Path) -> Iterator[Path]:
    """Give a workbook as text, and text as it is."""
    if workbook.is_workbook(path):
        with workbook.as_csv(path) as text:
            yield text
    else:
        yield path


def judge(codes: Collection[str], odd: Mapping[str, str]) -> dict[str, Verdict]:
    """Say for every code which country it is, or why it is none.

    Examples
    --------
    >>> found = judge(["ROM", "ZAR", "YUG", "SUN", "WLD"], {"YUG": "SCG"})
    >>> [verdict.becomes for verdict in found.values()]
    ['ROU', 'COD', 'SCG', 'SUN', None]
    """
    found = checks.check_countries(codes)
    return {str(code): Verdict(odd[str(code)]) if code in odd else verdict for code, verdict in found.items()}


def _clean(
    connection: duckdb.DuckDBPyConnection,
    what: str,
    columns: tuple[str, ...],
    notes: tuple[str, ...],
    year: int | None,
) -> Parsed:
    """Turn the table pairs into rows of ``dyads``, or of ``distances`` where there is no year."""
    found = connection.execute("SELECT exporter FROM pairs UNION SELECT importer FROM pairs").fetchall()
    codes = sorted(code for (code,) in found if code is not None)
    verdicts = judge(codes, {} if year else GEODIST_CODES)
    cleaning.lift(connection, "pairs_countries", verdicts)
    connection.execute(_judged_sql(columns))
    rows = connection.table("judged").shape[0] + connection.table("raw_lines").shape[0]
    when = f"{year}::SMALLINT AS year, " if year else ""
    kept = connection.sql(
        f"SELECT {when}origin AS exporter, destination AS importer, {', '.join(columns)} FROM judged "
        "WHERE fault IS NULL ORDER BY origin, destination"
    )
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE refused AS SELECT reason, line, "row" FROM raw_lines UNION ALL
        SELECT fault, NULL, concat_ws(',', {year or "NULL"}, exporter, importer, {", ".join(columns)})
        FROM judged WHERE fault IS NOT NULL"""
    )
    count, reason = connection.execute("SELECT count(*), coalesce(mode(reason), '') FROM refused").fetchall()[
        0
    ]
    checks.refuse_too_many(what, count, rows, reason)
    told = [*notes, *_renamed(verdicts), *_check_square(connection), *_check_even(connection, columns[0])]
    if count:
        told.append(f"{count} of {rows} rows were refused, most often because: {reason}.")
    return Parsed(
        what,
        kept,
        (year or 0, year or 0),
        connection.table("refused") if count else None,
        notes=tuple(f"{what}: {note}" for note in told),
    )


def _judged_sql(columns: tuple[str, ...]) -> str:
    """Return the pairs with what is wrong with each."""
    flags = [name for name in columns if name in FLAGS or name in GEODIST_FLAGS]
    lengths = [name for name in columns if name in KILOMETRES or name in GEODIST_KILOMETRES]
    odd_flag = " OR ".join(f"p.{name} NOT IN (0, 1)" for name in flags)
    odd_length = " OR ".join(f"p.{name} <= 0 OR NOT isfinite(p.{name})" for name in lengths)
    return f"""CREATE OR REPLACE TEMP TABLE judged AS
    SELECT p.*, a.becomes AS origin, b.becomes AS destination,
        coalesce(CASE WHEN p.exporter IS NULL OR p.importer IS NULL THEN 'no country' END, a.fault, b.fault,
            CASE WHEN {odd_length} THEN 'a distance that is none' WHEN {odd_flag} THEN 'neither 0 nor 1'
            WHEN count(*) OVER (PARTITION BY a.becomes, b.becomes) > 1 THEN 'several rows for one pair' END)
        AS fault
    FROM pairs AS p LEFT JOIN pairs_countries AS a ON a.code = p.exporter
        LEFT JOIN pairs_countries AS b ON b.code = p.importer"""


def _renamed(verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Say which codes became others."""
    changed = [f"{code} is {v.becomes}" for code, v in verdicts.items() if v.becomes and v.becomes != code]
    return (f"Codes of states: {', '.join(changed)}.",) if changed else ()


def _check_square(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Say how many pairs of the countries are missing: both tables are published for every pair."""
    pairs, countries = connection.execute(
        "SELECT count(*), count(DISTINCT origin) FROM judged WHERE fault IS NULL"
    ).fetchall()[0]
    if pairs == countries**2:
        return ()
    return (f"{pairs} of the {countries**2} pairs of {countries} countries are there.",)


def _check_even(connection: duckdb.DuckDBPyConnection, column: str) -> tuple[str, ...]:
    """Say how many distances differ there and back."""
    (uneven,) = connection.execute(
        f"""SELECT count(*) FROM judged AS x JOIN judged AS y
            ON x.origin = y.destination AND x.destination = y.origin
        WHERE x.origin < x.destination AND abs(x.{column} / y.{column} - 1) > {EVEN}
            AND x.fault IS NULL AND y.fault IS NULL"""
    ).fetchall()[0]
    return (f"The distances of {uneven} pairs differ there and back.",) if uneven else ()


DATASET = Dataset(
    id="gravity",
    source=Source(
        id="cepii_gravity",
        producer="CEPII",
        title="The CEPII Gravity Database (Conte, Cotterlaz and Mayer, 2022, CEPII Working Paper 2022-05)",
        version=f"release {RELEASE}",
        licence="Etalab Open Licence 2.0",
        url="https://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=8",
        accessed=date(2026, 11, 23),
        year=2022,
    ),
    table="dyads",
    about="Distances, borders, languages, colonial ties and trade agreements of countries by year.",
    base=BASE,
    years=(FIRST, LAST),
    size_mb=207,
    unit="all years",
    redistributable=True,
    remotes=remotes,
    read=read,
)

GEODIST = Dataset(
    id="geodist",
    source=Source(
        id="cepii_geodist",
        producer="CEPII",
        title="GeoDist: the CEPII's distances and geographical database (Mayer and Zignago, 2011, "
        "CEPII Working Paper 2011-25)",
        version="2011",
        licence="Etalab Open Licence 2.0",
        url="https://www.cepii.fr/CEPII/en/bdd_modele/bdd_modele_item.asp?id=6",
        accessed=date(2026, 11, 23),
        year=2011,
    ),
    table="distances",
    about="Distances, borders, languages and colonial ties of 224 countries, without a year.",
    base=GEODIST_BASE,
    years=(2011, 2011),
    size_mb=3,
    unit="everything",
    redistributable=True,
    remotes=remotes_geodist,
    read=read_geodist,
)
