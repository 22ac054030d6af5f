"""What a person sees: the answer printed or written, and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrepot.cli.options import Shown
    from entrepot.result import Result
    from entrepot.workbench import World


def open_world(path: Path | None) -> World:
    """Open a store, or the embedded pack."""
    from entrepot.workbench import open

    return open(path)


def show(result: Result, shown: Shown) -> int:
    """Write the answer, or one of its further tables, to a file, or print it."""
    if shown.part is not None:
        table = result.part(shown.part)
        result = replace(result, main=table, display=table)
    if shown.out is not None:
        print(f"{result.save(shown.out).resolve()}")  # noqa: T201
        return 0
    from entrepot.report.tables import print_result

    print_result(result, all_rows=shown.all_rows)
    return 0


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on stderr while something takes long, where a person looks at it."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def status_line(what: str) -> Iterator[Callable[[str], None]]:
    """Show on stderr which of several steps is under way, where a person looks at it."""
    if not sys.stderr.isatty():
        yield lambda step: None
        return
    from rich.console import Console

    with Console(stderr=True).status(what) as status:
        yield status.update
