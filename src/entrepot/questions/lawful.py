"""What may be listed: positions outside every measure in force between two countries on a day.

`partners` and `technoparks` show nothing else, and there is no switch. Doubt always leaves out: a position
is barred as soon as any row of any measure touches any part of it, on any reading of its dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from entrepot.measures.catalogue import EVERYONE, Catalogue, countries
from entrepot.measures.loader import load_catalogue
from entrepot.measures.schema import LEGAL_KINDS, Measure
from entrepot.measures.scope import PARTIAL, match
from entrepot.world import blocs, sectors
from entrepot.world import products as hs
from entrepot.world.countries import known

Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

BINDING = frozenset((*LEGAL_KINDS, "guidance"))
ARMS = "93"
# Goods not specified by kind: nobody can say that they are not arms.
UNSPECIFIED = ("98", "99")

# Blocs of countries with goods measures on a target; the catalogue does not hold all of their law.
SENDERS = {"RUS": "sanctions-rus", "BLR": "sanctions-blr"}

# Pairs closed by decisions that the catalogue holds no text of, from a day on: Ukraine shut its border posts
# with Belarus by decision of its Cabinet of 2022-02-26. Counted from the invasion, so that doubt leaves out.
UNREAD = {frozenset({"BLR", "UKR"}): date(2022, 2, 24)}

# Why a pair is closed.
EMBARGO = "UN Security Council measures"
MEASURES = "goods measures between the two"
BORDER = "a border closed in the war"

# Groups of industries whose trade no goods law describes.
SERVICES = ("services", "construction")

# Headings that hold materials of Annex I to Regulation (EU) 2021/821, by entry, read in the consolidated text
# of 2023-05-26. The list is written by technical parameter, so a heading is named as a whole: the match of
# material and heading is this project's, bars more than the list, and is not complete (1C350 is left out).
DUAL_USE = {
    "2612": "0C001",
    "2844": "0C001, 0C002, 1C235, 1C236, 1C237",
    "2845": "0C003, 1C232, 1C233",
    "8401": "0A001",
    "280450": "1C225",
    # Calcium: 2805.21 up to HS1996, 2805.12 since HS2002.
    "280521": "1C227",
    "280512": "1C227",
    "7504": "0C005, 1C240",
    "8101": "1C117, 1C226",
    "8102": "1C117",
    "8104": "1C228",
    "8106": "1C229",
    "8109": "1C234",
    "8112": "1C230, 1C231, 1C241",
}

_OUT = ("export", "transit", "service")
_IN = ("import", "transit", "service")
_CARRIAGE = ("transit", "service")


class _Law(NamedTuple):
    """The measures possibly in force on a day: M measures, P codes, N known countries and one unknown."""

    measures: tuple[Measure, ...]
    touched: Flags  # (M, P)
    sender: Flags  # (N + 1, M) who keeps it
    target: Flags  # (N + 1, M) who suffers it
    outward: Flags  # (M,) bars what leaves the sender
    inward: Flags  # (M,) bars what enters the sender
    export: Flags  # (M,) keeps goods from the target
    carriage: Flags  # (M,) binds what the target sells to anyone


@dataclass(frozen=True, eq=False)
class Lawful:
    """What is barred on one day, for any pair of countries.

    Attributes
    ----------
    codes : tuple of str, length P
        HS codes asked about.
    at : date
        The day.
    arms : bool array (P,)
        Codes of HS chapter 93, and of 98 and 99 (not specified by kind): barred for everyone.
    dual_use : bool array (P,)
        Codes of the Common High Priority List on any day, and of the headings in ``DUAL_USE``: barred
        wherever one side is a listed target.
    listed : frozenset of str
        Countries that some measure of the catalogue targets, on any day.
    embargoed : frozenset of str
        Targets of the UN Security Council: nothing is listed for them.
    senders : mapping of str to frozenset of str
        By target, the countries with goods measures on it on the day: nothing is listed between them.
    """

    codes: tuple[str, ...]
    at: date
    arms: Flags
    dual_use: Flags
    listed: frozenset[str]
    embargoed: frozenset[str]
    senders: Mapping[str, frozenset[str]]
    _law: _Law

    @property
    def measures(self) -> tuple[Measure, ...]:
        """Measures that are possibly in force on the day."""
        return self._law.measures

    def exports(self, exporter: str, importers: Sequence[str]) -> Flags:
        """Return what an exporter cannot be shown to sell: bool array (importers, P), True = barred.

        Examples
        --------
        >>> from datetime import date
        >>> law = lawful(["260300", "930100"], "HS1992", date(2024, 1, 1))
        >>> law.exports("KAZ", ["CHN", "PRK"]).tolist()
        [[False, True], [True, True]]
        """
        law = self._law
        places, sends, suffers = self._classes
        own = places[self._rows([exporter])[0]]
        own_sends, own_suffers = sends[own], suffers[own]
        bound = (
            (own_sends & suffers & law.outward)
            | (sends & own_suffers & law.inward)
            | (suffers & law.export)
            | (own_suffers & law.carriage)
        )
        return self._always(exporter, importers) | self._touched(bound)[places[self._rows(importers)]]

    def imports(self, importer: str, exporters: Sequence[str]) -> Flags:
        """Return what an importer cannot be shown to buy: bool array (exporters, P), True = barred.

        Examples
        --------
        >>> from datetime import date
        >>> law = lawful(["270900"], "HS1992", date(2024, 1, 1))
        >>> law.imports("DEU", ["RUS", "KAZ"]).tolist()
        [[True], [False]]
        """
        law = self._law
        places, sends, suffers = self._classes
        own = places[self._rows([importer])[0]]
        own_sends, own_suffers = sends[own], suffers[own]
        bound = (
            (sends & own_suffers & law.outward)
            | (own_sends & suffers & law.inward)
            | (own_suffers & law.export)
            | (suffers & law.carriage)
        )
        return self._always(importer, exporters) | self._touched(bound)[places[self._rows(exporters)]]

    def closed(self, country: str, partners: Sequence[str]) -> Flags:
        """Return the partners (N,) with which nothing is listed at all.

        A country under the Security Council's measures is closed to everyone. A country with goods measures
        on another is closed to it: the catalogue does not hold all of that law, and what it leaves out would
        be a list of uncovered codes. So are the pairs of ``UNREAD``.
        """
        return np.array([self.why_closed(country, partner) != "" for partner in partners], bool)

    def why_closed(self, country: str, partner: str) -> str:
        """Return why nothing is listed between two countries, in words; empty where something may be.

        Examples
        --------
        >>> from datetime import date
        >>> law = lawful(["260300"], "HS1992", date(2024, 1, 1))
        >>> law.why_closed("BLR", "DEU"), law.why_closed("BLR", "UKR"), law.why_closed("BLR", "KAZ")
        ('goods measures between the two', 'a border closed in the war', '')
        """
        if {country, partner} & self.embargoed:
            return EMBARGO
        senders = self.senders
        if partner in senders.get(country, ()) or country in senders.get(partner, ()):
            return MEASURES
        since = UNREAD.get(frozenset({country, partner}))
        return BORDER if since is not None and since <= self.at else ""

    def made(self, country: str) -> Flags:
        """Return the codes (P,) that a country cannot be shown to make, whoever buys them."""
        if country in self.embargoed:
            return np.ones(len(self.codes), bool)
        return self.arms | self.dual_use if country in self.listed else self.arms

    def _always(self, country: str, partners: Sequence[str]) -> Flags:
        """Return what no date and no direction can open: bool array (partners, P)."""
        either = np.array([country in self.listed or partner in self.listed for partner in partners], bool)
        closed = self.closed(country, partners)
        return closed[:, None] | self.arms | (either[:, None] & self.dual_use)

    @cached_property
    def _classes(self) -> tuple[Places, Flags, Flags]:
        """Return the class of each country (N + 1,), and what a class keeps (C, M) and suffers (C, M).

        Few countries keep or suffer anything, and those fall into blocs: some ten classes stand for all.
        """
        both = np.concatenate([self._law.sender, self._law.target], axis=1)
        kinds, place = np.unique(both, axis=0, return_inverse=True)
        size = len(self._law.measures)
        return place.reshape(-1), kinds[:, :size], kinds[:, size:]

    def _rows(self, group: Sequence[str]) -> Places:
        order = _places()
        return np.array([order.get(country, len(order)) for country in group], np.intp)

    def _touched(self, bound: Flags) -> Flags:
        """Return the codes (C, P) under any of the measures that bind (C, M)."""
        found: Flags = (bound.astype(np.float32) @ self._law.touched.astype(np.float32)) > 0
        return found


def lawful(codes: Sequence[str], nomenclature: str, at: date, *, own: str | Path | None = None) -> Lawful:
    """Read the law on some codes on a day, so that any pair of countries can be asked about.

    Parameters
    ----------
    codes : sequence of str, length P
        HS codes of one nomenclature, as text.
    nomenclature : str
        ``HS1992`` ... ``HS2022``.
    at : date
        The day. Measures without an end are carried forward to it; a start that nobody wrote down counts
        from the first day it may lie on. Exclusions, exemptions, thresholds and wind-downs open nothing.
    own : path, optional
        Folder of further instruments. They add to the embedded ones and never replace them.

    Returns
    -------
    Lawful

    Raises
    ------
    ValueError
        If the nomenclature is unknown.
    DataError
        If a file of ``own`` cannot be read.
    """
    if own is None:
        return _embedded(tuple(codes), nomenclature, at)
    return _lawful(tuple(codes), nomenclature, at, own)


@lru_cache(maxsize=32)
def _embedded(codes: tuple[str, ...], nomenclature: str, at: date) -> Lawful:
    return _lawful(codes, nomenclature, at, None)


def _lawful(codes: tuple[str, ...], nomenclature: str, at: date, own: str | Path | None) -> Lawful:
    catalogues = [strict(load_catalogue())]
    if own is not None:
        catalogues.append(strict(load_catalogue(own, embedded=False)))
    parts = [_law(catalogue, codes, nomenclature, at) for catalogue in catalogues]
    arms = np.array([code.startswith((ARMS, *UNSPECIFIED)) for code in codes], bool)
    listed = [
        countries(party.iso3, at)
        for catalogue in catalogues
        for party in catalogue.parties
        if party.role == "target"
    ]
    embargo = [
        party.iso3
        for catalogue in catalogues
        for row in catalogue.measures
        if any(sender.iso3 == EVERYONE for sender in catalogue.parties_of(row.measure_id, "sender"))
        for party in catalogue.parties_of(row.measure_id, "target")
    ]
    return Lawful(
        codes,
        at,
        arms,
        _dual_use(catalogues, codes, nomenclature),
        frozenset[str]().union(*(group for group in listed if group is not None)),
        frozenset(embargo),
        {target: blocs.members(bloc, at) for target, bloc in SENDERS.items()},
        _joined(parts),
    )


@lru_cache(maxsize=16)
def strict(catalogue: Catalogue) -> Catalogue:
    """Return the catalogue read in the strictest way: what binds, without anything that opens.

    Only possible dates are read from it, and those do not end on the day the catalogue was read.
    """
    kept = tuple(row for row in catalogue.measures if row.kind in BINDING)
    ids = {row.measure_id for row in kept}
    return replace(
        catalogue,
        measures=kept,
        parties=tuple(row for row in catalogue.parties if row.measure_id in ids and row.role != "exempt"),
        scope=tuple(row for row in catalogue.scope if row.measure_id in ids and row.op == "include"),
        exceptions=(),
    )


def dates(own: str | Path | None = None) -> tuple[date, ...]:
    """Return every day on which the law changes, sorted: what a test has to try."""
    found = set[int]()
    catalogues = (
        [load_catalogue()] if own is None else [load_catalogue(), load_catalogue(own, embedded=False)]
    )
    for catalogue in map(strict, catalogues):
        for window in catalogue.windows:
            found.update((window.known_from, window.possible_from, window.possible_to))
        for party in catalogue.parties:
            found.update(day.toordinal() for day in (party.valid_from, party.valid_to) if day)
    for bloc in SENDERS.values():
        found.update(row.since.toordinal() for row in blocs.memberships(bloc))
    found.update(day.toordinal() for day in UNREAD.values())
    return tuple(date.fromordinal(day) for day in sorted(found) if day < date.max.toordinal())


def _law(catalogue: Catalogue, codes: tuple[str, ...], nomenclature: str, at: date) -> _Law:
    """Match the codes with every measure of a strict catalogue that is possibly in force."""
    status = match(catalogue, codes, nomenclature, at=at)
    touched = (status.possible >= PARTIAL).T
    live = np.flatnonzero(touched.any(axis=1))
    rows = tuple(catalogue.measures[i] for i in live)

    def in_direction(words: Sequence[str]) -> Flags:
        return np.array([row.direction in words for row in rows], bool)

    return _Law(
        rows,
        touched[live],
        _within([_parties(catalogue, row, "sender", at) for row in rows]),
        _within([_parties(catalogue, row, "target", at) for row in rows]),
        in_direction(_OUT),
        in_direction(_IN),
        in_direction(("export",)),
        in_direction(_CARRIAGE),
    )


def _joined(parts: Sequence[_Law]) -> _Law:
    """Put the law of several catalogues one below the other."""
    if len(parts) == 1:
        return parts[0]
    return _Law(
        tuple(row for part in parts for row in part.measures),
        np.concatenate([part.touched for part in parts]),
        np.concatenate([part.sender for part in parts], axis=1),
        np.concatenate([part.target for part in parts], axis=1),
        np.concatenate([part.outward for part in parts]),
        np.concatenate([part.inward for part in parts]),
        np.concatenate([part.export for part in parts]),
        np.concatenate([part.carriage for part in parts]),
    )


def _parties(catalogue: Catalogue, row: Measure, role: str, at: date) -> frozenset[str] | None:
    """Return the countries in a role on a day; None means every country."""
    found = frozenset[str]()
    for party in catalogue.parties_of(row.measure_id, role):
        begun = party.valid_from is None or party.valid_from <= at
        if begun and (party.valid_to is None or at < party.valid_to):
            group = countries(party.iso3, at)
            if group is None:
                return None
            found |= group
    return found


@lru_cache(maxsize=1)
def _places() -> dict[str, int]:
    return {country: i for i, country in enumerate(sorted(known()))}


def _within(parties: Sequence[frozenset[str] | None]) -> Flags:
    """Return which countries (N + 1, M) belong to the parties of each measure; the last row is unknown."""
    order = _places()
    member = np.zeros((len(order) + 1, len(parties)), bool)
    for place, party in enumerate(parties):
        if party is None:
            member[:, place] = True
        else:
            member[[order[country] for country in party if country in order], place] = True
    return member


def _dual_use(catalogues: Sequence[Catalogue], codes: tuple[str, ...], nomenclature: str) -> Flags:
    """Return the codes (P,) of every guidance list on its last day, and of the headings in DUAL_USE."""
    mask = np.array([code.startswith(tuple(DUAL_USE)) for code in codes], bool)
    for catalogue in catalogues:
        lists = [row for row in catalogue.measures if row.kind == "guidance"]
        if lists:
            last = max(catalogue.instrument[row.instrument_id].adopted for row in lists)
            later = max([last, *(row.valid_from for row in lists if row.valid_from)])
            found = match(catalogue, codes, nomenclature, at=later, measures=lists)
            mask |= (found.possible >= PARTIAL).any(axis=1)
    return mask


def open_sectors(
    country: str,
    partners: Sequence[str],
    at: date,
    *,
    sells: bool = True,
    own: str | Path | None = None,
) -> Flags:
    """Return the sectors that may be listed, in the order of ``sectors.codes()``: bool array (partners, S).

    A sector is wider than any code. It is left out if any HS code of it is barred for the pair: so metal
    products (which hold arms) always are, and services are wherever one side is a listed target, because the
    catalogue holds no law on services.

    Parameters
    ----------
    country : str
    partners : sequence of str, length N
    at : date
    sells : bool
        Whether the country is the exporter.
    own : path, optional
        As in `lawful`.
    """
    law = lawful(hs.codes("HS1992"), "HS1992", at, own=own)
    barred = law.exports(country, partners) if sells else law.imports(country, partners)
    return _open_sectors(law, barred, country, partners)


def _open_sectors(law: Lawful, barred: Flags, country: str, partners: Sequence[str]) -> Flags:
    size = len(sectors.codes())
    place = _sector_places(law.codes)
    placed = place >= 0
    bad = np.zeros((size, len(partners)), bool)
    np.logical_or.at(bad, place[placed], barred.T[placed])
    goods = np.isin(np.arange(size), place) & ~np.isin([sectors.group(c) for c in sectors.codes()], SERVICES)
    unwritten = np.array([country in law.listed or partner in law.listed for partner in partners], bool)
    closed = law.closed(country, partners)
    shut: Flags = bad.T | (unwritten[:, None] & ~goods) | closed[:, None]
    return np.logical_not(shut)


@lru_cache(maxsize=4)
def _sector_places(codes: tuple[str, ...]) -> npt.NDArray[np.intp]:
    """Return the position of each code's sector; -1 for goods not specified by kind."""
    order = {code: i for i, code in enumerate(sectors.codes())}
    return np.array(
        [-1 if code.startswith(UNSPECIFIED) else order[sectors.of_product(code)] for code in codes], np.intp
    )
