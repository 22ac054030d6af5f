"""Poisson pseudo-maximum likelihood with any list of fixed effects."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.poisson import newton
from entrepot.models.poisson.dense import DenseLayout, DenseShape, dense_shape, original
from entrepot.models.poisson.identify import Unidentified, identified
from entrepot.models.poisson.layout import Layout, SparseLayout
from entrepot.models.poisson.levels import normalised
from entrepot.models.poisson.overlap import separated_rows
from entrepot.models.poisson.rows import (
    KEPT,
    REASONS,
    SEPARATED,
    Rows,
    canonical_order,
    checked,
    prune,
    take,
)
from entrepot.models.separation import find_separated

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
LayoutName = Literal["auto", "sparse", "dense"]

# Share of its cells from which the tensor is faster than sparse dummies.
FILLED = 0.3


@dataclass(frozen=True, slots=True)
class PoissonFit:
    """A Poisson regression with fixed effects, ``E[y] = exp(x beta + sum of fixed effects)``.

    Attributes
    ----------
    beta : ndarray, shape (k,)
        Coefficients of the identified regressors.
    columns : tuple of int, length k
        Their columns in ``x``.
    unidentified : tuple of Unidentified
        The other columns, each with the reason.
    y, mu, weights : ndarray, shape (n_kept,)
        Outcome, fitted mean and weight of the kept rows, in their original order.
    x_tilde : ndarray, shape (n_kept, k)
        Regressors less their projection on the fixed effects, weighted by ``weights * mu``.
    kept : ndarray of bool, shape (n,)
        Rows in the regression.
    reason : ndarray of int8, shape (n,)
        0 for a kept row, else a key of ``REASONS``.
    dropped : dict of str to int
        Rows dropped by reason.
    fixed_effects : tuple of ndarray
        One array per fixed effect, indexed by the codes given; NaN for a code without kept rows. The first
        carries the overall level, each later one has mean 0 over the observations of every connected
        component that it forms with one before it.
    deviance : float
        ``2 sum w (y log(y / mu) - y + mu)``.
    score : float
        Largest score over its scale (see `newton.Weighted`), at most 1e-8.
    iterations, inner_iterations : int
        Newton steps and conjugate-gradient iterations within them.
    layout : {"sparse", "dense"}
        Which kernel ran.
    """

    beta: FloatArray
    columns: tuple[int, ...]
    unidentified: tuple[Unidentified, ...]
    y: FloatArray
    mu: FloatArray
    weights: FloatArray
    x_tilde: FloatArray
    kept: NDArray[np.bool_]
    reason: NDArray[np.int8]
    dropped: dict[str, int]
    fixed_effects: tuple[FloatArray, ...]
    deviance: float
    score: float
    iterations: int
    inner_iterations: int
    layout: str


def fit(
    y: ArrayLike,
    x: ArrayLike | None,
    groups: Sequence[ArrayLike],
    *,
    weights: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
    singletons: Literal["drop", "keep"] = "drop",
    layout: LayoutName = "auto",
) -> PoissonFit:
    """Fit ``E[y] = exp(x beta + sum of fixed effects)`` by Poisson pseudo-maximum likelihood.

    Parameters
    ----------
    y : array_like, shape (n,)
        Outcome >= 0, any unit.
    x : array_like, shape (n, k) or (n,), or None
        Regressors.
    groups : sequence of array_like of int, shape (n,)
        Non-negative codes, one array per fixed effect. Empty: a constant only.
    weights : array_like, shape (n,), optional
        Weights >= 0; a row of weight 0 is dropped.
    offset : array_like, shape (n,), optional
        Known part of the linear index, ``E[y] = exp(offset + x beta + sum of fixed effects)``.
    tolerance : float
        Largest change of a coefficient, in standard deviations of its regressor, in the last iteration.
    max_iterations : int
        Most Newton steps.
    singletons : {"drop", "keep"}
        Whether a group's only observation is dropped; it changes no coefficient, only counts.
    layout : {"auto", "sparse", "dense"}
        "dense" holds exporter-year, importer-year and pair effects as a tensor; "auto" takes it where the
        fixed effects have that form and at least 30% of its cells are filled.

    Returns
    -------
    PoissonFit
        The estimates. They do not depend on the order of rows.

    Raises
    ------
    ValueError
        If an argument is malformed, or nothing is left of ``y`` after pruning.
    NotConverged
        If the score equations are not reached to 1e-8.

    Notes
    -----
    Correia, Guimaraes and Zylkin (2020), doi:10.1177/1536867X20909691, for the regression; groups whose
    outcomes are all zero and groups of one observation are pruned to a fixed point, and separated rows are
    found exactly (`entrepot.models.poisson.overlap`); in a tensor the Newton steps mostly prove there are
    none. A few sweeps of proportional scaling precede Newton steps, each by conjugate gradients on the fixed
    effects that are left when the largest is eliminated in closed form.

    Examples
    --------
    >>> result = fit([1, 2, 2, 4, 3, 9], [0, 1, 0, 1, 0, 1], [[0, 0, 1, 1, 2, 2]])
    >>> round(float(np.exp(result.beta[0])), 6)
    2.5
    """
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be positive, got {tolerance}")
    if max_iterations < 1:
        raise ValueError(f"max_iterations must be at least 1, got {max_iterations}")
    if layout not in ("auto", "sparse", "dense"):
        raise ValueError(f"layout must be 'auto', 'sparse' or 'dense', got {layout!r}")
    if singletons not in ("drop", "keep"):
        raise ValueError(f"singletons must be 'drop' or 'keep', got {singletons!r}")
    given = checked(y, x, groups, weights, offset)
    reason = prune(given, singletons=singletons == "drop")
    while True:
        kept = np.flatnonzero(reason == KEPT)
        if kept.size == 0:
            counts = ", ".join(f"{text} ({rows} rows)" for text, rows in _counts(reason).items())
            raise ValueError(f"y has no row left: {counts}")
        rows, shape, order = _ordered(take(given, kept), layout)
        found, separated = _attempt(rows, shape, tolerance, max_iterations)
        if found is not None:
            return _assembled(given, reason, kept, order, found)
        reason[(kept if order is None else kept[order])[separated]] = SEPARATED
        reason = prune(given, singletons=singletons == "drop", reason=reason)


def _ordered(rows: Rows, name: LayoutName) -> tuple[Rows, DenseShape | None, IntArray | None]:
    """Return the rows in an order of their own, the tensor that they fill, and the order."""
    if name != "sparse":
        shape = dense_shape(rows.groups, fill=FILLED if name == "auto" else 0.0)
        if shape is not None:
            # The cells of the tensor are the order.
            return rows, shape, None
        if name == "dense":
            raise ValueError("layout 'dense' needs groups of exporter-year, importer-year and pair")
    order = canonical_order(rows)
    return take(rows, order), None, order


def _attempt(
    rows: Rows, shape: DenseShape | None, tolerance: float, limit: int
) -> tuple[_Estimate | None, NDArray[np.bool_]]:
    """Estimate; where rows are separated, return them instead."""
    scaled = _scaled(rows, shape)
    if shape is not None:
        # A well-filled panel is seldom separated: the estimation then proves it by the way.
        with suppress(newton.Unproved):
            solution = newton.solve(scaled.problem, None, tolerance, limit)
            return _estimate(rows, scaled, solution), np.zeros(rows.y.size, dtype=np.bool_)
    scaled, parts = _identified(scaled)
    verdict = separated_rows(scaled.problem, parts)
    separated, suspects = scaled.gathered(verdict.direction > 0), scaled.gathered(verdict.suspects)
    if not separated.any() and not verdict.complete:
        # A row that is no suspect is not separated: only suspects need count as zeros.
        separated = find_separated(np.where(suspects, 0.0, 1.0), rows.groups, rows.x).mask
    if separated.any():
        return None, separated
    return _estimate(rows, scaled, newton.solve(scaled.problem, parts, tolerance, limit)), separated


def _counts(reason: NDArray[np.int8]) -> dict[str, int]:
    return {text: int(np.sum(reason == key)) for key, text in REASONS.items() if np.any(reason == key)}


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Estimates on the rows, in the units given."""

    beta: FloatArray
    columns: tuple[int, ...]
    unidentified: tuple[Unidentified, ...]
    mu: FloatArray
    x_tilde: FloatArray
    fixed_effects: tuple[FloatArray, ...]
    solution: newton.Solution
    inner: int
    layout: str


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A problem in units of its own, with what leads back: x is (scaled x) scale + centre."""

    problem: newton.Problem
    shape: DenseShape | None
    keep: list[int]
    gone: tuple[Unidentified, ...]
    centre: FloatArray
    scale: FloatArray
    unit: float
    shift: float

    def gathered(self, cells: NDArray[Any]) -> NDArray[Any]:
        """Return the values of the rows among those of all cells, along the last axis."""
        return cells if self.shape is None else cells[..., self.shape.cells]


def _scaled(rows: Rows, shape: DenseShape | None) -> _Scaled:
    layout: Layout = SparseLayout(rows.groups) if shape is None else DenseLayout(shape)
    count = rows.x.shape[1]
    cells = slice(None) if shape is None else shape.cells
    # One large array takes far fewer page faults than many.
    values = np.zeros((count + 2, rows.y.size if shape is None else int(np.prod(shape.sizes))))
    for into, column in zip(values, (*rows.x.T, rows.y, rows.weights), strict=True):
        into[cells] = column
    x, y, weights = values[:count], values[-2], values[-1]
    share = weights / weights.sum()
    centre, scale = np.zeros(count), np.ones(count)
    for j, column in enumerate(x):
        centre[j], scale[j] = _standardise(column, share)
    unit = float(share @ y)
    y /= unit
    shift = 0.0 if rows.offset is None else float(rows.offset.mean())
    offset = None if rows.offset is None else _scatter(rows.offset - shift, shape)
    problem = newton.Problem(layout, y, weights, x, offset)
    return _Scaled(problem, shape, list(range(len(x))), (), centre, scale, unit, shift)


def _identified(scaled: _Scaled) -> tuple[_Scaled, FloatArray]:
    """Leave the regressors without a coefficient aside; return the fixed-effect parts of the others too."""
    given = scaled.problem
    keep, gone, parts = identified(given.layout, given.x, given.weights)
    if not gone:
        return scaled, parts
    problem = newton.Problem(given.layout, given.y, given.weights, given.x[keep], given.offset)
    centre, scale = scaled.centre[keep], scaled.scale[keep]
    return replace(scaled, problem=problem, keep=keep, gone=gone, centre=centre, scale=scale), parts


def _estimate(rows: Rows, scaled: _Scaled, solution: newton.Solution) -> _Estimate:
    layout = scaled.problem.layout
    beta = solution.state.beta / scaled.scale
    levels = [part.copy() for part in np.split(solution.state.levels, np.cumsum(layout.sizes)[:-1])]
    if scaled.shape is not None:
        levels = original(scaled.shape, levels)
    mu = np.exp(scaled.gathered(solution.state.eta))
    mu *= scaled.unit
    levels[0] += np.log(scaled.unit) - float(beta @ scaled.centre) - scaled.shift
    # One array a column, as it is read.
    projected = (
        np.stack([scaled.gathered(row) for row in solution.projected])
        if len(beta)
        else np.empty((0, mu.size))
    )
    projected *= scaled.scale[:, None]
    return _Estimate(
        beta=beta,
        columns=tuple(scaled.keep),
        unidentified=scaled.gone,
        mu=mu,
        x_tilde=projected.T,
        fixed_effects=normalised(rows.groups, levels, None if scaled.shape is None else scaled.shape.links),
        solution=solution,
        inner=layout.inner,
        layout="sparse" if scaled.shape is None else "dense",
    )


def _standardise(column: FloatArray, share: FloatArray) -> tuple[float, float]:
    """Centre and scale a regressor in place; one that only varies by rounding becomes zeros."""
    largest = float(max(column.max(), -column.min()))
    if largest == 0:
        return 0.0, 1.0
    column /= largest
    mean = float(share @ column)
    column -= mean
    deviation = float(np.sqrt(np.einsum("n,n,n->", share, column, column)))
    if deviation < 1e-13:
        column[:] = 0.0
        return mean * largest, 1.0
    column /= deviation
    # Cells without a row count nothing, whatever their values; zeros keep them small.
    column *= share > 0
    return mean * largest, deviation * largest


def _scatter(values: FloatArray, shape: DenseShape | None) -> FloatArray:
    if shape is None:
        return values
    spread = np.zeros(int(np.prod(shape.sizes)))
    spread[shape.cells] = values
    return spread


def _assembled(
    given: Rows, reason: NDArray[np.int8], kept: IntArray, order: IntArray | None, found: _Estimate
) -> PoissonFit:
    """Put the estimates back into the order of the rows and the codes that were given."""
    effects = []
    for codes, level in zip(given.groups, found.fixed_effects, strict=True):
        if level.size == int(codes.max()) + 1:
            effects.append(level)
            continue
        full = np.full(int(codes.max()) + 1, np.nan)
        full[np.bincount(codes[kept], minlength=full.size) > 0] = level
        effects.append(full)
    mu, x_tilde = found.mu, found.x_tilde
    if order is not None:
        mu, x_tilde = np.empty_like(mu), np.empty_like(x_tilde)
        mu[order], x_tilde[order] = found.mu, found.x_tilde
    y, weights = (values if kept.size == values.size else values[kept] for values in (given.y, given.weights))
    return PoissonFit(
        beta=found.beta,
        columns=found.columns,
        unidentified=found.unidentified,
        y=y,
        mu=mu,
        weights=weights,
        x_tilde=x_tilde,
        kept=reason == KEPT,
        reason=reason,
        dropped=_counts(reason),
        fixed_effects=tuple(effects),
        deviance=newton.deviance(y, mu, weights),
        score=found.solution.score,
        iterations=found.solution.iterations,
        inner_iterations=found.inner,
        layout=found.layout,
    )
