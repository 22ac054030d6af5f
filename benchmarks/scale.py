"""What each question costs as the store grows: time and peak memory of the command, in a process of its own.

    python benchmarks/scale.py                    # 6, 12 and 28 years of 2 million rows
    python benchmarks/scale.py --rows 11e6 --years 5 --only direction partners brief    # BACI's size
    python benchmarks/scale.py --only direction partners --dir DIR

Trade is synthetic (`entrepot data synth`; nothing in it is an observation), input-output tables are those of
the embedded pack. Prints Markdown; results of the reference machine are kept in scale.md beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from entrepot.store import Store, audit, open_store

LAST = 2024
QUESTIONS = {
    "direction": ("direction", "BLR"),
    "direction --by product": ("direction", "BLR", "--by", "product"),
    "coverage": ("coverage", "BLR"),
    "diversion": ("diversion", "--target", "RUS", "--form", "import-ban"),
    "partners": ("partners", "BLR"),
    "agreement": ("agreement", "blr-measures-lifted"),
    "localisation": ("localisation", "BLR"),
    "competencies": ("competencies", "BLR"),
    "technoparks": ("technoparks", "BLR"),
    "settlements": ("settlements", "BLR", "RUS", "KAZ"),
    "brief": ("brief", "BLR", "--out", "{folder}/brief.html"),
}
# The peak of the process's own memory (VmHWM): ru_maxrss of a child starts at its parent's.
RUN = """
import json, re, resource, sys, time
begun = time.perf_counter()
from pathlib import Path
from entrepot.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1e6
times = [time.perf_counter() - begun, used.ru_utime + used.ru_stime]
print(json.dumps([code or 0, *times, peak]), file=sys.stderr)
"""


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--rows", type=float, default=2e6, help="a year")
    words.add_argument(
        "--years",
        type=int,
        nargs="+",
        default=[6, 12, 28],
        help="at least 6, since a detector needs years before a measure",
    )
    words.add_argument(
        "--only", nargs="+", default=list(QUESTIONS), choices=list(QUESTIONS), metavar="QUESTION"
    )
    words.add_argument("--dir", default=None, help="where the temporary folder is made")
    given = words.parse_args()
    print("# Questions as the store grows\n")
    print(
        f"{time.strftime('%Y-%m-%d')}; Python {platform.python_version()}, DuckDB {duckdb.__version__}, "
        f"{os.cpu_count()} cores, one BLAS thread\n"
    )
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in given.only}
    heads = []
    for years in given.years:
        with tempfile.TemporaryDirectory(prefix="entrepot-benchmark-", dir=given.dir) as folder:
            store = fill(Path(folder), years, round(given.rows))
            info = store.info("flows")
            heads.append(f"{info.rows / 1e6:.1f} M rows, {years} y, {info.bytes / 1e6:,.0f} MB")
            for name in given.only:
                measured[name].append(run(store, [word.format(folder=folder) for word in QUESTIONS[name]]))
    print("Seconds (of them processor seconds; peak GB) of the whole command:\n")
    print(f"| | {' | '.join(heads)} |")
    print(f"|---|{'---:|' * len(heads)}")
    for name, found in measured.items():
        cells = [f"{wall:.1f} ({cpu:.1f}; {peak:.2f})" for wall, cpu, peak in found]
        print(f"| `{name}` | {' | '.join(cells)} |")


def fill(folder: Path, years: int, rows: int) -> Store:
    """Write a store of so many years of drawn trade beside the pack's other tables."""
    store, pack = Store.create(folder / "store"), open_store()
    audit.draw(store, range(LAST - years + 1, LAST + 1), rows, seed=1)
    for name in ("industry_flows", "industry_totals", "products"):
        info = pack.info(name)
        store.write(name, pack.collect(pack.table(name)), sources=info.sources, revision=info.revision)
    return store


def run(store: Store, words: list[str]) -> tuple[float, float, float]:
    """Return wall seconds, processor seconds and peak GB of one command."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *words, "--store", str(store.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(f"entrepot {' '.join(words)} failed:\n{done.stderr}")
    code, *measured = json.loads(done.stderr.splitlines()[-1])
    if code:
        raise SystemExit(f"entrepot {' '.join(words)} failed:\n{done.stderr}")
    wall, cpu, peak = measured
    return wall, cpu, peak


if __name__ == "__main__":
    main()
