from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InputError
from entrepot.world.countries import known
from entrepot.world.reporting import dark_partners, explain, is_dark, silent, spans

YEARS = range(1995, 2025)
# Two rows below USD 0.2 million that contradict a silence inferred from thirty years.
STRAY = {(2022, "SOM", "DJI"), (2021, "IRQ", "LBR")}


def test_belarus_and_russia_went_silent_in_2022() -> None:
    assert [is_dark("BLR", "RUS", year) for year in (2020, 2021, 2022, 2024)] == [False, False, True, True]
    assert "BLR" in dark_partners("RUS", 2023)
    assert dark_partners("RUS", 2021) == frozenset()
    assert not is_dark("RUS", "KAZ", 2023)
    assert not is_dark("RUS", "RUS", 2023)


def test_gaps_open_and_close() -> None:
    assert [year for year in YEARS if "ARE" in silent(year)] == [2006, 2010, 2011, 2024]
    assert [year for year in YEARS if "IRN" in silent(year)] == [2007, 2008, 2009, 2012, 2023, 2024]
    assert all("PRK" in silent(year) for year in YEARS)


@given(st.sampled_from(sorted(known())), st.sampled_from(sorted(known())), st.sampled_from(YEARS))
def test_darkness_is_mutual(a: str, b: str, year: int) -> None:
    assert is_dark(a, b, year) == is_dark(b, a, year) == (b in dark_partners(a, year))


def test_rows_are_sound() -> None:
    for country, published in spans().items():
        assert country in known()
        for span in published:
            assert span.note
            assert span.first is None or span.last is None or span.first <= span.last
            assert span.certainty == "inferred" or country in {"RUS", "BLR", "PRK"}


def test_explain() -> None:
    assert "up to 2021 (Publication of detailed trade was closed" in explain("BLR")
    assert "did not publish" in explain("PRK")
    assert "up to 2006, in 2010-2011, in 2013-2022 (inferred from gaps" in explain("IRN")
    assert "not known to have missed" in explain("DEU")
    with pytest.raises(InputError):
        explain("Germany")
    with pytest.raises(InputError):
        silent(2020, "eurostat")


def _pairs(shared: Path) -> list[tuple[int, str, str, float]]:
    import pyarrow.parquet as pq

    flows = pq.read_table(
        shared / "trade-baci-rawmat" / "trade.parquet", columns=["year", "exporter", "importer", "kusd"]
    )
    total = flows.group_by(["year", "exporter", "importer"]).aggregate([("kusd", "sum")]).to_pydict()
    return list(zip(total["year"], total["exporter"], total["importer"], total["kusd_sum"], strict=True))


@pytest.mark.needs_shared
def test_no_flow_between_silent_countries(shared: Path) -> None:
    lit = [row for row in _pairs(shared) if is_dark(row[1], row[2], row[0])]
    assert {row[:3] for row in lit} <= STRAY
    assert sum(row[3] for row in lit) < 200  # thousand USD of all trade in thirty years


@pytest.mark.needs_shared
def test_those_who_report_show_flows_with_the_silent(shared: Path) -> None:
    partners: Counter[tuple[int, str]] = Counter()
    for year, exporter, importer, _ in _pairs(shared):
        quiet = silent(year)
        for one, other in ((exporter, importer), (importer, exporter)):
            if other in quiet and one not in quiet:
                partners[year, one] += 1
    assert all(partners[year, "ARE"] >= 5 for year in (2007, 2008, *range(2012, 2024)))
    assert all(partners[year, "IRN"] >= 2 for year in (2010, 2011, *range(2013, 2023)))
    assert all(partners[year, "RUS"] >= 2 for year in range(2000, 2022))
    large = ["CHN", "DEU", "USA", "IND", "TUR", "FRA", "ITA", "NLD", "ESP", "ZAF", "EGY", "KEN"]
    assert all(partners[2024, country] >= 3 for country in large)


@pytest.mark.needs_shared
def test_each_silence_of_2024_is_a_break(shared: Path) -> None:
    quiet = silent(2024)
    late = quiet - silent(2023)
    partners: Counter[tuple[int, str]] = Counter()
    for year, exporter, importer, _ in _pairs(shared):
        partners[year, exporter] += importer in quiet
        partners[year, importer] += exporter in quiet
    assert len(late) >= 12
    for country in late:
        assert partners[2024, country] == 0
        assert min(partners[year, country] for year in range(2017, 2024)) >= 1, country
