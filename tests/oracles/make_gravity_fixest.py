"""Make gravity_fixest_panel.csv and gravity_fixest.csv: standard errors in the convention of fixest.

Run with pyfixest (0.60) in an environment of its own: ``python tests/oracles/make_gravity_fixest.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyfixest

HERE = Path(__file__).parent
PAIRS = "exporter^year + importer^year + pair"
SIDES = "exporter^year + importer^year"


def panel() -> pd.DataFrame:
    """Seven countries, four years, domestic trade and some zeros."""
    rng = np.random.default_rng(3)
    names = np.array(["AUT", "BRA", "CAN", "DEU", "EGY", "FRA", "GHA"])
    i, j, t = (axis.ravel() for axis in np.meshgrid(range(7), range(7), range(4), indexing="ij"))
    apart = rng.normal(size=(7, 7))
    rta = ((apart[i, j] + t > 2) & (i != j)).astype(int)
    tariff = np.where(i == j, 0.0, rng.uniform(0, 0.3, i.size)).round(4)
    trade = np.exp(apart[i, j] + 0.4 * rta - 2 * tariff) * rng.gamma(2, 0.5, i.size)
    trade = np.where(rng.random(i.size) < 0.1, 0.0, trade).round(6)
    pair = np.char.add(names[i], names[j])
    return pd.DataFrame(
        {"exporter": names[i], "importer": names[j], "pair": pair, "year": 2000 + t,
         "trade": trade, "rta": rta, "tariff": tariff}
    )  # fmt: skip


def main() -> None:
    """Write both files."""
    data = panel()
    data.to_csv(HERE / "gravity_fixest_panel.csv", index=False)
    rows = []
    for effects in (PAIRS, SIDES):
        for name, vcov in (
            ("hetero", "hetero"),
            ("pair", {"CRV1": "pair"}),
            ("exporter", {"CRV1": "exporter"}),
            ("exporter+importer", {"CRV1": "exporter+importer"}),
        ):
            fit = pyfixest.fepois(
                f"trade ~ rta + tariff | {effects}",
                data,
                vcov=vcov,
                fixef_rm="none",
                iwls_tol=1e-12,
                fixef_tol=1e-11,
            )
            rows += [
                (effects, name, term, fit.coef()[term], fit.se()[term], fit._pseudo_r2)
                for term in ("rta", "tariff")
            ]
    columns = ["effects", "vcov", "term", "coefficient", "standard_error", "pseudo_r2"]
    pd.DataFrame(rows, columns=columns).to_csv(HERE / "gravity_fixest.csv", index=False)


if __name__ == "__main__":
    main()
