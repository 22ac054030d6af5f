"""How the answer of ``agreement`` is laid out in tables and charts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.models.equilibrium.welfare import PARTS, Decomposition
from entrepot.result import Column, Figure, Table
from entrepot.world import blocs, countries

if TYPE_CHECKING:
    from entrepot.questions.agreement_solve import Worth
    from entrepot.questions.economy import WorldEconomy

FloatArray = NDArray[np.float64]
GROUPS = ("west", "east", "eaeu", "eu", "brics", "asean", "gcc")
PART_NAMES = {
    "terms_of_trade": "Terms of trade",
    "import_volume": "Import volume (taxed)",
    "export_volume": "Export volume (taxed)",
    "trade_costs": "Trade costs",
    "bans": "Varieties banned",
    "transfers": "Transfers",
}
# What is smaller than this, in percent, prints as nil and is no gain and no loss.
NIL = 0.005


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one answer."""

    main: Table
    display: Table
    parts: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """Median, 95% interval and share of draws of the median's sign; NaN without draws; each shape (N,)."""

    median: FloatArray
    lower: FloatArray
    upper: FloatArray
    same_sign: FloatArray


def interval(central: FloatArray, drawn: FloatArray) -> Interval:
    """Summarise the draws; without any, the central value stands as median and the interval is unknown.

    Parameters
    ----------
    central : ndarray, shape (N,)
    drawn : ndarray, shape (D, N)
    """
    if not len(drawn):
        unknown = np.full_like(central, np.nan)
        return Interval(central, unknown, unknown, unknown)
    lower, median, upper = np.percentile(drawn, [2.5, 50.0, 97.5], axis=0)
    same = (np.sign(drawn) == np.sign(median)).mean(axis=0)
    return Interval(median, lower, upper, same)


def build(economy: WorldEconomy, worth: Worth, parts: Decomposition | None, lang: str) -> Tables:
    """Lay out all tables."""
    found = interval(worth.central, worth.drawn)
    main = main_table(economy, worth, found, lang)
    further = [groups_table(economy, worth)]
    if parts is not None:
        further.append(decomposition_table(economy, parts, lang))
    return Tables(main, display_table(main), tuple(further))


def main_table(economy: WorldEconomy, worth: Worth, found: Interval, lang: str) -> Table:
    """One row per country, the most affected first."""
    order = np.argsort(-np.abs(found.median), kind="stable")
    money = found.median / 100.0 * economy.income
    columns: list[tuple[Column, object]] = [
        (Column("country", "Code", format="code"), [economy.countries[i] for i in order]),
        (Column("label", "Country"), [countries.name(economy.countries[i], lang) for i in order]),
        (Column("median", "Real income", "%", "decimal", 2, "median of the draws"), found.median),
        (Column("lower", "from", "%", "decimal", 2, "2.5th percentile"), found.lower),
        (Column("upper", "to", "%", "decimal", 2, "97.5th percentile"), found.upper),
        (Column("same_sign", "Sure of sign", "of draws", "percent", 0), found.same_sign),
        (Column("worth", "Worth", "USD a year", "integer", doc="median times value added"), np.rint(money)),
        (Column("central", "Central", "%", "decimal", 2, "at the scenario's own values"), worth.central),
    ]
    for value, change in worth.sweep.items():
        columns.append((Column(f"theta_{value:g}", f"at \u03b8 {value:g}", "%", "decimal", 2), change))
    unknown = np.full_like(worth.central, np.nan)
    others = (("one_sector", "One sector", worth.one_sector), ("short_run", "Short run", worth.short_run))
    for name, label, found_there in others:
        change = unknown if found_there is None else found_there
        columns.append((Column(name, label, "%", "decimal", 2), change))
    data = {
        column.name: values if isinstance(values, list) else _rounded(np.asarray(values)[order])
        for column, values in columns
    }
    return Table(
        "agreement", "Change of real income by country", pa.table(data), tuple(c for c, _ in columns)
    )


def _rounded(values: FloatArray) -> pa.Array:
    """Round to six decimals, far above the solver's error; NaN is null: not computed."""
    return pa.array(np.round(values, 6), pa.float64(), mask=np.isnan(values))


def display_table(main: Table) -> Table:
    """The main table with money in billions and without the columns that only machines need."""
    data = main.data.drop_columns(["central"])
    place = data.column_names.index("worth")
    data = data.set_column(place, "worth", pa.array([v / 1e9 for v in data["worth"].to_pylist()]))
    columns = tuple(
        Column("worth", "Worth", "USD bn a year", "decimal", 2) if c.name == "worth" else c
        for c in main.columns
        if c.name != "central"
    )
    return Table("by-country", "Change of real income, the most affected first", data, columns)


def groups_table(economy: WorldEconomy, worth: Worth) -> Table:
    """Groups of countries, weighted by income: who gains and who pays."""
    day = date(economy.year, 7, 1)
    weights = {"world": np.ones(len(economy.countries))}
    for bloc in GROUPS:
        inside = blocs.members(bloc, day)
        weights[bloc] = np.array([float(name in inside) for name in economy.countries])
    rows = []
    for name, member in weights.items():
        share = member * economy.income / (member @ economy.income)
        found = interval(np.array([worth.central @ share]), worth.drawn @ share[:, None])
        money = float(found.median[0]) / 100.0 * float(member @ economy.income)
        title = "World" if name == "world" else blocs.blocs()[name].title
        rows.append(
            (title, int(member.sum()), found.median[0], found.lower[0], found.upper[0], np.rint(money))
        )
    columns = (
        Column("group", "Group"),
        Column("countries", "Countries", "in the table", "integer"),
        Column("median", "Real income", "%", "decimal", 3),
        Column("lower", "from", "%", "decimal", 3),
        Column("upper", "to", "%", "decimal", 3),
        Column("worth", "Worth", "USD a year", "integer"),
    )
    arrays = list(zip(*rows, strict=True))
    data = pa.table(
        {
            column.name: list(values) if i < 2 else _rounded(np.array(values, dtype=np.float64))
            for i, (column, values) in enumerate(zip(columns, arrays, strict=True))
        }
    )
    return Table("groups", "Groups of countries, weighted by income", data, columns)


def decomposition_table(economy: WorldEconomy, parts: Decomposition, lang: str) -> Table:
    """Parts of the exact central change, integrated along the shock; they sum to it with the gap."""
    shares = parts.percent()
    total = 100.0 * (parts.welfare_hat - 1.0)
    order = np.argsort(-np.abs(total), kind="stable")
    used = [name for name in PARTS if np.abs(shares[name]).max() > 1e-9]
    columns = (
        Column("country", "Code", format="code"),
        Column("label", "Country"),
        Column("total", "Real income", "%", "decimal", 3),
        *(Column(name, PART_NAMES[name], "%", "decimal", 3) for name in used),
        Column("gap", "Gap", "%", "decimal", 9, "error of quadrature"),
    )
    data = pa.table(
        {
            "country": [economy.countries[i] for i in order],
            "label": [countries.name(economy.countries[i], lang) for i in order],
            "total": _rounded(total[order]),
            **{name: _rounded(shares[name][order]) for name in used},
            "gap": pa.array(shares["gap"][order]),
        }
    )
    return Table("decomposition", "Where the change of real income comes from", data, columns)


def figures(
    economy: WorldEconomy, worth: Worth, title: str, period: str, focal: str | None, lang: str
) -> tuple[Figure, ...]:
    """Draw the world map of the change and the ranked intervals of the most affected countries."""
    found = interval(worth.central, worth.drawn)
    names = [countries.name(code, lang) for code in economy.countries]
    world = Figure(
        name="map",
        kind="map",
        title=title,
        subtitle=period,
        alt=f"World map of the change of real income: {title}.",
        data=pa.table({"iso3": list(economy.countries), "label": names, "value": _rounded(found.median)}),
        encode={"iso3": "iso3", "value": "value", "label": "label"},
        options={"scale": "diverging", "unit": "%", "nil": NIL, "focus": focal},
    )
    order = [int(i) for i in np.argsort(-np.abs(found.median), kind="stable")[:18]]
    top = [i for i in order if abs(found.median[i]) > NIL] or order[:3]
    top.sort(key=lambda i: -found.median[i])
    gains = sum(found.median[i] > NIL for i in range(len(names)))
    pays = sum(found.median[i] < -NIL for i in range(len(names)))
    ranked = Figure(
        name="intervals",
        kind="interval",
        title=f"{gains} of {len(names)} countries gain, {pays} lose",
        subtitle=f"{period}; median and 95% interval of the most affected",
        alt=f"{names[top[0]]} gains most with {found.median[top[0]]:.2f}%, "
        f"{names[top[-1]]} stands lowest with {found.median[top[-1]]:.2f}%.",
        data=pa.table(
            {
                "label": [names[i] for i in top],
                "value": _rounded(found.median[top]),
                "lower": _rounded(found.lower[top]),
                "upper": _rounded(found.upper[top]),
            }
        ),
        encode={"label": "label", "value": "value", "lower": "lower", "upper": "upper"},
        options={"unit": "%"},
    )
    return world, ranked
