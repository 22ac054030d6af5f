"""Name the regressors whose coefficients the data cannot tell: absorbed or collinear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.layout import Layout

FloatArray = NDArray[np.float64]
Reason = Literal["absorbed by the fixed effects", "collinear with the regressors before it"]

# What a first, rough projection leaves must be well above its error, alone and beside the other regressors.
ROUGH = 1e-4
PLAIN = 0.03
# Share of a regressor's variation below which what is left is rounding, not information.
NOTHING_LEFT = 1e-7


@dataclass(frozen=True, slots=True)
class Unidentified:
    """A regressor without a coefficient: its column in x and why."""

    column: int
    reason: Reason


def identified(
    layout: Layout, x: FloatArray, weights: FloatArray
) -> tuple[list[int], tuple[Unidentified, ...], FloatArray]:
    """Return the columns to keep, those without a coefficient, and the levels that project x.

    Rank does not depend on positive weights, so the regression's own weights (not the fitted values) serve.

    Parameters
    ----------
    layout : Layout
        Fixed effects.
    x : ndarray, shape (k, n)
        Regressors, centred and scaled; a constant one is all zeros.
    weights : ndarray, shape (n,)
        Weights of the observations.
    """
    layout.weigh(weights)
    root = np.sqrt(weights)
    levels = layout.solve(x * weights, None, ROUGH)
    left = x - layout.spread(levels)
    if _plain(x * root, left * root):
        return list(range(len(x))), (), levels
    levels = layout.solve(x * weights, levels, 1e-10)
    left = x - layout.spread(levels)
    # A second pass removes what the first one's tolerance left.
    left = left - layout.spread(layout.solve(left * weights, None, 1e-6))
    before = np.linalg.norm(x * root, axis=1)
    after = np.linalg.norm(left * root, axis=1)
    keep: list[int] = []
    gone: list[Unidentified] = []
    basis: list[FloatArray] = []
    for j in range(len(x)):
        if after[j] <= NOTHING_LEFT * before[j]:
            gone.append(Unidentified(j, "absorbed by the fixed effects"))
            continue
        vector = left[j] * (root / after[j])
        for _ in range(2):
            for other in basis:
                vector = vector - (other @ vector) * other
        length = float(np.linalg.norm(vector))
        if length <= NOTHING_LEFT:
            gone.append(Unidentified(j, "collinear with the regressors before it"))
            continue
        keep.append(j)
        basis.append(vector / length)
    return keep, tuple(gone), levels[keep]


def _plain(given: FloatArray, left: FloatArray) -> bool:
    """Whether a rough projection already shows that every regressor is identified."""
    if not len(given):
        return True
    before, after = np.linalg.norm(given, axis=1), np.linalg.norm(left, axis=1)
    if (after <= PLAIN * before).any() or not after.all():
        return False
    unit = left / after[:, None]
    return bool(np.linalg.eigvalsh(unit @ unit.T)[0] > PLAIN**2)
