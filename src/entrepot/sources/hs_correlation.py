"""Correlation tables of the Harmonized System: what became of each code from one revision to the next.

UN Statistics Division publishes one workbook for two revisions, newest first, under names that vary
(``HS2022toHS2017ConversionAndCorrelationTables.xlsx``, ``HS 2012 to HS 2007 Correlation and conversion
tables.xls``). The sheet of correlations lists every overlap: a title row, then the headings ``HS2022``,
``HS2017``, ``Relationship``; older workbooks write codes with a dot. The sheet of conversions, one code for
each, is not read. The same sheet saved as CSV is taken too. Each step is one year of the table: 2022 holds
HS2022 to HS2017. The largest has some 16,000 links, so the sheet is handled in memory.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from pathlib import Path
from urllib.parse import quote

import duckdb
import pyarrow as pa

from entrepot.errors import DataError, InputError, SourceError
from entrepot.result import Source
from entrepot.sources import checks, cleaning, workbook
from entrepot.sources.dataset import Dataset, Parsed, Request
from entrepot.sources.delimited import dialect
from entrepot.sources.fetch import Copy, Remote, discard
from entrepot.world import products
from entrepot.world.products import REVISIONS

BASE = "https://unstats.un.org/unsd/classifications/Econ/tables/"
FILES = {
    "HS2022": "HS2022toHS2017ConversionAndCorrelationTables.xlsx",
    "HS2017": "HS2017toHS2012ConversionAndCorrelationTables.xlsx",
    "HS2012": "HS 2012 to HS 2007 Correlation and conversion tables.xls",
    "HS2007": "HS 2007 to HS 2002 Correlation and conversion tables.xls",
    "HS2002": "HS2002 to HS1996 - Correlation and conversion tables.xls",
    "HS1996": "HS1996 to HS1992 - Correlation and conversion tables.xls",
}
# Rows in which the headings are looked for.
TOP = 10
# A code that overlaps with so many others took in a little of each (electrical waste, display modules):
# following its links would spread all machinery over it.
CATCH_ALL = 60
Successors = Mapping[str, tuple[str, ...]]


def older_than(newer: str) -> str:
    """Return the revision before another one.

    Examples
    --------
    >>> older_than("HS2022")
    'HS2017'
    """
    return REVISIONS[REVISIONS.index(newer) - 1]


def remotes(request: Request) -> tuple[Remote, ...]:
    """Return one workbook for each revision that came into force in the years asked for.

    Raises
    ------
    InputError
        If there was none.
    """
    wanted = [newer for newer in reversed(FILES) if int(newer[2:]) in request.years]
    if not wanted:
        known = ", ".join(newer[2:] for newer in reversed(FILES))
        raise InputError("no revision of the HS came into force in these years", hint=f"it did in {known}")
    return tuple(
        Remote(
            request.base + quote(FILES[newer]),
            f"{newer}-{older_than(newer)}{Path(FILES[newer]).suffix}",
            (int(newer[2:]), int(newer[2:])),
        )
        for newer in wanted
    )


def read(connection: duckdb.DuckDBPyConnection, copy: Copy, request: Request) -> Iterator[Parsed]:
    """Give the links of one step.

    Raises
    ------
    SourceError
        If the workbook is damaged; it is not kept.
    DataError
        If it has no sheet of correlations of two revisions, or its codes are not of these.
    """
    table = _table(copy.path)
    newer = next((known for known in FILES if _heading(table, known) is not None), None)
    heading = None if newer is None else _heading(table, newer)
    if newer is None or heading is None:
        found = table[0] if table else []
        raise DataError.missing_columns(copy.path.name, ["two revisions of the HS"], found)
    yield _parsed(connection, table, newer, heading)


def _table(path: Path) -> list[list[str]]:
    """Return the sheet of correlations as text."""
    if not workbook.is_workbook(path):
        known = dialect(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [[cell.strip() for cell in row] for row in csv.reader(file, delimiter=known.separator)]
    try:
        names = workbook.sheets(path)
        sheet = next((name for name in names if "correlation" in name.casefold()), None)
        if sheet is not None:
            return workbook.rows(path, sheet)
    except DataError as error:
        discard(path)
        raise SourceError.damaged(path, error.message) from error
    raise DataError(f"{path.name} has no sheet of correlations", hint=f"its sheets are {', '.join(names)}")


def _heading(table: list[list[str]], newer: str) -> tuple[int, int, int] | None:
    """Return the row of the headings, and the columns of the newer and of the older codes."""
    for line, row in enumerate(table[:TOP]):
        new, old = (_column(row, revision) for revision in (newer, older_than(newer)))
        if new is not None and old is not None:
            return line, new, old
    return None


def _column(row: list[str], revision: str) -> int | None:
    """Return the column whose heading names a revision: HS2022, HS 2012, HS96, HS 1988/92."""
    mark = re.compile(rf"\bHS ?((19|20)?\d\d/)?({revision[2:]}|{revision[4:]})\b", re.IGNORECASE)
    return next((place for place, cell in enumerate(row) if mark.search(cell)), None)


def _parsed(
    connection: duckdb.DuckDBPyConnection, table: list[list[str]], newer: str, heading: tuple[int, int, int]
) -> Parsed:
    older, (line, *places) = older_than(newer), heading
    what = f"{newer} to {older}"
    _stage(connection, table, line, places)
    codes = {side: _codes(connection, side) for side in ("newer", "older")}
    judged = {
        side: checks.check_products(codes[side], revision)
        for side, revision in (("newer", newer), ("older", older))
    }
    for side, found in judged.items():
        cleaning.lift(connection, f"staged_{side}", found.verdicts)
    connection.execute(_sort_sql(int(newer[2:])))
    rows, refused, reason = _refused(connection)
    checks.refuse_too_many(what, refused, rows, reason)
    kept = connection.sql(
        "SELECT year, newer, older, relationship FROM sorted WHERE fault IS NULL ORDER BY ALL"
    )
    rejects = connection.sql(
        "SELECT fault AS reason, line, concat_ws(',', raw_newer, raw_older, published) AS \"row\" "
        "FROM sorted WHERE fault IS NOT NULL"
    )
    pairs = set(kept.project("newer, older").fetchall())
    findings = [finding.text for found in judged.values() for finding in found.findings]
    notes = (*findings, *_check_relationship(connection), *_check_embedded(pairs, newer, older))
    if refused:
        notes = (*notes, f"{refused} of {rows} links were refused, most often because: {reason}.")
    year = int(newer[2:])
    return Parsed(
        what,
        kept,
        (year, year),
        rejects if refused else None,
        notes=tuple(f"{what}: {note}" for note in notes),
    )


def _stage(
    connection: duckdb.DuckDBPyConnection, table: list[list[str]], line: int, places: list[int]
) -> None:
    """Put the links into the engine as text; dots between digits and a missing mark are no part of a code."""
    mark = next((n for n, cell in enumerate(table[line]) if cell.casefold().startswith("relation")), None)
    body = [row for row in table[line + 1 :] if len(row) > max(places) and (row[places[0]] or row[places[1]])]
    lifted = pa.table(
        {
            "line": pa.array(range(1, len(body) + 1), pa.int64()),
            "newer": pa.array([row[places[0]].replace(".", "") for row in body], pa.string()),
            "older": pa.array([row[places[1]].replace(".", "") for row in body], pa.string()),
            "published": pa.array(
                ["" if mark is None or len(row) <= mark else row[mark].casefold() for row in body],
                pa.string(),
            ),
        }
    )
    connection.register("lifted", lifted)
    connection.execute("CREATE OR REPLACE TEMP TABLE staged AS SELECT * FROM lifted")
    connection.unregister("lifted")


def _codes(connection: duckdb.DuckDBPyConnection, side: str) -> dict[str, int]:
    found = connection.execute(f"SELECT {side}, count(*) FROM staged GROUP BY {side} ORDER BY {side}")
    return dict(found.fetchall())


def _sort_sql(year: int) -> str:
    """Return the links with what is wrong with each, each link once, and its relationship as counted."""
    return f"""CREATE OR REPLACE TEMP TABLE sorted AS
    WITH judged AS (
        SELECT line, s.newer AS raw_newer, s.older AS raw_older, published, a.becomes AS newer,
            b.becomes AS older, CASE WHEN s.newer = '' OR s.older = '' THEN 'no code' END AS blank,
            coalesce(blank, a.fault, b.fault) AS wrong,
            row_number() OVER (PARTITION BY a.becomes, b.becomes, wrong IS NULL ORDER BY line) AS place
        FROM staged AS s LEFT JOIN staged_newer AS a ON a.code = s.newer
            LEFT JOIN staged_older AS b ON b.code = s.older
    ), faulted AS (
        SELECT *, coalesce(wrong, CASE WHEN place > 1 THEN 'the link stands twice' END) AS fault FROM judged
    ), counted AS (
        SELECT *, CASE WHEN count(*) OVER (PARTITION BY older, fault IS NULL) > 1 THEN 'n' ELSE '1' END
            || ':' || CASE WHEN count(*) OVER (PARTITION BY newer, fault IS NULL) > 1 THEN 'n' ELSE '1' END
            AS counted FROM faulted
    )
    SELECT {year}::SMALLINT AS year, newer, older, line, raw_newer, raw_older, published, counted,
        CASE WHEN regexp_full_match(published, '[1n]:[1n]') THEN published ELSE counted END AS relationship,
        fault
    FROM counted"""


def _refused(connection: duckdb.DuckDBPyConnection) -> tuple[int, int, str]:
    found = connection.execute(
        "SELECT count(*), count(*) FILTER (fault IS NOT NULL), coalesce(mode(fault), '') FROM sorted"
    ).fetchall()
    rows, refused, reason = found[0]
    return int(rows), int(refused), str(reason)


def _check_relationship(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Say how many links are marked otherwise than the links of their codes are counted."""
    bare, other = connection.execute(
        "SELECT count(*) FILTER (NOT regexp_full_match(published, '[1n]:[1n]')), "
        "count(*) FILTER (relationship != counted) FROM sorted WHERE fault IS NULL"
    ).fetchall()[0]
    told = [f"{bare} links have no relationship; it was counted."] if bare else []
    if other:
        told.append(f"{other} links are marked otherwise than the number of links of their codes says.")
    return tuple(told)


def _check_embedded(pairs: Collection[tuple[str, str]], newer: str, older: str) -> tuple[str, ...]:
    """Say how far the table agrees with the one that comes with the package, and what it leaves out."""
    embedded = {(link.target, link.source) for link in products.correlation(older, newer)}
    listed = {new for new, _ in pairs}
    silent = sorted(set(products.codes(newer)) - listed)
    here, there = len(set(pairs) - embedded), len(embedded - set(pairs))
    told = [
        f"{len(pairs)} links; {here} of them are not in the table that comes with entrepot, and {there} of "
        "that table are not here."
    ]
    if silent:
        told.append(f"{len(silent)} codes of {newer} have no link, for example {silent[0]}.")
    return tuple(told)


def successors(steps: Mapping[int, Collection[tuple[str, str]]], start: str, end: str) -> Successors | None:
    """Return what becomes of each code of a revision in another one, step by step.

    Links of a code that overlaps with 60 and more others are followed only where the table that comes with
    the package has them too, or the code stays the same. A code left without a link has those of that table.

    Parameters
    ----------
    steps : mapping
        Pairs (newer code, older code) by the year of the newer revision, as in the table ``hs_correlation``.
    start, end : str
        Revisions.

    Returns
    -------
    mapping or None
        Codes of `end` by code of `start`; None if a step on the way is missing.

    Examples
    --------
    >>> found = successors({2022: [("441251", "441294"), ("441252", "441294")]}, "HS2017", "HS2022")
    >>> found["441294"]
    ('441251', '441252', '441259')
    >>> successors({}, "HS2017", "HS2022") is None
    True
    """
    here, there = REVISIONS.index(start), REVISIONS.index(end)
    way = REVISIONS[min(here, there) + 1 : max(here, there) + 1]
    if any(int(newer[2:]) not in steps for newer in way):
        return None
    onward = [_followed(set(steps[int(newer[2:])]), newer) for newer in way]
    if here > there:
        onward = [[(old, new) for new, old in pairs] for pairs in reversed(onward)]
    found: dict[str, set[str]] = {}
    for pairs in onward:
        step: dict[str, set[str]] = defaultdict(set)
        for target, source in pairs:
            step[source].add(target)
        found = (
            {
                code: set().union(*(step.get(middle, ()) for middle in reached))
                for code, reached in found.items()
            }
            if found
            else dict(step)
        )
    return {code: tuple(sorted(reached)) for code, reached in sorted(found.items()) if reached}


def _followed(pairs: Collection[tuple[str, str]], newer: str) -> list[tuple[str, str]]:
    """Return the links of a step without those of codes that took in a little of everything."""
    embedded = {(link.target, link.source) for link in products.correlation(older_than(newer), newer)}
    fan_in = Counter(new for new, _ in pairs)
    kept = [p for p in pairs if fan_in[p[0]] < CATCH_ALL or p[0] == p[1] or p in embedded]
    new, old = {new for new, _ in kept}, {old for _, old in kept}
    return kept + [pair for pair in embedded if pair[0] not in new or pair[1] not in old]


DATASET = Dataset(
    id="hs-correlation",
    source=Source(
        id="unsd_hs_correlation",
        producer="United Nations Statistics Division",
        title="Correlation and conversion tables between revisions of the Harmonized System",
        version="as published on the day of access",
        licence="UN terms of use: reproduction with the source named; HS codes are the WCO's",
        url="https://unstats.un.org/unsd/classifications/Econ",
        accessed=date(2026, 11, 23),
    ),
    table="hs_correlation",
    about="Which code of one revision of the HS took over what of the one before it, 1992 to 2022.",
    base=BASE,
    years=(1996, 2022),
    size_mb=1,
    unit="one step, in the year of the newer revision",
    redistributable=False,
    remotes=remotes,
    read=read,
)
