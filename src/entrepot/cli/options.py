"""Options that several commands share, and words on the command line read as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from entrepot.errors import InputError

StorePath = Annotated[
    Path | None,
    Parameter(
        name="--store", env_var="ENTREPOT_STORE", help="Folder of a store; the embedded pack if left out."
    ),
]
Out = Annotated[Path | None, Parameter(name=["--out", "-o"])]


@Parameter(name="*")
@dataclass(frozen=True)
class Shown:
    """How an answer is shown: options that every question has."""

    lang: Annotated[str, Parameter(help="Language of country names, for example ru.")] = "en"
    out: Annotated[
        Path | None,
        Parameter(name=["--out", "-o"], help="Write to this file: .csv, .parquet, .json, .html or .tex."),
    ] = None
    part: Annotated[
        str | None, Parameter(help="Print or write one of the further tables that the answer names.")
    ] = None
    all_rows: Annotated[bool, Parameter(help="Print every row.")] = False
    store: StorePath = None


def periods(text: str | None) -> Sequence[int | str] | None:
    """Read years as FIRST:LAST, or days and years separated by commas."""
    if text is None:
        return None
    if ":" not in text:
        return [int(word) if word.isdigit() else word for word in text.split(",")]
    first, _, last = text.partition(":")
    if not (first.isdigit() and last.isdigit()):
        raise InputError(
            f"'{text}' is not a span of years", hint="write it as FIRST:LAST, for example 2020:2025"
        )
    if int(first) > int(last):
        raise InputError.bad_window(first, last)
    return int(first), int(last)


def numbers(text: str | None) -> list[float] | None:
    """Read numbers separated by commas."""
    if text is None:
        return None
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise InputError(f"'{text}' is no list of numbers", hint="for example --theta 3,5,8") from None


def words(text: str | None) -> list[str]:
    """Read words separated by commas."""
    return [word.strip() for word in text.split(",")] if text else []


def day(text: str | None) -> date:
    """Read a day as YYYY-MM-DD; today if left out."""
    if text is None:
        return date.today()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError.bad_date(text) from None
