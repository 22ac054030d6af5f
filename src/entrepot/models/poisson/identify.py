"""Name the regressors whose coefficients the data cannot tell: absorbed or collinear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from entrepot.models.poisson.layout import Layout, sums_by_group
from entrepot.models.poisson.newton import PLAIN, gram_of

FloatArray = NDArray[np.float64]
Reason = Literal["absorbed by the fixed effects", "collinear with the regressors before it"]

# What a first, rough projection leaves must be well above its error, alone and beside the other regressors.
ROUGH = 1e-4
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
    target = sums_by_group(layout, x * weights)
    levels = layout.solve(target, None, ROUGH)
    left = x - layout.spread(levels)
    if _plain(np.einsum("kn,kn,n->k", x, x, weights), gram_of(left, weights)):
        return list(range(len(x))), (), levels
    levels = layout.solve(target, levels, 1e-10)
    left = x - layout.spread(levels)
    # A second pass removes what the first one's tolerance left.
    left = left - layout.spread(layout.solve(sums_by_group(layout, left * weights), None, 1e-6))
    root = np.sqrt(weights)
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


def _plain(before: FloatArray, gram: FloatArray) -> bool:
    """Whether a rough projection already shows that every regressor is identified.

    ``before`` (k,) are the squared norms of the regressors, ``gram`` (k, k) the products of what is left.
    """
    if not len(gram):
        return True
    after = np.diagonal(gram)
    if (after <= PLAIN**2 * before).any() or not after.all():
        return False
    unit = np.sqrt(after)
    return bool(np.linalg.eigvalsh(gram / unit / unit[:, None])[0] > PLAIN**2)
