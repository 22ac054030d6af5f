"""Synthetic flows for a store: anchored on the pack, of the schema, repeatable."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import pyarrow.compute as pc
import pytest

from entrepot.store.store import Store, open_store
from entrepot.store.synth import anchors, synthetic


def test_margins_are_those_of_the_input_output_table() -> None:
    known = anchors()
    pack = open_store()
    crossing = pack.table("industry_flows").filter(nw.col("seller_country") != nw.col("buyer_country"))
    total = pack.collect(
        crossing.filter(nw.col("seller_country") == "DEU", nw.col("seller_sector") == "C29").select(
            nw.col("value").sum()
        )
    )["value"][0].as_py()
    row = known.margins.exports[known.countries.index("DEU")]
    assert any(value == pytest.approx(total * 1000.0) for value in row)
    assert len(known.products) > 5000
    assert "ROW" not in known.countries


def test_a_store_takes_what_is_drawn(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "s")
    info = store.write(
        "flows",
        synthetic(range(2020, 2022), rows=20_000),
        sources=open_store().sources("flows"),
        revision="HS1992",
    )
    assert info.years == (2020, 2021)
    table = store.collect(store.table("flows"))
    assert table.num_rows == info.rows
    assert pc.min(table["value"]).as_py() > 0


def test_the_same_seed_gives_the_same_rows() -> None:
    one, again = (synthetic(range(2020, 2021), 20_000).read_all() for _ in range(2))
    assert one.equals(again)
