"""What every public source is: where its files are, what may be done with them, how they become rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import duckdb

from entrepot.result import Source
from entrepot.sources.fetch import Copy, Remote


@dataclass(frozen=True)
class Request:
    """What is asked of a source.

    Attributes
    ----------
    years : range
        Calendar years.
    revision : str or None
        Revision of the product codes, for example ``"HS1992"``; None where the source has but one, or none.
    base : str
        Where the publisher's files are; a mirror or a server of tests can take its place.
    countries : tuple of str
        ISO3 codes of the countries whose reports are wanted; empty for all that the source has.
    products : tuple of str
        Product codes wanted; empty for all that the source has.
    """

    years: range
    revision: str | None
    base: str
    countries: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


@dataclass(frozen=True)
class Parsed:
    """A piece of a source as rows of a core table, one or more whole years.

    Attributes
    ----------
    what : str
        What was read, for messages: a file name or year.
    rows : duckdb.DuckDBPyRelation
        Columns of the core table; valid until the next piece is asked for.
    rejects : duckdb.DuckDBPyRelation or None
        Rows that were refused, with columns ``reason``, ``line`` (null if not known) and ``row`` (as text);
        None or no rows if all were taken.
    revision : str or None
        Revision of the product codes.
    notes : tuple of str
        What a reader must know about these rows.
    years : tuple of int
        First and last year.
    table : str
        Core table of the rows, where it is not that of the data set.
    """

    what: str
    rows: duckdb.DuckDBPyRelation
    years: tuple[int, int]
    rejects: duckdb.DuckDBPyRelation | None = None
    revision: str | None = None
    notes: tuple[str, ...] = ()
    table: str = ""


Remotes = Callable[[Request], tuple[Remote, ...]]
Read = Callable[[duckdb.DuckDBPyConnection, Copy, Request], Iterator[Parsed]]


@dataclass(frozen=True)
class Dataset:
    """A public source.

    Attributes
    ----------
    id : str
        The word for it on the command line.
    source : Source
        Producer, title, licence and page, as cited.
    table : str
        Core table that its rows go into.
    about : str
        One sentence: what it holds.
    base : str
        Address that the file names are added to.
    years : tuple of int
        First and last year offered.
    size_mb : float
        Size of one transfer, roughly.
    unit : str
        What one transfer brings, for example ``"all years of one revision"``.
    redistributable : bool
        Whether the licence lets the numbers be passed on.
    remotes : callable
        From a `Request` to the files that answer it.
    read : callable
        From a connection, a fetched file and a `Request` to pieces of rows, one after the other.
    revisions : tuple of str
        Revisions of the product codes that it offers; the first is the one taken if none is named.
    key : str
        Environment variable that holds the key, if the publisher asks for one.
    holds : str
        What the rows are about, in words that fit into a sentence; empty for all goods.
    selects : tuple of str
        By what a request may be narrowed, of ``"products"`` and ``"countries"``.
    """

    id: str
    source: Source
    table: str
    about: str
    base: str
    years: tuple[int, int]
    size_mb: float
    unit: str
    redistributable: bool
    remotes: Remotes = field(repr=False)
    read: Read = field(repr=False)
    revisions: tuple[str, ...] = ()
    key: str = ""
    holds: str = ""
    selects: tuple[str, ...] = ()
