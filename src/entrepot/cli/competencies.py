"""`entrepot competencies`."""

from __future__ import annotations

from typing import Literal

from entrepot.cli.app import app
from entrepot.cli.options import Shown, words
from entrepot.cli.terminal import open_world, show


@app.command(sort_key=8)
def competencies(
    country: str,
    /,
    *,
    year: int | None = None,
    since: int | None = None,
    convention: Literal["atlas", "atlas-2026", "ecomplexity", "r-economiccomplexity", "oec"] = "atlas",
    reference: str | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    level: Literal[2, 4, 6] | None = None,
    shown: Shown = Shown(),
) -> int:
    """What a country knows how to make, and what is near to it.

    Examples: entrepot competencies BLR; entrepot competencies KAZ --convention atlas-2026;
    entrepot competencies Russia --part made.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    year
        Year of the lists; the last one of which enough was observed if left out.
    since
        First year of the profile over time; that of the table if left out.
    convention
        Whose way of computing complexity, see docs/methods/competencies.md.
    reference
        Countries or blocs of the reference sample, separated by commas; the convention's own if left out.
    table
        flows: goods by HS code; industry_flows: sales between industries; auto takes what fits the question.
    level
        HS digits of a product; 4 where the table holds 500 products or more, else 6, if left out.
    """
    result = open_world(shown.store).competencies(
        country,
        year=year,
        since=since,
        convention=convention,
        reference=words(reference) or None,
        table=table,
        level=level,
        lang=shown.lang,
    )
    return show(result, shown)
