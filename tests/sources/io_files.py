"""Small input-output tables in the layouts of their publishers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

USERS = ("HFCE", "NPISH", "GGFC", "GFCF", "INVNT", "DPABR")
BELOW = ("II_fob", "TXSP", "EXP_adj", "PURR", "PURNR", "VA", "IntTTM", "GO")


@dataclass(frozen=True)
class Table:
    """Sales (R, R), final use (R, users x countries) and taxes (R,); output and value added follow."""

    countries: tuple[str, ...]
    sectors: tuple[str, ...]
    sales: np.ndarray[Any, Any]
    final: np.ndarray[Any, Any]
    taxes: np.ndarray[Any, Any]
    output: np.ndarray[Any, Any]

    @property
    def labels(self) -> list[str]:
        return [f"{country}_{sector}" for country in self.countries for sector in self.sectors]

    @property
    def added(self) -> np.ndarray[Any, Any]:
        return self.output - self.sales.sum(0) - self.taxes


def small(countries: Sequence[str] = ("AUS", "BLR", "ROW"), buyers: int = 0, seed: int = 1) -> Table:
    """Return a table of two industries; some cells are zero, stocks fall."""
    rng = np.random.default_rng(seed)
    size = 2 * len(countries)
    sales = np.round(rng.random((size, size)) * 10, 2) * (rng.random((size, size)) < 0.8)
    final = np.round(rng.random((size, (buyers or len(countries)) * len(USERS))) * 20, 2)
    final[:, 4] *= -0.1
    final[0, 4], final[0, 6] = -150.0, 300.0
    taxes = np.round(rng.random(size), 2)
    return Table(tuple(countries), ("A01", "C10"), sales, final, taxes, sales.sum(1) + final.sum(1))


def icio(table: Table, buyers: Sequence[str] = ()) -> str:
    """Return the CSV of one year as the OECD writes it."""
    users = [f"{country}_{user}" for country in buyers or table.countries for user in USERS]
    lines = [["V1", *table.labels, *users, "OUT"]]
    wide = np.column_stack([table.sales, table.final, table.output])
    lines += [[label, *map(number, row)] for label, row in zip(table.labels, wide, strict=True)]
    blank = ["0"] * len(users)
    lines.append(["TLS", *map(number, table.taxes), *blank, "0"])
    lines.append(["VA", *map(number, table.added), *blank, "0"])
    lines.append(["OUT", *map(number, table.output), *map(number, table.final.sum(0)), "0"])
    return "".join(",".join(line) + "\n" for line in lines)


def number(value: float) -> str:
    return f"{value:.10g}"


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return out.getvalue()


def wiod(table: Table, path: Path, year: int, kinds: int = len(USERS), **changes: Any) -> bytes:
    """Write one year as WIOD does, in Stata's release 118, and return the bytes."""
    size, places = len(table.labels), range(1, len(table.sectors) + 1)
    rows = [
        (sector, "words", country, n)
        for country in table.countries
        for n, sector in zip(places, table.sectors, strict=True)
    ]
    rows += [(code, "words", "TOT", 60 + n) for n, code in enumerate(BELOW)]
    names = [f"v{country}{n}" for country in table.countries for n in places]
    names += [f"v{country}{len(places) + 1 + k}" for country in table.countries for k in range(kinds)]
    cells = np.zeros((len(rows), len(names) + 1))
    cells[:size] = np.column_stack([table.sales, table.final, table.output])
    cells[size + BELOW.index("TXSP"), :size] = table.taxes
    cells[size + BELOW.index("VA"), :size] = table.added
    cells[size + BELOW.index("GO"), :size] = table.output
    head = pd.DataFrame(rows, columns=["IndustryCode", "IndustryDescription", "Country", "RNr"])
    head["RNr"] = head["RNr"].astype("int8")
    frame = pd.concat([head, pd.DataFrame(cells, columns=[*names, "TOT"])], axis=1)
    frame.insert(4, "Year", np.int16(year))
    frame.rename(columns=changes).to_stata(path, write_index=False, version=118)
    return path.read_bytes()


def expected(table: Table) -> dict[tuple[str, ...], float]:
    """Return the industry flows by seller and buyer."""
    keys = [tuple(label.split("_")) for label in table.labels]
    cells = np.argwhere(table.sales > 0)
    return {(*keys[i], *keys[j]): table.sales[i, j] for i, j in cells}
