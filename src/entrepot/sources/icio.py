"""OECD Inter-Country Input-Output tables: one wide CSV a year, several years in a zip archive.

Layout of the 2025 edition as its readme and its users describe it: archives ``1995-2000_SML.zip`` to
``2016-2022_SML.zip``, in each one ``2022_SML.csv`` a year of about 88 MB. First column ``V1`` with the
labels of rows, then 81 economies x 50 industries (``AUS_A01``), 81 x 6 final users (``AUS_HFCE``, NPISH,
GGFC, GFCF, INVNT, DPABR) and ``OUT``; below the industries the rows ``TLS``, ``VA`` and ``OUT``. USD
million, current prices. The extended tables (``2022_EXT.csv``), which split China and Mexico, have the same
layout.

The publisher's server turns away programs that are no browser, at times: a file fetched by hand is taken in
its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from entrepot.errors import DataError
from entrepot.sources.catalogue import source
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import Dialect, dialect
from entrepot.sources.fetch import Copy, Remote
from entrepot.sources.intercountry import Layout, pieces, read_years

BASE = "https://webfs-sti.oecd.org/files/STI-PIE/ICIO/2025/"
BUNDLES = ((1995, 2000), (2001, 2005), (2006, 2010), (2011, 2015), (2016, 2022))
MEMBER = re.compile(r"(?:^|[/_])(\d{4})(?:_SML|_EXT)?\.csv$", re.IGNORECASE)
USERS = frozenset({"HFCE", "NPISH", "GGFC", "GFCF", "INVNT", "DPABR", "P33", "NONRES", "FD"})
OUTPUT = ("OUT", "OUTPUT", "TOTAL")
ADDED = re.compile(r"VA|VALU|TLS|TXS|[A-Z0-9]{3}_TAXSUB")
PLACE = re.compile(r"([A-Z][A-Z0-9]{2})_([A-Z][A-Z0-9_]*)")
LONGEST = 4_000_000


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return the archives that hold the years asked for."""
    names = {bundle: f"{bundle[0]}-{bundle[1]}_SML.zip" for bundle in BUNDLES}
    return tuple(
        Remote(f"{request.base}{name}", name, bundle)
        for bundle, name in names.items()
        if bundle[0] <= request.years[-1] and request.years[0] <= bundle[1]
    )


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give totals, final demand and industry flows of one year after the other.

    Raises
    ------
    SourceError
        If the archive is damaged, or lacks a year that is asked for.
    DataError
        If a table has another layout, or its accounts do not add up.
    """
    span = next((b for b in BUNDLES if copy.path.name.startswith(f"{b[0]}-{b[1]}")), None)
    wanted = [year for year in request.years if span is None or span[0] <= year <= span[1]]
    yield from read_years(connection, copy.path, MEMBER, wanted, read_year)


def read_year(connection: duckdb.DuckDBPyConnection, path: Path, year: int) -> Iterator[Parsed]:
    """Give totals, final demand and industry flows in one yearly file.

    Raises
    ------
    DataError
        If the table has another layout, or its accounts do not add up.
    """
    what = f"ICIO {year}"
    known = dialect(path)
    _load(connection, path, known)
    labels = _labels(connection, what, len(known.columns))
    yield from pieces(connection, _layout(labels, known.columns, what), year, what, _notes(known))


def _load(connection: duckdb.DuckDBPyConnection, path: Path, known: Dialect) -> None:
    """Put the lines into the engine as a label and a list of numbers; null where a cell is none."""
    text = "replace(line, '\"', '')"
    if known.decimal == ",":
        text = f"replace({text}, ',', '.')"
    connection.execute("DROP TABLE IF EXISTS io_long; DROP TABLE IF EXISTS io_lines")
    connection.execute(
        f"""CREATE TEMP TABLE io_lines AS
        SELECT trim(cells[1]) AS label, len(cells) AS width, TRY_CAST(cells[2:] AS DOUBLE[]) AS cells
        FROM (SELECT string_split({text}, ?) AS cells FROM read_csv(?, columns = {{'line': 'VARCHAR'}},
              delim = chr(1), quote = '', escape = '', header = true, auto_detect = false,
              max_line_size = {LONGEST}))
        WHERE trim(cells[1]) <> ''""",
        [known.separator, str(path)],
    )


def _labels(connection: duckdb.DuckDBPyConnection, what: str, width: int) -> tuple[str, ...]:
    """Lay the matrix out cell by cell, and return the labels of its rows in the order of their numbers."""
    lines = connection.execute("SELECT label, width FROM io_lines ORDER BY rowid").fetchall()
    odd = [label for label, cells in lines if cells != width]
    if odd:
        raise DataError(
            f"{what}: the row {odd[0]} has not as many cells as the heading, {width}",
            hint="the file is cut, or its layout has changed",
        )
    connection.execute(
        """CREATE TEMP TABLE io_long AS
        SELECT CAST(row AS INTEGER) AS row, CAST(place AS INTEGER) AS place, value
        FROM (SELECT row, unnest(cells) AS value, generate_subscripts(cells, 1) AS place
              FROM (SELECT rowid AS row, cells FROM io_lines))
        WHERE value IS NULL OR value <> 0;
        DROP TABLE io_lines"""
    )
    return tuple(label for label, _ in lines)


def _layout(labels: Sequence[str], columns: Sequence[str], what: str) -> Layout:
    """Read the labels of rows and columns.

    Raises
    ------
    DataError
        If a label is none that the layout knows, or output or value added is missing.
    """
    rows = {i: _place(label, what) for i, label in enumerate(labels) if not _is_account(label)}
    places = dict(enumerate(columns[1:], 1))
    uses = {j: _use(label, what) for j, label in places.items() if label not in OUTPUT}
    added = [i for i, label in enumerate(labels) if ADDED.fullmatch(label)]
    beside = [j for j, label in places.items() if label in OUTPUT]
    if not beside:
        raise DataError.missing_columns(what, [OUTPUT[0]], [*columns[:3], "...", *columns[-3:]])
    if not added:
        raise DataError(
            f"{what} lacks the row VA of value added", hint="the file is cut, or its layout has changed"
        )
    return Layout(rows, uses, added, beside[0])


def _is_account(label: str) -> bool:
    return label in OUTPUT or ADDED.fullmatch(label) is not None


def _place(label: str, what: str) -> tuple[str, str]:
    match = PLACE.fullmatch(label)
    if match is None:
        raise DataError(
            f"{what} has a row or column '{label}', which is no industry of a country",
            hint="the layout has changed, or the file is of an edition before 2021, which is not read",
        )
    return match[1], match[2]


def _use(label: str, what: str) -> tuple[str, str | None]:
    country, kind = _place(label, what)
    return country, None if kind in USERS else kind


def _notes(known: Dialect) -> tuple[str, ...]:
    if known.separator == "," and known.decimal == ".":
        return ()
    return (f"The file is separated by '{known.separator}', decimals by '{known.decimal}'; it was read so.",)


DATASET = Dataset(
    id="icio",
    source=replace(source("oecd_icio_2025"), version="2025 edition, revised January 2026, regular tables"),
    table="industry_flows",
    about="Sales between 50 industries of 80 economies and the rest of the world, with final demand.",
    base=BASE,
    years=(1995, 2022),
    size_mb=166,
    unit="five to seven years in one archive",
    redistributable=True,
    remotes=remotes,
    read=read,
)
