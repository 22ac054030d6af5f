"""Calibration: exact equilibria from tables, final demand recovered, and the embedded world of 2022."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.equilibrium.calibration import (
    Calibration,
    calibrate_table,
    calibrate_tariff_data,
    spread_final_use,
)
from entrepot.store import open_store

seeds = st.integers(0, 2**32 - 1)
# fmt: off
WEST = [
    "USA", "CAN", "GBR", "NOR", "CHE", "ISL", "AUS", "NZL", "JPN", "KOR", "AUT", "BEL", "BGR", "HRV",
    "CYP", "CZE", "DNK", "EST", "FIN", "FRA", "DEU", "GRC", "HUN", "IRL", "ITA", "LVA", "LTU", "LUX",
    "MLT", "NLD", "POL", "PRT", "ROU", "SVK", "SVN", "ESP", "SWE",
]
# fmt: on


def table(rng: np.random.Generator, n: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return flows, gross output and final demand [seller, sector, destination] that add up.

    Final users of a country source each good as its industries do, so that the recipe can find their demand.
    """
    flows = rng.lognormal(0, 1, (n, j, n, j)) * (rng.random((n, j, n, j)) < 0.8)
    flows[np.arange(n), :, np.arange(n)] = 20 * rng.lognormal(0, 1, (n, j, j))
    sourcing = flows.sum(axis=3)
    final = sourcing / sourcing.sum(axis=0) * rng.lognormal(2, 1, (1, j, n))
    bought = flows.sum(axis=(0, 1))
    while (bought > 0.9 * (flows.sum(axis=(2, 3)) + final.sum(axis=2))).any():
        final = 2 * final
    return flows, flows.sum(axis=(2, 3)) + final.sum(axis=2), final


@given(seed=seeds, known=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_table_becomes_an_exact_equilibrium_that_keeps_its_numbers(seed: int, known: bool) -> None:
    rng = np.random.default_rng(seed)
    n, j = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    flows, output, final = table(rng, n, j)
    cal = calibrate_table(flows, output, final_demand=final if known else None)
    model = cal.economy(4.0)
    assert model.baseline_residual < 1e-12
    assert model.solve().sweeps == 1
    np.testing.assert_allclose(cal.trade.sum(axis=1), output, rtol=1e-12)
    bought = np.einsum("nkj,nj->nkj", cal.inputs, output)
    np.testing.assert_allclose(bought, flows.sum(axis=0).transpose(1, 0, 2), rtol=1e-9, atol=1e-12)
    if known:
        np.testing.assert_allclose(cal.trade, (flows.sum(axis=3) + final).transpose(0, 2, 1), rtol=1e-12)
        assert cal.report.sentences() == ()
    else:
        np.testing.assert_allclose(cal.trade, (flows.sum(axis=3) + final).transpose(0, 2, 1), rtol=1e-6)
        assert cal.report.final_allocated + cal.report.final_at_home == pytest.approx(final.sum())
        assert "non-negative least squares" in cal.report.sentences()[0]


@given(seed=seeds)
@settings(max_examples=30, deadline=None)
def test_final_use_that_follows_sourcing_shares_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 9))
    sourcing = rng.lognormal(0, 1, (n, n)) + 20 * np.diag(rng.lognormal(0, 1, n))
    wanted = rng.lognormal(0, 2, n)
    truth = sourcing / sourcing.sum(axis=0) * wanted
    found, misfit = spread_final_use(sourcing, truth.sum(axis=1))
    np.testing.assert_allclose(found, truth, rtol=1e-6, atol=1e-9 * wanted.max())
    assert misfit < 1e-9 * truth.sum()


def test_what_sourcing_shares_cannot_explain_stays_at_home() -> None:
    """Seller 1 sells no intermediates to anybody, so that no buyer's shares reach its final sales."""
    flows = np.zeros((2, 1, 2, 1))
    flows[0, 0, :, 0] = 10.0
    cal = calibrate_table(flows, np.array([[60.0], [50.0]]))
    assert cal.trade[1, :, 0].tolist() == [0.0, 50.0]
    assert cal.report.final_at_home == pytest.approx(50.0)
    assert cal.report.fit_error == pytest.approx(50.0 / 90.0)


def test_inputs_beyond_output_and_negative_final_use_are_reported() -> None:
    flows = np.zeros((2, 1, 2, 1))
    flows[:, 0, 0, 0] = [60.0, 45.0]
    flows[1, 0, 1, 0] = 10.0
    final = np.array([[[40.0, 0.0]], [[0.0, 46.0]]])
    final[0, 0, 1] = -1.0
    cal = calibrate_table(flows, np.array([[99.0], [101.0]]), final_demand=final)
    report = cal.report
    assert (report.negative_final, report.raised_cells) == (1.0, 1)
    assert report.raised_value_added == pytest.approx(105.0 - 98.0)
    assert cal.value_added[0, 0] == pytest.approx(0.02)
    assert cal.economy(4.0).baseline_residual < 1e-12
    assert len(report.sentences()) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flows": np.ones((2, 1, 2))}, "flows must have shape"),
        ({"flows": -np.ones((2, 1, 2, 1))}, "flows must not lie below 0"),
        ({"gross_output": np.ones((3, 1))}, "gross_output has shape"),
        ({"gross_output": np.full((2, 1), np.nan)}, "gross_output must be finite"),
        ({"most_inputs": 1.0}, "most_inputs must lie between"),
    ],
)
def test_refuses_bad_tables(changes: dict[str, Any], message: str) -> None:
    given = {"flows": np.ones((2, 1, 2, 1)), "gross_output": np.full((2, 1), 9.0), **changes}
    with pytest.raises(ValueError, match=message):
        calibrate_table(**given)


def test_recipe_for_tariff_data_refuses_domestic_flows() -> None:
    square = np.ones((2, 2, 1))
    ones = np.ones((2, 1))
    with pytest.raises(ValueError, match="trade must be zero on its diagonal"):
        calibrate_tariff_data(square, ones, ones, np.ones((2, 1, 1)), square)


@pytest.mark.needs_shared
def test_report_of_the_nafta_recipe(nafta: Any) -> None:
    cal = calibrate_tariff_data(
        nafta.trade, nafta.gross_output, nafta.value_added, nafta.materials, nafta.tariffs
    )
    assert not cal.exact
    assert [sentence.split(" of ")[0] for sentence in cal.report.sentences()] == [
        "Negative final use",
        "Output was raised to exports by 0.049%",
    ]


@pytest.fixture(scope="module")
def world_2022() -> tuple[Calibration, list[str]]:
    """OECD ICIO 2022 in the pack: 80 countries, 50 industries, no final demand by destination."""
    store = open_store()
    totals = store.collect(store.table("industry_totals").select("country", "sector", "gross_output"))
    flows = store.collect(
        store.table("industry_flows").select(
            "seller_country", "seller_sector", "buyer_country", "buyer_sector", "value"
        )
    )
    country, sector = (totals[name].to_numpy(zero_copy_only=False) for name in ("country", "sector"))
    countries, sectors = np.unique(country), np.unique(sector)
    n, j = len(countries), len(sectors)
    output = np.zeros((n, j))
    where = np.searchsorted(countries, country), np.searchsorted(sectors, sector)
    output[where] = totals["gross_output"].to_numpy()
    index = [
        np.searchsorted(names, flows[column].to_numpy(zero_copy_only=False))
        for column, names in (
            ("seller_country", countries),
            ("seller_sector", sectors),
            ("buyer_country", countries),
            ("buyer_sector", sectors),
        )
    ]
    cells = np.zeros((n, j, n, j))
    cells[tuple(index)] = flows["value"].to_numpy()
    return calibrate_table(cells, output), countries.tolist()


def test_total_ban_between_the_west_and_russia(world_2022: tuple[Calibration, list[str]]) -> None:
    cal, countries = world_2022
    n, j = cal.value_added.shape
    west = np.isin(countries, WEST)
    assert west.sum() == len(WEST)
    russia = countries.index("RUS")
    ban = np.zeros((n, n, j), dtype=bool)
    ban[west, russia] = ban[russia, west] = True
    model = cal.economy(np.array([[3.0] * j, [5.0] * j, [8.0] * j]))
    assert model.baseline_residual < 1e-10
    result = model.solve(ban=ban)
    assert (result.residual <= 1e-9).all()
    assert (result.sweeps <= 100).all()
    assert (result.trade[:, ban] == 0).all()
    percent = 100 * (result.welfare_hat - 1)
    assert np.round(percent[:, russia], 1).tolist() == [-6.3, -3.9, -2.4]
    size = model.economy.labour[0][west]
    together = percent[:, west] @ size / size.sum()
    assert ((together > -0.5) & (together < 0)).all()
    for gainer in ("KAZ", "TUR"):
        assert (percent[:, countries.index(gainer)] > 0).all()


def test_what_was_approximated(world_2022: tuple[Calibration, list[str]]) -> None:
    (told,) = world_2022[0].report.sentences()
    assert "99.8% of final use was spread" in told
    assert "0.226% was left" in told
