"""Fixed effects with their names, and the multilateral resistances that they hold.

With exporter and importer effects (by year), ``mu_ij = exp(a_i + b_j) k_ij``, where ``k = exp(x beta + other
fixed effects)`` stands for trade costs ``t^-theta``. Output ``Y_i = sum_j mu_ij``, expenditure
``E_j = sum_i mu_ij`` and the world's ``Y = sum Y_i`` are those of the data, because Poisson regression fits
the sums of every fixed effect exactly (Fally 2015). Then

    outward_i = Y_i exp(-a_i) c        = sum_j k_ij (E_j / Y) / inward_j       (Pi_i^-theta)
    inward_j  = E_j exp(-b_j) / (c Y)  = sum_i k_ij (Y_i / Y) / outward_i      (P_j^-theta)

solve the system of Anderson and van Wincoop (2003). One factor c per connected component of exporters and
importers in a year is free: it is set so that the reference importer has ``inward = 1``, or, without a
reference, so that the expenditure-weighted mean of ``log inward`` is zero.

References
----------
Anderson, J. E., & van Wincoop, E. (2003). Gravity with gravitas. American Economic Review, 93(1), 170-192.
https://doi.org/10.1257/000282803321455214
Fally, T. (2015). Structural gravity and fixed effects. Journal of International Economics, 97(1), 76-85.
https://doi.org/10.1016/j.jinteco.2015.05.005
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation.design import taken
from entrepot.estimation.terms import Cells
from entrepot.models.poisson.levels import components, normalised
from entrepot.models.poisson.rows import contiguous

if TYPE_CHECKING:
    from entrepot.estimation.estimates import GravityFit

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Effects:
    """Fixed effects and multilateral resistances.

    Attributes
    ----------
    tables : dict of str to pyarrow.Table
        By label of the fixed effect ("constant" where there is none): its columns, ``effect`` (in logs) and
        ``rows``. The first carries the level; each later one has mean 0 over the rows of every connected
        component it forms with one before. A pair effect without direction is 0 for trade at home, where
        every country has that; otherwise its row-weighted regression on country dummies is 0.
    resistances : pyarrow.Table or None
        Columns country, year (if the data have years), component, output, expenditure, outward, inward;
        null where a country does not sell or does not buy. None without exporter and importer effects.
    """

    tables: dict[str, pa.Table]
    resistances: pa.Table | None

    def __getitem__(self, label: str) -> pa.Table:
        """Return the table of one fixed effect."""
        if label not in self.tables:
            raise InputError.unknown("fixed effect", label, list(self.tables))
        return self.tables[label]


def effects_of(fit: GravityFit, reference: str | None = None) -> Effects:
    """Return the fixed effects of a fit; see `GravityFit.effects`."""
    design, kept = fit.design, fit.fit.kept
    tables: dict[str, pa.Table] = {}
    if not design.formula.effects:
        tables["constant"] = pa.table({"effect": fit.fit.fixed_effects[0], "rows": [fit.n]})
        return Effects(tables, _resistances(fit, fit.fit.fixed_effects, reference))
    levels = _levels(fit)
    for effect, codes, level in zip(design.formula.effects, design.groups, levels, strict=True):
        present, first, count = np.unique(codes[kept], return_index=True, return_counts=True)
        rows = design.rows[kept][first]
        columns = {name: design.frame.table[name].take(pa.array(rows)) for name in effect.columns}
        tables[effect.label] = pa.table({**columns, "effect": level[present], "rows": count})
    return Effects(tables, _resistances(fit, levels, reference))


def _levels(fit: GravityFit) -> tuple[FloatArray, ...]:
    """Return the fixed effects with the freedom taken out that a pair effect without direction leaves.

    With ``a_it + b_jt + c_ij`` and ``c_ij = c_ji``, any ``u`` may go from ``c_ij - u_i - u_j`` to both sides.
    Here trade at home costs nothing, ``c_ii = 0``, where every country has a row of it; else no country has a
    mean pair effect: the row-weighted regression of c on country dummies is zero.
    """
    design, levels = fit.design, list(fit.fit.fixed_effects)
    at = _places(fit)
    pairs = [place for place, effect in enumerate(design.formula.effects) if effect.symmetric]
    if at is None or len(pairs) != 1 or design.cells is None:
        return tuple(levels)
    kept, pair = fit.fit.kept, pairs[0]
    cells = taken(design.cells, np.flatnonzero(kept))
    exporter, importer = cells.exporter.code, cells.importer.code
    code = design.groups[pair][kept]
    mean = _country_means(exporter, importer, levels[pair][code])
    for place, country in zip((pair, at[0], at[1]), (None, exporter, importer), strict=True):
        moved = levels[place].copy()
        groups = design.groups[place][kept]
        moved[groups] += mean[country] if country is not None else -(mean[exporter] + mean[importer])
        levels[place] = moved
    # Both sides took up a country's mean: the importer's has mean zero again in each component.
    sides = tuple(contiguous(design.groups[place][kept]) for place in at)
    present = [np.unique(design.groups[place][kept]) for place in at]
    centred = normalised(sides, [levels[place][codes] for place, codes in zip(at, present, strict=True)])
    for place, codes, values in zip(at, present, centred, strict=True):
        levels[place][codes] = values
    return tuple(levels)


def _country_means(exporter: IntArray, importer: IntArray, effect: FloatArray) -> FloatArray:
    """Return what of a pair effect without direction belongs to each country."""
    size = int(max(exporter.max(), importer.max())) + 1
    home = exporter == importer
    mean = np.full(size, np.nan)
    mean[exporter[home]] = effect[home] / 2.0
    if not np.isnan(mean[np.union1d(exporter, importer)]).any():
        return mean
    gram, right = np.zeros((size, size)), np.zeros(size)
    for one in (exporter, importer):
        np.add.at(right, one, effect)
        for other in (exporter, importer):
            np.add.at(gram, (one, other), 1.0)
    return np.asarray(np.linalg.lstsq(gram, right, rcond=None)[0])


@dataclass(frozen=True, slots=True)
class _Sides:
    """The rows used, by exporter effect and importer effect.

    ``component`` is the connected component of each row; ``year`` is None where the effects are not by year.
    """

    cells: Cells
    seller: IntArray
    buyer: IntArray
    exporter_effect: FloatArray
    importer_effect: FloatArray
    component: IntArray
    year: IntArray | None


def _resistances(fit: GravityFit, levels: tuple[FloatArray, ...], reference: str | None) -> pa.Table | None:
    sides = _sides(fit, levels)
    if sides is None:
        if reference is None:
            return None
        raise InputError(
            "multilateral resistances need exporter and importer effects",
            hint="write exporter^year + importer^year among the fixed effects",
        )
    weights = fit.design.weights
    trade = fit.fitted if weights is None else fit.fitted * weights[fit.fit.kept]
    output, expenditure = _sum_by(sides.seller, trade), _sum_by(sides.buyer, trade)
    world = _sum_by(sides.component, trade)
    outward = output * np.exp(-sides.exporter_effect)
    inward = expenditure * np.exp(-sides.importer_effect) / world
    factor = _factor(sides, inward, trade, reference)
    selling = {"output": output, "outward": outward * factor}
    return _table(sides, selling, {"expenditure": expenditure, "inward": inward / factor})


def _sum_by(codes: IntArray, values: FloatArray) -> FloatArray:
    """Return for each row the sum of its group."""
    return np.bincount(codes, weights=values).astype(np.float64)[codes]


def _places(fit: GravityFit) -> tuple[int, int] | None:
    """Return the positions of the exporter's and the importer's effect, by year or not."""
    design, roles = fit.design, fit.design.roles
    if design.cells is None:
        return None
    labels = [frozenset(effect.columns) for effect in design.formula.effects if not effect.symmetric]
    where = [place for place, effect in enumerate(design.formula.effects) if not effect.symmetric]
    for year in dict.fromkeys((roles.year, None)):
        wanted = [
            frozenset(name for name in (side, year) if name) for side in (roles.exporter, roles.importer)
        ]
        if all(side in labels for side in wanted):
            selling, buying = (where[labels.index(side)] for side in wanted)
            return selling, buying
    return None


def _sides(fit: GravityFit, levels: tuple[FloatArray, ...]) -> _Sides | None:
    """Put the exporter's and the importer's effect on the rows used."""
    design, kept, at = fit.design, fit.fit.kept, _places(fit)
    if at is None or design.cells is None:
        return None
    cells = taken(design.cells, np.flatnonzero(kept))
    codes = [design.groups[place][kept] for place in at]
    seller, buyer = (contiguous(code) for code in codes)
    component = components(seller, buyer)[0][seller]
    selling, buying = (levels[place][code] for place, code in zip(at, codes, strict=True))
    by_year = design.roles.year in design.formula.effects[at[0]].columns
    return _Sides(cells, seller, buyer, selling, buying, component, cells.year if by_year else None)


def _factor(sides: _Sides, inward: FloatArray, trade: FloatArray, reference: str | None) -> FloatArray:
    """Return the factor c of each row's component."""
    component = sides.component
    if reference is None:
        mean = np.bincount(component, weights=trade * np.log(inward)) / np.bincount(component, weights=trade)
        return np.asarray(np.exp(mean)[component])
    names = [str(name) for name in sides.cells.importer.values]
    if reference not in names:
        raise InputError.unknown("reference", reference, names)
    own = sides.cells.importer.code == names.index(reference)
    factor = np.full(int(component.max()) + 1, np.nan)
    factor[component[own]] = inward[own]
    if np.isnan(factor).any():
        raise DataError(
            f"the reference {reference} does not buy in every year and component",
            hint="choose another reference, or none",
        )
    return factor[component]


def _table(sides: _Sides, selling: dict[str, FloatArray], buying: dict[str, FloatArray]) -> pa.Table:
    """Join the two sides on country, year and component; components count from 0 in each year."""
    year = np.zeros(sides.component.size, dtype=np.intp) if sides.year is None else sides.year
    first = {at: int(sides.component[year == at].min()) for at in np.unique(year).tolist()}
    found: dict[tuple[int, int, int], dict[str, float]] = {}
    for codes, values in ((sides.cells.exporter.code, selling), (sides.cells.importer.code, buying)):
        keys, rows = np.unique(np.column_stack([codes, year, sides.component]), axis=0, return_index=True)
        for (country, when, part), row in zip(keys.tolist(), rows, strict=True):
            line = found.setdefault((country, when, part), {})
            line |= {name: float(column[row]) for name, column in values.items()}
    ordered = sorted(found)
    columns: dict[str, Any] = {"country": [sides.cells.exporter.values[key[0]] for key in ordered]}
    if sides.year is not None:
        columns["year"] = [key[1] for key in ordered]
    columns["component"] = [key[2] - first[key[1]] for key in ordered]
    for name in ("output", "expenditure", "outward", "inward"):
        columns[name] = pa.array([found[key].get(name) for key in ordered], pa.float64())
    return pa.table(columns)
