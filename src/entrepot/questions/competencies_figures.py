"""Figures of the competencies question: the product space, reach against complexity, rank over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entrepot.questions.competencies_lists import Lists
from entrepot.questions.competencies_read import Ask, Space
from entrepot.result import Figure, Table

FloatArray = NDArray[np.float64]

# So many nodes can be told apart on a page; beyond, those of the largest world trade are drawn.
NODES = 500
# Proximity of the links drawn beside the spanning tree, as in Hidalgo et al. (2007).
STRONG = 0.55
# Up to so many nodes distances on paper follow distances in the network; more nodes push each other apart.
SMALL = 120
# Points of the scatter beyond which the farthest are left out.
POINTS = 300


def product_space(ask: Ask, space: Space, found: Lists, title: str, subtitle: str) -> Figure:
    """Describe the product space: the maximum spanning tree with the strong links, what is made filled."""
    import pyarrow as pa

    live = np.flatnonzero(~found.barred & ~np.isnan(found.pci))
    nodes = np.sort(live[np.argsort(-found.world[live], kind="stable")][:NODES])
    edges = links(space.found.proximity[np.ix_(nodes, nodes)])
    place = layout(len(nodes), edges)
    some = "" if len(nodes) == len(live) else f"The {len(nodes)} of largest world trade. "
    data = pa.table(
        {
            "label": pa.array([found.labels[i] for i in nodes], pa.string()),
            "x": pa.array(place[:, 0]),
            "y": pa.array(place[:, 1]),
            "exports": pa.array(found.exports[nodes]),
            "kind": pa.array([found.kinds[i] for i in nodes], pa.string()),
            "made": pa.array(found.made[nodes]),
        }
    )
    return Figure(
        name="product-space",
        kind="network",
        title=title,
        subtitle=f"{some}Linked where the same countries make both; filled = made with advantage, size = its "
        f"exports, USD. {subtitle}",
        alt=f"Network of {len(nodes)} {ask.things} with {len(edges)} links; "
        f"{int(found.made[nodes].sum())} are made with advantage.",
        data=data,
        encode={"label": "label", "x": "x", "y": "y", "size": "exports", "group": "kind", "made": "made"},
        options={"edges": tuple(edges), "order": _order(found)},
    )


def _order(found: Lists) -> tuple[str, ...]:
    """Return the kinds, that with the largest world trade first: kinds beyond the palette turn grey."""
    sums: dict[str, float] = {}
    for kind, value in zip(found.kinds, found.world, strict=True):
        sums[kind] = sums.get(kind, 0.0) + float(value)
    return tuple(sorted(sums, key=lambda kind: -sums[kind]))


def links(phi: FloatArray) -> list[tuple[int, int]]:
    """Return the pairs of the maximum spanning tree and of the strongest links, at most as many again.

    Parameters
    ----------
    phi : ndarray, shape (n, n)
        Symmetric proximities between 0 and 1.
    """
    from scipy.sparse.csgraph import minimum_spanning_tree

    n = len(phi)
    # Lengths of at least 1: a length of 0 would mean that there is no link.
    tree = minimum_spanning_tree(np.triu(2.0 - phi, 1)).tocoo()
    pairs = {(int(min(i, j)), int(max(i, j))) for i, j in zip(tree.row, tree.col, strict=True)}
    upper = np.transpose(np.triu_indices(n, 1))
    strength = phi[upper[:, 0], upper[:, 1]]
    strongest = np.argsort(-strength, kind="stable")[: 2 * n]
    for place in strongest[strength[strongest] >= STRONG]:
        if len(pairs) >= 2 * n:
            break
        pairs.add((int(upper[place, 0]), int(upper[place, 1])))
    return sorted(pairs)


def layout(n: int, edges: list[tuple[int, int]]) -> FloatArray:
    """Return the same place for each node each time, shape (n, 2).

    Few nodes are laid out by Kamada and Kawai (1989), many by forces after Fruchterman and Reingold (1991)
    from a fixed start.
    """
    import networkx as nx  # type: ignore[import-untyped]

    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(edges)
    if n <= 2:
        return np.array([[float(i), 0.0] for i in range(n)]).reshape(n, 2)
    placed = nx.kamada_kawai_layout(graph) if n <= SMALL else nx.spring_layout(graph, seed=1, iterations=60)
    # Rounded, so that another machine's last digits do not show.
    return np.round(np.array([placed[i] for i in range(n)]), 4)


def reach(ask: Ask, found: Lists, title: str, subtitle: str) -> Figure:
    """Describe reach against complexity of what is not made, sized by world trade."""
    import pyarrow as pa

    rows = found.nearest[:POINTS]
    data = pa.table(
        {
            "label": pa.array([found.labels[i] for i in rows], pa.string()),
            "density": pa.array(found.density[rows]),
            "complexity": pa.array(found.pci[rows]),
            "world_exports": pa.array(found.world[rows]),
            "kind": pa.array([found.kinds[i] for i in rows], pa.string()),
        }
    )
    mean = float(np.nanmean(found.pci[found.made])) if found.made.any() else None
    named = [found.labels[i] for i in (*found.outlook[:10], *found.nearest[:4])]
    return Figure(
        name="reach",
        kind="scatter",
        title=title,
        subtitle="Not sold with advantage so far: farther right is nearer to what it makes, higher is more "
        f"complex; size = world exports, line = mean complexity of what it makes. {subtitle}",
        alt=f"Scatter of {len(rows)} {ask.things} not made with advantage: density against complexity.",
        data=data,
        encode={
            "label": "label", "x": "density", "y": "complexity", "size": "world_exports", "group": "kind",
        },
        options={
            "x_title": "Nearness (density)", "y_title": "Complexity (PCI)", "y_line": mean,
            "name": tuple(named), "order": _order(found),
        },
    )  # fmt: skip


def over_time(profile: Table, title: str, subtitle: str) -> Figure:
    """Describe the share of countries that are less complex, by year."""
    import pyarrow as pa

    rows: list[Mapping[str, Any]] = profile.data.to_pylist()
    share = [None if row["rank"] is None else 1.0 - (row["rank"] - 1) / max(row["of"] - 1, 1) for row in rows]
    data = pa.table({"year": profile.data.column("year"), "share": pa.array(share, pa.float64())})
    return Figure(
        name="rank",
        kind="line",
        title=title,
        subtitle=f"Share of the other countries of the reference sample that are less complex. {subtitle}",
        alt=f"Line over {len(rows)} years: {title}.",
        data=data,
        encode={"x": "year", "y": "share"},
        options={"format": "percent"},
    )
