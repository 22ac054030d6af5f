"""Decompositions of exports: published numbers, other programs, brute force, identities, faults."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.inputoutput import Method, decompose, leontief_inverse
from entrepot.models.inputoutput.wang_wei_zhu import WWZ

NAMES = ("ESP", "FRA", "MEX", "USA", "CHN", "ROW")
# Ten territories: the OECD splits Mexico and China in three.
COUNTRY = (0, 1, 2, 3, 4, 5, 2, 2, 4, 4)
NAFTA = (0, 1, 2, 2, 3, 4, 2, 2, 3, 3)
METHODS: dict[str, Method] = {
    "bm_src": "bm-source", "bm_snk": "bm-sink", "wwz": "wwz", "kww": "kww", "my": "my", "oecd": "oecd",
}  # fmt: skip

# Published by the package exvatools 0.9.0 in its own tests, two decimals.
PUBLISHED = {
    "ESP": "4666.96 2165.17 1880.60 1624.18 256.41 284.58 2501.78 2176.21 325.58 4034.25 2786.36 1247.89",
    "CHN": "8575.51 4409.66 3469.40 3117.58 351.82 940.27 4165.85 3273.60 892.25 7260.12 5106.11 2154.01",
    "NAFTA": "10485.40 6127.84 4613.26 3639.16 974.09 1514.58 4357.56 3276.30 1081.26 8656.71 5872.14 "
    "2784.57",
}
TERMS = ("EXGR", "DC", "DVA", "VAX", "REF", "DDC", "FC", "FVA", "FDC", "GVC", "GVCB", "GVCF")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def matrix(path: Path) -> np.ndarray:
    with path.open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    return np.array([[float(cell) for cell in line[1:]] for line in lines])


@pytest.fixture(scope="module")
def toy(shared: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    table = matrix(shared / "va-icio-toy" / "iciotest.csv")
    final = table[:, 30:].reshape(30, 6, 2).sum(axis=2)
    return table[:, :30], np.hstack([final, np.zeros((30, 4))]), table.sum(axis=1)


@pytest.mark.needs_shared
@pytest.mark.parametrize("exporter", PUBLISHED)
def test_published_numbers_of_the_toy_table(toy: Any, exporter: str) -> None:
    made = decompose(*toy, groups=NAFTA if exporter == "NAFTA" else COUNTRY)
    place = 2 if exporter == "NAFTA" else NAMES.index(exporter)
    found = [made.by_exporter(name)[place] for name in TERMS]
    # Printed with two decimals.
    np.testing.assert_allclose(found, [float(word) for word in PUBLISHED[exporter].split()], atol=0.005)


@pytest.mark.needs_shared
@pytest.mark.parametrize("peer", METHODS)
def test_six_methods_agree_with_exvatools(toy: Any, shared: Path, peer: str) -> None:
    made = decompose(*toy, method=METHODS[peer], groups=COUNTRY)
    expected = [
        r for r in rows_of(shared / "va-icio-toy" / "expected_all_methods_totals.csv") if r["method"] == peer
    ]
    assert len(expected) >= 6 * 7
    for row in expected:
        if row["var"] == "VAXIM":
            continue
        found = made.by_exporter(row["var"])[NAMES.index(row["exporter"])]
        # Both sides are double precision sums of numbers below 1e4.
        assert found == pytest.approx(float(row["total"]), abs=1e-8), row


@pytest.mark.needs_shared
def test_value_added_absorbed_by_the_importer_where_the_peer_multiplies_sums(toy: Any, shared: Path) -> None:
    """The peer adds the parts of Mexico and China up before it multiplies; ours is the sum of products."""
    Z, Y, X = toy
    made = decompose(Z, Y, X, method="bm-sink", groups=COUNTRY).by_exporter("VAXIM")
    rows = np.repeat(COUNTRY, 3)
    A = np.divide(Z, X, out=np.zeros_like(Z), where=X > 0)
    B, v = leontief_inverse(Z, X), 1 - A.sum(axis=0)
    every = rows_of(shared / "va-icio-toy" / "expected_all_methods_totals.csv")
    peer = {row["exporter"]: float(row["total"]) for row in every if row["var"] == "VAXIM"}
    for s, name in enumerate(NAMES):
        S = np.flatnonzero(rows == s)
        cut, rest = A.copy(), Y[:, :6].copy()
        cut[np.ix_(S, np.flatnonzero(rows != s))] = 0
        rest[np.ix_(S, [k for k in range(6) if k != s])] = 0
        use = np.linalg.solve(np.eye(30) - cut, rest)
        right = wrong = 0.0
        for r in set(range(6)) - {s}:
            R, away = np.flatnonzero(rows == r), np.flatnonzero(rows != r)
            local = np.linalg.inv(np.eye(len(R)) - A[np.ix_(R, R)])
            share = (v[S] @ B[np.ix_(S, S)])[:, None] * (A[np.ix_(S, R)] @ local)
            direct = (v[S] @ B[np.ix_(S, S)]) @ Y[S, r] + (share @ Y[R, r]).sum()
            later = A[np.ix_(R, away)] @ use[away, r]
            right += direct + (share @ later).sum()
            parts = len(R) // 3
            wrong += direct + (share.reshape(len(S), parts, 3).sum(1) @ later.reshape(parts, 3).sum(0)).sum()
        assert made[s] == pytest.approx(right, rel=1e-10)
        assert peer[name] == pytest.approx(wrong, rel=1e-10)


@pytest.mark.needs_shared
@pytest.mark.parametrize("term", ["DVA", "VAX"])
def test_industries_and_partners_of_one_exporter(toy: Any, shared: Path, term: str) -> None:
    made = decompose(*toy, groups=COUNTRY)
    expected = matrix(shared / "va-icio-toy" / f"expected_bm_src_ESP_{term}_sector_partner.csv")
    np.testing.assert_allclose(made[term][:3], expected, atol=1e-8)


@pytest.mark.needs_shared
def test_one_pair_of_the_vignette(toy: Any) -> None:
    """Spanish services to the United States, as printed in the documentation of exvatools."""
    made = decompose(*toy, groups=COUNTRY)
    printed = {
        "EXGR": 276.71,
        "DVA": 145.95,
        "VAX": 127.28,
        "REF": 18.67,
        "DDC": 13.68,
        "FVA": 101.53,
        "FDC": 15.55,
    }
    assert {name: round(float(made[name][2, 3]), 2) for name in printed} == printed


@pytest.fixture(scope="module")
def leather(shared: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    folder = shared / "va-leather"
    output = np.array([float(line) for line in (folder / "out.csv").read_text().split()[1:]])
    return matrix(folder / "inter.csv"), matrix(folder / "final.csv"), output


LEATHER = ("Argentina", "Turkey", "Germany")
INDUSTRIES = ("Agriculture", "Textile_and_Leather", "Transport_Equipment")


@pytest.mark.needs_shared
def test_sixteen_terms_agree_with_decompr(leather: Any, shared: Path) -> None:
    made = decompose(*leather, method="wwz")
    for row in rows_of(shared / "va-leather" / "expected_wwz.csv"):
        s = 3 * LEATHER.index(row["Exporting_Country"]) + INDUSTRIES.index(row["Exporting_Industry"])
        r = LEATHER.index(row["Importing_Country"])
        for name in WWZ:
            # The package prints fifteen digits; METHODS asks for 1e-5.
            assert made[name][s, r] == pytest.approx(float(row[name]), abs=1e-10), (name, row)


@pytest.mark.needs_shared
def test_nine_terms_agree_with_decompr(leather: Any, shared: Path) -> None:
    made = decompose(*leather, method="kww")
    for row in rows_of(shared / "va-leather" / "expected_kww.csv"):
        for name in set(row) - {"Country"}:
            found = made.by_exporter(name)[LEATHER.index(row["Country"])]
            assert found == pytest.approx(float(row[name]), abs=1e-10), (name, row["Country"])


@pytest.fixture(scope="module")
def wiod(shared: Path) -> tuple[list[str], tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    with np.load(shared / "va-wiod-2011" / "wiot_2011.npz") as archive:
        Z, F = archive["Z"].astype(float), archive["F"].astype(float)
        names = [str(name) for name in archive["countries"]]
    Y = F.reshape(len(Z), len(names), 5).sum(axis=2)
    # Both peers take output as the sum of sales; in two idle industries that sum is -1.
    X = np.maximum(Z.sum(axis=1) + Y.sum(axis=1), 0.0)
    return names, (Z, Y, X), leontief_inverse(Z, X)


@pytest.mark.needs_shared
def test_wiod_2011_agrees_with_exvatools(wiod: Any, shared: Path) -> None:
    names, table, inverse = wiod
    made = decompose(*table, inverse=inverse)
    russia = names.index("RUS")
    assert made.by_exporter("DVA")[russia] == pytest.approx(454178.574728, rel=1e-11)
    assert made.by_exporter("VAX")[russia] == pytest.approx(450019.608455, rel=1e-11)
    assert made.by_exporter("FVA")[russia] == pytest.approx(29584.0871205, rel=1e-11)
    for row in rows_of(shared / "va-wiod-2011" / "expected_bm_src_2011_exvatools.csv"):
        for name in set(row) - {"exporter"}:
            found = made.by_exporter(name)[names.index(row["exporter"])]
            assert found == pytest.approx(float(row[name]), rel=1e-9), (name, row["exporter"])


@pytest.mark.needs_shared
def test_wiod_2011_agrees_with_decompr(wiod: Any, shared: Path) -> None:
    names, table, inverse = wiod
    made = decompose(*table, method="kww", inverse=inverse)
    for row in rows_of(shared / "va-wiod-2011" / "expected_kww_2011_decompr.csv"):
        for name in set(row) - {"Country"}:
            found = made.by_exporter(name)[names.index(row["Country"])]
            assert found == pytest.approx(float(row[name]), rel=1e-9), (name, row["Country"])


def world(seed: int, n: int, j: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A balanced table with positive value added and some zero and negative final demand."""
    rng = np.random.default_rng(seed)
    R = n * j
    Z = rng.lognormal(0, 1.5, (R, R)) * (rng.random((R, R)) < 0.7)
    Y = rng.lognormal(1, 1.5, (R, n)) * (rng.random((R, n)) < 0.7)
    Y[rng.integers(R), rng.integers(n)] = -0.1
    home = np.repeat(np.arange(n), j)
    missing = 1.2 * Z.sum(axis=0) - Z.sum(axis=1) - Y.sum(axis=1)
    Y[np.arange(R), home] += np.maximum(missing, 0.5)
    return Z, Y, Z.sum(axis=1) + Y.sum(axis=1)


worlds = st.tuples(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 3))
some = settings(max_examples=25, deadline=None)


@some
@given(worlds, st.sampled_from([("bm-source", "exporter"), ("bm-source", "pair"), ("bm-sink", "exporter"),
                                ("wwz", "exporter"), ("kww", "exporter")]))  # fmt: skip
def test_the_parts_add_up(size: tuple[int, int, int], how: tuple[Any, Any]) -> None:
    made = decompose(*world(*size), method=how[0], perimeter=how[1])
    parts = made["DVA"] + made["DDC"] + made["FVA"] + made["FDC"]
    scale = made["EXGR"].max()
    np.testing.assert_allclose(parts, made["EXGR"], atol=1e-10 * scale)
    np.testing.assert_allclose(made["VAX"] + made["REF"], made["DVA"], atol=1e-10 * scale)


@some
@given(worlds)
def test_sixteen_terms_add_up_to_exports(size: tuple[int, int, int]) -> None:
    made = decompose(*world(*size), method="wwz")
    total = sum(made[name] for name in WWZ)
    np.testing.assert_allclose(total, made["EXGR"], atol=1e-10 * made["EXGR"].max())


@some
@given(worlds)
def test_domestic_terms_agree_between_methods(size: tuple[int, int, int]) -> None:
    table = world(*size)
    source = decompose(*table)
    for method in ("bm-sink", "wwz", "kww", "my", "oecd"):
        other = decompose(*table, method=method)
        for name in ("DC", "DVA", "DDC", "VAX", "REF"):
            if name in other.terms:
                np.testing.assert_allclose(
                    other.by_exporter(name), source.by_exporter(name), rtol=1e-8, atol=1e-9
                )


def test_every_term_against_a_full_inverse_per_exporter_and_pair() -> None:
    Z, Y, X = world(3, 4, 2)
    A, R = Z / X, 8
    B, v = np.linalg.inv(np.eye(R) - A), 1 - A.sum(axis=0)
    exporter, pair = decompose(Z, Y, X), decompose(Z, Y, X, perimeter="pair")
    rows = [slice(2 * k, 2 * k + 2) for k in range(4)]
    for s in range(4):
        own = np.zeros(R)
        own[rows[s]] = v[rows[s]]
        outside = A.copy()
        for r in set(range(4)) - {s}:
            outside[rows[s], rows[r]] = 0
        without = np.linalg.inv(np.eye(R) - outside)
        for r in set(range(4)) - {s}:
            one = A.copy()
            one[rows[s], rows[r]] = 0
            cut = np.linalg.inv(np.eye(R) - one)
            E = Z[rows[s], rows[r]].sum(axis=1) + Y[rows[s], r]
            for made, inverse in ((exporter, without), (pair, cut)):
                dva, dc = own @ inverse[:, rows[s]], own @ B[:, rows[s]]
                fva, fc = (v - own) @ inverse[:, rows[s]], (v - own) @ B[:, rows[s]]
                expected = {"DVA": dva * E, "DDC": (dc - dva) * E, "FVA": fva * E, "FDC": (fc - fva) * E}
                for name, term in expected.items():
                    np.testing.assert_allclose(made[name][rows[s], r], term, rtol=1e-9, atol=1e-12)
                used = A[rows[s], rows[r]] @ (B @ Y)[rows[r]]
                np.testing.assert_allclose(made["REF"][rows[s], r], dva * used[:, s], rtol=1e-9)


@some
@given(worlds, st.randoms(use_true_random=False))
def test_the_order_of_countries_does_not_matter(size: tuple[int, int, int], random: Any) -> None:
    Z, Y, X = world(*size)
    _, n, j = size
    order = list(range(n))
    random.shuffle(order)
    rows = np.concatenate([np.arange(k * j, k * j + j) for k in order])
    first, second = decompose(Z, Y, X), decompose(Z[np.ix_(rows, rows)], Y[rows][:, order], X[rows])
    for name in first.terms:
        scale = np.abs(first[name]).max()
        np.testing.assert_allclose(second[name], first[name][rows][:, order], atol=1e-9 * scale)


def test_a_group_is_one_exporter() -> None:
    """Adding the rows and columns of two countries up by hand gives what groups gives."""
    Z, Y, X = world(5, 4, 1)
    grouped = decompose(Z, Y, X, groups=[1, 0, 1, 2])
    assert grouped.exporter.tolist() == [1, 0, 1, 2]
    rows = [0, 2]
    inner = Z[np.ix_(rows, rows)]
    gross = Z[rows].sum() + Y[rows].sum() - inner.sum() - Y[np.ix_(rows, rows)].sum()
    assert grouped.by_exporter("EXGR")[1] == pytest.approx(gross)
    single = decompose(Z, Y, X)
    assert grouped.by_exporter("DVA")[0] == pytest.approx(single.by_exporter("DVA")[1])
    assert grouped.by_exporter("FVA")[0] == pytest.approx(single.by_exporter("FVA")[1])
    assert (grouped["EXGR"][[0, 2], 1] == 0).all()


def test_an_industry_without_output_takes_no_part() -> None:
    Z, Y, X = world(7, 3, 2)
    Z[:, 3] = Z[3] = Y[3] = 0
    X = Z.sum(axis=1) + Y.sum(axis=1)
    made = decompose(Z, Y, X)
    assert X[3] == 0
    assert all((term[3] == 0).all() and np.isfinite(term).all() for term in made.terms.values())


def test_negative_final_demand_is_taken_as_it_is() -> None:
    """Stocks run down: exports of a row may be negative, and the parts still add up."""
    Z, Y, X = world(11, 3, 1)
    Y[0, 1], Y[0, 0] = -5.0, Y[0, 0] + Y[0, 1] + 5.0
    made = decompose(Z, Y, X)
    assert made["EXGR"][0, 1] == pytest.approx(Z[0, 1] - 5.0)
    total = sum(made.by_exporter(name) for name in ("DVA", "DDC", "FVA", "FDC"))
    np.testing.assert_allclose(total, made.by_exporter("EXGR"))


def test_a_method_says_which_terms_it_has() -> None:
    made = decompose(*world(1, 2, 1), method="my")
    with pytest.raises(ValueError, match="method 'my' has no term 'VAX', only EXGR, DC, DVA"):
        made.by_exporter("VAX")


def test_results_are_read_only() -> None:
    made = decompose(*world(1, 2, 1))
    with pytest.raises(ValueError, match="read-only"):
        made["DVA"][0, 0] = 1.0
    with pytest.raises(TypeError):
        made.terms["DVA"] = made["DVA"]  # type: ignore[index]


def table(**change: Any) -> dict[str, Any]:
    Z, Y, X = world(2, 2, 2)
    return {"Z": Z, "Y": Y, "X": X} | change


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"Z": np.ones((4, 3))}, r"Z must be a square matrix, got shape \(4, 3\)"),
    ({"Z": np.zeros((0, 0)), "X": np.zeros(0)}, "Z must be a square matrix"),
    ({"X": np.ones(3)}, r"X must have shape \(4,\), got \(3,\)"),
    ({"Y": np.ones((4, 3))}, r"Y must have 4 rows and one column per country.*got shape \(4, 3\)"),
    ({"Y": np.ones((3, 2))}, "Y must have 4 rows"),
    ({"Y": np.ones(4)}, "Y must have 4 rows"),
    ({"Y": np.full((4, 2), np.nan)}, "Y holds NaN or infinity"),
    ({"X": np.array([1.0, np.inf, 1, 1])}, "X holds NaN or infinity"),
    ({"X": np.array([1.0, -1, 1, 1])}, "X must not be negative, its least value is -1"),
    ({"X": 2 * table()["X"]}, "the table does not balance"),
    ({"method": "bm"}, "method must be one of bm-source, bm-sink"),
    ({"perimeter": "sector"}, "perimeter must be one of exporter, pair"),
    ({"method": "wwz", "perimeter": "pair"}, "perimeter 'pair' is defined for method 'bm-source' only"),
    ({"groups": [0, 1, 2]}, "groups must be 2 whole numbers, one per column of Y"),
    ({"groups": [0.0, 1.0]}, "groups must be 2 whole numbers"),
    ({"groups": [0, 2]}, "groups must number the exporters 0, 1, 2, ... without gaps"),
    ({"inverse": np.eye(3)}, r"inverse must have shape \(4, 4\)"),
    ({"inverse": np.eye(4)}, "inverse is not that of Z and X"),
]


@pytest.mark.parametrize(("change", "message"), FAULTS)
def test_faults_name_the_argument(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decompose(**table(**change))


def test_nan_in_flows_is_refused() -> None:
    made = table()
    made["Z"][1, 2] = np.nan
    with pytest.raises(ValueError, match="Z holds NaN or infinity"):
        decompose(**made)
