"""The programme register: what technoparks were to reach by year, and what they reached."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import StringIO
from math import isfinite
from pathlib import Path
from typing import Any, Literal

from entrepot.errors import DataError, InputError

COLUMNS = ("park", "cluster", "indicator", "unit", "year", "target", "actual", "reported", "note")
NEEDED = ("park", "indicator", "year", "target")
Status = Literal["met", "missed", "not reported", "ahead"]
Change = Literal["new", "gone", "same", "actual changed", "target changed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One target: an indicator of one park in one year.

    Attributes
    ----------
    park : str
        Name of the park.
    cluster : str
        What it is about, in the user's words; may be empty.
    indicator : str
        What is counted: tenants, residents, jobs, exports ...
    unit : str
        Unit of target and actual; may be empty for counts.
    year : int
    target : float
    actual : float or None
        None = not reported yet, never zero.
    reported : str
        Where the actual was read; may be empty.
    note : str
    """

    park: str
    cluster: str
    indicator: str
    unit: str
    year: int
    target: float
    actual: float | None
    reported: str = ""
    note: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes the row the same row in another register."""
        return (self.park, self.indicator, self.year)


@dataclass(frozen=True, slots=True)
class Register:
    """The entries of a register, in file order.

    Attributes
    ----------
    entries : tuple of Entry
    """

    entries: tuple[Entry, ...]

    @property
    def as_of(self) -> int:
        """The last year for which anything is reported; the year before the first target if nothing is."""
        seen = [entry.year for entry in self.entries if entry.actual is not None]
        return max(seen, default=min((entry.year for entry in self.entries), default=1) - 1)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return the entries as plain values, as a manifest keeps them."""
        return [asdict(entry) for entry in self.entries]


@dataclass(frozen=True, slots=True)
class Progress:
    """How one target stands, and what changed since an earlier register.

    Attributes
    ----------
    entry : Entry
        As it stands now; of the earlier register where it is gone.
    status : {"met", "missed", "not reported", "ahead"}
        ``ahead``: its year is not over.
    change : {"new", "gone", "same", "actual changed", "target changed"}
        ``new`` for every entry where there is no earlier register.
    before : float or None
        The actual of the earlier register.
    target_before : float or None
        The target of the earlier register.
    """

    entry: Entry
    status: Status
    change: Change
    before: float | None
    target_before: float | None


def read_register(path: str | Path) -> Register:
    """Read a register from CSV; every fault names its line and column.

    Parameters
    ----------
    path : path
        UTF-8, commas, a header line. Columns ``park``, ``indicator``, ``year`` and ``target`` are needed;
        ``cluster``, ``unit``, ``actual``, ``reported`` and ``note`` may be left out. See
        docs/programme-format.md.

    Raises
    ------
    InputError
        If the file cannot be read.
    DataError
        If a column is missing, unknown or double, a cell cannot be read, or two rows are for the same target.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read the register {file}: {error}",
            hint="give a CSV file in UTF-8, see docs/programme-format.md",
        ) from None
    lines = csv.reader(StringIO(text, newline=""))
    head = [name.strip() for name in next(lines, [])]
    _check_head(file, head)
    entries: list[Entry] = []
    first: dict[tuple[str, str, int], int] = {}
    for cells in lines:
        number = lines.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(head):
            raise DataError.bad_row(
                file, number, head[min(len(cells), len(head) - 1)],
                f"the line has {len(cells)} cells, the header {len(head)}",
                hint="put text with commas in double quotes",
            )  # fmt: skip
        entry = _entry(file, number, dict(zip(head, (cell.strip() for cell in cells), strict=True)))
        if entry.key in first:
            raise DataError.bad_row(
                file, number, "year", f"the same park, indicator and year stand in line {first[entry.key]}"
            )
        first[entry.key] = number
        entries.append(entry)
    if not entries:
        raise DataError.empty_selection(
            f"any target in {file}", hint="write one line per park, indicator and year"
        )
    return Register(tuple(entries))


def from_rows(rows: Sequence[Mapping[str, Any]]) -> Register:
    """Rebuild a register from the plain values of `Register.to_rows`.

    Raises
    ------
    DataError
        If a row is not one of a register.
    """
    try:
        return Register(tuple(Entry(**{name: row[name] for name in COLUMNS}) for row in rows))
    except (KeyError, TypeError) as error:
        raise DataError(f"the rows are not those of a programme register: {error}") from None


def _check_head(file: Path, head: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in head]
    if missing:
        raise DataError.missing_columns(file, missing, head or ["none"])
    for place, name in enumerate(head):
        if name not in COLUMNS or name in head[:place]:
            fault = "unknown" if name not in COLUMNS else "double"
            raise DataError.bad_row(file, 1, name, f"{fault} column", hint=f"columns: {', '.join(COLUMNS)}")


def _entry(file: Path, number: int, row: Mapping[str, str]) -> Entry:
    for name in NEEDED:
        if not row[name]:
            raise DataError.bad_row(file, number, name, "is empty")
    year = row["year"]
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        raise DataError.bad_row(file, number, "year", f"'{year}' is no year, write it as 2027")
    target = _number(file, number, "target", row["target"])
    actual = row.get("actual", "")
    return Entry(
        park=row["park"],
        cluster=row.get("cluster", ""),
        indicator=row["indicator"].casefold(),
        unit=row.get("unit", ""),
        year=int(year),
        target=target,
        actual=_number(file, number, "actual", actual) if actual else None,
        reported=row.get("reported", ""),
        note=row.get("note", ""),
    )


def _number(file: Path, number: int, column: str, cell: str) -> float:
    try:
        # Python reads 1_000 as a number; a separator is what the format does not have.
        value = float(cell.replace("_", " "))
    except ValueError:
        raise DataError.bad_row(
            file,
            number,
            column,
            f"'{cell}' is not a number",
            hint="no thousands separator, a point for decimals",
        ) from None
    if not (isfinite(value) and value >= 0):
        raise DataError.bad_row(file, number, column, f"'{cell}' must be a finite number of zero or more")
    return value


def progress(
    register: Register, earlier: Register | None = None, *, as_of: int | None = None
) -> tuple[Progress, ...]:
    """Compare a register with its targets, and with an earlier state of itself.

    Parameters
    ----------
    register : Register
    earlier : Register, optional
        The register of the last brief.
    as_of : int, optional
        Last year that is over; by default the last one for which anything is reported.

    Returns
    -------
    tuple of Progress
        One per target in file order, then those that are gone.

    Examples
    --------
    >>> then = Register((Entry("North", "", "tenants", "", 2026, 10, None),))
    >>> now = Register((Entry("North", "", "tenants", "", 2026, 10, 12.0),))
    >>> [(row.status, row.change) for row in progress(now, then)]
    [('met', 'actual changed')]
    """
    over = register.as_of if as_of is None else as_of
    old = {} if earlier is None else {entry.key: entry for entry in earlier.entries}
    rows = [
        Progress(entry, _status(entry, over), _change(entry, before), *_numbers(before))
        for entry in register.entries
        for before in [old.get(entry.key)]
    ]
    kept = {entry.key for entry in register.entries}
    gone = [entry for key, entry in old.items() if key not in kept]
    rows += [Progress(entry, _status(entry, over), "gone", *_numbers(entry)) for entry in gone]
    return tuple(rows)


def _numbers(before: Entry | None) -> tuple[float | None, float | None]:
    return (None, None) if before is None else (before.actual, before.target)


def _status(entry: Entry, over: int) -> Status:
    if entry.actual is not None and entry.actual >= entry.target:
        return "met"
    if entry.year > over:
        return "ahead"
    return "not reported" if entry.actual is None else "missed"


def _change(entry: Entry, before: Entry | None) -> Change:
    if before is None:
        return "new"
    # A target that moved says more than the actual that moved with it.
    if entry.target != before.target:
        return "target changed"
    return "same" if entry.actual == before.actual else "actual changed"


def summary(rows: Sequence[Progress]) -> str:
    """Say in one sentence how the targets stand.

    Examples
    --------
    >>> summary(progress(Register((Entry("North", "", "tenants", "", 2026, 10, 12.0),))))
    'Of 1 target of the programme 1 is met.'
    """
    live = [row for row in rows if row.change != "gone"]
    counts = {
        "met": "is met,are met",
        "missed": "is missed,are missed",
        "not reported": "is not reported,are not reported",
        "ahead": "lies ahead,lie ahead",
    }
    parts = []
    for status, forms in counts.items():
        number = sum(row.status == status for row in live)
        if number:
            parts.append(f"{number} {forms.split(',')[number > 1]}")
    noun = "target" if len(live) == 1 else "targets"
    told = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
    return f"Of {len(live)} {noun} of the programme {told}."
