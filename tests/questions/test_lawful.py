"""The filter behind partners and technoparks, against a slow reading of the catalogue row by row."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.measures import load_catalogue
from entrepot.questions import lawful as law
from entrepot.world import countries, products, sectors

from .lawful_oracle import oracle, oracle_of_all_pairs, pack_codes, pack_countries


def test_every_pair_and_every_day_agree_with_the_slow_reading_by_class_of_country():
    codes, group = pack_codes(), pack_countries()
    rng = np.random.default_rng(1)
    for at in law.dates():
        rules = law.lawful(codes, "HS1992", at)
        mask = {exporter: rules.exports(exporter, group) for exporter in ("RUS", "BLR", "CAN", "DEU", "KAZ")}
        for exporter, barred in mask.items():
            for importer in ("RUS", "BLR", "CAN", "DEU", "KAZ", "IND", "UKR"):
                if exporter == importer:
                    continue
                place = group.index(importer)
                for k in rng.choice(len(codes), 4, replace=False):
                    assert barred[place, k] == oracle(exporter, importer, codes[k], at), (
                        at, exporter, importer, codes[k],
                    )  # fmt: skip


@pytest.mark.parametrize("at", law.dates())
def test_every_pair_and_code_of_the_pack_agree_with_the_slow_reading_on_every_day(at):
    """Nothing under a measure, in full or in part, no arms and no dual-use code is open to any pair."""
    codes, group = pack_codes(), pack_countries()
    rules, slow = law.lawful(codes, "HS1992", at), oracle_of_all_pairs(at)
    for place, exporter in enumerate(group):
        barred = rules.exports(exporter, group)
        others = np.arange(len(group)) != place
        assert (barred[others] == slow[place, others]).all(), exporter


def test_random_positions_of_the_whole_hs_agree_with_the_slow_reading():
    codes = products.codes("HS1992")
    group = sorted(countries.known())
    rng = np.random.default_rng(2)
    for at in (date(2014, 8, 1), date(2021, 7, 1), date(2022, 4, 1), date(2024, 6, 1), date(2026, 11, 23)):
        rules = law.lawful(codes, "HS1992", at)
        for _ in range(60):
            a, b = rng.choice(
                ["RUS", "BLR", "PRK", "CAN", "DEU", "USA", "KAZ", *rng.choice(group, 3)], 2, replace=False
            )
            k = int(rng.integers(len(codes)))
            assert rules.exports(a, [b])[0, k] == oracle(a, b, codes[k], at), (at, a, b, codes[k])


def test_sales_and_purchases_are_the_same_positions_for_every_pair_and_day():
    codes, group = pack_codes(), pack_countries()
    for at in law.dates()[::8]:
        rules = law.lawful(codes, "HS1992", at)
        sold = np.stack([rules.exports(country, group) for country in group])
        bought = np.stack([rules.imports(country, group) for country in group])
        assert (sold == bought.transpose(1, 0, 2)).all()


def test_no_pair_and_no_day_opens_arms_or_what_is_not_specified():
    codes = ("930100", "9301", "930690", "999999", "980000", "260300")
    group = pack_countries()
    for at in law.dates():
        rules = law.lawful(codes, "HS1992", at)
        barred = np.stack([rules.exports(country, group) for country in group])
        assert barred[..., :5].all()


@pytest.mark.parametrize("target", ["RUS", "BLR", "PRK"])
def test_priority_and_dual_use_codes_never_open_with_a_listed_target_on_any_day(target):
    chpl = sorted({row.prefix for row in load_catalogue().scope if row.measure_id.startswith("chpl")})
    assert len(chpl) == 50
    codes = (*chpl, "261210", "284440", "811211")
    group = [country for country in pack_countries() if country != target]
    for at in (date(2012, 1, 1), *law.dates(), date(2030, 1, 1)):
        rules = law.lawful(codes, "HS2022", at)
        assert rules.exports(target, group).all()
        assert rules.imports(target, group).all()
        assert rules.made(target).all()


def test_priority_codes_are_open_between_countries_that_nobody_lists():
    rules = law.lawful(["854231"], "HS2022", date(2024, 6, 1))
    assert not rules.exports("KOR", ["DEU", "KAZ"]).any()


def test_a_pair_with_goods_measures_that_the_catalogue_does_not_hold_in_full_shows_nothing():
    rules = law.lawful(["060110"], "HS1992", date(2024, 6, 1))
    assert rules.closed("RUS", ["JPN", "DEU", "CHN"]).tolist() == [True, True, False]
    assert rules.exports("JPN", ["RUS"]).all()
    before = law.lawful(["060110"], "HS1992", date(2013, 6, 1))
    assert not before.closed("RUS", ["JPN", "DEU", "CHN"]).any()


def test_a_target_of_the_security_council_is_closed_to_everyone_on_any_day():
    rules = law.lawful(["060110"], "HS1992", date(2012, 6, 1))
    assert rules.exports("PRK", pack_countries()).all()


def test_a_partial_row_an_exemption_and_an_exclusion_open_nothing():
    # 2709: exempt by pipeline; 282520 excluded in print from chapter 28 of annex XXI, a day before the bloc.
    rules = law.lawful(["270900", "282520"], "HS1992", date(2023, 6, 1))
    assert rules.exports("RUS", ["DEU"]).all()
    strict = law.strict(load_catalogue())
    assert not strict.exceptions
    assert all(row.op == "include" for row in strict.scope)


def test_a_price_cap_on_carriage_bars_the_sales_to_everyone():
    rules = law.lawful(["270900"], "HS1992", date(2023, 6, 1))
    assert rules.exports("RUS", ["IND", "ARM"]).all()
    assert not rules.exports("KAZ", ["IND"]).any()
    assert not law.lawful(["270900"], "HS1992", date(2022, 12, 4)).exports("RUS", ["IND"]).any()


def test_goods_that_someone_keeps_from_a_target_are_not_shown_from_others_either():
    # Chapter 76 is in Schedule 5 of SOR/2020-214: Canada exports none of it to Belarus.
    rules = law.lawful(["760110"], "HS1992", date(2024, 6, 1))
    assert rules.imports("BLR", ["KAZ", "CHN"]).all()
    assert not rules.exports("BLR", ["KAZ", "CHN"]).any()


def test_law_without_an_end_is_carried_forward():
    rules = law.lawful(["760110"], "HS1992", date(2040, 1, 1))
    assert rules.imports("BLR", ["KAZ"]).all()


OWN = {
    "instrument": "instrument_id,sender,title,reference,url,adopted,as_of,producer,licence,note\n"
    "{id},NOR,Example,REG,,2023-01-01,2023-01-01,Ministry,free,\n",
    "measure": "measure_id,instrument_id,provision,annex,part,direction,kind,target_rule,valid_from,"
    "valid_from_earliest,valid_to,wind_down_to,date_precision,observed_on,title,condition,recorded_at,"
    "withdrawn_at\nnor-1,{id},,,,export,ban,destination,2023-01-01,,,,exact,,Copper,,2023-01-02,\n",
    "party": "measure_id,role,iso3,valid_from,valid_to\nnor-1,sender,NOR,,\nnor-1,target,KAZ,,\n",
    "scope": "measure_id,nomenclature,prefix,op,partial,threshold_value,threshold_unit,cap_value,cap_unit,"
    "valid_from,valid_from_earliest,valid_to,date_precision,observed_on,as_printed,description,recorded_at,"
    "withdrawn_at\nnor-1,HS2022,2603,include,1,,,,,,,,,,2603,Copper,2023-01-02,\n",
}


def test_own_instruments_add_and_never_take_away(tmp_path):
    # The id of an embedded instrument would replace it elsewhere; here it may only add.
    for name, text in OWN.items():
        (tmp_path / f"{name}.csv").write_text(text.format(id="eu-765-2006"), encoding="utf-8")
    plain = law.lawful(pack_codes(), "HS1992", date(2024, 6, 1))
    more = law.lawful(pack_codes(), "HS1992", date(2024, 6, 1), own=tmp_path)
    for country in ("NOR", "BLR", "DEU"):
        before, after = plain.exports(country, pack_countries()), more.exports(country, pack_countries())
        assert (after >= before).all()
    copper = pack_codes().index("260300")
    assert more.exports("NOR", ["KAZ"])[0, copper]
    assert more.exports("DEU", ["KAZ"])[0, copper]
    assert not plain.exports("NOR", ["KAZ"])[0, copper]
    with pytest.raises(DataError):
        law.lawful(("260300",), "HS1992", date(2024, 6, 1), own=tmp_path / "absent")


def test_a_sector_is_listed_only_if_no_code_of_it_is_barred():
    at = date(2024, 6, 1)
    codes = products.codes("HS1992")
    for country, partner in (("BLR", "KAZ"), ("KAZ", "CHN"), ("DEU", "FRA"), ("CHN", "RUS")):
        seen = law.open_sectors(country, [partner], at)[0]
        barred = law.lawful(codes, "HS1992", at).exports(country, [partner])[0]
        for code, bad in zip(codes, barred, strict=True):
            if bad and not code.startswith("99"):
                assert not seen[sectors.codes().index(sectors.of_product(code))]
    metal = sectors.codes().index("C25")
    assert not law.open_sectors("DEU", ["FRA"], at)[0, metal]
    assert not law.open_sectors("DEU", ["RUS"], at).any()


def test_services_are_not_listed_with_a_target_because_their_law_is_not_held():
    seen = law.open_sectors("BLR", ["KAZ"], date(2024, 6, 1), sells=False)[0]
    assert not seen[sectors.codes().index("J62_63")]
    assert law.open_sectors("KAZ", ["CHN"], date(2024, 6, 1))[0, sectors.codes().index("J62_63")]
