"""`entrepot data law`, and files fetched by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import run
from tests.sources.conftest import Server
from tests.sources.io_files import icio, small
from tests.sources.law_files import canada, european

from entrepot.sources.canada import remotes


def test_law_is_fetched_and_read_into_a_folder_for_coverage(
    publishers: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = list(canada().values())
    for place, remote in enumerate(remotes(f"{publishers.url}canada/", "SOR-2014-58")):
        publishers.give(remote.url.removeprefix(publishers.url), texts[min(place, 3)])
    code, out, err = run(capsys, "data", "law", "canada", "--out", tmp_path / "law")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"{tmp_path / 'law' / 'ca-sor-2014-58'}: 4 measures, 13 rows of codes"
    assert "2 rows refused, with reasons" in out
    code, out, _ = run(
        capsys, "coverage", "RUS", "--sender", "CAN", "--at", "2023-06-01", "--catalogue", tmp_path / "law"
    )
    assert code == 0


def test_a_file_given_is_read_and_what_is_open_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "833.html"
    path.write_text(european(), encoding="utf-8")
    words = ("data", "law", "eu", "--file", path, "--target", "Russia", "--out", tmp_path / "law")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "to be filled in: measure.csv, eu-833-2014-xcix: kind" in out
    code, _, err = run(capsys, *words)
    assert code == 2
    assert "is already there" in err
    code, _, err = run(capsys, "data", "law", "eu", "--out", tmp_path / "other")
    assert code == 2
    assert "eur-lex.europa.eu" in err
    code, _, err = run(
        capsys, "data", "law", "eu", "--file", tmp_path / "no.html", "--out", tmp_path / "other"
    )
    assert code == 2
    assert "there is no file" in err


def test_the_list_names_publishers_of_law(capsys: pytest.CaptureFixture[str], publishers: Server) -> None:
    code, out, _ = run(capsys, "data", "list")
    assert code == 0
    assert "canada" in out
    assert "wiod" in out


def test_a_table_fetched_by_hand_is_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "2022_SML.csv"
    path.write_text(icio(small()))
    words = ("data", "get", "icio", "--years", "2022", "--file", path, "--store", tmp_path / "world")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "ICIO 2022: written, industry_flows has" in out
