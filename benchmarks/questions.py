"""What a question costs beside its bare queries: the same SQL run directly in DuckDB, in one run.

For each question the queries that it sends to the engine are recorded once, as SQL. Then the question and the
bare run of those statements alternate, and the median ratio is printed.

Run: python benchmarks/questions.py
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import duckdb

import entrepot as ep
from entrepot.store.engine import Engine
from entrepot.workbench import World

ROUNDS = 15


def main() -> None:
    """Print a Markdown table of times and ratios."""
    world = ep.open()
    asks: dict[str, Callable[[], object]] = {
        "direction RUS --product 270900 --since 2021": lambda: world.direction(
            "RUS", product="270900", since=2021
        ),
        "direction RUS": lambda: world.direction("RUS"),
        "direction IND --flow imports --by bloc": lambda: world.direction("IND", flow="imports", by="bloc"),
        "direction KAZ --by product": lambda: world.direction("KAZ", by="product"),
        "direction BLR --by sector": lambda: world.direction("BLR", by="sector"),
        "coverage RUS --sender EU": lambda: world.coverage("RUS", sender="EU"),
        "settlements BLR RUS KAZ": lambda: world.settlements(["BLR", "RUS", "KAZ"]),
    }
    print(
        f"Python {sys.version.split()[0]}, DuckDB {duckdb.__version__}, embedded pack, "
        f"median of {ROUNDS} rounds.\n"
    )
    print("| question | queries | SQL alone, ms | question, ms | ratio |")
    print("|---|---:|---:|---:|---:|")
    for name, ask in asks.items():
        count, bare, whole = measure(world, ask)
        print(f"| `{name}` | {count} | {1e3 * bare:.1f} | {1e3 * whole:.1f} | {whole / bare:.2f} |")


def measure(world: World, ask: Callable[[], object]) -> tuple[int, float, float]:
    """Return the number of queries and the median seconds of the bare SQL and of the question."""
    ask()
    statements = recorded(ask)
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    bare, whole = [], []
    for _ in range(ROUNDS):
        bare.append(timed(lambda: [connection.sql(sql).to_arrow_table() for sql in statements]))
        whole.append(timed(ask))
    return len(statements), statistics.median(bare), statistics.median(whole)


def recorded(ask: Callable[[], object]) -> list[str]:
    """Return the SQL of every query that a question sends."""
    statements: list[str] = []
    collect = Engine.collect

    def note(self: Engine, frame: object) -> object:
        statements.append(frame.to_native().sql_query())
        return collect(self, frame)

    Engine.collect = note
    try:
        ask()
    finally:
        Engine.collect = collect
    return statements


def timed(run: Callable[[], object]) -> float:
    """Return the seconds that one call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
