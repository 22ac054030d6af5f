"""The reporting calendar: which country published its trade for which year.

A flow between two countries that were both silent is not observed by anybody: it is missing, not zero. BACI
has no row for such a pair, which is also how most silences were found and dated: a country whose rows with
all silent partners vanish together, while those with reporting partners go on, has stopped publishing.
The calendar lists countries known to be silent in some year between 1995 and 2024; a country that is not
listed is taken to report, which is not certain for small economies.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from entrepot.errors import InputError
from entrepot.world._files import read_rows, read_year
from entrepot.world.countries import known, name

_SOURCES = {"comtrade": "UN Comtrade"}


@dataclass(frozen=True, slots=True)
class Span:
    """A run of years for which a country published.

    Attributes
    ----------
    country, source : str
        ISO3 code and database.
    first, last : int or None
        First and last year, both included. One None is an open end; both None = never published.
    certainty : {"stated", "inferred"}
        Whether the country or the database says so, or the gaps in the data do.
    note : str
        The evidence.
    """

    country: str
    source: str
    first: int | None
    last: int | None
    certainty: Literal["stated", "inferred"]
    note: str

    def covers(self, year: int) -> bool:
        """Return whether the country published for that year."""
        if self.first is None and self.last is None:
            return False
        return (self.first is None or self.first <= year) and (self.last is None or year <= self.last)


@cache
def spans(source: str = "comtrade") -> dict[str, tuple[Span, ...]]:
    """Return the years of publication of every country known to be silent in some year.

    Raises
    ------
    InputError
        If there is no calendar for the source.
    """
    if source not in _SOURCES:
        raise InputError.bad_option("source", source, tuple(_SOURCES))
    found: dict[str, tuple[Span, ...]] = {}
    for row in read_rows("reporting.csv"):
        if row["source"] == source:
            found[row["country"]] = (*found.get(row["country"], ()), _span(row))
    return found


@cache
def silent(year: int, source: str = "comtrade") -> frozenset[str]:
    """Return the countries known to have published nothing for a year.

    Parameters
    ----------
    year : int
        Year of the trade, not of publication.
    source : str
        Database; only ``comtrade`` so far.

    Raises
    ------
    InputError
        If there is no calendar for the source.

    Example
    -------
    >>> sorted(silent(2022) - silent(2021))
    ['BGD', 'BLR', 'DZA', 'RUS']
    """
    return frozenset(
        country for country, published in spans(source).items() if not any(s.covers(year) for s in published)
    )


def is_dark(a: str, b: str, year: int) -> bool:
    """Return whether neither side of a pair published for a year, so that nobody observes their trade.

    Example
    -------
    >>> is_dark("BLR", "RUS", 2021), is_dark("BLR", "RUS", 2022), is_dark("RUS", "CHN", 2022)
    (False, True, False)
    """
    return a != b and {a, b} <= silent(year)


def dark_partners(country: str, year: int) -> frozenset[str]:
    """Return the partners with whom a country's trade is not observed in a year; empty if it reports.

    Example
    -------
    >>> "RUS" in dark_partners("BLR", 2023), dark_partners("CHN", 2023)
    (True, frozenset())
    """
    quiet = silent(year)
    return quiet - {country} if country in quiet else frozenset()


def explain(country: str) -> str:
    """Return in plain words for which years a country published, and how that is known.

    Raises
    ------
    InputError
        If the code is unknown.

    Example
    -------
    >>> explain("RUS")[:54]
    'Russia published to UN Comtrade up to 2021 (Customs st'
    >>> explain("CHN")
    'China is not known to have missed a year in UN Comtrade from 1995 to 2024.'
    """
    if country not in known():
        raise InputError.unknown("country", country, sorted(known()))
    published = spans().get(country)
    if not published:
        return f"{name(country)} is not known to have missed a year in UN Comtrade from 1995 to 2024."
    last = published[-1]
    # How a silence was inferred is told once, in the docs; a statement is quoted.
    known_by = last.note if last.certainty == "stated" else "inferred from gaps in the partners' trade"
    return f"{name(country)} {_years(published)} ({known_by})."


def _years(published: tuple[Span, ...]) -> str:
    if published[0].first is None and published[0].last is None:
        return "did not publish to UN Comtrade"
    runs = []
    for span in published:
        if span.first is None:
            runs.append(f"up to {span.last}")
        elif span.last is None:
            runs.append(f"from {span.first}")
        else:
            runs.append(f"in {span.first}-{span.last}")
    return "published to UN Comtrade " + ", ".join(runs)


def _span(row: dict[str, str]) -> Span:
    return Span(
        country=row["country"],
        source=row["source"],
        first=read_year(row["first"]),
        last=read_year(row["last"]),
        certainty="stated" if row["certainty"] == "stated" else "inferred",
        note=row["note"],
    )
