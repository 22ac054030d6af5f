"""`entrepot data law`: published law read into a folder of instruments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from entrepot.cli.data import MIRROR, data
from entrepot.errors import InputError


@data.command(sort_key=3)
def law(
    publisher: str,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    instrument: str | None = None,
    file: tuple[Path, ...] = (),
    target: str = "",
) -> int:
    """Read published law into a folder of instruments, for --catalogue of coverage and other commands.

    Schedules of Canada come with their history; a regulation of the European Union is read from a file,
    and what its articles do not say clearly is left for a person to fill in.

    Examples: entrepot data law canada --instrument SOR-2014-58 --out my-law;
    entrepot data law eu --file 833-2014.html --target RUS --out my-law.

    Parameters
    ----------
    publisher
        canada or eu.
    out
        Folder of instruments; one more is made in it.
    instrument
        Which regulation to fetch, for example SOR-2014-58; the publisher's first if left out.
    file
        Files that you have, in place of what would be fetched; several consolidations give better dates.
    target
        Country that the law is about, where the text does not tell.
    """
    from entrepot.measures.transcribe import transcribe
    from entrepot.sources.datasets import law_source
    from entrepot.world.countries import resolve

    entry = law_source(publisher)
    for path in file:
        if not path.is_file():
            raise InputError(f"there is no file {path}")
    paths = file or _fetched(publisher, instrument)
    found = transcribe(entry.read(paths), out, target=resolve(target) if target else "")
    print(f"{found.folder}: {found.measures} measures, {found.rows:,} rows of codes")  # noqa: T201
    if found.refused:
        print(f"  {found.refused} rows refused, with reasons: {found.folder / 'rejects.csv'}")  # noqa: T201
    for cell in found.open:
        print(f"  to be filled in: {cell}")  # noqa: T201
    return 0


def _fetched(publisher: str, instrument: str | None) -> tuple[Path, ...]:
    """Fetch the texts of an instrument into the cache of fetched files."""
    import os

    from entrepot.sources.datasets import law_source
    from entrepot.sources.fetch import cache_folder, fetch

    entry = law_source(publisher)
    mirror = os.environ.get(MIRROR, "")
    base = f"{mirror.rstrip('/')}/{publisher}/" if mirror else entry.base
    chosen = instrument or next(iter(entry.instruments), "")
    return tuple(fetch(remote, cache_folder() / publisher).path for remote in entry.remotes(base, chosen))
