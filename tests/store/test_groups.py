"""A function on the rows of each product, on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from entrepot.errors import DataError, InputError
from entrepot.result import Source
from entrepot.store import Store, engine
from entrepot.store.groups import groups

SCHEMA = pa.schema({"product": pa.string(), "n": pa.int64(), "total": pa.float64()})
ROWS = 7


@pytest.fixture
def store(tmp_path: Path, source: Source) -> Store:
    """Six products of seven rows each."""
    codes = [f"26{place:02d}00" for place in range(1, 7) for _ in range(ROWS)]
    data = pa.table(
        {
            "year": pa.array([2010 + place % ROWS for place in range(len(codes))], pa.int16()),
            "exporter": ["DEU"] * len(codes),
            "importer": ["FRA"] * len(codes),
            "product": codes,
            "value": [float(place) for place in range(len(codes))],
            "quantity": pa.nulls(len(codes), pa.float64()),
        }
    )
    own = Store.create(tmp_path / "own")
    own.write("flows", data, sources=[source], revision="HS1992")
    return own


def _sums(rows: pa.Table) -> pa.Table:
    return pa.table({"product": rows["product"][:1], "n": [rows.num_rows], "total": [pc.sum(rows["value"])]})


def _sums_but_two(rows: pa.Table) -> pa.Table:
    code = rows["product"][0].as_py()
    if code == "260200":
        raise InputError("not this one", hint="take another")
    if code == "260500":
        raise ZeroDivisionError("by nothing")
    return _sums(rows)


def _sums_but_the_last_ends(rows: pa.Table) -> pa.Table:
    if rows["product"][0].as_py() == "260600":
        os._exit(1)
    return _sums(rows)


def _stand(code: str, reason: str) -> pa.Table:
    return pa.table({"product": [f"{code}: {reason}"], "n": pa.nulls(1, pa.int64()), "total": pa.nulls(1)})


@pytest.mark.parametrize(("workers", "batch"), [(1, 1), (1, 5), (1, ROWS), (1, 1000), (2, 5)])
def test_each_product_is_seen_once_and_whole(
    store: Store, workers: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BATCH", batch)
    seen: list[int] = []
    found = store.map_products(
        store.table("flows"), _sums, SCHEMA, workers=workers, progress=lambda done: seen.append(done)
    )
    assert found.schema == SCHEMA
    assert found["product"].to_pylist() == [f"26{place:02d}00" for place in range(1, 7)]
    assert set(found["n"].to_pylist()) == {ROWS}
    assert pc.sum(found["total"]).as_py() == sum(range(6 * ROWS))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_rows_are_cut_where_the_key_changes_and_not_where_a_batch_ends() -> None:
    keys = [["a", "a"], [], ["a", "b"], ["c"], ["c"]]
    batches = [pa.record_batch({"k": pa.array(part, pa.string())}) for part in keys]
    assert [group["k"].to_pylist() for group in groups(batches, "k")] == [["a"] * 3, ["b"], ["c", "c"]]
    assert list(groups([], "k")) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_product_that_fails_is_named(store: Store, workers: int) -> None:
    with pytest.raises(DataError) as caught:
        store.map_products(store.table("flows"), _sums_but_two, SCHEMA, workers=workers)
    assert caught.value.message == "product 260200: not this one, and 1 more"


def test_a_stand_in_takes_the_place_of_what_fails(store: Store) -> None:
    found = store.map_products(store.table("flows"), _sums_but_two, SCHEMA, stand=_stand)["product"]
    assert found[1].as_py() == "260200: not this one"
    assert found[4].as_py() == "260500: ZeroDivisionError: by nothing"
    assert len(found) == 6


def test_a_process_that_ends_takes_only_its_product_with_it(store: Store) -> None:
    found = store.map_products(
        store.table("flows"), _sums_but_the_last_ends, SCHEMA, workers=2, stand=_stand
    )["product"].to_pylist()
    assert found[:5] == [f"26{place:02d}00" for place in range(1, 6)]
    assert found[5].startswith("260600: its process ended before it answered")


def test_columns_that_were_not_promised_are_a_failure_of_the_product(store: Store) -> None:
    with pytest.raises(DataError, match="product 260100: KeyError"):
        store.map_products(store.table("flows"), lambda rows: rows.select(["product"]), SCHEMA)
