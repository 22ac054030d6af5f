"""Give fixed effects the one normalisation that their graph of groups leaves open."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


def components(left: IntArray, right: IntArray) -> tuple[IntArray, IntArray]:
    """Return the connected component of each left and each right group; rows (n,) are the edges.

    Examples
    --------
    >>> left, right = components(np.array([0, 1, 2]), np.array([0, 0, 1]))
    >>> left.tolist(), right.tolist()
    ([0, 0, 1], [0, 1])
    """
    n_left, n_right = int(left.max()) + 1, int(right.max()) + 1
    size = n_left + n_right
    graph = sparse.coo_array((np.ones(left.size), (left, right + n_left)), shape=(size, size))
    label = sparse.csgraph.connected_components(graph, directed=False)[1].astype(np.intp)
    return label[:n_left], label[n_left:]


def normalised(
    groups: tuple[IntArray, ...], levels: list[FloatArray], sweeps: int = 2000
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
    sweeps : int
        Most passes over the earlier fixed effects for one later one.
    """
    result = [level.copy() for level in levels]
    counts = [np.bincount(group).astype(np.float64) for group in groups]
    for later in range(len(groups) - 1, 0, -1):
        links = [components(groups[earlier], groups[later]) for earlier in range(later)]
        sizes = [np.bincount(link[1], weights=counts[later]) for link in links]
        for _ in range(sweeps):
            moved = 0.0
            for earlier, (label, own) in enumerate(links):
                shift = np.bincount(own, weights=counts[later] * result[later]) / sizes[earlier]
                result[later] -= shift[own]
                result[earlier] += shift[label]
                moved = max(moved, float(np.abs(shift).max()))
            if later == 1 or moved <= 1e-14 * max(1.0, float(np.abs(result[later]).max())):
                break
    return tuple(result)
