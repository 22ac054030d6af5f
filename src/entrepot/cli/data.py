"""`entrepot data`: public sources fetched into a store, tables of one's own, and what a store holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from entrepot.cli.app import app
from entrepot.cli.options import periods
from entrepot.errors import InputError

if TYPE_CHECKING:
    from entrepot.sources.dataset import Dataset
    from entrepot.sources.law import LawSource
    from entrepot.store import Store
    from entrepot.store.ingest import Written

MIRROR = "ENTREPOT_MIRROR"
Where = Annotated[Path | None, Parameter(name="--store", env_var="ENTREPOT_STORE")]

data = App(name="data", help="Fetch public sources into a store, and see what it holds.", sort_key=12)
app.command(data)


@data.command(name="list", sort_key=0)
def list_(*, store: Where = None) -> int:
    """List the public sources, and the tables of a store.

    Examples: entrepot data list; entrepot data list --store world.

    Parameters
    ----------
    store
        A store whose tables are listed too.
    """
    from entrepot.report.tables import print_rows
    from entrepot.sources.datasets import DATASETS, LAWS
    from entrepot.store import open_store

    heads = ("Source", "Years", "MB", "Fetched", "What, and licence")
    print_rows(heads, [_line(entry) for entry in DATASETS])
    print_rows(("Law", "What, and licence"), [(entry.id, _about(entry)) for entry in LAWS])
    if store is None:
        return 0
    opened = open_store(store)
    infos = [opened.info(name) for name in opened.names()]
    tables = [
        (info.name, f"{info.rows:,}", _span(info.years), info.revision or "", f"{info.bytes / 1e6:.1f}")
        for info in infos
    ]
    return print_rows(("Table", "Rows", "Years", "Revision", "MB"), tables)


@data.command(sort_key=1)
def get(
    source: str,
    /,
    *,
    years: str | None = None,
    hs: str | None = None,
    to: str | None = None,
    products: str | None = None,
    countries: str | None = None,
    store: Where = None,
    again: bool = False,
    file: Path | None = None,
) -> int:
    """Fetch a public source and bring it into a store, year by year.

    What has been fetched is not fetched again; what broke off goes on where it stopped.

    Examples: entrepot data get baci --years 2015:2024 --store world;
    entrepot data get baci --years 2018:2024 --hs HS2017 --to HS1992 --store world.

    Parameters
    ----------
    source
        A source of 'entrepot data list'.
    years
        FIRST:LAST, or one year; all years that the source has if left out.
    hs
        Revision of the product codes to fetch, for example HS2017; the source's first if left out.
    to
        Revision to convert the product codes to, for example HS1992; kept as they are if left out.
    products
        Product codes of the source, separated by commas, for example 84713000; all if left out.
    countries
        Reporting countries, separated by commas; all if left out.
    store
        Folder of the store; made if it is not there.
    again
        Fetch anew what has been fetched before, in case the publisher has changed it.
    file
        A file of the source that you fetched by hand; then nothing is fetched.
    """
    from entrepot.sources.datasets import dataset
    from entrepot.store.ingest import ingest, request
    from entrepot.world.products import resolve_revision

    entry = dataset(source)
    asked = request(
        entry,
        _years(years),
        resolve_revision(hs) if hs else None,
        _base(entry),
        countries=_listed(countries),
        products=_listed(products),
    )
    target = _open(store)
    with _bar() as (step, progress):
        written = ingest(
            target, entry, asked, to=_revision(to), again=again, progress=progress, step=step, given=file
        )
        return _told(written, target)


@data.command(sort_key=2)
def add(
    file: Path,
    /,
    *,
    map: Annotated[Path, Parameter(name="--map")],
    to: str | None = None,
    store: Where = None,
) -> int:
    """Bring a table of your own into a store; a mapping says what its columns are.

    Example: entrepot data add customs.csv --map customs.toml --store world.

    Parameters
    ----------
    file
        The table: .csv, .tsv or .txt (also packed as .gz), .parquet, or a workbook (.xlsx, .xls, .ods).
    map
        TOML file that says who made the table and which column is which; see docs/sources.md.
    to
        Revision to convert the product codes to, for example HS1992; kept as they are if left out.
    store
        Folder of the store; made if it is not there.
    """
    from entrepot.sources.user import mapping
    from entrepot.store.ingest import ingest_file

    known = mapping(map)
    target = _open(store)
    with _bar() as (step, _):
        return _told(ingest_file(target, file, known, to=_revision(to), step=step), target)


@data.command(sort_key=3)
def check(
    *, store: Where = None, total: Annotated[tuple[str, ...], Parameter(show_default=False)] = ()
) -> int:
    """Read every file of a store, compare it with its hash, and look for what is odd in its trade.

    Example: entrepot data check --store world --total 2020=17600000000.

    Parameters
    ----------
    store
        Folder of the store; the embedded pack if left out.
    total
        A published total as YEAR=VALUE, USD thousand, to compare the year with; can be repeated.
    """
    from entrepot.report.tables import print_rows
    from entrepot.store import open_store
    from entrepot.store.audit import audit

    findings = audit(open_store(store), dict(_total(word) for word in total))
    print_rows(
        ("Table", "Check", "Level", "Finding"), [(f[0], f[1].check, f[1].level, f[1].text) for f in findings]
    )
    return 1 if any(finding.level == "error" for _, finding in findings) else 0


@data.command(sort_key=4)
def remove(name: str, /, *, store: Where = None, fetched: bool = False) -> int:
    """Remove a table from a store, or with --fetched the fetched files of a source.

    Examples: entrepot data remove flows --store world; entrepot data remove baci --fetched.

    Parameters
    ----------
    name
        A table of the store; with --fetched, a source of 'entrepot data list'.
    store
        Folder of the store; not needed with --fetched.
    fetched
        Remove the fetched files of a source; the stores made of them stay.
    """
    if fetched:
        return _forget(name)
    from entrepot.store import open_store

    open_store(_named(store)).remove(name)
    return 0


@data.command(sort_key=5)
def synth(*, years: str = "1", rows: float = 1e6, seed: int = 1, store: Where = None) -> int:
    """Draw trade of realistic size and shape, to try the tool; nothing in it is an observation.

    Example: entrepot data synth --years 5 --rows 11e6 --store big.

    Parameters
    ----------
    years
        How many years, the last of them 2024, or FIRST:LAST.
    rows
        Rows a year, about.
    seed
        Seed of the draws: the same seed gives the same table.
    store
        Folder of the store; made if it is not there.
    """
    from entrepot.store.audit import draw

    target = _open(store)
    span = range(2025 - int(years), 2025) if years.isdigit() and int(years) < 1000 else _years(years)
    with _bar() as (step, _):
        draw(target, span or range(2024, 2025), round(rows), seed, step)
    info = target.info("flows")
    print(f"{target.path}: flows has {info.rows:,} rows, {_span(info.years)}")  # noqa: T201
    return 0


def _line(entry: Dataset) -> tuple[str, ...]:
    from entrepot.store.ingest import folder_of

    folder = folder_of(entry)
    held = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
    fetched = f"{held / 1e6:.1f} MB" if held > 1000 else "no"
    return (entry.id, _span(entry.years), f"{entry.size_mb:,.0f}", fetched, _about(entry))


def _about(entry: Dataset | LawSource) -> str:
    passed = "may be passed on" if entry.redistributable else "not to be passed on"
    return f"{entry.about} {entry.source.licence}; {passed}."


def _span(years: tuple[int, int] | None) -> str:
    if years is None:
        return ""
    return f"{years[0]}" if years[0] == years[1] else f"{years[0]} to {years[1]}"


def _listed(text: str | None) -> list[str]:
    return [word for part in (text or "").split(",") if (word := part.strip())]


def _years(text: str | None) -> range | None:
    """Read one year, or FIRST:LAST."""
    found = periods(text)
    if found is None:
        return None
    if len(found) > 2 or (text and "," in text) or not all(isinstance(year, int) for year in found):
        raise InputError(
            f"'{text}' is not a span of years", hint="write it as FIRST:LAST, for example 2020:2024"
        )
    return range(int(found[0]), int(found[-1]) + 1)


def _revision(text: str | None) -> str | None:
    from entrepot.world.products import resolve_revision

    return None if text is None else resolve_revision(text)


def _base(entry: Dataset) -> str:
    """Return the address of a mirror if one is set."""
    mirror = os.environ.get(MIRROR, "")
    return f"{mirror.rstrip('/')}/{entry.id}/" if mirror else ""


def _total(word: str) -> tuple[int, float]:
    year, _, value = word.partition("=")
    try:
        return int(year), float(value)
    except ValueError:
        raise InputError(f"'{word}' is no published total", hint="write it as YEAR=VALUE") from None


def _named(path: Path | None) -> Path:
    if path is None:
        raise InputError("no store is named", hint="say --store FOLDER, or set ENTREPOT_STORE")
    return path


def _open(path: Path | None) -> Store:
    """Open a store, or make a new one."""
    from entrepot.store import Store, open_store

    folder = _named(path)
    fresh = not folder.exists() or not any(entry.name != ".lock" for entry in folder.iterdir())
    return Store.create(folder) if fresh else open_store(folder)


def _told(written: Iterator[Written], store: Store) -> int:
    """Print what became of each year, as it is written."""
    for piece in written:
        table = piece.table
        print(f"{piece.what}: written, {table.name} has {table.rows:,} rows, {_span(table.years)}")  # noqa: T201
        for note in piece.notes:
            print(f"  note: {note}")  # noqa: T201
        if piece.rejects:
            print(f"  {piece.refused:,} refused rows, with reasons: {piece.rejects}")  # noqa: T201
    print(f"ask with --store {store.path}")  # noqa: T201
    return 0


def _forget(name: str) -> int:
    import shutil

    from entrepot.sources.datasets import dataset
    from entrepot.store.ingest import folder_of

    folder = folder_of(dataset(name))
    held = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{held / 1e6:.1f} MB removed")  # noqa: T201
    return 0


@contextmanager
def _bar() -> Iterator[tuple[Callable[[str], None], Callable[[int, int], None]]]:
    """Show on stderr what is being done and how many bytes have come, where a person looks at it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("", total=None)
        yield (
            lambda what: bar.update(task, description=what, completed=0, total=None),
            lambda done, total: bar.update(task, completed=done, total=total or None),
        )
