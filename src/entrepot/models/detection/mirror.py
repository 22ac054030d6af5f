"""Mirror gap: what one side reports to have sold against what the other reports to have bought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from entrepot.models.detection.panel import FloatArray


@dataclass(frozen=True, slots=True)
class MirrorGap:
    """Gaps by partner and period.

    Attributes
    ----------
    gap : ndarray, shape (partners, periods)
        Log of the sender's figure over the hub's; NaN where either is absent.
    change : ndarray, shape (partners, periods)
        Gap less its value in the base period.
    """

    gap: FloatArray
    change: FloatArray


def mirror_gap(sent: ArrayLike, received: ArrayLike, base: int) -> MirrorGap:
    """Log mirror gap and its change since a base period; imports are dearer by freight, so 0 is no norm.

    Parameters
    ----------
    sent, received : array_like, shape (partners, periods)
        The same goods as the sender and as the hub report them, one currency; NaN where not reported.
    base : int
        Period of comparison.

    Raises
    ------
    ValueError
        If shapes differ or a figure is negative.

    Examples
    --------
    >>> found = mirror_gap([[1.0, 3.0]], [[1.0, 1.0]], base=0)
    >>> found.change.round(4)
    array([[0.    , 1.0986]])
    """
    out, into = np.asarray(sent, np.float64), np.asarray(received, np.float64)
    if out.shape != into.shape or out.ndim != 2:
        raise ValueError("sent and received must have one shape, partners by periods")
    if (out < 0).any() or (into < 0).any():
        raise ValueError("sent and received must be >= 0, NaN where not reported")
    gap = np.full(out.shape, np.nan)
    both = (out > 0) & (into > 0)
    gap[both] = np.log(out[both] / into[both])
    return MirrorGap(gap, gap - gap[:, [base]])
