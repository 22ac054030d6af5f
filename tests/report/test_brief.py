from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import pytest

from entrepot.errors import DataError, StoreError
from entrepot.report.brief import Brief, StoreSummary, read_manifest
from entrepot.report.tables import table_hash
from entrepot.store.store import open_store


def test_saving_writes_the_page_and_its_manifest(brief: Brief, tmp_path: Path) -> None:
    path = brief.save(tmp_path / "belarus.html")
    manifest = read_manifest(tmp_path / "belarus.manifest.json")
    assert path == tmp_path / "belarus.html"
    assert manifest["page"] == {
        "file": "belarus.html",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    assert 'href="belarus.manifest.json"' in path.read_text(encoding="utf-8")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["belarus.html", "belarus.manifest.json"]


def test_the_manifest_is_enough_to_run_it_again(brief: Brief) -> None:
    entry = brief.manifest["results"][0]
    assert entry["parameters"] == {"country": "RUS"}
    assert entry["command"] == "entrepot direction RUS"
    assert entry["finding"] == brief.results[0].finding
    assert entry["table_sha256"] == table_hash(brief.results[0].main)
    assert brief.manifest["sources"][0]["sha256"] == "ab" * 32
    assert brief.manifest["store"]["tables"] == {"flows": "ab" * 32}
    assert json.loads(json.dumps(brief.manifest)) == brief.manifest


def test_the_same_brief_gives_the_same_page(brief: Brief) -> None:
    assert brief.html() == dataclasses.replace(brief).html()


def test_without_a_file_the_page_carries_its_manifest(brief: Brief) -> None:
    assert 'href="data:application/json;base64,' in brief.html()
    assert brief._repr_html_().startswith("<iframe")


def test_changes_appear_only_beside_an_older_brief(brief: Brief) -> None:
    assert "What changed" not in brief.html()
    same = dataclasses.replace(brief, since=brief.manifest)
    assert "No headline figure moved." in same.html()
    other = {**brief.manifest, "results": [], "created": "2026-05-01T00:00:00"}
    page = dataclasses.replace(brief, since=other).html()
    assert "What changed since the last brief (2026-05-01)" in page


def test_the_language_sets_names_and_decimal_signs(brief: Brief) -> None:
    page = dataclasses.replace(brief, lang="ru").html()
    assert '<html lang="ru">' in page
    assert '<h1 lang="ru">Беларусь</h1>' in page
    assert "234,6" in page


@pytest.mark.parametrize("content", ["no json", "[]", '{"format": 99, "results": []}', '{"format": 1}'])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.manifest.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match="is not the manifest of a brief"):
        read_manifest(path)


def test_a_missing_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not the manifest of a brief"):
        read_manifest(tmp_path / "none.json")


def test_a_place_that_cannot_be_written_is_said(brief: Brief, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write"):
        brief.save(tmp_path / "nowhere" / "b.html")


def test_the_summary_of_the_pack_names_every_table() -> None:
    store = open_store()
    summary = StoreSummary.of(store)
    assert summary.title == "embedded pack"
    assert set(summary.tables or {}) == set(store.names())
    assert summary.years is not None
