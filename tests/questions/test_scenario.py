from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import DataError, InputError
from entrepot.questions.scenario import Scenario, read_scenario, shipped, shock_arrays
from entrepot.questions.scenario_text import find_lines
from entrepot.world import sectors

HEAD = """title = "Test"
author = "tester"
summary = "Something is assumed."
base_year = 2022
"""
HEAD_LINES = 4
TABLE = ("BLR", "DEU", "KAZ", "POL", "RUS", "USA", "ROW")


@pytest.fixture
def write(tmp_path: Path):
    def at(text: str, head: str = HEAD) -> Path:
        path = tmp_path / "own.toml"
        path.write_text(head + text, encoding="utf-8")
        return path

    return at


def shock(kind: str, *lines: str, sides: str = 'exporters = ["RUS"]\nimporters = ["DEU"]') -> str:
    return "\n".join(["[[shock]]", f'kind = "{kind}"', sides, *lines, ""])


def arrays(path: Path, countries=TABLE, codes=None):
    return shock_arrays(read_scenario(path), countries, codes or sectors.codes())


def test_every_shipped_scenario_reads_and_says_what_it_assumes() -> None:
    assert shipped() == (
        "blr-measures-lifted",
        "blr-partner-pool",
        "eaeu-deeper",
        "rus-measures-lifted",
        "west-russia-ban",
    )
    for name in shipped():
        scenario = read_scenario(name)
        assert isinstance(scenario, Scenario)
        assert scenario.name == name
        assert scenario.author == "entrepot"
        assert scenario.reference
        assert scenario.summary.endswith(".")
        assert (scenario.base_year, scenario.sweep, scenario.theta) == (2022, (3.0, 5.0, 8.0), 5.0)


def test_shipped_scenarios_touch_the_embedded_table() -> None:
    import entrepot as ep

    store = ep.open().store
    rows = store.collect(store.table("industry_totals").select("country").unique())
    countries = sorted(rows.column("country").to_pylist())
    missing = {}
    for name in shipped():
        found = shock_arrays(read_scenario(name), countries, sectors.codes())
        touched = np.abs(found.trade_effect).sum() + (0 if found.ban is None else found.ban.sum())
        assert touched > 0
        missing[name] = [note for note in found.notes if note.startswith("The table lacks")]
    assert missing["eaeu-deeper"] == ["The table lacks ARM, KGZ, so the ntb at line 16 leaves them out."]
    assert missing["blr-partner-pool"] == []


def test_partner_pool_names_the_partner_that_a_table_lacks() -> None:
    found = shock_arrays(read_scenario("blr-partner-pool"), ("BLR", "PAK", "IDN", "VNM", "ARE"), ("C20",))
    assert any("lacks EGY" in note for note in found.notes)


def test_a_ban_both_ways_leaves_home_and_third_trade_alone(write) -> None:
    found = arrays(write(shock("ban", "both_ways = true", 'sectors = ["B06"]')))
    expected = np.zeros((7, 7, 50))
    expected[4, 1, 4] = expected[1, 4, 4] = 1
    assert sectors.codes()[4] == "B06"
    assert np.array_equal(found.ban, expected)
    assert found.cost_hat is None
    assert found.tariffs is None
    assert found.export_tax is None
    assert found.effects == ()
    assert found.costs(5.0) is None


def test_blocs_have_the_members_of_their_day(write) -> None:
    eu = 'exporters = ["eu"]\nimporters = ["USA"]'
    before = read_scenario(write(shock("ban", "at = 2019-12-31", sides=eu))).shocks[0]
    default = read_scenario(write(shock("ban", sides=eu))).shocks[0]
    assert "GBR" in before.exporters
    assert "GBR" not in default.exporters
    among = read_scenario(write(shock("ban", sides='exporters = "eaeu"\nimporters = "EAEU"'))).shocks[0]
    assert len(among.pairs()) == 20
    others = read_scenario(write(shock("ban", sides='exporters = ["*", "-eu"]\nimporters = "BLR"'))).shocks[0]
    assert "USA" in others.exporters
    assert "DEU" not in others.exporters


def test_taxes_are_read_in_percent_and_changes_add_up(write) -> None:
    found = arrays(
        write(
            shock("tariff", "change = 10")
            + shock("tariff", "change = 5", 'sectors = ["C19"]')
            + shock("export_tax", "rate = 25")
        )
    )
    place = sectors.codes().index("C19")
    assert found.tariffs[4, 1, place] == pytest.approx(0.15)
    assert found.tariffs[4, 1, 0] == pytest.approx(0.10)
    assert found.export_tax[4, 1, 0] == 0.25
    assert found.tariffs.sum() == pytest.approx(49 * 0.10 + 0.15)


def test_costs_combine_costs_and_trade_effects(write) -> None:
    found = arrays(
        write(shock("ntb", "cost = -10") + shock("ntb", "trade_effect = 0.4", "spread = 0.1")),
    )
    assert found.cost_hat[4, 1, 0] == pytest.approx(0.9)
    assert found.costs(4.0)[4, 1, 0] == pytest.approx(0.9 * math.exp(-0.1))
    assert found.costs(np.full(50, 4.0), sizes=[0.8])[4, 1, 0] == pytest.approx(0.9 * math.exp(-0.2))
    assert found.costs(4.0)[1, 4, 0] == 1
    assert (found.effects[0].mean, found.effects[0].sd, found.effects[0].line) == (0.4, 0.1, 10)


@given(st.floats(0.5, 90))
def test_price_caps_leave_the_exporter_the_capped_price(discount: float) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cap.toml"
        for rent, name in (("importer", "tariffs"), ("exporter", "export_tax"), ("lost", "cost_hat")):
            text = shock("price_cap", f"discount = {discount!r}", f'rent = "{rent}"')
            path.write_text(HEAD + text, encoding="utf-8")
            wedge = getattr(arrays(path), name)[4, 1, 0] + (0 if rent == "lost" else 1)
            assert 1 / wedge == pytest.approx(1 - discount / 100)


def test_measures_weigh_bans_by_the_share_of_codes(write) -> None:
    law = 'target = "RUS"\nsenders = ["EU"]\nat = 2022-12-31'
    lower = arrays(write(shock("measures", sides=law)))
    upper = arrays(write(shock("measures", 'bound = "upper"', sides=law)))
    coal = sectors.codes().index("B05")
    assert lower.ban[4, 1, coal] == lower.ban[1, 4, coal] == 1
    assert (lower.ban <= upper.ban).all()
    assert (upper.ban <= 1).all()
    assert lower.ban.sum() < upper.ban.sum()
    outsiders = [TABLE.index(iso3) for iso3 in ("BLR", "KAZ", "USA", "ROW")]
    assert upper.ban[outsiders].sum() == upper.ban[:, outsiders].sum() == 0
    services = [k for k, code in enumerate(sectors.codes()) if sectors.group(code) == "services"]
    assert upper.ban[..., services].sum() == 0
    assert any("already holds" in note for note in lower.notes)
    steel = sectors.products_of("C24A")
    assert lower.ban[1, 4, sectors.codes().index("C24A")] * len(steel) == pytest.approx(
        round(lower.ban[1, 4, sectors.codes().index("C24A")] * len(steel))
    )


def test_measures_keep_the_direction_of_the_law(write) -> None:
    law = 'target = "BLR"\nsenders = ["EU"]\nat = 2022-12-31'
    ban = arrays(write(shock("measures", sides=law))).ban
    steel, machines = sectors.codes().index("C24A"), sectors.codes().index("C28")
    bought, sold = ban[TABLE.index("BLR"), TABLE.index("DEU")], ban[TABLE.index("DEU"), TABLE.index("BLR")]
    assert bought[steel] > 0.9
    assert sold[steel] == 0
    assert sold[machines] > 0.5
    assert bought[machines] == 0


def test_lifting_undoes_what_the_measures_took(write) -> None:
    law = 'target = "RUS"\nsenders = ["EU"]\nat = 2022-12-31'
    banned = arrays(write(shock("measures", sides=law)))
    lifted = arrays(write(shock("lift", "trade_effect = 1.259", "spread = 0.3", sides=law)))
    left = 1 - banned.ban + banned.ban * math.exp(-1.259)
    assert np.allclose(lifted.trade_effect, -np.log(left), atol=1e-12)
    weight = lifted.effects[0].weight
    assert 0 <= weight.min() < weight.max() <= 1 + 1e-12
    assert lifted.effects[0].sd == 0.3
    assert lifted.ban is None


def test_a_lifting_without_law_raises_the_whole_flow(write) -> None:
    found = arrays(write(shock("lift", "trade_effect = 0.5", 'sectors = ["mining"]')))
    assert found.trade_effect[4, 1].sum() == pytest.approx(0.5 * 5)


def test_theta_by_sector_fills_up_with_the_common_value(write) -> None:
    theta = "[theta]\nvalue = 4\nspread = 0.1\nsweep = [2]\n[theta.by_sector]\nC19 = 9.5\nmining = 7\n"
    scenario = read_scenario(write(theta + shock("ban")))
    assert scenario.theta["C19"] == 9.5
    assert scenario.theta["B05"] == 7
    assert scenario.theta["A01"] == 4
    assert len(scenario.theta) == 50
    assert (scenario.theta_spread, scenario.sweep) == (0.1, (2.0,))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "no shock"),
        ("shock = []\n", 5, "no shock"),
        ("shock = 3\n", 5, "list of tables"),
        ("theta = 5\n" + shock("ban"), 5, "theta must be a table"),
        ("[theta]\nvalue = -3\n" + shock("ban"), 6, "value is -3; it must be above 0"),
        ("[theta]\nvalue = 1" + 400 * "0" + "\n" + shock("ban"), 6, "too large"),
        ("[theta]\nvalue = nan\n" + shock("ban"), 6, "value is nan"),
        ("[theta]\nsweep = [3, -5]\n" + shock("ban"), 6, "sweep is -5"),
        ("[theta]\nsweep = [3, 3]\n" + shock("ban"), 6, "twice"),
        ("[theta.by_sector]\nC99 = 3\n" + shock("ban"), 6, "no sector 'C99'"),
        ("[theta.by_sector]\nC19 = 3\nmanufacturing = 4\n" + shock("ban"), 7, "C19 has two"),
        ("theta = { value = 0 }\n" + shock("ban"), 5, "above 0"),
        ('modle = "one-sector"\n' + shock("ban"), 5, r"no key 'modle' \(hint: did you mean 'model'"),
        ('model = "one-sectors"\n' + shock("ban"), 5, "did you mean 'one-sector'"),
        ('deficits = "none"\n' + shock("ban"), 5, "deficits cannot be 'none'"),
        (shock("bann"), 6, "did you mean 'ban'"),
        ("[[shock]]\n", 5, "'kind' is missing"),
        ("[[shock]]\nkind = 5\n", 6, "kind must be text, not a number"),
        (shock("ban", "rate = 5"), 9, "no key 'rate'"),
        (shock("ban", sides='exporters = ["Atlantis"]\nimporters = ["DEU"]'), 7, "unknown country or bloc"),
        (shock("ban", sides='exporters = ["Belarsu"]\nimporters = ["DEU"]'), 7, "did you mean"),
        (shock("ban", sides='exporters = ["RUS"]'), 5, "'importers' is missing"),
        (shock("ban", sides='exporters = []\nimporters = ["DEU"]'), 7, "empty list"),
        (shock("ban", sides='exporters = [5]\nimporters = ["DEU"]'), 7, "list of words"),
        (shock("ban", sides='exporters = "RUS"\nimporters = "Russia"'), 8, "both RUS"),
        (shock("ban", sides='exporters = ["eu", "-eu"]\nimporters = "RUS"'), 7, "names no country"),
        (shock("ban", 'sectors = ["C24"]'), 9, "did you mean"),
        (shock("ban", 'both_ways = "yes"'), 9, "true or false, not text"),
        (shock("ban", 'at = "2022-13-01"'), 9, "not a date"),
        (shock("tariff"), 5, "give rate or change"),
        (shock("tariff", "rate = 5", "change = 5"), 10, "cannot both"),
        (shock("tariff", "rate = -5"), 9, "rate is -5"),
        (shock("tariff", "change = -5"), 9, "ntb"),
        (shock("tariff", 'rate = "5%"'), 9, "rate must be a number, not text"),
        (shock("tariff", "rate = true"), 9, "rate must be a number, not true"),
        (shock("ntb", "cost = -100"), 9, "above -100"),
        (shock("ntb", "cost = 5", "spread = 1"), 10, "spread needs a trade_effect"),
        (shock("ntb", "trade_effect = inf"), 9, "inf"),
        (shock("lift", "trade_effect = -1"), 9, "above 0"),
        (shock("lift", "trade_effect = 1", 'bound = "upper"'), 10, "bound needs measures"),
        (shock("price_cap", "discount = 100"), 9, "below 100"),
        (shock("measures", sides='target = "RUS"\nsenders = ["EU"]'), 5, "'at' is missing"),
        (shock("measures", "at = 2022-12-31", sides='target = "RUS"'), 5, "'senders' is missing"),
        (shock("measures", sides='target = "RUS"\nsenders = ["UE"]\nat = 2022-12-31'), 8, "unknown country"),
        (
            shock("lift", "trade_effect = 1", sides='target = "RUS"\nsenders = "EU"\nimporters = "DEU"'),
            9,
            "cannot stand beside",
        ),
    ],
)
def test_faults_name_the_file_and_the_line(write, text: str, line: int, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read_scenario(write(text))
    assert f"own.toml, line {line}: " in str(caught.value)
    assert caught.value.exit_code == 2


CAP = shock("price_cap", "discount = 20")
LAW = 'target = "RUS"\nsenders = ["EU"]\nat = 2022-12-31'


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (shock("ban"), shock("tariff", "rate = 5")),
        (shock("ban"), shock("ntb", "cost = 5")),
        (shock("ban"), shock("lift", "trade_effect = 1")),
        (shock("ban"), shock("lift", "trade_effect = 1", sides=LAW)),
        (shock("ban"), CAP),
        (shock("tariff", "rate = 5"), shock("tariff", "rate = 6")),
        (shock("tariff", "rate = 5"), shock("tariff", "change = 5")),
        (shock("tariff", "rate = 5"), CAP),
        (shock("measures", sides=LAW), shock("lift", "trade_effect = 1", sides=LAW)),
        (shock("lift", "trade_effect = 1"), shock("lift", "trade_effect = 1")),
        (CAP, CAP),
    ],
)
def test_contradictions_name_both_lines(write, first: str, second: str) -> None:
    later = HEAD_LINES + first.count("\n") + 1
    for text in (first + second, second + first):
        with pytest.raises(InputError, match=r"contradicts the .* at line 5") as caught:
            read_scenario(write(text))
        expected = later if text.startswith(first) else HEAD_LINES + second.count("\n") + 1
        assert f"line {expected}: " in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        shock("ban", 'sectors = ["B06"]') + shock("tariff", "rate = 5", 'sectors = ["C19"]'),
        shock("ban") + shock("tariff", "rate = 5", sides='exporters = "DEU"\nimporters = "RUS"'),
        shock("tariff", "rate = 5") + shock("tariff", "rate = 5"),
        shock("tariff", "rate = 5") + shock("export_tax", "rate = 6") + shock("ntb", "cost = 3"),
        shock("ban") + shock("measures", sides=LAW),
    ],
)
def test_what_is_no_contradiction(write, text: str) -> None:
    assert len(read_scenario(write(text)).shocks) > 1


def test_contradiction_through_both_ways_and_blocs(write) -> None:
    tariff = shock("tariff", "rate = 5", sides='exporters = "USA"\nimporters = "RUS"')
    ban = shock("ban", "both_ways = true", sides='exporters = ["RUS"]\nimporters = ["g7"]')
    with pytest.raises(InputError, match=r"line 10: this ban contradicts the tariff at line 5: .*USA to RUS"):
        read_scenario(write(tariff + ban))


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b'title = "a"\nauthor = \n', 2),
        (b'title = "a"\ntitle = "b"\n', 2),
        (b'title = "a"\n\nsummary = "open', 3),
        (b'title = "a"\nauthor = "\xff"\n', 2),
    ],
)
def test_broken_toml_names_the_line(tmp_path: Path, raw: bytes, line: int) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=rf"broken\.toml, line {line}: this is no"):
        read_scenario(path)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (HEAD.replace("title", "#"), "'title' is missing"),
        (HEAD.replace('"Test"', '" "'), "line 1: title is empty"),
        (HEAD.replace("2022", '"2022"'), "line 4: base_year must be a whole number, not text"),
        (HEAD.replace("2022", "22"), "line 4: base_year 22 is no year"),
        (HEAD.replace("2022", "true"), "line 4: base_year must be"),
        (HEAD.replace("summary", "sumary"), "did you mean 'summary'"),
    ],
)
def test_the_head_is_checked(write, head: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_scenario(write(shock("ban"), head))


def test_the_example_of_the_docs_reads(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "scenario-format.md"
    path = tmp_path / "example.toml"
    path.write_text(page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0], encoding="utf-8")
    scenario = read_scenario(path)
    assert [row.kind for row in scenario.shocks] == ["price_cap", "ntb"]
    found = shock_arrays(scenario, TABLE, sectors.codes())
    assert found.tariffs.max() == pytest.approx(0.25)


def test_unknown_scenario_names_near_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'west-russia-ban'"):
        read_scenario("west-rusia-ban")
    with pytest.raises(InputError, match="shipped scenarios: blr-measures-lifted"):
        read_scenario(tmp_path / "nothing.toml")
    with pytest.raises(InputError, match="folder"):
        read_scenario(tmp_path)


def test_lines_are_found_past_long_values() -> None:
    text = "\n".join(
        [
            'summary = """',
            "[[shock]]",
            'kind = "no" """',
            'note = "a # [ { b" # [[shock]] [',
            "list = [",
            '  "x", # ]',
            "  [1, 2],",
            "]",
            "[theta] # table",
            "value = 4",
            "[[ shock ]]",
            '"kind" = "ban"',
            "[[shock]]",
            "a.b = 1",
            "lit = '''",
            "c = 1 '''",
            "[shock.inner]",
            "deep = 2",
        ]
    )
    found = find_lines(text)
    assert found["summary",] == 1
    assert found["note",] == 4
    assert found["list",] == 5
    assert found["theta",] == 9
    assert found["theta", "value"] == 10
    assert found["shock", 0] == found["shock",] == 11
    assert found["shock", 0, "kind"] == 12
    assert found["shock", 1] == 13
    assert found["shock", 1, "a", "b"] == 14
    assert found["shock", 1, "lit"] == 15
    assert found["shock", 1, "inner", "deep"] == 18
    assert ("kind",) not in found
    assert ("shock", 1, "c") not in found


def test_a_table_without_the_countries_is_refused_by_name(write) -> None:
    path = write(shock("ban"))
    with pytest.raises(DataError, match=r"the ban at line 5 of .*own\.toml"):
        arrays(path, ("BLR", "KAZ"))
    with pytest.raises(DataError, match="line 5"):
        arrays(write(shock("ban", 'sectors = ["B06"]')), TABLE, ("C19",))


def test_law_that_the_catalogue_does_not_hold_is_refused_by_line(write) -> None:
    norway = 'target = "RUS"\nsenders = ["NOR"]\nat = 2022-12-31'
    with pytest.raises(InputError, match="line 5: the catalogue holds no measure of NOR"):
        arrays(write(shock("measures", sides=norway)), (*TABLE, "NOR"))
    kazakhstan = 'target = "KAZ"\nsenders = ["EU"]\nat = 2022-12-31'
    with pytest.raises(DataError, match="line 5: no data for measures on KAZ"):
        arrays(write(shock("measures", sides=kazakhstan)))
    early = 'target = "RUS"\nsenders = ["EU"]\nat = 2010-12-31'
    with pytest.raises(DataError, match=r"line 5 .* bound of the share"):
        arrays(write(shock("measures", sides=early)))


def test_dates_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    text = HEAD + shock("ban", 'at = "2022-01-01"') + shock("tariff", "rate = 5")
    path.write_bytes(text.replace("\n", "\r\n").encode())
    with pytest.raises(InputError, match="line 10: this tariff contradicts the ban at line 5"):
        read_scenario(path)
    path.write_bytes((HEAD + shock("ban", 'at = "2022-01-01"')).replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_scenario(path).shocks[0].at == date(2022, 1, 1)
