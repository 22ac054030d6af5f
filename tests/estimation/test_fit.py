"""The estimator through its front end: invariance, weights, offsets, correction, lasso."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import special

import entrepot as ep
from entrepot.errors import InputError

PROBE = """
import numpy as np, entrepot as ep
rng = np.random.default_rng(5)
i, j, t = (axis.ravel() for axis in np.meshgrid(range(9), range(9), range(4), indexing="ij"))
names = np.array(["c" + str(k) for k in rng.permutation(9)])
rta = (rng.random(i.size) < 0.4).astype(float)
data = {"exporter": names[i], "importer": names[j], "year": t, "rta": rta}
data["trade"] = rng.lognormal(0, 2, i.size)
formula = "trade ~ rta + i(year, rta, ref=0) | exporter^year + importer^year + sym(exporter, importer)"
fit = ep.gravity(formula, data, vcov="exporter+importer", unidentified="drop")
print([value.hex() for value in (*fit.coefficients, *fit.standard_errors, *fit.draws(3).ravel())])
"""


def test_the_seed_of_hashes_changes_no_bit() -> None:
    found = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert "0x" in found.pop()


@pytest.mark.parametrize("vcov", ["pair", "hetero", "exporter+importer", "dyadic"])
def test_the_order_of_rows_changes_nothing(panel: dict[str, Any], three_way: str, vcov: str) -> None:
    formula = f"trade ~ rta + tariff | {three_way}"
    order = np.random.default_rng(0).permutation(320)
    base = ep.gravity(formula, panel, vcov=vcov)
    other = ep.gravity(formula, {name: values[order] for name, values in panel.items()}, vcov=vcov)
    np.testing.assert_allclose(other.coefficients, base.coefficients, rtol=1e-12)
    np.testing.assert_allclose(other.standard_errors, base.standard_errors, rtol=1e-12)
    np.testing.assert_allclose(other.fitted, base.fitted[order], rtol=1e-12)


def test_it_is_the_poisson_regression_with_dummies(panel: dict[str, Any]) -> None:
    fit = ep.gravity("trade ~ rta + tariff | exporter + year", panel)
    codes = [np.unique(panel[name], return_inverse=True)[1] for name in ("exporter", "year")]
    x = np.column_stack(
        [panel["rta"], panel["tariff"], np.eye(8)[codes[0]], np.eye(5)[codes[1]][:, 1:]]
    )  # fmt: skip
    score = x.T @ (panel["trade"] - fit.fitted)
    assert np.abs(score).max() < 1e-7 * panel["trade"].sum()
    eta = x[:, :2] @ fit.coefficients
    rest = np.log(fit.fitted) - eta
    assert np.abs(rest - x[:, 2:] @ np.linalg.lstsq(x[:, 2:], rest, rcond=None)[0]).max() < 1e-10


def test_weights_count_rows(panel: dict[str, Any]) -> None:
    formula = "trade ~ rta + tariff | exporter + importer"
    times = 1 + np.arange(320) % 3
    repeated = {name: np.repeat(values, times) for name, values in panel.items()}
    repeated["copy"] = np.concatenate([np.arange(n) for n in times])
    weighted = ep.gravity(formula, {**panel, "times": times}, weights="times", vcov="exporter")
    # The fixed effect "copy" would tell the copies apart; naming no countries lets them stand.
    copies = {
        ("seller" if n == "exporter" else "buyer" if n == "importer" else n): v for n, v in repeated.items()
    }
    rows = ep.gravity("trade ~ rta + tariff | seller + buyer", copies, vcov="seller")
    np.testing.assert_allclose(weighted.coefficients, rows.coefficients, rtol=1e-9)
    np.testing.assert_allclose(weighted.standard_errors, rows.standard_errors, rtol=1e-8)
    assert weighted.deviance == pytest.approx(rows.deviance, rel=1e-9)
    assert weighted.pseudo_r2 == pytest.approx(rows.pseudo_r2, rel=1e-9)


def null(y: np.ndarray, offset: np.ndarray | None) -> float:
    """Log-likelihood of a constant beside the offset."""
    rise = np.ones(y.size) if offset is None else np.exp(offset)
    mu = rise * y.sum() / rise.sum()
    return float((y * np.log(mu) - mu - special.gammaln(y + 1)).sum())


def test_an_offset_is_a_coefficient_of_one(panel: dict[str, Any], three_way: str) -> None:
    free = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel)
    known = {**panel, "known": free.coefficients[1] * panel["tariff"] + 50.0}
    fit = ep.gravity(f"trade ~ rta | {three_way}", known, offset="known")
    assert fit.coefficients[0] == pytest.approx(free.coefficients[0], rel=1e-8)
    np.testing.assert_allclose(fit.fitted, free.fitted, rtol=1e-8)
    assert fit.deviance == pytest.approx(free.deviance, rel=1e-9)
    assert fit.pseudo_r2 == pytest.approx(
        1 - (1 - free.pseudo_r2) * null(panel["trade"], None) / null(panel["trade"], known["known"]), rel=1e-9
    )
    level = fit.effects()["exporter^year"]["effect"].to_numpy() + 50.0
    np.testing.assert_allclose(level, free.effects()["exporter^year"]["effect"].to_numpy(), atol=1e-8)


def test_the_correction_needs_its_design(panel: dict[str, Any], three_way: str) -> None:
    plain = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel)
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel, correct=True)
    np.testing.assert_allclose(fit.coefficients, plain.coefficients - fit.correction.bias, rtol=1e-14)
    assert (fit.standard_errors > plain.standard_errors).all()
    two_way = ep.gravity("trade ~ rta | exporter^year + importer^year", panel, correct=True)
    assert two_way.correction.bias.tolist() == [0.0]
    for effects in ("exporter + importer", "exporter^year + importer^year + sym(exporter, importer)"):
        with pytest.raises(InputError, match="correct=True needs the fixed effects exporter\\^year"):
            ep.gravity(f"trade ~ rta | {effects}", panel, correct=True)
    with pytest.raises(InputError, match="correct=True goes with vcov='pair'"):
        ep.gravity(f"trade ~ rta | {three_way}", panel, correct=True, vcov="hetero")


def test_the_lasso_keeps_what_matters(panel: dict[str, Any], three_way: str) -> None:
    noise = np.random.default_rng(1).normal(size=(3, 320))
    data = {**panel, "a": noise[0], "b": noise[1], "c": noise[2], "strong": noise[0] ** 2}
    data["trade"] = panel["trade"] * np.exp(0.8 * data["strong"])
    fit = ep.gravity(f"trade ~ a + b + strong + c | {three_way}", data, lasso=True)
    assert fit.terms == ("strong",)
    assert {one.term for one in fit.dropped} == {"a", "b", "c"}
    alone = ep.gravity(f"trade ~ strong | {three_way}", data)
    assert fit.coefficients.tolist() == alone.coefficients.tolist()
    with pytest.raises(InputError, match="lasso=True needs clusters of one way"):
        ep.gravity(f"trade ~ rta | {three_way}", panel, lasso=True, vcov="hetero")
    with pytest.raises(InputError, match="lasso=True knows neither weights nor offsets"):
        ep.gravity(f"trade ~ rta | {three_way}", panel, lasso=True, weights="abroad")
