"""Trade from one revision of the Harmonized System to another, by the links of the UN correlation tables.

A code with one successor moves whole. A code that was split is shared among its successors, by their world
trade where that is known and in equal parts where it is not; a note says how much of the value was shared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb
import pyarrow as pa

from entrepot.errors import DataError
from entrepot.sources.dataset import Parsed
from entrepot.world.products import correlation_map, resolve_revision


def convert(
    connection: duckdb.DuckDBPyConnection,
    piece: Parsed,
    to: str,
    weights: Mapping[str, float] | None = None,
    successors: Mapping[str, Sequence[str]] | None = None,
) -> Parsed:
    """Return flows or reports in another revision of the product codes.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        The engine that the rows live in.
    piece : Parsed
        Rows of the core table ``flows`` or ``reports`` with six-digit codes.
    to : str
        Revision wanted, for example ``"HS1992"``.
    weights : mapping, optional
        World trade by code of the revision wanted, any unit.
    successors : mapping, optional
        What becomes of each code, see `hs_correlation.successors`; the tables that come with the package if
        left out.

    Returns
    -------
    Parsed
        With notes on the share of value that was split, and rows without a successor among the rejects.

    Raises
    ------
    DataError
        If the rows have no revision, or codes of two or four digits.
    """
    if piece.revision is None:
        raise DataError(
            f"{piece.what} has no codes of the Harmonized System to convert",
            hint="name their revision, such as --hs HS2022, where the source has more than six digits",
        )
    start, end = resolve_revision(piece.revision), resolve_revision(to)
    if start == end:
        return piece
    links = shares(start, end, weights or {}, successors)
    connection.register("links", _table(links))
    connection.execute("CREATE OR REPLACE TEMP TABLE hs_links AS FROM links")
    connection.unregister("links")
    by = "" if successors is None else " by the correlation tables of the store"
    notes = _notes(piece, f"{start} to {end}{by}", links)
    dead = f"product || ' has no successor in {end}'"
    unlinked = "product NOT IN (SELECT source FROM hs_links)"
    rows = piece.rows.query("unconverted", _sums_sql(piece.rows.columns))
    refused = piece.rows.filter(unlinked).project(
        f"{dead} AS reason, CAST(NULL AS BIGINT) AS line, "
        f"array_to_string([{_cells_sql(piece.rows.columns)}], ',') AS \"row\""
    )
    rejects = refused if piece.rejects is None else piece.rejects.union(refused)
    return replace(piece, rows=rows, rejects=rejects, revision=end, notes=(*piece.notes, *notes))


def shares(
    start: str, end: str, weights: Mapping[str, float], successors: Mapping[str, Sequence[str]] | None = None
) -> dict[str, dict[str, float]]:
    """Return what part of each code goes to which successors; the parts of a code add up to one.

    Parameters
    ----------
    start, end : str
        Revisions.
    weights : mapping
        World trade by code of the later revision; may be empty.
    successors : mapping, optional
        Codes of `end` by code of `start`; those of the tables that come with the package if left out.

    Examples
    --------
    >>> shares("HS2017", "HS2022", {"441251": 3.0, "441259": 1.0})["441294"]
    {'441251': 0.75, '441252': 0.0, '441259': 0.25}
    >>> shares("HS2022", "HS1992", {})["270900"]
    {'270900': 1.0}
    """
    if successors is None:
        embedded = correlation_map(start, end)
        successors = {source: [target for target, _ in targets] for source, targets in embedded.items()}
    found = {}
    for source, targets in successors.items():
        traded = [weights.get(target, 0.0) for target in targets]
        total = sum(traded)
        parts = [value / total for value in traded] if total > 0 else [1 / len(traded)] * len(traded)
        found[source] = dict(zip(targets, parts, strict=True))
    return found


def _table(links: Mapping[str, Mapping[str, float]]) -> pa.Table:
    triples = [
        (code, target, part) for code, found in links.items() for target, part in found.items() if part
    ]
    columns = zip(*triples, strict=True)
    return pa.table(dict(zip(("source", "target", "part"), map(list, columns), strict=True)))


def _sums_sql(columns: Sequence[str]) -> str:
    keys = ", ".join(name for name in columns if name not in ("product", "value", "quantity"))
    return f"""SELECT {keys}, target AS product, sum(value * part) AS value,
        CASE WHEN count(quantity) = count(*) THEN sum(quantity * part) END AS quantity
        FROM unconverted JOIN hs_links ON source = product GROUP BY {keys}, target"""


def _cells_sql(columns: Sequence[str]) -> str:
    return ", ".join(f"coalesce(CAST({name} AS VARCHAR), '')" for name in columns)


def _notes(piece: Parsed, way: str, links: Mapping[str, Mapping[str, float]]) -> tuple[str, ...]:
    """Say how much of the value moved whole, was split, and found no successor."""
    traded = dict(piece.rows.aggregate("product, sum(value)", "product").fetchall())
    if any(len(code) != 6 for code in traded):
        raise DataError(f"{piece.what} has codes of other than six digits, which cannot be converted")
    total = sum(traded.values()) or 1.0
    dead = sum(value for code, value in traded.items() if code not in links) / total
    split = (
        sum(
            value
            for code, value in traded.items()
            if sum(part > 0 for part in links.get(code, {}).values()) > 1
        )
        / total
    )
    moved = sum(
        value for code, value in traded.items() if code in links and list(links[code]) != [code]
    ) / total  # fmt: skip
    text = (
        f"{piece.what}: converted from {way}; codes changed for {moved:.2%} of the value, "
        f"{split:.2%} was shared among several codes, {dead:.2%} has no successor and was refused."
    )
    return (text,)
