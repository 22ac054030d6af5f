"""A consolidated regulation of the European Union in the shape of EUR-Lex's HTML."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from tests.sources.law_files import annex, european, html_table

from entrepot.errors import EntrepotError, InputError, SourceError
from entrepot.measures import load_catalogue
from entrepot.measures.transcribe import Transcribed, transcribe
from entrepot.sources.eu_regulation import LAW, read
from entrepot.sources.law import PrintedLaw


def law(folder: Path, text: str | None = None) -> PrintedLaw:
    path = folder / "833-2014.html"
    path.write_text(european() if text is None else text, encoding="utf-8")
    return read([path])


def done(folder: Path, text: str | None = None) -> Transcribed:
    return transcribe(law(folder, text), folder / "law", target="RUS", today=date(2026, 1, 2))


def lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_annexes_with_codes_are_read_and_the_others_left(tmp_path: Path) -> None:
    found = law(tmp_path)
    assert [(entry.annex, entry.part) for entry in found.lists] == [
        ("XVIII", "1"), ("XVIII", "15"), ("XXI", "A"), ("XXI", "B"), ("XXIII", ""), ("XCIX", ""),
    ]  # fmt: skip
    assert found.lists[0].title == "Horses"
    assert found.lists[4].title == "List of goods referred to in Article 3k"
    assert {row.annex for row in found.rows} == {"XVIII", "XXI", "XXIII", "XCIX"}
    assert (found.instrument_id, found.reference, found.as_of) == (
        "eu-833-2014",
        "32014R0833",
        date(2022, 12, 4),
    )
    assert (found.title[:40], found.adopted) == (
        "COUNCIL REGULATION (EU) No 833/2014 of 3",
        date(2014, 7, 31),
    )


def test_what_the_articles_say_clearly_is_proposed(tmp_path: Path) -> None:
    entries = {(entry.annex, entry.part): entry for entry in law(tmp_path).lists}
    assert entries["XVIII", "1"].provision == "Art. 3h"
    assert (entries["XVIII", "1"].direction, entries["XXI", "A"].direction) == ("export", "import")
    assert entries["XXIII", ""].wind_down_to == date(2022, 7, 10)


def test_what_they_do_not_say_clearly_is_left_open(tmp_path: Path) -> None:
    entries = {(entry.annex, entry.part): entry for entry in law(tmp_path).lists}
    parts = entries["XXI", "B"]
    assert parts.wind_down_to is None
    assert parts.condition == "several days of wind-down (2022-07-10, 2023-01-08): say which"
    other = entries["XCIX", ""]
    assert (other.direction, other.kind, other.provision) == ("", "", "")
    assert other.condition == "named in Articles 12f, 12g: say which"


def test_an_article_that_bans_both_ways_leaves_the_direction_open(tmp_path: Path) -> None:
    both = (
        "It shall be prohibited to purchase and it shall be prohibited to export goods listed in Annex XCIX."
    )
    text = european().replace("It shall be prohibited to sell goods of Annex XCIX.", both)
    text = text.replace("It shall be prohibited to purchase goods of Annex XCIX.", "Nothing.")
    entry = law(tmp_path, text).lists[-1]
    assert (entry.provision, entry.direction, entry.kind) == ("Art. 12f", "", "")


def test_the_skeleton_can_be_used_when_a_person_has_completed_it(tmp_path: Path) -> None:
    found = done(tmp_path)
    assert found.open == ("measure.csv, eu-833-2014-xcix: direction", "measure.csv, eu-833-2014-xcix: kind")
    with pytest.raises(EntrepotError, match="column 'direction'"):
        load_catalogue(tmp_path / "law")
    path = found.folder / "measure.csv"
    path.write_text(path.read_text().replace("XCIX,,,,", "XCIX,,export,ban,destination"))
    own = load_catalogue(tmp_path / "law", embedded=False)
    assert own.in_force(date(2022, 12, 4), target="RUS").rows == 12
    assert {row.date_precision for row in own.scope} == {"observed"}


def test_codes_come_as_printed_with_the_traps_of_real_law(tmp_path: Path) -> None:
    rows = {row["prefix"]: row for row in lines(done(tmp_path).folder / "scope.csv")}
    assert (rows["010121"]["partial"], rows["010121"]["as_printed"]) == ("1", "ex 0101 21 00")
    assert (rows["841459"]["threshold_value"], rows["841459"]["threshold_unit"]) == ("750.0", "EUR/item")
    assert (rows["28"]["op"], rows["282520"]["op"]) == ("include", "exclude")
    assert rows["441294"]["nomenclature"] == "HS2017"
    assert rows["8407"]["nomenclature"] == "CN2022"
    assert rows["160431"]["measure_id"] == "eu-ru-833-XXI-A"


def test_ambiguous_lines_go_to_the_rejects_with_reasons(tmp_path: Path) -> None:
    refused = lines(done(tmp_path).folder / "rejects.csv")
    assert [(row["reason"], row["annex"]) for row in refused] == [
        ("no customs code in its column", "XXI"),
        ("no customs code can be read from '7206 to 7229'", "XXI"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("><", ">\r\n<"),
        lambda text: text.replace("<table border='1'><tbody>", "<table><tr><td><table><tbody>").replace(
            "</tbody></table>", "</tbody></table></td></tr></table>"
        ),
        lambda text: text.replace("0601", "<span>06</span>01 "),
        lambda text: text.replace("ANNEX XXIII", "►M7 ANNEX XXIII ◄"),
        lambda text: text.replace("<p class=\"title-annex-1\">", '<p class="oj-doc-ti">'),
        lambda text: text.replace("</p>", ""),
    ],
    ids=["bom", "crlf", "nested", "spans", "marks", "journal", "open-paragraphs"],
)  # fmt: skip
def test_other_hands_write_the_same_law(tmp_path: Path, change: object) -> None:
    assert callable(change)
    wanted = [(row.annex, row.part, row.codes) for row in law(tmp_path).rows]
    found = [(row.annex, row.part, row.codes.strip()) for row in law(tmp_path, change(european())).rows]
    assert found == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no title"),
        ("<html><head><title>EUR-Lex - sorry</title></head></html>", "has no title"),
        (european().replace("Consolidated TEXT", "Text"), "has no title"),
        (european().split("<hr")[0], "has no annex with customs codes"),
    ],
)
def test_what_is_no_consolidated_regulation_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        law(tmp_path, text)


def test_a_file_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are read from a file"):
        LAW.remotes(LAW.base, "")
    with pytest.raises(InputError, match="0 files are given"):
        read([])


def test_a_row_without_a_code_is_told_of_only_where_codes_are_expected(tmp_path: Path) -> None:
    prose = html_table(("Ship", "IMO 1234567"), ("Other", "words"))
    text = european().replace("</body>", annex("XLII", "List of vessels", prose) + "</body>")
    assert [row.annex for row in law(tmp_path, text).refused] == ["XXI"]


def printed(row: dict[str, str]) -> str:
    """Print a code as the law does, in groups of two digits after the first four."""
    digits = row["as_printed"].removeprefix("ex ")
    pairs = [digits[i : i + 2] for i in range(4, len(digits), 2)] if digits.isdigit() else []
    return ("ex " if row["partial"] == "1" else "") + (" ".join([digits[:4], *pairs]) if pairs else digits)


@pytest.mark.needs_shared
def test_transcribed_annexes_come_back_from_a_page_made_of_them(shared: Path, tmp_path: Path) -> None:
    """The annexes of the consolidation of 2022-12-04, printed as EUR-Lex does and read again."""
    measures = {row["measure_id"]: row for row in lines(shared / "measures-eu-833-2014" / "measures.csv")}
    rows = [r for r in lines(shared / "measures-eu-833-2014" / "scope.csv") if "XVIII" not in r["measure_id"]]
    body, wanted = "", set()
    for name in dict.fromkeys(row["measure_id"] for row in rows):
        number, _, part = measures[name]["annex"].partition(" ")
        goods = [row for row in rows if row["measure_id"] == name and row["op"] == "include"]
        if len(part.split()) > 2:
            continue
        heading = (
            f"<p class='title-gr-seq-level-1'>PART {part.split()[-1]}</p>" if part.startswith("Part") else ""
        )
        cells = [
            ("CN code", "Goods"),
            *((printed(row), "x") for row in goods),
        ]
        body += annex(number, "Goods", heading + html_table(*cells))
        wanted |= {(number, row["code"]) for row in goods}
    page = european().split("<hr")[0] + body + "</body></html>"
    found = done(tmp_path, page)
    ids = {row["measure_id"]: row["annex"] for row in lines(found.folder / "measure.csv")}
    read_back = {
        (ids[row["measure_id"]], row["prefix"])
        for row in lines(found.folder / "scope.csv")
        if row["op"] == "include"
    }
    assert len(wanted) > 900
    assert wanted - read_back == set()
