"""Hypothetical extraction: what is lost if one country's deliveries to another stop.

Two readings of the same stop of the deliveries ``A_rs`` of r to s, both from one inverse:

- demand side (Leontief): r sells less, and so do its suppliers.
  ``x - x' = B_{:,r} (I + A_rs B_sr)^-1 A_rs x_s``
- supply side (Ghosh): s lacks the input, and so do its customers. With ``G = X^-1 B X``,
  ``(x_j - x_j') / x_j = 1' (I + A_rs B_sr)^-1 A_rs B_sj``

Both are linear: every other flow keeps its proportion, prices do not move, nobody else steps in. The supply
side assumes that what remains of other inputs can be used without the lost one, so a bottleneck loses more:
`no_substitution_losses`. If another seller steps in, the loss tends to nil.

References
----------
Miller, R. E., & Blair, P. D. (2022). Input-Output Analysis, 3rd edition. Cambridge University Press,
chapter 12.
Dietzenbacher, E., & van der Linden, J. A. (1997). Sectoral and Spatial Linkages in the EC Production
Structure. Journal of Regional Science 37(2), 235-257, doi:10.1111/0022-4146.00053.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Extraction:
    """World output without one country's deliveries to another, demand side.

    Attributes
    ----------
    output : ndarray, shape (R,)
        Gross output that remains, in the unit of the table.
    loss : ndarray, shape (R,)
        Gross output lost, >= 0.
    """

    output: FloatArray
    loss: FloatArray


def extract(inverse: ArrayLike, X: ArrayLike, sales: ArrayLike, seller: slice, buyer: slice) -> Extraction:
    """Remove the deliveries of one block of industries to another, without solving the table again.

    Parameters
    ----------
    inverse : array_like, shape (R, R)
        Leontief inverse of the whole table; may be memory-mapped, of which only a block column is read.
    X : array_like, shape (R,)
        Gross output.
    sales : array_like, shape (K, M)
        Intermediate sales of the K rows of ``seller`` to the M rows of ``buyer``, unit of X.
    seller, buyer : slice
        Their rows in the table.

    Returns
    -------
    Extraction

    Raises
    ------
    ValueError
        If the shapes do not fit, or the buyer's industries sell nothing but the seller's inputs.

    Examples
    --------
    A sells 10 to B; without it A makes 20, what its own final demand and B's other inputs need.

    >>> from entrepot.models.inputoutput import leontief_inverse
    >>> B = leontief_inverse([[0, 10], [5, 0]], [30, 40])
    >>> extract(B, [30, 40], [[10]], slice(0, 1), slice(1, 2)).output.round(2).tolist()
    [20.0, 38.33]
    """
    table, output = _checked(inverse, X)
    sold = np.asarray(sales, dtype=np.float64)
    if sold.shape != (output[seller].size, output[buyer].size):
        raise ValueError(
            f"sales must have shape {(output[seller].size, output[buyer].size)}, got {sold.shape}"
        )
    needs = _coefficients(sold, output[buyer])
    column = table[:, seller]
    loop = np.eye(len(needs)) + needs @ column[buyer]
    loss = column @ np.linalg.solve(loop, sold.sum(axis=1))
    return Extraction(output - loss, loss)


def partner_loss(needs: ArrayLike, own: ArrayLike, towards: ArrayLike) -> FloatArray:
    """Return the share of each buying industry's output lost if all inputs of a partner stop, supply side.

    ``1' (I + A_rs B_sr)^-1 A_rs B_ss``

    Parameters
    ----------
    needs : array_like, shape (K, M)
        ``A_rs``: inputs from the partner's K industries per unit of output of the buyer's M industries.
    own : array_like, shape (M, M)
        ``B_ss`` of the buyer.
    towards : array_like, shape (M, K)
        ``B_sr``: output of the buyer in the partner's final output.

    Returns
    -------
    ndarray, shape (M,)
        Between 0 and 1.
    """
    inputs, inner, back = (np.asarray(array, dtype=np.float64) for array in (needs, own, towards))
    loop = np.eye(len(inputs)) + inputs @ back
    return np.asarray(np.linalg.solve(loop.T, np.ones(len(inputs))) @ inputs @ inner, dtype=np.float64)


def supply_losses(needs: ArrayLike, own: ArrayLike, towards: ArrayLike) -> FloatArray:
    """Return the same share for the stop of each input alone: one row per input.

    For input i, ``a_i B_ss / (1 + a_i B_si)`` with ``a_i`` the i-th row of ``needs``.

    Parameters
    ----------
    needs : array_like, shape (P, M)
        Inputs of P foreign industries per unit of output of the buyer's M industries.
    own : array_like, shape (M, M)
        ``B_ss`` of the buyer.
    towards : array_like, shape (M, P)
        Output of the buyer in the final output of each foreign industry.

    Returns
    -------
    ndarray, shape (P, M)
        Between 0 and 1.

    Examples
    --------
    One industry that needs 0.25 of an input per unit of output, no loops:

    >>> supply_losses([[0.25]], [[1.0]], [[0.0]]).tolist()
    [[0.25]]
    """
    inputs, inner, back = (np.asarray(array, dtype=np.float64) for array in (needs, own, towards))
    around = np.einsum("pm,mp->p", inputs, back)
    return np.asarray((inputs @ inner) / (1.0 + around)[:, None], dtype=np.float64)


def no_substitution_losses(
    sales: ArrayLike, of_kind: ArrayLike, own: ArrayLike, *, material: float = 0.0
) -> FloatArray:
    """Return the share lost where nothing replaces an input: a bottleneck.

    An industry that gets the share ``c`` of a kind of input from one seller makes ``c`` less of its product,
    and passes that on to its customers at home: ``min(1, c B_ss)``. With ``material = 0`` every trace of an
    input is indispensable, which bounds `supply_losses` from above.

    Parameters
    ----------
    sales : array_like, shape (P, M)
        Inputs of P foreign industries per unit of output of the buyer's M industries.
    of_kind : array_like, shape (P, M)
        Inputs of the same kind from everybody, home included, per unit of output; at least ``sales``.
    own : array_like, shape (M, M)
        ``B_ss`` of the buyer.
    material : float
        A kind of input is indispensable where it takes at least this share of the value of output.

    Returns
    -------
    ndarray, shape (P, M)
        Between 0 and 1.

    Examples
    --------
    >>> no_substitution_losses([[0.05]], [[0.1]], [[1.1]]).tolist()
    [[0.55]]
    >>> no_substitution_losses([[0.05]], [[0.1]], [[1.1]], material=0.2).tolist()
    [[0.0]]
    """
    sold, bought = np.asarray(sales, dtype=np.float64), np.asarray(of_kind, dtype=np.float64)
    counted = (bought > 0) & (bought >= material)
    share = np.divide(sold, bought, out=np.zeros_like(sold), where=counted)
    return np.asarray(np.minimum(share @ np.asarray(own, dtype=np.float64), 1.0), dtype=np.float64)


def _checked(inverse: ArrayLike, X: ArrayLike) -> tuple[FloatArray, FloatArray]:
    table, output = np.asarray(inverse), np.asarray(X, dtype=np.float64)
    if table.ndim != 2 or table.shape != (len(output), len(output)):
        raise ValueError(f"inverse must have shape {(len(output), len(output))}, got {table.shape}")
    if not np.isfinite(output).all() or (output < 0).any():
        raise ValueError("X must be finite and not negative")
    return table, output


def _coefficients(sales: FloatArray, output: FloatArray) -> FloatArray:
    """Return sales per unit of the buyer's output, and 0 where there is none."""
    return np.divide(sales, output, out=np.zeros_like(sales), where=output > 0)
