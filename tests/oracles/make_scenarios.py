"""Write scenarios.csv: the central change of real income of each shipped scenario, so that a change shows.

Run: python tests/oracles/make_scenarios.py

These are our own numbers on the embedded table, not a peer's; the model itself is checked against peers
and analytic cases in tests/models/equilibrium.
"""

from __future__ import annotations

import csv
from pathlib import Path

import entrepot as ep
from entrepot.questions.scenario import shipped

COUNTRIES = ("BLR", "RUS", "KAZ", "LTU", "DEU", "USA", "CHN", "TUR", "EGY")
FILE = Path(__file__).with_name("scenarios.csv")


def main() -> None:
    """Solve every shipped scenario and write the selected countries."""
    world = ep.open()
    rows = []
    for name in shipped():
        table = world.agreement(name, draws=0, theta=[5]).table
        change = dict(zip(table["country"].to_pylist(), table["central"].to_pylist(), strict=True))
        rows += [(name, country, f"{change[country]:.6f}") for country in COUNTRIES]
    with FILE.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("scenario", "country", "percent"), *rows])


if __name__ == "__main__":
    main()
