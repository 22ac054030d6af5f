"""What Spark costs on one machine: each question on DuckDB and on Spark in one run, over the same store.

    python benchmarks/spark.py                      # 6 years of 1 million rows, Spark in this process
    python benchmarks/spark.py --rows 2e5 --address 'local-cluster[2,1,1024]'
    python benchmarks/spark.py --store DIR --only direction partners

"First" is the first time that this process asks the question, with what the engine has to learn; "again" is
the median of the next ones. A folder of the user's cache is empty for each answer; what a process keeps in
its own memory (the arrays of the input-output tables) it keeps here too. Trade is synthetic (`entrepot data
synth`; nothing in it is an observation), input-output tables are those of the embedded pack. Prints Markdown.
Needs PySpark and Java.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import duckdb
import numpy as np
import pyspark
from pyspark.sql import SparkSession
from scale import fill

import entrepot as ep
from entrepot.errors import EntrepotError
from entrepot.store import open_store
from entrepot.workbench import World

PANEL = "trade ~ rta + sanctions | exporter^year + importer^year + exporter^importer"
QUESTIONS: dict[str, Callable[[World], object]] = {
    "direction": lambda world: world.direction("BLR"),
    "direction by product": lambda world: world.direction("BLR", by="product", flow="imports"),
    "coverage": lambda world: world.coverage("RUS", sender="EU"),
    "diversion": lambda world: world.diversion("RUS", form="import-ban"),
    "partners": lambda world: world.partners("BLR"),
    "agreement": lambda world: world.agreement("eaeu-deeper", draws=2, theta=[5], focus="BLR"),
    "coalitions": lambda world: world.coalitions("RUS", members=("eu", "USA"), theta=(5.0,)),
    "localisation": lambda world: world.localisation("BLR"),
    "competencies": lambda world: world.competencies("BLR"),
    "technoparks": lambda world: world.technoparks("BLR"),
    "settlements": lambda world: world.settlements(["BLR", "RUS", "KAZ"]),
    "gravity, one product": lambda world: world.gravity(PANEL, product="271000"),
    "gravity by product, chapter 26": lambda world: world.gravity(
        "trade ~ rta | exporter^year + importer^year", product="26", by_product=True
    ),
}  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--rows", type=float, default=1e6, help="a year")
    words.add_argument("--years", type=int, default=6)
    words.add_argument("--again", type=int, default=3, help="how often each question is asked again")
    words.add_argument("--address", default="local[*]", help="of Spark")
    words.add_argument("--memory", default="4g", help="of Spark in this process")
    words.add_argument("--store", type=Path, default=None, help="a store that exists, instead of a drawn one")
    words.add_argument(
        "--only", nargs="+", default=list(QUESTIONS), choices=list(QUESTIONS), metavar="QUESTION"
    )
    words.add_argument("--dir", default=None, help="where the temporary folder is made")
    given = words.parse_args()
    with ExitStack() as stack:
        place = tempfile.TemporaryDirectory(prefix="entrepot-benchmark-", dir=given.dir)
        folder = Path(stack.enter_context(place))
        path = given.store or fill(folder, given.years, round(given.rows)).path
        begun = time.perf_counter()
        session = start(given.address, given.memory, folder)
        stack.callback(session.stop)
        head(path, given.address, time.perf_counter() - begun)
        engines = {"duckdb": ep.open(path), "spark": ep.open(path, engine=session)}
        for name in given.only:
            print(row(name, engines, folder, given.again), flush=True)


def start(address: str, memory: str, folder: Path) -> SparkSession:
    """Start Spark as a user would: no setting that favours small tables, but no pages and no noise either."""
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_DIRS", str(folder))
    builder = SparkSession.builder.master(address).appName("entrepot-benchmark")
    settings = {
        "spark.driver.memory": memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
    }
    session = builder.config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    session.range(1).count()
    return session


def head(path: Path, address: str, seconds: float) -> None:
    info = open_store(path).info("flows")
    print("# Spark on one machine\n")
    print(
        f"{time.strftime('%Y-%m-%d')}; Python {platform.python_version()}, DuckDB {duckdb.__version__}, "
        f"PySpark {pyspark.__version__} on `{address}`, {os.cpu_count()} cores; {info.rows / 1e6:.2f} M rows "
        f"of trade in {info.bytes / 1e6:,.0f} MB\n"
    )
    print(f"Start of the Spark session, with its first job: {seconds:.1f} s. Other times in seconds:\n")
    print("| question | DuckDB first | DuckDB again | Spark first | Spark again | ratio, again |")
    print("|---|---:|---:|---:|---:|---:|")


def row(name: str, engines: dict[str, World], folder: Path, again: int) -> str:
    """Measure one question on both engines, in turn, into one line of the table."""
    first, later = {}, {}
    try:
        for engine, world in engines.items():
            first[engine], *rest = [
                timed(QUESTIONS[name], world, folder / f"cache-{engine}-{name}-{turn}")
                for turn in range(1 + again)
            ]
            later[engine] = statistics.median(rest) if rest else np.nan
    except EntrepotError as error:
        return f"| {name} | {error.message} | | | | |"
    cells = [f"{value:.2f}" for engine in engines for value in (first[engine], later[engine])]
    return f"| {name} | {' | '.join(cells)} | {later['spark'] / later['duckdb']:.1f} |"


def timed(ask: Callable[[World], object], world: World, cache: Path) -> float:
    """Return the seconds of one answer, with nothing from the user's cache."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    begun = time.perf_counter()
    ask(world)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
