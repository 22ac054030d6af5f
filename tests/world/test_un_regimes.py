from __future__ import annotations

from datetime import date

from entrepot.world.countries import known
from entrepot.world.un_regimes import AS_OF, in_force, regimes


def test_every_row_has_a_known_country_a_source_and_an_end_after_its_start() -> None:
    for row in regimes():
        assert row.country in known()
        assert row.resolution.split()[0] in row.source or "S/RES/2231" in row.source
        assert row.since <= AS_OF
        assert row.until is None or row.since < row.until


def test_a_country_has_one_regime_at_a_time() -> None:
    days = sorted({day for row in regimes() for day in (row.since, row.until) if day})
    for at in days:
        held = [row.country for row in regimes() if row.since <= at and (row.until is None or at < row.until)]
        assert len(held) == len(set(held))


def test_regimes_begin_and_end() -> None:
    # S/RES/2444 (2018) of 2018-11-14 ended that on Eritrea; S/RES/2653 (2022) of 2022-10-21 began Haiti's.
    assert ["ERI" in in_force(date(2018, 11, day)) for day in (13, 14)] == [True, False]
    assert ["HTI" in in_force(date(2022, 10, day)) for day in (20, 21)] == [False, True]
    assert "MLI" not in in_force(date(2023, 8, 31))
