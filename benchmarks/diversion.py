"""Diversion detector: the real case against the bare aggregation it needs, and growth with the cells.

Run ``OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 python benchmarks/diversion.py``; it prints Markdown. The real
case reads ../shared/data/trade-eu-sanctioned-cn8. With ``--full`` the largest synthetic case is 5,600
products x 200 hubs x 60 months (about 8 million rows).
"""

from __future__ import annotations

import argparse
import importlib
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import scipy

from entrepot.models import detection as dd

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "trade-eu-sanctioned-cn8"
REPEATS = 5
MONTHS = 60


def seconds(call: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), answer


def aggregate(source: Path) -> Any:
    """What any method needs first: HS6 x sender x hub x month sums, as codes in arrays."""
    return duckdb.sql(
        "select dense_rank() over (order by reporter) - 1 s, dense_rank() over (order by partner) - 1 h, "
        "dense_rank() over (order by substr(code, 1, 6)) - 1 k, "
        "(year(month) - 2020) * 12 + month(month) - 1 t, sum(eur)::double v "
        f"from '{source / 'exports_cn8_monthly.parquet'}' "
        "group by reporter, partner, substr(code, 1, 6), month"
    ).fetchnumpy()


def real(rows: Any) -> dd.Detection:
    """March to November 2022 against 2021, one placebo window, from aggregated rows to q-values."""
    senders = int(rows["s"].max()) + 1
    trade = dd.trade(
        rows["s"], senders + rows["h"], rows["k"], rows["t"], rows["v"],
        countries=senders + 7, products=int(rows["k"].max()) + 1, periods=35,
    )  # fmt: skip
    # Partners in the order of their codes: ARM BLR GEO KAZ KGZ RUS UZB.
    hubs, target = senders + np.array([0, 2, 3, 4, 6]), [senders + 5]
    roles = dd.roles(np.arange(senders), hubs, target, countries=senders + 7, controls=[])
    groups = np.arange(trade.products) // 4
    windows = [dd.window(np.arange(a, a + 9), np.arange(a + 12, a + 21)) for a in (14, 2)]
    target_legs, decoys = (dd.measure_legs(trade, roles, w, parents=[groups], floor=1e3) for w in windows)
    return dd.detect(target_legs, [decoys], groups=groups)


def all_parts(script: Any) -> tuple[float, float]:
    """The aggregation (CN8 and totals, as codes) and everything on it: seconds of each.

    Four windows with uncovered goods, codes that break dropped, scores, shrinkage, bounds and intervals.
    """
    loading, case = seconds(lambda: script.load(SHARED.parent), 3)

    def whole() -> None:
        found = script.detection(case)
        flagged = found.tested & (found.q <= 0.05)
        dd.shrink(found.legs, found.weights[0].dispersion, case.groups(4))
        dd.diverted_at_most(found.legs, flagged)
        roles = case.roles()
        flows = dd.expect(
            case.trade(script.REAL), roles.origins, roles.hubs, roles.controls, script.REAL,
            parents=[case.groups(4), case.groups(2)], floor=script.FLOOR, uncovered=case.uncovered,
        )  # fmt: skip
        dd.bootstrap(flows, np.isin(flows.product, found.legs.product[flagged]))

    return loading, seconds(whole, 3)[0]


def validation() -> Any:
    """scripts/build_validation.py as a module."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
    return importlib.import_module("build_validation")


def synthetic(products: int, hubs: int, seed: int = 0) -> dd.Trade:
    """One origin, ``hubs`` hubs, one destination; 12% of the cells trade in a month, with heavy tails."""
    rng = np.random.default_rng(seed)
    cells = products * (hubs + 1)
    traded = rng.random(cells) < 0.25
    cell = np.flatnonzero(traded)
    parts = []
    for month in range(MONTHS):
        now = cell[rng.random(cell.size) < 0.48]
        parts.append((now, np.full(now.size, month)))
    place, period = (np.concatenate(column) for column in zip(*parts, strict=True))
    size = np.zeros(cells)
    size[cell] = rng.lognormal(2, 1.5, cell.size)
    value = size[place] * np.exp(0.5 * rng.standard_t(3, place.size))
    importer, product = np.divmod(place, products)
    return dd.trade(
        np.zeros(place.size, int), importer + 1, product, period, value,
        countries=hubs + 2, products=products, periods=MONTHS,
    )  # fmt: skip


def detect(trade: dd.Trade) -> dd.Detection:
    """Year five against the two before, year four against the two before as placebo."""
    hubs = trade.countries - 2
    roles = dd.roles([0], np.arange(1, hubs + 1), [hubs + 1], countries=trade.countries)
    groups = np.arange(trade.products) // 5
    windows = [dd.window(np.arange(a - 24, a), np.arange(a, a + 12)) for a in (48, 36)]
    legs = [dd.measure_legs(trade, roles, w, parents=[groups, groups // 10], floor=1.0) for w in windows]
    return dd.detect(legs[0], legs[1:], groups=groups)


def peak_kib() -> int:
    """Peak memory of this process alone; getrusage would count the parent's before the program was loaded."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def alone(products: int, hubs: int) -> None:
    """One synthetic case in a process of its own, so that memory is its own."""
    trade = synthetic(products, hubs)
    before = peak_kib()
    taken, answer = seconds(lambda: detect(trade), 1)
    sizes = trade.value.size, answer.legs.hub.size
    print(products, hubs, *sizes, taken, before / 1024, peak_kib() / 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--case", nargs=2, type=int)
    chosen = parser.parse_args()
    if chosen.case:
        alone(*chosen.case)
        return
    print("# Diversion detector\n")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, "
          f"duckdb {duckdb.__version__}, one thread for linear algebra.\n")  # fmt: skip
    if SHARED.is_dir():
        bare, rows = seconds(lambda: aggregate(SHARED))
        ours, _ = seconds(lambda: real(rows))
        print("| real case, 997,559 monthly rows, 5 hubs | seconds | ratio |\n|:--|--:|--:|")
        print(f"| bare DuckDB aggregation to HS6 x sender x partner x month | {bare:.2f} | 1.0 |")
        print(f"| two windows of legs, cross-fitted scores, q-values | {ours:.2f} | {ours / bare:.1f} |")
        print(f"| both | {ours + bare:.2f} | {(ours + bare) / bare:.1f} |")
        loading, whole = all_parts(validation())
        print(f"| reading CN8 and totals into coded arrays, uncovered goods apart | {loading:.2f} | "
              f"{loading / bare:.1f} |")  # fmt: skip
        print(f"| all parts on them: four windows, scores, shrinkage, bounds, bootstrap | {whole:.2f} | "
              f"{whole / bare:.1f} |\n")  # fmt: skip
    print("| synthetic, 60 months | rows | cells | seconds | us a row | peak MiB (data alone) |")
    print("|:--|--:|--:|--:|--:|--:|")
    for products, hubs in ((700, 50), (1400, 100), (2800, 100), *([(5600, 200)] if chosen.full else [])):
        line = subprocess.run(
            [sys.executable, __file__, "--case", str(products), str(hubs)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        count, cells, taken, start, peak = int(line[2]), int(line[3]), *map(float, line[4:])
        print(f"| {products:,} x {hubs} | {count:,} | {cells:,} | {taken:.2f} | {1e6 * taken / count:.2f} | "
              f"{peak:,.0f} ({start:,.0f}) |")  # fmt: skip


if __name__ == "__main__":
    main()
