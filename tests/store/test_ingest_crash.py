"""An ingest that is killed, or has no room left, leaves what was there: whole, and readable at once."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.sources.conftest import Answer, Server
from tests.store import kill_ingest

from entrepot.errors import StoreError
from entrepot.sources.fetch import Remote, fetch
from entrepot.store import Store, open_store

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")


def versions(store: Store) -> dict[int, int]:
    """Return the version of each year in a store, after a look at everything that must hold."""
    store.verify()
    if not store.has("flows"):
        return {}
    rows = store.collect(store.table("flows")).to_pylist()
    found: dict[int, set[float]] = {}
    for row in rows:
        found.setdefault(row["year"], set()).add(row["value"])
    assert all(len(values) == 1 for values in found.values())
    assert len(rows) == store.info("flows").rows == len(kill_ingest.PRODUCTS) * len(found)
    for year in found:
        kept = (store.path / "rejects" / f"flows-{year}.csv").read_text().splitlines()
        assert kept == ["reason,line,row", f'unknown country 999,,"{year},999,643,010111,1.0,1.0"']
    return {year: int(values.pop()) - 1 for year, values in found.items()}


def test_an_ingest_killed_at_100_moments_leaves_the_old_or_the_new(store: Store, tmp_path: Path) -> None:
    delays = random.Random(11)
    last: dict[int, int] = {}
    seen_mixed = False
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.kill_ingest", str(store.path), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for _ in range(100):
            newest = max(last.values(), default=-1)
            writer.stdin.write(f"{delays.uniform(0.02, 2.5):.4f} {newest + 1}\n")
            writer.stdin.flush()
            assert writer.stdout.readline() == "killed\n"
            found = versions(open_store(store.path))
            assert all(found.get(year, -1) >= version for year, version in last.items())
            assert found.get(2019, -1) >= found.get(2020, -1)
            seen_mixed = seen_mixed or found.get(2019) != found.get(2020)
            last = found
        writer.stdin.close()
    assert last[2020] >= 20
    assert seen_mixed
    # What the dead left in their temporary folders goes with the next ingest; only the last may remain.
    assert len(list(tmp_path.glob("entrepot-*"))) <= 4


def test_a_download_killed_half_way_goes_on_and_is_whole(tmp_path: Path) -> None:
    body = bytes(range(256)) * 40_000
    cache = tmp_path / "cache"
    server = Server()
    url = server.give("a.bin", Answer(body, cut=4_000_000), Answer(status=503, headers={"Retry-After": "60"}))
    script = (
        "import sys; from pathlib import Path; from entrepot.sources.fetch import Remote, fetch\n"
        "fetch(Remote(sys.argv[1], 'a.bin'), Path(sys.argv[2]))"
    )
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen([sys.executable, "-c", script, url, str(cache)], env=environment) as child:
        while len(server.requests) < 2:
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL)
    assert not (cache / "a.bin").exists()
    server.give("a.bin", body)
    assert fetch(Remote(url, "a.bin"), cache).path.read_bytes() == body
    assert server.requests[-1][1]["Range"] == "bytes=4000000-"
    server.close()


@pytest.mark.parametrize("stage", ["fetching", "taking out of the archive", "writing"])
def test_a_full_disk_leaves_the_old_version(store: Store, tmp_path: Path, stage: str) -> None:
    kill_ingest.bring_in(str(store.path), kill_ingest.copy_of(tmp_path, 0))
    before = versions(open_store(store.path))
    server = Server()
    remote = Remote(server.give("a", bytes(5_000)), "a")
    child = os.fork()
    if child == 0:
        os._exit(_without_room(str(store.path), tmp_path, remote, stage))
    _, status = os.waitpid(child, 0)
    server.close()
    assert os.waitstatus_to_exitcode(status) == 7
    assert versions(open_store(store.path)) == before
    kill_ingest.bring_in(str(store.path), kill_ingest.copy_of(tmp_path, 1))
    assert set(versions(open_store(store.path)).values()) == {1}


def _without_room(store: str, folder: Path, remote: Remote, stage: str) -> int:
    """Return 7 if a disk that is full at one stage is named; a limit on files refuses as a disk does."""
    copy = kill_ingest.copy_of(folder, 1)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def fill(what: str) -> None:
        if what.startswith(stage):
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))

    try:
        if stage != "writing":
            fill(stage)
        if stage == "fetching":
            fetch(remote, folder)
        kill_ingest.bring_in(store, copy, fill)
    except StoreError as error:
        return 7 if "no space left" in str(error) or "File too large" in str(error) else 8
    except BaseException:
        return 9
    return 0
