"""Estimates and standard errors that others print for public data, through the formula."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import entrepot as ep
from entrepot.estimation import GravityFit

pytestmark = pytest.mark.needs_shared

NAMES = {"exporter": "isoexp", "importer": "isoimp"}
SIDES = "isoexp^year + isoimp^year"
GUIDE = "exporter^year + importer^year"


def printed(values: Sequence[float] | np.ndarray, texts: str) -> None:
    """Each value agrees with the printed number to its last digit."""
    for value, text in zip(values, texts.split(), strict=True):
        digits = len(text.split(".")[1])
        assert abs(value - float(text)) <= 0.5000001 * 10.0**-digits, (value, text)


def near(values: Sequence[float] | np.ndarray, texts: str) -> None:
    """As `printed`, for six digits of a fit that stopped at 1e-6."""
    np.testing.assert_allclose(values, [float(text) for text in texts.split()], rtol=0, atol=1.1e-6)


# ppml_fe_bias (Weidner and Zylkin 2021) and ppmlhdfe (Correia, Guimaraes and Zylkin 2020), their examples.


def test_three_way_and_its_correction(bias_example: pd.DataFrame) -> None:
    formula = f"trade ~ fta | {SIDES} + isoexp^isoimp"
    fit = ep.gravity(formula, bias_example, **NAMES)
    printed(fit.coefficients, "0.1780290")
    printed(fit.standard_errors, "0.0350079")
    assert fit.n == 20_600
    assert fit.pruned == 200
    assert fit.rows == 20_800
    corrected = ep.gravity(formula, bias_example, correct=True, **NAMES)
    # The authors' own fit stops earlier: its tenth digit is not settled.
    assert corrected.correction.bias == pytest.approx(0.0076567524, abs=1e-9)
    printed(corrected.coefficients, "0.1703722")
    printed(corrected.standard_errors, "0.0419558558")


def test_two_way(bias_example: pd.DataFrame) -> None:
    terms = "ln_distw + contig + colony + comlang_off + comleg + fta"
    fit = ep.gravity(f"trade ~ {terms} | {SIDES}", bias_example, **NAMES)
    printed(fit.coefficients, "-0.5826890 0.3690149 -0.0874526 0.0535707 0.2485195 0.8540740")
    printed(fit.standard_errors, "0.0372778 0.0600966 0.0888010 0.0628885 0.0411242 0.0748473")


def test_ppmlhdfe_example(shared: Path) -> None:
    data = pd.read_parquet(shared / "gravity-ppmlhdfe" / "ppmlhdfe_example.parquet")
    data = data[data.category == "TOTAL"]
    fit = ep.gravity(f"trade ~ fta | {SIDES} + isoexp^isoimp", data, **NAMES)
    printed(fit.coefficients, "0.19244549")
    printed(fit.standard_errors, "0.04195271")
    assert fit.n == 5_950


# Yotov, Piermartini, Monteiro and Larch (2016), chapter 1, as the R package tradepolicy prints them. The
# guide clusters by pair without direction.


def guide_fit(data: pd.DataFrame, terms: str, effects: str = "") -> GravityFit:
    return ep.gravity(f"trade ~ {terms} | {GUIDE} {effects}", data, vcov="pair-symmetric")


def test_guide_table_1(every_fourth: pd.DataFrame) -> None:
    fit = guide_fit(every_fourth[every_fourth.abroad == 1], "log(dist) + cntg + lang + clny")
    near(fit.coefficients, "-.840927 .437443 .247476 -.222490")
    near(fit.standard_errors, ".031657 .083160 .076539 .116244")
    assert fit.n == 28_152


def test_guide_table_3_with_gravity_variables(every_fourth: pd.DataFrame) -> None:
    terms = "log(dist) + cntg + lang + clny + rta"
    abroad = guide_fit(every_fourth[every_fourth.abroad == 1], terms)
    near(abroad.coefficients[4:], ".190718")
    near(abroad.standard_errors[4:], ".065797")
    domestic = guide_fit(every_fourth, terms, "+ home")
    near(domestic.coefficients[4:], ".408522")
    near(domestic.standard_errors[4:], ".068827")


@pytest.mark.parametrize(
    ("terms", "coefficients", "errors"),
    [
        ("rta", ".557185", ".102235"),
        ("rta_lead4 + rta", ".077442 .520048", ".092135 .085883"),
        (
            "rta + rta_lag4 + rta_lag8 + rta_lag12",
            ".291445 .413550 .168731 .118894",
            ".089181 .067246 .043135 .030060",
        ),
    ],
)
def test_guide_table_3_pairs(every_fourth: pd.DataFrame, terms: str, coefficients: str, errors: str) -> None:
    fit = guide_fit(every_fourth, terms, "+ sym(exporter, importer)")
    near(fit.coefficients, coefficients)
    near(fit.standard_errors, errors)
    if len(fit.terms) == 4:
        total = fit.linear(dict.fromkeys(fit.terms, 1))
        printed([total.estimate, total.standard_error], ".9926 .0943")


def test_guide_table_3_borders(every_fourth: pd.DataFrame) -> None:
    terms = "rta + rta_lag4 + rta_lag8 + rta_lag12"
    fit = guide_fit(every_fourth, f"{terms} + i(year, abroad, ref=2006)", "+ sym(exporter, importer)")
    assert fit.terms[4] == "year::1986:abroad"
    near(fit.coefficients[[0, 4]], ".115680 -.705610")
    near(fit.standard_errors[[0, 4]], ".086707 .047792")
    total = fit.linear(dict.fromkeys(fit.terms[:4], 1))
    printed([total.estimate, total.standard_error], ".4750 .1095")


def test_guide_all_years_directed_pairs(guide: pd.DataFrame) -> None:
    fit = ep.gravity(
        f"trade ~ rta + rta_lag4 + rta_lag8 + rta_lag12 | {GUIDE} + exporter^importer", guide
    )  # fmt: skip
    printed(fit.coefficients, ".348172652 .334094185 .159832391 .115650623")
    printed(fit.standard_errors, ".077017507 .035114442 .040659655 .025328912")
    assert fit.n == 99_708
