"""The public sources that `entrepot data get` knows."""

from __future__ import annotations

from entrepot.errors import InputError
from entrepot.sources import (
    baci,
    canada,
    cepii_gravity,
    comext,
    comext_bulk,
    comtrade,
    eu_regulation,
    hs_correlation,
    icio,
    wdi,
    wiod,
)
from entrepot.sources.dataset import Dataset
from entrepot.sources.law import LawSource

DATASETS: tuple[Dataset, ...] = (
    baci.DATASET,
    comtrade.DATASET,
    comtrade.PREVIEW,
    comext.DATASET,
    comext.MONTHLY,
    comext_bulk.BULK_DATASET,
    comext_bulk.BULK_MONTHLY,
    icio.DATASET,
    wiod.DATASET,
    cepii_gravity.DATASET,
    cepii_gravity.GEODIST,
    wdi.DATASET,
    wdi.BULK_DATASET,
    hs_correlation.DATASET,
)
LAWS: tuple[LawSource, ...] = (canada.LAW, eu_regulation.LAW)


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


def law_source(id: str) -> LawSource:
    """Return one publisher of law by its word on the command line.

    Raises
    ------
    InputError
        If there is no such publisher.

    Examples
    --------
    >>> law_source("canada").instruments
    ('SOR-2014-58', 'SOR-2020-214')
    """
    for entry in LAWS:
        if entry.id == id:
            return entry
    raise InputError.unknown("publisher of law", id, [entry.id for entry in LAWS])
