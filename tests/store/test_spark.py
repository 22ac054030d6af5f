"""Spark gives the answers that DuckDB gives, on executors of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError, StoreError
from entrepot.estimation.baseline import expected_flows
from entrepot.result import Result, Source
from entrepot.store import Store, open_store
from entrepot.store.engine import Engine
from entrepot.workbench import World

pytestmark = pytest.mark.needs_spark

CLUSTER = "local-cluster[2,1,1024]"
# Small plans on a small machine: two tasks, no user interface.
SETTINGS = {
    "spark.master": CLUSTER,
    "spark.app.name": "entrepot-tests",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.session.timeZone": "UTC",
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
    "diversion": lambda world: world.diversion("RUS", form="import-ban", product="gold"),
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
    for said in ("finding", "subject", "subtitle", "notes", "sources", "how"):
        assert getattr(there, said) == getattr(here, said)
    assert len(there.parts) == len(here.parts)
    tables = [(one.main, one.display, *one.parts) for one in (there, here)]
    for one, other in zip(*tables, strict=True):
        assert (one.name, one.title, one.columns) == (other.name, other.title, other.columns)
        assert_same(one.data, other.data)
    for one, other in zip(there.figures, here.figures, strict=True):
        assert (one.title, one.encode) == (other.title, other.encode)
        assert_same(one.data, other.data)


def test_every_question_of_the_world_is_among_them() -> None:
    asked = {"brief", *(name.split(",")[0].split()[0] for name in QUESTIONS)}
    assert asked == {name for name, kind in vars(World).items() if callable(kind) and name[0] != "_"}


def _refuse(*_: object) -> None:
    raise AssertionError("DuckDB was asked")


def assert_same(one: pa.Table, other: pa.Table, *, sort: Sequence[str] = ()) -> None:
    """Compare tables in the order of their rows, or sorted; numbers agree to 1e-12 of their size, or of 1."""
    assert one.schema.equals(other.schema)
    order = [(name, "ascending") for name in sort]
    one, other = (table.sort_by(order) if order else table for table in (one, other))
    floats = [field.name for field in one.schema if pa.types.is_floating(field.type)]
    assert one.drop(floats).to_pylist() == other.drop(floats).to_pylist()
    for name in floats:
        assert one[name].is_null().equals(other[name].is_null())
        found, wanted = (table[name].to_numpy(zero_copy_only=False) for table in (one, other))
        np.testing.assert_allclose(found, wanted, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)


def test_the_comparison_can_fail() -> None:
    table = pa.table({"name": ["x", "y"], "value": [1.0, None]})
    assert_same(table, table)
    for name, values in (("name", ["x", "z"]), ("value", [1.0 + 3e-12, None]), ("value", [1.0, 0.0])):
        with pytest.raises(AssertionError):
            assert_same(table, table.set_column(table.column_names.index(name), name, [values]))
    with pytest.raises(AssertionError):
        assert_same(table, table.take([1, 0]))
    assert_same(table, table.take([1, 0]), sort=["name"])


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
    assert_same(there.drop("process"), here.drop("process"), sort=["product"])


def test_a_product_that_fails_is_named(spark: World, duck: World) -> None:
    def sums(rows: pa.Table) -> pa.Table:
        if rows["product"][0].as_py() in ("260400", "260800"):
            raise ValueError("nothing to add up")
        return pa.table({"product": rows["product"][:1], "n": [rows.num_rows]})

    def stand(code: str, reason: str) -> pa.Table:
        return pa.table({"product": [f"{code}: {reason}"], "n": pa.nulls(1, pa.int64())})

    def ask(world: World, **options: Any) -> pa.Table:
        ores = world.store.table("flows").filter(nw.col("product").str.starts_with("26"))
        kinds = pa.schema({"product": pa.string(), "n": pa.int64()})
        return world.store.map_products(ores, sums, kinds, **options)

    for world in (spark, duck):
        with pytest.raises(DataError, match=r"^product 260400: ValueError: nothing to add up, and 1 more"):
            ask(world)
    there, here = (ask(world, stand=stand) for world in (spark, duck))
    assert here["product"].to_pylist().count("260800: ValueError: nothing to add up") == 1
    assert here["n"].null_count == 2
    assert_same(there, here, sort=["product"])


def test_a_module_that_the_executors_lack_is_named(spark: World, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("only_here")
    exec("def whole(rows):\n    return rows", vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)
    flows = spark.store.table("flows").filter(nw.col("product") == "260400").select("product")
    with pytest.raises(StoreError, match="worker of the cluster has no module 'only_here'") as caught:
        spark.store.map_products(flows, module.whole, pa.schema({"product": pa.string()}))
    assert "spark.archives" in caught.value.hint


def test_the_baseline_of_each_product_is_the_same(spark: World, duck: World) -> None:
    there, here = (
        expected_flows(
            world.store, ["DEU", "FRA", "ITA"], ["ARM", "KAZ", "TUR"], before=[2020, 2021], after=[2023],
            products=["260300", "260400", "710812", "711100", "720260", "810510"],
            controls=["KAZ", "TUR", "IND", "BRA", "CHN", "USA"], others=["280461", "750210"],
        )
        for world in (spark, duck)
    )  # fmt: skip
    assert here.num_rows > 10
    assert_same(there, here)


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
    assert_same(*joined, sort=["product", "group"])


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


def test_spark_connect_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrepot.store.spark.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'pyspark\[connect\]'"):
        ep.open("sc://host")


def test_without_java_the_hint_says_what_to_install(tmp_path: Path) -> None:
    code = "import entrepot as ep; ep.open(engine='local[1]')"
    bare = {"PATH": "/usr/bin:/bin", "JAVA_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=bare, capture_output=True, text=True)
    assert "InputError: Spark needs Java, which does not start here" in done.stderr
    assert "install Java 17 or later" in done.stderr


def test_pyspark_is_not_loaded_before_it_is_asked_for() -> None:
    code = "import sys, entrepot as ep; ep.open().store.names(); assert 'pyspark' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
