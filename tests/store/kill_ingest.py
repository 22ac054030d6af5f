"""Forks ingests of ever newer versions of two years and kills each after the share of one named on stdin.

Version V of a year is 400 flows of value V + 1, and one row that is refused.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import date
from itertools import count
from pathlib import Path

from tests.sources.baci_files import archive, text

from entrepot.sources import baci
from entrepot.sources.fetch import Copy
from entrepot.store import Store, ingest, open_store
from entrepot.world.products import codes

YEARS = range(2019, 2021)
PRODUCTS = codes("HS1992")[:400]


def copy_of(folder: Path, version: int) -> Copy:
    """Return an archive of one version, as it would have been fetched."""
    years = {
        year: text(
            *(f"{year},112,643,{code},{version + 1},2" for code in PRODUCTS), f"{year},999,643,010111,1,1"
        )
        for year in YEARS
    }
    path = folder / f"{version}.zip"
    path.write_bytes(archive(years))
    return Copy(path, "", "", 0, date(2026, 1, 2))


def bring_in(store: str, copy: Copy, step: ingest.Step | None = None) -> None:
    asked = ingest.request(baci.DATASET, YEARS)
    with ingest.engine() as connection:
        pieces = baci.read(connection, copy, asked)
        origin = baci.DATASET.source
        for _ in ingest.write_all(open_store(store), "flows", connection, pieces, origin, step=step):
            pass


def main(store: str, folder: str) -> None:
    # What is loaded before the fork does not delay every child; the engine's threads end with it.
    warm, copy = str(Store.create(Path(folder) / "warm").path), copy_of(Path(folder), 0)
    bring_in(warm, copy)
    begun = time.perf_counter()
    bring_in(warm, copy)
    took = time.perf_counter() - begun
    for line in sys.stdin:
        share, first = line.split()
        child = os.fork()
        if child == 0:
            for version in count(int(first)):
                bring_in(store, copy_of(Path(folder), version))
        time.sleep(float(share) * took)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit("an ingest ended before it was killed")
        print("killed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
