"""Turn numbers into the words of a finding: money, shares, lists, names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isnan

from entrepot.world import blocs, countries, sectors
from entrepot.world.short_names import short

_ARTICLE = re.compile(
    r"^(United |Netherlands|Philippines|Bahamas|Maldives|Comoros|Gambia|Congo)"
    r"|Islands$|Emirates$|Republic$|Territor(y|ies)$"
)
_SCALES = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k"))


def money(usd: float, currency: str = "USD") -> str:
    """Write an amount with three significant figures and its scale.

    Parameters
    ----------
    usd : float
        Amount in units of the currency (not thousands).
    currency : str
        Currency code printed behind the amount.

    Examples
    --------
    >>> money(2.4531e12), money(48_612_000_000.0), money(43_100_000.0), money(0.0)
    ('2.45 tn USD', '48.6 bn USD', '43.1 m USD', 'nil')
    """
    if isnan(usd):
        return "not observed"
    for scale, unit in _SCALES:
        if abs(usd) >= 0.9995 * scale:
            return f"{_amount(usd / scale)} {unit} {currency}"
    return "nil" if abs(usd) < 0.5 else f"{usd:,.0f} {currency}"


def _amount(value: float) -> str:
    digits = 2 if abs(value) < 9.995 else 1 if abs(value) < 999.5 else 0
    return f"{value:,.{digits}f}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Write a number of things.

    Examples
    --------
    >>> count(1, "partner"), count(1200, "partner"), count(2, "community", "communities")
    ('1 partner', '1,200 partners', '2 communities')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def span(before: float, after: float, currency: str = "USD") -> str:
    """Write two amounts with their scale once where they share it.

    Examples
    --------
    >>> span(0.94e9, 48.6e9), span(13.2e9, 4e6), span(0.0, 5e6)
    ('0.94 to 48.6 bn USD', '13.2 bn USD to 4.00 m USD', 'nil to 5.00 m USD')
    """
    top = next(((scale, unit) for scale, unit in _SCALES if max(before, after) >= scale), None)
    if top is not None and min(before, after) >= 0.0095 * top[0]:
        return f"{_amount(before / top[0])} to {_amount(after / top[0])} {top[1]} {currency}"
    return f"{money(before, currency)} to {money(after, currency)}"


def scale_for(values: Sequence[float]) -> tuple[float, str, int]:
    """Choose one scale for a table: the tenth largest amount, or the largest of tiny ones, shows a digit.

    Returns
    -------
    tuple
        USD per unit, name of the unit, digits.

    Examples
    --------
    >>> scale_for([48.6e9, 0.94e9]), scale_for([1.29e9, 8e6]), scale_for([9_870.0])
    ((1000000000.0, 'USD bn', 2), (1000000.0, 'USD m', 1), (1000.0, 'USD k', 1))
    """
    ranked = sorted((value for value in values if value > 0), reverse=True)
    if ranked and ranked[0] < 1e6:
        return 1e3, "USD k", 1
    tenth = ranked[min(9, len(ranked) - 1)] if ranked else 0.0
    return (1e9, "USD bn", 2) if tenth >= 5e7 else (1e6, "USD m", 1)


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage.

    Examples
    --------
    >>> percent(0.1234), percent(float("nan"))
    ('12.3%', 'not observed')
    """
    return "not observed" if isnan(share) else f"{100 * share:.{digits}f}%"


def listing(words: Sequence[str], most: int = 4) -> str:
    """Join words as a reader would; what goes beyond ``most`` is counted, never dropped.

    Examples
    --------
    >>> listing(["Armenia"]), listing(["Armenia", "India"]), listing(list("abcdef"), most=2)
    ('Armenia', 'Armenia and India', 'a, b and 4 more')
    """
    shown = list(words)
    if len(shown) > most:
        shown = [*shown[:most], f"{len(words) - most} more"]
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""


def span_of_years(years: tuple[int, int]) -> str:
    """Write the years that were averaged.

    Examples
    --------
    >>> span_of_years((2022, 2022)), span_of_years((2022, 2024))
    ('2022', 'mean of 2022 to 2024')
    """
    first, last = years
    return f"{first}" if first == last else f"mean of {first} to {last}"


def spells(years: Sequence[int]) -> list[str]:
    """Write years as runs.

    Examples
    --------
    >>> spells([2012, 2022, 2023, 2024])
    ['2012', '2022 to 2024']
    """
    runs: list[list[int]] = []
    for year in years:
        if runs and year == runs[-1][-1] + 1:
            runs[-1].append(year)
        else:
            runs.append([year])
    return [f"{run[0]}" if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]


def possessive(iso3: str) -> str:
    """Name a country in the possessive; prose is English.

    Examples
    --------
    >>> possessive("BLR"), possessive("USA"), possessive("MDV")
    ("Belarus's", "the United States'", "the Maldives'")
    """
    name = with_article(iso3)
    return f"{name}'" if name.startswith("the ") and name.endswith("s") else f"{name}'s"


def with_article(iso3: str) -> str:
    """Name a country as it stands in an English sentence."""
    name = countries.name(iso3)
    return f"the {name}" if _ARTICLE.search(name) else name


def counted_with(iso3: str) -> str:
    """Say in whose statistics a country's trade stands; empty where it has its own."""
    whole = countries.counted_with(iso3)
    return f": its trade is counted with that of {with_article(whole)}" if whole else ""


def capital(sentence: str) -> str:
    """Return the sentence with its first letter in upper case."""
    return sentence[:1].upper() + sentence[1:]


def label(name: str, by: str, lang: str = "en") -> str:
    """Name a partner, bloc, product or sector for the reader."""
    if by == "partner":
        return countries.name(name, lang)
    if by == "bloc":
        return next(group.label for group in blocs.partition_groups("meeting") if group.id == name)
    return sectors.name(name) if by == "sector" else capital(short(name))
