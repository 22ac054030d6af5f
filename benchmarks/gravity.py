"""Gravity by Poisson regression: entrepot against pyfixest 0.60 in one run, growth, many products.

pyfixest is a peer for this benchmark only. Put it into an environment of its own
(``pip install pyfixest==0.60.* pyarrow``), name its interpreter, and run from the repository root

    python benchmarks/gravity.py --peer /path/to/env/bin/python [--small]

Without --peer it prints the rest. It reads ../shared/data and prints Markdown. Every contestant runs in a
fresh process with one thread, imports what it needs itself and reads the table from Parquet, so that memory
is its own; imports and compilation are over after a fit on eight countries that is not timed. Load is the
mean number of running processes in the last minute: above 1, trust the processor seconds more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from entrepot.models.inference import clustered
from entrepot.models.poisson.many import Fitted, Unfitted, fit_many

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LAGS = ["rta", "rta_lag4", "rta_lag8", "rta_lag12"]
WEST = """AUT BEL BGR HRV CYP CZE DNK EST FIN FRA DEU GRC HUN IRL ITA LVA LTU LUX MLT NLD POL PRT ROU SVK SVN
ESP SWE GBR USA CAN JPN AUS NZL NOR CHE KOR ISL TWN"""
UNION = ["ARM", "BLR", "KAZ", "KGZ", "RUS"]
FIRST_YEAR, YEARS = 1995, 30
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"), "1"
)
# The kernel's own count of a process: what `getrusage` reports as the peak includes that of the parent.
RUN = """
def memory(line):
    with open("/proc/self/status") as status:
        return next(int(text.split()[1]) / 1024 for text in status if text.startswith(line))

try:
    estimate(names.split("+")[0], few)
except BaseException:
    pass
loaded = memory("VmRSS:")
times, used, error, beta = [], [], None, []
for _ in range(rounds):
    start, begun = time.perf_counter(), time.process_time()
    try:
        beta = [float(b) for b in estimate(names, data)]
    except BaseException as problem:
        error = f"{type(problem).__name__}: {problem}"[:120]
    times.append(time.perf_counter() - start)
    used.append(time.process_time() - begun)
peak = memory("VmHWM:")
print(json.dumps(dict(times=times, used=used, beta=beta, error=error, peak=peak, loaded=loaded)))
"""
PEER = (
    """
import json, sys, time, warnings
warnings.filterwarnings("ignore")
import pandas as pd, pyfixest as pf
path, names, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = pd.read_parquet(path)
data["pair"] = data.exporter.astype(str) + data.importer.astype(str)
first = sorted(set(data.exporter))[:8]
few = data[data.exporter.isin(first) & data.importer.isin(first)]

def estimate(names, data):
    formula = f"y ~ {names} | exporter^year + importer^year + exporter^importer"
    return pf.fepois(formula, data, vcov={"CRV1": "pair"}).coef()
"""
    + RUN
)
OWN = (
    """
import json, sys, time
import pyarrow.compute as pc, pyarrow.parquet as pq
import entrepot as ep
path, names, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = pq.read_table(path)
first = pc.unique(data["exporter"]).sort()[:8]
few = data.filter(pc.and_(pc.is_in(data["exporter"], first), pc.is_in(data["importer"], first)))

def estimate(names, data):
    formula = f"y ~ {names} | exporter^year + importer^year + exporter^importer"
    return ep.gravity(formula, data, vcov="pair").coefficients
"""
    + RUN
)


def synthetic(countries: int, years: int, regressors: int, seed: int = 0) -> pd.DataFrame:
    """A panel with 30% zeros, three effects and half normal, half binary regressors."""
    rng = np.random.default_rng(seed)
    i, t, j = (axis.ravel() for axis in np.indices((countries, years, countries)))
    abroad = i != j
    i, t, j = i[abroad], t[abroad], j[abroad]
    x = np.column_stack(
        [rng.random(i.size) < 0.3 if k % 2 else rng.normal(size=i.size) for k in range(regressors)]
    ).astype(float)
    level = rng.normal(size=(countries, years))[i, t] + rng.normal(size=(years, countries))[t, j]
    level += rng.normal(size=(countries, countries))[i, j]
    y = np.exp(x @ np.full(regressors, 0.2) + level) * rng.lognormal(0, 1, i.size)
    y[rng.random(i.size) < 0.3] = 0
    names = np.array([f"C{k:03d}" for k in range(countries)])
    table = pd.DataFrame({"exporter": names[i], "importer": names[j], "year": t + 2000, "y": y})
    return table.assign(**{f"x{k}": x[:, k] for k in range(regressors)})


def guide() -> pd.DataFrame:
    data = pd.read_parquet(DATA / "gravity-wto-guide" / "agtpa.parquet")
    return data.rename(columns={"trade": "y"})[["exporter", "importer", "year", "y", *LAGS]]


def raw_materials() -> tuple[pd.DataFrame, np.ndarray]:
    data = pd.read_parquet(DATA / "trade-baci-rawmat" / "trade.parquet")
    return data, np.array(sorted({*data.exporter, *data.importer}))


def skeleton(names: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """All cells abroad: their place in (exporter, year, importer), three dummies, codes."""
    size = len(names)
    i, t, j = (axis.ravel().astype(np.int32) for axis in np.indices((size, YEARS, size), dtype=np.int16))
    west, union = np.isin(names, WEST.split()), np.isin(names, UNION)
    russia, east = names == "RUS", np.isin(names, ["CHN", "IND", "TUR"])
    pairs = [
        (np.outer(west, russia) | np.outer(russia, west), 2022),
        (np.outer(union, union), 2015),
        (np.outer(russia, east), 2022),
    ]
    abroad = i != j
    x = np.column_stack([pair[i, j] & (t + FIRST_YEAR >= since) for pair, since in pairs])[abroad]
    groups = [codes[abroad] for codes in (i * YEARS + t, j * YEARS + t, i * size + j)]
    return np.flatnonzero(abroad), x.astype(float), groups


def crude_oil() -> pd.DataFrame:
    data, names = raw_materials()
    cells, x, _ = skeleton(names)
    data = data[data.hs6 == "270900"]
    y = np.zeros((len(names), YEARS, len(names)))
    at = np.searchsorted(names, data.exporter), data.year - FIRST_YEAR, np.searchsorted(names, data.importer)
    y[at] = data.kusd
    i, t, j = np.unravel_index(cells, y.shape)
    table = pd.DataFrame(
        {"exporter": names[i], "importer": names[j], "year": t + FIRST_YEAR, "y": y.ravel()[cells]}
    )
    return table.assign(sanctions=x[:, 0], eaeu=x[:, 1], east=x[:, 2])


def child(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, env={**os.environ, **ONE_THREAD}, capture_output=True, text=True)
    if done.returncode:
        return {
            "times": [float("nan")],
            "used": [float("nan")],
            "beta": [],
            "error": done.stderr[-120:].replace("\n", " "),
            "peak": 0.0,
            "loaded": 0.0,
        }
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(data: pd.DataFrame, folder: str, rounds: int, peer: str | None) -> tuple[Any, Any]:
    """Both estimators on one table, each in a process of its own."""
    path = str(Path(folder) / "data.parquet")
    data.to_parquet(path, index=False)
    names = "+".join(name for name in data.columns if name not in ("exporter", "importer", "year", "y"))
    mine = child([sys.executable, "-c", OWN, path, names, str(rounds)])
    theirs = child([peer, "-c", PEER, path, names, str(rounds)]) if peer else None
    return mine, theirs


HEAD = """\
| data | rows | pyfixest, s | processor s | peak MiB | for the fit | entrepot, s | processor s | peak MiB \
| for the fit | ratio | of processor s | largest gap of a coefficient | load |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""


def against_peer(folder: str, peer: str, *, small: bool) -> None:
    print("## End to end from the long table, against pyfixest, one thread each\n")
    print(HEAD)
    cases = [("AGTPA, rta with lags", guide())]
    cases.append(
        ("synthetic 40 x 8", synthetic(40, 8, 2)) if small else ("synthetic 150 x 20", synthetic(150, 20, 2))
    )
    if not small:
        cases.append(("crude oil 270900, 231 x 30", crude_oil()))
    notes = []
    for name, data in cases:
        mine, theirs = measure(data, folder, 3, peer)
        a, b = (statistics.median(found["times"]) for found in (theirs, mine))
        busy, own = (statistics.median(found["used"]) for found in (theirs, mine))
        gap = "no estimate"
        if theirs["beta"] and mine["beta"]:
            gap = f"{np.abs(np.subtract(theirs['beta'], mine['beta'])).max():.1e}"
        print(
            f"| {name} | {len(data):,} | {a:.2f} | {busy:.2f} | {memory(theirs)} | {b:.3f} | {own:.3f} "
            f"| {memory(mine)} | {a / b:.1f} | {busy / own:.1f} | {gap} | {os.getloadavg()[0]:.1f} |",
            flush=True,
        )
        for who, found in (("pyfixest", theirs), ("entrepot", mine)):
            if found.get("error"):
                notes.append(f"{name}: {who} says {found['error']}")
    print(
        '\nPeak memory includes the interpreter, the table and imports; "for the fit" is the peak less what'
    )
    print("the process held when the table was read and all imported. " + " ".join(notes) + "\n")


def memory(found: dict[str, Any]) -> str:
    return f"{found['peak']:.0f} | {found['peak'] - found['loaded']:.0f}"


def growth(folder: str, *, small: bool) -> None:
    print("## Growth, synthetic panels with 30% zeros\n")
    print(
        "| countries | years | regressors | rows | s | peak MiB | for the fit | microseconds a row | load |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    cases = [(30, 10, 2), (60, 10, 2), (120, 10, 2), (60, 20, 2), (60, 40, 2), (60, 10, 8), (60, 10, 32)]
    for countries, years, regressors in cases[: 2 if small else None]:
        data = synthetic(countries, years, regressors)
        mine, _ = measure(data, folder, 3, None)
        took = statistics.median(mine["times"])
        print(
            f"| {countries} | {years} | {regressors} | {len(data):,} | {took:.3f} | {memory(mine)} "
            f"| {1e6 * took / len(data):.1f} | {os.getloadavg()[0]:.1f} |",
            flush=True,
        )
    print()


def finish(done: Fitted, pairs: np.ndarray) -> tuple[int, float]:
    """Standard errors too; what counts is the regression."""
    found = done.fit
    if found.columns:
        clustered(found.x_tilde, found.mu, found.y, [pairs[done.rows[found.kept]]])
    return int(found.kept.sum()), found.score


PRODUCTS_HEAD = """\
| products | threads | s | processor s | fitted | named unidentified | largest relative score |
|---:|---:|---:|---:|---:|---:|---:|"""


@dataclass(frozen=True)
class Run:
    """What fitting some products took, and what came of it."""

    seconds: float
    processor: float
    fitted: int
    named: int
    score: float

    def __add__(self, other: Run) -> Run:
        return Run(
            self.seconds + other.seconds,
            self.processor + other.processor,
            self.fitted + other.fitted,
            self.named + other.named,
            max(self.score, other.score),
        )

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} | {self.processor:.1f} | {self.fitted} | {self.named} | {self.score:.0e} |"
        )


def run_products(outcomes: list[Any], x: np.ndarray, groups: list[np.ndarray], workers: int) -> Run:
    start, used = time.perf_counter(), time.process_time()
    answers = list(fit_many(outcomes, x, groups, lambda done: finish(done, groups[2]), workers=workers))
    took, used = time.perf_counter() - start, time.process_time() - used
    named = sum(isinstance(answer, Unfitted) for answer in answers)
    scores = [answer[1] for answer in answers if not isinstance(answer, Unfitted)]
    return Run(took, used, len(answers) - named, named, max(scores, default=0.0))


def products(*, small: bool) -> None:
    data, names = raw_materials()
    cells, x, groups = skeleton(names)
    row = np.full(len(names) ** 2 * YEARS, -1)
    row[cells] = np.arange(cells.size)
    place = np.searchsorted(names, data.exporter) * YEARS + data.year.to_numpy() - FIRST_YEAR
    data = data.assign(row=row[place * len(names) + np.searchsorted(names, data.importer)])
    outcomes = [
        (each.row.to_numpy(), each.kusd.to_numpy(float)) for _, each in data[data.row >= 0].groupby("hs6")
    ]
    if small:
        outcomes = outcomes[:4]
    print(f"## Raw materials, {len(names)} countries x {YEARS} years, zeros filled, 3 dummies\n")
    print(PRODUCTS_HEAD)
    for workers in (1, 2):
        print(f"| {len(outcomes)} | {workers} | {run_products(outcomes, x, groups, workers)}", flush=True)
    print()


def many_synthetic(*, small: bool, limit: float = 600.0) -> None:
    """5,000 sparse products on one set of rows: 60 countries x 20 years, 3% to 30% of cells traded."""
    data = synthetic(60, 20, 2)
    codes = [pd.factorize(data[name])[0] for name in ("exporter", "year", "importer")]
    groups = [codes[0] * 20 + codes[1], codes[2] * 20 + codes[1], codes[0] * 60 + codes[2]]
    x, y, rng = data[["x0", "x1"]].to_numpy(), data["y"].to_numpy(), np.random.default_rng(1)
    pair = np.unique(groups[2], return_inverse=True)[1]

    def one() -> tuple[np.ndarray, np.ndarray]:
        chance = np.clip(rng.beta(0.5, 1.5, pair.max() + 1) * rng.uniform(0.1, 1.2), 0, 1)[pair]
        rows = np.flatnonzero((y > 0) & (rng.random(y.size) < chance))
        return rows, y[rows] * rng.lognormal(0, 1, rows.size)

    print("## 5,000 synthetic products, 60 countries x 20 years\n")
    print(PRODUCTS_HEAD)
    sample = [one() for _ in range(10 if small else 100)]
    runs = [run_products(sample, x, groups, workers) for workers in (1, 2)]
    for workers, run in zip((1, 2), runs, strict=True):
        print(f"| {len(sample)} | {workers} | {run}", flush=True)
    took = runs[-1].seconds * 5000 / len(sample)
    if took > limit or small:
        print(f"\n5,000 not run: {took:,.0f} s extrapolated from the {len(sample)} above.\n")
        return
    # Drawn a hundred at a time: all outcomes at once would take gigabytes.
    whole = Run(0, 0, 0, 0, 0)
    for _ in range(50):
        whole += run_products([one() for _ in range(100)], x, groups, 2)
    print(f"| 5,000 | 2 | {whole}\n", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", help="interpreter of an environment with pyfixest")
    parser.add_argument("--small", action="store_true", help="a minute's look instead of the whole run")
    options = parser.parse_args()
    os.environ.update(ONE_THREAD)
    print("# Gravity by Poisson regression\n")
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, pure NumPy and SciPy, medians of 3.\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        if options.peer:
            against_peer(folder, options.peer, small=options.small)
        growth(folder, small=options.small)
    products(small=options.small)
    many_synthetic(small=options.small)


if __name__ == "__main__":
    main()
