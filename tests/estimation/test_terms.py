"""Terms as columns of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation.design import Design, build


def built(terms: str, data: dict[str, Any], **options: Any) -> Design:
    return build(f"trade ~ {terms} | exporter", data, **options)


@pytest.fixture
def small() -> dict[str, Any]:
    return {
        "exporter": ["A", "A", "B", "B", "A", "B"], "importer": ["B", "B", "A", "A", "C", "C"],
        "year": [2000, 2004, 2000, 2004, 2000, 2000], "trade": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "x": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0], "zone": ["n", "s", "n", "w", "s", "n"],
    }  # fmt: skip


def test_functions_and_products(small: dict[str, Any]) -> None:
    design = built("log(x) + sqrt(x) + exp(log(x)) + x:year", small)
    x, year = np.array(small["x"]), np.array(small["year"])
    assert design.terms == ("log(x)", "sqrt(x)", "exp(log(x))", "x:year")
    np.testing.assert_allclose(design.x, np.column_stack([np.log(x), np.sqrt(x), x, x * year]), rtol=1e-15)


def test_factors(small: dict[str, Any]) -> None:
    design = built("i(zone)", small)
    assert design.terms == ("zone::s", "zone::w")
    assert design.x[:, 0].tolist() == [0, 1, 0, 0, 1, 0]
    assert built("i(zone, ref=s)", small).terms == ("zone::n", "zone::w")
    assert built("i(year, ref=2004)", small).terms == ("year::2000",)
    assert built("i(year, x)", small).terms == ("year::2000:x", "year::2004:x")
    slopes = built("i(year, x, ref='2000')", small)
    assert slopes.terms == ("year::2004:x",)
    assert slopes.x[:, 0].tolist() == [0, 2, 0, 8, 0, 0]
    assert built("i(zone):x", small).terms == ("zone::s:x", "zone::w:x")
    floats = {**small, "year": np.array(small["year"], dtype=float)}
    assert built("i(year, ref=2004)", floats).terms == ("year::2000",)


def test_lags_look_at_the_same_pair_that_many_years_before(small: dict[str, Any]) -> None:
    design = built("l(x, 4)", small, missing="drop")
    assert design.terms == ("l(x, 4)",)
    assert design.rows.tolist() == [1, 3]
    assert design.x[:, 0].tolist() == [1, 4]
    assert design.missing == {"l(x, 4) is missing": 4}
    lead = built("f(x, 4)", small, missing="drop")
    assert lead.rows.tolist() == [0, 2]
    assert lead.x[:, 0].tolist() == [2, 8]
    # A row without importer or year is nobody's past, and no second row of another pair.
    gaps = {name: [*values, values[0], values[1]] for name, values in small.items()}
    gaps["importer"][6] = gaps["importer"][7] = None
    gaps["year"] = [*small["year"], None, 2004]
    assert built("l(x, 4)", gaps, missing="drop").x[:, 0].tolist() == [1, 4]
    # Years are calendar years: there is no row one year before.
    with pytest.raises(DataError, match="every row misses a value"):
        built("l(x, 1)", small, missing="drop")


def test_a_lag_is_the_column_made_by_hand(panel: dict[str, Any], three_way: str) -> None:
    rta, year = panel["rta"], panel["year"]
    before = {
        (i, j, t): value
        for i, j, t, value in zip(panel["exporter"], panel["importer"], year, rta, strict=True)
    }
    keys = zip(panel["exporter"], panel["importer"], year, strict=True)
    by_hand = np.array([before.get((i, j, t - 1), np.nan) for i, j, t in keys])
    wanted = ep.gravity(
        f"trade ~ rta + lagged | {three_way}", {**panel, "lagged": by_hand}, missing="drop"
    )  # fmt: skip
    found = ep.gravity(f"trade ~ rta + l(rta) | {three_way}", panel, missing="drop")
    assert found.coefficients.tolist() == wanted.coefficients.tolist()
    assert found.n == wanted.n == 256


def test_years_may_be_counted_from_an_event(panel: dict[str, Any], three_way: str) -> None:
    formula = f"trade ~ rta + l(rta) | {three_way}"
    base = ep.gravity(formula, panel, missing="drop")
    counted = ep.gravity(formula, {**panel, "year": panel["year"] - 2002}, missing="drop")
    assert counted.coefficients.tolist() == base.coefficients.tolist()
    inward = [fit.effects().resistances["inward"].to_pylist() for fit in (base, counted)]
    assert inward[0] == inward[1]


def test_errors(small: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=r"term 'log\(x\)': row 2 has 0, which has no log, and 1 more rows"):
        built("log(x)", {**small, "x": [1.0, 0.0, -1.0, 1.0, 1.0, 1.0]})
    with pytest.raises(DataError, match=r"term 'sqrt\(x\)': row 1 has -1, which has no sqrt \(hint"):
        built("sqrt(x)", {**small, "x": [-1.0, 0.0, 1.0, 1.0, 1.0, 1.0]})
    with pytest.raises(DataError, match=r"which has no exp"):
        built("exp(x)", {**small, "x": [1e3] * 6})
    with pytest.raises(DataError, match="row 1, column 'x': is infinite"):
        built("x", {**small, "x": [np.inf] * 6})
    with pytest.raises(
        InputError, match=r"unknown reference of i\(zone\): 'q' \(hint: its values are n, s, w"
    ):
        built("i(zone, ref=q)", small)
    with pytest.raises(InputError, match=r"term 'l\(x, 4\)' needs exporters, importers and years"):
        built("l(x, 4)", {name: values for name, values in small.items() if name != "year"})
    with pytest.raises(InputError, match="column 'zone' holds text, not numbers"):
        built("zone", small)
    twice = {name: [*values, values[0]] for name, values in small.items()}
    with pytest.raises(InputError, match="an exporter, importer and year have more than one row"):
        built("l(x, 4)", twice)
