"""Spark gives the answers that DuckDB gives, on executors of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import entrepot as ep
from entrepot.errors import InputError, StoreError
from entrepot.result import Result, Source
from entrepot.store import Store, open_store
from entrepot.store.engine import Engine
from entrepot.workbench import World

pytestmark = pytest.mark.needs_spark

CLUSTER = "local-cluster[2,1,1024]"
# Small plans on a small machine: two tasks, no user interface, no compilation of each query.
SETTINGS = {
    "spark.master": CLUSTER,
    "spark.app.name": "entrepot-tests",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.executorEnv.OPENBLAS_NUM_THREADS": "1",
}
TOLERANCE = 1e-12


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A master, two workers and their executors: processes of their own on this machine."""
    pytest.importorskip("pyspark", reason="needs PySpark: pip install 'entrepot[spark]'")
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        pytest.skip("needs Java 17 for Spark, and there is none here")
    from pyspark.sql import SparkSession

    folder = tmp_path_factory.mktemp("spark")
    builder = SparkSession.builder.config(map=SETTINGS).config("spark.sql.warehouse.dir", str(folder))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_LOCAL_DIRS", str(folder))
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()


@pytest.fixture(scope="module")
def spark(session: Any) -> World:
    return ep.open(session)


@pytest.fixture(scope="module")
def duck() -> World:
    return ep.open()


QUESTIONS: dict[str, Callable[[World], Result]] = {
    "direction, partners": lambda world: world.direction("RUS", product="crude oil"),
    "direction, products": lambda world: world.direction("BLR", by="product", flow="imports", since=2020),
    "direction, industries": lambda world: world.direction("BLR", table="industry_flows"),
    "coverage": lambda world: world.coverage("RUS", sender="eu", at="2024-12-31", over=(2021, 2024)),
    "agreement": lambda world: world.agreement("eaeu-deeper", draws=2, theta=[5], focus="BLR"),
    "coalitions": lambda world: world.coalitions("RUS", members=("eu", "USA"), theta=(5.0,)),
    "partners": lambda world: world.partners("BLR", at="2024-12-31"),
    "competencies": lambda world: world.competencies("KAZ"),
    "localisation": lambda world: world.localisation("BLR"),
    "technoparks": lambda world: world.technoparks("BLR", at="2024-12-31"),
    "settlements": lambda world: world.settlements(["BLR", "RUS", "KAZ"]),
    "gravity": lambda world: world.gravity(
        "trade ~ sanctions_pair | exporter^year + importer^year + exporter^importer",
        product="270900", since=2020).to_result(),
    "gravity by product": lambda world: world.gravity(
        "trade ~ rta + sanctions | exporter^year + importer^year + exporter^importer",
        product=["260400", "710812", "810510"], since=2020, by_product=True),
}  # fmt: skip


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_has_the_same_answer(
    name: str, spark: World, duck: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What one engine has computed must not be the answer of the other.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "duckdb"))
    here = QUESTIONS[name](duck)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "spark"))
    monkeypatch.setattr(Engine, "collect", _refuse)
    there = QUESTIONS[name](spark)
    assert there.finding == here.finding
    assert there.notes == here.notes
    assert there.sources == here.sources
    assert len(there.parts) == len(here.parts)
    for one, other in zip((there.main, *there.parts), (here.main, *here.parts), strict=True):
        assert_same(one.data, other.data)
    for one, other in zip(there.figures, here.figures, strict=True):
        assert (one.title, one.encode) == (other.title, other.encode)
        assert_same(one.data, other.data)


def _refuse(*_: object) -> None:
    raise AssertionError("DuckDB was asked")


def assert_same(one: pa.Table, other: pa.Table) -> None:
    """Compare tables whose rows may stand in any order; numbers agree to 1e-12 of their size, or of 1."""
    assert one.schema.equals(other.schema)
    exact = [field.name for field in one.schema if not pa.types.is_floating(field.type)]
    keys = [name for name in exact if not pa.types.is_nested(one.schema.field(name).type)]
    floats = [name for name in one.column_names if name not in exact]
    order = [(name, "ascending") for name in (*keys, *floats)]
    one, other = (table.take(pc.sort_indices(table, order)) if order else table for table in (one, other))
    assert one.select(exact).equals(other.select(exact))
    for name in floats:
        assert one[name].is_null().equals(other[name].is_null())
        found, wanted = (table[name].to_numpy(zero_copy_only=False) for table in (one, other))
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE)


def test_functions_run_on_the_executors(spark: World, duck: World) -> None:
    # A function of a test module would travel by name, and executors do not know the tests.
    def who(rows: pa.Table) -> pa.Table:
        import os

        import pyarrow
        import pyarrow.compute

        total = pyarrow.compute.sum(rows["value"])
        return pyarrow.table({"product": rows["product"][:1], "total": [total], "process": [os.getpid()]})

    schema = pa.schema({"product": pa.string(), "total": pa.float64(), "process": pa.int64()})
    ores = nw.col("product").str.starts_with("26")
    there, here = (
        world.store.map_products(world.store.table("flows").filter(ores), who, schema)
        for world in (spark, duck)
    )
    assert set(here["process"].to_pylist()) == {os.getpid()}
    assert os.getpid() not in there["process"].to_pylist()
    assert len(set(there["process"].to_pylist())) == 2
    assert_same(there.drop("process"), here.drop("process"))


def test_a_function_of_no_rows_has_its_columns(spark: World, duck: World) -> None:
    schema = pa.schema({"product": pa.string(), "total": pa.float64(), "process": pa.int64()})
    for world in (spark, duck):
        none = world.store.table("flows").filter(nw.col("year") == 1900)
        assert world.store.map_products(none, lambda rows: rows, schema) == schema.empty_table()


def test_a_product_without_trade_in_the_window_says_so(
    spark: World, duck: World, tmp_path: Path, source: Source
) -> None:
    flows = duck.store.table("flows").filter(
        nw.col("product").is_in(["260400", "710812"]), nw.col("year") > 2021
    )
    rows = duck.store.collect(flows.filter((nw.col("product") == "710812") | (nw.col("year") == 2022)))
    Store.create(tmp_path / "own").write("flows", rows, sources=[source], revision="HS1992")
    formula = "trade ~ rta | exporter^year + importer^year"
    there, here = (
        ep.open(tmp_path / "own", engine=engine).gravity(formula, since=2023, by_product=True).table
        for engine in (spark.store._engine.key, None)
    )
    assert here["reason"].to_pylist()[0] == "no data for trade in 260400 from 2023 to 2024"
    assert_same(there, here)


def test_types_handed_out_are_those_of_duckdb(spark: World, duck: World) -> None:
    for world in (spark, duck):
        flows = world.store.table("flows").filter(nw.col("exporter") == "BLR")
        sums = flows.group_by("product").agg(
            nw.col("year").sum(), nw.len().alias("n"), nw.col("value").mean()
        )
        kinds = [str(kind) for kind in world.store.collect(sums).schema.types]
        assert kinds == ["string", "int64", "int64", "double"]
        assert world.store.collect(flows).schema == pa.schema(
            [("year", pa.int16())]
            + [(name, pa.string()) for name in ("exporter", "importer", "product")]
            + [(name, pa.float64()) for name in ("value", "quantity")]
        )


def test_a_lifted_table_is_joined(spark: World, duck: World) -> None:
    groups = pa.table({"importer": ["IND", "CHN"], "group": ["x", "y"], "weight": pa.array([0.1, None])})
    joined = []
    for world in (spark, duck):
        flows = world.store.table("flows").filter(nw.col("exporter") == "RUS", nw.col("year") == 2023)
        both = flows.join(world.store.lift(groups), on="importer", how="inner")
        joined.append(world.store.collect(both.select("product", "group", "weight", "value")))
    assert joined[0].num_rows > 20
    assert_same(*joined)


def test_parts_of_other_types_in_a_folder_of_an_odd_name(
    session: Any, tmp_path: Path, source: Source, flows: pa.Table
) -> None:
    own = Store.create(tmp_path / "[a] {b,c} *?")
    exact = flows.filter(pc.equal(flows["year"], 2020))
    exact = exact.set_column(4, "value", exact["value"].cast(pa.decimal128(18, 3)))
    own.write("flows", exact, sources=[source], revision="HS1992")
    later = pa.table({**{name: flows[name] for name in flows.column_names}, "value": [1 / 3] * 3})
    connection = Engine()._connection
    own.write_years(
        "flows", connection.from_arrow(later.filter(pc.equal(later["year"], 2021))), sources=[source],
        revision="HS1992",
    )  # fmt: skip
    assert len(own.info("flows").parts) == 2
    store = open_store(own.path, session)
    assert store.distributed
    assert sorted(store.collect(store.table("flows"))["value"].to_pylist()) == [1 / 3, 1 / 3, 1.5]


def test_a_file_that_no_worker_sees_is_named_as_such(
    session: Any, tmp_path: Path, source: Source, flows: pa.Table
) -> None:
    store = Store.create(tmp_path / "own")
    store.write("flows", flows, sources=[source], revision="HS1992")
    store = open_store(store.path, session)
    frame = store.table("flows")
    (store.path / store.info("flows").parts[0].file).unlink()
    with pytest.raises(StoreError, match="does not find a file of the store"):
        store.collect(frame)


def test_a_damaged_file_is_named(session: Any, tmp_path: Path, source: Source, flows: pa.Table) -> None:
    store = Store.create(tmp_path / "own")
    store.write("flows", flows, sources=[source], revision="HS1992")
    store = open_store(store.path, session)
    frame = store.table("flows")
    file = store.path / store.info("flows").parts[0].file
    file.write_bytes(b"PAR1" + bytes(len(file.read_bytes()) - 4))
    with pytest.raises(StoreError, match="damaged"):
        store.collect(frame)


def test_the_engine_is_a_session_or_an_address(session: Any, tmp_path: Path) -> None:
    assert ep.open(session).store == ep.open(engine=CLUSTER).store
    assert ep.open(session).store != ep.open().store
    assert ep.open().store == ep.open().store
    with pytest.raises(InputError, match=r"session on local-cluster.*, not on spark://elsewhere:7077"):
        ep.open("spark://elsewhere:7077")
    with pytest.raises(InputError, match="two engines"):
        ep.open(session, engine=session)
    with pytest.raises(InputError, match="a int runs no queries"):
        ep.open(tmp_path, engine=3)


def test_without_pyspark_the_hint_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(InputError, match=r"pip install 'entrepot\[spark\]'"):
        ep.open("spark://host:7077")


def test_pyspark_is_not_loaded_before_it_is_asked_for() -> None:
    code = "import sys, entrepot as ep; ep.open().store.names(); assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
