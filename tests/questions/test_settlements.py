"""Settlements: choice of table, gaps, invariants, and what the answer says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from entrepot.errors import DataError, InputError
from entrepot.questions.settlements import ALL_GOODS, settlements
from entrepot.result import Result, Source
from entrepot.store.store import Store, open_store

SOURCE = Source("made_up", "Tests", "Made-up trade", "1", "CC0", "https://example.org", date(2026, 1, 1))


def flows(rows: Sequence[tuple[int, str, str, str, float]]) -> pa.Table:
    years, exporters, importers, products, values = zip(*rows, strict=True)
    return pa.table(
        {
            "year": pa.array(years, pa.int16()),
            "exporter": pa.array(exporters, pa.string()),
            "importer": pa.array(importers, pa.string()),
            "product": pa.array(products, pa.string()),
            "value": pa.array(values, pa.float64()),
            "quantity": pa.nulls(len(rows), pa.float64()),
        }
    )


def industry_flows(rows: Sequence[tuple[str, str, float]], year: int = 2022) -> pa.Table:
    sellers, buyers, values = zip(*rows, strict=True)
    return pa.table(
        {
            "year": pa.array([year] * len(rows), pa.int16()),
            "seller_country": pa.array(sellers, pa.string()),
            "seller_sector": pa.array(["B05"] * len(rows), pa.string()),
            "buyer_country": pa.array(buyers, pa.string()),
            "buyer_sector": pa.array(["C19"] * len(rows), pa.string()),
            "value": pa.array(values, pa.float64()),
        }
    )


RING = [("FRA", "DEU", 5e6), ("DEU", "ITA", 5e6), ("ITA", "FRA", 3e6)]


def store_of(path: Path, goods: pa.Table | None, industry: pa.Table | None = None) -> Store:
    store = Store.create(path / "store")
    if goods is not None:
        store.write("flows", goods, sources=[SOURCE], revision="HS1992", notes=["Two products."])
    if industry is not None:
        store.write("industry_flows", industry, sources=[SOURCE])
    return store


@pytest.fixture
def ring(tmp_path: Path) -> Store:
    """France sells 5 bn to Germany, Germany 5 bn to Italy, Italy 3 bn to France."""
    rows = [(2019, a, b, "270900", value) for a, b, value in RING]
    rows += [(2019, "FRA", "USA", "270900", 9e6), (2018, "FRA", "DEU", "270900", 1.0)]
    return store_of(tmp_path, flows(rows))


def stage(answer: Result, name: str) -> dict[str, float]:
    return next(row for row in answer.table.to_pylist() if row["stage"] == name)


def test_a_ring_is_cleared_and_said(ring: Store) -> None:
    answer = settlements(ring, ["FRA", "DEU", "ITA"])
    assert [row["payments"] for row in answer.table.to_pylist()] == [13e9, 13e9, 4e9, 2e9]
    assert answer.finding == (
        "Of 13.0 bn USD of mutual trade in one product among Germany, France and Italy in 2019, 85% could be "
        "set off through a clearing house (69% by pairs and rings alone); 2.00 bn USD of net payments remain."
    )
    assert answer.how.command == "entrepot settlements FRA DEU ITA --year 2019 --table flows"
    assert answer.how.parameters["members"] == ["FRA", "DEU", "ITA"]


def test_the_importer_is_the_debtor(ring: Store) -> None:
    answer = settlements(ring, ["FRA", "DEU", "ITA"])
    net = {row["country"]: (row["net"], row["role"]) for row in answer.part("positions").data.to_pylist()}
    assert net == {"FRA": (2e9, "creditor"), "DEU": (0.0, "balanced"), "ITA": (-2e9, "debtor")}
    pairs = {(row["debtor"], row["creditor"]): row for row in answer.part("bilateral").data.to_pylist()}
    assert pairs["DEU", "FRA"]["gross"] == 5e9
    assert pairs["DEU", "FRA"]["cleared_in_rings"] == 3e9
    assert len(pairs) == 3


def test_figures_and_json(ring: Store) -> None:
    answer = settlements(ring, ["FRA", "DEU", "ITA"], lang="de")
    fall, net = answer.figures
    assert (fall.kind, net.kind) == ("waterfall", "net")
    assert fall.data.column("value").to_pylist() == [13.0, 0.0, -9.0, -2.0, 2.0]
    assert fall.data.column("kind").to_pylist() == ["total", "step", "step", "step", "total"]
    assert net.data.column("country").to_pylist() == ["Frankreich", "Deutschland", "Italien"]
    for figure in answer.figures:
        assert set(figure.encode.values()) <= set(figure.data.column_names)
        assert figure.alt
    assert set(json.loads(answer.to_json())["tables"]) == {"settlements", "positions", "bilateral"}
    assert answer.sources == (SOURCE,)


def test_members_come_as_names_blocs_or_one_word(ring: Store) -> None:
    plain = settlements(ring, ["FRA", "DEU", "ITA"])
    assert settlements(ring, ["Frankreich", "Germany", "IT"]).main.data == plain.main.data
    bloc = settlements(ring, "EU", year=2019)
    assert bloc.main.data == plain.main.data
    assert bloc.subject == "eu"
    assert "among 3 members of the European Union" in bloc.finding
    (absent,) = [note.text for note in bloc.notes if "does not hold these members" in note.text]
    assert "Austria" in absent


def test_a_dark_pair_is_null_and_named_never_zero(tmp_path: Path) -> None:
    """Belarus and Russia published nothing for 2022; a stray row does not make the pair observed."""
    rows = [
        (2022, "RUS", "KAZ", "270900", 4e6),
        (2022, "KAZ", "RUS", "270900", 1e6),
        (2022, "BLR", "KAZ", "270900", 2e6),
        (2022, "RUS", "BLR", "270900", 60.0),
    ]
    answer = settlements(store_of(tmp_path, flows(rows)), ["BLR", "RUS", "KAZ"])
    assert stage(answer, "gross")["payments"] == 7e9
    pairs = {(row["debtor"], row["creditor"]): row for row in answer.part("bilateral").data.to_pylist()}
    for pair in (("BLR", "RUS"), ("RUS", "BLR")):
        assert pairs[pair]["status"] == "not observed"
        assert pairs[pair]["gross"] is None
    assert ("KAZ", "BLR") in pairs
    dark = {row["country"]: row["not_observed"] for row in answer.part("positions").data.to_pylist()}
    assert dark == {"BLR": 1, "RUS": 1, "KAZ": 0}
    assert "of observed mutual trade" in answer.finding
    assert answer.finding.endswith("The trade between Belarus and Russia is not observed.")
    (note,) = [note for note in answer.notes if note.kind == "missing"]
    assert "Belarus and Russia" in note.text
    assert "lower bounds" in note.text


def test_only_dark_pairs_is_no_data(tmp_path: Path) -> None:
    rows = [(2022, "RUS", "BLR", "270900", 60.0), (2022, "RUS", "KAZ", "270900", 1.0)]
    with pytest.raises(DataError, match="trade among Belarus and Russia in 2022") as caught:
        settlements(store_of(tmp_path, flows(rows)), ["BLR", "RUS"])
    assert caught.value.hint
    assert "not zero" in caught.value.hint


def test_the_input_output_table_is_chosen_when_it_holds_all_members(tmp_path: Path) -> None:
    goods = flows([(2022, "RUS", "KAZ", "270900", 4e6), (2022, "KGZ", "KAZ", "270900", 1.0)])
    industry = industry_flows(
        [("RUS", "KAZ", 30.0), ("KAZ", "RUS", 10.0), ("RUS", "BLR", 5.0), ("RUS", "RUS", 99.0)]
    )
    store = store_of(tmp_path, goods, industry)
    answer = settlements(store, ["RUS", "KAZ", "BLR"])
    assert answer.how.parameters["table"] == "industry_flows"
    assert stage(answer, "gross")["payments"] == 45e6
    assert "trade in intermediates" in answer.finding
    estimate = [note for note in answer.notes if note.kind == "approximation"]
    assert len(estimate) == 1
    assert "Belarus and Russia" in estimate[0].text
    assert settlements(store, ["RUS", "KAZ", "KGZ"]).how.parameters["table"] == "flows"
    assert settlements(store, ["RUS", "KAZ"], table="flows").how.parameters["table"] == "flows"


def test_flows_of_all_goods_go_first(tmp_path: Path) -> None:
    rows = [(2019, "FRA", "DEU", f"{chapter:02d}0100", 1e3) for chapter in range(1, ALL_GOODS + 1)]
    store = store_of(tmp_path, flows(rows), industry_flows([("FRA", "DEU", 1.0)]))
    answer = settlements(store, ["FRA", "DEU"])
    assert answer.how.parameters["table"] == "flows"
    assert answer.finding == (
        "Of 90.0 m USD of mutual trade between Germany and France in 2019, nothing could be set off; "
        "90.0 m USD of net payments remain."
    )
    assert settlements(store, ["FRA", "DEU"], year=2022).how.parameters["table"] == "industry_flows"


def test_a_country_under_un_measures_is_flagged_in_its_years(tmp_path: Path) -> None:
    rows = [(year, "CHN", "PRK", "270900", 1e3) for year in (2003, 2020)]
    store = store_of(tmp_path, flows(rows))
    answer = settlements(store, ["CHN", "PRK"])
    (warning,) = [note for note in answer.notes if note.kind == "warning"]
    assert warning.text.startswith("North Korea is under measures of the UN Security Council in 2020")
    assert len(answer.sources) > 1
    before = settlements(store, ["CHN", "PRK"], year=2003)
    assert not [note for note in before.notes if note.kind == "warning"]


@pytest.mark.parametrize(
    ("members", "options", "error", "said"),
    [
        (["FRA"], {}, InputError, "at least two members, got FRA"),
        (["FRA", "France"], {}, InputError, "at least two members"),
        ([], {}, InputError, "at least two members, got none"),
        (["FRA", "Narnia"], {}, InputError, "unknown country or bloc 'Narnia'"),
        (["FRA", "DEU"], {"table": "trade"}, InputError, "table cannot be 'trade'"),
        (["FRA", "DEU"], {"year": 1990}, DataError, "1990 in the table flows"),
        (["FRA", "BOL"], {}, DataError, "Bolivia in the table flows"),
        (["ITA", "USA"], {}, DataError, "trade among Italy and United States in 2019"),
    ],
)
def test_what_cannot_be_answered_is_said(
    ring: Store, members: list[str], options: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said) as caught:
        settlements(ring, members, **options)  # type: ignore[arg-type]
    assert caught.value.hint  # type: ignore[attr-defined]


def test_the_embedded_pack() -> None:
    """Belarus sold intermediates for 10.1 bn USD to Russia and bought for 15.9 bn (OECD ICIO 2022)."""
    answer = settlements(open_store(), ["BLR", "RUS", "KAZ"])
    assert answer.how.parameters == {
        "members": ["BLR", "RUS", "KAZ"],
        "year": 2022,
        "table": "industry_flows",
    }
    pairs = {
        (row["debtor"], row["creditor"]): row["gross"] for row in answer.part("bilateral").data.to_pylist()
    }
    assert pairs["RUS", "BLR"] == pytest.approx(10.1e9, rel=0.01)
    assert pairs["BLR", "RUS"] == pytest.approx(15.9e9, rel=0.01)
    payments = [row["payments"] for row in answer.table.to_pylist()]
    assert payments == sorted(payments, reverse=True)
    net = [row["net"] for row in answer.part("positions").data.to_pylist()]
    assert sum(net) == pytest.approx(0, abs=1)
    assert payments[-1] == pytest.approx(sum(abs(value) for value in net) / 2, rel=1e-12)


@pytest.mark.needs_shared
def test_obligations_are_the_sums_of_the_source(shared: Path) -> None:
    wanted = [("year", "=", 2019), ("exporter", "in", ["CHN", "IND"]), ("importer", "in", ["CHN", "IND"])]
    rows = pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", filters=wanted)
    total = sum(rows.column("kusd").to_pylist()) * 1e3
    answer = settlements(open_store(), ["CHN", "IND"], year=2019)
    assert stage(answer, "gross")["payments"] == pytest.approx(total, rel=1e-6)
