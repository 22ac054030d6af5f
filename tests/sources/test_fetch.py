"""Public files come whole or not at all: refused, slowed down, cut short, changed and damaged answers."""

from __future__ import annotations

import email.utils
import hashlib
import io
import json
import threading
import time
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from tests.sources.conftest import Answer, Server

from entrepot.errors import SourceError, StoreError
from entrepot.sources.download import PIECE, Patience
from entrepot.sources.fetch import Remote, cache_folder, cached, fetch, forget

BODY = bytes(range(256)) * 12_000  # about three pieces
HASH = hashlib.sha256(BODY).hexdigest()


def test_a_file_is_fetched_once_and_read_offline_afterwards(server: Server, cache: Path) -> None:
    remote = Remote(server.give("a.csv", BODY), "a.csv")
    copy = fetch(remote, cache)
    assert (copy.path.read_bytes(), copy.sha256, copy.bytes) == (BODY, HASH, len(BODY))
    assert (copy.fetched, copy.url) == (date.today(), remote.url)
    server.close()
    assert fetch(remote, cache) == copy == cached(remote, cache)
    assert len(server.requests) == 1
    assert sorted(path.name for path in cache.iterdir()) == ["a.csv", "a.csv.json", "a.csv.lock"]


def test_progress_is_told_in_bytes(server: Server, cache: Path) -> None:
    told: list[tuple[int, int]] = []
    fetch(Remote(server.give("a", BODY), "a"), cache, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) <= len(BODY) // PIECE + 1


@pytest.mark.parametrize(
    ("status", "words"), [(404, "server answers 404"), (410, "410"), (403, "not given to us")]
)
def test_a_file_that_is_not_there_is_said_at_once(
    server: Server, cache: Path, hasty: Patience, status: int, words: str
) -> None:
    url = server.give("a", Answer(status=status))
    with pytest.raises(SourceError, match=words):
        fetch(Remote(url, "a"), cache, patience=hasty)
    assert len(server.requests) == 1


def test_a_busy_server_is_waited_for_as_long_as_it_asks(
    server: Server, cache: Path, hasty: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    soon = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=1.9), usegmt=True)
    slow = [Answer(status=429, headers={"Retry-After": after}) for after in ("1", soon)]
    assert fetch(Remote(server.give("a", *slow, BODY), "a"), cache, patience=hasty).sha256 == HASH
    assert waited[0] == 1.0
    assert 0 < waited[1] < 2


def test_a_server_that_asks_for_too_long_a_wait_is_told_of(
    server: Server, cache: Path, hasty: Patience
) -> None:
    url = server.give("a", Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(SourceError, match="asks to wait 3600 seconds"):
        fetch(Remote(url, "a"), cache, patience=hasty)


def test_errors_of_the_server_are_retried_with_growing_waits(
    server: Server, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    url = server.give("a", Answer(status=500), Answer(status=503), Answer(status=502), BODY)
    assert fetch(Remote(url, "a"), cache, patience=Patience(4, 1.0, 3.0)).sha256 == HASH
    assert waited == [1.0, 2.0, 3.0]


def test_a_server_that_never_recovers_is_given_up(server: Server, cache: Path, hasty: Patience) -> None:
    with pytest.raises(SourceError, match="could not be fetched whole: the server answers 500"):
        fetch(Remote(server.give("a", Answer(status=500)), "a"), cache, patience=hasty)
    assert len(server.requests) == hasty.tries
    assert cached(Remote(server.url + "a", "a"), cache) is None


def test_a_server_that_cannot_be_reached_is_given_up(server: Server, cache: Path, hasty: Patience) -> None:
    server.close()
    with pytest.raises(SourceError, match="could not be fetched whole"):
        fetch(Remote(server.url + "a", "a"), cache, patience=hasty)


def test_a_body_cut_short_goes_on_where_it_stopped(server: Server, cache: Path, hasty: Patience) -> None:
    cut = [Answer(BODY, cut=1_100_000), Answer(BODY, cut=1_000_000)]
    copy = fetch(Remote(server.give("a", *cut, BODY), "a"), cache, patience=hasty)
    assert copy.path.read_bytes() == BODY
    ranges = [headers.get("Range") for _, headers in server.requests]
    assert ranges[0] is None
    starts = [int(text.removeprefix("bytes=").rstrip("-")) for text in ranges[1:] if text]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1]


def test_many_cuts_do_not_exhaust_patience_while_bytes_come(
    server: Server, cache: Path, hasty: Patience
) -> None:
    cut = [Answer(BODY, cut=PIECE // 4) for _ in range(6)]
    assert fetch(Remote(server.give("a", *cut, BODY), "a"), cache, patience=hasty).sha256 == HASH


def test_a_later_run_goes_on_where_the_last_one_stopped(server: Server, cache: Path, hasty: Patience) -> None:
    remote = Remote(server.give("a", Answer(BODY, cut=2_000_000), Answer(status=500)), "a")
    with pytest.raises(SourceError, match="goes on where it stopped"):
        fetch(remote, cache, patience=hasty)
    assert 0 < (cache / "a.part").stat().st_size <= 2_000_000
    assert cached(remote, cache) is None
    server.requests.clear()
    server.give("a", BODY)
    assert fetch(remote, cache, patience=hasty).sha256 == HASH
    assert server.requests[0][1]["Range"] != "bytes=0-"


def test_a_file_that_changed_between_two_pieces_is_fetched_from_its_start(
    server: Server, cache: Path, hasty: Patience
) -> None:
    new = BODY[::-1]
    remote = Remote(server.give("a", Answer(BODY, cut=1_500_000), new), "a")
    assert fetch(remote, cache, patience=hasty).path.read_bytes() == new


def test_without_a_version_nothing_is_glued_together(server: Server, cache: Path, hasty: Patience) -> None:
    new = BODY[::-1]
    remote = Remote(server.give("a", Answer(BODY, cut=1_500_000, tag=""), Answer(new, tag="")), "a")
    assert fetch(remote, cache, patience=hasty).path.read_bytes() == new
    assert "Range" not in server.requests[1][1]


def test_a_server_that_cannot_resume_starts_again(server: Server, cache: Path, hasty: Patience) -> None:
    cut = Answer(BODY, cut=1_500_000, ranges=False)
    url = server.give("a", cut, Answer(BODY, ranges=False))
    assert fetch(Remote(url, "a"), cache, patience=hasty).sha256 == HASH


def test_a_file_that_became_shorter_is_fetched_from_its_start(
    server: Server, cache: Path, hasty: Patience
) -> None:
    url = server.give("a", Answer(BODY, cut=2_000_000, tag='"same"'), Answer(BODY[:1000], tag='"same"'))
    assert fetch(Remote(url, "a"), cache, patience=hasty).bytes == 1000


def test_another_piece_than_asked_for_is_not_taken(server: Server, cache: Path, hasty: Patience) -> None:
    wrong = Answer(BODY[7:], status=206, headers={"Content-Range": f"bytes 7-{len(BODY) - 1}/{len(BODY)}"})
    url = server.give("a", Answer(BODY, cut=1_500_000), wrong, BODY)
    assert fetch(Remote(url, "a"), cache, patience=hasty).sha256 == HASH


def test_a_wrong_checksum_is_refused_and_nothing_is_kept(server: Server, cache: Path) -> None:
    remote = Remote(server.give("a", BODY + b"!"), "a", sha256=HASH)
    with pytest.raises(SourceError, match="is not the file that is expected"):
        fetch(remote, cache)
    assert cached(remote, cache) is None
    assert not (cache / "a").exists()
    server.give("a", BODY)
    assert fetch(remote, cache).sha256 == HASH


def test_the_hash_of_the_first_fetch_holds_until_asked_again(server: Server, cache: Path) -> None:
    remote = Remote(server.give("a", BODY), "a")
    copy = fetch(remote, cache)
    copy.path.write_bytes(BODY[:-1] + b"x")
    assert cached(remote, cache) is None
    server.give("a", BODY[::-1])
    with pytest.raises(SourceError, match="may have changed"):
        fetch(remote, cache)
    assert fetch(remote, cache, again=True).path.read_bytes() == BODY[::-1]
    assert fetch(remote, cache).path.read_bytes() == BODY[::-1]


def test_a_failed_renewal_keeps_the_copy(server: Server, cache: Path, hasty: Patience) -> None:
    remote = Remote(server.give("a", BODY), "a")
    copy = fetch(remote, cache)
    server.give("a", Answer(status=404))
    with pytest.raises(SourceError):
        fetch(remote, cache, again=True, patience=hasty)
    assert fetch(remote, cache) == copy


def test_a_truncated_zip_is_refused(server: Server, cache: Path) -> None:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("x.csv", "t,i\n" * 1000)
    remote = Remote(server.give("a.zip", whole.getvalue()[:-30], whole.getvalue()), "a.zip")
    with pytest.raises(SourceError, match="no whole zip archive"):
        fetch(remote, cache)
    assert cached(remote, cache) is None
    assert fetch(remote, cache).bytes == len(whole.getvalue())


def test_two_processes_do_not_fetch_one_file_at_once(server: Server, cache: Path, hasty: Patience) -> None:
    held, go = threading.Event(), threading.Event()
    remote = Remote(server.give("a", BODY), "a")

    def wait(done: int, total: int) -> None:
        held.set()
        go.wait(10)

    first = threading.Thread(target=fetch, args=(remote, cache), kwargs={"progress": wait})
    first.start()
    assert held.wait(10)
    with pytest.raises(SourceError, match="another process is fetching a"):
        fetch(remote, cache, patience=hasty)
    go.set()
    first.join()
    assert fetch(remote, cache).sha256 == HASH


def test_a_key_is_sent_and_never_written_down(server: Server, cache: Path) -> None:
    remote = Remote(server.give("a", BODY), "a", headers={"X-Key": "hidden-word"})
    fetch(remote, cache)
    assert server.requests[0][1]["X-Key"] == "hidden-word"
    assert not any(b"hidden-word" in path.read_bytes() for path in cache.iterdir())
    assert "hidden-word" not in repr(remote)


def test_a_damaged_record_counts_as_not_fetched(server: Server, cache: Path) -> None:
    remote = Remote(server.give("a", BODY), "a")
    fetch(remote, cache)
    (cache / "a.json").write_text(json.dumps({"url": "x"}))
    assert cached(remote, cache) is None
    assert fetch(remote, cache).sha256 == HASH


def test_a_copy_is_forgotten(server: Server, cache: Path) -> None:
    remote = Remote(server.give("a", BODY), "a")
    fetch(remote, cache)
    assert forget(remote, cache) >= len(BODY)
    assert cached(remote, cache) is None
    assert forget(remote, cache) == 0
    assert list(cache.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        fetch(Remote(server.give("a", BODY), "a"), tmp_path / "file" / "cache")


def test_the_cache_can_be_put_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENTREPOT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("ENTREPOT_CACHE")
    assert cache_folder().name == "entrepot"
