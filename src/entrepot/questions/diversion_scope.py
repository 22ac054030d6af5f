"""Which products the measures of some senders cover, since when, and whether wholly or in part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from entrepot.errors import DataError, InputError
from entrepot.measures.catalogue import Catalogue, countries
from entrepot.measures.schema import Measure
from entrepot.measures.scope import FULL, match
from entrepot.questions.coverage import resolve_sender
from entrepot.questions.coverage_tables import party_name

Form = Literal["export-ban", "import-ban"]
Bound = Literal["upper", "lower"]
KINDS = ("ban", "licence")
CELEX = re.compile(r"3(\d{4})R(\d{4})")
DIRECTION = {"export-ban": "export", "import-ban": "import"}


@dataclass(frozen=True, slots=True)
class Coverage:
    """The law on one product.

    Attributes
    ----------
    since : date or None
        Earliest printed day of a measure on it; None where no day is printed.
    full : bool
        Whether some measure covers the whole code; otherwise part of it.
    measures : tuple of (text, date or None)
        Each measure with its day, earliest first.
    """

    since: date | None
    full: bool
    measures: tuple[tuple[str, date | None], ...]

    @property
    def text(self) -> str:
        """The measures in words."""
        return "; ".join(
            f"{name}, {f'from {day}' if day else 'date not known'}" for name, day in self.measures
        )


@dataclass(frozen=True, slots=True)
class Law:
    """The measures that the question is about.

    Attributes
    ----------
    catalogue : Catalogue
    held : Catalogue
        The same carried forward: law without a printed end stands.
    target : str
    form : {"export-ban", "import-ban"}
    senders : tuple of str
        Parties of the catalogue.
    measures : tuple of Measure
    as_of : date
        Day for which the catalogue knows them.
    """

    catalogue: Catalogue
    held: Catalogue
    target: str
    form: Form
    senders: tuple[str, ...]
    measures: tuple[Measure, ...]
    as_of: date

    def members(self, at: date) -> frozenset[str]:
        """Countries that the senders stand for on a day.

        Raises
        ------
        DataError
            If a sender stands for every country, so that no third country is left.
        """
        found: frozenset[str] = frozenset()
        for sender in self.senders:
            stands_for = countries(sender, at)
            if stands_for is None:
                raise DataError.empty_selection(
                    f"third countries beside {party_name(sender)}",
                    hint="a measure that binds every country leaves none; name another --sender",
                )
            found |= stands_for
        return found - {self.target}

    def first_day(self) -> date:
        """Earliest printed day of any of the measures.

        Raises
        ------
        DataError
            If no day is printed.
        """
        days = [row.valid_from for row in self.measures if row.valid_from]
        if not days:
            raise DataError.empty_selection(
                "the day of these measures", hint="no day is printed, so there is no before and after"
            )
        return min(days)

    def targets(self, at: date) -> frozenset[str]:
        """Other countries that are targets of the same senders: neither ordinary hubs nor controls."""
        names = {
            party.iso3
            for row in self.catalogue.measures
            if row.kind in KINDS
            and any(p.iso3 in self.senders for p in self.catalogue.parties_of(row.measure_id, "sender"))
            for party in self.catalogue.parties_of(row.measure_id, "target")
        }
        found: frozenset[str] = frozenset()
        for name in names:
            found |= countries(name, at) or frozenset()
        return found - {self.target}


def read_law(catalogue: Catalogue, target: str, sender: str | Sequence[str] | None, form: Form) -> Law:
    """Find the measures of a form that some senders keep on a target.

    Raises
    ------
    InputError
        Unknown sender.
    DataError
        If the catalogue holds no such measure.
    """
    catalogue.require(target, None, KINDS)
    known = tuple(
        name
        for name in catalogue.senders(target, KINDS)
        if any(row.direction == DIRECTION[form] for row in catalogue.select(target, name, KINDS))
    )
    asked = () if sender is None else (sender,) if isinstance(sender, str) else tuple(sender)
    if not asked or "all" in asked:
        senders = known
    else:
        senders = tuple(dict.fromkeys(resolve_sender(catalogue, target, name) for name in asked))
        for name in senders:
            catalogue.require(target, name, KINDS)
    measures = tuple(
        dict.fromkeys(
            row
            for name in senders
            for row in catalogue.select(target, name, KINDS)
            if row.direction == DIRECTION[form]
        )
    )
    if not measures:
        raise DataError.empty_selection(
            f"{DIRECTION[form]} bans on {target} in the catalogue",
            hint=f"it holds them for the senders {', '.join(known) or '(none)'}; others may exist",
        )
    return Law(
        catalogue, catalogue.carried_forward(), target, form, senders, measures, catalogue.as_of(measures)
    )


def covered(law: Law, codes: Sequence[str], nomenclature: str, at: date, bound: Bound) -> dict[str, Coverage]:
    """Return the codes under a measure possibly in force by a day, with the measures' days.

    Parameters
    ----------
    law : Law
    codes : sequence of str
    nomenclature : str
    at : date
        Last day of the trade that is looked at.
    bound : {"upper", "lower"}
        ``upper`` takes codes covered wholly or in part, ``lower`` only wholly.
    """
    if not codes:
        return {}
    days = sorted({row.valid_from for row in law.measures if row.valid_from and row.valid_from <= at})
    first: dict[tuple[int, int], date] = {}
    for day in days:
        seen = match(law.held, codes, nomenclature, at=day, measures=law.measures)
        for place, column in zip(*(seen.possible > 0).nonzero(), strict=True):
            start = law.measures[int(column)].valid_from
            if start is not None and start <= day:
                first.setdefault((int(place), int(column)), day)
    last = match(law.held, codes, nomenclature, at=at, measures=law.measures)
    found = {}
    for place, code in enumerate(codes):
        columns = [int(i) for i in (last.possible[place] > 0).nonzero()[0]]
        full = bool((last.possible[place] == FULL).any())
        if columns and (full or bound == "upper"):
            found[code] = _coverage(law, [(i, first.get((place, i))) for i in columns], full)
    return found


def _coverage(law: Law, rows: Sequence[tuple[int, date | None]], full: bool) -> Coverage:
    ordered = sorted(rows, key=lambda row: (row[1] or date.max, row[0]))
    named = dict.fromkeys((measure_name(law, law.measures[i]), day) for i, day in ordered)
    days = [day for _, day in ordered if day]
    return Coverage(min(days, default=None), full, tuple(named))


def measure_name(law: Law, row: Measure) -> str:
    """Name a measure by its text and annex."""
    reference = law.catalogue.instrument[row.instrument_id].reference
    celex = CELEX.fullmatch(reference)
    text = f"Regulation {int(celex[2])}/{celex[1]}" if celex else reference
    annex = row.annex if not celex or not row.annex else f"Annex {row.annex}"
    return " ".join(part for part in (text, annex or row.provision, row.part) if part)


def check_form(form: str, bound: str) -> None:
    """Refuse a form or a bound that does not exist."""
    if form not in DIRECTION:
        raise InputError.bad_option("form", form, tuple(DIRECTION))
    if bound not in ("upper", "lower"):
        raise InputError.bad_option("bound", bound, ("upper", "lower"))
