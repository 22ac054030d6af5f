"""Canada's regulations in the XML of the Department of Justice, with their history.

The department publishes every consolidation as one commit of github.com/justicecanada/laws-lois-xml
(``eng/regulations/SOR-2014-58.xml``). What is read of its schema: the root ``Regulation`` with
``lims:lastAmendedDate`` and ``lims:pit-date``; ``Schedule`` with ``ScheduleFormHeading/Label``,
``TableGroup`` with ``Caption`` (PART 1) and ``table/title``, or ``Heading/Label`` before it; ``tgroup``
with ``thead`` and ``tbody`` of ``row`` and ``entry``; ``Repealed``; and ``HistoricalNote``. Elements carry
``lims:inforce-start-date``.

A row is in force from the date of its nearest dated element where that lies between the consolidation in
which the row first stands and the one before; otherwise at the latest from the former. With no
consolidation before, the date is exact where it is the first in the history note of the schedule. Ends are
dated in the same way.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from hashlib import sha256
from pathlib import Path
from xml.etree import ElementTree as ET

from entrepot.errors import InputError, SourceError
from entrepot.result import Source
from entrepot.sources.fetch import Remote
from entrepot.sources.law import LawSource, PrintedLaw, PrintedList, PrintedRow, Refused
from entrepot.world import countries

BASE = "https://raw.githubusercontent.com/justicecanada/laws-lois-xml/"
VERSIONS = Path(__file__).parent / "data" / "canada_versions.csv"
LIMS = "{http://justice.gc.ca/lims}"
LARGEST = 64 << 20
HS_HEADING = re.compile(r"\bharmonized\b|\bHS code|\btariff item", re.IGNORECASE)
GOODS_HEADING = re.compile(r"\bgoods\b|\bdescription\b|\bproduct", re.IGNORECASE)
PRICE_HEADING = re.compile(r"\bprice\b", re.IGNORECASE)
PART = re.compile(r"\bPART\s+([0-9A-Z.]+)", re.IGNORECASE)
BLOCKS = frozenset({"Text", "Provision", "Item", "Paragraph"})
NOT_IN_FORCE = frozenset({"RelatedOrNotInForce", "RegulationPiece", "NifProvs"})
SILENT = frozenset({"FootnoteRef", "Footnote"})
SOURCE = Source(
    id="justice_canada",
    producer="Department of Justice Canada",
    title="Consolidated regulations in XML",
    version="",
    licence="Reproduction of Federal Law Order SI/97-5; not an official version",
    url="https://github.com/justicecanada/laws-lois-xml",
    accessed=date(2026, 11, 23),
)


@dataclass(frozen=True)
class Item:
    """A row of one consolidation: where it stands, what it says, since when."""

    row: PrintedRow
    since: date | None


@dataclass(frozen=True)
class Consolidation:
    """A regulation as consolidated on a day.

    Attributes
    ----------
    reference, title : str
        ``SOR/2014-58`` and the long title.
    registered, amended, current : date
        Registration, last amendment, and the day up to which the text is current.
    items : tuple of Item
    titles : mapping
        Title of a list by annex and part.
    changed : mapping
        Last amendment of a schedule by annex.
    begun : mapping
        First date in the history note of a schedule by annex.
    refused : tuple of Refused
    """

    reference: str
    title: str
    registered: date
    amended: date
    current: date
    items: tuple[Item, ...]
    titles: dict[tuple[str, str], str]
    changed: dict[str, date]
    begun: dict[str, date]
    refused: tuple[Refused, ...]


def remotes(base: str, instrument: str) -> tuple[Remote, ...]:
    """Return the consolidations of a regulation, in the order of their dates.

    Raises
    ------
    InputError
        If no consolidations of it are listed.
    """
    found = _versions().get(instrument)
    if found is None:
        raise InputError.unknown("regulation", instrument, list(_versions()))
    return tuple(
        Remote(f"{base}{commit}/eng/regulations/{instrument}.xml", f"{instrument}_{day}.xml")
        for day, commit in found
    )


@cache
def _versions() -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    with VERSIONS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            known = found.get(row["regulation"], ())
            found[row["regulation"]] = (*known, (row["last_amended"], row["commit"]))
    return found


def read(paths: Sequence[Path]) -> PrintedLaw:
    """Read the consolidations of one regulation into its rows with dates.

    Parameters
    ----------
    paths : sequence of Path
        XML files, in any order; one is enough, more give better dates.

    Returns
    -------
    PrintedLaw

    Raises
    ------
    SourceError
        If a file is no regulation, is cut, or declares entities.
    InputError
        If the files are of several regulations.
    """
    texts = [(path.name, path.read_bytes()) for path in paths]
    found = sorted((consolidation(content, name) for name, content in texts), key=lambda c: c.amended)
    if len({version.reference for version in found}) != 1:
        named = ", ".join(sorted({version.reference for version in found})) or "nothing"
        raise InputError(f"the files are of {named}", hint="give the consolidations of one regulation")
    versions = list({version.amended: version for version in found}.values())
    last = versions[-1]
    stood = tuple(history(versions))
    rows = tuple(row for row in stood if not _never(row))
    never = (Refused("gone before it was in force", row.annex, row.codes) for row in stood if _never(row))
    names = {key: title for version in versions for key, title in version.titles.items()}
    keys = dict.fromkeys((row.annex, row.part) for row in rows)
    country = re.search(r"\(([^)]+)\)", last.title)
    return PrintedLaw(
        instrument_id="ca-" + last.reference.replace("/", "-").lower(),
        sender="CAN",
        title=last.title,
        reference=last.reference,
        target=_country(country[1]) if country else "",
        nomenclature="HS2022",
        finer="CA2022",
        adopted=last.registered,
        as_of=max(version.current for version in versions),
        source=replace(SOURCE, version=f"{len(versions)} consolidations to {last.current}"),
        note=f"Schedules with HS codes, read from {len(versions)} consolidations, {versions[0].amended} to "
        f"{last.amended}.",
        lists=tuple(PrintedList(annex, part, names.get((annex, part), "")) for annex, part in keys),
        rows=rows,
        refused=tuple(dict.fromkeys((*(fault for version in versions for fault in version.refused), *never))),
        texts=tuple((name, sha256(content).hexdigest()) for name, content in texts),
    )


def _country(name: str) -> str:
    try:
        return countries.resolve(name)
    except InputError:
        return ""


def history(versions: Sequence[Consolidation]) -> Iterator[PrintedRow]:
    """Give every row that ever stood, with the dates between which it did.

    Parameters
    ----------
    versions : sequence of Consolidation
        In the order of their dates.
    """
    open_rows: dict[tuple[str, ...], PrintedRow] = {}
    before: Consolidation | None = None
    for version in versions:
        now: dict[tuple[str, ...], Item] = {}
        for item in version.items:
            now.setdefault(_key(item.row), item)
        for key in [key for key in open_rows if key not in now]:
            row = open_rows.pop(key)
            yield replace(row, valid_to=_ended(row, before, version))
        for key, item in now.items():
            if key not in open_rows:
                open_rows[key] = _begun(item, before, version)
        before = version
    yield from open_rows.values()


def _key(row: PrintedRow) -> tuple[str, ...]:
    """Return what makes a row the same in two consolidations, whatever the dots and blanks."""
    codes = re.sub(r"[^0-9a-z,;]", "", row.codes.lower())
    return (row.annex, row.part, codes, re.sub(r"[^\d.]", "", row.price.partition("|")[0]))


def _begun(item: Item, before: Consolidation | None, version: Consolidation) -> PrintedRow:
    since, row = item.since, item.row
    if before is not None:
        if since and before.amended < since <= version.amended:
            return replace(row, valid_from=since, date_precision="exact")
        earliest = before.amended
        return replace(row, valid_from=version.amended, valid_from_earliest=earliest, date_precision="latest")
    begun = version.begun.get(row.annex)
    day = since or version.amended
    if since and since == begun:
        return replace(row, valid_from=day, date_precision="exact")
    earlier = begun if begun and begun < day else None
    return replace(row, valid_from=day, valid_from_earliest=earlier, date_precision="latest")


def _never(row: PrintedRow) -> bool:
    return row.valid_from is not None and row.valid_to is not None and row.valid_to <= row.valid_from


def _ended(row: PrintedRow, before: Consolidation | None, version: Consolidation) -> date:
    changed = version.changed.get(row.annex)
    if changed and before is not None and before.amended < changed <= version.amended:
        return changed
    return version.amended


def consolidation(content: bytes, name: str) -> Consolidation:
    """Read one consolidation.

    Raises
    ------
    SourceError
        If the file is no regulation, is cut, or declares entities.
    """
    root = _root(content, name)
    number = _text(root.find("Identification/InstrumentNumber"))
    registered = _printed_date(root.find("Identification/RegistrationDate/Date"))
    amended = _date(root.get(f"{LIMS}lastAmendedDate"))
    if root.tag != "Regulation" or not number or registered is None or amended is None:
        raise SourceError.damaged(name, "it is no consolidated regulation of the Department of Justice")
    items: list[Item] = []
    titles: dict[tuple[str, str], str] = {}
    changed: dict[str, date] = {}
    begun: dict[str, date] = {}
    refused: list[Refused] = []
    for schedule in root.iterfind("Schedule"):
        annex = _text(schedule.find("ScheduleFormHeading/Label")).capitalize()
        since = _date(schedule.get(f"{LIMS}inforce-start-date"))
        last = _date(schedule.get(f"{LIMS}lastAmendedDate"))
        notes = (
            _date(note.get(f"{LIMS}inforce-start-date")) for note in schedule.iter("HistoricalNoteSubItem")
        )
        days = [day for day in notes if day]
        changed |= {annex: last} if last else {}
        begun |= {annex: min(days)} if days else {}
        for part, title, group in _groups(schedule):
            found, faults = _table(group, annex, part, _date(group.get(f"{LIMS}inforce-start-date")) or since)
            items += found
            refused += faults
            if found:
                titles[(annex, part)] = title
    current = _date(root.get(f"{LIMS}current-date")) or amended
    title = _text(root.find("Identification/LongTitle"))
    return Consolidation(
        number, title, registered, amended, current, tuple(items), titles, changed, begun, tuple(refused)
    )


class _Builder(ET.TreeBuilder):
    """Builds a tree of a document that declares nothing."""

    def doctype(self, name: str, public: str | None, system: str | None) -> None:
        raise SourceError.damaged("the XML file", "it declares a document type, which could hide entities")


def _root(content: bytes, name: str) -> ET.Element:
    if len(content) > LARGEST:
        raise SourceError.damaged(name, f"it is larger than {LARGEST >> 20} MB")
    parser = ET.XMLParser(target=_Builder())
    try:
        parser.feed(content)
        root = parser.close()
    except ET.ParseError as error:
        raise SourceError.damaged(name, f"it is no whole XML: {error}") from error
    assert isinstance(root, ET.Element)
    return root


def _groups(schedule: ET.Element) -> Iterator[tuple[str, str, ET.Element]]:
    """Give part, title and element of each table; a part stands in a caption or a heading before it."""
    part, heading = "", ""
    for child in _in_order(schedule):
        if child.tag == "Heading":
            label = PART.search(_text(child.find("Label")) or _text(child))
            part, heading = (label[1] if label else part), _text(child.find("TitleText"))
        elif child.tag == "TableGroup":
            label = PART.search(_text(child.find("Caption")))
            part = label[1] if label else part
            yield part, _text(child.find("table/title")) or heading, child


def _in_order(element: ET.Element) -> Iterator[ET.Element]:
    """Give headings and tables in the order of the text, but for amendments that are not in force."""
    for child in element:
        if child.tag in ("Heading", "TableGroup"):
            yield child
        elif child.tag not in NOT_IN_FORCE:
            yield from _in_order(child)


def _table(group: ET.Element, annex: str, part: str, since: date | None) -> tuple[list[Item], list[Refused]]:
    """Return the rows of a table that has a column of HS codes, and what cannot be taken of it."""
    found: list[Item] = []
    refused: list[Refused] = []
    for table in group.iter("tgroup"):
        heads = _heads(table)
        code = _first(heads, HS_HEADING)
        if code is None:
            continue
        goods, price = _first(heads, GOODS_HEADING), _first(heads, PRICE_HEADING)
        for row, day in _rows(table, since):
            cells = [_text(entry) for entry in row.findall("entry")]
            if row.find(".//Repealed") is not None or not any(cells):
                continue
            if code >= len(cells) or not cells[code]:
                refused.append(Refused("no cell of HS codes", annex, " | ".join(cells)))
                continue
            words = cells[goods] if goods is not None and goods < len(cells) else ""
            cap = (
                f"{cells[price]} | {heads[price].strip()}" if price is not None and price < len(cells) else ""
            )
            found.append(Item(PrintedRow(annex, part, cells[code], words, cap), day))
    return found, refused


def _heads(table: ET.Element) -> list[str]:
    """Return the headings by column, those of several lines joined."""
    heads: list[str] = []
    for row in table.iterfind("thead/row"):
        for place, entry in enumerate(row.findall("entry")):
            heads += [""] * (place + 1 - len(heads))
            heads[place] += f" {_text(entry)}"
    return heads


def _first(heads: Sequence[str], pattern: re.Pattern[str]) -> int | None:
    return next((place for place, head in enumerate(heads) if pattern.search(head)), None)


def _rows(table: ET.Element, since: date | None) -> Iterator[tuple[ET.Element, date | None]]:
    """Give the rows of a table with the date of their nearest dated element."""
    since = _date(table.get(f"{LIMS}inforce-start-date")) or since
    for body in table.iterfind("tbody"):
        inner = _date(body.get(f"{LIMS}inforce-start-date")) or since
        for row in body.iterfind("row"):
            yield row, _date(row.get(f"{LIMS}inforce-start-date")) or inner


def _text(element: ET.Element | None) -> str:
    """Return the text of an element without notes; blocks are set apart by semicolons."""
    if element is None:
        return ""
    words = " ".join("".join(_pieces(element)).split())
    return re.sub(r"(?:\s*;\s*)+", "; ", words).strip("; ")


def _pieces(element: ET.Element) -> Iterator[str]:
    if element.tag in SILENT:
        return
    yield element.text or ""
    for child in element:
        # Items of a list that are not set apart would run into one number.
        if child.tag in BLOCKS:
            yield "; "
        yield from _pieces(child)
        yield child.tail or ""


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _printed_date(element: ET.Element | None) -> date | None:
    if element is None:
        return None
    parts = [_text(element.find(tag)) for tag in ("YYYY", "MM", "DD")]
    return date(*map(int, parts)) if all(part.isdigit() for part in parts) else None


LAW = LawSource(
    id="canada",
    source=SOURCE,
    about="Canada's Special Economic Measures Regulations: schedules of goods with HS codes, with history.",
    base=BASE,
    redistributable=True,
    remotes=remotes,
    read=read,
    instruments=("SOR-2014-58", "SOR-2020-214"),
)
