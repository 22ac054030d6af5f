"""TOML text with the line of every key, which the parser of the standard library does not tell."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entrepot.errors import InputError

Step = str | int

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
# What can open or close a value that goes on over lines; ordinary strings and comments hide brackets.
_TOKEN = re.compile(r'"""|\'\'\'|"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*|[\[\]{}]')


@dataclass(frozen=True, slots=True)
class Text:
    """A parsed TOML file that knows where everything stands.

    Attributes
    ----------
    file : str
        Its name, as errors print it.
    data : dict
        Parsed content.
    lines : dict
        First line (from 1) of a table or key by its path: ``("shock", 1, "rate")``.
    """

    file: str
    data: dict[str, Any]
    lines: dict[tuple[Step, ...], int]

    def line(self, *path: Step) -> int:
        """Return the line of a key, or of the nearest table around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def fault(self, path: tuple[Step, ...], reason: str, hint: str | None = None) -> InputError:
        """Build the error for a fault at a key."""
        return InputError.in_file(self.file, self.line(*path), reason, hint=hint)


def read_text(path: Path) -> Text:
    """Read and parse a TOML file.

    Raises
    ------
    InputError
        If the file cannot be read, is no UTF-8 or no TOML; it names the file and the line.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}", hint="give the path of a TOML file"
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise InputError.in_file(path, line, "this is no UTF-8 text", hint="save the file as UTF-8") from None
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _broken(path, text, str(error)) from None
    return Text(str(path), data, find_lines(text))


def _broken(path: Path, text: str, message: str) -> InputError:
    """Turn the parser's words into an error that names the line."""
    place = re.search(r"\s*\(at line (\d+), column \d+\)", message)
    line = int(place[1]) if place else max(1, len(text.rstrip().splitlines()))
    reason = re.sub(r"\s*\(at [^)]*\)", "", message)
    hint = "text stands in quotes, lists in [...], one key = value a line"
    return InputError.in_file(path, line, f"this is no TOML: {reason}", hint=hint)


def find_lines(text: str) -> dict[tuple[Step, ...], int]:
    r"""Return the line of each table and key of a TOML text that parses.

    Keys inside inline tables are not found; they stand on the line of the key that holds them or just below.

    Examples
    --------
    >>> found = find_lines('title = "a"\n[[shock]]\nkind = "ban"\n\n[[shock]]\nrate = 5')
    >>> found[("title",)], found[("shock", 0, "kind")], found[("shock", 1)], found[("shock", 1, "rate")]
    (1, 3, 5, 6)
    """
    found: dict[tuple[Step, ...], int] = {}
    counts: dict[tuple[Step, ...], int] = {}
    table: tuple[Step, ...] = ()
    for number, line in _statements(text):
        if header := _HEADER.match(line):
            table = _expand(_parts(header[2]), counts)
            if header[1] == "[[":
                place = counts.get(table, -1) + 1
                counts[table] = place
                found.setdefault(table, number)
                table = (*table, place)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            path = (*table, *_parts(key[1]))
            for size in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:size], number)
    return found


def _parts(dotted: str) -> tuple[Step, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _expand(path: tuple[Step, ...], counts: dict[tuple[Step, ...], int]) -> tuple[Step, ...]:
    """Put the number of the open entry behind each array of tables that a header goes through."""
    out: tuple[Step, ...] = ()
    for place, part in enumerate(path):
        out = (*out, part)
        if place < len(path) - 1 and out in counts:
            out = (*out, counts[out])
    return out


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines on which a statement begins; those inside a longer value are left out."""
    depth, quote = 0, ""
    for number, line in enumerate(text.split("\n"), start=1):
        if depth == 0 and not quote:
            yield number, line.rstrip("\r")
            if _HEADER.match(line.rstrip("\r")):
                continue
        depth, quote = _after(line, depth, quote)


def _after(line: str, depth: int, quote: str) -> tuple[int, str]:
    """Return how deep in brackets, and in which long string, the text is after a line."""
    place = 0
    while place < len(line):
        if quote:
            end = line.find(quote, place)
            if end < 0:
                return depth, quote
            place, quote = end + 3, ""
            continue
        token = _TOKEN.search(line, place)
        if token is None:
            break
        place = token.end()
        if token[0] in ('"""', "'''"):
            quote = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return depth, quote
