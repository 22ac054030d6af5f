"""Fixed points of batched maps: Anderson acceleration, with a Newton-Krylov polish.

For a map ``z -> g(z)`` with the defect ``f(z) = g(z) - z``, type-II Anderson acceleration keeps the last
differences ``dZ`` and ``dF`` of iterates and defects and steps to

    z+ = z + b f - (dZ + b dF) q,    q = argmin |w (f - dF q)|^2 + t |q|^2,

with a step ``b`` per coordinate ("mixing"), weights ``w`` and a small Tikhonov term ``t`` on unit columns.
The polish solves ``f(z) = 0`` by Newton's method; its linear systems go through GMRES, which needs only
products of the Jacobian with vectors, so no matrix is ever built.

How to use it
-------------
Write one function ``evaluate(z, draws) -> (g, residual)``. It gets the ``m`` iterates still at work, ``z``
of shape (m, n), and ``draws``, the m positions of these iterates in the flattened batch (to pick the
parameters of each draw: ``theta[draws]``). It returns ``g`` of shape (m, n) and ``residual`` of shape (m,),
the largest absolute residual of the conditions that define a solution, in the units in which ``tolerance`` is
meant. The search stops on that residual, never on the length of a step. Draws that are done leave the batch.

- Work in logs, so that a step above 2 (a factor of 7) is known to be wild: it is cut, and memory is cleared.
- Fix the numeraire inside ``g`` (its result, not its argument), so that the solution is one point.
- Give ``g`` undamped, and damping through ``mixing``: a number, or an array (n,) with one value per block.
- A value that is not finite is not an answer: the search turns back, and in the end raises.
- Where acceleration makes no progress, plain damped sweeps take over for a while, from the best iterate; a
  map whose damped sweeps converge is a safe map.

References
----------
Anderson, D. G. (1965). Iterative procedures for nonlinear integral equations. Journal of the ACM, 12(4),
547-560. https://doi.org/10.1145/321296.321305
Walker, H. F., & Ni, P. (2011). Anderson acceleration for fixed-point iterations. SIAM Journal on Numerical
Analysis, 49(4), 1715-1735. https://doi.org/10.1137/10078356X
Knoll, D. A., & Keyes, D. E. (2004). Jacobian-free Newton-Krylov methods. Journal of Computational Physics,
193(2), 357-397. https://doi.org/10.1016/j.jcp.2003.08.010
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator, gmres

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Evaluate = Callable[[FloatArray, IntArray], tuple[FloatArray, FloatArray]]
Jvp = Callable[[FloatArray, FloatArray, IntArray], FloatArray]

_WORSE = 1e3  # a residual this many times the best one so far is a step gone wrong
_NONE = np.zeros(0, dtype=np.bool_)
_WARM_UP = 12  # sweeps before progress is watched
_PROGRESS = 0.9  # a residual must fall to this share of the last mark to count as progress
_PATIENCE = 20  # accelerated sweeps without progress before a draw goes on plainly for a while
_PLAIN = 20  # plain sweeps then, unless the residual falls to a tenth; three times as many at every next time
_NEWTON_STEPS = 30
_POLISH_STEPS = 4
_HALVINGS = 8
_KRYLOV = 60


class ConvergenceError(RuntimeError):
    """No solution was found to the tolerance asked; the message says why.

    Attributes
    ----------
    draws : ndarray of int
        Positions in the flattened batch of the draws without a solution.
    residual : ndarray, shape (len(draws),)
        The smallest residual reached by each.
    z : ndarray, shape (len(draws), n)
        Where it was reached.
    """

    def __init__(
        self,
        message: str,
        *,
        draws: IntArray | None = None,
        residual: FloatArray | None = None,
        z: FloatArray | None = None,
    ) -> None:
        super().__init__(message)
        self.draws = np.empty(0, dtype=np.intp) if draws is None else draws
        self.residual = np.empty(0) if residual is None else residual
        self.z = np.empty((0, 0)) if z is None else z


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """Solutions of a batch.

    Attributes
    ----------
    z : ndarray, shape (..., n)
        The fixed points; leading axes as in ``start``.
    residual : ndarray, shape (...)
        Largest absolute residual of the conditions at ``z``, as given by ``evaluate``.
    sweeps : ndarray of int, shape (...)
        Evaluations of the map that each draw took, those of the polish included.
    """

    z: FloatArray
    residual: FloatArray
    sweeps: IntArray


def find_fixed_point(
    evaluate: Evaluate,
    start: ArrayLike,
    *,
    tolerance: float = 1e-10,
    max_sweeps: int = 500,
    memory: int = 10,
    mixing: float | ArrayLike = 1.0,
    weights: ArrayLike | None = None,
    tikhonov: float = 1e-12,
    max_step: float = 2.0,
    polish: float | None = None,
    jvp: Jvp | None = None,
) -> FixedPoint:
    """Return the fixed point of ``g`` for every draw of a batch.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(z, draws) -> (g, residual)``; see the head of this module.
    start : array_like, shape (..., n)
        First iterate; leading axes are draws, solved together. Values are logs where ``max_step`` is to
        mean anything.
    tolerance : float
        Residual that every draw must reach.
    max_sweeps : int
        Accelerated sweeps before Newton-Krylov is tried from the best iterate.
    memory : int
        Differences kept, 8 to 12 as a rule; 0 iterates ``z + mixing * f``.
    mixing : float or array_like, shape (n,)
        Step b in (0, 1]; an array gives each block its own.
    weights : array_like, shape (n,), optional
        Weights w of the defects in the least squares; ones by default.
    tikhonov : float
        Penalty t on the least squares, relative to unit columns.
    max_step : float
        A step with an entry beyond it is replaced by a plain one, cut at ``max_step``; memory is cleared.
    polish : float, optional
        Residual to aim at by Newton-Krylov after ``tolerance`` is met (1e-12, say). It is an aim: where
        rounding stops above it, the best point is returned.
    jvp : callable, optional
        ``jvp(z, v, draws) -> g'(z) v``, all of shape (m, n); forward differences of ``evaluate`` by default.

    Returns
    -------
    FixedPoint

    Raises
    ------
    ValueError
        If an argument is out of range.
    ConvergenceError
        If some draw ends above ``tolerance``; it carries those draws, their residuals and iterates.

    Examples
    --------
    >>> import numpy as np
    >>> a = np.array([0.5, 2.0, 9.0])
    >>> def newton_free_root(z, draws):
    ...     g = 0.5 * (np.log(a[draws, None]) - z)
    ...     return g, np.abs(np.exp(3 * z[:, 0]) - a[draws])
    >>> found = find_fixed_point(newton_free_root, np.zeros((3, 1)), tolerance=1e-12)
    >>> np.round(np.exp(found.z[:, 0]) ** 3, 10).tolist()
    [0.5, 2.0, 9.0]
    """
    first = np.array(start, dtype=np.float64)
    mix, weight = _checked(first, tolerance, max_sweeps, memory, mixing, weights, max_step)
    batch, flat = first.shape[:-1], first.reshape(-1, first.shape[-1])
    search = _Anderson(evaluate, flat, memory, mix, weight, tikhonov, max_step)
    with np.errstate(all="ignore"):  # what is not finite is met there, draw by draw
        search.run(tolerance, max_sweeps)
    newton = _NewtonKrylov(evaluate, jvp, max_step)
    aim = tolerance if polish is None else min(polish, tolerance)
    for draw in np.flatnonzero(~(search.best_residual <= aim)):
        if search.best_residual[draw] <= tolerance:
            search.take(draw, newton.run(search.best_z[draw], int(draw), aim, _POLISH_STEPS))
            continue
        for origin in (search.best_z[draw].copy(), flat[draw]):  # a best iterate can be a dead end
            search.take(draw, newton.run(origin, int(draw), aim, _NEWTON_STEPS))
            if search.best_residual[draw] <= tolerance:
                break
    _refuse_unsolved(search.best_residual, search.best_z, search.sweeps, tolerance)
    return FixedPoint(
        z=search.best_z.reshape(first.shape),
        residual=search.best_residual.reshape(batch),
        sweeps=search.sweeps.reshape(batch),
    )


def _checked(
    start: FloatArray,
    tolerance: float,
    max_sweeps: int,
    memory: int,
    mixing: float | ArrayLike,
    weights: ArrayLike | None,
    max_step: float,
) -> tuple[FloatArray, FloatArray | None]:
    """Return mixing and squared weights as arrays, or say which argument is wrong."""
    if start.ndim < 1 or start.size == 0:
        raise ValueError("start: an array (..., n) with at least one entry is needed")
    if not np.isfinite(start).all():
        raise ValueError("start: every entry must be finite")
    for name, value in (("tolerance", tolerance), ("max_sweeps", max_sweeps), ("max_step", max_step)):
        if not value > 0:
            raise ValueError(f"{name}: must be positive, got {value}")
    if memory < 0:
        raise ValueError(f"memory: must be 0 or more, got {memory}")
    n = start.shape[-1]
    mix = np.asarray(mixing, dtype=np.float64)
    if mix.shape not in ((), (n,)) or not ((mix > 0) & (mix <= 1)).all():
        raise ValueError(f"mixing: a number or an array of shape ({n},) with values in (0, 1] is needed")
    if weights is None:
        return mix, None
    weight = np.asarray(weights, dtype=np.float64)
    if weight.shape != (n,) or not (np.isfinite(weight) & (weight > 0)).all():
        raise ValueError(f"weights: an array of shape ({n},) with positive values is needed")
    return mix, weight**2


def _refuse_unsolved(residual: FloatArray, z: FloatArray, sweeps: IntArray, tolerance: float) -> None:
    """Raise where a draw is above the tolerance, with what is known about the reason."""
    failed = np.flatnonzero(~(residual <= tolerance))
    if not failed.size:
        return
    worst = failed[np.argmax(residual[failed])]
    if not np.isfinite(residual[worst]):
        reason = "the map gave no finite value, not even at the start"
    else:
        reach = float(np.abs(z[worst]).max())
        reason = f"its best residual is {residual[worst]:.1e} after {sweeps[worst]} sweeps"
        reason += (
            f"; the largest unknown is at {reach:.0f} in logs, which points to a problem without a solution"
            if reach > 10
            else "; no step lowers it"
        )
    raise ConvergenceError(
        f"no solution to {tolerance:.0e} for {failed.size} of {residual.size} draws; draw {worst}: {reason}",
        draws=failed,
        residual=residual[failed],
        z=z[failed],
    )


_AT_WORK = (
    *("z", "mix", "last_z", "last_f", "fresh", "dz", "df", "gram"),
    *("mark", "idle", "plain", "next_plain"),
)


class _Anderson:
    """State of the accelerated search; the arrays of memory hold only the draws still at work."""

    def __init__(
        self,
        evaluate: Evaluate,
        start: FloatArray,
        memory: int,
        mixing: FloatArray,
        weight: FloatArray | None,
        tikhonov: float,
        max_step: float,
    ) -> None:
        draws, n = start.shape
        self.evaluate, self.memory, self.weight, self.max_step = evaluate, memory, weight, max_step
        self.best_z = start.copy()
        self.best_residual = np.full(draws, np.inf)
        self.sweeps = np.zeros(draws, dtype=np.intp)
        self.active = np.arange(draws)
        self.z = start
        self.base_mix = np.broadcast_to(mixing, (n,))
        self.mix = np.tile(self.base_mix, (draws, 1))
        self.last_z = np.zeros((draws, n))
        self.last_f = np.zeros((draws, n))
        self.fresh = np.ones(draws, dtype=np.bool_)
        self.mark = np.full(draws, np.inf)
        self.idle = np.zeros(draws, dtype=np.intp)
        self.plain = np.zeros(draws, dtype=np.intp)
        self.next_plain = np.full(draws, _PLAIN)
        self.dz = np.zeros((draws, memory, n))
        self.df = np.zeros((draws, memory, n))
        self.gram = np.zeros((draws, memory, memory))
        self.ridge = tikhonov * np.eye(memory)

    def run(self, tolerance: float, max_sweeps: int) -> None:
        """Sweep until every draw has met the tolerance or the sweeps are used up."""
        for sweep in range(max_sweeps):
            g, residual = self.evaluate(self.z, self.active)
            f = g - self.z
            self.sweeps[self.active] += 1
            sound = np.isfinite(residual) & np.isfinite(f).all(axis=1)
            self._keep_best(residual, sound)
            going = ~(sound & (residual <= tolerance))
            if not going.all():
                self._drop(going)
                f, residual, sound = f[going], residual[going], sound[going]
            if not self.active.size:
                return
            lost = ~sound | ((self.plain == 0) & (residual > _WORSE * self.best_residual[self.active]))
            stalled = self._stalled(residual) & ~lost if sweep >= _WARM_UP else _NONE
            self._advance(f, sweep)
            if lost.any():
                self._turn_back(lost)
            if stalled.any():
                self._go_plain(stalled)

    def take(self, draw: np.intp, answer: tuple[FloatArray, float, int]) -> None:
        """Take an iterate found elsewhere, if it is better, and count its evaluations."""
        z, residual, sweeps = answer
        self.sweeps[draw] += sweeps
        if residual < self.best_residual[draw]:
            self.best_z[draw], self.best_residual[draw] = z, residual

    def _keep_best(self, residual: FloatArray, sound: BoolArray) -> None:
        better = sound & (residual < self.best_residual[self.active])
        where = self.active[better]
        self.best_residual[where] = residual[better]
        self.best_z[where] = self.z[better]

    def _drop(self, going: BoolArray) -> None:
        self.active = self.active[going]
        for name in _AT_WORK:
            setattr(self, name, getattr(self, name)[going])

    def _advance(self, f: FloatArray, sweep: int) -> None:
        """Take one accelerated step for every draw at work, or a plain one where memory is empty."""
        plain = self.mix * f
        step = plain
        if self.memory:
            self._remember(f, sweep % self.memory)
            step = plain - self._correction(f)
            wild = ~(np.abs(step).max(axis=1) <= self.max_step) | (self.plain > 0)
            if wild.any():
                step[wild] = np.clip(plain[wild], -self.max_step, self.max_step)
                self._forget(wild)
        else:
            step = np.clip(plain, -self.max_step, self.max_step)
        self.last_z, self.last_f = self.z, f
        self.z = self.z + step

    def _remember(self, f: FloatArray, slot: int) -> None:
        """Put the newest differences into their slot and renew that row of the Gram matrices."""
        old = ~self.fresh[:, None]
        self.dz[:, slot] = np.where(old, self.z - self.last_z, 0.0)
        self.df[:, slot] = np.where(old, f - self.last_f, 0.0)
        self.fresh[:] = False
        newest = self.df[:, slot] if self.weight is None else self.df[:, slot] * self.weight
        row = np.matmul(self.df, newest[:, :, None])[:, :, 0]
        self.gram[:, slot, :] = row
        self.gram[:, :, slot] = row

    def _correction(self, f: FloatArray) -> FloatArray:
        """Return ``(dZ + b dF) q`` from the regularised normal equations on unit columns."""
        size = np.sqrt(self.gram.diagonal(axis1=1, axis2=2))
        scale = 1 / np.where(size > 0, size, np.inf)
        weighted = f if self.weight is None else f * self.weight
        right = scale * np.matmul(self.df, weighted[:, :, None])[:, :, 0]
        system = self.gram * (scale[:, :, None] * scale[:, None, :]) + self.ridge
        sound = np.isfinite(system).all(axis=(1, 2))
        if not sound.all():
            system[~sound] = np.eye(self.memory)
        q = (scale * np.linalg.solve(system, right[:, :, None])[:, :, 0])[:, None, :]
        moved: FloatArray = np.matmul(q, self.dz)[:, 0] + self.mix * np.matmul(q, self.df)[:, 0]
        return moved

    def _forget(self, where: BoolArray) -> None:
        self.dz[where], self.df[where], self.gram[where] = 0.0, 0.0, 0.0
        self.fresh[where] = True

    def _stalled(self, residual: FloatArray) -> BoolArray:
        """Count accelerated sweeps without progress, and return which draws have had too many."""
        done = (self.plain == 1) | ((self.plain > 0) & (residual <= 0.1 * self.mark))
        self.plain = np.where(done, 0, np.maximum(self.plain - 1, 0))
        ahead = done | ((self.plain == 0) & (residual <= _PROGRESS * self.mark))
        self.mark = np.where(ahead, residual, self.mark)
        self.idle = np.where(ahead | (self.plain > 0), 0, self.idle + 1)
        return self.idle > _PATIENCE

    def _go_plain(self, stalled: BoolArray) -> None:
        """Send draws that acceleration does not help to their best iterate, and on by plain sweeps."""
        self.z[stalled] = self.best_z[self.active[stalled]]
        self.plain[stalled] = self.next_plain[stalled]
        self.next_plain[stalled] *= 3
        self.idle[stalled] = 0
        self.mix[stalled] = self.base_mix
        self._forget(stalled)

    def _turn_back(self, lost: BoolArray) -> None:
        """Send draws that got lost back to their best iterate, with a shorter step."""
        self.mix[lost] = np.maximum(0.5 * self.mix[lost], self.base_mix / 16)
        self.z[lost] = self.best_z[self.active[lost]]
        self._forget(lost)


class _NewtonKrylov:
    """Newton's method on ``g(z) - z = 0`` for one draw, with GMRES inside."""

    def __init__(self, evaluate: Evaluate, jvp: Jvp | None, max_step: float) -> None:
        self.evaluate, self.jvp, self.max_step = evaluate, jvp, max_step
        self.calls = 0
        self.draw = np.zeros(1, dtype=np.intp)

    def run(self, start: FloatArray, draw: int, aim: float, steps: int) -> tuple[FloatArray, float, int]:
        """Return the best iterate, its residual and the evaluations used."""
        self.calls, self.draw = 0, np.array([draw])
        z = start
        f, residual = self._defect(z)
        best = (z, residual)
        for _ in range(steps):
            if best[1] <= aim or not np.isfinite(f).all():
                break
            z, f, residual, moved = self._step(z, f)
            if residual < best[1]:
                best = (z, residual)
            if not moved:
                break
        return best[0], best[1], self.calls

    def _defect(self, z: FloatArray) -> tuple[FloatArray, float]:
        self.calls += 1
        with np.errstate(all="ignore"):
            g, residual = self.evaluate(z[None], self.draw)
        f = g[0] - z
        sound = np.isfinite(residual[0]) and np.isfinite(f).all()
        return f, float(residual[0]) if sound else np.inf

    def _derivative(self, z: FloatArray, f: FloatArray, v: FloatArray) -> FloatArray:
        """Return ``f'(z) v``."""
        v = np.ravel(v)
        if self.jvp is not None:
            return np.asarray(self.jvp(z[None], v[None], self.draw)[0] - v)
        size = float(np.abs(v).max())
        if size == 0.0:
            return np.zeros_like(v)
        h = 1e-7 * max(1.0, float(np.abs(z).max())) / size
        return np.asarray((self._defect(z + h * v)[0] - f) / h)

    def _step(self, z: FloatArray, f: FloatArray) -> tuple[FloatArray, FloatArray, float, bool]:
        """Take one Newton step, halved until the defect falls; False where no halving helps."""
        n = z.size
        slope = LinearOperator((n, n), matvec=lambda v: self._derivative(z, f, v), dtype=np.float64)
        direction, _ = gmres(slope, -f, rtol=1e-4, atol=0.0, restart=min(n, _KRYLOV), maxiter=2)
        longest = float(np.abs(direction).max()) if np.isfinite(direction).all() else np.inf
        if not 0 < longest < np.inf:
            return z, f, np.inf, False
        share = min(1.0, self.max_step / longest)
        level = float(np.linalg.norm(f))
        for _ in range(_HALVINGS):
            trial = z + share * direction
            new, residual = self._defect(trial)
            if np.isfinite(new).all() and np.linalg.norm(new) < level:
                return trial, new, residual, True
            share *= 0.5
        return z, f, np.inf, False
