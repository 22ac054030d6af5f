"""Event study by Poisson regression: effects by time since treatment, with bands and a test before it.

Event time is ``floor((period - start) / step)``: 0 in the first period at or after the start, -1 in the last
one before it. Dummies of event time, but for the reference, enter beside the fixed effects; the first and the
last gather everything at and beyond the ends of the window. Units that are never treated have no dummies. A
coefficient is the log of the treated units' outcome against what the fixed effects foresee, less the same at
the reference.

**Bands.** Pointwise: normal quantile times standard error. Simultaneous: the quantile of the largest
absolute t statistic over all coefficients, simulated from their correlation, so that the band holds the whole
path with the given probability (Montiel Olea and Plagborg-Moller 2019). The test before treatment is the Wald
test that all coefficients before 0 are zero; not to reject is no proof of parallel trends.

**Staggered treatment.** With several starts and effects that differ between those who start early and late,
``"two-way"`` coefficients mix effects of other event times, with weights that may be negative, and treated
units stand in as controls of each other; even the test before treatment is contaminated (Goodman-Bacon 2021;
Sun and Abraham 2021). `EventStudy.staggered` says whether that can be. ``"interaction-weighted"`` gives every
cohort (units of one start) its own dummies and averages them over cohorts, weighted by the cohorts' rows at
that event time. The average is one of log effects. Its covariance takes the weights as given. It needs units
that are never treated, and leaves out cohorts without rows at the reference, whose effects have nothing to be
measured against.

References
----------
Goodman-Bacon, A. (2021). Difference-in-differences with variation in treatment timing. Journal of
Econometrics, 225(2), 254-277. https://doi.org/10.1016/j.jeconom.2021.03.014
Sun, L., & Abraham, S. (2021). Estimating dynamic treatment effects in event studies with heterogeneous
treatment effects. Journal of Econometrics, 225(2), 175-199. https://doi.org/10.1016/j.jeconom.2020.09.006
Montiel Olea, J. L., & Plagborg-Moller, M. (2019). Simultaneous confidence bands: theory, implementation, and
an application to SVARs. Journal of Applied Econometrics, 34(1), 1-17. https://doi.org/10.1002/jae.2656
Nagengast, A. J., & Yotov, Y. V. (2025). Staggered difference-in-differences in gravity settings. American
Economic Journal: Applied Economics, 17(1), 271-296. https://doi.org/10.1257/app.20230089
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from entrepot.models.inference.clusters import IntArray, cluster_codes
from entrepot.models.inference.covariance import Convention, clustered
from entrepot.models.inference.specification import ChiSquare, wald
from entrepot.models.poisson import PoissonFit, fit

FloatArray = NDArray[np.float64]
Aggregation = Literal["two-way", "interaction-weighted"]

_SIMULATIONS = 100_000
# Rounding in the projections leaves the moments of collinear dummies a condition number of 1e13 or more.
_COLLINEAR = 1e12


@dataclass(frozen=True, slots=True)
class EventTimes:
    """Event time of each row, ends of the window binned.

    Attributes
    ----------
    time : ndarray of int, shape (n,)
        Event time within the window; 0 where ``treated`` is False.
    treated : ndarray of bool, shape (n,)
        Rows of units that are treated at some time.
    window : (int, int)
        First and last event time, which gather all beyond them.
    """

    time: IntArray
    treated: NDArray[np.bool_]
    window: tuple[int, int]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A dummy without a coefficient.

    Attributes
    ----------
    time : int
        Event time.
    start : float or None
        Start of the cohort; None for a dummy of all cohorts.
    reason : str
        Why.
    """

    time: int
    start: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class EventStudy:
    """Effects by event time.

    Attributes
    ----------
    times : tuple of int, length q
        Event times with a coefficient; the first and last of the window stand for all beyond them.
    coefficients : ndarray, shape (q,)
        Log effects relative to the reference.
    covariance : ndarray, shape (q, q)
        Clustered.
    pointwise, simultaneous : ndarray, shape (q, 2)
        Confidence bands.
    critical_value : float
        Quantile of the largest absolute t statistic.
    before : ChiSquare or None
        Test that all coefficients before 0 are zero; None where there are none, or too few clusters for it.
    reference : tuple of int
        Event times with effect 0 by construction.
    window : (int, int)
        First and last event time.
    rows : tuple of int, length q
        Rows in the regression at each event time.
    controls : ndarray, shape (c,)
        Coefficients of the identified controls, in their order.
    left_out : tuple of LeftOut
        Dummies without a coefficient.
    staggered : bool
        True where treated units start at different times, so that "two-way" coefficients may be contaminated.
    aggregation : {"two-way", "interaction-weighted"}
        How cohorts are combined.
    level : float
        Coverage of the bands.
    observations, clusters : int
        Rows in the regression and clusters.
    """

    times: tuple[int, ...]
    coefficients: FloatArray
    covariance: FloatArray
    pointwise: FloatArray
    simultaneous: FloatArray
    critical_value: float
    before: ChiSquare | None
    reference: tuple[int, ...]
    window: tuple[int, int]
    rows: tuple[int, ...]
    controls: FloatArray
    left_out: tuple[LeftOut, ...]
    staggered: bool
    aggregation: Aggregation
    level: float
    observations: int
    clusters: int

    @property
    def standard_errors(self) -> FloatArray:
        """Square roots of the diagonal, shape (q,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def event_times(period: ArrayLike, start: ArrayLike, window: tuple[int, int], step: float = 1) -> EventTimes:
    """Return the event time of each row.

    Parameters
    ----------
    period : array_like, shape (n,)
        Period of each row, such as the year.
    start : array_like, shape (n,)
        When the row's unit is first treated, in the unit of ``period``; NaN where never.
    window : (int, int)
        First and last event time, first < 0 <= last.
    step : float
        Distance between periods, such as 4 for data of every fourth year.

    Returns
    -------
    EventTimes
        Clipped to the window.

    Raises
    ------
    ValueError
        If shapes disagree, ``period`` is not finite, or ``window`` or ``step`` make no sense.

    Examples
    --------
    >>> event_times([2000, 2004, 2008, 2000], [2005, 2005, 2005, float("nan")], (-2, 3), step=4).time.tolist()
    [-2, -1, 0, 0]
    """
    when, first = np.asarray(period, dtype=np.float64), np.asarray(start, dtype=np.float64)
    if when.ndim != 1 or first.shape != when.shape:
        raise ValueError(f"start must have the shape of period, {when.shape}, not {first.shape}")
    if not np.isfinite(when).all():
        raise ValueError("period must be finite")
    if np.isinf(first).any():
        raise ValueError("start must be finite, or NaN for a unit that is never treated")
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"step must be positive, got {step}")
    if not window[0] < 0 <= window[1]:
        raise ValueError(f"window must begin before 0 and end at 0 or later, got {window}")
    treated = ~np.isnan(first)
    gap = np.floor((when - np.where(treated, first, when)) / step)
    return EventTimes(np.clip(gap, *window).astype(np.intp), treated, window)


def event_study(
    y: ArrayLike,
    groups: Sequence[ArrayLike],
    unit: ArrayLike,
    period: ArrayLike,
    start: ArrayLike,
    *,
    window: tuple[int, int] = (-5, 10),
    reference: int | Sequence[int] = -1,
    step: float = 1,
    controls: ArrayLike | None = None,
    clusters: Sequence[ArrayLike] | None = None,
    aggregation: Aggregation = "two-way",
    level: float = 0.95,
    convention: Convention = "stata",
    seed: int = 0,
) -> EventStudy:
    """Estimate effects by event time.

    Parameters
    ----------
    y, groups
        As in `entrepot.models.poisson.fit`.
    unit : array_like of int, shape (n,)
        Codes of what is treated, such as pairs.
    period, start, window, step
        As in `event_times`; ``start`` is the same in all rows of a unit.
    reference : int or sequence of int
        Event times that get no dummy. Without never-treated units, two of them are needed.
    controls : array_like, shape (n, c), optional
        Other regressors.
    clusters : sequence of array_like of int, optional
        As in `clustered`; ``unit`` where None.
    aggregation : {"two-way", "interaction-weighted"}
        One dummy an event time, or one a cohort and event time, averaged; see the module.
    level : float
        Coverage of the bands.
    convention : {"stata", "none"}
        Small-sample factor of the covariance.
    seed : int
        Seed of the simulated critical value.

    Returns
    -------
    EventStudy
        Coefficients, bands and the test before treatment.

    Raises
    ------
    ValueError
        If an argument is malformed, ``start`` varies within a unit, event times are collinear with each other
        or the controls, or "interaction-weighted" finds no never-treated unit.
    NotConverged
        If the regression does not converge.

    Examples
    --------
    >>> pair, year = np.repeat(np.arange(40), 6), np.tile(np.arange(6), 40)
    >>> start = np.where(pair % 2 == 0, 3.0, np.nan)
    >>> noise = np.random.default_rng(0).gamma(50, size=240)
    >>> y = np.exp(0.1 * year + 0.01 * pair + 0.5 * (year >= start)) * noise
    >>> found = event_study(y, [pair, year], pair, year, start, window=(-3, 2))
    >>> found.times
    (-3, -2, 0, 1, 2)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    if aggregation not in ("two-way", "interaction-weighted"):
        raise ValueError(f"aggregation must be 'two-way' or 'interaction-weighted', got {aggregation!r}")
    event = event_times(period, start, window, step)
    omitted = tuple(sorted({reference} if isinstance(reference, int) else set(reference)))
    if not omitted or not all(window[0] <= time <= window[1] for time in omitted):
        raise ValueError(f"reference must lie within window {window}, got {omitted}")
    first = np.asarray(start, dtype=np.float64)
    _refuse_changing_start(unit, first)
    cells = _cells(event, first, omitted, by_cohort=aggregation == "interaction-weighted")
    fitted, others = _fit(y, groups, controls, cells)
    if not any(column >= others for column in fitted.columns):
        raise ValueError("start leaves no event time that the fixed effects do not absorb")
    ways = [np.asarray(way)[fitted.kept] for way in ([unit] if clusters is None else clusters)]
    spread = clustered(fitted.x_tilde, fitted.mu, fitted.y, ways, convention=convention)
    path = _averaged(fitted, others, cells, spread.matrix)
    error = np.sqrt(np.diag(path.covariance))[:, None] * np.array([-1.0, 1.0])
    critical = sup_t(path.covariance, level, seed)
    return EventStudy(
        times=path.times,
        coefficients=path.coefficients,
        covariance=path.covariance,
        pointwise=path.coefficients[:, None] + float(stats.norm.ppf((1 + level) / 2)) * error,
        simultaneous=path.coefficients[:, None] + critical * error,
        critical_value=critical,
        before=_before(path),
        reference=omitted,
        window=window,
        rows=path.rows,
        controls=fitted.beta[[at for at, column in enumerate(fitted.columns) if column < others]],
        left_out=cells.left_out + _gone(fitted, others, cells),
        staggered=bool(np.unique(first[fitted.kept & event.treated]).size > 1),
        aggregation=aggregation,
        level=level,
        observations=fitted.y.size,
        clusters=min(spread.groups),
    )


@dataclass(frozen=True, slots=True)
class _Cells:
    """Dummies: event time and cohort of each column, their matrix (n, d), and rows that stay out."""

    time: tuple[int, ...]
    cohort: tuple[float | None, ...]
    dummies: FloatArray
    out: NDArray[np.bool_]
    left_out: tuple[LeftOut, ...]


def _refuse_changing_start(unit: ArrayLike, start: FloatArray) -> None:
    code = cluster_codes(unit, start.size, "unit")
    first = np.full(int(code.max(initial=0)) + 1, np.nan)
    first[code] = start
    if not np.array_equal(first[code], start, equal_nan=True):
        at = int(np.flatnonzero(~((first[code] == start) | (np.isnan(first[code]) & np.isnan(start))))[0])
        raise ValueError(
            f"start must be the same in all rows of a unit; row {at} differs from its unit's last"
        )


def _cells(event: EventTimes, start: FloatArray, omitted: tuple[int, ...], *, by_cohort: bool) -> _Cells:
    """Choose the dummies; cohorts that are never at the reference stay out with their rows."""
    out, left_out = np.zeros(start.size, dtype=np.bool_), []
    if not event.treated.any():
        raise ValueError("start must name a treated unit")
    cohorts: list[float | None] = [None]
    if by_cohort:
        if event.treated.all():
            raise ValueError("start must leave some unit never treated (NaN) for 'interaction-weighted'")
        at_reference = event.treated & np.isin(event.time, omitted)
        cohorts = [float(value) for value in np.unique(start[at_reference])]
        for value in np.setdiff1d(start[event.treated], np.array(cohorts)):
            out |= start == value
            reason = "the cohort has no row at the reference and is left out"
            left_out.append(LeftOut(omitted[0], float(value), reason))
    times, owners, columns = [], [], []
    for cohort in cohorts:
        rows = event.treated if cohort is None else start == cohort
        for time in range(event.window[0], event.window[1] + 1):
            here = rows & (event.time == time)
            if time not in omitted and here.any():
                times.append(time)
                owners.append(cohort)
                columns.append(here)
    if not columns:
        raise ValueError("window must hold an event time with rows beside the reference")
    return _Cells(tuple(times), tuple(owners), np.column_stack(columns).astype(float), out, tuple(left_out))


def _fit(
    y: ArrayLike, groups: Sequence[ArrayLike], controls: ArrayLike | None, cells: _Cells
) -> tuple[PoissonFit, int]:
    """Fit on controls and dummies, in this order; return the number of controls too."""
    x, others = cells.dummies, 0
    if controls is not None:
        given = np.asarray(controls, dtype=np.float64).reshape(x.shape[0], -1)
        x, others = np.column_stack([given, x]), given.shape[1]
    fitted = fit(y, x, groups, weights=(~cells.out).astype(float))
    for gone in _gone(fitted, others, cells):
        # A dummy dropped for collinearity would be a second reference that nobody chose.
        if gone.reason.startswith("collinear"):
            whose = "" if gone.start is None else f" of the cohort of {gone.start:g}"
            raise ValueError(
                f"reference must name more event times: the dummy of {gone.time}{whose} is {gone.reason}"
            )
    if _is_collinear(fitted):
        raise ValueError("reference must name more event times: the dummies are all but collinear")
    return fitted, others


def _is_collinear(fitted: PoissonFit) -> bool:
    """Tell whether some combination of the regressors has next to no variation of its own."""
    moments = fitted.x_tilde.T @ ((fitted.weights * fitted.mu)[:, None] * fitted.x_tilde)
    size = np.sqrt(np.diag(moments))
    return bool(size.size and np.linalg.cond(moments / np.outer(size, size)) > _COLLINEAR)


def _gone(fitted: PoissonFit, others: int, cells: _Cells) -> tuple[LeftOut, ...]:
    dummies = [(gone.column - others, gone.reason) for gone in fitted.unidentified if gone.column >= others]
    return tuple(LeftOut(cells.time[at], cells.cohort[at], reason) for at, reason in dummies)


@dataclass(frozen=True, slots=True)
class _Path:
    """Averages over cohorts by event time, and their rows."""

    times: tuple[int, ...]
    coefficients: FloatArray
    covariance: FloatArray
    rows: tuple[int, ...]


def _averaged(fitted: PoissonFit, others: int, cells: _Cells, covariance: FloatArray) -> _Path:
    """Average the dummies of each event time, weighted by their rows in the regression."""
    where = [at for at, column in enumerate(fitted.columns) if column >= others]
    index = [fitted.columns[at] - others for at in where]
    times = tuple(sorted({cells.time[at] for at in index}))
    rows = cells.dummies[fitted.kept][:, index].sum(axis=0)
    own = np.array([[cells.time[at] == time for at in index] for time in times])
    weights = own * rows
    total = weights.sum(axis=1)
    weights = weights / total[:, None]
    spread = weights @ covariance[np.ix_(where, where)] @ weights.T
    return _Path(times, weights @ fitted.beta[where], spread, tuple(int(count) for count in total))


def _before(path: _Path) -> ChiSquare | None:
    early = [at for at, time in enumerate(path.times) if time < 0]
    if not early:
        return None
    try:
        return wald(path.coefficients[early], path.covariance[np.ix_(early, early)])
    except ValueError:
        # Fewer clusters than coefficients leave their covariance singular.
        return None


def sup_t(covariance: ArrayLike, level: float = 0.95, seed: int = 0) -> float:
    """Return the quantile of the largest absolute t statistic of normal estimates.

    Parameters
    ----------
    covariance : array_like, shape (q, q)
        Covariance of the estimates.
    level : float
        Coverage.
    seed : int
        Seed of the 100,000 draws, which leave an error of about 0.01.

    Returns
    -------
    float
        At least the normal quantile, at most Sidak's.

    Raises
    ------
    ValueError
        If ``covariance`` has no positive diagonal.

    Examples
    --------
    >>> round(sup_t(np.eye(1)), 1), round(sup_t(np.ones((2, 2))), 1)
    (2.0, 2.0)
    """
    spread = np.asarray(covariance, dtype=np.float64)
    size = np.sqrt(np.maximum(np.diag(spread), 0.0))
    if not (size > 0).all():
        raise ValueError("covariance must have a positive diagonal")
    values, vectors = np.linalg.eigh(spread / np.outer(size, size))
    # The symmetric root does not depend on the signs of the eigenvectors, so rounding cannot move the draws.
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    rng, q = np.random.default_rng(seed), size.size
    largest = np.abs(rng.standard_normal((_SIMULATIONS, q)) @ root).max(axis=1)
    # Simulation must not take a band inside the pointwise one.
    return max(float(np.quantile(largest, level)), float(stats.norm.ppf((1 + level) / 2)))
