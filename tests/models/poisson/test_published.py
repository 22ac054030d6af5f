"""Coefficients printed by others for public data; each oracle names its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from entrepot.models.inference import clustered
from entrepot.models.poisson import fit

pytestmark = pytest.mark.needs_shared

SIDES = [("exporter", "year"), ("importer", "year")]


def estimate(data: pd.DataFrame, outcome: str, regressors: list[str], effects: list[tuple[str, ...]]) -> Any:
    groups = [data.groupby(list(names), sort=True).ngroup().to_numpy() for names in effects]
    return fit(data[outcome].to_numpy(float), data[regressors].to_numpy(float), groups)


def printed(values: Any, texts: list[str]) -> None:
    """Each value agrees with the printed number to its last digit."""
    for value, text in zip(values, texts, strict=True):
        digits = len(text.split(".")[1])
        assert abs(value - float(text)) <= 0.5000001 * 10.0**-digits, (value, text)


def errors(data: pd.DataFrame, result: Any, pair: tuple[str, str]) -> tuple[Any, float]:
    """Standard errors clustered by pair, and that of the sum of the first four coefficients."""
    codes = data.groupby(list(pair)).ngroup().to_numpy()[result.kept]
    matrix = clustered(result.x_tilde, result.mu, result.y, [codes]).matrix
    return np.sqrt(np.diag(matrix)), float(np.sqrt(matrix[:4, :4].sum()))


DIRECTED, SYMMETRIC = ("exporter", "importer"), ("first", "second")


@pytest.fixture(scope="module")
def bias_example(shared: Path) -> pd.DataFrame:
    data = pd.read_parquet(shared / "gravity-ppmlhdfe" / "ppml_fe_bias_example.parquet")
    return data[data.category == "MANUF"].rename(columns={"isoexp": "exporter", "isoimp": "importer"})


@pytest.fixture(scope="module")
def guide(shared: Path) -> pd.DataFrame:
    data = pd.read_parquet(shared / "gravity-wto-guide" / "agtpa.parquet")
    data["ln_dist"] = np.log(data.dist)
    data["abroad"] = (data.exporter != data.importer).astype(int)
    data["home"] = data.exporter.where(data.abroad == 0, "abroad")
    first = data.exporter.where(data.exporter < data.importer, data.importer)
    second = data.importer.where(data.exporter < data.importer, data.exporter)
    return data.assign(first=first, second=second)


@pytest.fixture(scope="module")
def every_fourth(guide: pd.DataFrame) -> pd.DataFrame:
    return guide[guide.year.isin(range(1986, 2007, 4))].copy()


def test_three_way_bias_example(bias_example: pd.DataFrame) -> None:
    # Weidner and Zylkin (2021), example of ppml_fe_bias.
    result = estimate(bias_example, "trade", ["fta"], [*SIDES, ("exporter", "importer")])
    printed(result.beta, ["0.1780290"])
    printed(errors(bias_example, result, DIRECTED)[0], ["0.0350079"])
    assert result.kept.sum() == 20_600
    assert result.layout == "dense"


def test_two_way_bias_example(bias_example: pd.DataFrame) -> None:
    # Weidner and Zylkin (2021), example of ppml_fe_bias.
    names = ["ln_distw", "contig", "colony", "comlang_off", "comleg", "fta"]
    result = estimate(bias_example, "trade", names, SIDES)
    wanted = ["-0.5826890", "0.3690149", "-0.0874526", "0.0535707", "0.2485195", "0.8540740"]
    printed(result.beta, wanted)
    wanted = ["0.0372778", "0.0600966", "0.0888010", "0.0628885", "0.0411242", "0.0748473"]
    printed(errors(bias_example, result, DIRECTED)[0], wanted)


def test_ppmlhdfe_example(shared: Path) -> None:
    # Correia, Guimaraes and Zylkin (2020), example of ppmlhdfe.
    data = pd.read_parquet(shared / "gravity-ppmlhdfe" / "ppmlhdfe_example.parquet")
    data = data[data.category == "TOTAL"].rename(columns={"isoexp": "exporter", "isoimp": "importer"})
    result = estimate(data, "trade", ["fta"], [*SIDES, ("exporter", "importer")])
    printed(result.beta, ["0.19244549"])
    printed(errors(data, result, DIRECTED)[0], ["0.04195271"])
    assert result.kept.sum() == 5_950


# The tables below: Yotov, Piermartini, Monteiro and Larch (2016), chapter 1, by the R package tradepolicy.


def test_guide_table_1(every_fourth: pd.DataFrame) -> None:
    data = every_fourth[every_fourth.abroad == 1]
    result = estimate(data, "trade", ["ln_dist", "cntg", "lang", "clny"], SIDES)
    # Printed to six digits of a fit that stopped at 1e-6.
    np.testing.assert_allclose(result.beta, [-0.840927, 0.437443, 0.247476, -0.222490], rtol=0, atol=6e-7)
    # Here and below: clustered by symmetric pair, as in the table.
    printed(errors(data, result, SYMMETRIC)[0][1:], [".083160", ".076539", ".116244"])
    np.testing.assert_allclose(errors(data, result, SYMMETRIC)[0][0], 0.031657, rtol=0, atol=1e-6)
    assert result.kept.sum() == 28_152


def test_guide_table_3_with_gravity_variables(every_fourth: pd.DataFrame) -> None:
    names = ["ln_dist", "cntg", "lang", "clny", "rta"]
    data = every_fourth[every_fourth.abroad == 1]
    abroad = estimate(data, "trade", names, SIDES)
    printed(abroad.beta[4:], [".190718"])
    printed(errors(data, abroad, SYMMETRIC)[0][4:], [".065797"])
    domestic = estimate(every_fourth, "trade", names, [*SIDES, ("home",)])
    printed(domestic.beta[4:], [".408522"])
    printed(errors(every_fourth, domestic, SYMMETRIC)[0][4:], [".068827"])


@pytest.mark.parametrize(
    ("names", "wanted", "spread"),
    [
        (["rta"], [".557185"], [".102235"]),
        (["rta_lead4", "rta"], [".077442", ".520048"], [".092135", ".085883"]),
        (
            ["rta", "rta_lag4", "rta_lag8", "rta_lag12"],
            [".291445", ".413550", ".168731", ".118894"],
            [".089181", ".067246", ".043135", ".030060"],
        ),
    ],
)
def test_guide_table_3_symmetric_pairs(
    every_fourth: pd.DataFrame, names: list[str], wanted: list[str], spread: list[str]
) -> None:
    result = estimate(every_fourth, "trade", names, [*SIDES, ("first", "second")])
    # The table prints lags to six digits of a fit that stopped at 1e-6.
    np.testing.assert_allclose(result.beta, [float(text) for text in wanted], rtol=0, atol=6e-7)
    found, of_sum = errors(every_fourth, result, SYMMETRIC)
    printed(found, spread)
    if len(names) == 4:
        printed([result.beta.sum(), of_sum], [".9926", ".0943"])


def test_guide_table_3_borders(every_fourth: pd.DataFrame) -> None:
    names = ["rta", "rta_lag4", "rta_lag8", "rta_lag12"]
    for year in range(1986, 2003, 4):
        every_fourth[f"border{year}"] = every_fourth.abroad * (every_fourth.year == year)
        names.append(f"border{year}")
    result = estimate(every_fourth, "trade", names, [*SIDES, ("first", "second")])
    printed(result.beta[[0, 4]], [".115680", "-.705610"])
    printed([result.beta[:4].sum()], [".4750"])
    found, of_sum = errors(every_fourth, result, SYMMETRIC)
    printed([*found[[0, 4]], of_sum], [".086707", ".047792", ".1095"])


def test_guide_all_years_directed_pairs(guide: pd.DataFrame) -> None:
    names = ["rta", "rta_lag4", "rta_lag8", "rta_lag12"]
    result = estimate(guide, "trade", names, [*SIDES, ("exporter", "importer")])
    printed(result.beta, [".348172652", ".334094185", ".159832391", ".115650623"])
    wanted = [".077017507", ".035114442", ".040659655", ".025328912"]
    # Printed to nine digits by a program that stops at 1e-8 or so.
    np.testing.assert_allclose(
        errors(guide, result, DIRECTED)[0], [float(text) for text in wanted], rtol=0, atol=1e-8
    )
    assert result.kept.sum() == 99_708


def test_sixteen_provisions(shared: Path) -> None:
    # Breinlich, Corradi, Rocha, Ruta, Santos Silva and Zylkin (2022), data of penppml, singletons kept.
    data = pd.read_parquet(shared / "gravity-panel-1964-2016" / "trade.parquet")
    data = data[data.exporter != data.importer]
    names = [name for name in data.columns if "_prov_" in name]
    result = estimate(data, "usd", names, [*SIDES, ("exporter", "importer")])
    wanted = {
        "ad_prov_14": ".346488",
        "cp_prov_23": ".229385",
        "tf_prov_41": ".405252",
        "inv_prov_22": ".235819",
        "moc_prov_21": "-.218456",
    }
    printed([result.beta[names.index(name)] for name in wanted], list(wanted.values()))
    spread = errors(data, result, DIRECTED)[0]
    wanted_errors = [".115196", ".047006", ".126965", ".073626", ".083570"]
    printed([spread[names.index(name)] for name in wanted], wanted_errors)
    assert result.kept.sum() + result.dropped["only observation of a fixed-effect group"] == 284_125


SANCTIONING = (
    "AUT BEL BGR HRV CYP CZE DNK EST FIN FRA DEU GRC HUN IRL ITA LVA LTU LUX MLT NLD POL PRT ROU SVK SVN ESP "
    "SWE GBR USA CAN JPN AUS NZL NOR CHE KOR ISL TWN"
)
EURASIAN = ["ARM", "BLR", "KAZ", "KGZ", "RUS"]


@pytest.mark.parametrize(
    ("product", "wanted", "spread"),
    [
        ("270900", ["-0.6185", ".2554", "2.6455"], [".411", ".719", ".652"]),
        ("710812", ["-2.7923", "3.2362", "-2.1752"], [".588", ".889", ".484"]),
    ],
)
def test_sparse_products_with_three_dummies(
    shared: Path, product: str, wanted: list[str], spread: list[str]
) -> None:
    """Numbers of an independent prototype on BACI (Gaulier and Zignago, 2010), all zeros filled in."""
    data = pd.read_parquet(shared / "trade-baci-rawmat" / "trade.parquet")
    names = np.array(sorted({*data.exporter, *data.importer}))
    data = data[data.hs6 == product]
    years, size = 30, len(names)
    y = np.zeros((size, years, size))
    y[np.searchsorted(names, data.exporter), data.year - 1995, np.searchsorted(names, data.importer)] = (
        data.kusd
    )
    i, t, j = (axis.ravel() for axis in np.indices(y.shape, dtype=np.int32))
    exporter, importer = names[:, None], names[None]
    west = np.isin(names, SANCTIONING.split())
    sanctions = (west[:, None] & (importer == "RUS")) | ((exporter == "RUS") & west)
    union = np.isin(names, EURASIAN)[:, None] & np.isin(names, EURASIAN)
    east = (exporter == "RUS") & np.isin(names, ["CHN", "IND", "TUR"])
    x = np.column_stack(
        [
            pair[i, j] & (t + 1995 >= since)
            for pair, since in zip((sanctions, union, east), (2022, 2015, 2022), strict=True)
        ]
    )
    abroad = i != j
    groups = [codes[abroad] for codes in (i * years + t, j * years + t, i * size + j)]
    result = fit(y.ravel()[abroad], x[abroad], groups)
    printed(result.beta, wanted)
    matrix = clustered(result.x_tilde, result.mu, result.y, [groups[2][result.kept]]).matrix
    printed(np.sqrt(np.diag(matrix)), spread)
    assert len(names) == 231
    if product == "270900":
        # Rows that vanish with tiny exporters: proved in test_overlap, missed by any look at fitted values.
        assert result.dropped["y is zero and separated: no finite estimate fits it"] == 22
