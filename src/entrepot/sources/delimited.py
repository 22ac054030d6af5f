"""Text tables in any dialect: the separator, the decimal sign, the marks of missing numbers, lost columns."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from entrepot.errors import DataError, StoreError

SAMPLE = 1 << 18
SEPARATORS = (",", ";", "\t", "|")
MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", ".", "..", ":")
# Publishers who align columns write the mark of a missing number behind spaces.
WIDEST = 24


@dataclass(frozen=True)
class Dialect:
    """How a text table is written.

    Attributes
    ----------
    columns : tuple of str
        Names in the first line.
    separator, decimal : str
    padded : bool
        Whether marks of missing numbers stand behind spaces.
    sample : tuple of tuples of str
        The first rows, cell by cell.
    """

    columns: tuple[str, ...]
    separator: str = ","
    decimal: str = "."
    padded: bool = False
    sample: tuple[tuple[str, ...], ...] = ()


def dialect(path: Path) -> Dialect:
    """Find out how a text table is written, from its beginning.

    Raises
    ------
    DataError
        If it is empty, no text in UTF-8, or a page of a web site.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    text = _text(path, head)
    lines = text.splitlines() if len(head) < SAMPLE else text.splitlines()[:-1]
    if not lines or not lines[0].strip():
        raise DataError(f"{path.name} is empty", hint="fetch or export the file again")
    separator = max(SEPARATORS, key=lines[0].count)
    columns = next(csv.reader([lines[0]], delimiter=separator))
    rows = tuple(tuple(row) for row in csv.reader(lines[1:], delimiter=separator))
    cells = [cell for row in rows for cell in row]
    comma = separator != "," and any(re.fullmatch(r"\s*-?\d+,\d+\s*", cell) for cell in cells)
    padded = any(cell != cell.strip() and cell.strip() in MISSING for cell in cells)
    names = tuple(name.strip().strip('"') for name in columns)
    return Dialect(names, separator, "," if comma else ".", padded, rows)


def code_type(known: Dialect, headings: Sequence[str]) -> str:
    """Return the DuckDB type of columns of country codes: numbers, or text where a letter shows up.

    Examples
    --------
    >>> code_type(Dialect(("i", "v"), sample=(("251", "1.5"), ("842", "2.5"))), ["i"])
    'INTEGER'
    >>> code_type(Dialect(("i", "v"), sample=(("S19", "1.5"),)), ["i"])
    'VARCHAR'
    """
    places = [place for place, name in enumerate(known.columns) if name.casefold() in headings]
    cells = [row[place].strip() for row in known.sample for place in places if place < len(row)]
    return "INTEGER" if all(cell.isdigit() or not cell for cell in cells) else "VARCHAR"


def _text(path: Path, head: bytes) -> str:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:1024]:
        raise DataError(
            f"{path.name} is not text in UTF-8", hint="export it as CSV in UTF-8; UTF-16 is not read"
        )
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The sample may end within a character.
        if len(head) < SAMPLE or error.start < len(head) - 4:
            raise DataError(
                f"{path.name} is not text in UTF-8: byte {error.start + 1}", hint="export it as CSV in UTF-8"
            ) from None
        text = head[: error.start].decode("utf-8-sig")
    if text.lstrip()[:15].casefold().startswith(("<!doctype", "<html")):
        raise DataError(f"{path.name} is a web page, not a table", hint="the address may have moved")
    return text


@dataclass(frozen=True)
class Staged:
    """A text table in the engine's memory.

    Attributes
    ----------
    table : str
        Name of the temporary table: the columns asked for, under the names given.
    rejects : str
        Name of the temporary table of lines that are no rows: ``reason``, ``line``, ``row``.
    rows : int
        Lines that became rows.
    notes : tuple of str
        What was odd about the file, in words.
    """

    table: str
    rejects: str
    rows: int
    notes: tuple[str, ...]


def stage(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    columns: Mapping[str, str],
    *,
    names: Mapping[str, str] | None = None,
    table: str = "staged",
    what: str = "",
    missing: Sequence[str] = MISSING,
) -> Staged:
    """Read a text table once into the engine; what does not fit to its columns is set aside with a reason.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    path : Path
        The file, plain or compressed by gzip or zstd.
    columns : mapping
        DuckDB type by column name in the staged table. Codes are VARCHAR, so that leading zeros stay.
    names : mapping, optional
        Heading in the file by column name, where it differs; capitals do not matter.
    table : str
        Name of the temporary table, replaced if it is there.
    what : str
        What messages call the file; its name if left out.
    missing : sequence of str
        Marks of missing cells; without NA where two letters stand for a country, since Namibia is one.

    Returns
    -------
    Staged

    Raises
    ------
    DataError
        If a column is missing, or the file cannot be read as a table at all.
    """
    known = dialect(path)
    where = what or path.name
    headings = {column: (names or {}).get(column, column) for column in columns}
    places = _places(where, known.columns, headings)
    types = {f"c{place}": "VARCHAR" for place in range(len(known.columns))}
    types |= {f"c{places[column]}": kind for column, kind in columns.items()}
    chosen = ", ".join(f'c{places[column]} AS "{column}"' for column in columns)
    try:
        _load(connection, path, known, types, chosen, table, missing, padded=known.padded)
        if not known.padded and _has_padded(connection):
            _load(connection, path, known, types, chosen, table, missing, padded=True)
    except duckdb.Error as error:
        if isinstance(error, duckdb.OutOfMemoryException) or "No space left" in str(error):
            raise StoreError.disk_full("the temporary folder") from error
        raise DataError(f"{where} cannot be read as a table: {str(error).splitlines()[0]}") from error
    rejects = f"{table}_lines"
    _keep_rejects(connection, rejects, known.columns)
    rows = connection.table(table).shape[0]
    return Staged(table, rejects, rows, _notes(known, set(places.values())))


def _places(where: str, found: Sequence[str], headings: Mapping[str, str]) -> dict[str, int]:
    by_fold: dict[str, int] = {}
    for place, name in enumerate(found):
        by_fold.setdefault(name.casefold(), place)
    missing = [heading for heading in headings.values() if heading.casefold() not in by_fold]
    if missing:
        raise DataError.missing_columns(where, missing, found)
    return {column: by_fold[heading.casefold()] for column, heading in headings.items()}


def _load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    known: Dialect,
    types: Mapping[str, str],
    chosen: str,
    table: str,
    missing: Sequence[str],
    *,
    padded: bool,
) -> None:
    marks = list(missing)
    if padded:
        marks += [" " * width + mark for width in range(1, WIDEST + 1) for mark in ("", "NA")]
    connection.execute("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")
    connection.execute(
        f'CREATE OR REPLACE TEMP TABLE "{table}" AS SELECT {chosen} FROM read_csv(?, columns = ?, '
        "delim = ?, decimal_separator = ?, nullstr = ?, header = true, auto_detect = false, quote = '\"', "
        "store_rejects = true, rejects_limit = 0)",
        [str(path), dict(types), known.separator, known.decimal, marks],
    )


def _has_padded(connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(
        "SELECT 1 FROM reject_errors WHERE regexp_matches(error_message, 'string \"\\s+(NA)?\" to') LIMIT 1"
    ).fetchall()
    return bool(found)


def _keep_rejects(connection: duckdb.DuckDBPyConnection, name: str, columns: Sequence[str]) -> None:
    """Keep the lines that DuckDB set aside, one row a line, with the first fault of each in words."""
    headings = ", ".join("'" + column.replace("'", "''") + "'" for column in columns)
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE "{name}" AS
        SELECT CASE first(error_type)
                 WHEN 'CAST' THEN 'no number in column ' || first(
                     coalesce(list_extract([{headings}], CAST(column_idx AS INTEGER)), column_name))
                 WHEN 'MISSING COLUMNS' THEN 'the line is too short'
                 WHEN 'TOO MANY COLUMNS' THEN 'the line is too long'
                 ELSE lower(first(CAST(error_type AS VARCHAR))) END AS reason,
               CAST(line AS BIGINT) AS line, trim(first(csv_line), E' \\n\\r') AS "row"
        FROM (FROM reject_errors ORDER BY line, column_idx) GROUP BY line ORDER BY line"""
    )


def _notes(known: Dialect, used: set[int]) -> tuple[str, ...]:
    notes = []
    if known.separator != "," or known.decimal != ".":
        sign = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}[known.separator]
        decimal = ", decimal comma" if known.decimal == "," else ""
        notes.append(f"The file is separated by {sign}{decimal}; it was read so.")
    extra = [name for place, name in enumerate(known.columns) if place not in used]
    if extra:
        notes.append(f"Columns not read: {', '.join(extra)}.")
    return tuple(notes)
