"""What ``diversion`` must never print, in any of its outputs."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from entrepot.measures.loader import load_catalogue
from entrepot.questions.diversion import diversion
from entrepot.questions.diversion_scope import covered, read_law
from entrepot.report.brief import Brief, StoreSummary
from entrepot.report.reproduce import differences
from entrepot.report.tables import print_result
from entrepot.result import Result
from entrepot.store.store import Store, open_store

from .diversion_worlds import CODES, OTHER_GOODS, reports, toy_law, toy_rows

FORBIDDEN = {
    "a firm": r"\b(Ltd|LLC|L\.L\.C|GmbH|OOO|ООО|Inc|Corp|PLC|Plc|JSC|PJSC|S\.A\.|B\.V\.|S\.p\.A|Holding)\b",
    "a route or port": r"(?i)\b(routes?|routing|port of|seaport|harbour|airport|via the)\b",
    "a vessel or aircraft": r"\b(IMO|MMSI)[ :-]?\d{7,9}\b|\bM/?V [A-Z]{2,}|\bRA-\d{5}\b|tail number",
    "advice": r"(?i)\bhow to\b|\b(avoid|evade|evasion|circumvent|loophole|undetected)|\bsafe(ly|st)?\b",
    "an accusation": r"(?i)\bevader|\bsmuggl|\bguilty|\bculprit|\bproven?\b|\bcriminal",
    "a neighbouring code": r"(?i)\b(neighbouring|adjacent code|uncovered code|not under a measure)",
    "a distance to a threshold": r"(?i)\bwould be flagged|\bbelow the threshold|\bdistance to|\bjust under",
}


@pytest.fixture(scope="module")
def store() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def answers(store: Store, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """Every form and table: reconciled by year, both sides by month."""
    folder = tmp_path_factory.mktemp("toy")
    toy = reports(folder / "store", toy_rows())
    return {
        "import": diversion(store, "RUS", form="import-ban", product=["gold", "crude", "2701"]),
        "export": diversion(store, "RUS", form="export-ban", product="71"),
        "reports": diversion(toy, "RUS", catalogue=toy_law(folder / "law")),
    }


@pytest.fixture(scope="module")
def outputs(
    answers: dict[str, Result], store: Store, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """All that a reader can get: terminal, files of every suffix, pages with what is packed in them."""
    folder = tmp_path_factory.mktemp("out")
    found: dict[str, str] = {}
    for name, answer in answers.items():
        console = Console(file=io.StringIO(), width=100)
        print_result(answer, console, all_rows=True)
        found[f"{name} terminal"] = console.file.getvalue()  # type: ignore[attr-defined]
        for suffix in ("csv", "json", "html", "tex") if name == "reports" else ("csv", "json"):
            path = answer.save(folder / f"{name}.{suffix}")
            found[f"{name} {suffix}"] = page_words(path.read_text(encoding="utf-8"))
        for figure in answer.figures:
            found[f"{name} {figure.name}"] = json.dumps([figure.title, figure.subtitle, figure.alt])
    brief_of(answers, store).save(folder / "brief.html")
    found["brief"] = page_words((folder / "brief.html").read_text(encoding="utf-8"))
    found["manifest"] = (folder / "brief.manifest.json").read_text(encoding="utf-8")
    return found


def brief_of(answers: dict[str, Result], store: Store) -> Brief:
    """Make a brief of the answers that rest on the pack."""
    return Brief(
        country="RUS",
        results=(answers["import"], answers["export"]),
        created=datetime(2026, 11, 23, tzinfo=UTC),
        store=StoreSummary.of(store),
    )


def page_words(text: str) -> str:
    """Return a file without program code, and with what is packed in it unpacked."""
    unpacked = [
        gzip.decompress(base64.b64decode(blob)).decode()
        for blob in re.findall(r"<script type=\"text/plain\"[^>]*>\s*(H4sI[^<]+?)\s*</script>", text)
    ]
    assert "<script" not in text or unpacked
    without = re.sub(r"<script>.*?</script>|<style.*?</style>", "", text, flags=re.S)
    return "\n".join([re.sub(r"H4sI[A-Za-z0-9+/=]{40,}", "", without), *unpacked])


def hits(pattern: str, text: str) -> Iterator[str]:
    for match in re.finditer(pattern, text):
        yield text[max(0, match.start() - 30) : match.end() + 30]


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_output_names(kind: str, outputs: dict[str, str]) -> None:
    assert len(outputs) >= 16
    for name, text in outputs.items():
        assert list(hits(FORBIDDEN[kind], text)) == [], name


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("a firm", "Nordwind Handels GmbH"),
        ("a route or port", "the route by road"),
        ("a vessel or aircraft", "IMO 9074729"),
        ("advice", "how to ship it"),
        ("a neighbouring code", "a neighbouring heading"),
    ],
)
def test_the_patterns_can_fail(kind: str, words: str) -> None:
    assert list(hits(FORBIDDEN[kind], words))


def test_the_wording_is_the_agreed_one(outputs: dict[str, str]) -> None:
    for name, text in outputs.items():
        if name.endswith(("terminal", "json", "html")) or name == "brief":
            words = " ".join(text.split())
            assert "consistent with diversion and needs review" in words, name
            assert "not legal advice" in words.lower(), name


def test_no_code_is_named_that_no_measure_covers(answers: dict[str, Result], store: Store) -> None:
    codes = sorted(set(store.collect(store.table("flows").select("product").unique())["product"].to_pylist()))
    for name, form in (("import", "import-ban"), ("export", "export-ban")):
        law = read_law(load_catalogue(), "RUS", "EU", form)
        under = set(covered(law, codes, "HS1992", law.as_of.replace(year=2024), "upper"))
        assert codes_in(answers[name]) <= under
    assert codes_in(answers["reports"]) <= set(CODES)
    assert OTHER_GOODS not in answers["reports"].to_json()


def codes_in(answer: Result) -> set[str]:
    """Every HS6 code in the tables and in the table for reading."""
    tables = (answer.main, *answer.parts)
    named = [t.data["product"].to_pylist() for t in tables if "product" in t.data.column_names]
    shown = re.findall(r"\((\d{6})\)", " ".join(answer.display.data["flow"].to_pylist()))
    return {code for column in named for code in column} | set(shown)


def test_third_countries_are_in_the_order_of_names(answers: dict[str, Result]) -> None:
    """No table ranks countries by how well they report."""
    for answer in answers.values():
        for part in ("hubs", "mirror"):
            if part in [table.name for table in answer.parts]:
                names = answer.part(part).data["hub_name"].to_pylist()
                assert names == sorted(names)


def test_a_brief_with_diversion_is_reproduced(
    answers: dict[str, Result], store: Store, tmp_path: Path
) -> None:
    brief_of(answers, store).save(tmp_path / "b.html")
    assert differences(store, tmp_path / "b.manifest.json") == []
