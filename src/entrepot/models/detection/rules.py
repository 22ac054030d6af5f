"""Rules of thumb in use elsewhere, for comparison on the same cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from entrepot.models.detection.decoys import benjamini_hochberg
from entrepot.models.detection.legs import Legs
from entrepot.models.detection.panel import BoolArray


@dataclass(frozen=True, slots=True)
class Rules:
    """Cells that each rule flags; all shape (c,), False for small change.

    Attributes
    ----------
    double_and_million : ndarray of bool
        More than twice the window before and more than ``million``.
    normal : ndarray of bool
        Normal z of the log ratio above 1.96, location and deviation from all cells of the window.
    poisson : ndarray of bool
        Poisson tail against expectation, Benjamini-Hochberg at 5%.
    """

    double_and_million: BoolArray
    normal: BoolArray
    poisson: BoolArray


def rules_of_thumb(legs: Legs, *, million: float, unit: float) -> Rules:
    """Apply the three rules.

    Parameters
    ----------
    legs : Legs
    million : float
        The amount of the first rule, in the unit of the values.
    unit : float
        Value that the Poisson rule counts as one event.
    """
    large = legs.large
    double = (legs.observed > 2.0 * legs.before) & (legs.observed > million)
    ratio = np.log((legs.observed + legs.floor) / (legs.expected + legs.floor))
    z = (ratio - ratio[large].mean()) / ratio[large].std()
    tail = stats.poisson.sf(np.floor(legs.observed / unit) - 1.0, np.maximum(legs.expected / unit, 1e-9))
    poisson = np.zeros(large.size, bool)
    poisson[large] = benjamini_hochberg(tail[large]) <= 0.05
    return Rules(double & large, (z > 1.96) & large, poisson)
