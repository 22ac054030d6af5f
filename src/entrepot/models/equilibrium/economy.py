"""What a many-sector economy is made of: checked, renormalised, and laid out for fast sweeps.

Callers hand arrays in the order ``[exporter, importer, sector]``. Inside, a pair array is
``[draw, sector, importer, exporter]``, so that every sector is one contiguous block for a matrix-vector
product; the draw axis has length 1 where all draws share the array.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

SHARE_TOLERANCE = 1e-4
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Economy:
    """Baseline of a many-sector world, one row of axis 0 per draw (or a single row shared by all draws).

    Attributes
    ----------
    shares : ndarray, shape (draws, J, N, N)
        Expenditure shares [sector, importer, exporter], gross of tariffs; rows sum to 1, or to 0 where
        nothing is bought.
    tariffs, export_tax : ndarray, shape (draws, J, N, N)
        Baseline ad valorem rates in the same layout.
    expenditure, output : ndarray, shape (draws, N, J)
        Spending gross of tariffs; producers' sales net of all taxes, in the unit of the trade table.
    labour : ndarray, shape (draws, N)
        Baseline value added.
    value_added : ndarray, shape (draws, N, J)
        Share of value added in costs.
    inputs : ndarray, shape (draws, N, J, J)
        Share of input k (axis 2) in the costs of sector j (axis 3); with value_added they sum to 1.
    final_shares : ndarray, shape (draws, N, J)
        Shares of final spending; rows sum to 1.
    theta : ndarray, shape (draws, J)
        Trade elasticities.
    deficits : ndarray, shape (draws, N)
        Net transfer received, in the unit of the trade table; sums to 0.
    income : ndarray, shape (draws, N)
        Value added, tax revenue and deficit.
    """

    shares: FloatArray
    tariffs: FloatArray
    export_tax: FloatArray
    expenditure: FloatArray
    output: FloatArray
    labour: FloatArray
    value_added: FloatArray
    inputs: FloatArray
    final_shares: FloatArray
    theta: FloatArray
    deficits: FloatArray
    income: FloatArray

    @property
    def draws(self) -> int:
        """Number of draws: the longest draw axis."""
        return max(int(getattr(self, field.name).shape[0]) for field in fields(self))

    def take(self, index: IntArray) -> Self:
        """Return the economy of some draws; arrays shared by all draws stay shared."""
        kept = (getattr(self, field.name) for field in fields(self))
        return type(self)(*(take_draws(array, index) for array in kept))


def take_draws(array: FloatArray, index: IntArray) -> FloatArray:
    """Return the rows ``index`` of axis 0, or the array itself where it is shared by all draws."""
    return array if array.shape[0] == 1 else array[index]


def as_floats(name: str, value: ArrayLike, shape: tuple[int, ...], *, least: float = -np.inf) -> FloatArray:
    """Return a finite float array whose last axes broadcast to ``shape``, leading axes being draws.

    Raises
    ------
    ValueError
        If an entry is not finite or lies below ``least``, or the shape does not fit; the message names
        ``name``.
    """
    array = np.asarray(value, dtype=np.float64)
    # a broadcast axis repeats its entries: one of them is enough to check
    distinct = array[tuple(slice(1) if stride == 0 else slice(None) for stride in array.strides)]
    if not np.isfinite(distinct).all():
        raise ValueError(f"{name} must be finite; it holds NaN or infinity")
    if (distinct < least).any():
        raise ValueError(f"{name} must not lie below {least:g}; its smallest entry is {distinct.min():g}")
    lead = array.shape[: max(array.ndim - len(shape), 0)]
    try:
        return np.broadcast_to(array, lead + shape)
    except ValueError:
        raise ValueError(f"{name} has shape {array.shape}; its last axes must fit {shape}") from None


def draw_axes(**arrays: tuple[FloatArray | None, int]) -> tuple[int, ...]:
    """Return the common leading axes of named arrays, each given with its number of trailing axes.

    Raises
    ------
    ValueError
        If the leading axes do not broadcast together; the message names every array that has some.
    """
    leads = {name: lead_axes(array, core) for name, (array, core) in arrays.items() if array is not None}
    try:
        return np.broadcast_shapes(*leads.values())
    except ValueError:
        told = ", ".join(f"{name} {lead}" for name, lead in leads.items() if lead)
        raise ValueError(f"leading draw axes do not fit together: {told}") from None


def lead_axes(array: FloatArray, core: int) -> tuple[int, ...]:
    """Return the shape of the leading (draw) axes of an array with ``core`` trailing axes."""
    return array.shape[: array.ndim - core]


def draw_rows(array: FloatArray, core: int) -> FloatArray:
    """Return the array with its leading axes flattened to one."""
    return array.reshape((-1, *array.shape[array.ndim - core :]))


def row_numbers(lead: tuple[int, ...], draws: tuple[int, ...]) -> IntArray:
    """Return, for each of the flattened ``draws``, the row of an array with leading axes ``lead``."""
    rows = np.arange(int(np.prod(lead, dtype=np.intp))).reshape(lead)
    return np.broadcast_to(rows, draws).ravel()


def flatten_draws(array: FloatArray, core: int, draws: tuple[int, ...]) -> FloatArray:
    """Return the array with one leading draw axis, of length 1 where all draws share it."""
    rows = draw_rows(array, core)
    return rows if rows.shape[0] == 1 else rows[row_numbers(lead_axes(array, core), draws)]


def pair_layout(array: FloatArray) -> FloatArray:
    """Turn ``[..., exporter, importer, sector]`` into contiguous ``[..., sector, importer, exporter]``."""
    return np.ascontiguousarray(np.moveaxis(array, (-3, -2, -1), (-1, -2, -3)))


def table_layout(array: FloatArray) -> FloatArray:
    """Turn ``[..., sector, importer, exporter]`` back into ``[..., exporter, importer, sector]``."""
    return np.moveaxis(array, (-3, -2, -1), (-1, -2, -3))


def build_economy(arrays: dict[str, FloatArray]) -> Economy:
    """Derive the economy from flattened arrays named as in :class:`ManySectors`.

    Parameters
    ----------
    arrays : dict
        ``trade``, ``tariffs``, ``export_tax`` (draws, N, N, J); ``value_added`` (draws, N, J); ``inputs``
        (draws, N, J, J); ``theta`` (draws, J); optionally ``final_shares`` (draws, N, J).

    Raises
    ------
    ValueError
        If shares do not sum to one, or a final use comes out negative.
    """
    trade, tariffs, export_tax = (pair_layout(arrays[name]) for name in ("trade", "tariffs", "export_tax"))
    gross = trade * (1 + tariffs)
    sales = trade / (1 + export_tax)
    expenditure = np.ascontiguousarray(gross.sum(axis=-1).swapaxes(-1, -2))
    output = np.ascontiguousarray(sales.sum(axis=-2).swapaxes(-1, -2))
    if (output.sum(axis=-1) <= 0).any():
        raise ValueError("trade: every country must sell something (its domestic trade included)")
    value_added, inputs = cost_shares(arrays["value_added"], arrays["inputs"], output)
    labour = (value_added * output).sum(axis=-1)
    if (labour <= 0).any():
        raise ValueError("value_added: every country needs a sector that sells and has value added")
    total = gross.sum(axis=-1, keepdims=True)
    shares = np.divide(gross, total, out=np.zeros_like(gross), where=total > 0)
    deficits = trade.sum(axis=(-3, -1)) - trade.sum(axis=(-3, -2))
    final = expenditure - use_of_inputs(inputs, output)
    revenue = (gross - trade).sum(axis=(-3, -1)) + (trade - sales).sum(axis=(-3, -2))
    income = labour + revenue + deficits
    return Economy(
        shares=shares,
        tariffs=tariffs,
        export_tax=export_tax,
        expenditure=expenditure,
        output=output,
        labour=labour,
        value_added=np.ascontiguousarray(value_added),
        inputs=inputs,
        final_shares=final_use_shares(arrays.get("final_shares"), final, expenditure),
        theta=np.ascontiguousarray(arrays["theta"]),
        deficits=deficits,
        income=income,
    )


def cost_shares(
    value_added: FloatArray, inputs: FloatArray, output: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return cost shares that sum to one exactly; a sector that makes nothing costs labour alone.

    Raises
    ------
    ValueError
        If the shares of a sector that sells something are off one by more than 1e-4.
    """
    total = value_added + inputs.sum(axis=-2)
    off = np.where(output > 0, np.abs(total - 1), 0.0)
    if off.max() > SHARE_TOLERANCE:
        country, sector = np.unravel_index(int(off.argmax()), off.shape)[-2:]
        raise ValueError(
            f"value_added and inputs must sum to 1 over input sectors; they miss it by {off.max():.2g} "
            f"in country {country}, sector {sector}"
        )
    usable = total > SHARE_TOLERANCE
    scale = np.where(usable, total, 1.0)
    kept = np.where(usable[..., None, :], inputs / scale[..., None, :], 0.0)
    return np.where(usable, value_added / scale, 1.0), np.ascontiguousarray(kept)


def use_of_inputs(inputs: FloatArray, output: FloatArray) -> FloatArray:
    """Return what producers spend on each input sector, shape (draws, N, J)."""
    used: FloatArray = np.matmul(inputs, output[..., None])[..., 0]
    return used


def final_use_shares(given: FloatArray | None, final: FloatArray, expenditure: FloatArray) -> FloatArray:
    """Return final spending shares that sum to one: those given, or those that the tables imply.

    Raises
    ------
    ValueError
        If shares must be implied and final use is negative beyond rounding, or a country has no final use.
    """
    if given is None:
        floor = -1e-9 * expenditure.max(axis=-1, keepdims=True)
        if (final < floor).any():
            country, sector = np.unravel_index(int(final.argmin()), final.shape)[-2:]
            raise ValueError(
                f"final_shares: spending less inputs is negative ({final.min():.4g}) in country {country}, "
                f"sector {sector}; give final_shares and call rebase()"
            )
        given = np.where(final > ROUNDING * expenditure, final, 0.0)
    total = given.sum(axis=-1, keepdims=True)
    if (total <= 0).any():
        raise ValueError("final_shares: every country needs some final use")
    shares: FloatArray = given / total
    return shares
