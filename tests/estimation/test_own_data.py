"""Gravity on a table of one's own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from entrepot.estimation.own_data import data_gravity


def test_columns_of_the_table_win_over_ready_regressors():
    frame = pd.DataFrame(
        {
            "exporter": ["DEU", "DEU", "FRA", "FRA", "USA", "USA"],
            "importer": ["FRA", "USA", "DEU", "USA", "DEU", "FRA"],
            "year": 2020,
            "trade": [9.0, 2, 7, 2, 3, 2],
        }
    )
    ready = data_gravity(frame, "trade ~ eu")
    own = data_gravity(frame.assign(eu=[0.0, 1, 0, 1, 1, 1]), "trade ~ eu")
    assert ready.coefficients[0] == pytest.approx(-own.coefficients[0])
    assert ready.coefficients[0] == pytest.approx(np.log(8 / 2.25))


def test_columns_may_have_other_names():
    frame = {"o": ["DEU", "FRA", "USA"], "d": ["FRA", "USA", "DEU"], "t": [2020] * 3, "v": [9.0, 2.0, 3.0]}
    fit = data_gravity(frame, "v ~ eu", exporter="o", importer="d", year="t")
    assert fit.terms == ("eu",)


def test_what_is_added_is_credited_and_explained():
    frame = {"exporter": ["DEU", "FRA", "USA"], "importer": ["FRA", "USA", "DEU"], "trade": [9.0, 2.0, 3.0]}
    result = data_gravity(frame, "trade ~ log_distance").to_result()
    assert [source.id for source in result.sources] == ["geonames"]
    dated = data_gravity({**frame, "year": [2020] * 3}, "trade ~ rta").to_result()
    assert any("rta counts the EU" in note.text for note in dated.notes)
    plain = data_gravity({**frame, "x": [1.0, 0.0, 2.0]}, "trade ~ x").to_result()
    assert plain.sources == ()


def test_the_lines_that_repeat_it_know_the_ready_regressors():
    frame = {"exporter": ["DEU", "FRA", "USA"], "importer": ["FRA", "USA", "DEU"], "v": [9.0, 2.0, 3.0]}
    fit = data_gravity({**frame, "t": [2020] * 3}, "v ~ eu", year="t", vcov="hetero", unidentified="drop")
    result = fit.to_result()
    assert result.subtitle.startswith("v ~ eu; 3 observations")
    assert result.how.command == "entrepot gravity 'v ~ eu' --data data.csv --vcov hetero --year t"
    again = eval(result.how.python, {"data_gravity": data_gravity, "data": {**frame, "t": [2020] * 3}})
    assert again.coefficients[0] == fit.coefficients[0]
    # The command drops what has no coefficient, so an estimate that refuses it is repeated in Python.
    strict = data_gravity({**frame, "t": [2020] * 3}, "v ~ eu", year="t", vcov="hetero")
    assert strict.command == strict.call
