"""Coverage of flows by the measures of the catalogue."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from entrepot.estimation.sanctions import coverage
from entrepot.measures import load_catalogue
from entrepot.measures.scope import covered

NAMES = ("CAN", "CHN", "DEU", "GBR", "PRK", "RUS")
YEARS = (2012, 2013, 2014, 2021, 2022, 2023, 2024)
AT = {name: place for place, name in enumerate(NAMES)}


def test_shares_are_those_of_the_scope_join():
    law = load_catalogue().carried_forward()
    found = coverage(NAMES, YEARS, ["710812"], "HS1992")
    lower, upper = found.shares(np.ones(1))
    measures = [row for row in law.select("RUS", "CAN", ("ban", "licence")) if row.direction == "import"]
    low, high = covered(
        law, ["710812"], "HS1992", sender="CAN", members=["CAN"], measures=measures,
        since=date(2022, 1, 1), until=date(2023, 1, 1),
    )  # fmt: skip
    year = YEARS.index(2022)
    assert lower[year, AT["RUS"], AT["CAN"]] == low[0, 0]
    assert upper[year, AT["RUS"], AT["CAN"]] == high[0, 0]
    # Canada's ban on Russian gold began on 2022-07-08: 177 of 365 days.
    assert high[0, 0] == pytest.approx(177 / 365)
    assert upper[year + 1, AT["RUS"], AT["CAN"]] == 1


def test_flows_run_from_the_target_or_to_it_and_nobody_else_is_touched():
    _, upper = coverage(NAMES, YEARS, ["710812"], "HS1992").shares(np.ones(1))
    assert upper[YEARS.index(2024), AT["RUS"], AT["CHN"]] == 0
    assert not upper[:, :, AT["CHN"]].any() or upper[:, AT["PRK"], AT["CHN"]].any()
    assert not upper[: YEARS.index(2014)][:, AT["RUS"]].any()


def test_members_of_a_bloc_are_bound_while_they_are_members():
    _, upper = coverage(NAMES, YEARS, ["270900"], "HS1992").shares(np.ones(1))
    after = YEARS.index(2024)
    assert upper[after, AT["RUS"], AT["DEU"]] == 1
    assert upper[after, AT["RUS"], AT["GBR"]] == 0


def test_products_are_weighed_and_bounds_keep_their_order():
    codes = ["270900", "710812", "260300"]
    found = coverage(NAMES, YEARS, codes, "HS1992")
    single = [coverage(NAMES, YEARS, [code], "HS1992").shares(np.ones(1)) for code in codes]
    weights = np.array([3.0, 1.0, 4.0])
    lower, upper = found.shares(weights)
    for joint, part in ((lower, 0), (upper, 1)):
        mean = sum(w * one[part] for w, one in zip(weights / weights.sum(), single, strict=True))
        np.testing.assert_allclose(joint, mean, atol=1e-12)
    assert (lower <= upper).all()
    assert (upper <= 1).all()


def test_a_world_without_targets_has_no_measures():
    found = coverage(("DEU", "FRA"), YEARS, ["710812"], "HS1992")
    assert found.blocks == ()
    assert not found.shares(np.ones(1))[1].any()
    assert found.sources == ()


def test_no_country_is_bound_and_targeted_by_measures_at_once():
    # shares() takes the larger of the two directions of a pair, which is exact only then.
    law = load_catalogue()
    targets = set(law.targets())
    for target in targets:
        assert not targets & set(law.senders(target, ("ban", "licence")))


def test_sources_keep_the_day_up_to_which_the_law_was_read():
    found = coverage(NAMES, YEARS, ["710812"], "HS1992")
    assert {source.id for source in found.sources} >= {"ca-sor-2014-58", "eu-833-2014"}
    assert all("9999" not in source.version for source in found.sources)
