"""`entrepot partners`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from entrepot.cli.app import app
from entrepot.cli.options import Shown
from entrepot.cli.terminal import open_world, show
from entrepot.errors import InputError


@app.command(sort_key=4)
def partners(
    country: str,
    /,
    *,
    partner: Annotated[str | None, Parameter(name="--with")] = None,
    weights: str | None = None,
    at: str | None = None,
    year: int | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    catalogue: Path | None = None,
    shown: Shown = Shown(),
) -> int:
    """With whom a country could trade more, in positions outside every measure in force.

    Examples: entrepot partners BLR; entrepot partners BLR --with KAZ;
    entrepot partners KAZ --table flows --weights size=0.5,ease=0.5;
    entrepot partners ARM --part sales.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    partner
        One partner: what is printed are then the positions of this pair.
    weights
        NAME=NUMBER of size, ease, complementarity, growth, risk, separated by commas; others weigh nothing.
    at
        Day of the law, as YYYY-MM-DD; the last day for which the catalogue or the trade is known if left out.
    year
        Last of the three years of trade that are averaged; never later than the day of the law.
    table
        flows: goods by HS code; industry_flows: sales between industries; auto takes what says most.
    catalogue
        Folder of further instruments, see docs/measures-format.md; they only ever bar more.
    """
    result = open_world(shown.store).partners(
        country, partner=partner, weights=named_numbers(weights), at=at, year=year, table=table,
        catalogue=catalogue, lang=shown.lang,
    )  # fmt: skip
    return show(result, shown)


def named_numbers(text: str | None) -> dict[str, float] | None:
    """Read NAME=NUMBER separated by commas."""
    if text is None:
        return None
    found: dict[str, float] = {}
    for word in text.split(","):
        name, _, number = (part.strip() for part in word.partition("="))
        if name in found:
            raise InputError(f"the weight {name} is given twice", hint="give each name once")
        try:
            found[name] = float(number)
        except ValueError:
            raise InputError(
                f"'{word}' is no weight", hint="write NAME=NUMBER, for example --weights size=0.5,ease=0.5"
            ) from None
    return found
