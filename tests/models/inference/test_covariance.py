"""Covariances: printed standard errors, brute-force sums, identities, errors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from entrepot.models.inference import (
    clustered,
    directed_pairs,
    dyadic,
    heteroskedastic,
    intersect,
    symmetric_pairs,
)
from entrepot.models.separation import find_separated

# Printed by ppmlhdfe and ppml_fe_bias on their example data, clustered by pair.
TWO_WAY = {
    "ln_distw": (-0.5826890, 0.0372778),
    "contig": (0.3690149, 0.0600966),
    "colony": (-0.0874526, 0.0888010),
    "comlang_off": (0.0535707, 0.0628885),
    "comleg": (0.2485195, 0.0411242),
    "fta": (0.8540740, 0.0748473),
}


class Sample:
    """A small panel with its scores: 12 countries, 4 years, domestic rows among them."""

    def __init__(self, seed: int = 0, width: int = 3) -> None:
        rng = np.random.default_rng(seed)
        grid = np.meshgrid(np.arange(12), np.arange(12), np.arange(4), indexing="ij")
        chosen = rng.random(grid[0].size) < 0.6
        self.i, self.j, self.t = (axis.ravel()[chosen] for axis in grid)
        self.x = rng.standard_normal((self.i.size, width))
        self.mu = rng.lognormal(0, 1, self.i.size)
        self.y = self.mu * rng.lognormal(0, 1, self.i.size) * (rng.random(self.i.size) < 0.6)

    def by_hand(self, together: Callable[[int, int], bool]) -> np.ndarray:
        """The sandwich with every pair of rows looked at."""
        rows = range(self.i.size)
        kernel = np.array([[together(a, b) for b in rows] for a in rows], dtype=float)
        scores = self.x * (self.y - self.mu)[:, None]
        inverse = np.linalg.inv(self.x.T @ (self.mu[:, None] * self.x))
        return inverse @ scores.T @ kernel @ scores @ inverse


def _load(path: Path, category: str, columns: list[str]) -> dict[str, np.ndarray]:
    table = pq.read_table(path)
    table = table.filter(pc.equal(table["category"], category))
    data = {name: table[name].to_numpy().astype(float) for name in [*columns, "trade"]}
    exporter, importer = (np.array(table[name].to_pylist()) for name in ("isoexp", "isoimp"))
    names = np.union1d(exporter, importer)
    data["i"], data["j"] = np.searchsorted(names, exporter), np.searchsorted(names, importer)
    data["t"] = table["year"].to_numpy().astype(int)
    return data


def _effects(data: dict[str, np.ndarray], pair_effects: bool) -> list[np.ndarray]:
    i, j, t = data["i"], data["j"], data["t"]
    return [i * 10_000 + t, j * 10_000 + t, *([i * 1000 + j] if pair_effects else [])]


@pytest.mark.needs_shared
def test_two_way_gravity_prints_the_peers_figures(shared: Path, fit: Callable[..., Any]) -> None:
    data = _load(shared / "gravity-ppmlhdfe" / "ppml_fe_bias_example.parquet", "MANUF", list(TWO_WAY))
    x = np.column_stack([data[name] for name in TWO_WAY])
    codes = _effects(data, pair_effects=False)
    assert not find_separated(data["trade"], codes, x).mask.any()
    fitted = fit(data["trade"], x, codes)
    pairs = directed_pairs(data["i"], data["j"])
    covariance = clustered(fitted.x_tilde, fitted.mu, data["trade"], [pairs])
    expected = np.array(list(TWO_WAY.values()))
    assert fitted.beta == pytest.approx(expected[:, 0], abs=6e-8)
    assert covariance.standard_errors == pytest.approx(expected[:, 1], abs=6e-8)
    assert covariance.groups == (4160,)
    assert covariance.factor == pytest.approx(4160 / 4159)


@pytest.mark.needs_shared
def test_three_way_gravity_on_the_second_example(shared: Path, fit: Callable[..., Any]) -> None:
    data = _load(shared / "gravity-ppmlhdfe" / "ppmlhdfe_example.parquet", "TOTAL", ["fta"])
    codes = _effects(data, pair_effects=True)
    fitted = fit(data["trade"], data["fta"][:, None], codes)
    pairs = directed_pairs(data["i"], data["j"])
    covariance = clustered(fitted.x_tilde, fitted.mu, data["trade"], [pairs])
    assert fitted.beta[0] == pytest.approx(0.19244549, abs=6e-9)
    assert covariance.standard_errors[0] == pytest.approx(0.04195271, abs=6e-9)


def test_heteroskedastic_as_stata_prints_it() -> None:
    # example1 of the peers' guide after its separated row is dropped, with ppmlhdfe's standard errors.
    x = np.array(
        [
            [0, 2, 10, 1], [0, 0, -2, 1], [0, 0, 6, 1], [0, 4, 5, 1], [0, 0, 3, 1], [0, 0, 4, 1],
            [0, -2, 15, 1], [0, 0, -7, 1], [0, -3, 15, 1], [-3, 0, 4, 1], [0, 0, 4, 1],
        ],
        dtype=float,
    )  # fmt: skip
    y = np.array([0, 0, 0, 0, 2, 2, 2, 2, 4, 6, 6], dtype=float)
    beta = np.array([0, 0, 0, np.log(y.mean())])
    for _ in range(30):
        mu = np.exp(x @ beta)
        beta = beta + np.linalg.solve(x.T @ (mu[:, None] * x), x.T @ (y - mu))
    assert beta == pytest.approx([-0.4506523, -0.4708494, -0.0377863, 0.5909476], abs=6e-8)
    printed = [0.1397897, 0.1955146, 0.0298576, 0.4021422]
    assert heteroskedastic(x, mu, y).standard_errors == pytest.approx(printed, abs=1e-7)
    ratio = heteroskedastic(x, mu, y, convention="fixest", parameters=4).factor
    assert ratio == pytest.approx(11 / 7)


def test_every_flavour_is_the_sum_over_pairs_of_rows() -> None:
    compared = {"i": 0, "pair": 0, "i, j": 0, "i, j, t": 0, "dyadic": 0}
    for seed in range(6):
        s = Sample(seed, width=2)
        i, j, t = s.i, s.j, s.t
        arguments = (s.x, s.mu, s.y)
        ways = {"i": [i], "pair": [symmetric_pairs(i, j)], "i, j": [i, j], "i, j, t": [i, j, t]}
        made = {name: clustered(*arguments, way, convention="none") for name, way in ways.items()}
        made["dyadic"] = dyadic(*arguments, i, j, convention="none")
        together = {
            "i": lambda a, b, i=i: i[a] == i[b],
            "pair": lambda a, b, i=i, j=j: {i[a], j[a]} == {i[b], j[b]},
            "i, j": lambda a, b, i=i, j=j: i[a] == i[b] or j[a] == j[b],
            "i, j, t": lambda a, b, i=i, j=j, t=t: i[a] == i[b] or j[a] == j[b] or t[a] == t[b],
            "dyadic": lambda a, b, i=i, j=j: bool({i[a], j[a]} & {i[b], j[b]}),
        }
        for name, covariance in made.items():
            expected = s.by_hand(together[name])
            lowest = np.linalg.eigvalsh(expected)[0]
            if covariance.repaired:
                assert lowest < 0
                continue
            assert lowest > -1e-9
            assert covariance.matrix == pytest.approx(expected, rel=1e-9, abs=1e-12)
            compared[name] += 1
    assert min(compared.values()) >= 2, compared


def test_one_row_a_cluster_is_heteroskedastic() -> None:
    s = Sample()
    rows = np.arange(s.i.size)
    one, other = clustered(s.x, s.mu, s.y, [rows]), heteroskedastic(s.x, s.mu, s.y)
    assert one.matrix == pytest.approx(other.matrix, rel=1e-12)
    assert one.factor == other.factor == rows.size / (rows.size - 1)


def test_conventions() -> None:
    s = Sample()
    n = s.i.size
    arguments = (s.x, s.mu, s.y, [s.i, s.t])
    plain = clustered(*arguments, convention="none").matrix
    assert clustered(*arguments).factor == pytest.approx(4 / 3)
    fixest = clustered(*arguments, convention="fixest", parameters=20)
    assert fixest.factor == pytest.approx(4 / 3 * (n - 1) / (n - 20))
    assert fixest.groups == (12, 4)
    assert fixest.matrix == pytest.approx(plain * fixest.factor, rel=1e-12)
    assert dyadic(s.x, s.mu, s.y, s.i, s.j).factor == pytest.approx(12 / 11)


def test_a_negative_eigenvalue_is_repaired_and_told() -> None:
    found = 0
    for seed in range(40):
        s = Sample(seed, width=6)
        two = clustered(s.x, s.mu, s.y, [s.t, s.j % 3])
        assert np.linalg.eigvalsh(two.matrix)[0] >= -1e-12 * np.abs(two.matrix).max()
        assert np.isfinite(two.standard_errors).all()
        found += two.repaired
    assert found > 0


def test_units_and_row_order_change_nothing() -> None:
    s = Sample(1, width=6)
    ways = [s.t, s.j % 3]
    base = clustered(s.x, s.mu, s.y, ways).standard_errors
    size = np.array([1e-12, 1e12, 1.0, 1e6, 1e-6, 1e3])
    scaled = clustered(s.x * size, s.mu * 1e9, s.y * 1e9, ways).standard_errors
    assert scaled * size == pytest.approx(base, rel=1e-9)
    order = np.random.default_rng(0).permutation(s.i.size)
    mixed = clustered(s.x[order], s.mu[order], s.y[order], [way[order] for way in ways]).standard_errors
    assert mixed == pytest.approx(base, rel=1e-12)
    renamed = dyadic(s.x, s.mu, s.y, 100 - 7 * s.i, 100 - 7 * s.j).matrix
    assert renamed == pytest.approx(dyadic(s.x, s.mu, s.y, s.i, s.j).matrix, rel=1e-12)


def test_codes() -> None:
    i, j = np.array([5, 9, 5, 5]), np.array([9, 5, 9, 5])
    assert directed_pairs(i, j).tolist() == [1, 2, 1, 0]
    assert symmetric_pairs(i, j).tolist() == [1, 1, 1, 0]
    huge = [np.array([2**62, -(2**62)]), np.array([3, 3]), np.array([1, 1])]
    assert intersect(huge).tolist() == [1, 0]
    many = intersect([np.arange(1000)] * 12)
    assert all(a < b for a, b in pairwise(many.tolist()))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x_tilde": [1.0, 2.0]}, r"x_tilde must have shape \(n, k\)"),
        ({"x_tilde": np.ones((2, 1))}, r"mu must have shape \(2,\)"),
        ({"mu": [1.0, 1.0, 0.0]}, "mu must be positive"),
        ({"mu": [1.0, 1.0, np.nan]}, "mu must be finite"),
        ({"y": [1.0]}, r"y must have shape \(3,\)"),
        ({"x_tilde": [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]}, "x_tilde must not be collinear"),
        ({"x_tilde": [[0.0], [0.0], [0.0]]}, "x_tilde must not be collinear"),
        ({"clusters": []}, "clusters must hold at least one"),
        ({"clusters": [[1, 2]]}, r"clusters\[0\] must have shape"),
        ({"clusters": [[1, 2, 3], [0.5, 1.0, 2.0]]}, r"clusters\[1\] must hold integer codes"),
        ({"clusters": [[1, 1, 1]]}, r"clusters\[0\] must have at least two clusters"),
        ({"convention": "HC9"}, "convention must be 'stata', 'fixest' or 'none'"),
        ({"convention": "fixest"}, "parameters must be between 1 and n - 1 = 2"),
        ({"convention": "fixest", "parameters": 3}, "parameters must be between"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], words: str) -> None:
    arguments: dict[str, Any] = {
        "x_tilde": [[1.0], [2.0], [-1.0]],
        "mu": [1.0, 1.0, 1.0],
        "y": [2.0, 0.0, 1.0],
        "clusters": [[1, 2, 3]],
    }
    with pytest.raises(ValueError, match=words):
        clustered(**(arguments | change))


def test_dyadic_needs_three_countries() -> None:
    with pytest.raises(ValueError, match="exporter and importer must name at least three"):
        dyadic([[1.0], [2.0]], [1.0, 1.0], [2.0, 0.0], [1, 2], [2, 1])
    with pytest.raises(ValueError, match="importer must have shape"):
        dyadic([[1.0], [2.0]], [1.0, 1.0], [2.0, 0.0], [1, 2], [2])
