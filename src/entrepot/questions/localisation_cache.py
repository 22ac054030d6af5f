"""Leontief inverses kept on disk, one file per table and year, written whole or not at all.

A store of one's own keeps them in its folder ``cache``. The embedded pack, or a store that cannot be
written to, uses ``$XDG_CACHE_HOME/entrepot`` (``~/.cache/entrepot`` where the variable is not set). Each file
is named after the content of the tables, so it is never out of date, and may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import StoreError
from entrepot.store import files
from entrepot.store.store import PACK

if TYPE_CHECKING:
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]

# Part of each name: a change in how rows are ordered or the inverse is computed must change it.
LAYOUT = "1"
# A table of 4,000 industries takes 128 MB.
KEPT = 8
STALE_SECONDS = 3600.0


def key(hashes: Sequence[str], year: int) -> str:
    """Return the name of an inverse: a hash of its tables, the year and the layout.

    Examples
    --------
    >>> key(["a", "b"], 2022) == key(["a", "b"], 2022), key(["a", "b"], 2021) == key(["a", "b"], 2022)
    (True, False)
    """
    return hashlib.sha256("|".join([*hashes, str(year), LAYOUT]).encode()).hexdigest()[:16]


def folder(store: Store) -> Path | None:
    """Return where a store's inverses are kept; None where there is no such place."""
    if store.path != PACK and os.access(store.path, os.W_OK):
        return store.path / "cache"
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rule: a path that is not absolute is ignored.
    if base and Path(base).is_absolute():
        return Path(base) / "entrepot"
    try:
        return Path.home() / ".cache" / "entrepot"
    except RuntimeError:
        return None


def fetch(
    place: Path | None,
    name: str,
    size: int,
    compute: Callable[[], FloatArray],
    sound: Callable[[FloatArray], bool],
) -> FloatArray:
    """Return an inverse from disk, memory-mapped, or compute it and keep it there.

    Parameters
    ----------
    place : Path or None
        Folder; None keeps nothing.
    name : str
        Key of the inverse.
    size : int
        Rows and columns.
    compute : callable
        Makes the inverse.
    sound : callable
        Tells whether what was read belongs to the table; a file that fails is computed again.

    Returns
    -------
    ndarray, shape (size, size)
        Not to be written to.
    """
    path = None if place is None else place / f"leontief-{name}.npy"
    known = None if path is None else _read(path, size)
    if known is not None and sound(known):
        return known
    made = compute()
    if path is not None:
        # An answer does not fail because a cache cannot be written: a full disk, a read-only home.
        with contextlib.suppress(StoreError, OSError):
            _write(path, made)
    return made


def _read(path: Path, size: int) -> FloatArray | None:
    """Map a file into memory; None if it is absent or no such array."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if not isinstance(found, np.memmap) or found.shape != (size, size) or found.dtype != np.float64:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return found


def _write(path: Path, array: FloatArray) -> None:
    """Write a file under a temporary name and rename it; two writers write the same content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    with files.temporary(path.parent) as file:
        np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
    files.publish(file.path, path)


def _sweep(path: Path) -> None:
    """Remove what killed writers left, and the inverses that were longest not in use."""
    now = time.time()
    for left in path.parent.glob(f"{files.TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if now - left.stat().st_mtime > STALE_SECONDS:
                left.unlink()
    kept: list[tuple[float, Path]] = []
    for old in path.parent.glob("leontief-*.npy"):
        # Another process may remove it between the listing and this line.
        with contextlib.suppress(OSError):
            kept.append((old.stat().st_mtime, old))
    for _, old in sorted(kept, reverse=True)[KEPT - 1 :]:
        if old != path:
            with contextlib.suppress(OSError):
                old.unlink()
