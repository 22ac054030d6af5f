"""The six tables of an instrument: their columns, how each cell is read, and the row types."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from entrepot.measures.nomenclature import base_revision

DIRECTIONS = ("export", "import", "transit", "service")
LEGAL_KINDS = ("ban", "licence", "quota", "price_cap")
KINDS = (*LEGAL_KINDS, "guidance", "reference")
ROLES = ("sender", "target", "exempt")
PRECISIONS = ("exact", "latest", "observed")
TARGET_RULES = frozenset({"origin", "dispatch", "destination"})


class Instrument(NamedTuple):
    """A legal text, or a published list, in the state of ``as_of``."""

    instrument_id: str
    sender: str
    title: str
    reference: str
    url: str
    adopted: date
    as_of: date
    producer: str
    licence: str
    note: str


class Measure(NamedTuple):
    """One provision with its list of goods; dates are half-open ``[valid_from, valid_to)``."""

    measure_id: str
    instrument_id: str
    provision: str
    annex: str
    part: str
    direction: str
    kind: str
    target_rule: tuple[str, ...]
    valid_from: date | None
    valid_from_earliest: date | None
    valid_to: date | None
    wind_down_to: date | None
    date_precision: str
    observed_on: date | None
    title: str
    condition: str
    recorded_at: date
    withdrawn_at: date | None


class Party(NamedTuple):
    """A country or bloc in its role; ``exempt`` takes a country out of its side."""

    measure_id: str
    role: str
    iso3: str
    valid_from: date | None
    valid_to: date | None


class ScopeRow(NamedTuple):
    """One printed code of a measure."""

    measure_id: str
    nomenclature: str
    prefix: str
    op: str
    partial: bool
    threshold_value: float | None
    threshold_unit: str
    cap_value: float | None
    cap_unit: str
    valid_from: date | None
    valid_from_earliest: date | None
    valid_to: date | None
    date_precision: str
    observed_on: date | None
    as_printed: str
    description: str
    recorded_at: date
    withdrawn_at: date | None


class ExceptionRow(NamedTuple):
    """Goods or a country left out of a measure; ``effect`` is ``partial`` (in part) or ``none`` (wholly)."""

    measure_id: str
    kind: str
    iso3: str
    nomenclature: str
    prefix: str
    effect: str
    valid_from: date | None
    valid_to: date | None
    text: str


class Evidence(NamedTuple):
    """Where a measure was read, when, and how sure the reading is."""

    measure_id: str
    source: str
    retrieved: date
    sha256: str
    certainty: str


Reader = Callable[[str], object]


def _text(cell: str) -> str:
    return cell


def _needed(cell: str) -> str:
    if not cell:
        raise ValueError("is empty")
    return cell


@lru_cache(maxsize=4096)
def _date(cell: str) -> date:
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError(f"'{cell}' is not a date, write YYYY-MM-DD") from None


def _date_or_none(cell: str) -> date | None:
    return _date(cell) if cell else None


def _number_or_none(cell: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        raise ValueError(f"'{cell}' is not a number") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"'{cell}' must be a finite number of zero or more")
    return value


def _flag(cell: str) -> bool:
    if cell not in ("0", "1"):
        raise ValueError(f"'{cell}' must be 0 or 1")
    return cell == "1"


def _prefix(cell: str) -> str:
    if not _PREFIX(cell):
        raise ValueError(f"'{cell}' is not a code of 2, 4, 6, 8 or 10 digits")
    return cell


def _prefix_or_empty(cell: str) -> str:
    return _prefix(cell) if cell else cell


def _iso3(cell: str) -> str:
    if not _PARTY(cell):
        raise ValueError(f"'{cell}' is neither an ISO3 country code nor a bloc id")
    return cell


def _iso3_or_empty(cell: str) -> str:
    return _iso3(cell) if cell else cell


def _nomenclature(cell: str) -> str:
    base_revision(cell)
    return cell


def _nomenclature_or_empty(cell: str) -> str:
    return _nomenclature(cell) if cell else cell


def _rule(cell: str) -> tuple[str, ...]:
    parts = tuple(cell.split("+")) if cell else ()
    if not TARGET_RULES.issuperset(parts):
        raise ValueError(f"'{cell}' must be made of {', '.join(sorted(TARGET_RULES))}, joined by +")
    return parts


def _one_of(*allowed: str) -> Reader:
    words = frozenset(allowed)

    def read(cell: str) -> str:
        if cell not in words:
            raise ValueError(f"'{cell}' must be one of {', '.join(allowed)}")
        return cell

    return read


_PREFIX = re.compile(r"(?:\d\d){1,5}").fullmatch
_PARTY = re.compile(r"[A-Z][A-Z0-9]{1,11}").fullmatch

_INTERVAL: Mapping[str, Reader] = {"valid_from": _date_or_none, "valid_to": _date_or_none}
_RECORD: Mapping[str, Reader] = {"recorded_at": _date, "withdrawn_at": _date_or_none}

TABLES: Mapping[str, Mapping[str, Reader]] = {
    "instrument": {
        "instrument_id": _needed,
        "sender": _iso3,
        "title": _needed,
        "reference": _needed,
        "url": _text,
        "adopted": _date,
        "as_of": _date,
        "producer": _needed,
        "licence": _needed,
        "note": _text,
    },
    "measure": {
        "measure_id": _needed,
        "instrument_id": _needed,
        "provision": _text,
        "annex": _text,
        "part": _text,
        "direction": _one_of(*DIRECTIONS),
        "kind": _one_of(*KINDS),
        "target_rule": _rule,
        "valid_from": _date_or_none,
        "valid_from_earliest": _date_or_none,
        "valid_to": _date_or_none,
        "wind_down_to": _date_or_none,
        "date_precision": _one_of(*PRECISIONS),
        "observed_on": _date_or_none,
        "title": _needed,
        "condition": _text,
        **_RECORD,
    },
    "party": {"measure_id": _needed, "role": _one_of(*ROLES), "iso3": _iso3, **_INTERVAL},
    "scope": {
        "measure_id": _needed,
        "nomenclature": _nomenclature,
        "prefix": _prefix,
        "op": _one_of("include", "exclude"),
        "partial": _flag,
        "threshold_value": _number_or_none,
        "threshold_unit": _text,
        "cap_value": _number_or_none,
        "cap_unit": _text,
        "valid_from": _date_or_none,
        "valid_from_earliest": _date_or_none,
        "valid_to": _date_or_none,
        "date_precision": _one_of(*PRECISIONS, ""),
        "observed_on": _date_or_none,
        "as_printed": _text,
        "description": _text,
        **_RECORD,
    },
    "exception": {
        "measure_id": _needed,
        "kind": _needed,
        "iso3": _iso3_or_empty,
        "nomenclature": _nomenclature_or_empty,
        "prefix": _prefix_or_empty,
        "effect": _one_of("partial", "none"),
        **_INTERVAL,
        "text": _needed,
    },
    "evidence": {
        "measure_id": _needed,
        "source": _needed,
        "retrieved": _date,
        "sha256": _text,
        "certainty": _needed,
    },
}

ROW_TYPES: Mapping[str, Callable[..., tuple[object, ...]]] = {
    "instrument": Instrument,
    "measure": Measure,
    "party": Party,
    "scope": ScopeRow,
    "exception": ExceptionRow,
    "evidence": Evidence,
}
