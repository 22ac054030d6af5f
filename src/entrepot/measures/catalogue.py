"""The catalogue: instruments with their measures, and who is bound when."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import NamedTuple

from entrepot.errors import DataError, InputError
from entrepot.measures.schema import (
    LEGAL_KINDS,
    Evidence,
    ExceptionRow,
    Instrument,
    Measure,
    Party,
    ScopeRow,
)
from entrepot.result import Source

NEVER = date.max.toordinal()
EVERYONE = "UN"


class Window(NamedTuple):
    """Two half-open intervals of day numbers: known in force, and possibly in force (which contains it)."""

    known_from: int
    known_to: int
    possible_from: int
    possible_to: int

    def is_known(self, at: date) -> bool:
        """Tell whether the row is known to be in force on a day."""
        return self.known_from <= at.toordinal() < self.known_to

    def is_possible(self, at: date) -> bool:
        """Tell whether the row is known or possibly in force on a day."""
        return self.possible_from <= at.toordinal() < self.possible_to


class InForce(NamedTuple):
    """How many printed rows and distinct codes are in force on a day."""

    rows: int
    codes: int
    possible_rows: int
    possible_codes: int
    measures: int


@dataclass(frozen=True, eq=False)
class Catalogue:
    """Measures as data.

    Attributes
    ----------
    instruments : tuple of Instrument
    measures : tuple of Measure
    parties : tuple of Party
    scope : tuple of ScopeRow
    exceptions : tuple of ExceptionRow
    evidence : tuple of Evidence
        Rows of the six tables, each in file order.
    """

    instruments: tuple[Instrument, ...]
    measures: tuple[Measure, ...]
    parties: tuple[Party, ...]
    scope: tuple[ScopeRow, ...]
    exceptions: tuple[ExceptionRow, ...]
    evidence: tuple[Evidence, ...]

    @cached_property
    def instrument(self) -> Mapping[str, Instrument]:
        """Instruments by id."""
        return {row.instrument_id: row for row in self.instruments}

    @cached_property
    def measure(self) -> Mapping[str, Measure]:
        """Measures by id."""
        return {row.measure_id: row for row in self.measures}

    @cached_property
    def _roles(self) -> Mapping[tuple[str, str], tuple[Party, ...]]:
        found: dict[tuple[str, str], list[Party]] = {}
        for party in self.parties:
            found.setdefault((party.measure_id, party.role), []).append(party)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def scope_of(self) -> Mapping[str, tuple[int, ...]]:
        """Positions in ``scope`` by measure id."""
        found: dict[str, list[int]] = {}
        for position, row in enumerate(self.scope):
            found.setdefault(row.measure_id, []).append(position)
        return {key: tuple(rows) for key, rows in found.items()}

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """Per scope row, when it is known and when it is possibly in force, its measure included."""
        outer = {row.measure_id: self._measure_window(row) for row in self.measures}
        as_of = {row.measure_id: self.instrument[row.instrument_id].as_of for row in self.measures}
        return tuple(
            _inner(row, outer[row.measure_id], as_of[row.measure_id].toordinal()) for row in self.scope
        )

    def _measure_window(self, row: Measure) -> Window:
        instrument = self.instrument[row.instrument_id]
        # A start that nobody wrote down cannot lie before the text that holds the measure.
        whole = Window(NEVER, NEVER, instrument.adopted.toordinal(), NEVER)
        return _window(row, whole, instrument.as_of.toordinal())

    def parties_of(self, measure_id: str, role: str) -> tuple[Party, ...]:
        """Return the parties of a measure in one role."""
        return self._roles.get((measure_id, role), ())

    def targets(self) -> tuple[str, ...]:
        """Return the countries and blocs that some measure targets, sorted."""
        return tuple(sorted({row.iso3 for row in self.parties if row.role == "target"}))

    def select(
        self, target: str, sender: str | None = None, kinds: Collection[str] | None = None
    ) -> tuple[Measure, ...]:
        """Return the measures on a target, of one sender or of all, of some kinds or of all."""
        return tuple(
            row
            for row in self.measures
            if (kinds is None or row.kind in kinds)
            and self._has(row.measure_id, "target", target)
            and (sender is None or self._has(row.measure_id, "sender", sender))
        )

    def _has(self, measure_id: str, role: str, party: str) -> bool:
        return any(row.iso3 == party for row in self.parties_of(measure_id, role))

    def senders(self, target: str, kinds: Collection[str] | None = None) -> tuple[str, ...]:
        """Return who keeps measures on a target, sorted."""
        chosen = self.select(target, kinds=kinds)
        return tuple(sorted({p.iso3 for row in chosen for p in self.parties_of(row.measure_id, "sender")}))

    def as_of(self, measures: Iterable[Measure]) -> date:
        """Return the latest day for which any of the measures' instruments is known."""
        return max(self.instrument[row.instrument_id].as_of for row in measures)

    def first_date(self, measures: Iterable[Measure]) -> date:
        """Return the first day on which one of the measures is possibly in force."""
        positions = [p for row in measures for p in self.scope_of.get(row.measure_id, ())]
        return date.fromordinal(min((self.windows[p].possible_from for p in positions), default=NEVER))

    def in_force(
        self,
        at: date,
        *,
        target: str,
        sender: str | None = None,
        direction: str | None = None,
        kinds: Collection[str] = LEGAL_KINDS,
    ) -> InForce:
        """Count the printed rows and distinct codes in force on a day.

        Parameters
        ----------
        at : date
            The day.
        target, sender : str
            Parties; no sender means all.
        direction : str, optional
            ``export``, ``import``, ``service`` or ``transit``; none means all.
        kinds : collection of str
            By default every kind that binds: bans, licences, quotas and price caps.

        Returns
        -------
        InForce
            Known rows and codes, rows and codes that are possibly in force, and measures with a known row.

        Examples
        --------
        >>> from datetime import date
        >>> from entrepot.measures import load_catalogue
        >>> load_catalogue().in_force(date(2021, 12, 31), target="RUS", sender="CAN").rows
        26
        """
        chosen = self.select(target, sender, kinds)
        positions = [
            p
            for row in chosen
            if direction in (None, row.direction)
            for p in self.scope_of.get(row.measure_id, ())
        ]
        known = [p for p in positions if self.windows[p].is_known(at)]
        possible = [p for p in positions if self.windows[p].is_possible(at)]
        return InForce(
            len(known),
            len({self.scope[p].prefix for p in known}),
            len(possible),
            len({self.scope[p].prefix for p in possible}),
            len({self.scope[p].measure_id for p in known}),
        )

    def as_recorded(self, day: date | None) -> Catalogue:
        """Return what the catalogue held on a day; without a day, what it holds now."""

        def held(row: Measure | ScopeRow) -> bool:
            if day is None:
                return row.withdrawn_at is None
            return row.recorded_at <= day and (row.withdrawn_at is None or day < row.withdrawn_at)

        measures = tuple(row for row in self.measures if held(row))
        ids = {row.measure_id for row in measures}
        return replace(
            self,
            measures=measures,
            parties=tuple(row for row in self.parties if row.measure_id in ids),
            scope=tuple(row for row in self.scope if row.measure_id in ids and held(row)),
            exceptions=tuple(row for row in self.exceptions if row.measure_id in ids),
            evidence=tuple(row for row in self.evidence if row.measure_id in ids),
        )

    def carried_forward(self) -> Catalogue:
        """Return the catalogue with every instrument taken as unchanged since its as-of date."""
        return replace(self, instruments=tuple(row._replace(as_of=date.max) for row in self.instruments))

    def sources(self, measures: Iterable[Measure]) -> tuple[Source, ...]:
        """Return the instruments behind some measures as sources."""
        read = {row.measure_id: row for row in self.evidence}
        found = {row.instrument_id: read.get(row.measure_id) for row in measures}
        return tuple(
            Source(
                id=row.instrument_id,
                producer=row.producer,
                title=row.title,
                version=f"{row.reference}, catalogue as of {row.as_of.isoformat()}",
                licence=row.licence,
                url=row.url,
                accessed=seen.retrieved if (seen := found[row.instrument_id]) else row.as_of,
                sha256=seen.sha256 if seen else "",
                year=row.adopted.year,
            )
            for row in self.instruments
            if row.instrument_id in found
        )

    def require(self, target: str, sender: str | None, kinds: Collection[str]) -> tuple[Measure, ...]:
        """Return the measures on a target, or raise an error that says what the catalogue knows.

        Raises
        ------
        DataError
            If nothing in the catalogue targets ``target``.
        InputError
            If ``sender`` keeps no measure on it.
        """
        if not self.select(target):
            raise DataError.empty_selection(
                f"measures on {target}", hint=f"the catalogue knows measures on {', '.join(self.targets())}"
            )
        found = self.select(target, sender, kinds)
        if not found and sender is not None and not self.select(target, sender):
            raise InputError(
                f"the catalogue holds no measure of {sender} on {target}; it does not say that there is none",
                hint=f"senders that it holds for {target}: {', '.join(self.senders(target))}",
            )
        if not found:
            by = f" of {sender}" if sender else ""
            raise DataError.empty_selection(
                f"measures of kind {', '.join(kinds)}{by} on {target} in the catalogue",
                hint="that does not say that there are none; kinds it holds: "
                f"{', '.join(sorted({row.kind for row in self.select(target, sender)}))}",
            )
        return found


def countries(party: str, at: date) -> frozenset[str] | None:
    """Return the countries that a party stands for on a day; None means every country."""
    if party == EVERYONE:
        return None
    from entrepot.world import blocs
    from entrepot.world.countries import known

    return frozenset({party}) if party in known() else blocs.members(blocs.resolve_bloc(party), at)


def _window(row: Measure | ScopeRow, outer: Window, as_of: int) -> Window:
    """Turn the dates of one row into its two intervals, before they meet those of its measure."""
    end = row.valid_to.toordinal() if row.valid_to else NEVER
    known = row.valid_from or row.observed_on
    known_from = known.toordinal() if known else outer.known_from
    possible_from = known_from if row.date_precision == "exact" else outer.possible_from
    if row.valid_from_earliest:
        possible_from = row.valid_from_earliest.toordinal()
    return Window(known_from, min(end, as_of + 1), possible_from, end)


def _inner(row: ScopeRow, outer: Window, as_of: int) -> Window:
    """Cut the intervals of a scope row to those of its measure."""
    own = _window(row, outer, as_of)
    return Window(
        max(own.known_from, outer.known_from),
        min(own.known_to, outer.known_to),
        max(own.possible_from, outer.possible_from),
        min(own.possible_to, outer.possible_to),
    )
