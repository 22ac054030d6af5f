"""The programme register: what is read, what is refused, and how targets stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from entrepot.errors import DataError, InputError
from entrepot.questions.programme import Entry, Register, from_rows, progress, read_register, summary

GOOD = """park,cluster,indicator,unit,year,target,actual,reported,note
North,"Bikes, trams",Tenants,,2025,10,12,Annual report,
North,,tenants,,2026,15,,,
North,,exports,USD m,2025,4.5,4.4,Customs,late

South,,residents,,2025,100,,,
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "parks.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_are_read_as_they_stand(tmp_path):
    register = read_register(write(tmp_path, "\ufeff" + GOOD))
    first, second, third, fourth = register.entries
    assert first == Entry("North", "Bikes, trams", "tenants", "", 2025, 10, 12.0, "Annual report", "")
    assert second.actual is None
    assert (third.target, third.unit) == (4.5, "USD m")
    assert fourth.park == "South"
    assert register.as_of == 2025


def test_optional_columns_may_be_left_out_and_stand_in_any_order(tmp_path):
    register = read_register(write(tmp_path, "year,target,indicator,park\n2027,5,jobs,North\n"))
    assert register.entries == (Entry("North", "", "jobs", "", 2027, 5, None),)
    assert register.as_of == 2026


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("park,indicator,year\nA,b,2025\n", "lacks the column target"),
        ("park,indicator,year,target,firm\nA,b,2025,1,x\n", "line 1, column 'firm': unknown column"),
        ("park,park,indicator,year,target\nA,A,b,2025,1\n", "line 1, column 'park': double column"),
        ("park,indicator,year,target\nA,b,25,1\n", "line 2, column 'year': '25' is no year"),
        ("park,indicator,year,target\nA,b,2025,1\nA,c,2025,ten\n", "line 3, column 'target': 'ten'"),
        ("park,indicator,year,target\nA,b,2025,1_000\n", "line 2, column 'target': '1_000' is not a number"),
        ("park,indicator,year,target\nA,b,2025,-1\n", "line 2, column 'target': '-1' must be"),
        ("park,indicator,year,target\nA,b,2025,nan\n", "line 2, column 'target': 'nan' must be"),
        ("park,indicator,year,target,actual\nA,b,2025,1,n/a\n", "line 2, column 'actual': 'n/a'"),
        ("park,indicator,year,target\n,b,2025,1\n", "line 2, column 'park': is empty"),
        ("park,indicator,year,target\nA,b,2025\n", "line 2, column 'target': the line has 3 cells"),
        ("park,indicator,year,target\nA,b,2025,1,000\n", "the line has 5 cells"),
        ("park,indicator,year,target\nA,b,2025,1\n\nA,B,2025,2\n", "line 4, column 'year': .* in line 2"),
        ("park,indicator,year,target\n", "no data for any target"),
        ("", "lacks the columns park, indicator, year, target"),
    ],
)
def test_a_fault_names_its_line_and_column(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_register(write(tmp_path, text))


def test_a_line_break_in_quotes_keeps_the_count_of_lines(tmp_path):
    text = 'park,indicator,year,target,note\nA,b,2025,1,"two\nlines"\nA,c,20x5,1,\n'
    with pytest.raises(DataError, match="line 4, column 'year'"):
        read_register(write(tmp_path, text))


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        read_register(tmp_path / "absent.csv")
    (tmp_path / "latin.csv").write_bytes("park\nMünchen".encode("latin-1"))
    with pytest.raises(InputError, match="cannot read"):
        read_register(tmp_path / "latin.csv")


def entry(year: int, target: float, actual: float | None, park: str = "A") -> Entry:
    return Entry(park, "", "tenants", "", year, target, actual)


def test_status_of_a_target():
    register = Register(
        (entry(2024, 5, None), entry(2025, 10, 9.0), entry(2026, 10, 12.0), entry(2027, 20, 3.0),
         entry(2028, 20, None))
    )  # fmt: skip
    # 2027 is the last year with a report: what it shows below the target is missed.
    assert [row.status for row in progress(register)] == ["not reported", "missed", "met", "missed", "ahead"]
    assert [row.status for row in progress(register, as_of=2026)][3:] == ["ahead", "ahead"]


def test_changes_since_an_earlier_register():
    then = Register(
        (entry(2025, 10, None), entry(2026, 15, None), entry(2027, 20, None), entry(2028, 9, 1.0))
    )
    now = Register(
        (entry(2025, 10, 11.0), entry(2026, 12, None), entry(2027, 20, None), entry(2029, 1, None))
    )
    rows = progress(now, then)
    assert [row.change for row in rows] == ["actual changed", "target changed", "same", "new", "gone"]
    assert rows[1].target_before == 15
    assert rows[0].before is None
    assert (rows[4].entry.year, rows[4].before) == (2028, 1.0)
    assert {row.change for row in progress(now)} == {"new"}


def test_a_register_survives_a_manifest(tmp_path):
    register = read_register(write(tmp_path, GOOD))
    assert from_rows(json.loads(json.dumps(register.to_rows()))) == register
    assert {row.change for row in progress(register, from_rows(register.to_rows()))} == {"same"}
    with pytest.raises(DataError, match="programme register"):
        from_rows([{"park": "A"}])


def test_the_summary_counts_what_is_live():
    then = Register((entry(2020, 1, 1.0, "B"),))
    now = Register((entry(2025, 10, 12.0), entry(2026, 10, 9.0), entry(2028, 10, None)))
    assert (
        summary(progress(now, then))
        == "Of 3 targets of the programme 1 is met, 1 is missed and 1 lies ahead."
    )
    assert summary(progress(then)) == "Of 1 target of the programme 1 is met."
