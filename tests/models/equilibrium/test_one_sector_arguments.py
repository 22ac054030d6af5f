"""OneSector: wrong arguments are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.models.equilibrium import OneSector

GOOD = np.array([[8.0, 2.0], [3.0, 7.0]])


@pytest.mark.parametrize(
    ("argument", "call"),
    [
        ("trade", lambda: OneSector([[1.0, 2.0]], 4.0)),
        ("trade", lambda: OneSector([[1.0, -2.0], [1.0, 1.0]], 4.0)),
        ("trade", lambda: OneSector([[1.0, np.nan], [1.0, 1.0]], 4.0)),
        ("trade: country 1 sells nothing", lambda: OneSector([[1.0, 1.0], [0.0, 0.0]], 4.0)),
        ("trade: country 1 buys nothing", lambda: OneSector([[1.0, 0.0], [1.0, 0.0]], 4.0)),
        ("theta", lambda: OneSector(GOOD, 0.0)),
        ("theta", lambda: OneSector(GOOD, np.inf)),
        ("psi", lambda: OneSector(GOOD, 4.0, psi=-0.1)),
        ("theta, psi", lambda: OneSector(GOOD, [3.0, 4.0], psi=[0.0, 1.0, 2.0])),
        ("deficits", lambda: OneSector(GOOD, 4.0, deficits="fixed")),
        ("tariffs", lambda: OneSector(GOOD, 4.0, tariffs=[[0.0, -1.0], [0.0, 0.0]])),
        ("tariffs", lambda: OneSector(GOOD, 4.0, tariffs=0.1)),
        ("kind", lambda: OneSector(GOOD, 4.0).solve(kind="partial")),
        ("cost_hat", lambda: OneSector(GOOD, 4.0).solve(np.ones((3, 3)))),
        ("cost_hat", lambda: OneSector(GOOD, 4.0).solve([[1.0, np.inf], [1.0, 1.0]])),
        ("tariff_hat", lambda: OneSector(GOOD, 4.0).solve(tariff_hat=np.zeros((2, 2)))),
        ("ban", lambda: OneSector(GOOD, 4.0).solve(ban=np.zeros((2, 2)))),
        ("ban: countries 0 may sell to no one", lambda: OneSector(GOOD, 4.0).solve(ban=GOOD % 6 == 2)),
        ("export_tax_hat", lambda: OneSector(GOOD, 4.0).solve(export_tax_hat=np.full((2, 2), 1.1))),
        ("export_tax_hat", lambda: OneSector(GOOD, 4.0).solve(export_tax_hat=GOOD, kind="conditional")),
        ("theta.*cost_hat", lambda: OneSector(GOOD, [3.0, 4.0]).solve(np.ones((3, 2, 2)))),
        ("tolerance", lambda: OneSector(GOOD, 4.0).solve(tolerance=0.0)),
    ],
)
def test_a_bad_argument_is_named(argument, call):
    with pytest.raises(ValueError, match=argument):
        call()
