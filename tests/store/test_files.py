"""Writes are whole or nothing: full disk, second writer, kill at any moment."""

from __future__ import annotations

import errno
import os
import random
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from entrepot.errors import StoreError
from entrepot.store import Store, files, open_store


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size``: the system then refuses to write, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def noise(rows: int) -> pa.Table:
    return pa.table({"number": np.random.default_rng(1).random(rows)})


@pytest.mark.parametrize("size", [0, 3, 1000, 300_000])
def test_a_full_disk_leaves_the_old_content(store: Store, flows: pa.Table, size: int) -> None:
    store.write("flows", flows, sources=[])
    before = {path.name: path.read_bytes() for path in store.path.iterdir()}
    with small_disk(size), pytest.raises(StoreError, match="no space left to write"):
        store.write("numbers", noise(200_000), sources=[])
    assert {path.name: path.read_bytes() for path in store.path.iterdir()} == before
    assert open_store(store.path).names() == store.names() == ("flows",)
    store.write("numbers", noise(10), sources=[])


@pytest.mark.parametrize("call", [0, 1, 2, 3])
def test_a_disk_that_fills_up_on_sync(
    store: Store, flows: pa.Table, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    store.write("flows", flows, sources=[])
    calls = iter(range(99))

    def fsync(_: int) -> None:
        if next(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(StoreError, match="no space left"):
            store.write("flows", flows.slice(0, 1), sources=[])
    seen = open_store(store.path)
    seen.verify()
    # The last sync is of the folder, after the new manifest has its name: then the new table is in force.
    assert seen.info("flows").rows == (1 if call == 3 else 3)
    assert not list(store.path.glob(files.TEMPORARY + "*"))


def test_a_folder_that_cannot_be_written_to(
    store: Store, flows: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(StoreError, match=r"cannot write .*: Permission denied"):
        store.write("flows", flows, sources=[])


def test_a_second_writer_is_told_to_wait(store: Store, flows: pa.Table) -> None:
    with files.writer_lock(store.path), pytest.raises(StoreError, match="another process is writing"):
        open_store(store.path).write("flows", flows, sources=[])
    store.write("flows", flows, sources=[])


def test_files_are_as_readable_as_others(store: Store, flows: pa.Table) -> None:
    store.write("flows", flows, sources=[])
    assert {stat.S_IMODE(path.stat().st_mode) for path in store.path.iterdir()} == {0o644}


def test_a_kill_at_any_moment_leaves_the_old_or_the_new(store: Store) -> None:
    script = Path(__file__).with_name("kill_writer.py")
    delays = random.Random(7)
    moments = [f"after {delays.uniform(0.01, 0.15):.4f}" for _ in range(25)] + [
        f"step {step}" for step in (0, 7, 20, *range(26, 42))
    ]
    last = -1
    with subprocess.Popen(
        [sys.executable, str(script), str(store.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for moment in moments:
            writer.stdin.write(f"{moment} {last + 1}\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "killed\n"
            seen = open_store(store.path)
            seen.verify()
            if not seen.has("flows"):
                assert last == -1
                continue
            table = seen.collect(seen.table("flows"))
            versions = set(table["value"].to_pylist())
            assert len(versions) == 1
            version = int(versions.pop())
            assert version >= last
            assert table.num_rows == seen.info("flows").rows == 5000 + version
            last = version
        writer.stdin.close()
    # Some writes must have finished, or the kills came too early to prove anything; load decides how many.
    assert last >= 1
    seen.write("other", pa.table({"a": [1]}), sources=[])
    left = {path.name for path in store.path.iterdir()}
    assert left == {
        files.LOCK,
        "manifest.json",
        seen.info("flows").parts[0].file,
        seen.info("other").parts[0].file,
    }
