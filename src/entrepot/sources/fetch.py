"""Public files on this machine: fetched once, hashed, and read offline from then on."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO

from entrepot.errors import SourceError, StoreError
from entrepot.sources.download import PATIENT, Patience, Progress, Transfer

__all__ = ["PATIENT", "Copy", "Patience", "Progress", "Remote", "cache_folder", "cached", "fetch", "forget"]

CACHE = "ENTREPOT_CACHE"


@dataclass(frozen=True)
class Remote:
    """A file that a publisher offers.

    Attributes
    ----------
    url : str
        Where it is.
    name : str
        File name on this machine, unique in its folder.
    years : tuple of int or None
        First and last year in it, as far as its name says; None where it holds no years.
    sha256 : str
        Hash that it must have; empty where the publisher states none, and then that of the first fetch holds.
    headers : mapping
        Sent along with the request, for example a key; never written down.
    """

    url: str
    name: str
    years: tuple[int, int] | None = None
    sha256: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Copy:
    """A file as it lies on this machine.

    Attributes
    ----------
    path : Path
    url : str
        Where it came from.
    sha256 : str
    bytes : int
    fetched : date
        Day of the transfer.
    """

    path: Path
    url: str
    sha256: str
    bytes: int
    fetched: date


def cache_folder() -> Path:
    """Return the folder of fetched files: ``ENTREPOT_CACHE``, or the user's cache folder."""
    given = os.environ.get(CACHE)
    if given:
        return Path(given)
    import pooch

    return Path(pooch.os_cache("entrepot"))


def fetch(
    remote: Remote,
    folder: Path,
    *,
    progress: Progress | None = None,
    again: bool = False,
    patience: Patience = PATIENT,
) -> Copy:
    """Return a whole copy of a file; no request is made where one lies in ``folder`` and its hash agrees.

    A transfer that broke off goes on where it stopped. The hash of the first fetch is written down beside
    the file; whatever differs from it later is refused, unless `again` asks for a new version.

    Parameters
    ----------
    remote : Remote
        What to fetch.
    folder : Path
        Where it goes; made if it is not there.
    progress : callable, optional
        Called with bytes done and bytes in all (0 = unknown) during the transfer.
    again : bool
        Fetch a new version even if there is a copy. The copy stays until the new one is whole.
    patience : Patience
        How often and how long to try.

    Returns
    -------
    Copy

    Raises
    ------
    SourceError
        If the server does not give the file, breaks off too often, gives another file than the hash says,
        or gives an archive that cannot be opened; and if another process is fetching the same file.
    StoreError
        If the folder cannot be written to, or the disk is full.
    """
    if not again:
        found = cached(remote, folder)
        if found is not None:
            return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _held(folder / f"{remote.name}.lock"):
            return _transferred(remote, folder, progress, again, patience)
    except OSError as error:
        raise StoreError.from_system(folder, error) from error


def cached(remote: Remote, folder: Path, *, verify: bool = True) -> Copy | None:
    """Return the copy of a file in ``folder`` if it is there and whole, without any request.

    Parameters
    ----------
    remote : Remote
        Which file.
    folder : Path
        Where it would be.
    verify : bool
        Read the whole file and compare its hash; otherwise compare the size only.
    """
    copy = _record(folder / remote.name)
    if copy is None or not copy.path.is_file() or copy.path.stat().st_size != copy.bytes:
        return None
    if remote.sha256 and copy.sha256 != remote.sha256:
        return None
    if verify:
        import pooch

        if pooch.file_hash(str(copy.path)) != copy.sha256:
            return None
    return copy


def forget(remote: Remote, folder: Path) -> int:
    """Remove the copy of a file and what is left of its transfers; returns the bytes set free."""
    freed = 0
    for path in (folder / remote.name, *_beside(folder / remote.name)):
        with contextlib.suppress(FileNotFoundError):
            freed += path.stat().st_size
            path.unlink()
    return freed


def discard(path: Path) -> None:
    """Remove a fetched copy that turned out to be damaged, so that it is fetched anew; other files stay."""
    if _record(path) is not None:
        forget(Remote("", path.name), path.parent)


def _transferred(
    remote: Remote, folder: Path, progress: Progress | None, again: bool, patience: Patience
) -> Copy:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    path = folder / remote.name
    known = _record(path)
    expected = remote.sha256 or (known.sha256 if known is not None and not again else "")
    # Pooch would keep a file of any content where no hash is known; the new one takes its place when whole.
    fresh = path.with_name(f"{remote.name}.new")
    fresh.unlink(missing_ok=True)
    transfer = Transfer(path.with_name(f"{remote.name}.part"), progress, remote.headers, patience)
    pooch.retrieve(remote.url, known_hash=None, fname=fresh.name, path=folder, downloader=transfer)
    found = pooch.file_hash(str(fresh))
    try:
        if expected and found != expected:
            raise SourceError.wrong_checksum(remote.url, found, expected)
        _check_archive(fresh, remote)
    except SourceError:
        fresh.unlink()
        raise
    size = fresh.stat().st_size
    copy = Copy(path, remote.url, found, size, date.today())
    # The record goes last: without it the file counts as not fetched.
    _told(path).unlink(missing_ok=True)
    os.replace(fresh, path)
    _write_record(copy)
    return copy


def _check_archive(path: Path, remote: Remote) -> None:
    """Refuse an archive without its directory, which lies at its end."""
    if remote.name.lower().endswith(".zip") and not zipfile.is_zipfile(path):
        raise SourceError.damaged(remote.name, "it is no whole zip archive")


def _told(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _beside(path: Path) -> tuple[Path, ...]:
    endings = (".json", ".part", ".part.json", ".new", ".lock")
    return tuple(path.with_name(path.name + ending) for ending in endings)


def _record(path: Path) -> Copy | None:
    try:
        told = json.loads(_told(path).read_text())
        return Copy(path, told["url"], told["sha256"], told["bytes"], date.fromisoformat(told["fetched"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_record(copy: Copy) -> None:
    told = {
        "url": copy.url,
        "sha256": copy.sha256,
        "bytes": copy.bytes,
        "fetched": copy.fetched.isoformat(),
    }
    new = copy.path.with_name(f"{copy.path.name}.json.new")
    new.write_text(json.dumps(told, indent=1) + "\n")
    os.replace(new, _told(copy.path))


@contextlib.contextmanager
def _held(path: Path) -> Iterator[None]:
    """Let one process fetch a file; the system lets go of it when that process ends."""
    with path.open("wb") as handle:
        try:
            _lock(handle)
        except OSError:
            raise SourceError.busy(path.with_suffix("").name) from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: IO[bytes]) -> None:
        msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: IO[bytes]) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
