"""`entrepot blocs`: facts that change slowly."""

from __future__ import annotations

from entrepot.cli.app import app
from entrepot.cli.options import day


@app.command(sort_key=13)
def blocs(name: str | None = None, /, *, at: str | None = None, lang: str = "en") -> int:
    """List the blocs, or the members of one on a day.

    Parameters
    ----------
    name
        A bloc; all blocs if left out.
    at
        Day, as YYYY-MM-DD; today if left out.
    lang
        Language of country names.
    """
    from entrepot.report.tables import print_rows
    from entrepot.world import blocs, countries

    if name is None:
        rows = [(bloc.id, bloc.title, bloc.note) for bloc in blocs.blocs().values()]
        return print_rows(("Bloc", "Title", "Note"), rows)
    on = day(at)
    members = sorted(blocs.members(blocs.resolve_bloc(name), on))
    return print_rows(("Code", f"Members on {on}"), [(code, countries.name(code, lang)) for code in members])
