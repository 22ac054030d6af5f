"""CEPII BACI: one reconciled value and mass for every exporter, importer, product and year.

Files and columns as CEPII documents them: one zip archive a revision, in it one CSV a year
(``BACI_HS92_Y2020_V202601.csv``; t year, i exporter, j importer, k product, v USD thousand, q tonnes).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb

from entrepot.errors import DataError, SourceError
from entrepot.sources import archive
from entrepot.sources.catalogue import source
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import code_type, dialect, stage
from entrepot.sources.fetch import Copy, Remote
from entrepot.sources.flows import clean
from entrepot.world.products import REVISIONS

RELEASE = "202601"
LAST = 2024
BASE = "https://www.cepii.fr/DATA_DOWNLOAD/baci/data/"
MEMBER = re.compile(r"(?:^|/)BACI_HS(\d\d)_Y(\d{4})_V(\w+)\.csv$", re.IGNORECASE)
NAMES = {"year": "t", "exporter": "i", "importer": "j", "product": "k", "value": "v", "quantity": "q"}


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return the one archive that holds all years of a revision.

    Raises
    ------
    DataError
        If years before the revision are asked for.
    """
    revision = request.revision or REVISIONS[0]
    first = max(1995, int(revision[2:]))
    if request.years[0] < first:
        raise DataError(
            f"BACI in {revision} begins in {first}, not in {request.years[0]}",
            hint="ask for later years, or for an older revision such as --hs HS1992",
        )
    name = f"BACI_HS{revision[-2:]}_V{RELEASE}.zip"
    return (Remote(f"{request.base}{name}", name, (first, LAST)),)


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the flows of one year after the other.

    Raises
    ------
    SourceError
        If the archive is damaged or lacks a year that is asked for.
    DataError
        If a file of it cannot be taken, see `flows.clean`.
    """
    revision = request.revision or REVISIONS[0]
    found = _members(copy.path, revision)
    absent = [str(year) for year in request.years if year not in found]
    if absent:
        held = [str(year) for year in sorted(found)]
        raise SourceError.not_in_archive(copy.path, f"{revision} for {', '.join(absent)}", held)
    with archive.extracted_ahead(copy.path, [found[year] for year in request.years]) as paths:
        for year, path in zip(request.years, paths, strict=True):
            yield read_year(connection, path, year, revision)


def read_year(
    connection: duckdb.DuckDBPyConnection, path: Path, year: int, revision: str = "HS1992"
) -> Parsed:
    """Return the flows in one yearly file."""
    what = f"BACI {year}"
    codes = code_type(dialect(path), (NAMES["exporter"], NAMES["importer"]))
    columns = {
        "year": "SMALLINT",
        "exporter": codes,
        "importer": codes,
        "product": "VARCHAR",
        "value": "DOUBLE",
        "quantity": "DOUBLE",
    }
    staged = stage(connection, path, columns, names=NAMES, what=what)
    return clean(connection, staged, what=what, revision=revision, years=range(year, year + 1))


def _members(path: Path, revision: str) -> dict[int, str]:
    """Return the yearly files of an archive by year."""
    matches = ((MEMBER.search(name), name) for name in archive.members(path))
    return {int(m[2]): name for m, name in matches if m and m[1] == revision[-2:]}


DATASET = Dataset(
    id="baci",
    source=replace(source("cepii_baci"), version=f"release {RELEASE}"),
    table="flows",
    about="Trade in goods between all countries by HS6, value and mass, both sides' reports reconciled.",
    base=BASE,
    years=(1995, LAST),
    size_mb=2420,
    unit="all years of one revision",
    redistributable=True,
    remotes=remotes,
    read=read,
    revisions=REVISIONS,
)
