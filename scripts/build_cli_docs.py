"""Write docs/reference/cli.md from the help of every command.

Run: python scripts/build_cli_docs.py
"""

from __future__ import annotations

import io
from pathlib import Path

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
    commands = sorted((name for name in app if not name.startswith("-")), key=lambda name: app[name].sort_key)
    parts += [f"## entrepot {name}\n\n```text\n{_help([name])}```\n" for name in commands]
    return "\n".join(parts)


def _help(words: list[str]) -> str:
    text = io.StringIO()
    app.help_print(words, console=Console(file=text, width=100, color_system=None, force_terminal=False))
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)
