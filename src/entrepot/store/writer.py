"""Streams rows into one Parquet file: checked, hashed, synced, then named after its content."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from entrepot.errors import InputError
from entrepot.store import files
from entrepot.store.checks import Checker
from entrepot.store.manifest import Part
from entrepot.store.schemas import SCHEMAS

ROW_GROUP = 131_072


def write_part(folder: Path, name: str, data: Any) -> Part:
    """Write rows of a table into a store's folder; the manifest does not name the file yet.

    Returns
    -------
    Part
        The line for the manifest.
    """
    reader = as_reader(data)
    rows, years = 0, None
    checker = Checker(SCHEMAS[name], reader.schema) if name in SCHEMAS else None
    with files.temporary(folder) as file:
        schema = checker.schema if checker else reader.schema
        with pq.ParquetWriter(pa.PythonFile(file, mode="w"), schema, **encoding(schema)) as writer:
            for batch in _row_groups(reader):
                batch = checker.conform(batch) if checker else batch
                writer.write_table(batch, row_group_size=ROW_GROUP)
                years = _widen(years, batch)
                rows += batch.num_rows
        if checker:
            checker.refuse_duplicates(file.path)
    final = folder / f"{name}-{file.hexdigest()[:12]}.parquet"
    files.publish(file.path, final)
    return Part(final.name, rows, file.bytes, file.hexdigest(), years)


def as_reader(data: Any) -> pa.RecordBatchReader:
    """Return anything Arrow can stream as a reader of record batches.

    Raises
    ------
    InputError
        If the data offer no Arrow stream.
    """
    if isinstance(data, pa.RecordBatchReader):
        return data
    if not hasattr(data, "__arrow_c_stream__"):
        raise InputError(
            f"a {type(data).__name__} cannot be written as a table",
            hint="give a pyarrow Table, a reader, or a pandas, polars or DuckDB frame",
        )
    return pa.RecordBatchReader.from_stream(data)


def encoding(schema: pa.Schema) -> dict[str, Any]:
    """Return the Parquet settings that make trade tables small and quick to write.

    Codes become dictionaries. Decimals are stored as 64-bit integers split by byte: exact, and compressed
    smaller than float32. Floats stay plain: those with few decimals, the usual case, compress better whole.
    """
    decimals = [f.name for f in schema if pa.types.is_decimal128(f.type) and f.type.precision <= 18]
    floats = [f.name for f in schema if pa.types.is_floating(f.type)]
    return {
        "compression": "zstd",
        "compression_level": 9,
        "use_dictionary": [f.name for f in schema if f.name not in {*decimals, *floats}],
        "column_encoding": dict.fromkeys(decimals, "BYTE_STREAM_SPLIT") or None,
        "store_decimal_as_integer": True,
        "write_page_checksum": True,
    }


def _row_groups(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Gather batches into tables of one row group, so that memory stays constant and groups stay large."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        for start in range(0, batch.num_rows, ROW_GROUP):
            piece = batch.slice(start, ROW_GROUP)
            if count + piece.num_rows > ROW_GROUP:
                yield pa.Table.from_batches(held)
                held, count = [], 0
            held.append(piece)
            count += piece.num_rows
    if held:
        yield pa.Table.from_batches(held)


def _widen(years: tuple[int, int] | None, batch: pa.Table) -> tuple[int, int] | None:
    """Return the first and last year seen so far."""
    if "year" not in batch.column_names or not pa.types.is_integer(batch.schema.field("year").type):
        return years
    low, high = pc.min_max(batch["year"]).as_py().values()
    if low is None:
        return years
    return (low, high) if years is None else (min(years[0], low), max(years[1], high))
