"""From a staged table of what countries report to clean rows: codes read, faults aside, totals compared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import duckdb

from entrepot.sources import checks, cleaning
from entrepot.sources.checks import Finding, Verdict
from entrepot.sources.dataset import Parsed
from entrepot.sources.delimited import Staged

COLUMNS = ("year", "reporter", "partner", "direction", "product", "value", "quantity")
SIDES = ("reporter", "partner")
# Reporters named in a note about totals that do not fit.
NAMED = 5
Judge = Callable[[Collection[str | int]], dict[str | int, Verdict]]


@dataclass(frozen=True)
class _Counts:
    """What a staged table holds without the rows of the whole world."""

    rows: int
    value: float
    first: int | None
    last: int | None


def clean(
    connection: duckdb.DuckDBPyConnection,
    staged: Staged,
    *,
    what: str,
    judge: Judge = checks.check_countries,
    revision: str | None = None,
    national: bool = False,
    world: Collection[str] = (),
    years: range | None = None,
    add_up: bool = False,
) -> Parsed:
    """Turn a staged table of reports into the core table ``reports``.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        Where the table is staged; the answer lives in it.
    staged : Staged
        Columns year, reporter, partner, direction (``export`` or ``import``), product, value (USD thousand),
        quantity (tonnes, may be null), and month if the table is monthly; reporter, partner and product are
        text as in the file.
    what : str
        What messages call it.
    judge : callable
        Says of each code which country it is or why it is none, see `checks.check_countries`.
    revision : str, optional
        Revision of the product codes; None for a nomenclature that changes every year.
    national : bool
        Codes may have eight digits.
    world : collection of str
        Codes of the whole world as a partner: their rows are the published totals that the sums are compared
        with, and never rows of the answer.
    years : range, optional
        Years that it should hold; rows of other years are refused.
    add_up : bool
        Add up rows of the same report; otherwise the store refuses them.

    Returns
    -------
    Parsed

    Raises
    ------
    DataError
        If most rows cannot be taken, or the product codes are of another revision.
    """
    table = staged.table
    traders = judge(_distinct(connection, table, ("reporter", "partner")))
    gaps = _take_totals(connection, table, world, traders)
    products, findings = _judge_products(connection, table, revision, national)
    cleaning.lift(connection, f"{table}_countries", traders)
    cleaning.lift(connection, f"{table}_products", products)
    counts = _counts(connection, table)
    fault = _fault_sql(years)
    refused = cleaning.set_aside(connection, staged, COLUMNS, fault, SIDES)
    total = counts.rows + connection.table(staged.rejects).shape[0]
    # Publishers who list groups of partners list many; a file is not another one for that.
    checks.refuse_too_many(what, refused.rows - refused.groups, total - refused.groups, refused.reason)
    source = cleaning.joined(table, SIDES)
    findings += cleaning.findings(connection, source, traders, refused, (total, counts.value))
    merged = cleaning.merged(traders)
    notes = (*staged.notes, *merged, *(f.text for f in findings), *gaps)
    return Parsed(
        what,
        connection.sql(_rows_sql(connection, table, fault, add_up=add_up or bool(merged))),
        (counts.first or 0, counts.last or 0),
        cleaning.rows_refused(connection, refused),
        revision,
        tuple(f"{what}: {note}" for note in notes),
    )


def _distinct(connection: duckdb.DuckDBPyConnection, table: str, columns: Collection[str]) -> list[str]:
    union = " UNION ".join(f'SELECT DISTINCT {column} FROM "{table}"' for column in columns)
    return sorted(str(code) for (code,) in connection.execute(union).fetchall() if code is not None)


def _take_totals(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    world: Collection[str],
    traders: Mapping[str | int, Verdict],
) -> tuple[str, ...]:
    """Take the rows of the whole world out of a table; says where the partners do not add up to them."""
    if not world:
        return ()
    codes = ", ".join(f"'{code}'" for code in world)
    groups = [str(code) for code, v in traders.items() if v.fault.startswith("an aggregate")]
    others = ", ".join("'" + code.replace("'", "''") + "'" for code in {*groups, *world})
    found = connection.execute(
        f"""SELECT reporter, direction, sum(value) FILTER (partner IN ({codes})) AS published,
            sum(value) FILTER (partner NOT IN ({others})) AS added, count(*) FILTER (partner IN ({codes}))
        FROM "{table}" GROUP BY reporter, direction ORDER BY ALL"""
    ).fetchall()
    connection.execute(f'DELETE FROM "{table}" WHERE partner IN ({codes})')
    rows = sum(row[4] for row in found)
    if not rows:
        return ()
    compared = (
        checks.check_total_against(added or 0.0, published, f"{direction}s that {reporter} reports")
        for reporter, direction, published, added, _ in found
        if published
    )
    gaps = [finding.text for finding in compared if finding is not None]
    left_out = f" ({len(gaps) - NAMED} more such)" if len(gaps) > NAMED else ""
    words = f"{rows} rows with the whole world as the partner served as published totals and were not taken."
    if not gaps:
        return (f"{words} The partners add up to them within 2%.",)
    return (words, " ".join(gaps[:NAMED]) + left_out)


def _judge_products(
    connection: duckdb.DuckDBPyConnection, table: str, revision: str | None, national: bool
) -> tuple[dict[str, Verdict], list[Finding]]:
    found = connection.execute(f'SELECT product, count(*) FROM "{table}" GROUP BY product').fetchall()
    codes = {str(code): rows for code, rows in sorted(found, key=str) if code is not None}
    if not national and revision is not None:
        judged = checks.check_products(codes, revision)
        return judged.verdicts, list(judged.findings)
    level = max((len(code) for code in codes if code.isdigit() and len(code) in (2, 4, 6, 8)), default=8)
    return {code: _national(code, level) for code in codes}, []


def _national(code: str, level: int) -> Verdict:
    """Say what a code of the Combined Nomenclature is; eight digits, or fewer where all codes have fewer."""
    if not code.isdigit():
        return Verdict(fault=f"no product code: {code}")
    if len(code) == level:
        return Verdict(code)
    if len(code) % 2:
        return Verdict(fault=f"{len(code)} digits, a leading zero may be lost: {code}")
    kind = "an aggregate of" if len(code) < level else "more digits than the"
    return Verdict(fault=f"{kind} {level}-digit codes: {code}")


def _counts(connection: duckdb.DuckDBPyConnection, table: str) -> _Counts:
    found = connection.execute(
        f'SELECT count(*), coalesce(sum(value), 0), min(year), max(year) FROM "{table}"'
    ).fetchall()
    return _Counts(*found[0])


def _fault_sql(years: range | None) -> str:
    """Return what is wrong with a row s joined to its countries a and b and its product p, or null."""
    return f"""coalesce(CASE {cleaning.number_fault(years)} WHEN s.direction IS NULL THEN 'no direction'
        WHEN s.reporter IS NULL OR s.partner IS NULL THEN 'no country'
        WHEN s.product IS NULL THEN 'no product' END, a.fault, b.fault, p.fault,
        CASE WHEN a.becomes = b.becomes THEN 'a country trading with itself' END)"""


def _rows_sql(connection: duckdb.DuckDBPyConnection, table: str, fault: str, *, add_up: bool) -> str:
    month = ", CAST(s.month AS TINYINT) AS month" if "month" in connection.table(table).columns else ""
    keys = (
        f"CAST(s.year AS SMALLINT) AS year{month}, a.becomes AS reporter, b.becomes AS partner, s.direction, "
        "p.becomes AS product"
    )
    source = f"{cleaning.joined(table, SIDES)} WHERE {fault} IS NULL"
    if not add_up:
        return f"SELECT {keys}, s.value, s.quantity FROM {source}"
    return f"SELECT {keys}, sum(s.value) AS value, {cleaning.MASS} FROM {source} GROUP BY ALL ORDER BY ALL"
