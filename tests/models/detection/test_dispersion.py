from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from entrepot.models.detection import fit_dispersion


def test_parameters_are_recovered() -> None:
    rng = np.random.default_rng(3)
    size = np.exp(rng.normal(8, 2, 20_000))
    x = np.log(size) - 8
    ratio = 0.1 - 0.05 * x + np.exp(-0.3 - 0.1 * x) * rng.standard_t(1.8, x.size)
    fit = fit_dispersion(ratio, size)
    shift = fit.centre - 8
    # Standard errors at 20,000 cells are about 0.01.
    assert fit.degrees == pytest.approx(1.8, abs=0.08)
    assert fit.scale[0] - fit.scale[1] * shift == pytest.approx(-0.3, abs=0.04)
    assert fit.scale[1] == pytest.approx(-0.1, abs=0.02)
    assert fit.location[0] - fit.location[1] * shift == pytest.approx(0.1, abs=0.04)


def test_tail_is_that_of_student() -> None:
    rng = np.random.default_rng(4)
    fit = fit_dispersion(rng.standard_t(3, 1000), np.full(1000, 5.0) + rng.uniform(0, 1, 1000))
    np.testing.assert_allclose(
        fit.upper_tail(np.array([1.0, 5.0])), stats.t.sf([1.0, 5.0], fit.degrees), rtol=1e-10
    )


def test_likelihood_is_at_its_maximum() -> None:
    rng = np.random.default_rng(6)
    size = np.exp(rng.normal(5, 1, 3000))
    ratio = rng.standard_t(2.5, 3000)
    fit = fit_dispersion(ratio, size)

    def likelihood(location: np.ndarray, scale: np.ndarray, nu: float) -> float:
        x = np.log(size) - fit.centre
        return float(
            stats.t.logpdf(ratio, nu, location[0] + location[1] * x, np.exp(scale[0] + scale[1] * x)).sum()
        )

    best = likelihood(fit.location, fit.scale, fit.degrees)
    for step in (-0.05, 0.05):
        for place in (0, 1):
            nudge = np.where(np.arange(2) == place, step, 0.0)
            assert likelihood(fit.location + nudge, fit.scale, fit.degrees) < best
            assert likelihood(fit.location, fit.scale + nudge, fit.degrees) < best
        assert likelihood(fit.location, fit.scale, fit.degrees * (1 + 4 * step)) < best


def test_row_order_changes_nothing() -> None:
    rng = np.random.default_rng(7)
    ratio, size = rng.standard_t(2, 500), np.exp(rng.normal(5, 1, 500))
    order = rng.permutation(500)
    one, two = fit_dispersion(ratio, size), fit_dispersion(ratio[order], size[order])
    assert one.degrees == two.degrees


def test_few_cells_are_refused() -> None:
    with pytest.raises(ValueError, match="20 cells"):
        fit_dispersion(np.zeros(5), np.ones(5))
