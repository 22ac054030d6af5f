"""Localisation: content, stops, candidates, exports, and what the answer says it lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from entrepot.cli import main
from entrepot.errors import DataError, InputError, StoreError
from entrepot.measures import load_catalogue
from entrepot.measures.scope import match
from entrepot.models.inputoutput import decompose
from entrepot.questions.localisation import localisation
from entrepot.questions.localisation_candidates import hs_candidates
from entrepot.questions.localisation_exports import export_decomposition
from entrepot.questions.localisation_table import read_industry
from entrepot.report.charts import spec
from entrepot.result import Result
from entrepot.store.store import Store, open_store
from entrepot.world.blocs import blocs, partition_groups

from .localisation_worlds import COUNTRIES, SECTORS, SOURCE, Y, Z, industry, store_with, table


@pytest.fixture(scope="module", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the inverse of the pack out of the user's own cache, and compute it once for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def belarus() -> Result:
    return localisation(open_store(), "BLR")


def share(answer: Result, sector: str, origin: str) -> float:
    rows = answer.table.to_pylist()
    return next(row["share"] for row in rows if row["sector"] == sector and row["origin"] == origin)


def part(answer: Result, name: str) -> list[dict[str, Any]]:
    return list(answer.part(name).data.to_pylist())


def test_blocs_are_named_and_not_by_their_keys(belarus: Result) -> None:
    keys = {group.id for group in partition_groups("meeting")} | set(blocs())
    for shown in (belarus.main, belarus.display, *belarus.parts):
        for column in shown.columns:
            if column.format == "text":
                assert not keys & set(shown.data.column(column.name).to_pylist()), (shown.name, column.name)
    assert part(belarus, "partners")[0]["bloc"] == "EAEU"
    names = {row["origin"]: row["origin_name"] for row in belarus.table.to_pylist()}
    assert (names["home"], names["eaeu"]) == ("Belarus", "Rest of EAEU")


def test_the_largest_origin_of_an_industry_comes_first(belarus: Result) -> None:
    rows = part(belarus, "content")
    assert [row["country"] for row in rows[:2]] == ["BLR", "RUS"]
    first = [row["share"] for row in rows if row["sector"] == rows[0]["sector"]]
    assert first == sorted(first, reverse=True)


def test_foreign_content_of_the_embedded_table(belarus: Result) -> None:
    """Foreign content of BLR C19 and C28 and Russia's part, as measured on the OECD table of 2022."""
    assert 1 - share(belarus, "C19", "home") == pytest.approx(0.559, abs=5e-4)
    assert 1 - share(belarus, "C28", "home") == pytest.approx(0.393, abs=5e-4)
    content = {(row["sector"], row["country"]): row["share"] for row in part(belarus, "content")}
    assert content["C28", "RUS"] == pytest.approx(0.238, abs=5e-4)


def test_origins_of_each_industry_sum_to_one(belarus: Result) -> None:
    totals: dict[str, float] = {}
    for row in belarus.table.to_pylist():
        totals[row["sector"]] = totals.get(row["sector"], 0.0) + row["share"]
    assert len(totals) == 49
    # Each share is rounded to nine digits.
    assert all(total == pytest.approx(1.0, abs=1e-7) for total in totals.values())


def test_the_finding_gives_its_range(belarus: Result) -> None:
    assert belarus.finding.startswith(
        "74.4% of the value of Belarus's output in 2022 arises at home and 15.8% in Russia; the imported "
        "input whose stop would hurt most is oil and gas extraction from Russia: 2.87 bn USD of value added "
        "(4.1%)"
    )
    assert "up to 21% if nothing could replace it, nil if another seller steps in." in belarus.finding


def test_it_says_what_the_table_lacks(belarus: Result) -> None:
    texts = [note.text for note in belarus.notes]
    assert any("no final demand by destination" in text for text in texts)
    assert any("Belarus published no trade for 2022" in text for text in texts)
    assert any("0.9% of the value is in small input cells" in text for text in texts)
    assert any("neither side published Belarus's trade with Russia" in text for text in texts)


def test_losses_are_ordered_and_ranked(belarus: Result) -> None:
    rows = part(belarus, "inputs")
    lost = [row["value_added_lost"] for row in rows]
    assert lost == sorted(lost, reverse=True)
    for row in rows:
        assert 0 <= row["share_lost"] <= row["share_lost_bottleneck"] + 1e-9
        assert row["share_lost_bottleneck"] <= row["share_lost_upper"] + 1e-9 <= 1 + 2e-9
    russia = part(belarus, "partners")[0]
    assert russia["country"] == "RUS"
    assert russia["value_added_lost"] > max(lost)


def test_figures_can_be_drawn(belarus: Result) -> None:
    content, hurt = belarus.figures
    assert (content.kind, hurt.kind) == ("bar", "bounds")
    assert "home" not in content.data.column("origin").to_pylist()
    assert content.options["labels"]["eaeu"] == "Rest of EAEU"
    assert all(spec(figure)["layer"] for figure in belarus.figures)
    json.loads(belarus.to_json())


@pytest.mark.parametrize("country", ["BLR", "RUS", "IRN", "PRK", "DEU"])
def test_candidates_name_nothing_under_a_measure(country: str) -> None:
    found, _ = hs_candidates(open_store(), country, "en")
    assert found is not None
    codes = found.data.column("product").to_pylist()
    law = load_catalogue()
    measures = law.select(country)
    if codes and measures:
        touched = match(law, codes, "HS1992", at=date(2024, 12, 31), measures=measures)
        assert not touched.possible.any()


def test_germany_depends_on_bauxite() -> None:
    """A country that publishes: imports from one seller, few sellers in the world, more than it exports."""
    found, unseen = hs_candidates(open_store(), "DEU", "en")
    assert found is not None
    (bauxite,) = [row for row in found.data.to_pylist() if row["product"] == "260600"]
    assert bauxite["years_met"] == 3
    assert bauxite["import_hhi"] > 0.4
    assert bauxite["world_hhi"] > 0.4
    assert bauxite["imports_to_exports"] > 1
    assert bauxite["density"] is None
    assert unseen == ()


def test_a_group_counts_as_home() -> None:
    answer = localisation(open_store(), "BLR", group="EAEU")
    assert "16.0% in the rest of the Eurasian Economic Union" in answer.finding
    assert not {row["country"] for row in part(answer, "inputs")} & {"BLR", "KAZ", "RUS"}
    assert any("Armenia and Kyrgyzstan" in note.text for note in answer.notes)
    assert answer.how.command == "entrepot localisation BLR --group eaeu --year 2022"


def test_sentences_name_countries_in_one_language() -> None:
    answer = localisation(open_store(), "USA", lang="ru")
    assert answer.subtitle.endswith("home is the United States")
    assert "the United States' output" in answer.finding


def test_the_hint_offers_no_option_that_was_not_given() -> None:
    for words, offered in (({"partner": "BLR"}, False), ({"partner": "RUS", "group": "eaeu"}, True)):
        with pytest.raises(InputError, match="counts as home") as error:
            localisation(open_store(), "BLR", **words)
        assert ("--group" in str(error.value.hint)) is offered


def test_one_industry_and_one_partner() -> None:
    answer = localisation(open_store(), "BLR", sector="machinery", partner="Russia")
    assert answer.finding.startswith("60.7% of the value of Belarus's machinery output in 2022")
    assert {row["country"] for row in part(answer, "inputs")} == {"RUS"}
    assert {row["sector"] for row in answer.table.to_pylist()} == {"C28"}
    assert answer.how.python == "ep.open().localisation('BLR', sector='C28', partner='RUS', year=2022)"


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        ({"country": "Narnia"}, InputError, "unknown country 'Narnia'"),
        ({"country": "UZB"}, DataError, "no data for Uzbekistan in the input-output table of 2022"),
        ({"sector": "C99"}, InputError, "unknown industry 'C99'"),
        ({"sector": "T"}, DataError, "no data for output of Household employers"),
        ({"partner": "BLR"}, InputError, "Belarus counts as home here"),
        ({"partner": "RUS", "group": "eaeu"}, InputError, "Russia counts as home here"),
        ({"group": "hanse"}, InputError, "unknown bloc 'hanse'"),
        ({"year": 1999}, DataError, "no data for an input-output table of 1999"),
    ],
)
def test_faults_are_explained(words: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as error:
        localisation(open_store(), **({"country": "BLR"} | words))
    assert error.value.hint  # type: ignore[attr-defined]


def test_the_command_prints_the_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["localisation", "BLR", "--sector", "C28", "--part", "inputs"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "60.7% of the value of Belarus's machinery output" in printed
    assert main(["localisation", "BLR", "--sector", "nonsense"]) == 2


@pytest.fixture
def small(tmp_path: Path) -> Store:
    return store_with(tmp_path / "store", industry((2020, 2021)))


def test_a_store_with_final_demand_decomposes_exports(small: Store) -> None:
    answer = localisation(small, "BLR")
    rows = {row["sector"]: row for row in part(answer, "exports")}
    made = decompose(Z, Y, Z.sum(axis=1) + Y.sum(axis=1))
    for place, sector in enumerate(SECTORS):
        assert rows[sector]["EXGR"] == pytest.approx(1e6 * (Z[place, 2:].sum() + Y[place, 1:].sum()), abs=1)
        assert rows[sector]["DVA"] == pytest.approx(1e6 * made["DVA"][place].sum(), abs=1)
        parts = [rows[sector][name] for name in ("DVA", "DDC", "FVA", "FDC")]
        assert sum(parts) == pytest.approx(rows[sector]["EXGR"], abs=3)
    assert not any("no final demand by destination" in note.text for note in answer.notes)
    assert "Borin and Mancini" in answer.part("exports").title


@pytest.mark.needs_shared
def test_exports_of_russia_in_a_full_table(shared: Path, tmp_path: Path) -> None:
    """WIOD 2011 as a store gives the numbers of exvatools, through the question."""
    with np.load(shared / "va-wiod-2011" / "wiot_2011.npz") as archive:
        sales, final = archive["Z"].astype(float), archive["F"].astype(float)
        codes = np.array([{"ROM": "ROU", "RoW": "ROW"}.get(str(c), str(c)) for c in archive["countries"]])
    final = final.reshape(len(sales), len(codes), 5).sum(axis=2)
    seller, sector = np.repeat(codes, 35), np.tile([f"I{k:02d}" for k in range(35)], 41)
    output = np.maximum(sales.sum(axis=1) + final.sum(axis=1), 0.0)

    def year(rows: int) -> pa.Array[Any]:
        return pa.array(np.full(rows, 2011, np.int16))

    i, j = np.nonzero(sales)
    k, c = np.nonzero(final)
    tables = {
        "industry_flows": pa.table({
            "year": year(len(i)), "seller_country": seller[i], "seller_sector": sector[i],
            "buyer_country": seller[j], "buyer_sector": sector[j], "value": sales[i, j],
        }),
        "industry_totals": pa.table({
            "year": year(len(output)), "country": seller, "sector": sector, "gross_output": output,
            "intermediate_use": sales.sum(axis=0), "final_use": np.maximum(final.sum(axis=1), 0.0),
        }),
        "final_demand": pa.table({
            "year": year(len(k)), "seller_country": seller[k], "seller_sector": sector[k],
            "buyer_country": codes[c], "value": final[k, c],
        }),
    }  # fmt: skip
    answer = localisation(store_with(tmp_path / "wiod", tables), "RUS")
    rows = part(answer, "exports")
    # Million USD; each of 35 rows is rounded to whole dollars.
    assert sum(row["DVA"] for row in rows) / 1e6 == pytest.approx(454178.574728, abs=1e-4)
    assert sum(row["VAX"] for row in rows) / 1e6 == pytest.approx(450019.608455, abs=1e-4)
    assert sum(row["FVA"] for row in rows) / 1e6 == pytest.approx(29584.0871205, abs=1e-4)
    assert "in the rest of the world; the imported input" in answer.finding


def test_a_group_is_one_exporter(small: Store) -> None:
    axes = read_industry(small)
    made, place = export_decomposition(small, axes, ("BLR", "RUS"))
    gross = Z[np.ix_([0, 1, 4, 5], [2, 3])].sum() + Y[[0, 1, 4, 5], 1].sum()
    assert made.by_exporter("EXGR")[place] == pytest.approx(gross)
    with pytest.raises(InputError, match="unknown country of the table 'USA'"):
        export_decomposition(small, axes, ("BLR", "USA"))


def test_faults_of_final_demand(tmp_path: Path) -> None:
    tables = industry()
    lacking = {**tables, "final_demand": tables["final_demand"].drop(["value"])}
    with pytest.raises(DataError, match=r"final_demand'? lacks the column value"):
        localisation(store_with(tmp_path / "a", lacking), "BLR")
    # Final demand ten times too large: output as the sum of sales still balances, and so does the answer.
    buyers = tables["final_demand"]["buyer_country"].to_pylist()
    odd = pa.array(["XXX" if buyer == buyers[0] else buyer for buyer in buyers])
    strange = tables["final_demand"].set_column(3, "buyer_country", odd)
    with pytest.raises(
        DataError, match="final_demand of 2020 names XXX, which industry_totals does not have"
    ):
        localisation(store_with(tmp_path / "b", {**tables, "final_demand": strange}), "BLR")


def test_content_of_a_small_table_by_hand(small: Store) -> None:
    output = Z.sum(axis=1) + Y.sum(axis=1)
    A = Z / output
    value = (1 - A.sum(axis=0))[:, None] * np.linalg.inv(np.eye(6) - A)
    answer = localisation(small, "BLR", year=2021)
    content = {(row["sector"], row["country"]): row["share"] for row in part(answer, "content")}
    for s, sector in enumerate(SECTORS):
        for c, country in enumerate(COUNTRIES):
            assert content[sector, country] == pytest.approx(value[2 * c : 2 * c + 2, s].sum(), abs=1e-9)
    assert answer.how.parameters["year"] == 2021
    assert "candidates_hs" not in [extra.name for extra in answer.parts]


def goods(rows: list[tuple[int, str, str, str, float]]) -> pa.Table:
    made = table(rows, "year exporter importer product value")
    return made.append_column("quantity", pa.nulls(made.num_rows, pa.float64()))


def test_the_rule_needs_two_years_of_three(small: Store) -> None:
    """Ore comes from one seller of three in the world for two years, tea for one; wheat is small."""
    rows = []
    for year in (2019, 2020, 2021):
        rows += [(year, "DEU", "BLR", "260600", 90.0), (year, "DEU", "RUS", "260600", 5.0)]
        rows += [(year, "RUS", "BLR", "090210", 50.0), (year, "KAZ", "BLR", "090210", 50.0 * (year != 2021))]
        rows += [(year, "DEU", "BLR", "100110", 0.01), (year, "BLR", "DEU", "090210", 40.0)]
    rows.append((2019, "BLR", "RUS", "260600", 500.0))
    small.write("flows", goods(rows), sources=[SOURCE], revision="HS1992", holds="three goods")
    answer = localisation(small, "BLR")
    (ore,) = part(answer, "candidates_hs")
    assert (ore["product"], ore["years_met"], ore["imports"]) == ("260600", 2, 90_000.0)
    assert ore["imports_to_exports"] is None
    assert ore["import_hhi"] == 1.0
    assert any("candidates_hs covers three goods only" in note.text for note in answer.notes)


def test_a_store_whose_goods_leave_the_country_out(small: Store) -> None:
    rows = [(2021, "DEU", "RUS", "260600", 90.0)]
    small.write("flows", goods(rows), sources=[SOURCE], revision="HS1992")
    assert "candidates_hs" not in [extra.name for extra in localisation(small, "BLR").parts]
    (row,) = [(2021, "DEU", "BLR", "260600", 90.0)]
    small.write("flows", goods([row]), sources=[SOURCE], revision="HS1992")
    assert part(localisation(small, "BLR"), "candidates_hs") == []


def test_parts_of_a_split_country_are_that_country(tmp_path: Path) -> None:
    """Belarus renamed CN1 and Germany CHN: one exporter, whose inner sales are not imports."""
    names = {"BLR": "CN1", "DEU": "CHN"}
    tables = {}
    for name, data in industry().items():
        for column in ("country", "seller_country", "buyer_country"):
            if column in data.column_names:
                new = pa.array([names.get(code, code) for code in data.column(column).to_pylist()])
                data = data.set_column(data.column_names.index(column), column, new)
        tables[name] = data
    answer = localisation(store_with(tmp_path / "split", tables), "CHN")
    assert {row["country"] for row in part(answer, "inputs")} == {"RUS"}
    russian = {row["sector"]: row["bought"] for row in part(answer, "inputs")}
    assert russian["B06"] == pytest.approx(1e6 * Z[4, :4].sum())
    totals: dict[str, float] = {}
    for row in answer.table.to_pylist():
        totals[row["sector"]] = totals.get(row["sector"], 0.0) + row["share"]
    assert totals == pytest.approx({"B06": 1.0, "C28": 1.0})


def test_a_table_without_inverse_is_explained(tmp_path: Path) -> None:
    tables = industry()
    totals = tables["industry_totals"]
    poor = totals.set_column(3, "gross_output", pa.array([1.0] * totals.num_rows))
    with pytest.raises(
        DataError, match="the input-output table of 2020 cannot be inverted: Z is not productive"
    ):
        localisation(store_with(tmp_path / "poor", {**tables, "industry_totals": poor}), "BLR")


def test_tables_that_do_not_belong_together(tmp_path: Path) -> None:
    tables = industry()
    fewer = tables["industry_totals"].slice(0, 4)
    with pytest.raises(
        DataError, match="the input-output table has RUS, which industry_totals does not have"
    ):
        localisation(store_with(tmp_path / "other", {**tables, "industry_totals": fewer}), "BLR")
    with pytest.raises(StoreError, match="no table 'industry_flows'"):
        localisation(Store.create(tmp_path / "empty"), "BLR")
