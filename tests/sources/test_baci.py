"""BACI as its publisher writes it, and as people's tools leave it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from tests.sources.baci_files import ROWS, archive, text

from entrepot.errors import DataError, SourceError
from entrepot.sources.baci import DATASET, read, read_year, remotes
from entrepot.sources.dataset import Parsed, Request
from entrepot.sources.fetch import Copy
from entrepot.world.products import codes

Year = Callable[..., Parsed]
CLEAN = [
    (2020, "BLR", "KAZ", "010111", 2.5, None),
    (2020, "BLR", "RUS", "010111", 1.5, 2.0),
    (2020, "RUS", "DEU", "270900", 9.25, 1.125),
]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        yield found


@pytest.fixture
def year(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> Year:
    def parse(content: str | bytes, revision: str = "HS1992") -> Parsed:
        path = tmp_path / "year.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_year(connection, path, 2020, revision)

    return parse


def rows(parsed: Parsed) -> list[tuple[object, ...]]:
    return sorted(parsed.rows.fetchall(), key=lambda row: row[1:4])


def refused(parsed: Parsed) -> list[str]:
    return [] if parsed.rejects is None else sorted(row[0] for row in parsed.rejects.fetchall())


def test_a_year_as_published(year: Year) -> None:
    parsed = year(text(*ROWS))
    assert rows(parsed) == CLEAN
    assert (parsed.years, parsed.revision, parsed.rejects, parsed.notes) == ((2020, 2020), "HS1992", None, ())


@pytest.mark.parametrize(
    "content",
    [
        text(*ROWS, end="\r\n"),
        "\ufeff" + text(*ROWS),
        "\ufeff" + text(*ROWS, end="\r\n"),
        text(*(row.replace("NA", "           NA") for row in ROWS)),
        text(*(row.replace("9.25", "        9.25").replace("NA", "") for row in ROWS)),
        text(*ROWS, header='"t","i","j","k","v","q"'),
        text(*ROWS, header="T,I,J,K,V,Q"),
        text(*(row.replace("010111", '"010111"').replace("270900", '"270900"') for row in ROWS)),
    ],
    ids=["crlf", "bom", "bom-crlf", "padded-na", "padded", "quoted-header", "capitals", "quoted-codes"],
)
def test_harmless_dialects_are_read_without_a_word(year: Year, content: str) -> None:
    parsed = year(content)
    assert rows(parsed) == CLEAN
    assert parsed.notes == ()


def test_padded_marks_far_down_the_file_are_found(year: Year) -> None:
    many = [f"2020,112,{to},{code},1.5,2" for to in (643, 398, 276) for code in codes("HS1992")]
    good = year(text(*many, "2020,112,616,010111,2.5,        NA"))
    assert good.rows.filter("quantity IS NULL").shape[0] == 1
    assert good.rejects is None


def test_semicolon_and_decimal_comma_are_read_with_a_note(year: Year) -> None:
    parsed = year(text(*ROWS).replace(",", ";").replace(".", ","))
    assert rows(parsed) == CLEAN
    assert parsed.notes == ("BACI 2020: The file is separated by semicolon, decimal comma; it was read so.",)


def test_columns_in_another_order_and_further_ones(year: Year) -> None:
    other = [",".join((*row.split(",")[::-1], "x")) for row in ROWS]
    parsed = year(text(*other, header="q,v,k,j,i,t,flag"))
    assert rows(parsed) == CLEAN
    assert parsed.notes == ("BACI 2020: Columns not read: flag.",)


def test_a_changed_column_is_refused(year: Year) -> None:
    with pytest.raises(DataError, match="BACI 2020 lacks the column k") as caught:
        year(text(*ROWS, header="t,i,j,hs6,v,q"))
    assert caught.value.hint == "columns found: t, i, j, hs6, v, q"


def test_lost_zeros_come_back_where_the_whole_column_lost_them(year: Year) -> None:
    parsed = year(text(*(row.replace("010111", "10111") for row in ROWS)))
    assert rows(parsed) == CLEAN
    assert parsed.notes[0].startswith("BACI 2020: Leading zeros of product codes were lost; 1 codes")


def test_one_short_code_among_whole_ones_is_refused(year: Year) -> None:
    parsed = year(text(*ROWS, "2020,112,643,10119,7,1"))
    assert rows(parsed) == CLEAN
    assert refused(parsed) == ["5 digits, a leading zero may be lost: 10119"]


@pytest.mark.parametrize(
    ("code", "iso3"),
    [("251", "FRA"), ("579", "NOR"), ("757", "CHE"), ("842", "USA"), ("699", "IND"), ("490", "TWN")],
)
def test_the_odd_numbers_of_trade_statistics(year: Year, code: str, iso3: str) -> None:
    assert (2020, iso3, "RUS", "010111", 4.0, 1.0) in rows(year(text(*ROWS, f"2020,{code},643,010111,4,1")))


@pytest.mark.parametrize(
    ("code", "iso3"), [("S19", "TWN"), ("ROM", "ROU"), ("ZAR", "COD"), ("YUG", "YUG"), ("FRA", "FRA")]
)
def test_letters_in_the_place_of_numbers(year: Year, code: str, iso3: str) -> None:
    letters = ("2020,BLR,RUS,010111,1.5,2", "2020,BLR,KAZ,010111,2.5,NA", "2020,RUS,DEU,270900,9.25,1.125")
    assert (2020, iso3, "RUS", "010119", 4.0, 1.0) in rows(
        year(text(f"2020,{code},RUS,010119,4,1", *letters))
    )


def test_letters_far_down_a_column_of_numbers_are_refused_with_their_line(year: Year) -> None:
    many = [f"2020,112,{to},{code},1.5,2" for to in (643, 398, 276) for code in codes("HS1992")]
    parsed = year(text(*many, "2020,S19,643,010111,4,1"))
    assert parsed.rejects is not None
    assert parsed.rejects.fetchall() == [("no number in column i", len(many) + 2, "2020,S19,643,010111,4,1")]


def test_two_codes_of_one_country_are_added_up_with_a_note(year: Year) -> None:
    parsed = year(
        text(*ROWS, "2020,842,643,010111,4,1", "2020,840,643,010111,3,NA", "2020,842,840,010111,1,1")
    )
    assert (2020, "USA", "RUS", "010111", 7.0, None) in rows(parsed)
    assert "BACI 2020: Countries under several codes were added up: USA (840 and 842)." in parsed.notes
    assert refused(parsed) == ["a country trading with itself"]


def test_groups_as_reporters_are_refused_with_their_share(year: Year) -> None:
    world = ("2020,0,643,010111,13.25,1", "2020,97,643,010111,13.25,1")
    parsed = year(text(*ROWS, *world))
    assert rows(parsed) == CLEAN
    assert refused(parsed) == [
        "an aggregate, not a country: the European Union",
        "an aggregate, not a country: the world",
    ]
    assert (
        "Groups of countries stood among the countries (0, 97); their rows, 66.7% of the value"
        in parsed.notes[0]
    )
    assert "2 of 5 rows, 66.67% of the value, were refused" in parsed.notes[1]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("2020,999,643,010111,1,1", "unknown country 999"),
        ("2020,899,643,010111,1,1", "no single country: areas not elsewhere specified"),
        ("2019,112,643,010111,1,1", "another year: 2019"),
        (",112,643,010111,1,1", "no year"),
        ("2020,112,643,010111,,1", "no value"),
        ("2020,112,643,010111,NA,1", "no value"),
        ("2020,112,643,010111,-1,1", "negative value"),
        ("2020,112,643,010111,inf,1", "value not finite"),
        ("2020,112,643,010111,1,-1", "negative quantity"),
        ("2020,112,643,01,1,1", "an aggregate of 6-digit codes: 01"),
        ("2020,112,643,01011110,1,1", "more than six digits, a national code: 01011110"),
        ("2020,112,643,TOTAL,1,1", "no product code: TOTAL"),
        ("2020,112,643,,1,1", "no product"),
        ("2020,,643,010111,1,1", "no country"),
        ("2020,112,112,010111,1,1", "a country trading with itself"),
        ("2020,112,643,010111,many,1", "no number in column v"),
        ("2020,112,643,010111", "the line is too short"),
        ("2020,112,643,010111,1,1,1", "the line is too long"),
    ],
)
def test_a_faulty_row_goes_to_the_rejects_with_its_reason(year: Year, row: str, reason: str) -> None:
    parsed = year(text(*ROWS, row))
    assert rows(parsed) == CLEAN
    assert refused(parsed) == [reason]
    assert parsed.rejects is not None
    (_, _, kept), *_ = parsed.rejects.fetchall()
    assert kept.replace(".0", "") == row.replace("NA", "")
    assert "1 of 4 rows" in parsed.notes[-1]


def test_a_file_of_which_most_is_refused_is_another_file(year: Year) -> None:
    with pytest.raises(
        DataError, match="4 of 7 rows cannot be taken, most often because: another year: 2019"
    ):
        year(text(*ROWS, *(f"2019,112,643,0102{n}0,1,1" for n in range(4))))
    with pytest.raises(DataError, match="0 of 0 rows"):
        year(text())


def test_another_revision_is_refused_and_the_right_one_named(year: Year) -> None:
    new = [f"2020,112,643,{code},1,1" for code in ("850760", "854142", "854143", "854231", "270900")]
    with pytest.raises(DataError, match="product codes are not in HS1992") as caught:
        year(text(*new))
    assert caught.value.hint == "state HS2022, which has 5 of them, and convert them if you need HS1992"


def test_a_few_codes_beyond_the_revision_are_noted(year: Year) -> None:
    known = [f"2020,112,643,{code},1,1" for code in codes("HS1992")[:200]]
    parsed = year(text(*known, "2020,112,643,850760,1,1"))
    assert parsed.rows.shape[0] == 201
    assert parsed.notes == (
        "BACI 2020: 1 of 201 product codes are not in HS1992, for example 850760.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "year.csv is empty"),
        (b"<!DOCTYPE html><html><body>moved</body></html>", "is a web page, not a table"),
        ("t,i,j,k,v,q\n".encode("utf-16"), "is not text in UTF-8"),
        (b"t,i,j,k,v,q\n2020,112,643,\xff\xfe,1,1\n", "is not text in UTF-8: byte 26"),
    ],
)
def test_what_is_no_table_is_refused(year: Year, content: bytes, words: str) -> None:
    with pytest.raises(DataError, match=words):
        year(content)


def copy_of(path: Path, content: bytes) -> Copy:
    path.write_bytes(content)
    return Copy(path, "", "", len(content), date(2026, 1, 2))


def test_an_archive_gives_the_years_asked_for(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    years = {year: text(*ROWS).replace("2020", str(year)) for year in range(2018, 2022)}
    copy = copy_of(tmp_path / "a.zip", archive(years))
    found = [
        (piece.years, piece.rows.shape[0])
        for piece in read(connection, copy, Request(range(2019, 2021), "HS1992", ""))
    ]
    assert found == [((2019, 2019), 3), ((2020, 2020), 3)]


def test_a_year_that_the_archive_lacks_is_named(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    copy = copy_of(tmp_path / "a.zip", archive({2020: text(*ROWS)}))
    with pytest.raises(SourceError, match="holds no HS1992 for 2021") as caught:
        next(read(connection, copy, Request(range(2020, 2022), "HS1992", "")))
    assert caught.value.hint == "it holds: 2020"
    with pytest.raises(SourceError, match="holds no HS2017 for 2020"):
        next(read(connection, copy, Request(range(2020, 2021), "HS2017", "")))


def test_a_damaged_member_is_refused(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    content = bytearray(archive({2020: text(*ROWS * 500)}))
    content[120:124] = b"\xff\xff\xff\xff"
    copy = copy_of(tmp_path / "a.zip", bytes(content))
    with pytest.raises(SourceError, match="is damaged"):
        next(read(connection, copy, Request(range(2020, 2021), "HS1992", "")))


def test_remotes_name_one_archive_a_revision() -> None:
    (remote,) = remotes(Request(range(2017, 2020), "HS2017", "https://example.org/"))
    assert remote.url == "https://example.org/BACI_HS17_V202601.zip"
    with pytest.raises(DataError, match="HS2017 begins in 2017, not in 2015"):
        remotes(Request(range(2015, 2020), "HS2017", ""))
    assert DATASET.revisions[0] == "HS1992"
