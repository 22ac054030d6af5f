"""Value added by origin: whose value is in a unit of output, in exports or in final demand.

``v_i B_ij`` is the value added in industry i per unit of final output of industry j; each column of ``v B``
adds up to one, because all value of a product arises somewhere.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


def value_added_by_origin(inverse: ArrayLike, v: ArrayLike, demand: ArrayLike) -> FloatArray:
    """Return ``diag(v) B diag(d)``: value added by industry of origin in each industry's deliveries.

    Parameters
    ----------
    inverse : array_like, shape (R, C)
        Columns of the Leontief inverse.
    v : array_like, shape (R,)
        Value added per unit of output.
    demand : array_like, shape (C,)
        Deliveries of each column's industry: ones for shares, exports, output or final demand.

    Returns
    -------
    ndarray, shape (R, C)
        In the unit of ``demand``.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Notes
    -----
    Leontief, W. (1936), doi:10.2307/1927837.

    Examples
    --------
    >>> value_added_by_origin([[1.25, 0.25], [0.0, 1.0]], [0.8, 0.8], [1, 1]).tolist()
    [[1.0, 0.2], [0.0, 0.8]]
    """
    columns = np.asarray(inverse, dtype=np.float64)
    shares, sold = np.asarray(v, dtype=np.float64), np.asarray(demand, dtype=np.float64)
    if columns.ndim != 2 or shares.shape != columns.shape[:1] or sold.shape != columns.shape[1:]:
        raise ValueError(
            f"v and demand must have shapes {columns.shape[:1]} and {columns.shape[1:]} to fit inverse, "
            f"got {shares.shape} and {sold.shape}"
        )
    return shares[:, None] * columns * sold


def content_by_origin(inverse: ArrayLike, v: ArrayLike, origin: ArrayLike) -> FloatArray:
    """Return the share of each column's final output whose value arises in each place of origin.

    Parameters
    ----------
    inverse : array_like, shape (R, C)
        Columns of the Leontief inverse.
    v : array_like, shape (R,)
        Value added per unit of output.
    origin : array_like of int, shape (R,)
        Place (country or bloc) of each row, from 0.

    Returns
    -------
    ndarray, shape (G, C)
        Each column adds up to one where ``inverse`` and ``v`` are of one table.

    Raises
    ------
    ValueError
        If the shapes do not fit or ``origin`` does not number places from 0.

    Examples
    --------
    >>> content_by_origin([[1.25, 0.25], [0.0, 1.0]], [0.8, 0.8], [0, 1]).tolist()
    [[1.0, 0.2], [0.0, 0.8]]
    """
    columns = np.asarray(inverse, dtype=np.float64)
    place = np.asarray(origin)
    if place.shape != columns.shape[:1] or not np.issubdtype(place.dtype, np.integer) or place.min() < 0:
        raise ValueError(f"origin must be {len(columns)} whole numbers from 0")
    value = value_added_by_origin(columns, v, np.ones(columns.shape[-1]))
    found = np.zeros((int(place.max()) + 1, columns.shape[1]))
    np.add.at(found, place, value)
    return found
