r"""Stacked event study: months around each code's own measure date, pooled.

Poisson regression with an effect of every cell and of every month relative to the date,

.. math::  E[y_{ie}] = \alpha_i \, \theta_e \, o_{ie},

where o is an exposure (such as the hub's purchases of uncovered goods in that month). Both effects have
closed forms given the other, so proportional fitting solves it. The mean of log theta over the months before
is 0. Standard errors are clustered by product, by hub, or by both (Cameron, Gelbach and Miller 2011); with
few clusters the two-way variance can fall below a one-way one, then the larger is taken.

References
----------
Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2011). Robust inference with multiway clustering. Journal of
Business & Economic Statistics, 29(2), 238-249. https://doi.org/10.1198/jbes.2010.07136
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from entrepot.models.detection.panel import BoolArray, FloatArray, IntArray

SWEEPS = 5_000
TOLERANCE = 1e-10


@dataclass(frozen=True, slots=True)
class EventStudy:
    """Trade relative to the months before the date.

    Attributes
    ----------
    month : ndarray of int, shape (e,)
        Months from the date; 0 is the month of the measure.
    effect : ndarray, shape (e,)
        Log of trade over exposure, relative to the mean of the months before.
    error : ndarray, shape (e,)
        Standard error, clustered as asked.
    lower, upper : ndarray, shape (e,)
        95% interval by Student t with one degree of freedom less than the smaller number of clusters.
    cells : int
        Number of cells used; cells without trade say nothing and are left out.
    clusters : tuple of int
        Number of clusters in each dimension.
    """

    month: IntArray
    effect: FloatArray
    error: FloatArray
    lower: FloatArray
    upper: FloatArray
    cells: int
    clusters: tuple[int, ...]


def event_study(
    value: FloatArray, exposure: FloatArray, observed: BoolArray, first: int, clusters: tuple[IntArray, ...]
) -> EventStudy:
    """Estimate the path around the date.

    Parameters
    ----------
    value, exposure : ndarray, shape (cells, e)
        Column j is month ``first + j`` from the cell's own date; exposure > 0 where observed.
    observed : ndarray of bool, shape (cells, e)
        False where the month lies outside the data: left out, not 0.
    first : int
        Month of the first column, < 0.
    clusters : tuple of ndarray of int, shape (cells,)
        One or two groupings (product; product and hub).

    Returns
    -------
    EventStudy

    Raises
    ------
    ValueError
        If there is no month before the date, a month has no trade, or shapes differ.

    Examples
    --------
    >>> y = np.array([[10.0, 10.0, 20.0], [5.0, 5.0, 10.0]])
    >>> found = event_study(y, np.ones_like(y), np.ones_like(y, bool), -2, (np.arange(2),))
    >>> found.effect.round(6)
    array([0.      , 0.      , 0.693147])
    """
    if first >= 0 or first + value.shape[1] <= 0:
        raise ValueError("first must be negative and leave months after the date")
    if value.shape != exposure.shape or value.shape != observed.shape:
        raise ValueError("value, exposure and observed must have one shape")
    y = np.where(observed, value, 0.0)
    o = np.where(observed, exposure, 0.0)
    used = y.sum(1) > 0
    y, o = y[used], o[used]
    if (y.sum(0) <= 0).any():
        raise ValueError("value must hold trade in every month around the date")
    theta = _fit(y, o)
    before = np.arange(value.shape[1]) < -first
    base = np.log(theta[before]).mean()
    groups = tuple(np.unique(np.asarray(c)[used], return_inverse=True)[1] for c in clusters)
    error = _errors(y, o, theta, before, groups)
    counts = tuple(int(g.max()) + 1 for g in groups)
    reach = float(special.stdtrit(max(min(counts) - 1, 1), 0.975))
    effect = np.log(theta) - base
    month = first + np.arange(value.shape[1])
    return EventStudy(month, effect, error, effect - reach * error, effect + reach * error, len(y), counts)


def _fit(y: FloatArray, o: FloatArray) -> FloatArray:
    """Effects of months by proportional fitting."""
    theta = y.sum(0) / np.maximum(o.sum(0), 1e-300)
    theta = theta / theta.mean()
    for _ in range(SWEEPS):
        alpha = y.sum(1) / (o @ theta)
        new = y.sum(0) / (alpha @ o)
        new = new / new.mean()
        if np.abs(np.log(new / theta)).max() < TOLERANCE:
            return np.asarray(new)
        theta = new
    raise ValueError("value and exposure leave the months unconnected: the effects do not converge")


def _errors(
    y: FloatArray, o: FloatArray, theta: FloatArray, before: BoolArray, groups: tuple[IntArray, ...]
) -> FloatArray:
    """Cluster-robust standard errors of log theta less its mean over ``before``."""
    mu = (y.sum(1) / (o @ theta))[:, None] * o * theta
    score = y - mu
    information = np.diag(mu.sum(0)) - (mu / mu.sum(1, keepdims=True)).T @ mu
    bread = np.linalg.pinv(information, hermitian=True)
    contrast = np.eye(len(theta)) - np.outer(np.ones(len(theta)), before / before.sum())
    whole = contrast @ bread
    variance = [np.diag(whole @ _meat(score, group) @ whole.T) for group in groups]
    if len(groups) == 2:
        both = np.unique(groups[0] * (groups[1].max() + 1) + groups[1], return_inverse=True)[1]
        variance.append(variance[0] + variance[1] - np.diag(whole @ _meat(score, both) @ whole.T))
    return np.asarray(np.sqrt(np.max(variance, axis=0)))


def _meat(score: FloatArray, group: IntArray) -> FloatArray:
    """Sum over clusters of the outer product of summed scores, with the correction G / (G - 1)."""
    count = int(group.max()) + 1
    summed = np.zeros((count, score.shape[1]))
    np.add.at(summed, group, score)
    return np.asarray(summed.T @ summed * (count / max(count - 1, 1)))


def stack(
    cube: FloatArray, exposure: FloatArray, date: IntArray, first: int, last: int
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Cut months ``first..last`` around each cell's own date out of calendar time.

    Parameters
    ----------
    cube, exposure : ndarray, shape (cells, periods)
    date : ndarray of int, shape (cells,)
        Period of the measure of each cell.
    first, last : int

    Returns
    -------
    value, exposure : ndarray, shape (cells, last - first + 1)
    observed : ndarray of bool, same shape
        False where the month lies outside the data.
    """
    at = date[:, None] + np.arange(first, last + 1)
    inside = (at >= 0) & (at < cube.shape[1])
    safe = np.where(inside, at, 0)
    rows = np.arange(len(cube))[:, None]
    return np.where(inside, cube[rows, safe], 0.0), np.where(inside, exposure[rows, safe], 0.0), inside
