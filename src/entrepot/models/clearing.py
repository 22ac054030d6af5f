"""Set-off of mutual obligations: bilateral offset, cycle clearing, and the clearing-house minimum.

Four stages, in the way of the European Payments Union. With gross obligations ``A[d, c]`` (what debtor ``d``
owes creditor ``c``):

1. gross: ``sum A``;
2. bilateral offset: ``N = max(A - A', 0)``, each pair pays its balance only;
3. cycle clearing: ``N - f`` with the largest circulation ``f`` (money that only goes round in rings);
4. clearing house: every net debtor pays one house, every net creditor is paid by it.

No stage changes a member's net position, so no member is better or worse off.

References
----------
Kaplan, J. J., & Schleiminger, G. (1989). The European Payments Union. Oxford University Press.
Ahuja, R. K., Magnanti, T. L., & Orlin, J. B. (1993). Network Flows. Prentice Hall (circulations, flow
decomposition).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse.csgraph import breadth_first_order, connected_components

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Missing = Literal["refuse", "leave_out"]

STAGES = ("gross", "offset", "cycles", "house")


@dataclass(frozen=True, slots=True)
class Clearing:
    """Every stage of a clearing among n members; all amounts in the unit of the obligations.

    Attributes
    ----------
    gross : ndarray, shape (n, n)
        Obligations [debtor, creditor] used; pairs that were not observed hold 0 here, see ``observed``.
    observed : ndarray of bool, shape (n, n)
        False where the obligation was not observed and left out. The diagonal is True.
    offset : ndarray, shape (n, n)
        What is still to be paid after bilateral offset: at most one direction per pair is positive.
    cycles : ndarray, shape (n, n)
        The circulation cleared in the second step: as much leaves as enters every member.
    after_cycles : ndarray, shape (n, n)
        What is still to be paid after cycle clearing: ``offset - cycles``, free of rings.
    net : ndarray, shape (n,)
        Net position: claims less debts; positive = creditor. The same at every stage.
    totals : ndarray, shape (4,)
        Sum to be paid at each of ``STAGES``.
    share_cleared : ndarray, shape (4,)
        ``1 - totals / totals[0]``; zeros where nothing is owed.
    """

    gross: FloatArray
    observed: BoolArray
    offset: FloatArray
    cycles: FloatArray
    after_cycles: FloatArray
    net: FloatArray
    totals: FloatArray
    share_cleared: FloatArray

    @property
    def complete(self) -> bool:
        """Whether every pair was observed; otherwise every total is a lower bound on what is owed."""
        return bool(self.observed.all())


def clear(obligations: ArrayLike, *, missing: Missing = "refuse") -> Clearing:
    """Clear mutual obligations as far as rings of debt allow, and state the clearing-house minimum.

    The cleared sum is unique. Where several plans clear the same sum, one optimal vertex is returned: the
    same input gives the same plan, another order of the members may give another plan of equal sum. The
    optimum is found to 1e-10 of the largest bilateral balance of a ring's component; conservation holds to
    rounding.

    Parameters
    ----------
    obligations : array_like, shape (n, n)
        What the debtor (row) owes the creditor (column), >= 0, any one currency unit; zero diagonal.
        NaN = not observed.
    missing : {"refuse", "leave_out"}
        What to do with NaN: refuse them, or leave those obligations out and mark them in ``observed``.

    Returns
    -------
    Clearing
        Every stage, with totals and net positions.

    Raises
    ------
    ValueError
        If ``obligations`` is not a square matrix of non-negative numbers with a zero diagonal, or holds NaN
        while ``missing`` is "refuse".

    Examples
    --------
    A ring of three: A owes B 5, B owes C 5, C owes A 3. Three go round and cancel.

    >>> result = clear([[0, 5, 0], [0, 0, 5], [3, 0, 0]])
    >>> result.totals.tolist()
    [13.0, 13.0, 4.0, 2.0]
    >>> result.net.tolist()
    [-2.0, 0.0, 2.0]
    """
    gross, observed = _checked(obligations, missing)
    difference = gross - gross.T
    offset = np.maximum(difference, 0.0)
    net = (gross.T - gross).sum(axis=1)
    cycles = largest_circulation(offset)
    after = offset - cycles
    totals = np.array([gross.sum(), offset.sum(), after.sum(), 0.5 * np.abs(net).sum()])
    # Rounding alone could let a later stage exceed an earlier one; by theory none does.
    totals = np.minimum.accumulate(totals)
    share = 1.0 - totals / totals[0] if totals[0] > 0 else np.zeros(4)
    return Clearing(gross, observed, offset, cycles, after, net, totals, share)


def largest_circulation(capacity: ArrayLike) -> FloatArray:
    """Return the circulation with the largest sum under arc capacities.

    Maximise ``sum f`` subject to ``0 <= f <= capacity`` and ``sum_c f[m, c] = sum_d f[d, m]`` for every
    member. Arcs between strongly connected components lie on no ring, so each component is solved by itself,
    scaled to its largest arc.

    Parameters
    ----------
    capacity : array_like, shape (n, n)
        Largest flow on each arc [from, to], >= 0, zero diagonal.

    Returns
    -------
    ndarray, shape (n, n)
        The circulation, within ``[0, capacity]`` exactly and conserved to rounding.

    Examples
    --------
    >>> largest_circulation([[0, 2, 0], [0, 0, 3], [1, 0, 0]]).sum().item()
    3.0
    """
    limit, _ = _checked(capacity, "refuse", name="capacity")
    tail, head = np.nonzero(limit)
    flow = np.zeros_like(limit)
    _, component = connected_components(sp.csr_array(limit), directed=True, connection="strong")
    inside = component[tail] == component[head]
    for label in np.unique(component[tail[inside]]):
        arcs = inside & (component[tail] == label)
        flow[tail[arcs], head[arcs]] = _solve(tail[arcs], head[arcs], limit[tail[arcs], head[arcs]])
    return _conserve(flow, limit)


def _checked(
    obligations: ArrayLike, missing: Missing, *, name: str = "obligations"
) -> tuple[FloatArray, BoolArray]:
    """Return a clean copy of the matrix and the mask of what was observed."""
    matrix = np.array(obligations, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} must be a square matrix [debtor, creditor], got shape {matrix.shape}")
    if missing not in ("refuse", "leave_out"):
        raise ValueError(f"missing must be 'refuse' or 'leave_out', got {missing!r}")
    observed = ~np.isnan(matrix)
    if missing == "refuse" and not observed.all():
        raise ValueError(
            f"{name} holds {int((~observed).sum())} values that were not observed (NaN); "
            "pass missing='leave_out' to clear the rest"
        )
    matrix[~observed] = 0.0
    if np.isinf(matrix).any() or (matrix < 0).any():
        raise ValueError(f"{name} must be finite and >= 0; write a negative debt as a debt of the other side")
    if np.diagonal(matrix).any():
        raise ValueError(f"{name} must have a zero diagonal: a member owes itself nothing")
    np.fill_diagonal(observed, True)
    return matrix, observed


def incidence(tail: IntArray, head: IntArray, n: int) -> Any:
    """Return the sparse incidence matrix (n, m): +1 where an arc leaves a node, -1 where it enters."""
    m = len(tail)
    arcs = np.arange(m)
    signs = np.concatenate([np.ones(m), -np.ones(m)])
    places = (np.concatenate([tail, head]), np.concatenate([arcs, arcs]))
    return sp.csc_array((signs, places), shape=(n, m))


def _solve(tail: IntArray, head: IntArray, limit: FloatArray) -> FloatArray:
    """Solve the circulation programme of one component, arcs given by their ends."""
    nodes, ends = np.unique(np.concatenate([tail, head]), return_inverse=True)
    m, n = len(tail), len(nodes)
    scale = limit.max()
    bounds = np.column_stack([np.zeros(m), limit / scale])
    # Presolve costs more than it saves on a network, and the default tolerance of 1e-7 is too loose here.
    options = {"presolve": False, "primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}
    answer = linprog(
        -np.ones(m),
        A_eq=incidence(ends[:m], ends[m:], n),
        b_eq=np.zeros(n),
        bounds=bounds,
        method="highs",
        options=options,
    )
    if answer.status != 0:
        raise ArithmeticError(f"the clearing programme was not solved: {answer.message}")
    solution: FloatArray = answer.x * scale
    return np.clip(solution, 0.0, limit)


def _conserve(flow: FloatArray, limit: FloatArray) -> FloatArray:
    """Take the solver's last imbalance out of a flow, so that it is a circulation to rounding.

    By flow decomposition an almost-circulation is rings plus paths from members that send too much to members
    that receive too much. Removing the paths leaves the rings and keeps every arc within its limits.
    """
    flow = flow.copy()
    turnover = flow.sum(axis=0) + flow.sum(axis=1)
    noise = 8 * np.finfo(np.float64).eps * turnover
    balance = flow.sum(axis=1) - flow.sum(axis=0)
    excess = np.where(np.abs(balance) > noise, balance, 0.0)
    while (excess > 0).any() and (excess < 0).any():
        start = int(np.argmax(excess))
        path = _path(flow, start, excess < 0)
        if path is None:
            excess[start] = 0.0
            continue
        tails, heads = path[:-1], path[1:]
        amount = min(excess[start], -excess[path[-1]], flow[tails, heads].min())
        flow[tails, heads] -= amount
        excess[start] -= amount
        excess[path[-1]] += amount
    return np.clip(flow, 0.0, limit)


def _path(flow: FloatArray, start: int, goals: BoolArray) -> IntArray | None:
    """Return the nodes of a shortest path along positive arcs from ``start`` to the nearest goal, or None."""
    order, before = breadth_first_order(sp.csr_array(flow), start, directed=True)
    reached = order[goals[order]]
    if len(reached) == 0:
        return None
    path = [int(reached[0])]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return np.array(path[::-1], dtype=np.intp)
