"""Write complexity_peers.json: what two Python packages say about one small table.

They are no dependency: run where ecomplexity 0.5.3, economic-complexity 0.3.0 and pandas 2 are installed.
    python tests/oracles/complexity_make.py
"""

from __future__ import annotations

import json
from pathlib import Path

import economic_complexity as oec
import numpy as np
import pandas as pd
from ecomplexity import ecomplexity


def table() -> pd.DataFrame:
    """Return exports of 14 countries in 30 products: the more a country can make, the rarer its products."""
    rng = np.random.default_rng(20260101)
    ability, need = np.sort(rng.random(14)), np.sort(rng.random(30))
    made = rng.random((14, 30)) < 1 / (1 + np.exp(12 * (need - ability[:, None])))
    made[:, 0] = True
    made[-1] = True
    value = np.round(made * rng.lognormal(2.0, 1.0, (14, 30)), 3)
    return pd.DataFrame(value, [f"c{i:02}" for i in range(14)], [f"p{i:02}" for i in range(30)])


def main() -> None:
    """Ask both packages."""
    wide = table()
    tidy = wide.stack().rename("v").rename_axis(["c", "p"]).reset_index().assign(t=1)
    columns = {"time": "t", "loc": "c", "prod": "p", "val": "v"}
    found = ecomplexity(tidy, columns, check_logsupermodularity=False, verbose=False)
    grid = {k: found.pivot(index="c", columns="p", values=k) for k in ("density", "cog", "eci", "pci", "coi")}
    rca = oec.rca(wide)
    eci, pci = oec.complexity(rca)
    peers = {
        "values": wide.to_numpy().tolist(),
        "ecomplexity": {
            "eci": grid["eci"].iloc[:, 0].tolist(),
            "coi": grid["coi"].iloc[:, 0].tolist(),
            "pci": grid["pci"].iloc[0].tolist(),
            "density": grid["density"].to_numpy().tolist(),
            "cog": grid["cog"].to_numpy().tolist(),
        },
        "oec": {
            "eci": eci.tolist(),
            "pci": pci.tolist(),
            "proximity": oec.proximity(rca).to_numpy().tolist(),
            "density": oec.relatedness(rca).to_numpy().tolist(),
            "cog": oec.opportunity_gain(rca, pci=pci).to_numpy().tolist(),
        },
    }
    path = Path(__file__).with_name("complexity_peers.json")
    path.write_text(json.dumps(peers) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
