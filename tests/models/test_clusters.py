"""Clusters: communities that were planted, the optimum against brute force, and wrong arguments."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.models.clusters import choose, cohesion, communities


def blocks(sizes, inside=0.8, outside=0.1):
    label = np.repeat(np.arange(len(sizes)), sizes)
    near = np.where(label[:, None] == label[None, :], inside, outside)
    np.fill_diagonal(near, 0)
    return near, label


def groups_of(pool):
    return {tuple(np.flatnonzero(row).tolist()) for row in pool}


@pytest.mark.parametrize("sizes", [(5, 5), (4, 6, 3), (3, 4, 5, 6)])
def test_planted_groups_are_found_whatever_the_order(sizes):
    near, label = blocks(sizes)
    rng = np.random.default_rng(1)
    for _ in range(5):
        order = rng.permutation(len(near))
        found = groups_of(communities(near[np.ix_(order, order)]))
        for block in range(len(sizes)):
            assert tuple(np.flatnonzero(label[order] == block).tolist()) in found


def test_two_cliques_of_a_known_graph_are_split_at_the_bridge():
    near = np.zeros((8, 8))
    near[:4, :4] = near[4:, 4:] = 1
    near[3, 4] = near[4, 3] = 1
    assert groups_of(communities(near)) >= {tuple(range(8)), (0, 1, 2, 3), (4, 5, 6, 7)}


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 14), st.integers(1, 4), st.integers(0, 10_000))
def test_groups_are_distinct_nested_or_apart_and_large_enough(n, least, seed):
    near = np.random.default_rng(seed).random((n, n))
    near = near + near.T
    pool = communities(near, least=least)
    assert len(groups_of(pool)) == len(pool)
    if n >= least:
        assert pool[0].all()
    for one in pool:
        assert one.sum() >= least
        for two in pool:
            both = (one & two).sum()
            assert both in (0, one.sum(), two.sum())


def test_nothing_near_anything_is_still_split_into_groups():
    pool = communities(np.zeros((6, 6)))
    assert pool[0].all()
    assert (pool.sum(axis=1) >= 2).all()
    assert communities(np.zeros((0, 0))).shape == (0, 0)
    assert communities(np.zeros((1, 1))).shape == (0, 1)


def test_cohesion_is_the_mean_proximity_to_the_others():
    near = np.array([[0, 0.5, 0.2], [0.5, 0, 0.9], [0.2, 0.9, 0]])
    found = cohesion(near, [[True, True, True], [True, True, False], [True, False, False]])
    np.testing.assert_allclose(found, [[0.35, 0.7, 0.55], [0.5, 0.5, 0], [0, 0, 0]])


def own_members(members):
    """Count the members of each cluster that no other cluster has."""
    return [len(set(one).difference(*(two for j, two in enumerate(members) if j != i)))
            for i, one in enumerate(members)]  # fmt: skip


def brute(worth, pool, k, least, most, overlap):
    """Try every assignment: the most clusters up to k, and then the most worth."""
    cells = np.argwhere(pool)
    best = (0, 0.0)
    for bits in product((0, 1), repeat=len(cells)):
        taken = cells[np.array(bits, bool)]
        if not len(taken):
            continue
        sizes = np.bincount(taken[:, 0], minlength=len(pool))
        live = sizes[sizes > 0]
        used = np.bincount(taken[:, 1])
        members = [taken[taken[:, 0] == group, 1].tolist() for group in np.unique(taken[:, 0])]
        if min(own_members(members)) < least:
            continue
        if len(live) <= k and (live >= least).all() and (live <= most).all() and used.max() <= overlap:
            best = max(best, (len(live), float(worth[taken[:, 0], taken[:, 1]].sum())))
    return best


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_optimum_is_that_of_brute_force(data):
    n, groups = data.draw(st.integers(2, 4)), data.draw(st.integers(1, 3))
    pool = np.array(data.draw(st.lists(st.booleans(), min_size=n * groups, max_size=n * groups)))
    pool = pool.reshape(groups, n)
    worth = np.array(data.draw(st.lists(st.integers(0, 9), min_size=n * groups, max_size=n * groups)))
    worth = worth.reshape(groups, n).astype(float)
    k, overlap = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 2))
    least = data.draw(st.integers(1, 2))
    most = data.draw(st.integers(least, 3))
    found = choose(worth, pool, k, least=least, most=most, overlap=overlap)
    count, total = brute(worth, pool, k, least, most, overlap)
    assert len(found.groups) == count
    assert found.total == pytest.approx(total, abs=1e-9)
    assert len(set(found.groups)) == len(found.groups)
    for group, members, value in zip(found.groups, found.members, found.worth, strict=True):
        assert least <= len(members) <= most
        assert pool[group, members].all()
        assert value == pytest.approx(worth[group, members].sum())
    assert (np.diff(found.worth) <= 1e-9).all()
    assert all(own >= least for own in own_members([group.tolist() for group in found.members]))
    counts = np.bincount(np.concatenate([*found.members, np.zeros(0, int)]).astype(int), minlength=n)
    assert counts.max() <= overlap


def test_no_cluster_is_made_of_other_clusters():
    # The whole of four is worth most, and its two halves next: with an overlap of 2 all three fit the bounds.
    pool = np.array([[1, 1, 1, 1, 0], [1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 1]], bool)
    worth = pool * np.array([[9.0], [8.0], [7.0], [1.0]])
    found = choose(worth, pool, 3, least=2, most=4, overlap=2)
    assert [group.tolist() for group in found.members] == [[2, 3], [0, 1]]
    # One position alone may be shared if each still has two of its own.
    pool = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]], bool)
    found = choose(1.0 * pool, pool, 2, least=2, most=3, overlap=2)
    assert [group.tolist() for group in found.members] == [[0, 1, 2], [2, 3, 4]]


def test_a_member_that_is_worth_little_is_left_to_fill_a_bound():
    # Only with item 2 does the first group reach its least size.
    worth, pool = np.array([[5.0, 0.0, 1.0]]), np.array([[True, False, True]])
    assert choose(worth, pool, 1, least=2, most=2).members[0].tolist() == [0, 2]
    assert choose(worth, pool, 1, least=3, most=3).groups == ()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: communities([[0, 1, 2]]), "square"),
        (lambda: communities([[0, 1], [2, 0]]), "symmetric"),
        (lambda: communities([[0, np.nan], [np.nan, 0]]), "symmetric"),
        (lambda: communities([[0, 1], [1, 0]], least=0), "least"),
        (lambda: choose([[1.0]], [[True, True]], 1), "worth has shape"),
        (lambda: choose([[-1.0]], [[True]], 1), "worth must be"),
        (lambda: choose([[1.0]], [[True]], 0), "k and overlap"),
        (lambda: choose([[1.0]], [[True]], 1, least=3, most=2), "sizes"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(ValueError, match=words):
        call()
