"""Connected groups: what `linked` finds is what a search over all rows finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from entrepot.models.poisson.levels import linked


def by_search(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    n, m = int(left.max()) + 1, int(right.max()) + 1
    graph = sparse.coo_array((np.ones(left.size), (left, right + n)), shape=(n + m, n + m))
    return np.asarray(sparse.csgraph.connected_components(graph, directed=False)[1])


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40), st.integers(1, 120))
def test_components_of_any_graph(seed: int, n: int, m: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    left, right = (np.unique(rng.integers(size, size=rows), return_inverse=True)[1] for size in (n, m))
    one, other, row = linked(left, right)
    expected = by_search(left, right)
    assert np.concatenate([one, other]).tolist() == expected.tolist()
    assert row.tolist() == expected[left].tolist()


def test_a_chain_is_one_component() -> None:
    # Each group shares one row with the next: no row of its own links all of them at once.
    at = np.random.default_rng(0).permutation(300)
    left, right = at // 2, (at + 1) // 2
    assert set(linked(left, right)[2].tolist()) == {0}
