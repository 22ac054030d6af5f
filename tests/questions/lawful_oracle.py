"""A slow reading of the catalogue, row by row, that the filter of measures has to agree with."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import cache

import numpy as np

from entrepot.measures import load_catalogue
from entrepot.measures.schema import ScopeRow
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


def oracle_of_all_pairs(at: date) -> np.ndarray:
    """The same reading for every pair of the pack and all its codes at once, (exporter, importer, code)."""
    codes, group = pack_codes(), pack_countries()
    catalogue = load_catalogue()

    def named(measure_id: str, role: str) -> np.ndarray:
        return np.array([side(catalogue, measure_id, role, country, at) for country in group])

    def one_of(names: Collection[str]) -> np.ndarray:
        return np.isin(group, list(names))

    def pairs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return one[:, None] & other | other[:, None] & one

    everyone = np.ones(len(group), bool)
    closed = pairs(one_of(["PRK"]), everyone)
    for target, senders in (("RUS", "sanctions-rus"), ("BLR", "sanctions-blr")):
        closed |= pairs(one_of(blocs.members(senders, at)), one_of([target]))
    if at >= date(2022, 2, 24):
        closed |= pairs(one_of(["BLR"]), one_of(["UKR"]))
    listed = pairs(one_of(["RUS", "BLR", "PRK"]), everyone)
    barred = closed[:, :, None] | np.array([code.startswith(("93", "98", "99")) for code in codes])
    barred = barred | listed[:, :, None] & np.array([code.startswith(tuple(law.DUAL_USE)) for code in codes])
    for measure in catalogue.measures:
        if measure.kind == "reference":
            continue
        adopted = catalogue.instrument[measure.instrument_id].adopted
        sends, suffers = named(measure.measure_id, "sender"), named(measure.measure_id, "target")
        carried = measure.direction in ("transit", "service")
        binds = np.zeros((len(group), len(group)), bool)
        if measure.direction == "export":
            binds |= everyone[:, None] & suffers
        if carried:
            binds |= sends[:, None] & suffers | suffers[:, None] & everyone
        if measure.direction == "import":
            binds |= suffers[:, None] & sends
        rows = [catalogue.scope[place] for place in catalogue.scope_of.get(measure.measure_id, ())]
        rows = [row for row in rows if row.op == "include"]
        held = [row for row in rows if may_hold(measure, row, adopted, at)]
        barred |= binds[:, :, None] & _touched(codes, held)
        if measure.kind == "guidance":
            barred |= listed[:, :, None] & _touched(codes, rows)
    return barred


def _touched(codes: Sequence[str], rows: Sequence[ScopeRow]) -> np.ndarray:
    printed = {(row.nomenclature, row.prefix) for row in rows}
    return np.array([any(row_touches(code, *words) for words in printed) for code in codes])
