"""Temporary folders that do not pile up when the processes that made them are killed."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

NAME = re.compile(r"^entrepot-(\d+)-")


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give an empty folder, removed on leaving; those of processes that are no more are removed too."""
    sweep(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=f"entrepot-{os.getpid()}-") as folder:
        yield Path(folder)


def sweep(parent: Path) -> None:
    """Remove the folders of processes that are no more."""
    for path in parent.glob("entrepot-*-*"):
        found = NAME.match(path.name)
        if found and not _runs(int(found[1])):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    """Tell whether a process is there; where it cannot be asked, it is taken to be."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
