"""Clearing of a dense group: entrepot against the bare HiGHS call and networkx, measured in one run.

Run ``OMP_NUM_THREADS=1 python benchmarks/settlements.py``; it prints Markdown.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import networkx as nx
import numpy as np
import scipy
from scipy.optimize import linprog

from entrepot.models.clearing import clear, incidence

REPEATS = 7


def median_seconds(call: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), answer


def dense(n: int) -> np.ndarray:
    matrix = np.round(np.random.default_rng(n).lognormal(6, 2, (n, n)))
    np.fill_diagonal(matrix, 0)
    return matrix


def bare(offset: np.ndarray, *, presolve: bool) -> Callable[[], Any]:
    """The same programme with its matrices built beforehand."""
    tail, head = np.nonzero(offset)
    bounds = np.column_stack([np.zeros(len(tail)), offset[tail, head]])
    matrix, right, cost = incidence(tail, head, len(offset)), np.zeros(len(offset)), -np.ones(len(tail))
    options = {"presolve": presolve}
    return lambda: linprog(cost, A_eq=matrix, b_eq=right, bounds=bounds, method="highs", options=options)


def simplex(offset: np.ndarray) -> int:
    graph = nx.DiGraph()
    for member, amount in enumerate(offset.sum(axis=0) - offset.sum(axis=1)):
        graph.add_node(member, demand=int(amount))
    for debtor, creditor in np.argwhere(offset):
        graph.add_edge(int(debtor), int(creditor), capacity=int(offset[debtor, creditor]), weight=1)
    return int(nx.network_simplex(graph)[0])


HEAD = """# Clearing a dense group

Python {python}, scipy {scipy}, networkx {networkx}, one thread; median of {repeats} runs (networkx: 3),
seconds, all in one run. `clear` is end to end: checks, offset, components, programme, conservation, totals.
"Bare" is `scipy.optimize.linprog` (HiGHS) alone on the same programme, its matrices built beforehand: with
default options, and with presolve off as `clear` runs it. "Gap" is the largest relative difference of optima.

| members | arcs | clear | bare | clear / bare | no presolve | ratio | networkx | networkx / clear | gap |
|---|---|---|---|---|---|---|---|---|---|"""


def main() -> None:
    versions = {"python": platform.python_version(), "scipy": scipy.__version__, "networkx": nx.__version__}
    print(HEAD.format(**versions, repeats=REPEATS))
    for n in (20, 50, 100, 200):
        obligations = dense(n)
        offset = np.maximum(obligations - obligations.T, 0)
        ours, answer = median_seconds(lambda o=obligations: clear(o))
        alone, solved = median_seconds(bare(offset, presolve=True))
        plain, _ = median_seconds(bare(offset, presolve=False))
        peer, cost = median_seconds(lambda o=offset: simplex(o), 3)
        gap = max(abs(answer.totals[2] - cost), abs(offset.sum() + solved.fun - cost)) / cost
        print(
            f"| {n} | {np.count_nonzero(offset):,} | {ours:.4f} | {alone:.4f} | {ours / alone:.2f} "
            f"| {plain:.4f} | {ours / plain:.2f} | {peer:.3f} | {peer / ours:.1f} | {gap:.0e} |"
        )


if __name__ == "__main__":
    main()
