from __future__ import annotations

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from entrepot.report import page
from entrepot.report.brief import Brief
from entrepot.result import Result

from . import conftest as sample

LOADING = {"src", "srcset", "poster", "data", "action", "background"}


class Reader(HTMLParser):
    """Collect elements, their attributes and the words of headings."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.headings: list[tuple[int, str]] = []
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if re.fullmatch("h[1-6]", tag):
            self._open = tag
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            level, words = self.headings[-1]
            self.headings[-1] = (level, words + data)


@pytest.fixture
def html(brief: Brief) -> str:
    return brief.html(manifest_href="b.manifest.json")


@pytest.fixture
def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def test_nothing_is_loaded_from_anywhere(read: Reader, html: str) -> None:
    for tag, attributes in read.elements:
        for name in LOADING & set(attributes):
            assert name == "data" or not attributes[name], (tag, attributes)
        if tag == "link":
            assert attributes["href"] == "data:,"
    style = re.search(r"<style>(.*?)</style>", html, re.S)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_browser_is_told_to_load_nothing(read: Reader) -> None:
    policy = next(a["content"] for t, a in read.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_the_page_stays_small(html: str) -> None:
    assert len(html.encode()) < 3_000_000


def test_headings_descend_without_a_gap(read: Reader) -> None:
    levels = [level for level, _ in read.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert (2, "The finding of direction is 48.6 bn USD") in read.headings
    assert (2, "Sources and method") in read.headings


def test_every_chart_says_its_finding_to_those_who_cannot_see_it(read: Reader) -> None:
    drawn = [a for t, a in read.elements if a.get("class") == "chart"]
    assert [a["aria-label"] for a in drawn] == [f.alt for f in sample.FIGURES if f.kind != "cards"]
    assert all(a["role"] == "img" for a in drawn)


def test_ids_are_unique_and_every_link_inside_the_page_arrives(read: Reader) -> None:
    ids = [a["id"] for _, a in read.elements if "id" in a]
    assert len(ids) == len(set(ids))
    targets = [a["href"][1:] for t, a in read.elements if t == "a" and a["href"].startswith("#")]
    assert {"direction", "coverage", "content"} <= set(targets)
    assert set(targets) <= set(ids)


def test_long_tables_fold_away_all_but_twelve_rows(html: str) -> None:
    section = html[html.index('id="direction"') : html.index('id="coverage"')]
    assert "first 12 of 30 rows" in section
    assert "<summary>All 30 rows</summary>" in section
    assert "Country &lt;29&gt;" in section.partition("<details")[2]
    assert "Country &lt;12&gt;" not in section.partition("<details")[0]


def test_notes_are_grouped_and_what_is_missing_comes_first(html: str) -> None:
    first = html.index("<dt>Not observed</dt><dd>Belarus does not publish.</dd><dd>Nor does Russia.</dd>")
    assert first < html.index("<dt>Scope</dt><dd>74 positions.</dd>")


def test_each_section_states_source_licence_and_how_to_run_it_again(html: str) -> None:
    assert (
        html.count(
            "Sample Office, Trade by &lt;bloc&gt; &amp; year, V1 (CC BY 4.0), accessed 1 November 2026"
        )
        == 3
    )
    assert "entrepot direction RUS" in html
    assert "world.direction(&#39;RUS&#39;)" in html
    assert "not legal advice" in html.lower()


def test_what_the_data_cannot_say_is_said_with_its_reason(html: str) -> None:
    assert "The data cannot say: the pack has no distances." in html


def test_the_rows_are_in_the_page(html: str) -> None:
    found = re.search(r'data-result="direction">([^<]+)<', html)
    assert found is not None
    content = json.loads(gzip.decompress(base64.b64decode(found[1])))
    assert content["tables"]["partners"]["rows"][1] == ["Country <1>", "000001", "2022-01-01", None, None]


def test_rows_beyond_the_budget_are_left_to_the_command(
    monkeypatch: pytest.MonkeyPatch, sample: Result
) -> None:
    monkeypatch.setattr(page, "DATA_BUDGET", 10)
    text = page.result_page(sample)
    assert "data-result=" not in text.partition("<script>")[0]
    assert "The rows are too many for this page" in text


def test_data_cannot_break_out_of_a_script() -> None:
    assert "</script" not in page.embed_json({"label": "</script><script>alert(1)</script>"})
    assert json.loads(page.embed_json({"a": "</b>"})) == {"a": "</b>"}


def test_a_page_without_charts_carries_no_drawing_library() -> None:
    text = page.result_page(sample.result())
    assert len(text) < 60_000
    assert "vegaEmbed=" not in text
