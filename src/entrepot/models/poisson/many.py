"""Many Poisson regressions on the same rows: one product after another, in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.poisson.fitting import PoissonFit, fit
from entrepot.models.poisson.newton import NotConverged
from entrepot.models.poisson.rows import Rows, checked, contiguous

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]
Outcome = tuple[ArrayLike, ArrayLike]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unfitted:
    """An outcome without estimates, and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fitted:
    """Estimates of one outcome.

    Attributes
    ----------
    index : int
        Which outcome.
    rows : ndarray of int, shape (m,)
        The common rows that the regression was given, in order: those whose groups all have a positive
        outcome. `PoissonFit.kept` and `PoissonFit.reason` refer to them.
    silent : int
        Common rows left out because a group has no positive outcome.
    fit : PoissonFit
        The regression.
    """

    index: int
    rows: IntArray
    silent: int
    fit: PoissonFit


def fit_many(
    outcomes: Sequence[Outcome],
    x: ArrayLike | None,
    groups: Sequence[ArrayLike],
    finish: Callable[[Fitted], T],
    *,
    weights: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    workers: int = 1,
    **options: Any,
) -> Iterable[T | Unfitted]:
    """Fit one regression per outcome on common rows, regressors and fixed effects.

    Parameters
    ----------
    outcomes : sequence of (rows, values)
        Where each outcome is positive and how large it is there; it is 0 on all other rows. A row may come
        twice: its values add.
    x, groups, weights, offset : array_like
        As in `fit`, shared by all outcomes.
    finish : callable
        Called with each `Fitted` in the thread that made it: takes what is wanted (coefficients, a
        covariance), so that the arrays of one regression are gone before the next begins.
    workers : int
        Threads. Sparse products, sorting and transcendental functions run outside the interpreter's lock.
    **options
        As in `fit`: tolerance, max_iterations, singletons, layout.

    Returns
    -------
    iterable
        What ``finish`` returned, in the order of the outcomes, or `Unfitted` with the reason.

    Raises
    ------
    ValueError
        If a shared argument is malformed.

    Examples
    --------
    >>> pair, year = [0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1]
    >>> take = lambda done: [round(float(b), 3) for b in done.fit.beta]
    >>> list(fit_many([([0, 1, 2, 3], [1, 2, 3, 9]), ([4], [5.0])], year, [pair], take))
    [[1.012], Unfitted(index=1, reason='y has no row left: ...')]
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    if not groups:
        raise ValueError("groups must hold at least one array of codes")
    shared = checked(np.zeros(len(np.asarray(groups[0]))), x, groups, weights, offset)
    shared = Rows(
        shared.y,
        shared.x,
        shared.weights,
        tuple(contiguous(group).astype(np.int32) for group in shared.groups),
        shared.offset,
    )

    def one(task: tuple[int, Outcome]) -> T | Unfitted:
        index, (where, values) = task
        try:
            done = _fit_one(index, shared, where, values, options)
        except (ValueError, NotConverged) as error:
            return Unfitted(index, str(error))
        return finish(done)

    tasks = list(enumerate(outcomes))
    if workers == 1:
        return map(one, tasks)
    return _threaded(one, tasks, workers)


def _threaded(
    one: Callable[[tuple[int, Outcome]], T | Unfitted], tasks: list[tuple[int, Outcome]], workers: int
) -> Iterable[T | Unfitted]:
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(one, tasks)


def _fit_one(
    index: int, shared: Rows, where: ArrayLike, values: ArrayLike, options: dict[str, Any]
) -> Fitted:
    """Fit on the rows whose groups all have a positive outcome, found without a look at the others."""
    at, amount = np.asarray(where, dtype=np.intp), np.asarray(values, dtype=np.float64)
    n = shared.y.size
    if at.ndim != 1 or at.shape != amount.shape:
        raise ValueError(f"outcomes[{index}] must hold rows and values of one length")
    if at.size and (at.min() < 0 or at.max() >= n):
        raise ValueError(f"outcomes[{index}] has rows outside 0 to {n - 1}")
    if not (np.isfinite(amount) & (amount >= 0)).all():
        raise ValueError(f"outcomes[{index}] is not positive and finite everywhere")
    rows = np.arange(n)
    positive = at[(amount > 0) & (shared.weights[at] > 0)]
    for group in shared.groups:
        active = np.zeros(int(group.max()) + 1, dtype=np.bool_)
        active[group[positive]] = True
        rows = rows[active[group[rows]]]
    if not rows.size:
        raise ValueError("y has no row left: it is zero throughout")
    y = np.zeros(n)
    np.add.at(y, at, amount)
    found = fit(
        y[rows],
        shared.x[rows],
        [group[rows] for group in shared.groups],
        weights=shared.weights[rows],
        offset=None if shared.offset is None else shared.offset[rows],
        **options,
    )
    return Fitted(index, rows, n - rows.size, found)
