from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InputError
from entrepot.world.blocs import (
    blocs,
    members,
    members_in_year,
    memberships,
    partition,
    partition_groups,
    resolve_bloc,
)
from entrepot.world.countries import known

DAYS = st.dates(date(1990, 1, 1), date(2027, 12, 31))


@pytest.mark.parametrize(
    ("bloc", "day", "size"),
    [
        ("eu", "1994-12-31", 12), ("eu", "1995-01-01", 15), ("eu", "2004-05-01", 25),
        ("eu", "2007-01-01", 27), ("eu", "2013-07-01", 28), ("eu", "2020-01-31", 28),
        ("eu", "2020-02-01", 27), ("eaeu", "2014-12-31", 0), ("eaeu", "2015-01-01", 3),
        ("eaeu", "2015-01-02", 4), ("eaeu", "2015-08-12", 5), ("cis", "2009-08-17", 11),
        ("cis", "2009-08-18", 10), ("cis", "2024-01-01", 9), ("sco", "2017-06-08", 6),
        ("sco", "2017-06-09", 8), ("sco", "2023-07-04", 9), ("sco", "2024-07-04", 10),
        ("brics", "2010-12-24", 5), ("brics", "2023-12-31", 5), ("brics", "2024-01-01", 9),
        ("brics", "2025-01-06", 10), ("asean", "2025-10-25", 10), ("asean", "2025-10-26", 11),
        ("gcc", "2000-01-01", 6), ("g7", "2000-01-01", 7), ("african-union", "2017-01-29", 54),
        ("african-union", "2017-01-30", 55), ("mercosur", "2012-08-11", 4), ("mercosur", "2016-12-01", 5),
        ("mercosur", "2016-12-02", 4), ("mercosur", "2024-07-08", 5),
    ],
)  # fmt: skip
def test_size_on_the_day(bloc: str, day: str, size: int) -> None:
    assert len(members(bloc, date.fromisoformat(day))) == size


def test_senders() -> None:
    assert members("sanctions-rus", date(2014, 7, 30)) == frozenset()
    assert members("eu", date(2022, 1, 1)) <= members("sanctions-rus", date(2014, 7, 31))
    assert {"USA", "GBR", "JPN", "KOR", "TWN", "SGP", "CHE", "UKR"} <= members(
        "sanctions-rus", date(2023, 1, 1)
    )
    assert members("sanctions-blr", date(2021, 6, 23)) == frozenset()
    assert members("eu", date(2021, 7, 1)) <= members("sanctions-blr", date(2021, 7, 1))
    assert "SGP" not in members("sanctions-blr", date(2024, 1, 1))


def test_west_and_east_are_fixed_and_apart() -> None:
    for year in (1995, 2014, 2024):
        west, east = members_in_year("west", year), members_in_year("east", year)
        assert west == members("sanctions-rus", date(2024, 12, 31))
        assert not west & east
        assert {"RUS", "BLR", "CHN", "HKG", "IND", "ARE"} <= east
        assert "SGP" not in east
    assert "convention" in blocs()["west"].note
    assert "convention" in blocs()["east"].note


def test_data_are_sound() -> None:
    windows = defaultdict(list)
    for bloc in blocs():
        for row in memberships(bloc):
            assert row.country in known()
            assert row.until is None or row.since < row.until
            windows[bloc, row.country].append(row)
    for key, rows in windows.items():
        ordered = sorted(rows, key=lambda row: row.since)
        for first, second in pairwise(ordered):
            assert first.until is not None, key
            assert first.until <= second.since, key


@given(st.sampled_from([b for b in blocs() if blocs()[b].kind == "members"]), DAYS)
def test_a_day_changes_only_by_a_dated_row(bloc: str, day: date) -> None:
    moved = members(bloc, day) ^ members(bloc, day - timedelta(days=1))
    dated = {row.country for row in memberships(bloc) if day in (row.since, row.until)}
    assert moved == dated


def test_membership_in_a_year_is_that_of_july() -> None:
    assert "HRV" in members_in_year("eu", 2013)
    assert "KGZ" not in members_in_year("eaeu", 2015)


def test_resolve_bloc() -> None:
    assert resolve_bloc(" BRICS ") == "brics"
    assert resolve_bloc("gulf cooperation council") == "gcc"
    assert members("EU", date(2024, 1, 1)) == members("eu", date(2024, 1, 1))
    with pytest.raises(InputError, match="did you mean 'eaeu'"):
        resolve_bloc("eaeuu")


@given(st.integers(1988, 2030), st.sampled_from(["meeting", "east-west"]))
def test_partition_covers_everybody_once(year: int, scheme: str) -> None:
    groups = partition(scheme, year)
    order = [group.id for group in partition_groups(scheme)]
    assert set(groups) == known()
    assert set(groups.values()) <= set(order)
    assert len(order) == len(set(order)) <= 8
    assert order[-1] == "other"


def test_partition_of_the_meeting() -> None:
    now, before = partition("meeting", 2024), partition("meeting", 2014)
    expected = {"BLR": "eaeu", "UZB": "cis", "CHN": "china", "HKG": "china", "DEU": "eu", "GBR": "west",
                "UKR": "west", "TUR": "asia", "IND": "asia", "SGP": "west", "ARE": "asia",
                "EGY": "africa", "BRA": "other"}  # fmt: skip
    assert {iso3: now[iso3] for iso3 in expected} == expected
    assert (before["RUS"], before["UKR"], before["GBR"]) == ("cis", "cis", "eu")
    assert partition()["RUS"] == "eaeu"
    with pytest.raises(InputError):
        partition("nonsense", 2020)


def test_partition_can_be_changed_by_its_owner() -> None:
    partition("meeting", 2024)["RUS"] = "other"
    assert partition("meeting", 2024)["RUS"] == "eaeu"
