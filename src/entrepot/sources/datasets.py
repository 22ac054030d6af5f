"""The public sources that `entrepot data get` knows."""

from __future__ import annotations

from entrepot.errors import InputError
from entrepot.sources import baci
from entrepot.sources.dataset import Dataset

DATASETS: tuple[Dataset, ...] = (baci.DATASET,)


def dataset(id: str) -> Dataset:
    """Return one public source by its word on the command line.

    Raises
    ------
    InputError
        If there is no such source.

    Examples
    --------
    >>> dataset("baci").redistributable
    True
    """
    for entry in DATASETS:
        if entry.id == id:
            return entry
    raise InputError.unknown("source", id, [entry.id for entry in DATASETS], see="see 'entrepot data list'")
