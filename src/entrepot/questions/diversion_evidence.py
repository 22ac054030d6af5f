"""Evidence of one period: scores against placebo windows, intervals, verdicts, explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.models import detection as dd
from entrepot.models.detection import innocent
from entrepot.models.detection.innocent import Explanation
from entrepot.models.detection.panel import member, sum_by
from entrepot.questions.diversion_case import Case, Period

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

CONSISTENT = "consistent with diversion, needs review"
PASSED = "passed on to third markets, needs review"
REDIRECTED = "redirected, not diverted"
STAYED = "rise without an onward rise"
UNSEEN = "rise, onward trade not observed"
ORDINARY = "no rise beyond placebo windows"
# A rate f is read off about f times the decoys: with fewer than 20 of them it has no first digit.
DECOYS_AT_LEVEL = 20
# Five folds of at least five headings each, so that weights are learned on other goods.
LEAST_HEADINGS = 25
FOLDS = 5
# Share of placebo cells beyond which a flow is marked where q is not calibrated.
BEYOND = 0.025
# Cells from which a 95% interval is read.
LEAST_CELLS = 100
# An onward rise below this share of the rise of purchases says nothing about them.
MATERIAL = 0.1


@dataclass(frozen=True, slots=True)
class Reach:
    """How far trade strays from its expectation in placebo windows: 95% of cells lie within.

    Attributes
    ----------
    tail : Dispersion
        Scale by expected size.
    low, high : float
        Quantiles of the standardised log ratio.
    scores : ndarray
        Standardised log ratios of the placebo cells, sorted.
    """

    tail: dd.Dispersion
    low: float
    high: float
    scores: FloatArray

    def interval(self, expected: FloatArray, floor: float) -> tuple[FloatArray, FloatArray]:
        """Bounds within which trade would lie without diversion."""
        size = expected + floor
        x = np.log(size) - self.tail.centre
        middle = np.log(size) + self.tail.location[0] + self.tail.location[1] * x
        low, high = (np.exp(middle + z * self.tail.spread(size)) - floor for z in (self.low, self.high))
        return np.maximum(low, 0.0), np.maximum(high, 0.0)

    def rate(self, observed: FloatArray, expected: FloatArray, floor: float) -> FloatArray:
        """Share of placebo cells that strayed at least as far."""
        z = self.tail.standardise(np.log((observed + floor) / (expected + floor)), expected + floor)
        above = self.scores.size - np.searchsorted(self.scores, z, side="left")
        return np.asarray((1.0 + above) / (1.0 + self.scores.size))


@dataclass(frozen=True, slots=True)
class Evidence:
    """All cells (hub, product) of one period; arrays have shape (c,).

    Attributes
    ----------
    period : Period
    legs : Legs
        Leg B is the hub's sales to the target, or under an import ban to the senders.
    others : Legs or None
        Under an import ban: the same with sales to all other markets as leg B.
    detection : Detection or None
        None where q cannot be calibrated.
    decoys : int
        Placebo cells tested.
    q, rate, adjusted : ndarray
        q-value, share of decoys at least as extreme, Benjamini-Hochberg; NaN where not calibrated or small.
    low, high : ndarray
        Expected flow without diversion, 95% of placebo cells; NaN without enough placebo cells.
    tested : ndarray of bool
        Cells above small change, of products under a measure by the end of the period.
    risen : ndarray of bool
    verdict : tuple of str
    diverted, passed : ndarray
        Upper bound of what was diverted, of what was passed on; NaN where not observed.
    lost : ndarray
        Excess by the origins' reports less excess by the hub's own; NaN where the hub does not report.
    explanations : tuple of Explanation
    least : float
        Lowest q that any cell reached; NaN where none was tried.
    hub_q : ndarray, shape (countries,)
        q-value of the typical rise of a third country against those of the placebo windows; NaN where cells
        are not calibrated.
    """

    period: Period
    legs: dd.Legs
    others: dd.Legs | None
    detection: dd.Detection | None
    decoys: int
    q: FloatArray
    rate: FloatArray
    adjusted: FloatArray
    low: FloatArray
    high: FloatArray
    tested: BoolArray
    risen: BoolArray
    verdict: tuple[str, ...]
    diverted: FloatArray
    passed: FloatArray
    lost: FloatArray
    explanations: tuple[Explanation, ...]
    least: float
    hub_q: FloatArray

    @property
    def chance(self) -> float:
        """Number of cells that would be marked by chance alone."""
        if self.detection is None:
            return BEYOND * int((self.tested & np.isfinite(self.high)).sum())
        return float(self.q[self.risen].max() * self.risen.sum()) if self.risen.any() else 0.0


def weigh(case: Case, period: Period, fdr: float) -> Evidence:
    """Measure one period and its placebos, and judge every cell."""
    legs, others = case.legs(period.window)
    back = [case.legs(window) for window in period.placebos]
    placebos = [pair[0] for pair in back]
    detection, least = calibrated(case, legs, placebos, fdr)
    reach = reach_of([(one.observed, one.expected) for one in placebos], legs.floor)
    nothing = np.full(legs.hub.size, np.nan)
    low, high, rate = nothing, nothing, nothing
    if reach is not None:
        low, high = reach.interval(legs.expected, legs.floor)
        rate = np.where(legs.large, reach.rate(legs.observed, legs.expected, legs.floor), np.nan)
    q = nothing if detection is None else detection.q
    rate = rate if detection is None else detection.p
    adjusted = nothing if detection is None else detection.adjusted
    tested = legs.large & _under_measure(case, period)[legs.product]
    risen = tested & (np.nan_to_num(q, nan=2.0) <= fdr)
    if detection is None:
        risen = tested & (legs.observed > np.nan_to_num(high, nan=np.inf))
    onward = rises(legs, placebos)
    beyond = None if others is None else rises(others, [pair[1] for pair in back if pair[1] is not None])
    passed = nothing if others is None else _passed(legs, others, risen)
    return Evidence(
        period=period,
        legs=legs,
        others=others,
        detection=detection,
        decoys=sum(int(one.large.sum()) for one in placebos),
        q=q,
        rate=rate,
        adjusted=adjusted,
        low=low,
        high=high,
        tested=tested,
        risen=risen,
        verdict=_verdicts(legs, risen, onward, beyond),
        diverted=dd.diverted_at_most(legs, risen),
        passed=passed,
        lost=dd.lost_in_transit(legs, case.reported_excess(period.window, legs)),
        explanations=explain(case, period, legs, others),
        least=least,
        hub_q=_hub_q(case, legs, placebos, detection),
    )


def hub_effects(
    legs: dd.Legs, hubs: NDArray[np.int64], dispersion: dd.Dispersion, groups: NDArray[np.int64]
) -> list[tuple[float, float]]:
    """Return the shrunk log ratio of observed to expected trade of each hub, and its standard error."""
    kept = np.isin(legs.hub, hubs)
    columns: dict[str, Any] = {
        field.name: value[kept]
        for field in fields(dd.Legs)
        if isinstance(value := getattr(legs, field.name), np.ndarray)
    }
    chosen = replace(legs, **columns)
    shrunk = dd.shrink(chosen, dispersion, groups)
    first = [int(np.flatnonzero(chosen.hub == hub)[0]) for hub in hubs]
    return [(float(shrunk.hub[i]), float(shrunk.hub_error[i])) for i in first]


def _hub_q(
    case: Case, legs: dd.Legs, placebos: Sequence[dd.Legs], detection: dd.Detection | None
) -> FloatArray:
    """Read the false-discovery rate of whole hubs off the same hubs in the placebo windows."""
    q = np.full(len(case.data.countries), np.nan)
    if detection is None:
        return q
    spread, groups = detection.weights[0].dispersion, case.data.groups(4)
    effects = [
        [effect for effect, _ in hub_effects(one, np.unique(one.hub[one.large]), spread, groups)]
        for one in (legs, *placebos)
    ]
    q[np.unique(legs.hub[legs.large])] = dd.q_values(
        np.array(effects[0]), np.concatenate([np.array(past) for past in effects[1:]])
    )
    return q


def _under_measure(case: Case, period: Period) -> BoolArray:
    """Products under a measure by the end of a period, or of a measure without a printed day."""
    days = [case.scope[code].since for code in case.data.products]
    return np.array([day is None or day <= period.last for day in days], bool)


def headings(case: Case, legs: dd.Legs) -> int:
    """Number of HS4 headings among the tested cells."""
    return int(np.unique(case.data.groups(4)[legs.product[legs.large]]).size)


def calibrated(
    case: Case, legs: dd.Legs, placebos: Sequence[dd.Legs], fdr: float
) -> tuple[dd.Detection | None, float]:
    """Score the cells where a false-discovery rate can be read off the placebo windows; else None.

    Months: every placebo window judges by itself and the largest q counts. Years: a window has few cells, so
    all windows make one set of decoys. Returns also the lowest q that any cell reached.
    """
    if not placebos:
        return None, np.nan
    sets = list(placebos) if case.data.calendar.monthly else [dd.pool(placebos)]
    try:
        # With few cells a trial step of a fit may overflow; it is then not taken.
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            found = dd.detect(legs, sets, groups=case.data.groups(4), folds=FOLDS)
    except ValueError:
        # Too few headings or cells to learn from.
        return None, np.nan
    enough = min(int(one.large.sum()) for one in sets) * fdr >= DECOYS_AT_LEVEL
    enough &= headings(case, legs) >= LEAST_HEADINGS
    return (found if enough and found.least <= fdr else None), found.least


def reach_of(pairs: Sequence[tuple[FloatArray, FloatArray]], floor: float) -> Reach | None:
    """Fit how far observed strays from expected over placebo cells; None with too few of them."""
    if not pairs:
        return None
    observed, expected = (np.concatenate([pair[i] for pair in pairs]) for i in (0, 1))
    used = np.isfinite(observed) & np.isfinite(expected) & (observed + expected > floor)
    if used.sum() < LEAST_CELLS:
        return None
    ratio = np.log((observed[used] + floor) / (expected[used] + floor))
    size = expected[used] + floor
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        tail = dd.fit_dispersion(ratio, size)
    scores = np.sort(tail.standardise(ratio, size))
    low, high = np.quantile(scores, [BEYOND, 1.0 - BEYOND])
    return Reach(tail, float(low), float(high), scores)


def rises(legs: dd.Legs, placebos: Sequence[dd.Legs]) -> BoolArray:
    """Cells whose sales onward rose beyond placebo windows, by a material part of what came in addition."""
    reach = reach_of([(one.onward, one.onward_expected) for one in placebos], legs.floor)
    more = np.nan_to_num(legs.onward - legs.onward_expected)
    rose = more >= MATERIAL * np.maximum(legs.excess, legs.floor)
    if reach is not None:
        _, high = reach.interval(np.nan_to_num(legs.onward_expected), legs.floor)
        rose &= np.nan_to_num(legs.onward) > high
    return np.asarray(rose)


def _verdicts(
    legs: dd.Legs, risen: BoolArray, onward: BoolArray, beyond: BoolArray | None
) -> tuple[str, ...]:
    unknown = np.isnan(legs.onward)
    if beyond is None:
        # The detector reads all legs together; only a leg seen not to rise changes the word.
        chosen = np.where(unknown | onward, CONSISTENT, STAYED)
    else:
        chosen = np.where(onward, CONSISTENT, np.where(beyond, PASSED, REDIRECTED))
        chosen = np.where(unknown, UNSEEN, chosen)
    return tuple(np.where(risen, chosen, ORDINARY).tolist())


def _passed(legs: dd.Legs, others: dd.Legs, risen: BoolArray) -> FloatArray:
    """Upper bound of what was passed on to other markets."""
    onward = np.maximum(others.onward - others.onward_expected, 0.0)
    return np.where(risen, np.minimum(np.maximum(legs.excess, 0.0), onward), 0.0)


def explain(case: Case, period: Period, legs: dd.Legs, others: dd.Legs | None) -> tuple[Explanation, ...]:
    """Test every innocent explanation on every cell."""
    products = case.data.products
    chapters = np.array([code[:2] for code in products])
    found = [
        innocent.energy(legs, chapters == "27"),
        innocent.hub_boom(legs, uncovered_observed=case.data.uncovered is not None),
        innocent.product_boom(legs, controls_observed=bool(case.roles.controls.size)),
        innocent.price(legs),
        innocent.one_off(legs, np.isin(chapters, ["86", "88", "89"])),
        innocent.revision_break(legs, case.data.groups(4), _revised(case, period)),
        innocent.chapter_project(legs, case.data.groups(2)),
    ]
    if others is not None:
        found.append(own_supply(legs, others))
    if case.roles.origins.size > 1:
        found += [innocent.reporter_break(legs, _from_broken(case, period, legs)), innocent.one_sender(legs)]
    return tuple(found)


def own_supply(legs: dd.Legs, others: dd.Legs) -> Explanation:
    """The hub sold more of the goods all along than came in addition: it has a supply of its own."""
    sold = np.nan_to_num(legs.onward_expected) + others.onward_expected
    share = np.divide(sold, legs.excess, out=np.full(sold.size, np.nan), where=legs.excess > 0)
    known = np.isfinite(share)
    return Explanation(
        "own supply", known & (np.nan_to_num(share) >= 1.0), known, share, "usual sales over excess"
    )


def _revised(case: Case, period: Period) -> BoolArray:
    """Products of which some finest code begins or ends between the two parts of the window."""
    rows = case.data.covered.within(period.window)
    traded = np.bincount(rows.product, minlength=rows.products) > 0
    broken = traded & ~dd.comparable(rows, period.window)
    finer = np.array([len(code) > 6 for code in case.data.codes])
    return np.bincount(case.data.hs6[broken & finer], minlength=len(case.data.products)) > 0


def _from_broken(case: Case, period: Period, legs: dd.Legs) -> FloatArray:
    """Excess of each cell that comes from origins whose own exports changed beyond measure."""
    goods = case.data.uncovered
    if goods is None:
        return np.full(legs.hub.size, np.nan)
    free = goods.among(case.roles.origins, np.union1d(case.roles.hubs, case.roles.controls))
    sums = []
    for periods, years in ((period.window.pre.ravel(), period.window.pre.shape[0]), (period.window.post, 1)):
        part = member(periods, free.periods)[free.period]
        total = sum_by(free.exporter[part], free.value[part], free.countries) / years
        sums.append(np.where(total > 0, total, np.nan)[case.roles.origins])
    broken = case.roles.origins[innocent.broken_origins(*sums)]
    if not broken.size:
        return np.zeros(legs.hub.size)
    flows = case.flows
    size = len(case.data.products)
    ours = np.isin(flows.exporter, broken)
    more = (flows.after - flows.expected)[ours]
    key = flows.importer[ours] * size + flows.product[ours]
    whole = sum_by(key, more, len(case.data.countries) * size)
    return np.asarray(whole[legs.hub * size + legs.product])
