"""`entrepot gravity` as people use it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from entrepot.cli import main

PLAIN = "trade ~ rta | exporter^year + importer^year"


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["gravity", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A table of one's own: four countries, two years."""
    path = tmp_path / "own.csv"
    names = ("DEU", "FRA", "RUS", "USA")
    lines = ["exporter,importer,year,product,trade"]
    for year in (2019, 2023):
        for a, one in enumerate(names):
            for b, other in enumerate(names):
                if one != other:
                    lines.append(f"{one},{other},{year},030111,{(a + 2) * (b + 1) + year % 7}")
    path.write_text("\n".join(lines))
    return path


def test_one_product_is_printed_with_notes_and_sources(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    code, out, err = run([PLAIN, "--product", "2604", "--since", "1995", "--until", "2013"], capsys)
    assert (code, err) == (0, "")
    assert "rta" in out
    assert "1995 was asked for, but the store's flows begin in 2012" in out
    assert "neither side reports" in out or "zeros filled in" in out
    assert "CEPII" in out
    assert "entrepot gravity 'trade ~ rta | exporter^year + importer^year' --product 2604" in out


@pytest.mark.parametrize("suffix", ["csv", "json", "html", "tex", "parquet"])
def test_out_writes_the_format_of_the_suffix(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"table.{suffix}"
    code, out, _ = run([PLAIN, "--product", "2604", "--since", "2023", "--out", str(path)], capsys)
    assert code == 0
    assert out.strip() == str(path)
    if suffix == "csv":
        (row,) = csv.DictReader(path.read_text().splitlines())
        assert row["term"] == "rta"
        assert float(row["standard_error"]) > 0
    elif suffix == "json":
        assert json.loads(path.read_text())["question"] == "gravity"
    elif suffix == "tex":
        assert r"\begin{tabular}" in path.read_text()
    elif suffix == "html":
        assert "<table" in path.read_text()


def test_by_product_writes_one_tidy_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "all.csv"
    words = [PLAIN, "--product", "2604,cobalt mattes", "--since", "2023", "--by-product", "--workers", "1"]
    code, out, err = run([*words, "--out", str(path)], capsys)
    # Progress goes to stderr, and only where a person looks at it.
    assert (code, err, out.strip()) == (0, "", str(path))
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["product"] for row in rows] == sorted(row["product"] for row in rows)
    assert set(rows[0]) >= {
        "product",
        "term",
        "coefficient",
        "standard_error",
        "n",
        "pruned",
        "separated",
        "reason",
    }


def test_a_table_of_ones_own_takes_ready_regressors(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["trade ~ eu + log_distance", "--data", str(own)], capsys)
    assert code == 0
    assert "log_distance" in out


def test_codes_of_a_table_keep_their_leading_zero(own: Path) -> None:
    from entrepot.cli.gravity import read_file

    assert set(read_file(own, "data")["product"].to_pylist()) == {"030111"}


def test_extra_columns_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "extra.csv"
    path.write_text("exporter,importer,mine\nAUS,CHN,1\nIDN,CHN,1\n")
    words = ["trade ~ mine | exporter^year + importer^year", "--product", "2604", "--since", "2023"]
    code, _, err = run([*words, "--extra", str(path)], capsys)
    assert code == 1
    assert "the extra column 'mine' has no value in" in err
    assert "--fill 0" in err
    code, out, _ = run([*words, "--extra", str(path), "--fill", "0"], capsys)
    assert code == 0
    assert "mine" in out


def test_ready_regressors_are_listed_with_definition_and_source(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run(["--regressors"], capsys)
    assert code == 0
    for word in ("rta", "eaeu", "sanctions_lower", "log_distance", "GeoNames", "Treaty"):
        assert word in out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["trade ~ rtaa | exporter"], 2, "did you mean 'rta'?"),
        (["trade ~ rta |"], 2, "position"),
        (["--product", "999999"], 1, "no data for product 999999"),
        (["--product", "270900", "--since", "2030"], 1, "the store's flows run from 2012 to 2024"),
        (["--since", "2020", "--until", "2015"], 2, "swap since and until"),
        (["--product", "2604", "--since", "2023", "--vcov", "region"], 2, "unknown column 'region'"),
        (["--data", "no-such.csv"], 1, "there is no such file"),
        (["--data", "table.xlsx"], 2, "use one of: .csv, .parquet"),
        (["--data", "x.csv", "--since", "2000"], 2, "--since goes with the trade of the store"),
        (["--data", "x.csv", "--by-product"], 2, "--by-product goes with the trade of the store"),
        (["--exporter", "iso_o"], 2, "--exporter names a column of --data"),
        (["--by-product", "--workers", "0"], 2, "workers cannot be 0"),
        (["--product", "gold", "--workers", "2"], 2, "--workers goes with --by-product"),
        (["--product", "gold", "--fill", "0"], 2, "--fill goes with --extra"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_a_hint(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found, out, err = run(words, capsys)
    assert (found, out) == (code, "")
    assert said in err
    assert err.startswith("entrepot: ")
    assert "hint: " in err
    assert len(err.splitlines()) == 2


def test_a_damaged_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"nothing")
    code, _, err = run(["--data", str(path)], capsys)
    assert code == 1
    assert f"cannot read {path}" in err
    assert len(err.splitlines()) == 2
