"""The baseline product by product is the baseline of all products at once."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from entrepot.errors import DataError, InputError
from entrepot.estimation import baseline
from entrepot.estimation.baseline import expected_flows
from entrepot.models import detection as dd
from entrepot.store.store import Store, open_store

EXPORTERS = ["DEU", "FRA", "ITA", "POL"]
IMPORTERS = ["ARM", "KAZ", "TUR"]
CONTROLS = ["KAZ", "TUR", "IND", "BRA", "CHN", "USA"]
BEFORE, AFTER = [2020, 2021], [2023]


@pytest.fixture(scope="module")
def pack() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def codes(pack: Store) -> list[str]:
    found = pack.collect(pack.table("flows").select("product").unique())
    return sorted(found["product"].to_pylist())


@pytest.fixture(scope="module")
def goods(codes: list[str]) -> list[str]:
    return [code for code in codes if code[:2] in ("25", "26", "71")]


@pytest.fixture(scope="module")
def others(codes: list[str]) -> list[str]:
    return [code for code in codes if code[:2] in ("28", "72", "81")]


def asked(store: Store, goods: Sequence[str], others: Sequence[str], workers: int = 1) -> pa.Table:
    return expected_flows(
        store, EXPORTERS, IMPORTERS, before=BEFORE, after=AFTER, products=goods, controls=CONTROLS,
        others=others, workers=workers,
    )  # fmt: skip


def at_once(store: Store, goods: Sequence[str], others: Sequence[str]) -> pa.Table:
    """Put everything into one table of rows, as the question ``diversion`` does."""
    axis = sorted({*EXPORTERS, *IMPORTERS, *CONTROLS})
    years = [*BEFORE, *AFTER]

    def trade(codes: Sequence[str], products: int, place: dict[str, int]) -> dd.Trade:
        frame = store.table("flows").filter(
            nw.col("product").is_in(list(codes)), nw.col("exporter").is_in(EXPORTERS),
            nw.col("importer").is_in(axis), nw.col("exporter") != nw.col("importer"),
            nw.col("year").is_in(years),
        )  # fmt: skip
        rows = store.collect(frame).to_pylist()
        return dd.trade(
            [axis.index(row["exporter"]) for row in rows],
            [axis.index(row["importer"]) for row in rows],
            [place[row["product"]] for row in rows],
            [years.index(row["year"]) for row in rows],
            [1e3 * row["value"] for row in rows],
            countries=len(axis), products=products, periods=3,
        )  # fmt: skip

    def group(digits: int) -> np.ndarray:
        return np.unique([code[:digits] for code in goods], return_inverse=True)[1]

    def at(names: Sequence[str]) -> np.ndarray:
        return np.array([axis.index(name) for name in sorted(names)])

    flows = dd.expect(
        trade(goods, len(goods), {code: i for i, code in enumerate(goods)}),
        at(EXPORTERS), at(IMPORTERS), at(CONTROLS), dd.window([0, 1], [2]),
        parents=[group(4), group(2)], floor=baseline.FLOOR,
        uncovered=trade(others, 1, dict.fromkeys(others, 0)) if others else None,
    )  # fmt: skip
    return pa.table(
        {
            "product": [goods[i] for i in flows.product],
            "exporter": [axis[i] for i in flows.exporter],
            "importer": [axis[i] for i in flows.importer],
            **{name: getattr(flows, name) for name in baseline._NUMBERS},
        }
    ).sort_by([(name, "ascending") for name in ("product", "exporter", "importer")])


@pytest.mark.parametrize("with_others", [True, False])
def test_each_product_has_the_numbers_of_all_at_once(
    pack: Store, goods: list[str], others: list[str], with_others: bool
) -> None:
    uncovered = others if with_others else []
    found, wanted = asked(pack, goods, uncovered), at_once(pack, goods, uncovered)
    names = ["product", "exporter", "importer"]
    assert found.num_rows > 100
    assert found.select(names).equals(wanted.select(names))
    for name in baseline._NUMBERS:
        # Sums are made in another order.
        np.testing.assert_allclose(found[name].to_numpy(), wanted[name].to_numpy(), rtol=1e-12, err_msg=name)
    assert (pc.stddev(found["importer_factor"]).as_py() > 0.01) == with_others
    assert pc.stddev(found["product_factor"]).as_py() > 1e-4


def test_processes_give_the_same_numbers(pack: Store, goods: list[str], others: list[str]) -> None:
    there, here = asked(pack, goods[:12], others, workers=2), asked(pack, goods[:12], others)
    assert there.num_rows == here.num_rows > 10
    # The engine adds up in any order.
    np.testing.assert_allclose(there["expected"].to_numpy(), here["expected"].to_numpy(), rtol=1e-12)


def test_what_cannot_be_compared_is_refused(pack: Store) -> None:
    def ask(before: list[int], after: list[int], products: Sequence[str] = ("710812",)) -> None:
        expected_flows(
            pack, EXPORTERS, IMPORTERS, before=before, after=after, products=products, controls=CONTROLS
        )

    with pytest.raises(InputError, match="whole number of times"):
        ask([2019], [2022, 2023])
    with pytest.raises(InputError, match="overlap"):
        ask([2022], [2022])
    with pytest.raises(DataError, match="no data"):
        ask([2021], [2022], ["999999"])
