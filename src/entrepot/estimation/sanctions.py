"""How much of a flow the measures of the catalogue cover, year by year, as two bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from entrepot.measures import load_catalogue
from entrepot.measures.catalogue import Catalogue, countries
from entrepot.measures.schema import Measure
from entrepot.measures.scope import covered
from entrepot.result import Source

FloatArray = NDArray[np.float64]

# Prohibitions and licences stop or slow trade; a price cap or guidance may leave its quantity alone.
COUNTED = ("ban", "licence")


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Measures on one target in one direction, K partners of the target and C codes.

    Attributes
    ----------
    target : int
        Place of the target among the countries.
    exports_to : bool
        True for flows to the target, False for flows from it.
    lower, upper : ndarray, shape (T, N, C)
        Share of the year in which a partner's flow is covered, at least and at most.
    """

    target: int
    exports_to: bool
    lower: FloatArray
    upper: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """Coverage of the flows among N countries in T years, by product code.

    Attributes
    ----------
    shape : tuple of int
        (T, N).
    codes : tuple of str, length C
        Product codes.
    blocks : tuple of Block
        All measures found.
    sources : tuple of Source
        The instruments.
    """

    shape: tuple[int, int]
    codes: tuple[str, ...]
    blocks: tuple[Block, ...]
    sources: tuple[Source, ...]

    def shares(self, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the covered share of every flow, at least and at most, shape (T, N, N) each.

        Parameters
        ----------
        weights : ndarray, shape (C,)
            Weight of each code; they need not add up to 1.
        """
        years, size = self.shape
        share = weights / weights.sum()
        lower = np.zeros((years, size, size))
        upper = lower.copy()
        for block in self.blocks:
            # No country of the catalogue is sender and target at once, so that directions never overlap.
            place = np.s_[:, :, block.target] if block.exports_to else np.s_[:, block.target, :]
            lower[place] = np.maximum(lower[place], block.lower @ share)
            upper[place] = np.maximum(upper[place], block.upper @ share)
        return np.minimum(lower, 1.0), np.minimum(upper, 1.0)


def coverage(
    names: Sequence[str],
    years: Sequence[int],
    codes: Sequence[str],
    nomenclature: str,
    law: Catalogue | None = None,
) -> Coverage:
    """Join the catalogue with flows among countries.

    Law without a printed end counts as standing after the day up to which the catalogue was read. Members of
    a bloc are those of 1 July. Where several senders bind a flow, the widest measure counts.

    Parameters
    ----------
    names : sequence of str, length N
        ISO3 codes.
    years : sequence of int, length T
        Calendar years.
    codes : sequence of str, length C
        Product codes of one nomenclature.
    nomenclature : str
        For example ``HS1992``.
    law : Catalogue, optional
        The shipped one if left out.

    Returns
    -------
    Coverage
    """
    held = law or load_catalogue()
    law = held.carried_forward()
    blocks, used = [], []
    for target in law.targets():
        if target not in names:
            continue
        for direction in ("export", "import"):
            counted = [row for row in law.select(target, kinds=COUNTED) if row.direction == direction]
            block = _block(law, target, direction, counted, names, years, codes, nomenclature)
            if block is not None:
                blocks.append(block)
                used += counted
    return Coverage((len(years), len(names)), tuple(codes), tuple(blocks), held.sources(used))


def _block(
    law: Catalogue,
    target: str,
    direction: str,
    counted: Sequence[Measure],
    names: Sequence[str],
    years: Sequence[int],
    codes: Sequence[str],
    nomenclature: str,
) -> Block | None:
    lower = np.zeros((len(years), len(names), len(codes)))
    upper = lower.copy()
    place = {name: at for at, name in enumerate(names)}
    for sender in law.senders(target, COUNTED):
        measures = [row for row in counted if _keeps(law, row, sender)]
        if not measures:
            continue
        begins = law.first_date(measures).year
        for t, year in enumerate(years):
            bound = countries(sender, date(year, 7, 1))
            members = [name for name in names if name != target and (bound is None or name in bound)]
            if year < begins or not members:
                continue
            low, high = covered(
                law, codes, nomenclature, sender=sender, members=members, measures=measures,
                since=date(year, 1, 1), until=date(year + 1, 1, 1),
            )  # fmt: skip
            rows = [place[name] for name in members]
            lower[t, rows] = np.maximum(lower[t, rows], low)
            upper[t, rows] = np.maximum(upper[t, rows], high)
    if not upper.any():
        return None
    return Block(place[target], direction == "export", lower, upper)


def _keeps(law: Catalogue, row: Measure, sender: str) -> bool:
    return any(party.iso3 == sender for party in law.parties_of(row.measure_id, "sender"))
