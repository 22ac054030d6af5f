"""Competencies on the embedded pack, and on a made-up store of goods at breadth."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.models.complexity import CONVENTIONS, complexity
from entrepot.questions.competencies_figures import layout, links
from entrepot.questions.lawful import lawful
from entrepot.report.charts import spec
from entrepot.result import Result, Source
from entrepot.store import Store
from entrepot.workbench import World
from entrepot.world import products as hs

COUNTRIES = ("DEU", "FRA", "ITA", "POL", "CZE", "TUR", "IND", "VNM", "KAZ", "RUS", "BLR", "EGY", "KEN", "PRK")


@pytest.fixture(scope="module")
def world() -> World:
    return ep.open()


@pytest.fixture(scope="module")
def belarus(world: World) -> Result:
    return world.competencies("BLR")


def made_up() -> pa.Table:
    """Exports of 14 countries in all headings of HS1992, one subheading each: abler countries make more."""
    codes = {code[:4]: code for code in hs.codes("HS1992")}
    codes |= {code[:4]: code for code in ("854231", "847150") if hs.exists(code, "HS1992")}
    products = sorted(codes.values())
    rng = np.random.default_rng(7)
    ability = np.linspace(1.0, 0.15, len(COUNTRIES))
    # What a chapter needs has nothing to do with its number.
    need = rng.permutation(np.linspace(0.0, 0.95, len(products)))
    rows = []
    for year in (2020, 2021, 2022):
        for place, exporter in enumerate(COUNTRIES):
            makes = rng.random(len(products)) < 1 / (1 + np.exp(10 * (need - ability[place])))
            values = np.round(rng.lognormal(9.5, 1.0, len(products)), 1)
            for k in np.flatnonzero(makes):
                # Half of what Belarus sells goes to Russia: unseen from 2022, and so without a row.
                to_russia = exporter == "BLR" and k % 2 == 0
                if not (to_russia and year == 2022):
                    partner = "RUS" if to_russia else "USA"
                    rows.append((year, exporter, partner, products[k], values[k]))
    year, exporter, importer, product, value = zip(*rows, strict=True)
    return pa.table(
        {
            "year": pa.array(year, pa.int16()),
            "exporter": exporter,
            "importer": importer,
            "product": product,
            "value": value,
            "quantity": pa.nulls(len(rows), pa.float64()),
        }
    )


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("goods") / "store"
    source = Source("made-up", "Nobody", "Made-up trade", "1", "CC0", "https://example.org", date(2026, 1, 2))
    Store.create(folder).write("flows", made_up(), sources=[source], revision="HS1992")
    return ep.open(folder)


def column(result: Result, part: str, name: str) -> list:
    return result.part(part).data.column(name).to_pylist()


def test_pack_answers_by_industry_and_says_so(belarus: Result) -> None:
    assert belarus.how.parameters["table"] == "industry_flows"
    assert "by industry, 2022; convention atlas, reference sample all 80 countries given" in belarus.subtitle
    text = " ".join(note.text for note in belarus.notes)
    assert CONVENTIONS["atlas"].describe() in text
    assert "Reference sample: all 80 countries given (every country of the table)" in text
    assert "49 industries, goods and services, instead of thousands of products" in text
    assert "final goods sold abroad are not in these sales" in text
    assert {source.producer for source in belarus.sources} == {"OECD"}


def test_pack_numbers_follow_from_the_model(world: World, belarus: Result) -> None:
    import narwhals as nw

    store = world.store
    frame = store.table("industry_flows").filter(nw.col("seller_country") != nw.col("buyer_country"))
    rows = store.collect(frame.group_by("seller_country", "seller_sector").agg(nw.col("value").sum()))
    names = sorted(set(rows["seller_country"].to_pylist()))
    industries = sorted(set(rows["seller_sector"].to_pylist()))
    exports = np.zeros((len(names), len(industries)))
    for row in rows.to_pylist():
        place = names.index(row["seller_country"]), industries.index(row["seller_sector"])
        exports[place] = row["value"]
    found, blr = complexity(exports), names.index("BLR")
    by_code = {row["code"]: row for row in belarus.table.to_pylist()}
    assert set(by_code) == set(industries)
    for k, code in enumerate(industries):
        assert by_code[code]["rca"] == pytest.approx(found.rca[blr, k], rel=1e-9)
        assert by_code[code]["pci"] == pytest.approx(found.pci[k], abs=1e-9)
        assert by_code[code]["density"] == pytest.approx(found.density[blr, k], abs=1e-9)
        assert (by_code[code]["made"] == "yes") == (found.rca[blr, k] >= 1)
        if by_code[code]["made"] == "no":
            assert by_code[code]["gain"] == pytest.approx(found.cog[blr, k], abs=1e-9)
    (year,) = belarus.part("profile").data.to_pylist()
    assert year["eci"] == pytest.approx(found.eci[blr], abs=1e-9)
    assert year["rank"] == int((found.eci > found.eci[blr]).sum()) + 1 == 44
    assert year["of"] == 80
    assert year["diversity"] == int(found.diversity[blr]) == 19
    assert "ranks 44 of 80 in complexity" in belarus.finding
    assert "advantage abroad in 19 of 49 industries in 2022" in belarus.finding


def test_lists_are_ordered_and_hold_nothing_made(belarus: Result) -> None:
    density = column(belarus, "nearest", "density")
    assert density == sorted(density, reverse=True)
    assert len(density) == 49 - 19
    gain = column(belarus, "outlook", "gain")
    assert gain == sorted(gain, reverse=True)
    made = set(column(belarus, "made", "code"))
    assert not made & set(column(belarus, "nearest", "code"))
    assert set(column(belarus, "outlook", "code")) <= set(column(belarus, "nearest", "code"))
    mean = np.mean(column(belarus, "made", "pci"))
    assert min(column(belarus, "outlook", "pci")) > mean
    assert min(column(belarus, "outlook", "density")) >= np.median(density)
    assert min(column(belarus, "made", "rca")) >= 1
    assert sum(column(belarus, "competencies", "share")) == pytest.approx(1)


def test_figures_can_be_drawn(belarus: Result, goods: World) -> None:
    for result in (belarus, goods.competencies("KAZ")):
        for figure in result.figures:
            assert spec(figure)["layer"]
    space, reach = belarus.figures
    assert (space.kind, reach.kind) == ("network", "scatter")
    assert space.data.num_rows == 49
    assert space.data.column("made").to_pylist().count(True) == 19
    assert reach.data.num_rows == 30


def test_product_space_is_connected_and_the_same_each_time() -> None:
    rng = np.random.default_rng(3)
    phi = rng.random((40, 40)) * (rng.random((40, 40)) < 0.2)
    phi = np.triu(phi, 1) + np.triu(phi, 1).T
    pairs = links(phi)
    parent = list(range(40))

    def root(i: int) -> int:
        return i if parent[i] == i else root(parent[i])

    for a, b in pairs:
        parent[root(a)] = root(b)
    assert len({root(i) for i in range(40)}) == 1
    # Beside the 39 pairs of the tree stand strong links only.
    assert len(pairs) <= 80
    assert sum(phi[a, b] < 0.55 for a, b in pairs) <= 39
    assert sum(1 for a, b in pairs if phi[a, b] == 0) == 0 or (phi > 0).sum() < 2 * 39
    strongest = np.unravel_index(np.argmax(phi), phi.shape)
    assert tuple(sorted(int(i) for i in strongest)) in pairs
    assert (layout(40, pairs) == layout(40, pairs)).all()
    big = layout(200, [(i, i + 1) for i in range(199)])
    assert (big == layout(200, [(i, i + 1) for i in range(199)])).all()
    assert layout(1, []).shape == (1, 2)


def test_goods_at_breadth_go_by_heading_over_time(goods: World) -> None:
    answer = goods.competencies("KAZ")
    assert answer.how.parameters["level"] == 4
    assert column(answer, "profile", "year") == [2020, 2021, 2022]
    assert all(len(code) == 4 for code in column(answer, "competencies", "code"))
    assert "exports of at least 1 bn USD in the table" in " ".join(note.text for note in answer.notes)
    assert answer.figures[-1].kind == "line"
    sections = goods.competencies("KAZ", level=2)
    assert all(len(code) == 2 for code in column(sections, "competencies", "code"))
    since = goods.competencies("KAZ", since=2021, year=2021)
    assert column(since, "profile", "year") == [2021]
    assert since.how.command.endswith("--since 2021")


def test_year_without_reports_is_not_stated(goods: World) -> None:
    answer = goods.competencies("BLR")
    # Neither side reported trade with Russia in 2022, so the lists are those of the year before.
    assert answer.how.parameters["year"] == 2021
    assert "In 2022 neither side reported a large part of the exports of Belarus" in " ".join(
        note.text for note in answer.notes
    )
    forced = goods.competencies("BLR", year=2022)
    assert forced.finding.startswith("What Belarus makes cannot be said from the trade of 2022")
    last = forced.part("profile").data.to_pylist()[-1]
    assert last["eci"] is last["rank"] is last["diversity"] is None
    assert last["status"] == "not observed"
    # What is printed and drawn must not rest on the part that was reported.
    assert forced.display.name == "profile"
    assert [figure.kind for figure in forced.figures] in ([], ["line"])
    assert any("may be trade that nobody published" in note.text for note in forced.notes)
    assert answer.display.name != "profile"
    assert not any("may be trade that nobody published" in note.text for note in answer.notes)


def test_a_small_reference_sample_is_warned_of() -> None:
    told = ep.open().competencies("BLR", reference=["DEU", "FRA"]).notes
    assert any("sample of 2 countries is too small" in note.text for note in told if note.kind == "warning")
    assert not any(note.kind == "warning" for note in ep.open().competencies("BLR").notes)


@pytest.mark.parametrize("country", ["RUS", "BLR", "KAZ", "DEU"])
@pytest.mark.parametrize("level", [4, 6])
def test_arms_and_dual_use_stand_in_no_list(goods: World, country: str, level: int) -> None:
    answer = goods.competencies(country, level=level, year=2021)
    full = hs.codes("HS1992")
    law = lawful(full, "HS1992", date(2021, 12, 31))
    barred = {code[:level] for code, bad in zip(full, law.made(country), strict=True) if bad}
    assert any(code.startswith("93") for code in barred)
    assert (len(barred) > 30) == (country in ("RUS", "BLR"))
    for part in ("nearest", "outlook"):
        assert not barred & set(column(answer, part, "code")), part
    for row in answer.table.to_pylist():
        if row["code"] in barred:
            assert row["made"] == "yes"
            assert row["density"] is row["distance"] is row["gain"] is None
    words_of = {row["label"] for row in answer.table.to_pylist() if row["code"] in barred}
    allowed = {row["label"] for row in answer.table.to_pylist() if row["code"] not in barred}
    drawn = {label for figure in answer.figures[:2] for label in figure.data.column("label").to_pylist()}
    assert not (words_of - allowed) & drawn


def test_country_under_embargo_gets_no_list(goods: World) -> None:
    answer = goods.competencies("PRK", year=2021)
    assert answer.part("nearest").data.num_rows == 0
    assert answer.part("outlook").data.num_rows == 0
    assert set(column(answer, "competencies", "made")) <= {"yes"}
    for figure in answer.figures[:2]:
        assert figure.data.num_rows == 0
        assert spec(figure)


@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_every_convention_prints_itself_and_its_sample(world: World, convention: str) -> None:
    answer = world.competencies("KAZ", convention=convention)
    assert f"convention {convention}, reference sample" in answer.subtitle
    texts = [note.text for note in answer.notes if note.kind == "convention"]
    assert any(text.startswith(f"Convention {convention} (") for text in texts)
    assert any(text.startswith("Reference sample: all 80 countries given") for text in texts)
    assert f"--convention {convention}" in answer.how.command


def test_conventions_choose_their_sample(goods: World) -> None:
    some = goods.competencies("DEU", year=2021)
    everybody = goods.competencies("DEU", year=2021, convention="ecomplexity")
    assert "all 14 countries given (every country of the table)" in " ".join(n.text for n in everybody.notes)
    asked = goods.competencies("KAZ", year=2021, reference=["eu", "TUR", "IND", "VNM", "EGY"])
    assert "reference sample 9 of the 14 countries given" in asked.subtitle
    assert "(as asked)" in " ".join(note.text for note in asked.notes)
    (row,) = [row for row in asked.part("profile").data.to_pylist() if row["year"] == 2021]
    assert row["of"] == 10
    assert some.subtitle != everybody.subtitle


def test_few_products_are_named_as_such(world: World) -> None:
    answer = world.competencies("ARM")
    assert answer.how.parameters["table"] == "flows"
    assert "raw materials" in answer.finding
    assert "raw materials stand in this table: the answer is about these" in " ".join(
        note.text for note in answer.notes
    )


def test_answer_can_be_repeated(goods: World) -> None:
    answer = goods.competencies("KAZ", since=2021, convention="oec", reference=["DEU", "FRA", "ITA", "POL"])
    again = goods.competencies(**answer.how.parameters)
    assert again.to_json() == answer.to_json()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"convention": "atlas-2030"}, "convention cannot be"),
        ({"table": "cars"}, "table cannot be"),
        ({"level": 3, "table": "flows"}, "level cannot be"),
        ({"level": 4}, "industries have no HS digits"),
        ({"country": "Atlantis"}, "unknown country"),
        ({"reference": ["Atlantis"]}, "unknown country or bloc"),
        ({"since": 2023, "year": 2022}, "ends before it begins"),
    ],
)
def test_wrong_words(world: World, options: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        world.competencies(**{"country": "BLR", **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"year": 1999}, "1999 in the table industry_flows"),
        ({"country": "ARM", "table": "industry_flows"}, "exports of Armenia in 2022"),
        ({"reference": ["ARM"]}, "at least two countries"),
    ],
)
def test_data_say_no(world: World, options: dict, words: str) -> None:
    with pytest.raises(DataError, match=words):
        world.competencies(**{"country": "BLR", **options})


def test_command_prints_convention_and_sample(capsys: pytest.CaptureFixture[str]) -> None:
    from entrepot.cli import main

    words = ["competencies", "Belarus", "--convention", "oec", "--reference", "eu,USA", "--part", "profile"]
    assert main(words) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "convention oec, reference sample 28 of the 80 countries given" in printed
    assert "Convention oec (" in printed
    assert main(["competencies", "BLR", "--level", "4"]) == 2
    assert "industries have no HS digits" in capsys.readouterr().err


def test_one_or_two_products_give_no_rank_and_an_empty_list_says_why():
    import entrepot as ep

    answer = ep.open().competencies("PRK")
    assert answer.display.data.num_rows == 0
    assert answer.finding == (
        "North Korea has an advantage abroad in 2 of 71 raw materials in 2024, too few to rank its "
        "complexity; what else it could make is not listed, because of the measures on it."
    )
    rows = answer.part("profile").data.to_pylist()
    assert all(row["rank"] is None for row in rows if (row["diversity"] or 0) < 3)
