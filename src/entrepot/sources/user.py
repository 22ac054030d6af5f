"""Tables of one's own: any CSV or Parquet file or sheet of a workbook, with a mapping of columns in TOML.

The format of the mapping is described in ``docs/sources.md``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import duckdb
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from entrepot.errors import DataError, InputError
from entrepot.result import Source
from entrepot.sources import workbook
from entrepot.sources.dataset import Parsed
from entrepot.sources.delimited import Staged, stage
from entrepot.sources.flows import COLUMNS, clean
from entrepot.world.products import resolve_revision

TEXT = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".csv.zst")
NEEDED = ("year", "exporter", "importer", "product", "value")
TYPES = {"year": "SMALLINT", "value": "DOUBLE", "quantity": "DOUBLE"}


class Constant(BaseModel):
    """One value for every row."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    value: str | int


class About(BaseModel):
    """Who made the table; printed beside every number that rests on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    producer: str = Field(min_length=1)
    title: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    version: str = ""
    url: str = ""


class Mapping(BaseModel):
    """What a mapping file says."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: About
    revision: str
    columns: dict[str, str | Constant]
    factors: dict[Literal["value", "quantity"], float] = Field(default_factory=dict)
    keep: dict[str, list[str]] = Field(default_factory=dict)
    duplicates: Literal["refuse", "sum"] = "refuse"
    sheet: str = ""
    skip: int = Field(default=0, ge=0)


def mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises
    ------
    InputError
        If it cannot be read, or says what cannot be; the word at fault is named.
    """
    try:
        parsed = Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="give the mapping with --map"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(word) for word in first["loc"])
        raise InputError(
            f"{path}, {where}: {first['msg']}", hint="the format is in docs/sources.md"
        ) from error
    missing = [name for name in NEEDED if name not in parsed.columns]
    unknown = [name for name in parsed.columns if name not in COLUMNS]
    if missing:
        raise InputError(
            f"{path} does not say which column is {', '.join(missing)}",
            hint='for example year = "Year", or importer = { value = "BLR" } for a constant',
        )
    if unknown:
        raise InputError.unknown("column", unknown[0], COLUMNS)
    return parsed.model_copy(update={"revision": resolve_revision(parsed.revision)})


def cited(known: Mapping, path: Path, sha256: str) -> Source:
    """Return the source that a mapping names."""
    about = known.source
    return Source(
        id="".join(char if char.isalnum() else "_" for char in path.stem.casefold()),
        producer=about.producer,
        title=about.title,
        version=about.version or path.name,
        licence=about.licence,
        url=about.url,
        accessed=date.today(),
        sha256=sha256,
    )


def read(connection: duckdb.DuckDBPyConnection, path: Path, known: Mapping) -> Iterator[Parsed]:
    """Give the flows of a file, one year after the other.

    Raises
    ------
    InputError
        If the file is of a kind that is not read.
    DataError
        If a column is missing, or most rows of a year cannot be taken, see `flows.clean`.
    """
    raw = _raw(connection, path, known)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE mapped AS {_mapped_sql(raw.table, known)}")
    years = connection.execute(
        "SELECT DISTINCT year FROM mapped WHERE year IS NOT NULL ORDER BY year"
    ).fetchall()
    if not years:
        raise DataError(f"{path.name}: no row has a year", hint="see the mapping of the column year")
    for place, (year,) in enumerate(years):
        # Rows without a year, and lines that are no rows, are told of with the first year.
        also = "OR year IS NULL" if place == 0 else ""
        connection.execute(f"CREATE OR REPLACE TEMP TABLE one_year AS FROM mapped WHERE year = {year} {also}")
        if place:
            connection.execute(f'DELETE FROM "{raw.rejects}"')
        what = path.name if len(years) == 1 else f"{path.name} {year}"
        yield clean(
            connection,
            replace(raw, table="one_year", notes=raw.notes if place == 0 else ()),
            what=what,
            revision=known.revision,
            scheme="any",
            add_up=known.duplicates == "sum",
        )


def _headings(known: Mapping) -> dict[str, str]:
    """Return the column of the file by core column, those aside that are constant."""
    return {name: told for name, told in known.columns.items() if isinstance(told, str)}


def _raw(connection: duckdb.DuckDBPyConnection, path: Path, known: Mapping) -> Staged:
    """Put what the mapping names into the engine, under the names of the core table."""
    headings = _headings(known)
    types = {name: TYPES.get(name, "VARCHAR") for name in headings}
    extra = {f"keep {heading}": heading for heading in known.keep}
    ending = path.name.casefold()
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    wanted, names = {**types, **dict.fromkeys(extra, "VARCHAR")}, {**headings, **extra}
    if ending.endswith(workbook.ENDINGS):
        with workbook.as_csv(path, known.sheet, known.skip) as text:
            return stage(connection, text, wanted, names=names, table="raw", what=path.name)
    if known.sheet or known.skip:
        raise InputError(f"{path.name} is no workbook: the mapping must not name sheet or skip")
    if ending.endswith(TEXT):
        return stage(connection, path, wanted, names=names, table="raw")
    if ending.endswith((".parquet", ".pq")):
        return _from_parquet(connection, path, names, types)
    raise InputError(
        f"{path.name} is neither CSV nor Parquet nor a workbook",
        hint="files read: .csv, .tsv, .parquet, .xlsx, .xls, .ods",
    )


def _from_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path, headings: dict[str, str], types: dict[str, str]
) -> Staged:
    try:
        relation = connection.read_parquet(str(path))
    except duckdb.Error as error:
        raise DataError(f"{path.name} is no Parquet file: {str(error).splitlines()[0]}") from error
    by_fold = {name.casefold(): name for name in relation.columns}
    missing = [heading for heading in headings.values() if heading.casefold() not in by_fold]
    if missing:
        raise DataError.missing_columns(path.name, missing, relation.columns)
    cells = ", ".join(
        f"TRY_CAST({_quote(by_fold[heading.casefold()])} AS {types.get(name, 'VARCHAR')}) AS {_quote(name)}"
        for name, heading in headings.items()
    )
    relation.project(cells).create_view("parquet_rows", replace=True)
    connection.execute("CREATE OR REPLACE TEMP TABLE raw AS FROM parquet_rows")
    connection.execute('CREATE OR REPLACE TEMP TABLE raw_lines (reason VARCHAR, line BIGINT, "row" VARCHAR)')
    return Staged("raw", "raw_lines", connection.table("raw").shape[0], ())


def _mapped_sql(raw: str, known: Mapping) -> str:
    """Return the rows kept, with constants and units of the core table."""
    cells = []
    factors = {str(name): factor for name, factor in known.factors.items()}
    for name in COLUMNS:
        told = known.columns.get(name)
        kind = TYPES.get(name, "VARCHAR")
        cell = _literal(told.value) if isinstance(told, Constant) else _quote(name) if told else "NULL"
        factor = factors.get(name, 1.0)
        times = f" * {factor!r}" if factor != 1.0 else ""
        cells.append(f"CAST({cell} AS {kind}){times} AS {name}")
    tests = [
        f"trim({_quote(f'keep {heading}')}) IN ({', '.join(_literal(word) for word in words)})"
        for heading, words in known.keep.items()
    ]
    return f"SELECT {', '.join(cells)} FROM {raw} WHERE {' AND '.join(tests) or 'true'}"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"
