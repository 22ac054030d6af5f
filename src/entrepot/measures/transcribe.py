"""Writes printed law as an instrument of CSV files, which `entrepot coverage --catalogue` and others take."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from entrepot.errors import DataError, InputError, StoreError
from entrepot.measures.catalogue import Catalogue
from entrepot.measures.loader import load_catalogue
from entrepot.measures.nomenclature import HS_REVISIONS, base_revision
from entrepot.measures.printed import read_printed, read_threshold
from entrepot.measures.schema import TABLES, Measure
from entrepot.measures.scope import printed_group
from entrepot.sources.law import PrintedLaw, PrintedList, PrintedRow, Refused
from entrepot.world import products

DATES = ("valid_from", "valid_from_earliest", "valid_to", "date_precision")
RULES = {"export": "destination", "import": "origin+dispatch"}
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
USD_BARREL = re.compile(r"(?=.*\b(?:USD?|US)\b)(?=.*\bbarrel)", re.IGNORECASE | re.DOTALL)
Row = dict[str, Any]


@dataclass(frozen=True)
class Transcribed:
    """What became of a printed law.

    Attributes
    ----------
    folder : Path
        The instrument.
    measures, rows : int
        Lines of measure.csv and scope.csv.
    refused : int
        Lines of rejects.csv, with reasons.
    open : tuple of str
        Cells of measure.csv and party.csv that a person must fill in before the folder can be used.
    """

    folder: Path
    measures: int
    rows: int
    refused: int
    open: tuple[str, ...]


def transcribe(law: PrintedLaw, folder: Path, *, target: str = "", today: date | None = None) -> Transcribed:
    """Write a printed law into a folder of instruments.

    Provisions, directions and conditions of lists that the embedded catalogue has are taken from there;
    those of others stay empty where the text does not say them clearly.

    Parameters
    ----------
    law : PrintedLaw
    folder : Path
        Folder of instruments; that of this law must not be there, as a person may have completed it.
    target : str, optional
        ISO3 of the country that the law is about, where the text does not tell.
    today : date, optional
        Day on which the rows are recorded.

    Returns
    -------
    Transcribed

    Raises
    ------
    InputError
        If the folder of the law is already there.
    DataError
        If no row can be taken.
    StoreError
        If the folder cannot be written.
    """
    place = folder / law.instrument_id
    if place.exists():
        raise InputError(
            f"{place} is already there", hint="give another folder with --out, or remove it first"
        )
    day = (today or date.today()).isoformat()
    known = _known(law.instrument_id)
    ids = {(entry.annex, entry.part): _measure_id(law, entry, known) for entry in law.lists}
    narrowed = _narrowed(known)
    scope, faults = _scope(law, ids, narrowed, day)
    if not scope:
        raise DataError(f"{law.reference} has no row whose codes can be read")
    tables: dict[str, list[Row]] = {
        "instrument": [_instrument(law)],
        "measure": [_measure(law, entry, ids, known, scope, day) for entry in law.lists],
        "party": list(_parties(law, ids.values(), target)),
        "scope": scope,
        "exception": [],
        "evidence": [_evidence(law, name, day) for name in ids.values()],
    }
    refused = [*law.refused, *faults]
    missing = tuple(_open(tables))
    _write(place, tables, refused, whole=not missing)
    return Transcribed(place, len(ids), len(scope), len(refused), missing)


def _known(instrument_id: str) -> dict[tuple[str, str], Measure]:
    """Return the measures of an instrument in the embedded catalogue, by annex and part."""
    catalogue: Catalogue = load_catalogue()
    chosen = (row for row in catalogue.measures if row.instrument_id == instrument_id)
    return {(row.annex, row.part): row for row in chosen}


def _narrowed(known: Mapping[tuple[str, str], Measure]) -> frozenset[tuple[str, str]]:
    """Return the lists whose condition makes every row of theirs partial in the embedded catalogue."""
    catalogue = load_catalogue()
    rows = {
        place: [catalogue.scope[p] for p in catalogue.scope_of.get(row.measure_id, ())]
        for place, row in known.items()
        if row.condition
    }
    return frozenset(place for place, found in rows.items() if found and all(row.partial for row in found))


def _measure_id(law: PrintedLaw, entry: PrintedList, known: Mapping[tuple[str, str], Measure]) -> str:
    found = known.get((entry.annex, entry.part))
    if found:
        return found.measure_id
    words = f"{law.instrument_id} {entry.annex} {entry.part}".strip().lower()
    return re.sub(r"[^a-z0-9.]+", "-", words)


def _scope(
    law: PrintedLaw, ids: Mapping[tuple[str, str], str], narrowed: Collection[tuple[str, str]], day: str
) -> tuple[list[Row], list[Refused]]:
    """Read the printed codes; what cannot be read goes to the rejects with the reason."""
    rows: dict[tuple[str, ...], Row] = {}
    refused: list[Refused] = []
    for printed in law.rows:
        try:
            codes = read_printed(printed.codes)
        except InputError as error:
            refused.append(Refused(error.message, printed.annex, f"{printed.codes} | {printed.description}"))
            continue
        cap = _price(printed, refused)
        for code in codes:
            nomenclature = check_codes_exist(code.prefix, law)
            if nomenclature is None:
                words = f"no revision of the nomenclature has {code.prefix}"
                refused.append(Refused(words, printed.annex, f"{printed.codes} | {printed.description}"))
                continue
            row = _scope_row(law, printed, ids[(printed.annex, printed.part)], day) | {
                "nomenclature": nomenclature,
                "prefix": _whole(code.prefix, printed.codes, nomenclature),
                "op": code.op,
                "partial": int(code.partial or (printed.annex, printed.part) in narrowed),
                "cap_value": cap,
                "cap_unit": "USD/barrel" if cap else "",
            }
            key = tuple(str(row[name]) for name in ("measure_id", "prefix", "op", "cap_value", "valid_from"))
            rows.setdefault(key, row)
    return list(rows.values()), refused


def _whole(prefix: str, printed: str, nomenclature: str) -> str:
    """Return a code printed with six digits as such; in groups of two (2704 00 00) the last ones only pad."""
    digits = f"{prefix}00"
    exact = printed.replace(".", "") == digits
    return digits if exact and products.exists(digits, base_revision(nomenclature)) else prefix


def check_codes_exist(prefix: str, law: PrintedLaw) -> str | None:
    """Return the nomenclature that has a printed code: the law's, or an older one; None if there is none.

    Laws print codes of older revisions, and codes that stand for a group: both are read as such.
    """
    own = law.nomenclature if len(prefix) <= 6 else law.finer
    group = printed_group(prefix[:6], own)
    if any(products.exists(code, base_revision(own)) for code, _ in group):
        return own
    older = [f"HS{year}" for year in reversed(HS_REVISIONS) if f"HS{year}" < base_revision(own)]
    return next((revision for revision in older if products.exists(prefix[:6], revision)), None)


def _scope_row(law: PrintedLaw, printed: PrintedRow, measure_id: str, day: str) -> Row:
    title = next(e.title for e in law.lists if (e.annex, e.part) == (printed.annex, printed.part))
    value, unit = next(iter(read_threshold(title)), ("", ""))
    return {
        "measure_id": measure_id,
        "threshold_value": value,
        "threshold_unit": unit and f"{unit}/item",
        "valid_from": printed.valid_from,
        "valid_from_earliest": printed.valid_from_earliest,
        "valid_to": printed.valid_to,
        "date_precision": printed.date_precision,
        "observed_on": printed.observed_on,
        "as_printed": printed.codes,
        "description": printed.description,
        "recorded_at": day,
    }


def _price(printed: PrintedRow, refused: list[Refused]) -> str:
    """Return the maximum price of a row in USD a barrel; a price in another form is told of."""
    if not printed.price:
        return ""
    match = NUMBER.search(printed.price.partition("|")[0])
    if match is None or USD_BARREL.match(printed.price) is None:
        refused.append(
            Refused("the price cannot be read", printed.annex, f"{printed.codes} | {printed.price}")
        )
        return ""
    return f"{float(match[0].replace(',', '')):.2f}"


def _instrument(law: PrintedLaw) -> Row:
    return {
        "instrument_id": law.instrument_id,
        "sender": law.sender,
        "title": law.title,
        "reference": law.reference,
        "url": law.source.url,
        "adopted": law.adopted,
        "as_of": law.as_of,
        "producer": law.source.producer,
        "licence": law.source.licence,
        "note": law.note,
    }


def _measure(
    law: PrintedLaw,
    entry: PrintedList,
    ids: Mapping[tuple[str, str], str],
    known: Mapping[tuple[str, str], Measure],
    scope: Iterable[Row],
    day: str,
) -> Row:
    """Return one line of measure.csv: from the text, from the embedded catalogue, or empty."""
    found = known.get((entry.annex, entry.part))
    direction = entry.direction or (found.direction if found else "")
    measure_id = ids[(entry.annex, entry.part)]
    row: Row = {
        "measure_id": measure_id,
        "instrument_id": law.instrument_id,
        "provision": entry.provision or (found.provision if found else ""),
        "annex": entry.annex,
        "part": entry.part,
        "direction": direction,
        "kind": entry.kind or (found.kind if found else ""),
        "target_rule": "+".join(found.target_rule) if found else RULES.get(direction, ""),
        "wind_down_to": _wind_down(entry, found),
        "title": (found.title if found else entry.title) or entry.annex,
        "condition": _condition(entry, found),
        "recorded_at": day,
    }
    return row | _span([line for line in scope if line["measure_id"] == measure_id], law, found)


def _condition(entry: PrintedList, found: Measure | None) -> str:
    """Return what limits a measure, and what is open about it unless the catalogue settles it."""
    if found is None or entry.provision:
        return "; ".join(filter(None, (found.condition if found else "", entry.condition)))
    return found.condition


def _wind_down(entry: PrintedList, found: Measure | None) -> date | None:
    """Return the end of the wind-down: of the text, or of the catalogue where the text is silent."""
    if entry.wind_down_to or entry.condition or found is None:
        return entry.wind_down_to
    return found.wind_down_to


def _span(rows: list[Row], law: PrintedLaw, found: Measure | None) -> Row:
    """Return the dates of a measure: those of its rows, or of the catalogue if they have none."""
    dated = [row for row in rows if row["valid_from"]]
    if not dated and found is not None and found.valid_from:
        return {name: getattr(found, name) for name in DATES}
    if not dated:
        return {"date_precision": "observed", "observed_on": law.as_of}
    first = min(dated, key=lambda row: (row["valid_from"], row["date_precision"] != "exact"))
    ends = [row["valid_to"] for row in rows]
    return {
        "valid_from": first["valid_from"],
        "valid_from_earliest": first["valid_from_earliest"],
        "valid_to": max(ends) if all(ends) else None,
        "date_precision": first["date_precision"],
    }


def _parties(law: PrintedLaw, ids: Iterable[str], target: str) -> Iterable[Row]:
    for name in ids:
        yield {"measure_id": name, "role": "sender", "iso3": law.sender}
        yield {"measure_id": name, "role": "target", "iso3": target or law.target}


def _evidence(law: PrintedLaw, name: str, day: str) -> Row:
    text, digest = law.texts[-1] if law.texts else ("", "")
    words = f"{law.source.producer}, {text}" + (f" and {len(law.texts) - 1} earlier" if law.texts[1:] else "")
    sure = "read from the text by program; not checked by a person"
    return {"measure_id": name, "source": words, "retrieved": day, "sha256": digest, "certainty": sure}


def _open(tables: Mapping[str, list[Row]]) -> Iterable[str]:
    """Name what must be filled in by a person."""
    for row in tables["measure"]:
        for column in ("direction", "kind"):
            if not row[column]:
                yield f"measure.csv, {row['measure_id']}: {column}"
    if any(not row["iso3"] for row in tables["party"]):
        yield "party.csv: the target"


def _write(place: Path, tables: Mapping[str, list[Row]], refused: Iterable[Refused], *, whole: bool) -> None:
    """Write a folder that is there only when it is whole and, if nothing is open, can be read."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".") as folder:
            part = Path(folder) / place.name
            part.mkdir()
            for name, rows in tables.items():
                _table(part / f"{name}.csv", list(TABLES[name]), rows)
            lines = [{"reason": r.reason, "annex": r.annex, "row": r.row} for r in refused]
            if lines:
                _table(part / "rejects.csv", ["reason", "annex", "row"], lines)
            if whole:
                load_catalogue(part, embedded=False)
            shutil.move(str(part), place)
    except OSError as error:
        raise StoreError.from_system(place, error) from error


def _table(path: Path, columns: list[str], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if cell is None else cell for name, cell in row.items()} for row in rows)
