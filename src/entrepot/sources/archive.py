"""Files inside zip archives, taken out one at a time as a stream."""

from __future__ import annotations

import contextlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from entrepot.errors import SourceError, StoreError
from entrepot.sources.fetch import discard
from entrepot.sources.scratch import scratch

PIECE = 1 << 20


def members(path: Path) -> tuple[str, ...]:
    """Return the names of the files in a zip archive.

    Raises
    ------
    SourceError
        If it cannot be opened.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return tuple(info.filename for info in archive.infolist() if not info.is_dir())
    except (zipfile.BadZipFile, OSError) as error:
        if isinstance(error, zipfile.BadZipFile):
            discard(path)
        raise SourceError.damaged(path, str(error)) from error


@contextlib.contextmanager
def extracted(path: Path, member: str) -> Iterator[Path]:
    """Give one member of an archive as a temporary file, removed on leaving.

    Raises
    ------
    SourceError
        If its content does not fit to the checksum in the archive.
    StoreError
        If there is no room for it.
    """
    with scratch() as folder:
        # The name inside the archive is never used as a path.
        target = folder / f"member{Path(member).suffix}"
        _take_out(path, member, target)
        yield target


@contextlib.contextmanager
def extracted_ahead(path: Path, wanted: Sequence[str]) -> Iterator[Iterator[Path]]:
    """Give members of an archive one after the other; the next is taken out while one is worked on.

    Each file is removed when the next one is asked for.

    Raises
    ------
    SourceError, StoreError
        As `extracted` does, when the member concerned is asked for.
    """
    with scratch() as folder, ThreadPoolExecutor(1) as pool:
        yield _ahead(pool, path, wanted, folder)


def _ahead(pool: ThreadPoolExecutor, path: Path, wanted: Sequence[str], folder: Path) -> Iterator[Path]:
    targets = [folder / f"{place}{Path(member).suffix}" for place, member in enumerate(wanted)]
    jobs = zip(wanted, targets, strict=True)

    def begin() -> Future[None] | None:
        job = next(jobs, None)
        return None if job is None else pool.submit(_take_out, path, *job)

    waiting = begin()
    for target in targets:
        if waiting is not None:
            waiting.result()
        waiting = begin()
        yield target
        target.unlink()


def _take_out(path: Path, member: str, target: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as packed, target.open("wb") as out:
            shutil.copyfileobj(packed, out, PIECE)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        discard(path)
        raise SourceError.damaged(f"{path}, {member}", str(error)) from error
    except OSError as error:
        raise StoreError.from_system(target, error) from error
