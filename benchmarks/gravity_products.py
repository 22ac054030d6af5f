"""One gravity equation on every product of a store: processes against one, measured in one run.

Run ``OMP_NUM_THREADS=1 python benchmarks/gravity_products.py [STORE] [--limit N]``; it prints Markdown. STORE
is a folder written by `Store.write`, the embedded pack if left out; ``--synthetic ROWS`` draws one of that
many flows a year over three years and all products instead.
"""

from __future__ import annotations

import argparse
import platform
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import entrepot as ep
from entrepot.estimation.world_words import FORMULA
from entrepot.result import Result
from entrepot.store.store import Store, open_store
from entrepot.store.workers import available

HEAD = """# One gravity equation on every product of a store

Python {python}, numpy {numpy}, one thread of linear algebra a process, {cores} cores.
`{formula}` on {store}, years {first} to {last}, from the store to the table.
"Largest" is the longest wait between two products, "memory" the peak here and of the largest worker.

| processes | products | rows used | seconds | products a second | largest, s | memory, MiB | ratio |
|---|---|---|---|---|---|---|---|"""


def timed(world: ep.World, products: list[str], workers: int) -> tuple[float, float, Result]:
    """Return seconds in all, the longest wait between two products, and the answer."""
    marks = [time.perf_counter()]
    answer = world.gravity(
        FORMULA, product=products, by_product=True, workers=workers,
        progress=lambda done, total: marks.append(time.perf_counter()),
    )  # fmt: skip
    return time.perf_counter() - marks[0], float(np.diff(marks).max()), answer


def memory() -> str:
    own, worker = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return f"{own:.0f} + {worker:.0f}"


def drawn(folder: Path, rows: int) -> Path:
    from entrepot.store.synth import REVISION, synthetic

    store = Store.create(folder / "store")
    sources = open_store().sources("flows")
    store.write("flows", synthetic(range(2020, 2023), rows), sources=sources, revision=REVISION)
    return store.path


def report(path: Path | None, limit: int | None) -> None:
    world = ep.open(path)
    first, last = world.store.info("flows").years or (0, 0)
    table = world.store.collect(world.store.table("flows").select("product").unique())
    products = sorted(table.column("product").to_pylist())[:limit]
    name = "the embedded pack" if path is None else f"a store of {world.store.info('flows').rows:,} rows"
    versions = {"python": platform.python_version(), "numpy": np.__version__, "cores": available()}
    print(HEAD.format(**versions, formula=FORMULA, store=name, first=first, last=last))
    base = 0.0
    for workers in (1, 2):
        seconds, longest, answer = timed(world, products, workers)
        base = base or seconds
        used = sum({row["product"]: row["n"] or 0 for row in answer.table.to_pylist()}.values())
        print(
            f"| {workers} | {len(products)} | {used:,} | {seconds:.1f} | {len(products) / seconds:.1f} "
            f"| {longest:.1f} | {memory()} | {base / seconds:.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", nargs="?", type=Path)
    parser.add_argument("--limit", type=int, help="first products only")
    parser.add_argument("--synthetic", type=int, metavar="ROWS", help="flows a year of a synthetic store")
    given = parser.parse_args()
    if given.synthetic is None:
        report(given.store, given.limit)
        return
    with tempfile.TemporaryDirectory() as folder:
        report(drawn(Path(folder), given.synthetic), given.limit)


if __name__ == "__main__":
    main()
