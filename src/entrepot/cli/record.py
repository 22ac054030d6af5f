"""`entrepot cite` and `entrepot reproduce`: where a brief came from, and whether it still holds."""

from __future__ import annotations

from pathlib import Path

from entrepot.cli.app import app
from entrepot.cli.options import StorePath
from entrepot.cli.terminal import open_world


@app.command(sort_key=14)
def cite(manifest: Path | None = None, /, *, store: StorePath = None) -> int:
    """Print BibTeX of the software and of every source: those of a brief, or all in the store.

    Country names, HS names and the map are not in it: their credits are in docs/data.md.

    Examples: entrepot cite; entrepot cite brief-BLR.manifest.json; entrepot cite --store world.

    Parameters
    ----------
    manifest
        Manifest of a brief; all sources of the store and of the measures if left out.
    store
        Folder of a store; the embedded pack if left out.
    """
    from entrepot.report.cite import citations

    print(citations(open_world(store).store, manifest))  # noqa: T201
    return 0


@app.command(sort_key=15)
def reproduce(manifest: Path, /, *, store: StorePath = None) -> int:
    """Run a brief again from its manifest and say what differs; exit code 1 if anything does.

    Example: entrepot reproduce brief-BLR.manifest.json.

    Parameters
    ----------
    manifest
        The *.manifest.json written beside a brief.
    store
        Folder of a store; the embedded pack if left out.
    """
    from entrepot.report.reproduce import differences

    found = differences(open_world(store).store, manifest)
    print("\n".join(found) if found else "identical: every finding, figure, table and source")  # noqa: T201
    return 1 if found else 0
