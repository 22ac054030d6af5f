"""The World Bank's indicators, from answers and archives in its layout given on this machine."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources.conftest import Server

from entrepot.errors import DataError, EntrepotError, SourceError
from entrepot.sources.wdi import BULK_DATASET, DATASET
from entrepot.store.ingest import Written, ingest, request
from entrepot.store.store import Store

GDP, PEOPLE = "NY.GDP.MKTP.CD", "SP.POP.TOTL"
PATH = f"country/all/indicator/{GDP};{PEOPLE}"


def row(code: str, indicator: str, value: float | None, year: int = 2022) -> dict[str, object]:
    return {
        "indicator": {"id": indicator, "value": "a name"},
        "country": {"id": code[:2], "value": "a name"},
        "countryiso3code": code,
        "date": str(year),
        "value": value,
        "unit": "",
        "obs_status": "",
        "decimal": 0,
    }


ROWS = [
    row("WLD", PEOPLE, 12_000_000),
    row("EUU", PEOPLE, 450_000_000),
    row("BLR", PEOPLE, 9_200_000),
    row("XKX", PEOPLE, 1_760_000),
    row("CHI", PEOPLE, 170_000),
    row("BLR", GDP, 73_775_179_925.5),
    row("PRK", GDP, None),
    row("IDN", "NY.GDP.MKTP.CN", 19_588_445_600_000_000_001),
]
CLEAN = [
    ("BLR", GDP, 73_775_179_925.5),
    ("BLR", PEOPLE, 9_200_000.0),
    ("IDN", "NY.GDP.MKTP.CN", 19_588_445_600_000_000_001.0),
    ("XKX", PEOPLE, 1_760_000.0),
]


def answer(rows: list[dict[str, object]], pages: int = 1) -> bytes:
    meta = {"page": 1, "pages": pages, "per_page": "20000", "total": len(rows), "sourceid": "2"}
    return json.dumps([meta, rows]).encode()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def run(store: Store, server: Server, cache: Path) -> Written:
    asked = replace(request(DATASET, range(2022, 2023), base=server.url), products=(GDP, PEOPLE))
    (written,) = ingest(store, DATASET, asked, cache=cache)
    return written


def figures(store: Store, year: int = 2022) -> list[tuple[object, ...]]:
    table = store.collect(store.table("indicators").sort("country", "indicator")).to_pylist()
    return [(r["country"], r["indicator"], r["value"]) for r in table if r["year"] == year]


def test_an_answer_of_the_service(store: Store, server: Server, cache: Path) -> None:
    server.give(PATH, answer(ROWS))
    written = run(store, server, cache)
    assert figures(store) == CLEAN
    assert "source=2&date=2022&format=json" in server.requests[0][0]
    notes = " ".join(written.notes)
    assert "2 of 7 figures are of groups of countries (EUU, WLD) and were refused" in notes
    # Belarus and Kosovo against twelve million: 10.96 / 12.
    assert "people in 2022: the rows add up to 0.913 times the published total" in notes
    refused = written.rejects.read_text()
    for words in ("an aggregate, not a country: WLD", "no single country: Channel Islands"):
        assert words in refused
    assert written.refused == 3


def test_a_byte_order_mark_does_no_harm(store: Store, server: Server, cache: Path) -> None:
    server.give(PATH, b"\xef\xbb\xbf" + answer(ROWS))
    run(store, server, cache)
    assert figures(store) == CLEAN


def without(field: str) -> list[dict[str, object]]:
    return [{name: cell for name, cell in r.items() if name != field} for r in ROWS]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            json.dumps([{"message": [{"id": "120", "key": "Invalid value", "value": "not valid"}]}]).encode(),
            "the World Bank says: not valid",
        ),
        (answer(ROWS, pages=3), "is the first of 3 pages"),
        (answer([]), "holds no figures"),
        (json.dumps([{"page": 0, "pages": 0}, None]).encode(), "holds no figures"),
        (answer(without("countryiso3code")), "lacks the column countryiso3code"),
        (answer([row("BLR", PEOPLE, 1.0, 2019)]), "is of 2019, which was not asked for"),
        (answer([{**ROWS[2], "indicator": "SP.POP.TOTL"}]), "is no answer of the World Bank"),
        (b"<html>moved</html>", "is no answer of the World Bank"),
        (answer(ROWS)[:-40], "is no answer of the World Bank"),
        (answer([row("Belarus", PEOPLE, 1.0)]), "1 of 1 rows cannot be taken"),
        (answer([*ROWS, row("BLR", PEOPLE, 2.0)]), "country BLR"),
    ],
)
def test_answers_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, body: bytes, words: str
) -> None:
    server.give(PATH, body)
    with pytest.raises(DataError, match=words):
        run(store, server, cache)
    assert not store.has("indicators")


HEAD = '"Country Name","Country Code","Indicator Name","Indicator Code","2020","2021","2022"'
TABLE = f"""{HEAD}
"World",WLD,"Population, total",{PEOPLE},7820000000,7888000000,10900000
"Belarus",BLR,"Population, total",{PEOPLE},9379952,9302585,9200000
"Belarus",BLR,"GDP (current US$)",{GDP},61371000000.5,,73775179925.5
"Kosovo",XKX,"Population, total",{PEOPLE},1790151,1786080,1760000
"Kosovo",XKX,"GDP growth (annual %)",NY.GDP.MKTP.KD.ZG,-5.34,10.7,4.3
"""


def archive(text: str, name: str = "WDICSV.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("WDISeries.csv", "Series Code\n")
        packed.writestr(name, text)
    return out.getvalue()


def run_bulk(store: Store, server: Server, cache: Path, text: str, name: str = "WDICSV.csv") -> list[Written]:
    server.give("WDI_CSV.zip", archive(text, name))
    asked = request(BULK_DATASET, range(2021, 2023), base=server.url)
    return list(ingest(store, BULK_DATASET, asked, cache=cache))


BULK = [
    ("BLR", GDP, 73_775_179_925.5),
    ("BLR", PEOPLE, 9_200_000.0),
    ("XKX", "NY.GDP.MKTP.KD.ZG", 4.3),
    ("XKX", PEOPLE, 1_760_000.0),
]


def semicolons(text: str) -> str:
    swapped = text.replace(", ", "|").replace(",", ";").replace("|", ", ")
    return swapped.replace("925.5", "925,5").replace("4.3", "4,3").replace("10.7", "10,7")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (str, "WDICSV.csv"),
        (str, "WDI_csv/WDIData.csv"),
        (lambda text: "\ufeff" + text, "WDICSV.csv"),
        (lambda text: text.replace("\n", "\r\n"), "WDICSV.csv"),
        (lambda text: text.replace("\n", ",\n"), "WDICSV.csv"),
        (lambda text: text.replace(",,", ",..,"), "WDICSV.csv"),
        (lambda text: text.replace('"2022"', '"2022 [YR2022]"'), "WDICSV.csv"),
        (semicolons, "WDICSV.csv"),
    ],
    ids=["plain", "old-name", "bom", "crlf", "trailing-comma", "dots", "databank", "semicolon"],
)
def test_the_archive(
    store: Store, server: Server, cache: Path, change: Callable[[str], str], name: str
) -> None:
    first, second = run_bulk(store, server, cache, change(TABLE), name)
    assert figures(store, 2022) == BULK
    assert (first.what, first.refused, second.refused) == ("WDI 2021", 1, 1)
    assert [code for code, indicator, _ in figures(store, 2021) if indicator == GDP] == []
    assert not any("people in 2022" in note for note in second.notes)
    assert any("people in 2021: the rows add up to 0.001" in note for note in first.notes)


def test_indicators_can_be_named(store: Store, server: Server, cache: Path) -> None:
    server.give("WDI_CSV.zip", archive(TABLE))
    asked = replace(request(BULK_DATASET, range(2022, 2023), base=server.url), products=(GDP,))
    list(ingest(store, BULK_DATASET, asked, cache=cache))
    assert figures(store) == BULK[:1]


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (TABLE.replace("Country Code", "Code"), "WDICSV.csv", "lacks the column Country Code"),
        (TABLE.replace('"2021"', '"1921"'), "WDICSV.csv", "holds no figures for 2021"),
        (TABLE, "other.csv", "holds no table WDICSV.csv"),
        ("", "WDICSV.csv", "is empty"),
        (TABLE.replace("BLR", "Belarus").replace("XKX", "Kosovo"), "WDICSV.csv", "cannot be taken"),
    ],
)
def test_archives_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, text: str, name: str, words: str
) -> None:
    with pytest.raises(EntrepotError, match=words):
        run_bulk(store, server, cache, text, name)
    assert not store.has("indicators")


def test_a_line_that_is_no_row_is_refused_once(store: Store, server: Server, cache: Path) -> None:
    line = '"Belarus",BLR,"Imports",NE.IMP.GNFS.CD,1,many,3\n'
    first, second = run_bulk(store, server, cache, TABLE + line)
    assert "no number in column 2021" in first.rejects.read_text()
    assert (first.refused, second.refused) == (2, 1)


def test_a_damaged_archive_is_refused(store: Store, server: Server, cache: Path) -> None:
    whole = archive(TABLE * 50)
    server.give("WDI_CSV.zip", whole[:200] + b"\xff" * 8 + whole[208:])
    with pytest.raises(SourceError, match="is damaged"):
        list(
            ingest(
                store, BULK_DATASET, request(BULK_DATASET, range(2022, 2023), base=server.url), cache=cache
            )
        )
