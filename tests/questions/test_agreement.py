"""Agreement on the embedded input-output table: who gains, who pays, and how sure it is."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.questions.agreement_solve import draw, one_sector, theta_of
from entrepot.questions.agreement_tables import interval
from entrepot.questions.economy import read_economy
from entrepot.questions.scenario import read_scenario, shipped, shock_arrays
from entrepot.result import Result
from entrepot.workbench import World
from entrepot.world import blocs

ORACLE = Path(__file__).resolve().parents[1] / "oracles" / "scenarios.csv"


@pytest.fixture(scope="module")
def world() -> World:
    return ep.open()


@pytest.fixture(scope="module")
def parted(world: World) -> Result:
    return world.agreement("west-russia-ban", draws=6, theta=[3, 5, 8], decomposition=True)


def column(result: Result, name: str) -> dict[str, float | None]:
    table = result.table
    return dict(zip(table["country"].to_pylist(), table[name].to_pylist(), strict=True))


# METHODS 5b, acceptance 7: total West-Russia ban on ICIO 2022. Ranges as listed there.
@pytest.mark.parametrize("theta", ["theta_3", "theta_5", "theta_8"])
def test_parting_for_good(parted: Result, world: World, theta: str) -> None:
    change = column(parted, theta)
    assert -10 < change["RUS"] < -2
    assert change["KAZ"] > 0
    assert change["TUR"] > 0
    economy = read_economy(world.store)
    west = blocs.members("west", date(2022, 12, 31))
    inside = [i for i, name in enumerate(economy.countries) if name in west]
    total = (
        sum(change[economy.countries[i]] * economy.income[i] for i in inside) / economy.income[inside].sum()
    )
    assert -0.5 < total < 0


def test_losses_shrink_as_goods_are_easier_to_replace(parted: Result) -> None:
    assert (
        column(parted, "theta_3")["RUS"] < column(parted, "theta_5")["RUS"] < column(parted, "theta_8")["RUS"]
    )
    assert column(parted, "short_run")["RUS"] < column(parted, "theta_3")["RUS"]


def test_intervals_hold_the_median_and_signs_are_counted(parted: Result) -> None:
    for row in parted.table.to_pylist():
        assert row["lower"] <= row["median"] <= row["upper"]
        assert 0 <= row["same_sign"] <= 1
    assert column(parted, "same_sign")["RUS"] == 1.0


def test_decomposition_sums_to_the_exact_change(parted: Result) -> None:
    table = parted.part("decomposition").data
    parts = [name for name in table.column_names if name not in ("country", "label", "total")]
    for row in table.to_pylist():
        assert sum(row[name] for name in parts) == pytest.approx(row["total"], abs=1e-5)
    central = column(parted, "central")
    assert all(row["total"] == pytest.approx(central[row["country"]], abs=1e-5) for row in table.to_pylist())


def test_same_seed_same_answer_and_a_longer_run_begins_with_the_shorter(world: World) -> None:
    economy = read_economy(world.store)
    scenario = read_scenario("eaeu-deeper")
    shocks = shock_arrays(scenario, economy.countries, economy.sectors)
    first, failed = draw(economy, scenario, shocks, 20, seed=3)
    again, _ = draw(economy, scenario, shocks, 21, seed=3)
    assert failed == 0
    assert first.shape == (20, 80)
    np.testing.assert_array_equal(first, again[:20])


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_runs(world: World, name: str) -> None:
    result = world.agreement(name, draws=0, theta=[5])
    assert result.finding.startswith(read_scenario(name).title)
    assert np.isfinite(result.table["central"].to_numpy()).all()
    assert set(result.table["lower"].to_pylist()) == {None}
    assert "base year 2022" in result.subtitle
    assert any("sourcing shares" in note.text for note in result.notes)


# Signs that the economics of each file fix; the sizes are context.
@pytest.mark.parametrize(
    ("name", "gains", "pays"),
    [
        ("blr-measures-lifted", ["BLR", "LTU"], []),
        ("rus-measures-lifted", ["RUS"], []),
        ("eaeu-deeper", ["BLR", "KAZ", "RUS"], []),
        ("blr-partner-pool", ["BLR"], []),
        ("west-russia-ban", ["KAZ", "TUR", "BLR"], ["RUS", "DEU", "SVK"]),
    ],
)
def test_who_gains_and_who_pays(world: World, name: str, gains: list[str], pays: list[str]) -> None:
    change = column(world.agreement(name, draws=0, theta=[5]), "central")
    assert all(change[country] > 0 for country in gains)
    assert all(change[country] < 0 for country in pays)


def test_shipped_scenarios_give_what_stands_beside_them(world: World) -> None:
    """Tolerance: rounding to six decimals and the solver's 1e-9; a change of data or model must show here."""
    with ORACLE.open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    assert {row["scenario"] for row in expected} == set(shipped())
    for name in shipped():
        change = column(world.agreement(name, draws=0, theta=[5]), "central")
        for row in (row for row in expected if row["scenario"] == name):
            assert change[row["country"]] == pytest.approx(float(row["percent"]), abs=2e-6)


def test_focus_leads_the_finding(world: World) -> None:
    result = world.agreement("eaeu-deeper", draws=0, theta=[5], focus="Kasachstan")
    assert "real income of Kazakhstan" in result.finding
    assert result.subject == "KAZ"


def test_the_finding_does_not_contradict_itself(world: World) -> None:
    finding = world.agreement("west-russia-ban", draws=0, theta=[5], focus="SVK").finding
    assert "Russia loses most besides" in finding
    assert "Slovakia" in finding


def test_a_shock_without_an_equilibrium_is_an_error_of_ours(world: World, tmp_path: Path) -> None:
    path = tmp_path / "autarky.toml"
    text = (Path(ep.__file__).parent / "questions" / "scenarios" / "west-russia-ban.toml").read_text()
    head = text[: text.index("[[shock]]")]
    path.write_text(head + '[[shock]]\nkind = "ban"\nexporters = ["*"]\nimporters = ["*"]\n')
    with pytest.raises(DataError, match="no equilibrium"):
        world.agreement(path, draws=0)


def test_how_reproduces_the_answer(world: World) -> None:
    first = world.agreement("eaeu-deeper", draws=3, theta=[4], focus="BLR", seed=7)
    again = world.agreement(**first.how.parameters)
    assert again.to_json() == first.to_json()


def test_a_total_ban_is_the_same_shock_in_the_one_sector_model(world: World) -> None:
    economy = read_economy(world.store)
    scenario = read_scenario("west-russia-ban")
    shocks = shock_arrays(scenario, economy.countries, economy.sectors)
    change = dict(zip(economy.countries, one_sector(economy, scenario, shocks), strict=True))
    assert -4 < change["RUS"] < 0
    assert theta_of(economy, scenario).shape == (50,)


def test_without_draws_there_is_no_interval() -> None:
    found = interval(np.array([1.0, -2.0]), np.empty((0, 2)))
    assert found.median.tolist() == [1.0, -2.0]
    assert np.isnan(found.lower).all()


def test_user_file_with_a_year_the_table_lacks(world: World, tmp_path: Path) -> None:
    path = tmp_path / "old.toml"
    shipped_file = Path(ep.__file__).parent / "questions" / "scenarios" / "blr-partner-pool.toml"
    path.write_text(shipped_file.read_text().replace("base_year = 2022", "base_year = 2011"))
    with pytest.raises(DataError, match="2011"):
        world.agreement(path, draws=0)


def test_what_the_words_refuse(world: World) -> None:
    for options, words in (
        ({"draws": -1}, "negative"),
        ({"theta": [0.0]}, "positive"),
        ({"focus": "Narnia"}, "Narnia"),
    ):
        with pytest.raises(InputError, match=words):
            world.agreement("eaeu-deeper", **{"draws": 0, **options})
