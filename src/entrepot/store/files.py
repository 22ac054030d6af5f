"""Files that are written whole or not at all, a lock for one writer, and hashes."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path

from entrepot.errors import StoreError

TEMPORARY = ".writing-"
LOCK = ".lock"
TABLE_FILE = re.compile(r"^[a-z][a-z0-9_]*-[0-9a-f]{12}\.parquet$")
_NO_SPACE = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class HashingFile:
    """A binary file for writing that hashes and counts what passes, so that no second read is needed.

    Parameters
    ----------
    file : RawIOBase
        The open file.
    path : Path
        Its name.
    """

    def __init__(self, file: RawIOBase, path: Path) -> None:
        self.path = path
        self._file = file
        self._hash = hashlib.sha256()
        self.bytes = 0
        self.closed = False

    def write(self, data: object) -> int:
        """Write and hash one buffer; returns the number of bytes."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        written = 0
        try:
            while written < view.nbytes:
                written += self._file.write(view[written:])
        except OSError as error:
            raise write_error(self.path, error) from error
        self._hash.update(view)
        self.bytes += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        """Return the number of bytes written so far."""
        return self.bytes

    def flush(self) -> None:
        """Do nothing: `sync` is what counts."""

    def sync(self) -> None:
        """Put everything on disk; a full disk may show only here."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise write_error(self.path, error) from error

    def close(self) -> None:
        """Do nothing: who opened the file closes it, after syncing it to disk."""

    def seekable(self) -> bool:
        """Return False: a hash cannot go back."""
        return False

    def readable(self) -> bool:
        """Return False."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def hexdigest(self) -> str:
        """Return the sha256 of everything written."""
        return self._hash.hexdigest()


@contextlib.contextmanager
def temporary(folder: Path) -> Iterator[HashingFile]:
    """Give a new temporary file in ``folder``, synced to disk on leaving and removed on any error.

    Raises
    ------
    StoreError
        If the disk is full or the file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=folder)
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        # Unbuffered, so that no failed byte is left to be written again on closing.
        with os.fdopen(handle, "wb", buffering=0) as raw:
            file = HashingFile(raw, Path(name))
            yield file
            file.sync()
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def publish(temporary: Path, final: Path) -> None:
    """Give a synced temporary file its final name, and make the name itself survive a power cut."""
    try:
        # mkstemp makes files private; a store is as readable as its folder lets it be.
        os.chmod(temporary, 0o644)
        os.replace(temporary, final)
        _sync_folder(final.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise write_error(final, error) from error


def write_atomic(path: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    with temporary(path.parent) as file:
        file.write(content)
    publish(file.path, path)


def write_error(path: Path, error: OSError) -> StoreError:
    """Turn what the operating system says into words."""
    if error.errno in _NO_SPACE:
        return StoreError.disk_full(path)
    return StoreError.cannot_write(path, error.strerror or str(error))


def sweep(folder: Path, keep: set[str]) -> None:
    """Remove the files that writes replaced or left unfinished; whatever else lies there is left alone."""
    for path in folder.iterdir():
        ours = path.name.startswith(TEMPORARY) or TABLE_FILE.match(path.name)
        if ours and path.name not in keep:
            # Some systems refuse to remove what a reader still has open; the next write tries again.
            with contextlib.suppress(OSError):
                path.unlink()


def sha256(path: Path) -> str:
    """Return the hash of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def writer_lock(folder: Path) -> Iterator[None]:
    """Hold the store for one writer; the system lets go of it when the process ends, however it ends.

    Raises
    ------
    StoreError
        If another writer holds it, or the folder cannot be written to.
    """
    path = folder / LOCK
    try:
        handle = _take(path)
    except BlockingIOError:
        raise StoreError.locked(folder) from None
    except OSError as error:
        raise write_error(path, error) from error
    try:
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":

    def _take(path: Path) -> int:
        """Create the lock file; the system deletes it with its last handle."""
        try:
            return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY)
        except FileExistsError:
            raise BlockingIOError from None

    def _sync_folder(folder: Path) -> None:
        """Do nothing: a folder cannot be synced there."""

else:
    import fcntl

    def _take(path: Path) -> int:
        """Open the lock file and lock it, without waiting."""
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise
        return handle

    def _sync_folder(folder: Path) -> None:
        """Sync the folder, so that a new name is on disk before anything relies on it."""
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
