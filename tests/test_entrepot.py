"""The package itself: light to import, nothing public that is not documented."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import entrepot

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("pandas", "polars", "scipy", "numpy", "pyarrow", "duckdb", "altair", "pydantic", "babel")


@pytest.mark.parametrize(
    "module", ["entrepot", "entrepot.errors", "entrepot.result", "entrepot.cli", "entrepot.world.countries"]
)
def test_import_is_light(module: str) -> None:
    probe = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_public_name_exists_and_has_a_docstring() -> None:
    for name in entrepot.__all__:
        thing = getattr(entrepot, name)
        assert name == "__version__" or thing.__doc__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        entrepot.no_such_name  # noqa: B018


def test_no_network_client_is_imported_by_a_question() -> None:
    probe = (
        "import sys, entrepot as ep; ep.open().direction('RUS', product='270900'); "
        "print(*[name for name in ('httpx', 'requests', 'urllib3', 'pooch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_modules_stay_small() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in (ROOT / "src").rglob("*.py")
        if (count := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert long == {}


def test_version_is_the_same_everywhere() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', project, re.M)[1] == entrepot.__version__
    assert re.search(r"^version: (.+)$", citation, re.M)[1] == entrepot.__version__
