"""From a staged table of trade to clean flows: codes read, faults set aside with reasons."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from entrepot.sources import checks
from entrepot.sources.checks import Finding, Scheme, Verdict
from entrepot.sources.dataset import Parsed
from entrepot.sources.delimited import Staged

COLUMNS = ("year", "exporter", "importer", "product", "value", "quantity")


@dataclass(frozen=True)
class _Sums:
    """What a staged table holds, counted once."""

    rows: int
    value: float
    faulty: int
    first: int | None
    last: int | None


@dataclass(frozen=True)
class _Refused:
    """What is refused of a staged table."""

    table: str
    rows: int
    value: float
    reason: str


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
    _lift(connection, f"{table}_countries", traders, str(connection.table(table).select("exporter").types[0]))
    _lift(connection, f"{table}_products", codes.verdicts, "VARCHAR")
    merged = _merged(traders)
    faultless = not sums.faulty and not any(v.fault for v in (*traders.values(), *codes.verdicts.values()))
    fault = "" if faultless and not merged else _fault_sql(years)
    refused = _refused(connection, staged, fault)
    total = sums.rows + connection.table(staged.rejects).shape[0]
    checks.refuse_too_many(what, refused.rows, total, refused.reason)
    same = all(code == v.becomes for code, v in codes.verdicts.items())
    rows = connection.sql(_rows_sql(connection, table, fault, same=same, add_up=add_up or bool(merged)))
    findings = [*codes.findings, *_findings(connection, table, traders, refused, sums, total)]
    notes = (*staged.notes, *merged, *(finding.text for finding in findings))
    return Parsed(
        what,
        rows,
        (sums.first or 0, sums.last or 0),
        connection.sql(f'SELECT reason, line, "row" FROM "{refused.table}"') if refused.rows else None,
        revision,
        tuple(f"{what}: {note}" for note in notes),
    )


def _sums(connection: duckdb.DuckDBPyConnection, table: str, years: range | None) -> _Sums:
    wrong = _cell_sql(years)
    found = connection.execute(
        f"SELECT count(*), coalesce(sum(value), 0), "
        f"count(*) FILTER ({wrong} IS NOT NULL OR exporter = importer OR product IS NULL OR exporter IS NULL "
        f"OR importer IS NULL), min(year) FILTER ({wrong} IS NULL), max(year) FILTER ({wrong} IS NULL) "
        f'FROM "{table}" AS s'
    ).fetchall()
    return _Sums(*found[0])


def _cell_sql(years: range | None) -> str:
    """Return what is wrong with the numbers of a row, as SQL that gives words or null."""
    other = ""
    if years:
        other = f"WHEN s.year NOT BETWEEN {years[0]} AND {years[-1]} THEN 'another year: ' || s.year"
    return f"""CASE WHEN s.year IS NULL THEN 'no year' {other}
        WHEN s.value IS NULL THEN 'no value' WHEN s.value < 0 THEN 'negative value'
        WHEN NOT isfinite(s.value) THEN 'value not finite' WHEN s.quantity < 0 THEN 'negative quantity'
        WHEN NOT isfinite(s.quantity) THEN 'quantity not finite' END"""


def _fault_sql(years: range | None) -> str:
    """Return what is wrong with a row s joined to its countries a and b and its product p."""
    return f"""coalesce({_cell_sql(years)},
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


def _lift(
    connection: duckdb.DuckDBPyConnection, name: str, verdicts: Mapping[Any, Verdict], kind: str
) -> None:
    """Put verdicts into the engine as a table, the code in the type that it has in the data."""
    connection.execute(
        f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT CAST(unnest($1::VARCHAR[]) AS {kind}) AS code, '
        "unnest($2::VARCHAR[]) AS becomes, unnest($3::VARCHAR[]) AS fault",
        [
            [str(code) for code in verdicts],
            [verdict.becomes for verdict in verdicts.values()],
            [verdict.fault or None for verdict in verdicts.values()],
        ],
    )


def _joined(table: str) -> str:
    return (
        f'"{table}" AS s LEFT JOIN "{table}_countries" AS a ON a.code = s.exporter '
        f'LEFT JOIN "{table}_countries" AS b ON b.code = s.importer '
        f'LEFT JOIN "{table}_products" AS p ON p.code = s.product'
    )


def _refused(connection: duckdb.DuckDBPyConnection, staged: Staged, fault: str) -> _Refused:
    """Gather the rows that are refused, with their reasons, in a temporary table."""
    name = f"{staged.table}_rejects"
    query = f'SELECT reason, line, "row", CAST(NULL AS DOUBLE) AS value FROM "{staged.rejects}"'
    if fault:
        cells = ", ".join(f"coalesce(CAST(s.{column} AS VARCHAR), '')" for column in COLUMNS)
        query += (
            f" UNION ALL SELECT {fault}, NULL, array_to_string([{cells}], ','), s.value "
            f"FROM {_joined(staged.table)} WHERE {fault} IS NOT NULL"
        )
    connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {query}')
    found = connection.execute(
        f"SELECT count(*), coalesce(sum(value), 0), coalesce(mode(reason), '') FROM \"{name}\""
    ).fetchall()
    return _Refused(name, *found[0])


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
        source = _joined(table)
    where = f" WHERE {fault} IS NULL" if fault else ""
    if not add_up:
        return f"SELECT {keys}, s.value, s.quantity FROM {source}{where}"
    # A sum over masses of which one is not known would be too small without saying so.
    mass = "CASE WHEN count(s.quantity) = count(*) THEN sum(s.quantity) END AS quantity"
    return f"SELECT {keys}, sum(s.value) AS value, {mass} FROM {source}{where} GROUP BY ALL ORDER BY ALL"


def _merged(traders: Mapping[str | int, Verdict]) -> tuple[str, ...]:
    """Say which countries stand under several codes; their rows are added up."""
    codes = defaultdict(list)
    for code, verdict in traders.items():
        if verdict.becomes:
            codes[verdict.becomes].append(str(code))
    twice = [f"{iso3} ({' and '.join(found)})" for iso3, found in sorted(codes.items()) if len(found) > 1]
    return (f"Countries under several codes were added up: {', '.join(twice)}.",) if twice else ()


def _findings(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    traders: Mapping[str | int, Verdict],
    refused: _Refused,
    sums: _Sums,
    total: int,
) -> list[Finding]:
    """Say what was refused and how much of the value that is."""
    if not refused.rows:
        return []
    group = " OR ".join(f"{side}.fault LIKE 'an aggregate, not%'" for side in "ab")
    (aggregated,) = connection.execute(
        f"SELECT coalesce(sum(s.value) FILTER ({group}), 0) FROM {_joined(table)}"
    ).fetchall()[0]
    value = sums.value or 1.0
    found = checks.check_reporter_aggregates(traders, aggregated / value)
    reasons = connection.execute(
        f'SELECT reason, count(*) FROM "{refused.table}" GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 3'
    ).fetchall()
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons)
    text = (
        f"{refused.rows} of {total} rows, {refused.value / value:.2%} of the value, were refused: {listed}."
    )
    return [*([found] if found else []), Finding("refused", text, refused.rows, "warning")]
