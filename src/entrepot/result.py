"""What every question returns: one ``Result`` that feeds the terminal, the page, JSON and data frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from entrepot.errors import InputError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow as pa

NoteKind = Literal["missing", "partial", "approximation", "convention", "scope", "warning"]
Format = Literal["text", "code", "year", "date", "integer", "decimal", "percent", "probability"]
FigureKind = Literal[
    "area",
    "line",
    "slope",
    "bar",
    "net",
    "bounds",
    "interval",
    "calendar",
    "waterfall",
    "map",
    "treemap",
    "scatter",
    "network",
    "strips",
    "cards",
]


@dataclass(frozen=True, slots=True)
class Note:
    """A caveat found in the data or a convention used, in plain words.

    Attributes
    ----------
    kind : NoteKind
        ``missing`` (not observed), ``partial`` (law finer than data), ``approximation``, ``convention``,
        ``scope`` (what the table does not contain) or ``warning``.
    text : str
        One or two sentences.
    """

    kind: NoteKind
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where numbers or law come from.

    Attributes
    ----------
    id : str
        Short stable key, also the BibTeX key.
    producer, title, version, licence, url : str
        As the producer writes them.
    accessed : date
        Day on which the copy in use was taken.
    sha256 : str
        Hash of the copy in use; empty where the source is a text that was transcribed.
    year : int or None
        Year of publication, for citation.
    doi : str
        Digital object identifier, empty if none.
    """

    id: str
    producer: str
    title: str
    version: str
    licence: str
    url: str
    accessed: date
    sha256: str = ""
    year: int | None = None
    doi: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """Meaning of one column: its name in the data, its printed label, unit and number format."""

    name: str
    label: str
    unit: str = ""
    format: Format = "text"
    digits: int = 1
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """An Arrow table with the meaning of its columns.

    Attributes
    ----------
    name : str
        Short stable key, used in file names.
    title : str
        Caption.
    data : pyarrow.Table
        The rows; a null means "not observed", never zero.
    columns : tuple of Column
        One per column of ``data``, in order.
    """

    name: str
    title: str
    data: pa.Table
    columns: tuple[Column, ...]

    def __post_init__(self) -> None:
        described = [column.name for column in self.columns]
        if described != self.data.column_names:
            raise ValueError(
                f"table '{self.name}' has columns {self.data.column_names}, described are {described}"
            )

    def column(self, name: str) -> Column:
        """Return the description of one column."""
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Figure:
    """What a chart shows, without saying how it is drawn; ``report.charts`` turns it into Vega-Lite.

    Attributes
    ----------
    name : str
        Short stable key, used in file names.
    kind : FigureKind
        The form of the chart.
    title : str
        The finding, in one line.
    subtitle : str
        Unit, period and scope.
    alt : str
        The finding for those who cannot see the chart.
    data : pyarrow.Table
        Tidy rows.
    encode : mapping of str to str
        Role to column name, for example ``{"x": "year", "y": "value", "series": "bloc"}``.
    options : mapping
        Form-specific switches, for example ``{"share": True}``.
    """

    name: str
    kind: FigureKind
    title: str
    subtitle: str
    alt: str
    data: pa.Table
    encode: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class How:
    """Enough to run the question again: command, Python line, parameters, equation and reference."""

    command: str
    python: str
    parameters: Mapping[str, Any]
    equation: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one question.

    Attributes
    ----------
    question : str
        Name of the question, for example ``"direction"``.
    subject : str
        What it was asked about: an ISO3 code, or codes joined by ``+``.
    finding : str
        The answer in one sentence with its number; heading of the section.
    subtitle : str
        Unit, period and scope.
    main : Table
        The tidy table: one row per observation.
    display : Table
        The same answer laid out for reading: what the terminal and the page print.
    parts : tuple of Table
        Further tables, for example decompositions.
    figures : tuple of Figure
        Charts, the main one first.
    notes : tuple of Note
        Caveats found in the data, and conventions.
    sources : tuple of Source
        Every source the numbers rest on.
    how : How
        Parameters, equation, reference, command.
    """

    question: str
    subject: str
    finding: str
    subtitle: str
    main: Table
    display: Table
    how: How
    parts: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[Note, ...] = ()
    sources: tuple[Source, ...] = ()

    @property
    def table(self) -> pa.Table:
        """The tidy table as Arrow."""
        return self.main.data

    def part(self, name: str) -> Table:
        """Return one of the further tables by name; raises InputError if there is none."""
        for table in (self.main, self.display, *self.parts):
            if table.name == name:
                return table
        raise InputError.unknown("table", name, [table.name for table in (self.main, *self.parts)])

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Hand the tidy table to any Arrow reader."""
        return self.main.data.__arrow_c_stream__(requested_schema)

    def to_arrow(self) -> pa.Table:
        """Return the tidy table as a pyarrow Table."""
        return self.main.data

    def to_pandas(self) -> pandas.DataFrame:
        """Return the tidy table as a pandas frame (needs pandas)."""
        return self.main.data.to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """Return the tidy table as a polars frame (needs polars)."""
        import polars

        frame = polars.from_arrow(self.main.data)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the charts as plain values: what ``to_json`` writes."""
        return {
            "question": self.question,
            "subject": self.subject,
            "finding": self.finding,
            "subtitle": self.subtitle,
            "tables": {table.name: table_to_dict(table) for table in (self.main, *self.parts)},
            "notes": [{"kind": note.kind, "text": note.text} for note in self.notes],
            "sources": [source_to_dict(source) for source in self.sources],
            "how": {
                "command": self.how.command,
                "python": self.how.python,
                "parameters": dict(self.how.parameters),
                "equation": self.how.equation,
                "reference": self.how.reference,
            },
        }

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the answer as JSON text; a value that was not observed is null."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=indent, default=_plain, allow_nan=False)

    def save(self, path: str | Path) -> Path:
        """Write the answer in the format of the suffix: csv, parquet, json, html or tex.

        Raises
        ------
        InputError
            For any other suffix.
        StoreError
            If the file cannot be written.
        """
        from entrepot.report.tables import save_result

        return save_result(self, Path(path))

    def _repr_html_(self) -> str:
        from entrepot.report.tables import table_html

        return table_html(self.display, caption=self.finding, subtitle=self.subtitle)


def table_to_dict(table: Table) -> dict[str, Any]:
    """Return one table as ``{title, columns, rows}`` with rows as lists."""
    columns = [
        {"name": c.name, "label": c.label, "unit": c.unit, "format": c.format, "doc": c.doc}
        for c in table.columns
    ]
    arrays = [[_plain(value) for value in table.data.column(c.name).to_pylist()] for c in table.columns]
    return {
        "title": table.title,
        "columns": columns,
        "rows": [list(row) for row in zip(*arrays, strict=True)],
    }


def source_to_dict(source: Source) -> dict[str, Any]:
    """Return one source as plain values."""
    return {name: _plain(getattr(source, name)) for name in Source.__dataclass_fields__}


def _plain(value: object) -> object:
    """Make a value fit for JSON: dates as ISO text, NaN and infinity as null."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if isinstance(value, Path):
        return str(value)
    return value
