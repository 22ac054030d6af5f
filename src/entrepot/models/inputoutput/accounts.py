"""A checked inter-country table with its exporters as blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.inputoutput.inverse import check_flows, inverted, reciprocal, shares_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Published tables balance to rounding; more than this share of the largest output is no balanced table.
BALANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Accounts:
    """A table whose rows stand exporter by exporter; R rows, G exporters.

    Attributes
    ----------
    Z : ndarray, shape (R, R)
        Intermediate sales [seller, buyer].
    Y : ndarray, shape (R, G)
        Final demand [seller, exporter's country or group that uses it].
    X, v : ndarray, shape (R,)
        Gross output, and value added per unit of it.
    per_output : ndarray, shape (R,)
        1 / X, and 0 where there is no output.
    inverse : ndarray, shape (R, R)
        Leontief inverse.
    blocks : tuple of slice, length G
        Rows of each exporter.
    order : ndarray of int, shape (R,)
        Row of the caller's table that stands in each row here.
    exports : ndarray, shape (R, G)
        Intermediate and final sales to each other exporter's territory; 0 to one's own.
    local : tuple of ndarray, length G
        ``L_ss = (I - A_ss)^-1`` of each exporter.
    """

    Z: FloatArray
    Y: FloatArray
    X: FloatArray
    v: FloatArray
    per_output: FloatArray
    inverse: FloatArray
    blocks: tuple[slice, ...]
    order: IntArray
    exports: FloatArray
    local: tuple[FloatArray, ...]

    @property
    def starts(self) -> list[int]:
        """First row of each exporter."""
        return [block.start for block in self.blocks]

    def own(self, block: slice) -> FloatArray:
        """Return the diagonal block of B of one exporter, ``B_ss``, shape (K, K)."""
        return self.inverse[block, block]

    def passed_on(self, block: slice, use: FloatArray) -> FloatArray:
        """Return ``A_sr use_r`` for every r: exports of s that end in a given use of r's output.

        Parameters
        ----------
        block : slice
            Rows of the exporter s, K of them.
        use : ndarray, shape (R, U)
            U uses of every industry's output.

        Returns
        -------
        ndarray, shape (U, K, G)
        """
        sold, per_unit = self.Z[block], use * self.per_output[:, None]
        found = np.empty((use.shape[1], sold.shape[0], len(self.blocks)))
        for place, other in enumerate(self.blocks):
            found[:, :, place] = (sold[:, other] @ per_unit[other]).T
        return found


def accounts(
    Z: ArrayLike, Y: ArrayLike, X: ArrayLike, groups: ArrayLike | None, inverse: ArrayLike | None
) -> Accounts:
    """Check a table, join the countries of a group and invert it.

    Raises
    ------
    ValueError
        If an argument has the wrong shape, holds NaN, or the table does not balance or cannot be inverted.
    """
    flows, output = check_flows(Z, X)
    final = np.asarray(Y, dtype=np.float64)
    _check_final(final, flows, output)
    member = _membership(groups, final.shape[1])
    rows = np.repeat(member, len(output) // final.shape[1])
    number = int(member.max()) + 1
    final = np.stack([final[:, member == g].sum(axis=1) for g in range(number)], axis=1)
    order = np.argsort(rows, kind="stable")
    known = None if inverse is None else _given_inverse(inverse, flows, output)
    if not np.array_equal(order, np.arange(len(order))):
        flows, final, output = flows[np.ix_(order, order)], final[order], output[order]
        known = None if known is None else known[np.ix_(order, order)]
    ends = np.searchsorted(rows[order], np.arange(number), side="right")
    blocks = tuple(slice(int(a), int(b)) for a, b in zip([0, *ends[:-1]], ends, strict=True))
    return Accounts(
        Z=flows,
        Y=final,
        X=output,
        v=shares_of(flows, output),
        per_output=reciprocal(output),
        inverse=inverted(flows, output) if known is None else known,
        blocks=blocks,
        order=np.asarray(order, dtype=np.intp),
        exports=_exports(flows, final, blocks),
        local=tuple(_local(flows[block, block], output[block]) for block in blocks),
    )


def _check_final(final: FloatArray, flows: FloatArray, output: FloatArray) -> None:
    """Refuse final demand that does not fit the table; negative cells (stocks run down) are allowed."""
    if final.ndim != 2 or final.shape[0] != len(output) or len(output) % max(final.shape[1], 1):
        raise ValueError(
            f"Y must have {len(output)} rows and one column per country of equally many industries, "
            f"got shape {final.shape}"
        )
    if not np.isfinite(final).all():
        raise ValueError("Y holds NaN or infinity: fill in or leave out what was not observed")
    gap = np.abs(flows.sum(axis=1) + final.sum(axis=1) - output)
    worst = int(gap.argmax())
    if gap[worst] > BALANCE * output.max():
        raise ValueError(
            f"X of row {worst} is {output[worst]:g}, but its sales in Z and Y sum to "
            f"{output[worst] + gap[worst]:g} or {output[worst] - gap[worst]:g}: the table does not balance"
        )


def _membership(groups: ArrayLike | None, countries: int) -> IntArray:
    """Return the exporter of each country, numbered from 0 without gaps."""
    if groups is None:
        return np.arange(countries)
    member = np.asarray(groups)
    if member.shape != (countries,) or not np.issubdtype(member.dtype, np.integer):
        raise ValueError(f"groups must be {countries} whole numbers, one per column of Y")
    if not np.array_equal(np.unique(member), np.arange(len(np.unique(member)))):
        raise ValueError("groups must number the exporters 0, 1, 2, ... without gaps")
    return member.astype(np.intp)


def _given_inverse(inverse: ArrayLike, flows: FloatArray, output: FloatArray) -> FloatArray:
    """Check that a Leontief inverse computed before belongs to this table."""
    known = np.asarray(inverse, dtype=np.float64)
    if known.shape != flows.shape:
        raise ValueError(f"inverse must have shape {flows.shape}, got {known.shape}")
    if not np.abs(shares_of(flows, output) @ known - 1.0).max() < 1e-6:
        raise ValueError("inverse is not that of Z and X: column sums of v B are not one")
    return known


def _exports(flows: FloatArray, final: FloatArray, blocks: tuple[slice, ...]) -> FloatArray:
    """Return sales to each other exporter's territory, shape (R, G)."""
    found = final + np.add.reduceat(flows, [block.start for block in blocks], axis=1)
    for place, block in enumerate(blocks):
        found[block, place] = 0.0
    return np.asarray(found, dtype=np.float64)


def _local(flows: FloatArray, output: FloatArray) -> FloatArray:
    """Return the Leontief inverse of one exporter alone."""
    needs = flows * reciprocal(output)
    return np.asarray(np.linalg.inv(np.eye(len(output)) - needs), dtype=np.float64)
