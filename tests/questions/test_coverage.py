"""Coverage on the embedded pack, and on a small store where every number can be reckoned by hand."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from entrepot.errors import DataError, InputError
from entrepot.measures import load_catalogue
from entrepot.questions.coverage import coverage, read_periods
from entrepot.report.charts import spec
from entrepot.result import Result, Source
from entrepot.store.store import Store, open_store

SOURCE = Source("toy", "A maker", "Toy flows", "1", "CC0", "https://example.org", date(2024, 1, 1))
# year, exporter, importer, product (HS1992), value in thousand USD
FLOWS = [
    (2019, "CAN", "RUS", "710812", 10.0),
    (2020, "RUS", "CAN", "710812", 1000.0),
    (2020, "RUS", "CAN", "270119", 500.0),
    (2020, "RUS", "CAN", "010111", 300.0),
    (2020, "CAN", "RUS", "847191", 200.0),
    (2020, "RUS", "DEU", "270900", 4000.0),
    (2020, "RUS", "DEU", "270119", 3000.0),
    (2020, "RUS", "GBR", "270119", 7000.0),
    (2020, "RUS", "FRA", "710812", 2000.0),
    (2020, "RUS", "FRA", "010111", 1000.0),
    (2021, "RUS", "DEU", "270119", 6000.0),
    (2022, "RUS", "DEU", "270119", 3650.0),
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Store:
    names = ("year", "exporter", "importer", "product", "value")
    columns = dict(zip(names, zip(*FLOWS, strict=True), strict=True))
    types = (pa.int16(), pa.string(), pa.string(), pa.string(), pa.float64())
    data = {name: pa.array(columns[name], type_) for name, type_ in zip(names, types, strict=True)}
    data["quantity"] = pa.nulls(len(FLOWS), pa.float64())
    store = Store.create(tmp_path_factory.mktemp("toy") / "store")
    store.write("flows", pa.table(data), sources=(SOURCE,), revision="HS1992")
    return store


@pytest.fixture(scope="module")
def pack() -> Store:
    return open_store()


def rows(result: Result) -> dict[tuple[str, str], dict[str, object]]:
    return {(row["sender"], row["direction"]): row for row in result.table.to_pylist()}


@pytest.mark.parametrize(
    ("at", "scope_rows", "codes"),
    [
        ("2021-12-31", 26, 26),
        ("2022-06-01", 372, 351),
        ("2023-12-31", 399, 367),
        ("2025-07-01", 436, 401),
        ("2025-09-01", 1334, 1157),
    ],
)
def test_canada_on_russia(pack: Store, at: str, scope_rows: int, codes: int) -> None:
    result = coverage(pack, "RUS", sender="CAN", at=at)
    display = result.display.data.to_pylist()[-1]
    assert (display["direction"], display["scope_rows"], display["codes"]) == ("all", scope_rows, codes)
    assert display["base_year"] == int(at[:4]) - 1
    expected = {
        "sender",
        "direction",
        "scope_rows",
        "codes",
        "lower",
        "upper",
        "share_lower",
        "share_upper",
        "base_year",
    }
    assert expected <= set(result.display.data.column_names)


def test_the_eu_on_russia_with_both_bounds(pack: Store) -> None:
    result = coverage(pack, "RUS", sender="EU")
    every = rows(result)
    total, imports = every["EU", "all"], every["EU", "import"]
    assert total["at"] == total["as_of"] == date(2022, 12, 4)
    assert (total["scope_rows"], total["codes"], total["base_year"]) == (1276, 1227, 2021)
    # Coal and gold are banned whole; crude oil has an exemption for pipelines, so it lies between the bounds.
    assert imports["lower"] == pytest.approx(6.510e9, rel=1e-3)
    assert imports["upper"] == pytest.approx(59.72e9, rel=1e-2)
    assert every["EU", "service"]["lower"] is None
    assert "between 6.5" in result.finding
    crude = next(m for m in result.part("measures").data.to_pylist() if m["measure"] == "eu-ru-833-XXV-crude")
    assert (crude["lower"], crude["since"], crude["precision"]) == (0.0, date(2022, 6, 4), "latest")


def test_bounds_by_hand(toy: Store) -> None:
    canada = rows(coverage(toy, "RUS", sender="Canada", at="2022-12-31", base=2020))
    # Gold (Schedule 9) is the only one of these goods under a Canadian ban at the end of 2022.
    assert canada["CAN", "import"]["trade"] == 1800e3
    assert canada["CAN", "import"]["lower"] == canada["CAN", "import"]["upper"] == 1000e3
    assert canada["CAN", "all"]["trade"] == 2000e3
    assert canada["CAN", "all"]["share_lower"] == pytest.approx(0.5)
    union = rows(coverage(toy, "RUS", sender="eu", base=2020))
    # The United Kingdom left in 2020: its 7,000 are not the sender's trade on 2022-12-04.
    assert union["EU", "import"]["trade"] == 10_000e3
    assert union["EU", "import"]["lower"] == 5000e3
    assert union["EU", "import"]["upper"] == 9000e3


def test_groups_list_covered_trade_only(toy: Store) -> None:
    result = coverage(toy, "RUS", sender="EU", base=2020, level=4)
    groups = {row["product"]: row for row in result.part("headings").data.to_pylist()}
    assert set(groups) == {"2701", "2709", "7108"}
    assert (groups["2709"]["lower"], groups["2709"]["upper"]) == (0.0, 4000e3)
    assert sum(row["upper"] for row in groups.values()) == rows(result)["EU", "import"]["upper"]
    assert {
        row["product"]
        for row in coverage(toy, "RUS", sender="EU", base=2020).part("chapters").data.to_pylist()
    } == {
        "27",
        "71",
    }


def test_years_weigh_their_own_trade(toy: Store) -> None:
    result = coverage(toy, "RUS", sender="EU", over=(2020, 2023))
    line = {row["period"]: row for row in result.part("timeline").data.to_pylist()}
    assert line["2021"]["upper"] == 0.0
    # Coal: known from the day of the consolidated text (28 days), possible from 2022-04-08 (268 days).
    assert line["2022"]["trade"] == 3650e3
    assert line["2022"]["lower"] == pytest.approx(3650e3 * 28 / 365)
    assert line["2022"]["upper"] == pytest.approx(3650e3 * 268 / 365)
    assert line["2023"]["trade"] is None
    assert line["2023"]["share_upper"] is None


def test_days_use_the_base_year(toy: Store) -> None:
    days = ["2022-07-07", "2022-07-08", "2025-07-01"]
    result = coverage(toy, "RUS", sender="CAN", at="2022-12-31", base=2020, over=days)
    assert result.part("timeline").data.column("lower").to_pylist() == [0.0, 1000e3, 1500e3]
    assert {row["trade"] for row in result.part("timeline").data.to_pylist()} == {2000e3}


def test_after_the_stamp_law_stands_with_a_warning_or_nothing_is_known(pack: Store) -> None:
    later = coverage(pack, "RUS", sender="EU", at="2022-12-31", carry_forward=False)
    total = rows(later)["EU", "all"]
    assert (total["scope_rows"], total["rows_possible"], total["lower"]) == (0, 1277, 0.0)
    assert total["upper"] > 5e10
    assert any(note.kind == "warning" and "ends on 2022-12-04" in note.text for note in later.notes)
    assert "--no-carry-forward" in later.how.command
    carried = coverage(pack, "RUS", sender="EU", at="2022-12-31")
    assert rows(carried)["EU", "all"]["lower"] > 6e9
    assert any(note.kind == "warning" and "2022-12-04" in note.text for note in carried.notes)


def test_all_senders_have_one_row_each(pack: Store) -> None:
    result = coverage(pack, "Russie")
    assert result.display.data.column("sender").to_pylist() == ["Canada", "EU"]
    assert result.display.data.column("at").to_pylist() == [date(2026, 7, 23), date(2022, 12, 4)]
    assert any("each sender is shown on the as-of date" in note.text for note in result.notes)


def test_guidance_counts_only_if_asked(pack: Store) -> None:
    result = coverage(pack, "RUS", kinds=("guidance",), carry_forward=False)
    assert set(result.display.data.column("sender").to_pylist()) == {
        "EU",
        "United Kingdom",
        "Japan",
        "United States",
    }
    assert all(row["scope_rows"] == 50 for row in result.display.data.to_pylist())


def test_the_loud_notes(pack: Store) -> None:
    result = coverage(pack, "RUS", sender="EU", at="2022-12-04")
    texts = [note.text for note in result.notes]
    assert "not legal advice" in texts[0]
    assert result.notes[0].kind == "warning"
    assert any("catalogue as of 2022-12-04" in text for text in texts)
    assert any("74 raw-material" in text for text in texts)
    assert any("kept apart: guidance, price cap, reference" in text for text in texts)
    assert "Not legal advice" in result.subtitle
    assert {source.id for source in result.sources} >= {"eu-833-2014"}


def test_trade_after_the_measures_is_named_as_such(pack: Store) -> None:
    result = coverage(pack, "RUS", sender="CAN", at="2025-09-01")
    assert "trade that had stopped is not in it" in result.finding


def test_no_trade_is_not_a_share(pack: Store) -> None:
    result = coverage(pack, "PRK", sender="CAN")
    total = rows(result)["CAN", "all"]
    assert total["lower"] is None
    assert total["base_year"] is None
    assert "holds no trade" in result.finding
    assert total["scope_rows"] == 24


def test_every_country_sends_for_the_united_nations(pack: Store) -> None:
    total = rows(coverage(pack, "PRK", sender="UN"))["UN", "all"]
    assert total["scope_rows"] == 24
    assert total["trade"] > 0


def test_the_figures_can_be_drawn(pack: Store) -> None:
    result = coverage(pack, "RUS", over=(2021, 2023))
    assert [figure.kind for figure in result.figures] == ["bounds", "calendar", "line"]
    for figure in result.figures:
        assert figure.alt
        assert spec(figure)
    labels = result.figures[1].data.column("label").to_pylist()
    assert "Annex XXVI: Gold (import)" in labels
    assert "Schedule 9: Gold (import)" in labels


def test_shares_that_are_next_to_nothing_are_not_drawn(pack: Store) -> None:
    assert [figure.kind for figure in coverage(pack, "BLR").figures] == ["calendar"]


def test_the_line_of_python_gives_the_same(pack: Store) -> None:
    result = coverage(pack, "RUS", sender="EU", at="2022-12-04", over=(2021, 2022), level=4, base=2021)
    parameters = {key: value for key, value in result.how.parameters.items() if key != "target"}
    again = coverage(pack, "RUS", **parameters)
    assert again.to_json() == result.to_json()
    assert result.how.command.startswith("entrepot coverage RUS --sender EU --at 2022-12-04")


def test_a_users_instrument_counts(toy: Store, tmp_path: Path) -> None:
    from tests.measures.test_loader import write

    law = load_catalogue(write(tmp_path / "nor"))
    result = coverage(toy, "RUS", sender="NOR", at="2023-06-01", catalogue=law)
    assert rows(result)["NOR", "all"]["scope_rows"] == 1
    assert coverage(toy, "RUS", sender="NOR", at="2023-06-01", catalogue=tmp_path).subject == "RUS"


def test_what_the_data_refuse(pack: Store) -> None:
    with pytest.raises(DataError, match="measures on Russia on 2010-01-01") as early:
        coverage(pack, "RUS", at="2010-01-01")
    assert early.value.hint is not None
    assert "2014-12-19" in early.value.hint
    with pytest.raises(DataError, match="measures on CHN") as unknown:
        coverage(pack, "CHN")
    assert unknown.value.hint is not None
    assert "BLR, PRK, RUS" in unknown.value.hint
    with pytest.raises(DataError, match="trade of EU with RUS in 1990"):
        coverage(pack, "RUS", sender="EU", base=1990)
    with pytest.raises(DataError, match="measures on RUS"):
        coverage(pack, "RUS", known_at="2020-01-01")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sender": "BRA"}, "holds no measure"),
        ({"sender": "xyzzy"}, "unknown sender"),
        ({"at": "31.12.2022"}, "is not a date"),
        ({"level": 6}, "level cannot be"),
        ({"kinds": ("embargo",)}, "kinds cannot be"),
        ({"over": (2023, 2021)}, "ends before it begins"),
        ({"over": [2021, "2022-01-01"]}, "mixes years and days"),
    ],
)
def test_what_the_words_refuse(pack: Store, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        coverage(pack, "RUS", **options)


def test_periods() -> None:
    assert [label for label, _, _ in read_periods((2020, 2022))] == ["2020", "2021", "2022"]
    assert [label for label, _, _ in read_periods([2020, 2022])] == ["2020", "2022"]
    assert [label for label, _, _ in read_periods(range(2020, 2022))] == ["2020", "2021"]
    assert read_periods(["2022-02-28"]) == (("2022-02-28", date(2022, 2, 28), date(2022, 3, 1)),)
    assert read_periods(("2020", "2021"))[0] == ("2020", date(2020, 1, 1), date(2021, 1, 1))


def test_years_before_all_law_are_refused(pack: Store) -> None:
    with pytest.raises(DataError, match="from 2005 to 2008"):
        coverage(pack, "RUS", sender="EU", over=(2005, 2008))
