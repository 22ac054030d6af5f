"""What is odd in the trade of a store, and synthetic trade to try one at full size."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from entrepot.errors import StoreError
from entrepot.result import Source
from entrepot.sources import checks
from entrepot.sources.checks import Finding
from entrepot.store.engine import literal
from entrepot.store.ingest import Step, engine, tell
from entrepot.store.manifest import TableInfo
from entrepot.store.store import Store
from entrepot.store.synth import REVISION, synthetic

INVENTED = Source(
    id="synthetic",
    producer="entrepot",
    title="Synthetic trade; nothing in it is an observation",
    version="1",
    licence="CC0",
    url="",
    accessed=date(2026, 11, 23),
)
NOTE = "Nothing in this table is an observation: it was drawn to try the tool at full size."


def audit(store: Store, totals: Mapping[int, float] | None = None) -> list[tuple[str, Finding]]:
    """Compare every file with its hash, then look at the trade by the checks that read whole tables.

    Parameters
    ----------
    store : Store
    totals : mapping, optional
        Published world trade by year, USD thousand.

    Returns
    -------
    list of (str, Finding)
        Table and finding; a table without fault has one that says so.

    Raises
    ------
    StoreError
        If there is no table to check.
    """
    if not store.names():
        raise StoreError.no_table("flows", store.path, ())
    found = []
    for name in store.names():
        info = store.info(name)
        try:
            store.verify_table(name)
        except StoreError as error:
            found.append((name, Finding("check_hash", error.message, level="error")))
            continue
        found.append((name, Finding("check_hash", f"{len(info.parts)} files are what they were.", info.rows)))
        if name == "flows":
            found += [(name, finding) for finding in _flows(store, info, totals or {})]
    return found


def _flows(store: Store, info: TableInfo, totals: Mapping[int, float]) -> list[Finding]:
    found: list[Finding | None] = []
    with engine() as connection:
        rows = connection.read_parquet([literal(store.path / part.file) for part in info.parts])
        codes = dict(rows.aggregate("product, count(*)", "product").fetchall())
        found.append(checks.check_hs_revision(codes, info.revision) if info.revision else None)
        found.append(checks.check_unit_values(rows))
        sums = dict(rows.aggregate("year, sum(value)", "year").fetchall())
        for year, published in sorted(totals.items()):
            found.append(checks.check_total_against(sums.get(year, 0.0), published, f"trade {year}"))
    return [finding for finding in found if finding]


def draw(store: Store, years: range, rows: int, seed: int, step: Step | None = None) -> None:
    """Write synthetic flows into a store, year by year.

    Raises
    ------
    StoreError
        As `Store.write_years` does.
    """
    for year in years:
        tell(step, f"drawing {year}")
        with engine() as connection:
            drawn = connection.from_arrow(synthetic(range(year, year + 1), rows, seed))
            store.write_years("flows", drawn, sources=[INVENTED], revision=REVISION, notes=[NOTE])
