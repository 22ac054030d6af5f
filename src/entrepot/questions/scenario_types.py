"""What a scenario is once it is understood: shocks with resolved countries and sectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

Kind = Literal["tariff", "export_tax", "ntb", "ban", "measures", "lift", "price_cap"]
Basis = Literal["", "rate", "change", "cost", "trade_effect", "discount"]
Bound = Literal["lower", "upper"]
Rent = Literal["importer", "exporter", "lost"]
Model = Literal["many-sectors", "one-sector"]
Deficits = Literal["additive", "multiplicative", "balanced"]


@dataclass(frozen=True, slots=True)
class Shock:
    """One change of the rules of trade.

    Attributes
    ----------
    kind : str
    exporters, importers : tuple of str
        ISO3 codes, sorted. Under measures of the catalogue: the senders' countries and the target.
    sectors : tuple of str
        ICIO codes in their order; empty = all.
    value : float or None
        In the unit of ``basis``; None for a ban and for measures.
    spread : float or None
        Standard deviation of ``value`` where that is a trade effect.
    both_ways : bool
        Whether it also holds with exporters and importers swapped.
    line : int
        Line of its ``[[shock]]`` in the file.
    basis : str
        What ``value`` is: ``rate`` or ``change`` of a tax (fraction), ``cost`` (relative change of iceberg
        costs), ``trade_effect`` (log change of trade, others equal), ``discount`` (fraction of the price).
    target : str or None
        Country on which the catalogue's measures lie.
    senders : tuple of str
        Parties of the catalogue that keep them.
    at : date or None
        Day of the law, and of the membership of blocs.
    bound : {"lower", "upper"}
        Which bound of the share under measures counts.
    rent : {"importer", "exporter", "lost"}
        Who has the rent of a price cap.
    reference, note : str
        Where the size comes from; anything else the author says.
    """

    kind: Kind
    exporters: tuple[str, ...]
    importers: tuple[str, ...]
    sectors: tuple[str, ...]
    value: float | None
    spread: float | None
    both_ways: bool
    line: int
    basis: Basis = ""
    target: str | None = None
    senders: tuple[str, ...] = ()
    at: date | None = None
    bound: Bound = "lower"
    rent: Rent = "importer"
    reference: str = ""
    note: str = ""

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the (exporter, importer) pairs that it touches; home trade never."""
        there = {(a, b) for a in self.exporters for b in self.importers if a != b}
        return frozenset(there | {(b, a) for a, b in there} if self.both_ways else there)


@dataclass(frozen=True, slots=True)
class Scenario:
    """A counterfactual as its author wrote it.

    Attributes
    ----------
    name : str
        File name without its suffix.
    title, author, reference, horizon : str
    base_year : int
    model : {"many-sectors", "one-sector"}
    theta : float or mapping of str to float
        Trade elasticity, or one for each ICIO sector.
    theta_spread : float
        Standard deviation of ln theta.
    sweep : tuple of float
        Elasticities at which the headline is repeated.
    deficits : {"additive", "multiplicative", "balanced"}
    shocks : tuple of Shock
        In file order.
    summary : str
        One sentence: what is assumed.
    path : Path or None
    """

    name: str
    title: str
    author: str
    reference: str
    base_year: int
    horizon: str
    model: Model
    theta: float | Mapping[str, float]
    theta_spread: float
    sweep: tuple[float, ...]
    deficits: Deficits
    shocks: tuple[Shock, ...]
    summary: str
    path: Path | None
