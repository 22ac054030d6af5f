"""Innocent explanations: for every cell whether one applies, and the number that says so.

None of them proves anything. A cell with a flag is one where trade may have risen for a reason of its own. A
check whose data were not observed answers "unknown", not "no".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import BoolArray, FloatArray, IntArray, sum_by

# Shares from which an explanation is shown. They are conventions of the display and enter no score.
MOST = 0.5
NEARLY_ALL = 0.9
ONE_PERIOD = 0.6
BREAK = 3.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """One explanation over all cells.

    Attributes
    ----------
    name : str
    applies : ndarray of bool, shape (c,)
    known : ndarray of bool, shape (c,)
        False where the data to judge were not observed; ``applies`` is False there.
    evidence : ndarray, shape (c,)
        The number behind, as ``unit`` says; NaN where unknown.
    unit : str
    """

    name: str
    applies: BoolArray
    known: BoolArray
    evidence: FloatArray
    unit: str


def energy(legs: Legs, is_energy: BoolArray) -> Explanation:
    """Fuels, whose trade follows prices and pipelines; ``is_energy`` has one entry a product."""
    hit = np.asarray(is_energy, bool)[legs.product]
    return Explanation("energy", hit, np.ones(hit.size, bool), hit.astype(float), "1 = mineral fuel")


def hub_boom(legs: Legs, *, uncovered_observed: bool) -> Explanation:
    """The hub buys more of everything: half or more of the log rise is the growth of uncovered goods."""
    rise = _log(legs.observed, legs.before, legs.floor)
    share = np.full(rise.size, np.nan)
    if uncovered_observed:
        np.divide(np.log(legs.hub_factor), rise, out=share, where=rise > 0)
    return _explain("hub-wide boom", share, MOST, "share of the log rise")


def product_boom(legs: Legs, *, controls_observed: bool) -> Explanation:
    """Others without a motive buy more too: half or more of the log rise is the product's own growth."""
    rise = _log(legs.observed, legs.before, legs.floor)
    share = np.full(rise.size, np.nan)
    if controls_observed:
        np.divide(np.log(legs.product_factor), rise, out=share, where=rise > 0)
    return _explain("product boom elsewhere", share, MOST, "share of the log rise")


def price(legs: Legs) -> Explanation:
    """Price, not quantity: half or more of the log rise in value is the rise in the unit value."""
    rise = _log(legs.observed, legs.before, legs.floor)
    dearer = np.log(legs.unit_after / legs.unit_before)
    share = np.full(rise.size, np.nan)
    np.divide(dearer, rise, out=share, where=rise > 0)
    return _explain("price, not quantity", share, MOST, "share of the log rise")


def one_off(legs: Legs, is_vessel: BoolArray) -> Explanation:
    """One period carries the flow, or the goods are ships or aircraft (``is_vessel`` of every product)."""
    hit = np.asarray(is_vessel, bool)[legs.product]
    share = np.where(hit, 1.0, legs.top_period)
    # In a window of one period the largest is always all of it.
    return _explain(
        "one-off", share if legs.length > 1 else np.where(hit, 1.0, np.nan), ONE_PERIOD, "largest period"
    )


def revision_break(legs: Legs, groups: IntArray, is_revised: BoolArray) -> Explanation:
    """The code changed and its HS4 did not rise with it: excess of the HS4 over that of the cell, below half.

    Parameters
    ----------
    legs : Legs
    groups : ndarray of int, shape (products,)
        HS4 of each product.
    is_revised : ndarray of bool, shape (products,)
        Products whose code changed between the windows.
    """
    size = int(groups.max()) + 1
    at = legs.hub * size + groups[legs.product]
    whole = sum_by(at, legs.excess, int(at.max()) + 1)[at]
    share = np.divide(whole, legs.excess, out=np.full(at.size, np.nan), where=legs.excess > 0)
    revised = np.asarray(is_revised, bool)[legs.product]
    known = np.isfinite(share)
    return Explanation(
        "HS revision break", revised & known & (share < MOST), known, share, "HS4 excess over the cell's"
    )


def reporter_break(legs: Legs, excess_from_broken: FloatArray) -> Explanation:
    """Half or more of the rise comes from origins whose own reporting broke, see `broken_origins`."""
    share = np.divide(
        excess_from_broken, legs.excess, out=np.full(legs.hub.size, np.nan), where=legs.excess > 0
    )
    return _explain("reporter break", share, MOST, "share of the excess")


def broken_origins(before: FloatArray, after: FloatArray) -> BoolArray:
    """Origins whose exports to all partners changed more than threefold against the median origin.

    Parameters
    ----------
    before, after : ndarray, shape (origins,)
        Exports to partners without a motive, same months; NaN where the origin did not report.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.log(after / before)
    middle = np.nanmedian(np.where(np.isfinite(change), change, np.nan))
    return np.asarray(~(np.abs(change - middle) <= np.log(BREAK)))


def chapter_project(legs: Legs, chapters: IntArray) -> Explanation:
    """The rest of the chapter rose at least as much: log rise of the rest over that of the cell.

    An investment project brings a whole chapter at once; diversion of one product does not.
    """
    size = int(chapters.max()) + 1
    at = legs.hub * size + chapters[legs.product]
    length = int(at.max()) + 1
    seen = sum_by(at, legs.observed, length)[at] - legs.observed
    due = sum_by(at, legs.expected, length)[at] - legs.expected
    mine = _log(legs.observed, legs.expected, legs.floor)
    rest = _log(seen, due, legs.floor)
    share = np.divide(rest, mine, out=np.full(mine.size, np.nan), where=(mine > 0) & (due > legs.floor))
    return _explain("chapter-wide rise", share, 1.0, "log rise of the rest of the chapter over the cell's")


def one_sender(legs: Legs) -> Explanation:
    """One origin brings nine tenths or more of the rise."""
    return _explain("one sender only", legs.top_origin, NEARLY_ALL, "share of the rise")


def _log(top: FloatArray, bottom: FloatArray, small: float) -> FloatArray:
    return np.asarray(np.log((np.maximum(top, 0.0) + small) / (np.maximum(bottom, 0.0) + small)))


def _explain(name: str, evidence: FloatArray, level: float, unit: str) -> Explanation:
    known = np.isfinite(evidence)
    return Explanation(name, known & (np.nan_to_num(evidence) >= level), known, evidence, unit)
