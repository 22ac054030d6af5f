"""Fixed effects by name, and the system of multilateral resistances."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation import GravityFit


def anderson_van_wincoop(fit: GravityFit, data: pd.DataFrame, found: pd.DataFrame) -> float:
    """Largest relative error of both equations, with trade costs from the estimates."""
    effects = fit.effects()
    cost = data[list(fit.terms)].to_numpy(float) @ fit.coefficients
    for label, table in effects.tables.items():
        if "exporter" in label and "importer" in label:
            named = table.to_pandas().set_index(["exporter", "importer"]).effect
            cost = cost + named.reindex(pd.MultiIndex.from_frame(data[["exporter", "importer"]])).to_numpy()
    data, worst = data.assign(cost=np.exp(cost)), 0.0
    for year, own in found.groupby("year"):
        own = own.set_index("country")
        world = own.output.sum()
        cells = data[data.year == year]
        spending = cells.importer.map(own.expenditure / own.inward / world)
        outward = (cells.cost * spending).groupby(cells.exporter.to_numpy()).sum()
        earning = cells.exporter.map(own.output / own.outward / world)
        inward = (cells.cost * earning).groupby(cells.importer.to_numpy()).sum()
        worst = max(worst, (outward / own.outward - 1).abs().max(), (inward / own.inward - 1).abs().max())
    return float(worst)


@pytest.mark.parametrize("extra", ["", " + exporter^importer"])
def test_resistances_solve_the_system(panel: dict[str, Any], extra: str) -> None:
    data = pd.DataFrame(panel)
    fit = ep.gravity(f"trade ~ rta + tariff | exporter^year + importer^year{extra}", data)
    found = fit.effects().resistances.to_pandas()
    assert len(found) == 40
    assert anderson_van_wincoop(fit, data, found) < 1e-9
    referred = fit.effects(reference="DEU").resistances.to_pandas()
    assert referred[referred.country == "DEU"].inward.tolist() == pytest.approx([1.0] * 5, rel=1e-14)
    assert anderson_van_wincoop(fit, data, referred) < 1e-9
    # Output and expenditure are those of the data: Fally (2015).
    output = data.groupby(["exporter", "year"]).trade.sum()
    np.testing.assert_allclose(found.output, output.to_numpy(), rtol=1e-8)
    mean = (np.log(found.inward) * found.expenditure).groupby(found.year).sum()
    assert np.abs(mean / found.groupby("year").expenditure.sum()).max() < 1e-12


def test_effects_add_up_to_the_fitted_trade(panel: dict[str, Any], three_way: str) -> None:
    data = pd.DataFrame(panel)
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", data)
    eta = data[["rta", "tariff"]].to_numpy() @ fit.coefficients
    for label, table in fit.effects().tables.items():
        keys = label.split("^")
        named = table.to_pandas().set_index(keys).effect
        eta += named.reindex(pd.MultiIndex.from_frame(data[keys])).to_numpy()
    np.testing.assert_allclose(np.exp(eta), fit.fitted, rtol=1e-9)
    assert fit.effects()["exporter^year"].column_names == ["exporter", "year", "effect", "rows"]
    with pytest.raises(InputError, match="unknown fixed effect 'exporter-year'"):
        fit.effects()["exporter-year"]


def test_components_are_normalised_apart(panel: dict[str, Any]) -> None:
    data = pd.DataFrame(panel)
    north = data.exporter < "D"
    data = data[north == (data.importer < "D")]
    fit = ep.gravity("trade ~ tariff | exporter^year + importer^year", data)
    found = fit.effects().resistances.to_pandas()
    assert found.component.nunique() == 2
    assert (found.groupby("country").component.nunique() == 1).all()
    for _, own in found.groupby(["year", "component"]):
        assert abs((np.log(own.inward) * own.expenditure).sum() / own.expenditure.sum()) < 1e-12
    with pytest.raises(DataError, match="the reference DEU does not buy in every year and component"):
        fit.effects(reference="DEU")


def test_a_country_that_only_sells_has_no_inward_resistance(panel: dict[str, Any]) -> None:
    data = pd.DataFrame(panel)
    data = data[(data.importer != "AUT") & (data.year == 2000)]
    fit = ep.gravity("trade ~ tariff | exporter + importer", data)
    found = fit.effects().resistances.to_pandas().set_index("country")
    assert "year" not in found
    assert np.isnan(found.loc["AUT", ["expenditure", "inward"]].to_numpy(float)).all()
    assert np.isfinite(found.loc["BRA", ["output", "outward", "inward"]].to_numpy(float)).all()


def test_designs_without_resistances(panel: dict[str, Any]) -> None:
    fit = ep.gravity("trade ~ tariff | exporter^year", panel)
    assert fit.effects().resistances is None
    with pytest.raises(InputError, match="multilateral resistances need exporter and importer effects"):
        fit.effects(reference="DEU")
    sides = ep.gravity("trade ~ tariff | exporter^year + importer^year", panel)
    with pytest.raises(InputError, match="unknown reference 'DEUU' \\(hint: did you mean 'DEU'"):
        sides.effects(reference="DEUU")
    bare = ep.gravity("trade ~ 1", panel)
    mean = np.log(panel["trade"].mean())
    assert bare.effects()["constant"].to_pylist() == [{"effect": pytest.approx(mean), "rows": 320}]


def test_pairs_without_direction_leave_nothing_to_the_path_of_the_solver(panel: dict[str, Any]) -> None:
    data = pd.DataFrame(panel)
    formula = "trade ~ rta + tariff | exporter^year + importer^year + sym(exporter, importer)"
    fit = ep.gravity(formula, data)
    codes = [np.unique(data[side], return_inverse=True)[1] for side in ("exporter", "importer")]
    by_year, to_year, pair = fit.design.groups
    rise = np.random.default_rng(3).normal(size=8)
    levels = [level.copy() for level in fit.fit.fixed_effects]
    levels[0][by_year] += rise[codes[0]]
    levels[1][to_year] += rise[codes[1]]
    levels[2][pair] -= rise[codes[0]] + rise[codes[1]]
    moved = dataclasses.replace(fit, fit=dataclasses.replace(fit.fit, fixed_effects=tuple(levels)))
    for label, table in fit.effects().tables.items():
        effect, again = (found["effect"].to_numpy() for found in (table, moved.effects()[label]))
        np.testing.assert_allclose(again, effect, atol=1e-12)
    pairs = fit.effects()["sym(exporter, importer)"].to_pandas()
    assert pairs[pairs.exporter == pairs.importer].effect.abs().max() < 1e-12
    abroad = data[data.exporter != data.importer]
    found = ep.gravity(formula, abroad).effects()["sym(exporter, importer)"].to_pandas()
    both = pd.concat(
        [found.rename(columns={"importer": "country"}), found.rename(columns={"exporter": "country"})]
    )
    # Without trade at home the row-weighted effects of every country add up to nothing.
    assert (both.effect * both.rows).groupby(both.country).sum().abs().max() < 1e-10
