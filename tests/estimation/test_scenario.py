"""Counterfactuals: the guide's NAFTA, identities, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation import GravityFit
from entrepot.models.equilibrium import OneSector
from entrepot.report.charts import spec
from entrepot.result import Result

MEMBERS = ("CAN", "MEX", "USA")


@pytest.fixture
def fit(panel: dict[str, Any], three_way: str) -> GravityFit:
    return ep.gravity(f"trade ~ rta + tariff + i(year, abroad, ref=2000) | {three_way}", panel)


def column(result: Result, name: str) -> np.ndarray:
    table = result.table.to_pandas().sort_values("country")
    return table[name].to_numpy(float)


@pytest.mark.needs_shared
def test_nafta_of_the_guide(shared: Path) -> None:
    # Yotov et al. (2016), chapter 2, application 2, solved exactly by the script beside the expected values:
    # what NAFTA was worth in 1994, so the changes here (without it) are turned round.
    folder = shared / "gravity-wto-guide"
    data = pd.read_stata(folder / "Chapter2Application2.dta")
    expected = pd.read_csv(folder / "own_expected_app2_nafta.csv", index_col=0).sort_index()
    fit = ep.gravity(
        "trade ~ RTA | exporter^year + importer^year + sym(exporter, importer)",
        data[data.year.isin(range(1986, 2007, 4))], vcov="pair-symmetric",
    )  # fmt: skip
    without = {"RTA": {(a, b): 0 for a in MEMBERS for b in MEMBERS if a != b}}
    asked = {"theta": 6, "year": 1994, "baseline": "fitted", "deficits": "multiplicative", "draws": 0}
    full = fit.counterfactual(without, **asked)
    assert full.table["country"].to_pylist()[:3] == ["MEX", "CAN", "USA"]
    # The guide's own iteration stops early, the expected values do not.
    np.testing.assert_allclose(100 / (1 + column(full, "exports")) - 100, expected.exp_full, atol=0.02)
    np.testing.assert_allclose(100 / (1 + column(full, "welfare")) - 100, expected.rgdp, atol=0.002)
    conditional = fit.counterfactual(without, **asked, kind="conditional")
    np.testing.assert_allclose(100 / (1 + column(conditional, "exports")) - 100, expected.exp_cond, atol=0.02)


def test_it_is_the_one_sector_model_draw_by_draw(panel: dict[str, Any], fit: GravityFit) -> None:
    change = {"tariff": 0.0}
    result = fit.counterfactual(change, theta=4, draws=30, seed=2, year=2001, sweep=(2.0,))
    data = pd.DataFrame(panel)
    data = data[data.year == 2001]
    trade = data.pivot(index="exporter", columns="importer", values="trade")
    moved = -data.pivot(index="exporter", columns="importer", values="tariff").to_numpy()
    at = fit.terms.index("tariff")
    beta = np.append(fit.draws(30, seed=2)[:, at], fit.coefficients[at])
    model = OneSector(trade.to_numpy(), 4.0)
    solved = model.solve(np.exp(-moved * beta[:, None, None] / 4))
    np.testing.assert_allclose(column(result, "welfare"), solved.welfare_hat[-1] - 1, atol=1e-9)
    np.testing.assert_allclose(column(result, "exports"), solved.exports_hat[-1] - 1, atol=1e-9)
    drawn = solved.welfare_hat[:-1] - 1
    for name, wanted in zip(
        ("lower", "median", "upper"), np.percentile(drawn, [2.5, 50, 97.5], axis=0), strict=True
    ):
        np.testing.assert_allclose(column(result, f"welfare_{name}"), wanted, atol=1e-9)
    same = (np.sign(drawn) == np.sign(np.median(drawn, axis=0))).mean(axis=0)
    np.testing.assert_allclose(column(result, "welfare_same_sign"), same)
    bilateral = result.part("bilateral").data.to_pandas()
    np.testing.assert_allclose(bilateral.after, solved.trade[-1].ravel(), rtol=1e-9)
    np.testing.assert_allclose(bilateral.before, trade.to_numpy().ravel())
    assert "theta_2" in result.table.column_names


def test_no_change_changes_nothing(panel: dict[str, Any], fit: GravityFit) -> None:
    frame = pd.DataFrame(panel)[["exporter", "importer", "year", "rta"]]
    result = fit.counterfactual(frame, theta=5, draws=5)
    assert np.abs(column(result, "welfare")).max() < 1e-9
    assert result.finding == "No country's real income changes by a hundredth of a percent."


def test_ways_to_say_the_same_change(panel: dict[str, Any], fit: GravityFit) -> None:
    pairs = [("AUT", "BRA"), ("BRA", "AUT")]
    by_pair = fit.counterfactual({"tariff": dict.fromkeys(pairs, 0.5)}, theta=5, draws=0)
    frame = {"exporter": ["AUT", "BRA"], "importer": ["BRA", "AUT"], "tariff": [0.5, 0.5]}
    by_row = fit.counterfactual(frame, theta=5, draws=0)
    dated = {**frame, "year": [2004, 2004]}
    by_year = fit.counterfactual(pd.DataFrame(dated), theta=5, draws=0)
    assert column(by_pair, "welfare").tolist() == column(by_row, "welfare").tolist()
    assert column(by_pair, "welfare").tolist() == column(by_year, "welfare").tolist()
    assert column(by_pair, "welfare_lower").tolist() == pytest.approx([np.nan] * 8, nan_ok=True)
    # A number for all is for pairs of two countries: trade at home keeps its tariff of nil.
    everywhere = fit.counterfactual({"tariff": 0.5}, theta=5, draws=0)
    assert (column(everywhere, "imports") < 0).all()
    factor = fit.counterfactual({"rta": 0}, theta=5, draws=0)
    note = next(note.text for note in factor.notes if "trade costs" in note.text)
    last = panel["year"] == 2004
    assert note.startswith(f"{int(panel['rta'][last].sum())} pairs")


def test_lags_follow_in_the_long_run(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta + l(rta, 1) | {three_way}", panel, missing="drop")
    longer = fit.counterfactual({"rta": 0}, theta=5, draws=0)
    frame = pd.DataFrame(panel)
    last = frame[(frame.year == 2004) & (frame.exporter != frame.importer)].assign(rta=0)
    at_once = fit.counterfactual(last[["exporter", "importer", "year", "rta"]], theta=5, draws=0)
    assert not np.allclose(column(longer, "welfare"), column(at_once, "welfare"), atol=1e-6)


def test_the_answer_is_a_result(panel: dict[str, Any], fit: GravityFit) -> None:
    result = fit.counterfactual({"rta": 0}, theta=5, draws=20)
    assert "loses most" in result.finding
    assert result.subtitle.endswith("base year 2004")
    assert result.to_json()
    assert result._repr_html_()
    again = eval(result.how.python, {"ep": ep, "data": panel, "change": {"rta": 0}})
    assert again.table.equals(result.table)
    assert spec(result.figures[0])
    assert result.table["label"].to_pylist()[0] != result.table["country"].to_pylist()[0]
    missing = [note.text for note in result.notes if note.kind == "missing"]
    assert missing == []


def test_pairs_without_a_row_are_named(panel: dict[str, Any]) -> None:
    data = pd.DataFrame(panel)
    data = data[~((data.exporter == "AUT") & (data.importer == "GHA"))]
    fit = ep.gravity("trade ~ tariff | exporter^year + importer^year", data)
    result = fit.counterfactual({"tariff": 0}, theta=5, draws=0)
    assert any("1 pairs have no row in the data" in note.text for note in result.notes)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"rtaa": 0}, {}, "unknown regressor to change 'rtaa' .*did you mean 'rta'"),
        ({"year": 0}, {}, "unknown regressor to change 'year'"),
        ({"rta": "none"}, {}, "the change of 'rta' must be a number"),
        ({"rta": {"AUT": 0}}, {}, r"a change is for a pair \(exporter, importer\), not 'AUT'"),
        ({"rta": {("AUT", "BRZ"): 0}}, {}, "unknown country 'BRZ' .*did you mean 'BRA'"),
        ({"exporter": ["AUT"], "importer": ["XXX"], "rta": [0]}, {}, "no data for AUT XXX of the change"),
        (
            {"exporter": ["AUT"] * 2, "importer": ["BRA"] * 2, "rta": [0, 1]}, {},
            "table 'change', rows 1 and 2 are both for exporter AUT, importer BRA",
        ),
        ({"exporter": ["AUT"], "importer": ["BRA"], "rta": [None]}, {}, "leaves regressors without a value"),
        ({"rta": 0}, {"year": 1999}, "no rows of 1999 .*2000 to 2004"),
        ({"rta": 0}, {"theta": 0}, "theta cannot be 0"),
        ({"rta": 0}, {"sweep": [-1]}, "theta cannot be -1"),
        ({"rta": 0}, {"draws": -1}, "draws cannot be -1"),
        ({"rta": 0}, {"kind": "partial"}, "kind cannot be 'partial'"),
        ({"rta": 0}, {"deficits": "none"}, "deficits cannot be 'none'"),
        ({"rta": 0}, {"baseline": "data"}, "baseline cannot be 'data'"),
        ({"rta": 0}, {"method": "exact", "draws": 2}, "method cannot be 'exact'"),
        ({"tariff": 1e6}, {}, "the counterfactual has no equilibrium"),
    ],
)  # fmt: skip
def test_faults(fit: GravityFit, change: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((InputError, DataError), match=message):
        fit.counterfactual(change, **{"theta": 5, "draws": 0, **options})


def test_data_that_cannot_be_closed(panel: dict[str, Any], three_way: str) -> None:
    data = pd.DataFrame(panel)
    abroad = ep.gravity(f"trade ~ rta | {three_way}", data[data.exporter != data.importer])
    with pytest.raises(DataError, match="no domestic trade in 2004 for AUT, BRA, CAN, DEU, EGY and 3 more"):
        abroad.counterfactual({"rta": 0}, theta=5)
    dropped = ep.gravity(f"trade ~ rta + abroad | {three_way}", data, unidentified="drop")
    with pytest.raises(DataError, match="the change moves 'abroad', which has no coefficient"):
        dropped.counterfactual({"abroad": 0}, theta=5)
    goods = pd.concat([data.assign(good=0), data.assign(good=1)])
    with pytest.raises(DataError, match="needs one row per exporter and importer"):
        ep.gravity(f"trade ~ rta | {three_way} + good", goods).counterfactual({"rta": 0}, theta=5)
    nameless = data.rename(columns={"exporter": "seller"})
    with pytest.raises(InputError, match="a counterfactual needs exporters and importers"):
        ep.gravity("trade ~ rta | seller", nameless, vcov="hetero").counterfactual({"rta": 0}, theta=5)
    undated = data[data.year == 2000].drop(columns="year")
    single = ep.gravity("trade ~ tariff | exporter + importer", undated)
    assert single.counterfactual({"tariff": 0}, theta=5, draws=0).subtitle.endswith("full equilibrium")
    with pytest.raises(InputError, match="the data have no years"):
        single.counterfactual({"tariff": 0}, theta=5, year=2000)
