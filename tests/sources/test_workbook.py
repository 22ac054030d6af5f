"""Sheets of workbooks as text."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sources.sheets import workbook

from entrepot.errors import DataError, InputError
from entrepot.sources.workbook import as_csv, is_workbook, rows, sheets

ORACLES = Path(__file__).parents[1] / "oracles"
TABLE = [["Title, of two words"], [None], ["code", "a\nb", "n"], ["010121", 10121, 0.5], [None, "yes", 1e20]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "book.xlsx"
    path.write_bytes(workbook({"First": TABLE, "Second": [["x"]]}))
    return path


def test_cells_are_text_and_empty_rows_are_left_out(path: Path) -> None:
    assert sheets(path) == ("First", "Second")
    assert rows(path)[1:] == [["code", "a b", "n"], ["010121", "10121", "0.5"], ["", "yes", "1e+20"]]
    assert rows(path, "second", first=1) == [["x"]]


def test_a_sheet_becomes_csv_from_its_headings_on(path: Path) -> None:
    with as_csv(path, "First", skip=1) as text:
        assert text.read_text(encoding="utf-8").splitlines()[:2] == ["code,a b,n", "010121,10121,0.5"]
    assert not text.exists()


def test_the_old_kind_is_read_too() -> None:
    assert sheets(ORACLES / "hs_2012_2007.xls") == ("Conversion Tables", "Correlation Tables")
    assert is_workbook(ORACLES / "dist_cepii.xls")


def test_what_cannot_be_read_is_named(path: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown sheet 'Frist'") as caught:
        rows(path, "Frist")
    assert caught.value.hint == "did you mean 'First'?"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"book\.xlsx cannot be read as a workbook"):
        sheets(path)
    (tmp_path / "a.xlsx").write_text("code,value\n")
    assert not is_workbook(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match=r"a\.xlsx cannot be read as a workbook"):
        sheets(tmp_path / "a.xlsx")
