"""The core tables refuse what would make an answer silently wrong."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import DataError, InputError
from entrepot.store import Store, check


def changed(table: pa.Table, column: str, values: list[Any], kind: pa.DataType | None = None) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, pa.array(values, kind))


def test_good_rows_pass_in_any_order_of_columns(flows: pa.Table) -> None:
    turned = flows.select(list(reversed(flows.column_names)))
    assert check("flows", turned).equals(check("flows", flows))
    assert check("flows", flows).to_pydict() == flows.to_pydict()


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("value", [1.0, None, 2.0], "row 2, column 'value': is null"),
        ("value", [1.0, math.nan, 2.0], "row 2, column 'value': is null"),
        ("value", [1.0, 2.0, -0.5], "row 3, column 'value': '-0.5' is negative"),
        ("value", [math.inf, 2.0, 1.0], "row 1, column 'value': 'inf' is not finite"),
        ("quantity", [None, -1.0, 1.0], "row 2, column 'quantity': '-1.0' is negative"),
        ("exporter", ["BLR", "Russia", "RUS"], "row 2, column 'exporter': 'Russia' is no such code"),
        ("exporter", ["BLR", "BLR\n", "RUS"], "row 2, column 'exporter'"),
        ("exporter", ["BLR", None, "RUS"], "row 2, column 'exporter': is null"),
        ("product", ["010111", "10111", "270900"], "row 2, column 'product': '10111' is no such code"),
        ("product", [10111, 10111, 270900], "column 'product': needs text, found int64"),
        ("year", ["2020", "2021", "2021"], "column 'year': needs a number, found string"),
        ("year", [2020, 2021, 20211], None),
        ("year", [2020, 2021, 202_112], "column 'year': needs int16"),
        ("year", [2020.0, 2021.0, 2021.5], "column 'year': needs int16"),
    ],
)
def test_a_faulty_cell_is_named(flows: pa.Table, column: str, values: list[Any], message: str | None) -> None:
    if message is None:
        assert check("flows", changed(flows, column, values))["year"][2].as_py() == 20211
        return
    with pytest.raises(DataError, match=message):
        check("flows", changed(flows, column, values))


def test_rows_are_counted_over_the_whole_stream(store: Store, flows: pa.Table) -> None:
    rows = 300_000
    good = {
        "product": pa.array([f"{row:06d}" for row in range(rows)]),
        "description": pa.array(["x"] * 299_998 + [None, "x"]),
    }
    with pytest.raises(DataError, match="row 299999, column 'description': is null"):
        store.write("products", pa.table(good), sources=[])


def test_missing_and_extra_columns_are_named(flows: pa.Table) -> None:
    with pytest.raises(DataError, match="lacks the columns value, quantity"):
        check("flows", flows.drop_columns(["value", "quantity"]))
    with pytest.raises(DataError, match="cannot have the column mode"):
        check("flows", flows.append_column("mode", pa.array(["sea", "rail", "air"])))
    with pytest.raises(DataError, match="cannot have the column"):
        check("flows", flows.append_column("value", flows["value"]))


def test_months_are_part_of_the_key(flows: pa.Table) -> None:
    twice = pa.concat_tables([flows, flows])
    with pytest.raises(DataError, match="rows 1 and 4 are both for year 2020"):
        check("flows", twice)
    monthly = twice.append_column("month", pa.array([1] * 3 + [2] * 3))
    assert check("flows", monthly).column_names[:2] == ["year", "month"]


def test_not_a_number_is_not_observed(flows: pa.Table) -> None:
    checked = check("flows", changed(flows, "quantity", [math.nan, 0.0, None]))
    assert checked["quantity"].to_pylist() == [None, 0.0, None]


def test_an_unknown_core_table(flows: pa.Table) -> None:
    with pytest.raises(InputError, match=r"unknown core table 'flow'.*did you mean 'flows'"):
        check("flow", flows)


@given(st.lists(st.integers(0, 10**17), min_size=1, max_size=20))
def test_decimals_come_back_as_the_nearest_float(one_store: Store, numbers: list[int]) -> None:
    value = pa.array([Decimal(number).scaleb(-3) for number in numbers], pa.decimal128(18, 3))
    one_store.write("mine", pa.table({"value": value}), sources=[])
    assert one_store.collect(one_store.table("mine"))["value"].to_pylist() == [
        float(v) for v in value.to_pylist()
    ]


@pytest.fixture(scope="module")
def one_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store.create(tmp_path_factory.mktemp("decimals"))
