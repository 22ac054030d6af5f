"""Synthetic trade: anchored margins, sparsity, tails, repeatability."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.models.synthetic import Margins, flows


def margins(n: int = 12, k: int = 400, j: int = 3, seed: int = 0) -> Margins:
    rng = np.random.default_rng(seed)
    distance = rng.uniform(300, 15_000, (n, n))
    size = np.exp(rng.normal(12, 2, (n, j)))
    return Margins(
        size, size[::-1].copy(), distance + distance.T, rng.integers(0, j, k), np.exp(rng.normal(0, 1, k))
    )


def test_each_exporter_keeps_its_margin_in_every_sector_in_which_it_ships() -> None:
    given = margins()
    for part in flows(given, range(2020, 2022), rows=9_000):
        sums = np.bincount(given.sector[part.product], part.value, minlength=3)
        seen = sums > 0
        # Sums of some hundred products in float64 keep about 13 digits.
        np.testing.assert_allclose(sums[seen], given.exports[part.exporter][seen], rtol=1e-12)


def test_rows_come_near_what_was_asked_for_and_nobody_trades_with_himself() -> None:
    drawn = list(flows(margins(30, 1000), range(2020, 2021), rows=80_000))
    # The cut-off is found on one product in twenty: its share of kept cells strays by a few per cent.
    assert sum(len(part.value) for part in drawn) == pytest.approx(80_000, rel=0.15)
    assert all((part.importer != part.exporter).all() for part in drawn)


def test_the_same_seed_gives_the_same_flows_and_another_does_not() -> None:
    one, again, other = (list(flows(margins(), range(2020, 2021), 5_000, seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a.value, b.value) for a, b in zip(one, again, strict=True))
    assert any(not np.array_equal(a.product, b.product) for a, b in zip(one, other, strict=True))


def test_flows_last_from_year_to_year_and_have_heavy_tails() -> None:
    given = margins(20, 800)
    cells = {}
    for part in flows(given, range(2020, 2022), rows=40_000):
        cells.setdefault(part.year, set()).update(
            zip([part.exporter] * len(part.value), part.importer.tolist(), part.product.tolist(), strict=True)
        )
    kept = len(cells[2020] & cells[2021]) / len(cells[2020])
    assert 0.5 < kept < 0.95
    values = np.concatenate([part.value for part in flows(given, range(2020, 2021), rows=40_000)])
    largest = np.sort(values)[::-1]
    assert largest[: len(values) // 100].sum() > 0.3 * values.sum()


def test_about_one_quantity_in_twenty_is_missing() -> None:
    drawn = np.concatenate([p.quantity for p in flows(margins(20, 800), range(2020, 2021), rows=40_000)])
    # 40,000 draws of 5%: the share strays by a fifth of a point at most (2 standard errors).
    assert np.isnan(drawn).mean() == pytest.approx(0.05, abs=0.004)
    assert (drawn[~np.isnan(drawn)] > 0).all()


@pytest.mark.parametrize("rows", [0, -1, 10**9])
def test_an_impossible_number_of_rows_is_refused(rows: int) -> None:
    with pytest.raises(ValueError, match="rows must be between"):
        next(flows(margins(), range(2020, 2021), rows))


def test_margins_that_do_not_fit_are_refused() -> None:
    good = margins()
    with pytest.raises(ValueError, match="do not fit"):
        Margins(good.exports, good.imports[:-1], good.distance, good.sector, good.weight)
    with pytest.raises(ValueError, match="sectors among"):
        Margins(good.exports, good.imports, good.distance, good.sector + 5, good.weight)
    with pytest.raises(ValueError, match="cannot be negative"):
        Margins(-good.exports, good.imports, good.distance, good.sector, good.weight)
