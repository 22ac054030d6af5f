"""What the commands about data share: a server on this machine in place of the publishers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sources.conftest import Server

from entrepot.cli import main


@pytest.fixture
def publishers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    running = Server()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ENTREPOT_MIRROR", running.url)
    monkeypatch.setenv("ENTREPOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ENTREPOT_STORE", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    yield running
    running.close()


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Run a command; returns its exit status and what it printed."""
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err
