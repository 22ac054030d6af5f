"""Instruments of trade policy on either model, and many cases solved at once with bounded memory.

A case is a dict of arguments of ``OneSector.solve`` or ``ManySectors.solve``. Cases are stacked on a new
leading axis before the draws of the model, so that one call solves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.equilibrium.many_sectors import ManySectors
from entrepot.models.equilibrium.one_sector import OneSector

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.intp]
Model = OneSector | ManySectors
Case = Mapping[str, Any]
Countries = int | Sequence[int] | IntArray

_ENTRIES = 2**23  # numbers in the largest array of one call: bounds memory at some hundred MB
_RESULTS = 4  # arrays of the size (draws, N, J) in a many-sector result
_ARRAYS = ("cost_hat", "ban", "tariff_hat", "export_tax_hat", "tariffs", "export_tax")


@dataclass(frozen=True, slots=True)
class Ban:
    """A ban of trade between a coalition and its target.

    Attributes
    ----------
    sectors : sequence of int, optional
        Positions of the sectors concerned; all where absent. Only for many sectors.
    exports, imports : bool
        Whether the coalition's sales to the target, and its purchases from the target, are forbidden.
    """

    sectors: Sequence[int] | None = None
    exports: bool = True
    imports: bool = True

    def case(self, model: Model, senders: BoolArray, target: BoolArray) -> dict[str, ArrayLike]:
        """Return arguments of ``solve``; ``senders`` and ``target`` are masks of countries, shape (N,)."""
        pairs = np.zeros((senders.size, senders.size), dtype=np.bool_)
        if self.exports:
            pairs |= np.outer(senders, target)
        if self.imports:
            pairs |= np.outer(target, senders)
        return {"ban": in_sectors(model, pairs, self.sectors)}


@dataclass(frozen=True, slots=True)
class Tariff:
    """Duties of a coalition on the target's goods.

    Attributes
    ----------
    rate : float
        Ad valorem rate (0.25 = 25%) in place of the baseline's.
    sectors : sequence of int, optional
        Positions of the sectors concerned; all where absent. Only for many sectors.
    retaliation : float, optional
        Rate of the target on the coalition's goods; the baseline's where absent.
    """

    rate: float
    sectors: Sequence[int] | None = None
    retaliation: float | None = None

    def case(self, model: Model, senders: BoolArray, target: BoolArray) -> dict[str, ArrayLike]:
        """Return arguments of ``solve``; ``senders`` and ``target`` are masks of countries, shape (N,)."""
        duties = [(in_sectors(model, np.outer(target, senders), self.sectors), self.rate)]
        if self.retaliation is not None:
            duties.append((in_sectors(model, np.outer(senders, target), self.sectors), self.retaliation))
        return tariff_case(model, duties)


def tariff_case(model: Model, duties: Sequence[tuple[BoolArray, ArrayLike]]) -> dict[str, ArrayLike]:
    """Return arguments of ``solve`` that put new duties on some pairs.

    Parameters
    ----------
    model : OneSector or ManySectors
    duties : sequence of (mask, rate)
        Pairs [exporter, importer(, sector)] and their new rate, a number or one per draw of the model.

    Raises
    ------
    ValueError
        If a rate is not a finite number above -1.

    Examples
    --------
    >>> world = OneSector([[80.0, 20.0], [20.0, 80.0]], 4.0)
    >>> tariff_case(world, [(np.array([[False, False], [True, False]]), 0.25)])
    {'tariff_hat': array([[1.  , 1.  ],
           [1.25, 1.  ]])}
    """
    n, core = country_count(model), core_axes(model)
    one = isinstance(model, OneSector)
    old = np.zeros((n, n)) if model.tariffs is None else model.tariffs
    new = old
    for mask, rate in duties:
        level = np.asarray(rate, dtype=np.float64)
        if not np.isfinite(level).all() or (level <= -1).any():
            raise ValueError("rate: a finite number above -1 is needed (0.25 = 25%)")
        new = np.where(mask, level.reshape(level.shape + (1,) * core), new)
    return {"tariff_hat": (1 + new) / (1 + old)} if one else {"tariffs": new}


def country_count(model: Model) -> int:
    """Return the number of countries N."""
    if isinstance(model, OneSector):
        return int(model.trade.shape[-1])
    return int(model.economy.labour.shape[-1])


def core_axes(model: Model) -> int:
    """Return the number of axes of a table of trade without draws."""
    return 2 if isinstance(model, OneSector) else 3


def draw_shape(model: Model) -> tuple[int, ...]:
    """Return the leading axes (draws) of a model."""
    if isinstance(model, ManySectors):
        return model.draws
    pairs = (model.trade,) if model.tariffs is None else (model.trade, model.tariffs)
    leads = (array.shape[:-2] for array in pairs)
    return np.broadcast_shapes(model.theta.shape, model.psi.shape, *leads)


def base_income(model: Model) -> FloatArray:
    """Return baseline income (spending, duties and deficit included), shape (draws..., N), unit of trade."""
    draws, n = draw_shape(model), country_count(model)
    if isinstance(model, ManySectors):
        income = model.economy.income
        return income.reshape(n) if income.shape[0] == 1 else income.reshape((*draws, n))
    duties = 0.0 if model.tariffs is None else model.tariffs
    spending: FloatArray = (model.trade * (1 + duties)).sum(axis=-2)
    return spending


def country_mask(name: str, countries: Countries, n: int) -> BoolArray:
    """Return the mask of some positions of countries, shape (n,).

    Raises
    ------
    ValueError
        If there is none, or one is no position of a country.

    Examples
    --------
    >>> country_mask("target", [0, 2], 3).tolist()
    [True, False, True]
    """
    where = np.atleast_1d(np.asarray(countries))
    if where.size == 0 or not np.issubdtype(where.dtype, np.integer):
        raise ValueError(f"{name}: positions of countries (whole numbers) are needed, at least one")
    if where.min() < 0 or where.max() >= n:
        raise ValueError(f"{name}: positions must lie between 0 and {n - 1}, got {where.tolist()}")
    mask = np.zeros(n, dtype=np.bool_)
    mask[where] = True
    return mask


def in_sectors(model: Model, pairs: BoolArray, sectors: Sequence[int] | None) -> BoolArray:
    """Return pairs [exporter, importer], with an axis of sectors where the model has some.

    Raises
    ------
    ValueError
        If sectors are given for one sector, or are no positions of sectors.
    """
    if isinstance(model, OneSector):
        if sectors is not None:
            raise ValueError("sectors: a one-sector model has none to choose")
        return pairs
    j = model.economy.theta.shape[-1]
    chosen = np.ones(j, dtype=np.bool_)
    if sectors is not None:
        where = np.asarray(sectors, dtype=np.intp)
        if where.size == 0 or where.min() < 0 or where.max() >= j:
            raise ValueError(f"sectors: positions between 0 and {j - 1} are needed, got {list(sectors)}")
        chosen[:] = False
        chosen[where] = True
    return pairs[:, :, None] & chosen


def solve_cases(model: Model, count: int, make: Callable[[int], Case], *, tolerance: float) -> FloatArray:
    """Return the change of real income in many cases.

    Parameters
    ----------
    model : OneSector or ManySectors
    count : int
        Number of cases.
    make : callable
        Position of a case -> arguments of ``model.solve``; called when the case is due.
    tolerance : float
        Residual that every case and draw must reach.

    Returns
    -------
    ndarray, shape (count, draws..., N)
        ``welfare_hat``, new over old.

    Raises
    ------
    ValueError, ConvergenceError
        As ``model.solve``; a note names the cases that were solved together.
    """
    parts: list[FloatArray] = []
    first, step = 0, 1
    while first < count:
        cases = [make(position) for position in range(first, min(first + step, count))]
        arguments = _stack(model, cases)
        if isinstance(model, ManySectors):
            arguments["keep_trade"] = False
        try:
            parts.append(model.solve(**arguments, tolerance=tolerance).welfare_hat)
        except (ValueError, RuntimeError) as error:
            error.add_note(f"Cases {first} to {first + len(cases) - 1} of {count} were solved together.")
            raise
        if first == 0:
            step = _step(model, cases[0])
        first += len(cases)
    if not parts:
        return np.ones((0, *draw_shape(model), country_count(model)))
    shape = np.broadcast_shapes(*(part.shape[1:] for part in parts))
    return np.concatenate([np.broadcast_to(part, (len(part), *shape)) for part in parts])


def _step(model: Model, case: Case) -> int:
    """Return how many cases fit into one call."""
    n, draws = country_count(model), int(np.prod(draw_shape(model), dtype=np.intp))
    given = max((np.asarray(case[name]).size for name in _ARRAYS if name in case), default=1)
    cells = n * n if isinstance(model, OneSector) else _RESULTS * n * model.economy.theta.shape[-1]
    return max(1, _ENTRIES // max(given, draws * cells))


def _stack(model: Model, cases: Sequence[Case]) -> dict[str, Any]:
    """Return arguments of one call; a case without an instrument gets the baseline's."""
    core, depth = core_axes(model), len(draw_shape(model))
    unknown = {name for case in cases for name in case} - {*_ARRAYS, "kind", "deficits"}
    if unknown:
        raise ValueError(f"shock: {', '.join(sorted(unknown))} is no argument that a coalition can set")
    out: dict[str, Any] = {}
    for name in ("kind", "deficits"):
        values = [case.get(name) for case in cases]
        if any(value is not None and not isinstance(value, str) for value in values) or len(set(values)) > 1:
            raise ValueError(f"shock: {name} must be one word, the same for all coalitions")
        if values[0] is not None:
            out[name] = values[0]
    # unchanged costs stand for no instrument at all, so that the axis of cases is there
    used = {name for case in cases for name in case if name in _ARRAYS} or {"cost_hat"}
    for name in _ARRAYS:
        if name not in used:
            continue
        arrays = [np.asarray(case[name] if name in case else _neutral(model, name)) for case in cases]
        dims = max(depth + core, *(array.ndim for array in arrays))
        padded = [array.reshape((1,) * (dims - array.ndim) + array.shape) for array in arrays]
        out[name] = np.stack(np.broadcast_arrays(*padded))
    return out


def _neutral(model: Model, name: str) -> ArrayLike:
    """Return what leaves an instrument as it is in the baseline."""
    n = country_count(model)
    if isinstance(model, ManySectors) and name in ("tariffs", "export_tax"):
        return model.tariffs if name == "tariffs" else model.export_tax
    shape = (n, n) if isinstance(model, OneSector) else (n, n, 1)
    return np.zeros(shape, dtype=np.bool_) if name == "ban" else np.ones(shape)
