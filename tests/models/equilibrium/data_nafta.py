"""The world of 1993, 31 regions x 40 sectors, and the tariffs of NAFTA, from ../shared/data/ge-nafta-1993."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

REGIONS, SECTORS, TRADED = 31, 40, 20
CANADA, MEXICO, USA = 4, 19, 29


@dataclass(frozen=True)
class Nafta:
    """Pairs are [exporter, importer, sector], materials [country, input sector, using sector]."""

    trade: FloatArray
    tariffs: FloatArray
    new_tariffs: FloatArray
    gross_output: FloatArray
    value_added: FloatArray
    materials: FloatArray
    theta: FloatArray
    expected: FloatArray


def load(shared: Path) -> Nafta:
    """Read the tables; only tariffs among Canada, Mexico and the USA change, to those of 2005."""
    folder = shared / "ge-nafta-1993"

    def pairs(name: str) -> FloatArray:
        table = np.zeros((REGIONS, REGIONS, SECTORS))
        blocks = np.loadtxt(folder / name).reshape(TRADED, REGIONS, REGIONS)
        table[:, :, :TRADED] = blocks.transpose(2, 1, 0)
        return table

    theta = np.full(SECTORS, 8.22)
    theta[:TRADED] = np.loadtxt(folder / "T.txt")
    old, later = pairs("tariffs1993.txt") / 100, pairs("tariffs2005.txt") / 100
    members = np.zeros(REGIONS, dtype=bool)
    members[[CANADA, MEXICO, USA]] = True
    inside = members[:, None] & members[None, :]
    return Nafta(
        trade=pairs("xbilat1993.txt") * 1000,
        tariffs=old,
        new_tariffs=np.where(inside[:, :, None], later, old),
        gross_output=np.loadtxt(folder / "GO.txt").T,
        value_added=np.loadtxt(folder / "B.txt").T,
        materials=np.loadtxt(folder / "IO.txt").reshape(REGIONS, SECTORS, SECTORS),
        theta=theta,
        expected=np.loadtxt(folder / "expected_exact_real_income_pct.csv"),
    )
