"""Tables of one's own, with a mapping of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.sheets import workbook

from entrepot.errors import DataError, InputError
from entrepot.sources.dataset import Parsed
from entrepot.sources.user import Mapping, cited, mapping, read

MAP = """
revision = "HS2017"

[source]
producer = "Statistics Committee"
title = "Exports by product"
licence = "CC BY 4.0"

[columns]
year = "Year"
exporter = { value = "BLR" }
importer = "Partner"
product = "HS"
value = "USD"
quantity = "Kg"

[factors]
value = 0.001
quantity = 0.001
"""
CSV = """Year,Partner,HS,USD,Kg,Flow
2021,Казахстан,010121,2500,1000,X
2022,Germany,270900,9000,,X
2022,KAZ,010121,1500,500,X
"""
CLEAN = [
    (2021, "BLR", "KAZ", "010121", 2.5, 1.0),
    (2022, "BLR", "DEU", "270900", 9.0, None),
    (2022, "BLR", "KAZ", "010121", 1.5, 0.5),
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        yield found


def parsed_map(tmp_path: Path, text: str = MAP) -> Mapping:
    path = tmp_path / "map.toml"
    path.write_text(text, encoding="utf-8")
    return mapping(path)


def rows_of(connection: duckdb.DuckDBPyConnection, path: Path, known: Mapping) -> list[tuple[object, ...]]:
    return [row for piece in read(connection, path, known) for row in sorted(piece.rows.fetchall())]


def test_a_csv_is_read_by_its_mapping(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CSV, encoding="utf-8")
    assert rows_of(connection, path, parsed_map(tmp_path)) == CLEAN
    pieces = list(read(connection, path, parsed_map(tmp_path)))
    assert [piece.years for piece in pieces] == [(2021, 2021), (2022, 2022)]
    assert pieces[0].notes == ("mine.csv 2021: Columns not read: Flow.",)
    assert pieces[0].revision == "HS2017"


def test_the_same_table_as_parquet_with_numbers_for_codes(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    table = pa.table(
        {
            "YEAR": [2021, 2022, 2022],
            "Partner": ["Казахстан", "Germany", "KAZ"],
            "hs": [10121, 270900, 10121],
            "USD": [2500, 9000, 1500],
            "Kg": [1000.0, None, 500.0],
        }
    )
    pq.write_table(table, tmp_path / "mine.parquet")
    assert rows_of(connection, tmp_path / "mine.parquet", parsed_map(tmp_path)) == CLEAN


SHEET = [
    ["Exports of Belarus"],
    ["Year", "Partner", "HS", "USD", "Kg", "Flow"],
    [2021, "Казахстан", "010121", 2500, 1000, "X"],
    [2022, "Germany", "270900", 9000, None, "X"],
    [2022, "KAZ", "010121", 1500, 500, "X"],
]


@pytest.mark.parametrize("code", ["010121", 10121], ids=["text", "number"])
def test_the_same_table_in_a_sheet_of_a_workbook(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, code: object
) -> None:
    rows = [[code if cell == "010121" else cell for cell in row] for row in SHEET]
    (tmp_path / "mine.xlsx").write_bytes(workbook({"Notes": [["read me"]], "Trade": rows}))
    known = parsed_map(tmp_path, MAP.replace("revision", 'sheet = "trade"\nskip = 1\nrevision', 1))
    assert rows_of(connection, tmp_path / "mine.xlsx", known) == CLEAN
    with pytest.raises(InputError, match="unknown sheet 'Trades'"):
        rows_of(connection, tmp_path / "mine.xlsx", known.model_copy(update={"sheet": "Trades"}))
    with pytest.raises(DataError, match=r"mine\.xlsx lacks the columns Year, Partner, HS, USD, Kg"):
        rows_of(connection, tmp_path / "mine.xlsx", known.model_copy(update={"skip": 0}))
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8")
    with pytest.raises(InputError, match=r"mine\.csv is no workbook"):
        rows_of(connection, tmp_path / "mine.csv", known)


def test_rows_are_kept_by_words_and_added_up_where_asked(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CSV + "2022,KAZ,010121,500,500,X\n2022,KAZ,010121,7,7,M\n", encoding="utf-8")
    known = parsed_map(
        tmp_path, MAP.replace("revision", 'duplicates = "sum"\nrevision') + '[keep]\nFlow = ["X"]\n'
    )
    assert (2022, "BLR", "KAZ", "010121", 2.0, 1.0) in rows_of(connection, path, known)


def test_faulty_rows_are_told_of_once(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    bad = ",KAZ,010121,1,1,X\n2021,Atlantis,010121,1,1,X\n2021,KAZ,270900,x,1,X\n"
    path.write_text(CSV.replace("2022,KAZ", "2022,World") + "2022,UZB,010121,1,1,X\n" + bad + CSV[27:] * 2)
    known = parsed_map(tmp_path, MAP.replace("revision", 'duplicates = "sum"\nrevision'))
    reasons = [sorted(row[0] for row in _rejects(piece)) for piece in read(connection, path, known)]
    assert reasons == [
        ["no number in column USD", "no year", "unknown country Atlantis"],
        ["an aggregate, not a country: World"],
    ]


def _rejects(piece: Parsed) -> list[tuple[str, int | None, str]]:
    return [] if piece.rejects is None else piece.rejects.fetchall()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('producer = "Statistics Committee"', "", "source.producer: Field required"),
        ('year = "Year"', "", "does not say which column is year"),
        ('year = "Year"', 'year = "Year"\nyaer = "x"', "unknown column 'yaer'"),
        ('revision = "HS2017"', 'revision = "HS1985"', "revision cannot be 'HS1985'"),
        ('revision = "HS2017"', "", "revision: Field required"),
        ("value = 0.001", 'value = "a"', "factors.value"),
        ("[factors]", "[factors", "is no TOML"),
        ("[columns]", "speed = 1\n[columns]", "source.speed"),
    ],
)
def test_a_faulty_mapping_is_refused_and_the_word_named(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        parsed_map(tmp_path, MAP.replace(old, new, 1))


def test_files_that_are_not_read_are_named(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    known = parsed_map(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        mapping(tmp_path / "none.toml")
    with pytest.raises(InputError, match="there is no file"):
        list(read(connection, tmp_path / "none.csv", known))
    (tmp_path / "a.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"a\.xlsx cannot be read as a workbook") as caught:
        list(read(connection, tmp_path / "a.xlsx", known))
    assert caught.value.hint == "save the sheet as CSV in UTF-8"
    (tmp_path / "a.docx").write_bytes(b"PK")
    with pytest.raises(InputError, match="neither CSV nor Parquet nor a workbook"):
        list(read(connection, tmp_path / "a.docx", known))
    (tmp_path / "a.parquet").write_bytes(b"PAR0")
    with pytest.raises(DataError, match="no Parquet file"):
        list(read(connection, tmp_path / "a.parquet", known))
    pq.write_table(pa.table({"Year": [2020]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="lacks the columns Partner, HS, USD, Kg"):
        list(read(connection, tmp_path / "b.parquet", known))
    (tmp_path / "c.csv").write_text("Year,Partner,HS,USD,Kg\n,KAZ,010121,1,1\n")
    with pytest.raises(DataError, match="no row has a year"):
        list(read(connection, tmp_path / "c.csv", known))


def test_the_source_is_what_the_mapping_says(tmp_path: Path) -> None:
    source = cited(parsed_map(tmp_path), tmp_path / "My table.csv", "ab")
    assert (source.id, source.producer, source.version) == (
        "my_table",
        "Statistics Committee",
        "My table.csv",
    )
