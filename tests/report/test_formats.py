from __future__ import annotations

from datetime import date

import pytest

from entrepot.report.formats import (
    MINUS,
    THIN,
    decimal_sign,
    digits_for,
    format_number,
    format_value,
    is_numeric,
    unit_of,
)
from entrepot.result import Column


@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        (1234567.0, Column("v", "V", "", "integer"), f"1{THIN}234{THIN}567"),
        (-0.04, Column("v", "V", "", "decimal", 1), "0.0"),
        (-0.06, Column("v", "V", "", "decimal", 1), f"{MINUS}0.1"),
        (0.1234, Column("v", "V", "", "percent", 1), "12.3"),
        (2023, Column("v", "V", "", "year"), "2023"),
        ("027090", Column("v", "V", "", "code"), "027090"),
        (date(2022, 6, 4), Column("v", "V", "", "date"), "2022-06-04"),
        (True, Column("v", "V"), "yes"),
        (float("nan"), Column("v", "V", "", "decimal"), "n/o"),
        (float("inf"), Column("v", "V", "", "percent"), "n/o"),
        (None, Column("v", "V"), "n/o"),
    ],
)
def test_a_cell_is_written_in_the_format_of_its_column(value: object, column: Column, expected: str) -> None:
    assert format_value(value, column) == expected


def test_zero_is_not_missing() -> None:
    assert format_value(0.0, Column("v", "V", "", "decimal")) == "0.0"


def test_the_language_sets_the_decimal_sign_and_never_the_thin_space() -> None:
    assert format_number(1234.5, 1, "de") == f"1{THIN}234,5"
    assert decimal_sign("xx-unknown") == "."


def test_a_fraction_gets_its_unit_once_in_the_header() -> None:
    assert unit_of(Column("s", "Share", "", "percent")) == "%"
    assert unit_of(Column("s", "Share", "% of exports", "percent")) == "% of exports"
    assert not is_numeric(Column("y", "Year", "", "year"))


def test_small_numbers_keep_figures() -> None:
    assert [digits_for(v) for v in (999.0, 99.0, 9.0, 0.05)] == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0312, "0.0312"),
        (0.0001, "0.0001"),
        (0.000099, "<0.0001"),
        (0.0, "<0.0001"),
        (1.0, "1.0000"),
        (None, "n/o"),
    ],
)
def test_a_probability_is_never_printed_as_nil(value: float | None, expected: str) -> None:
    assert format_value(value, Column("p", "p", "", "probability", 4)) == expected
