"""Separated observations of Poisson regression: rows that no finite estimate can fit.

A zero observation i is separated where some ``gamma`` has ``z = X gamma`` with ``z = 0`` on every row with
y > 0, ``z >= 0`` on every row with y = 0 and ``z_i > 0``: moving along ``-gamma`` raises the likelihood for
ever. Dropping all such rows leaves a problem with a finite maximum, and changes no other coefficient.

Let S be the space of such ``z`` on the zero rows without the sign condition and P the projection on S. The
iterative rectifier repeats ``u <- max(P u, 0)`` from ``u = 1``. Its question is answered here at the limit:
``min_{v >= 0} |P (1 + v)|^2`` has the residual ``r = P (1 + v)``, with ``r >= 0`` by the first-order
conditions. For every separating z, ``z'r = z'(1 + v) >= z'1``, so that max r >= 1 where anything is separated
and r = 0 where nothing is: no tolerance decides. The rows with r > 0 are dropped and the question is asked
again. The rectifier runs with momentum and restarts; P comes from an orthonormal basis of S.

A large design with fixed effects goes to a Poisson regression of the indicator of y > 0 first, whose steps
prove overlap or a direction (`entrepot.models.poisson.overlap`); what it cannot prove, the rectifier settles
with P from sparse least squares with a penalty and multipliers on the rows with y > 0.

References
----------
Correia, S., Guimaraes, P., & Zylkin, T. (2021). Verifying the existence of maximum likelihood estimates for
generalized linear models. https://arxiv.org/abs/1903.01633
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg, optimize, sparse
from scipy.sparse.linalg import lsmr

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]

# Singular values below this share of the largest count as zero.
_RANK = 1e-10
# Entries of a direction with largest entry 1 below this count as zero.
_ZERO = 1e-6
# How negative such a direction may be: by a projection on a basis, and by an iterative one.
_EXACT = 1e-11
_SOLVED = 1e-9
# Designs with more cells than this keep their sparse form.
_DENSE_CELLS = 4_000_000
# A sparse design with a wider space of directions keeps the projection as an operator.
_WIDEST_BASIS = 60
# A largest residual below 1 proves, at any stage, that nothing is separated; half leaves room for rounding.
_NOTHING = 0.5
_PENALTY = 1e6


@dataclass(frozen=True, slots=True)
class Separation:
    """Separated rows, and what proves them.

    Attributes
    ----------
    mask : ndarray of bool, shape (n,)
        True where the row is separated. Always a row with y = 0.
    by_group : ndarray of bool, shape (n,)
        Those among them that lie in a fixed-effect group without a positive y.
    directions : tuple of ndarray, each of shape (n,)
        Linear predictors in the order found: zero on y > 0, at least zero on the rows that earlier ones left,
        positive on the rows that each one separates.
    """

    mask: BoolArray
    by_group: BoolArray
    directions: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The answer of the linear programme with a proof of both halves.

    Attributes
    ----------
    mask : ndarray of bool, shape (n,)
        True where the row is separated.
    direction : ndarray, shape (n,)
        ``X gamma``: 0 on y > 0, at least 0 elsewhere and at least 1 on separated rows.
    overlap : ndarray, shape (n,)
        ``w`` with ``X' w = 0``, at least 1 on the zero rows that are kept and 0 on the separated: no
        direction can be positive on a kept row.
    """

    mask: BoolArray
    direction: FloatArray
    overlap: FloatArray


def find_separated(
    y: ArrayLike, fixed_effects: Sequence[ArrayLike] = (), regressors: ArrayLike | None = None
) -> Separation:
    """Find the separated observations of a Poisson regression.

    Parameters
    ----------
    y : array_like, shape (n,)
        Outcome >= 0.
    fixed_effects : sequence of array_like of int, each of shape (n,)
        Group codes, one array for each set of fixed effects.
    regressors : array_like, shape (n, k), optional
        Dense regressors. Without fixed effects, put the constant among them.

    Returns
    -------
    Separation
        Rows to drop, with the directions that prove it.

    Raises
    ------
    ValueError
        If ``y`` is negative or not finite, lengths differ, codes are not integers, or there is no regressor.
    RuntimeError
        If the rectifier does not settle.

    Examples
    --------
    The second group never trades:

    >>> find_separated([0, 1, 0, 0], [[1, 1, 2, 2]]).mask.tolist()
    [False, False, True, True]
    """
    outcome, codes, dense = _checked(y, fixed_effects, regressors)
    separated = _silent_groups(outcome, codes)
    by_group = separated.copy()
    directions = [separated.astype(np.float64)] if separated.any() else []
    while True:
        kept = ~separated
        if not (outcome[kept] == 0).any():
            break
        found = _direction(outcome[kept] > 0, [code[kept] for code in codes], dense[kept])
        if found is None:
            break
        whole = np.zeros(outcome.size)
        whole[kept] = found
        directions.append(whole)
        separated = separated | (whole > 0)
    return Separation(separated, by_group, tuple(directions))


def certify(
    y: ArrayLike, fixed_effects: Sequence[ArrayLike] = (), regressors: ArrayLike | None = None
) -> Certificate:
    """Find the separated observations by linear programming, with a proof (small designs).

    ``max sum z`` subject to ``X gamma >= z``, ``0 <= z <= 1`` on y = 0 and ``X gamma = 0`` on y > 0. The
    solution has the widest support there is, so that z is 1 exactly on the separated rows.

    Parameters
    ----------
    y, fixed_effects, regressors
        As in `find_separated`.

    Returns
    -------
    Certificate
        Mask, direction and overlap weights.

    Raises
    ------
    ValueError
        As in `find_separated`.
    RuntimeError
        If the programme cannot be solved.

    Examples
    --------
    >>> certify([0, 1, 0, 0], [[1, 1, 2, 2]]).overlap.tolist()
    [1.0, -1.0, 0.0, 0.0]
    """
    outcome, codes, dense = _checked(y, fixed_effects, regressors)
    design, zero = _design(codes, dense), outcome == 0
    count, width = int(zero.sum()), design.shape[1]
    answer = optimize.linprog(
        np.concatenate([np.zeros(width), -np.ones(count)]),
        A_ub=sparse.hstack([-design[zero], sparse.eye_array(count)], format="csr") if count else None,
        b_ub=np.zeros(count) if count else None,
        A_eq=sparse.hstack([design[~zero], sparse.csr_array((int((~zero).sum()), count))], format="csr"),
        b_eq=np.zeros(int((~zero).sum())),
        bounds=[(None, None)] * width + [(0, 1)] * count,
        method="highs",
    )
    if answer.status != 0:
        raise RuntimeError(f"the linear programme for separation failed: {answer.message}")
    mask, overlap = np.zeros(outcome.size, dtype=bool), np.zeros(outcome.size)
    mask[zero] = answer.x[width:] > 0.5
    overlap[zero] = -answer.ineqlin.marginals if count else 0.0
    overlap[~zero] = answer.eqlin.marginals
    return Certificate(mask, np.asarray(design @ answer.x[:width]), overlap + 0.0)


def _checked(
    y: ArrayLike, fixed_effects: Sequence[ArrayLike], regressors: ArrayLike | None
) -> tuple[FloatArray, list[IntArray], FloatArray]:
    outcome = np.asarray(y, dtype=np.float64)
    if outcome.ndim != 1 or outcome.size == 0:
        raise ValueError(f"y must be a vector with at least one row, not of shape {outcome.shape}")
    if not np.isfinite(outcome).all() or (outcome < 0).any():
        raise ValueError("y must be finite and not negative")
    rows = outcome.size
    codes = [_dense_codes(group, rows, f"fixed_effects[{at}]") for at, group in enumerate(fixed_effects)]
    dense = np.empty((rows, 0)) if regressors is None else np.asarray(regressors, dtype=np.float64)
    if dense.ndim != 2 or dense.shape[0] != rows:
        raise ValueError(f"regressors must have shape ({rows}, k), not {dense.shape}")
    if not np.isfinite(dense).all():
        raise ValueError("regressors must be finite")
    if not codes and dense.shape[1] == 0:
        raise ValueError("regressors must have a column where fixed_effects is empty")
    return outcome, codes, _scaled(dense, centre=bool(codes))


def _dense_codes(group: ArrayLike, rows: int, name: str) -> IntArray:
    given = np.asarray(group)
    if given.shape != (rows,):
        raise ValueError(f"{name} must have shape ({rows},), not {given.shape}")
    if given.dtype.kind not in "iu":
        raise ValueError(f"{name} must hold integer codes, not {given.dtype}")
    return np.unique(given, return_inverse=True)[1].astype(np.intp)


def _scaled(dense: FloatArray, *, centre: bool) -> FloatArray:
    """Columns with largest entry 1; centred where fixed effects span the constant."""
    size = np.abs(dense).max(axis=0, initial=0.0)
    scaled = dense / np.where(size > 0, size, 1.0)
    if not centre:
        return scaled
    scaled = scaled - scaled.mean(axis=0)
    spread = np.abs(scaled).max(axis=0, initial=0.0)
    # What is left of a constant column after centring is rounding, not a regressor.
    return np.where(spread > _RANK, scaled / np.where(spread > 0, spread, 1.0), 0.0)


def _silent_groups(outcome: FloatArray, codes: list[IntArray]) -> BoolArray:
    """Rows in a group without a positive y; positive rows never leave, so one pass is the fixed point."""
    silent = np.zeros(outcome.size, dtype=bool)
    for code in codes:
        silent |= (np.bincount(code, weights=outcome > 0) == 0)[code]
    return silent


def _design(codes: list[IntArray], dense: FloatArray) -> sparse.csr_array:
    rows = dense.shape[0]
    where = np.arange(rows)
    blocks = [sparse.csr_array((np.ones(rows), (where, np.unique(c, return_inverse=True)[1]))) for c in codes]
    return sparse.hstack([*blocks, sparse.csr_array(dense)], format="csr")


def _direction(positive: BoolArray, codes: list[IntArray], dense: FloatArray) -> FloatArray | None:
    """Return a separating direction (largest entry 1, exact zeros elsewhere), or None where there is none."""
    if codes and _cells(codes, dense) > _DENSE_CELLS:
        answer = _by_regression(positive, codes, dense)
        if answer is not None:
            return answer if answer.any() else None
    design = _design(codes, dense)
    ones, zeros = design[positive], design[~positive]
    if _cells(codes, dense) <= _DENSE_CELLS:
        residual = _limit(_dense_basis(ones.toarray(), zeros.toarray()), _EXACT)
    else:
        project = _projection(ones, zeros)
        basis = _sketched_basis(project, zeros.shape[0])
        rows = zeros.shape[0]
        residual = rectify(project, rows, _SOLVED) if basis is None else _limit(basis, _SOLVED)
    if residual is None:
        return None
    direction = np.zeros(positive.size)
    direction[~positive] = np.where(residual > _ZERO, residual, 0.0)
    return direction


def _cells(codes: list[IntArray], dense: FloatArray) -> int:
    return int(dense.shape[0] * (dense.shape[1] + sum(np.unique(code).size for code in codes)))


def _by_regression(positive: BoolArray, codes: list[IntArray], dense: FloatArray) -> FloatArray | None:
    """Return a proved direction, zeros where none is proved to exist, None where nothing is proved."""
    # The regression asks this module about what it cannot prove itself.
    from entrepot.models.poisson.overlap import decide

    groups = tuple(np.unique(code, return_inverse=True)[1].astype(np.intp) for code in codes)
    verdict = decide(positive, groups, dense)
    return verdict.direction if verdict.complete or verdict.direction.any() else None


def _dense_basis(ones: FloatArray, zeros: FloatArray) -> FloatArray:
    """Orthonormal basis of S = {zeros g : ones g = 0}."""
    # The triangle has the null space of the rows and is no larger than the columns.
    triangle = np.linalg.qr(np.unique(ones, axis=0), mode="r")
    null = linalg.null_space(triangle, rcond=_RANK) if len(ones) else np.eye(zeros.shape[1])
    left, size, _ = np.linalg.svd(zeros @ null, full_matrices=False)
    # The columns have entries up to 1, so an absolute bound tells rounding from a direction.
    return np.asarray(left[:, size > _RANK * np.sqrt(max(zeros.shape))])


def _limit(basis: FloatArray, tolerance: float) -> FloatArray | None:
    """Residual of ``min_{v >= 0} |P (1 + v)|`` with ``P = basis basis'``; None where it is zero."""
    # What rounding leaves on a row that no direction moves is not a direction.
    clean = np.where((np.linalg.norm(basis, axis=1) > _ZERO)[:, None], basis, 0.0)
    return rectify(lambda u: np.asarray(clean @ (clean.T @ u)), basis.shape[0], tolerance)


def _unit(residual: FloatArray) -> FloatArray | None:
    largest = float(residual.max(initial=0.0))
    return residual / largest if largest > _NOTHING else None


def rectify(
    project: Callable[[FloatArray], FloatArray], rows: int, tolerance: float, limit: int = 50_000
) -> FloatArray | None:
    """Run the accelerated rectifier on any projection, such as an estimator's own weighted solve.

    Projected gradient with momentum and restarts on ``|P (1 + v)|^2 / 2`` over ``v >= 0``.

    Parameters
    ----------
    project : callable
        P: takes and returns a vector over the zero rows.
    rows : int
        Number of zero rows.
    tolerance : float
        How negative the answer may be where its largest entry is 1; the error of ``project`` bounds it.
    limit : int
        Most projections.

    Returns
    -------
    ndarray, shape (rows,), or None
        A separating direction with largest entry 1; entries above 1e-6 mark separated rows. None proves that
        nothing is separated.

    Raises
    ------
    RuntimeError
        If it does not settle.

    Examples
    --------
    >>> rectify(lambda u: np.array([u[0], 0.0]), 2, 1e-9).tolist()
    [1.0, 0.0]
    """
    lift, ahead, pace = np.zeros(rows), np.zeros(rows), 1.0
    for _ in range(limit):
        residual = project(1.0 + ahead)
        largest = float(np.abs(residual).max(initial=0.0))
        if largest < _NOTHING:
            return None
        # Far below the bound of zero, so that a slow row is not read as a separated one.
        if residual.min() >= -tolerance * largest:
            return _unit(residual)
        following = np.maximum(ahead - residual, 0.0)
        if float(residual @ (following - lift)) > 0:
            pace = 1.0
        quicker = (1 + np.sqrt(1 + 4 * pace * pace)) / 2
        ahead = following + (pace - 1) / quicker * (following - lift)
        lift, pace = following, quicker
    raise RuntimeError(f"the rectifier did not settle in {limit} iterations")


def _projection(ones: sparse.csr_array, zeros: sparse.csr_array) -> Callable[[FloatArray], FloatArray]:
    """Projection on S by least squares, ``ones g = 0`` held by multipliers on a moderate penalty."""
    root = np.sqrt(_PENALTY)
    stacked = sparse.vstack([zeros, root * ones], format="csr")
    size = np.sqrt(np.asarray(stacked.power(2).sum(axis=0)).ravel())
    stacked = stacked @ sparse.diags_array(1.0 / np.where(size > 0, size, 1.0))
    split = zeros.shape[0]

    def project(u: FloatArray) -> FloatArray:
        multiplier = np.zeros(ones.shape[0])
        guess = np.zeros(stacked.shape[1])
        for _ in range(40):
            target = np.concatenate([u, -multiplier])
            step = lsmr(stacked, target - stacked @ guess, atol=1e-13, btol=1e-13, maxiter=5000)[0]
            guess = guess + step
            fitted = stacked @ guess
            multiplier = multiplier + fitted[split:]
            if np.abs(fitted[split:]).max(initial=0.0) <= 1e-10 * np.abs(u).max():
                break
        return np.asarray(fitted[:split])

    return project


def _sketched_basis(project: Callable[[FloatArray], FloatArray], rows: int) -> FloatArray | None:
    """Basis of S from projected random vectors; None where S is wider than is worth it."""
    random = np.random.default_rng(0)
    basis = np.empty((rows, 0))
    for _ in range(_WIDEST_BASIS):
        fresh = project(random.standard_normal(rows))
        for _ in range(2):
            fresh = fresh - basis @ (basis.T @ fresh)
        size = float(np.linalg.norm(fresh))
        # A Gaussian vector falls on a missing direction with length about 1; solver error is far below.
        if size <= 1e-5:
            return basis
        basis = np.column_stack([basis, fresh / size])
    return None
