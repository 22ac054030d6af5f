"""Law as it is printed: the rows of schedules and annexes, before anybody says what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from entrepot.result import Source
from entrepot.sources.fetch import Remote


@dataclass(frozen=True)
class PrintedRow:
    """One row of a schedule or annex.

    Attributes
    ----------
    annex, part : str
        For example ``"Schedule 6"`` and ``"1"``.
    codes : str
        The cell of codes as printed.
    description, price : str
        Goods, and where there is one the maximum price, a bar and the heading of its column, as printed.
    valid_from, valid_from_earliest, valid_to : date or None
        See docs/measures-format.md; all None where the text does not tell.
    date_precision : {"", "exact", "latest", "observed"}
    observed_on : date or None
    """

    annex: str
    part: str
    codes: str
    description: str = ""
    price: str = ""
    valid_from: date | None = None
    valid_from_earliest: date | None = None
    valid_to: date | None = None
    date_precision: str = ""
    observed_on: date | None = None


@dataclass(frozen=True)
class PrintedList:
    """A schedule, annex or part of one, with what its text says about the measure; empty is not known.

    Attributes
    ----------
    annex, part, title : str
    provision, direction, kind, condition : str
        As in measure.csv.
    wind_down_to : date or None
    """

    annex: str
    part: str
    title: str
    provision: str = ""
    direction: str = ""
    kind: str = ""
    condition: str = ""
    wind_down_to: date | None = None


@dataclass(frozen=True)
class Refused:
    """A printed row that cannot be taken, with the reason."""

    reason: str
    annex: str
    row: str


@dataclass(frozen=True)
class PrintedLaw:
    """A legal text with its lists of goods.

    Attributes
    ----------
    instrument_id, sender, title, reference : str
    target : str
        ISO3 of the country that it is about; empty if the text does not tell.
    nomenclature, finer : str
        Nomenclature of the codes, and that of codes beyond six digits.
    adopted, as_of : date
    source : Source
    note : str
    lists : tuple of PrintedList
    rows : tuple of PrintedRow
    refused : tuple of Refused
    texts : tuple of (str, str)
        Name and sha256 of the files read.
    """

    instrument_id: str
    sender: str
    title: str
    reference: str
    target: str
    nomenclature: str
    finer: str
    adopted: date
    as_of: date
    source: Source
    note: str
    lists: tuple[PrintedList, ...]
    rows: tuple[PrintedRow, ...]
    refused: tuple[Refused, ...] = ()
    texts: tuple[tuple[str, str], ...] = field(default=(), repr=False)


Read = Callable[[Sequence[Path]], PrintedLaw]


@dataclass(frozen=True)
class LawSource:
    """A publisher of law.

    Attributes
    ----------
    id : str
        The word for it on the command line.
    source : Source
    about : str
    base : str
        Address that the file names are added to; empty where a file must be given.
    redistributable : bool
    remotes : callable
        From a base to the files of one instrument; none where a file must be given.
    read : callable
        From the files of one instrument to its text.
    """

    id: str
    source: Source
    about: str
    base: str
    redistributable: bool
    remotes: Callable[[str, str], tuple[Remote, ...]] = field(repr=False)
    read: Read = field(repr=False)
    instruments: tuple[str, ...] = ()
