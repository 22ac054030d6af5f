"""World Input-Output Database, 2016 release: 43 countries and the rest of the world, 56 industries, 2000
to 2014.

Layout as published in DataverseNL (doi:10.34894/PJ2M1C, version 2.1): ``WIOTS_in_STATA.zip`` with one
``WIOT2014_October16_ROW.dta`` a year (Stata release 118, 55 MB). Columns IndustryCode, IndustryDescription,
Country, RNr (number of the industry), Year, then ``vAUS1`` ... ``vROW56`` (use by industries), ``vAUS57``
... ``vROW61`` (final users) and TOT; below the industries, under the country TOT, the rows II_fob, TXSP,
EXP_adj, PURR, PURNR, VA, IntTTM and GO. USD million. The other forms (xlsb, RData) and the 2013 release
(xlsx) need readers that we do not have.

Timmer, M. P., E. Dietzenbacher, B. Los, R. Stehrer and G. J. de Vries (2015), doi:10.1111/roie.12178.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from entrepot.errors import DataError, InputError
from entrepot.result import Source
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.fetch import Copy, Remote
from entrepot.sources.intercountry import Layout, pieces, read_years
from entrepot.sources.stata import StataFile, read_stata

BASE = "https://dataverse.nl/api/access/datafile/"
FILE = "199103"
NAME = "WIOTS_in_STATA.zip"
MEMBER = re.compile(r"(?:^|/)WIOT(\d{4})_\w+\.dta$", re.IGNORECASE)
VALUE = re.compile(r"v([A-Z]{3})(\d+)")
NEEDED = ("IndustryCode", "Country", "RNr", "TOT")
ADDED = ("TXSP", "EXP_adj", "PURR", "PURNR", "VA", "IntTTM")
BELOW = "TOT"


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return the one archive that holds all years."""
    return (Remote(f"{request.base}{FILE}", NAME, (2000, 2014)),)


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give totals, final demand and industry flows of one year after the other.

    Raises
    ------
    InputError
        If the file is one of the forms that are not read.
    SourceError
        If the archive is damaged, or lacks a year that is asked for.
    DataError
        If a table has another layout, or its accounts do not add up.
    """
    if copy.path.suffix.lower() not in (".zip", ".dta"):
        raise InputError(
            f"{copy.path.name} is a form of WIOD that is not read",
            hint=f"take {NAME} of the 2016 release, or one yearly .dta file of it",
        )
    yield from read_years(connection, copy.path, MEMBER, request.years, read_year)


def read_year(connection: duckdb.DuckDBPyConnection, path: Path, year: int) -> Iterator[Parsed]:
    """Give totals, final demand and industry flows in one yearly file.

    Raises
    ------
    DataError
        If the table has another layout, or its accounts do not add up.
    """
    what = f"WIOD {year}"
    file = read_stata(path)
    missing = [name for name in NEEDED if name not in file.names]
    if missing:
        raise DataError.missing_columns(what, missing, file.names[:8])
    layout, changed = _layout(file, what)
    _load(connection, file, layout)
    notes = (f"Hyphens in the codes of {changed} industries became underscores.",) if changed else ()
    yield from pieces(connection, layout, year, what, notes)


def _layout(file: StataFile, what: str) -> tuple[Layout, int]:
    """Read what rows and columns are, and count the industries whose code had to change."""
    codes, owners = file.text("IndustryCode"), file.text("Country")
    numbers = file.numbers("RNr").astype(int).tolist()
    rows = {i: (owner, codes[i].replace("-", "_")) for i, owner in enumerate(owners) if owner != BELOW}
    named = {(owners[i], numbers[i]): place for i, place in rows.items()}
    users = {number for _, number in named}
    columns: dict[int, tuple[str, str | None]] = {}
    for j, name in enumerate(file.names):
        match = VALUE.fullmatch(name)
        if match is None:
            continue
        place = named.get((match[1], int(match[2])))
        if place is None and int(match[2]) in users:
            raise DataError(f"{what} has the column {name}, but no row for it", hint="the file is cut")
        columns[j] = place or (match[1], None)
    below = {codes[i]: i for i, owner in enumerate(owners) if owner == BELOW}
    absent = [code for code in ADDED if code not in below]
    if absent:
        raise DataError(
            f"{what} lacks the row{'s' if len(absent) > 1 else ''} {', '.join(absent)}",
            hint="the file is cut, or its layout has changed",
        )
    layout = Layout(rows, columns, [below[code] for code in ADDED], file.names.index("TOT"))
    return layout, len({codes[i] for i in rows if "-" in codes[i]})


def _load(connection: duckdb.DuckDBPyConnection, file: StataFile, layout: Layout) -> None:
    """Put the cells that are not zero into the engine, column by column."""
    connection.execute("CREATE OR REPLACE TEMP TABLE io_long (row INTEGER, place INTEGER, value DOUBLE)")
    wanted = (*layout.columns, layout.output)
    for first in range(0, len(wanted), 256):
        parts = []
        for j in wanted[first : first + 256]:
            column = file.numbers(file.names[j])
            (rows,) = np.nonzero(column)
            places = np.full(len(rows), j, np.int32)
            value = pa.array(column[rows], from_pandas=True)
            parts.append(pa.table({"row": rows.astype(np.int32), "place": places, "value": value}))
        connection.register("io_arrow", pa.concat_tables(parts))
        connection.execute("INSERT INTO io_long FROM io_arrow")
        connection.unregister("io_arrow")


DATASET = Dataset(
    id="wiod",
    source=Source(
        id="wiod_2016",
        producer="Groningen Growth and Development Centre",
        title="World Input-Output Database (Timmer, Dietzenbacher, Los, Stehrer and de Vries, 2015, "
        "Review of International Economics 23: 575-605)",
        version="2016 release, DataverseNL version 2.1",
        licence="CC BY 4.0",
        url="https://www.rug.nl/ggdc/valuechain/wiod/wiod-2016-release",
        accessed=date(2026, 11, 23),
        doi="10.34894/PJ2M1C",
        year=2016,
    ),
    table="industry_flows",
    about="Sales between 56 industries of 43 countries and the rest of the world, with final demand.",
    base=BASE,
    years=(2000, 2014),
    size_mb=639,
    unit="all years in one archive",
    redistributable=True,
    remotes=remotes,
    read=read,
)
