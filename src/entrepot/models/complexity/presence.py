"""Revealed comparative advantage, and what counts as made."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Given = Literal["values", "rca", "presence"]
Label = TypeVar("Label", bound=Hashable)


def advantage(values: ArrayLike) -> FloatArray:
    """Return Balassa's revealed comparative advantage.

    ``RCA[c, p] = (x[c, p] / sum_p x[c, p]) / (sum_c x[c, p] / sum x)``.

    Parameters
    ----------
    values : array_like, shape (countries, products)
        Exports >= 0 in one unit. What was not observed has no place here: decide before, and say so.

    Returns
    -------
    ndarray, shape (countries, products)
        RCA >= 0; NaN in the row of a country that exports nothing and in the column of a product that
        nobody exports.

    Raises
    ------
    ValueError
        If ``values`` is not a matrix of finite numbers >= 0, or all of it is 0.

    References
    ----------
    Balassa, B. (1965). Trade liberalisation and "revealed" comparative advantage. The Manchester School,
    33(2), 99-123. https://doi.org/10.1111/j.1467-9957.1965.tb00050.x

    Examples
    --------
    >>> advantage([[3, 1], [1, 3]]).tolist()
    [[1.5, 0.5], [0.5, 1.5]]
    """
    x = checked(values)
    country, product = x.sum(axis=1, keepdims=True), x.sum(axis=0, keepdims=True)
    world = float(x.sum())
    if world == 0:
        raise ValueError("values must hold at least one positive number")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((x / country) / (product / world))


def checked(values: ArrayLike, name: str = "values") -> FloatArray:
    """Return a matrix of finite numbers >= 0, or say what is wrong and where."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"{name} must be a matrix [country, product], got shape {x.shape}")
    # One pass over the data when all is well; the place of the fault is looked for only if there is one.
    low, high = float(x.min()), float(x.max())
    if low >= 0 and high < np.inf:
        return x
    for fault, where in (("NaN", np.isnan(x)), ("infinite", np.isinf(x)), ("negative", x < 0)):
        if where.any():
            row, column = (int(i) for i in np.argwhere(where)[0])
            raise ValueError(
                f"{name}[{row}, {column}] is {fault} ({int(where.sum())} such cells): {name} must be finite "
                "and >= 0; what was not observed is not 0, so leave the country out or fill it and say so"
            )
    raise AssertionError("unreachable")


def presence(rca: FloatArray, kind: Literal["threshold", "continuous"]) -> FloatArray:
    """Return M from RCA, shape as ``rca``; undefined RCA counts as not made.

    Examples
    --------
    >>> presence(np.array([[3.0, 0.5]]), "continuous").tolist()
    [[0.75, 0.3333333333333333]]
    """
    if kind == "threshold":
        return (rca >= 1.0).astype(np.float64)
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(rca / (1.0 + rca), nan=0.0)


def cross_table(
    countries: Sequence[Label],
    products: Sequence[Label],
    values: ArrayLike,
    *,
    duplicates: Literal["refuse", "sum"] = "refuse",
) -> tuple[tuple[Label, ...], tuple[Label, ...], FloatArray]:
    """Lay tidy rows out as a matrix [country, product], labels sorted; pairs without a row are 0.

    Parameters
    ----------
    countries, products : sequence of hashable, length n
        Labels of each row.
    values : array_like, shape (n,)
        Values of each row.
    duplicates : {"refuse", "sum"}
        What to do with two rows for the same country and product.

    Returns
    -------
    tuple
        Country labels, product labels, matrix.

    Raises
    ------
    ValueError
        If the lengths differ, or a pair occurs twice while ``duplicates`` is "refuse".

    Examples
    --------
    >>> cross_table(["B", "A"], ["1", "2"], [5, 7])
    (('A', 'B'), ('1', '2'), array([[0., 7.],
           [5., 0.]]))
    """
    if duplicates not in ("refuse", "sum"):
        raise ValueError(f"duplicates must be 'refuse' or 'sum', got {duplicates!r}")
    amounts = np.asarray(values, dtype=np.float64)
    if not len(countries) == len(products) == amounts.size:
        raise ValueError(
            f"countries, products and values must have one length, got {len(countries)}, {len(products)}, "
            f"{amounts.size}"
        )
    rows, columns = (tuple(sorted(set(labels), key=str)) for labels in (countries, products))
    row_of, column_of = ({label: i for i, label in enumerate(labels)} for labels in (rows, columns))
    place = (
        np.array([row_of[label] for label in countries], dtype=np.intp),
        np.array([column_of[label] for label in products], dtype=np.intp),
    )
    flat = place[0] * len(columns) + place[1]
    if duplicates == "refuse" and len(np.unique(flat)) < len(flat):
        first, seen = np.unique(flat, return_counts=True)
        twice = int(first[seen > 1][0])
        raise ValueError(
            f"country {rows[twice // len(columns)]!r} and product {columns[twice % len(columns)]!r} occur "
            f"{int(seen.max())} times; pass duplicates='sum' if the rows add up"
        )
    matrix = np.zeros((len(rows), len(columns)))
    np.add.at(matrix, place, amounts)
    return rows, columns, matrix
