"""Faults of the data, each named with its column or term."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation.design import build


def changed(panel: dict[str, Any], name: str, row: int, value: float) -> dict[str, Any]:
    values = np.array(panel[name], dtype=float)
    values[row] = value
    return {**panel, name: values}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("trade", -3.0, r"table 'data', row 8, column 'trade': -3 is negative"),
        ("trade", np.inf, r"table 'data', row 8, column 'trade': inf is infinite"),
        ("trade", np.nan, r"missing values in trade \(1 row\) \(hint: .*missing trade is not zero trade"),
        (
            "rta",
            np.nan,
            r"missing values in rta \(1 row\) \(hint: leave these rows out with missing=\"drop\"",
        ),
        ("rta", np.inf, r"table 'data', row 8, column 'rta': is infinite"),
        ("year", 2000.5, r"table 'data', row 8, column 'year': 2000.5 is not a year"),
    ],
)
def test_bad_values(panel: dict[str, Any], three_way: str, name: str, value: float, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ep.gravity(f"trade ~ rta | {three_way}", changed(panel, name, 7, value))


def test_bad_weights_and_weights_of_zero(panel: dict[str, Any], three_way: str) -> None:
    weights = np.ones(320)
    weights[4] = -1
    with pytest.raises(DataError, match="row 5, column 'w': -1 is negative"):
        ep.gravity(f"trade ~ rta | {three_way}", {**panel, "w": weights}, weights="w")
    weights[4] = 0
    fit = ep.gravity(f"trade ~ rta | {three_way}", {**panel, "w": weights}, weights="w")
    assert fit.removed == {"weight is zero": 1}


def test_separated_rows_are_counted_and_their_term_named(panel: dict[str, Any], three_way: str) -> None:
    # A dummy that is 1 on zeros only has no finite coefficient: its rows go, and then it is all zero.
    trade, closed = np.array(panel["trade"]), np.zeros(320)
    for row in (7, 23, 61):
        trade[row], closed[row] = 0.0, 1.0
    data = {**panel, "trade": trade, "closed": closed}
    with pytest.raises(DataError, match="'closed' is absorbed"):
        ep.gravity(f"trade ~ rta + closed | {three_way}", data)
    fit = ep.gravity(f"trade ~ rta + closed | {three_way}", data, unidentified="drop")
    assert (fit.separated, fit.pruned, fit.n) == (3, 0, 317)
    assert fit.terms == ("rta",)
    assert re.search(r"^Separated +3$", fit.table(), re.M)


def test_missing_rows_are_left_out_and_counted_once(panel: dict[str, Any], three_way: str) -> None:
    data = changed(changed(changed(panel, "trade", 7, np.nan), "rta", 7, np.nan), "rta", 9, np.nan)
    data["importer"] = data["importer"].astype(object)
    data["importer"][11] = None
    fit = ep.gravity(f"trade ~ rta | {three_way}", data, missing="drop")
    assert fit.removed == {
        "trade is missing": 1, "rta is missing": 1, "importer^year is missing": 1,
    }  # fmt: skip
    assert fit.n == 317
    keep = np.setdiff1d(np.arange(320), [7, 9, 11])
    alone = ep.gravity(f"trade ~ rta | {three_way}", {name: v[keep] for name, v in panel.items()})
    assert fit.coefficients.tolist() == alone.coefficients.tolist()
    with pytest.raises(DataError, match=r"missing values in trade \(1 row\), rta \(2 rows\), importer"):
        ep.gravity(f"trade ~ rta | {three_way}", data)


def test_duplicated_cells(panel: dict[str, Any], three_way: str) -> None:
    twice = {name: np.append(values, values[5]) for name, values in panel.items()}
    with pytest.raises(DataError, match="rows 6 and 321 are both for exporter AUT, importer BRA, year 2000"):
        ep.gravity(f"trade ~ rta | {three_way}", twice)
    # What the fixed effects tell apart is another cell.
    twice["product"] = np.append(np.zeros(320, dtype=int), 1)
    assert ep.gravity(f"trade ~ rta | {three_way} + product", twice).rows == 321


def test_too_little_to_estimate_from(panel: dict[str, Any], three_way: str) -> None:
    formula = f"trade ~ rta | {three_way}"
    frame = pd.DataFrame(panel)
    with pytest.raises(DataError, match=r"needs at least two countries, the data have 1 \(AUT\)"):
        ep.gravity(formula, frame[(frame.exporter == "AUT") & (frame.importer == "AUT")])
    with pytest.raises(DataError, match="column 'trade' is zero in all 320 rows"):
        ep.gravity(formula, {**panel, "trade": np.zeros(320)})
    with pytest.raises(DataError, match="the data have no rows"):
        ep.gravity(formula, frame[frame.year > 2050])
    with pytest.raises(DataError, match="no row is left to estimate from"):
        ep.gravity(formula, frame[frame.year == 2000])


def test_terms_without_a_coefficient(panel: dict[str, Any], three_way: str) -> None:
    data = {**panel, "half": panel["rta"] / 2}
    with pytest.raises(
        DataError, match="no coefficient for 1 term: 'abroad' is absorbed by the fixed effects"
    ):
        ep.gravity(f"trade ~ rta + abroad | {three_way}", data)
    with pytest.raises(
        DataError, match=r"'half' is collinear with the regressors before it .*unidentified=\"drop"
    ):
        ep.gravity(f"trade ~ rta + half | {three_way}", data)
    fit = ep.gravity(f"trade ~ rta + half + abroad | {three_way}", data, unidentified="drop")
    assert [(one.term, one.reason) for one in fit.dropped] == [
        ("half", "collinear with the regressors before it"),
        ("abroad", "absorbed by the fixed effects"),
    ]
    assert fit.terms == ("rta",)
    assert fit.tidy()["coefficient"].null_count == 2
    bare = ep.gravity(f"trade ~ abroad | {three_way}", data, unidentified="drop")
    assert bare.terms == ()
    assert bare.coefficients.shape == (0,)
    assert "abroad" in bare.table()


def test_words_that_are_not_understood(panel: dict[str, Any], three_way: str) -> None:
    with pytest.raises(InputError, match="unknown column 'rtaa' \\(hint: did you mean 'rta'"):
        ep.gravity(f"trade ~ rtaa | {three_way}", panel)
    with pytest.raises(InputError, match="unknown column 'exporer' \\(hint: did you mean 'exporter'"):
        ep.gravity("trade ~ rta | exporer^year", panel)
    with pytest.raises(InputError, match="unknown column 'isoexp'"):
        ep.gravity("trade ~ rta | exporter^year", panel, exporter="isoexp")
    with pytest.raises(InputError, match="column 'zone' holds text"):
        ep.gravity("trade ~ zone | exporter^year", panel)
    with pytest.raises(InputError, match="column 'zone' holds text"):
        ep.gravity("zone ~ rta | exporter^year", panel)
    for option, value in (("missing", "skip"), ("unidentified", "keep"), ("singletons", "no")):
        with pytest.raises(InputError, match=f"{option} cannot be '{value}'"):
            ep.gravity("trade ~ rta | exporter^year", panel, **{option: value})
    with pytest.raises(InputError, match="tolerance cannot be 0"):
        ep.gravity("trade ~ rta | exporter^year", panel, tolerance=0)
    with pytest.raises(InputError, match="max_iterations cannot be 0"):
        ep.gravity("trade ~ rta | exporter^year", panel, max_iterations=0)
    with pytest.raises(DataError, match="did not converge"):
        ep.gravity(f"trade ~ rta + tariff | {three_way}", panel, max_iterations=1)


def test_symmetric_pairs_join_both_directions(panel: dict[str, Any]) -> None:
    design = build("trade ~ rta | sym(exporter, importer)", panel)
    ends = np.sort(np.column_stack([panel["exporter"], panel["importer"]]), axis=1)
    pairs = np.unique(np.char.add(ends[:, 0], ends[:, 1]), return_inverse=True)[1]
    assert np.unique(pairs).size == 36
    assert np.unique(np.column_stack([pairs, design.groups[0]]), axis=0).shape[0] == 36
