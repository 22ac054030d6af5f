"""Stata files of releases 117 to 119 (Stata 13 and later), read without Stata.

Format as StataCorp documents it (``help dta``): tagged sections whose places stand in a map, and records of
fixed width. Long strings (strL) and files written on big-endian machines are not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError

HEAD = re.compile(rb"<stata_dta><header><release>(11[789])</release><byteorder>(LSF|MSF)</byteorder><K>")
NUMBERS = {65526: "<f8", 65527: "<f4", 65528: "<i4", 65529: "<i2", 65530: "i1"}
LONGEST_TEXT = 2045
# Values from here on stand for missing ones, '.' and '.a' to '.z'.
MISSING = 2.0**1023
NAME_WIDTH = {117: 33, 118: 129, 119: 129}


@dataclass(frozen=True)
class StataFile:
    """Columns of a Stata file.

    Attributes
    ----------
    names : tuple of str
        In their order.
    records : structured ndarray, shape (N,)
        One field a column, by name, mapped from the file.
    """

    names: tuple[str, ...]
    records: NDArray[Any]

    def text(self, name: str) -> list[str]:
        """Return a column of text."""
        return [cell.split(b"\0", 1)[0].decode("utf-8", "replace") for cell in self.records[name].tolist()]

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column of doubles, missing ones as not a number."""
        column = self.records[name].astype(np.float64)
        column[np.abs(column) >= MISSING] = np.nan
        return column


def read_stata(path: Path) -> StataFile:
    """Open a Stata file; its records stay on disk until they are used.

    Parameters
    ----------
    path : Path

    Returns
    -------
    StataFile

    Raises
    ------
    DataError
        If it is no such file, is cut, or has columns that are not read.
    """
    content = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)
    head = HEAD.match(content[:100].tobytes())
    if head is None or head[2] != b"LSF":
        raise DataError(f"{path.name} is no Stata file of release 117 to 119", hint="fetch the file again")
    release, start = int(head[1]), head.end()
    wide = 4 if release == 119 else 2
    count = int.from_bytes(content[start : start + wide].tobytes(), "little")
    start += wide + len(b"</K><N>")
    size = 4 if release == 117 else 8
    rows = int.from_bytes(content[start : start + size].tobytes(), "little")
    places = _map(path, content)
    types = _section(content, places[2], b"<variable_types>", np.dtype("<u2"), count)
    names = _section(content, places[3], b"<varnames>", np.dtype(f"S{NAME_WIDTH[release]}"), count)
    words = tuple(bytes(name).split(b"\0", 1)[0].decode("utf-8", "replace") for name in names.tolist())
    record = np.dtype([(word, _field(path, int(kind))) for word, kind in zip(words, types, strict=True)])
    begin = places[9] + len(b"<data>")
    if begin + rows * record.itemsize > len(content):
        raise DataError(f"{path.name} is cut: it should hold {rows} records", hint="fetch the file again")
    return StataFile(words, np.ndarray((rows,), record, content, begin))


def _map(path: Path, content: NDArray[np.uint8]) -> list[int]:
    """Return where the 14 sections begin."""
    found = content[:4096].tobytes().find(b"<map>")
    if found < 0 or found + 5 + 14 * 8 > len(content):
        raise DataError(f"{path.name} is cut: it has no map of its sections", hint="fetch the file again")
    places = np.frombuffer(content[found + 5 : found + 5 + 14 * 8].tobytes(), "<u8").tolist()
    if places[3] > len(content) or places[9] > len(content):
        raise DataError(f"{path.name} is cut: it has {len(content)} bytes", hint="fetch the file again")
    return [int(place) for place in places]


def _section(
    content: NDArray[np.uint8], place: int, tag: bytes, kind: np.dtype[Any], count: int
) -> NDArray[Any]:
    begin = place + len(tag)
    return np.frombuffer(content[begin : begin + count * kind.itemsize].tobytes(), kind)


def _field(path: Path, kind: int) -> str:
    if kind in NUMBERS:
        return NUMBERS[kind]
    if not 0 < kind <= LONGEST_TEXT:
        raise DataError(f"{path.name} has a column of Stata type {kind}, which is not read")
    return f"S{kind}"
