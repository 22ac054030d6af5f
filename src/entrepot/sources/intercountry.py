"""Inter-country input-output tables: from a wide matrix in the engine to the core tables, with its
accounts.

A wide matrix has one row an industry of a country, one column an industry (intermediate use) or a kind of
final user, a column of output, and below rows of taxes, value added and output. Its accounts are

    sum_j Z_ij + sum_k F_ik = x_i        and        sum_i Z_ij + taxes_j + value added_j = x_j.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from entrepot.errors import DataError, SourceError
from entrepot.sources import archive
from entrepot.sources.checks import Finding
from entrepot.sources.dataset import Parsed

# The OECD splits two countries by kind of trade; the parts add up to the country.
PARTS = {"CN1": "CHN", "CN2": "CHN", "MX1": "MEX", "MX2": "MEX"}
# Publishers round cells: a sum of thousands of them departs from its total by so much, million USD or share.
ROUNDING = 1.0
SHARE = 0.001
# Above this part of all output the table is not the one that it was taken for.
BROKEN = 0.01


@dataclass(frozen=True)
class Layout:
    """What the rows and columns of a wide matrix are; both are numbered as the publisher orders them.

    Attributes
    ----------
    rows : mapping
        Country and industry by number of the row.
    columns : mapping
        Country and industry by number of the column; industry None for final users.
    added : sequence of int
        Rows that together with the inputs make up output: taxes, margins, value added.
    output : int
        Column of output.
    """

    rows: Mapping[int, tuple[str, str]]
    columns: Mapping[int, tuple[str, str | None]]
    added: Sequence[int]
    output: int


def pieces(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    year: int,
    what: str,
    notes: Sequence[str] = (),
) -> Iterator[Parsed]:
    """Give totals, final demand and industry flows of one year; flows come last, so never stand alone.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
        With the temporary table ``io_long``: ``row``, ``place`` (number of the column), ``value`` (USD
        million, null where a cell is no number); cells of zero may be left out.
    layout : Layout
    year : int
    what : str
        What messages call the matrix.
    notes : sequence of str
        What was noticed before.

    Raises
    ------
    DataError
        If rows and columns are not the same industries, or the accounts are far from adding up.
    """
    _check_square(layout, what)
    _lift(connection, layout)
    rejects = _set_aside(connection, layout)
    _add_up(connection, layout)
    findings = [check_rows_add_up(connection, what), check_columns_add_up(connection, what)]
    said = [finding.text for finding in findings if finding]
    said += [f"{what}: {note}" for note in (*notes, *_folded(layout))]
    refused = rejects.shape[0]
    if refused:
        said.append(f"{what}: {refused} cells were refused and count as zero.")
    told = tuple(said)
    span = (year, year)
    yield Parsed(what, _totals(connection, year), span, notes=told, table="industry_totals")
    yield Parsed(what, _final(connection, year), span, notes=told, table="final_demand")
    flows = _flows(connection, year, folded=bool(_folded(layout)))
    yield Parsed(what, flows, span, rejects, notes=told, table="industry_flows")


def read_years(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    member: re.Pattern[str],
    years: Sequence[int],
    read_year: Callable[[duckdb.DuckDBPyConnection, Path, int], Iterator[Parsed]],
) -> Iterator[Parsed]:
    """Read yearly tables out of an archive, or the one table of a plain file.

    Parameters
    ----------
    connection : duckdb.DuckDBPyConnection
    path : Path
    member : Pattern
        Names of the tables; its first group is the year.
    years : sequence of int
    read_year : callable

    Raises
    ------
    SourceError
        If the archive is damaged, or lacks one of the years.
    """
    packed = path.suffix.lower() == ".zip"
    names = archive.members(path) if packed else (path.name,)
    found = {int(match[1]): name for name in names if (match := member.search(name))}
    absent = [str(year) for year in years if year not in found]
    if absent:
        held = [str(year) for year in sorted(found)] or list(names[:5])
        raise SourceError.not_in_archive(path, f"table for {', '.join(absent)}", held)
    for year in years:
        with archive.extracted(path, found[year]) if packed else contextlib.nullcontext(path) as file:
            yield from read_year(connection, file, year)


def check_rows_add_up(connection: duckdb.DuckDBPyConnection, what: str) -> Finding | None:
    """Tell which industries sell more or less than they put out.

    Raises
    ------
    DataError
        If that is more than a hundredth of all output.
    """
    return _off(connection, "sold + final", f"{what}: sales and output")


def check_columns_add_up(connection: duckdb.DuckDBPyConnection, what: str) -> Finding | None:
    """Tell for which industries inputs, taxes and value added do not make up output.

    Raises
    ------
    DataError
        If that is more than a hundredth of all output.
    """
    return _off(connection, "bought + added", f"{what}: inputs with value added, and output,")


def _check_square(layout: Layout, what: str) -> None:
    rows = list(layout.rows.values())
    columns = [place for place in layout.columns.values() if place[1] is not None]
    twice = (
        sorted({f"{c}_{s}" for c, s in rows if rows.count((c, s)) > 1}) if len(set(rows)) < len(rows) else []
    )
    if twice:
        raise DataError(f"{what} has the row {twice[0]} twice", hint="fetch or export the file again")
    alone = sorted(f"{country}_{sector}" for country, sector in set(rows) ^ set(columns))
    if alone or not rows:
        raise DataError(
            f"{what} does not have the same industries in rows and columns: {', '.join(alone[:5]) or 'none'}",
            hint="the file is cut, or its layout has changed",
        )


def _lift(connection: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Put what rows and columns are into the engine, parts of countries folded into the countries."""
    rows = [(i, PARTS.get(country, country), sector) for i, (country, sector) in layout.rows.items()]
    columns = [(j, PARTS.get(country, country), sector) for j, (country, sector) in layout.columns.items()]
    ids = {place: i for i, place in layout.rows.items()}
    owners = [ids[(c, s)] if s is not None else None for c, s in layout.columns.values()]
    for name, table, first in (("io_rows", rows, "row"), ("io_columns", columns, "place")):
        number, country, sector = zip(*table, strict=True)
        found = pa.table(
            {first: pa.array(number, pa.int32()), "country": country, "sector": pa.array(sector, pa.string())}
        )
        if first == "place":
            found = found.append_column("owner", pa.array(owners, pa.int32()))
        _keep(connection, name, found)
    _keep(connection, "io_added", pa.table({"row": pa.array(layout.added, pa.int32())}))


def _keep(connection: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    connection.register("io_arrow", table)
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM io_arrow")
    connection.unregister("io_arrow")


def _set_aside(connection: duckdb.DuckDBPyConnection, layout: Layout) -> duckdb.DuckDBPyRelation:
    """Take cells that cannot be out of the matrix, and give them with their reasons."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE io_faults AS
        SELECT CASE WHEN value IS NULL THEN 'no number' WHEN NOT isfinite(value) THEN 'value not finite'
                    WHEN place = {layout.output} THEN 'negative output'
                    ELSE 'negative intermediate sale' END AS reason,
               CAST(NULL AS BIGINT) AS line,
               concat_ws(',', r.country, r.sector, c.country, c.sector, value) AS "row", l.row AS i, place
        FROM io_long AS l JOIN io_rows AS r USING (row) LEFT JOIN io_columns AS c USING (place)
        WHERE value IS NULL OR NOT isfinite(value)
              OR (value < 0 AND (c.sector IS NOT NULL OR place = {layout.output}));
        DELETE FROM io_long USING io_faults AS f WHERE io_long.row = f.i AND io_long.place = f.place"""
    )
    return connection.sql('SELECT reason, line, "row" FROM io_faults ORDER BY i, place')


def _add_up(connection: duckdb.DuckDBPyConnection, layout: Layout) -> None:
    """Add rows and columns up, one line an industry, before parts of countries are folded."""
    connection.execute(
        f"""CREATE OR REPLACE TEMP TABLE io_sums AS
        WITH sales AS (
            SELECT l.row, coalesce(sum(value) FILTER (c.sector IS NOT NULL), 0) AS sold,
                   coalesce(sum(value) FILTER (c.sector IS NULL), 0) AS final
            FROM io_long AS l JOIN io_columns AS c USING (place) JOIN io_rows USING (row) GROUP BY l.row),
        inputs AS (
            SELECT c.owner AS row, coalesce(sum(value) FILTER (r.row IS NOT NULL), 0) AS bought,
                   coalesce(sum(value) FILTER (a.row IS NOT NULL), 0) AS added
            FROM io_long AS l JOIN io_columns AS c USING (place)
            LEFT JOIN io_rows AS r ON l.row = r.row LEFT JOIN io_added AS a ON l.row = a.row
            WHERE c.sector IS NOT NULL GROUP BY c.owner),
        beside AS (SELECT row, value AS output FROM io_long WHERE place = {layout.output})
        SELECT r.row, r.country, r.sector, coalesce(sold, 0) AS sold, coalesce(final, 0) AS final,
               coalesce(bought, 0) AS bought, coalesce(added, 0) AS added,
               coalesce(output, 0) AS output
        FROM io_rows AS r LEFT JOIN sales USING (row) LEFT JOIN inputs USING (row)
        LEFT JOIN beside USING (row)"""
    )


def _off(connection: duckdb.DuckDBPyConnection, sum_of: str, words: str) -> Finding | None:
    """Compare a sum with output for every industry."""
    limit = f"greatest({ROUNDING}, {SHARE} * abs(output))"
    count, most, off, output = connection.execute(
        f"""SELECT count(*) FILTER (gap > {limit}),
                   arg_max(country || '_' || sector || ' by ' || round(gap, 1), gap), sum(gap), sum(output)
            FROM (SELECT *, abs({sum_of} - output) AS gap FROM io_sums)"""
    ).fetchall()[0]
    if not off <= BROKEN * output:
        raise DataError(
            f"{words} do not agree: {off:,.0f} of {output:,.0f} million USD, most of all {most} million",
            hint="the file is cut, or its layout has changed; nothing was written",
        )
    if not count:
        return None
    text = (
        f"{words} differ by more than {ROUNDING:.0f} million USD and {SHARE:.1%} for {count} industries "
        f"({off / output:.2%} of all output), most of all {most} million."
    )
    return Finding("check_accounts", text, int(count), "warning")


def _folded(layout: Layout) -> tuple[str, ...]:
    parts = sorted({country for country, _ in layout.rows.values()} & set(PARTS))
    if not parts:
        return ()
    wholes = sorted({PARTS[part] for part in parts})
    return (f"The parts {', '.join(parts)} were added up to {', '.join(wholes)}.",)


def _totals(connection: duckdb.DuckDBPyConnection, year: int) -> duckdb.DuckDBPyRelation:
    return connection.sql(
        f"""SELECT {year} AS year, country, sector, sum(output) AS gross_output,
                   sum(bought) AS intermediate_use, sum(final) AS final_use
            FROM io_sums GROUP BY country, sector ORDER BY min(row)"""
    )


def _final(connection: duckdb.DuckDBPyConnection, year: int) -> duckdb.DuckDBPyRelation:
    return connection.sql(
        f"""SELECT {year} AS year, r.country AS seller_country, r.sector AS seller_sector,
                   c.country AS buyer_country, sum(value) AS value
            FROM io_long JOIN io_rows AS r USING (row) JOIN io_columns AS c USING (place)
            WHERE c.sector IS NULL GROUP BY ALL HAVING sum(value) <> 0"""
    )


def _flows(connection: duckdb.DuckDBPyConnection, year: int, *, folded: bool) -> duckdb.DuckDBPyRelation:
    value, last = ("sum(value)", "GROUP BY ALL") if folded else ("value", "")
    return connection.sql(
        f"""SELECT {year} AS year, r.country AS seller_country, r.sector AS seller_sector,
                   c.country AS buyer_country, c.sector AS buyer_sector, {value} AS value
            FROM io_long JOIN io_rows AS r USING (row) JOIN io_columns AS c USING (place)
            WHERE c.sector IS NOT NULL AND value <> 0 {last}"""
    )
