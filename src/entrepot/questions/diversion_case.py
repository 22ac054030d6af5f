"""Who is what in ``diversion``, which windows are compared, and the legs of evidence of each."""

from __future__ import annotations

import calendar as days
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError
from entrepot.models import detection as dd
from entrepot.models.detection.baseline import PRODUCT_WEIGHT
from entrepot.models.detection.panel import member, sum_by
from entrepot.questions.diversion_read import Calendar, Data
from entrepot.questions.diversion_scope import Coverage, Form
from entrepot.world import reporting

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

# With fewer control partners a few that take part themselves would carry the growth of a product.
LEAST_CONTROLS = 30
# Placebo windows of longer ago say little about trade of today, and each costs as much as the window itself.
PLACEBO_YEARS = 10


@dataclass(frozen=True)
class Case:
    """Trade, law and roles on the same axes.

    Attributes
    ----------
    data : Data
    form : {"export-ban", "import-ban"}
    target : str
    members : frozenset of str
        Countries of the senders.
    roles : Roles
    scope : dict of str to Coverage
        Law on each HS6 code.
    dark : tuple of str
        Hubs whose trade with the target nobody reported, so that they are left out.
    window : Window
        The one after the measures.
    """

    data: Data
    form: Form
    target: str
    members: frozenset[str]
    roles: dd.Roles
    scope: dict[str, Coverage]
    dark: tuple[str, ...]
    window: dd.Window

    @property
    def controls_observed(self) -> bool:
        """Whether the growth of a product elsewhere is taken out."""
        return self.form == "import-ban" or bool(self.roles.controls.size)

    def trade(self, window: dd.Window) -> dd.Trade:
        """HS6 trade of one window, without finest codes that begin or end between its two parts."""
        return self._after if window is self.window else self._trade(window)

    @cached_property
    def _after(self) -> dd.Trade:
        """Trade of the window after the measures, which several parts of the answer read."""
        return self._trade(self.window)

    def _trade(self, window: dd.Window) -> dd.Trade:
        rows = self.data.covered.within(window)
        rows = rows.rows(dd.comparable(rows, window)[rows.product]).regroup(self.data.hs6)
        rows = replace(rows, products=len(self.data.products))
        return _in_world_terms(rows, self.roles, window, self.data.calendar.floor) if self.imports else rows

    @property
    def imports(self) -> bool:
        """Whether the measures are import bans."""
        return self.form == "import-ban"

    def legs(self, window: dd.Window) -> tuple[dd.Legs, dd.Legs | None]:
        """Measure a window; under an import ban also with sales of the hub to any other market as leg B."""
        rows = self.trade(window)
        if not self.imports:
            back, seen = self._hub_reports(window), self._onward(rows, window)
            return self._measure(rows, window, hub_reports=back, onward_observed=seen), None
        origin = member(self.roles.origins, rows.countries)[rows.exporter]
        buyers = member(self.roles.destinations, rows.countries)[rows.importer]
        third = np.setdiff1d(
            np.arange(rows.countries), np.union1d(self.roles.origins, self.roles.destinations)
        )
        seen = self._sold_on(window)
        legs = self._measure(rows.rows(origin | buyers), window, onward_observed=seen)
        others = rows.rows(origin | ~buyers)
        return legs, self._measure(others, window, onward_to=third, onward_observed=seen)

    def chapters(self, window: dd.Window) -> dd.Legs:
        """Measure what third countries bought in a window by HS2 chapter: legs of the purchases alone."""
        rows = self.trade(window).regroup(self.data.groups(2))
        return dd.measure_legs(
            rows,
            self.roles,
            window,
            parents=[np.arange(rows.products), np.zeros(rows.products, np.int64)],
            floor=self.data.calendar.floor,
            uncovered=self.data.uncovered,
            onward_observed=np.zeros(rows.countries, bool),
        )

    def _measure(self, rows: dd.Trade, window: dd.Window, **more: Any) -> dd.Legs:
        return dd.measure_legs(
            rows,
            self.roles,
            window,
            parents=[self.data.groups(4), self.data.groups(2)],
            floor=self.data.calendar.floor,
            uncovered=self.data.uncovered,
            **more,
        )

    @cached_property
    def flows(self) -> dd.Flows:
        """Flows from the origins to the hubs with their expectation, after the measures."""
        return dd.expect(
            self.trade(self.window),
            self.roles.origins,
            self.roles.hubs,
            self.roles.controls,
            self.window,
            parents=[self.data.groups(4), self.data.groups(2)],
            floor=self.data.calendar.floor,
            uncovered=self.data.uncovered,
        )

    def years(self, window: dd.Window) -> list[int]:
        """Years of a window, both parts."""
        both = np.concatenate([window.pre.ravel(), window.post])
        return sorted({self.data.calendar.year(int(p)) for p in both})

    def reported_excess(self, window: dd.Window, legs: dd.Legs) -> FloatArray:
        """Excess of each cell in the hub's own imports; NaN where it does not report throughout."""
        rows, nothing = self._hub_reports(window), np.full(legs.hub.size, np.nan)
        if rows is None:
            return nothing
        own = self._measure(rows, window)
        size = rows.countries * rows.products
        excess = sum_by(own.hub * rows.products + own.product, own.excess, size)
        seen = in_both(rows.importer, rows.period, window, rows.countries)
        return np.where(seen[legs.hub], excess[legs.hub * rows.products + legs.product], nothing)

    def _hub_reports(self, window: dd.Window) -> dd.Trade | None:
        """HS6 imports as hubs report them; of one whose reports have gaps in the window, none."""
        mirror = self.data.mirror
        if mirror is None:
            return None
        whole = dd.comparable(mirror, window)[mirror.product] & self.throughout(window)[mirror.importer]
        return replace(mirror.rows(whole).regroup(self.data.hs6), products=len(self.data.products))

    def throughout(self, window: dd.Window) -> BoolArray:
        """Countries that report in every period of a window, shape (countries,)."""
        both = np.concatenate([window.pre.ravel(), window.post])
        return np.asarray(self._reports[:, both].all(1))

    def _onward(self, rows: dd.Trade, window: dd.Window) -> BoolArray:
        """Hubs whose sales to the target were observed in a window."""
        seen = in_both(rows.exporter, rows.period, window, rows.countries)
        if self.data.basis == "reports":
            seen &= self.throughout(window)
        if self.data.basis == "flows":
            names = self.data.countries
            for year in self.years(window):
                seen &= ~np.array([reporting.is_dark(name, self.target, year) for name in names], bool)
        return seen

    def _sold_on(self, window: dd.Window) -> BoolArray:
        """Hubs whose sales to the senders somebody reported; a buyer that reports none bought nothing."""
        if self.data.basis == "reports":
            return np.ones(len(self.data.countries), bool)
        dark = [
            all(
                any(reporting.is_dark(name, buyer, year) for year in self.years(window))
                for buyer in self.members
            )
            for name in self.data.countries
        ]
        return ~np.array(dark, bool)

    def silence(self, name: str, window: dd.Window) -> str:
        """Say whether a hub's own reports stop; empty where it reports in every year of a window."""
        if self.data.basis == "flows":
            quiet = [year for year in self.years(window) if name in reporting.silent(year)]
            return f"no own reports in {', '.join(map(str, quiet))}" if quiet else ""
        place = self.data.place([name])[0]
        seen = np.flatnonzero(self._reports[place])
        if not seen.size:
            return "no own reports in this table"
        if self.throughout(window)[place]:
            return ""
        last = int(seen.max())
        if last < int(window.post[-1]):
            return f"own reports stop after {self.data.calendar.label(last)}"
        return "own reports have gaps"

    @cached_property
    def bought_observed(self) -> BoolArray:
        """Whether somebody reports what a country buys of the origins, shape (countries, periods)."""
        span, names = self.data.calendar, self.data.countries
        if not self.imports:
            return np.ones((len(names), span.periods), bool)
        if self.data.basis == "reports":
            return self._reports
        years = [span.year(period) for period in range(span.periods)]
        return np.array(
            [[not reporting.is_dark(name, self.target, y) for y in years] for name in names], bool
        )

    @cached_property
    def _reports(self) -> BoolArray:
        """Whether a country reports anything in a period, shape (countries, periods)."""
        return own_reports(self.data, self.form)


def own_reports(data: Data, form: Form) -> BoolArray:
    """Whether a country reports anything in a period, shape (countries, periods)."""
    side = "importer" if form == "import-ban" else "exporter"
    own = [(data.covered, side), (data.uncovered, side), (data.mirror, "importer")]
    seen = np.zeros((len(data.countries), data.calendar.periods), bool)
    for rows, name in own:
        if rows is not None:
            seen[getattr(rows, name), rows.period] = True
    return seen


def in_both(country: IntArray, period: IntArray, window: dd.Window, size: int) -> BoolArray:
    """Countries with a row in both parts of a window, shape (size,)."""
    seen = np.ones(size, bool)
    for chosen in (window.pre.ravel(), window.post):
        seen &= member(
            country[member(chosen, int(max(chosen.max(), period.max(initial=0))) + 1)[period]], size
        )
    return seen


def _in_world_terms(rows: dd.Trade, roles: dd.Roles, window: dd.Window, floor: float) -> dd.Trade:
    """Scale trade before by the growth of each product between countries that are no party to the ban.

    Who else buys from the target may buy what the senders refuse, so its own other sales are no control.
    """
    parties = member(np.union1d(roles.origins, roles.destinations), rows.countries)
    free = ~parties[rows.exporter] & ~parties[rows.importer]
    before, after = (member(part, rows.periods)[rows.period] for part in (window.pre.ravel(), window.post))
    sums = [
        sum_by(rows.product[free & part], rows.value[free & part], rows.products) for part in (before, after)
    ]
    weight = PRODUCT_WEIGHT * floor * window.post.size
    growth = (sums[1] + weight) / (sums[0] / window.pre.shape[0] + weight)
    return replace(rows, value=np.where(before, rows.value * growth[rows.product], rows.value))


def assign(
    data: Data,
    form: Form,
    target: str,
    members: frozenset[str],
    targets: frozenset[str],
    hubs: tuple[str, ...] | None,
    window: dd.Window,
    scope: dict[str, Coverage],
) -> Case:
    """Give every country of the table its role.

    Parameters
    ----------
    data : Data
    form : {"export-ban", "import-ban"}
    target : str
    members, targets : frozenset of str
        Countries of the senders; other targets of theirs.
    hubs : tuple of str, optional
        By default every third country that is no target of the same senders.
    window : Window
        The last one, with its baseline, by whose years reporting is judged.
    scope : dict of str to Coverage
    """
    third = [c for c in data.countries if c not in members and c != target and c not in targets]
    asked = tuple(third) if hubs is None else tuple(c for c in hubs if c in data.countries)
    years = sorted({data.calendar.year(int(p)) for p in np.concatenate([window.pre.ravel(), window.post])})
    dark = _dark(data, form, target, asked, years, window)
    seen = [c for c in asked if c not in dark]
    others = third if hubs is None else [c for c in third if c not in asked]
    controls = [c for c in others if c not in dark]
    if form == "import-ban" or len(controls) < LEAST_CONTROLS:
        controls = []
    origins, ends = (members, {target}) if form == "export-ban" else ({target}, members)
    roles = dd.roles(
        data.place(origins),
        data.place(seen),
        data.place(ends),
        countries=len(data.countries),
        controls=data.place(controls),
    )
    return Case(data, form, target, members, roles, scope, dark, window)


def _dark(
    data: Data, form: Form, target: str, hubs: tuple[str, ...], years: list[int], window: dd.Window
) -> tuple[str, ...]:
    """Hubs for which leg A was not observed."""
    if form == "export-ban":
        return ()
    if data.basis == "flows":
        return tuple(c for c in hubs if any(reporting.is_dark(c, target, year) for year in years))
    both = np.concatenate([window.pre.ravel(), window.post])
    seen = np.asarray(own_reports(data, form)[:, both].all(axis=1))
    return tuple(c for c in hubs if not seen[data.place([c])].all())


def first_day(scope: dict[str, Coverage]) -> date | None:
    """Return the earliest printed day of a measure on any of the products."""
    return min((row.since for row in scope.values() if row.since), default=None)


@dataclass(frozen=True, slots=True)
class Period:
    """One window after the measures and its placebos.

    Attributes
    ----------
    label : str
    first, last : date
        Days.
    window : Window
    placebos : tuple of Window
        The same window, moved back to where no measure was in force.
    """

    label: str
    first: date
    last: date
    window: dd.Window
    placebos: tuple[dd.Window, ...]

    @property
    def begins(self) -> int:
        """First period of any of the windows."""
        return min(int(window.pre.min()) for window in (self.window, *self.placebos))

    @property
    def length(self) -> int:
        """Number of months or years."""
        return int(self.window.post.size)


def last_day(span: Calendar) -> date:
    """Return the last day of a calendar."""
    return _end_of(span, span.periods - 1)


def _end_of(span: Calendar, period: int) -> date:
    month = period % 12 + 1 if span.monthly else 12
    year = span.year(period)
    return date(year, month, days.monthrange(year, month)[1])


def periods(span: Calendar, start: date, baseline: Sequence[int]) -> tuple[Period, ...]:
    """Cut the time since the first measure into years, or into runs of months within a year.

    Parameters
    ----------
    span : Calendar
    start : date
        Day of the first measure.
    baseline : sequence of int
        Years before it.

    Raises
    ------
    DataError
        If the data end before the measure.
    """
    begin = span.at(start.year, start.month)
    if begin >= span.periods:
        raise DataError.empty_selection(
            f"trade after the first measure on {start}",
            hint=f"the table ends with {span.label(span.periods - 1)}",
        )
    found = []
    for year in range(start.year, span.last + 1):
        months = range(1, 13) if span.monthly else range(1, 2)
        post = [p for p in (span.at(year, month) for month in months) if begin <= p < span.periods]
        if post:
            pre = [span.at(b) + (p - span.at(year)) for b in baseline for p in post]
            found.append(_period(span, begin, dd.window(pre, post)))
    return tuple(found)


def _period(span: Calendar, begin: int, window: dd.Window) -> Period:
    first, last = int(window.post[0]), int(window.post[-1])
    label = span.label(first) if first == last else f"{span.label(first)} to {span.label(last)}"
    return Period(
        label,
        date(span.year(first), first % 12 + 1 if span.monthly else 1, 1),
        _end_of(span, last),
        window,
        _placebos(window, begin, 12 if span.monthly else 1),
    )


def _placebos(window: dd.Window, begin: int, season: int) -> tuple[dd.Window, ...]:
    """Move a window back: the same seasons, and in monthly data also the earliest and the latest start."""
    least = int(window.post[-1]) - begin + 1
    most = min(int(window.pre.min()), least - 1 + PLACEBO_YEARS * season)
    steps = np.arange(least, most + 1)
    if not steps.size:
        return ()
    chosen = sorted(
        {int(k) for k in steps if k % season == 0} | {int(steps[0]), int(steps[-1])}, reverse=True
    )
    return tuple(dd.window(window.pre - k, window.post - k) for k in chosen)
