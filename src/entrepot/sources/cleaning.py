"""What cleaning flows and cleaning reports share: verdicts in the engine, rows refused, words about both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from entrepot.sources import checks
from entrepot.sources.checks import Finding, Verdict
from entrepot.sources.delimited import Staged

# A sum over masses of which one is not known would be too small without saying so.
MASS = "CASE WHEN count(s.quantity) = count(*) THEN sum(s.quantity) END AS quantity"
_GROUP = "an aggregate, not%"


@dataclass(frozen=True)
class Refused:
    """What is refused of a staged table: its rows, their value, the commonest reason, rows of groups."""

    table: str
    rows: int
    value: float
    reason: str
    groups: int


def number_fault(years: range | None) -> str:
    """Return the cases of what is wrong with the numbers of a row s, as SQL."""
    other = ""
    if years:
        other = f"WHEN s.year NOT BETWEEN {years[0]} AND {years[-1]} THEN 'another year: ' || s.year"
    return f"""WHEN s.year IS NULL THEN 'no year' {other}
        WHEN s.value IS NULL THEN 'no value' WHEN s.value < 0 THEN 'negative value'
        WHEN NOT isfinite(s.value) THEN 'value not finite' WHEN s.quantity < 0 THEN 'negative quantity'
        WHEN NOT isfinite(s.quantity) THEN 'quantity not finite'"""


def joined(table: str, sides: tuple[str, str]) -> str:
    """Return the staged rows s beside the verdicts on both countries, a and b, and on the product, p."""
    return (
        f'"{table}" AS s LEFT JOIN "{table}_countries" AS a ON a.code = s.{sides[0]} '
        f'LEFT JOIN "{table}_countries" AS b ON b.code = s.{sides[1]} '
        f'LEFT JOIN "{table}_products" AS p ON p.code = s.product'
    )


def lift(
    connection: duckdb.DuckDBPyConnection, name: str, verdicts: Mapping[Any, Verdict], kind: str = "VARCHAR"
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


def set_aside(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    columns: tuple[str, ...],
    fault: str,
    sides: tuple[str, str],
) -> Refused:
    """Gather the rows that are refused, with their reasons, in a temporary table."""
    name = f"{staged.table}_rejects"
    query = f'SELECT reason, line, "row", CAST(NULL AS DOUBLE) AS value FROM "{staged.rejects}"'
    if fault:
        cells = ", ".join(f"coalesce(CAST(s.{column} AS VARCHAR), '')" for column in columns)
        query += (
            f" UNION ALL SELECT {fault}, NULL, array_to_string([{cells}], ','), s.value "
            f"FROM {joined(staged.table, sides)} WHERE {fault} IS NOT NULL"
        )
    connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {query}')
    found = connection.execute(
        "SELECT count(*), coalesce(sum(value), 0), coalesce(mode(reason), ''), "
        f"count(*) FILTER (reason LIKE '{_GROUP}') FROM \"{name}\""
    ).fetchall()
    return Refused(name, *found[0])


def rows_refused(connection: duckdb.DuckDBPyConnection, refused: Refused) -> duckdb.DuckDBPyRelation | None:
    """Return the refused rows as the reject file holds them, None where there are none."""
    if not refused.rows:
        return None
    return connection.sql(f'SELECT reason, line, "row" FROM "{refused.table}"')


def merged(traders: Mapping[str | int, Verdict]) -> tuple[str, ...]:
    """Say which countries stand under several codes; their rows are added up."""
    codes = defaultdict(list)
    for code, verdict in traders.items():
        if verdict.becomes:
            codes[verdict.becomes].append(str(code))
    twice = [f"{iso3} ({' and '.join(found)})" for iso3, found in sorted(codes.items()) if len(found) > 1]
    return (f"Countries under several codes were added up: {', '.join(twice)}.",) if twice else ()


def findings(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    traders: Mapping[str | int, Verdict],
    refused: Refused,
    whole: tuple[int, float],
) -> list[Finding]:
    """Say what was refused of the joined `rows` and how much of the whole (rows, value) that is."""
    if not refused.rows:
        return []
    total, value = whole[0], whole[1] or 1.0
    group = " OR ".join(f"{side}.fault LIKE '{_GROUP}'" for side in "ab")
    (aggregated,) = connection.execute(
        f"SELECT coalesce(sum(s.value) FILTER ({group}), 0) FROM {rows}"
    ).fetchall()[0]
    found = checks.check_reporter_aggregates(traders, aggregated / value)
    reasons = connection.execute(
        f'SELECT reason, count(*) FROM "{refused.table}" GROUP BY reason ORDER BY 2 DESC, 1 LIMIT 3'
    ).fetchall()
    listed = "; ".join(f"{reason} ({count})" for reason, count in reasons)
    text = (
        f"{refused.rows} of {total} rows, {refused.value / value:.2%} of the value, were refused: {listed}."
    )
    return [*([found] if found else []), Finding("refused", text, refused.rows, "warning")]
