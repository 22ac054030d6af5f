"""Export potential: one exporter over all markets and HS6 against the same sums in DuckDB SQL, in one run.

    OPENBLAS_NUM_THREADS=1 python benchmarks/partners.py

Synthetic trade of 230 countries in 5,000 products (the size of the HS at six digits); prints Markdown.
A smaller world: ``python benchmarks/partners.py 60 1000``.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from entrepot.models.clusters import choose, cohesion, communities
from entrepot.models.potential import domestic, export_potential, supply_shares
from entrepot.questions.lawful import _lawful, lawful
from entrepot.world import countries, products

ROUNDS = 9

SQL = """
WITH cells AS (
    SELECT m.importer, m.value AS d, s.share, coalesce(v.value, 0) AS v, s.own
    FROM imports m JOIN supply s USING (product) LEFT JOIN sales v USING (importer, product)
), ease AS (
    SELECT importer, sum(v * own) / sum(share * d) AS e FROM cells GROUP BY importer
)
SELECT importer, sum(v), sum(share * d), any_value(e), sum(least(share * d * e, d)),
       sum(greatest(least(share * d * e, d) - v, 0)), sum(greatest(share * d - v, 0))
FROM cells JOIN ease USING (importer) GROUP BY importer ORDER BY importer
"""


def peak() -> float:
    """Highest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def world(n: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make totals (n, k) of both sides and the sales of the first country (n, k)."""
    rng = np.random.default_rng(1)
    exports = rng.lognormal(8, 3, (n, k)) * (rng.random((n, k)) < 0.35)
    imports = rng.lognormal(8, 2, (n, k)) * (rng.random((n, k)) < 0.75)
    exports[0] = rng.lognormal(9, 3, k) * (rng.random(k) < 0.5)
    to = rng.dirichlet(np.full(n, 0.3), k).T * exports[0]
    sales = np.ascontiguousarray(np.where(to > 1.0, to, 0.0))
    sales[0] = 0
    return exports, np.maximum(imports, sales), sales


def tidy(values: np.ndarray) -> pa.Table:
    j, k = np.nonzero(values)
    return pa.table({"importer": j.astype(np.int32), "product": k.astype(np.int32), "value": values[j, k]})


def engine(imports: np.ndarray, sales: np.ndarray, share: np.ndarray, own: np.ndarray) -> Any:
    """Put the same numbers into tables of an in-memory DuckDB with one thread."""
    base = duckdb.connect(config={"threads": 1})
    supply = pa.table({"product": np.arange(len(share), dtype=np.int32), "share": share, "own": own})
    for name, table in (("imports", tidy(imports)), ("sales", tidy(sales)), ("supply", supply)):
        base.register("arrow", table)
        base.execute(f"CREATE TABLE {name} AS SELECT * FROM arrow")
        base.unregister("arrow")
    return base


def in_turn(*calls: Callable[[], Any]) -> list[tuple[float, Any]]:
    """Time every call once a round, so that all meet the same machine; medians, ms."""
    times: list[list[float]] = [[] for _ in calls]
    answers: list[Any] = [None] * len(calls)
    for _ in range(ROUNDS):
        for place, call in enumerate(calls):
            start = time.perf_counter()
            answers[place] = call()
            times[place].append(1e3 * (time.perf_counter() - start))
    return [(statistics.median(t), a) for t, a in zip(times, answers, strict=True)]


def compare(n: int, k: int) -> None:
    exports, imports, sales = world(n, k)
    share = supply_shares(exports, imports)[0]
    own = np.divide(domestic(exports, imports)[0], exports[0], out=np.zeros(k), where=exports[0] > 0)
    allowed = np.random.default_rng(2).random((n, k)) < 0.9
    before = peak()
    export_potential(share, imports, sales, domestic_share=own, allowed=allowed)
    ours_memory = peak() - before
    base = engine(imports, sales, share, own)
    loaded = peak()
    (plain, found), (masked, _), (shares, _), (sql, rows) = in_turn(
        lambda: export_potential(share, imports, sales, domestic_share=own),
        lambda: export_potential(share, imports, sales, domestic_share=own, allowed=allowed),
        lambda: supply_shares(exports, imports),
        lambda: np.array(base.execute(SQL).fetchall(), dtype=float),
    )
    gap = max(
        float(np.nanmax(np.abs(rows[:, place] - values) / (1 + np.abs(values))))
        for place, values in ((1, found.actual), (2, found.expected), (4, found.potential), (5, found.gap))
    )
    print(f"## One exporter, {n} markets x {k:,} products ({int((imports > 0).sum()):,} cells of demand)\n")
    print("| what | ms | ratio | peak memory added, MiB |\n|---|---:|---:|---:|")
    print(f"| `export_potential` | {plain:.1f} | 1 | |")
    ratio = masked / plain
    print(f"| the same behind a mask of barred positions | {masked:.1f} | {ratio:.1f} | {ours_memory:.0f} |")
    print(f"| DuckDB SQL, one thread | {sql:.1f} | {sql / plain:.0f} | {peak() - loaded:.0f} |\n")
    cube = n * n * k / 1e6
    print(f"Largest relative difference of any sum: {gap:.0e}. The full cube would hold {cube:,.0f} million")
    print(f"cells; world-market shares of all exporters take {shares:.0f} ms once.\n")


def law(k: int) -> None:
    codes = products.codes("HS2022")[:k]
    group = sorted(countries.known())
    day = datetime.date(2025, 9, 1)
    (read, _), (once, barred) = in_turn(
        lambda: _lawful(codes, "HS2022", day, None),
        lambda: lawful(codes, "HS2022", day).exports("RUS", group),
    )
    share = 100 * barred.mean()
    print(f"## The filter, {len(group)} partners x {len(codes):,} codes of HS2022 on one day\n")
    print(
        f"Reading the law: {read:.0f} ms once a day and table; one country with all partners: {once:.1f} ms"
    )
    print(f"({share:.0f}% barred for Russia).\n")


def clusters() -> None:
    print("## Clusters: 5 of n candidates\n")
    print("| candidates | communities | found, ms | programme, ms |\n|---:|---:|---:|---:|")
    rng = np.random.default_rng(3)
    for n in (50, 150, 300):
        traits = rng.random((n, 8))
        near = np.exp(-4 * ((traits[:, None] - traits[None]) ** 2).sum(axis=2))
        start = time.perf_counter()
        pool = communities(near)
        middle = time.perf_counter()
        choose(cohesion(near, pool) * rng.random(n), pool, 5)
        end = time.perf_counter()
        print(f"| {n} | {len(pool)} | {1e3 * (middle - start):.0f} | {1e3 * (end - middle):.0f} |")


def main() -> None:
    n, k = (int(word) for word in sys.argv[1:3]) if len(sys.argv) > 2 else (230, 5000)
    versions = f"NumPy {np.__version__}, DuckDB {importlib.metadata.version('duckdb')}"
    print("# Export potential and clusters\n")
    print(
        f"Python {platform.python_version()}, {versions}, one thread, medians of {ROUNDS} rounds in turn.\n"
    )
    compare(n, k)
    law(k)
    clusters()


if __name__ == "__main__":
    main()
