"""How much of each sector's goods lies under measures of the catalogue, by pair of countries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import EntrepotError
from entrepot.measures.catalogue import Catalogue
from entrepot.measures.catalogue import countries as party_countries
from entrepot.measures.loader import load_catalogue
from entrepot.measures.schema import Measure
from entrepot.measures.scope import covered
from entrepot.questions.scenario_types import Shock
from entrepot.world import sectors as industries

FloatArray = NDArray[np.float64]

COUNTED = ("ban", "licence")
NOMENCLATURE = "HS2022"
GOODS = ("agriculture", "mining", "manufacturing", "utilities")


@dataclass(frozen=True, slots=True)
class SectorShares:
    """Shares under measures, and what was assumed.

    Attributes
    ----------
    share : ndarray, shape (N, N, J)
        Of the six-digit codes of a sector, the part that is under a ban or a licence, on flows
        [exporter, importer]; the largest of all senders.
    notes : tuple of str
    """

    share: FloatArray
    notes: tuple[str, ...]


def sector_shares(
    shock: Shock,
    countries: Sequence[str],
    sectors: Sequence[str],
    file: str,
    catalogue: Catalogue | None = None,
) -> SectorShares:
    """Count how much of each sector is under the measures that a shock names.

    Codes count alike, whatever their trade. Services and construction count as not covered, since measures
    on goods say nothing of them (a ban on books would else ban all publishing).

    Parameters
    ----------
    shock : Shock
        With ``target``, ``senders``, ``at`` and ``bound``.
    countries, sectors : sequence of str, lengths N and J
        Axes of the answer.
    file : str
        Name of the scenario, for errors.
    catalogue : Catalogue, optional
        By default the embedded one.

    Returns
    -------
    SectorShares

    Raises
    ------
    DataError, InputError
        If the catalogue knows no ban or licence of a sender on the target.
    """
    if shock.target is None or shock.at is None:
        raise ValueError("shock needs a target and a day")
    law = load_catalogue() if catalogue is None else catalogue
    where = {iso3: place for place, iso3 in enumerate(countries)}
    share = np.zeros((len(countries), len(countries), len(sectors)))
    target, notes = where.get(shock.target), [_counting(shock)]
    for sender in shock.senders:
        try:
            chosen = law.require(shock.target, sender, COUNTED)
        except EntrepotError as error:
            raise type(error)(f"{file}, line {shock.line}: {error.message}", hint=error.hint) from None
        notes.extend(_stale(law, chosen, sender, shock.at))
        members = _members(sender, shock, countries)
        if target is None or not members:
            continue
        places = [where[member] for member in members]
        for direction in ("export", "import"):
            rows = [row for row in chosen if row.direction == direction]
            found = _by_sector(law.carried_forward(), rows, sender, members, sectors, shock)
            cells = (places, [target] * len(places))
            at = cells if direction == "export" else cells[::-1]
            share[at] = np.maximum(share[at], found)
    return SectorShares(share, tuple(notes))


def _members(sender: str, shock: Shock, countries: Sequence[str]) -> list[str]:
    """Return the countries of the table that a sender stands for, without the target."""
    stands_for = party_countries(sender, shock.at or date.max)
    return [
        iso3
        for iso3 in countries
        if iso3 != shock.target
        and (iso3 in stands_for if stands_for is not None else iso3 in shock.exporters)
    ]


def _by_sector(
    law: Catalogue,
    measures: Sequence[Measure],
    sender: str,
    members: Sequence[str],
    sectors: Sequence[str],
    shock: Shock,
) -> FloatArray:
    """Return the share of codes under some measures, shape (K, J)."""
    made = {code: _goods(code) for code in sectors}
    codes = [product for code in sectors for product in made[code]]
    share = np.zeros((len(members), len(sectors)))
    if not codes or not measures or shock.at is None:
        return share
    lower, upper = covered(
        law,
        codes,
        NOMENCLATURE,
        sender=sender,
        members=members,
        measures=measures,
        since=shock.at,
        until=shock.at + timedelta(days=1),
    )
    under = lower if shock.bound == "lower" else upper
    first = 0
    for place, code in enumerate(sectors):
        last = first + len(made[code])
        if last > first:
            share[:, place] = under[:, first:last].mean(axis=1)
        first = last
    return share


def _goods(sector: str) -> tuple[str, ...]:
    """Return the codes that a sector makes; none for services and for labels that are no ICIO sector."""
    if sector not in industries.codes() or industries.group(sector) not in GOODS:
        return ()
    return industries.products_of(sector)


def _counting(shock: Shock) -> str:
    bound = (
        "only codes wholly and surely under one count (lower bound)"
        if shock.bound == "lower"
        else "codes that are so in part or possibly count as well (upper bound)"
    )
    return (
        f"Measures on {shock.target} at line {shock.line} are weighed by the share of a sector's HS6 codes "
        f"under a ban or licence on {shock.at}; {bound}. Codes count alike, whatever their trade; services "
        "count as free."
    )


def _stale(law: Catalogue, measures: Sequence[Measure], sender: str, at: date) -> list[str]:
    """Warn where the day lies outside what the catalogue knows of a sender."""
    as_of = law.as_of(measures)
    if at <= as_of:
        return []
    return [f"Measures of {sender} are known as of {as_of}; they are taken as unchanged until {at}."]
