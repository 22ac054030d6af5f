"""The embedded catalogue against the facts, and what is known when."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import pytest

from entrepot.errors import DataError, InputError
from entrepot.measures import Catalogue, load_catalogue, read_printed
from entrepot.measures.nomenclature import base_revision
from entrepot.measures.schema import KINDS
from entrepot.world import products


@pytest.fixture(scope="module")
def law() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize(
    ("at", "rows", "codes"),
    [
        ("2021-12-31", 26, 26),
        ("2022-06-01", 372, 351),
        ("2023-12-31", 399, 367),
        ("2025-07-01", 436, 401),
        ("2025-09-01", 1334, 1157),
    ],
)
def test_canada_on_russia_in_force(law: Catalogue, at: str, rows: int, codes: int) -> None:
    found = law.in_force(date.fromisoformat(at), target="RUS", sender="CAN")
    assert (found.rows, found.codes) == (rows, codes)


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("folder", "instruments", "count"),
    [
        ("measures-ca", ("ca-sor-2014-58", "ca-sor-2020-214"), 1745),
        ("measures-eu-833-2014", ("eu-833-2014",), 1290),
        ("measures-eu-765-2006", ("eu-765-2006",), 93),
    ],
)
def test_every_transcribed_row_is_there(
    law: Catalogue, shared: Path, folder: str, instruments: tuple[str, ...], count: int
) -> None:
    with open(shared / folder / "scope.csv", encoding="utf-8", newline="") as file:
        facts = {
            (r["measure_id"], r["code"], r["op"], r.get("valid_from", ""), r.get("valid_to", ""))
            for r in csv.DictReader(file)
        }
    dated = folder == "measures-ca"
    ours = {
        (
            # The one annex that is split by wind-down.
            r.measure_id.removesuffix("-crude").removesuffix("-products"),
            r.prefix,
            r.op,
            str(r.valid_from or "") if dated else "",
            str(r.valid_to or "") if dated else "",
        )
        for r in law.scope
        if law.measure[r.measure_id].instrument_id in instruments
    }
    assert len(facts) == count
    assert ours == facts


def test_every_measure_has_evidence_parties_and_a_stamp(law: Catalogue) -> None:
    evidence = {row.measure_id for row in law.evidence}
    for row in law.measures:
        assert row.measure_id in evidence
        assert row.kind in KINDS
        assert law.parties_of(row.measure_id, "sender")
        assert law.instrument[row.instrument_id].as_of >= date(2022, 3, 10)


def test_an_annex_date_of_the_official_journal_says_so(law: Catalogue) -> None:
    dated = [m for m in law.measures if m.instrument_id == "eu-833-2014" and m.date_precision == "latest"]
    certainty = {(row.measure_id, row.certainty) for row in law.evidence}
    assert dated
    for row in dated:
        assert (row.measure_id, "from public record, annex scope may have changed") in certainty


def test_every_code_is_one_of_its_nomenclature_but_one(law: Catalogue) -> None:
    unknown = {
        row.prefix
        for row in law.scope
        if not products.exists(row.prefix[:6], base_revision(row.nomenclature))
    }
    assert unknown == {"842910"}
    assert {row.prefix for row in law.scope if row.nomenclature == "HS2017" and len(row.prefix) == 6} == {
        "441294",
        "441860",
    }


def test_thresholds_and_misprints_of_the_law(law: Catalogue) -> None:
    luxury = [
        row for row in law.scope if row.measure_id.startswith("eu-ru-833-XVIII") and row.op == "include"
    ]
    assert all(row.threshold_value for row in luxury)
    assert {row.threshold_value for row in luxury} == {300.0, 750.0, 1000.0, 1500.0, 5000.0, 50000.0}
    fish = [row for row in law.scope if row.as_printed == "301"]
    assert [row.prefix for row in fish] == ["0301"]
    glued = [row for row in law.scope if row.measure_id == "ca-ru-sch10.01" and len(row.prefix) == 10]
    assert len(glued) == 17
    assert {code.prefix for code in read_printed(glued[0].as_printed)} == {row.prefix for row in glued}


def test_the_printed_words_say_the_same_as_the_transcription(law: Catalogue) -> None:
    for row in law.scope:
        prefixes = {code.prefix for code in read_printed(row.as_printed)}
        assert re.sub("(00)+$", "", row.prefix) in prefixes, row
    subsets = [row for row in law.scope if row.as_printed.startswith("Subset of")]
    assert len(subsets) == 24
    assert all(row.partial for row in subsets)


def test_the_cap_changes(law: Catalogue) -> None:
    def cap(at: date) -> list[float | None]:
        return [
            law.scope[p].cap_value
            for p in law.scope_of["ca-ru-sch10.01"]
            if law.scope[p].prefix == "2709" and law.windows[p].is_known(at)
        ]

    assert cap(date(2026, 2, 18)) == [47.6]
    assert cap(date(2026, 2, 19)) == [44.1]


def test_an_observed_row_is_known_on_its_day_only(law: Catalogue) -> None:
    on = law.in_force(date(2022, 12, 4), target="RUS", sender="EU")
    assert (on.rows, on.codes, on.possible_rows) == (1276, 1227, 1276)
    for day in (date(2022, 6, 10), date(2022, 12, 3), date(2022, 12, 5)):
        found = law.in_force(day, target="RUS", sender="EU")
        assert found.rows == 0
        assert found.possible_rows > 1000
    assert law.in_force(date(2022, 2, 24), target="RUS", sender="EU").possible_rows == 0


def test_carrying_forward_is_asked_for(law: Catalogue) -> None:
    day = date(2022, 12, 31)
    assert law.carried_forward().in_force(day, target="RUS", sender="EU").rows == 1277
    assert law.carried_forward().in_force(date(2022, 12, 3), target="RUS", sender="EU").rows == 0


def test_a_consolidation_date_is_the_latest_start(law: Catalogue) -> None:
    coal = next(p for p in law.scope_of["ca-ru-sch5.01"])
    window = law.windows[coal]
    first_known = law.scope[coal].valid_from
    assert first_known is not None
    assert window.is_known(first_known)
    day_before = date.fromordinal(first_known.toordinal() - 1)
    assert not window.is_known(day_before)
    assert window.is_possible(day_before)


def test_who_is_known(law: Catalogue) -> None:
    assert law.targets() == ("BLR", "PRK", "RUS")
    assert law.senders("PRK") == ("CAN", "UN")
    with pytest.raises(DataError, match="no data for measures on CHN") as caught:
        law.require("CHN", None, KINDS)
    assert caught.value.hint is not None
    assert "BLR, PRK, RUS" in caught.value.hint
    with pytest.raises(InputError, match="no measure of BRA"):
        law.require("RUS", "BRA", KINDS)
    with pytest.raises(DataError, match="of kind ban"):
        law.require("RUS", "JPN", ["ban"])


def test_guidance_is_kept_apart(law: Catalogue) -> None:
    later = date(2024, 6, 1)
    assert law.in_force(later, target="RUS", sender="USA").rows == 0
    guidance = law.in_force(later, target="RUS", sender="USA", kinds=("guidance",))
    assert (guidance.rows, guidance.codes) == (50, 50)
