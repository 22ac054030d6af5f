"""The real case behind docs/validation-diversion.md: EU exports, their windows, how numbers are printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np

from entrepot.models import detection as dd

HUBS = ("ARM", "GEO", "KAZ", "KGZ", "UZB")
TARGET = "RUS"
NEIGHBOURS = (*HUBS, "BLR")
# EUR 1,000 a month is small change in a cell of HS6 by hub.
FLOOR = 1_000.0
LEAST = 20_000.0
LEVELS = (0.01, 0.05, 0.10, 0.20)
FIRST_YEAR = 2020


def month(year: int, number: int) -> int:
    """Period code of a month."""
    return 12 * (year - FIRST_YEAR) + number - 1


def year_on_year(year: int, first: int, length: int) -> dd.Window:
    """``length`` months from month ``first`` of ``year`` against the same months a year before."""
    after = np.arange(month(year, first), month(year, first) + length)
    return dd.window(after - 12, after)


REAL = year_on_year(2022, 3, 9)
PLACEBO = year_on_year(2021, 3, 9)
PLACEBOS = (year_on_year(2021, 1, 9), PLACEBO, year_on_year(2021, 6, 9))
# (months, window of the measure, placebo windows used, untouched placebo window)
TRIALS = (
    ("Jun-Nov 2022", year_on_year(2022, 6, 6), ("Mar-Aug 2021",), "Sep 2021-Feb 2022"),
    ("Jun-Nov 2022", year_on_year(2022, 6, 6), ("Sep 2021-Feb 2022",), "Mar-Aug 2021"),
    ("Aug-Nov 2022", year_on_year(2022, 8, 4), ("Jan-Apr 2021", "May-Aug 2021"), "Sep-Dec 2021"),
    ("Aug-Nov 2022", year_on_year(2022, 8, 4), ("Jan-Apr 2021", "Sep-Dec 2021"), "May-Aug 2021"),
    ("Aug-Nov 2022", year_on_year(2022, 8, 4), ("May-Aug 2021", "Sep-Dec 2021"), "Jan-Apr 2021"),
)
SHORT = {
    "Mar-Aug 2021": year_on_year(2021, 3, 6),
    "Sep 2021-Feb 2022": year_on_year(2021, 9, 6),
    "Jan-Apr 2021": year_on_year(2021, 1, 4),
    "May-Aug 2021": year_on_year(2021, 5, 4),
    "Sep-Dec 2021": year_on_year(2021, 9, 4),
}


@dataclass(frozen=True)
class Case:
    """EU exports of goods on the ban lists, CN8 by month, and the goods outside them."""

    countries: tuple[str, ...]
    codes: tuple[str, ...]
    covered: dd.Trade
    uncovered: dd.Trade
    folder: Path

    @cached_property
    def products(self) -> tuple[str, ...]:
        """HS6 codes."""
        return tuple(sorted({code[:6] for code in self.codes}))

    @cached_property
    def hs6(self) -> np.ndarray:
        """HS6 place of every CN8 code."""
        return np.searchsorted(self.products, [code[:6] for code in self.codes])

    def groups(self, digits: int) -> np.ndarray:
        """Group of every HS6 code at 2 or 4 digits."""
        return np.unique([code[:digits] for code in self.products], return_inverse=True)[1]

    def place(self, names: Iterable[str]) -> list[int]:
        """Country codes of ISO3 names."""
        return [self.countries.index(name) for name in names]

    def roles(
        self, hubs: Iterable[str] = HUBS, controls: Iterable[str] = (), target: str = TARGET
    ) -> dd.Roles:
        """The EU as origins; no control by default: the extract holds no partner without a motive."""
        origins = [c for c in self.countries if c not in (*NEIGHBOURS, TARGET)]
        return dd.roles(
            self.place(origins),
            self.place(hubs),
            self.place([target]),
            countries=len(self.countries),
            controls=self.place(controls),
        )

    def trade(self, window: dd.Window, *, comparable: bool = True) -> dd.Trade:
        """HS6 trade without the CN8 codes that begin or end between the windows."""
        rows = self.covered
        if comparable:
            rows = rows.rows(dd.comparable(rows, window)[rows.product])
        return rows.regroup(self.hs6)

    def legs(
        self, window: dd.Window, trade: dd.Trade | None = None, roles: dd.Roles | None = None
    ) -> dd.Legs:
        """Legs of every HS6 x hub cell in one window."""
        return dd.measure_legs(
            self.trade(window) if trade is None else trade,
            self.roles() if roles is None else roles,
            window,
            parents=[self.groups(4), self.groups(2)],
            floor=FLOOR,
            uncovered=self.uncovered,
        )


def load(folder: Path) -> Case:
    """Read the monthly extract."""
    source = folder / "trade-eu-sanctioned-cn8"
    period = f"(year(month) - {FIRST_YEAR}) * 12 + month(month) - 1"
    rows = duckdb.sql(
        f"select reporter s, partner h, code k, ({period})::int t, eur::double v from "
        f"'{source / 'exports_cn8_monthly.parquet'}'"
    ).fetchnumpy()
    totals = duckdb.sql(
        f"select reporter s, partner h, ({period})::int t, sum(case code when 'TOTAL' then eur when '27' "
        f"then -eur end)::double v from '{source / 'totals_monthly.parquet'}' where flow = 'export' group by "
        "1, 2, 3 order by all"
    ).fetchnumpy()
    countries = tuple(sorted(set(rows["s"]) | set(rows["h"])))
    codes = tuple(sorted(set(rows["k"])))
    size = len(countries)
    axes = {"countries": size, "periods": int(max(rows["t"])) + 1}
    keys = [np.searchsorted(countries, rows[c].astype(str)) for c in "sh"]
    covered = dd.trade(
        *keys,
        np.searchsorted(codes, rows["k"].astype(str)),
        rows["t"],
        rows["v"],
        products=len(codes),
        **axes,
    )
    rest = np.zeros((size, size, axes["periods"]))
    keys = [np.searchsorted(countries, totals[c].astype(str)) for c in "sh"]
    np.add.at(rest, (*keys, totals["t"]), totals["v"])
    fuel = np.array([code[:2] == "27" for code in codes])[covered.product]
    dry = covered.rows(~fuel)
    np.subtract.at(rest, (dry.exporter, dry.importer, dry.period), dry.value)
    # Totals and goods are two tables of one extract; confidential trade can make the rest slightly negative.
    found = np.nonzero(rest > 0)
    uncovered = dd.trade(
        found[0], found[1], np.zeros(found[0].size, int), found[2], rest[found], products=1, **axes
    )
    return Case(countries, codes, covered, uncovered, folder)


def detection(case: Case) -> dd.Detection:
    """March to November 2022 against 2021, scored against three placebo windows of 2021."""
    placebos = [case.legs(window) for window in PLACEBOS]
    return dd.detect(case.legs(REAL), placebos, groups=case.groups(4))


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """Markdown table; the first column is text, the others numbers."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|:--|" + "--:|" * (len(names) - 1)]
    return [*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows), ""]


def heads() -> list[str]:
    """Column heads of the levels of q."""
    return [f"q <= {100 * level:.0f}%" for level in LEVELS]


def millions(value: float) -> str:
    """EUR million as text."""
    return f"{value / 1e6:,.0f}"


def percent(share: float, digits: int = 1) -> str:
    """A share as text; what was not observed says so."""
    return f"{100 * share:.{digits}f}%" if np.isfinite(share) else "none found"
