"""A manifest that is not understood is refused with words, never half read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from entrepot.errors import StoreError
from entrepot.result import Source
from entrepot.store import Store, manifest, open_store


@pytest.fixture
def written(store: Store, flows: pa.Table, source: Source) -> Path:
    store.write("flows", flows, sources=[source], revision="HS1992", notes=["a note"])
    return store.path / manifest.FILE


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"7",
        b'"text"',
        b"\xff\xfe\x00",
        b"{}",
        b'{"format": "1"}',
        b'{"format": true}',
    ],
)
def test_garbage_is_refused(written: Path, text: bytes) -> None:
    written.write_bytes(text)
    with pytest.raises(StoreError, match="is not a manifest that entrepot understands"):
        open_store(written.parent)


def test_every_truncation_is_refused(written: Path) -> None:
    text = written.read_bytes().rstrip()
    for length in range(0, len(text), 7):
        written.write_bytes(text[:length])
        with pytest.raises(StoreError, match="is not a manifest"):
            open_store(written.parent)


def test_a_newer_format_says_upgrade(written: Path) -> None:
    written.write_text('{"format": 3, "whatever": 1}')
    with pytest.raises(StoreError, match=r"has format 3; this version reads up to 2.*upgrade"):
        open_store(written.parent)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../../etc/passwd"),
        ("file", "flows.parquet"),
        ("rows", -1),
        ("bytes", "many"),
        ("sha256", "short"),
        ("name", "other"),
        ("years", [1]),
        ("sources", [{"id": "x"}]),
        ("surprise", 1),
    ],
)
def test_a_faulty_entry_is_named(written: Path, key: str, value: Any) -> None:
    parsed = json.loads(written.read_text())
    parsed["tables"]["flows"][key] = value
    written.write_text(json.dumps(parsed))
    with pytest.raises(StoreError, match=f"flows.*{key}|described as '{value}'"):
        open_store(written.parent)


def test_a_manifest_that_cannot_be_read(written: Path) -> None:
    written.unlink()
    written.mkdir()
    with pytest.raises(StoreError, match=r"cannot read .*manifest.json: Is a directory"):
        open_store(written.parent)
