"""The engine stays on this machine, hands out plain types and reads only what it needs."""

from __future__ import annotations

import threading
from pathlib import Path

import narwhals as nw
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entrepot.store import Store
from entrepot.store.engine import Engine


def test_nothing_is_installed_or_loaded_on_its_own() -> None:
    settings = dict(
        Engine()
        ._connection.execute(
            "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%_extensions' "
            "OR name IN ('allow_community_extensions', 'enable_progress_bar')"
        )
        .fetchall()
    )
    assert len(settings) == 4
    assert set(settings.values()) == {"false"}


def test_nothing_is_spilled_where_the_user_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine = Engine()
    engine._connection.execute("SET memory_limit = '60MB'")
    engine._connection.execute("SET threads = 1")
    engine._connection.execute(
        "CREATE TABLE t AS SELECT range AS a, hash(range) AS b FROM range(4000000) ORDER BY b"
    )
    assert list(tmp_path.iterdir()) == []


def test_types_handed_out_are_plain(pack: Store) -> None:
    flows = pack.table("flows").filter(nw.col("exporter") == "BLR")
    table = pack.collect(
        flows.group_by("product").agg(
            nw.col("year").sum(), nw.len().alias("n"), nw.col("value").mean(), nw.col("quantity").sum()
        )
    )
    assert [str(kind) for kind in table.schema.types] == ["string", "int64", "int64", "double", "double"]
    assert flows.collect_schema()["value"] == nw.Float64
    assert pack.collect(flows).schema == pa.schema(
        [("year", pa.int16())]
        + [(name, pa.string()) for name in ("exporter", "importer", "product")]
        + [(name, pa.float64()) for name in ("value", "quantity")]
    )


def test_a_window_over_a_partition_runs(pack: Store) -> None:
    """The rank over a partition that every question needs."""
    oil = pack.table("flows").filter(nw.col("product") == "270900", nw.col("year") == 2021)
    sums = oil.group_by("exporter").agg(nw.col("value").sum())
    share = sums.with_columns(share=nw.col("value") / nw.col("value").sum())
    table = pack.collect(share.sort("value", descending=True))
    assert table["exporter"][0].as_py() == "SAU"
    assert sum(table["share"].to_pylist()) == pytest.approx(1)


def test_row_groups_outside_the_filter_can_be_skipped(pack: Store) -> None:
    file = pq.ParquetFile(pack.path / pack.info("industry_flows").parts[0].file)
    column = file.schema_arrow.get_field_index("seller_country")
    spans = [file.metadata.row_group(g).column(column).statistics for g in range(file.num_row_groups)]
    hit = [span for span in spans if span.min <= "BLR" <= span.max]
    assert len(spans) >= 16
    assert len(hit) <= 2


def test_one_store_serves_many_threads(pack: Store) -> None:
    found: list[float] = []

    def ask() -> None:
        frame = pack.table("flows").filter(nw.col("product") == "271111").select(nw.col("value").max())
        found.append(pack.collect(frame)["value"][0].as_py())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
