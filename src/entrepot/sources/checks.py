"""Checks of trade data by name: each says what is wrong, in words, and how much of the data it concerns.

A check never drops anything. It returns verdicts on codes, or findings; `entrepot.sources.flows` sends the
rows concerned to the reject file with the reason that stands here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import duckdb

from entrepot.errors import DataError, InputError
from entrepot.world import countries, products

Scheme = Literal["comtrade", "any"]

# Codes of UN Comtrade that are no country (its reference lists of reporters and partner areas).
GROUPS = {"0": "the world", "97": "the European Union", "975": "ASEAN"}
UNSPECIFIED = {
    "129": "Caribbean",
    "221": "Eastern Europe",
    "290": "Northern Africa",
    "471": "Central American Common Market",
    "472": "Africa CAMEU region",
    "473": "Latin American Integration Association",
    "492": "Europe EU",
    "527": "Oceania",
    "536": "Neutral Zone",
    "568": "Other Europe",
    "577": "Other Africa",
    "636": "Rest of America",
    "637": "North and Central America",
    "697": "Europe EFTA",
    "837": "bunkers",
    "838": "free zones",
    "839": "special categories",
    "879": "Western Asia",
    "899": "areas not elsewhere specified",
}
GROUP_WORDS = frozenset(
    {"WLD", "WORLD", "W00", "ALL", "TOTAL", "EU", "EU15", "EU25", "EU27", "EU28", "EU27_2020", "EUN", "EUU"}
    | {"EA", "EA19", "EA20", "EXT_EU27_2020", "INT_EU27_2020", "OECD", "ROW", "WXD", "G7", "G20", "ASEAN"}
)
# Above this part of refused rows the file is another one than it was taken for.
TOO_MANY = 0.5
# Codes that a table may have beyond its revision: a few stay behind in every conversion.
STRAY = 0.05
UNIT_VALUE_SPREAD = 100.0


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    check : str
        Name of the check.
    text : str
        One sentence.
    rows : int
        Rows concerned.
    level : {"note", "warning", "error"}
    """

    check: str
    text: str
    rows: int = 0
    level: Literal["note", "warning", "error"] = "note"


@dataclass(frozen=True)
class Verdict:
    """What a code becomes, or why it is refused."""

    becomes: str | None = None
    fault: str = ""


def check_countries(codes: Collection[str | int], scheme: Scheme = "comtrade") -> dict[str | int, Verdict]:
    """Say for every code which country it is, or why it is none: a group, unspecified, or unknown.

    Parameters
    ----------
    codes : collection of str or int
        As they stand in the data.
    scheme : {"comtrade", "any"}
        ``comtrade`` reads numbers as UN Comtrade and BACI do (842 is the United States), letters as ISO3 with
        the odd codes of older tables; ``any`` also reads names in 25 languages.

    Examples
    --------
    >>> found = check_countries([842, "S19", 97, 999])
    >>> found[842].becomes, found["S19"].becomes, found[97].fault
    ('USA', 'TWN', 'an aggregate, not a country: the European Union')
    >>> found[999].fault
    'unknown country 999'
    """
    return {code: _country(str(code).strip(), scheme) for code in codes}


def _country(code: str, scheme: Scheme) -> Verdict:
    digits = code.lstrip("0") or "0"
    if code.isdigit():
        if digits in GROUPS:
            return Verdict(fault=f"an aggregate, not a country: {GROUPS[digits]}")
        if digits in UNSPECIFIED:
            return Verdict(fault=f"no single country: {UNSPECIFIED[digits]}")
        iso3 = countries.from_code(code, "comtrade")
        return Verdict(iso3) if iso3 else Verdict(fault=f"unknown country {code}")
    if code.upper() in GROUP_WORDS:
        return Verdict(fault=f"an aggregate, not a country: {code}")
    if scheme == "comtrade" and not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{2}", code):
        return Verdict(fault=f"unknown country {code}")
    try:
        return Verdict(countries.resolve(code))
    except InputError:
        return Verdict(fault=f"unknown country {code}")


@dataclass(frozen=True)
class Products:
    """Verdicts on product codes, and what was noticed about them all."""

    verdicts: dict[str, Verdict]
    findings: tuple[Finding, ...] = ()


def check_products(codes: Mapping[str, int], revision: str) -> Products:
    """Say for every product code whether it is one: zeros lost, levels mixed, another revision.

    Leading zeros are given back where the whole column shows that they were lost: no code begins with a zero,
    and the short ones are codes of the revision once they have it again.

    Parameters
    ----------
    codes : mapping
        Number of rows by code as it stands in the data.
    revision : str
        Revision that the codes should be of.

    Raises
    ------
    DataError
        If most codes are unknown in the revision.

    Examples
    --------
    >>> found = check_products({"10111": 5, "270900": 3}, "HS1992")
    >>> found.verdicts["10111"].becomes, found.findings[0].check
    ('010111', 'check_leading_zeros')
    """
    lost = check_leading_zeros(codes, revision)
    whole = {code: code.zfill(len(code) + len(code) % 2) if lost else code for code in codes}
    levels = {len(code) for code in whole.values() if code.isdigit() and len(code) in (2, 4, 6)}
    level = max(levels, default=6)
    verdicts = {code: _product(code, whole[code], level) for code in codes}
    good = {v.becomes: codes[code] for code, v in verdicts.items() if v.becomes is not None}
    stray = check_hs_revision(good, revision)
    return Products(verdicts, tuple(finding for finding in (lost, stray) if finding))


def _product(code: str, whole: str, level: int) -> Verdict:
    if not whole.isdigit():
        return Verdict(fault=f"no product code: {code}")
    if len(whole) == level:
        return Verdict(whole)
    if len(whole) in (2, 4):
        return Verdict(fault=f"an aggregate of {level}-digit codes: {code}")
    if len(whole) % 2:
        return Verdict(fault=f"{len(whole)} digits, a leading zero may be lost: {code}")
    return Verdict(fault=f"more than six digits, a national code: {code}")


def check_leading_zeros(codes: Mapping[str, int], revision: str) -> Finding | None:
    """Tell whether the whole column of product codes lost its leading zeros."""
    numbers = [code for code in codes if code.isdigit()]
    short = [code for code in numbers if len(code) in (1, 3, 5)]
    if not short or any(code.startswith("0") for code in numbers):
        return None
    if sum(products.exists(f"0{code}", revision) for code in short) < 0.9 * len(short):
        return None
    rows = sum(codes[code] for code in short)
    text = f"Leading zeros of product codes were lost; {len(short)} codes got theirs back."
    return Finding("check_leading_zeros", text, rows)


def check_hs_revision(codes: Mapping[str, int], revision: str) -> Finding | None:
    """Tell how many codes the stated revision of the Harmonized System does not have.

    Raises
    ------
    DataError
        If another revision has clearly more of the codes than the stated one.
    """
    known = list(codes)
    stray = [code for code in known if not products.exists(code, revision)]
    if not stray:
        return None
    if len(stray) > STRAY * len(known):
        held = {other: sum(products.exists(code, other) for code in known) for other in products.REVISIONS}
        best = max(held, key=lambda other: held[other])
        if held[best] > held[products.resolve_revision(revision)]:
            raise DataError(
                f"{len(stray)} of {len(known)} product codes are not in {revision}",
                hint=f"state {best}, which has {held[best]} of them, and convert them if you need {revision}",
            )
    rows = sum(codes[code] for code in stray)
    text = f"{len(stray)} of {len(known)} product codes are not in {revision}, for example {min(stray)}."
    return Finding("check_hs_revision", text, rows, "warning")


def check_reporter_aggregates(verdicts: Mapping[str | int, Verdict], share: float) -> Finding | None:
    """Tell whether groups of countries stand among the countries, and how much of the value is theirs."""
    groups = sorted(str(code) for code, v in verdicts.items() if v.fault.startswith("an aggregate"))
    if not groups:
        return None
    text = (
        f"Groups of countries stood among the countries ({', '.join(groups[:5])}); their rows, {share:.1%} "
        "of the value, would count trade twice and were refused."
    )
    return Finding("check_reporter_aggregates", text, level="warning")


def check_duplicate_flows(rows: duckdb.DuckDBPyRelation) -> Finding | None:
    """Tell how many flows stand in more than one row."""
    keys = [name for name in ("year", "month", "exporter", "importer", "product") if name in rows.columns]
    found = rows.aggregate(f"{', '.join(keys)}, count(*) AS n").filter("n > 1").aggregate("count(*), sum(n)")
    flows, count = found.fetchall()[0]
    if not flows:
        return None
    text = f"{flows} flows stand in more than one row."
    return Finding("check_duplicate_flows", text, int(count), "error")


def check_unit_values(rows: duckdb.DuckDBPyRelation) -> Finding | None:
    """Tell how many flows cost over 100 times more or less a tonne than the median of their product."""
    priced = rows.filter("value > 0 AND quantity > 0").project("product, ln(value / quantity) AS price")
    median = priced.aggregate("product, median(price) AS middle", "product").set_alias("m")
    far = priced.set_alias("p").join(median, "p.product = m.product")
    limit = f"abs(price - middle) > ln({UNIT_VALUE_SPREAD})"
    count, of = far.aggregate(f"count(*) FILTER ({limit}), count(*)").fetchall()[0]
    if not count:
        return None
    text = (
        f"{count} of {of} flows with a mass ({count / of:.1%}) cost over {UNIT_VALUE_SPREAD:.0f} times more "
        "or less a tonne than the median of their product."
    )
    return Finding("check_unit_values", text, int(count), "warning")


def check_total_against(found: float, published: float, what: str, tolerance: float = 0.02) -> Finding | None:
    """Tell whether a total departs from the published one by more than the tolerance.

    Examples
    --------
    >>> check_total_against(260.0, 100.0, "world trade 2020").text
    'world trade 2020: the rows add up to 2.600 times the published total.'
    """
    ratio = found / published
    if abs(ratio - 1) <= tolerance:
        return None
    text = f"{what}: the rows add up to {ratio:.3f} times the published total."
    return Finding("check_total_against", text, level="warning")


def refuse_too_many(what: str, refused: int, rows: int, reason: str) -> None:
    """Raise if so many rows were refused that the file is not what it was taken for.

    Raises
    ------
    DataError
        Naming the most frequent reason.
    """
    if rows == 0 or refused > TOO_MANY * rows:
        raise DataError(
            f"{what}: {refused} of {rows} rows cannot be taken, most often because: {reason or 'empty'}",
            hint="nothing was written; check that the file is the one you mean",
        )
