"""A slow reading of the catalogue, row by row, that the filter of measures has to agree with."""

from __future__ import annotations

from datetime import date
from functools import cache

from entrepot.measures import load_catalogue
from entrepot.measures.scope import printed_group
from entrepot.questions import lawful as law
from entrepot.store.store import open_store
from entrepot.world import blocs, products


@cache
def pack_codes() -> tuple[str, ...]:
    store = open_store()
    return tuple(sorted(store.collect(store.table("products").select("product"))["product"].to_pylist()))


@cache
def pack_countries() -> tuple[str, ...]:
    store = open_store()
    found = set()
    for side in ("exporter", "importer"):
        found |= set(store.collect(store.table("flows").select(side).unique())[side].to_pylist())
    return tuple(sorted(found))


@cache
def readings(code: str, nomenclature: str) -> frozenset[str]:
    """The codes that an HS1992 code may be in the law's revision."""
    year = int(nomenclature[2:])
    revision = f"HS{max(y for y in (1992, 1996, 2002, 2007, 2012, 2017, 2022) if y <= year)}"
    if revision == "HS1992":
        return frozenset({code})
    return frozenset(
        new for new, _ in products.correlation_map("HS1992", revision).get(code, ((code, True),))
    )


@cache
def row_touches(code: str, nomenclature: str, prefix: str) -> bool:
    groups = [group for group, _ in printed_group(prefix, nomenclature)]
    return any(new.startswith(p) or p.startswith(new) for new in readings(code, nomenclature) for p in groups)


def may_hold(measure, row, adopted: date, at: date) -> bool:
    """Whether a printed row may be in force: every unknown date is read against the one who would list."""

    def start(dated) -> date | None:
        if dated.valid_from_earliest:
            return dated.valid_from_earliest
        return dated.valid_from if dated.date_precision == "exact" else None

    outer = start(measure) or adopted
    begins = max(outer, start(row) or outer)
    ends = [end for end in (measure.valid_to, row.valid_to) if end]
    return begins <= at and all(at < end for end in ends)


def side(catalogue, measure_id: str, role: str, country: str, at: date) -> bool:
    for party in catalogue.parties_of(measure_id, role):
        if party.iso3 in ("UN", country):
            return True
        if party.iso3 == "EU" and country in blocs.members("eu", at):
            return True
    return False


def oracle(exporter: str, importer: str, code: str, at: date) -> bool:
    """Read the whole catalogue, row by row, for one position."""
    if code.startswith(("93", "98", "99")):
        return True
    senders = {"RUS": "sanctions-rus", "BLR": "sanctions-blr"}
    if {exporter, importer} == {"BLR", "UKR"} and at >= date(2022, 2, 24):
        return True
    for a, b in ((exporter, importer), (importer, exporter)):
        if a == "PRK" or (b in senders and a in blocs.members(senders[b], at)):
            return True
    catalogue = load_catalogue()
    for measure in catalogue.measures:
        if measure.kind == "reference":
            continue
        adopted = catalogue.instrument[measure.instrument_id].adopted
        out = side(catalogue, measure.measure_id, "target", importer, at) and measure.direction in (
            "export",
            "transit",
            "service",
        )
        sold = side(catalogue, measure.measure_id, "target", exporter, at)
        into = sold and side(catalogue, measure.measure_id, "sender", importer, at)
        binds = (
            (out and measure.direction == "export")
            or (out and side(catalogue, measure.measure_id, "sender", exporter, at))
            or (into and measure.direction == "import")
            or (sold and measure.direction in ("transit", "service"))
        )
        always = measure.kind == "guidance" and {exporter, importer} & {"RUS", "BLR", "PRK"}
        for position in catalogue.scope_of.get(measure.measure_id, ()):
            row = catalogue.scope[position]
            holds = always or (binds and may_hold(measure, row, adopted, at))
            if row.op == "include" and holds and row_touches(code, row.nomenclature, row.prefix):
                return True
    return bool({exporter, importer} & {"RUS", "BLR", "PRK"}) and code.startswith(tuple(law.DUAL_USE))
