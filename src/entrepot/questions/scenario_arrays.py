"""From a scenario to the arrays that the models take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.errors import DataError
from entrepot.measures.catalogue import Catalogue
from entrepot.questions.scenario_law import sector_shares
from entrepot.questions.scenario_types import Scenario, Shock

FloatArray = NDArray[np.float64]


class Effect(NamedTuple):
    """A log change of trade, others equal, whose size is uncertain.

    Attributes
    ----------
    mean, sd : float
        Of the effect where ``weight`` is 1.
    weight : ndarray, shape (N, N, J)
        Between 0 and 1 [exporter, importer, sector]: the part of the effect that a flow has.
    line : int
        Line of the shock in its file.
    """

    mean: float
    sd: float
    weight: FloatArray
    line: int


@dataclass(frozen=True, slots=True)
class ShockArrays:
    """Shocks of a scenario on N countries and J sectors; axes are [exporter, importer, sector].

    Attributes
    ----------
    cost_hat : ndarray, shape (N, N, J), or None
        Change of iceberg costs that the file gives as costs (new over old). Trade effects are not in it,
        since they become costs only with an elasticity: see :meth:`costs`.
    tariffs, export_tax : ndarray, shape (N, N, J), or None
        New ad valorem rates as fractions, over a baseline without taxes; 0 where nothing is said.
    ban : ndarray, shape (N, N, J), or None
        Share of the flow that is forbidden, between 0 and 1.
    trade_effect : ndarray, shape (N, N, J)
        Sum of mean times weight of ``effects``.
    effects : tuple of Effect
        One for each shock given as a trade effect; the draws of a run scale them one by one.
    notes : tuple of str
        Approximations made, and what the table lacks.
    """

    cost_hat: FloatArray | None
    tariffs: FloatArray | None
    export_tax: FloatArray | None
    ban: FloatArray | None
    trade_effect: FloatArray
    effects: tuple[Effect, ...]
    notes: tuple[str, ...]

    def costs(self, theta: ArrayLike, sizes: Sequence[float] | None = None) -> FloatArray | None:
        """Return the change of iceberg costs for one draw: ``cost_hat * exp(-trade effect / theta)``.

        Parameters
        ----------
        theta : array_like, shape (J,) or scalar
            Trade elasticities.
        sizes : sequence of float, length of ``effects``, optional
            Drawn sizes of the effects; their means where absent.

        Returns
        -------
        ndarray, shape (N, N, J), or None
            None where the scenario changes no cost.
        """
        if not self.effects:
            return self.cost_hat
        if sizes is None:
            total = self.trade_effect
        else:
            pairs = zip(sizes, self.effects, strict=True)
            total = np.zeros_like(self.trade_effect)
            for size, effect in pairs:
                total += size * effect.weight
        change: FloatArray = np.exp(-total / np.asarray(theta, dtype=np.float64))
        return change if self.cost_hat is None else change * self.cost_hat


@dataclass(slots=True)
class _Board:
    """Arrays while they are filled."""

    scenario: Scenario
    countries: tuple[str, ...]
    sectors: tuple[str, ...]
    arrays: dict[str, FloatArray] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def shape(self) -> tuple[int, int, int]:
        return len(self.countries), len(self.countries), len(self.sectors)

    def array(self, name: str, start: float = 0.0) -> FloatArray:
        """Return one of the arrays, made on first use."""
        return self.arrays.setdefault(name, np.full(self.shape, start))

    def note(self, text: str) -> None:
        """Keep a note once."""
        if text not in self.notes:
            self.notes.append(text)


def shock_arrays(
    scenario: Scenario,
    countries: Sequence[str],
    sectors: Sequence[str],
    catalogue: Catalogue | None = None,
) -> ShockArrays:
    """Lay the shocks of a scenario out on the axes of a table.

    Parameters
    ----------
    scenario : Scenario
    countries : sequence of str, length N
        ISO3 codes in the order of the table; other labels, such as a rest of the world, are never shocked.
    sectors : sequence of str, length J
        ICIO codes in the order of the table.
    catalogue : Catalogue, optional
        Where ``measures`` and ``lift`` look the law up; by default the embedded one.

    Returns
    -------
    ShockArrays

    Raises
    ------
    DataError
        If a shock touches nothing that the table holds, or the catalogue knows no such measure.

    Notes
    -----
    Taxes that a file gives as ``change`` add up. Costs multiply, trade effects add up, bans take the larger
    share. A price cap at a discount ``d`` on what buyers would pay is a tariff of ``d / (1 - d)`` whose
    revenue is the rent: a binding cap lowers what the exporter gets to ``1 - d`` of the buyers' valuation and
    rations the flow as the tariff does. With the rent left to the exporter it is an export tax of that
    rate; a rent that is lost is an iceberg cost of ``1 / (1 - d)``.

    Lifting: of a flow whose share ``s`` lies under measures that cut covered trade by ``exp(-b)``, there is
    left ``1 - s + s exp(-b)``; lifting raises it by ``-ln(1 - s (1 - exp(-b)))``. This is the weight at the
    mean of ``b``; draws scale it in proportion.

    Examples
    --------
    >>> from entrepot.questions.scenario import read_scenario
    >>> arrays = shock_arrays(read_scenario("west-russia-ban"), ("DEU", "KAZ", "RUS"), ("B06", "C19"))
    >>> arrays.ban[:, :, 0].astype(int).tolist()
    [[0, 0, 1], [0, 0, 0], [1, 0, 0]]
    """
    board = _Board(scenario, tuple(countries), tuple(sectors))
    for shock in scenario.shocks:
        mask = _mask(board, shock)
        if shock.target is not None:
            _under_law(board, shock, mask, catalogue)
        elif shock.basis == "trade_effect":
            board.effects.append(_effect(shock, mask.astype(np.float64)))
        else:
            _apply(board, shock, mask)
    total = np.zeros(board.shape)
    for effect in board.effects:
        total += effect.mean * effect.weight
    parts = {name: board.arrays.get(name) for name in ("cost_hat", "tariffs", "export_tax", "ban")}
    return ShockArrays(**parts, trade_effect=total, effects=tuple(board.effects), notes=tuple(board.notes))


def _mask(board: _Board, shock: Shock) -> NDArray[np.bool_]:
    """Return which cells (N, N, J) a shock touches, and note what the table lacks."""
    where = {iso3: place for place, iso3 in enumerate(board.countries)}
    named = {iso3 for pair in shock.pairs() for iso3 in pair}
    kept = [code for code in board.sectors if not shock.sectors or code in shock.sectors]
    mask = np.zeros(board.shape, dtype=np.bool_)
    for a, b in shock.pairs():
        if a in where and b in where:
            mask[where[a], where[b]] = [code in kept for code in board.sectors]
    _note_missing(board, shock, sorted(named - where.keys()))
    if not mask.any():
        raise DataError.empty_selection(
            f"the {shock.kind} at line {shock.line} of {_file(board.scenario)} in the input-output table",
            hint="none of its flows joins the exporters, importers and sectors that the shock names",
        )
    return mask


def _note_missing(board: _Board, shock: Shock, missing: Sequence[str]) -> None:
    if missing and len(missing) <= 60:
        board.note(
            f"The table lacks {', '.join(missing)}, so the {shock.kind} at line {shock.line} leaves "
            f"{'it' if len(missing) == 1 else 'them'} out."
        )
    elif missing:
        board.note(
            f"The {shock.kind} at line {shock.line} names {len(missing)} countries that the table lacks."
        )
    absent = [code for code in shock.sectors if code not in board.sectors]
    if absent:
        board.note(f"The table lacks the sectors {', '.join(absent)} of line {shock.line}.")


def _effect(shock: Shock, weight: FloatArray) -> Effect:
    return Effect(shock.value or 0.0, shock.spread or 0.0, weight, shock.line)


def _apply(board: _Board, shock: Shock, mask: NDArray[np.bool_]) -> None:
    """Enter a shock that needs no elasticity."""
    value = shock.value or 0.0
    if shock.kind == "ban":
        board.array("ban")[mask] = 1.0
    elif shock.kind == "ntb":
        board.array("cost_hat", 1.0)[mask] *= 1 + value
    elif shock.kind == "price_cap":
        _price_cap(board, shock, mask)
    else:
        rates = board.array("tariffs" if shock.kind == "tariff" else "export_tax")
        rates[mask] = value if shock.basis == "rate" else rates[mask] + value
        board.note("The table holds no taxes on trade: new rates are over a baseline of zero.")


def _price_cap(board: _Board, shock: Shock, mask: NDArray[np.bool_]) -> None:
    """Write a price cap as the tax that leaves the same rent with the same side."""
    discount = shock.value or 0.0
    rate = discount / (1 - discount)
    words = {
        "importer": ("tariffs", f"a tariff of {rate:.1%} whose revenue is the rent, left with the importer"),
        "exporter": (
            "export_tax",
            f"an export tax of {rate:.1%} whose revenue is the rent, left with the exporter",
        ),
        "lost": ("cost_hat", f"an iceberg cost of {rate:.1%}: the rent is lost on the way"),
    }
    name, equivalent = words[shock.rent]
    if name == "cost_hat":
        board.array(name, 1.0)[mask] *= 1 + rate
    else:
        board.array(name)[mask] = rate
    board.note(
        f"The price cap at line {shock.line}, {discount:.0%} below what buyers would pay, is taken as "
        f"{equivalent}. It always binds, is never evaded, and rations trade no more than the tax would."
    )


def _under_law(board: _Board, shock: Shock, mask: NDArray[np.bool_], catalogue: Catalogue | None) -> None:
    """Enter measures of the catalogue, as a ban or as their lifting, by the share of codes under them."""
    share = np.zeros(board.shape)
    found = sector_shares(shock, board.countries, board.sectors, _file(board.scenario), catalogue)
    share[mask] = found.share[mask]
    for text in found.notes:
        board.note(text)
    if not share.any():
        raise DataError.empty_selection(
            f"the {shock.kind} at line {shock.line} of {_file(board.scenario)}: on {shock.at} the "
            f"{shock.bound} bound of the share of codes under measures is zero in all these sectors",
            hint="try bound = 'upper', a later day, or other sectors",
        )
    if shock.kind == "measures":
        np.maximum(board.array("ban"), share, out=board.array("ban"))
        if shock.at is not None and shock.at.year <= board.scenario.base_year:
            board.note(
                f"The table of {board.scenario.base_year} already holds part of what the measures at line "
                f"{shock.line} stopped; the ban takes away their share of what is left."
            )
        return
    size = shock.value or 0.0
    weight = -np.log1p(-share * -math.expm1(-size)) / size
    board.effects.append(_effect(shock, weight))
    board.note(
        f"Lifting at line {shock.line}: covered trade is taken to have fallen by {-math.expm1(-size):.0%}, "
        "and to recover that. The law of one day is held against trade of the whole year, so flows from "
        "before a measure are raised as well."
    )


def _file(scenario: Scenario) -> str:
    return str(scenario.path) if scenario.path is not None else scenario.name
