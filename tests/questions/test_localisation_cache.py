"""The inverse that localisation keeps: mapped, checked, pruned, and whole whatever happens to its writer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from entrepot.questions import localisation_cache as cache
from entrepot.questions.localisation_table import read_industry
from entrepot.store.store import Store, open_store

from .localisation_worlds import SOURCE, industry, store_with


@pytest.fixture
def small(tmp_path: Path) -> Store:
    return store_with(tmp_path / "store", industry((2020, 2021)))


def cached(store: Store) -> list[Path]:
    return sorted((store.path / "cache").glob("leontief-*.npy"))


def test_the_inverse_is_kept_in_the_store_and_mapped(small: Store) -> None:
    first = read_industry(small).inverse
    (path,) = cached(small)
    again = read_industry(small).inverse
    assert isinstance(again, np.memmap)
    assert not again.flags.writeable
    np.testing.assert_array_equal(first, again)
    read_industry(small, 2020).inverse  # noqa: B018
    assert len(cached(small)) == 2
    assert path in cached(small)


def test_other_content_has_another_file(small: Store) -> None:
    before = read_industry(small).inverse.copy()
    for name, data in industry((2020, 2021), scale=2.0).items():
        small.write(name, data, sources=[SOURCE])
    read_industry(small).inverse  # noqa: B018
    assert len(cached(small)) == 2
    np.testing.assert_allclose(read_industry(small).inverse, before)


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "shape", "numbers", "objects"])
def test_a_damaged_file_is_computed_again(small: Store, damage: str) -> None:
    sound = read_industry(small).inverse.copy()
    (path,) = cached(small)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif damage == "garbage":
        path.write_bytes(b"no array at all")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "shape":
        np.save(path, np.eye(5))
    elif damage == "numbers":
        np.save(path, 1.01 * sound)
    else:
        np.save(path, np.array([[{}]], dtype=object))
    np.testing.assert_array_equal(read_industry(small).inverse, sound)
    np.testing.assert_array_equal(np.load(path), sound)


def test_an_answer_needs_no_cache(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    (small.path / "cache").write_text("a file where the folder would be")
    assert not isinstance(read_industry(small).inverse, np.memmap)
    monkeypatch.setattr(cache, "folder", lambda store: None)
    assert read_industry(small).inverse.shape == (6, 6)


def test_the_pack_uses_the_cache_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, small: Store
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache.folder(open_store()) == tmp_path / "entrepot"
    assert cache.folder(small) == small.path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache.folder(open_store()) == tmp_path / "home" / ".cache" / "entrepot"


def test_only_so_many_are_kept_and_what_killed_writers_left_goes(tmp_path: Path) -> None:
    old = tmp_path / ".writing-dead"
    old.write_bytes(b"x")
    os.utime(old, (1.0, 1.0))
    young = tmp_path / ".writing-alive"
    young.write_bytes(b"x")
    for place in range(cache.KEPT + 3):
        cache.fetch(tmp_path, f"{place}", 2, lambda: np.eye(2), lambda known: True)
        stamp = time.time() - 1000 + place
        os.utime(tmp_path / f"leontief-{place}.npy", (stamp, stamp))
    kept = {path.name for path in tmp_path.glob("*.npy")}
    assert kept == {f"leontief-{place}.npy" for place in range(3, cache.KEPT + 3)}
    assert not old.exists()
    assert young.exists()


WRITER = """
import sys
from pathlib import Path
import numpy as np
from entrepot.questions import localisation_cache as cache
print("ready", flush=True)
while True:
    cache._write(Path(sys.argv[1]), np.arange(90000.0).reshape(300, 300))
"""


def test_two_writers_and_a_kill_leave_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "leontief-race.npy"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
        while not path.exists():
            time.sleep(0.01)
        for _ in range(100):
            assert np.load(path)[-1, -1] == 89999.0
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
    assert np.load(path)[-1, -1] == 89999.0
    found = cache.fetch(tmp_path, "race", 300, lambda: np.zeros((300, 300)), lambda known: True)
    assert found[-1, -1] == 89999.0
