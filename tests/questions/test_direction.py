"""Direction on the embedded pack: real flows, with what nobody reported set apart."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.questions.panel import MATERIAL
from entrepot.result import Result
from entrepot.workbench import World


@pytest.fixture(scope="module")
def world() -> World:
    return ep.open()


@pytest.fixture(scope="module")
def crude(world: World) -> Result:
    return world.direction("RUS", product="270900", by="partner", since=2021)


def cell(result: Result, year: int, group: str, column: str = "value") -> float | str | None:
    table = result.table
    key = table.column_names[1]
    rows = table.filter((pc.field("year") == year) & (pc.field(key) == group))
    assert rows.num_rows <= 1
    return rows.column(column)[0].as_py() if rows.num_rows else None


# CEPII BACI (HS1992), as listed in the issue: USD bn to the digits printed there.
@pytest.mark.parametrize(
    ("partner", "year", "billion", "digits"),
    [
        ("IND", 2021, 0.94, 2),
        ("IND", 2022, 25.5, 1),
        ("IND", 2023, 48.6, 1),
        ("DEU", 2021, 10.3, 1),
        ("DEU", 2022, 13.2, 1),
        ("DEU", 2023, 0.04, 2),
    ],
)
def test_russian_crude_turns_from_germany_to_india(
    crude: Result, partner: str, year: int, billion: float, digits: int
) -> None:
    assert round(cell(crude, year, partner) / 1e9, digits) == billion


def test_gold_goes_to_armenia_and_on_to_the_emirates(world: World) -> None:
    out = world.direction("RUS", product="gold", since=2021)
    assert round(cell(out, 2021, "ARM") / 1e9, 2) == 0.07
    assert round(cell(out, 2024, "ARM") / 1e9, 2) == 5.90
    onward = world.direction("ARM", product="710812", since=2021)
    assert round(cell(onward, 2024, "ARE") / 1e9, 2) == 3.99


def test_silence_is_not_a_collapse(world: World) -> None:
    oil = world.direction("BLR", product="270900", flow="imports")
    assert round(cell(oil, 2021, "RUS") / 1e9, 1) == 6.7 or cell(oil, 2021, "RUS") > 5e9
    for year in (2022, 2023, 2024):
        assert cell(oil, year, "RUS") is None
        assert cell(oil, year, "RUS", "status") == "not observed"
    totals = oil.part("totals").data.to_pylist()
    assert all(row["value"] is None for row in totals if row["year"] >= 2022)
    assert {row["year"]: row["reported"] for row in totals}[2022] < 0.1e9
    warning = next(note for note in oil.notes if note.kind == "missing")
    assert "Russia" in warning.text
    assert "not observed in 2022 to 2024" in warning.text
    assert "cannot be seen" in oil.finding


def test_silence_is_seen_through_products_as_well(world: World) -> None:
    fuels = world.direction("BLR", by="product", flow="imports", since=2020)
    assert cell(fuels, 2021, "270900") > 6e9
    assert cell(fuels, 2022, "270900") is None
    assert "neither Belarus nor Russia publishes them" in fuels.finding
    assert any("Belarus and Russia" in note.text for note in fuels.notes if note.kind == "missing")
    by_partner = world.direction("BLR", flow="imports", since=2020)
    fine, coarse = (result.part("totals").data for result in (fuels, by_partner))
    assert fine.column("value") == coarse.column("value")
    # The largest of three years by product, summed, is at least the largest of three years of the sum.
    pairs = zip(fine.column("unseen").to_pylist(), coarse.column("unseen").to_pylist(), strict=True)
    assert all(a >= b for a, b in pairs)


def test_shares_of_a_year_that_cannot_be_seen_are_null(world: World) -> None:
    oil = world.direction("BLR", product="270900", flow="imports", since=2022)
    assert set(oil.table.column("share").to_pylist()) == {None}
    assert "cannot be seen" in oil.finding


def test_bloc_with_a_silent_main_member_is_not_observed(world: World) -> None:
    oil = world.direction("BLR", product="270900", flow="imports", by="bloc", since=2020)
    assert cell(oil, 2021, "eaeu") is not None
    assert cell(oil, 2022, "eaeu") is None


@pytest.mark.parametrize("by", ["partner", "bloc", "product"])
def test_shares_sum_to_one_where_observed(world: World, by: str) -> None:
    result = world.direction("IND", by=by, flow="imports")
    table = result.table.filter(pc.field("status") != "not observed")
    sums = pa.table(table).group_by("year").aggregate([("share", "sum")])
    for total in sums.column("share_sum").to_pylist():
        assert total == pytest.approx(1.0, abs=1e-12) or total >= 1 - MATERIAL


def test_parts_sum_to_the_change_exactly(world: World) -> None:
    result = world.direction("RUS", since=2019)
    for name in ("price-volume", "market-share"):
        values = result.part(name).data.column("value").to_pylist()
        assert sum(values[:-1]) == pytest.approx(values[-1], rel=1e-12)


def test_reorientation_starts_at_nil_and_grows_with_the_turn_to_asia(crude: Result) -> None:
    distance = crude.part("totals").data.column("reorientation").to_pylist()
    assert distance[0] == 0.0
    assert distance[0] < distance[1] < distance[2] <= distance[3] <= 1.0


def test_an_incomplete_year_is_named(world: World) -> None:
    def late(until: int) -> bool:
        notes = world.direction("RUS", product="270900", until=until).notes
        return any("is incomplete" in note.text for note in notes)

    assert late(2024)
    assert not late(2021)


def test_a_pair_that_is_dark_twice_is_told_in_spells(world: World) -> None:
    notes = [note.text for note in world.direction("TKM", flow="imports").notes if note.kind == "missing"]
    assert any("Iran is not observed in 2012 and 2023 to 2024" in text for text in notes)


def test_a_row_that_exists_is_observed(world: World) -> None:
    """BACI holds Iraq to Liberia 2021 although the calendar calls both silent."""
    result = world.direction("LBR", flow="imports", since=2021, until=2021)
    assert cell(result, 2021, "IRQ") == 117_884


def test_estimates_of_the_industry_table_are_named(world: World) -> None:
    result = world.direction("BLR", table="industry_flows")
    assert any(note.kind == "approximation" and "Russia" in note.text for note in result.notes)
    assert "estimate" in result.finding
    assert "estimate" not in world.direction("DEU", table="industry_flows").finding


def test_silence_between_third_countries_is_no_fall_of_the_world(world: World) -> None:
    """Russia to Belarus was 6.7 bn USD in 2021 and dark in 2023: the world did not shrink by it."""
    parts = (
        world.direction("KAZ", product="270900", since=2021, until=2023).part("market-share").data.to_pylist()
    )
    growth = next(row["value"] for row in parts if row["part"] == "world growth")
    assert growth / 1e9 == pytest.approx(7.62, abs=0.01)


def test_lower_bounds_are_marked_in_the_totals(world: World) -> None:
    rows = {row["year"]: row["status"] for row in world.direction("RUS").part("totals").data.to_pylist()}
    assert rows[2021] != "not observed"
    assert rows[2024] == "lower bound"
    assert "at least" in world.direction("RUS", since=2024).finding


def test_products_named_twice_count_once(world: World) -> None:
    twice = world.direction("RUS", product=["270900", "27", "2709"], since=2021)
    assert twice.how.parameters["product"] == ["27"]


def test_turnover_needs_one_side_only(world: World) -> None:
    assert world.direction("WLF", flow="turnover").table.num_rows > 0


def test_turnover_is_exports_plus_imports(world: World) -> None:
    both, out, into = (
        world.direction("KAZ", flow=flow, until=2020).part("totals").data
        for flow in ("turnover", "exports", "imports")
    )
    for t in range(both.num_rows):
        expected = out.column("reported")[t].as_py() + into.column("reported")[t].as_py()
        assert both.column("reported")[t].as_py() == pytest.approx(expected, rel=1e-12)


def test_industry_flows_give_partners_and_sectors(world: World) -> None:
    partners = world.direction("BLR", table="industry_flows")
    # OECD ICIO 2022: intermediates sold by Belarus to Russia, 10.1 bn USD.
    assert round(cell(partners, 2022, "RUS") / 1e9, 1) == 10.1
    imports = world.direction("BLR", table="industry_flows", flow="imports")
    assert round(cell(imports, 2022, "RUS") / 1e9, 1) == 15.9
    sectors = world.direction("BLR", by="sector")
    assert sectors.part("totals").data.column("value")[0].as_py() == pytest.approx(
        partners.part("totals").data.column("value")[0].as_py(), rel=1e-12
    )


def test_levels_nest(world: World) -> None:
    fine, coarse = (world.direction("RUS", by="product", level=level, since=2021) for level in (6, 2))
    oil = sum(
        row["value"]
        for row in fine.table.to_pylist()
        if row["product"].startswith("27") and row["year"] == 2021
    )
    assert cell(coarse, 2021, "27") == pytest.approx(oil, rel=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"country": "Frnace"}, InputError, "did you mean"),
        ({"product": "123456"}, InputError, "123456"),
        ({"product": "crude oyl"}, InputError, "oyl"),
        ({"since": 2023, "until": 2021}, InputError, "before it begins"),
        ({"by": "colour"}, InputError, "colour"),
        ({"flow": "both"}, InputError, "both"),
        ({"level": 5}, InputError, "5"),
        ({"by": "sector", "product": "2709"}, InputError, "sectors"),
        ({"by": "sector", "table": "flows"}, InputError, "sector"),
        ({"country": "ARM", "by": "sector"}, DataError, "Armenia"),
        ({"country": "VAT", "product": "270900"}, DataError, "no data"),
        ({"since": 2031}, DataError, "2031"),
        ({"since": "2021"}, InputError, "no year"),
        ({"product": 270900}, InputError, "no product"),
        ({"product": ["270900", ""]}, InputError, "no product"),
        ({"product": ["gold", "wheat"]}, InputError, "1001"),
        ({"level": 4}, InputError, "level"),
        ({"country": None}, InputError, "no country"),
    ],
)
def test_bad_questions_get_one_clear_line(
    world: World, options: dict[str, object], error: type[ep.EntrepotError], words: str
) -> None:
    asked = {"country": "RUS", **options}
    with pytest.raises(error, match=words) as caught:
        world.direction(asked.pop("country"), **asked)
    assert caught.value.hint
    assert "\n" not in str(caught.value)


def test_names_are_accepted_and_printed_in_other_languages(world: World) -> None:
    result = world.direction("Казахстан", lang="ru", product="270900", since=2021)
    assert result.subject == "KAZ"
    assert "Китай" in result.main.data.column("label").to_pylist()


def test_how_reproduces_the_answer(world: World) -> None:
    first = world.direction("IND", product=["2709", "gold"], by="bloc", flow="imports", since=2020)
    again = world.direction(**first.how.parameters)
    assert again.to_json() == first.to_json()


def test_a_country_counted_with_another_says_so(world: World) -> None:
    with pytest.raises(DataError, match="Liechtenstein: its trade is counted with that of Switzerland"):
        world.direction("LIE")
