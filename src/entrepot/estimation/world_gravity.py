"""Gravity on the store: the panel of a product, ready regressors, and what the answer has to say of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation import answer, regressors
from entrepot.estimation.attach import named
from entrepot.estimation.estimates import GravityFit
from entrepot.estimation.extra import joined, read_extra
from entrepot.estimation.fit import gravity
from entrepot.estimation.formula import Formula, parse
from entrepot.estimation.panel import Axes, Panel, Silent, axes, panel_of, product_codes, world_trade
from entrepot.estimation.sanctions import Coverage, coverage
from entrepot.estimation.vcov import understand
from entrepot.estimation.world_words import (
    FORMULA,
    command_line,
    panel_notes,
    python_line,
    regressor_notes,
    subject,
    traded,
    window_notes,
)
from entrepot.models.poisson import REASONS
from entrepot.models.poisson.rows import ALL_ZERO
from entrepot.result import Note, Result, Source

if TYPE_CHECKING:
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]

_PANEL = ("exporter", "importer", "year", "trade", "value")


@dataclass(frozen=True, eq=False, repr=False)
class WorldFit(GravityFit):
    """A gravity equation estimated on the store.

    Attributes
    ----------
    spared : dict of str to int
        Cells of the panel that were never made rows, by reason: pairs without any trade, which the pair
        effect takes up, and unknown regressors. They count in ``rows``, ``removed`` and ``pruned``.
    subject : str
        What was traded.
    scope : str
        What was traded and when, in words.
    notes : tuple of Note
        What the panel holds and leaves out.
    sources : tuple of Source
        Of trade and regressors.
    call : str
        The Python line that repeats it.
    command : str
        The same on the command line.
    """

    spared: dict[str, int] = field(default_factory=dict)
    subject: str = ""
    scope: str = ""
    notes: tuple[Note, ...] = ()
    sources: tuple[Source, ...] = ()
    call: str = ""
    command: str = ""

    @property
    def rows(self) -> int:
        """Cells of the panel."""
        return super().rows + sum(self.spared.values())

    @property
    def removed(self) -> dict[str, int]:
        """Cells left out, by reason."""
        own = super().removed
        reasons = dict.fromkeys((*self.spared, *own))
        return {reason: self.spared.get(reason, 0) + own.get(reason, 0) for reason in reasons}

    @property
    def pruned(self) -> int:
        """Cells in groups of zeros only, or alone in their group."""
        return super().pruned + self.spared.get(REASONS[ALL_ZERO], 0)

    def to_result(self) -> Result:
        """Return the estimates as an answer with tables, chart, notes and sources."""
        plain = answer.estimates_result(self)
        how = replace(plain.how, python=self.call, command=self.command)
        notes = (*self.notes, *plain.notes)
        ahead, behind = (f"{self.scope}; ", f"; {self.scope}") if self.scope else ("", "")
        figures = tuple(replace(one, subtitle=f"{one.subtitle}{behind}") for one in plain.figures)
        return replace(
            plain,
            subject=self.subject,
            subtitle=f"{ahead}{plain.subtitle}",
            figures=figures,
            notes=notes,
            sources=self.sources,
            how=how,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What the panels of one formula share.

    Attributes
    ----------
    store : Store
        Where trade comes from.
    formula : Formula
        As understood.
    codes : tuple of str
        Products of the store that are asked for.
    axes : Axes
        Countries and years.
    wanted : tuple of str
        Ready regressors that the formula names.
    fixed : dict of str to ndarray
        Those that are the same for all products, as grids.
    coverage : Coverage or None
        Measures in force on the codes, where the formula names any.
    world : ndarray, shape (C,), or None
        Trade of the world in each code, the weight of its measures.
    extra : pyarrow.Table or None
        Columns of the user.
    fill : float or None
        Value of a column of the user in cells that it does not list.
    silent : {"missing", "zero"}
        What a cell is on which neither side reports.
    """

    store: Store
    formula: Formula
    codes: tuple[str, ...]
    axes: Axes
    wanted: tuple[str, ...]
    fixed: dict[str, FloatArray]
    coverage: Coverage | None
    world: FloatArray | None
    extra: pa.Table | None
    fill: float | None
    silent: Silent

    @property
    def law(self) -> tuple[Source, ...] | None:
        """Instruments behind the measures in force; None where the formula names no measures."""
        return None if self.coverage is None else self.coverage.sources

    @property
    def by_pair(self) -> bool:
        """Whether a pair effect takes up pairs without trade."""
        effects = self.formula.effects
        return any(not e.symmetric and set(e.columns) == {"exporter", "importer"} for e in effects)


def setting(
    store: Store,
    formula: str,
    product: str | Sequence[str] | None,
    *,
    since: int | None,
    until: int | None,
    extra: Any,
    fill: float | None,
    silent: Silent,
    also: Sequence[str] = (),
) -> Setting:
    """Understand what is asked and compute what all products share; see `world_gravity`.

    Parameters
    ----------
    also : sequence of str
        Columns that something other than the formula needs.
    """
    understood = parse(formula)
    codes = product_codes(store, product)
    grid = axes(store, since, until)
    added = None if extra is None else read_extra(extra)
    given = {*_PANEL, *(added.column_names if added is not None else ())}
    wanted = _wanted((*named(formula), *also), given)
    places = tuple(regressors.canonical(country) for country in grid.countries)
    needs = {one.name: one.needs for one in regressors.regressors()}
    law = [name for name in wanted if needs[name] == "product"]
    found = _coverage(places, grid.years, codes, store.info("flows").revision or "HS1992") if law else None
    over = regressors.Places(places, grid.years)
    return Setting(
        store=store,
        formula=understood,
        codes=codes,
        axes=grid,
        wanted=wanted,
        fixed=regressors.columns([name for name in wanted if name not in law], over),
        coverage=found,
        world=world_trade(store, grid, codes) if law else None,
        extra=added,
        fill=fill,
        silent=silent,
    )


@lru_cache(maxsize=4)
def _coverage(
    places: tuple[str, ...], years: tuple[int, ...], codes: tuple[str, ...], revision: str
) -> Coverage:
    return coverage(places, years, codes, revision)


def _wanted(asked: Sequence[str], given: Iterable[str]) -> tuple[str, ...]:
    """Return the ready regressors among the columns named; refuse a name that nothing has."""
    known = regressors.names()
    lacking = [name for name in dict.fromkeys(asked) if name not in set(given)]
    for name in lacking:
        if name not in known:
            raise InputError.unknown(
                "column",
                name,
                [*given, *sorted(known)],
                see="the panel has exporter, importer, year and trade; "
                "'entrepot gravity --regressors' lists what can be added",
            )
    return tuple(lacking)


def frame_of(have: Setting, panel: Panel) -> tuple[pa.Table, dict[str, int]]:
    """Return the rows of a panel with the regressors of the formula, and the cells spared by reason."""
    grids = dict(have.fixed)
    law = [name for name in have.wanted if name not in have.fixed]
    if law and have.coverage is not None and have.world is not None:
        weights = np.where(np.isin(have.codes, panel.products), have.world, 0.0)
        places = tuple(regressors.canonical(country) for country in panel.axes.countries)
        over = regressors.Places(places, panel.axes.years, have.coverage, weights)
        grids |= regressors.columns(law, over)
    table = panel.frame(grids, traded=have.by_pair)
    spared = {REASONS[ALL_ZERO]: panel.rows - table.num_rows}
    for name in have.wanted:
        unknown = table[name].null_count
        if unknown:
            spared[f"{name} is not known"] = unknown
            table = table.filter(pc.is_valid(table[name]))
    if have.extra is not None:
        table = joined(table, have.extra, panel.products, have.fill)
    return table, {reason: count for reason, count in spared.items() if count}


def world_gravity(
    store: Store,
    formula: str = FORMULA,
    *,
    product: str | Sequence[str] | None = None,
    since: int | None = None,
    until: int | None = None,
    vcov: str = "pair",
    extra: Any = None,
    fill: float | None = None,
    silent: Silent = "missing",
    unidentified: Literal["refuse", "drop"] = "drop",
    **options: Any,
) -> WorldFit:
    """Estimate a gravity equation on the trade of the store.

    Parameters
    ----------
    store : Store
        With a table ``flows``.
    formula : str
        As in `gravity`. ``trade`` (or ``value``) is USD; a name of `regressors.regressors` is added from the
        world's dated facts.
    product : str or sequence of str, optional
        HS codes of 2 to 6 digits or words, added up; all products of the store if left out.
    since, until : int, optional
        First and last year; those of the store if left out.
    vcov : str
        As in `gravity`.
    extra : data frame, optional
        Columns of your own; joined by those of exporter, importer, year and product that it has.
    fill : float, optional
        Value of these columns in cells that ``extra`` does not list; missing if left out.
    silent : {"missing", "zero"}
        What a cell is on which neither side reports and no trade is recorded.
    unidentified : {"refuse", "drop"}
        What to do with regressors without a coefficient.
    **options
        Further options of `gravity`.

    Returns
    -------
    WorldFit

    Raises
    ------
    InputError, DataError
        As `gravity` and `entrepot.estimation.panel.panel` do.

    Examples
    --------
    >>> from entrepot.store.store import open_store
    >>> fit = world_gravity(open_store(), "trade ~ sanctions_pair | exporter^year + importer^year + "
    ...                     "exporter^importer", product="270900", since=2019)
    >>> fit.terms, bool(fit.coefficients[0] < 0)
    (('sanctions_pair',), True)
    """
    also = clusters_of(vcov, options)
    have = setting(
        store, formula, product, since=since, until=until, extra=extra, fill=fill, silent=silent, also=also
    )
    panel = panel_of(store, have.axes, have.codes, silent)
    table, spared = frame_of(have, panel)
    fit = gravity(formula, table, vcov=vcov, unidentified=unidentified, **options)
    _refuse_empty(fit)
    asked = {
        "product": product, "since": since, "until": until, "extra": extra, "fill": fill, "silent": silent,
        "unidentified": unidentified, **options,
    }  # fmt: skip
    return WorldFit(
        **{name: getattr(fit, name) for name in GravityFit.__dataclass_fields__},
        spared=spared,
        subject=subject(store, have.codes),
        scope=traded(store, have.codes, have.axes.years),
        notes=notes_of(have, panel, since, until),
        sources=(*store.sources("flows"), *regressors.sources(have.wanted, have.law or ())),
        call=python_line(formula, asked, vcov),
        command=command_line(formula, asked, vcov),
    )


def clusters_of(vcov: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the columns that the covariance, the weights and the offset name."""
    named_so = (options.get(name) for name in ("weights", "offset"))
    return (*understand(vcov).columns, *(name for name in named_so if name))


def notes_of(have: Setting, panel: Panel, since: int | None, until: int | None) -> tuple[Note, ...]:
    """Return what the reader of an estimate on a panel must know."""
    return (
        *window_notes(have.store, since, until),
        *panel_notes(panel, have.silent),
        *regressor_notes(have.wanted, have.law),
    )


def _refuse_empty(fit: GravityFit) -> None:
    if not fit.terms and fit.dropped:
        why = "; ".join(f"'{one.term}' is {one.reason}" for one in fit.dropped)
        raise DataError(
            f"no term has a coefficient: {why}",
            hint="take them out of the formula, or take more years or fewer fixed effects",
        )
