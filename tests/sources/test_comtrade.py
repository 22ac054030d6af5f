"""UN Comtrade's bulk files and preview, from answers in its layout given by a server on this machine."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sources.conftest import Answer, Server

from entrepot.errors import DataError, EntrepotError, InputError, SourceError
from entrepot.sources.comtrade import DATASET, KEY, KEY_HEADER, OWN_CODES, PREVIEW, code_of
from entrepot.store.ingest import Written, ingest, request
from entrepot.store.store import Store
from entrepot.world import countries

HEAD = [
    *("typeCode", "freqCode", "refPeriodId", "refYear", "refMonth", "period", "reporterCode", "flowCode"),
    *(
        "partnerCode",
        "partner2Code",
        "classificationCode",
        "isOriginalClassification",
        "cmdCode",
        "aggrLevel",
    ),
    *(
        "isLeaf",
        "customsCode",
        "mosCode",
        "motCode",
        "qtyUnitCode",
        "qty",
        "isQtyEstimated",
        "altQtyUnitCode",
    ),
    *("altQty", "isAltQtyEstimated", "netWgt", "isNetWgtEstimated", "grossWgt", "isGrossWgtEstimated"),
    *("cifvalue", "fobvalue", "primaryValue", "legacyEstimationFlag", "isReported", "isAggregate"),
]


def record(
    reporter: int, flow: str, partner: int, product: str, usd: float, kg: float, **more: object
) -> dict:
    row: dict[str, object] = dict.fromkeys(HEAD, 0)
    row |= {"typeCode": "C", "freqCode": "A", "refYear": 2022, "period": "2022", "reporterCode": reporter}
    row |= {"flowCode": flow, "partnerCode": partner, "cmdCode": product, "aggrLevel": len(product)}
    row |= {"customsCode": "C00", "netWgt": kg, "primaryValue": usd, "classificationCode": "H0"}
    return row | more


RUSSIA = [
    record(643, "X", 112, "270900", 5_000_000, 9_000_000),
    record(643, "X", 156, "010111", 250_000, 0),
    record(643, "X", 0, "270900", 5_000_000, 9_000_000),
    record(643, "X", 0, "010111", 250_000, 0),
    record(643, "X", 112, "270900", 4_000_000, 8_000_000, motCode=9000),
    record(643, "X", 112, "2709", 5_000_000, 9_000_000),
    record(643, "RX", 112, "270900", 1_000, 10),
    record(643, "M", 842, "870323", 80_000, 7_000),
    record(643, "M", 97, "870323", 60_000, 5_000),
    record(643, "M", 899, "870323", 1_000, 100),
    record(643, "M", 0, "870323", 200_000, 12_100),
]
FRANCE = [record(251, "X", 757, "870323", 10_000, 500), record(251, "X", 0, "870323", 10_000, 500)]


def text(rows: list[dict], head: list[str] = HEAD, separator: str = "\t", end: str = "\n") -> bytes:
    lines = [separator.join(head), *(separator.join(str(row[name]) for name in head) for row in rows)]
    return (end.join(lines) + end).encode()


def entry(server: Server, reporter: int, body: bytes, published: str = "2023-05-01") -> dict:
    url = server.give(f"bulk/v1/file/{reporter}{published}", body)
    return {
        "typeCode": "C", "freqCode": "A", "reporterCode": reporter, "period": 2022,
        "classificationCode": "H0", "publicationDate": f"{published}T00:00:00", "fileUrl": url,
    }  # fmt: skip


def give_index(server: Server, *entries: dict) -> None:
    body = json.dumps({"elapsedTime": "0.1", "count": len(entries), "data": entries, "error": ""}).encode()
    server.give("bulk/v1/get/C/A/H0", body)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


@pytest.fixture(autouse=True)
def _keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "secret")


def run(store: Store, server: Server, cache: Path, **more: object) -> Written:
    asked = replace(request(DATASET, range(2022, 2023), base=server.url), **more)
    (written,) = ingest(store, DATASET, asked, cache=cache)
    return written


def rows(store: Store) -> list[tuple]:
    found = store.collect(store.table("reports").sort("reporter", "direction", "partner")).to_pylist()
    keys = ("reporter", "direction", "partner", "product", "value", "quantity")
    return [tuple(row[key] for key in keys) for row in found]


def test_a_year_of_all_reporters(store: Store, server: Server, cache: Path) -> None:
    give_index(
        server,
        entry(server, 643, gzip.compress(text(RUSSIA))),
        entry(server, 251, gzip.compress(text(FRANCE))),
    )
    written = run(store, server, cache)
    assert rows(store) == [
        ("FRA", "export", "CHE", "870323", 10.0, 0.5),
        ("RUS", "export", "BLR", "270900", 5000.0, 9000.0),
        ("RUS", "export", "CHN", "010111", 250.0, None),
        ("RUS", "import", "USA", "870323", 80.0, 7.0),
    ]
    assert (written.table.revision, written.table.years) == ("HS1992", (2022, 2022))
    notes = " ".join(written.notes)
    assert "3 rows break the same trade down" in notes
    assert "4 rows with the whole world as the partner served as published totals" in notes
    assert "imports that 643 reports: the rows add up to 0.405 times the published total" in notes
    refused = written.rejects.read_text()
    assert "an aggregate, not a country: the European Union" in refused
    assert "no single country: areas not elsewhere specified" in refused
    assert written.refused == 2
    assert store.info("reports").sources[0].id == "un_comtrade"


def test_the_key_goes_to_the_publisher_alone_and_is_never_written_down(
    store: Store, server: Server, cache: Path
) -> None:
    elsewhere = entry(server, 251, gzip.compress(text(FRANCE)))
    elsewhere["fileUrl"] = elsewhere["fileUrl"].replace("127.0.0.1", "localhost")
    give_index(server, entry(server, 643, gzip.compress(text(RUSSIA))), elsewhere)
    run(store, server, cache)
    keyed = {path.split("?")[0]: KEY_HEADER in headers for path, headers in server.requests}
    assert keyed == {
        "bulk/v1/get/C/A/H0": True,
        "bulk/v1/file/6432023-05-01": True,
        "bulk/v1/file/2512023-05-01": False,
    }
    written = [path.read_bytes() for path in cache.rglob("*") if path.is_file()]
    assert not any(b"secret" in content for content in written)


def test_it_is_offline_afterwards_and_takes_the_newest_version(
    store: Store, server: Server, cache: Path
) -> None:
    old = entry(server, 251, gzip.compress(text(RUSSIA)), "2022-12-01")
    give_index(server, old, entry(server, 251, gzip.compress(text(FRANCE))))
    run(store, server, cache)
    assert len(rows(store)) == 1
    server.close()
    run(store, server, cache)
    assert len(rows(store)) == 1


def test_named_countries(store: Store, server: Server, cache: Path) -> None:
    give_index(server, entry(server, 251, gzip.compress(text(FRANCE))))
    written = run(store, server, cache, countries=("FRA", "BLR"))
    assert server.requests[0][0] == "bulk/v1/get/C/A/H0?period=2022&reporterCode=251,112"
    assert "Holds reports of 1 countries." in " ".join(written.notes)


def test_codes_go_there_and_back() -> None:
    for iso3, code in OWN_CODES.items():
        assert countries.from_code(code, "comtrade") == iso3
    assert code_of("KAZ") == "398"
    with pytest.raises(InputError, match="no code for XYZ"):
        code_of("XYZ")


def test_without_a_key(store: Store, server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY)
    with pytest.raises(InputError, match="COMTRADE_KEY"):
        run(store, server, cache)
    assert not server.requests


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_dialects(store: Store, server: Server, cache: Path, separator: str) -> None:
    body = b"\xef\xbb\xbf" + text(FRANCE, separator=separator, end="\r\n")
    give_index(server, entry(server, 251, gzip.compress(body)))
    run(store, server, cache)
    assert rows(store) == [("FRA", "export", "CHE", "870323", 10.0, 0.5)]


def test_lost_zeros_come_back(store: Store, server: Server, cache: Path) -> None:
    lost = [record(643, "X", 156, "10111", 1000, 1, aggrLevel=6), record(643, "X", 156, "270900", 2000, 1)]
    give_index(server, entry(server, 643, gzip.compress(text(lost))))
    written = run(store, server, cache)
    assert {row[3] for row in rows(store)} == {"010111", "270900"}
    assert any("Leading zeros" in note for note in written.notes)


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        (gzip.compress(text(FRANCE))[:-9], SourceError, "is damaged"),
        (b"no archive", SourceError, "is damaged"),
        (gzip.compress(text(FRANCE, [n for n in HEAD if n != "primaryValue"])), DataError, "primaryValue"),
        (gzip.compress(b""), DataError, "is empty"),
    ],
)
def test_files_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, body: bytes, error: type[EntrepotError], words: str
) -> None:
    give_index(server, entry(server, 251, body))
    with pytest.raises(error, match=words):
        run(store, server, cache)
    assert not store.has("reports")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"data": [], "error": ""}', "no reports in H0 for 2022"),
        (b'{"statusCode": 401, "message": "denied"}', "denied"),
        (b"<html>", "is no answer of UN Comtrade"),
        (b'{"data": [{"reporterCode": 643}]}', "fileUrl"),
    ],
)
def test_an_index_that_is_none(store: Store, server: Server, cache: Path, body: bytes, words: str) -> None:
    server.give("bulk/v1/get/C/A/H0", body)
    with pytest.raises(DataError, match=words):
        run(store, server, cache)


def test_refusals_of_the_server(store: Store, server: Server, cache: Path) -> None:
    with pytest.raises(SourceError, match="404"):
        run(store, server, cache)
    server.give("bulk/v1/get/C/A/H0", Answer(status=401))
    with pytest.raises(SourceError, match="may need a key"):
        run(store, server, cache)
    server.give("bulk/v1/get/C/A/H0", Answer(status=429, headers={"Retry-After": "100000"}))
    with pytest.raises(SourceError, match="asks to wait 100000 seconds"):
        run(store, server, cache)


def test_a_short_wait_is_waited(store: Store, server: Server, cache: Path) -> None:
    wait = Answer(status=429, headers={"Retry-After": "0"})
    give_index(server, entry(server, 251, gzip.compress(text(FRANCE))))
    server.answers["bulk/v1/get/C/A/H0"].insert(0, wait)
    run(store, server, cache)
    assert len(rows(store)) == 1


def preview(store: Store, server: Server, cache: Path, products: tuple[str, ...] = ("870323",)) -> Written:
    asked = replace(
        request(PREVIEW, range(2022, 2023), base=server.url), countries=("RUS",), products=products
    )
    (written,) = ingest(store, PREVIEW, asked, cache=cache)
    return written


def answer(data: list[dict]) -> bytes:
    return json.dumps({"elapsedTime": "0.1", "count": len(data), "data": data, "error": ""}).encode()


def test_the_preview(store: Store, server: Server, cache: Path) -> None:
    server.give("public/v1/preview/C/A/H0", answer(RUSSIA[7:9] + RUSSIA[10:]))
    written = preview(store, server, cache)
    assert rows(store) == [("RUS", "import", "USA", "870323", 80.0, 7.0)]
    assert "reporterCode=643" in server.requests[0][0]
    assert "cmdCode=870323" in server.requests[0][0]
    assert any("Holds 870323 as reported by RUS" in note for note in written.notes)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "no such trade was reported"),
        ([FRANCE[0]] * 500, "is cut off"),
        ([{k: v for k, v in FRANCE[0].items() if k != "netWgt"}], "netWgt"),
    ],
)
def test_previews_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, data: list[dict], words: str
) -> None:
    server.give("public/v1/preview/C/A/H0", answer(data))
    with pytest.raises(DataError, match=words):
        preview(store, server, cache)


def test_a_preview_of_everything_is_refused() -> None:
    with pytest.raises(InputError, match="needs countries"):
        PREVIEW.remotes(request(PREVIEW, range(2022, 2023)))
