"""Any data frame gives the same arrays."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import entrepot as ep
from entrepot.errors import InputError
from entrepot.estimation.frame import read

MAKERS = {
    "dict": lambda data: data,
    "lists": lambda data: {name: values.tolist() for name, values in data.items()},
    "pandas": pd.DataFrame,
    "categories": lambda data: pd.DataFrame(data).astype({"exporter": "category", "importer": "category"}),
    "polars": pl.DataFrame,
    "lazy": lambda data: pl.DataFrame(data).lazy(),
    "arrow": pa.table,
    "dictionary": lambda data: pa.table({**data, "exporter": pa.array(data["exporter"]).dictionary_encode()}),
    "narwhals": lambda data: nw.from_native(pd.DataFrame(data)),
    "batches": lambda data: pa.Table.from_batches(pa.table(data).to_batches(max_chunksize=50)),
}


class Stream:
    """Anything that hands out an Arrow stream."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.table = pa.table(data)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("maker", [*MAKERS, "stream"])
def test_every_frame_gives_the_same_estimates(panel: dict[str, Any], three_way: str, maker: str) -> None:
    data = Stream(panel) if maker == "stream" else MAKERS[maker](panel)
    fit = ep.gravity(f"trade ~ rta + tariff | {three_way}", data)
    base = ep.gravity(f"trade ~ rta + tariff | {three_way}", panel)
    assert fit.coefficients.tolist() == base.coefficients.tolist()
    assert fit.standard_errors.tolist() == base.standard_errors.tolist()


def test_a_table_of_the_store_is_a_frame() -> None:
    flows = ep.open().store.table("flows").filter(nw.col("product") == "270900", nw.col("year") == 2020)
    frame = read(flows, ["value", "exporter"])
    assert frame.table.column_names == ["value", "exporter"]
    assert frame.numbers("value").min() >= 0


def test_numbers() -> None:
    data = pa.table(
        {"whole": pa.array([1, None]), "yes": pa.array([True, None]), "none": pa.nulls(2), "text": ["a", "b"]}
    )
    frame = read(data, data.column_names)
    assert frame.numbers("whole").tolist() == pytest.approx([1, np.nan], nan_ok=True)
    assert frame.numbers("yes").tolist() == pytest.approx([1, np.nan], nan_ok=True)
    assert np.isnan(frame.numbers("none")).all()
    with pytest.raises(InputError, match=r"column 'text' holds text, not numbers \(hint: write i\(text\)"):
        frame.numbers("text")


def test_codes_share_a_numbering_and_keep_the_order_of_values() -> None:
    frame = read({"a": ["x", "c", None], "b": ["b", "x", "c"], "n": [10.0, np.nan, 2.0]}, ["a", "b", "n"])
    first, second = frame.codes("a", "b")
    assert first.values == second.values == ("b", "c", "x")
    assert first.code.tolist() == [2, 1, -1]
    assert second.code.tolist() == [0, 2, 1]
    assert frame.codes("n")[0].code.tolist() == [1, -1, 0]
    with pytest.raises(InputError, match="columns a and n hold values that cannot be compared"):
        frame.codes("a", "n")


def test_errors() -> None:
    with pytest.raises(InputError, match="unknown column 'trad' \\(hint: did you mean 'trade'"):
        read({"trade": [1.0]}, ["trad"])
    with pytest.raises(InputError, match="unknown column 'zzz' \\(hint: columns: trade"):
        read({"trade": [1.0]}, ["zzz"])
    with pytest.raises(InputError, match="data must be a data frame, not int"):
        read(3, ["trade"])
    with pytest.raises(InputError, match="the dict of arrays makes no table"):
        read({"trade": [1.0], "rta": [1, 2]}, ["trade"])
    with pytest.raises(InputError, match="unknown column 'b'"):
        read({"a": [1.0], "b": [1.0]}, ["a"]).numbers("b")
