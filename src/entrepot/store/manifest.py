"""The manifest of a store: which files hold which table, their hashes, sources and what is known about them.

The manifest alone says what is valid. A file it does not name is debris of an interrupted write and is
swept later; a file it names must exist with the stated size and hash.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from entrepot.errors import StoreError
from entrepot.result import Source
from entrepot.store import files

FILE = "manifest.json"
FORMAT = 2
PART_KEYS = ("file", "rows", "bytes", "sha256", "years")
NAME = r"^[a-z][a-z0-9_]{0,62}$"


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of a table.

    Attributes
    ----------
    file : str
        File name inside the store; it ends in the first 12 digits of the content's hash.
    rows, bytes : int
        Number of rows, and size of the file.
    sha256 : str
        Hash of the file.
    years : tuple of int or None
        First and last year of the column ``year``; None where there is no such column or no row.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    file: Annotated[str, Field(pattern=files.TABLE_FILE)]
    rows: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=1)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    years: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class TableInfo:
    """What the manifest says about one table.

    Attributes
    ----------
    name : str
        Name of the table.
    parts : tuple of Part
        The files that hold its rows: one for all, or one for each year or span of years, in their order.
    revision : str or None
        Revision of the product codes, for example ``"HS1992"``; None where there are none.
    sources : tuple of Source
        Every source the table rests on.
    notes : tuple of str
        What a reader must know: coverage, thresholds, what the source lost.
    holds : str
        What the rows are about, in words that fit into a sentence, for example ``"raw materials"``.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=NAME)]
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]
    revision: str | None = None
    sources: tuple[Source, ...] = ()
    notes: tuple[str, ...] = ()
    holds: str = ""

    @property
    def rows(self) -> int:
        """Number of rows in all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(part.bytes for part in self.parts)

    @property
    def years(self) -> tuple[int, int] | None:
        """First and last year of the column ``year``; None where there is no such column or no row."""
        known = [part.years for part in self.parts if part.years]
        return (min(low for low, _ in known), max(high for _, high in known)) if known else None

    @property
    def sha256(self) -> str:
        """Hash of the file; of the hashes of the files, one a line, where there are several."""
        if len(self.parts) == 1:
            return self.parts[0].sha256
        return hashlib.sha256("\n".join(part.sha256 for part in self.parts).encode()).hexdigest()

    def with_part(self, part: Part) -> TableInfo:
        """Return the table with a part added, in the place of those whose years it covers.

        Raises
        ------
        StoreError
            If a part of the table holds these years and others, or a part holds no years at all.
        """
        kept = [old for old in self.parts if not _covered(old, part)]
        for old in kept:
            if old.years is None or part.years is None or _overlap(old.years, part.years):
                raise StoreError.years_overlap(self.name, old.years, part.years)
        return replace(self, parts=tuple(sorted([*kept, part], key=lambda p: p.years or (0, 0))))


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def _covered(old: Part, new: Part) -> bool:
    if old.years is None or new.years is None:
        return old.years == new.years
    return new.years[0] <= old.years[0] and old.years[1] <= new.years[1]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The tables of a store by name, and the format of the manifest itself."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    format: int = FORMAT
    tables: dict[str, TableInfo] = field(default_factory=dict)

    def with_table(self, info: TableInfo) -> Manifest:
        """Return a manifest in which ``info`` is added or replaces the table of that name."""
        return replace(self, tables=dict(sorted({**self.tables, info.name: info}.items())))


_ADAPTER = TypeAdapter(Manifest)


def load(folder: Path) -> Manifest:
    """Read the manifest of the store in ``folder``.

    Raises
    ------
    StoreError
        If there is no manifest, it cannot be understood, or a newer entrepot wrote it.
    """
    path = folder / FILE
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise StoreError.not_a_store(folder) from None
    except OSError as error:
        raise StoreError.cannot_read(path, error.strerror or str(error)) from error
    try:
        manifest = _ADAPTER.validate_python(_today(path, text))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise StoreError.bad_manifest(path, f"{where}: {first['msg']}") from error
    for name, info in manifest.tables.items():
        if name != info.name:
            raise StoreError.bad_manifest(path, f"table '{name}' is described as '{info.name}'")
    return manifest


def save(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of the store in ``folder`` in one step.

    Raises
    ------
    StoreError
        If it cannot be written; the old one is then still in force.
    """
    files.write_atomic(folder / FILE, _ADAPTER.dump_json(manifest, indent=1) + b"\n")


def check_size(folder: Path, info: Part) -> None:
    """Refuse a file that is missing or of another size than the manifest says.

    Raises
    ------
    StoreError
        Naming the file.
    """
    path = folder / info.file
    try:
        found = path.stat().st_size
    except OSError as error:
        raise StoreError.corrupt(path, "the file is missing") from error
    if found != info.bytes:
        raise StoreError.corrupt(path, f"it has {found} bytes instead of {info.bytes}")


def check_hash(folder: Path, info: Part) -> None:
    """Read a file and refuse it if its hash is not the one in the manifest.

    Raises
    ------
    StoreError
        Naming the file.
    """
    path = folder / info.file
    try:
        found = files.sha256(path)
    except OSError as error:
        raise StoreError.corrupt(path, error.strerror or str(error)) from error
    if found != info.sha256:
        raise StoreError.corrupt(path, "its content does not match the hash in the manifest")


def _today(path: Path, text: bytes) -> dict[str, Any]:
    """Return the manifest in today's format; a newer one is not reported as a damaged one."""
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise StoreError.bad_manifest(path, f"not JSON ({error})") from error
    found = parsed.get("format") if isinstance(parsed, dict) else None
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise StoreError.bad_manifest(path, "it does not state its format")
    if found > FORMAT:
        raise StoreError.newer_format(path, found, FORMAT)
    return parsed if found == FORMAT else _from_first(parsed)


def _from_first(parsed: dict[str, Any]) -> dict[str, Any]:
    """Bring a manifest of format 1, in which a table is one file, to today's."""
    tables = {}
    for name, old in (parsed.get("tables") or {}).items():
        if not isinstance(old, dict):
            return {**parsed, "format": FORMAT}
        part = {key: old[key] for key in PART_KEYS if key in old}
        tables[name] = {**{key: old[key] for key in old if key not in PART_KEYS}, "parts": [part]}
    return {**parsed, "format": FORMAT, "tables": tables}
