"""From a public source to a store: fetch, parse, check, write; each year whole or not at all."""

from __future__ import annotations

import contextlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb
import narwhals as nw

from entrepot.errors import InputError, StoreError
from entrepot.result import Source
from entrepot.sources import user
from entrepot.sources.convert import convert
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.fetch import PATIENT, Copy, Patience, Progress, Remote, cache_folder, fetch
from entrepot.sources.hs_correlation import successors
from entrepot.sources.scratch import scratch
from entrepot.store import files
from entrepot.store.engine import CONFIG
from entrepot.store.manifest import TableInfo
from entrepot.store.store import Store
from entrepot.world.countries import resolve

REJECTS = "rejects"
# Goods, or indicators such as NY.GDP.MKTP.CD.
CODE = re.compile(r"[0-9A-Za-z._]{2,40}")
# What the engine may hold before it spills to disk; the rest of the process takes as much again.
MEMORY = "1200MB"
Step = Callable[[str], None]


@dataclass(frozen=True)
class Written:
    """What one piece of a source became.

    Attributes
    ----------
    what : str
        File or year.
    table : TableInfo
        The table after it.
    rejects : Path or None
        File of the refused rows, with reasons.
    refused : int
        Their number.
    notes : tuple of str
        What was noticed.
    """

    what: str
    table: TableInfo
    rejects: Path | None
    refused: int
    notes: tuple[str, ...]


def request(
    dataset: Dataset,
    years: range | None = None,
    revision: str | None = None,
    base: str = "",
    *,
    countries: Sequence[str] = (),
    products: Sequence[str] = (),
) -> Request:
    """Return what is asked of a source, checked against what it offers.

    Countries may be any names or codes; product codes are those of the source.

    Raises
    ------
    InputError
        If years, revision or a choice of products or countries are not offered, or a country is not known.
    """
    first, last = dataset.years
    asked = years if years is not None else range(first, last + 1)
    if not len(asked) or asked[0] < first or asked[-1] > last:
        raise InputError(
            f"{dataset.id} has the years {first} to {last}", hint=f"for example --years {last - 4}:{last}"
        )
    if revision is not None and revision not in dataset.revisions:
        raise InputError.bad_option("revision", revision, dataset.revisions or ["none"])
    chosen = revision or (dataset.revisions[0] if dataset.revisions else None)
    for what, words in (("products", products), ("countries", countries)):
        if words and what not in dataset.selects:
            raise InputError(f"{dataset.id} brings all {what}", hint=f"leave --{what} out")
    odd = [code for code in products if not CODE.fullmatch(code)]
    if odd:
        raise InputError(f"'{odd[0]}' is no product code", hint="for example 84713000")
    named = tuple(resolve(country) for country in countries)
    return Request(asked, chosen, base or dataset.base, named, tuple(products))


def folder_of(dataset: Dataset, cache: Path | None = None) -> Path:
    """Return the folder of the fetched files of a source."""
    return (cache or cache_folder()) / dataset.id


def ingest(
    store: Store,
    dataset: Dataset,
    asked: Request,
    *,
    table: str = "",
    to: str | None = None,
    cache: Path | None = None,
    again: bool = False,
    progress: Progress | None = None,
    step: Step | None = None,
    patience: Patience = PATIENT,
    given: Path | None = None,
) -> Iterator[Written]:
    """Bring a public source into a store, piece by piece; each piece is whole before the next is begun.

    Parameters
    ----------
    store : Store
    dataset : Dataset
    asked : Request
        See `request`.
    to : str, optional
        Revision to convert product codes to, see `sources.convert`.
    cache : Path, optional
        Folder of fetched files; the user's cache if left out.
    again : bool
        Fetch anew what is already there.
    progress, step : callable, optional
        Told of bytes on their way, and of what is being done.
    patience : Patience
        With servers.
    given : Path, optional
        A file of the source that was fetched by hand; then nothing is fetched.

    Yields
    ------
    Written

    Raises
    ------
    SourceError, DataError, StoreError
        As `fetch`, the source's own ``read`` and `Store.write_years` do. What was written before stays.
    """
    for remote in dataset.remotes(asked) if given is None else (Remote("", given.name),):
        tell(step, f"fetching {remote.name}")
        if given is None:
            copy = fetch(remote, folder_of(dataset, cache), progress=progress, again=again, patience=patience)
        else:
            copy = by_hand(given)
        origin = cited(dataset, copy, remote)
        with engine() as connection:
            pieces = dataset.read(connection, copy, asked)
            yield from write_all(
                store, dataset.table, connection, pieces, origin, to=to, holds=dataset.holds, step=step
            )


def ingest_file(
    store: Store, path: Path, known: user.Mapping, *, to: str | None = None, step: Step | None = None
) -> Iterator[Written]:
    """Bring a file of the user's into a store, year by year.

    Parameters
    ----------
    store : Store
    path : Path
        CSV or Parquet.
    known : user.Mapping
        What its columns are, see `user.mapping`.
    to : str, optional
        Revision to convert product codes to.
    step : callable, optional
        Told of what is being done.

    Yields
    ------
    Written

    Raises
    ------
    InputError, DataError, StoreError
        As `user.read` and `Store.write_years` do.
    """
    tell(step, f"reading {path.name}")
    with engine() as connection:
        pieces = user.read(connection, path, known)
        origin = user.cited(known, path, files.sha256(path) if path.is_file() else "")
        yield from write_all(store, "flows", connection, pieces, origin, to=to, step=step)


def by_hand(path: Path) -> Copy:
    """Return a file that the user fetched, as if it had been fetched today.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    return Copy(path, "", files.sha256(path), path.stat().st_size, date.today())


def cited(dataset: Dataset, copy: Copy, remote: Remote) -> Source:
    """Return the source with hash and day of the copy in use."""
    return replace(
        dataset.source, sha256=copy.sha256, accessed=copy.fetched, url=dataset.source.url or remote.url
    )


def write_all(
    store: Store,
    table: str,
    connection: duckdb.DuckDBPyConnection,
    pieces: Iterator[Parsed],
    origin: Source,
    *,
    to: str | None = None,
    holds: str = "",
    step: Step | None = None,
) -> Iterator[Written]:
    """Write the pieces of a source one after the other, each with its reject file.

    Raises
    ------
    DataError, StoreError
        As `Store.write_years` does.
    """
    tell(step, "reading")
    for piece in pieces:
        # National codes have no revision: converting them is an error that says so, not a wish passed over.
        if to is not None and to != piece.revision and "product" in piece.rows.columns:
            weights = world_trade(store, piece.table or table, to)
            piece = convert(connection, piece, to, weights, stored_successors(store, piece.revision, to))
        tell(step, f"writing {piece.what}")
        # The rejects come first: no table is ever to be seen without them.
        path, refused = write_rejects(store.path, piece.table or table, piece)
        info = store.write_years(
            piece.table or table,
            piece.rows,
            sources=[origin],
            revision=piece.revision,
            notes=piece.notes,
            holds=holds,
        )
        yield Written(piece.what, info, path, refused, piece.notes)
        tell(step, "reading")


def world_trade(store: Store, table: str, revision: str) -> dict[str, float]:
    """Return trade by product code, the weights of a conversion, if the table is in that revision."""
    if not store.has(table) or store.info(table).revision != revision:
        return {}
    sums = store.collect(store.table(table).group_by("product").agg(nw.col("value").sum()))
    return dict(zip(sums["product"].to_pylist(), sums["value"].to_pylist(), strict=True))


def stored_successors(store: Store, start: str | None, end: str) -> Mapping[str, Sequence[str]] | None:
    """Return what becomes of product codes by the correlation tables of a store, if it has every step."""
    if start is None or not store.has("hs_correlation"):
        return None
    table = store.collect(store.table("hs_correlation").select("year", "newer", "older"))
    steps = defaultdict(list)
    for year, newer, older in zip(*(column.to_pylist() for column in table.columns), strict=True):
        steps[year].append((newer, older))
    return successors(steps, start, end)


def write_rejects(folder: Path, table: str, piece: Parsed) -> tuple[Path | None, int]:
    """Write what was refused of a piece, with its reasons, or remove what an earlier version of it left."""
    first, last = piece.years
    span = str(first) if first == last else f"{first}-{last}"
    path = folder / REJECTS / f"{table}-{span}.csv"
    count = 0 if piece.rejects is None else piece.rejects.shape[0]
    if piece.rejects is None or not count:
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        return None, 0
    try:
        path.parent.mkdir(exist_ok=True)
        _clear(path.parent)
        with files.temporary(path.parent) as file:
            piece.rejects.write_csv(str(file.path), header=True)
    except OSError as error:
        raise files.write_error(path, error) from error
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise StoreError.disk_full(path) from error
        raise StoreError.cannot_write(path, str(error)) from error
    files.publish(file.path, path)
    return path, count


def _clear(folder: Path) -> None:
    """Remove what killed writers left, and what the engine left of them under a name of its own."""
    for path in folder.glob(f"*{files.TEMPORARY}*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database for parsing; what does not fit into its memory goes to a temporary folder."""
    with scratch() as spill:
        config = {**CONFIG, "temp_directory": str(spill), "memory_limit": MEMORY}
        with duckdb.connect(":memory:", config=config) as connection:
            connection.execute("SET enable_progress_bar = false")
            yield connection


def tell(step: Step | None, what: str) -> None:
    """Say what is being done, if anybody listens."""
    if step is not None:
        step(what)
