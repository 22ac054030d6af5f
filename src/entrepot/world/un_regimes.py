"""Sanctions regimes of the UN Security Council by country and date, beside that on North Korea.

Few of them ban goods other than arms, and the catalogue of measures does not hold them: they are a flag. The
list holds the regimes on countries that were in force on some day since 2012.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache

from entrepot.world._files import read_date, read_rows

AS_OF = date(2025, 12, 31)


@dataclass(frozen=True, slots=True)
class Regime:
    """One regime on one country.

    Attributes
    ----------
    country : str
        ISO3 code.
    resolution : str
        Resolution that governs it.
    since : date
        First day.
    until : date or None
        First day on which it no longer holds; None = in force on ``AS_OF``.
    source : str
        Documents of the Council.
    """

    country: str
    resolution: str
    since: date
    until: date | None
    source: str


@cache
def regimes() -> tuple[Regime, ...]:
    """Return every regime of the list, in the order of countries and dates."""
    found = []
    for row in read_rows("un_regimes.csv"):
        since = read_date(row["since"])
        if since is None:
            raise ValueError(f"un_regimes.csv has no since for {row['country']} {row['resolution']}")
        until = read_date(row["until"])
        found.append(Regime(row["country"], row["resolution"], since, until, row["source"]))
    return tuple(found)


def in_force(at: date) -> dict[str, str]:
    """Return the resolution by country of the regimes in force on a day.

    Examples
    --------
    >>> from datetime import date
    >>> [in_force(date(year, 7, 1)).get("IRN") for year in (2014, 2024, 2026)]
    ['1737 (2006)', None, '1737 (2006)']
    """
    return {
        row.country: row.resolution
        for row in regimes()
        if row.since <= at and (row.until is None or at < row.until)
    }
