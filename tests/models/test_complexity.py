"""Conventions differ where they should; shortcuts equal the definitions; degenerate tables have a rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from entrepot.models.complexity import CONVENTIONS, ConventionName, complexity, cross_table, fitness
from entrepot.models.complexity import space as product_space

NAMES = get_args(ConventionName)
EXPORTS = np.array(
    json.loads((Path(__file__).parents[1] / "oracles" / "complexity_peers.json").read_text())["values"]
)
MATRICES = hnp.arrays(
    np.float64,
    st.tuples(st.integers(2, 9), st.integers(2, 12)),
    elements=st.one_of(st.just(0.0), st.floats(0.01, 100)),
)


def world(countries: int = 40, products: int = 300, seed: int = 1) -> np.ndarray:
    """Return random exports, a quarter of them filled; every row and column has some."""
    rng = np.random.default_rng(seed)
    values = rng.lognormal(size=(countries, products)) * (rng.random((countries, products)) < 0.25)
    values[:, 0] += 1e-3
    values[0] += 1e-3
    return values


def by_definition(m: np.ndarray, base: np.ndarray, keep: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return proximity and density written out as in Hidalgo et al. (2007)."""
    u = base.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        phi = np.nan_to_num((base.T @ base) / np.maximum.outer(u, u))
        if not keep:
            np.fill_diagonal(phi, 0)
        return phi, m @ phi / phi.sum(axis=0)


@pytest.mark.parametrize("name", NAMES)
def test_measures_follow_their_definitions(name):
    values, reference = world(), np.arange(40) % 4 > 0
    found = complexity(values, convention=name, reference=reference)
    rule = CONVENTIONS[name]
    phi, density = by_definition(found.m, found.m[reference], rule.diagonal == "kept")
    assert np.allclose(found.proximity, phi, rtol=0, atol=1e-14)
    assert np.allclose(found.density, density, rtol=0, atol=1e-13)
    assert np.allclose(found.connectedness, phi.sum(axis=0), rtol=1e-13)
    pci = found.raw_pci / found._eci_scale[1] if rule.gain_pci == "scaled" else found.pci
    missing = (1 - found.m) * pci
    if rule.gain == "atlas":
        gain = (1 - found.m) * ((missing / phi.sum(axis=1)) @ phi)
    else:
        gain = missing @ phi / phi.sum(axis=0) - density * found.pci
    assert np.allclose(found.cog, gain, rtol=0, atol=1e-12)
    # Reflections stop where random countries differ in the ninth digit only: that is all the scale can keep.
    tolerance = 1e-12 if rule.solver == "eigenvector" else 1e-6
    assert found.eci[reference].mean() == pytest.approx(0, abs=tolerance)
    assert found.eci[reference].std(ddof=rule.ddof) == pytest.approx(1, abs=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_one_country_and_one_product_equal_the_whole(name):
    found = complexity(world(), convention=name)
    assert np.allclose(found.density_of(7), found.density[7], rtol=0, atol=1e-14)
    assert np.allclose(found.cog_of(7), found.cog[7], rtol=0, atol=1e-13)
    assert np.allclose(found.proximity_to(11), found.proximity[11], rtol=0, atol=1e-15)


@pytest.mark.parametrize("products", [60, 64, 65, 300, 700])
def test_blocks_do_not_show(products):
    m = (np.random.default_rng(products).random((90, products)) < 0.3).astype(float)
    phi, _ = by_definition(m, m, keep=True)
    ordered = product_space.by_ubiquity(m)
    assert np.allclose(product_space.weighted(m, ordered, diagonal=True), m @ phi, rtol=1e-13)
    assert np.allclose(product_space.weighted(m[:1], ordered, diagonal=True), m[:1] @ phi, rtol=1e-13)


def test_counts_are_exact_in_single_precision():
    m = np.ones((300, 3))
    assert (product_space.proximity(m, diagonal=True) == 1).all()


def test_eci_never_builds_the_product_space(monkeypatch):
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("product space touched")

    for name in ("proximity", "weighted", "proximity_row", "by_ubiquity"):
        monkeypatch.setattr(product_space, name, refuse)
    found = complexity(world())
    assert np.isfinite(found.eci).all()
    assert np.isfinite(found.pci).all()
    with pytest.raises(AssertionError, match="product space"):
        _ = found.density


def test_density_never_builds_the_matrix_of_products(monkeypatch):
    monkeypatch.setattr(product_space, "proximity", None)
    found = complexity(world())
    assert found.cog.shape == found.density.shape == (40, 300)
    assert "proximity" not in found.__dict__


def test_wide_and_tall_tables_agree():
    values = world(30, 50)
    values = np.hstack([values, values[:, ::-1]])
    wide = complexity(values).m
    tall = complexity(wide.T, given="presence", convention="r-economiccomplexity")
    flat = complexity(wide, given="presence", convention="r-economiccomplexity")
    sign = np.sign(tall.eci @ flat.pci)
    assert np.allclose(tall.eci, sign * flat.pci, rtol=0, atol=1e-10)


def test_threshold_conventions_share_m_and_ranks():
    found = {name: complexity(EXPORTS, convention=name) for name in NAMES}
    for name in ("ecomplexity", "r-economiccomplexity", "oec"):
        assert (found[name].m == found["atlas"].m).all()
    for name in ("ecomplexity", "r-economiccomplexity"):
        assert (np.argsort(found[name].eci) == np.argsort(found["atlas"].eci)).all()


def test_conventions_differ_where_they_should():
    found = {name: complexity(EXPORTS, convention=name) for name in NAMES}
    n = len(EXPORTS)
    atlas, eco, r, oec = (found[k] for k in ("atlas", "ecomplexity", "r-economiccomplexity", "oec"))
    # Degrees of freedom: the same vector on another scale.
    assert np.allclose(eco.eci, atlas.eci * np.sqrt(n / (n - 1)), rtol=1e-12)
    # Scale of PCI: affine to each other, never the same.
    assert np.corrcoef(eco.pci, atlas.pci)[0, 1] == pytest.approx(1)
    assert np.abs(eco.pci - atlas.pci).max() > 0.05
    assert np.allclose(r.pci, atlas.pci)
    # The diagonal moves proximity, density and distance.
    assert (np.diag(atlas.proximity) == 0).all()
    assert (np.diag(eco.proximity) == 1).all()
    assert np.abs(eco.density - atlas.density).max() > 0.01
    assert np.allclose(oec.density, atlas.density)
    # Reflections stop early; the form of the gain and of the outlook differ.
    assert np.abs(oec.eci - atlas.eci).max() > 1e-6
    assert np.abs(oec.cog - atlas.cog).max() > 0.01
    assert atlas.coi.mean() == pytest.approx(0, abs=1e-12)
    assert abs(r.coi.mean()) > 0.01
    # The Atlas of 2026 has no threshold.
    later = found["atlas-2026"]
    assert set(np.unique(atlas.m)) == {0.0, 1.0}
    assert np.allclose(later.m, later.rca / (1 + later.rca))
    assert (np.diag(later.proximity) == 0).all()
    weighted_pci = later.m @ later.pci / later.diversity
    assert np.allclose(weighted_pci, later.eci, rtol=0, atol=1e-12)
    assert len({rule.describe() for rule in CONVENTIONS.values()}) == len(NAMES)


def test_reference_sample_moves_the_numbers_and_is_printed():
    everybody, some = complexity(EXPORTS), complexity(EXPORTS, reference=np.arange(2, 14))
    assert np.abs(everybody.eci - some.eci).max() > 1e-3
    assert everybody.sample == "all 14 countries given"
    assert some.sample == "12 of the 14 countries given"
    assert (some.rca == everybody.rca).all()
    assert (some.ubiquity == some.m[2:].sum(axis=0)).all()


def test_empty_rows_and_columns_take_no_part():
    values = np.zeros((15, 32))
    values[:14, :30] = EXPORTS
    padded, plain = complexity(values), complexity(EXPORTS)
    assert np.isnan(padded.eci[14])
    assert np.isnan(padded.coi[14])
    assert np.isnan(padded.pci[30:]).all()
    assert np.isnan(padded.density[:, 30:]).all()
    assert np.isnan(padded.cog[:, 30:]).all()
    assert (padded.density[14, :30] == 0).all()
    for name in ("eci", "coi"):
        assert np.allclose(getattr(padded, name)[:14], getattr(plain, name), rtol=0, atol=1e-12), name
    assert np.allclose(padded.pci[:30], plain.pci, rtol=0, atol=1e-12)
    for name in ("density", "cog"):
        assert np.allclose(getattr(padded, name)[:14, :30], getattr(plain, name), atol=1e-12), name


def test_product_made_only_outside_the_sample_has_no_pci():
    m = complexity(EXPORTS).m
    m = np.hstack([m, np.eye(14)[:, :1]])
    found = complexity(m, given="presence", reference=np.arange(1, 14))
    inside = complexity(m[:, :-1], given="presence", reference=np.arange(1, 14))
    assert np.isnan(found.pci[-1])
    assert np.allclose(found.eci, inside.eci, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("bad", "words"),
    [(np.nan, r"values\[1, 2\] is NaN"), (np.inf, "is infinite"), (-1.0, "is negative")],
)
def test_bad_numbers_are_refused_with_their_place(bad, words):
    values = EXPORTS.copy()
    values[1, 2] = bad
    with pytest.raises(ValueError, match=words):
        complexity(values)
    with pytest.raises(ValueError, match=words):
        fitness(values)


def test_duplicates_are_refused_or_summed():
    rows = (["A", "A", "B"], ["1", "1", "2"], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="'A' and product '1' occur 2 times"):
        cross_table(*rows)
    assert cross_table(*rows, duplicates="sum")[2].tolist() == [[3.0, 0.0], [0.0, 3.0]]
    with pytest.raises(ValueError, match="duplicates must be"):
        cross_table(*rows, duplicates="first")
    with pytest.raises(ValueError, match="one length"):
        cross_table(["A"], ["1"], [1.0, 2.0])


def test_tables_that_do_not_order_countries():
    with pytest.raises(ValueError, match="no product in common"):
        _ = complexity(np.eye(4), given="presence").eci
    same = np.ones((4, 3))
    with pytest.raises(ValueError, match="not unique"):
        _ = complexity(same, given="presence").eci
    assert complexity(same, given="presence").density.max() == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"convention": "atlas-2030"}, "convention must be one of atlas, atlas-2026"),
        ({"given": "shares"}, "given must be"),
        ({"given": "presence"}, "between 0 and 1"),
        ({"reference": [True, False]}, "reference has shape"),
        ({"reference": [0.5]}, "reference must be a mask"),
        ({"reference": [0, 0]}, "name each row once"),
        ({"reference": [0, 99]}, "between 0 and 13"),
        ({"reference": [0]}, "at least two countries"),
        ({"reference": []}, "reference must be a mask"),
    ],
)
def test_wrong_options(options, words):
    with pytest.raises(ValueError, match=words):
        complexity(EXPORTS, **options)


@pytest.mark.parametrize(
    ("values", "words"), [([1, 2], "a matrix"), ([[0, 0]], "positive"), ([[]], "matrix")]
)
def test_wrong_tables(values, words):
    with pytest.raises(ValueError, match=words):
        complexity(values)


@settings(max_examples=60, deadline=None)
@given(st.integers(4, 12), st.integers(6, 40), st.integers(0, 2**32), st.floats(0.001, 1000))
def test_neither_unit_nor_order_matters(countries, products, seed, unit):
    rng = np.random.default_rng(seed)
    values = rng.lognormal(size=(countries, products)) * (rng.random((countries, products)) < 0.7)
    rows, columns = rng.permutation(countries), rng.permutation(products)
    found = complexity(values)
    # On the threshold a value may fall on either side after scaling; near equal eigenvalues, signs and
    # vectors are a matter of rounding.
    assume(np.nanmin(np.abs(found.rca - 1)) > 1e-9)
    assume(_gap(found.m) > 1e-3)
    some = found.diversity > 0
    assume(np.ptp(found.diversity[some]) > 0)
    lean = np.corrcoef(found.eci[some], found.diversity[some])[0, 1]
    assume(abs(lean) > 1e-6)
    moved = complexity(unit * values[np.ix_(rows, columns)])
    assert np.allclose(moved.eci, found.eci[rows], rtol=0, atol=1e-8, equal_nan=True)
    assert np.allclose(moved.density, found.density[np.ix_(rows, columns)], atol=1e-12, equal_nan=True)


def _gap(m: np.ndarray) -> float:
    """Return the smallest gap among the first three eigenvalues."""
    m = m[m.any(axis=1)][:, m.any(axis=0)]
    scaled = m / np.sqrt(m.sum(axis=1, keepdims=True)) / np.sqrt(m.sum(axis=0))
    values = np.sort(np.linalg.eigvalsh(scaled @ scaled.T))[::-1][:3]
    return float(np.min(-np.diff(values))) if len(values) > 1 else 0.0


@settings(max_examples=60, deadline=None)
@given(MATRICES)
def test_bounds(values):
    m = (values > 0).astype(float)
    assume(m.any(axis=1).sum() >= 2)
    found = complexity(m, given="presence")
    assert (found.proximity == found.proximity.T).all()
    assert found.proximity.min() >= 0
    assert found.proximity.max() <= 1
    known = found.density[~np.isnan(found.density)]
    assert ((known >= 0) & (known <= 1 + 1e-12)).all()
    assert (
        np.allclose(found.density + found.distance, 1, equal_nan=True, atol=1e-15)
        or np.isnan(found.density).any()
    )


@settings(max_examples=40, deadline=None)
@given(MATRICES)
def test_fitness_has_mean_one_and_ignores_units(values):
    assume(values.any())
    assume((values > 0).any())
    found = fitness((values > 0).astype(float), given="presence", iterations=8)
    assert np.nanmean(found.fitness) == pytest.approx(1)
    assert np.nanmean(found.complexity) == pytest.approx(1)
    assert (np.isnan(found.fitness) == ~(values > 0).any(axis=1)).all()


def test_fitness_says_when_it_does_not_converge():
    # The border case of Pugliese et al.: the fitness of the second country falls like one over the round.
    m = np.array([[1, 1], [1, 0]])
    slow = fitness(m, given="presence", at_most=50)
    assert not slow.converged
    assert slow.iterations == 50
    assert slow.change > 1e-10
    with pytest.raises(ValueError, match="iterations must be"):
        fitness(m, given="presence", iterations=0)
    with pytest.raises(ValueError, match="must be positive"):
        fitness(m, given="presence", tolerance=0)
    with pytest.raises(ValueError, match="M is empty"):
        fitness(np.zeros((2, 2)), given="presence")
    with pytest.raises(ValueError, match="given must be"):
        fitness(m, given="share")
