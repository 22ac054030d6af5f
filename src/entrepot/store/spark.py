"""The engine of a cluster: Spark reads the same Parquet files and runs the same lazy expressions."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeGuard

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq

from entrepot.errors import InputError, StoreError
from entrepot.store.engine import Frame, plain_table
from entrepot.store.groups import Guarded

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


class SparkEngine:
    """One Spark session; it is used as it is, and every worker must see the store's files at the same path.

    Parameters
    ----------
    session : pyspark.sql.SparkSession
        Of Spark 4 or later, classic or Spark Connect.
    """

    distributed: ClassVar[bool] = True

    def __init__(self, session: SparkSession) -> None:
        self.key = self._session = session
        self._scanned: dict[tuple[Path, ...], Frame] = {}

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What a query raises that cannot be run."""
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        return PySparkException, Py4JError

    def scan(self, paths: Sequence[Path]) -> Frame:
        """Return a lazy frame over Parquet files; decimals and short floats are handed out as float64.

        Parameters
        ----------
        paths : sequence of Path
            Files of the same columns, named after their content.
        """
        key = tuple(paths)
        if key not in self._scanned:
            # Spark takes the types of one file for those of all, so each kind of file is read by itself.
            kinds: dict[str, list[Path]] = {}
            for path in paths:
                kinds.setdefault(str(pq.read_schema(path).remove_metadata()), []).append(path)
            parts = [self._read(group) for group in kinds.values()]
            self._scanned[key] = nw.from_native(reduce(lambda one, other: one.unionByName(other), parts))
        return self._scanned[key]

    def _read(self, paths: Sequence[Path]) -> DataFrame:
        frame = self._session.read.parquet(*(location(path) for path in paths))
        short = [name for name, kind in frame.dtypes if kind == "float" or kind.startswith("decimal")]
        return frame.withColumns({name: frame[f"`{name}`"].cast("double") for name in short})

    def lift(self, table: pa.Table) -> Frame:
        """Return a lazy frame over a table in memory, so that it can be joined with the scanned ones."""
        with _quiet():
            frame: Frame = nw.from_native(self._frame(table))
        return frame

    def _frame(self, table: pa.Table) -> DataFrame:
        if table.num_rows:
            return self._session.createDataFrame(table)
        # Spark Connect reads no types off a table without rows.
        nothing = pa.table([pa.nulls(1, field.type) for field in table.schema], table.column_names)
        return self._session.createDataFrame(nothing).limit(0)

    def collect(self, frame: Frame) -> pa.Table:
        """Run a lazy frame; types as `entrepot.store.engine.Engine.collect` hands them out.

        Raises
        ------
        StoreError
            If a worker does not see a file of the store, or lacks a module that it needs.
        """
        try:
            with _quiet():
                return plain_table(frame.to_native().toArrow())
        except self.errors as error:
            if "FILE_NOT_EXIST" in str(error) or "PATH_NOT_FOUND" in str(error):
                raise StoreError.unseen_by_workers() from error
            lacking = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", str(error))
            if lacking:
                raise StoreError.module_unknown_to_workers(lacking[1]) from error
            raise

    def map_groups(
        self,
        frame: Frame,
        guarded: Guarded,
        workers: int = 1,
        progress: Callable[[int], None] | None = None,
    ) -> pa.Table:
        """Call a function on the rows of each group on the workers: see `Store.map_products`.

        Spark says how many work at a time, and nothing before all are done.
        """

        # Spark reads the kind of function off its type hints, which an object does not have.
        def hinted(rows: pa.Table) -> pa.Table:
            return guarded(rows)

        with _quiet():
            kinds = self._frame(guarded.answers.empty_table()).schema
            found = frame.to_native().groupBy(guarded.key).applyInArrow(hinted, kinds)
        return guarded.read(self.collect(nw.from_native(found)))


def open_session(address: str) -> SparkSession:
    """Return a Spark session on the cluster at an address.

    Parameters
    ----------
    address : str
        As Spark writes it: ``spark://host:7077``, ``k8s://...``, ``yarn``, ``local[4]``, and ``sc://host``
        for Spark Connect. Memory, cores and all else come from Spark's own files and variables.

    Raises
    ------
    InputError
        If PySpark or Java is not installed, the cluster does not answer, or this process has a session on
        another one.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise InputError("Spark needs PySpark", hint="pip install 'entrepot[spark]'") from None
    builder = SparkSession.builder.appName("entrepot")
    if address.startswith("sc://"):
        # Without it PySpark ends the process.
        if find_spec("grpc") is None:
            raise InputError("Spark Connect needs gRPC", hint="pip install 'pyspark[connect]'")
        return _started(builder.remote(address), address)
    running = SparkSession.getActiveSession()
    # Spark would hand out the running session without a word.
    if running is not None and running.sparkContext.master != address:
        raise InputError(
            f"this process has a Spark session on {running.sparkContext.master}, not on {address}",
            hint="stop it first, or give the session itself",
        )
    return _started(builder.master(address), address)


def _started(builder: SparkSession.Builder, address: str) -> SparkSession:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        return builder.getOrCreate()
    except (PySparkException, Py4JError) as error:
        if "JAVA_GATEWAY_EXITED" in str(error):
            raise InputError(
                "Spark needs Java, which does not start here",
                hint="install Java 17 or later; where it is elsewhere, name its folder in JAVA_HOME",
            ) from error
        said = next((line for line in str(error).splitlines() if "Exception: " in line), str(error))
        # Where no master answers, Spark stops what it has made and trips over that.
        lost = "stopped SparkContext" in said
        reason = "the cluster does not answer" if lost else said.split("Exception: ")[-1].strip()
        raise InputError(
            f"no Spark session on {address}: {reason}",
            hint="check the address, that the cluster runs, and that it can reach this machine",
        ) from error


def spark_engine(given: str | SparkSession) -> SparkEngine:
    """Return the engine of a session, or of the cluster at an address; see `open_session`.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(given, str):
        return SparkEngine(open_session(given))
    if is_spark(given):
        return SparkEngine(given)
    raise InputError(
        f"a {type(given).__name__} runs no queries",
        hint="give a SparkSession or the address of a cluster, such as spark://host:7077",
    )


def is_spark(given: object) -> TypeGuard[str | SparkSession]:
    """Tell a session or the address of a cluster from the folder of a store, without importing PySpark.

    Examples
    --------
    >>> is_spark("spark://host:7077"), is_spark("stores/baci"), is_spark(None)
    (True, False, False)
    """
    if isinstance(given, str):
        return re.match(r"(spark|sc|k8s)://", given) is not None
    kinds = type(given).__mro__
    return any(kind.__name__ == "SparkSession" and kind.__module__.startswith("pyspark.") for kind in kinds)


def location(path: Path) -> str:
    """Return the path as a pattern that matches only itself, in the workers' own file system."""
    return "file://" + re.sub(r"([\\*?\[\]{}])", r"\\\1", str(path.absolute()))


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide one warning: PySpark 4.3 does not know pandas 3, which is not used for any number here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
        yield
