"""Write docs/reference/cli.md from the help of every command.

Run: python scripts/build_cli_docs.py
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from rich.console import Console

from entrepot.cli import app

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# Command line

Written from the code by `scripts/build_cli_docs.py`; a test fails when it is out of date.

Exit codes: 0 the answer stands, 1 the data say no, 2 the words were not understood. Errors and progress go
to stderr. `NO_COLOR` is honoured. `--out` takes .csv, .parquet, .json, .html and .tex.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [HEAD, "## entrepot\n\n```text\n" + _help([]) + "```\n"]
    for words in _commands(app, []):
        title = f"{'#' * (len(words) + 1)} entrepot {' '.join(words)}"
        parts.append(f"{title}\n\n```text\n{_help(words)}```\n")
    return "\n".join(parts)


def _commands(parent: App, before: list[str]) -> Iterator[list[str]]:
    """Give the words of every command and of those below it, in the order of the help."""
    names = (name for name in parent if not name.startswith("-"))
    for name in sorted(names, key=lambda name: (parent[name].sort_key or 0, name)):
        yield [*before, name]
        yield from _commands(parent[name], [*before, name])


def _help(words: list[str]) -> str:
    text = io.StringIO()
    app.help_print(words, console=Console(file=text, width=100, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
