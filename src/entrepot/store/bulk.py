"""Writes large tables: DuckDB writes the file as fast as it can, then the checks read what was written."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import prod
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from entrepot.errors import DataError, InputError, StoreError
from entrepot.store import files
from entrepot.store.engine import CONFIG, literal, quote
from entrepot.store.manifest import Part
from entrepot.store.schemas import SCHEMAS, Field, Schema

ROW_GROUP = 122_880
# One byte a possible key: 300 million are 226 exporters and importers and 5,900 products.
CELLS = 600_000_000
TYPES = {"int16": "SMALLINT", "int8": "TINYINT", "string": "VARCHAR", "double": "DOUBLE"}


def copy_part(folder: Path, name: str, rows: duckdb.DuckDBPyRelation) -> Part:
    """Write rows of a core table into one Parquet file of a store; the manifest does not name it yet.

    Parameters
    ----------
    folder : Path
        The store.
    name : str
        One of `SCHEMAS`.
    rows : duckdb.DuckDBPyRelation
        Columns of the core table in any order; they are cast to its types.

    Returns
    -------
    Part

    Raises
    ------
    InputError
        If there is no core table of that name.
    DataError
        If a column is missing or unknown, or a row breaks the schema; the row is named.
    StoreError
        If the disk is full or the file cannot be written.
    """
    if name not in SCHEMAS:
        raise InputError.unknown("core table", name, list(SCHEMAS))
    schema = SCHEMAS[name]
    fields = _fields(schema, rows.columns)
    with files.temporary(folder) as file:
        _copy(rows.project(", ".join(_cast(field) for field in fields)), file.path)
        # Hashing takes one core and lets the other check.
        with ThreadPoolExecutor(1) as pool, duckdb.connect(":memory:", config=CONFIG) as connection:
            hashing = pool.submit(files.sha256, file.path)
            count, years = _checked(connection, schema, fields, file.path)
            digest = hashing.result()
        _sync(file.path)
    size = file.path.stat().st_size
    final = folder / f"{name}-{digest[:12]}.parquet"
    files.publish(file.path, final)
    return Part(final.name, count, size, digest, years)


def _fields(schema: Schema, found: Sequence[str]) -> tuple[Field, ...]:
    fields = tuple(f for f in schema.fields if not f.optional or f.name in found)
    names = [f.name for f in fields]
    missing = [name for name in names if name not in found]
    if missing:
        raise DataError.missing_columns(f"table '{schema.name}'", missing, list(found))
    extra = [name for name in found if name not in names]
    if extra:
        raise DataError.extra_columns(schema.name, extra, [f.name for f in schema.fields])
    return fields


def _cast(field: Field) -> str:
    return f"CAST({quote(field.name)} AS {TYPES[str(field.type)]}) AS {quote(field.name)}"


def _copy(rows: duckdb.DuckDBPyRelation, path: Path) -> None:
    try:
        rows.write_parquet(str(path), compression="zstd", row_group_size=ROW_GROUP)
    except duckdb.IOException as error:
        # DuckDB passes the system's words on, not its number.
        if "No space left" in str(error):
            raise StoreError.disk_full(path) from error
        raise StoreError.cannot_write(path, str(error)) from error
    except duckdb.ConversionException as error:
        raise DataError.cannot_convert(str(error)) from error


def _sync(path: Path) -> None:
    """Put on disk what another handle wrote."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _checked(
    connection: duckdb.DuckDBPyConnection, schema: Schema, fields: Sequence[Field], path: Path
) -> tuple[int, tuple[int, int] | None]:
    """Return rows and years of a written file, or refuse it for its first faulty row."""
    codes = _Codes.read(path, [field.name for field in fields if field.pattern])
    numeric = [test for field in fields if not field.pattern for test, _ in _tests(field)]
    failed = _failed(connection, path, numeric)
    for field in fields:
        for test, words in _tests(field):
            if codes.allows(field) if field.pattern else test not in failed:
                continue
            found = _first(connection, path, test, quote(field.name))
            if found is not None:
                reason = words if words == "is null" else f"'{found[1]}' {words}"
                raise DataError.bad_cell(schema.name, found[0] + 1, field.name, reason, hint=field.doc)
    keys = [field.name for field in fields if field.key]
    numbers = [name for name in keys if name not in codes.columns]
    spans = {name: _span(connection, path, name) for name in numbers}
    # A table whose key is text alone, within one year, needs no look at the numbers.
    single = all(low == high for low, high in spans.values())
    if not (single and codes.distinct([name for name in keys if name in codes.columns])):
        _refuse_duplicates(connection, schema.name, keys, path)
    years = spans.get("year")
    return codes.rows, None if years is None or years[0] is None else years


def _tests(field: Field) -> list[tuple[str, str]]:
    """Return what makes a cell of a column faulty, as SQL, and in words."""
    name = quote(field.name)
    tests = [] if field.nullable else [(f"{name} IS NULL", "is null")]
    if field.pattern:
        tests.append((f"NOT regexp_full_match({name}, '{field.pattern}')", "is no such code"))
    elif str(field.type) != "string":
        if not field.signed:
            tests.append((f"{name} < 0", "is negative"))
        if str(field.type) == "double":
            tests.append((f"NOT isfinite({name})", "is not finite"))
    return tests


def _failed(connection: duckdb.DuckDBPyConnection, path: Path, tests: Sequence[str]) -> set[str]:
    """Return the tests that hold for some row, all looked at in one pass."""
    if not tests:
        return set()
    asked = ", ".join(f"bool_or({test})" for test in tests)
    found = connection.execute(f"SELECT {asked} FROM read_parquet(?)", [literal(path)]).fetchall()[0]
    return {test for test, holds in zip(tests, found, strict=True) if holds}


def _first(
    connection: duckdb.DuckDBPyConnection, path: Path, test: str, name: str
) -> tuple[int, object] | None:
    """Return the number, from 0, and the cell of the first row for which a test holds."""
    row: tuple[int, object] | None = connection.execute(
        f"SELECT file_row_number, {name} FROM read_parquet(?, file_row_number = true) WHERE {test} "
        "ORDER BY 1 LIMIT 1",
        [literal(path)],
    ).fetchone()
    return row


def _span(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> tuple[int, int]:
    row: tuple[int, int] | None = connection.execute(
        f"SELECT min({quote(name)}), max({quote(name)}) FROM read_parquet(?)", [literal(path)]
    ).fetchone()
    assert row is not None
    return row


@dataclass(frozen=True)
class _Codes:
    """The text columns of a file as positions in the list of their values."""

    rows: int
    columns: dict[str, list[pa.DictionaryArray]]

    @classmethod
    def read(cls, path: Path, names: Sequence[str]) -> _Codes:
        with pq.ParquetFile(path, read_dictionary=list(names)) as file:
            return cls.of(file.read(columns=list(names)), file.metadata.num_rows)

    @classmethod
    def of(cls, table: pa.Table, rows: int) -> _Codes:
        # Columns of a file may be cut at different rows; batches cut all of them alike.
        batches = table.unify_dictionaries().to_batches()
        return cls(rows, {name: [batch.column(name) for batch in batches] for name in table.column_names})

    def values(self, name: str) -> list[str | None]:
        chunks = self.columns[name]
        return chunks[0].dictionary.to_pylist() if chunks else []

    def allows(self, field: Field) -> bool:
        """Tell whether every cell of a column is there and of its pattern: each value is looked at once."""
        if any(chunk.null_count for chunk in self.columns[field.name]):
            return False
        return all(value and re.fullmatch(field.pattern, value) for value in self.values(field.name))

    def distinct(self, keys: Sequence[str]) -> bool:
        """Tell whether no two rows agree in the key; False also where that would take too much memory."""
        sizes = [len(self.values(name)) for name in keys]
        if prod(sizes) > CELLS:
            return False
        seen = np.zeros(prod(sizes), bool)
        for parts in zip(*(self.columns[name] for name in keys), strict=True):
            place = np.zeros(len(parts[0]), np.int32)
            for part, size in zip(parts, sizes, strict=True):
                place *= size
                place += np.from_dlpack(part.indices).astype(np.int32, copy=False)
            seen[place] = True
        return int(np.count_nonzero(seen)) == self.rows


def _refuse_duplicates(
    connection: duckdb.DuckDBPyConnection, name: str, keys: Sequence[str], path: Path
) -> None:
    """Raise if two rows agree in the key; DuckDB spills to disk where memory is short."""
    columns = ", ".join(quote(key) for key in keys)
    first = connection.execute(
        f"SELECT min(file_row_number) AS first, max(file_row_number), {columns} "
        f"FROM read_parquet(?, file_row_number = true) GROUP BY {columns} HAVING count(*) > 1 "
        "ORDER BY first LIMIT 1",
        [literal(path)],
    ).fetchone()
    if first is not None:
        key = dict(zip(keys, first[2:], strict=True))
        raise DataError.duplicate_key(name, first[0] + 1, first[1] + 1, key)
