"""`entrepot data` as people use it, against a server on this machine."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from tests.cli.conftest import run
from tests.sources.baci_files import ROWS, archive, text
from tests.sources.conftest import Answer, Server
from tests.sources.test_user import CSV, MAP

from entrepot.store import audit, files, open_store


@pytest.fixture
def server(publishers: Server) -> Server:
    years = {year: text(*ROWS).replace("2020", str(year)) for year in (2019, 2020)}
    publishers.give("baci/BACI_HS92_V202601.zip", archive(years))
    publishers.give("baci/BACI_HS17_V202601.zip", archive(years, revision="HS17"))
    return publishers


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "world"


def test_get_fetches_checks_and_writes(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, "data", "get", "baci", "--years", "2019:2020", "--store", store)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "BACI 2019: written, flows has 3 rows, 2019",
        "BACI 2020: written, flows has 6 rows, 2019 to 2020",
        f"ask with --store {store}",
    ]
    code, out, _ = run(capsys, "direction", "BLR", "--store", store, "--by", "partner")
    assert code == 0
    assert "CEPII" in out
    code, out, _ = run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)
    assert code == 0
    assert len(server.requests) == 1


def test_get_goes_to_the_store_of_the_environment(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENTREPOT_STORE", str(store))
    assert run(capsys, "data", "get", "baci", "--years", "2020")[0] == 0
    assert open_store(store).info("flows").rows == 3


def test_get_tells_of_refused_rows(server: Server, store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.give("baci/BACI_HS92_V202601.zip", archive({2020: text(*ROWS, "2020,999,643,010111,1,1")}))
    code, out, _ = run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)
    assert code == 0
    assert "note: BACI 2020: 1 of 4 rows, 7.02% of the value, were refused: unknown country 999 (1)." in out
    assert f"1 refused rows, with reasons: {store / 'rejects' / 'flows-2020.csv'}" in out


def test_another_revision_beside_the_first_is_refused(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.give(
        "baci/BACI_HS17_V202601.zip", archive({2020: text(ROWS[2], ROWS[2].replace("276", "398"))}, "HS17")
    )
    run(capsys, "data", "get", "baci", "--years", "2019", "--store", store)
    words = ["data", "get", "baci", "--years", "2020", "--hs", "HS17", "--store", store]
    code, _, err = run(capsys, *words)
    assert code == 1
    assert "table 'flows' is in HS1992, the new years are in HS2017" in err
    code, out, _ = run(capsys, *words, "--to", "HS92")
    assert code == 0
    assert "converted from HS2017 to HS1992" in out
    assert open_store(store).info("flows").years == (2019, 2020)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["get", "bacci", "--store", "S"], 2, "unknown source 'bacci'"),
        (["get", "baci", "--years", "1980:1990", "--store", "S"], 2, "baci has the years 1995 to 2024"),
        (["get", "baci", "--years", "2019,2020", "--store", "S"], 2, "is not a span of years"),
        (["get", "baci", "--years", "2020", "--hs", "HS1985", "--store", "S"], 2, "revision cannot be"),
        (["get", "baci", "--years", "2020"], 2, "no store is named"),
        (["get", "baci", "--years", "2018", "--store", "S"], 1, "holds no HS1992 for 2018"),
        (["get", "baci", "--years", "2022", "--hs", "HS22", "--store", "S"], 1, "the server answers 404"),
        (["check", "--total", "x", "--store", "S"], 1, "is not an entrepot store"),
        (["remove", "flows"], 2, "no store is named"),
        (["add", "none.csv", "--map", "none.toml", "--store", "S"], 2, "cannot read none.toml"),
    ],
)
def test_what_is_wrong_is_said_on_stderr(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, message: str
) -> None:
    found, out, err = run(capsys, "data", *(str(store) if word == "S" else word for word in words))
    assert (found, out) == (code, "")
    assert message in " ".join(err.split())


def test_a_store_that_is_being_written_to_is_named(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "data", "get", "baci", "--years", "2019", "--store", store)
    with files.writer_lock(store):
        code, _, err = run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)
    assert code == 1
    assert "another process is writing to the store" in err


def test_list_says_what_is_offered_fetched_and_held(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "data", "list")
    line = next(line for line in out.splitlines() if line.split()[:1] == ["baci"])
    assert code == 0
    assert "1995 to 2024" in line
    assert "Etalab" in line
    server.give("baci/BACI_HS92_V202601.zip", archive({2020: text(*ROWS), 2019: "x" * 3_000_000}))
    run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)
    code, out, _ = run(capsys, "data", "list", "--store", store)
    assert code == 0
    flows = next(line for line in out.splitlines() if line.split()[:1] == ["flows"])
    assert flows.split()[1:4] == ["3", "2020", "HS1992"]
    line = next(line for line in out.splitlines() if line.split()[:1] == ["baci"])
    assert " MB " in line


def test_add_reads_a_file_by_its_mapping(
    server: Server, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "map.toml").write_text(MAP, encoding="utf-8")
    words = ["data", "add", tmp_path / "mine.csv", "--map", tmp_path / "map.toml", "--store", store]
    code, out, err = run(capsys, *words)
    assert (code, err) == (0, "")
    assert "mine.csv 2022: written, flows has 3 rows, 2021 to 2022" in out
    info = open_store(store).info("flows")
    assert (info.revision, info.sources[0].producer) == ("HS2017", "Statistics Committee")


def test_check_finds_damage_and_totals_that_do_not_fit(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)
    code, out, _ = run(capsys, "data", "check", "--store", store, "--total", "2020=5.1")
    assert code == 0
    assert "1 files are what they were" in out
    assert "trade 2020: the rows add up to 2.598 times the published total." in out
    part = open_store(store).info("flows").parts[0]
    path = store / part.file
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    code, out, _ = run(capsys, "data", "check", "--store", store)
    assert code == 1
    assert "does not match the hash" in out


def test_remove_takes_a_table_or_the_fetched_files(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)
    code, out, _ = run(capsys, "data", "remove", "baci", "--fetched")
    assert (code, out) == (0, "0.0 MB removed\n")
    server.give("baci/BACI_HS92_V202601.zip", Answer(status=404))
    assert run(capsys, "data", "get", "baci", "--years", "2020", "--store", store)[0] == 1
    assert run(capsys, "data", "remove", "flows", "--store", store)[0] == 0
    assert open_store(store).names() == ()
    code, _, err = run(capsys, "data", "remove", "flows", "--store", store)
    assert code == 1
    assert "has no table 'flows'" in err


def test_synth_draws_trade_that_says_it_is_none(
    server: Server, store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = pa.table(
        {
            "year": pa.array([2023], pa.int16()),
            "exporter": ["BLR"],
            "importer": ["RUS"],
            "product": ["010111"],
            "value": [1.5],
            "quantity": pa.array([None], pa.float64()),
        }
    )
    monkeypatch.setattr(audit, "synthetic", lambda years, rows, seed: drawn.to_reader())
    code, out, _ = run(capsys, "data", "synth", "--rows", "2e4", "--years", "2023:2023", "--store", store)
    assert code == 0
    assert out == f"{store}: flows has 1 rows, 2023\n"
    info = open_store(store).info("flows")
    assert "Nothing in this table is an observation" in info.notes[0]
