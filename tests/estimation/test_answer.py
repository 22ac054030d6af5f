"""Estimates as a Result, and their chart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entrepot as ep
from entrepot.errors import InputError
from entrepot.report.charts import spec


def test_estimates_as_a_result(panel: dict[str, Any], three_way: str, tmp_path: Path) -> None:
    trade = np.array(panel["trade"])
    trade[panel["exporter"] == "GHA"] = 0
    fit = ep.gravity(
        f"trade ~ rta + tariff + abroad | {three_way}", {**panel, "trade": trade}, unidentified="drop"
    )
    result = fit.to_result()
    assert result.how.parameters["unidentified"] == "drop"
    again = eval(result.how.python, {"ep": ep, "data": {**panel, "trade": trade}})
    assert again.coefficients.tolist() == fit.coefficients.tolist()
    other = fit.with_vcov("exporter", convention="fixest").to_result()
    again = eval(other.how.python, {"ep": ep, "data": {**panel, "trade": trade}})
    assert again.standard_errors.tolist() == other.table["standard_error"].to_pylist()[:2]
    change = np.expm1(fit.coefficients[0])
    assert result.finding.startswith(f"One unit more of rta goes with {100 * change:+.1f}% of trade")
    assert result.table["term"].to_pylist() == ["rta", "tariff", "abroad"]
    assert result.table["reason"].to_pylist()[2] == "absorbed by the fixed effects"
    assert result.part("left-out").data["rows"].to_pylist() == [40]
    assert any("40 of 320 rows are left out" in note.text for note in result.notes)
    for suffix in (".csv", ".json", ".html", ".tex", ".parquet"):
        assert result.save(tmp_path / f"fit{suffix}").stat().st_size > 0
    assert spec(result.figures[0])


def test_the_chart_shows_the_terms_asked_for(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel)
    figure = fit.plot(["tariff"])
    assert figure.kind == "interval"
    assert figure.data["coefficient"].to_pylist() == [fit.coefficients[1]]
    assert figure.data["upper"].to_pylist() == [fit.intervals()[1, 1]]
    assert spec(fit.plot())
    with pytest.raises(InputError, match="unknown term 'tarif' \\(hint: did you mean 'tariff'"):
        fit.plot(["tarif"])


def test_numbers_of_a_fit(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel)
    reach = 1.959963984540054 * fit.standard_errors
    np.testing.assert_allclose(
        fit.intervals(), np.column_stack([fit.coefficients - reach, fit.coefficients + reach])
    )
    np.testing.assert_allclose(fit.z, fit.coefficients / fit.standard_errors)
    assert ((fit.intervals(0.5)[:, 1] - fit.coefficients) < reach).all()
    one = fit.linear({"rta": 2.0})
    assert (one.estimate, one.standard_error) == pytest.approx(
        (2 * fit.coefficients[0], 2 * fit.standard_errors[0])
    )
    with pytest.raises(InputError, match="unknown term 'x'"):
        fit.linear({"x": 1})
    with pytest.raises(InputError, match="level cannot be 95"):
        fit.intervals(95)
    bare = ep.gravity(f"trade ~ 1 | {three_way}", panel)
    assert bare.to_result().finding == "trade explained by fixed effects alone."


def test_what_is_beyond_percent_is_said_in_logs(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ tiny | {three_way}", {**panel, "tiny": panel["tariff"] / 1e4})
    assert "log points of trade" in fit.to_result().finding


def test_the_name_is_a_function_whatever_was_imported() -> None:
    import entrepot.estimation

    assert callable(ep.gravity)
    assert ep.gravity is entrepot.estimation.gravity
    assert "gravity" in dir(ep)
