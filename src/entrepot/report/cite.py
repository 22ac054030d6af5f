"""BibTeX of the software and of every source behind an answer."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import entrepot
from entrepot.measures import load_catalogue
from entrepot.report.brief import read_manifest
from entrepot.result import Source
from entrepot.sources.catalogue import bibtex
from entrepot.world import distances

if TYPE_CHECKING:
    from entrepot.store.store import Store

SOFTWARE = f"""@software{{entrepot,
  author = {{{{The entrepot authors}}}},
  title = {{{{entrepot: an open foreign-trade workbench}}}},
  version = {{{entrepot.__version__}}},
  year = {{2026}},
}}"""


def citations(store: Store, manifest: str | Path | None = None) -> str:
    """Return BibTeX entries, the software first.

    Parameters
    ----------
    store : Store
    manifest : str or Path, optional
        Manifest of a brief; without it, every source of the store, of the measures and of distances.

    Raises
    ------
    DataError
        If the file is no manifest of a brief.
    """
    if manifest is None:
        catalogue = load_catalogue()
        law = catalogue.sources(catalogue.measure.values())
        sources = dict.fromkeys((*store.sources(), *law, distances.SOURCE))
    else:
        sources = dict.fromkeys(_source(entry) for entry in read_manifest(manifest)["sources"])
    return "\n\n".join([SOFTWARE, *(bibtex(source) for source in sources)])


def _source(entry: dict[str, object]) -> Source:
    return Source(**{**entry, "accessed": date.fromisoformat(str(entry["accessed"]))})  # type: ignore[arg-type]
