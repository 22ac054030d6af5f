"""Tables for the page, the terminal, files and hashes: one ``Table`` in, one form out."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import textwrap
import warnings
from collections.abc import Iterable, Sequence
from datetime import date
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entrepot.errors import InputError
from entrepot.report.amounts import readable
from entrepot.report.formats import MINUS, MISSING, MISSING_WORDS, THIN, format_value, is_numeric, unit_of
from entrepot.result import Column, Result, Table
from entrepot.store.files import write_atomic

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

SUFFIXES = (".csv", ".parquet", ".json", ".html", ".tex")
TERMINAL_ROWS = 25
HEAD_WIDTH = 14
NARROW_HEAD_WIDTH = 9
LEGEND = f"{MISSING} = {MISSING_WORDS}"


def cells(table: Table, lang: str = "en", rows: int | None = None) -> list[list[str]]:
    """Return the first ``rows`` rows as formatted text."""
    data = table.data.slice(0, rows) if rows is not None else table.data
    columns = [[format_value(v, c, lang) for v in data.column(c.name).to_pylist()] for c in table.columns]
    return [list(row) for row in zip(*columns, strict=True)]


def has_missing(table: Table) -> bool:
    """Tell whether the table prints "not observed" anywhere."""
    return any(MISSING in row for row in cells(table))


def row_header(table: Table) -> int | None:
    """Return the position of the column that names the rows: the first with words or codes."""
    named = [i for i, column in enumerate(table.columns) if not is_numeric(column)]
    return named[0] if named else None


def table_html(
    table: Table, *, caption: str = "", subtitle: str = "", max_rows: int | None = None, lang: str = "en"
) -> str:
    """Return a table as accessible HTML: caption, column heads with unit, row heads, numbers to the right.

    Parameters
    ----------
    table : Table
        What to print.
    caption, subtitle : str
        Caption and a line under it; the title of the table if no caption is given.
    max_rows : int, optional
        Print no more rows than these and say how many there are.
    lang : str
        Language of number formats.

    Returns
    -------
    str
        One ``<table>`` element; a value that was not observed reads ``n/o``.

    Examples
    --------
    >>> import pyarrow as pa
    >>> data = pa.table({"partner": ["India"], "value": [48612.0]})
    >>> columns = (Column("partner", "Partner"), Column("value", "Exports", "USD million", "integer"))
    >>> '<th scope="row">India</th>' in table_html(Table("t", "Exports", data, columns))
    True
    """
    table = readable(table)
    total = table.data.num_rows
    shown = total if max_rows is None else min(max_rows, total)
    body = cells(table, lang, shown)
    named = row_header(table)
    rows = "\n".join(_row_html(row, table.columns, named) for row in body)
    remarks = [subtitle] if subtitle else []
    if shown < total:
        remarks.append(f"first {shown} of {total} rows")
    if any(MISSING in row for row in body):
        remarks.append(LEGEND)
    under = f'<span class="sub">{_escape("; ".join(remarks))}</span>' if remarks else ""
    few = " few" if len(table.columns) < 4 else " many" if len(table.columns) >= 10 else ""
    return (
        f'<table class="ep{few}"><caption>{_escape(caption or table.title)}{under}</caption>\n'
        f"<thead><tr>{''.join(_head_html(column) for column in table.columns)}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody></table>"
    )


def _head_html(column: Column) -> str:
    unit = unit_of(column)
    words = _escape(column.label) + (f' <span class="unit">{_escape(unit)}</span>' if unit else "")
    title = f' title="{_escape(column.doc)}"' if column.doc else ""
    return f'<th scope="col"{_number_class(column)}{title}>{words}</th>'


def _row_html(row: Sequence[str], columns: Sequence[Column], named: int | None) -> str:
    parts = []
    for i, (text, column) in enumerate(zip(row, columns, strict=True)):
        if text == MISSING:
            parts.append(f'<td class="{"num " if is_numeric(column) else ""}none">{MISSING}</td>')
        elif i == named:
            parts.append(f'<th scope="row"{_cell_class(column)}>{_escape(text)}</th>')
        else:
            parts.append(f"<td{_cell_class(column)}>{_escape(text)}</td>")
    return f"<tr>{''.join(parts)}</tr>"


def _number_class(column: Column) -> str:
    return ' class="num"' if is_numeric(column) else ""


def _cell_class(column: Column) -> str:
    return ' class="whole"' if column.format in ("code", "year", "date") else _number_class(column)


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def table_hash(table: Table) -> str:
    """Return the sha256 of what a table says, whatever the order of its rows.

    Floats count to nine significant figures, so that another machine's last bits do not matter.

    Examples
    --------
    >>> import pyarrow as pa
    >>> columns = (Column("value", "Value", "USD", "decimal"),)
    >>> first = Table("t", "T", pa.table({"value": [1.0, 2.0]}), columns)
    >>> second = Table("t", "T", pa.table({"value": [2.0, 1.0]}), columns)
    >>> table_hash(first) == table_hash(second)
    True
    """
    names = table.data.column_names
    columns = [[_canonical(value) for value in table.data.column(name).to_pylist()] for name in names]
    rows = sorted(json.dumps(row, ensure_ascii=True) for row in zip(*columns, strict=True))
    digest = hashlib.sha256(json.dumps(names).encode())
    for row in rows:
        digest.update(b"\n" + row.encode())
    return digest.hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value + 0.0:.9g}" if isfinite(value) else None
    return value.isoformat() if isinstance(value, date) else value


def csv_bytes(data: pa.Table) -> bytes:
    r"""Return an Arrow table as CSV in UTF-8; an empty cell means "not observed".

    Examples
    --------
    >>> import pyarrow as pa
    >>> csv_bytes(pa.table({"partner": ["India", "Belarus"], "value": [48.6, None]}))
    b'partner,value\nIndia,48.6\nBelarus,\n'
    """
    # Arrow's own writer puts every text between quotes; here only what needs them gets them.
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(data.column_names)
    writer.writerows(zip(*(column.to_pylist() for column in data.columns), strict=True))
    return text.getvalue().encode()


def save_result(result: Result, path: str | Path) -> Path:
    """Write an answer in the format of the suffix, whole or not at all.

    Parameters
    ----------
    result : Result
        The answer. CSV and Parquet hold the tidy table, LaTeX the table laid out for reading, JSON all
        tables with notes and sources, HTML a page like the brief's.
    path : str or Path
        Where to write; the suffix is one of csv, parquet, json, html, tex.

    Raises
    ------
    InputError
        For any other suffix.
    StoreError
        If the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError.bad_option("the suffix of --out", path.suffix, SUFFIXES)
    write_atomic(path, _encode(result, suffix))
    return path


def _encode(result: Result, suffix: str) -> bytes:
    if suffix == ".csv":
        return csv_bytes(result.main.data)
    if suffix == ".parquet":
        return _parquet(result)
    if suffix == ".json":
        return result.to_json(indent=1).encode()
    if suffix == ".tex":
        return table_latex(result.display, caption=result.finding, subtitle=result.subtitle).encode()
    from entrepot.report.page import result_page

    return result_page(result).encode()


def _parquet(result: Result) -> bytes:
    """Return the tidy table as Parquet with the sources and notes in its metadata."""
    import pyarrow.parquet

    about = {key: value for key, value in result.to_dict().items() if key != "tables"}
    text = json.dumps(about, ensure_ascii=False, default=str).encode()
    metadata = {**(result.main.data.schema.metadata or {}), b"entrepot": text}
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(
        result.main.data.replace_schema_metadata(metadata), buffer, compression="zstd"
    )
    return buffer.getvalue()


def table_latex(table: Table, *, caption: str = "", subtitle: str = "", lang: str = "en") -> str:
    """Return a table as LaTeX, for reports and papers."""
    import great_tables
    import pyarrow as pa

    table = readable(table)
    columns = list(zip(*cells(table, lang), strict=True)) or [() for _ in table.columns]
    data = pa.table(
        {c.name: pa.array(list(v), pa.string()) for c, v in zip(table.columns, columns, strict=True)}
    )
    labels = {c.name: f"{c.label} ({unit_of(c)})" if unit_of(c) else c.label for c in table.columns}
    right = [column.name for column in table.columns if is_numeric(column)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="PyArrow Table support is currently experimental")
        drawn = great_tables.GT(data)
    shown = (
        drawn.tab_header(title=caption or table.title, subtitle=subtitle or None)
        .cols_label(cases=labels)
        .cols_align("left")
    )
    if right:
        shown = shown.cols_align("right", columns=right)
    if has_missing(table):
        shown = shown.tab_source_note(LEGEND)
    # Neither the thin space nor the true minus is in the fonts that LaTeX loads by itself.
    return str(shown.as_latex()).replace(THIN, "\\,").replace(MINUS, "$-$")


def print_result(
    result: Result, console: Console | None = None, *, all_rows: bool = False, lang: str = "en"
) -> None:
    """Print an answer on the terminal: finding, table, notes, sources and the command.

    Parameters
    ----------
    result : Result
        The answer.
    console : rich.console.Console, optional
        Where to print; standard output if left out. ``NO_COLOR`` is honoured by rich.
    all_rows : bool
        Print every row, not the first 25 only.
    lang : str
        Language of number formats.
    """
    from rich.console import Console as RichConsole
    from rich.padding import Padding

    out = console or RichConsole(highlight=False)
    out.print(f"[bold]{_plain(result.finding)}[/bold]")
    out.print(f"[dim]{_plain(result.subtitle)}[/dim]")
    out.print()
    _print_table(out, _terminal_table(result.display, None if all_rows else TERMINAL_ROWS, lang, out.width))
    total = result.display.data.num_rows
    if not all_rows and total > TERMINAL_ROWS:
        out.print(
            f"[dim]{TERMINAL_ROWS} of {total} rows; --all-rows prints all, --out FILE.csv saves them[/dim]"
        )
    if has_missing(result.display):
        out.print(f"[dim]{LEGEND}; it is not zero[/dim]")
    for title, lines in _after_table(result):
        out.print()
        out.print(f"[bold]{title}[/bold]")
        for line in lines:
            out.print(Padding(_plain(line), (0, 0, 0, 2), expand=False))


def _after_table(result: Result) -> Iterable[tuple[str, list[str]]]:
    if result.notes:
        yield "Notes", [f"{note.kind}: {note.text}" for note in result.notes]
    if result.sources:
        yield (
            "Sources",
            [
                f"{s.producer}: {s.title}, {s.version} ({s.licence}), accessed {s.accessed}"
                for s in result.sources
            ],
        )
    if result.parts:
        yield "More tables", [f"--part {table.name}: {table.title}" for table in result.parts]
    yield "Again", [result.how.command]


def _print_table(out: Console, shown: Any) -> None:
    """Print a table; where it is wider than the terminal the terminal wraps it, so that nothing is lost."""
    from rich.measure import Measurement

    needed = Measurement.get(out, out.options.update(max_width=10_000), shown).minimum
    if needed > out.width:
        shown.width = needed
        out.print(shown, crop=False, soft_wrap=True)
    else:
        out.print(shown)


def _terminal_table(table: Table, rows: int | None, lang: str, width: int) -> Any:
    from rich import box
    from rich.table import Table as RichTable

    shown = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table = readable(table)
    body = cells(table, lang, rows)
    head_width = HEAD_WIDTH if width >= 80 else NARROW_HEAD_WIDTH
    for i, column in enumerate(table.columns):
        # Heads are broken here: a column that must not break its numbers would not break its head.
        words, unit = (_narrow(text, head_width) for text in (column.label, unit_of(column)))
        head = f"{_plain(words)}\n[dim]{_plain(unit)}[/dim]" if unit else _plain(words)
        whole = column.format != "text"
        body_width = max((len(row[i]) for row in body), default=1)
        least = max(len(line) for line in f"{words}\n{unit}".split("\n"))
        shown.add_column(
            head, justify="right" if is_numeric(column) else "left", no_wrap=whole, overflow="fold",
            min_width=max(least, body_width if whole else min(body_width, head_width)),
        )  # fmt: skip
    for row in body:
        shown.add_row(*(f"[dim]{MISSING}[/dim]" if text == MISSING else _plain(text) for text in row))
    return shown


def _narrow(text: str, width: int) -> str:
    return "\n".join(textwrap.wrap(text, width, break_long_words=False))


def print_rows(heads: Sequence[str], rows: Iterable[Sequence[object]], console: Console | None = None) -> int:
    """Print a plain list with heads on the terminal; returns exit code 0."""
    from rich import box
    from rich.console import Console as RichConsole
    from rich.table import Table as RichTable

    shown = RichTable(*heads, box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    # The first column holds words to type: they must not be cut.
    shown.columns[0].no_wrap = True
    for row in rows:
        shown.add_row(*(_plain(str(cell)) for cell in row))
    (console or RichConsole(highlight=False)).print(shown)
    return 0


def _plain(text: str) -> str:
    """Keep square brackets in the data from being read as styles."""
    from rich.markup import escape

    return escape(text)
