"""Large tables: written by DuckDB, checked afterwards, year beside year."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import narwhals as nw
import pyarrow as pa
import pytest

from entrepot.errors import DataError, InputError, StoreError
from entrepot.result import Source
from entrepot.store.bulk import _Codes
from entrepot.store.store import Store, open_store

Rows = Callable[..., duckdb.DuckDBPyRelation]
COLUMNS = "year, exporter, importer, product, value, quantity"
GOOD = (
    "(2020, 'BLR', 'RUS', '010110', 1.5, 2.0)",
    "(2020, 'BLR', 'KAZ', '010110', 2.5, NULL)",
    "(2020, 'RUS', 'KAZ', '270900', 9.0, 1.0)",
)


@pytest.fixture
def rows() -> Iterator[Rows]:
    with duckdb.connect() as connection:
        yield lambda *values: connection.sql(f"SELECT * FROM (VALUES {', '.join(values)}) AS t({COLUMNS})")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


SOURCES: tuple[Source, ...] = open_store().sources("flows")


def add(store: Store, relation: duckdb.DuckDBPyRelation, revision: str = "HS1992") -> None:
    store.write_years("flows", relation, sources=SOURCES, revision=revision)


def test_years_stand_beside_each_other_and_are_read_as_one_table(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD))
    add(store, rows(*(row.replace("2020", "2019") for row in GOOD)))
    info = store.info("flows")
    assert [part.years for part in info.parts] == [(2019, 2019), (2020, 2020)]
    assert (info.rows, info.years) == (6, (2019, 2020))
    assert info.sources == SOURCES
    total = store.collect(store.table("flows").group_by("year").agg(nw.col("value").sum()).sort("year"))
    assert total.to_pylist() == [{"year": 2019, "value": 13.0}, {"year": 2020, "value": 13.0}]
    store.verify()


def test_a_year_that_is_there_is_replaced(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD))
    before = store.info("flows")
    add(store, rows(GOOD[0].replace("1.5", "7.0")))
    assert store.info("flows").rows == 1
    assert store.info("flows").sha256 != before.sha256


def test_the_hash_of_a_table_of_parts_changes_with_any_part(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD))
    add(store, rows(*(row.replace("2020", "2019") for row in GOOD)))
    before = store.info("flows").sha256
    add(store, rows(*(row.replace("2020", "2019").replace("9.0", "9.5") for row in GOOD)))
    assert store.info("flows").sha256 != before


def test_years_that_lie_in_one_file_with_others_are_not_replaced(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD, *(row.replace("2020", "2021") for row in GOOD)))
    with pytest.raises(StoreError, match=r"holds the years \(2020, 2021\) in one file"):
        add(store, rows(GOOD[0]))
    assert store.info("flows").rows == 6


def test_another_revision_is_refused(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD))
    with pytest.raises(DataError, match="is in HS1992, the new years are in HS2017"):
        add(store, rows(GOOD[0].replace("2020", "2021")), revision="HS2017")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("(2020, NULL, 'RUS', '010110', 1, 1)", r"row 2, column 'exporter': is null"),
        ("(2020, 'blr', 'RUS', '010110', 1, 1)", r"row 2, column 'exporter': 'blr' is no such code"),
        ("(2020, 'BLR', 'RUS', '10110', 1, 1)", r"row 2, column 'product': '10110' is no such code"),
        ("(2020, 'BLR', 'RUS', '010110', -1, 1)", r"row 2, column 'value': '-1.0' is negative"),
        ("(2020, 'BLR', 'RUS', '010110', 'nan'::DOUBLE, 1)", r"row 2, column 'value': 'nan' is not finite"),
        ("(2020, 'BLR', 'RUS', '010110', 1.0, 1)", r"rows 1 and 2 are both for"),
    ],
)
def test_a_faulty_row_is_named_and_nothing_is_left(store: Store, rows: Rows, bad: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        add(store, rows(GOOD[0], bad))
    assert not store.has("flows")
    assert [
        path.name for path in store.path.iterdir() if path.suffix == ".parquet" or ".writing" in path.name
    ] == []


def test_missing_and_further_columns_and_unknown_tables_are_refused(store: Store, rows: Rows) -> None:
    with pytest.raises(DataError, match="value"):
        add(store, rows(*GOOD).project("year, exporter, importer, product, quantity"))
    with pytest.raises(DataError, match="mode"):
        add(store, rows(*GOOD).project("*, 'sea' AS mode"))
    with pytest.raises(InputError, match="unknown core table 'trips'"):
        store.write_years("trips", rows(*GOOD), sources=SOURCES)


def test_a_cell_of_another_type_is_refused(store: Store, rows: Rows) -> None:
    with pytest.raises(DataError, match="not of its column's type"):
        add(store, rows(GOOD[0].replace("1.5", "'much'")))


def test_reports_may_leave_the_concept_of_the_partner_open(store: Store) -> None:
    head = "2022 AS year, 3 AS month, 'DEU' AS reporter, 'KGZ' AS partner"
    head += ", 'export' AS direction, '87032319' AS product, 5.0 AS value"
    one = f"SELECT {head}, NULL AS quantity, NULL AS partner_concept"
    with duckdb.connect() as connection:
        store.write_years("reports", connection.sql(one), sources=SOURCES)
        assert store.info("reports").rows == 1
        twice = connection.sql(
            f"{one} UNION ALL {one.replace('NULL AS partner', chr(39) + 'origin' + chr(39) + ' AS partner')}"
        )
        with pytest.raises(DataError, match="rows 1 and 2 are both for"):
            store.write_years("reports", twice, sources=SOURCES)
        wrong = connection.sql(one.replace("'export'", "'transit'"))
        with pytest.raises(DataError, match="column 'direction': 'transit' is no such code"):
            store.write_years("reports", wrong, sources=SOURCES)


def test_final_demand_may_fall_below_zero(store: Store) -> None:
    seller = "2022 AS year, 'BLR' AS seller_country, 'C10' AS seller_sector"
    row = f"SELECT {seller}, 'RUS' AS buyer_country, -1.5 AS value"
    with duckdb.connect() as connection:
        store.write_years("final_demand", connection.sql(row), sources=SOURCES)
        with connection.cursor() as other, pytest.raises(DataError, match="is not finite"):
            store.write_years(
                "final_demand", other.sql(row.replace("-1.5", "'inf'::DOUBLE")), sources=SOURCES
            )


def test_a_table_is_removed(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD))
    store.remove("flows")
    assert store.names() == ()
    with pytest.raises(StoreError, match="has no table 'flows'"):
        store.remove("flows")


def test_a_manifest_of_the_first_format_is_still_read(store: Store, rows: Rows) -> None:
    add(store, rows(*GOOD))
    path = store.path / "manifest.json"
    table = json.loads(path.read_text())["tables"]["flows"]
    part = table.pop("parts")[0]
    path.write_text(json.dumps({"format": 1, "tables": {"flows": {**table, **part}}}))
    assert open_store(store.path).info("flows") == store.info("flows")


def test_codes_are_compared_row_by_row_however_their_columns_are_cut() -> None:
    one = pa.chunked_array([["BLR", "BLR", "RUS"], ["RUS"]]).dictionary_encode()
    other = pa.chunked_array([["01"], ["02", "01", "02"]]).dictionary_encode()
    same = pa.chunked_array([["01"], ["02", "01", "01"]]).dictionary_encode()
    assert _Codes.of(pa.table({"a": one, "b": other}), 4).distinct(["a", "b"])
    assert not _Codes.of(pa.table({"a": one, "b": same}), 4).distinct(["a", "b"])
