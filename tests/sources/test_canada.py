"""Canada's regulations in the shape in which the Department of Justice publishes them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from tests.sources.conftest import Answer, Server
from tests.sources.law_files import LUXURY, canada, regulation, row, schedule, table

from entrepot.errors import EntrepotError, InputError, SourceError
from entrepot.measures import load_catalogue
from entrepot.measures.schema import ScopeRow
from entrepot.measures.transcribe import transcribe
from entrepot.sources.canada import LAW, consolidation, read, remotes
from entrepot.sources.download import Patience
from entrepot.sources.fetch import fetch
from entrepot.sources.law import PrintedLaw, PrintedRow

LATER = "2022-12-10"


def written(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def table_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def law(folder: Path, files: Mapping[str, bytes]) -> PrintedLaw:
    return read(written(folder, files))


def by_code(found: PrintedLaw) -> dict[tuple[str, str, str], PrintedRow]:
    return {(row.annex, row.part, row.codes): row for row in found.rows}


def test_rows_have_the_dates_between_which_they_stood(tmp_path: Path) -> None:
    found = law(tmp_path, canada())
    rows = by_code(found)
    whisky = rows["Schedule 6", "2", "220830"]
    assert (whisky.valid_from, whisky.valid_to, whisky.date_precision) == (date(2022, 5, 18), None, "exact")
    diamonds = rows["Schedule 6", "2", "7102.31"]
    assert (diamonds.valid_from, diamonds.valid_to) == (date(2022, 5, 18), date(2024, 3, 1))
    pearls = rows["Schedule 6", "1", "7101"]
    assert (pearls.valid_from, pearls.date_precision) == (date(2023, 12, 5), "exact")
    assert ("Schedule 10.01", "", "2710 12 90 11; 2710 12 90 14") in rows
    peat = rows["Schedule 7", "", "2703"]
    assert (peat.valid_from, peat.valid_to) == (date(2022, 5, 18), None)
    assert rows["Schedule 7", "", "2711.12.10.10"].valid_from == date(2025, 8, 12)
    assert (found.target, found.reference, found.as_of) == ("RUS", "SOR/2014-58", date(2025, 9, 10))


def test_only_tables_with_a_column_of_hs_codes_are_read(tmp_path: Path) -> None:
    found = law(tmp_path, canada())
    assert {row.annex for row in found.rows} == {"Schedule 6", "Schedule 7", "Schedule 10.01"}
    assert all("9999" not in row.codes for row in found.rows)
    assert [fault.reason for fault in found.refused] == ["no cell of HS codes"]


def test_a_price_in_another_currency_is_told_of(tmp_path: Path) -> None:
    text = canada()["d.xml"].replace(b"USD per Barrel", b"CAD per Barrel")
    done = transcribe(law(tmp_path, {"d.xml": text}), tmp_path / "law")
    reasons = [line["reason"] for line in table_of(done.folder / "rejects.csv")]
    assert reasons == ["no cell of HS codes", *["the price cannot be read"] * 3]


def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    paths = written(tmp_path, canada())
    assert read(paths[::-1]).rows == read(paths).rows


def first(history: list[str], day: str) -> PrintedRow:
    text = regulation(LATER, [schedule("9", [table("Gold", [row("1", "Gold", "7108")], day)], day, history)])
    (item,) = read_one(text).rows
    return item


def read_one(content: bytes) -> PrintedLaw:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return law(Path(folder), {"x.xml": content})


def test_one_consolidation_alone_dates_what_its_schedule_first_held() -> None:
    exact = first(["2022-07-08"], "2022-07-08")
    assert (exact.valid_from, exact.date_precision) == (date(2022, 7, 8), "exact")
    anew = first(["2022-07-08", "2022-12-01"], "2022-12-01")
    assert (anew.valid_from, anew.valid_from_earliest) == (date(2022, 12, 1), date(2022, 7, 8))
    assert anew.date_precision == "latest"


def test_a_date_outside_two_consolidations_is_an_upper_bound(tmp_path: Path) -> None:
    """The row is new between May and December, but its element says 2021: it was copied or backdated."""
    old = schedule("6", [table("Luxury", LUXURY[:1], "2022-05-18")], "2022-05-18", ["2022-05-18"])
    more = schedule("6", [table("Luxury", LUXURY[:2], "2021-01-01")], "2021-01-01", ["2022-05-18"])
    found = law(tmp_path, {"a.xml": regulation("2022-05-18", [old]), "b.xml": regulation(LATER, [more])})
    whisky = by_code(found)["Schedule 6", "", "220830"]
    assert (whisky.valid_from, whisky.valid_from_earliest) == (date.fromisoformat(LATER), date(2022, 5, 18))
    assert whisky.date_precision == "latest"


def test_a_row_that_was_gone_before_its_day_is_told_of(tmp_path: Path) -> None:
    soon = schedule("6", [table("Luxury", LUXURY, "2023-01-01")], "2023-01-01", ["2022-05-18"])
    gone = schedule("6", [table("Luxury", LUXURY[:1], "2022-05-18")], "2022-05-18", ["2022-05-18"])
    found = law(tmp_path, {"a.xml": regulation("2022-05-18", [soon]), "b.xml": regulation(LATER, [gone])})
    assert [row.codes for row in found.rows] == ["301"]
    assert [fault.reason for fault in found.refused] == ["gone before it was in force"] * 2


def test_an_instrument_that_cannot_be_read_is_not_left_behind(tmp_path: Path) -> None:
    found = law(tmp_path, canada())
    wrong = replace(found.rows[0], valid_from=date(2022, 1, 1), valid_to=date(2021, 1, 1))
    with pytest.raises(EntrepotError, match="is not after valid_from"):
        transcribe(replace(found, rows=(wrong,)), tmp_path / "law")
    assert list((tmp_path / "law").iterdir()) == []


def test_a_row_that_comes_back_has_two_lives(tmp_path: Path) -> None:
    days = ("2022-05-18", "2023-05-18", "2024-05-18")
    lists = (LUXURY, LUXURY[:2], LUXURY)
    files = {
        f"{day}.xml": regulation(day, [schedule("6", [table("Luxury", rows, day)], day, [day])])
        for day, rows in zip(days, lists, strict=True)
    }
    lives = [(r.valid_from, r.valid_to) for r in law(tmp_path, files).rows if r.codes == "7102.31"]
    begun, gone, again = map(date.fromisoformat, days)
    assert sorted(lives) == [(begun, gone), (again, None)]


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE Regulation [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<Regulation>&b;</Regulation>"
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BOMB.encode(), "declares a document type"),
        (BOMB.encode("utf-16"), "declares a document type"),
        (b'<!DOCTYPE Regulation SYSTEM "file:///etc/passwd"><Regulation/>', "declares a document type"),
        (canada()["a.xml"][:-20], "is no whole XML"),
        (b"", "is no whole XML"),
        (b"<html><body>moved</body></html>", "is no consolidated regulation"),
        (
            canada()["a.xml"].replace(b"lims:lastAmendedDate", b"lims:changed"),
            "is no consolidated regulation",
        ),
    ],
    ids=["bomb", "bomb-utf16", "external", "cut", "empty", "page", "changed"],
)
def test_what_is_no_regulation_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        consolidation(content, "x.xml")


def test_a_bom_and_windows_line_ends_change_nothing(tmp_path: Path) -> None:
    plain = canada()["a.xml"].replace(b"><", b">\n<")
    odd = b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n")
    assert consolidation(odd, "x").items == consolidation(plain, "x").items


def test_several_regulations_at_once_are_refused(tmp_path: Path) -> None:
    other = regulation("2024-01-01", [], number="SOR/2020-214")
    with pytest.raises(InputError, match="SOR/2014-58, SOR/2020-214"):
        law(tmp_path, {"a.xml": canada()["a.xml"], "b.xml": other})


def test_it_becomes_an_instrument_that_takes_the_place_of_the_embedded_one(tmp_path: Path) -> None:
    done = transcribe(law(tmp_path, canada()), tmp_path / "law", today=date(2026, 1, 2))
    assert (done.measures, done.open) == (4, ())
    catalogue = load_catalogue(tmp_path / "law")
    own = {row.measure_id: row for row in catalogue.measures if row.instrument_id == "ca-sor-2014-58"}
    assert list(own) == ["ca-ru-sch6p2", "ca-ru-sch6p1", "ca-ru-sch7", "ca-ru-sch10.01"]
    assert (own["ca-ru-sch6p1"].direction, own["ca-ru-sch6p1"].provision) == ("export", "s. 3.08(1)")
    scope = {(row.measure_id, row.prefix): row for row in catalogue.scope if row.measure_id in own}
    assert scope["ca-ru-sch6p2", "0301"].as_printed == "301"
    assert scope["ca-ru-sch6p1", "97"].as_printed == "9700"
    assert scope["ca-ru-sch7", "285390"].partial
    assert scope["ca-ru-sch7", "2711121010"].nomenclature == "CA2022"
    assert (scope["ca-ru-sch10.01", "2709"].cap_value, scope["ca-ru-sch10.01", "2709"].cap_unit) == (
        47.6,
        "USD/barrel",
    )
    assert scope["ca-ru-sch10.01", "2710129014"].cap_value == 100
    assert scope["ca-ru-sch10.01", "2710"].partial
    assert scope["ca-ru-sch10.01", "2710"].cap_value is None
    assert [r["reason"] for r in table_of(done.folder / "rejects.csv")] == [
        "no cell of HS codes",
        "the price cannot be read",
    ]
    with pytest.raises(InputError, match="is already there"):
        transcribe(law(tmp_path, canada()), tmp_path / "law")


def test_a_schedule_that_nobody_knows_is_left_to_a_person(tmp_path: Path) -> None:
    day = "2026-01-01"
    new = schedule(
        "14", [table("Other", [row("1", "Tea", "0902"), row("2", "?", "0999.99")], day)], day, [day]
    )
    done = transcribe(law(tmp_path, {"a.xml": regulation(day, [new])}), tmp_path / "law")
    assert done.open == tuple(
        f"measure.csv, ca-sor-2014-58-schedule-14: {word}" for word in ("direction", "kind")
    )
    assert "no revision of the nomenclature has 099999" in (done.folder / "rejects.csv").read_text()
    with pytest.raises(EntrepotError, match=r"measure\.csv, line 2, column 'direction'"):
        load_catalogue(tmp_path / "law")


def test_consolidations_are_fetched_by_the_commit_that_holds_them(server: Server, cache: Path) -> None:
    found = remotes(server.url, "SOR-2020-214")
    assert len(found) > 5
    assert len({remote.name for remote in found}) == len(found)
    path = found[0].url.removeprefix(server.url)
    assert path.endswith("/eng/regulations/SOR-2020-214.xml")
    server.give(path, Answer(b"", 429, {"Retry-After": "0"}), canada()["a.xml"])
    copy = fetch(found[0], cache, patience=Patience(3, 0.01, 1.0))
    assert read([copy.path]).reference == "SOR/2014-58"
    with pytest.raises(SourceError, match="404"):
        fetch(found[1], cache, patience=Patience(1, 0.01, 0.1))
    with pytest.raises(InputError, match="unknown regulation 'SOR-2014-5'"):
        remotes(server.url, "SOR-2014-5")
    assert LAW.redistributable


def rebuilt(rows: list[dict[str, str]], amended: str) -> bytes:
    """Return the consolidation of a day, made of transcribed rows: as many schedules, tables and rows."""
    lists: dict[tuple[str, str], list[dict[str, str]]] = {}
    for line in rows:
        if line["valid_from"] <= amended and not (line["valid_to"] and line["valid_to"] <= amended):
            label, _, part = line["measure_id"].removeprefix("ca-ru-sch").partition("p")
            lists.setdefault((label, part), []).append(line)
    schedules = []
    for label in dict.fromkeys(label for label, _ in lists):
        groups = {part: found for (other, part), found in lists.items() if other == label}
        tables = [
            table("Goods", [printed(line) for line in found], amended, part=part)
            for part, found in groups.items()
        ]
        days = [line["valid_from"] for found in groups.values() for line in found]
        schedules.append(schedule(label, tables, min(days), [min(days), max(days)]))
    return regulation(amended, schedules)


def printed(line: dict[str, str]) -> str:
    day = line["valid_from"] if line["date_precision"].startswith("exact") else "2000-01-01"
    return row("1", "Goods", escape(line["as_printed"]), day=day)


def line(scope: ScopeRow) -> tuple[object, ...]:
    ends = (scope.valid_from, scope.valid_from_earliest, scope.valid_to, scope.date_precision)
    return (scope.measure_id, scope.prefix, scope.op, scope.partial, *map(str, ends))


@pytest.mark.needs_shared
def test_the_history_of_a_regulation_comes_back_from_its_consolidations(shared: Path, tmp_path: Path) -> None:
    """METHODS section 2: rows (distinct codes) in force of Canada's measures, from its consolidations.

    The schedule of price caps is left out, as the transcription does not hold its prices; so the last of
    the METHODS numbers (2025-09-01: 1,334 rows with 18 of price caps) is compared for bans.
    """
    lines = table_of(shared / "measures-ca" / "scope.csv")
    lines = [r for r in lines if r["measure_id"].startswith("ca-ru-") and "sch10.01" not in r["measure_id"]]
    snapshots = table_of(shared / "measures-ca" / "snapshots.csv")
    days = sorted({r["last_amended"] for r in snapshots if r["regulation"] == "SOR-2014-58"})
    found = law(tmp_path, {f"{day}.xml": rebuilt(lines, day) for day in days})
    done = transcribe(found, tmp_path / "law", today=date(2026, 1, 2))
    own = load_catalogue(tmp_path / "law")
    for day, rows, codes in (
        (date(2021, 12, 31), 26, 26),
        (date(2022, 6, 1), 372, 351),
        (date(2023, 12, 31), 399, 367),
        (date(2025, 7, 1), 436, 401),
    ):
        wanted = load_catalogue().in_force(day, sender="CAN", target="RUS")
        assert (wanted.rows, wanted.codes) == (rows, codes)
        assert own.in_force(day, sender="CAN", target="RUS") == wanted
    held = [[line(r) for r in c.scope if r.measure_id.startswith("ca-ru-")] for c in (own, load_catalogue())]
    assert sorted(held[0]) == sorted(r for r in held[1] if "sch10.01" not in r[0])
    bans = [
        c.in_force(date(2025, 9, 1), target="RUS", sender="CAN", kinds=("ban",))
        for c in (own, load_catalogue())
    ]
    assert bans[0] == bans[1]
    assert done.open == ()


def test_recorded_schedules_say_what_the_embedded_catalogue_says(tmp_path: Path) -> None:
    """Schedules 9 to 10.01 of SOR/2014-58 of 2025-11-06, shortened (reproduction: Order SI/97-5).

    The catalogue knows all versions, the recorded one stands alone: so the row whose English was mended in
    2023 is dated "at the latest", and the later price of crude oil is not in it.
    """
    recorded = Path(__file__).parent / "recorded" / "SOR-2014-58_2025-11-06_schedules-9-to-10.01.xml"
    done = transcribe(read([recorded]), tmp_path / "law")
    own, whole = load_catalogue(tmp_path / "law", embedded=False), load_catalogue()
    names = ("ca-ru-sch9", "ca-ru-sch10.01")

    def said(rows: tuple[ScopeRow, ...]) -> set[tuple[object, ...]]:
        chosen = [row for row in rows if row.measure_id in names and row.prefix not in ("711319",)]
        return {
            (r.measure_id, r.prefix, r.partial, r.cap_value, r.valid_from, r.date_precision) for r in chosen
        }

    later = {row for row in said(whole.scope) if row[3] == 44.1}
    assert said(own.scope) == said(whole.scope) - later
    assert len(said(own.scope)) == 24
    (mended,) = [row for row in own.scope if row.prefix == "711319"]
    assert (mended.valid_from, mended.valid_from_earliest) == (date(2023, 12, 5), date(2022, 7, 8))
    assert (done.refused, done.open) == (0, ())
