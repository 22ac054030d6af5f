"""Partners: arrays from the store, both sides, the score, and nothing under a measure anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.questions import lawful as law
from entrepot.questions import partners_tables as tables
from entrepot.questions.partners import partners
from entrepot.questions.partners_score import (
    WEIGHTS,
    both_sides,
    complementarity,
    growth,
    open_positions,
    read_weights,
    score,
)
from entrepot.questions.partners_trade import read_trade
from entrepot.result import Result, Source
from entrepot.store.store import Store, open_store
from entrepot.world import products, sectors, un_regimes

from .lawful_oracle import oracle, pack_codes, pack_countries

SOURCE = Source("made_up", "Tests", "Made-up trade", "1", "CC0", "https://example.org", date(2026, 1, 1))
AT = date(2024, 6, 1)


def flows(rows: Sequence[tuple[int, str, str, str, float]]) -> pa.Table:
    years, exporters, importers, codes, values = zip(*rows, strict=True)
    return pa.table(
        {
            "year": pa.array(years, pa.int16()),
            "exporter": pa.array(exporters, pa.string()),
            "importer": pa.array(importers, pa.string()),
            "product": pa.array(codes, pa.string()),
            "value": pa.array(values, pa.float64()),
            "quantity": pa.nulls(len(rows), pa.float64()),
        }
    )


def store_of(path: Path, rows: Sequence[tuple[int, str, str, str, float]]) -> Store:
    store = Store.create(path / "store")
    store.write("flows", flows(rows), sources=[SOURCE], revision="HS1992", notes=["Made up."])
    return store


# Chile and Peru sell copper ore and grapes to three buyers; Germany passes grapes on. USD thousand.
ROWS = [
    (2023, "CHL", "DEU", "260300", 40.0),
    (2023, "CHL", "JPN", "260300", 20.0),
    (2023, "CHL", "DEU", "080610", 10.0),
    (2023, "PER", "JPN", "260300", 60.0),
    (2023, "PER", "IND", "080610", 30.0),
    (2023, "DEU", "IND", "080610", 8.0),
    (2022, "CHL", "JPN", "260300", 10.0),
    (2022, "PER", "JPN", "260300", 30.0),
    (2022, "CHL", "CHL", "260300", 99.0),
]


def test_totals_shares_and_sellers_are_those_of_the_rows(tmp_path):
    trade = read_trade(store_of(tmp_path, ROWS), "CHL", window=1)
    assert trade.years == (2023, 2023)
    assert trade.partners == ("CHL", "DEU", "IND", "JPN", "PER")
    assert trade.items == ("080610", "260300")
    assert trade.exports[0].tolist() == [10e3, 60e3]
    assert trade.imports[3].tolist() == [0, 80e3]
    assert trade.before is not None
    assert trade.before[3].tolist() == [0, 40e3]
    assert trade.sold[1].tolist() == [10e3, 40e3]
    assert trade.bought.sum() == 0
    # Japan buys a quarter from Chile; India 30 of 38 from Peru.
    assert trade.sellers[3, 1] == pytest.approx(0.25**2 + 0.75**2)
    assert trade.sellers[2, 0] == pytest.approx((30**2 + 8**2) / 38**2)
    assert np.isnan(trade.sellers[3, 0])
    assert trade.world_sellers[1] == pytest.approx(0.5)
    assert trade.observed.all()


def test_a_window_is_a_mean_and_trade_at_home_is_none(tmp_path):
    trade = read_trade(store_of(tmp_path, ROWS), "CHL", window=2)
    assert trade.sold[3].tolist() == [0, 15e3]
    assert trade.exports[0].tolist() == [5e3, 35e3]
    assert trade.before is None


def test_potential_by_hand(tmp_path):
    trade = read_trade(store_of(tmp_path, ROWS), "CHL", window=1)
    sides = both_sides(trade, open_positions(trade, AT))
    # Germany buys 10 of grapes and sells 8: it supplies none of its own.
    assert sides.supply[1].tolist() == [0, 0]
    assert sides.supply[0].tolist() == pytest.approx([0.25, 0.5])
    # Germany: demand 10 and 40, expected 2.5 + 20, sold 50.
    assert sides.selling.expected[1] == pytest.approx(22.5e3)
    assert sides.selling.ease[1] == pytest.approx(50 / 22.5)
    # Copper is capped at its imports; grapes would be 5.56 of 10 and are 10.
    assert sides.selling.potential[1] == pytest.approx(1e3 * (40 + 2.5 * 50 / 22.5))
    assert sides.selling.gap[1] == pytest.approx(0)
    assert sides.selling.unmet[3] == pytest.approx(1e3 * (0.5 * 80 - 20))
    assert sides.selling.ease[2] == 0


def test_a_buyer_sees_the_same_potential(tmp_path):
    store = store_of(tmp_path, ROWS)
    seller, buyer = read_trade(store, "CHL", window=1), read_trade(store, "JPN", window=1)
    sold = both_sides(seller, open_positions(seller, AT)).selling
    bought = both_sides(buyer, open_positions(buyer, AT)).buying
    assert bought.ease[0] == pytest.approx(sold.ease[3])
    assert bought.gap[0] == pytest.approx(sold.gap[3])


def test_criteria_by_hand(tmp_path):
    trade = read_trade(store_of(tmp_path, ROWS), "CHL", window=1)
    sides = both_sides(trade, open_positions(trade, AT))
    # Supply 10 and 60 against 10 and 40, and against copper alone.
    assert complementarity(sides)[[1, 3]] == pytest.approx(
        [1 - 0.5 * (abs(1 / 7 - 0.2) + abs(6 / 7 - 0.8)), 1 - 1 / 7]
    )
    assert growth(sides)[3] == pytest.approx(1.0)
    assert np.isnan(growth(sides)[1])
    pool = score(sides, read_weights({"size": 1}))
    # At Chile's shares Japan's demand is worth 40, Germany's 22.5, India's 9.5; Peru buys nothing.
    assert [trade.partners[i] for i in pool.order] == ["JPN", "DEU", "IND"]
    assert pool.score[pool.order].tolist() == [1.0, 0.5, 0.0]


def test_a_criterion_that_is_not_observed_takes_no_weight(tmp_path):
    trade = read_trade(store_of(tmp_path, ROWS), "CHL", window=1)
    sides = both_sides(trade, open_positions(trade, AT))
    pool = score(sides, read_weights({"growth": 1, "size": 1}))
    assert np.isnan(pool.ranks["growth"][1])
    assert pool.score[1] == pool.ranks["size"][1]


def test_weights_are_scaled_and_wrong_ones_are_named():
    assert read_weights(None) == pytest.approx(dict(WEIGHTS))
    assert read_weights({"size": 3, "risk": 1}) == {
        "size": 0.75, "ease": 0, "complementarity": 0, "growth": 0, "risk": 0.25,
    }  # fmt: skip
    for given, words in (({"sise": 1}, "sise"), ({"size": -1}, "-1"), ({"size": 0}, "no weight")):
        with pytest.raises(InputError, match=words):
            read_weights(given)


def test_trade_that_neither_side_published_is_not_observed_and_not_nil(tmp_path):
    # Belarus and Russia both published nothing for 2023.
    rows = [
        (2023, "BLR", "CHN", "080610", 5.0),
        (2023, "USA", "RUS", "080610", 5.0),
        (2023, "CHN", "RUS", "080610", 5.0),
    ]
    answer = partners(store_of(tmp_path, rows), "BLR", at=date(2024, 6, 1))
    row = next(row for row in answer.table.to_pylist() if row["partner"] == "RUS")
    # China sells what it bought: two countries supply grapes.
    assert row["size"] == 5e3
    assert row["ease"] is None
    assert row["potential"] is None
    assert row["actual"] is None
    assert "their trade is not observed" in row["flags"]
    assert any(note.kind == "missing" and "Russia" in note.text for note in answer.notes)


@cache
def world() -> ep.workbench.World:
    return ep.open()


def rows_of(answer: Result, part: str) -> list[dict[str, object]]:
    return answer.part(part).data.to_pylist()


def test_no_pair_of_the_pack_on_any_day_with_a_measure_opens_what_the_slow_reading_bars():
    """Every pair and every day at once; the slow reading is asked about samples of each class of pair."""
    codes, group = pack_codes(), pack_countries()
    rng = np.random.default_rng(5)
    listed = [group.index(iso3) for iso3 in ("RUS", "BLR", "PRK")]
    for at in law.dates():
        rules = law.lawful(codes, "HS1992", at)
        barred = np.stack([rules.exports(country, group) for country in group])
        for target in listed:
            assert barred[target][:, rules.dual_use].all()
            assert barred[:, target][:, rules.dual_use].all()
        open_ = np.argwhere(~barred[listed])
        for place, j, k in open_[rng.choice(len(open_), 6)]:
            assert not oracle(group[listed[place]], group[j], codes[k], at)
        open_ = np.argwhere(~barred[:, listed])
        for i, place, k in open_[rng.choice(len(open_), 6)]:
            assert not oracle(group[i], group[listed[place]], codes[k], at)


def test_open_positions_are_those_of_the_filter_for_every_country_of_the_pack():
    store = open_store()
    trade = read_trade(store, "KAZ", table="flows")
    for country in pack_countries()[::15]:
        object.__setattr__(trade, "country", country)
        free = open_positions(trade, AT)
        rules = law.lawful(trade.items, "HS1992", AT)
        mine = trade.partners.index(country)
        assert not free.sell[mine].any()
        assert not free.buy[mine].any()
        rest = np.arange(len(trade.partners)) != mine
        assert (free.sell[rest] == ~rules.exports(country, trade.partners)[rest]).all()
        assert (free.buy[rest] == ~rules.imports(country, trade.partners)[rest]).all()


@pytest.mark.parametrize(
    ("country", "at"),
    [("RUS", "2014-08-01"), ("RUS", "2025-09-01"), ("BLR", "2022-03-20"), ("BLR", "2025-09-01"),
     ("DEU", "2022-03-20"), ("KAZ", "2025-09-01")],
)  # fmt: skip
def test_no_row_of_any_table_is_a_position_under_a_measure(country, at):
    answer = world().partners(country, at=at, table="flows")
    day = date.fromisoformat(at)
    assert len(rows_of(answer, "sales")) + len(rows_of(answer, "needs")) > 50
    for row in rows_of(answer, "sales")[:150]:
        assert not oracle(country, row["partner"], row["item"], day), row
    for row in rows_of(answer, "needs")[:150]:
        assert not oracle(row["partner"], country, row["item"], day), row
    group = answer.table.column("partner").to_pylist()
    for row in rows_of(answer, "near"):
        barred = law.lawful([row["item"]], "HS1992", day).exports(country, group)
        assert not barred.all(), row


@pytest.mark.parametrize("country", ["BLR", "CHN"])
def test_no_industry_with_a_position_under_a_measure_is_shown(country):
    answer = world().partners(country, at="2025-09-01", table="industry_flows")
    day, codes = date(2025, 9, 1), products.codes("HS1992")
    rules = law.lawful(codes, "HS1992", day)
    made = {
        item: [k for k, code in enumerate(codes) if code[:2] < "98" and sectors.of_product(code) == item]
        for item in sectors.codes()
    }
    shown = 0
    for part, sells in (("sales", True), ("needs", False)):
        for row in rows_of(answer, part):
            one = rules.exports if sells else rules.imports
            barred = one(country, [row["partner"]])[0]
            assert not barred[made[row["item"]]].any(), row
            shown += 1
    assert shown > 50


def test_law_narrows_the_sums_and_not_only_the_rows():
    before = world().partners("RUS", at="2014-01-01", year=2013, table="flows")
    after = world().partners("RUS", at="2022-12-31", year=2013, table="flows")
    one = {row["partner"]: row for row in before.table.to_pylist()}
    two = {row["partner"]: row for row in after.table.to_pylist()}
    assert one["DEU"]["actual"] > 1e9
    assert two["DEU"]["actual"] is None
    assert two["DEU"]["flags"] == "goods measures between the two"
    # Crude oil is under a price cap on carriage since 2022-12-05, whoever buys it.
    assert two["IND"]["actual"] < one["IND"]["actual"]
    assert "270900" not in {row["item"] for row in rows_of(after, "sales")}


def test_the_trade_ends_before_the_day_of_the_law():
    """An old day must not open today's positions."""
    assert world().partners("RUS", at="2014-08-01", table="flows").how.parameters["year"] == 2013
    assert world().partners("RUS", at="2022-12-31", table="flows").how.parameters["year"] == 2022
    assert world().partners("RUS", at="2030-01-01", table="flows").how.parameters["year"] == 2024


def test_a_target_of_the_security_council_has_no_partner():
    answer = world().partners("PRK", table="flows")
    assert answer.part("sales").data.num_rows == 0
    assert not answer.figures
    assert all(row["score"] is None for row in answer.table.to_pylist())
    assert answer.finding.startswith("North Korea is under measures of the UN Security Council")


def test_positions_of_a_partner_add_up_to_its_gap():
    answer = world().partners("KAZ", table="flows", at="2024-06-01")
    pool = {row["partner"]: row for row in answer.table.to_pylist()}
    one = world().partners("KAZ", partner="TUR", table="flows", at="2024-06-01")
    gaps = sum(row["gap"] for row in rows_of(one, "sales"))
    # Rows below one dollar are left out.
    assert gaps == pytest.approx(pool["TUR"]["gap"], abs=len(pack_codes()))
    bought = sum(row["gap"] for row in rows_of(one, "needs"))
    assert bought == pytest.approx(pool["TUR"]["buying_gap"], abs=len(pack_codes()))


def test_the_pack_asks_the_input_output_table_where_it_holds_the_country():
    blr, arm = world().partners("BLR"), world().partners("Armenia")
    assert "industries" in blr.subtitle
    assert "73 products" in arm.subtitle
    assert any("74 raw-material" in note.text for note in arm.notes)
    assert "Belarus's largest unrealised export potential" in blr.finding
    assert blr.finding.startswith("Outside every measure in the catalogue")


def test_one_partner_prints_the_positions_of_the_pair():
    answer = world().partners("BLR", partner="KAZ")
    assert answer.subject == "BLR+KAZ"
    assert set(answer.display.data.column("side").to_pylist()) == {"sell", "buy"}
    assert {row["partner"] for row in rows_of(answer, "sales")} == {"KAZ"}
    assert (
        world()
        .partners("VNM", partner="RUS")
        .finding.startswith("Vietnam could sell nothing more a year to Russia at the ease observed, and buy ")
    )
    shut = world().partners("RUS", partner="DEU")
    assert "none is shown" in shut.finding
    assert "There are measures between Russia and Germany" in shut.finding
    assert shut.display.data.num_rows == 0


def test_notes_of_a_pair_count_that_pair_alone():
    told = [note.text for note in world().partners("BLR", partner="KAZ").notes]
    assert not any("Nothing is shown for" in text for text in told)
    assert any(text.startswith("With Kazakhstan ") and " of 49 positions" in text for text in told)
    alone = [note.text for note in world().partners("SGP").notes]
    assert any("Nothing is shown for 1 partner with goods measures" in text for text in alone)


def test_the_answer_says_how_old_the_law_is_and_which_regime_it_lacks():
    told = [note.text for note in world().partners("KAZ", table="flows").notes if note.kind == "warning"]
    assert any("older than 2026-11-23" in text and "EU 32014R0833 on 2022-12-04" in text for text in told)
    early = world().partners("KAZ", table="flows", at="2022-03-01", year=2021)
    assert not any("The catalogue is older" in note.text for note in early.notes)
    iran = [note.text for note in world().partners("IRN").notes if note.kind == "warning"]
    told_of = [text for text in iran if "Iran is under a sanctions regime" in text]
    assert len(told_of) == 1
    assert "1737 (2006), as known on 2025-12-31" in told_of[0]
    assert not any("sanctions regime" in text for text in told)


def test_a_table_that_was_cut_says_so(monkeypatch):
    whole = world().partners("NRU").part("sales")
    assert whole.title == "What could be sold, by partner and position"
    monkeypatch.setattr(tables, "MOST", 10)
    cut = world().partners("KAZ", table="flows")
    assert cut.part("sales").data.num_rows == cut.part("needs").data.num_rows == 10
    assert cut.part("sales").title.endswith(": the 10 largest gaps")
    assert cut.part("needs").title.endswith(": the 10 largest gaps")


def test_the_unit_of_the_pool_shows_the_number_of_the_finding():
    nauru = world().partners("NRU")
    assert "833 USD a year" in nauru.finding
    assert nauru.display.column("gap").unit == "USD k"
    assert max(row["gap"] for row in nauru.display.data.to_pylist()) == pytest.approx(0.833, abs=5e-4)
    assert world().partners("ARM").display.column("gap").unit == "USD m"


def test_ranks_count_from_one_and_the_score_orders_them():
    rows = world().partners("BLR").table.to_pylist()
    ranked = [row for row in rows if row["rank"] is not None]
    assert [row["rank"] for row in ranked] == list(range(1, len(ranked) + 1))
    scores = [row["score"] for row in ranked]
    assert scores == sorted(scores, reverse=True)
    assert all(row["score"] is None and row["flags"] for row in rows[len(ranked) :])


def test_the_answer_is_the_same_each_time_and_can_be_written():
    one, two = world().partners("ARM"), ep.open().partners("ARM")
    assert json.loads(one.to_json()) == json.loads(two.to_json())
    assert one.figures[0].encode["x"] == "ease_percent"


def test_how_gives_the_same_answer():
    answer = world().partners("ARM", partner="GEO", weights={"size": 1, "ease": 1}, at="2024-06-01")
    again = eval(answer.how.python, {"ep": ep})
    assert again.finding == answer.finding
    assert again.main.data.equals(answer.main.data)
    assert "--with GEO --weights size=0.5,ease=0.5 --at 2024-06-01" in answer.how.command


def test_weights_change_the_order():
    by_size = world().partners("BLR", weights={"size": 1}).table.to_pylist()
    by_ease = world().partners("BLR", weights={"ease": 1}).table.to_pylist()
    assert by_size[0]["size"] == max(row["size"] for row in by_size if row["score"] is not None)
    assert by_ease[0]["partner"] == "RUS"


def test_flags_name_regimes_silence_and_targets():
    rows = {row["partner"]: row["flags"] for row in world().partners("ARM").table.to_pylist()}
    assert "UN sanctions regime" in rows["IRN"]
    assert rows["RUS"] == "target of measures; publishes no trade"
    assert rows["PRK"] == "UN Security Council measures"
    assert {row.country for row in un_regimes.regimes()} <= set(pack_countries())
    blr = {row["partner"]: row["flags"] for row in world().partners("BLR").table.to_pylist()}
    assert (blr["DEU"], blr["UKR"]) == ("goods measures between the two", "a border closed in the war")


@pytest.mark.parametrize(
    ("country", "at", "year", "flagged"),
    [
        # S/RES/2231 (2015) ended the regime on Iran, step by step to 2023-10-18; again since 2025-09-28.
        ("IRN", "2024-06-01", 2023, False),
        ("IRN", "2025-10-01", 2024, True),
        # S/RES/2653 (2022) of 2022-10-21.
        ("HTI", "2022-10-20", 2021, False),
        ("HTI", "2022-10-21", 2021, True),
        # S/RES/2288 (2016) of 2016-05-25 ended it.
        ("LBR", "2016-05-24", 2015, True),
        ("LBR", "2016-05-25", 2015, False),
    ],
)
def test_regimes_of_the_security_council_are_those_of_the_day_asked_for(country, at, year, flagged):
    rows = {
        row["partner"]: row["flags"]
        for row in world().partners("IND", table="flows", at=at, year=year).table.to_pylist()
    }
    assert ("UN sanctions regime" in rows[country]) == flagged
    for answer in (
        world().partners(country, table="flows", at=at, year=year),
        world().technoparks(country, table="flows", at=at, year=year),
    ):
        told = [note.text for note in answer.notes if "sanctions regime" in note.text]
        assert bool(told) == flagged
        assert all(at in text for text in told)


def test_nothing_is_shown_for_the_right_reason():
    assert world().partners("PRK").finding == (
        "North Korea is under measures of the UN Security Council, so no position is shown."
    )
    assert world().partners("TUV").finding == (
        "Tuvalu shows no own supply in 73 products, mean of 2022 to 2024, so no potential can be stated."
    )
    told = [note.text for note in world().partners("BLR").notes]
    assert any(text.startswith("Nothing is shown for 38 partners with goods measures") for text in told)
    assert "Nothing is shown for 1 partner with a border closed in the war: Ukraine." in told


@pytest.mark.parametrize(
    ("words", "options", "kind", "message"),
    [
        ("Narnia", {}, InputError, "Narnia"),
        ("BLR", {"partner": "BLR"}, InputError, "no partner of itself"),
        ("BLR", {"partner": "ARM"}, InputError, "does not hold Armenia"),
        ("BLR", {"at": "soon"}, InputError, "not a date"),
        ("BLR", {"table": "goods"}, InputError, "table cannot be"),
        ("BLR", {"year": 1999}, DataError, "1999"),
        ("BLR", {"year": 2030}, DataError, "no data for 2030 in the table industry_flows"),
        ("RUS", {"at": "2014-01-01", "year": 2021}, InputError, "law of 2014-01-01 does not go"),
        ("BLR", {"at": "2022-03-20", "table": "industry_flows"}, DataError, "2021 in the table"),
        ("ARM", {"table": "industry_flows"}, DataError, "Armenia"),
    ],
)
def test_what_cannot_be_answered_is_said(words, options, kind, message):
    with pytest.raises(kind, match=message):
        world().partners(words, **options)


def test_less_than_half_a_dollar_is_no_potential() -> None:
    """Bhutan's largest one with Bangladesh is smaller than that on the pack."""
    answer = world().partners("BTN")
    assert answer.finding.startswith("No unrealised potential of Bhutan shows at the ease observed")
