"""Codes and thresholds as laws print them, read into prefixes that can be joined."""

from __future__ import annotations

import re
from typing import NamedTuple

from entrepot.errors import InputError

ITEM_DIGITS = 10
_EXCEPT = re.compile(r"\b(?:except(?:ing)?|excluding|other than)\b", re.IGNORECASE)
_EX = re.compile(r"^\s*(?:ex\b\.?|ex(?=\d)|subset\b|part\b)\s*", re.IGNORECASE)
_PAREN = re.compile(r"[()]")
_LABEL = re.compile(
    r"\b(?:for|goods|of|the|cn|hs|codes?|headings?|subheadings?|chapters?|items?)\b", re.IGNORECASE
)
_SEPARATOR = re.compile(r"[,;]|\band\b|\bor\b", re.IGNORECASE)
_CODE = re.compile(r"[\d\s.\u00a0]+")
_THRESHOLD = re.compile(
    r"(?:>|exceed\w*|over|more than|above)\s*"
    r"(?:(EUR|USD|CAD)\s*(\d[\d\s.,]*\d|\d)|(\d[\d\s.,]*\d|\d)\s*(EUR|USD|CAD))",
    re.IGNORECASE,
)


class PrintedCode(NamedTuple):
    """A code read from print: digits, include or exclude, and whether only part of it is meant."""

    prefix: str
    op: str
    partial: bool


def read_printed(text: str) -> tuple[PrintedCode, ...]:
    """Read the codes of one printed cell.

    Blanks and dots fall away; trailing pairs of zeros that only pad fall away, so that a code is a prefix;
    an odd number of digits means a lost leading zero; ten-digit items printed without a separator are cut
    apart; "ex" and "subset of" mean part of the code; codes after "except" are exclusions. An exception in
    words makes the code partial, since no code can say what is left out.

    Parameters
    ----------
    text : str
        A cell of a schedule or annex.

    Returns
    -------
    tuple of PrintedCode
        In printed order, inclusions first.

    Raises
    ------
    InputError
        If the text holds no code or a code of a length that no nomenclature has.

    Examples
    --------
    >>> [code.prefix for code in read_printed("301")]
    ['0301']
    >>> [code.prefix for code in read_printed("6101 00 00")]
    ['6101']
    >>> read_printed("ex 8802 20")
    (PrintedCode(prefix='880220', op='include', partial=True),)
    """
    included, *excluded = _EXCEPT.split(_PAREN.sub(" ", text))
    exclusions = [code._replace(op="exclude") for part in excluded for code in _codes(part, strict=False)]
    inclusions = _codes(included, strict=True)
    if excluded and not exclusions:
        inclusions = [code._replace(partial=True) for code in inclusions]
    if not inclusions:
        raise _no_code(text)
    return (*inclusions, *exclusions)


def _codes(text: str, *, strict: bool) -> list[PrintedCode]:
    """Read a list of codes; a piece that is not a code is a fault only if ``strict``."""
    codes: list[PrintedCode] = []
    for piece in _SEPARATOR.split(_LABEL.sub(" ", text)):
        bare = _EX.sub("", piece)
        if not bare.strip():
            continue
        if not _CODE.fullmatch(bare):
            if strict:
                raise _no_code(text)
            return []
        partial = bare != piece and _EX.match(piece) is not None
        codes += [PrintedCode(prefix, "include", partial) for prefix in _split(re.sub(r"\D", "", bare), text)]
    return codes


def _split(digits: str, text: str) -> list[str]:
    """Cut glued ten-digit items apart; otherwise restore a lost zero and drop padding."""
    if len(digits) > ITEM_DIGITS:
        items = [digits[i : i + ITEM_DIGITS] for i in range(0, len(digits), ITEM_DIGITS)]
        # Glued items stand in one chapter; anything else would be a misprint that must not be guessed at.
        if len(digits) % ITEM_DIGITS or len({item[:2] for item in items}) > 1:
            raise _no_code(text)
        return items
    whole = digits if len(digits) % 2 == 0 else "0" + digits
    while len(whole) > 2 and whole.endswith("00"):
        whole = whole[:-2]
    if whole == "00":
        raise _no_code(text)
    return [whole]


def _no_code(text: str) -> InputError:
    return InputError(
        f"no customs code can be read from '{text.strip()}'",
        hint="codes have 2, 4, 6, 8 or 10 digits; separate several by commas",
    )


def read_threshold(title: str) -> tuple[tuple[float, str], ...]:
    """Read the value thresholds that a section title prints.

    Parameters
    ----------
    title : str
        For example ``"Vehicles of a value exceeding EUR 50 000"``.

    Returns
    -------
    tuple of (float, str)
        Value and currency of each threshold in printed order; empty if there is none.

    Examples
    --------
    >>> read_threshold("Vehicles >EUR 50000 (motorbikes >EUR 5000)")
    ((50000.0, 'EUR'), (5000.0, 'EUR'))
    """
    found = []
    for before, after_value, value, after in _THRESHOLD.findall(title):
        number = re.sub(r"[\s,]", "", after_value or value)
        if re.fullmatch(r"\d{1,3}(?:\.\d{3})+", number):
            number = number.replace(".", "")
        found.append((float(number), (before or after).upper()))
    return tuple(found)
