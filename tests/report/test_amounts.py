from __future__ import annotations

import pyarrow as pa
import pytest

from entrepot.estimation.answer import TIDY
from entrepot.report.amounts import common_scale, readable
from entrepot.report.tables import csv_bytes, table_html, table_latex
from entrepot.result import Column, Table


def table(*columns: Column, **data: list[float | None]) -> Table:
    return Table("t", "T", pa.table(data), columns)


def test_amounts_are_printed_at_one_scale_and_stay_exact_in_the_data() -> None:
    columns = (
        Column("demand", "Demand", "USD a year", "integer"),
        Column("sold", "Sold", "USD a year", "integer"),
        Column("n", "Positions", "", "integer"),
    )
    given = table(*columns, demand=[41_620_185_000.0, 2e9], sold=[18_761_400.0, None], n=[12_345.0, 2.0])
    shown = readable(given)
    assert [c.unit for c in shown.columns] == ["USD m a year", "USD m a year", ""]
    text = table_html(given)
    for cell in ("41\u202f620.2", "18.8", "n/o", "12\u202f345"):
        assert f">{cell}</t" in text
    assert "18\u202f761\u202f400" not in text
    assert b"18761400" in csv_bytes(given.data)


@pytest.mark.parametrize(
    ("columns", "unit"),
    [
        ([[48.6e9] * 12], " bn"),
        ([[48.6e9] * 12, [3e6] * 12], " m"),
        ([[92_172.0, 71_981.0]], " k"),
        ([[-92_172.0]], " k"),
        # A column of thousands beside one of billions: millions, with a decimal more.
        ([[92_172.0], [48.6e9]], " m"),
        ([[0.0, 0.0]], " m"),
        ([[]], " m"),
    ],
)
def test_the_smallest_column_decides_the_scale(columns: list[list[float]], unit: str) -> None:
    assert common_scale(columns)[1] == unit


def test_other_units_and_printed_scales_stay_as_they_are() -> None:
    given = table(Column("a", "A", "USD bn", "decimal", 2), Column("b", "B", "", "integer"), a=[1.0], b=[2.0])
    assert readable(given) is given


def test_p_values_of_a_regression_are_never_nil_in_any_form() -> None:
    column = next(column for column in TIDY if column.name == "p")
    given = table(column, p=[1e-9])
    assert "&lt;0.0001" in table_html(given)
    assert "textless{}0.0001" in table_latex(given)
