from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from entrepot.models.detection import (
    benjamini_hochberg,
    false_share,
    innocent_share,
    q_values,
    tail_probabilities,
)

scores = st.lists(st.integers(-20, 20), min_size=1, max_size=30).map(lambda x: np.array(x, float))


def test_by_hand() -> None:
    # At 5: (0+1)/1 * 3/4; at 4: (1+1)/2 * 3/4; at 0: (2+1)/3 * 3/4.
    q = q_values(np.array([5.0, 0.0, 4.0]), np.array([4.5, 3.0, -1.0, -2.0]))
    np.testing.assert_allclose(q, [0.75, 0.75, 0.75])
    assert q_values(np.arange(100.0) + 10, np.zeros(100))[0] == pytest.approx(0.01)


@given(scores, scores)
def test_stronger_evidence_never_has_a_larger_q(target: np.ndarray, decoy: np.ndarray) -> None:
    q = q_values(target, decoy)
    order = np.argsort(target)
    assert (np.diff(q[order]) <= 1e-12).all()
    assert ((q > 0) & (q <= 1)).all()


@given(scores, scores)
def test_equal_scores_have_equal_q(target: np.ndarray, decoy: np.ndarray) -> None:
    q = q_values(target, decoy)
    for value in np.unique(target):
        assert np.unique(q[target == value]).size == 1


def test_false_share_is_held_when_decoys_are_like_innocents() -> None:
    rng = np.random.default_rng(0)
    false, found = 0, 0
    for _ in range(40):
        target = np.concatenate([rng.standard_t(2, 900), rng.standard_t(2, 100) + 12])
        q = q_values(target, rng.standard_t(2, 1000))
        false, found = false + (q[:900] <= 0.1).sum(), found + (q <= 0.1).sum()
    # 40 draws leave a standard error of about 0.01 on the mean share.
    assert false / found < 0.12


def test_innocent_share_is_near_the_truth_and_above_it() -> None:
    rng = np.random.default_rng(1)
    target = np.concatenate([rng.normal(0, 1, 6000), rng.normal(6, 1, 4000)])
    share = innocent_share(target, rng.normal(0, 1, 10_000))
    assert 0.6 <= share < 0.65
    assert innocent_share(rng.normal(-1, 1, 100), rng.normal(0, 1, 100)) == 1.0


def test_benjamini_hochberg_is_scipys() -> None:
    p = np.random.default_rng(2).uniform(0, 1, 200) ** 2
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), rtol=1e-12)


def test_tail_probability_is_never_zero() -> None:
    assert tail_probabilities(np.array([9.0, 1.0]), np.array([1.0, 0.0, 0.0])).tolist() == [0.25, 0.5]


def test_false_share_counts_what_crosses_the_cut() -> None:
    target, q = np.array([3.0, 2.0, 0.0, 0.0]), np.array([0.01, 0.04, 0.5, 0.5])
    share = false_share(target, q, np.array([2.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 0.05)
    assert (share.found, share.crossed) == (2, 1)
    assert share.share == pytest.approx(1 * (4 / 8) / 2)
    assert share.lower <= share.share <= share.upper


def test_nothing_found_has_no_false_share() -> None:
    share = false_share(np.zeros(3), np.ones(3), np.zeros(3), 0.05)
    assert share.found == 0
    assert np.isnan(share.share)


def test_no_crossing_leaves_an_upper_bound() -> None:
    target = np.full(100, 5.0)
    assert false_share(target, np.zeros(100), np.zeros(100), 0.05).upper == pytest.approx(0.03)


def test_scores_must_be_numbers_and_decoys_there() -> None:
    with pytest.raises(ValueError, match="decoy"):
        q_values(np.ones(2), np.ones(0))
    with pytest.raises(ValueError, match="numbers"):
        q_values(np.array([np.nan]), np.ones(1))
