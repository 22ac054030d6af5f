"""The 50 industries of the OECD inter-country input-output tables: short names and broad groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from entrepot.errors import InputError
from entrepot.world._files import read_rows


@dataclass(frozen=True, slots=True)
class Sector:
    """One industry: its OECD code, short name, broad group and the ISIC Rev. 4 divisions it holds."""

    code: str
    name: str
    group: str
    isic: str


@cache
def sectors() -> dict[str, Sector]:
    """Return all industries by code, in the order of the OECD tables."""
    return {
        row["code"]: Sector(row["code"], row["name"], row["group"], row["isic"])
        for row in read_rows("sectors.csv")
    }


@cache
def codes() -> tuple[str, ...]:
    """Return the codes of the 50 industries in the order of the OECD tables.

    Example
    -------
    >>> len(codes()), codes()[0]
    (50, 'A01')
    """
    return tuple(sectors())


def name(code: str) -> str:
    """Return the short name of an industry.

    Raises
    ------
    InputError
        If there is no such industry.

    Example
    -------
    >>> name("C19")
    'Coke and refined petroleum'
    """
    return _sector(code).name


def group(code: str) -> str:
    """Return the broad group: agriculture, mining, manufacturing, utilities, construction or services.

    Raises
    ------
    InputError
        If there is no such industry.

    Example
    -------
    >>> group("C24A"), group("J62_63")
    ('manufacturing', 'services')
    """
    return _sector(code).group


def groups() -> tuple[str, ...]:
    """Return the broad groups in the order of the OECD tables."""
    return tuple(dict.fromkeys(sector.group for sector in sectors().values()))


def _sector(code: str) -> Sector:
    try:
        return sectors()[code]
    except KeyError:
        raise InputError.unknown(
            "industry", code, codes(), see="the codes are those of OECD ICIO, e.g. C19"
        ) from None
