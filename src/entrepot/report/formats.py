"""Numbers as a reader sees them: thin spaces, a true minus, the decimal sign of the language."""

from __future__ import annotations

from datetime import date
from functools import cache
from math import isfinite

from entrepot.result import Column

THIN = "\u202f"
MINUS = "\u2212"
MISSING = "n/o"
MISSING_WORDS = "not observed"


@cache
def decimal_sign(lang: str = "en") -> str:
    """Return the decimal sign of a language; a point where the language is unknown.

    Examples
    --------
    >>> decimal_sign("en"), decimal_sign("ru")
    ('.', ',')
    """
    from babel import Locale, UnknownLocaleError

    try:
        symbols = Locale.parse(lang.replace("-", "_")).number_symbols
    except (UnknownLocaleError, ValueError):
        return "."
    return str(symbols.get("latn", {}).get("decimal", "."))


def format_number(value: float, digits: int = 1, lang: str = "en") -> str:
    """Write a number with thin spaces between thousands and a true minus sign.

    Examples
    --------
    >>> format_number(-12345.678, 1) == "\u221212\u202f345.7"
    True
    """
    text = f"{abs(value):,.{digits}f}".replace(",", THIN).replace(".", decimal_sign(lang))
    negative = value < 0 and any(figure in text for figure in "123456789")
    return MINUS + text if negative else text


def format_probability(value: float, digits: int = 4, lang: str = "en") -> str:
    """Write a probability; one that is too small for its decimals is below the last of them, never nil.

    Examples
    --------
    >>> format_probability(0.0312), format_probability(3e-9)
    ('0.0312', '<0.0001')
    """
    least = 10.0**-digits
    if 0 <= value < least:
        return "<" + format_number(least, digits, lang)
    return format_number(value, digits, lang)


def format_value(value: object, column: Column, lang: str = "en") -> str:
    """Write one cell in the format of its column, without the unit.

    Parameters
    ----------
    value : object
        The cell; None, NaN and infinity mean "not observed".
    column : Column
        Its description. ``percent`` takes a fraction (0.12) and writes per cent (12.0).
    lang : str
        Language whose decimal sign is used.

    Returns
    -------
    str
        ``n/o`` where the value was not observed.

    Examples
    --------
    >>> format_value(0.1234, Column("share", "Share", "%", "percent"))
    '12.3'
    >>> format_value(None, Column("value", "Value", "USD million", "decimal"))
    'n/o'
    """
    if value is None or (isinstance(value, float) and not isfinite(value)):
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date):
        return value.isoformat()[:10]
    if not isinstance(value, (int, float)):
        return str(value)
    if column.format == "integer":
        return format_number(value, 0, lang)
    if column.format == "percent":
        return format_number(100 * value, column.digits, lang)
    if column.format == "decimal":
        return format_number(value, column.digits, lang)
    if column.format == "probability":
        return format_probability(value, column.digits, lang)
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_numeric(column: Column) -> bool:
    """Tell whether a column is aligned to the right."""
    return column.format in ("integer", "decimal", "percent", "probability")


def unit_of(column: Column) -> str:
    """Return the unit printed once in the header: ``%`` for a fraction printed as per cent."""
    if column.format == "percent" and column.unit in ("", "share", "fraction", "1"):
        return "%"
    return column.unit


def digits_for(largest: float) -> int:
    """Return the decimals that give about three significant figures to the largest value shown.

    Examples
    --------
    >>> digits_for(48600.0), digits_for(12.3), digits_for(0.34)
    (0, 1, 2)
    """
    size = abs(largest)
    if size >= 100:
        return 0
    if size >= 10:
        return 1
    return 2 if size >= 0.1 or size == 0 else 4


def vega_locale(lang: str = "en") -> dict[str, object]:
    """Return the number format of a language as a d3-format locale definition."""
    return {"decimal": decimal_sign(lang), "thousands": THIN, "grouping": [3], "currency": ["", ""]}
