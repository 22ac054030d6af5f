"""The OECD's tables as they are published, and as they come when something went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.conftest import Answer, Server
from tests.sources.io_files import Table, expected, icio, small, zipped

from entrepot.errors import DataError, EntrepotError, SourceError
from entrepot.sources.dataset import Parsed
from entrepot.sources.download import Patience
from entrepot.sources.icio import BASE, DATASET, read_year
from entrepot.store import Store
from entrepot.store.ingest import Written, ingest, request

Read = Callable[..., dict[str, Parsed]]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[[str | bytes], dict[str, list[tuple[object, ...]]]]]:
    with duckdb.connect() as connection:

        def parse(content: str | bytes) -> dict[str, list[tuple[object, ...]]]:
            path = tmp_path / "2019_SML.csv"
            path.write_bytes(content.encode() if isinstance(content, str) else content)
            found: dict[str, list[tuple[object, ...]]] = {}
            for piece in read_year(connection, path, 2019):
                found[piece.table] = sorted(piece.rows.fetchall())
                found["rejects"] = sorted(piece.rejects.fetchall()) if piece.rejects else []
                found["notes"] = [(note,) for note in piece.notes]
            return found

        yield parse


def cells(found: dict[str, list[tuple[object, ...]]]) -> dict[tuple[object, ...], object]:
    return {row[1:5]: row[5] for row in found["industry_flows"]}


def test_a_year_as_published(read: Read) -> None:
    table = small()
    found = read(icio(table))
    assert cells(found) == pytest.approx(expected(table))
    assert found["rejects"] == found["notes"] == []
    totals = {row[1:3]: row[3:] for row in found["industry_totals"]}
    bought, sold = table.sales.sum(0), table.final.sum(1)
    for place, label in enumerate(table.labels):
        wanted = (table.output[place], bought[place], sold[place])
        assert totals[tuple(label.split("_"))] == pytest.approx(wanted)
    final = {row[1:4]: row[4] for row in found["final_demand"]}
    assert final["BLR", "C10", "AUS"] == pytest.approx(table.final[3, :6].sum())
    assert final["AUS", "A01", "AUS"] == pytest.approx(table.final[0, :6].sum())
    assert min(final.values()) <= -50
    assert len(final) == 18


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text.replace("\n", "\r\n"),
        lambda text: "\n".join(",".join(f'"{c}"' if c[:1].isalpha() else c for c in line.split(","))
                               for line in text.split("\n")),
        lambda text: text.rstrip("\n"),
        lambda text: text.replace("V1,", ",", 1),
        lambda text: text.replace("\nVA,", "\nVALU,").replace("\nTLS,", "\nAUS_TAXSUB,"),
    ],
    ids=["bom", "crlf", "bom-crlf", "quoted", "no-last-end", "no-corner", "older-names"],
)  # fmt: skip
def test_harmless_dialects_are_read_without_a_word(read: Read, change: Callable[[str], str]) -> None:
    table = small()
    found = read(change(icio(table)))
    assert cells(found) == pytest.approx(expected(table))
    assert found["notes"] == []


def test_semicolon_and_decimal_comma_are_read_with_a_note(read: Read) -> None:
    table = small()
    found = read(icio(table).replace(",", ";").replace(".", ","))
    assert cells(found) == pytest.approx(expected(table))
    assert found["notes"] == [("ICIO 2019: The file is separated by ';', decimals by ','; it was read so.",)]


def test_parts_of_countries_are_folded_with_a_note(read: Read) -> None:
    table = small(("AUS", "CN1", "CN2", "MX1", "MX2", "ROW"), buyers=4)
    found = read(icio(table, ("AUS", "CHN", "MEX", "ROW")))
    flows = cells(found)
    assert {key[0] for key in flows} == {"AUS", "CHN", "MEX", "ROW"}
    assert flows["CHN", "A01", "MEX", "C10"] == pytest.approx(table.sales[[2, 4]][:, [7, 9]].sum())
    assert found["notes"] == [("ICIO 2019: The parts CN1, CN2, MX1, MX2 were added up to CHN, MEX.",)]
    totals = {row[1:3]: row[3] for row in found["industry_totals"]}
    assert totals["CHN", "A01"] == pytest.approx(table.output[[2, 4]].sum())
    assert sum(totals.values()) == pytest.approx(table.output.sum())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_accounts_hold_after_reading(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    table = small(seed=seed)
    path = tmp_path_factory.mktemp("io") / "2019_SML.csv"
    path.write_text(icio(table))
    with duckdb.connect() as connection:
        found = {piece.table: piece.rows.fetchall() for piece in read_year(connection, path, 2019)}
    sold: dict[tuple[str, str], float] = {}
    for row in [*found["industry_flows"], *found["final_demand"]]:
        sold[row[1], row[2]] = sold.get((row[1], row[2]), 0.0) + row[-1]
    for _, country, sector, output, bought, final in found["industry_totals"]:
        assert sold[country, sector] == pytest.approx(output, abs=1e-6)
        inputs = sum(row[5] for row in found["industry_flows"] if row[3:5] == (country, sector))
        assert (bought, output - final) == pytest.approx((inputs, output - final))


def with_cell(table: Table, row: str, column: str, value: str) -> str:
    lines = [line.split(",") for line in icio(table).splitlines()]
    place = lines[0].index(column)
    next(line for line in lines if line[0] == row)[place] = value
    return "\n".join(",".join(line) for line in lines) + "\n"


@pytest.mark.parametrize(
    ("row", "column", "value", "reason"),
    [
        ("AUS_A01", "BLR_C10", "n.a.", "no number"),
        ("AUS_A01", "BLR_C10", "", "no number"),
        ("AUS_A01", "BLR_C10", "inf", "value not finite"),
        ("AUS_A01", "BLR_C10", "-0.001", "negative intermediate sale"),
        ("AUS_A01", "BLR_HFCE", "x", "no number"),
    ],
)
def test_a_faulty_cell_goes_to_the_rejects_with_its_reason(
    read: Read, row: str, column: str, value: str, reason: str
) -> None:
    table = small()
    table.sales[0, 3] = 0.02
    table.final[0, 6] = 0.02
    found = read(
        with_cell(replace(table, output=table.sales.sum(1) + table.final.sum(1)), row, column, value)
    )
    assert [line[0] for line in found["rejects"]] == [reason]
    assert found["rejects"][0][2].startswith("AUS,A01,BLR")
    assert ("AUS", "A01", "BLR", "C10") in cells(found) or column == "BLR_C10"
    assert "ICIO 2019: 1 cells were refused and count as zero." in [note for (note,) in found["notes"]]


def test_accounts_that_are_a_little_off_are_noted_with_the_worst(read: Read) -> None:
    table = small()
    table = Table(*(getattr(table, name) for name in ("countries", "sectors")), table.sales * 1000,
                  table.final * 1000, table.taxes * 1000, table.output * 1000)  # fmt: skip
    off = table.output.copy()
    off[1] += 300.0
    found = read(icio(replace(table, output=off)))
    text = found["notes"][0][0]
    assert "sales and output differ by more than 1 million USD and 0.1% for 1 industries" in text
    assert "most of all AUS_C10 by 300.0 million" in text
    assert len(found["notes"]) == 1


def test_accounts_that_do_not_add_up_are_refused(read: Read) -> None:
    table = small()
    with pytest.raises(DataError, match="sales and output do not agree") as caught:
        read(icio(replace(table, output=table.output * 1.05)))
    assert "nothing was written" in str(caught.value.hint)
    lines = [line for line in icio(table).splitlines() if not line.startswith("VA,")]
    with pytest.raises(DataError, match="inputs with value added, and output, do not agree"):
        read("\n".join(lines))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("AUS_A01", "AUS_01T02"), "'AUS_01T02', which is no industry of a country"),
        (lambda text: text.replace("AUS_HFCE", "Households"), "a row or column 'Households'"),
        (lambda text: text.replace(",OUT", ",XXX"), "a row or column 'XXX'"),
        (lambda text: text.replace("\nBLR_A01", "\nAUS_A01"), "has the row AUS_A01 twice"),
        (lambda text: text[: text.index("\nROW_C10,")], "lacks the row VA of value added"),
        (lambda text: text.replace("\nROW_C10,", "\nRUS_C10,"), "rows and columns: ROW_C10, RUS_C10"),
        (lambda text: text[: text.index("\nROW_C10,") + 30], "has not as many cells as the heading"),
        (lambda text: text.replace("VA,", "XX_,"), "a row or column 'XX_'"),
        (lambda text: "", "is empty"),
        (lambda text: "<!DOCTYPE html><p>moved</p>", "is a web page, not a table"),
    ],
    ids=[
        "older",
        "changed",
        "no-output",
        "twice",
        "cut-line",
        "other-rows",
        "cut-cell",
        "row",
        "empty",
        "page",
    ],
)
def test_another_layout_is_refused_by_name(read: Read, change: Callable[[str], str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(change(icio(small())))


def test_a_table_without_its_accounts_lacks_them(read: Read) -> None:
    text = icio(small())
    lines = [line.rsplit(",", 1)[0] for line in text.splitlines()]
    with pytest.raises(DataError, match="lacks the column OUT"):
        read("\n".join(lines))
    with pytest.raises(DataError, match="lacks the row VA"):
        read("\n".join(line for line in text.splitlines() if line[:3] not in ("VA,", "TLS")))


def run(store: Store, server: Server, cache: Path, years: range, given: Path | None = None) -> list[Written]:
    asked = request(DATASET, years, base=server.url)
    return list(ingest(store, DATASET, asked, cache=cache, patience=Patience(2, 0.01, 0.1), given=given))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def bundle(*years: int) -> bytes:
    return zipped({f"{year}_SML.csv": icio(small(seed=year)) for year in years} | {"ReadMe.txt": "ICIO"})


def test_years_of_two_archives_go_into_a_store(store: Store, server: Server, cache: Path) -> None:
    server.give("2011-2015_SML.zip", bundle(*range(2011, 2016)))
    server.give("2016-2022_SML.zip", bundle(*range(2016, 2023)))
    written = run(store, server, cache, range(2015, 2017))
    assert [piece.table.name for piece in written] == [
        "industry_totals",
        "final_demand",
        "industry_flows",
    ] * 2
    assert store.info("industry_flows").years == (2015, 2016)
    found = store.collect(store.table("industry_flows"))
    assert found.num_rows == len(expected(small(seed=2015))) + len(expected(small(seed=2016)))
    assert store.info("final_demand").sources[0].licence == "CC BY 4.0"
    assert [path for path, _ in server.requests] == ["2011-2015_SML.zip", "2016-2022_SML.zip"]


def test_a_file_fetched_by_hand_is_taken(store: Store, server: Server, cache: Path, tmp_path: Path) -> None:
    archive = tmp_path / "2016-2022_EXT.zip"
    archive.write_bytes(zipped({"2022_EXT.csv": icio(small())}))
    run(store, server, cache, range(2022, 2023), given=archive)
    table = tmp_path / "2021_SML.csv"
    table.write_text(icio(small()))
    run(store, server, cache, range(2021, 2022), given=table)
    assert store.info("industry_flows").years == (2021, 2022)
    assert server.requests == []
    with pytest.raises(EntrepotError, match="there is no file"):
        run(store, server, cache, range(2021, 2022), given=tmp_path / "none.zip")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"", 404), "the server answers 404"),
        (Answer(b"", 403), "is not given to us"),
        (Answer(b"", 429, {"Retry-After": "3600"}), "asks to wait 3600 seconds"),
        (Answer(bundle(2016)[:-30]), "is damaged"),
        (Answer(b"<html>moved</html>"), "is damaged"),
        (Answer(bundle(2017)), "holds no table for 2016"),
    ],
)
def test_what_a_server_may_do(store: Store, server: Server, cache: Path, answer: Answer, words: str) -> None:
    server.give("2016-2022_SML.zip", answer)
    with pytest.raises(SourceError, match=words):
        run(store, server, cache, range(2016, 2017))
    assert store.names() == ()


def test_a_changed_archive_is_refused_until_it_is_asked_for(
    store: Store, server: Server, cache: Path
) -> None:
    server.give("2016-2022_SML.zip", bundle(2016), bundle(2016, 2017))
    run(store, server, cache, range(2016, 2017))
    (cache / "icio" / "2016-2022_SML.zip").unlink()
    with pytest.raises(SourceError, match="is not the file that is expected"):
        run(store, server, cache, range(2016, 2017))


def test_the_address_is_that_of_the_publisher() -> None:
    names = [remote.url for remote in DATASET.remotes(request(DATASET))]
    assert names[-1] == f"{BASE}2016-2022_SML.zip"
    assert len(names) == 5
    assert np.all([name.endswith("_SML.zip") for name in names])
