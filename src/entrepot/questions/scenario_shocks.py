"""The shocks of a scenario file, and which of them contradict one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import combinations
from typing import cast

from entrepot.errors import InputError
from entrepot.measures.catalogue import countries as party_countries
from entrepot.questions.scenario_fields import Fields
from entrepot.questions.scenario_text import Text
from entrepot.questions.scenario_types import Basis, Bound, Kind, Rent, Shock
from entrepot.world.countries import known

PERCENT = "in percent: 5 stands for 5%"
LOG = "the log of trade with over trade without, others equal: 0.2 stands for +22%"
NO_TARIFFS = "the table holds no tariffs that could fall; write the cut as kind = 'ntb' with cost = -5"
COMMON = ("kind", "reference", "note", "at")
PLACES = ("exporters", "importers", "sectors", "both_ways")


@dataclass(frozen=True, slots=True)
class _Size:
    """How a key gives the size of a shock: limits, factor to a fraction, words for the hint."""

    above: float
    below: float
    factor: float
    hint: str


SIZES: Mapping[tuple[str, str], _Size] = {
    ("tariff", "rate"): _Size(-1e-9, 1e6, 0.01, PERCENT),
    ("tariff", "change"): _Size(0, 1e6, 0.01, f"{PERCENT}; {NO_TARIFFS}"),
    ("export_tax", "rate"): _Size(-1e-9, 1e6, 0.01, PERCENT),
    ("export_tax", "change"): _Size(0, 1e6, 0.01, f"{PERCENT}; {NO_TARIFFS}"),
    ("ntb", "cost"): _Size(-100, 1e6, 0.01, PERCENT),
    ("ntb", "trade_effect"): _Size(-20, 20, 1.0, LOG),
    ("lift", "trade_effect"): _Size(0, 20, 1.0, f"{LOG}; lifting a measure raises trade"),
    ("price_cap", "discount"): _Size(0, 100, 0.01, "percent of the price that buyers would pay, more than 0"),
}
KINDS: Mapping[str, tuple[str, ...]] = {
    "tariff": (*COMMON, *PLACES, "rate", "change"),
    "export_tax": (*COMMON, *PLACES, "rate", "change"),
    "ntb": (*COMMON, *PLACES, "cost", "trade_effect", "spread"),
    "ban": (*COMMON, *PLACES),
    "measures": (*COMMON, "target", "senders", "sectors", "bound"),
    "lift": (*COMMON, *PLACES, "target", "senders", "bound", "trade_effect", "spread"),
    "price_cap": (*COMMON, *PLACES, "discount", "rent"),
}


def read_shocks(text: Text, base_year: int) -> tuple[Shock, ...]:
    """Read all ``[[shock]]`` tables and check them against one another.

    Raises
    ------
    InputError
        Naming file and line.
    """
    listed = text.data.get("shock", [])
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        raise text.fault(("shock",), "'shock' must be a list of tables", "write [[shock]], then its keys")
    if not listed:
        hint = "add a [[shock]] with a kind, exporters and importers"
        raise InputError.in_file(text.file, text.line("shock"), "the scenario has no shock", hint=hint)
    shocks = tuple(
        _shock(Fields(text, ("shock", place), data), base_year) for place, data in enumerate(listed)
    )
    refuse_contradictions(text, shocks)
    return shocks


def _shock(fields: Fields, base_year: int) -> Shock:
    fields.require("kind", f"use one of: {', '.join(KINDS)}")
    kind = cast(Kind, fields.choice("kind", tuple(KINDS), ""))
    article = "an" if kind[0] in "aeiou" else "a"
    fields.only(KINDS[kind], f"{article} {kind} shock")
    basis, value = _size(fields, kind)
    spread = fields.number("spread", least=0.0, unit="standard deviation of the trade effect")
    if spread is not None and basis != "trade_effect":
        raise fields.fault(
            "spread", "spread needs a trade_effect", "a cost is taken as exact; drop the spread"
        )
    shock = Shock(
        kind=kind,
        exporters=(),
        importers=(),
        sectors=fields.sectors(),
        value=value,
        spread=spread,
        both_ways=fields.flag("both_ways"),
        line=fields.text.line(*fields.path),
        basis=basis,
        bound=cast(Bound, fields.choice("bound", ("lower", "upper"), "lower")),
        rent=cast(Rent, fields.choice("rent", ("importer", "exporter", "lost"), "importer")),
        reference=fields.words("reference"),
        note=fields.words("note"),
    )
    if kind == "measures" or (kind == "lift" and {"target", "senders"} & fields.data.keys()):
        return _under_law(fields, shock, base_year)
    if "bound" in fields.data:
        hint = "name the target and the senders, or drop the bound"
        raise fields.fault("bound", "bound needs measures of the catalogue", hint)
    return _between(fields, shock, base_year)


def _size(fields: Fields, kind: str) -> tuple[Basis, float | None]:
    """Return what the size is and the size itself; exactly one of the keys of a kind may give it."""
    keys = [key for of, key in SIZES if of == kind]
    given = [key for key in keys if key in fields.data]
    if not keys:
        return "", None
    if not given:
        hint = "; ".join(f"{key} is {SIZES[kind, key].hint}" for key in keys)
        raise fields.fault(None, f"the {kind} has no size: give {' or '.join(keys)}", hint)
    if len(given) > 1:
        raise fields.fault(given[1], f"{' and '.join(given)} cannot both be given", "keep one of them")
    rule = SIZES[kind, given[0]]
    value = fields.number(given[0], above=rule.above, below=rule.below, unit=rule.hint)
    return cast(Basis, given[0]), None if value is None else rule.factor * value


def _under_law(fields: Fields, shock: Shock, base_year: int) -> Shock:
    """Fill in who is bound by the measures of the catalogue."""
    for key in ("exporters", "importers", "both_ways"):
        if key in fields.data:
            raise fields.fault(
                key, f"{key} cannot stand beside target and senders", "the law says both sides"
            )
    if shock.kind == "measures":
        fields.require("at", "write at = 2022-12-31, the day of the law")
    target, senders = fields.country("target"), fields.parties("senders")
    at = fields.day("at") or date(base_year, 12, 31)
    members = frozenset[str]()
    for sender in senders:
        stands_for = party_countries(sender, at)
        members |= known() if stands_for is None else stands_for
    keepers = tuple(sorted(members - {target}))
    return replace(
        shock, exporters=keepers, importers=(target,), both_ways=True, target=target, senders=senders, at=at
    )


def _between(fields: Fields, shock: Shock, base_year: int) -> Shock:
    """Fill in the countries of a shock that names both sides."""
    day = fields.day("at")
    at = day or date(base_year, 7, 1)
    exporters, importers = fields.countries("exporters", at), fields.countries("importers", at)
    found = replace(shock, exporters=exporters, importers=importers, at=day)
    if not found.pairs():
        raise fields.fault(
            "importers", f"exporters and importers are both {exporters[0]}", "home trade stays free"
        )
    return found


def refuse_contradictions(text: Text, shocks: Sequence[Shock]) -> None:
    """Refuse two shocks that cannot both hold on one flow.

    Raises
    ------
    InputError
        At the line of the later one, naming the line of the earlier.
    """
    pairs = [shock.pairs() for shock in shocks]
    for (i, first), (k, second) in combinations(enumerate(shocks), 2):
        reason = _clash(first, second)
        if reason is None or not _share_sector(first, second):
            continue
        both = pairs[i] & pairs[k]
        if both:
            a, b = min(both)
            more = f" and {len(both) - 1} more" if len(both) > 1 else ""
            raise InputError.in_file(
                text.file,
                second.line,
                f"this {second.kind} contradicts the {first.kind} at line {first.line}: {reason} "
                f"({a} to {b}{more})",
                hint="give them different countries or sectors, or drop one",
            )


def _share_sector(first: Shock, second: Shock) -> bool:
    return not first.sectors or not second.sectors or bool(set(first.sectors) & set(second.sectors))


def _clash(first: Shock, second: Shock) -> str | None:
    """Say why two shocks on one flow contradict each other, or None."""
    kinds = {first.kind, second.kind}
    if "ban" in kinds:
        return None if kinds <= {"ban", "measures"} else "a flow that is banned can have no other change"
    if kinds == {"measures", "lift"}:
        return "a measure cannot be set and lifted at once"
    if kinds == {"lift"}:
        return "one measure is lifted twice"
    if kinds == {"price_cap"}:
        return "a flow can have one price cap"
    if "price_cap" in kinds and kinds & {"tariff", "export_tax"}:
        return "the price cap is itself written as a tax"
    if len(kinds) == 1 and first.kind in ("tariff", "export_tax"):
        rates = "rate" in (first.basis, second.basis)
        same = first.basis == second.basis and first.value == second.value
        return "two different taxes on one flow" if rates and not same else None
    return None
