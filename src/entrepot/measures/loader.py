"""Reads a catalogue from folders of CSV files; every fault names its file, line and column."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from entrepot.errors import DataError
from entrepot.measures.catalogue import Catalogue
from entrepot.measures.schema import ROW_TYPES, TABLES

EMBEDDED = Path(__file__).parent / "catalogue"
OPTIONAL = ("exception", "evidence")
QUOTES = "write UTF-8 CSV, with cells that hold commas in double quotes"


def load_catalogue(
    folder: str | Path | None = None, *, embedded: bool = True, known_at: date | None = None
) -> Catalogue:
    """Read the embedded catalogue and, beside it, the instruments in a folder.

    Parameters
    ----------
    folder : path, optional
        A folder of instruments, each a folder of CSV files, or the folder of one instrument. A folder
        whose ``instrument_id`` is that of an embedded instrument takes its place.
    embedded : bool
        Whether the embedded instruments are read too.
    known_at : date, optional
        Only what had been recorded by that day, so that a past answer can be repeated.

    Returns
    -------
    Catalogue

    Raises
    ------
    DataError
        If a file is missing, lacks a column, or holds a cell that cannot be read.

    Examples
    --------
    >>> load_catalogue().targets()
    ('BLR', 'PRK', 'RUS')
    """
    own = _read(str(folder)) if folder is not None else None
    if own is None:
        whole = _read(str(EMBEDDED))
    elif embedded:
        whole = _merge(_read(str(EMBEDDED)), own)
    else:
        whole = own
    return _held(whole, known_at)


@lru_cache(maxsize=16)
def _held(catalogue: Catalogue, known_at: date | None) -> Catalogue:
    return catalogue.as_recorded(known_at)


def _merge(base: Catalogue, own: Catalogue) -> Catalogue:
    """Put a user's instruments beside the embedded ones; the user's win."""
    kept = {row.instrument_id for row in base.instruments} - {row.instrument_id for row in own.instruments}
    ids = {row.measure_id for row in base.measures if row.instrument_id in kept}
    clash = ids & {row.measure_id for row in own.measures}
    if clash:
        raise DataError(
            f"measure_id '{min(clash)}' is already taken by the embedded catalogue",
            hint="choose another id, or give the instrument the embedded instrument_id to replace it",
        )
    return Catalogue(
        tuple(row for row in base.instruments if row.instrument_id in kept) + own.instruments,
        tuple(row for row in base.measures if row.measure_id in ids) + own.measures,
        tuple(row for row in base.parties if row.measure_id in ids) + own.parties,
        tuple(row for row in base.scope if row.measure_id in ids) + own.scope,
        tuple(row for row in base.exceptions if row.measure_id in ids) + own.exceptions,
        tuple(row for row in base.evidence if row.measure_id in ids) + own.evidence,
    )


def _read(folder: str) -> Catalogue:
    """Read all instruments below a folder; the embedded ones are kept in memory."""
    return _read_embedded() if folder == str(EMBEDDED) else _read_folders(Path(folder))


@lru_cache(maxsize=1)
def _read_embedded() -> Catalogue:
    return _read_folders(EMBEDDED)


def _read_folders(root: Path) -> Catalogue:
    if (root / "instrument.csv").is_file():
        folders = [root]
    else:
        folders = sorted(path.parent for path in root.glob("*/instrument.csv"))
    if not folders:
        raise DataError(
            f"{root} holds no instrument",
            hint="give a folder with instrument.csv, measure.csv, party.csv, scope.csv, or a folder of such",
        )
    tables: dict[str, list[Any]] = {name: [] for name in TABLES}
    taken: dict[str, set[str]] = {"instrument": set(), "measure": set()}
    for folder in folders:
        for name, rows in _read_instrument(folder, taken).items():
            tables[name] += rows
    return Catalogue(*(tuple(tables[name]) for name in TABLES))


def _read_instrument(folder: Path, taken: dict[str, set[str]]) -> dict[str, list[Any]]:
    """Read the six files of one instrument and check that they fit together."""
    tables: dict[str, list[Any]] = {name: [] for name in TABLES}
    ids: dict[str, set[str]] = {"instrument_id": set(), "measure_id": set()}
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        if name in OPTIONAL and not path.is_file():
            continue
        for line, row in _read_table(path, name):
            _check_row(path, line, name, row, ids, taken)
            rows.append(row)
    for measure in tables["measure"]:
        _check_parties(folder, measure.measure_id, tables["party"])
    return tables


def _read_table(path: Path, name: str) -> Iterator[tuple[int, Any]]:
    """Yield line number and row of one file; each cell is read by the reader of its column."""
    columns, build = TABLES[name], ROW_TYPES[name]
    lines = csv.reader(StringIO(_read_text(path, name), newline=""), strict=True)
    header = next(lines, [])
    _check_header(path, header, list(columns))
    order = [header.index(column) for column in columns]
    readers = tuple(columns.values())
    try:
        for cells in lines:
            if not cells:
                continue
            if len(cells) != len(header):
                reason = f"the row has {len(cells)} cells, the header {len(header)}"
                raise DataError.bad_row(path, lines.line_num, header[0], reason, hint=QUOTES)
            try:
                values = [read(cells[place]) for read, place in zip(readers, order, strict=True)]
            except ValueError:
                raise _bad_cell(path, lines.line_num, cells, header, columns) from None
            yield lines.line_num, build(*values)
    except csv.Error as fault:
        raise DataError.bad_row(path, lines.line_num, header[0], str(fault), hint=QUOTES) from None


def _read_text(path: Path, name: str) -> str:
    """Return the text of a file; raises DataError if it is absent or not UTF-8."""
    try:
        content = path.read_bytes()
    except OSError:
        raise DataError(f"{path} cannot be read", hint=f"an instrument needs the file {name}.csv") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = content[: fault.start].count(b"\n") + 1
        raise DataError.bad_row(path, line, next(iter(TABLES[name])), "is not UTF-8", hint=QUOTES) from None


def _bad_cell(path: Path, line: int, cells: list[str], header: list[str], columns: Any) -> DataError:
    """Find which cell of a row cannot be read."""
    for column, read in columns.items():
        try:
            read(cells[header.index(column)])
        except ValueError as fault:
            return DataError.bad_row(path, line, column, str(fault), hint="see docs/measures-format.md")
    raise AssertionError("a row failed of which every cell can be read")


def _check_header(path: Path, header: list[str], columns: list[str]) -> None:
    missing = [column for column in columns if column not in header]
    if missing:
        raise DataError.missing_columns(path, missing, header)
    unknown = [column for column in header if column not in columns]
    if unknown or len(set(header)) < len(header):
        name = unknown[0] if unknown else next(c for c in header if header.count(c) > 1)
        reason = "is not a column of this file" if unknown else "stands twice in the header"
        raise DataError.bad_row(path, 1, name, reason, hint=f"columns: {', '.join(columns)}")


def _check_row(
    path: Path, line: int, name: str, row: Any, ids: dict[str, set[str]], taken: dict[str, set[str]]
) -> None:
    """Check what one cell alone cannot tell: references, ids that are taken, dates in order."""
    if name in ("instrument", "measure"):
        _check_id(path, line, name, row[0], taken[name])
        ids[f"{name}_id"].add(row[0])
    if name != "instrument":
        parent = "instrument_id" if name == "measure" else "measure_id"
        _check_known(path, line, parent, getattr(row, parent), ids[parent])
    if name in ("measure", "scope"):
        _check_dates(path, line, row)
    if name in ("party", "exception"):
        _check_order(path, line, row)
    if name == "exception" and bool(row.prefix) != bool(row.nomenclature):
        raise DataError.bad_row(path, line, "nomenclature", "a prefix and its nomenclature go together")


def _check_id(path: Path, line: int, name: str, value: str, taken: set[str]) -> None:
    if value in taken:
        raise DataError.bad_row(path, line, f"{name}_id", f"'{value}' is taken", hint="ids must be unique")
    taken.add(value)


def _check_known(path: Path, line: int, column: str, value: str, known: set[str]) -> None:
    if value not in known:
        hint = f"known: {', '.join(sorted(known)) or 'none'}"
        raise DataError.bad_row(path, line, column, f"'{value}' is not defined", hint=hint)


def _check_order(path: Path, line: int, row: Any) -> None:
    if row.valid_from and row.valid_to and row.valid_to <= row.valid_from:
        reason = f"{row.valid_to} is not after valid_from {row.valid_from}"
        raise DataError.bad_row(
            path, line, "valid_to", reason, hint="it is the first day without the measure"
        )


def _check_dates(path: Path, line: int, row: Any) -> None:
    """Check that precision and dates of a measure or scope row agree."""
    _check_order(path, line, row)
    earliest, precision = row.valid_from_earliest, row.date_precision
    if earliest and row.valid_from and earliest > row.valid_from:
        reason = f"{earliest} is after valid_from {row.valid_from}"
        raise DataError.bad_row(path, line, "valid_from_earliest", reason)
    if precision in ("exact", "latest") and not row.valid_from:
        reason = f"is empty, but date_precision is '{precision}'"
        raise DataError.bad_row(path, line, "valid_from", reason, hint="or write 'observed'")
    if precision == "observed" and (row.valid_from or not row.observed_on):
        raise DataError.bad_row(
            path, line, "observed_on", "a row of precision 'observed' has observed_on and no valid_from"
        )
    if precision == "" and (row.valid_from or row.observed_on or earliest):
        raise DataError.bad_row(
            path, line, "date_precision", "is empty beside a date", hint="write exact, latest or observed"
        )


def _check_parties(folder: Path, measure_id: str, parties: list[Any]) -> None:
    for role in ("sender", "target"):
        if not any(row.measure_id == measure_id and row.role == role for row in parties):
            raise DataError(
                f"{folder / 'party.csv'}: measure '{measure_id}' has no {role}",
                hint=f"add a line {measure_id},{role},<ISO3 or bloc id>,,",
            )
