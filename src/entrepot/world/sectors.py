"""The 50 industries of the OECD inter-country input-output tables: short names and broad groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from entrepot.errors import InputError
from entrepot.world import products
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


def of_product(code: str) -> str:
    """Return the industry whose product a Harmonized System code is.

    The longest prefix of ``hs_sector.csv`` that the code begins with decides. A code that holds products of
    several industries goes to the one that makes most of them, so this is an approximation. Waste and scrap
    belong to the industry that collects it, printed books to publishing, works of art to the arts.

    Parameters
    ----------
    code : str
        At two or more digits, with leading zeros, of any revision.

    Raises
    ------
    InputError
        If the chapter is none of 01 to 97 (98 and 99 hold what is not specified).

    Example
    -------
    >>> of_product("270900"), of_product("2710"), of_product("310420")
    ('B06', 'C19', 'C20')
    """
    table = _by_prefix()
    found = next(
        (table[code[:size]] for size in range(min(len(code), 6), 1, -1) if code[:size] in table), None
    )
    if found is None:
        raise InputError(
            f"the HS code '{code}' belongs to no industry",
            hint="give two digits or more with leading zeros, of chapters 01 to 97",
        )
    return found


@cache
def products_of(code: str) -> tuple[str, ...]:
    """Return the six-digit codes of HS2022 that an industry makes, sorted; none for most services.

    Raises
    ------
    InputError
        If there is no such industry.

    Example
    -------
    >>> products_of("B06")
    ('270900', '271111', '271121', '271410')
    """
    return _products()[_sector(code).code]


@cache
def _products() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {code: [] for code in codes()}
    for product in products.codes("HS2022"):
        if product[:2] in _by_prefix():
            found[of_product(product)].append(product)
    return {code: tuple(made) for code, made in found.items()}


@cache
def _by_prefix() -> dict[str, str]:
    return {row["prefix"]: row["sector"] for row in read_rows("hs_sector.csv")}


def _sector(code: str) -> Sector:
    try:
        return sectors()[code]
    except KeyError:
        raise InputError.unknown(
            "industry", code, codes(), see="the codes are those of OECD ICIO, e.g. C19"
        ) from None
