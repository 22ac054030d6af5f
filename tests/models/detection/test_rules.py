from __future__ import annotations

import numpy as np

from entrepot.models import detection as dd

from .conftest import legs_of, rows_of


def test_double_and_million() -> None:
    cube = np.zeros((3, 3, 40, 2))
    cube[0, 1, :4] = [[1.0, 3.0], [1000.0, 1900.0], [1000.0, 2100.0], [0.0, 2000.0]]
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3, controls=[]), dd.window([0], [1]))
    flagged = dd.rules_of_thumb(legs, million=1000.0, unit=1.0).double_and_million
    assert flagged.tolist() == [False, False, True, True]


def test_poisson_takes_ordinary_noise_for_a_finding() -> None:
    """The reason why it stands beside the detector: nothing happened here."""
    rng = np.random.default_rng(0)
    cube = np.zeros((3, 3, 40, 2))
    cube[0, 1] = 1000.0 * np.exp(0.3 * rng.standard_t(2, (40, 2)))
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3, controls=[]), dd.window([0], [1]))
    flagged = dd.rules_of_thumb(legs, million=1e6, unit=1.0)
    assert flagged.poisson.mean() > 0.3
    assert flagged.normal.mean() < 0.15
