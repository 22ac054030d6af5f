"""`entrepot settlements`."""

from __future__ import annotations

from typing import Annotated, Literal

from cyclopts import Parameter

from entrepot.cli.app import app
from entrepot.cli.options import Shown
from entrepot.cli.terminal import open_world, show


@app.command(sort_key=10)
def settlements(
    members: Annotated[tuple[str, ...], Parameter(negative=())],
    /,
    *,
    year: int | None = None,
    table: Literal["auto", "flows", "industry_flows"] = "auto",
    shown: Shown = Shown(),
) -> int:
    """What part of a group's mutual trade could be set off, and what net payments remain.

    Examples: entrepot settlements BLR RUS KAZ; entrepot settlements EAEU --year 2021 --table flows.

    Parameters
    ----------
    members
        At least two countries, or the name of a bloc (see 'entrepot blocs').
    year
        Year of the balances; the last one in the table if left out.
    table
        flows: goods by HS code; industry_flows: sales between industries; auto takes what fits the question.
    """
    result = open_world(shown.store).settlements(list(members), year=year, table=table, lang=shown.lang)
    return show(result, shown)
