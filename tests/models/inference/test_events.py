"""Event study: exact recovery without noise, contamination and its cure, bands, errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from entrepot.models.inference import event_study, event_times, sup_t, wald
from entrepot.models.poisson import fit


@dataclass(frozen=True)
class Panel:
    """Units by periods, with unit and period effects; ``start`` is NaN for units never treated."""

    unit: np.ndarray
    period: np.ndarray
    start: np.ndarray
    level: np.ndarray

    @property
    def groups(self) -> list[np.ndarray]:
        return [self.unit, self.period - self.period.min()]

    @property
    def since(self) -> np.ndarray:
        return np.where(np.isnan(self.start), -1000.0, self.period - np.nan_to_num(self.start))


def _panel(seed: int, starts: tuple[float, ...], units: int = 60, periods: int = 12) -> Panel:
    rng = np.random.default_rng(seed)
    unit, period = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    start = np.array(starts)[unit % len(starts)]
    level = np.exp(rng.normal(size=units)[unit] + rng.normal(size=periods)[period])
    return Panel(unit, 2000 + period, np.where(np.isnan(start), np.nan, 2000 + start), level)


def _study(p: Panel, y: np.ndarray, **options: Any) -> Any:
    return event_study(y, p.groups, p.unit, p.period, p.start, **options)


def _noisy(p: Panel, seed: int) -> np.ndarray:
    return p.level * np.random.default_rng(seed).gamma(4, 0.25, p.level.size)


def _effect(p: Panel, path: dict[int, float]) -> np.ndarray:
    """Log effect by event time; beyond the ends of the path, that of its ends."""
    since = np.clip(p.since, min(path), max(path))
    return np.where(np.isnan(p.start), 0.0, [path[int(s)] for s in since])


def test_a_common_path_is_recovered_to_the_last_digit() -> None:
    p = _panel(0, (4.0, 6.0, 8.0, np.nan))
    path = {-3: 0.2, -2: 0.1, -1: 0.0, 0: 0.3, 1: 0.5, 2: 0.4}
    other = np.random.default_rng(1).normal(size=p.unit.size)
    y = p.level * np.exp(_effect(p, path) + 0.25 * other)
    for aggregation in ("two-way", "interaction-weighted"):
        found = _study(p, y, window=(-3, 2), controls=other, aggregation=aggregation)
        assert found.times == (-3, -2, 0, 1, 2)
        assert found.coefficients == pytest.approx([path[time] for time in found.times], abs=1e-9)
        assert found.controls == pytest.approx([0.25], abs=1e-9)
        assert found.staggered
        # 45 treated units: those from 2004, 2006 and 2008 have 2, 4 and 6 years at -3 or before.
        assert found.rows == (180, 45, 45, 45, 15 * (6 + 4 + 2))
        assert (found.observations, found.clusters, found.reference) == (720, 60, (-1,))


def test_periods_of_several_years_count_as_one_step() -> None:
    assert event_times([1996, 2000, 2004, 2008], [2001] * 4, (-2, 1), step=4).time.tolist() == [-2, -1, 0, 1]
    assert event_times([1990, 2000, 2004, 2020], [2000] * 4, (-2, 1), step=4).time.tolist() == [-2, 0, 1, 1]
    never = event_times([1996, 2000], [np.nan, 2000], (-1, 0))
    assert never.treated.tolist() == [False, True]


def test_two_way_is_contaminated_and_interaction_weighting_is_not() -> None:
    p = _panel(2, (4.0, 8.0, np.nan))
    early = p.start == 2004
    # No effect before treatment; the early cohort's grows, the late cohort's is flat.
    effect = np.where(p.since >= 0, np.where(early, 0.2 * (p.since + 1), 0.1), 0.0)
    y = p.level * np.exp(effect)
    two_way = _study(p, y, window=(-8, 7))
    assert np.abs(two_way.coefficients[[time < 0 for time in two_way.times]]).max() > 0.01
    cured = _study(p, y, window=(-8, 7), aggregation="interaction-weighted")
    truth = []
    for time in cured.times:
        here = p.since == time
        truth.append(effect[here].mean())
    assert cured.coefficients == pytest.approx(truth, abs=1e-9)


def test_with_one_cohort_both_ways_are_one() -> None:
    p = _panel(3, (5.0, np.nan))
    y = _noisy(p, 3)
    one, other = (_study(p, y, window=(-3, 4), aggregation=a) for a in ("two-way", "interaction-weighted"))
    assert not one.staggered
    assert other.coefficients == pytest.approx(one.coefficients, abs=1e-9)
    assert other.covariance == pytest.approx(one.covariance, rel=1e-6)


def test_the_average_over_cohorts_is_that_of_their_own_studies() -> None:
    p = _panel(4, (4.0, 7.0, np.nan), units=30)
    y = _noisy(p, 4)
    found = _study(p, y, window=(-2, 2), aggregation="interaction-weighted")
    dummies, labels = [], []
    for start in (2004, 2007):
        for time in (-2, 0, 1, 2):
            dummies.append((p.start == start) & (np.clip(p.since, -2, 2) == time))
            labels.append(time)
    # As controls of a study that the last cohort's own dummies complete, each cohort-time keeps its effect.
    full = fit(y, np.column_stack(dummies).astype(float), p.groups)
    rows = np.array([dummy.sum() for dummy in dummies])
    for at, time in enumerate(found.times):
        own = np.array(labels) == time
        assert found.coefficients[at] == pytest.approx(
            np.average(full.beta[own], weights=rows[own]), abs=1e-9
        )
        assert found.rows[at] == rows[own].sum()


def test_bands_and_the_test_before_treatment() -> None:
    p = _panel(5, (4.0, 6.0, np.nan))
    found = _study(p, _noisy(p, 5), window=(-4, 3), level=0.9)
    half = found.pointwise[:, 1] - found.coefficients
    assert half == pytest.approx(stats.norm.ppf(0.95) * found.standard_errors)
    wide = found.coefficients - found.simultaneous[:, 0]
    assert wide == pytest.approx(found.critical_value * found.standard_errors)
    sidak = stats.norm.ppf((1 + 0.9 ** (1 / len(found.times))) / 2)
    assert stats.norm.ppf(0.95) < found.critical_value < sidak + 0.02
    early = [at for at, time in enumerate(found.times) if time < 0]
    assert early == [0, 1, 2]
    expected = wald(found.coefficients[early], found.covariance[np.ix_(early, early)])
    assert found.before == expected
    alone = _study(p, _noisy(p, 5), window=(-1, 3))
    assert alone.before is None


def test_sup_t_is_between_one_statistic_and_independent_ones() -> None:
    for q in (1, 2, 5, 20):
        sidak = stats.norm.ppf((1 + 0.95 ** (1 / q)) / 2)
        # 100,000 draws leave a standard error below 0.01 in the quantile.
        assert sup_t(np.eye(q)) == pytest.approx(sidak, abs=0.03)
        assert sup_t(4.0 * np.ones((q, q))) == pytest.approx(1.959964, abs=0.03)
    scaled = np.diag([1e-8, 1.0, 1e8])
    assert sup_t(scaled) == pytest.approx(sup_t(np.eye(3)))
    assert sup_t(np.eye(3), 0.99) > sup_t(np.eye(3), 0.9)
    with pytest.raises(ValueError, match="covariance must have a positive diagonal"):
        sup_t(np.zeros((2, 2)))


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10_000), aggregation=st.sampled_from(["two-way", "interaction-weighted"]))
def test_order_names_and_units_change_nothing(seed: int, aggregation: Any) -> None:
    p = _panel(seed, (4.0, 6.0, np.nan), units=18, periods=9)
    y = _noisy(p, seed)
    base = _study(p, y, window=(-2, 2), aggregation=aggregation)
    order = np.random.default_rng(seed).permutation(y.size)
    other = event_study(
        1e6 * y[order],
        [group[order] for group in p.groups],
        90 - p.unit[order],
        p.period[order],
        p.start[order],
        window=(-2, 2),
        aggregation=aggregation,
    )
    assert other.coefficients == pytest.approx(base.coefficients, abs=1e-9)
    assert other.standard_errors == pytest.approx(base.standard_errors, rel=1e-7)
    assert other.critical_value == pytest.approx(base.critical_value, rel=1e-7)


def test_a_cohort_treated_from_the_outset_is_left_out_and_named() -> None:
    p = _panel(6, (0.0, 5.0, np.nan))
    y = _noisy(p, 6)
    found = _study(p, y, window=(-3, 3), aggregation="interaction-weighted")
    assert [(gone.time, gone.start) for gone in found.left_out] == [(-1, 2000.0)]
    assert "no row at the reference" in found.left_out[0].reason
    kept = p.start != 2000
    without = event_study(
        y[kept], [g[kept] for g in p.groups], p.unit[kept], p.period[kept], p.start[kept], window=(-3, 3)
    )
    assert found.coefficients == pytest.approx(without.coefficients, abs=1e-9)
    assert found.observations == int(kept.sum())
    assert not found.staggered


def test_without_untreated_units_a_second_reference_is_asked_for() -> None:
    p = _panel(7, (4.0, 5.0, 8.0))
    path = {time: 0.1 * time for time in range(-8, 8)}
    y = p.level * np.exp(_effect(p, path))
    with pytest.raises(ValueError, match="reference must name more event times: the dumm"):
        _study(p, y, window=(-8, 7))
    # A trend in event time is one in time: with two references the path is known but for its slope.
    found = _study(p, y, window=(-8, 7), reference=(-8, -1))
    assert found.coefficients == pytest.approx(np.zeros(14), abs=1e-8)
    with pytest.raises(ValueError, match="start must leave some unit never treated"):
        _study(p, y, window=(-8, 7), aggregation="interaction-weighted")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window": (0, 3)}, "window must begin before 0"),
        ({"window": (-3, -1)}, "window must begin before 0"),
        ({"step": 0}, "step must be positive"),
        ({"reference": -9}, r"reference must lie within window \(-3, 3\), got \(-9,\)"),
        ({"reference": ()}, "reference must lie within window"),
        ({"level": 95}, "level must lie between 0 and 1"),
        ({"aggregation": "callaway"}, "aggregation must be 'two-way' or 'interaction-weighted'"),
        ({"start": np.full(36, np.nan)}, "start must name a treated unit"),
        ({"start": np.full(36, np.inf)}, "start must be finite, or NaN"),
        ({"start": np.arange(36.0)}, "start must be the same in all rows of a unit; row 0 differs"),
        ({"start": np.zeros(3)}, "start must have the shape of period"),
        ({"period": np.full(36, np.nan)}, "period must be finite"),
        ({"unit": np.zeros(3, dtype=int)}, r"unit must have shape \(36,\)"),
        ({"start": np.full(36, 3.0)}, "start leaves no event time that the fixed effects do not absorb"),
    ],
)
def test_errors_name_the_argument(change: dict[str, Any], words: str) -> None:
    unit, period = np.repeat(np.arange(6), 6), np.tile(np.arange(6), 6)
    arguments: dict[str, Any] = {
        "y": np.random.default_rng(0).gamma(4, size=36),
        "groups": [unit, period],
        "unit": unit,
        "period": period,
        "start": np.where(unit < 3, 3.0, np.nan),
        "window": (-3, 3),
    }
    with pytest.raises(ValueError, match=words):
        event_study(**(arguments | change))
