"""Technoparks: candidates, worth, clusters, and nothing under a measure anywhere."""

from __future__ import annotations

import json
from datetime import date
from functools import cache

import numpy as np
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.questions import lawful as law
from entrepot.questions import technoparks_clusters as parks
from entrepot.questions.partners_score import open_positions
from entrepot.questions.partners_trade import Trade, read_trade
from entrepot.questions.programme import Entry, Register
from entrepot.questions.technoparks import technoparks
from entrepot.result import Result
from entrepot.store.store import open_store
from entrepot.world import products, sectors

from .lawful_oracle import oracle

AT = date(2025, 9, 1)


@cache
def world() -> ep.workbench.World:
    return ep.open()


@cache
def trade_of(country: str, table: str) -> Trade:
    return read_trade(open_store(), country, table=table)


def rows_of(answer: Result, part: str) -> list[dict[str, object]]:
    return answer.part(part).data.to_pylist()


def test_candidates_follow_the_rules():
    trade = trade_of("KAZ", "flows")
    positions = open_positions(trade, AT)
    space = parks.product_space(trade)
    found = parks.candidates(open_store(), trade, positions, space, 0.0)
    made = space.m[trade.own] >= 1
    mean = space.pci[made].mean()
    for place, pci, reach in zip(found.places, found.pci, found.reach, strict=True):
        item = trade.items[place]
        assert not made[place]
        assert reach > 0
        assert not item.startswith("93")
        assert positions.sell[:, place].any()
        concentrated = trade.sellers[trade.own, place] > 0.4
        net = trade.imports[trade.own, place] > trade.exports[trade.own, place]
        assert pci > mean or (concentrated and net)
    left = sorted(set(range(len(trade.items))) - set(found.places.tolist()))
    for place in left:
        raises = space.pci[place] > mean
        concentrated = np.nan_to_num(trade.sellers[trade.own, place]) > 0.4
        net = trade.imports[trade.own, place] > trade.exports[trade.own, place]
        sold = (positions.sell[:, place] & (trade.imports[:, place] > 0)).any()
        kept = positions.law.made("KAZ")[place] or not positions.buy[:, place].any()
        assert made[place] or not sold or kept or not (raises or (concentrated and net))


def test_worth_is_the_product_of_three_ranks():
    worth = parks._worth(
        np.array([0.1, 0.2, 0.3]), np.array([3.0, 2.0, 1.0]), np.array([0.0, 0.0, 0.0]), np.zeros(3), 0.0
    )
    # Equal values share the middle rank: imports replaced are 2/3 for all.
    assert worth == pytest.approx(np.array([1 / 3 * 1, 2 / 3 * 2 / 3, 1 * 1 / 3]) * 2 / 3)


def test_brains_move_weight_from_goods_to_skill():
    arguments = (np.ones(2), np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.ones(2))
    hardware, half, brains = (parks._worth(*arguments, weight) for weight in (0.0, 0.5, 1.0))
    assert hardware[0] > hardware[1]
    assert half[0] == half[1]
    assert brains[0] < brains[1]
    assert brains[0] == hardware[1]


def test_skill_is_the_share_of_knowledge_services_in_purchases():
    skill = parks.skills(open_store(), trade_of("BLR", "industry_flows"))
    assert skill is not None
    by_sector = dict(zip(trade_of("BLR", "industry_flows").items, skill, strict=True))
    assert by_sector["J62_63"] > by_sector["C21"] > by_sector["C24A"] > 0
    goods = trade_of("KAZ", "flows")
    of_codes = dict(zip(goods.items, parks.skills(open_store(), goods), strict=True))
    assert of_codes["270900"] == by_sector["B06"]


@pytest.mark.parametrize("overlap", [2, 3])
def test_a_cluster_that_shares_positions_has_enough_of_its_own(overlap):
    trade = trade_of("KAZ", "flows")
    found = parks.plan(open_store(), trade, open_positions(trade, AT), 5, overlap=overlap)
    members = [set(group.tolist()) for group in found.chosen.members]
    assert len(members) == 5
    for i, group in enumerate(members):
        others = set().union(*(two for j, two in enumerate(members) if j != i))
        assert len(group - others) >= 2
        lead = found.leaders(i)
        assert set(lead.tolist()) == set(found.items(i).tolist())
        assert lead[0] in found.candidates.places[sorted(group - others)]


def test_the_clusters_are_the_best_of_their_kind():
    trade = trade_of("KAZ", "flows")
    found = parks.plan(open_store(), trade, open_positions(trade, AT), 3)
    assert len(found.chosen.groups) == 3
    sizes = [len(members) for members in found.chosen.members]
    assert all(2 <= size <= 6 for size in sizes)
    chosen = [k for i in range(3) for k in found.items(i)]
    assert len(set(chosen)) == len(chosen)
    near = found.space.proximity
    inside = np.mean([near[np.ix_(found.items(i), found.items(i))].sum() / (n * (n - 1))
                      for i, n in enumerate(sizes)])  # fmt: skip
    everywhere = near[np.ix_(found.candidates.places, found.candidates.places)]
    n = len(found.candidates.places)
    assert inside > everywhere.sum() / (n * (n - 1))


@pytest.mark.parametrize(
    ("country", "at"),
    [("RUS", "2022-03-20"), ("BLR", "2025-09-01"), ("BLR", "2014-08-01"), ("KAZ", "2025-09-01")],
)
def test_no_position_of_any_table_is_under_a_measure(country, at):
    answer = world().technoparks(country, at=at, table="flows", k=4)
    day = date.fromisoformat(at)
    listed = country in ("RUS", "BLR")
    group = trade_of(country, "flows").partners
    for row in rows_of(answer, "markets"):
        for code in row["positions"].split(", "):
            assert not oracle(country, row["partner"], code, day), row
    for row in rows_of(answer, "positions"):
        code = row["item"]
        assert not code.startswith("93")
        rules = law.lawful([code], "HS1992", day)
        assert not (listed and rules.dual_use[0])
        assert not rules.exports(country, group)[:, 0].all()
        # Nobody keeps it from the country.
        assert not rules.imports(country, group)[:, 0].all()
    for row in rows_of(answer, "anchors"):
        assert not row["item"].startswith("93")
        assert len(row["item"]) == 4


def test_every_date_with_a_measure_leaves_only_open_candidates_to_every_listed_country():
    """All days at once on the function that yields the positions; inputs and markets cut from the same."""
    store = open_store()
    for country in ("RUS", "BLR"):
        trade = trade_of(country, "flows")
        space = parks.product_space(trade)
        for at in law.dates()[:: 1 if country == "RUS" else 3]:
            positions = open_positions(trade, at)
            found = parks.candidates(store, trade, positions, space, 0.0)
            rules = law.lawful(trade.items, "HS1992", at)
            barred = rules.exports(country, trade.partners)[trade.others][:, found.places]
            assert not barred.all(axis=0).any()
            assert not (rules.dual_use | rules.arms)[found.places].any()
            kept = rules.imports(country, trade.partners)[trade.others][:, found.places]
            assert not kept.all(axis=0).any()


@pytest.mark.parametrize("country", ["BLR", "CHN"])
def test_no_industry_with_a_barred_code_is_a_market_or_a_source(country):
    answer = world().technoparks(country, at="2025-09-01", table="industry_flows")
    codes = products.codes("HS1992")
    rules = law.lawful(codes, "HS1992", AT)
    of = [sectors.of_product(code) if code[:2] < "98" else "" for code in codes]
    for row in rows_of(answer, "markets"):
        barred = rules.exports(country, [row["partner"]])[0]
        for sector in row["positions"].split(", "):
            assert not any(bad for bad, name in zip(barred, of, strict=True) if name == sector), row
    for row in rows_of(answer, "inputs"):
        for source in row["sources"].split(", "):
            barred = rules.imports(country, [source])[0]
            assert not any(bad for bad, name in zip(barred, of, strict=True) if name == row["sector"]), row
    assert not {row["item"] for row in rows_of(answer, "anchors")} & {"C25"}


def test_industries_are_said_to_be_industries_and_products_to_be_products():
    blr, kgz = world().technoparks("BLR"), world().technoparks("Kyrgyzstan")
    assert blr.subtitle.startswith("Space of industries")
    assert any("not a product" in note.text for note in blr.notes)
    assert kgz.subtitle.startswith("Space of products: 73 products")
    assert any("no input-output table of the store holds" in note.text for note in kgz.notes)
    assert kgz.part("inputs").data.num_rows == 0


def test_fewer_clusters_than_asked_for_are_said():
    answer = world().technoparks("BLR", k=50)
    assert answer.table.num_rows < 50
    assert "(50 were asked for)" in answer.finding
    assert answer.figures[0].kind == "cards"
    assert answer.figures[0].data.num_rows == answer.table.num_rows


def test_a_closed_country_has_no_cluster_and_no_cards():
    answer = world().technoparks("PRK", table="flows")
    assert answer.table.num_rows == 0
    assert answer.finding.startswith("No cluster is within North Korea's reach")
    assert not answer.figures


def test_size_and_overlap_are_kept():
    one = world().technoparks("KAZ", k=3, table="flows", size=(3, 3))
    assert [row["size"] for row in one.table.to_pylist()] == [3, 3, 3]
    alone = world().technoparks("KAZ", k=3, table="flows", size=(1, 1))
    assert [row["size"] for row in alone.table.to_pylist()] == [1, 1, 1]
    both = world().technoparks("KAZ", k=6, table="flows", overlap=2)
    items = [row["item"] for row in rows_of(both, "positions")]
    assert max(items.count(item) for item in items) == 2
    # Of four candidates a third cluster would be the union of the two: it adds nothing and is not picked.
    shared = world().technoparks("BLR", k=3, brains=0.5, overlap=2)
    assert shared.finding.endswith("around motor vehicles and iron and steel.")
    assert shared.table.num_rows == 2


def test_the_programme_stands_beside_the_clusters(tmp_path):
    path = tmp_path / "parks.csv"
    path.write_text("park,indicator,year,target,actual\nNorth,tenants,2025,10,12\n", encoding="utf-8")
    answer = world().technoparks("BLR", register=path)
    assert answer.finding.endswith("Of 1 target of the programme 1 is met.")
    assert rows_of(answer, "programme")[0]["change"] == "new"
    earlier = Register((Entry("North", "", "tenants", "", 2025, 10, None),))
    again = world().technoparks("BLR", register=path, earlier=earlier)
    assert rows_of(again, "programme")[0]["change"] == "actual changed"


def test_the_answer_is_the_same_each_time_and_how_repeats_it():
    one = world().technoparks("KAZ", k=3, table="flows", brains=0.25)
    two = eval(one.how.python, {"ep": ep})
    assert json.loads(one.to_json()) == json.loads(two.to_json())
    assert "-k 3 --brains 0.25 --size 2:6" in one.how.command


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"k": 0}, InputError, "k is 0"),
        ({"brains": 1.5}, InputError, "brains is 1.5"),
        ({"size": (3, 2)}, InputError, "size is"),
        ({"overlap": 0}, InputError, "overlap is 0"),
        ({"table": "goods"}, InputError, "table cannot be"),
        ({"at": "soon"}, InputError, "not a date"),
        ({"register": "absent.csv"}, InputError, "cannot read"),
        ({"year": 1999}, DataError, "1999"),
        ({"year": 2030}, DataError, "no data for 2030"),
        ({"year": 2024, "at": "2014-01-01", "table": "flows"}, InputError, "does not go with"),
    ],
)
def test_what_cannot_be_answered_is_said(options, kind, message):
    with pytest.raises(kind, match=message):
        technoparks(open_store(), "BLR", **options)


def test_where_no_cluster_is_found_the_answer_says_why():
    assert world().technoparks("PRK").finding.endswith("it is under measures of the UN Security Council.")
    assert "it makes nothing with advantage that the table holds" in world().technoparks("TUV").finding
