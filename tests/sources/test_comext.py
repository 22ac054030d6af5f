"""Eurostat Comext's SDMX service and bulk files, from answers in their layouts given on this machine."""

from __future__ import annotations

import io
import stat
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources.conftest import Answer, Server

from entrepot.errors import DataError, EntrepotError, InputError, SourceError
from entrepot.sources.comext import DATASET, MONTHLY, USD_PER_EURO
from entrepot.sources.comext_bulk import BULK_DATASET, BULK_MONTHLY, SEVEN_ZIP
from entrepot.sources.download import Patience
from entrepot.store.ingest import Written, ingest, request
from entrepot.store.store import Store

SDMX = """DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,indicators,TIME_PERIOD,OBS_VALUE
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,DE,KG,84713000,2,VALUE_IN_EUROS,2022,1000000
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,DE,KG,84713000,2,QUANTITY_IN_100KG,2022,25.5
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,GR,XS,84713000,1,VALUE_IN_EUROS,2022,2000
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,GR,XS,84713000,1,QUANTITY_IN_100KG,2022,0
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,DE,NA,84713000,2,VALUE_IN_EUROS,2022,0
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,DE,QV,84713000,2,VALUE_IN_EUROS,2022,500
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,DE,EXT_EU27_2020,84713000,2,VALUE_IN_EUROS,2022,1000500
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,EU27_2020,KG,84713000,2,VALUE_IN_EUROS,2022,1000000
ESTAT:DS-045409(1.0),15/09/26 11:00:00,A,DE,WORLD,84713000,2,VALUE_IN_EUROS,2022,1000500
ESTAT:DS-045409(1.0),15/09/26 11:00:00,M,DE,KG,84713000,2,VALUE_IN_EUROS,2022-01,77
"""
HEAD = (
    "REPORTER,PARTNER,TRADE_TYPE,PRODUCT_NC,PRODUCT_SITC,PRODUCT_CPA21,PRODUCT_BEC,PRODUCT_BEC5,"
    "PRODUCT_SECTION,FLOW,STAT_PROCEDURE,SUPPL_UNIT,PERIOD,VALUE_EUR,VALUE_NAC,QUANTITY_KG,QUANTITY_SUPPL_UNIT"
)
BULK = f"""{HEAD}
AT,KZ,E,01012100,00150,0143,41,11,I,2,1,PST,202252,10000,10000,500,2
AT,KZ,E,01012100,00150,0143,41,11,I,2,3,PST,202252,5000,5000,250,1
AT,NA,E,01012100,00150,0143,41,11,I,2,3,PST,202252,6000,6000,300,1
AT,XI,L,01012100,00150,0143,41,11,I,2,1,PST,202252,1000,1000,50,1
AT,XU,M,01012100,00150,0143,41,11,I,2,1,PST,202252,2000,2000,0,1
AT,QY,I,01012100,00150,0143,41,11,I,2,1,PST,202252,700,700,50,1
AT,RU,E,27XXXXXX,00150,0143,41,11,I,1,1,PST,202252,900,900,50,1
AT,RU,E,27090090,33300,0610,31,11,V,1,1,,202252,4000,4000,9000,
AT,RU,E,27090090,33300,0610,31,11,V,1,1,,202201,100,100,200,
"""
PATH = "sdmx/2.1/data/DS-045409/A...84713000.1+2.VALUE_IN_EUROS+QUANTITY_IN_100KG"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def run(store: Store, server: Server, cache: Path, **more: object) -> Written:
    asked = replace(request(DATASET, range(2022, 2023), base=server.url), products=("84713000",), **more)
    (written,) = ingest(store, DATASET, asked, cache=cache, patience=Patience(tries=2, wait=0.01, longest=1))
    return written


def run_bulk(store: Store, server: Server, cache: Path) -> Written:
    asked = request(BULK_DATASET, range(2022, 2023), base=server.url)
    (written,) = ingest(store, BULK_DATASET, asked, cache=cache)
    return written


def rows(store: Store) -> list[tuple]:
    found = store.collect(store.table("reports").sort("reporter", "direction", "partner")).to_pylist()
    keys = ("reporter", "direction", "partner", "product", "value", "quantity")
    return [tuple(row[key] for key in keys) for row in found]


RATE = USD_PER_EURO[2022]


def test_an_answer_of_the_service(store: Store, server: Server, cache: Path) -> None:
    server.give(PATH, SDMX.encode())
    written = run(store, server, cache)
    assert rows(store) == [
        ("DEU", "export", "KGZ", "84713000", pytest.approx(1000 * RATE), 2.55),
        ("DEU", "export", "NAM", "84713000", 0.0, None),
        ("GRC", "import", "SRB", "84713000", pytest.approx(2 * RATE), None),
    ]
    assert server.requests[0][0].endswith("?format=SDMX-CSV&compressed=false&startPeriod=2022&endPeriod=2022")
    notes = " ".join(written.notes)
    assert f"Euros became USD at {RATE}" in notes
    assert "served as published totals" in notes
    assert "add up to them within 2%" in notes
    refused = written.rejects.read_text()
    for words in ("EXT_EU27_2020", "EU27_2020", "not specified within the EU", "not annual"):
        assert words in refused
    assert written.refused == 4


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(",", ";").replace("25.5", "25,5"),
        lambda text: text.replace("VALUE_IN_EUROS", "VALUE_EUR"),
        lambda text: text.replace("QUANTITY_IN_100KG,2022,25.5", "QUANTITY_KG,2022,2550"),
    ],
)
def test_dialects_give_the_same_rows(store: Store, server: Server, cache: Path, change: object) -> None:
    server.give(PATH, change(SDMX).encode())
    run(store, server, cache)
    assert rows(store)[0] == ("DEU", "export", "KGZ", "84713000", pytest.approx(1000 * RATE), 2.55)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<?xml version='1.0'?><S:Fault>EXTRACTION_TOO_BIG</S:Fault>", "EXTRACTION_TOO_BIG"),
        (SDMX.replace("OBS_VALUE", "VALUE"), "OBS_VALUE"),
        (SDMX.replace("QUANTITY_IN_100KG", "QUANTITY_IN_TONNES"), "unknown unit QUANTITY_IN_TONNES"),
        (SDMX.splitlines()[0], "0 of 0 rows"),
        (SDMX.replace("84713000", "9912100"), "a leading zero may be lost"),
        ("", "is empty"),
    ],
)
def test_answers_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, body: str, words: str
) -> None:
    server.give(PATH, body.encode())
    with pytest.raises(DataError, match=words):
        run(store, server, cache)
    assert not store.has("reports")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "404"),
        (Answer(status=413), "413"),
        (Answer(status=429, headers={"Retry-After": "600"}), "asks to wait 600 seconds"),
        (Answer(SDMX.encode(), cut=100, ranges=False), "could not be fetched whole"),
    ],
)
def test_refusals_of_the_server(
    store: Store, server: Server, cache: Path, answer: Answer, words: str
) -> None:
    server.give(PATH, answer)
    with pytest.raises(SourceError, match=words):
        run(store, server, cache)


def test_lost_zeros_come_back_where_the_whole_column_lost_them(
    store: Store, server: Server, cache: Path
) -> None:
    server.give(PATH, SDMX.replace("84713000", "1012100").encode())
    written = run(store, server, cache)
    assert {row[3] for row in rows(store)} == {"01012100"}
    assert "Leading zeros of product codes were lost; 1 codes got theirs back" in " ".join(written.notes)


def test_codes_can_be_cut_to_six_digits(store: Store, server: Server, cache: Path) -> None:
    server.give(PATH, SDMX.replace("A,GR,XS,84713000", "A,GR,XS,84714100").encode())
    written = run(store, server, cache, revision="HS2022")
    assert [row[3] for row in rows(store)] == ["847130", "847130", "847141"]
    assert written.table.revision == "HS2022"
    assert "were cut to six digits of HS2022" in " ".join(written.notes)
    with pytest.raises(InputError, match="codes of 2021 are of HS2017, not of HS2022"):
        DATASET.remotes(replace(request(DATASET, range(2021, 2023), "HS2022"), products=("84",)))


def test_national_codes_are_not_converted(store: Store, server: Server, cache: Path) -> None:
    server.give("files", BULK.encode())
    asked = request(BULK_DATASET, range(2022, 2023), base=server.url)
    with pytest.raises(DataError, match="no codes of the Harmonized System to convert"):
        list(ingest(store, BULK_DATASET, asked, cache=cache, to="HS1992"))
    asked = replace(asked, revision="HS2022")
    (written,) = ingest(store, BULK_DATASET, asked, cache=cache, to="HS2012")
    assert written.table.revision == "HS2012"
    assert {row[3] for row in rows(store)} == {"010121", "270900"}


MONTHS = """DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,indicators,TIME_PERIOD,OBS_VALUE
ESTAT:DS-045409(1.0),15/09/26 11:00:00,M,DE,KG,84713000,2,VALUE_IN_EUROS,2022-01,1000
ESTAT:DS-045409(1.0),15/09/26 11:00:00,M,DE,KG,84713000,2,QUANTITY_IN_100KG,2022-01,20
ESTAT:DS-045409(1.0),15/09/26 11:00:00,M,DE,KG,84713000,2,VALUE_IN_EUROS,2022-12,3000
ESTAT:DS-045409(1.0),15/09/26 11:00:00,M,EU27_2020,KG,84713000,2,VALUE_IN_EUROS,2022-12,3000
"""


def months(store: Store) -> list[tuple[object, ...]]:
    found = store.collect(store.table("reports").sort("month", "direction", "partner")).to_pylist()
    return [(row["month"], row["partner"], row["product"], row["value"], row["quantity"]) for row in found]


def test_months_of_the_service(store: Store, server: Server, cache: Path) -> None:
    server.give(PATH.replace("/A.", "/M."), MONTHS.encode())
    asked = replace(request(MONTHLY, range(2022, 2023), base=server.url), products=("84713000",))
    (written,) = ingest(store, MONTHLY, asked, cache=cache)
    assert months(store) == [
        (1, "KGZ", "84713000", pytest.approx(RATE), 2.0),
        (12, "KGZ", "84713000", pytest.approx(3 * RATE), None),
    ]
    assert server.requests[0][0].endswith("startPeriod=2022-01&endPeriod=2022-12")
    assert "EU27_2020" in written.rejects.read_text()


def test_questions_need_products_and_known_reporters(server: Server) -> None:
    with pytest.raises(InputError, match="needs products"):
        DATASET.remotes(request(DATASET, range(2022, 2023)))
    asked = replace(request(DATASET, range(2021, 2023)), products=("8471", "8542"), countries=("DEU", "GRC"))
    first, second = DATASET.remotes(asked)
    assert "/A.DE+GR..8471+8542.1+2." in first.url
    assert second.years == (2022, 2022)
    with pytest.raises(InputError, match="no reporter XYZ"):
        DATASET.remotes(replace(asked, countries=("XYZ",)))


def zipped(text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("full_v2_202252.dat", text)
    return packed.getvalue()


EXPECTED = [
    ("AUT", "export", "GBR", "01012100", pytest.approx(3 * RATE), None),
    ("AUT", "export", "KAZ", "01012100", pytest.approx(15 * RATE), 0.75),
    ("AUT", "export", "NAM", "01012100", pytest.approx(6 * RATE), 0.3),
    ("AUT", "import", "RUS", "27090090", pytest.approx(4 * RATE), 9.0),
]


@pytest.mark.parametrize("pack", [str.encode, zipped])
def test_a_bulk_file(store: Store, server: Server, cache: Path, pack: object) -> None:
    server.give("files?file=comext%2FCOMEXT_DATA%2FPRODUCTS%2Ffull_v2_202252.7z", pack(BULK))
    written = run_bulk(store, server, cache)
    assert rows(store) == EXPECTED
    assert "GBR (XI and XU)" in " ".join(written.notes)
    refused = written.rejects.read_text()
    for words in ("kept secret within the EU", "no product code: 27XXXXXX", "not annual: 202201"):
        assert words in refused


def test_the_first_layout(store: Store, server: Server, cache: Path) -> None:
    old = BULK.replace("REPORTER,PARTNER", "DECLARANT_ISO,PARTNER_ISO").replace("VALUE_EUR", "VALUE_IN_EUROS")
    server.give("files", old.replace("QUANTITY_KG", "QUANTITY_IN_KG").encode())
    run_bulk(store, server, cache)
    assert rows(store) == EXPECTED


def program(folder: Path, text: str) -> None:
    folder.mkdir()
    path = folder / "7zz"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_an_archive_is_unpacked_by_a_program(
    store: Store, server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table"
    table.write_text(BULK)
    program(tmp_path / "bin", f'/bin/cat "{table}"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    server.give("files", SEVEN_ZIP + b"packed")
    run_bulk(store, server, cache)
    assert rows(store) == EXPECTED


def test_a_damaged_archive_is_not_kept(
    store: Store, server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "echo 'CRC failed' >&2; exit 2")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    server.give("files", SEVEN_ZIP + b"packed")
    with pytest.raises(SourceError, match="CRC failed"):
        run_bulk(store, server, cache)
    assert not (cache / "comext-bulk" / "full_v2_202252.7z").exists()


def test_without_a_program_the_unpacked_table_is_taken(
    store: Store, server: Server, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    server.give("files", SEVEN_ZIP + b"packed")
    with pytest.raises(EntrepotError, match="no program here unpacks it"):
        run_bulk(store, server, cache)
    (cache / "comext-bulk" / "full_v2_202252.dat").write_text(BULK)
    run_bulk(store, server, cache)
    assert rows(store) == EXPECTED


def test_customs_procedures_are_added_up(store: Store, server: Server, cache: Path) -> None:
    server.give("files", "\n".join(BULK.splitlines()[:3]).encode())
    run_bulk(store, server, cache)
    assert rows(store) == EXPECTED[1:2]


def give_months(server: Server, *bulk: str, under: str = "") -> None:
    for month, text in enumerate(bulk, 1):
        name = f"{under}files?file=comext%2FCOMEXT_DATA%2FPRODUCTS%2Ffull_v2_2022{month:02}.7z"
        server.give(name, text.replace("202252", f"2022{month:02}").encode())


def test_months_of_the_bulk_files(store: Store, server: Server, cache: Path) -> None:
    short = "\n".join(BULK.splitlines()[:3])
    give_months(
        server,
        short,
        short.replace("PRODUCT_CPA21", "PRODUCT_CPA21,PRODUCT_CPA22").replace(",0143", ",0143,1"),
    )
    asked = request(BULK_MONTHLY, range(2022, 2023), base=server.url)
    (written,) = ingest(store, BULK_MONTHLY, asked, cache=cache)
    assert months(store) == [
        (1, "KAZ", "01012100", pytest.approx(15 * RATE), 0.75),
        (2, "KAZ", "01012100", pytest.approx(15 * RATE), 0.75),
    ]
    assert "Holds the months 1 to 2: the next was not published" in " ".join(written.notes)


@pytest.mark.parametrize("under", ["", "404/"])
def test_a_refusal_between_months_is_an_error(store: Store, server: Server, cache: Path, under: str) -> None:
    """An address with 404 in it, as of a port, does not turn a refusal into a month not yet published."""
    give_months(server, BULK, BULK, under=under)
    name = "files?file=comext%2FCOMEXT_DATA%2FPRODUCTS%2Ffull_v2_202202.7z"
    server.give(f"{under}{name}", Answer(status=403))
    asked = request(BULK_MONTHLY, range(2022, 2023), base=f"{server.url}{under}")
    with pytest.raises(SourceError, match="403"):
        list(ingest(store, BULK_MONTHLY, asked, cache=cache))
    assert not store.has("reports")


def test_bulk_files_can_be_limited(store: Store, server: Server, cache: Path) -> None:
    server.give("files", BULK.encode())
    asked = request(BULK_DATASET, range(2022, 2023), "HS2022", base=server.url)
    asked = replace(asked, products=("2709",), countries=("AUT",))
    (written,) = ingest(store, BULK_DATASET, asked, cache=cache)
    assert [row[:4] for row in rows(store)] == [("AUT", "import", "RUS", "270900")]
    assert "Holds 2709, AUT only" in " ".join(written.notes)


@pytest.mark.parametrize(
    ("name", "years", "words"),
    [
        ("mine.csv", range(2021, 2023), "mine.csv does not tell its year"),
        ("full_v2_200552.dat", range(2022, 2023), "no rate of the euro for 2005"),
    ],
)
def test_a_file_fetched_by_hand_must_tell_its_year(
    store: Store, tmp_path: Path, name: str, years: range, words: str
) -> None:
    (tmp_path / name).write_text(BULK)
    with pytest.raises(InputError, match=words):
        list(ingest(store, BULK_DATASET, request(BULK_DATASET, years), given=tmp_path / name))


def test_months_fetched_by_hand_lie_side_by_side(store: Store, tmp_path: Path) -> None:
    for month in ("01", "02"):
        (tmp_path / f"full_v2_2022{month}.dat").write_text(BULK.replace("202252", f"2022{month}"))
    asked = request(BULK_MONTHLY, range(2022, 2023))
    (written,) = ingest(store, BULK_MONTHLY, asked, given=tmp_path / "full_v2_202201.dat")
    assert {row[0] for row in months(store)} == {1, 2}
    assert written.table.years == (2022, 2022)
