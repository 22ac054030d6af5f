"""A store: a folder of Parquet files and a manifest, queried in place and replaced whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from entrepot.errors import DataError, InputError, StoreError
from entrepot.result import Source
from entrepot.store import files, manifest
from entrepot.store.bulk import copy_part
from entrepot.store.engine import Engine, Frame
from entrepot.store.groups import GroupFunction, Guarded, Stand
from entrepot.store.manifest import Manifest, TableInfo
from entrepot.store.spark import SparkEngine, is_spark, spark_engine
from entrepot.store.writer import write_part

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACK = Path(__file__).resolve().parent.parent / "data"
HASHED_ON_ACCESS = 64 * 2**20


def open_store(
    path: str | Path | SparkSession | None = None, engine: str | SparkSession | None = None
) -> Store:
    """Open a store.

    Parameters
    ----------
    path : str or Path, optional
        Folder of the store; the pack embedded in the package if not given. An address such as
        ``spark://host:7077``, or a session, is taken for the engine.
    engine : str or pyspark.sql.SparkSession, optional
        Spark session, or address of a Spark cluster, that runs the queries; DuckDB in this process if not
        given. Every worker must see the folder at the same path.

    Returns
    -------
    Store

    Raises
    ------
    InputError
        If the engine is neither, PySpark is not installed, or this process has a session elsewhere.
    StoreError
        If the folder is no store, or its manifest is damaged or of a newer format.

    Examples
    --------
    >>> open_store().names()
    ('flows', 'industry_flows', 'industry_totals', 'products')
    """
    if is_spark(path):
        if engine is not None:
            raise InputError("two engines are given", hint="give the folder first, then one engine")
        path, engine = None, path
    folder = PACK if path is None else Path(path)
    return Store(folder, writable=path is not None, engine=None if engine is None else spark_engine(engine))


class Store:
    """Tables on disk by name; build it with `open_store` or `Store.create`.

    Parameters
    ----------
    path : Path
        Folder with a manifest.
    writable : bool
        False for the embedded pack, which is part of the installed package.
    engine : SparkEngine, optional
        What runs the queries; DuckDB if left out.

    Examples
    --------
    Crude oil from Russia to India, in billions of US dollars:

    >>> import narwhals as nw
    >>> store = open_store()
    >>> oil = store.table("flows").filter(
    ...     nw.col("exporter") == "RUS", nw.col("importer") == "IND", nw.col("product") == "270900"
    ... )
    >>> table = store.collect(oil.select("year", "value").sort("year"))
    >>> [(row["year"], round(row["value"] / 1e6, 2)) for row in table.to_pylist() if row["year"] > 2020]
    [(2021, 0.94), (2022, 25.53), (2023, 48.64), (2024, 52.73)]
    """

    def __init__(self, path: Path, *, writable: bool = True, engine: SparkEngine | None = None) -> None:
        self.path = path
        self._writable = writable
        self._manifest = manifest.load(path)
        self._engine: Engine | SparkEngine = engine or Engine()
        self._hashed: set[str] = set()

    def __eq__(self, other: object) -> bool:
        """Tell whether both read the same folder with the same engine."""
        if not isinstance(other, Store):
            return NotImplemented
        return (self.path, self._engine.key) == (other.path, other._engine.key)

    def __hash__(self) -> int:
        return hash((self.path, self._engine.key))

    @property
    def distributed(self) -> bool:
        """Whether a cluster runs the queries."""
        return self._engine.distributed

    @classmethod
    def create(cls, path: str | Path) -> Store:
        """Make an empty store in a new or empty folder.

        Raises
        ------
        StoreError
            If the folder holds anything, or cannot be made.
        """
        folder = Path(path)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.write_error(folder, error) from error
        with files.writer_lock(folder):
            if any(path.name != files.LOCK for path in folder.iterdir()):
                raise StoreError.not_empty(folder)
            manifest.save(folder, Manifest())
        return cls(folder)

    def names(self) -> tuple[str, ...]:
        """Return the names of the tables, sorted."""
        return tuple(sorted(self._manifest.tables))

    def has(self, name: str) -> bool:
        """Tell whether the store holds a table."""
        return name in self._manifest.tables

    def info(self, name: str) -> TableInfo:
        """Return what the manifest says about a table.

        Raises
        ------
        StoreError
            If there is no such table.

        Examples
        --------
        >>> info = open_store().info("flows")
        >>> info.years, info.revision, info.sources[0].producer
        ((2012, 2024), 'HS1992', 'CEPII')
        """
        try:
            return self._manifest.tables[name]
        except KeyError:
            raise StoreError.no_table(name, self.path, self.names()) from None

    def table(self, name: str) -> Frame:
        """Return a table as a lazy frame; nothing is read before `collect`.

        Files up to 64 MiB are hashed on first access, larger ones only by `verify`.

        Raises
        ------
        StoreError
            If there is no such table, or its file is missing or damaged.
        """
        info = self._sound(name)
        try:
            return self._engine.scan([self.path / part.file for part in info.parts])
        except self._engine.errors:
            self._check_hashes(info)
            raise

    def lift(self, table: pa.Table) -> Frame:
        """Return a small table in memory as a lazy frame of the same engine, to join it with others.

        Parameters
        ----------
        table : pyarrow.Table
            Any columns.
        """
        return self._engine.lift(table)

    def collect(self, frame: Frame) -> pa.Table:
        """Run a lazy frame and return its rows.

        Raises
        ------
        StoreError
            If a file turns out to be damaged.
        """
        with self._damage_named():
            return self._engine.collect(frame)

    def map_products(
        self,
        frame: Frame,
        function: GroupFunction,
        schema: pa.Schema,
        *,
        workers: int = 1,
        stand: Stand | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> pa.Table:
        """Call a function on the rows of each product, many at a time.

        Parameters
        ----------
        frame : LazyFrame
            With a column ``product``. The rows of one product must fit into the memory of a worker.
        function : callable
            Takes the rows of one product as a pyarrow.Table, in any order, and returns a pyarrow.Table. It
            asks nothing of the store. For several workers it must be at the top level of a module, or a
            `functools.partial` of such a function; a cluster takes any that refers to modules that its
            workers can import.
        schema : pyarrow.Schema
            Of what the function returns.
        workers : int
            Processes on this machine; with one everything runs here. A cluster uses its own workers instead.
        stand : callable, optional
            Takes a product and the reason why the function failed, and returns the rows that stand for it;
            a failure is an error if left out.
        progress : callable, optional
            Called with the number of products done; never by a cluster.

        Returns
        -------
        pyarrow.Table
            What the calls returned, products in any order.

        Raises
        ------
        DataError
            If the function fails; the message names the product.
        StoreError
            If a file turns out to be damaged, or a worker of the cluster lacks a module.

        Examples
        --------
        >>> import narwhals as nw, pyarrow as pa, pyarrow.compute as pc
        >>> def largest(rows):
        ...     return pa.table({"product": rows["product"][:1], "largest": [pc.max(rows["value"])]})
        >>> store = open_store()
        >>> ores = store.table("flows").filter(nw.col("product").str.starts_with("260"))
        >>> schema = pa.schema({"product": pa.string(), "largest": pa.float64()})
        >>> store.map_products(ores, largest, schema).num_rows
        9
        """
        guarded = Guarded(function, "product", schema, stand)
        with self._damage_named():
            return self._engine.map_groups(frame, guarded, workers, progress)

    @contextmanager
    def _damage_named(self) -> Iterator[None]:
        """Look for a damaged file where a query fails: only the hashes can tell it from a faulty query."""
        try:
            yield
        except self._engine.errors:
            for name in self.names():
                self._check_hashes(self.info(name))
            raise

    def sources(self, *names: str) -> tuple[Source, ...]:
        """Return every source of the named tables, or of all tables, each once.

        Examples
        --------
        >>> [source.licence for source in open_store().sources("flows", "products")]
        ['Etalab Open Licence 2.0']
        """
        found = (source for name in names or self.names() for source in self.info(name).sources)
        return tuple(dict.fromkeys(found))

    def verify(self) -> None:
        """Read every file and compare its size and hash with the manifest.

        Raises
        ------
        StoreError
            For the first file that is missing or damaged.
        """
        for name in self.names():
            self.verify_table(name)

    def verify_table(self, name: str) -> None:
        """Read the files of one table and compare their size and hash with the manifest.

        Raises
        ------
        StoreError
            If there is no such table, or for its first file that is missing or damaged.
        """
        info = self.info(name)
        for part in info.parts:
            manifest.check_size(self.path, part)
        self._check_hashes(info)

    def write(
        self,
        name: str,
        data: Any,
        *,
        sources: Sequence[Source],
        revision: str | None = None,
        notes: Sequence[str] = (),
        holds: str = "",
    ) -> TableInfo:
        """Write a table whole or not at all; a reader sees the old one or the new one, never a mixture.

        Parameters
        ----------
        name : str
            Small letters, digits, underscores. The core names are checked against `schemas.SCHEMAS`.
        data : pyarrow.Table, pyarrow.RecordBatchReader or anything with ``__arrow_c_stream__``
            The rows; a stream is written as it comes, in constant memory.
        sources : sequence of Source
            Where the rows come from.
        revision : str, optional
            Revision of the product codes.
        notes : sequence of str
            What a reader must know.
        holds : str
            What the rows are about, in words that fit into a sentence.

        Returns
        -------
        TableInfo

        Raises
        ------
        InputError
            If the name is not allowed.
        DataError
            If rows break the schema of a core table; the message names the row.
        StoreError
            If the store is read-only or locked by another writer, or the disk is full.
        """
        with self._replacing(name) as current:
            part = write_part(self.path, name, data)
            info = TableInfo(name, (part,), revision, tuple(sources), tuple(notes), holds)
            self._publish(current, info)
        return info

    def write_years(
        self,
        name: str,
        rows: duckdb.DuckDBPyRelation,
        *,
        sources: Sequence[Source],
        revision: str | None = None,
        notes: Sequence[str] = (),
        holds: str = "",
    ) -> TableInfo:
        """Write some years of a core table beside those that it holds; years that it has are replaced.

        This is the way of large tables: DuckDB writes the file, then the checks read it. Sources and notes
        are added to those of the other years.

        Parameters
        ----------
        name : str
            One of `schemas.SCHEMAS`.
        rows : duckdb.DuckDBPyRelation
            Columns of the core table, any order.
        sources, revision, notes, holds
            As in `write`.

        Returns
        -------
        TableInfo

        Raises
        ------
        DataError
            If rows break the schema, or the revision is not that of the other years.
        StoreError
            As in `write`; and if a file of the table holds these years together with others.
        """
        with self._replacing(name) as current:
            part = copy_part(self.path, name, rows)
            old = current.tables.get(name)
            if old is None:
                info = TableInfo(name, (part,), revision, tuple(sources), tuple(notes), holds)
            else:
                if old.revision != revision:
                    raise DataError.other_revision(name, old.revision, revision)
                info = replace(
                    old.with_part(part),
                    sources=tuple(dict.fromkeys((*old.sources, *sources))),
                    notes=tuple(dict.fromkeys((*old.notes, *notes))),
                    holds=holds or old.holds,
                )
            self._publish(current, info)
        return info

    def remove(self, name: str) -> None:
        """Take a table out of the store; its files go with the next write.

        Raises
        ------
        StoreError
            If there is no such table, or the store is read-only or locked.
        """
        with self._replacing(name) as current:
            if name not in current.tables:
                raise StoreError.no_table(name, self.path, tuple(sorted(current.tables)))
            self._manifest = replace(current, tables={k: v for k, v in current.tables.items() if k != name})
            manifest.save(self.path, self._manifest)

    @contextmanager
    def _replacing(self, name: str) -> Iterator[Manifest]:
        """Hold the store for one change of one table; gives the manifest in force."""
        if not re.fullmatch(manifest.NAME, name):
            raise InputError(
                f"'{name}' cannot be the name of a table",
                hint="use small letters, digits and underscores, a letter first",
            )
        if not self._writable:
            raise StoreError.read_only(self.path)
        with files.writer_lock(self.path):
            current = manifest.load(self.path)
            # Readers had until now to let go of what the last write replaced.
            files.sweep(self.path, {part.file for info in current.tables.values() for part in info.parts})
            yield current

    def _publish(self, current: Manifest, info: TableInfo) -> None:
        self._manifest = current.with_table(info)
        manifest.save(self.path, self._manifest)

    def _check_hashes(self, info: TableInfo) -> None:
        for part in info.parts:
            manifest.check_hash(self.path, part)

    def _sound(self, name: str) -> TableInfo:
        """Return the description of a table whose file has passed the cheap checks."""
        info = self.info(name)
        if not all((self.path / part.file).exists() for part in info.parts):
            # Another process may have replaced the table twice since this store was opened.
            self._manifest = manifest.load(self.path)
            info = self.info(name)
        for part in info.parts:
            manifest.check_size(self.path, part)
            if part.bytes <= HASHED_ON_ACCESS and part.sha256 not in self._hashed:
                manifest.check_hash(self.path, part)
                self._hashed.add(part.sha256)
        return info
