"""Short names of products for sentences and charts."""

from __future__ import annotations

from functools import cache

from entrepot.world._files import read_rows
from entrepot.world.products import describe


@cache
def _given() -> dict[str, str]:
    return {row["code"]: row["short"] for row in read_rows("product_short.csv")}


def short(code: str, revision: str | None = None, most: int = 48) -> str:
    """Return a name of a few words: a given one, else the official text up to its first break.

    Example
    -------
    >>> short("270900"), short("8701"), short("27")
    ('crude oil', 'tractors', 'mineral fuels and oils')
    """
    if code in _given():
        return _given()[code]
    text = describe(code, revision)
    head = text if len(code) == 2 else text.split(";")[0] if len(code) == 4 else text
    if len(head) > most:
        head = head[:most].rsplit(" ", 1)[0]
        # A bracket that the cut left open goes whole.
        head = (head[: head.rindex("(")].rstrip() if head.count("(") > head.count(")") else head) + " ..."
    return head[:1].lower() + head[1:]
