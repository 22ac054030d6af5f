"""What a killed process leaves is cleared away by the next one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.sources.scratch import scratch, sweep


def test_a_folder_is_there_and_goes() -> None:
    with scratch() as folder:
        assert folder.is_dir()
        assert f"entrepot-{os.getpid()}-" in folder.name
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="processes cannot be asked for there")
def test_only_folders_of_the_dead_are_swept(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    names = [f"entrepot-{dead.pid}-x", f"entrepot-{os.getpid()}-y", "entrepot-z-w", "other"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "member.csv").write_text("x")
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])
