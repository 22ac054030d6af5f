"""The user's own columns beside the panel."""

from __future__ import annotations

import pyarrow as pa
import pytest

from entrepot.errors import DataError, InputError
from entrepot.estimation.extra import joined, read_extra

PANEL = pa.table(
    {
        "exporter": ["RUS", "BLR", "RUS"],
        "importer": ["DEU", "DEU", "CHN"],
        "year": pa.array([2020, 2021, 2021], pa.int64()),
        "trade": [3.0, 1.0, 2.0],
    }
)


def _added(extra: dict[str, list[object]], fill: float | None = None, codes: tuple[str, ...] = ("270900",)):
    return joined(PANEL, read_extra(extra), codes, fill)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"exporter": ["BLR", "RUS"], "gdp": [5.0, 7.0]}, [7.0, 5.0, 7.0]),
        ({"importer": ["CHN", "DEU"], "year": [2021, 2021], "x": [1.0, 2.0]}, [0.0, 2.0, 1.0]),
        ({"exporter": ["RUS"], "importer": ["DEU"], "year": [2020], "x": [4.0]}, [4.0, 0.0, 0.0]),
        ({"product": ["270900", "710812"], "x": [3.0, 9.0]}, [3.0, 3.0, 3.0]),
        ({"product": ["270900"], "exporter": ["BLR"], "x": [3.0]}, [0.0, 3.0, 0.0]),
        ({"year": [2020, 2021], "x": [1, 2]}, [1, 2, 2]),
    ],
)
def test_columns_join_by_the_keys_they_have_in_the_order_of_the_rows(extra, expected):
    wide = _added(extra, fill=0)
    assert wide.column_names[:4] == PANEL.column_names
    assert wide.select(PANEL.column_names).equals(PANEL)
    assert wide[wide.column_names[-1]].to_pylist() == expected


def test_a_cell_that_is_not_listed_is_named_and_never_zero_by_itself():
    with pytest.raises(DataError) as caught:
        _added({"exporter": ["RUS"], "year": [2021], "x": [1.0]})
    assert "no value in 2 of 3 cells, for example exporter RUS, year 2020" in caught.value.message
    assert "--fill 0" in str(caught.value.hint)


def test_a_listed_null_is_no_value_either():
    with pytest.raises(DataError, match="no value in 1 of 3 cells"):
        _added({"exporter": ["RUS", "BLR"], "x": [1.0, None]})


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"gdp": [1.0]}, "need a key and a column beside it"),
        ({"exporter": ["RUS"], "year": [2020]}, "need a key and a column beside it"),
        ({"exporter": ["RUS"], "trade": [1.0]}, "cannot hold 'trade'"),
    ],
)
def test_columns_that_cannot_be_joined(extra, words):
    with pytest.raises(InputError, match=words):
        read_extra(extra)


def test_two_rows_for_a_cell_are_refused():
    with pytest.raises(DataError, match="2 rows for exporter RUS, year 2020"):
        read_extra({"exporter": ["RUS", "RUS"], "year": [2020, 2020], "x": [1.0, 2.0]})


def test_columns_by_product_need_one_product():
    with pytest.raises(InputError, match="go with one product"):
        _added({"product": ["270900"], "x": [1.0]}, codes=("270900", "710812"))
