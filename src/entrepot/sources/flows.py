"""From a staged table of trade to clean flows: codes read, faults set aside with reasons."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from entrepot.sources import checks, cleaning
from entrepot.sources.checks import Scheme
from entrepot.sources.dataset import Parsed
from entrepot.sources.delimited import Staged

COLUMNS = ("year", "exporter", "importer", "product", "value", "quantity")
SIDES = ("exporter", "importer")


@dataclass(frozen=True)
class _Sums:
    """What a staged table holds, counted once."""

    rows: int
    value: float
    faulty: int
    first: int | None
    last: int | None


def clean(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    *,
    what: str,
    revision: str,
    years: range | None = None,
    scheme: Scheme = "comtrade",
    add_up: bool = False,
) -> Parsed:
    """Turn a staged table of trade into the core table ``flows``.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where the table is staged; the answer lives in it.
    staged : Staged
        Columns year, exporter, importer, product, value (USD thousand), quantity (tonnes, may be null), and
        month if the table is monthly. Country and product codes are as they stand in the file.
    what : str
        What messages call it.
    revision : str
        Revision of the product codes.
    years : range, optional
        Years that it should hold; rows of other years are refused.
    scheme : {"comtrade", "any"}
        How countries are written, see `checks.check_countries`.
    add_up : bool
        Add up rows of the same flow; otherwise the store refuses them.

    Returns
    -------
    Parsed

    Raises
    ------
    DataError
        If most rows cannot be taken, or the product codes are of another revision.
    """
    table = staged.table
    sums = _sums(connection, table, years)
    traders = checks.check_countries(_traders(connection, table), scheme)
    codes = checks.check_products(_products(connection, table), revision)
    kind = str(connection.table(table).select("exporter").types[0])
    cleaning.lift(connection, f"{table}_countries", traders, kind)
    cleaning.lift(connection, f"{table}_products", codes.verdicts)
    merged = cleaning.merged(traders)
    faultless = not sums.faulty and not any(v.fault for v in (*traders.values(), *codes.verdicts.values()))
    fault = "" if faultless and not merged else _fault_sql(years)
    refused = cleaning.set_aside(connection, staged, COLUMNS, fault, SIDES)
    total = sums.rows + connection.table(staged.rejects).shape[0]
    checks.refuse_too_many(what, refused.rows, total, refused.reason)
    same = all(code == v.becomes for code, v in codes.verdicts.items())
    rows = connection.sql(_rows_sql(connection, table, fault, same=same, add_up=add_up or bool(merged)))
    source = cleaning.joined(table, SIDES)
    found = cleaning.findings(connection, source, traders, refused, (total, sums.value))
    notes = (*staged.notes, *merged, *(finding.text for finding in (*codes.findings, *found)))
    return Parsed(
        what,
        rows,
        (sums.first or 0, sums.last or 0),
        cleaning.rows_refused(connection, refused),
        revision,
        tuple(f"{what}: {note}" for note in notes),
    )


def _sums(connection: duckdb.DuckDBPyConnection, table: str, years: range | None) -> _Sums:
    wrong = f"CASE {cleaning.number_fault(years)} END"
    found = connection.execute(
        f"SELECT count(*), coalesce(sum(value), 0), "
        f"count(*) FILTER ({wrong} IS NOT NULL OR exporter = importer OR product IS NULL OR exporter IS NULL "
        f"OR importer IS NULL), min(year) FILTER ({wrong} IS NULL), max(year) FILTER ({wrong} IS NULL) "
        f'FROM "{table}" AS s'
    ).fetchall()
    return _Sums(*found[0])


def _fault_sql(years: range | None) -> str:
    """Return what is wrong with a row s joined to its countries a and b and its product p."""
    return f"""coalesce(CASE {cleaning.number_fault(years)} END,
        CASE WHEN s.exporter IS NULL OR s.importer IS NULL THEN 'no country' END,
        CASE WHEN s.product IS NULL THEN 'no product' END, a.fault, b.fault, p.fault,
        CASE WHEN a.becomes = b.becomes THEN 'a country trading with itself' END)"""


def _traders(connection: duckdb.DuckDBPyConnection, table: str) -> list[str | int]:
    found = connection.execute(
        f'SELECT DISTINCT exporter FROM "{table}" UNION SELECT DISTINCT importer FROM "{table}"'
    ).fetchall()
    return sorted((code for (code,) in found if code is not None), key=str)


def _products(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, int]:
    found = connection.execute(f'SELECT product, count(*) FROM "{table}" GROUP BY product').fetchall()
    return {code: rows for code, rows in sorted(found, key=str) if code is not None}


def _rows_sql(
    connection: duckdb.DuckDBPyConnection, table: str, fault: str, *, same: bool, add_up: bool
) -> str:
    """Return the clean rows as a query; a code is looked up only where it changes or may be refused."""
    times = ("year", "month") if "month" in connection.table(table).columns else ("year",)
    when = ", ".join(f"s.{name}" for name in times)
    product = "s.product" if same else "p.becomes"
    keys = f"{when}, a.becomes AS exporter, b.becomes AS importer, {product} AS product"
    if same and not fault:
        source = (
            f'"{table}" AS s JOIN "{table}_countries" AS a ON a.code = s.exporter '
            f'JOIN "{table}_countries" AS b ON b.code = s.importer'
        )
    else:
        source = cleaning.joined(table, SIDES)
    where = f" WHERE {fault} IS NULL" if fault else ""
    if not add_up:
        return f"SELECT {keys}, s.value, s.quantity FROM {source}{where}"
    sums = f"sum(s.value) AS value, {cleaning.MASS}"
    return f"SELECT {keys}, {sums} FROM {source}{where} GROUP BY ALL ORDER BY ALL"
