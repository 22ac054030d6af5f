"""Gravity on the store: the published numbers, the panel behind them, what the answer says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation import gravity
from entrepot.estimation.panel import axes, panel
from entrepot.estimation.world_gravity import world_gravity
from entrepot.result import Result
from entrepot.store.store import Store, open_store
from entrepot.world import blocs

THREE_WAY = "exporter^year + importer^year + exporter^importer"
# Those of METHODS 5a F, which counts Taiwan under TWN; the extract has it as S19, so that it is in no dummy.
SANCTIONING = {"GBR", "USA", "CAN", "JPN", "AUS", "NZL", "NOR", "CHE", "KOR", "ISL", "TWN"}
DUMMIES = f"trade ~ sanctioned + union + turn | {THREE_WAY}"
EAEU = ["ARM", "BLR", "KAZ", "KGZ", "RUS"]


@pytest.fixture(scope="module")
def pack() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def extract(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> ep.World:
    """The thirty years of the raw-materials extract as a store of its own."""
    wanted = ("270900", "710812")
    table = pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", filters=[("hs6", "in", wanted)])
    table = table.rename_columns(["year", "exporter", "importer", "product", "value", "quantity"])
    folder = tmp_path_factory.mktemp("extract") / "store"
    sources = open_store().sources("flows")
    Store.create(folder).write("flows", table, sources=sources, revision="HS1992", holds="two products")
    return ep.open(folder)


def _dummies(store: Store) -> pa.Table:
    """The three dummies of METHODS 5a F by exporter, importer and year, where one of them is 1."""
    grid = axes(store)
    names, year = np.array(grid.countries), np.array(grid.years)
    west = np.isin(names, sorted(SANCTIONING | blocs.members_in_year("eu", 2022)))
    russia, union, turn = names == "RUS", np.isin(names, EAEU), np.isin(names, ["CHN", "IND", "TUR"])
    apart = (west[:, None] & russia) | (russia[:, None] & west)
    late, joined = (year >= 2022)[:, None, None], (year >= 2015)[:, None, None]
    grids = {
        "sanctioned": late & apart,
        "union": joined & union[:, None] & union,
        "turn": late & russia[:, None] & turn,
    }
    t, i, j = np.nonzero(sum(grids.values()))
    ones = {name: grid[t, i, j].astype(float) for name, grid in grids.items()}
    return pa.table({"exporter": names[i], "importer": names[j], "year": year[t], **ones})


@pytest.mark.needs_shared
@pytest.mark.parametrize(
    ("product", "coefficients", "errors"),
    [
        ("270900", (-0.6185, 0.2554, 2.6455), (0.411, 0.719, 0.652)),
        ("710812", (-2.7923, 3.2362, -2.1752), (0.588, 0.889, 0.484)),
    ],
)
def test_three_dummies_on_thirty_years_of_oil_and_gold(
    extract: ep.World, product: str, coefficients: tuple[float, ...], errors: tuple[float, ...]
) -> None:
    # METHODS 5a F, to all printed digits; its panel counts what nobody reports as zero trade.
    extra = _dummies(extract.store)
    fit = extract.gravity(DUMMIES, product=product, since=1995, extra=extra, fill=0, silent="zero")
    np.testing.assert_allclose(fit.coefficients, coefficients, atol=5.1e-5)
    np.testing.assert_allclose(fit.standard_errors, errors, atol=5.1e-4)
    assert fit.n + sum(fit.removed.values()) == fit.rows


@pytest.mark.needs_shared
def test_by_default_what_nobody_reports_is_missing_and_that_matters(extract: ep.World) -> None:
    fit = extract.gravity(DUMMIES, product="710812", extra=_dummies(extract.store), fill=0)
    # 4,903 cells fewer than where silence counts as zero; the second digit moves, the finding does not.
    shift = fit.coefficients - (-2.7923, 3.2362, -2.1752)
    assert 0.01 < np.abs(shift).max() < 0.2


def test_pairs_without_trade_are_spared_and_nothing_changes(pack: Store) -> None:
    formula = f"trade ~ sanctions_pair + rta | {THREE_WAY}"
    fit = world_gravity(pack, formula, product="260300", since=2018)
    found = panel(pack, "260300", since=2018)
    from entrepot.estimation.regressors import Places, columns

    grids = columns(["sanctions_pair", "rta"], Places(found.axes.countries, found.axes.years))
    whole = gravity(formula, found.frame(grids), unidentified="drop")
    np.testing.assert_allclose(fit.coefficients, whole.coefficients, rtol=0, atol=1e-12)
    np.testing.assert_allclose(fit.standard_errors, whole.standard_errors, rtol=0, atol=1e-12)
    assert (fit.rows, fit.n, fit.pruned, fit.separated) == (
        whole.rows,
        whole.n,
        whole.pruned,
        whole.separated,
    )
    assert fit.removed == whole.removed
    assert fit.spared


def test_without_pair_effects_every_cell_counts(pack: Store) -> None:
    formula = "trade ~ log_distance + contig | exporter^year + importer^year"
    fit = world_gravity(pack, formula, product="270900", since=2023)
    assert not fit.spared
    assert -3 < fit.coefficients[0] < -1
    assert fit.terms == ("log_distance", "contig")


def test_cells_without_a_known_regressor_are_counted_out(tmp_path: Path) -> None:
    table = pa.table(
        {
            "year": pa.array([2020] * 5, pa.int16()), "product": ["270900"] * 5,
            "exporter": ["PUS", "DEU", "FRA", "DEU", "USA"], "importer": ["USA", "FRA", "USA", "USA", "DEU"],
            "value": [1.0, 2.0, 3.0, 4.0, 5.0], "quantity": pa.array([None] * 5, pa.float64()),
        }
    )  # fmt: skip
    store = Store.create(tmp_path / "s")
    store.write("flows", table, sources=open_store().sources("flows"), revision="HS1992")
    fit = world_gravity(store, "trade ~ log_distance", product="270900")
    # Four sellers and three buyers, three of the pairs with oneself: PUS sells to each of the three.
    assert fit.removed == {"log_distance is not known": 3}
    assert (fit.rows, fit.n) == (9, 6)
    assert "3 of 9 rows are left out: log_distance is not known." in [n.text for n in fit.to_result().notes]


def test_the_answer_says_what_the_panel_holds_and_how_to_repeat_it(pack: Store) -> None:
    fit = world_gravity(pack, product="710812", since=1995)
    result = fit.to_result()
    texts = [note.text for note in result.notes]
    assert texts[0] == "1995 was asked for, but the store's flows begin in 2012: that is the first year."
    assert any("are zeros filled in" in text for text in texts)
    assert any("neither side reports" in text and "not zero" in text for text in texts)
    assert any("rta counts the EU" in text for text in texts)
    assert any("Department of Justice Canada" in text for text in texts)
    assert {source.id for source in result.sources} >= {"ca-sor-2014-58"}
    assert result.sources[0].producer == "CEPII"
    assert result.subject == "710812"
    assert result.how.command.startswith("entrepot gravity 'trade ~ rta + sanctions | ")
    assert result.how.command.endswith("--product 710812 --since 1995")
    assert result.how.python.startswith("ep.open().gravity('trade ~ ")
    again = eval(result.how.python, {"ep": ep})
    np.testing.assert_array_equal(again.coefficients, fit.coefficients)


def test_the_answer_names_what_is_traded_and_when(pack: Store) -> None:
    result = world_gravity(pack, product=["270900", "gold"], since=2020, vcov="year").to_result()
    assert result.subtitle.startswith(
        "HS1992 270900 crude oil, 710812 unwrought gold, 2020 to 2024; trade ~ "
    )
    assert result.figures[0].subtitle.endswith(
        "; HS1992 270900 crude oil, 710812 unwrought gold, 2020 to 2024"
    )
    assert (
        result.part("left-out").data["reason"][0].as_py() == "trade is zero throughout a fixed-effect group"
    )
    warned = [note.text for note in result.notes if note.kind == "warning"]
    assert any("rest on 5 clusters: with fewer than 40" in text for text in warned)
    # A term with a coefficient has no reason, which is not the same as one that nobody observed.
    assert result.display.data["reason"].to_pylist() == ["absorbed by the fixed effects", ""]


@pytest.mark.parametrize("by_product", [False, True])
def test_no_option_is_lost_in_the_lines_that_repeat_it(pack: Store, by_product: bool) -> None:
    formula = f"trade ~ sanctions + eaeu | {THREE_WAY}"
    options: dict[str, Any] = {"product": "crude oil", "since": 2019, "silent": "zero", "correct": True}
    found = ep.open().gravity(formula, by_product=by_product, **options)
    result = found if isinstance(found, Result) else found.to_result()
    wanted = "--product 'crude oil' --since 2019 --silent zero --correct" + " --by-product" * by_product
    assert result.how.command == f"entrepot gravity '{formula}' {wanted}"
    again = eval(result.how.python, {"ep": ep})
    assert (again if by_product else again.to_result()).main.data.equals(result.main.data)
    assert any("corrected for estimated fixed effects" in note.text for note in result.notes)


def test_what_the_command_line_does_not_have_is_repeated_in_python(pack: Store) -> None:
    rows = pa.table({"exporter": ["RUS"], "mine": [1.0]})
    formula = "trade ~ mine | importer^year"
    fit = world_gravity(pack, formula, product="260400", since=2023, extra=rows, fill=0.0)
    assert fit.command.endswith("--extra extra.csv --fill 0.0")
    assert fit.call.endswith("since=2023, extra=extra, fill=0.0)")
    assert eval(fit.call, {"ep": ep, "extra": rows}).coefficients[0] == fit.coefficients[0]
    weighted = world_gravity(
        pack, formula, product="260400", since=2023, extra=rows, fill=0.0, unidentified="refuse"
    )
    assert weighted.command == weighted.call


def test_where_no_term_has_a_coefficient_the_hint_does_not_offer_to_drop_it(pack: Store) -> None:
    with pytest.raises(DataError, match="no term has a coefficient: 'rta' is absorbed") as caught:
        world_gravity(pack, product="270900", since=2023)
    assert "dropped" not in str(caught.value.hint)


def test_value_is_trade_and_products_add_up(pack: Store) -> None:
    formula = "{} ~ sanctions_pair | exporter^year + importer^year"
    both = [
        world_gravity(pack, formula.format(name), product=["260300", "260400"], since=2023)
        for name in ("trade", "value")
    ]
    assert both[0].coefficients == both[1].coefficients
    assert both[0].subject == "2 products"


@pytest.mark.parametrize(
    ("change", "error", "words", "hint"),
    [
        ({"formula": "trade ~ rtaa"}, InputError, "unknown column 'rtaa'", "did you mean 'rta'?"),
        ({"formula": "trade ~ gdp"}, InputError, "unknown column 'gdp'", "--regressors"),
        ({"vcov": "region"}, InputError, "unknown column 'region'", "--regressors"),
        ({"product": "999999"}, DataError, "no data for product 999999", "raw materials"),
        ({"product": "unobtainium"}, InputError, "unknown product", "did you mean"),
        ({"since": 2030}, DataError, "from 2030", "from 2012 to 2024"),
        ({"formula": f"trade ~ log_distance | {THREE_WAY}"}, DataError, "absorbed", "out of the formula"),
        (
            {"extra": {"exporter": ["RUS"], "x": [1.0]}, "formula": "trade ~ x"},
            DataError,
            "no value in",
            "--fill",
        ),
        ({"extra": [1]}, InputError, "must be a data frame", "pandas"),
    ],
)
def test_faults_are_one_clear_line(
    pack: Store, change: dict[str, Any], error: type[Exception], words: str, hint: str
) -> None:
    asked = {"formula": "trade ~ rta", "product": "260400", "since": 2023, **change}
    with pytest.raises(error, match=words) as caught:
        world_gravity(pack, **asked)
    assert hint in str(caught.value.hint)
    assert "\n" not in str(caught.value)
