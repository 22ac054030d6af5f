"""RESET and event studies through the front end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation import event_study
from entrepot.models import inference
from entrepot.report.charts import spec


@pytest.fixture
def events(panel: dict[str, Any]) -> pd.DataFrame:
    data = pd.DataFrame(panel)
    pair = data.groupby(["exporter", "importer"]).ngroup()
    data["start"] = np.where((pair % 3 == 0) & (data.exporter != data.importer), 2002.0, np.nan)
    data["trade"] *= np.exp(0.7 * (data.year >= data.start))
    return data


def test_an_event_study(events: pd.DataFrame, three_way: str) -> None:
    found = event_study(f"trade ~ tariff | {three_way}", events, start="start", window=(-2, 2))
    table = found.tidy().to_pandas()
    assert table.time.tolist() == [-2, -1, 0, 1, 2]
    assert table.coefficient[1] == 0
    codes = [
        events.groupby(keys).ngroup().to_numpy() for keys in (["exporter", "year"], ["importer", "year"])
    ]
    pair = events.groupby(["exporter", "importer"]).ngroup().to_numpy()
    wanted = inference.event_study(
        events.trade, [*codes, pair], pair, events.year, events.start, window=(-2, 2),
        controls=events[["tariff"]],
    )  # fmt: skip
    np.testing.assert_allclose(table.coefficient.drop(1), wanted.coefficients, rtol=1e-9)
    np.testing.assert_allclose(table.band_upper.drop(1), wanted.simultaneous[:, 1], rtol=1e-9)
    figure = found.plot()
    assert figure.data["label"].to_pylist() == ["\u22122 and before", "\u22121", "0", "1", "2 and after"]
    assert spec(figure)


def test_event_study_errors(events: pd.DataFrame, three_way: str) -> None:
    formula = f"trade ~ 1 | {three_way}"
    with pytest.raises(InputError, match="unknown column 'begin'"):
        event_study(formula, events, start="begin")
    with pytest.raises(InputError, match="an event study needs clusters"):
        event_study(formula, events, start="start", vcov="hetero")
    with pytest.raises(DataError, match="event study on 'start': window must begin before 0"):
        event_study(formula, events, start="start", window=(0, 2))
    with pytest.raises(InputError, match="needs exporters, importers and years"):
        event_study("trade ~ 1 | exporter", events[events.year == 2000].drop(columns="year"), start="start")


def test_reset(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel)
    found = fit.reset()
    design = fit.design
    clusters = [inference.directed_pairs(design.cells.exporter.code, design.cells.importer.code)]
    wanted = inference.reset(design.y, design.x, design.groups, clusters)
    assert found.test.p_value == pytest.approx(wanted.test.p_value, rel=1e-6)
    assert fit.with_vcov("hetero").reset().coefficient == pytest.approx(found.coefficient)
    with pytest.raises(InputError, match="RESET does not know vcov 'dyadic'"):
        fit.with_vcov("dyadic").reset()
    with pytest.raises(InputError, match="RESET does not know offsets"):
        ep.gravity(f"trade ~ rta | {three_way}", panel, offset="tariff").reset()
