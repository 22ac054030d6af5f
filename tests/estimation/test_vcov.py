"""Names of covariances, and the convention of fixest against pyfixest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.models import inference

ORACLES = Path(__file__).resolve().parents[1] / "oracles"
EXPECTED = pd.read_csv(ORACLES / "gravity_fixest.csv")


@pytest.mark.parametrize(
    ("effects", "vcov"), EXPECTED[["effects", "vcov"]].drop_duplicates().to_numpy().tolist()
)
def test_the_convention_of_fixest(effects: str, vcov: str) -> None:
    data = pd.read_csv(ORACLES / "gravity_fixest_panel.csv")
    fit = ep.gravity(
        f"trade ~ rta + tariff | {effects}", data, vcov=vcov, convention="fixest", singletons="keep"
    )  # fmt: skip
    wanted = EXPECTED[(EXPECTED.effects == effects) & (EXPECTED.vcov == vcov)]
    np.testing.assert_allclose(fit.coefficients, wanted.coefficient, rtol=1e-8)
    np.testing.assert_allclose(fit.standard_errors, wanted.standard_error, rtol=1e-6)
    assert fit.pseudo_r2 == pytest.approx(wanted.pseudo_r2.iloc[0], rel=1e-10)


def test_every_name(panel: dict[str, Any], three_way: str) -> None:
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel, vcov="hetero")
    sample = (fit.fit.x_tilde, fit.fit.mu, fit.fit.y)
    i, j = fit.design.cells.exporter.code, fit.design.cells.importer.code
    year = fit.design.cells.year
    ways = {
        "pair": [inference.directed_pairs(i, j)],
        "exporter^importer": [inference.directed_pairs(i, j)],
        "pair-symmetric": [inference.symmetric_pairs(i, j)],
        "exporter": [i],
        "~importer": [j],
        "exporter+importer": [i, j],
        "exporter + importer + year": [i, j, year],
        "exporter^year": [inference.intersect([i, year])],
    }
    for name, codes in ways.items():
        other = fit.with_vcov(name)
        expected = inference.clustered(*sample, codes)
        np.testing.assert_allclose(other.covariance.matrix, expected.matrix, rtol=1e-12)
        assert other.coefficients.tolist() == fit.coefficients.tolist()
    np.testing.assert_allclose(
        fit.with_vcov("dyadic").covariance.matrix, inference.dyadic(*sample, i, j).matrix, rtol=1e-12
    )
    np.testing.assert_allclose(fit.covariance.matrix, inference.heteroskedastic(*sample).matrix, rtol=1e-12)
    zones = ep.gravity(f"trade ~ rta | {three_way}", panel, vcov="zone")
    assert zones.covariance.groups == (4,)


def test_errors(panel: dict[str, Any], three_way: str) -> None:
    formula = f"trade ~ rta | {three_way}"
    for vcov in ("", "pair+", 3):
        with pytest.raises(InputError, match=r"vcov cannot be .* \(hint: use hetero, pair"):
            ep.gravity(formula, panel, vcov=vcov)
    with pytest.raises(InputError, match="unknown column 'exporters' \\(hint: did you mean 'exporter'"):
        ep.gravity(formula, panel, vcov="exporters")
    with pytest.raises(InputError, match="convention cannot be 'sas'"):
        ep.gravity(formula, panel, convention="sas")
    bare = {name: values for name, values in panel.items() if name != "exporter"}
    with pytest.raises(InputError, match=r"vcov 'pair' needs the exporter of each row .*exporter="):
        ep.gravity("trade ~ rta | importer^year", bare)
    assert ep.gravity("trade ~ rta | importer^year", bare, vcov="hetero").n == 320
    with pytest.raises(DataError, match=r"vcov 'one': .*at least two clusters"):
        ep.gravity(formula, {**panel, "one": np.zeros(320, dtype=int)}, vcov="one")
    with pytest.raises(InputError, match="unknown column 'zone'"):
        ep.gravity(formula, panel).with_vcov("zone")
