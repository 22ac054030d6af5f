"""`entrepot localisation`."""

from __future__ import annotations

from entrepot.cli.app import app
from entrepot.cli.options import Shown
from entrepot.cli.terminal import open_world, show


@app.command(sort_key=7)
def localisation(
    country: str,
    /,
    *,
    sector: str | None = None,
    partner: str | None = None,
    group: str | None = None,
    year: int | None = None,
    shown: Shown = Shown(),
) -> int:
    """How much of what we make is ours, and which imported inputs would hurt most if they stopped.

    Examples: entrepot localisation BLR; entrepot localisation BLR --sector C28 --partner RUS;
    entrepot localisation KAZ --group eaeu --part inputs.

    The first run inverts the table, which takes seconds, and keeps the result, 128 MB: in the folder
    cache of a store of your own; for the embedded pack in $XDG_CACHE_HOME/entrepot, or
    ~/.cache/entrepot. It may be deleted.

    Parameters
    ----------
    country
        ISO3 code or a name in any supported language.
    sector
        Industry, by code or name, whose output and losses count alone; all if left out.
    partner
        Country whose inputs are ranked; all others if left out.
    group
        Bloc whose members count as home, see 'entrepot blocs'.
    year
        Year of the input-output table; the last one if left out.
    """
    result = open_world(shown.store).localisation(
        country, sector=sector, partner=partner, group=group, year=year, lang=shown.lang
    )
    return show(result, shown)
