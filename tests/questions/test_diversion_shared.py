"""The real case of 2022 through the question: published figures, cells found, mirror gaps."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from entrepot.questions.diversion import diversion
from entrepot.result import Result
from entrepot.store.store import Store

from .diversion_worlds import SOURCE, eu_case, law, load_catalogue

pytestmark = pytest.mark.needs_shared
FIVE = ("ARM", "GEO", "KAZ", "KGZ", "UZB")


@pytest.fixture(scope="module")
def case(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """EU sales of all listed codes, March to November 2022; Belarus is a target of the same sender."""
    store, catalogue = eu_case(shared, tmp_path_factory.mktemp("case"))
    return diversion(store, "RUS", catalogue=catalogue)


@pytest.fixture(scope="module")
def rows(case: Result) -> list[dict[str, Any]]:
    return case.table.to_pylist()


def test_at_least_350_cells_as_the_detector_finds(case: Result, rows: list[dict[str, Any]]) -> None:
    """METHODS 3: at least 350 HS6 x hub cells at q <= 5%; the validation report has 544 of 4,206."""
    found = [row for row in rows if row["q"] is not None and row["q"] <= 0.05]
    assert len(rows) == 4206
    assert len(found) == 544
    assert Counter(row["hub"] for row in found) == {"ARM": 123, "GEO": 40, "KAZ": 233, "KGZ": 103, "UZB": 45}
    assert "544 of 4,206" in case.finding
    assert {row["period"] for row in rows} == {"2022-03 to 2022-11"}
    assert case.how.parameters["baseline"] == [2021, 2021]


def test_what_was_not_observed_stays_open(rows: list[dict[str, Any]]) -> None:
    """The extract has neither mass nor the third countries' own reports."""
    for name in ("onward", "gap_change", "unit_value_change", "lost"):
        assert {row[name] for row in rows} == {None}, name
    assert all("B onward not observed" in row["legs"] for row in rows)


def test_hubs_rose_by_what_the_validation_says(case: Result) -> None:
    """Shrunk ratio of observed to expected: docs/validation-diversion.md, to its two digits."""
    hubs = {row["hub"]: row for row in case.part("hubs").data.to_pylist()}
    assert set(hubs) == set(FIVE)
    typical = {name: round(hubs[name]["typical"], 2) for name in FIVE}
    assert typical == {"ARM": 1.38, "GEO": 1.12, "KAZ": 1.59, "KGZ": 1.78, "UZB": 1.18}
    excess = {name: round(hubs[name]["excess"] / 1e6) for name in FIVE}
    assert excess == {"ARM": 266, "GEO": 168, "KAZ": 995, "KGZ": 272, "UZB": 59}
    assert all(
        0 == hubs[name]["diverted_low"] <= hubs[name]["diverted_high"] <= hubs[name]["excess"]
        for name in FIVE
    )


def test_growth_is_what_was_published(case: Result, rows: list[dict[str, Any]]) -> None:
    """METHODS 3, March to November 2022 against 2021: KGZ +694%, ARM +330%, KAZ +144%, GEO +123%, UZB +82%.

    Observed alone can be compared: the question leaves out codes that begin or end with the nomenclature of
    2022, which is up to a twelfth of the trade.
    """
    published = {"KGZ": 480, "ARM": 663, "KAZ": 3365, "GEO": 961, "UZB": 863}
    for name, million in published.items():
        seen = sum(row["observed"] for row in rows if row["hub"] == name) / 1e6
        assert 0.85 * million < seen <= million, name


def test_the_event_study_around_the_measures(case: Result) -> None:
    event = {(row["series"], row["step"]): row for row in case.part("event").data.to_pylist()}
    for step in range(4, 9):
        assert event["to third countries", step]["lower"] > 1.0
        assert event["direct", step]["upper"] < 0.7


def test_mirror_gap_of_kyrgyzstan(shared: Path, tmp_path: Path) -> None:
    """METHODS 3: log mirror gap 0.07 (2021), 0.85 (2022), 1.11 (2023), all goods by year.

    The sources give totals, so one code stands for all goods; the EU's total stands as one reporter.
    """
    source = shared / "trade-eu-mirror"
    table = duckdb.sql(f"""
        with sold as (
            select year::smallint as year, 'DEU' reporter, iso3 partner, 'export' direction, eur
            from '{source / "eu27_exports_by_partner_2010_2023_clean.parquet"}'
            where iso3 in ('ARM', 'KAZ', 'KGZ', 'UZB', 'RUS') and year between 2019 and 2023
        ), bought as (
            select year::smallint, reporter, 'DEU' partner, 'import' direction, sum(eur) eur
            from '{source / "national_imports_clean.parquet"}'
            where iso3 in (
                select distinct reporter from '{source / "eu27_monthly_exports_clean.parquet"}'
            ) group by all
        )
        select year, reporter, partner, direction, '840110' as product, (eur / 1e3)::double as value,
            null::double as quantity
        from (select * from sold union all select * from bought)
    """).to_arrow_table()
    store = Store.create(tmp_path / "store")
    store.write("reports", table.cast(_types(table)), sources=(SOURCE,), revision="HS2022")
    ban = load_catalogue(law(tmp_path / "law", [("HS2022", "840110")]), embedded=False)
    answer = diversion(store, "RUS", catalogue=ban)
    gaps = {(row["hub"], row["year"]): row["gap"] for row in answer.part("mirror").data.to_pylist()}
    assert [round(gaps["KGZ", year], 2) for year in (2021, 2022, 2023)] == [0.07, 0.85, 1.11]


def _types(table: pa.Table) -> pa.Schema:
    return pa.schema([pa.field(f.name, pa.int16() if f.name == "year" else f.type) for f in table.schema])


def test_chapters_are_found_as_the_validation_says(case: Result) -> None:
    """HS2 x hub: docs/validation-diversion.md has 74 of 288 at q <= 5%."""
    chapters = case.part("chapters").data.to_pylist()
    assert len(chapters) == 288
    assert sum(row["q"] <= 0.05 for row in chapters) == 74
    assert {row["risen"] for row in chapters if row["q"] <= 0.05} == {"yes"}


def test_hubs_stand_out_from_their_own_placebo_windows(case: Result) -> None:
    """Three windows of five hubs are 15 decoys, none above the three strongest: (0 + 1) / 3 x 5 / 15."""
    q = {row["hub"]: row["q"] for row in case.part("hubs").data.to_pylist()}
    assert q["KGZ"] == q["KAZ"] == q["ARM"] == pytest.approx(1 / 9)
    assert q["ARM"] < q["GEO"] <= 1.0
