"""Weidner-Zylkin: the authors' printed figures, a Monte Carlo of the bias, identities, errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from entrepot.models import poisson
from entrepot.models.inference import clustered, correct_gravity, directed_pairs


def _panel(countries: int, years: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray]]:
    grid = np.meshgrid(np.arange(countries), np.arange(countries), np.arange(years), indexing="ij")
    i, j, t = (axis.ravel()[(grid[0] != grid[1]).ravel()] for axis in grid)
    return i, j, t, [i * years + t, j * years + t, i * countries + j]


@pytest.mark.needs_shared
def test_the_authors_example(shared: Path) -> None:
    # Printed by ppml_fe_bias on its example data: bias, adjusted and plain standard error of fta.
    table = pq.read_table(shared / "gravity-ppmlhdfe" / "ppml_fe_bias_example.parquet")
    table = table.filter(pc.equal(table["category"], "MANUF"))
    exporter, importer = (np.array(table[name].to_pylist()) for name in ("isoexp", "isoimp"))
    names = np.union1d(exporter, importer)
    i, j = np.searchsorted(names, exporter), np.searchsorted(names, importer)
    t, y = table["year"].to_numpy().astype(int), table["trade"].to_numpy()
    x = table["fta"].to_numpy().astype(float)[:, None]
    fitted = poisson.fit(y, x, [i * 10_000 + t, j * 10_000 + t, i * 1000 + j])
    kept = fitted.kept
    assert kept.sum() == 20_600
    i, j, t, y = i[kept], j[kept], t[kept], y[kept]
    assert fitted.beta[0] == pytest.approx(0.1780290, abs=6e-8)
    plain = clustered(fitted.x_tilde, fitted.mu, y, [directed_pairs(i, j)])
    assert plain.standard_errors[0] == pytest.approx(0.0350079, abs=6e-8)
    corrected = correct_gravity(fitted.x_tilde, fitted.mu, y, i, j, t, pair_effects=True)
    assert corrected.bias[0] == pytest.approx(0.0076567524, abs=1e-9)
    assert fitted.beta[0] - corrected.bias[0] == pytest.approx(0.1703722, abs=6e-8)
    assert corrected.covariance.standard_errors[0] == pytest.approx(0.0419558558, abs=6e-11)


@pytest.mark.needs_shared
def test_a_panel_of_2898_effects_and_domestic_trade(shared: Path) -> None:
    # Coefficients and standard errors are reference values of the acceptance list. Bias and adjusted errors
    # are those of the pseudo-inverse of the whole dense system, which takes six times as long.
    table = pq.read_table(shared / "gravity-wto-guide" / "agtpa.parquet")
    exporter, importer = (np.array(table[name].to_pylist()) for name in ("exporter", "importer"))
    names = np.union1d(exporter, importer)
    i, j = np.searchsorted(names, exporter), np.searchsorted(names, importer)
    t, y = table["year"].to_numpy().astype(int), table["trade"].to_numpy().astype(float)
    x = np.column_stack([table[f"rta{lag}"].to_numpy() for lag in ("", "_lag4", "_lag8", "_lag12")]).astype(
        float
    )
    fitted = poisson.fit(y, x, [i * 10_000 + t, j * 10_000 + t, i * 100 + j])
    kept = fitted.kept
    assert fitted.beta == pytest.approx([0.348172652, 0.334094185, 0.159832391, 0.115650623], abs=1e-8)
    plain = clustered(fitted.x_tilde, fitted.mu, fitted.y, [directed_pairs(i[kept], j[kept])])
    printed = [0.077017507, 0.035114442, 0.040659655, 0.025328912]
    assert plain.standard_errors == pytest.approx(printed, abs=1e-8)
    corrected = correct_gravity(
        fitted.x_tilde, fitted.mu, fitted.y, i[kept], j[kept], t[kept], pair_effects=True
    )
    dense = [-0.03707626, -0.03786707, 0.00145006, -0.00540904]
    assert corrected.bias == pytest.approx(dense, abs=1e-8)
    adjusted = [0.11313474, 0.05385735, 0.06608513, 0.03904947]
    assert corrected.covariance.standard_errors == pytest.approx(adjusted, abs=1e-8)


def test_units_and_names_change_nothing(fit: Callable[..., Any]) -> None:
    i, j, t, codes = _panel(8, 4)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((i.size, 2))
    y = rng.lognormal(0, 1, i.size)
    fitted = fit(y, x, codes)
    base = correct_gravity(fitted.x_tilde, fitted.mu, y, i, j, t, pair_effects=True)
    order, size = rng.permutation(i.size), np.array([1e-8, 1e8])
    other = correct_gravity(
        (fitted.x_tilde * size)[order],
        1e6 * fitted.mu[order],
        1e6 * y[order],
        90 - 3 * i[order],
        90 - 3 * j[order],
        2000 + 4 * t[order],
        pair_effects=True,
    )
    assert other.bias * size == pytest.approx(base.bias, rel=1e-7)
    assert other.covariance.standard_errors * size == pytest.approx(base.covariance.standard_errors, rel=1e-7)
    assert base.exporter_part + base.importer_part == pytest.approx(base.bias)
    swapped = correct_gravity(fitted.x_tilde, fitted.mu, y, j, i, t, pair_effects=True)
    assert swapped.exporter_part == pytest.approx(base.importer_part, rel=1e-7)


def test_two_way_has_no_bias_and_a_larger_error(fit: Callable[..., Any]) -> None:
    i, j, t, codes = _panel(8, 3)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((i.size, 1))
    y = rng.lognormal(0, 1, i.size)
    fitted = fit(y, x, codes[:2])
    corrected = correct_gravity(fitted.x_tilde, fitted.mu, y, i, j, t, pair_effects=False)
    plain = clustered(fitted.x_tilde, fitted.mu, y, [directed_pairs(i, j)])
    assert corrected.bias.tolist() == [0.0]
    assert corrected.covariance.standard_errors[0] > plain.standard_errors[0]


def test_the_leverage_is_that_of_the_dense_design(fit: Callable[..., Any]) -> None:
    i, j, t, codes = _panel(5, 1)
    rng = np.random.default_rng(3)
    x = rng.standard_normal((i.size, 1))
    y = rng.lognormal(0, 1, i.size)
    fitted = fit(y, x, codes[:2])
    corrected = correct_gravity(fitted.x_tilde, fitted.mu, y, i, j, t, pair_effects=False)
    # With one period a pair is one row, so that the adjustment is HC2 of the weighted dense regression.
    dummies = [np.equal.outer(code, np.unique(code)).astype(float) for code in codes[:2]]
    root = np.sqrt(fitted.mu)[:, None] * np.column_stack([*dummies, x])
    leverage = np.diag(root @ np.linalg.pinv(root))
    scores = fitted.x_tilde[:, 0] * (y - fitted.mu)
    bread = (fitted.mu * fitted.x_tilde[:, 0] ** 2).sum()
    expected = (scores**2 / (1 - leverage)).sum() / bread**2 * i.size / (i.size - 1)
    assert corrected.covariance.matrix[0, 0] == pytest.approx(expected, rel=1e-9)


def test_errors_name_the_argument() -> None:
    i, j, t, _ = _panel(4, 2)
    x, ones = np.random.default_rng(0).standard_normal((i.size, 1)), np.ones(i.size)
    with pytest.raises(ValueError, match="period must name each row of a pair once"):
        correct_gravity(x, ones, ones, i, j, 0 * t, pair_effects=True)
    with pytest.raises(ValueError, match="importer must have shape"):
        correct_gravity(x, ones, ones, i, j[1:], t, pair_effects=True)
    with pytest.raises(ValueError, match="period must hold integer codes"):
        correct_gravity(x, ones, ones, i, j, t + 0.5, pair_effects=True)
    many = np.arange(9000)
    with pytest.raises(ValueError, match="exporter, importer and period make 36000 effects"):
        correct_gravity(
            np.ones((9000, 1)), np.ones(9000), np.ones(9000), many % 2, 1 - many % 2, many, pair_effects=True
        )
