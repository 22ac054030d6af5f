"""Forks writers of ever newer versions of a table and kills them at the moments named on stdin.

``after S V``: S seconds after the start; ``step N V``: just before the N-th system call that matters.
V is the first version to write; version V has 5000 + V rows, all of value V.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count

import numpy as np
import pyarrow as pa

from entrepot.store import files, open_store


def rows(version: int) -> pa.Table:
    n = 5000 + version
    return pa.table(
        {
            "year": np.arange(n, dtype=np.int16) % 30 + 1990,
            "exporter": pa.array(["BLR"] * n),
            "importer": pa.array(["RUS"] * n),
            "product": pa.array([f"{row:06d}" for row in range(n)]),
            "value": np.full(n, float(version)),
            "quantity": np.random.default_rng(version).random(n),
        }
    )


def die_at(step: int) -> None:
    calls = count()

    def wrap(owner: object, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: object) -> object:
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args)

        setattr(owner, name, call)

    for owner, name in ((os, "fsync"), (os, "replace"), (os, "chmod"), (files.HashingFile, "write")):
        wrap(owner, name)


def main(folder: str) -> None:
    rows(0)  # what is imported before the fork does not delay every child
    for line in sys.stdin:
        kind, amount, first = line.split()
        child = os.fork()
        if child == 0:
            if kind == "step":
                die_at(int(amount))
            store = open_store(folder)
            for version in count(int(first)):
                store.write("flows", rows(version), sources=[])
        if kind == "after":
            time.sleep(float(amount))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
            sys.exit("a writer ended before it was killed")
        print("killed", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1])
