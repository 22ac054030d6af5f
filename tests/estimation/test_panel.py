"""The square panel: which cells there are, which are zeros, which nobody observes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from entrepot.errors import DataError, InputError
from entrepot.estimation.panel import Panel, axes, panel, product_codes, world_trade
from entrepot.result import Source
from entrepot.store.store import Store, open_store
from entrepot.world import reporting

# BLR and RUS are silent from 2022 on; SRB trades from 2022 only; CHN never buys oil and never sells gold.
ROWS = [
    (2021, "RUS", "BLR", "270900", 10.0),
    (2021, "RUS", "CHN", "710812", 1.0),
    (2021, "BLR", "DEU", "270900", 2.0),
    (2021, "CHN", "RUS", "270900", 3.0),
    (2022, "RUS", "DEU", "270900", 5.0),
    (2022, "SRB", "DEU", "270900", 6.0),
    (2022, "BLR", "SRB", "271111", 7.0),
    (2022, "RUS", "BLR", "271111", 8.0),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    year, exporter, importer, product, value = zip(*ROWS, strict=True)
    table = pa.table(
        {
            "year": pa.array(year, pa.int16()),
            "exporter": exporter,
            "importer": importer,
            "product": product,
            "value": value,
            "quantity": pa.array([None] * len(ROWS), pa.float64()),
        }
    )
    source = Source("x", "Producer", "Title", "1", "CC0", "https://example.org", date(2026, 1, 2))
    made = Store.create(folder / "s")
    made.write("flows", table, sources=(source,), revision="HS1992", holds="three products")
    return made


def _cells(found: Panel) -> set[tuple[int, str, str, float]]:
    rows = found.frame().to_pylist()
    return {(row["year"], row["exporter"], row["importer"], row["trade"]) for row in rows}


def test_pairs_that_could_have_traded_are_filled_and_silent_ones_left_out(store: Store) -> None:
    found = panel(store, "270900")
    # Sellers BLR, CHN, RUS, SRB; buyers BLR, DEU, RUS. SRB is there from 2022, CHN in 2021 only.
    assert _cells(found) == {
        (2021, "BLR", "DEU", 2e3), (2021, "BLR", "RUS", 0.0), (2021, "CHN", "BLR", 0.0),
        (2021, "CHN", "DEU", 0.0), (2021, "CHN", "RUS", 3e3), (2021, "RUS", "BLR", 1e4),
        (2021, "RUS", "DEU", 0.0), (2022, "BLR", "DEU", 0.0), (2022, "RUS", "DEU", 5e3),
        (2022, "SRB", "BLR", 0.0), (2022, "SRB", "DEU", 6e3), (2022, "SRB", "RUS", 0.0),
    }  # fmt: skip
    assert (found.rows, found.zeros, found.unseen) == (12, 7, 2)


def test_silent_cells_count_as_zero_only_on_request(store: Store) -> None:
    found = panel(store, "270900", silent="zero")
    assert {(2022, "RUS", "BLR", 0.0), (2022, "BLR", "RUS", 0.0)} <= _cells(found)
    assert (found.rows, found.unseen) == (14, 0)


def test_a_recorded_flow_counts_whatever_the_calendar_says(store: Store) -> None:
    assert reporting.is_dark("RUS", "BLR", 2022)
    assert (2022, "RUS", "BLR", 8e3) in _cells(panel(store, "271111"))


def test_products_add_up_in_dollars_and_value_is_trade(store: Store) -> None:
    found = panel(store, ["270900", "gold"])
    assert found.products == ("270900", "710812")
    assert found.trade.sum() == 27e3
    frame = found.frame()
    assert frame["trade"].equals(frame["value"])
    assert frame.column_names == ["exporter", "importer", "year", "trade", "value"]


def test_traded_keeps_whole_pairs(store: Store) -> None:
    frame = panel(store, "270900").frame(traded=True)
    pairs = {(row["exporter"], row["importer"]) for row in frame.to_pylist()}
    assert pairs == {("BLR", "DEU"), ("CHN", "RUS"), ("RUS", "BLR"), ("RUS", "DEU"), ("SRB", "DEU")}
    assert frame.num_rows == 7


def test_columns_are_laid_out_by_year_exporter_and_importer(store: Store) -> None:
    found = panel(store, "270900")
    years, size = len(found.axes.years), len(found.axes.countries)
    grid = np.arange(years * size * size, dtype=float).reshape(years, size, size)
    grid[0, 0, 1] = np.nan
    fixed = grid[1:]
    frame = found.frame({"moving": grid, "fixed": fixed})
    for row in frame.to_pylist():
        place = (
            found.axes.years.index(row["year"]),
            found.axes.countries.index(row["exporter"]),
            found.axes.countries.index(row["importer"]),
        )
        expected = grid[place]
        assert row["moving"] == (None if np.isnan(expected) else expected)
        assert row["fixed"] == fixed[(0, *place[1:])]


def test_window_is_cut_to_the_store(store: Store) -> None:
    assert axes(store, 1995, 2021).years == (2021,)
    assert axes(store, 2022).present.tolist() == [[True, True, True, True]]
    with pytest.raises(DataError, match="no data for the years from 2030"):
        axes(store, 2030)
    with pytest.raises(DataError, match="no data for the years up to 1999"):
        axes(store, None, 1999)
    with pytest.raises(InputError, match="2022 to 2021 ends before it begins"):
        axes(store, 2022, 2021)


def test_products_are_named_by_code_heading_or_word(store: Store) -> None:
    assert product_codes(store, None) == ("270900", "271111", "710812")
    assert product_codes(store, "27") == ("270900", "271111")
    assert product_codes(store, ["gold", "2709"]) == ("270900", "710812")
    with pytest.raises(DataError, match="no data for product wheat \\(1001\\)") as caught:
        product_codes(store, "wheat")
    assert caught.value.hint == "the store's flows hold three products"
    with pytest.raises(InputError, match="no product is named"):
        product_codes(store, [])


def test_world_trade_weighs_products(store: Store) -> None:
    assert world_trade(store, axes(store), ["270900", "710812"]).tolist() == [26e3, 1e3]


def test_no_trade_in_the_window_is_said(store: Store) -> None:
    with pytest.raises(DataError, match="no data for trade in 271111 from 2021 to 2021"):
        panel(store, "271111", until=2021)
    with pytest.raises(InputError, match="silent cannot be 'maybe'"):
        panel(store, "270900", silent="maybe")  # type: ignore[arg-type]


def test_the_pack_shows_the_turn_to_india_and_belarus_gone_dark() -> None:
    found = panel(open_store(), "270900", since=2021, until=2023)
    at = found.axes.countries.index
    # CEPII BACI, USD bn, as the store's own test has it.
    india = found.trade[:, at("RUS"), at("IND")] / 1e9
    assert india.round(2).tolist() == [0.94, 25.53, 48.64]
    assert not found.inside[2, at("RUS"), at("BLR")]
    assert found.inside[2, at("RUS"), at("IND")]
    assert found.rows == found.frame().num_rows
