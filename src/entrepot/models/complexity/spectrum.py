"""Raw complexity of countries and products: second eigenvector, or the method of reflections."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.linalg.blas import dsyrk

FloatArray = NDArray[np.float64]

# Two eigenvalues nearer than this are taken as equal: their vectors are then not determined by the data.
GAP = 1e-10
# Orders at which the method of reflections is stopped, in the way of the Observatory's package.
COUNTRY_ORDER = 18


def second_eigenvector(m: FloatArray) -> FloatArray:
    """Return the raw product complexity: the second eigenvector of ``U^-1 M' D^-1 M``.

    It is found on the smaller side from the symmetric ``D^-1/2 M U^-1 M' D^-1/2`` (or its mirror), whose
    spectrum is the same. The sign makes countries that make more kinds of product more complex.

    Parameters
    ----------
    m : ndarray, shape (countries, products)
        Presence, without empty rows or columns.

    Returns
    -------
    ndarray, shape (products,)

    Raises
    ------
    ValueError
        If there are fewer than two countries or products, or the second eigenvector is not unique: groups of
        countries share no product, or two eigenvalues coincide.

    References
    ----------
    Hidalgo, C. A., & Hausmann, R. (2009). The building blocks of economic complexity. PNAS, 106(26),
    10570-10575. https://doi.org/10.1073/pnas.0900943106
    """
    if min(m.shape) < 2:
        raise ValueError(f"complexity needs at least two countries and two products in use, got {m.shape}")
    diversity, ubiquity = m.sum(axis=1), m.sum(axis=0)
    scaled = m / np.sqrt(diversity)[:, None] / np.sqrt(ubiquity)
    wide = m.shape[0] <= m.shape[1]
    vector = _second(scaled if wide else scaled.T)
    products = (vector / np.sqrt(diversity)) @ m / ubiquity if wide else vector / np.sqrt(ubiquity)
    return np.asarray(products * _sign(m @ products / diversity, diversity))


def _second(scaled: FloatArray) -> FloatArray:
    """Return the second eigenvector of ``A A'``, after checking that it is unique."""
    n = scaled.shape[0]
    gram = dsyrk(1.0, scaled.T, trans=1, lower=0)
    values, vectors = eigh(gram, lower=False, subset_by_index=[max(n - 3, 0), n - 1])
    if values[-1] - values[-2] < GAP:
        raise ValueError(
            "complexity is not defined: the countries fall into groups that have no product in common; "
            "compute each group by itself"
        )
    if values[-2] < GAP or (n > 2 and values[-2] - values[-3] < GAP):
        raise ValueError(
            "complexity is not unique: the second and third eigenvalue coincide, so the data do not order "
            "the countries"
        )
    return np.asarray(vectors[:, -2])


def _sign(countries: FloatArray, diversity: FloatArray) -> float:
    """Return the sign that makes complexity rise with diversity; by the largest entry where it does not."""
    lean = float((countries - countries.mean()) @ (diversity - diversity.mean()))
    if abs(lean) > 1e-12 * float(np.abs(countries).max()) * float(diversity.sum()):
        return float(np.sign(lean))
    return float(np.sign(countries[np.argmax(np.abs(countries))]))


def reflections(m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return product complexity by reflections: the averages of orders 17 and 19.

    ``k[c, n] = mean of k[p, n-1] over the products of c`` and the other way round, from diversity and
    ubiquity. Country complexity of order 18 is the mean of the first over a country's products.

    Parameters
    ----------
    m : ndarray, shape (countries, products)
        Presence, without empty rows or columns.

    Returns
    -------
    tuple of ndarray, shape (products,)
        Orders 17 and 19.

    References
    ----------
    Hidalgo and Hausmann (2009), as `second_eigenvector`.
    """
    diversity, ubiquity = m.sum(axis=1), m.sum(axis=0)
    countries = diversity
    for _ in range(COUNTRY_ORDER // 2 - 1):
        countries = m @ (countries @ m / ubiquity) / diversity
    before = countries @ m / ubiquity
    return before, (m @ before / diversity) @ m / ubiquity
