"""`entrepot technoparks`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from entrepot.cli.app import app
from entrepot.cli.options import Shown
from entrepot.cli.terminal import open_world, show
from entrepot.errors import InputError


@app.command(sort_key=9)
def technoparks(
    country: str,
    /,
    *,
    k: Annotated[int, Parameter(name=["--k", "-k"])] = 5,
    register: Path | None = None,
    brains: float = 0.0,
    size: str = "2:6",
    overlap: int = 1,
    at: str | None = None,
    year: int | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    catalogue: Path | None = None,
    shown: Shown = Shown(),
) -> int:
    """Which coherent clusters a country could build, near what it makes and outside the measures.

    Examples: entrepot technoparks BLR -k 5; entrepot technoparks KAZ --table flows --part positions;
    entrepot technoparks BLR --brains 0.5 --register parks.csv --part programme.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    k
        Number of clusters, 1 to 50; fewer are given where the candidates allow no more.
    register
        CSV of the programme's targets by park, indicator and year, see docs/programme-format.md.
    brains
        What counts, 0 to 1: 0 complexity of the goods (hardware), 1 knowledge services they need (brains).
    size
        Least and most positions (industries or HS codes) of a cluster, as LEAST:MOST.
    overlap
        How many clusters one position may belong to.
    at
        Day of the law, as YYYY-MM-DD; the last day for which the catalogue or the trade is known if left out.
    year
        Last of the three years of trade that are averaged; never later than the day of the law.
    table
        flows: goods by HS code; industry_flows: sales between industries; auto takes what says most.
    catalogue
        Folder of further instruments, see docs/measures-format.md; they only ever bar more.
    """
    result = open_world(shown.store).technoparks(
        country, k=k, brains=brains, size=bounds(size), overlap=overlap, register=register, at=at, year=year,
        table=table, catalogue=catalogue, lang=shown.lang,
    )  # fmt: skip
    return show(result, shown)


def bounds(text: str) -> tuple[int, int]:
    """Read LEAST:MOST."""
    least, _, most = text.partition(":")
    if not (least.isdigit() and most.isdigit()):
        raise InputError(f"'{text}' is no pair of bounds", hint="write it as LEAST:MOST, for example 2:6")
    return int(least), int(most)
