"""Draws of the coefficients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import entrepot as ep
from entrepot.errors import InputError


def test_draws_have_the_covariance(panel: dict[str, Any], three_way: str) -> None:
    data = {**panel, "tariff": panel["tariff"] * 1e-6}
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", data)
    drawn = fit.draws(40_000, seed=1)
    assert drawn.shape == (40_000, 2)
    size = fit.standard_errors
    # Standard errors of means and covariances of 40,000 normal draws are 0.005 and at most 0.007.
    np.testing.assert_allclose((drawn.mean(axis=0) - fit.coefficients) / size, 0, atol=0.02)
    unit = np.outer(size, size)
    np.testing.assert_allclose(np.cov(drawn.T) / unit, fit.covariance.matrix / unit, atol=0.03)
    assert fit.draws(3, seed=1).tolist() != fit.draws(3, seed=2).tolist()
    assert fit.draws(3, seed=1).tolist() == fit.draws(3, seed=1).tolist()


def test_the_bootstrap_is_near_the_covariance(panel: dict[str, Any]) -> None:
    fit = ep.gravity("trade ~ rta + tariff | exporter + importer", panel, vcov="pair")
    score = fit.draws(4000, method="score")
    np.testing.assert_allclose(score.std(axis=0), fit.standard_errors, rtol=0.06)
    refitted = fit.draws(60, method="bootstrap")
    assert refitted.shape[1] == 2
    # Sixty draws give a standard deviation to about a tenth; refitting also sees the curvature.
    np.testing.assert_allclose(refitted.std(axis=0), fit.standard_errors, rtol=0.5)


def test_bootstrap_draws_stand_around_the_estimate(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta | {three_way}", panel)
    drawn = fit.draws(8, method="bootstrap")
    np.testing.assert_allclose(drawn.mean(axis=0), fit.coefficients, rtol=1e-10)
    assert fit.draws(1, method="bootstrap").shape == (1, 1)


def test_correction_and_offset_enter_the_bootstrap(panel: dict[str, Any], three_way: str) -> None:
    plain = ep.gravity(f"trade ~ rta | {three_way}", panel)
    corrected = ep.gravity(f"trade ~ rta | {three_way}", panel, correct=True)
    np.testing.assert_allclose(
        plain.draws(5, method="score") - corrected.draws(5, method="score"),
        np.full((5, 1), corrected.correction.bias[0]), rtol=1e-10,
    )  # fmt: skip
    known = {**panel, "known": -2.5 * panel["tariff"] + 0.3 * panel["rta"] * panel["tariff"]}
    shifted = ep.gravity(f"trade ~ rta | {three_way}", known, offset="known")
    drawn = shifted.draws(2000, method="score")[:, 0]
    # The mean of 2,000 draws has a standard error of 0.022 of theirs, the standard deviation one of 1.6%.
    assert drawn.mean() == pytest.approx(shifted.coefficients[0], abs=0.1 * shifted.standard_errors[0])
    assert drawn.std() == pytest.approx(shifted.standard_errors[0], rel=0.07)


def test_errors(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta | {three_way}", panel)
    with pytest.raises(InputError, match="n cannot be 0"):
        fit.draws(0)
    with pytest.raises(InputError, match="method cannot be 'wild'"):
        fit.draws(3, method="wild")
    for vcov in ("hetero", "exporter+importer", "dyadic"):
        with pytest.raises(InputError, match="the bootstrap draws clusters of one way"):
            fit.with_vcov(vcov).draws(3, method="bootstrap")
    assert ep.gravity(f"trade ~ 1 | {three_way}", panel).draws(4).shape == (4, 0)
