"""Commodity indices: hand examples, bounds and identities."""

from __future__ import annotations

from typing import get_args

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.concentration import concentration
from entrepot.models.indices import INDICES, IndexName, indices

# Two countries, two products, and their imports; shares are easy by head.
EXPORTS = [[30, 10], [20, 40]]
IMPORTS = [[20, 20], [30, 20]]
SHAPES = st.tuples(st.integers(2, 5), st.integers(2, 6))


def tables(count: int) -> st.SearchStrategy[list[np.ndarray]]:
    """Draw tables of one shape, values 0 or of ordinary size."""
    cell = st.one_of(st.just(0.0), st.floats(0.01, 1000))
    return SHAPES.flatmap(lambda shape: st.tuples(*[hnp.arrays(np.float64, shape, elements=cell)] * count))


@pytest.mark.parametrize(
    ("name", "arrays", "expected"),
    [
        # Shares 3/4 1/4 and 1/3 2/3; the world half and half.
        ("rca", {"exports": EXPORTS}, [[1.5, 0.5], [2 / 3, 4 / 3]]),
        ("rsca", {"exports": EXPORTS}, [[0.2, -1 / 3], [-0.2, 1 / 7]]),
        # 30/100 - 40 * 50 / 100^2 = 0.1.
        ("nrca", {"exports": EXPORTS}, [[0.1, -0.1], [-0.1, 0.1]]),
        ("arca", {"exports": EXPORTS}, [[0.25, -0.25], [-1 / 6, 1 / 6]]),
        # RXA of the first cell: (30/10) / (20/40) = 6; RMA: (20/20) / (30/20) = 2/3; ln 9.
        (
            "vollrath",
            {"exports": EXPORTS, "imports": IMPORTS},
            [[np.log(9), -np.log(9)], [-np.log(9), np.log(9)]],
        ),
        ("michelaye", {"exports": [30, 10], "imports": [20, 20]}, [0.25, -0.25]),
        # Balances 10 and -10 of 80: 100 * 10 / 80.
        ("lafay", {"exports": [30, 10], "imports": [20, 20]}, [12.5, -12.5]),
        # A sells 3/4 to B, the world sells it 3/7 of its exports: 0.75 / (3/7).
        (
            "intensity",
            {"trade": [[0, 3, 1], [2, 0, 0], [1, 0, 0]]},
            [[0, 1.75, 1.75], [7 / 3, 0, 0], [7 / 3, 0, 0]],
        ),
        # Shares sold 3/4 1/4; bought 1/2 1/2 and 3/5 2/5.
        (
            "complementarity",
            {"exports": EXPORTS, "imports": IMPORTS},
            [[0.75, 0.85], [5 / 6, 11 / 15]],
        ),
        ("similarity", {"exports": EXPORTS}, [[1, 7 / 12], [7 / 12, 1]]),
        ("diversification", {"exports": EXPORTS}, [0.25, 1 / 6]),
        ("grubel-lloyd", {"exports": [30, 10, 0], "imports": [20, 20, 0]}, [0.8, 2 / 3, np.nan]),
        ("grubel-lloyd-aggregate", {"exports": [30, 10], "imports": [20, 20]}, 0.75),
        # 90 traded, off by 10 and 20, imbalance 10: (90 - 30) / (90 - 10).
        ("grubel-lloyd-adjusted", {"exports": [30, 10], "imports": [20, 30]}, 0.75),
        ("hhi", {"values": [3, 1]}, 0.625),
        ("hirschman", {"values": [3, 4]}, 5 / 7),
        ("theil", {"values": [5, 0]}, np.log(2)),
        # First product: shares 3/4 and 1/3, incomes 10 and 20.
        ("prody", {"exports": EXPORTS, "income": [10, 20]}, [170 / 13, 190 / 11]),
        ("expy", {"exports": EXPORTS, "income": [10, 20]}, [127.5 / 13 + 47.5 / 11, 170 / 39 + 380 / 33]),
    ],
)
def test_by_hand(name, arrays, expected):
    found = indices(name, **arrays)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-15, equal_nan=True)


def test_every_name_has_an_index_and_a_source():
    assert tuple(INDICES) == get_args(IndexName)
    for index in INDICES.values():
        assert index.reference
        assert index.equation
        assert set(index.needs) <= {"exports", "imports", "trade", "values", "income"}


def arrays_for(name: IndexName, x: np.ndarray, m: np.ndarray) -> dict[str, np.ndarray]:
    """Give an index what it needs from two tables."""
    square = x[:, : x.shape[0]] if x.shape[1] >= x.shape[0] else x[: x.shape[1]]
    held = {"exports": x, "imports": m, "trade": square, "values": x, "income": 1 + np.arange(len(x))}
    return {key: held[key] for key in INDICES[name].needs}


@pytest.mark.parametrize("name", get_args(IndexName))
@settings(max_examples=40, deadline=None)
@given(pair=tables(2))
def test_bounds(name, pair):
    x, m = pair
    if not (x.any() and m.any()) or (name == "intensity" and not arrays_for(name, x, m)["trade"].any()):
        return
    found = indices(name, **arrays_for(name, x, m))
    low, high = INDICES[name].bounds
    known = found[~np.isnan(found)]
    assert (known >= low - 1e-9).all()
    assert (known <= high + 1e-9).all()


@pytest.mark.parametrize("name", get_args(IndexName))
@settings(max_examples=25, deadline=None)
@given(pair=tables(2), unit=st.floats(1e-3, 1e6))
def test_units_do_not_matter(name, pair, unit):
    x, m = pair
    if not (x.any() and m.any()) or (name == "intensity" and not arrays_for(name, x, m)["trade"].any()):
        return
    one = indices(name, **arrays_for(name, x, m))
    arrays = arrays_for(name, unit * x, unit * m)
    assert np.allclose(indices(name, **arrays), one, rtol=1e-8, atol=1e-8, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(tables(2))
def test_identities(pair):
    x, m = pair
    x, m = x + 0.01, m + 0.01
    assert np.allclose(indices("lafay", exports=x, imports=m).sum(axis=1), 0, atol=1e-9)
    assert np.allclose(indices("michelaye", exports=x, imports=m).sum(axis=1), 0, atol=1e-12)
    assert np.allclose(indices("arca", exports=x).sum(axis=1), 0, atol=1e-12)
    nrca = indices("nrca", exports=x)
    assert np.allclose(nrca.sum(axis=0), 0, atol=1e-12)
    assert np.allclose(nrca.sum(axis=1), 0, atol=1e-12)
    rca, rsca = indices("rca", exports=x), indices("rsca", exports=x)
    assert np.allclose((1 + rsca) / (1 - rsca), rca, rtol=1e-9)
    assert ((rca > 1) == (indices("arca", exports=x) > 0))[np.abs(rca - 1) > 1e-9].all()
    # Two ways of saying one thing: overlap of two compositions is one less half their distance.
    overlap = indices("similarity", exports=x)
    assert np.allclose(overlap, indices("complementarity", exports=x, imports=x), atol=1e-12)
    assert np.allclose(overlap, overlap.T, atol=1e-12)
    assert np.allclose(np.diag(overlap), 1, atol=1e-12)
    assert np.allclose(indices("hirschman", values=x) ** 2, concentration(x).herfindahl, rtol=1e-12)
    by_product = indices("grubel-lloyd", exports=x, imports=m)
    mean = (by_product * (x + m)).sum(axis=1) / (x + m).sum(axis=1)
    aggregate = indices("grubel-lloyd-aggregate", exports=x, imports=m)
    assert np.allclose(mean, aggregate, atol=1e-12)
    assert (indices("grubel-lloyd-adjusted", exports=x, imports=m) >= aggregate - 1e-9).all()
    # Swapping the sides changes the sign or nothing.
    swapped = {"exports": m, "imports": x}
    assert np.allclose(indices("lafay", **swapped), -indices("lafay", exports=x, imports=m), atol=1e-9)
    assert np.allclose(indices("vollrath", **swapped), -indices("vollrath", exports=x, imports=m), atol=1e-9)
    assert np.allclose(indices("grubel-lloyd", **swapped), by_product, atol=1e-12)
    income = 1.0 + np.arange(len(x))
    levels = indices("prody", exports=x, income=income)
    assert ((levels >= income.min() - 1e-9) & (levels <= income.max() + 1e-9)).all()
    assert np.allclose(indices("prody", exports=x, income=np.full(len(x), 7.0)), 7.0)
    assert np.allclose(indices("expy", exports=x, income=np.full(len(x), 7.0)), 7.0)
    assert np.allclose(indices("theil", values=np.ones_like(x)), 0, atol=1e-12)


def test_nothing_has_no_composition():
    x = [[0.0, 0.0], [1.0, 2.0]]
    assert np.isnan(indices("rca", exports=x)[0]).all()
    assert np.isnan(indices("diversification", exports=x)[0])
    assert np.isnan(indices("theil", values=x)[0])
    assert np.isnan(indices("similarity", exports=x)[0]).all()
    assert np.isnan(indices("lafay", exports=x, imports=x)[0]).all()
    assert np.isnan(indices("grubel-lloyd-adjusted", exports=[3, 4], imports=[0, 0]))
    assert np.isfinite(indices("prody", exports=x, income=[1, 2])).all()
    found = indices("vollrath", exports=[[1, 2], [0, 4]], imports=[[1, 2], [3, 4]])
    assert found[1, 0] == -np.inf


@pytest.mark.parametrize(
    ("name", "arrays", "words"),
    [
        ("balassa", {"exports": EXPORTS}, "name must be one of rca, rsca"),
        ("lafay", {"exports": EXPORTS}, "'lafay' needs exports and imports, got exports"),
        ("rca", {"exports": EXPORTS, "imports": IMPORTS}, "needs exports, got exports, imports"),
        ("rca", {}, "got nothing"),
        ("hhi", {"values": [1, np.nan]}, r"values\[0, 1\] is NaN"),
        ("hhi", {"values": 3}, "at least one value"),
        ("theil", {"values": [1, -1]}, "negative"),
        ("lafay", {"exports": [1, 2], "imports": [1, 2, 3]}, "they must agree"),
        ("complementarity", {"exports": EXPORTS, "imports": [[1, 2, 3]]}, "imports 3; they must agree"),
        ("intensity", {"trade": [[1, 2, 3]]}, "square"),
        ("prody", {"exports": EXPORTS, "income": [1, 0]}, "above 0"),
        ("expy", {"exports": EXPORTS, "income": [1]}, "income has shape"),
    ],
)
def test_wrong_use(name, arrays, words):
    with pytest.raises(ValueError, match=words):
        indices(name, **arrays)
