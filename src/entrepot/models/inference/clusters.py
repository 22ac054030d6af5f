"""Cluster codes: dense numbering, symmetric pairs, intersections."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.poisson.rows import contiguous

IntArray = NDArray[np.intp]


def cluster_codes(values: ArrayLike, rows: int, name: str = "clusters") -> IntArray:
    """Number the clusters from 0 in sorted order.

    Parameters
    ----------
    values : array_like of int, shape (rows,)
        Any integer codes.
    rows : int
        Number of rows expected.
    name : str
        Argument to name in the error.

    Returns
    -------
    ndarray of int, shape (rows,)
        Codes 0..G-1.

    Raises
    ------
    ValueError
        If the length or the type is wrong.

    Examples
    --------
    >>> cluster_codes([7, 3, 7], 3).tolist()
    [1, 0, 1]
    """
    given = np.asarray(values)
    if given.shape != (rows,):
        raise ValueError(f"{name} must have shape ({rows},), not {given.shape}")
    if given.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integer codes, not {given.dtype}")
    if rows and (given.min() < 0 or given.max() > 4 * rows):
        return np.unique(given, return_inverse=True)[1].astype(np.intp)
    return contiguous(given.astype(np.intp, copy=False))


def directed_pairs(exporter: ArrayLike, importer: ArrayLike) -> IntArray:
    """Number the pairs (exporter, importer); A to B and B to A are two clusters.

    Parameters
    ----------
    exporter, importer : array_like of int, shape (n,)
        Country codes.

    Returns
    -------
    ndarray of int, shape (n,)
        Codes 0..G-1.

    Raises
    ------
    ValueError
        If the lengths differ or the codes are not integers.

    Examples
    --------
    >>> directed_pairs([1, 2], [2, 1]).tolist()
    [0, 1]
    """
    return intersect([exporter, importer])


def symmetric_pairs(exporter: ArrayLike, importer: ArrayLike) -> IntArray:
    """Number the pairs of countries without direction; A to B and B to A are one cluster.

    Parameters
    ----------
    exporter, importer : array_like of int, shape (n,)
        Country codes of one numbering.

    Returns
    -------
    ndarray of int, shape (n,)
        Codes 0..G-1.

    Raises
    ------
    ValueError
        If the lengths differ or the codes are not integers.

    Examples
    --------
    >>> symmetric_pairs([1, 2, 3], [2, 1, 1]).tolist()
    [0, 0, 1]
    """
    first, second = _same_numbering(exporter, importer)
    return intersect([np.minimum(first, second), np.maximum(first, second)])


def intersect(clusters: Sequence[ArrayLike]) -> IntArray:
    """Number the combinations of codes that occur.

    Parameters
    ----------
    clusters : sequence of array_like of int, each of shape (n,)
        At least one array.

    Returns
    -------
    ndarray of int, shape (n,)
        Codes 0..G-1.

    Raises
    ------
    ValueError
        If there is no array, the lengths differ or the codes are not integers.

    Examples
    --------
    >>> intersect([[1, 1, 2], [5, 6, 5]]).tolist()
    [0, 1, 2]
    """
    if not clusters:
        raise ValueError("clusters must hold at least one array of codes")
    rows = int(np.asarray(clusters[0]).size)
    joint = cluster_codes(clusters[0], rows, "clusters[0]")
    for at, values in enumerate(clusters[1:], start=1):
        code = cluster_codes(values, rows, f"clusters[{at}]")
        # Renumbered after each step, so that many ways cannot overflow.
        joint = contiguous(joint * (int(code.max(initial=0)) + 1) + code)
    return joint


def _same_numbering(exporter: ArrayLike, importer: ArrayLike) -> tuple[IntArray, IntArray]:
    rows = int(np.asarray(exporter).size)
    cluster_codes(exporter, rows, "exporter")
    cluster_codes(importer, rows, "importer")
    both = np.unique(np.concatenate([np.asarray(exporter), np.asarray(importer)]), return_inverse=True)[1]
    return both[:rows].astype(np.intp), both[rows:].astype(np.intp)
