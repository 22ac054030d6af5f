"""One equation on many products: the same numbers as alone, in order, and no failure stops the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.estimation import products
from entrepot.estimation.products import Job, estimate, product_gravity
from entrepot.estimation.world_gravity import world_gravity
from entrepot.result import Result
from entrepot.store.store import Store, open_store

CODES = ["260400", "710812", "810510"]
FORMULA = "trade ~ rta + sanctions | exporter^year + importer^year + exporter^importer"


@pytest.fixture(scope="module")
def pack() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def seen() -> list[tuple[int, int]]:
    return []


@pytest.fixture(scope="module")
def table(pack: Store, seen: list[tuple[int, int]]) -> Result:
    return product_gravity(
        pack, FORMULA, product=CODES, since=2018, workers=2, progress=lambda *at: seen.append(at)
    )


def test_each_product_has_the_numbers_of_a_run_by_itself(pack: Store, table: Result) -> None:
    rows = table.table.to_pylist()
    for code in CODES:
        alone = world_gravity(pack, FORMULA, product=code, since=2018)
        own = {row["term"]: row for row in rows if row["product"] == code}
        assert list(own) == ["rta", "sanctions"]
        for at, term in enumerate(alone.terms):
            # Another process: only rounding may differ.
            assert own[term]["coefficient"] == pytest.approx(alone.coefficients[at], rel=1e-12, abs=1e-12)
            assert own[term]["standard_error"] == pytest.approx(alone.standard_errors[at], rel=1e-12)
            assert own[term]["p"] == pytest.approx(alone.p_values[at], rel=1e-9)
        for row in own.values():
            assert (row["n"], row["pruned"], row["separated"]) == (alone.n, alone.pruned, alone.separated)


def test_rows_come_in_the_order_of_codes_and_progress_counts_them(
    table: Result, seen: list[tuple[int, int]]
) -> None:
    assert [row["product"] for row in table.table.to_pylist()] == [code for code in CODES for _ in range(2)]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_has_no_coefficient_is_named_with_the_reason(table: Result) -> None:
    none = {
        (row["product"], row["term"]): row["reason"]
        for row in table.table.to_pylist()
        if row["coefficient"] is None
    }
    assert none["260400", "sanctions"] == "0 in every row"
    assert table.part("without").data.num_rows == len(none)
    shown = table.display.data
    assert shown["coefficient"].null_count == 0
    assert shown.num_rows + len(none) == 6
    assert "no coefficient in" in table.finding


def test_each_term_has_a_chart_and_chance_is_counted(table: Result) -> None:
    assert [figure.name for figure in table.figures] == ["products-rta", "products-sanctions"]
    assert table.figures[0].data.num_rows == 3
    tested = table.display.data.num_rows
    assert any(f"{tested} coefficients are tested" in note.text for note in table.notes)


def test_the_answer_can_be_saved_in_every_format(table: Result, tmp_path: Path) -> None:
    for suffix in ("csv", "json", "parquet", "html", "tex"):
        assert table.save(tmp_path / f"t.{suffix}").stat().st_size > 500
    assert "unwrought gold" in (tmp_path / "t.tex").read_text()
    assert table.how.command.endswith("--product 260400,710812,810510 --since 2018 --by-product")
    assert {note.kind for note in table.notes} >= {"convention", "missing", "scope"}


def test_a_product_that_fails_leaves_the_others_alone(tmp_path: Path, pack: Store) -> None:
    rows = [
        ("270900", e, i, y, 1.0 + a)
        for a, (e, i) in enumerate(_pairs("DEU", "FRA", "ITA"))
        for y in (2019, 2020)
    ]
    rows += [("710812", "DEU", "FRA", 2019, 1.0)]
    code, exporter, importer, year, value = zip(*rows, strict=True)
    data = pa.table(
        {
            "year": pa.array(year, pa.int16()), "exporter": exporter, "importer": importer, "product": code,
            "value": value, "quantity": pa.array([None] * len(rows), pa.float64()),
        }
    )  # fmt: skip
    store = Store.create(tmp_path / "s")
    store.write("flows", data, sources=pack.sources("flows"), revision="HS1992")
    found = product_gravity(store, "trade ~ log_distance | exporter^year", workers=1)
    first, second = found.table.to_pylist()
    assert first["coefficient"] is not None
    assert (second["product"], second["term"], second["coefficient"]) == ("710812", "log_distance", None)
    assert "no row is left" in second["reason"]


def _pairs(*names: str) -> list[tuple[str, str]]:
    return [(one, other) for one in names for other in names if one != other]


def test_even_a_fault_of_ours_is_a_reason_and_not_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(products, "gravity", broken)
    (row,) = estimate(Job("270900", pa.table({"trade": [1.0]}), {}, "trade ~ rta", {}))
    assert row["reason"] == "unexpected ZeroDivisionError: by nothing"
    assert row["coefficient"] is None


def test_a_formula_that_fits_no_product_is_an_error(pack: Store) -> None:
    formula = "trade ~ log_distance | exporter^year + importer^year + exporter^importer"
    with pytest.raises(DataError, match="no product has a coefficient: absorbed by the fixed effects"):
        product_gravity(pack, formula, product=["260400", "260300"], since=2022, workers=1)


def test_words_that_cannot_be_understood_stop_before_any_work(pack: Store) -> None:
    with pytest.raises(InputError, match="workers cannot be 0"):
        product_gravity(pack, FORMULA, product=CODES, workers=0)
    with pytest.raises(InputError, match="unknown column 'region'"):
        product_gravity(pack, FORMULA, product=CODES, vcov="region")
    with pytest.raises(InputError, match="position"):
        product_gravity(pack, "trade ~ rta |", product=CODES)


def test_the_world_hands_it_on() -> None:
    found = ep.open().gravity(
        "trade ~ sanctions_pair | exporter^year + importer^year", product="2604", since=2023,
        by_product=True, workers=1,
    )  # fmt: skip
    assert found.table["product"].to_pylist() == ["260400"]
    assert np.isfinite(found.table["coefficient"][0].as_py())
