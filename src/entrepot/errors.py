"""Errors with a message that says what is wrong and a hint that says what to do.

Each error is built by a named constructor, so that every place that meets the same fault says the same
words. ``exit_code`` is what the command line returns: 2 where the user's words are at fault, 1 where the
data say no.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import ClassVar, Self


class EntrepotError(Exception):
    """Base of all errors that entrepot raises on purpose.

    Parameters
    ----------
    message : str
        One line: what is wrong, naming the row, column, file or word.
    hint : str, optional
        One line: what to do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message} (hint: {self.hint})"


def did_you_mean(word: str, known: Iterable[str], *, n: int = 3) -> str | None:
    """Return ``did you mean 'a' or 'b'?`` for the known words nearest to ``word``, or None."""
    by_fold = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold(), list(by_fold), n=n, cutoff=0.6)
    if not near:
        return None
    return "did you mean " + " or ".join(f"'{by_fold[name]}'" for name in near) + "?"


class InputError(EntrepotError):
    """The caller's words cannot be understood: unknown name, wrong option, contradictory request."""

    exit_code: ClassVar[int] = 2

    @classmethod
    def unknown(cls, what: str, word: str, known: Sequence[str], *, see: str | None = None) -> Self:
        """Build the error for a name that is not in a known list, with the nearest names as hint."""
        return cls(f"unknown {what} '{word}'", hint=did_you_mean(word, known) or see)

    @classmethod
    def bad_option(cls, option: str, value: object, allowed: Sequence[object]) -> Self:
        """Build the error for an option value outside its allowed values."""
        listed = ", ".join(str(item) for item in allowed)
        return cls(f"{option} cannot be '{value}'", hint=f"use one of: {listed}")

    @classmethod
    def bad_date(cls, value: object) -> Self:
        """Build the error for a text that is no calendar date."""
        return cls(f"'{value}' is not a date", hint="write it as YYYY-MM-DD, for example 2022-12-31")

    @classmethod
    def in_file(cls, file: object, line: int, reason: str, *, hint: str | None = None) -> Self:
        """Build the error for a fault at a line of a file that the user wrote; the first line is 1."""
        return cls(f"{file}, line {line}: {reason}", hint=hint)

    @classmethod
    def in_formula(cls, formula: str, position: int, reason: str, *, hint: str | None = None) -> Self:
        """Build the error for a regression formula that cannot be read; the first character is 1."""
        place = f"{formula[: position - 1]} >>> {formula[position - 1 :]}".strip()
        return cls(f"formula, position {position}: {reason}", hint=hint or f"here: {place}")

    @classmethod
    def bad_window(cls, since: object, until: object) -> Self:
        """Build the error for a window that ends before it begins."""
        return cls(f"the window {since} to {until} ends before it begins", hint="swap since and until")


class DataError(EntrepotError):
    """The data say no: nothing selected, a broken row, a value out of range."""

    @classmethod
    def empty_selection(cls, what: str, *, hint: str) -> Self:
        """Build the error for a selection that matches no row."""
        return cls(f"no data for {what}", hint=hint)

    @classmethod
    def bad_row(cls, file: object, row: int, column: str, reason: str, *, hint: str | None = None) -> Self:
        """Build the error for one faulty cell; ``row`` is the line number in the file, header = 1."""
        return cls(f"{file}, line {row}, column '{column}': {reason}", hint=hint)

    @classmethod
    def bad_cell(cls, table: str, row: int, column: str, reason: str, *, hint: str | None = None) -> Self:
        """Build the error for one faulty cell of a table in memory; the first row is row 1."""
        return cls(f"table '{table}', row {row}, column '{column}': {reason}", hint=hint)

    @classmethod
    def group_failed(cls, failure: str, count: int) -> Self:
        """Build the error for a function that fails on one group of rows, or on more."""
        others = f", and {count - 1} more" if count > 1 else ""
        return cls(f"{failure}{others}", hint="leave it out, or run it by itself to see where it fails")

    @classmethod
    def group_reports(cls, table: str, codes: Sequence[str]) -> Self:
        """Build the error for a table in which something that is no country reports trade."""
        return cls(
            f"table '{table}' lists {', '.join(codes[:6])} as reporting, which is no country",
            hint="a group beside its members counts their trade twice: drop its rows",
        )

    @classmethod
    def missing_values(cls, counts: Mapping[str, int]) -> Self:
        """Build the error for a regression on columns with missing values, with their counts."""
        words = ", ".join(f"{name} ({count} row{'s' if count > 1 else ''})" for name, count in counts.items())
        return cls(
            f"missing values in {words}",
            hint='leave these rows out with missing="drop", or fill them in; missing trade is not zero trade',
        )

    @classmethod
    def unidentified(cls, reasons: Mapping[str, str]) -> Self:
        """Build the error for terms of a regression whose coefficients the data cannot tell."""
        words = "; ".join(f"'{term}' is {reason}" for term, reason in reasons.items())
        return cls(
            f"no coefficient for {len(reasons)} term{'s' if len(reasons) > 1 else ''}: {words}",
            hint='take them out of the formula, or let them be dropped with unidentified="drop"',
        )

    @classmethod
    def extra_columns(cls, table: str, extra: Sequence[str], known: Sequence[str]) -> Self:
        """Build the error for columns that a core table does not have, or has once."""
        return cls(
            f"table '{table}' cannot have the column{'s' if len(extra) > 1 else ''} {', '.join(extra)}",
            hint=f"its columns are: {', '.join(known)}; drop the others or use another name",
        )

    @classmethod
    def wrong_type(cls, table: str, column: str, needed: str, found: str) -> Self:
        """Build the error for a column that cannot become the type it must have."""
        return cls(
            f"table '{table}', column '{column}': needs {needed}, found {found}",
            hint="codes are text with leading zeros; values and years are numbers",
        )

    @classmethod
    def duplicate_key(cls, table: str, first: int, second: int, key: Mapping[str, object]) -> Self:
        """Build the error for two rows that describe the same thing; the first row is row 1."""
        words = ", ".join(f"{name} {value}" for name, value in key.items())
        return cls(
            f"table '{table}', rows {first} and {second} are both for {words}",
            hint="add them up if both count, or drop one",
        )

    @classmethod
    def missing_columns(cls, file: object, missing: Sequence[str], found: Sequence[str]) -> Self:
        """Build the error for a table that lacks columns."""
        return cls(
            f"{file} lacks the column{'s' if len(missing) > 1 else ''} {', '.join(missing)}",
            hint=f"columns found: {', '.join(found)}",
        )

    @classmethod
    def not_a_manifest(cls, file: object, reason: str) -> Self:
        """Build the error for a file that should be the manifest of a brief and is not."""
        return cls(
            f"{file} is not the manifest of a brief: {reason}",
            hint="give the *.manifest.json written beside the brief",
        )

    @classmethod
    def other_revision(cls, table: str, held: object, new: object) -> Self:
        """Build the error for years in another revision of the product codes than the table has."""
        return cls(
            f"table '{table}' is in {held}, the new years are in {new}",
            hint="one table has one revision: convert the years, or write them under another name",
        )

    @classmethod
    def cannot_convert(cls, reason: str) -> Self:
        """Build the error for a cell that is not of the type of its column."""
        return cls(f"a cell is not of its column's type: {reason}", hint="mend the cell in the file")


class StoreError(EntrepotError):
    """A store cannot be opened, read or written."""

    @classmethod
    def not_a_store(cls, path: object) -> Self:
        """Build the error for a folder without a manifest."""
        return cls(
            f"{path} is not an entrepot store: it has no manifest.json",
            hint="give the folder that a store was written to, or no path for the embedded pack",
        )

    @classmethod
    def no_table(cls, name: str, path: object, found: Sequence[str]) -> Self:
        """Build the error for a table that the store does not hold."""
        return cls(f"the store {path} has no table '{name}'", hint=f"it has: {', '.join(found) or 'none'}")

    @classmethod
    def corrupt(cls, file: object, reason: str) -> Self:
        """Build the error for a file whose content is not what the manifest says."""
        return cls(
            f"{file} is damaged: {reason}",
            hint="fetch or write the table again; the other tables are not affected",
        )

    @classmethod
    def disk_full(cls, path: object) -> Self:
        """Build the error for a write that ran out of space; what was there before is untouched."""
        return cls(
            f"no space left to write {path}",
            hint="free some disk space and write again; what the store held before is untouched",
        )

    @classmethod
    def from_system(cls, path: object, error: OSError) -> Self:
        """Build the error for a write that the system refused: no room, or another reason."""
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            return cls.disk_full(path)
        return cls.cannot_write(path, error.strerror or str(error))

    @classmethod
    def bad_manifest(cls, path: object, reason: str) -> Self:
        """Build the error for a manifest that cannot be understood."""
        return cls(
            f"{path} is not a manifest that entrepot understands: {reason}",
            hint="restore the file, or write the tables again into a new store",
        )

    @classmethod
    def newer_format(cls, path: object, found: int, known: int) -> Self:
        """Build the error for a store written by a later version."""
        return cls(f"{path} has format {found}; this version reads up to {known}", hint="upgrade entrepot")

    @classmethod
    def years_overlap(cls, table: str, held: object, new: object) -> Self:
        """Build the error for years that a table holds in one file together with others."""
        return cls(
            f"table '{table}' holds the years {held} in one file; {new} cannot replace a part of it",
            hint="write the whole table again, or all its years",
        )

    @classmethod
    def not_empty(cls, path: object) -> Self:
        """Build the error for a new store in a folder that already holds something."""
        return cls(f"{path} is not empty, so no store is made there", hint="give a new or empty folder")

    @classmethod
    def read_only(cls, path: object) -> Self:
        """Build the error for a write into the pack that comes with the package."""
        return cls(
            f"the embedded pack {path} cannot be written to",
            hint="make a store of your own with Store.create(path)",
        )

    @classmethod
    def locked(cls, path: object) -> Self:
        """Build the error for a second writer."""
        return cls(f"another process is writing to the store {path}", hint="try again when it is done")

    @classmethod
    def unseen_by_workers(cls) -> Self:
        """Build the error for a cluster whose workers do not see the store."""
        return cls(
            "a worker of the cluster does not find a file of the store",
            hint="put the store on a file system that all workers mount at the same path",
        )

    @classmethod
    def module_unknown_to_workers(cls, module: str) -> Self:
        """Build the error for a cluster whose workers lack a package that a function needs."""
        return cls(
            f"a worker of the cluster has no module '{module}'",
            hint="install entrepot in the Python of the workers, or send an environment with "
            "spark.archives: see docs/spark.md",
        )

    @classmethod
    def cannot_read(cls, path: object, reason: str) -> Self:
        """Build the error for a file that the system refuses to read."""
        return cls(f"cannot read {path}: {reason}", hint="check the path and the permissions")

    @classmethod
    def cannot_write(cls, path: object, reason: str) -> Self:
        """Build the error for a file that cannot be written."""
        return cls(f"cannot write {path}: {reason}", hint="choose another place with --out")


class SourceError(EntrepotError):
    """A public file cannot be fetched, or is not what it should be.

    Attributes
    ----------
    status : int, optional
        What the server answered, where that is the reason.
    """

    status: int | None = None

    @classmethod
    def not_found(cls, url: str, status: int) -> Self:
        """Build the error for a file that the server does not have or does not give."""
        error = cls(
            f"{url} cannot be fetched: the server answers {status}",
            hint="the release may have moved: see 'entrepot data list' for its page, or set ENTREPOT_MIRROR",
        )
        error.status = status
        return error

    @classmethod
    def refused(cls, url: str, status: int) -> Self:
        """Build the error for a file that needs a key or a right that the caller does not have."""
        error = cls(
            f"{url} is not given to us: the server answers {status}",
            hint="this source may need a key: see 'entrepot data list'",
        )
        error.status = status
        return error

    @classmethod
    def too_many_requests(cls, url: str, seconds: float) -> Self:
        """Build the error for a server that asks for a longer wait than is sensible."""
        return cls(
            f"{url}: the server asks to wait {seconds:.0f} seconds",
            hint="run the same command later; what has been fetched is kept",
        )

    @classmethod
    def broken_off(cls, url: str, reason: str) -> Self:
        """Build the error for a transfer that failed again and again."""
        return cls(
            f"{url} could not be fetched whole: {reason}",
            hint="run the same command again: it goes on where it stopped",
        )

    @classmethod
    def wrong_checksum(cls, url: str, found: str, expected: str) -> Self:
        """Build the error for a file that is not the one whose hash is known."""
        return cls(
            f"{url} is not the file that is expected: sha256 {found[:12]}... instead of {expected[:12]}...",
            hint="the publisher may have changed it: 'entrepot data get ... --again' takes the new file",
        )

    @classmethod
    def damaged(cls, file: object, reason: str) -> Self:
        """Build the error for a downloaded file that cannot be read."""
        return cls(f"{file} is damaged: {reason}", hint="it was not kept: run the same command again")

    @classmethod
    def not_in_archive(cls, file: object, wanted: str, found: Sequence[str]) -> Self:
        """Build the error for an archive without the files that are looked for."""
        return cls(f"{file} holds no {wanted}", hint=f"it holds: {', '.join(found) or 'nothing'}")

    @classmethod
    def busy(cls, file: object) -> Self:
        """Build the error for a file that another process is fetching."""
        return cls(f"another process is fetching {file}", hint="try again when it is done")
