"""Reading of the small data files that ship with ``entrepot.world``."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import date
from importlib.resources import files


def read_rows(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one CSV file of ``world/data`` (plain or gzip) as dictionaries of text."""
    raw = (files("entrepot.world") / "data" / name).read_bytes()
    if name.endswith(".gz"):
        raw = gzip.decompress(raw)
    yield from csv.DictReader(io.StringIO(raw.decode("utf-8"), newline=""))


def read_date(text: str) -> date | None:
    """Return the calendar date of an ISO text; an empty text is an open end."""
    return date.fromisoformat(text) if text else None


def read_year(text: str) -> int | None:
    """Return the year of a text; an empty text is an open end."""
    return int(text) if text else None
