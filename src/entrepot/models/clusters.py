"""Coherent clusters: communities of a proximity network, and the best few of them by an integer programme.

Communities come from repeated spectral bisection: the leading eigenvector of Newman's modularity matrix
splits a group in two, and each half again. Every group met on the way is a candidate, so that the pool holds
coarse and fine ones. A programme then chooses K groups and their members,

    max  sum_c sum_p worth[c, p] y[c, p]
    s.t. least x[c] <= sum_p y[c, p] <= most x[c],   y[c, p] <= x[c],
         sum_c y[c, p] <= overlap,   sum_c x[c] = K,   x, y in {0, 1},

and, where overlap is above 1, every cluster has as many members of its own as its least size: members z that
no other cluster has, so that it would stand without what it shares and none is made of others,

         sum_p z[c, p] >= least x[c],   z[c, p] <= y[c, p],
         sum_c y[c, p] + (overlap - 1) sum_c z[c, p] <= overlap,

or as many below K as the bounds allow, which a first programme finds.

References
----------
Newman, M. E. J. (2006). Finding community structure in networks using the eigenvectors of matrices. Physical
Review E, 74, 036104. https://doi.org/10.1103/PhysRevE.74.036104
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Selection:
    """The clusters chosen, the most worthy first.

    Attributes
    ----------
    groups : tuple of int, length at most K
        Rows of the pool.
    members : tuple of ndarray of int
        Items of each cluster, ascending.
    worth : ndarray, shape (len(groups),)
        Worth of each cluster.
    """

    groups: tuple[int, ...]
    members: tuple[NDArray[np.intp], ...]
    worth: FloatArray

    @property
    def total(self) -> float:
        """The sum that was maximised."""
        return float(self.worth.sum())


def communities(proximity: ArrayLike, *, least: int = 2) -> BoolArray:
    """Return every group met while splitting a network in two again and again.

    Parameters
    ----------
    proximity : array_like, shape (n, n)
        Symmetric, >= 0; the diagonal is ignored.
    least : int
        Groups below this size are left out, and none that small is split.

    Returns
    -------
    ndarray of bool, shape (groups, n)
        Distinct groups, the whole first; a tree, in which every group lies within its parent.

    Raises
    ------
    ValueError
        If ``proximity`` is not a symmetric matrix of finite numbers >= 0, or ``least`` is below 1.

    Examples
    --------
    Two pairs that are near each other.

    >>> near = [[0, 9, 1, 1], [9, 0, 1, 1], [1, 1, 0, 9], [1, 1, 9, 0]]
    >>> communities(near).astype(int).tolist()
    [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1]]
    """
    near = np.array(proximity, dtype=np.float64)
    if near.ndim != 2 or near.shape[0] != near.shape[1]:
        raise ValueError(f"proximity must be a square matrix, got shape {near.shape}")
    if not (np.isfinite(near).all() and (near >= 0).all() and np.allclose(near, near.T)):
        raise ValueError("proximity must be symmetric, finite and >= 0")
    if least < 1:
        raise ValueError(f"least must be 1 or more, got {least}")
    np.fill_diagonal(near, 0.0)
    n = len(near)
    found: list[NDArray[np.intp]] = []
    waiting = [np.arange(n)] if n >= least else []
    while waiting:
        group = waiting.pop(0)
        found.append(group)
        if len(group) < 2 * least:
            continue
        waiting += [half for half in _halves(near, group, least) if len(half) >= least]
    pool = np.zeros((len(found), n), bool)
    for row, group in enumerate(found):
        pool[row, group] = True
    return pool


def _halves(near: FloatArray, group: NDArray[np.intp], least: int) -> list[NDArray[np.intp]]:
    """Split a group by the leading eigenvector of its modularity matrix, Newman (2006), equation 51."""
    degree, total = near.sum(axis=1), near.sum()
    inner = near[np.ix_(group, group)]
    if total > 0:
        inner = inner - np.outer(degree[group], degree[group]) / total
    inner = inner - np.diag(inner.sum(axis=1))
    # Rounding decides nothing: values that differ by less are equal, and equal ones stay in their order.
    vector = np.round(np.linalg.eigh(inner)[1][:, -1], 9)
    # An eigenvector has no sign: the first of its largest entries gets the lower side.
    vector *= -np.sign(vector[np.argmax(np.abs(vector))]) or 1.0
    order = np.argsort(vector, kind="stable")
    cut = int((vector < 0).sum())
    # A split that leaves too little on one side is moved to where both sides count.
    cut = min(max(cut, least), len(group) - least)
    return [np.sort(group[order[:cut]]), np.sort(group[order[cut:]])]


def cohesion(proximity: ArrayLike, pool: ArrayLike) -> FloatArray:
    """Return the mean proximity of each item to the other members of each group, shape (groups, n).

    Zero outside the group and in a group of one.

    Examples
    --------
    >>> cohesion([[0, 4, 1], [4, 0, 1], [1, 1, 0]], [[True, True, True]]).tolist()
    [[2.5, 2.5, 1.0]]
    """
    near = np.array(proximity, dtype=np.float64)
    np.fill_diagonal(near, 0.0)
    member = np.asarray(pool, dtype=bool)
    others = member.sum(axis=1, keepdims=True) - 1
    sums = (member @ near) * member
    mean: FloatArray = np.divide(sums, others, out=np.zeros_like(sums), where=others > 0)
    return mean


def choose(
    worth: ArrayLike, pool: ArrayLike, k: int, *, least: int = 2, most: int = 6, overlap: int = 1
) -> Selection:
    """Choose ``k`` groups and their members so that the worth is largest; the optimum is exact.

    Parameters
    ----------
    worth : array_like, shape (groups, n)
        What an item adds to a group, finite and >= 0.
    pool : array_like of bool, shape (groups, n)
        Which items may be members of which group.
    k : int
        How many clusters; fewer only where the bounds allow no more.
    least, most : int
        Bounds on the number of members.
    overlap : int
        How many clusters one item may belong to. Each cluster has ``least`` members that no other has.

    Returns
    -------
    Selection
        Empty where no group can be filled.

    Raises
    ------
    ValueError
        If the shapes differ, a worth is negative or not finite, or a bound makes no sense.

    Examples
    --------
    >>> found = choose([[3, 2, 0, 0], [0, 0, 1, 1]], [[1, 1, 0, 0], [0, 0, 1, 1]], k=1)
    >>> found.groups, found.members[0].tolist(), found.total
    ((0,), [0, 1], 5.0)
    """
    gain, member = np.asarray(worth, dtype=np.float64), np.asarray(pool, dtype=bool)
    _check(gain, member, k, least, most, overlap)
    able = np.flatnonzero(member.sum(axis=1) >= least)
    row, item = np.nonzero(member[able])
    if not len(row):
        return Selection((), (), np.zeros(0))
    groups, cells = len(able), len(row)
    profit = gain[able][row, item]
    owned = np.zeros(cells if overlap > 1 else 0)
    costs = np.concatenate([np.zeros(groups), -profit / (profit.max() or 1.0), owned])
    count = np.concatenate([-np.ones(groups), np.zeros(cells), owned])
    rules = _rules(row, item, (groups, cells, member.shape[1]), least, most, overlap)
    some = round(-_solve(count, [*rules, LinearConstraint(-count, 0, k)]) @ count)
    best = _solve(costs, [*rules, LinearConstraint(-count, some, some)])
    taken = np.round(best[groups : groups + cells]).astype(bool)
    return _selection(gain, able, row[taken], item[taken])


def _solve(costs: FloatArray, rules: list[LinearConstraint]) -> FloatArray:
    """Return the best whole x and y of the programme."""
    answer = milp(
        costs,
        constraints=rules,
        bounds=Bounds(0, 1),
        integrality=np.ones(len(costs)),
        options={"mip_rel_gap": 0.0},
    )
    if answer.x is None:
        raise ArithmeticError(f"the choice of clusters was not solved: {answer.message}")
    return np.asarray(answer.x)


def _rules(
    row: NDArray[np.intp],
    item: NDArray[np.intp],
    sizes: tuple[int, int, int],
    least: int,
    most: int,
    overlap: int,
) -> list[LinearConstraint]:
    """Write the constraints over x (groups), y (cells) and, where items are shared, z (cells)."""
    groups, cells, n = sizes
    place = np.arange(cells)
    ones = np.ones(cells)
    count: Any = sp.csr_array((ones, (row, place)), shape=(groups, cells))
    use: Any = sp.csr_array((ones, (item, place)), shape=(n, cells))
    unit = sp.eye_array(groups)
    # y <= x cell by cell costs rows and saves branching.
    apart: Any = sp.csr_array((-ones, (place, row)), shape=(cells, groups))
    none: Any = sp.csr_array((n, groups))
    same = sp.eye_array(cells)
    wide: list[tuple[Any, Any, Any, float, float]] = [
        (-least * unit, count, 0 * count, 0, np.inf),
        (-most * unit, count, 0 * count, -np.inf, 0),
        (apart, same, 0 * same, -np.inf, 0),
        (none, use, (overlap - 1) * use, -np.inf, overlap),
    ]
    if overlap == 1:
        return [LinearConstraint(sp.hstack([x, y]), low, high) for x, y, _, low, high in wide]
    wide += [(-least * unit, 0 * count, count, 0, np.inf), (0 * apart, same, -same, 0, np.inf)]
    return [LinearConstraint(sp.hstack([x, y, z]), low, high) for x, y, z, low, high in wide]


def _selection(
    gain: FloatArray, able: NDArray[np.intp], row: NDArray[np.intp], item: NDArray[np.intp]
) -> Selection:
    """Sort what was chosen by worth."""
    chosen = [(int(able[g]), np.sort(item[row == g])) for g in np.unique(row)]
    sums = np.array([gain[group, members].sum() for group, members in chosen])
    order = np.argsort(-np.round(sums, 12), kind="stable")
    return Selection(tuple(chosen[i][0] for i in order), tuple(chosen[i][1] for i in order), sums[order])


def _check(gain: FloatArray, member: BoolArray, k: int, least: int, most: int, overlap: int) -> None:
    if gain.ndim != 2 or gain.shape != member.shape:
        raise ValueError(f"worth has shape {gain.shape}, pool has {member.shape}; they must agree")
    if gain.size and not (np.isfinite(gain).all() and gain.min() >= 0):
        raise ValueError("worth must be finite and >= 0")
    if k < 1 or overlap < 1:
        raise ValueError(f"k and overlap must be 1 or more, got {k} and {overlap}")
    if not 1 <= least <= most:
        raise ValueError(f"sizes must be 1 <= least <= most, got {least} and {most}")
