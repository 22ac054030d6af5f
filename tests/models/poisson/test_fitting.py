"""Poisson regression: identities, both layouts, bad input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from entrepot.models.poisson import NotConverged, fit
from entrepot.models.separation import find_separated


def scores(y: Any, x: Any, groups: Any, result: Any) -> float:
    """Largest score over its scale, computed apart from the estimator, in the units given."""
    kept = result.kept
    w = result.weights
    residual, size = w * (y[kept] - result.mu), w * (y[kept] + result.mu)
    worst = 0.0
    for group in groups:
        off = np.bincount(group[kept], weights=residual)
        scale = np.bincount(group[kept], weights=size)
        worst = max(worst, float(np.max(np.abs(off[scale > 0]) / scale[scale > 0])))
    for j in result.columns:
        worst = max(worst, abs(x[kept, j] @ residual) / (np.abs(x[kept, j]) @ size))
    return worst


@pytest.mark.parametrize("seed", range(50))
def test_score_equations(panel: Callable[..., Any], seed: int) -> None:
    data = panel(seed, zeros=0.2 + 0.008 * seed, unit=10.0 ** (seed % 25 - 12))
    groups = data.groups[: 2 + seed % 2]
    result = fit(data.y, data.x, groups)
    assert scores(data.y, data.x, groups, result) < 1e-8
    for effects in (result.beta, result.mu, result.x_tilde):
        assert np.isfinite(effects).all()
    index = data.x[result.kept][:, result.columns] @ result.beta
    for group, level in zip(groups, result.fixed_effects, strict=True):
        index = index + level[group[result.kept]]
    np.testing.assert_allclose(np.exp(index), result.mu, rtol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_dense_and_sparse_layouts_agree(panel: Callable[..., Any], seed: int) -> None:
    data = panel(seed)
    groups = [data.groups[k] for k in np.random.default_rng(seed).permutation(3)]
    dense, sparse = (fit(data.y, data.x, groups, layout=name) for name in ("dense", "sparse"))
    assert (dense.layout, sparse.layout) == ("dense", "sparse")
    np.testing.assert_allclose(dense.beta, sparse.beta, rtol=0, atol=1e-10)
    np.testing.assert_allclose(dense.mu, sparse.mu, rtol=1e-9)
    np.testing.assert_allclose(dense.x_tilde, sparse.x_tilde, atol=1e-9)
    for left, right in zip(dense.fixed_effects, sparse.fixed_effects, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-8)


def test_auto_takes_the_dense_layout_for_a_full_panel_only(panel: Callable[..., Any]) -> None:
    data = panel(1)
    assert fit(data.y, data.x, data.groups).layout == "dense"
    thin = panel(2, absent=0.72, zeros=0.0)
    assert fit(thin.y, None, thin.groups).layout == "sparse"
    symmetric = [*data.groups[:2], data.groups[2] // 3]
    assert fit(data.y, data.x, symmetric).layout == "sparse"


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_row_order_changes_nothing(panel: Callable[..., Any], layout: Any) -> None:
    data = panel(3)
    first = fit(data.y, data.x, data.groups, layout=layout)
    order = np.random.default_rng(0).permutation(data.y.size)
    second = fit(data.y[order], data.x[order], [group[order] for group in data.groups], layout=layout)
    np.testing.assert_array_equal(first.beta, second.beta)
    np.testing.assert_array_equal(first.kept[order], second.kept)
    full = np.full(data.y.size, np.nan)
    full[first.kept] = first.mu
    np.testing.assert_array_equal(full[order][second.kept], second.mu)


def test_repeated_cells_in_any_order(panel: Callable[..., Any]) -> None:
    data = panel(4)
    y, x = np.tile(data.y, 2), np.tile(data.x, (2, 1))
    x[: data.y.size, 0] += np.random.default_rng(1).normal(size=data.y.size)
    groups = [np.tile(group, 2) for group in data.groups]
    first = fit(y, x, groups)
    order = np.random.default_rng(2).permutation(y.size)
    second = fit(y[order], x[order], [group[order] for group in groups])
    assert first.layout == "sparse"
    np.testing.assert_array_equal(first.beta, second.beta)


def test_renamed_codes_change_nothing(panel: Callable[..., Any]) -> None:
    data = panel(5)
    rng = np.random.default_rng(5)
    renamed = [rng.permutation(int(group.max()) + 1)[group] * 3 for group in data.groups]
    first, second = fit(data.y, data.x, data.groups), fit(data.y, data.x, renamed)
    np.testing.assert_allclose(first.beta, second.beta, rtol=0, atol=1e-12)


def test_equals_a_general_optimiser_on_dummies(panel: Callable[..., Any]) -> None:
    data = panel(6)
    result = fit(data.y, data.x, data.groups[:2])
    kept = result.kept
    codes = [np.unique(group[kept], return_inverse=True)[1] for group in data.groups[:2]]
    dummies = [np.eye(int(code.max()) + 1)[code] for code in codes]
    design = np.column_stack([data.x[kept], *dummies])
    y = data.y[kept] / data.y.mean()

    def loss(b: Any) -> Any:
        mu = np.exp(design @ b)
        return (mu - y * (design @ b)).sum(), design.T @ (mu - y)

    found = minimize(loss, np.zeros(design.shape[1]), jac=True, options={"maxiter": 5000, "gtol": 1e-9})
    np.testing.assert_allclose(found.x[:2], result.beta, atol=1e-6)


def test_x_tilde_is_orthogonal_to_every_dummy(panel: Callable[..., Any]) -> None:
    data = panel(7)
    result = fit(data.y, data.x, data.groups)
    for group in data.groups:
        for column in result.x_tilde.T:
            sums = np.bincount(group[result.kept], weights=column * result.mu)
            size = np.bincount(group[result.kept], weights=np.abs(column) * result.mu)
            assert np.max(np.abs(sums) / np.where(size > 0, size, 1)) < 1e-8


def test_weights_are_repetitions(panel: Callable[..., Any]) -> None:
    data = panel(8, zeros=0.1)
    times = np.random.default_rng(8).integers(0, 4, data.y.size)
    repeated = np.repeat(np.arange(data.y.size), times)
    weighted = fit(data.y, data.x, data.groups, weights=times, singletons="keep")
    longer = fit(data.y[repeated], data.x[repeated], [g[repeated] for g in data.groups], singletons="keep")
    np.testing.assert_allclose(weighted.beta, longer.beta, atol=1e-11)
    assert weighted.dropped["weight is zero"] == int(np.sum(times == 0))


def test_an_offset_is_a_regressor_with_coefficient_one(panel: Callable[..., Any]) -> None:
    data = panel(8)
    for layout in ("dense", "sparse"):
        offset = 3 + 0.7 * data.x[:, 1] + np.random.default_rng(0).normal(size=data.y.size)
        result = fit(data.y, data.x, data.groups, offset=offset, layout=layout)
        # E[y exp(-o)] = exp(x b + f) with weights exp(o) has the same score equations.
        other = fit(data.y * np.exp(-offset), data.x, data.groups, weights=np.exp(offset))
        np.testing.assert_allclose(result.beta, other.beta, rtol=0, atol=1e-9)
        index = offset[result.kept] + data.x[result.kept] @ result.beta
        for group, level in zip(data.groups, result.fixed_effects, strict=True):
            index = index + level[group[result.kept]]
        np.testing.assert_allclose(np.exp(index), result.mu, rtol=1e-9)
    moved = fit(data.y, data.x, data.groups, offset=0.7 * data.x[:, 1])
    plain = fit(data.y, data.x, data.groups)
    np.testing.assert_allclose(moved.beta, plain.beta - [0, 0.7], atol=1e-9)


def test_singletons_change_counts_not_coefficients(panel: Callable[..., Any]) -> None:
    data = panel(9, absent=0.6)
    dropped = fit(data.y, data.x, data.groups)
    kept = fit(data.y, data.x, data.groups, singletons="keep")
    assert dropped.kept.sum() < kept.kept.sum()
    np.testing.assert_allclose(dropped.beta, kept.beta, atol=1e-9)


def test_pruning_goes_to_a_fixed_point() -> None:
    # Dropping the all-zero group 0 leaves row 2 alone in its second group, and so on down the chain.
    first = np.array([0, 0, 1, 1, 2, 2, 2, 3, 3, 3])
    second = np.array([0, 1, 1, 2, 2, 3, 4, 3, 4, 3])
    y = np.array([0, 0, 3, 1, 2, 5, 1, 2, 2, 4.0])
    result = fit(y, None, [first, second])
    assert result.kept.tolist() == [False] * 5 + [True] * 5
    assert result.dropped == {
        "y is zero throughout a fixed-effect group": 2,
        "only observation of a fixed-effect group": 3,
    }
    assert np.isnan(result.fixed_effects[0][:2]).all()


def test_collinear_and_absorbed_regressors_are_named(panel: Callable[..., Any]) -> None:
    data = panel(10)
    base = fit(data.y, data.x, data.groups)
    absorbed = np.random.default_rng(3).normal(size=data.groups[0].max() + 1)[data.groups[0]]
    twice = 1e8 * (data.x[:, 0] - 2 * data.x[:, 1]) + 7
    x = np.column_stack([np.ones(data.y.size), data.x[:, 0], absorbed, data.x[:, 1], twice, absorbed * 1e-9])
    result = fit(data.y, x, data.groups)
    assert result.columns == (1, 3)
    assert {item.column: item.reason for item in result.unidentified} == {
        0: "absorbed by the fixed effects",
        2: "absorbed by the fixed effects",
        4: "collinear with the regressors before it",
        5: "absorbed by the fixed effects",
    }
    np.testing.assert_allclose(result.beta, base.beta, atol=1e-11)
    assert result.x_tilde.shape == (result.kept.sum(), 2)


@pytest.mark.parametrize("layout", ["dense", "sparse"])
def test_a_regressor_that_is_nearly_absorbed(layout: Any) -> None:
    # What is left of it is 1e-3: projections must be exact beside that, not beside the regressor.
    rng = np.random.default_rng(0)
    n, t = 20, 10
    i, year, j = (axis.ravel() for axis in np.indices((n, t, n)))
    groups = [i * t + year, year * n + j, i * n + j]
    levels = [rng.normal(size=int(group.max()) + 1)[group] for group in groups]
    own = rng.normal(size=i.size)
    y = np.exp(0.3 * own + 2 * np.sum(levels, axis=0)) * rng.lognormal(0, 2, i.size)
    y[rng.random(i.size) < 0.5] = 0
    plain = fit(y, own, groups, layout=layout)
    buried = fit(y, np.sum(levels, axis=0) + 1e-3 * own, groups, layout=layout)
    assert plain.layout == buried.layout == layout
    np.testing.assert_allclose(buried.beta * 1e-3, plain.beta, rtol=1e-7)
    off = np.sqrt(plain.mu) @ np.abs(buried.x_tilde * 1e3 - plain.x_tilde)
    assert off <= 1e-6 * (np.sqrt(plain.mu) @ np.abs(plain.x_tilde))


@settings(max_examples=10, deadline=None)
@given(unit=st.integers(-12, 12), scale=st.integers(-12, 12))
def test_units_rescale_the_answer(panel: Callable[..., Any], unit: int, scale: int) -> None:
    data = panel(11)
    base = fit(data.y, data.x, data.groups)
    moved = fit(data.y * 10.0**unit, data.x * 10.0**scale, data.groups)
    np.testing.assert_allclose(moved.beta * 10.0**scale, base.beta, rtol=1e-9)
    np.testing.assert_allclose(moved.mu / 10.0**unit, base.mu, rtol=1e-9)


def test_normalisation_by_component() -> None:
    rng = np.random.default_rng(0)
    left = np.repeat(np.arange(8), 4)
    right = np.tile(np.arange(4), 8) + 4 * (left >= 4)
    result = fit(rng.gamma(1.0, size=32), None, [left, right])
    for block in (slice(0, 4), slice(4, 8)):
        assert abs(result.fixed_effects[1][block].sum()) < 1e-12


def test_without_groups_there_is_a_constant() -> None:
    result = fit([1.0, 2, 6], None, [])
    np.testing.assert_allclose(result.mu, 3.0)
    np.testing.assert_allclose(result.fixed_effects[0], np.log(3.0))


def test_four_fixed_effects(panel: Callable[..., Any]) -> None:
    data = panel(12)
    extra = np.random.default_rng(12).integers(0, 5, data.y.size)
    groups = [*data.groups, extra]
    result = fit(data.y, data.x, groups)
    assert scores(data.y, data.x, groups, result) < 1e-8
    assert result.layout == "sparse"


def test_too_few_iterations_say_so(panel: Callable[..., Any]) -> None:
    data = panel(13)
    with pytest.raises(NotConverged, match="after 1 iterations"):
        fit(data.y, data.x, data.groups, max_iterations=1)


GOOD: dict[str, Any] = {"y": [1.0, 2, 3, 4], "x": [0.0, 1, 1, 0], "groups": [[0, 0, 1, 1]]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": [1, -2, 3, 4]}, "y is negative in row 1"),
        ({"y": [1, 2, np.nan, 4]}, "y is NaN or infinite in row 2"),
        ({"y": ["a", "b", "c", "d"]}, "y must hold numbers"),
        ({"y": []}, "y must be one-dimensional and not empty"),
        ({"y": [[1, 2], [3, 4]]}, "y must be one-dimensional"),
        ({"y": [0, 0, 0, 0]}, "y has no row left.*zero throughout"),
        ({"x": [1, 2, 3]}, r"x must have shape \(4, k\)"),
        ({"x": [[1, 2], [1, np.inf], [0, 0], [1, 1]]}, "x is NaN or infinite in row 1, column 1"),
        ({"groups": [[0, 0, 1]]}, r"groups\[0\] must have shape"),
        ({"groups": [[0, 0, 1, 1], [0.5, 1, 1, 0]]}, r"groups\[1\] must hold integer codes"),
        ({"groups": [[0, 0, -1, -1]]}, r"groups\[0\] is negative in row 2"),
        ({"weights": [1, 1, 1]}, "weights must have shape"),
        ({"weights": [1, 1, -1, 1]}, "weights is negative in row 2"),
        ({"weights": [0, 0, 0, 0]}, "y has no row left.*weight is zero"),
        ({"offset": [1, 1]}, r"offset must have shape \(4,\)"),
        ({"offset": [0, 0, np.nan, 0]}, "offset is NaN or infinite in row 2"),
        ({"offset": [0, 0, 0, 1e3]}, "offset must span at most 600"),
        ({"tolerance": 0}, "tolerance must be positive"),
        ({"max_iterations": 0}, "max_iterations must be at least 1"),
        ({"layout": "fast"}, "layout must be"),
        ({"layout": "dense"}, "layout 'dense' needs"),
        ({"singletons": True}, "singletons must be"),
    ],
)
def test_bad_input(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(**{**GOOD, **change})


@pytest.mark.parametrize("zeros", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_separated_rows_go_and_the_rest_is_fitted(panel: Callable[..., Any], seed: int, zeros: float) -> None:
    data = panel(seed, zeros=zeros)
    groups = data.groups[:2]
    result = fit(data.y, data.x, groups)
    gone = find_separated(data.y, groups, data.x).mask
    assert not (result.kept & gone).any()
    assert scores(data.y, data.x, groups, result) < 1e-8
    assert np.abs(result.beta).max(initial=0.0) < 30


def test_a_separating_dummy_is_dropped_with_its_rows(panel: Callable[..., Any]) -> None:
    data = panel(20, zeros=0.5)
    dummy = (data.y == 0) & (data.x[:, 0] > 0.5)
    result = fit(data.y, np.column_stack([data.x, dummy]), data.groups)
    assert result.columns == (0, 1)
    assert result.dropped["y is zero and separated: no finite estimate fits it"] > 0
    base = fit(data.y[~dummy], data.x[~dummy], [group[~dummy] for group in data.groups])
    np.testing.assert_allclose(result.beta, base.beta, atol=1e-10)
