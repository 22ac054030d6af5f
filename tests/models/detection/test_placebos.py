from __future__ import annotations

import dataclasses
from pathlib import Path

import duckdb
import numpy as np
import pytest

from entrepot.models import detection as dd

from .conftest import EARLY, GROUPS, LATE, legs_of


def test_each_origin_is_measured_alone_and_pooled(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, _ = world
    who = dd.roles([0], [3, 4, 5, 6], [7], countries=8)
    found = dd.placebo_origins(lambda one: legs_of(trade, one, LATE), who, np.array([2, 1]))
    alone = [legs_of(trade, dataclasses.replace(who, origins=np.array([o])), LATE) for o in (1, 2)]
    np.testing.assert_array_equal(found.observed, np.concatenate([one.observed for one in alone]))
    np.testing.assert_array_equal(found.hub, np.concatenate([one.hub for one in alone]))
    assert found.length == LATE.post.size


def test_a_hub_as_placebo_origin_leaves_the_hubs_and_controls(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, who = world
    seen: list[dd.Roles] = []

    def measure(one: dd.Roles) -> dd.Legs:
        seen.append(one)
        return legs_of(trade, dataclasses.replace(one, origins=np.array([1])), LATE)

    dd.placebo_origins(measure, who, np.array([4]))
    assert seen[0].origins.tolist() == [4]
    assert 4 not in seen[0].hubs
    assert 4 not in seen[0].controls


def test_pooled_placebos_calibrate_one_set(world: tuple[dd.Trade, dd.Roles]) -> None:
    """Fivefold trade of origin 0 is found against origins 1 and 2; nothing is found for a quiet origin."""
    trade, _ = world
    who = dd.roles([0], [3, 4, 5, 6], [7], countries=8, controls=[])
    decoys = dd.placebo_origins(lambda one: legs_of(trade, one, LATE), who, np.array([1, 2]))
    hit = (trade.exporter == 0) & (trade.period >= 8) & (trade.product < 12) & (trade.importer < 5)
    risen = dataclasses.replace(trade, value=np.where(hit, 8.0, 1.0) * trade.value)
    answer = dd.detect(legs_of(risen, who, LATE), [decoys], groups=GROUPS, folds=4)
    quiet = dd.detect(legs_of(trade, who, LATE), [decoys], groups=GROUPS, folds=4)
    assert answer.decoys == decoys.large.sum() > 250
    assert answer.least == np.nanmin(answer.q) <= 0.1
    assert quiet.least > 0.1


def test_arguments_are_checked(world: tuple[dd.Trade, dd.Roles]) -> None:
    trade, who = world
    one = legs_of(trade, who, LATE)
    with pytest.raises(ValueError, match="at least one set"):
        dd.pool([])
    with pytest.raises(ValueError, match="one floor"):
        dd.pool([one, dataclasses.replace(one, floor=9.0)])
    with pytest.raises(ValueError, match="origin of the measure"):
        dd.placebo_origins(lambda _: one, who, np.array([0]))
    with pytest.raises(ValueError, match="at least one placebo"):
        dd.placebo_origins(lambda _: one, who, np.array([7]))
    assert dd.pool([one, legs_of(trade, who, EARLY)]).hub.size > one.hub.size


@pytest.mark.needs_shared
def test_placebo_origins_as_targets_are_not_flagged(shared: Path) -> None:
    """Annual raw materials: Saudi sales against those of nine exporters that no measure touched."""
    source = shared / "trade-baci-rawmat" / "trade.parquet"
    rows = duckdb.sql(
        f"select exporter e, importer i, hs6 k, (year - 2019)::int t, kusd::double v from '{source}' where "
        "year between 2019 and 2023 and kusd > 0"
    ).fetchnumpy()
    countries = np.unique(np.concatenate([rows["e"].astype(str), rows["i"].astype(str)]))
    codes, product = np.unique(rows["k"].astype(str), return_inverse=True)
    ends = (np.searchsorted(countries, rows[side].astype(str)) for side in "ei")
    trade = dd.trade(
        *ends, product, rows["t"], rows["v"], countries=countries.size, products=codes.size, periods=5
    )
    groups = np.unique([code[:4] for code in codes], return_inverse=True)[1]
    dest = np.searchsorted(countries, ["DEU", "FRA", "ITA", "JPN", "NLD", "USA"])
    names = ["ARE", "BRA", "IDN", "IRQ", "KWT", "MEX", "NGA", "QAT", "SAU", "ZAF"]
    origins = np.searchsorted(countries, names)
    target = origins[names.index("SAU")]
    barred = np.append(dest, [target, np.searchsorted(countries, "RUS")])
    hubs = np.setdiff1d(np.arange(countries.size), barred)
    who = dd.roles([target], hubs, dest, countries=countries.size)

    def measure(one: dd.Roles) -> dd.Legs:
        window = dd.window([0, 1, 2], [4])
        return dd.measure_legs(trade, one, window, parents=[groups], floor=100.0)

    decoys = dd.placebo_origins(measure, who, origins[origins != target])
    answer = dd.detect(measure(who), [decoys], groups=groups)
    assert answer.decoys > 1_000
    assert (answer.q <= 0.1).sum() <= 0.01 * answer.tested.sum()
