"""Products: sections, chapters, headings and subheadings of the Harmonized System, 1992 to 2022.

Codes are text and keep their leading zeros. A code can change its meaning between revisions, so what needs
a revision asks for one. :func:`correlation` says how the codes of two revisions correspond: the steps between
neighbouring revisions come from the UN Statistics Division, longer ways are composed of them.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from entrepot.errors import InputError
from entrepot.world._files import read_rows

REVISIONS = ("HS1992", "HS1996", "HS2002", "HS2007", "HS2012", "HS2017", "HS2022")

_Pairs = dict[tuple[str, str], bool]


def resolve_revision(text: str) -> str:
    """Return the revision that a text names, for example ``HS2017`` for ``2017``, ``hs17`` or ``H5``.

    Raises
    ------
    InputError
        If there is no such revision.

    Example
    -------
    >>> resolve_revision("2017"), resolve_revision("hs92"), resolve_revision("H6")
    ('HS2017', 'HS1992', 'HS2022')
    """
    word = text.strip().upper()
    for place, known in enumerate(REVISIONS):
        if word in (known, known[2:], "HS" + known[4:], f"H{place}"):
            return known
    raise InputError.bad_option("revision", text, REVISIONS)


def section_of(code: str) -> str:
    """Return the roman number of the section that holds a chapter, heading or subheading.

    Raises
    ------
    InputError
        If the chapter belongs to no section (98 and 99 hold what is not specified).

    Example
    -------
    >>> section_of("270900"), section_of("93")
    ('V', 'XIX')
    """
    chapter = code[:2]
    for row in _sections():
        if row["first"] <= chapter <= row["last"] and len(chapter) == 2:
            return row["section"]
    raise InputError.unknown("HS code", code, (), see="chapters 01 to 97 belong to sections I to XXI")


def sections() -> dict[str, str]:
    """Return the short names of the 21 sections by roman number.

    Example
    -------
    >>> sections()["V"]
    'Mineral products'
    """
    return {row["section"]: row["name"] for row in _sections()}


def chapters() -> dict[str, str]:
    """Return the short names of the chapters by two-digit code."""
    return dict(_chapters())


def chapter_name(code: str) -> str:
    """Return the short name of the chapter of any code.

    Raises
    ------
    InputError
        If there is no such chapter.

    Example
    -------
    >>> chapter_name("271121"), chapter_name("03")
    ('Mineral fuels and oils', 'Fish and seafood')
    """
    try:
        return _chapters()[code[:2]]
    except KeyError:
        raise InputError.unknown("HS chapter", code, (), see=_zero_hint(code)) from None


def heading_name(code: str, revision: str | None = None) -> str:
    """Return the name of the four-digit heading of any code; without a revision, the newest one.

    Raises
    ------
    InputError
        If there is no such heading.

    Example
    -------
    >>> heading_name("0301"), heading_name("852499", "HS2022")[:26]
    ('Fish; live', 'Flat panel display modules')
    """
    return describe(code[:4], revision)


def describe(code: str, revision: str | None = "HS1992") -> str:
    """Return the description of a code at two, four or six digits.

    Parameters
    ----------
    code : str
        HS code with its leading zeros.
    revision : str or None
        Revision of the code; None = the newest that has it.

    Raises
    ------
    InputError
        If the revision has no such code; the hint names the revisions that have it.

    Example
    -------
    >>> describe("710812")
    'Metals; gold, non-monetary, unwrought (but not powder)'
    """
    if len(code) == 2:
        return chapter_name(code)
    runs = _table().get(code, ())
    for mask, text in reversed(runs):
        if revision is None or mask >> _place(revision) & 1:
            return text
    raise InputError.unknown(f"{revision or 'HS'} code", code, (), see=_elsewhere(code) or _zero_hint(code))


def exists(code: str, revision: str) -> bool:
    """Return whether a revision has a code at two, four or six digits.

    Example
    -------
    >>> exists("441294", "HS2017"), exists("441294", "HS2022"), exists("842910", "HS2022")
    (True, False, False)
    """
    bit = 1 << _place(revision)
    if len(code) == 2:
        return code in _chapters() and code not in ("77", "98")
    return any(mask & bit for mask, _ in _table().get(code, ()))


def revisions_of(code: str) -> tuple[str, ...]:
    """Return the revisions that have a code.

    Example
    -------
    >>> revisions_of("441294")
    ('HS2007', 'HS2012', 'HS2017')
    """
    return tuple(known for known in REVISIONS if exists(code, known))


@cache
def codes(revision: str, digits: int = 6) -> tuple[str, ...]:
    """Return all codes of a revision with that many digits (2, 4 or 6), sorted.

    Example
    -------
    >>> len(codes("HS2017")), codes("HS1992", 4)[0]
    (5388, '0101')
    """
    if digits == 2:
        return tuple(chapter for chapter in sorted(_chapters()) if exists(chapter, revision))
    return tuple(code for code in sorted(_table()) if len(code) == digits and exists(code, revision))


def resolve(text: str, revision: str = "HS1992") -> str:
    """Return the code that a text names: a code at 2, 4 or 6 digits, or a word such as ``gold``.

    Common words come first, then the names of chapters, headings and subheadings in that order; a name that
    is the word beats one that begins with it, and that beats one that has all its words.

    Parameters
    ----------
    text : str
        Code (dots and spaces are ignored) or word.
    revision : str
        Revision in which the code must exist.

    Raises
    ------
    InputError
        If there is no such code (a lost leading zero is pointed out) or no name with that word.

    Example
    -------
    >>> resolve("gold"), resolve("27.09.00"), resolve("wheat")
    ('7108', '270900', '1001')
    >>> try:
    ...     resolve("301")
    ... except InputError as error:
    ...     print(error.hint)
    a leading zero may be lost: did you mean '0301'?
    """
    digits = re.sub(r"[\s.]", "", text)
    if digits.isdigit():
        if exists(digits, revision):
            return digits
        raise InputError.unknown(f"{revision} code", text, (), see=_zero_hint(digits) or _elsewhere(digits))
    word = " ".join(text.casefold().split())
    code = _words().get(word, "")
    # A word for a subheading that this revision lacks still names its heading.
    found = next((part for part in (code, code[:4]) if part and exists(part, revision)), None)
    found = found or _search(word, revision)
    if found is None:
        known = [*_words(), *(name.casefold() for name in _chapters().values())]
        raise InputError.unknown("product", text, known, see="give an HS code such as 2709 or 270900")
    return found


class Link(NamedTuple):
    """One code of the first revision, one of the second, and whether they hold exactly the same goods."""

    source: str
    target: str
    exact: bool


@cache
def correlation(from_revision: str, to_revision: str) -> tuple[Link, ...]:
    """Return all links between the six-digit codes of two revisions, sorted.

    A link is exact when neither code has another link on the whole way and no step of it is loose. Loose are
    the links of codes that took in a little of dozens of others (such as electrical waste, 8549 of HS2022);
    the minor links of these codes are left out. Steps are composed in either direction; a composed link that
    is not exact can overstate the reach of a code, since a part that moved in one step need not be the part
    that moved in the next.

    Parameters
    ----------
    from_revision, to_revision : str
        Revisions such as ``HS1992`` and ``HS2022``.

    Returns
    -------
    tuple of Link
        Triples (source code, target code, exact). A code that the UN tables leave without a successor has
        no link.

    Raises
    ------
    InputError
        If there is no such revision.

    Example
    -------
    >>> [tuple(link) for link in correlation("HS2017", "HS2022") if link.source == "441294"]
    [('441294', '441251', False), ('441294', '441252', False), ('441294', '441259', False)]
    """
    pairs = _composed(resolve_revision(from_revision), resolve_revision(to_revision))
    fan_out = Counter(source for source, _ in pairs)
    fan_in = Counter(target for _, target in pairs)
    return tuple(
        Link(source, target, not loose and fan_out[source] == 1 and fan_in[target] == 1)
        for (source, target), loose in sorted(pairs.items())
    )


@cache
def correlation_map(from_revision: str, to_revision: str) -> dict[str, tuple[tuple[str, bool], ...]]:
    """Return the links as a dictionary: source code to its (target code, exact) pairs. Do not change it.

    Example
    -------
    >>> correlation_map("HS2022", "HS1992")["270900"]
    (('270900', True),)
    """
    found: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for link in correlation(from_revision, to_revision):
        found[link.source].append((link.target, link.exact))
    return {source: tuple(targets) for source, targets in found.items()}


def _search(word: str, revision: str) -> str | None:
    """Return the shallowest code whose name is or begins with the text, or has all its words."""
    names = [(code, name.casefold()) for code, name in sorted(_chapters().items()) if exists(code, revision)]
    for digits in (4, 6):
        names += [(code, describe(code, revision).casefold()) for code in codes(revision, digits)]
    start = re.compile(rf"{re.escape(word)}\b")
    starts = [re.compile(rf"\b{re.escape(part)}") for part in word.split()]
    stages: tuple[Callable[[str], bool], ...] = (
        lambda name: name == word,
        lambda name: start.match(name) is not None,
        lambda name: all(part.search(name) for part in starts),
    )
    if len(word) < 3:
        return None
    return next((code for fits in stages for code, name in names if fits(name)), None)


def _zero_hint(code: str) -> str | None:
    padded = f"0{code}"
    if len(code) in (1, 3, 5) and (padded in _table() or padded in _chapters()):
        return f"a leading zero may be lost: did you mean '{padded}'?"
    if len(code) > 6 and code[:6] in _table():
        return f"more than six digits are national: use '{code[:6]}'"
    return None


def _elsewhere(code: str) -> str | None:
    found = revisions_of(code)
    if found:
        return f"the code exists in {', '.join(found)}"
    parent = code[:4] if len(code) == 6 and code[:4] in _table() else code[:2]
    return f"no revision has it; its parent is '{parent}'" if parent in {*_table(), *_chapters()} else None


def _place(text: str) -> int:
    return REVISIONS.index(text) if text in REVISIONS else REVISIONS.index(resolve_revision(text))


@cache
def _table() -> dict[str, tuple[tuple[int, str], ...]]:
    """Return code to runs of (bitmask of revisions, name), oldest run first."""
    runs: dict[str, list[tuple[int, str]]] = {}
    for row in read_rows("products.csv.gz"):
        runs.setdefault(row["code"], []).append((int(row["revisions"]), row["name"]))
    return {code: tuple(sorted(found)) for code, found in runs.items()}


@cache
def _chapters() -> dict[str, str]:
    return {row["chapter"]: row["name"] for row in read_rows("chapters.csv")}


@cache
def _sections() -> tuple[dict[str, str], ...]:
    return tuple(read_rows("sections.csv"))


@cache
def _words() -> dict[str, str]:
    return {row["word"]: row["code"] for row in read_rows("product_words.csv")}


@cache
def _composed(start: str, end: str) -> _Pairs:
    """Return {(source, target): loose}; a way is loose if one of its steps is."""
    here, there = REVISIONS.index(start), REVISIONS.index(end)
    if here == there:
        return {(code, code): False for code in codes(start)}
    if here > there:
        return {(target, source): loose for (source, target), loose in _composed(end, start).items()}
    last = _step(end)
    if there - here == 1:
        return last
    onward: dict[str, list[tuple[str, bool]]] = defaultdict(list)
    for (older, newer), loose in last.items():
        onward[older].append((newer, loose))
    way: _Pairs = {}
    for (source, middle), before in _composed(start, REVISIONS[there - 1]).items():
        for newer, after in onward[middle]:
            way[source, newer] = way.get((source, newer), False) or before or after
    return way


@cache
def _steps() -> dict[str, _Pairs]:
    pairs: dict[str, _Pairs] = defaultdict(dict)
    for row in read_rows("correlation.csv.gz"):
        pairs[f"HS{row['newer_revision']}"][row["older"], row["newer"]] = row["loose"] == "1"
    return dict(pairs)


@cache
def _step(newer: str) -> _Pairs:
    """Return the links of one step as {(older, newer): loose}; a code not listed is unchanged."""
    listed = _steps()[newer]
    older = REVISIONS[REVISIONS.index(newer) - 1]
    touched = {source for source, _ in listed}, {target for _, target in listed}
    same = (set(codes(older)) - touched[0]) & (set(codes(newer)) - touched[1])
    return {**listed, **{(code, code): False for code in same}}
