"""Tables and cards of the technoparks question; every position in them is outside the measures in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from entrepot.questions import words
from entrepot.questions.partners_tables import numbers, texts
from entrepot.questions.partners_trade import inside, item_label
from entrepot.questions.programme import Progress
from entrepot.questions.technoparks_clusters import Anchor, Input, Market, Plan
from entrepot.result import Column, Figure, Table

if TYPE_CHECKING:
    import pyarrow as pa


def name_of(found: Plan, cluster: int) -> str:
    """Name a cluster by its one or two most worthy items that no other has."""
    labels = [item_label(found.trade, found.trade.items[i]) for i in found.leaders(cluster)[:2]]
    return " with ".join([labels[0], *(inside(label) for label in labels[1:])])


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")


def clusters(found: Plan, anchors: Sequence[Anchor], markets: Sequence[Market]) -> Table:
    """One row per cluster: what it holds, how near and complex it is, and what stands around it."""
    import pyarrow as pa

    parts, members = found.candidates, found.chosen.members
    count = range(len(members))
    data = pa.table(
        {
            "cluster": pa.array([i + 1 for i in count], pa.int64()),
            "name": texts([name_of(found, i) for i in count]),
            "items": texts([", ".join(found.trade.items[k] for k in found.items(i)) for i in count]),
            "size": pa.array([len(group) for group in members], pa.int64()),
            "reach": numbers(np.array([_mean(parts.reach[group]) for group in members])),
            "complexity": numbers(np.array([_mean(parts.pci[group]) for group in members])),
            "skill": numbers(np.array([_mean(parts.skill[group]) for group in members])),
            "replaces": numbers(np.array([parts.imports[group].sum() for group in members])),
            "dependent": pa.array([int(parts.dependent[group].sum()) for group in members], pa.int64()),
            "demand": numbers(np.array([parts.demand[group].sum() for group in members])),
            "anchors": texts([", ".join(a.item for a in anchors if a.cluster == i) for i in count]),
            "markets": texts([", ".join(m.partner for m in markets if m.cluster == i) for i in count]),
            "worth": numbers(found.chosen.worth),
        }
    )
    columns = (
        Column("cluster", "Cluster", "", "integer"),
        Column("name", "Name"),
        Column("items", "Positions", format="code", doc="HS codes or industries, most worthy first"),
        Column("size", "Size", "", "integer"),
        Column("reach", "Reach", "0 to 1", "decimal", 2, doc="mean density"),
        Column("complexity", "Complexity", "", "decimal", 2, doc="mean product complexity index"),
        Column("skill", "Brains", "of inputs", "percent", doc="knowledge services bought by the industry"),
        Column(
            "replaces", "Imports it could replace", "USD a year", "integer", doc="all own imports of them"
        ),
        Column(
            "dependent", "Dependencies", "", "integer", doc="items with concentrated sellers, CEPII's rule"
        ),
        Column("demand", "Demand in open markets", "USD a year", "integer"),
        Column("anchors", "Anchors", format="code", doc="made at home with advantage and near"),
        Column("markets", "Largest open markets", format="code"),
        Column("worth", "Worth", "", "decimal", 3, doc="sum of rank products times cohesion"),
    )
    return Table("technoparks", "Clusters within reach", data, columns)


def display(
    found: Plan, anchors: Sequence[Anchor], markets: Sequence[Market], names: Mapping[str, str]
) -> Table:
    """The clusters laid out for reading."""
    import pyarrow as pa

    cards = _cards(found, anchors, None, markets, names)
    parts, members = found.candidates, found.chosen.members
    replaces = np.array([parts.imports[group].sum() for group in members])
    scale, unit, digits = words.scale_for(replaces.tolist())
    data = pa.table(
        {
            "cluster": cards["cluster"],
            "holds": cards["holds"],
            "reach": numbers(np.array([_mean(parts.reach[group]) for group in members])),
            "complexity": numbers(np.array([_mean(parts.pci[group]) for group in members])),
            "replaces": numbers(replaces / scale),
            "near": cards["near"],
            "sells": cards["sells"],
        }
    )
    columns = (
        Column("cluster", "Cluster"),
        Column("holds", "Holds"),
        Column("reach", "Reach", "0 to 1", "decimal", 2),
        Column("complexity", "Complexity", "", "decimal", 2),
        Column("replaces", "Own imports of it", unit, "decimal", digits),
        Column("near", "Anchors at home"),
        Column("sells", "Open markets"),
    )
    return Table("clusters", "Clusters within reach", data, columns)


def _cards(
    found: Plan,
    anchors: Sequence[Anchor],
    inputs: Sequence[Input] | None,
    markets: Sequence[Market],
    names: Mapping[str, str],
) -> dict[str, pa.Array[Any]]:
    """Return the words on the cards."""
    trade, parts = found.trade, found.candidates
    rows: dict[str, list[str]] = {
        name: [] for name in ("cluster", "holds", "reach", "complexity", "replaces", "near", "buys", "sells")
    }
    for i, group in enumerate(found.chosen.members):
        rows["cluster"].append(f"{i + 1}. {name_of(found, i)}")
        rows["holds"].append(", ".join(item_label(trade, trade.items[k]) for k in found.items(i)))
        rows["reach"].append(f"{_mean(parts.reach[group]):.2f}")
        rows["complexity"].append(f"{_mean(parts.pci[group]):.2f}")
        rows["replaces"].append(words.money(float(parts.imports[group].sum())))
        rows["near"].append(", ".join(item_label(trade, a.item) for a in anchors if a.cluster == i))
        bought = [row for row in inputs or () if row.cluster == i]
        rows["buys"].append("; ".join(_source(row, names) for row in bought[:4]))
        rows["sells"].append(", ".join(names[m.partner] for m in markets if m.cluster == i))
    return {name: texts(column) for name, column in rows.items()}


def _source(row: Input, names: Mapping[str, str]) -> str:
    sellers = ", ".join(names.get(source, source) for source in row.sources)
    return f"{words.label(row.sector, 'sector')} ({sellers})"


def items(found: Plan) -> Table:
    """One row per position of a cluster."""
    import pyarrow as pa

    trade, parts = found.trade, found.candidates
    owner = [i for i in range(len(found.chosen.groups)) for _ in found.items(i)]
    places = [k for i in range(len(found.chosen.groups)) for k in found.items(i)]
    at = np.array([int(np.flatnonzero(parts.places == k)[0]) for k in places], np.intp)
    data = pa.table(
        {
            "cluster": pa.array([i + 1 for i in owner], pa.int64()),
            "item": texts([trade.items[k] for k in places]),
            "label": texts([item_label(trade, trade.items[k]) for k in places]),
            "reach": numbers(parts.reach[at]),
            "pci": numbers(parts.pci[at]),
            "gain": numbers(parts.gain[at]),
            "skill": numbers(parts.skill[at]),
            "imports": numbers(parts.imports[at]),
            "sellers": numbers(parts.sellers[at]),
            "dependent": pa.array(parts.dependent[at].tolist(), pa.bool_()),
            "demand": numbers(parts.demand[at]),
            "worth": numbers(parts.worth[at]),
        }
    )
    columns = (
        Column("cluster", "Cluster", "", "integer"),
        Column("item", "Position", format="code"),
        Column("label", "What"),
        Column("reach", "Reach", "0 to 1", "decimal", 2, doc="density"),
        Column("pci", "Complexity", "", "decimal", 2),
        Column("gain", "Gain", "", "decimal", 2, doc="complexity outlook gain"),
        Column("skill", "Brains", "of inputs", "percent"),
        Column("imports", "Own imports", "USD a year", "integer"),
        Column("sellers", "Seller HHI", "0 to 1", "decimal", 2),
        Column(
            "dependent", "Dependency", doc="sellers here and in the world concentrated, imports > exports"
        ),
        Column("demand", "Demand in open markets", "USD a year", "integer"),
        Column("worth", "Worth", "0 to 1", "decimal", 3),
    )
    return Table("positions", "Positions of the clusters", data, columns)


def anchor_table(found: Plan, rows: Sequence[Anchor]) -> Table:
    """What is made at home with advantage near each cluster."""
    import pyarrow as pa

    data = pa.table(
        {
            "cluster": pa.array([row.cluster + 1 for row in rows], pa.int64()),
            "item": texts([row.item for row in rows]),
            "label": texts([item_label(found.trade, row.item) for row in rows]),
            "exports": numbers(np.array([row.exports for row in rows], np.float64)),
            "proximity": numbers(np.array([row.proximity for row in rows], np.float64)),
        }
    )
    columns = (
        Column("cluster", "Cluster", "", "integer"),
        Column("item", "Anchor", format="code", doc="HS heading or industry"),
        Column("label", "What"),
        Column("exports", "Exports", "USD a year", "integer"),
        Column("proximity", "Proximity", "0 to 1", "decimal", 2, doc="mean over the cluster"),
    )
    return Table("anchors", "Anchors already made at home", data, columns)


def input_table(rows: Sequence[Input], names: Mapping[str, str]) -> Table:
    """What the industries of each cluster buy, and the largest sources that are open."""
    import pyarrow as pa

    data = pa.table(
        {
            "cluster": pa.array([row.cluster + 1 for row in rows], pa.int64()),
            "sector": texts([row.sector for row in rows]),
            "label": texts([words.label(row.sector, "sector") for row in rows]),
            "home": numbers(np.array([row.home for row in rows], np.float64)),
            "abroad": numbers(np.array([row.abroad for row in rows], np.float64)),
            "sources": texts([", ".join(row.sources) for row in rows]),
            "names": texts([", ".join(names.get(s, s) for s in row.sources) for row in rows]),
        }
    )
    columns = (
        Column("cluster", "Cluster", "", "integer"),
        Column("sector", "Industry", format="code"),
        Column("label", "Input"),
        Column("home", "Bought at home", "USD a year", "integer"),
        Column("abroad", "Bought from open sources", "USD a year", "integer"),
        Column("sources", "Sources", format="code"),
        Column("names", "Largest open sources"),
    )
    return Table("inputs", "Inputs to source", data, columns)


def market_table(rows: Sequence[Market], names: Mapping[str, str]) -> Table:
    """Who buys what each cluster could make, over open positions."""
    import pyarrow as pa

    data = pa.table(
        {
            "cluster": pa.array([row.cluster + 1 for row in rows], pa.int64()),
            "partner": texts([row.partner for row in rows]),
            "name": texts([names[row.partner] for row in rows]),
            "demand": numbers(np.array([row.demand for row in rows], np.float64)),
            "sold": pa.array([row.sold for row in rows], pa.float64()),
            "positions": texts([", ".join(row.positions) for row in rows]),
        }
    )
    columns = (
        Column("cluster", "Cluster", "", "integer"),
        Column("partner", "Code", format="code"),
        Column("name", "Market"),
        Column("demand", "Its imports", "USD a year", "integer"),
        Column("sold", "Sold now", "USD a year", "integer"),
        Column("positions", "Open positions", format="code"),
    )
    return Table("markets", "Open markets", data, columns)


def programme_table(rows: Sequence[Progress]) -> Table:
    """How the targets of the user's programme stand."""
    import pyarrow as pa

    data = pa.table(
        {
            "park": texts([row.entry.park for row in rows]),
            "cluster": texts([row.entry.cluster for row in rows]),
            "indicator": texts([row.entry.indicator for row in rows]),
            "unit": texts([row.entry.unit for row in rows]),
            "year": pa.array([row.entry.year for row in rows], pa.int64()),
            "target": pa.array([row.entry.target for row in rows], pa.float64()),
            "actual": pa.array([row.entry.actual for row in rows], pa.float64()),
            "status": texts([row.status for row in rows]),
            "change": texts([row.change for row in rows]),
            "before": pa.array([row.before for row in rows], pa.float64()),
            "target_before": pa.array([row.target_before for row in rows], pa.float64()),
        }
    )
    columns = (
        Column("park", "Park"),
        Column("cluster", "Cluster"),
        Column("indicator", "Indicator"),
        Column("unit", "Unit"),
        Column("year", "Year", format="year"),
        Column("target", "Target", "", "decimal", 0),
        Column("actual", "Actual", "", "decimal", 0, doc="null where not reported"),
        Column("status", "Status"),
        Column("change", "Since the last register"),
        Column("before", "Actual before", "", "decimal", 0),
        Column("target_before", "Target before", "", "decimal", 0),
    )
    return Table("programme", "Targets of the programme", data, columns)


def cards(
    found: Plan,
    anchors: Sequence[Anchor],
    inputs: Sequence[Input] | None,
    markets: Sequence[Market],
    names: Mapping[str, str],
    title: str,
    subtitle: str,
) -> Figure:
    """One card per cluster."""
    import pyarrow as pa

    columns = _cards(found, anchors, inputs, markets, names)
    count = len(found.chosen.groups)
    return Figure(
        name="clusters",
        kind="cards",
        title=title,
        subtitle=subtitle,
        alt=f"{count} cards: " + "; ".join(columns["cluster"].to_pylist()) + ".",
        data=pa.table(columns),
        encode={"title": "cluster", **{name: name for name in columns if name != "cluster"}},
        options={
            "facts": {"reach": "Reach", "complexity": "Complexity", "replaces": "Imports it could replace"},
            "lists": {"holds": "Holds", "near": "Anchors at home", "buys": "Inputs to source",
                      "sells": "Open markets"},
        },
    )  # fmt: skip
