"""Many outcomes on common rows: the same numbers as one by one, reasons in place of failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from entrepot.models.poisson import fit
from entrepot.models.poisson.many import Fitted, Unfitted, fit_many


def _outcomes(data: Any, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(1)
    chosen = [np.flatnonzero((data.y > 0) & (rng.random(data.y.size) < 0.6)) for _ in range(count)]
    return [(rows, data.y[rows] * rng.lognormal(0, 1, rows.size)) for rows in chosen]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("known", [False, True])
def test_equals_one_by_one(panel: Callable[..., Any], workers: int, known: bool) -> None:
    data = panel(3)
    rng = np.random.default_rng(2)
    extra: dict[str, Any] = {}
    if known:
        extra = {"weights": rng.integers(0, 3, data.y.size), "offset": rng.normal(size=data.y.size)}
    outcomes = _outcomes(data, 6)
    for index, found in enumerate(
        fit_many(outcomes, data.x, data.groups, lambda done: done, workers=workers, **extra)
    ):
        assert isinstance(found, Fitted)
        y = np.zeros(data.y.size)
        y[outcomes[index][0]] = outcomes[index][1]
        alone = fit(y, data.x, data.groups, **extra)
        np.testing.assert_array_equal(found.fit.beta, alone.beta)
        np.testing.assert_array_equal(found.rows[found.fit.kept], np.flatnonzero(alone.kept))
        assert (found.index, found.rows.size + found.silent) == (index, data.y.size)


def test_what_cannot_be_fitted_says_why(panel: Callable[..., Any]) -> None:
    data = panel(3)
    outcomes = [
        *_outcomes(data, 1),
        (np.array([], dtype=int), np.array([])),
        (np.array([0]), np.array([1.0])),
    ]
    first, *rest = fit_many(outcomes, data.x, data.groups, lambda done: done.fit.beta.size)
    assert first == 2
    assert [answer.index for answer in rest if isinstance(answer, Unfitted)] == [1, 2]
    assert all("y has no row left" in answer.reason for answer in rest if isinstance(answer, Unfitted))


def test_repeated_rows_add() -> None:
    groups = [[0, 0, 1, 1]]
    twice, once = fit_many(
        [([0, 1, 0, 2, 3], [1, 2, 3, 1, 5]), ([0, 1, 2, 3], [4, 2, 1, 5])],
        [0, 1, 0, 1],
        groups,
        lambda done: float(done.fit.beta[0]),
    )
    assert twice == once


def test_bad_input() -> None:
    good: dict[str, Any] = {"outcomes": [([0], [1.0])], "x": [0, 1], "groups": [[0, 0]], "finish": id}
    for change, words in [
        ({"workers": 0}, "workers must be at least 1"),
        ({"x": [0, np.nan]}, "x is NaN"),
        ({"groups": []}, "groups must hold at least one"),
    ]:
        with pytest.raises(ValueError, match=words):
            list(fit_many(**{**good, **change}))
    answers = list(fit_many([([0, 1], [1.0]), ([2], [1.0]), ([0], [-1.0])], [0, 1], [[0, 0]], id))
    assert [str(answer.reason)[:20] for answer in answers if isinstance(answer, Unfitted)] == [
        "outcomes[0] must hol",
        "outcomes[1] has rows",
        "outcomes[2] is not p",
    ]
