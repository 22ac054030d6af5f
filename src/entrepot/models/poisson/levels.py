"""Give fixed effects the one normalisation that their graph of groups leaves open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Links = dict[tuple[int, int], tuple[IntArray, IntArray]]


def components(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """Return the connected component of each left and each right group; rows (n,) are the edges.

    Examples
    --------
    >>> left, right = components(np.array([0, 1, 2]), np.array([0, 0, 1]))
    >>> left.tolist(), right.tolist()
    ([0, 0, 1], [0, 1])
    """
    return linked(left, right)[:2]


def linked(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Return the connected component of each left group, each right group and each row (n,)."""
    n_left, n_right = int(left.max()) + 1, int(right.max()) + 1
    order = np.arange(left.size)
    ends = np.zeros((2, n_left + n_right), dtype=np.intp)
    for into, step in zip(ends, (1, -1), strict=True):
        into[:n_left][left[::step]], into[n_left:][right[::step]] = order[::step], order[::step]
    rows: IntArray = ends.ravel()
    label = _labels(left[rows], right[rows] + n_left, n_left + n_right)
    row, other = label[:n_left][left], label[n_left:][right]
    # The last and the first row of each group link nearly all that is linked; what is apart is joined so too.
    while (apart := np.flatnonzero(row != other)).size:
        rows = np.zeros(int(label.max()) + 1, dtype=np.intp)
        rows[row[apart]] = apart
        rows[other[apart]] = apart
        merged = _labels(row[rows], other[rows], rows.size)
        label, row, other = merged[label], merged[row], merged[other]
    return label[:n_left], label[n_left:], row


def _labels(left: IntArray, right: IntArray, nodes: int) -> IntArray:
    """Return the connected component of each node, numbered by their first nodes."""
    graph = sparse.coo_array((np.ones(left.size), (left, right)), shape=(nodes, nodes))
    found: IntArray = sparse.csgraph.connected_components(graph, directed=False)[1].astype(np.intp)
    return found


def normalised(
    groups: tuple[IntArray, ...],
    levels: list[FloatArray],
    links: Links | None = None,
    sweeps: int = 2000,
) -> tuple[FloatArray, ...]:
    """Centre each fixed effect within the connected components it forms with each one before it.

    Levels are known up to a constant per component of every two fixed effects. The mean over observations of
    the later one is set to 0 there and the earlier one takes up the shift, so that every row keeps its sum.

    Parameters
    ----------
    groups : tuple of ndarray of int, shape (n,)
        Codes, contiguous from 0.
    levels : list of ndarray
        Any solution, one array of levels per fixed effect.
    links : dict, optional
        The components of every two fixed effects, (earlier, later), where they are known.
    sweeps : int
        Most passes over the earlier fixed effects for one later one.
    """
    result = [level.copy() for level in levels]
    counts = [np.bincount(group).astype(np.float64) for group in groups]
    for later in range(len(groups) - 1, 0, -1):
        joint = [
            links[earlier, later] if links else components(groups[earlier], groups[later])
            for earlier in range(later)
        ]
        sizes = [np.bincount(link[1], weights=counts[later]) for link in joint]
        for _ in range(sweeps):
            moved = 0.0
            for earlier, (label, own) in enumerate(joint):
                shift = np.bincount(own, weights=counts[later] * result[later]) / sizes[earlier]
                result[later] -= shift[own]
                result[earlier] += shift[label]
                moved = max(moved, float(np.abs(shift).max()))
            if later == 1 or moved <= 1e-14 * max(1.0, float(np.abs(result[later]).max())):
                break
    return tuple(result)
