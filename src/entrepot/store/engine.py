"""The embedded query engine: DuckDB reads Parquet in place, Narwhals is the language of the questions."""

from __future__ import annotations

import os
import re
import tempfile
import threading
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import narwhals as nw
import pyarrow as pa

from entrepot.store.groups import Guarded, run_here

Frame = nw.LazyFrame[Any]
# Rows that are read at once.
BATCH = 250_000

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
}


class Engine:
    """One in-memory DuckDB database that lives as long as the store that uses it.

    Nothing is installed and nothing leaves the machine. All frames that one thread takes from one engine can
    be joined with each other; frames of two engines, or of two threads, cannot.
    """

    # What tells one engine from another to a cache: answers of all embedded engines are the same.
    key: ClassVar[object] = "duckdb"
    distributed: ClassVar[bool] = False
    errors: ClassVar[tuple[type[Exception], ...]] = (duckdb.Error,)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_thread = threading.local()

    @cached_property
    def _database(self) -> duckdb.DuckDBPyConnection:
        # In memory the default is a folder .tmp wherever the user happens to stand.
        spill = Path(tempfile.gettempdir()) / f"entrepot-{os.getpid()}"
        return duckdb.connect(":memory:", config={**CONFIG, "temp_directory": str(spill)})

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """The connection of this thread: DuckDB refuses to serve two threads over one."""
        found: duckdb.DuckDBPyConnection | None = getattr(self._of_thread, "connection", None)
        if found is None:
            with self._lock:
                found = self._database.cursor()
            found.execute("SET enable_progress_bar = false")
            self._of_thread.connection = found
        return found

    def scan(self, paths: Sequence[Path]) -> Frame:
        """Return a lazy frame over Parquet files; decimals and short floats are handed out as float64.

        Parameters
        ----------
        paths : sequence of Path
            Files of the same columns. DuckDB reads only the columns and row groups a query needs.
        """
        relation = self._connection.read_parquet([literal(path) for path in paths])
        columns = [
            f"CAST({quote(name)} AS DOUBLE) AS {quote(name)}" if _is_short(kind) else quote(name)
            for name, kind in zip(relation.columns, relation.types, strict=True)
        ]
        frame: Frame = nw.from_native(relation.project(", ".join(columns)))
        return frame

    def lift(self, table: pa.Table) -> Frame:
        """Return a lazy frame over a table in memory, so that it can be joined with the scanned ones."""
        frame: Frame = nw.from_native(self._connection.from_arrow(table))
        return frame

    def collect(self, frame: Frame) -> pa.Table:
        """Run a lazy frame; integers come as they are, every decimal as float64 or, if whole, as int64."""
        return plain_table(frame.to_native().to_arrow_table())

    def map_groups(
        self,
        frame: Frame,
        guarded: Guarded,
        workers: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> pa.Table:
        """Call a function on the rows of each group, in processes here: see `Store.map_products`."""
        native = frame.sort(guarded.key).to_native()
        kinds = pa.schema([f.with_type(_plain(f.type)) for f in native.limit(0).to_arrow_table().schema])
        # One result stays open while the groups are worked on, so rows need not fit into memory.
        batches = (batch.cast(kinds) for batch in native.to_arrow_reader(BATCH))
        answers = run_here(batches, guarded, workers, progress)
        return guarded.read(pa.concat_tables([guarded.answers.empty_table(), *answers]))

    def first_duplicate(self, path: Path, key: list[str]) -> tuple[int, int, tuple[object, ...]] | None:
        """Return two row numbers, from 0, that agree in the columns of ``key``, and their values; or None."""
        names = ", ".join(quote(name) for name in key)
        query = (
            f"SELECT min(file_row_number) AS first, max(file_row_number), {names} "
            f"FROM read_parquet(?, file_row_number = true) GROUP BY {names} HAVING count(*) > 1 "
            "ORDER BY first LIMIT 1"
        )
        row = self._connection.execute(query, [literal(path)]).fetchone()
        return None if row is None else (row[0], row[1], tuple(row[2:]))


def _is_short(kind: object) -> bool:
    """Tell whether a DuckDB type is a number that computation should see as float64."""
    return re.fullmatch(r"FLOAT|DECIMAL\(\d+,\d+\)", str(kind)) is not None


def plain_table(table: pa.Table) -> pa.Table:
    """Return a table in the types that are handed out."""
    schema = pa.schema([pa.field(f.name, _plain(f.type), f.nullable) for f in table.schema])
    return table.cast(schema)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Return the type handed out: DuckDB sums integers into 128 bits, which Arrow calls decimal(38, 0)."""
    if pa.types.is_decimal(kind):
        return pa.int64() if kind.scale == 0 else pa.float64()
    return kind


def quote(name: str) -> str:
    """Return a column name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(path: Path) -> str:
    """Return the path as a pattern that matches only itself."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))
