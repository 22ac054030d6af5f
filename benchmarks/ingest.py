"""Ingest of BACI-shaped files against DuckDB's bare COPY of the same files, then questions on the store.

    python benchmarks/ingest.py                        # 1 year of 11 million rows
    python benchmarks/ingest.py --years 5              # 55 million rows: about 6 GB of disk, half an hour
    python benchmarks/ingest.py --rows 1e6 --dir DIR   # small, in another temporary folder

Trade is synthetic (nothing in it is an observation), written as CEPII writes BACI: one CSV a year
(t,i,j,k,v,q) in a zip. Every measurement runs in a process of its own; its peak memory is what the system
counted. Prints Markdown; results of the reference machine are kept in ingest.md beside it.
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
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa

from entrepot.sources.baci import RELEASE
from entrepot.store.synth import synthetic
from entrepot.world.countries import countries

ROUNDS = 3

# The peak of the process's own memory (VmHWM): ru_maxrss of a child starts at its parent's.
MEASURED = """
import json, re, sys, time
from pathlib import Path
start, cpu = time.perf_counter(), time.process_time()
answer = main(*sys.argv[1:])
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps({"wall": time.perf_counter() - start, "cpu": time.process_time() - cpu,
                  "peak": peak / 1e6, "answer": answer}))
"""

BARE = """
def main(archive, folder, out):
    import duckdb, zipfile
    begun = time.perf_counter()
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    unpacked = time.perf_counter() - begun
    connection = duckdb.connect()
    connection.execute("SET enable_progress_bar = false")
    for path in sorted(Path(folder).glob("*.csv")):
        target = f"{out}/{path.stem}.parquet"
        connection.execute(f"COPY (FROM read_csv('{path}')) TO '{target}' (COMPRESSION zstd)")
    size = sum(path.stat().st_size for path in Path(out).glob("*.parquet"))
    return {"bytes": size, "unpacked": unpacked}
"""

# Without a folder of unpacked files the archive is read.
OURS = """
def main(archive, first, last, folder, unpacked=None):
    from datetime import date
    from entrepot.sources import baci
    from entrepot.sources.fetch import Copy
    from entrepot.store import Store, ingest
    store = Store.create(folder)
    asked = ingest.request(baci.DATASET, range(int(first), int(last) + 1))
    with ingest.engine() as connection:
        pieces = baci.read(connection, Copy(Path(archive), "", "", 0, date.today()), asked)
        if unpacked:
            files = sorted(Path(unpacked).glob("*.csv"))
            pieces = (baci.read_year(connection, file, year) for file, year in zip(files, asked.years))
        for written in ingest.write_all(store, "flows", connection, pieces, baci.DATASET.source):
            assert not written.refused, written
    return {"rows": store.info("flows").rows, "bytes": store.info("flows").bytes}
"""

DIRECTION = """
def main(folder, rounds):
    import statistics
    import entrepot as ep
    world, times = ep.open(folder), []
    for _ in range(int(rounds) + 1):
        begun = time.perf_counter()
        world.direction("BLR")
        times.append(time.perf_counter() - begun)
    return {"first": times[0], "median": statistics.median(times[1:])}
"""

SQL = """
def main(folder, rounds):
    import statistics, duckdb
    connection, times = duckdb.connect(), []
    connection.execute("SET enable_progress_bar = false")
    query = f'''
        SELECT year, exporter, importer, sum(value), sum(quantity)
        FROM read_parquet('{folder}/flows-*.parquet')
        WHERE exporter = 'BLR' OR importer = 'BLR' GROUP BY ALL ORDER BY ALL'''
    for _ in range(int(rounds) + 1):
        begun = time.perf_counter()
        connection.execute(query).fetchall()
        times.append(time.perf_counter() - begun)
    return {"first": times[0], "median": statistics.median(times[1:])}
"""

BRIEF = """
def main(folder, out):
    from entrepot.cli import main as run
    return run(["brief", "BLR", "--store", folder, "--out", out])
"""

ICIO = """
def main(folder):
    from entrepot.store import open_store
    store, pack = open_store(folder), open_store()
    for name in ("industry_flows", "industry_totals", "products"):
        info = pack.info(name)
        store.write(name, pack.collect(pack.table(name)), sources=info.sources, revision=info.revision)
"""


def measure(script: str, *words: object) -> dict[str, float]:
    """Run a script in a process of its own; returns wall and CPU seconds, peak GB and its answer."""
    done = subprocess.run(
        [sys.executable, "-c", script + MEASURED, *(str(word) for word in words)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    return json.loads(done.stdout.splitlines()[-1])


def write_year(folder: Path, year: int, rows: int) -> Path:
    """Write one year as CEPII writes it, in the order of exporter, importer and product."""
    path = folder / f"BACI_HS92_Y{year}_V{RELEASE}.csv"
    codes = {c.iso3: int(c.m49) for c in countries().values() if c.m49} | {"TWN": 490}
    with duckdb.connect() as connection:
        connection.execute("SET enable_progress_bar = false")
        connection.register("codes", pa.table({"iso3": list(codes), "code": list(codes.values())}))
        connection.register("drawn", synthetic(range(year, year + 1), rows))
        connection.execute(
            "COPY (SELECT year AS t, a.code AS i, b.code AS j, product AS k, value AS v, "
            "coalesce(CAST(quantity AS VARCHAR), 'NA') AS q FROM drawn "
            "JOIN codes AS a ON a.iso3 = exporter JOIN codes AS b ON b.iso3 = importer ORDER BY i, j, k) "
            f"TO '{path}' (HEADER)"
        )
    return path


def pack(folder: Path) -> Path:
    archive = folder / f"BACI_HS92_V{RELEASE}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for path in sorted(folder.glob("*.csv")):
            packed.write(path, path.name)
    return archive


def run(folder: Path, years: range, rows: int, *, brief: bool) -> None:
    for year in years:
        write_year(folder, year, rows)
    archive = pack(folder)
    size = sum(path.stat().st_size for path in folder.glob("*.csv"))
    for name in ("bare", "unpacked"):
        (folder / name).mkdir()
    # Once before and once after, since the machine may not be alone.
    bare = [archive, folder / "unpacked", folder / "bare"]
    before = measure(BARE, *bare)
    ours = measure(OURS, archive, years[0], years[-1], folder / "store")
    same = measure(OURS, archive, years[0], years[-1], folder / "again", folder / "unpacked")
    best = min(before, measure(BARE, *bare), key=lambda run: run["wall"])
    count, wall, unpacked = ours["answer"]["rows"], best["wall"], best["answer"]["unpacked"]
    print(f"\n## {count / 1e6:.1f} million rows, {len(years)} year{'s' if len(years) > 1 else ''}\n")
    print(f"CSV {size / 1e6:,.0f} MB, zip {archive.stat().st_size / 1e6:,.0f} MB\n")
    print("| | wall s | CPU s | million rows/s | peak GB | on disk MB |\n|---|---|---|---|---|---|")
    print(
        f"| unpack, then DuckDB's bare COPY of the CSV | {wall:.1f} | {best['cpu']:.1f} "
        f"| {count / wall / 1e6:.2f} | {best['peak']:.2f} | {best['answer']['bytes'] / 1e6:,.0f} |"
    )
    print(
        f"| entrepot: unpack, parse, check, write, hash | {ours['wall']:.1f} | {ours['cpu']:.1f} "
        f"| {count / ours['wall'] / 1e6:.2f} | {ours['peak']:.2f} | {ours['answer']['bytes'] / 1e6:,.0f} |"
    )
    ratios = f"**{ours['wall'] / wall:.2f}** | {ours['cpu'] / best['cpu']:.2f}"
    print(f"| **ratio** (target 2.0) | {ratios} | | | |\n")
    copy = wall - unpacked
    print(
        f"Of the bare run {unpacked:.1f} s are unpacking and {copy:.1f} s the COPY alone; entrepot takes "
        f"{same['wall']:.1f} s ({same['peak']:.2f} GB) from the same CSV already unpacked: "
        f"**{same['wall'] / copy:.2f}** times the COPY.\n"
    )
    ask(folder, brief=brief)


def ask(folder: Path, *, brief: bool) -> None:
    """Measure a country's direction against bare SQL, and the peak memory of a brief."""
    store = folder / "store"
    direction, sql = (measure(script, store, ROUNDS)["answer"] for script in (DIRECTION, SQL))
    print("| all years of one country | first s | again s |\n|---|---|---|")
    print(f"| bare SQL over the same files | {sql['first']:.2f} | {sql['median']:.2f} |")
    print(f"| `direction` | {direction['first']:.2f} | {direction['median']:.2f} |")
    first, again = (direction[key] / sql[key] for key in ("first", "median"))
    print(f"| **ratio** (target 3.0) | {first:.2f} | **{again:.2f}** |\n")
    if brief:
        measure(ICIO, store)
        page = measure(BRIEF, store, folder / "brief.html")
        print(f"`entrepot brief BLR`: {page['wall']:.0f} s, peak {page['peak']:.2f} GB (target 4 GB)\n")


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("--rows", type=float, default=11e6, help="a year")
    words.add_argument("--years", type=int, default=1)
    words.add_argument("--dir", default=None, help="where the temporary folder is made")
    words.add_argument("--no-brief", action="store_true")
    given = words.parse_args()
    started = time.strftime("%Y-%m-%d")
    print("# Ingest of BACI-shaped trade\n")
    print(
        f"{started}; Python {platform.python_version()}, DuckDB {duckdb.__version__}, {os.cpu_count()} cores"
    )
    with tempfile.TemporaryDirectory(prefix="entrepot-benchmark-", dir=given.dir) as folder:
        last = 2024
        run(
            Path(folder), range(last - given.years + 1, last + 1), round(given.rows), brief=not given.no_brief
        )


if __name__ == "__main__":
    main()
