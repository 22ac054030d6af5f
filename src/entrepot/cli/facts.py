"""`entrepot blocs`: facts that change slowly."""

from __future__ import annotations

from entrepot.cli.app import app
from entrepot.cli.options import day


@app.command(sort_key=13)
def blocs(name: str | None = None, /, *, at: str | None = None, lang: str = "en") -> int:
    """List the blocs, or the members of one on a day.

    Examples: entrepot blocs; entrepot blocs eaeu --at 2015-03-01; entrepot blocs EU --lang de.

    Parameters
    ----------
    name
        Id or name of a bloc; all blocs are listed if left out.
    at
        Day, as YYYY-MM-DD; today if left out.
    lang
        Language of country names, for example ru.
    """
    from entrepot.report.tables import print_rows
    from entrepot.world import blocs, countries

    if name is None:
        rows = [(bloc.id, bloc.title, bloc.note) for bloc in blocs.blocs().values()]
        return print_rows(("Bloc", "Title", "Note"), rows)
    on = day(at)
    members = sorted(blocs.members(blocs.resolve_bloc(name), on))
    return print_rows(("Code", f"Members on {on}"), [(code, countries.name(code, lang)) for code in members])
