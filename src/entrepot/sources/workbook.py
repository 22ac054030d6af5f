"""Sheets of workbooks (.xlsx, .xls, .ods) as text tables, so that what reads CSV reads them too."""

from __future__ import annotations

import contextlib
import csv
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from entrepot.errors import DataError, InputError
from entrepot.sources.scratch import scratch

ENDINGS = (".xlsx", ".xlsm", ".xls", ".ods")
# First bytes of a zip archive (.xlsx, .ods) and of a compound file (.xls).
SIGNATURES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
# Above this a number no longer holds every digit, and is no code.
EXACT = 2**53


def is_workbook(path: Path) -> bool:
    """Tell from the first bytes whether a file is a workbook rather than text."""
    with path.open("rb") as file:
        return file.read(4) in SIGNATURES


def sheets(path: Path) -> tuple[str, ...]:
    """Return the names of the sheets, in the order of the workbook.

    Raises
    ------
    DataError
        If the file is no workbook, is damaged, or asks for a password.
    """
    with _opened(path) as book:
        return tuple(book.sheet_names)


def rows(path: Path, sheet: str = "", first: int | None = None) -> list[list[str]]:
    """Return rows of a sheet as text; empty rows are left out.

    Parameters
    ----------
    path : Path
    sheet : str
        Name of a sheet, capitals do not matter; the first one if left out.
    first : int, optional
        Only so many rows from the top.

    Raises
    ------
    DataError
        If the file is no workbook.
    InputError
        If it has no such sheet.
    """
    with _opened(path) as book:
        found = book.get_sheet_by_name(_sheet(path, book.sheet_names, sheet))
        return list(itertools.islice(_cells(found.to_python(skip_empty_area=False)), first))


@contextlib.contextmanager
def as_csv(path: Path, sheet: str = "", skip: int = 0) -> Iterator[Path]:
    """Give a sheet as a temporary CSV file in UTF-8, removed on leaving.

    Whole numbers are written without a point, so that codes stay codes; line breaks in a cell become spaces.

    Parameters
    ----------
    path : Path
    sheet : str
        Name of a sheet; the first one if left out.
    skip : int
        Rows above the headings, empty ones not counted.

    Raises
    ------
    DataError, InputError
        As `rows` does.
    """
    table = rows(path, sheet)[skip:]
    with scratch() as folder:
        target = folder / f"{path.stem}.csv"
        with target.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows(table)
        yield target


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import python_calamine as calamine

    try:
        with calamine.CalamineWorkbook.from_path(path) as book:
            yield book
    except calamine.PasswordError as error:
        raise DataError(f"{path.name} asks for a password", hint="save it without one") from error
    except (calamine.CalamineError, OSError) as error:
        raise DataError(
            f"{path.name} cannot be read as a workbook: {error}", hint="save the sheet as CSV in UTF-8"
        ) from error


def _sheet(path: Path, names: list[str], wanted: str) -> str:
    if not wanted:
        return names[0]
    by_fold = {name.casefold(): name for name in names}
    if wanted.casefold() not in by_fold:
        raise InputError.unknown("sheet", wanted, names, see=f"{path.name} has {', '.join(names)}")
    return by_fold[wanted.casefold()]


def _cells(table: Iterable[list[Any]]) -> Iterator[list[str]]:
    written = ([_text(cell) for cell in row] for row in table)
    return (row for row in written if any(row))


def _text(cell: object) -> str:
    """Return a cell as text.

    Examples
    --------
    >>> from datetime import date
    >>> [_text(cell) for cell in (10121.0, 0.25, "0101.21", date(2022, 1, 31), "")]
    ['10121', '0.25', '0101.21', '2022-01-31', '']
    """
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < EXACT:
        return str(int(cell))
    if isinstance(cell, str):
        return " ".join(cell.split())
    return str(cell)
