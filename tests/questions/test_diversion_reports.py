"""Diversion on monthly reports of both sides: a small world whose way round is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.measures.catalogue import Catalogue
from entrepot.questions.diversion import diversion
from entrepot.result import Result
from entrepot.store.store import Store

from .diversion_worlds import (
    CODES,
    HUBS,
    OTHER_GOODS,
    ROUND,
    SENDERS,
    import_rows,
    reports,
    toy_law,
    toy_rows,
)

Rows = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    return toy_rows()


@pytest.fixture(scope="module")
def ban(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    return toy_law(tmp_path_factory.mktemp("law"))


@pytest.fixture(scope="module")
def store(rows: Rows, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return reports(tmp_path_factory.mktemp("toy") / "store", rows)


@pytest.fixture(scope="module")
def answer(store: Store, ban: Catalogue) -> Result:
    return diversion(store, "RUS", catalogue=ban)


def cells(result: Result) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["hub"], row["product"]): row for row in result.table.to_pylist()}


def test_the_way_round_is_found_and_nothing_else(answer: Result) -> None:
    """Tenfold sales in 27 codes to one of eight countries; q <= 5% allows one or two false ones."""
    found = {key for key, row in cells(answer).items() if row["q"] is not None and row["q"] <= 0.05}
    planted = {("KGZ", code) for code in ROUND}
    assert len(found & planted) >= 0.9 * len(planted)
    assert len(found - planted) <= 2
    assert all(cells(answer)[key]["verdict"].startswith("consistent with") for key in found & planted)
    assert answer.finding.startswith("Kyrgyzstan bought")
    assert answer.finding.count("consistent with diversion, needs review") == 1


def test_every_cell_is_tested_once(answer: Result) -> None:
    assert len(cells(answer)) == answer.table.num_rows == len(HUBS) * len(CODES)
    assert {row["period"] for row in answer.table.to_pylist()} == {"2022-03 to 2022-11"}
    assert answer.how.parameters["baseline"] == [2021, 2021]


def test_observed_is_what_the_senders_report(answer: Result, rows: Rows) -> None:
    after = (rows["year"] == 2022) & (rows["month"] >= 3) & (rows["direction"] == "export")
    mine = after & (rows["partner"] == "KGZ") & (rows["product"] == ROUND[0])
    row = cells(answer)["KGZ", ROUND[0]]
    assert row["observed"] == pytest.approx(1e3 * rows["value"][mine].sum(), abs=1.0)
    direct = after & (rows["partner"] == "RUS") & (rows["product"] == ROUND[0])
    senders = np.isin(rows["reporter"], SENDERS)
    assert row["direct_after"] == pytest.approx(1e3 * rows["value"][direct & senders].sum(), abs=1.0)
    assert row["excess"] == pytest.approx(row["observed"] - row["expected"], abs=2.0)
    least = min(
        row["excess"], row["onward"] - row["onward_expected"], row["direct_before"] - row["direct_after"]
    )
    assert 0.0 == row["diverted_low"] <= row["diverted_high"] <= least + 2.0


def test_half_of_the_excess_is_lost_in_transit(answer: Result) -> None:
    """Kyrgyzstan reports half of what comes in addition, and 5% of freight on the rest."""
    made = [cells(answer)["KGZ", code] for code in ROUND]
    share = sum(row["lost"] for row in made) / sum(row["excess"] for row in made)
    assert share == pytest.approx(0.5, abs=0.03)
    assert all(row["gap_change"] > 0 for row in made)


def test_a_country_without_reports_is_not_observed_never_zero(answer: Result) -> None:
    for code in CODES:
        row = cells(answer)["UZB", code]
        assert [row[name] for name in ("onward", "onward_expected", "gap_change", "lost")] == [None] * 4
        assert "B onward not observed" in row["legs"]
        assert "D mirror gap not observed" in row["legs"]
        assert row["hub_reports"] == "no own reports in this table"
        assert row["observed"] > 0


def test_a_country_whose_reports_stop_is_marked_and_its_gap_is_no_gap(answer: Result) -> None:
    """Georgia reports until June 2022: half a window of reports is no fall of onward sales, no mirror gap."""
    for code in CODES:
        row = cells(answer)["GEO", code]
        assert row["hub_reports"] == "own reports stop after 2022-06"
        assert [row[name] for name in ("onward", "gap_change", "lost")] == [None] * 3
    assert any("Georgia (own reports stop after 2022-06)" in note.text for note in answer.notes)
    georgia = [row for row in answer.part("mirror").data.to_pylist() if row["hub"] == "GEO"]
    assert [row["periods"] for row in georgia] == [12, 12, 6]
    assert georgia[2]["gap"] == pytest.approx(georgia[1]["gap"], abs=0.01)


def test_mirror_gaps_are_logs_of_exports_over_imports(answer: Result) -> None:
    table = {(row["hub"], row["year"]): row for row in answer.part("mirror").data.to_pylist()}
    kazakhstan, kyrgyzstan = table["KAZ", 2021], table["KGZ", 2022]
    assert kazakhstan["gap"] == pytest.approx(-np.log(1.05), abs=1e-9)
    assert kyrgyzstan["gap"] == pytest.approx(np.log(kyrgyzstan["sent"] / kyrgyzstan["received"]))
    assert kyrgyzstan["change"] > 0.2
    assert [table["UZB", year]["gap"] for year in (2020, 2021, 2022)] == [None] * 3
    names = [row["hub_name"] for row in answer.part("mirror").data.to_pylist()]
    assert names == sorted(names)


def test_the_event_study_falls_directly_and_rises_by_way_of_third_countries(answer: Result) -> None:
    event = {(row["series"], row["step"]): row for row in answer.part("event").data.to_pylist()}
    assert min(step for _, step in event) == -12
    for step in range(2, 9):
        assert event["direct", step]["upper"] < 0.2
        assert event["to third countries", step]["effect"] > 1.4
    before = [event["to third countries", step]["effect"] for step in range(-12, 0)]
    assert np.mean(np.log(before)) == pytest.approx(0.0, abs=1e-9)


def test_the_order_of_rows_changes_nothing(
    answer: Result, rows: Rows, ban: Catalogue, tmp_path: Path
) -> None:
    order = np.random.default_rng(0).permutation(len(rows["value"]))
    shuffled = reports(tmp_path / "shuffled", {name: column[order] for name, column in rows.items()})
    again = diversion(shuffled, "RUS", catalogue=ban)
    assert again.table.equals(answer.table)
    assert [again.part(name).data for name in ("hubs", "mirror", "event")] == [
        answer.part(name).data for name in ("hubs", "mirror", "event")
    ]


def test_cutting_a_sender_into_parts_changes_no_amount(
    answer: Result, rows: Rows, ban: Catalogue, tmp_path: Path
) -> None:
    """France becomes France and Austria, half each, on both sides; only the count of origins knows."""
    part = (rows["reporter"] == "FRA") | (rows["partner"] == "FRA")
    other = {name: column[part].copy() for name, column in rows.items()}
    for name in ("reporter", "partner"):
        other[name][other[name] == "FRA"] = "AUT"
    halves = {**rows, "value": np.where(part, rows["value"] / 2, rows["value"])}
    other["value"] = other["value"] / 2
    cut = reports(tmp_path / "cut", {name: np.concatenate([halves[name], other[name]]) for name in rows})
    again = cells(diversion(cut, "RUS", catalogue=ban))
    names = (
        "observed",
        "expected",
        "onward",
        "onward_expected",
        "direct_before",
        "direct_after",
        "gap_change",
    )
    for key, row in cells(answer).items():
        for name in names:
            due = row[name] if row[name] is None else pytest.approx(row[name], rel=1e-6, abs=1.0)
            assert again[key][name] == due, (key, name)
    found = {key for key, row in again.items() if row["q"] <= 0.05}
    assert len(found & {("KGZ", code) for code in ROUND}) >= 0.9 * len(ROUND)


def test_a_group_that_reports_beside_its_members_is_refused(
    rows: Rows, ban: Catalogue, tmp_path: Path
) -> None:
    """Extracts that list the EU beside its members inflate sums 2.6 times."""
    mine = rows["reporter"] == "DEU"
    group = {name: column[mine].copy() for name, column in rows.items()}
    group["reporter"][:] = "EU2"
    both = reports(tmp_path / "both", {name: np.concatenate([rows[name], group[name]]) for name in rows})
    with pytest.raises(DataError, match="lists EU2 as reporting"):
        diversion(both, "RUS", catalogue=ban)


def test_goods_outside_the_ban_are_in_no_table(answer: Result, store: Store, ban: Catalogue) -> None:
    assert OTHER_GOODS not in answer.to_json()
    with pytest.raises(DataError, match=OTHER_GOODS):
        diversion(store, "RUS", catalogue=ban, product=OTHER_GOODS)


def test_the_same_reports_by_year(rows: Rows, ban: Catalogue, tmp_path: Path) -> None:
    """Two years before leave no placebo: what cannot be said is not said. One year before leaves one."""
    names = ("year", "reporter", "partner", "direction", "product")
    # By year nobody sees that Georgia reports for half of 2022.
    kept = rows["reporter"] != "GEO"
    keys, place = np.unique(np.array([rows[name][kept] for name in names]), axis=1, return_inverse=True)
    sums = dict(zip(names, keys, strict=True)) | {"value": np.bincount(place, rows["value"][kept])}
    yearly = reports(tmp_path / "yearly", {**sums, "year": sums["year"].astype(int)})
    by_year = diversion(yearly, "RUS", catalogue=ban, baseline=(2020, 2021))
    assert "cannot be said" in by_year.finding
    assert {row["period"] for row in by_year.table.to_pylist()} == {"2022"}
    assert set(by_year.table.column("q").to_pylist()) == {None}
    assert cells(by_year)["KGZ", ROUND[0]]["ratio"] > 3
    shorter = diversion(yearly, "RUS", catalogue=ban)
    found = {key for key, row in cells(shorter).items() if (row["q"] or 1.0) <= 0.05}
    planted = {("KGZ", code) for code in ROUND}
    assert len(found & planted) >= 0.9 * len(planted)
    assert len(found - planted) <= 3


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """An import ban: goods from Russia by way of third countries to the senders."""
    folder = tmp_path_factory.mktemp("turned")
    store = reports(folder / "store", import_rows())
    return diversion(store, "RUS", form="import-ban", catalogue=toy_law(folder / "law", "import"))


def test_the_import_form_reads_what_buyers_report(turned: Result) -> None:
    """Third countries buy of Russia and the senders buy of them; buyers' reports tell both."""
    found = {key for key, row in cells(turned).items() if row["q"] is not None and row["q"] <= 0.05}
    planted = {("KGZ", code) for code in ROUND}
    assert len(found & planted) >= 0.9 * len(planted)
    assert len(found - planted) <= 2
    for key in found & planted:
        assert cells(turned)[key]["verdict"] == "consistent with diversion, needs review"
        assert cells(turned)[key]["onward"] > 2 * cells(turned)[key]["onward_expected"]
    assert "importers' reports" in turned.subtitle


def test_a_buyer_without_reports_is_left_out_of_the_import_form(turned: Result) -> None:
    """Georgia stops and Uzbekistan never reports: what they bought was not observed."""
    hubs = {row["hub"]: row for row in turned.part("hubs").data.to_pylist()}
    assert {hub for hub, row in hubs.items() if row["observed"] is None} == {"CHN", "GEO", "UZB"}
    assert hubs["GEO"]["hub_reports"] == "own reports stop after 2022-06"
    assert {hub for hub, _ in cells(turned)} == set(HUBS) - {"GEO", "UZB"}
