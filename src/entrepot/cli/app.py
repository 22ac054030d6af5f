"""The application that every command joins, and how it is run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from entrepot import __version__
from entrepot.errors import EntrepotError

app = App(
    name="entrepot",
    help="An open foreign-trade workbench: nine questions a cabinet asks about trade under sanctions.",
    help_epilogue="Start with: entrepot brief BLR. Every command takes --help. Not legal advice.",
    version=f"entrepot {__version__}",
    version_flags=["--version"],
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
)


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 ok, 1 the data say no, 2 usage."""
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except EntrepotError as error:
        return _complain(error.message, error.hint, error.exit_code)
    except CycloptsError as error:
        return _complain(
            " ".join(str(error).split()), "see 'entrepot --help' or 'entrepot COMMAND --help'", 2
        )
    except BrokenPipeError:
        # The reader of a pipe went away: nothing is wrong, and nothing more can be said.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return _complain("stopped", None, 130)
    return code if isinstance(code, int) else 0


def _complain(message: str, hint: str | None, code: int) -> int:
    print(f"entrepot: {message}", file=sys.stderr)  # noqa: T201
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)  # noqa: T201
    return code
