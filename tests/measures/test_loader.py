"""The CSV layout: a fault names its file, line and column, and no good row is lost."""

from __future__ import annotations

import csv
import doctest
import re
from datetime import date
from pathlib import Path

import pytest

from entrepot.errors import DataError
from entrepot.measures import load_catalogue
from entrepot.measures.loader import EMBEDDED
from entrepot.measures.schema import TABLES
from entrepot.measures.scope import covered

ROWS = {
    "instrument": "nor-1,NOR,A regulation,REG 1,https://example.org,2022-03-18,2024-01-01,A ministry,open,",
    "measure": "nor-a,nor-1,s. 1,A,,export,ban,destination,2022-03-18,,,,exact,,Goods,,2024-01-02,",
    "party": "nor-a,sender,NOR,,\nnor-a,target,RUS,,",
    "scope": "nor-a,HS2022,8471,include,0,,,,,,,,,,8471,Computers,2024-01-02,",
}


def write(folder: Path, **changes: str) -> Path:
    """Write a small instrument, some of its files changed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in {**ROWS, **changes}.items():
        header = ",".join(TABLES[name])
        (folder / f"{name}.csv").write_text(f"{header}\n{rows}\n", encoding="utf-8")
    return folder


def test_a_user_adds_an_instrument(tmp_path: Path) -> None:
    write(tmp_path / "nor")
    both = load_catalogue(tmp_path)
    assert both.senders("RUS", ("ban",)) == ("CAN", "EU", "NOR")
    assert load_catalogue(tmp_path / "nor", embedded=False).senders("RUS") == ("NOR",)
    assert both.in_force(date(2023, 1, 1), target="RUS", sender="NOR").rows == 1


def test_a_user_replaces_an_embedded_instrument(tmp_path: Path) -> None:
    changed = {name: rows.replace("nor-1", "chpl") for name, rows in ROWS.items()}
    merged = load_catalogue(write(tmp_path / "own", **changed))
    assert merged.instrument["chpl"].sender == "NOR"
    assert not any(row.measure_id.startswith("chpl-") for row in merged.scope)


def test_an_id_of_the_embedded_catalogue_is_refused(tmp_path: Path) -> None:
    changed = {name: rows.replace("nor-a", "ca-ru-sch5") for name, rows in ROWS.items()}
    with pytest.raises(DataError, match="'ca-ru-sch5' is already taken"):
        load_catalogue(write(tmp_path, **changed))


@pytest.mark.parametrize(
    ("table", "old", "new", "line", "column"),
    [
        ("instrument", "2024-01-01", "1 January", 2, "as_of"),
        ("measure", "ban", "embargo", 2, "kind"),
        ("measure", "export", "outward", 2, "direction"),
        ("measure", "nor-1", "nor-2", 2, "instrument_id"),
        ("measure", "2022-03-18,,,,exact", ",,,,exact", 2, "valid_from"),
        ("measure", "2022-03-18,,2,", "2022-03-18,,2021-01-01,", 2, "valid_to"),
        ("measure", "exact", "observed", 2, "observed_on"),
        ("measure", "destination", "elsewhere", 2, "target_rule"),
        ("party", "RUS,,", "Russia,,", 3, "iso3"),
        ("party", "nor-a,target", "nor-b,target", 3, "measure_id"),
        ("scope", "HS2022", "HS2021", 2, "nomenclature"),
        ("scope", "8471,include", "847,include", 2, "prefix"),
        ("scope", "include,0", "include,yes", 2, "partial"),
        ("scope", "0,,,,", "0,-5,EUR,,", 2, "threshold_value"),
        ("scope", "0,,,,", "0,,,nan,", 2, "cap_value"),
        ("scope", ",,8471,", ",2022-01-01,8471,", 2, "date_precision"),
    ],
)
def test_a_fault_names_file_line_and_column(
    tmp_path: Path, table: str, old: str, new: str, line: int, column: str
) -> None:
    rows = ROWS[table]
    if column == "valid_to":
        rows = rows.replace("2022-03-18,,,", "2022-03-18,,2021-01-01,")
    else:
        assert old in rows
        rows = rows.replace(old, new)
    with pytest.raises(DataError, match=f"{table}.csv, line {line}, column '{column}'"):
        load_catalogue(write(tmp_path, **{table: rows}), embedded=False)


def test_line_numbers_count_lines_inside_cells(tmp_path: Path) -> None:
    first = ROWS["scope"].replace("Computers", '"Computers,\nall"')
    write(tmp_path, scope=f"{first}\n{ROWS['scope'].replace('8471,include', '1,include')}")
    with pytest.raises(DataError, match=r"scope.csv, line 4, column 'prefix'"):
        load_catalogue(tmp_path, embedded=False)


def test_headers(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "party.csv").write_text("measure_id,role,iso3,valid_from\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"party.csv lacks the column valid_to"):
        load_catalogue(tmp_path, embedded=False)
    (tmp_path / "party.csv").write_text("measure_id,role,iso3,valid_from,valid_to,note\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 1, column 'note'"):
        load_catalogue(tmp_path, embedded=False)


def test_short_rows_missing_files_and_missing_parties(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no instrument"):
        load_catalogue(tmp_path)
    write(tmp_path, party="nor-a,sender,NOR,,\nnor-a,target")
    with pytest.raises(DataError, match=r"line 3, .*has 2 cells, the header 5"):
        load_catalogue(tmp_path, embedded=False)
    write(tmp_path, party="nor-a,sender,NOR,,")
    with pytest.raises(DataError, match="'nor-a' has no target"):
        load_catalogue(tmp_path, embedded=False)
    (tmp_path / "scope.csv").unlink()
    with pytest.raises(DataError, match=r"scope.csv cannot be read"):
        load_catalogue(tmp_path, embedded=False)


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "scope.csv").write_bytes((",".join(TABLES["scope"]) + "\n").encode() + b"\xff\xfe,\n")
    with pytest.raises(DataError, match=r"scope.csv, line 2, .*not UTF-8"):
        load_catalogue(tmp_path, embedded=False)


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "party.csv").write_text(
        "iso3,role,measure_id,valid_to,valid_from\nNOR,sender,nor-a,,\nRUS,target,nor-a,,\n", encoding="utf-8"
    )
    assert load_catalogue(tmp_path, embedded=False).targets() == ("RUS",)


def test_what_was_recorded_later_can_be_left_out(tmp_path: Path) -> None:
    corrected = ROWS["scope"].replace("2024-01-02,", "2024-01-02,2024-06-01")
    write(
        tmp_path,
        scope=f"{corrected}\n{ROWS['scope'].replace('8471', '8542').replace('2024-01-02', '2024-06-01')}",
    )

    def prefixes(day: date | None) -> list[str]:
        return [row.prefix for row in load_catalogue(tmp_path, embedded=False, known_at=day).scope]

    assert prefixes(date(2024, 3, 1)) == ["8471"]
    assert prefixes(date(2024, 6, 1)) == ["8542"]
    assert prefixes(None) == ["8542"]
    assert prefixes(date(2023, 1, 1)) == []


def test_the_embedded_catalogue_loses_no_row() -> None:
    law = load_catalogue()
    tables = {
        "instrument": law.instruments,
        "measure": law.measures,
        "party": law.parties,
        "scope": law.scope,
        "exception": law.exceptions,
        "evidence": law.evidence,
    }
    for name, rows in tables.items():
        written = 0
        for path in EMBEDDED.glob(f"*/{name}.csv"):
            with open(path, encoding="utf-8", newline="") as file:
                written += sum(1 for _ in csv.DictReader(file))
        assert len(rows) == written, name
    assert load_catalogue() is law


def test_the_worked_example_of_the_documentation(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "measures-format.md"
    blocks = re.findall(
        r"`(\w+)\.csv`[^\n]*\n\n```csv\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
    )
    assert [name for name, _ in blocks] == list(TABLES)
    for name, text in blocks:
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    law = load_catalogue(tmp_path, embedded=False)
    day = date(2023, 6, 1)
    found = law.in_force(day, target="RUS", sender="NOR", direction="export")
    assert (found.rows, found.possible_rows) == (2, 3)
    codes = ["847130", "847141", "847190", "851713"]
    lower, upper = covered(
        law,
        codes,
        "HS2022",
        sender="NOR",
        members=["NOR"],
        measures=law.select("RUS", "NOR", ["ban"]),
        since=day,
        until=date(2023, 6, 2),
    )
    assert lower[0].tolist() == [0, 1, 0, 0]
    assert upper[0].tolist() == [1, 1, 0, 1]


def test_the_documentation_names_every_column() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "measures-format.md"
    text = page.read_text(encoding="utf-8")
    for name, columns in TABLES.items():
        assert f"\n{','.join(columns)}\n" in text, name
    assert doctest.testfile(str(page), module_relative=False).failed == 0
