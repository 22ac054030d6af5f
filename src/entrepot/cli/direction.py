"""`entrepot direction`."""

from __future__ import annotations

from typing import Literal

from entrepot.cli.app import app
from entrepot.cli.options import Shown
from entrepot.cli.terminal import open_world, show


@app.command(sort_key=1)
def direction(
    country: str,
    /,
    *,
    product: str | None = None,
    by: Literal["partner", "bloc", "product", "sector"] = "partner",
    flow: Literal["exports", "imports", "turnover"] = "exports",
    since: int | None = None,
    until: int | None = None,
    level: Literal[2, 4, 6] | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    shown: Shown = Shown(),
) -> int:
    """Where trade goes, and how it has shifted, in value and in volume.

    Examples: entrepot direction RUS --product 270900 --by partner --since 2021;
    entrepot direction Belarus --flow imports --by bloc; entrepot direction KAZ --by sector.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    product
        HS codes of 2 to 6 digits or product words, separated by commas; all goods if left out.
    by
        What the rows are; sector asks the input-output table.
    flow
        Exports, imports, or turnover: both added up.
    since
        First year; that of the table if left out.
    until
        Last year; that of the table if left out.
    level
        HS digits for --by product; 6 if left out.
    table
        flows: goods by HS code; industry_flows: sales between industries; auto takes what fits the question.
    """
    products = [word.strip() for word in product.split(",")] if product else None
    result = open_world(shown.store).direction(
        country,
        product=products,
        by=by,
        flow=flow,
        since=since,
        until=until,
        level=level,
        table=table,
        lang=shown.lang,
    )
    return show(result, shown)
