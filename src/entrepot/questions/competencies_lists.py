"""What is listed: what a country makes, what is near to it, and what would open most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import InputError
from entrepot.questions import words
from entrepot.questions.competencies_read import Ask, Space
from entrepot.questions.lawful import lawful
from entrepot.world import products as hs
from entrepot.world import sectors

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Broad kinds of goods by the last HS chapter they hold, for colours.
KINDS = (
    ("24", "Farm and food"),
    ("27", "Minerals and fuels"),
    ("40", "Chemicals and plastics"),
    ("49", "Wood, paper and leather"),
    ("67", "Textiles and clothing"),
    ("83", "Stone and metals"),
    ("85", "Machines and electronics"),
    ("97", "Vehicles, instruments, other"),
)


@dataclass(frozen=True, slots=True)
class Lists:
    """One country's place in the space of products; arrays over the products of the space.

    Attributes
    ----------
    labels, kinds : tuple of str
        Names and broad kinds.
    exports, world : ndarray
        USD: the country's exports, and everybody's.
    rca, pci, density, cog : ndarray
        NaN where not defined.
    made : ndarray of bool
        RCA of at least 1.
    barred : ndarray of bool
        Never in a list of what could be made: arms, and goods of dual use for a target of measures.
    nearest, outlook : ndarray of int
        Columns of the two lists of what is not made, best first.
    """

    labels: tuple[str, ...]
    kinds: tuple[str, ...]
    exports: FloatArray
    world: FloatArray
    rca: FloatArray
    pci: FloatArray
    density: FloatArray
    cog: FloatArray
    made: BoolArray
    barred: BoolArray
    nearest: NDArray[np.intp]
    outlook: NDArray[np.intp]

    @property
    def open(self) -> BoolArray:
        """What is not made and may be listed."""
        return ~self.made & ~self.barred & ~np.isnan(self.density) & ~np.isnan(self.pci)


def lists(ask: Ask, space: Space) -> Lists:
    """Take one country out of the space and order what it does not make.

    `nearest` goes by density. `outlook` holds what is nearer than the middle of all that is not made and more
    complex than the mean of what is made, by complexity outlook gain.
    """
    row, found = space.row(ask.country), space.found
    rca = found.rca[row]
    made = np.nan_to_num(rca) >= 1.0
    density, gain, pci = found.density_of(row), found.cog_of(row), found.pci
    barred = forbidden(ask, space.products)
    free = np.flatnonzero(~made & ~barred & ~np.isnan(density) & ~np.isnan(pci))
    nearest = free[np.lexsort((free, -density[free]))]
    complex_enough = pci > (pci[made & ~np.isnan(pci)].mean() if made.any() else -np.inf)
    near_enough = density >= (np.median(density[free]) if len(free) else np.inf)
    some = free[(complex_enough & near_enough)[free]]
    return Lists(
        labels=tuple(name(code, ask.goods) for code in space.products),
        kinds=tuple(kind(code, ask.goods) for code in space.products),
        exports=space.exports[row],
        world=space.exports.sum(axis=0),
        rca=rca,
        pci=pci,
        density=density,
        cog=gain,
        made=made,
        barred=barred,
        nearest=nearest,
        outlook=some[np.lexsort((some, -gain[some]))],
    )


def forbidden(ask: Ask, codes: Sequence[str]) -> BoolArray:
    """Return what never stands in a list of what a country could make.

    A heading is left out as soon as one of its subheadings is. Industries are wider than any position of a
    measure and are not left out.
    """
    if not ask.goods:
        return np.zeros(len(codes), dtype=bool)
    full = tuple(dict.fromkeys((*hs.codes(ask.revision), *(code for code in codes if len(code) == 6))))
    law = lawful(full, ask.revision, date(ask.year, 12, 31))
    flagged = law.made(ask.country)
    prefixes = {code[: ask.level] for code, bad in zip(full, flagged, strict=True) if bad}
    everything = bool(flagged.all())
    return np.array([everything or code in prefixes or code[:2] in ("93", "98", "99") for code in codes])


def name(code: str, goods: bool) -> str:
    """Name a product or an industry for the reader."""
    if not goods:
        return sectors.name(code)
    try:
        return words.label(code, "product")
    except InputError:
        return code


def kind(code: str, goods: bool) -> str:
    """Return the broad kind of a product or an industry."""
    if not goods:
        return sectors.group(code).capitalize()
    return next((title for last, title in KINDS if code[:2] <= last), KINDS[-1][1])
