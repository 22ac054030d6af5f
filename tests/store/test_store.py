"""A store opens, reads, writes and refuses as it says."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from entrepot.errors import DataError, InputError, StoreError
from entrepot.result import Source
from entrepot.store import Store, open_store


def only_file(store: Store, name: str = "flows") -> Path:
    return store.path / store.info(name).parts[0].file


def test_what_is_written_is_read(store: Store, flows: pa.Table, source: Source) -> None:
    info = store.write("flows", flows, sources=[source], revision="HS1992", notes=["a note"])
    for seen in (store, open_store(store.path), open_store(str(store.path))):
        assert seen.collect(seen.table("flows")).equals(flows)
        assert seen.info("flows") == info
        assert seen.names() == ("flows",)
        assert seen.has("flows")
        assert not seen.has("products")
        seen.verify()
    assert (info.rows, info.years, info.revision, info.notes) == (3, (2020, 2021), "HS1992", ("a note",))
    assert info.sources == (source,)
    assert info.bytes == only_file(store).stat().st_size


def test_frames_of_other_libraries_can_be_written(store: Store, flows: pa.Table) -> None:
    pandas = flows.to_pandas()
    pandas["exporter"] = pd.Categorical(pandas["exporter"])
    reader = pa.RecordBatchReader.from_batches(flows.schema, flows.to_batches(max_chunksize=1))
    for data in (pandas, pl.from_arrow(flows), reader):
        store.write("flows", data, sources=[])
        assert store.collect(store.table("flows")).equals(flows)


def test_what_is_no_table_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="a list cannot be written as a table"):
        store.write("flows", [1, 2], sources=[])


def test_a_table_of_another_name_is_kept_as_it_comes(store: Store) -> None:
    table = pa.table(
        {
            "Any Column": [1, None],
            "list": [["a"], []],
            "in list": [[Decimal("1.5")], None],
            "float": pa.array([1.5, None], pa.float32()),
        }
    )
    info = store.write("mine", table, sources=[])
    found = store.collect(store.table("mine"))
    assert info.years is None
    assert found.to_pydict() == table.to_pydict()
    assert found.schema.field("float").type == pa.float64()


def test_an_empty_table_is_a_table(store: Store, flows: pa.Table) -> None:
    info = store.write("flows", flows.slice(0, 0), sources=[])
    assert (info.rows, info.years) == (0, None)
    assert store.collect(store.table("flows")).equals(flows.slice(0, 0))


def test_lifted_tables_join_the_stored_ones(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    names = store.lift(pa.table({"exporter": ["RUS"], "name": ["Russia"]}))
    joined = store.table("flows").join(names, on="exporter").select("name", nw.col("value") * 2)
    assert store.collect(joined).to_pylist() == [{"name": "Russia", "value": 2e9}]


def test_sources_are_listed_once(store: Store, flows: pa.Table, source: Source) -> None:
    store.write("flows", flows, sources=[source])
    store.write("mine", flows, sources=[source])
    assert store.sources() == store.sources("mine", "flows") == (source,)


def test_a_stream_is_written_in_constant_memory(store: Store) -> None:
    schema = pa.schema([("number", pa.float64())])
    before = pa.total_allocated_bytes()
    held = []

    def batches() -> Iterator[pa.RecordBatch]:
        zeros = pa.array([0.0] * 50_000)
        for number in range(100):
            held.append(pa.total_allocated_bytes() - before)
            yield pa.record_batch([pc.add(zeros, float(number))], schema=schema)

    info = store.write("numbers", pa.RecordBatchReader.from_batches(schema, batches()), sources=[])
    assert info.rows == 5_000_000
    # All rows would take 40 MB; two row groups and the page being compressed take less than 8.
    assert max(held) < 8 * 2**20


@pytest.mark.parametrize("folder", ["with space", "a[1]b", "what?", "st*r", "it's", "Ärger"])
def test_odd_folder_names_are_plain_names(tmp_path: Path, folder: str, flows: pa.Table) -> None:
    store = Store.create(tmp_path / folder)
    store.write("flows", flows, sources=[])
    # A copy that the name would match, were it read as a pattern.
    alike = folder.replace("[1]", "1").replace("?", "x").replace("*", "xx")
    if alike != folder:
        shutil.copytree(store.path, tmp_path / alike)
    assert store.collect(store.table("flows")).equals(flows)


def test_a_folder_that_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "file"):
        with pytest.raises(StoreError, match="is not an entrepot store"):
            open_store(path)


def test_create_takes_only_an_empty_folder(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not empty"):
        Store.create(store.path)
    (tmp_path / "file").write_text("text")
    with pytest.raises(StoreError, match="cannot write"):
        Store.create(tmp_path / "file" / "below")


def test_a_missing_table_is_named_with_those_there_are(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    for ask in (store.table, store.info, store.sources):
        with pytest.raises(StoreError, match=r"no table 'flow' \(hint: it has: flows\)"):
            ask("flow")


@pytest.mark.parametrize("name", ["", "Flows", "../flows", "1flows", "a" * 64, "flows\n"])
def test_a_name_that_cannot_be_a_file_is_refused(store: Store, flows: pa.Table, name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a table"):
        store.write(name, flows, sources=[])


def test_the_pack_cannot_be_written_to(pack: Store, flows: pa.Table) -> None:
    with pytest.raises(StoreError, match="embedded pack"):
        pack.write("flows", flows, sources=[])


def test_faulty_rows_leave_the_old_table(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    before = sorted(path.name for path in store.path.iterdir())
    twice = pa.concat_tables([flows, flows.slice(1, 1)])
    with pytest.raises(DataError, match="rows 2 and 4 are both for year 2021, exporter BLR"):
        store.write("flows", twice, sources=[])
    assert sorted(path.name for path in store.path.iterdir()) == before
    assert open_store(store.path).collect(store.table("flows")).equals(flows)


def test_a_reader_keeps_the_old_table_until_the_next_write(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    reader = open_store(store.path)
    frame = reader.table("flows")
    store.write("flows", flows.slice(0, 1), sources=[])
    assert reader.collect(frame).equals(flows)
    store.write("flows", flows.slice(0, 2), sources=[])
    assert reader.collect(reader.table("flows")).equals(flows.slice(0, 2))
    assert len(list(store.path.glob("*.parquet"))) == 2


def test_two_stores_of_one_folder_keep_each_others_tables(store: Store, flows: pa.Table) -> None:
    other = open_store(store.path)
    store.write("flows", flows, sources=[])
    other.write("mine", flows, sources=[])
    assert open_store(store.path).names() == other.names() == ("flows", "mine")


def test_a_flipped_byte_anywhere_is_found(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    path = only_file(store)
    content = path.read_bytes()
    for at in range(0, len(content), 97):
        path.write_bytes(content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        with pytest.raises(StoreError, match="is damaged: its content does not match"):
            open_store(store.path).table("flows")
        with pytest.raises(StoreError, match="is damaged"):
            open_store(store.path).verify()


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_a_truncated_file_is_found(store: Store, flows: pa.Table, keep: int) -> None:
    store.write("flows", flows, sources=[])
    os.truncate(only_file(store), keep % only_file(store).stat().st_size)
    seen = open_store(store.path)
    with pytest.raises(StoreError, match=r"is damaged: it has \d+ bytes instead of \d+"):
        seen.table("flows")
    with pytest.raises(StoreError, match="is damaged"):
        seen.verify()


def test_a_file_that_vanished_is_named(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    only_file(store).unlink()
    with pytest.raises(StoreError, match="the file is missing"):
        open_store(store.path).table("flows")


def test_damage_to_a_large_file_is_found_on_reading(
    store: Store, flows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entrepot.store.store.HASHED_ON_ACCESS", 0)
    store.write("flows", flows, sources=[])
    path = only_file(store)
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(60) + content[64:])
    seen = open_store(store.path)
    with pytest.raises(StoreError, match="is damaged"):
        seen.collect(seen.table("flows"))
    path.write_bytes(bytes(len(content)))
    with pytest.raises(StoreError, match="is damaged"):
        open_store(store.path).table("flows")


def test_a_query_that_cannot_work_is_not_called_damage(store: Store) -> None:
    import duckdb

    store.write("mine", pa.table({"text": ["a"]}), sources=[])
    with pytest.raises(duckdb.Error, match="Could not convert"):
        store.collect(store.table("mine").select(nw.col("text").cast(nw.Int64)))
