"""`entrepot partners` and `entrepot technoparks` as people use them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from entrepot.cli import main


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_one_pair_prints_both_sides_and_repeats_itself(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    code, out, err = run(["partners", "BLR", "--with", "KAZ", "--at", "2026-01-01"], capsys)
    assert (code, err) == (0, "")
    assert "Belarus could sell" in out
    assert "entrepot partners BLR --with KAZ --at 2026-01-01 --year 2022 --table industry_flows" in out


def test_a_further_table_is_written(capsys, tmp_path: Path):
    file = tmp_path / "sales.csv"
    code, out, _ = run(
        ["partners", "KAZ", "--table", "flows", "--weights", "size=1", "--part", "sales", "--out", str(file)],
        capsys,
    )
    assert (code, out.strip()) == (0, str(file))
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert len(rows) > 100
    assert "PRK" not in {row["partner"] for row in rows}


def test_clusters_with_a_register(capsys, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("COLUMNS", "200")
    file = tmp_path / "parks.csv"
    file.write_text("park,indicator,year,target,actual\nNorth,tenants,2025,10,7\n", encoding="utf-8")
    code, out, err = run(
        ["technoparks", "BLR", "-k", "2", "--brains", "0.5", "--size", "2:4", "--register", str(file)], capsys
    )
    assert (code, err) == (0, "")
    assert "Of 1 target of the programme 1 is missed." in out
    assert "-k 2 --brains 0.5 --size 2:4" in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["partners", "Narnia"], 2, "Narnia"),
        (["partners", "BLR", "--with", "BLR"], 2, "no partner of itself"),
        (["partners", "BLR", "--weights", "size"], 2, "NAME=NUMBER"),
        (["partners", "BLR", "--weights", "sise=1"], 2, "did you mean 'size'"),
        (["partners", "BLR", "--weights", "size=1,size=2"], 2, "size is given twice"),
        (["partners", "BLR", "--at", "1.1.2026"], 2, "YYYY-MM-DD"),
        (["partners", "ARM", "--table", "industry_flows"], 1, "Armenia"),
        (["technoparks", "BLR", "-k", "0"], 2, "1 to 50"),
        (["technoparks", "BLR", "--size", "many"], 2, "LEAST:MOST"),
        (["technoparks", "BLR", "--brains", "2"], 2, "hardware"),
        (["technoparks", "BLR", "--register", "/nowhere.csv"], 2, "nowhere.csv"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_a_hint(words, code, said, capsys):
    got, out, err = run(words, capsys)
    assert (got, out) == (code, "")
    assert said in err
    assert [line[:8] for line in err.splitlines()] == ["entrepot", "  hint: "]
