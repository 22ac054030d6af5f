"""A consolidated regulation of the European Union, given as the HTML file that EUR-Lex offers.

What is read of its layout: ``<title>Consolidated TEXT: 32014R0833 — EN — 04.12.2022</title>``; articles
headed ``<p class="title-article-norm">``; annexes headed ``<p class="title-annex-1">`` and
``title-annex-2``, within them ``title-gr-seq-level-N`` or plain paragraphs such as ``(4) Wines`` and ``PART
B``; tables whose column ``CN code`` holds the codes, or without a heading, then in the order ``ex``, code,
goods. Text of the Official Journal itself (``oj-ti-art``, ``oj-doc-ti``) is read too. EUR-Lex asks programs
to use its web service, which needs registration: so the file is fetched by hand.

The articles tell what the annexes are for only in legal language. What is clear is taken over as a
proposal: direction, article, and the end of a wind-down ("until 10 July 2022 of contracts concluded before
..."); the rest is left empty for a person to complete. An annex in a text does not tell since when it is in
force.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

from entrepot.errors import InputError, SourceError
from entrepot.result import Source
from entrepot.sources.fetch import Remote
from entrepot.sources.law import LawSource, PrintedLaw, PrintedList, PrintedRow, Refused

BREAKS = frozenset(
    {"p", "div", "td", "th", "tr", "table", "li", "br", "h1", "h2", "h3", "h4", "title", "dd", "dt"}
)
TITLE = re.compile(r"Consolidated\s+TEXT:\s*(\d\w{9})\s*\S+\s*[A-Z]{2}\s*\S+\s*(\d\d)\.(\d\d)\.(\d{4})", re.I)
NUMBER = re.compile(r"\(EU\)\s+(?:No\s+)?(\d+/\d+)")
ADOPTED = re.compile(r"\bof\s+(\d{1,2}\s+[A-Z][a-z]+\s+\d{4})")
ARTICLE = re.compile(r"^\W*Article\s+(\d+[a-z]*)\b", re.IGNORECASE)
ANNEX = re.compile(r"^\W*ANNEX\s+([IVXLC]+[A-Z]?)\b")
PART = re.compile(r"^\W*(?:PART|SECTION)\s+([A-Z0-9]+)\b", re.IGNORECASE)
SECTION = re.compile(r"^\W*\((\d{1,2})\)\s*(.*)")
CODE_HEADING = re.compile(r"\b(?:CN|HS|TARIC)\b")
CODE = re.compile(r"^(?:ex\s*)?\d{2}(?:\d{2})?(?:[\s\u00a0.]?\d{2}){0,3}\b", re.IGNORECASE)
MARK = re.compile(r"[▼►◄]\s*(?:[BMCAR]\d*)?")
CITED = re.compile(r"Annex(?:es)?\s+((?:[IVXLC]+[A-Z]?\b(?:,\s*|\s+and\s+|\s+or\s+)?)+)")
DAY = r"(\d{1,2}\s+[A-Z][a-z]+\s+\d{4})"
WIND_DOWN = re.compile(
    rf"until\s+{DAY},?\s+of\s+(?:\w+\s+){{0,4}}contracts|(?:execution|performance)\s[^.]{{0,80}}?until\s+{DAY}"
)
BAN = r"prohibited(?:\s*:\s*\(a\))?\s*:?\s+to\s+(?:directly\s+or\s+indirectly\s+)?"
EXPORT = re.compile(BAN + r"(?:sell|supply|export)\b", re.IGNORECASE)
IMPORT = re.compile(BAN + r"(?:purchase|import|acquire)\b", re.IGNORECASE)
SOURCE = Source(
    id="eur_lex",
    producer="European Union, EUR-Lex",
    title="Consolidated legislation",
    version="",
    licence="Commission Decision 2011/833/EU; the consolidated text has no legal effect",
    url="https://eur-lex.europa.eu/",
    accessed=date(2026, 11, 23),
)


@dataclass
class _Block:
    """A paragraph, or a row of a table, in the order of the text."""

    kind: str
    cells: list[str] = field(default_factory=lambda: [""])


class _Blocks(HTMLParser):
    """Cuts a page into paragraphs and rows of tables; tables that hold tables are read row by row inside."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[_Block] = []
        self._rows: list[_Block] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._silent += 1
        elif tag == "tr":
            self._rows.append(_Block("row", []))
        elif tag in ("td", "th") and self._rows:
            self._rows[-1].cells.append("")
        elif tag in BREAKS:
            kind = "title" if tag == "title" else dict(attrs).get("class") or "p"
            if self._rows and self._rows[-1].cells:
                self._rows[-1].cells[-1] += " "
            else:
                self.blocks.append(_Block(kind))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._silent -= 1
        elif tag == "tr" and self._rows:
            self.blocks.append(self._rows.pop())
        elif tag in BREAKS and not self._rows:
            self.blocks.append(_Block("p"))

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if self._rows:
            if self._rows[-1].cells:
                self._rows[-1].cells[-1] += data
            return
        if not self.blocks or self.blocks[-1].kind == "row":
            self.blocks.append(_Block("p"))
        self.blocks[-1].cells[-1] += data


@dataclass
class _Article:
    number: str
    text: str = ""


def read(paths: Sequence[Path]) -> PrintedLaw:
    """Read the annexes of one consolidated regulation.

    Parameters
    ----------
    paths : sequence of Path
        One HTML file.

    Returns
    -------
    PrintedLaw

    Raises
    ------
    InputError
        If not one file is given.
    SourceError
        If it is no consolidated regulation, or has no annex.
    """
    if len(paths) != 1:
        raise InputError(f"{len(paths)} files are given", hint="give one HTML file of EUR-Lex with --file")
    path = paths[0]
    content = path.read_bytes()
    blocks = _cut(content)
    head = TITLE.search(" ".join(block.cells[0] for block in blocks if block.kind == "title"))
    if head is None:
        raise SourceError.damaged(
            path.name, "it has no title 'Consolidated TEXT: number — language — day', as EUR-Lex writes it"
        )
    as_of = date(int(head[4]), int(head[3]), int(head[2]))
    start = next((i for i, block in enumerate(blocks) if _heading(block, ANNEX)), len(blocks))
    lists, rows, refused = _annexes(blocks[start:], as_of)
    if not lists:
        raise SourceError.damaged(path.name, "it has no annex with customs codes")
    first = next((i for i, block in enumerate(blocks) if _heading(block, ARTICLE)), start)
    title, number, adopted = _title(blocks[:first], head[1])
    proposals = _proposals(blocks[:start])
    return PrintedLaw(
        instrument_id="eu-" + number.replace("/", "-"),
        sender="EU",
        title=title,
        reference=head[1],
        target="",
        nomenclature=f"CN{as_of.year}",
        finer=f"CN{as_of.year}",
        adopted=adopted or as_of,
        as_of=as_of,
        source=replace(SOURCE, version=f"{head[1]}, {as_of}"),
        note=f"Annexes with customs codes, read from the consolidation of {as_of}; completed by a person.",
        lists=tuple(_proposed(entry, proposals) for entry in lists),
        rows=tuple(rows),
        refused=tuple(refused),
        texts=((path.name, sha256(content).hexdigest()),),
    )


def _cut(content: bytes) -> list[_Block]:
    parser = _Blocks()
    parser.feed(content.decode("utf-8-sig", "replace"))
    parser.close()
    for block in parser.blocks:
        block.cells = [" ".join(MARK.sub(" ", cell).split()) for cell in block.cells]
    return [block for block in parser.blocks if any(block.cells)]


def _heading(block: _Block, pattern: re.Pattern[str]) -> re.Match[str] | None:
    """Match a paragraph that is a heading: by its class, or because it says nothing else."""
    if block.kind == "row":
        return None
    match = pattern.match(block.cells[0])
    if match is None:
        return None
    named = (
        "title" in block.kind or "doc-ti" in block.kind or "ti-art" in block.kind or "ti-grseq" in block.kind
    )
    return match if named or len(block.cells[0]) < match.end() + 3 else None


def _title(blocks: Sequence[_Block], celex: str) -> tuple[str, str, date | None]:
    """Return title, number and day of adoption of the act."""
    words = " ".join(block.cells[0] for block in blocks[:60] if block.kind not in ("row", "title"))
    number = NUMBER.search(words)
    fallback = f"{int(celex[6:])}/{celex[1:5]}"
    start = re.search(r"(?:COUNCIL|COMMISSION)[A-Z\s]*REGULATION", words)
    title = words[start.start() if start else 0 :][:160].strip()
    adopted = ADOPTED.search(words, number.end() if number else 0)
    return title or celex, number[1] if number else fallback, _day(adopted[1]) if adopted else None


def _annexes(
    blocks: Sequence[_Block], as_of: date
) -> tuple[list[PrintedList], list[PrintedRow], list[Refused]]:
    """Walk through the annexes and take the rows of their tables."""
    lists: dict[tuple[str, str], PrintedList] = {}
    rows: list[PrintedRow] = []
    refused: list[Refused] = []
    annex = part = title = ""
    column: int | None = None
    fresh = False
    for block in blocks:
        text = block.cells[0]
        if block.kind != "row":
            if match := _heading(block, ANNEX):
                annex, part, title, fresh, column = match[1], "", "", True, None
            elif match := PART.match(text) if len(text) < 120 else None:
                part, column = match[1].upper(), None
            elif match := SECTION.match(text) if len(text) < 400 else None:
                part, title, column = match[1], match[2] or title, None
            elif fresh and "title-annex-2" in block.kind:
                title, fresh = text, False
            continue
        head = _code_column(block.cells)
        if head is not None:
            column = head
            continue
        cell, goods = _cells(block.cells, column)
        if not cell:
            if column is not None or re.search(r"\d{4}", text):
                refused.append(Refused("no customs code in its column", annex, " | ".join(block.cells)))
            continue
        lists.setdefault((annex, part), PrintedList(annex, part, title))
        row = PrintedRow(annex, part, cell, goods, date_precision="observed", observed_on=as_of)
        rows.append(row)
    return list(lists.values()), rows, refused


def _code_column(cells: Sequence[str]) -> int | None:
    """Return which column a heading row gives to codes; None if it is no heading row."""
    if any(CODE.match(cell) for cell in cells):
        return None
    return next(
        (place for place, cell in enumerate(cells) if CODE_HEADING.search(cell) and len(cell) < 60), None
    )


def _cells(cells: Sequence[str], column: int | None) -> tuple[str, str]:
    """Return the printed codes of a row and its goods; empty codes if there are none."""
    ex = cells[0].strip().lower() == "ex"
    body = list(cells[1:] if ex else cells)
    place = column - 1 if column and ex else (column or 0)
    if place >= len(body) or not CODE.match(body[place]):
        place = next((i for i, cell in enumerate(body[:2]) if CODE.match(cell)), -1)
    if place < 0:
        return "", ""
    goods = next((cell for cell in body[place + 1 :] if cell), "")
    return (f"ex {body[place]}" if ex else body[place]), goods


def _proposals(blocks: Sequence[_Block]) -> dict[str, list[_Article]]:
    """Return the articles that name an annex, by annex."""
    articles: list[_Article] = []
    for block in blocks:
        match = _heading(block, ARTICLE)
        if match:
            articles.append(_Article(match[1]))
        elif articles:
            articles[-1].text += " " + " ".join(block.cells)
    found: dict[str, list[_Article]] = {}
    for article in articles:
        for annex in _cited(article.text):
            found.setdefault(annex, []).append(article)
    return found


def _cited(text: str) -> Iterator[str]:
    for match in CITED.finditer(text):
        yield from dict.fromkeys(re.findall(r"\b[IVXLC]+[A-Z]?\b", match[1]))


def _proposed(entry: PrintedList, proposals: dict[str, list[_Article]]) -> PrintedList:
    """Fill in what one article says clearly about an annex; what is not clear stays empty."""
    named = {article.number: article for article in proposals.get(entry.annex, [])}
    banning = [a for a in named.values() if EXPORT.search(a.text) or IMPORT.search(a.text)]
    if len(banning) != 1:
        cited = ", ".join(named)
        return replace(entry, condition=f"named in Articles {cited}: say which" if cited else "")
    article = banning[0]
    both = bool(EXPORT.search(article.text)) and bool(IMPORT.search(article.text))
    direction = "" if both else ("export" if EXPORT.search(article.text) else "import")
    days = {
        day for match in WIND_DOWN.finditer(article.text) if (day := _day(next(filter(None, match.groups()))))
    }
    several = ", ".join(str(day) for day in sorted(days)) if len(days) > 1 else ""
    return replace(
        entry,
        provision=f"Art. {article.number}",
        direction=direction,
        kind="ban" if direction else "",
        wind_down_to=next(iter(days)) if len(days) == 1 else None,
        condition=f"several days of wind-down ({several}): say which" if several else "",
    )


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(" ".join(text.split()), "%d %B %Y").date()
    except ValueError:
        return None


def remotes(base: str, instrument: str) -> tuple[Remote, ...]:
    """Refuse: the file is fetched by hand.

    Raises
    ------
    InputError
        Always.
    """
    raise InputError(
        "regulations of the European Union are read from a file",
        hint="save the consolidated text as HTML from eur-lex.europa.eu and give it with --file",
    )


LAW = LawSource(
    id="eu",
    source=SOURCE,
    about="A consolidated regulation of the European Union: annexes of CN codes, from an HTML file given.",
    base="",
    redistributable=True,
    remotes=remotes,
    read=read,
)
