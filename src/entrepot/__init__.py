"""entrepot: an open foreign-trade workbench.

Nine questions about a country's foreign trade, answered from public data, with sources and uncertainty.

Examples
--------
>>> import entrepot as ep
>>> world = ep.open()
>>> world.direction("RUS", product="crude oil", since=2021, until=2023).finding[:80]
"Between 2021 and 2023 Russia's exports of crude oil rose to India (0.94 to 48.6 "
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entrepot.errors import DataError, EntrepotError, InputError, StoreError
    from entrepot.estimation import gravity
    from entrepot.report.brief import Brief
    from entrepot.result import Result, Source
    from entrepot.workbench import World, open

__version__ = "0.1.0"

__all__ = [
    "Brief",
    "DataError",
    "EntrepotError",
    "InputError",
    "Result",
    "Source",
    "StoreError",
    "World",
    "__version__",
    "gravity",
    "open",
]

# Names load on first use: importing entrepot costs milliseconds and no data library.
_HOME = {
    "Brief": "entrepot.report.brief",
    "DataError": "entrepot.errors",
    "EntrepotError": "entrepot.errors",
    "InputError": "entrepot.errors",
    "Result": "entrepot.result",
    "Source": "entrepot.result",
    "StoreError": "entrepot.errors",
    "World": "entrepot.workbench",
    "gravity": "entrepot.estimation",
    "open": "entrepot.workbench",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'entrepot' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
