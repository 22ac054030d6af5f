"""Input-output: decomposition of exports against one LAPACK inverse, extraction against solving again.

Run ``OPENBLAS_NUM_THREADS=1 PYTHONPATH=src python benchmarks/inputoutput.py``; it prints Markdown.
Arguments are the numbers of countries, of 45 industries each, 77 if left out: ``... inputoutput.py 20 40``.
pymrio is a peer for the inverse; put it into an environment of its own (``pip install pymrio``), where
entrepot's models (NumPy and SciPy only) run too. Without it that line is missing. Tables are synthetic:
lognormal cells, most trade within countries, value added of at least a sixth of output.
"""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy
import scipy.linalg

from entrepot.models.inputoutput import decompose, extract, leontief_inverse

INDUSTRIES = 45
ROUNDS = 3
CASES = (("bm-source", "exporter"), ("bm-source", "pair"), ("bm-sink", "exporter"), ("wwz", "exporter"),
         ("kww", "exporter"), ("oecd", "exporter"))  # fmt: skip

Table = tuple[np.ndarray, np.ndarray, np.ndarray]


def seconds(call: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), answer


def table(countries: int) -> Table:
    """A balanced table; sizes of countries and cells are lognormal."""
    rng = np.random.default_rng(countries)
    rows = countries * INDUSTRIES
    size = np.repeat(np.exp(1.5 * rng.normal(size=countries)), INDUSTRIES)
    home = np.repeat(np.arange(countries), INDUSTRIES)
    Z = np.exp(1.5 * rng.normal(size=(rows, rows))) * size[:, None] * size
    Z[home[:, None] == home] *= 100
    Y = np.exp(rng.normal(size=(rows, countries))) * size[:, None] * size[::INDUSTRIES]
    Y[np.arange(rows), home] *= 100
    Y *= Z.sum() / Y.sum()
    Y[np.arange(rows), home] += np.maximum(1.2 * Z.sum(axis=0) - Z.sum(axis=1) - Y.sum(axis=1), 0)
    return Z, Y, Z.sum(axis=1) + Y.sum(axis=1)


def lapack_inverse(Z: np.ndarray, X: np.ndarray) -> tuple[float, np.ndarray]:
    """Time one inverse of I - A alone: getrf and getri in place, A is made before the clock starts."""
    work = np.eye(len(X)) - Z / X
    return seconds(lambda: scipy.linalg.inv(work.T, overwrite_a=True, check_finite=False).T)


def pymrio_inverse(Z: np.ndarray, X: np.ndarray) -> tuple[float, np.ndarray] | None:
    try:
        import pandas as pd
        import pymrio
    except ImportError:
        return None
    A = pd.DataFrame(Z / X)
    took, inverse = seconds(lambda: pymrio.calc_L(A))
    return took, inverse.to_numpy()


def decompositions(countries: int) -> None:
    """Time each method beside an inverse of its own, in turn: a ratio is the median over rounds."""
    made = table(countries)
    inverses, peers = [], []
    ours: dict[tuple[str, str], list[tuple[float, float]]] = {case: [] for case in CASES}
    for _ in range(ROUNDS):
        for method, perimeter in CASES:
            base, inverse = lapack_inverse(made[0], made[2])
            took, answer = seconds(lambda m=method, p=perimeter: decompose(*made, method=m, perimeter=p))
            inverses.append(base)
            ours[method, perimeter].append((took, took / base))
            gap = np.abs(answer["DC"] + answer["FC"] - answer["EXGR"]).max() / answer["EXGR"].max()
            assert gap < 1e-9
        peer = pymrio_inverse(made[0], made[2])
        if peer is not None:
            peers.append((peer[0], peer[0] / base))
            assert np.abs(peer[1] - inverse).max() < 1e-9
    print(f"\n## Exports of {countries} countries x {INDUSTRIES} industries ({len(made[2]):,} rows)\n")
    print("| what | s | of one LAPACK inverse |\n|---|---:|---:|")
    print(f"| LAPACK getrf + getri, one inverse | {statistics.median(inverses):.2f} | 1.00 |")
    if peers:
        print(timed(f"pymrio {importlib.metadata.version('pymrio')} calc_L, the inverse alone", peers))
    for (method, perimeter), times in ours.items():
        print(timed(f"decompose {method}, {perimeter}, inverse included", times))


def timed(what: str, times: list[tuple[float, float]]) -> str:
    took, ratio = (statistics.median(column) for column in zip(*times, strict=True))
    return f"| {what} | {took:.2f} | {ratio:.2f} |"


def extractions(countries: int) -> None:
    Z, _, X = table(countries)
    inverse = leontief_inverse(Z, X)
    final = X - Z.sum(axis=1)
    r, s = slice(0, INDUSTRIES), slice(INDUSTRIES, 2 * INDUSTRIES)
    took, found = seconds(lambda: extract(inverse, X, Z[r, s], r, s), 21)

    def again() -> np.ndarray:
        rest = np.eye(len(X)) - Z / X
        rest[r, s] = 0
        return scipy.linalg.solve(rest, final, overwrite_a=True, check_finite=False)

    slow, solved = seconds(again, ROUNDS)
    gap = np.abs(found.output - solved).max() / X.max()
    print(f"\n## All inputs of one country in another stop ({len(X):,} rows)\n")
    print("| what | ms | ratio | gap |\n|---|---:|---:|---:|")
    print(f"| solve the table again | {1e3 * slow:,.0f} | 1 | |")
    print(
        f"| block identity, inverse at hand | {1e3 * took:.2f} | {slow / took:,.0f} | {gap:.0e} |", flush=True
    )


def memory_case(countries: int) -> None:
    """Decompose in this process, once by the clock and once to count memory, in units of the table."""
    made = table(countries)
    took, _ = seconds(lambda: decompose(*made))
    tracemalloc.start()
    decompose(*made)
    grown = tracemalloc.get_traced_memory()[1] / 2**20
    size = made[0].nbytes / 2**20
    print(f"| {countries} | {len(made[2]):,} | {took:.2f} | {size:.0f} | {grown:.0f} | {grown / size:.1f} |")


def growth(largest: int) -> None:
    print("\n## Growth: bm-source, exporter's perimeter, one process each\n")
    print("| countries | rows | s | table, MiB | peak memory added, MiB | in tables |")
    print("|---:|---:|---:|---:|---:|---:|", flush=True)
    for countries in (10, 20, 40, 77):
        if countries <= largest:
            subprocess.run([sys.executable, __file__, "memory", str(countries)], check=True)


def main() -> None:
    warnings.simplefilter("ignore")
    words = sys.argv[1:]
    if words[:1] == ["memory"]:
        memory_case(int(words[1]))
        return
    sizes = [int(word) for word in words] or [77]
    print("# Input-output decomposition and extraction\n")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}, medians of "
        f"{ROUNDS} rounds in turn, one run."
    )
    for countries in sizes:
        decompositions(countries)
        extractions(countries)
    growth(max(sizes))


if __name__ == "__main__":
    main()
