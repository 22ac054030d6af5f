"""The search behind optimal tariffs: what is to be set by whom, and how the best rate is found.

Rates are handled as ``log(1 + t)``. A search keeps every rate that it tries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize

from entrepot.models.equilibrium.coalition import FREE, harm_ratio
from entrepot.models.equilibrium.instruments import (
    BoolArray,
    Countries,
    FloatArray,
    Model,
    base_income,
    country_count,
    country_mask,
    draw_shape,
    in_sectors,
    solve_cases,
    tariff_case,
)

Objective = Literal["welfare", "harm_per_cost"]

HARM = 1e-6  # harm below this part of the target's income is none: its ratio to a small cost would be noise

_GRID = 17  # rates of the first grid
_ZOOM = 9  # rates of a finer grid; each is a quarter as wide as the one before
_SMOOTH = 0.04  # width in log(1 + t) at which a quartic through the grid is exact beyond need
_SHARP = 1e-7  # width at which a search without smoothness ends
STEP = 1e-3  # step in log(1 + t) of differences


@dataclass(frozen=True, slots=True)
class Problem:
    """Who sets which duties, and whose income counts; masks of countries, shape (N,)."""

    model: Model
    own: BoolArray
    target: BoolArray | None
    duties: tuple[BoolArray, ...]
    income: FloatArray
    draws: tuple[int, ...]
    tolerance: float

    @property
    def own_income(self) -> FloatArray:
        """Baseline income of whoever sets the tariff, shape (...)."""
        return self.income @ self.own

    @property
    def target_income(self) -> FloatArray:
        """Baseline income of the target, or of nobody (1, to divide by)."""
        return np.ones(self.draws) if self.target is None else self.income @ self.target

    def ratio(self, own: FloatArray, harm: FloatArray) -> FloatArray:
        """Return harm per own cost, of losses beyond the solver's tolerance."""
        return harm_ratio(harm, own, HARM * self.target_income, FREE * self.own_income)

    def losses(self, logs: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return own loss and harm in money, shape (K, ...), at ``log(1 + t)`` of shape (K, ..., P)."""
        rates = np.expm1(logs)

        def make(position: int) -> dict[str, object]:
            # rates that all draws share make one table
            mine = [rates[position, ..., group] for group in range(len(self.duties))]
            same = [rate.flat[0] if (rate == rate.flat[0]).all() else rate for rate in mine]
            return dict(tariff_case(self.model, list(zip(self.duties, same, strict=True))))

        welfare = solve_cases(self.model, len(rates), make, tolerance=self.tolerance)
        loss = self.income * (1 - welfare)
        harm = np.zeros(loss.shape[:-1]) if self.target is None else loss @ self.target
        return loss @ self.own, harm


def set_problem(
    model: Model,
    country: Countries,
    sectors: Sequence[int] | None,
    partners: Sequence[Countries] | None,
    target: Countries | None,
    tolerance: float,
) -> Problem:
    """Check who is who and turn it into masks."""
    n = country_count(model)
    own = country_mask("country", country, n)
    hit = None if target is None else country_mask("target", target, n)
    if hit is not None and (hit & own).any():
        raise ValueError("target: a country cannot be its own target")
    groups = [~own] if partners is None else [country_mask("partners", group, n) for group in partners]
    if not groups or not all(group.any() for group in groups):
        raise ValueError("partners: at least one country other than the one that sets the tariff is needed")
    if (np.sum([*groups, own], axis=0) > 1).any():
        raise ValueError("partners: no country may be in two groups, or set the tariff itself")
    duties = tuple(in_sectors(model, np.outer(group, own), sectors) for group in groups)
    return Problem(model, own, hit, duties, base_income(model), draw_shape(model), tolerance)


@dataclass(frozen=True, slots=True)
class Search:
    """A search between bounds on ``log(1 + t)``; rates (K, ..., P) and values are kept as they are tried."""

    problem: Problem
    objective: Objective
    low: float
    high: float
    tried: list[FloatArray]
    values: list[FloatArray]

    def value(self, logs: FloatArray) -> FloatArray:
        """Return the objective at each rate, shape (K, ...), and remember it."""
        problem = self.problem
        own, harm = problem.losses(logs)
        welfare = self.objective == "welfare"
        value = -100 * own / problem.own_income if welfare else problem.ratio(own, harm)
        self.tried.append(logs)
        self.values.append(value)
        if welfare:
            return value
        free = np.isinf(value)
        return np.where(free.any(axis=0), np.where(free, harm, -np.inf), value)

    def one_rate(self) -> FloatArray:
        """Return the best common ``log(1 + t)`` for all groups, shape (..., P): grid, zoom, quartic."""
        shape = self.problem.draws
        low, high = np.full(shape, self.low), np.full(shape, self.high)
        centre = low
        smooth = self.objective == "welfare"
        count = _GRID
        while (high - low).max() > (_SMOOTH if smooth else _SHARP):
            grid = np.linspace(low, high, count)
            best = self.value(self._common(grid)).argmax(axis=0)[None]
            step = (high - low) / (count - 1)
            centre = np.take_along_axis(grid, best, axis=0)[0]
            low, high = np.maximum(centre - step, self.low), np.minimum(centre + step, self.high)
            count = _ZOOM
        if not smooth:
            return self._common(centre)
        return self._common(self._peak(low, high))

    def _peak(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """Return the highest point of a quartic through the objective between two close rates."""
        place = np.linspace(-1, 1, _ZOOM)
        half = (high - low) / 2
        value = self.value(self._common(np.linspace(low, high, _ZOOM)))
        powers = np.tensordot(np.linalg.pinv(np.vander(place, 5)), value - value.mean(axis=0), axes=1)
        fine = np.linspace(-1, 1, 2001)
        peak = fine[np.tensordot(np.vander(fine, 5), powers, axes=1).argmax(axis=0)]
        for _ in range(3):
            slope = ((4 * powers[0] * peak + 3 * powers[1]) * peak + 2 * powers[2]) * peak + powers[3]
            bend = (12 * powers[0] * peak + 6 * powers[1]) * peak + 2 * powers[2]
            move = np.divide(-slope, bend, out=np.zeros_like(slope), where=bend < 0)
            peak = np.clip(peak + np.clip(move, -1e-3, 1e-3), -1, 1)
        return np.asarray(low + half * (1 + peak))

    def _common(self, logs: FloatArray) -> FloatArray:
        """Give all groups of partners the same rate."""
        return np.repeat(logs[..., None], len(self.problem.duties), axis=-1)

    def many_rates(self, start: FloatArray) -> FloatArray:
        """Return the best ``log(1 + t)`` per group, shape (P,), by L-BFGS-B."""

        def fall(logs: FloatArray) -> tuple[float, FloatArray]:
            points = np.stack([logs, *self.around(logs)])
            value = self.value(points)
            up, down = value[1::2], value[2::2]
            width = np.diagonal(points[1::2] - points[2::2])
            return -float(value[0]), -(up - down) / width

        options = {"ftol": 1e-15, "gtol": 1e-7, "maxiter": 200}
        box = [(self.low, self.high)] * start.size
        found = minimize(fall, start, jac=True, method="L-BFGS-B", bounds=box, options=options)
        return np.asarray(found.x, dtype=np.float64)

    def around(self, logs: FloatArray) -> list[FloatArray]:
        """Return each rate a step up and a step down, within the bounds: up, down, up, down, ..."""
        steps = STEP * np.eye(logs.shape[-1])
        moved = (logs + sign * step for step in steps for sign in (1, -1))
        return [np.clip(point, self.low, self.high) for point in moved]
