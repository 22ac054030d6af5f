"""A made-up input-output table of three countries and two industries, by year."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from entrepot.result import Source
from entrepot.store.store import Store

SOURCE = Source("made_up", "Tests", "Made-up table", "1", "CC0", "https://example.org", date(2026, 1, 1))
COUNTRIES, SECTORS = ("BLR", "DEU", "RUS"), ("B06", "C28")
Z = np.array(
    [
        [1.0, 2, 0, 1, 0, 0],
        [0, 3, 0, 4, 1, 0],
        [0, 1, 2, 1, 0, 1],
        [2, 4, 1, 8, 3, 2],
        [3, 5, 6, 2, 4, 1],
        [0, 1, 0, 1, 1, 2],
    ]
)
Y = np.array([[3.0, 1, 0], [6, 2, 3], [1, 5, 0], [4, 20, 3], [0, 2, 9], [1, 0, 4]])


def industry(years: tuple[int, ...] = (2020,), scale: float = 1.0) -> dict[str, pa.Table]:
    rows = [(code, sector) for code in COUNTRIES for sector in SECTORS]
    flows = [
        (y, *rows[i], *rows[j], scale * Z[i, j]) for y in years for i in range(6) for j in range(6) if Z[i, j]
    ]
    made = Z.sum(axis=1) + Y.sum(axis=1)
    totals = [
        (y, *rows[i], scale * made[i], scale * Z[:, i].sum(), scale * Y[i].sum())
        for y in years
        for i in range(6)
    ]
    final = [(y, *rows[i], COUNTRIES[j], scale * Y[i, j]) for y in years for i in range(6) for j in range(3)]
    return {
        "industry_flows": table(flows, "year seller_country seller_sector buyer_country buyer_sector value"),
        "industry_totals": table(totals, "year country sector gross_output intermediate_use final_use"),
        "final_demand": table(final, "year seller_country seller_sector buyer_country value"),
    }


def table(rows: list[tuple[Any, ...]], names: str) -> pa.Table:
    columns = [pa.array(column) for column in zip(*rows, strict=True)]
    made = pa.table(dict(zip(names.split(), columns, strict=True)))
    return made.set_column(0, "year", made.column("year").cast(pa.int16()))


def store_with(path: Path, tables: dict[str, pa.Table]) -> Store:
    store = Store.create(path)
    for name, data in tables.items():
        store.write(name, data, sources=[SOURCE])
    return store
