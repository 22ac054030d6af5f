"""Optimal tariffs: best for a country's own real income, or for the harm they do per own cost.

A country (or customs union) sets a uniform tariff on its imports, or one per group of partners; nobody
answers. One rate is searched on a grid in ``log(1 + t)``, all rates and draws solved in one batch, then by
zooming in, and, for welfare, by the peak of a quartic through the last grid; so a lower hill beside the best
one is not mistaken for it. Several rates go through L-BFGS-B from the best uniform rate, with central
differences solved in one batch.

With one sector and two countries the best tariff satisfies ``t* = 1 / (theta l_ff)``, where ``l_ff`` is the
share of domestic goods in the other country's spending; a small country faces ``l_ff -> 1``, so
``t* -> 1 / theta`` (Gros 1987; Costinot and Rodriguez-Clare 2014, section 5).

References
----------
Gros, D. (1987). A note on the optimal tariff, retaliation and the welfare loss from tariff wars in a
framework with intra-industry trade. Journal of International Economics, 23(3-4), 357-367.
Costinot, A., & Rodriguez-Clare, A. (2014). Trade theory with numbers. Handbook of International Economics, 4,
197-261. https://doi.org/10.1016/B978-0-444-54314-1.00004-5
Ossa, R. (2014). Trade wars and trade talks with data. American Economic Review, 104(12), 4104-4146.
https://doi.org/10.1257/aer.104.12.4104
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from entrepot.models.equilibrium.instruments import BoolArray, Countries, FloatArray, Model, draw_shape
from entrepot.models.equilibrium.tariff_search import STEP, Objective, Search, set_problem

EDGE = 1e-6  # distance in log(1 + t) within which a rate is at a bound


@dataclass(frozen=True, slots=True)
class OptimalTariff:
    """A best tariff; leading axes are draws of the model, P groups of partners.

    Attributes
    ----------
    tariff : ndarray, shape (..., P)
        Best ad valorem rate (0.25 = 25%) on each group; P = 1 for a uniform tariff.
    gain : ndarray, shape (...)
        Change of own real income against the baseline, percent.
    harm : ndarray, shape (...)
        Loss of the target's real income against the baseline, percent; 0 without a target.
    harm_per_cost : ndarray, shape (...)
        Harm to the target per own loss, money at baseline prices over money; infinite where harm is free.
    free : ndarray of bool, shape (...)
        Whether the harm comes at no own cost: then, for "harm_per_cost", the tariff is the one that harms
        most among all that cost nothing.
    slope, curvature : ndarray, shape (..., P)
        First and second difference of own real income (percent) in ``log(1 + t)`` at the best rate, the
        first one-sided and the second 0 at a bound; 0 for "harm_per_cost", which may jump there.
    at_bound : ndarray of bool, shape (..., P)
        Whether the rate lies at a bound.
    is_maximum : ndarray of bool, shape (...)
        Whether no neighbour inside the bounds is better, two rates moved together included.
    path_tariff, path_objective : ndarray, shape (K, ..., P) and (K, ...)
        Every rate tried, in order, and its objective.
    """

    tariff: FloatArray
    gain: FloatArray
    harm: FloatArray
    harm_per_cost: FloatArray
    free: BoolArray
    slope: FloatArray
    curvature: FloatArray
    at_bound: BoolArray
    is_maximum: BoolArray
    path_tariff: FloatArray
    path_objective: FloatArray


@dataclass(frozen=True, slots=True)
class Frontier:
    """Harm and own cost along a uniform tariff; K rates, then draws of the model.

    Attributes
    ----------
    tariff : ndarray, shape (K,)
        Ad valorem rates, rising.
    cost, harm : ndarray, shape (K, ...)
        Own loss and the target's loss, percent of real income; a negative cost is a gain.
    efficient : ndarray of bool, shape (K, ...)
        Whether no other rate does at least as much harm at a lower cost, or more at the same.
    """

    tariff: FloatArray
    cost: FloatArray
    harm: FloatArray
    efficient: BoolArray

    def most_harm(self, cost: float) -> FloatArray:
        """Return the largest harm among rates that cost at most ``cost`` percent, shape (...); else 0."""
        harm: FloatArray = np.where(self.cost <= cost, self.harm, 0.0).max(axis=0)
        return harm


def optimal_tariff(
    model: Model,
    country: Countries,
    *,
    sectors: Sequence[int] | None = None,
    partners: Sequence[Countries] | None = None,
    bounds: tuple[float, float] = (-0.2, 3.0),
    objective: Objective = "welfare",
    target: Countries | None = None,
    tolerance: float = 1e-11,
) -> OptimalTariff:
    """Search the tariff that is best for a country.

    Parameters
    ----------
    model : OneSector or ManySectors
        The economy. Deficits that stay fixed reward tariffs that a balanced economy would not set (the world
        pays the transfer whatever trade is left): ``deficits="balanced"`` is the cleaner question, as in Ossa
        (2014). With draws every draw gets its own best uniform tariff; a many-sector model then holds a
        table of rates per draw, which suits some dozens of draws.
    country : int or sequence of int
        Who sets the tariff; several countries as one customs union.
    sectors : sequence of int, optional
        Sectors concerned; all by default.
    partners : sequence, optional
        Groups of countries whose goods pay a tariff of their own, all other duties staying at the baseline.
        By default one tariff on everybody, and for "harm_per_cost" on the target.
    bounds : tuple of float
        Lowest and highest rate.
    objective : {"welfare", "harm_per_cost"}
        Own real income, or the target's loss per own loss (money at baseline prices). Where harm is to be had
        at no cost, the ratio is unbounded: then the answer is the rate that harms most among those that cost
        nothing (own loss within 1e-9 of income; harm below 1e-6 of the target's income
        counts as none). Otherwise it tends to be highest at the smallest action, since costs grow faster than
        harm: :func:`harm_frontier` shows what a given cost buys.
    target : int or sequence of int, optional
        Whom to harm; needed for "harm_per_cost".
    tolerance : float
        Residual of every equilibrium; it bounds how well the peak is told from its neighbours.

    Returns
    -------
    OptimalTariff

    Raises
    ------
    ValueError
        If an argument is wrong.
    ConvergenceError
        If some rate has no equilibrium to the tolerance.

    Examples
    --------
    Gros's formula in a world of two countries:

    >>> from entrepot.models.equilibrium.one_sector import OneSector
    >>> world = OneSector([[80.0, 20.0], [20.0, 80.0]], theta=4.0)
    >>> best = optimal_tariff(world, 0)
    >>> round(float(best.tariff[0]), 4), bool(best.is_maximum)
    (0.286, True)
    """
    low, high = _log_bounds(bounds)
    if objective not in get_args(Objective):
        raise ValueError(f"objective: one of {', '.join(get_args(Objective))} is needed, got {objective!r}")
    if objective == "harm_per_cost" and target is None:
        raise ValueError("target: needed for objective='harm_per_cost'")
    if partners is None and objective == "harm_per_cost" and target is not None:
        partners = [target]
    problem = set_problem(model, country, sectors, partners, target, tolerance)
    groups = len(problem.duties)
    if groups > 1 and objective == "harm_per_cost":
        raise ValueError("partners: with objective='harm_per_cost' one group is needed")
    if groups > 1 and draw_shape(model):
        raise ValueError("partners: with several groups the model must be a single draw")
    search = Search(problem, objective, low, high, [], [])
    best = search.one_rate()
    if groups > 1:
        best = search.many_rates(best)
    return _report(search, best)


def harm_frontier(
    model: Model,
    country: Countries,
    target: Countries,
    *,
    sectors: Sequence[int] | None = None,
    bounds: tuple[float, float] = (-0.2, 3.0),
    points: int = 33,
    tolerance: float = 1e-10,
) -> Frontier:
    """Return what a uniform tariff on the target costs and what harm it does, rate by rate.

    Parameters
    ----------
    model, country, target, sectors, bounds, tolerance
        As in :func:`optimal_tariff`.
    points : int
        Number of rates, evenly spaced in ``log(1 + t)``.

    Examples
    --------
    >>> from entrepot.models.equilibrium.one_sector import OneSector
    >>> frontier = harm_frontier(OneSector([[80.0, 20.0], [20.0, 80.0]], 4.0), 0, 1)
    >>> bool((frontier.cost.min() < 0) & (frontier.most_harm(1.0) > frontier.most_harm(0.0)))
    True
    """
    low, high = _log_bounds(bounds)
    if points < 2:
        raise ValueError(f"points: at least 2 are needed, got {points}")
    problem = set_problem(model, country, sectors, [target], target, tolerance)
    logs = np.linspace(low, high, points)
    rates = np.broadcast_to(
        logs.reshape((points,) + (1,) * (len(problem.draws) + 1)), (points, *problem.draws, 1)
    )
    own, harm = problem.losses(rates)
    cost, hurt = 100 * own / problem.own_income, 100 * harm / problem.target_income
    cheaper = (cost[:, None] >= cost[None]) & (hurt[:, None] <= hurt[None])
    strictly = (cost[:, None] > cost[None]) | (hurt[:, None] < hurt[None])
    beaten = np.asarray((cheaper & strictly).any(axis=1))
    return Frontier(np.expm1(logs), cost, hurt, ~beaten)


def _log_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    low, high = bounds
    if not -1 < low < high < np.inf:
        raise ValueError(f"bounds: two rates above -1, the lower first, are needed, got {bounds}")
    return float(np.log1p(low)), float(np.log1p(high))


def _report(search: Search, best: FloatArray) -> OptimalTariff:
    """Return the best rate with its neighbourhood and the path to it."""
    problem = search.problem
    groups = best.shape[-1]
    pairs = [(i, k) for i in range(groups) for k in range(i)]
    turns = [STEP * (np.eye(groups)[i] + sign * np.eye(groups)[k]) for i, k in pairs for sign in (1, -1)]
    moved = (best + sign * turn for turn in turns for sign in (1, -1))
    nearby = [*search.around(best), *(np.clip(point, search.low, search.high) for point in moved)]
    points = np.stack([best, *nearby])
    value = search.value(points)
    own, harm = problem.losses(best[None])
    up, down = (np.moveaxis(value[first : 2 * groups + 1 : 2], 0, -1) for first in (1, 2))
    rise, drop = (
        np.diagonal(points[first : 2 * groups + 1 : 2] - best, axis1=0, axis2=-1) for first in (1, 2)
    )
    middle = value[0][..., None]
    ratio = problem.ratio(own[0], harm[0])
    slack = 10 * problem.tolerance * (100 if search.objective == "welfare" else np.abs(value[0]))
    inner = (rise > 0) & (drop < 0)
    # the ratio jumps where harm stops being free, so that only welfare has a slope
    smooth = search.objective == "welfare"
    with np.errstate(invalid="ignore"):
        slope = (up - down) / (rise - drop)
        bend = np.where(inner, up - 2 * middle + down, 0.0) / STEP**2
    return OptimalTariff(
        tariff=np.expm1(best),
        gain=-100 * own[0] / problem.own_income,
        harm=100 * harm[0] / problem.target_income,
        harm_per_cost=ratio,
        free=np.isinf(ratio),
        slope=slope if smooth else np.zeros(best.shape),
        curvature=bend if smooth else np.zeros(best.shape),
        at_bound=(best <= search.low + EDGE) | (best >= search.high - EDGE),
        is_maximum=(value[1:] <= value[0] + slack).all(axis=0),
        path_tariff=np.expm1(np.concatenate(search.tried)),
        path_objective=np.concatenate(search.values),
    )
