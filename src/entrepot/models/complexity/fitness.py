"""Fitness of countries and complexity of products by the nonlinear map of Tacchella et al."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.complexity.presence import Given, advantage, checked, presence

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitness:
    """Fixed point, or the point reached, of the fitness map.

    Attributes
    ----------
    fitness : ndarray, shape (countries,)
        Mean 1 over the countries that make something; NaN for the others.
    complexity : ndarray, shape (products,)
        Mean 1 over the products that somebody makes; NaN for the others.
    iterations : int
        Updates done.
    change : float
        Largest absolute change of fitness in the last update.
    converged : bool
        Whether ``change`` fell to the tolerance. Where the matrix has an empty corner, the fitness of some
        countries falls to 0 for ever; ranks settle all the same (Pugliese, Zaccaria & Pietronero 2016).
    """

    fitness: FloatArray
    complexity: FloatArray
    iterations: int
    change: float
    converged: bool


def fitness(
    values: ArrayLike,
    *,
    given: Given = "values",
    iterations: int | None = None,
    tolerance: float = 1e-10,
    at_most: int = 10_000,
) -> Fitness:
    """Compute fitness: ``F[c] = sum_p M Q[p]``, ``Q[p] = 1 / sum_c M / F[c]``, each over its mean.

    Both sides are updated from the last round, from 1.

    Parameters
    ----------
    values : array_like, shape (countries, products)
        Exports, RCA or presence, as ``given`` says; M is RCA >= 1, presence is taken as it is.
    given : {"values", "rca", "presence"}
    iterations : int, optional
        Do exactly so many updates; until the tolerance is met if left out.
    tolerance : float
        Largest absolute change of fitness (mean 1) at which the map is said to stand still.
    at_most : int
        Updates after which to stop; ``converged`` is then False.

    Returns
    -------
    Fitness

    Raises
    ------
    ValueError
        If ``values`` is no such matrix, nobody makes anything, or a number is out of range.

    References
    ----------
    Tacchella, A., Cristelli, M., Caldarelli, G., Gabrielli, A., & Pietronero, L. (2012). A new metrics for
    countries' fitness and products' complexity. Scientific Reports, 2, 723.
    https://doi.org/10.1038/srep00723
    Pugliese, E., Zaccaria, A., & Pietronero, L. (2016). On the convergence of the fitness-complexity
    algorithm. European Physical Journal Special Topics, 225, 1893-1911.
    https://doi.org/10.1140/epjst/e2015-50118-1

    Examples
    --------
    >>> found = fitness([[1, 1], [1, 0]], given="presence", iterations=1)
    >>> found.fitness.round(3).tolist()
    [1.333, 0.667]
    """
    if iterations is not None and iterations < 1:
        raise ValueError(f"iterations must be at least 1, got {iterations}")
    if not (tolerance > 0 and at_most >= 1):
        raise ValueError(f"tolerance and at_most must be positive, got {tolerance} and {at_most}")
    m = made(values, given)
    rows, columns = (np.asarray(m.any(axis=side)) for side in (1, 0))
    if not rows.any():
        raise ValueError("values show nobody who makes anything: M is empty")
    kept = m[np.ix_(rows, columns)]
    f, q, done, change = _iterate(kept, iterations or at_most, 0.0 if iterations else tolerance)
    return Fitness(_spread(f, rows), _spread(q, columns), done, change, change <= tolerance)


def made(values: ArrayLike, given: Given) -> FloatArray:
    """Return M by the threshold from exports, RCA or presence."""
    if given == "values":
        return presence(advantage(values), "threshold")
    if given == "rca":
        return presence(checked(values), "threshold")
    if given == "presence":
        return checked(values)
    raise ValueError(f"given must be 'values', 'rca' or 'presence', got {given!r}")


def _iterate(m: FloatArray, at_most: int, tolerance: float) -> tuple[FloatArray, FloatArray, int, float]:
    """Update fitness and complexity until fitness stands still."""
    f, q = np.ones(m.shape[0]), np.ones(m.shape[1])
    change = np.inf
    # A fitness that falls for ever is held above zero, so that one over it stays finite.
    floor = np.finfo(np.float64).tiny ** 0.5
    for done in range(1, at_most + 1):
        new_f = m @ q
        new_q = 1.0 / ((1.0 / f) @ m)
        new_f = np.maximum(new_f / new_f.mean(), floor)
        new_q /= new_q.mean()
        change = float(np.abs(new_f - f).max())
        f, q = new_f, new_q
        if change <= tolerance:
            return f, q, done, change
    return f, q, at_most, change


def _spread(values: FloatArray, where: NDArray[np.bool_]) -> FloatArray:
    """Put values back to their places, NaN elsewhere."""
    whole = np.full(len(where), np.nan)
    whole[where] = values
    return whole
