"""Typed reading of the keys of a scenario: every fault names the file and the line."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from entrepot.errors import InputError, did_you_mean
from entrepot.questions.scenario_text import Step, Text
from entrepot.world import blocs, countries, sectors

EVERYONE = "UN"
LARGE = 10**12


@dataclass(frozen=True, slots=True)
class Fields:
    """One table of a scenario file.

    Attributes
    ----------
    text : Text
    path : tuple
        Where the table stands: ``("theta",)`` or ``("shock", 2)``.
    data : mapping
    """

    text: Text
    path: tuple[Step, ...]
    data: Mapping[str, Any]

    def fault(self, key: str | None, reason: str, hint: str | None = None) -> InputError:
        """Build the error for a fault at one key, or at the table."""
        return self.text.fault(self.path if key is None else (*self.path, key), reason, hint)

    def only(self, known: Collection[str], what: str) -> None:
        """Refuse keys that the table cannot have."""
        for key in self.data:
            if key not in known:
                hint = did_you_mean(key, known) or f"it can have: {', '.join(known)}"
                raise self.fault(key, f"{what} has no key '{key}'", hint)

    def require(self, key: str, hint: str) -> None:
        """Refuse a table without a key."""
        if key not in self.data:
            raise self.fault(None, f"'{key}' is missing", hint)

    def words(self, key: str, default: str = "", *, needed: bool = False) -> str:
        """Return a text; ``needed`` refuses an absent or empty one."""
        if needed:
            self.require(key, f'write {key} = "..."')
        value = self.data.get(key, default)
        if not isinstance(value, str):
            raise self.fault(key, f"{key} must be text, not {_kind(value)}", f'write {key} = "..."')
        if needed and not value.strip():
            raise self.fault(key, f"{key} is empty", None)
        return " ".join(value.split())

    def choice(self, key: str, allowed: tuple[str, ...], default: str) -> str:
        """Return one word out of several."""
        value = self.words(key, default)
        if value not in allowed:
            hint = did_you_mean(value, allowed) or f"use one of: {', '.join(allowed)}"
            raise self.fault(key, f"{key} cannot be '{value}'", hint)
        return value

    def flag(self, key: str) -> bool:
        """Return true or false; false where the key is absent."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.fault(key, f"{key} must be true or false, not {_kind(value)}", None)
        return value

    def number(
        self,
        key: str,
        *,
        above: float = -math.inf,
        least: float = -math.inf,
        below: float = math.inf,
        unit: str = "",
    ) -> float | None:
        """Return a finite number within limits (``above`` and ``below`` excluded), or None."""
        if key not in self.data:
            return None
        return self._checked(key, self.data[key], above, least, below, unit)

    def numbers(self, key: str, default: tuple[float, ...], *, above: float) -> tuple[float, ...]:
        """Return a list of distinct numbers above a limit, in the order of the file."""
        value = self.data.get(key, list(default))
        if not isinstance(value, list) or not value:
            raise self.fault(
                key, f"{key} must be a list of numbers, not {_kind(value)}", f"write {key} = [3, 5]"
            )
        found = tuple(self._checked(key, item, above, -math.inf, math.inf, "") for item in value)
        if len(set(found)) != len(found):
            raise self.fault(key, f"{key} holds a number twice", None)
        return found

    def _checked(self, key: str, value: object, above: float, least: float, below: float, unit: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(key, f"{key} must be a number, not {_kind(value)}", unit or None)
        if isinstance(value, int) and abs(value) > LARGE:
            raise self.fault(key, f"{key} is too large", unit or None)
        if not (math.isfinite(value) and above < value < below and value >= least):
            low = (
                f"above {above:g}"
                if above > -math.inf
                else f"at least {least:g}"
                if least > -math.inf
                else ""
            )
            high = f"below {below:g}" if below < math.inf else ""
            needed = " and ".join(part for part in (low, high) if part) or "a finite number"
            raise self.fault(key, f"{key} is {value:g}; it must be {needed}", unit or None)
        return float(value)

    def whole(self, key: str) -> int:
        """Return a year."""
        self.require(key, f"write {key} = 2022")
        value = self.data[key]
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fault(key, f"{key} must be a whole number, not {_kind(value)}", f"write {key} = 2022")
        if not 1900 <= value <= 2100:
            raise self.fault(key, f"{key} {value} is no year", f"write {key} = 2022")
        return value

    def day(self, key: str) -> date | None:
        """Return a calendar date, written as a TOML date or as text, or None."""
        value = self.data.get(key)
        if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            hint = "write it as YYYY-MM-DD, for example 2022-12-31"
            raise self.fault(key, f"'{value}' is not a date", hint) from None

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of words; one word alone is a list of one. Absent = empty."""
        value = self.data.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
            hint = f'write {key} = ["BLR", "eaeu"]' if key != "sectors" else 'write sectors = ["B06", "C19"]'
            raise self.fault(key, f"{key} must be a list of words, not {_kind(value)}", hint)
        if key in self.data and not listed:
            raise self.fault(key, f"{key} is an empty list", None)
        return tuple(listed)

    def countries(self, key: str, at: date) -> tuple[str, ...]:
        """Return ISO3 codes, sorted, of countries and blocs on a day; ``*`` = all, ``-X`` = less X."""
        self.require(key, f'write {key} = ["BLR"], a country or a bloc')
        words = self.strings(key)
        plus = [self._stands_for(key, word, at) for word in words if not word.startswith("-")]
        less = [self._stands_for(key, word[1:], at) for word in words if word.startswith("-")]
        found = frozenset[str]().union(*plus).difference(*less)
        if not found:
            raise self.fault(
                key, f"{key} names no country on {at}", "blocs are taken with their members on that day"
            )
        return tuple(sorted(found))

    def country(self, key: str) -> str:
        """Return one ISO3 code."""
        self.require(key, f'write {key} = "RUS"')
        word = self.words(key, needed=True)
        try:
            return countries.resolve(word)
        except InputError as error:
            raise self.fault(key, error.message, error.hint) from None

    def _stands_for(self, key: str, word: str, at: date) -> frozenset[str]:
        if word.strip() == "*":
            return countries.known()
        if is_bloc(word):
            return blocs.members(word.strip(), at)
        try:
            return frozenset({countries.resolve(word)})
        except InputError as error:
            near = did_you_mean(word, [*blocs.blocs(), *(bloc.title for bloc in blocs.blocs().values())])
            raise self.fault(
                key, error.message.replace("country", "country or bloc"), error.hint or near
            ) from None

    def parties(self, key: str) -> tuple[str, ...]:
        """Return senders of measures as the catalogue names them: ``EU``, ``CAN``, ``UN``."""
        self.require(key, f'write {key} = ["EU", "CAN"], who keeps the measures')
        found = []
        for word in self.strings(key):
            if word.upper() == EVERYONE:
                found.append(EVERYONE)
            elif is_bloc(word):
                found.append(blocs.resolve_bloc(word).upper())
            else:
                found.extend(self._stands_for(key, word, date.max))
        return tuple(dict.fromkeys(found))

    def sectors(self, key: str = "sectors") -> tuple[str, ...]:
        """Return ICIO codes, in their order, of codes, short names and broad groups; absent = empty."""
        codes: set[str] = set()
        for word in self.strings(key):
            codes.update(self.sector(key, word))
        return tuple(code for code in sectors.codes() if code in codes)

    def sector(self, key: str, word: str) -> tuple[str, ...]:
        """Return the ICIO codes that a word names."""
        known = sectors.sectors()
        fold = word.strip().casefold()
        found = tuple(c for c, s in known.items() if fold in (c.casefold(), s.name.casefold(), s.group))
        if not found:
            names = [*known, *(row.name for row in known.values()), *sectors.groups()]
            hint = did_you_mean(word, names) or "the codes are those of OECD ICIO, e.g. C19, or manufacturing"
            raise self.fault(key, f"there is no sector '{word}'", hint)
        return found


def is_bloc(word: str) -> bool:
    """Tell whether a word is the id or the title of a bloc."""
    fold = word.strip().casefold()
    return any(fold in (bloc.id, bloc.title.casefold()) for bloc in blocs.blocs().values())


def _kind(value: object) -> str:
    """Say in plain words what a TOML value is."""
    names: dict[type, str] = {
        bool: "true or false",
        str: "text",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "a table",
    }
    if isinstance(value, list) and not value:
        return "an empty list"
    if isinstance(value, list):
        return f"a list with {_kind(next((i for i in value if not isinstance(i, str)), value[0]))}"
    return names.get(type(value), f"'{value}'")
