"""Countries: one ISO3 code for every name in 25 languages and for the odd codes of trade statistics.

Codes, English names and aliases come from small CSV files; names in other languages come from CLDR through
Babel, which is loaded only when nothing nearer matches.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

from entrepot.errors import InputError
from entrepot.world._files import read_rows, read_year

Scheme = Literal["comtrade", "m49", "iso2"]

# The order decides between languages in which one word names two countries: the first language wins.
_LANGUAGES = (
    "en", "ru", "be", "uk", "kk", "ky", "hy", "az", "uz", "zh", "ar", "fa", "tr",
    "hi", "id", "vi", "fr", "de", "es", "pt", "it", "pl", "ja", "ko", "ur",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Country:
    """One country or territory that trade statistics know.

    Attributes
    ----------
    iso3, iso2, m49 : str
        Codes; ``iso2`` and ``m49`` (three digits) are empty where there is none.
    name : str
        Short English name.
    region : str
        africa, americas, antarctica, asia, europe or oceania, as the M49 standard groups them.
    ended : int or None
        Last year of an entity that is no more, for example 1991 for the USSR.
    """

    iso3: str
    iso2: str
    m49: str
    name: str
    region: str
    ended: int | None


@cache
def countries() -> dict[str, Country]:
    """Return all countries by ISO3 code."""
    return {
        row["iso3"]: Country(
            row["iso3"], row["iso2"], row["m49"], row["name"], row["region"], read_year(row["ended"])
        )
        for row in read_rows("countries.csv")
    }


@cache
def known() -> frozenset[str]:
    """Return the ISO3 codes of all countries, with those of the past.

    Example
    -------
    >>> {"BLR", "TWN", "SUN"} <= known()
    True
    """
    return frozenset(countries())


def languages() -> tuple[str, ...]:
    """Return the languages in which a country can be named, English first.

    Example
    -------
    >>> len(languages())
    25
    """
    return _LANGUAGES


def name(iso3: str, lang: str = "en") -> str:
    """Return the name of a country in one language; English where CLDR has none.

    Parameters
    ----------
    iso3 : str
        ISO3 code, or one of BACI's own codes such as ``S19``.
    lang : str
        One of :func:`languages`; a region is ignored (``pt-BR`` reads as ``pt``).

    Raises
    ------
    InputError
        If the code or the language is unknown.

    Example
    -------
    >>> name("BLR"), name("BLR", "de")
    ('Belarus', 'Belarus')
    >>> name("BLR", "ru")
    'Беларусь'
    """
    base = re.split("[-_]", lang)[0].lower()
    if base not in _LANGUAGES:
        raise InputError.bad_option("lang", lang, _LANGUAGES)
    country = countries().get(iso3) or countries().get(_odd_codes("iso3").get(iso3, ""))
    if country is None:
        raise InputError.unknown("country", iso3, sorted(known()))
    if base == "en" or country.ended is not None or not country.iso2:
        return country.name
    return _territories(base).get(country.iso2, country.name)


def from_code(code: str | int, scheme: Scheme) -> str | None:
    """Return the ISO3 code behind a code of another scheme, or None if the scheme has no such country.

    Parameters
    ----------
    code : str or int
        Numeric codes may lack their leading zeros.
    scheme : {"comtrade", "m49", "iso2"}
        ``comtrade`` knows the codes of UN Comtrade and BACI that differ from M49 (757, 842, 490 ...) and M49.

    Raises
    ------
    InputError
        For another scheme.

    Example
    -------
    >>> from_code(757, "comtrade"), from_code("112", "m49"), from_code("EL", "iso2")
    ('CHE', 'BLR', 'GRC')
    >>> from_code(757, "m49") is None
    True
    """
    if scheme == "iso2":
        return _by_iso2().get(str(code).strip().upper())
    if scheme not in ("comtrade", "m49"):
        raise InputError.bad_option("scheme", scheme, ("comtrade", "m49", "iso2"))
    digits = str(code).strip().zfill(3)
    odd = _odd_codes("comtrade").get(digits) if scheme == "comtrade" else None
    return odd or _by_m49().get(digits)


def note_on(code: str) -> str | None:
    """Return what is odd about a code of trade statistics, or None for an ordinary code.

    Example
    -------
    >>> note_on("S19")
    "BACI's letters for 490, Other Asia not elsewhere specified: read as Taiwan"
    """
    key = code.strip().upper()
    return _odd_notes().get(key.zfill(3) if key.isdigit() else key)


def resolve(text: str) -> str:
    """Return the ISO3 code of whatever names a country: a code or a name in 25 languages.

    Codes come before names; English before other languages; a name written with its accents before one
    without. Case and punctuation do not matter.

    Parameters
    ----------
    text : str
        ISO3, ISO2, M49 or Comtrade code, or a name.

    Returns
    -------
    str
        ISO3 code, a member of :func:`known`.

    Raises
    ------
    InputError
        If nothing matches; the hint names near misses.

    Example
    -------
    >>> [resolve(word) for word in ("by", "112", "Беларусь", "白俄罗斯", "turkiye", "842")]
    ['BLR', 'BLR', 'BLR', 'BLR', 'TUR', 'USA']
    """
    if not isinstance(text, str):
        raise InputError(f"{text!r} is no country", hint='give a code or a name as text, for example "BLR"')
    found = _from_any_code(text) or _from_name(text)
    if found is None:
        known_names = [
            *(c.name for c in countries().values()),
            *(r["alias"] for r in read_rows("aliases.csv")),
        ]
        raise InputError.unknown(
            "country", text, known_names, see="give a code such as BLR or BY, or a country name in one of "
            f"{len(_LANGUAGES)} languages",
        )  # fmt: skip
    return found


def _from_any_code(text: str) -> str | None:
    key = text.strip().upper()
    if not key.isascii():
        return None
    if key.isdigit():
        return from_code(key, "comtrade")
    if len(key) == 3:
        return key if key in countries() else _odd_codes("iso3").get(key)
    return _by_iso2().get(key) if len(key) == 2 else None


def _from_name(text: str) -> str | None:
    exact, loose = _fold(text), _fold(text, accents=False)
    if not exact:
        return None
    for lang in ("curated", *_LANGUAGES):
        if found := _names(lang)[0].get(exact):
            return found
    for lang in ("curated", *_LANGUAGES):
        if found := _names(lang)[1].get(loose):
            return found
    return None


@cache
def _names(lang: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return folded name to ISO3, with and without accents; ``curated`` is the CSV files alone."""
    if lang == "curated":
        pairs = [(country.name, iso3) for iso3, country in countries().items()]
        pairs += [(row["alias"], row["country"]) for row in read_rows("aliases.csv")]
    else:
        own = _territories(lang)
        pairs = [
            (own[country.iso2], iso3)
            for iso3, country in countries().items()
            if country.iso2 in own and country.ended is None
        ]
    exact: dict[str, str] = {}
    loose: dict[str, str] = {}
    for word, iso3 in pairs:
        exact.setdefault(_fold(word), iso3)
        loose.setdefault(_fold(word, accents=False), iso3)
    return exact, loose


@cache
def _territories(lang: str) -> dict[str, str]:
    from babel import Locale

    return dict(Locale.parse(lang).territories)


def _fold(text: str, *, accents: bool = True) -> str:
    """Return a name without case, punctuation and, on demand, the accents of Latin, Greek and Cyrillic."""
    word = unicodedata.normalize("NFKC", text).casefold()
    if not accents:
        # Only the European accents: the same step would eat vowels of Hindi and voicing marks of Japanese.
        bare = (mark for mark in unicodedata.normalize("NFKD", word) if not "\u0300" <= mark <= "\u036f")
        word = (
            unicodedata.normalize("NFKC", "".join(bare)).replace("ı", "i").replace("ł", "l").replace("đ", "d")
        )
    word = re.sub(r"[’'ʻʼ`.]", "", word)
    word = re.sub(r"[\s\-–—_,()&/]+", " ", word).strip()
    return word.removeprefix("the ")


@cache
def _by_iso2() -> dict[str, str]:
    codes = {country.iso2: iso3 for iso3, country in countries().items() if country.iso2}
    return {**_odd_codes("iso2"), **codes}


@cache
def _by_m49() -> dict[str, str]:
    return {country.m49: iso3 for iso3, country in countries().items() if country.m49}


def counted_with(iso3: str) -> str | None:
    """Return the country in whose trade statistics this one's trade stands, if it has none of its own.

    Examples
    --------
    >>> counted_with("LIE"), counted_with("CHE")
    ('CHE', None)
    """
    return _counted_with().get(iso3)


@cache
def _counted_with() -> dict[str, str]:
    return {row["country"]: row["counted_with"] for row in read_rows("counted_with.csv")}


@cache
def _odd_codes(scheme: str) -> dict[str, str]:
    return {
        row["code"].zfill(3) if scheme == "comtrade" else row["code"]: row["country"]
        for row in read_rows("odd_codes.csv")
        if row["scheme"] == scheme
    }


@cache
def _odd_notes() -> dict[str, str]:
    return {
        row["code"].zfill(3) if row["scheme"] == "comtrade" else row["code"]: row["note"]
        for row in read_rows("odd_codes.csv")
    }
