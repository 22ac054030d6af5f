"""Complexity of countries and products, and how far a country is from what it does not make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models.complexity import space, spectrum
from entrepot.models.complexity.conventions import Convention, ConventionName, convention_of
from entrepot.models.complexity.presence import Given, advantage, checked, presence

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Complexity:
    """Measures of complexity of one table under one convention; each is computed when first asked for.

    ECI alone never touches the product space. NaN means "not defined": ECI of a country that makes nothing,
    PCI of a product that nobody in the reference sample makes, and what follows from them.

    Attributes
    ----------
    rca : ndarray, shape (countries, products)
        Revealed comparative advantage over all countries given; NaN where presence was given.
    m : ndarray, shape (countries, products)
        What counts as made, between 0 and 1.
    reference : ndarray of bool, shape (countries,)
        The sample on which PCI, proximity and standard deviations rest.
    convention : Convention
    """

    rca: FloatArray
    m: FloatArray
    reference: BoolArray
    convention: Convention

    @property
    def sample(self) -> str:
        """The reference sample in words."""
        n, of = int(self.reference.sum()), len(self.reference)
        return f"all {of} countries given" if n == of else f"{n} of the {of} countries given"

    @cached_property
    def diversity(self) -> FloatArray:
        """Sum of M over products, shape (countries,)."""
        return np.asarray(self.m.sum(axis=1))

    @cached_property
    def ubiquity(self) -> FloatArray:
        """Sum of M over the reference sample, shape (products,)."""
        return np.asarray(self._base.sum(axis=0))

    @cached_property
    def _base(self) -> FloatArray:
        """M of the reference sample; no copy where that is everybody."""
        return self.m if self.reference.all() else self.m[self.reference]

    @cached_property
    def _ordered(self) -> space.Ordered:
        """The reference sample with its products in order of ubiquity."""
        return space.by_ubiquity(self._base)

    @cached_property
    def _raw(self) -> tuple[FloatArray, FloatArray]:
        """Complexity of countries and of products before any scale."""
        rows, columns = (np.asarray(self._base.any(axis=side)) for side in (1, 0))
        kept = self._base if rows.all() and columns.all() else self._base[np.ix_(rows, columns)]
        if self.convention.solver == "eigenvector":
            behind = products = spectrum.second_eigenvector(kept)
        else:
            behind, products = spectrum.reflections(kept)
        before, raw = (_spread(vector, columns) for vector in (behind, products))
        # The mean runs over the products with a complexity, so a product outside the sample has no weight.
        weight = self.m[:, columns].sum(axis=1)
        total = self.m @ np.nan_to_num(before)
        countries = np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
        return countries, raw

    @cached_property
    def _eci_scale(self) -> tuple[float, float]:
        """Mean and standard deviation of raw country complexity over the reference sample."""
        return _moments(self._raw[0][self.reference], self.convention.ddof)

    @cached_property
    def eci(self) -> FloatArray:
        """Economic complexity index, z-score over the reference sample, shape (countries,)."""
        mean, deviation = self._eci_scale
        return np.asarray((self._raw[0] - mean) / deviation)

    @cached_property
    def raw_pci(self) -> FloatArray:
        """Product complexity before scaling, any unit, shape (products,)."""
        return self._raw[1]

    @cached_property
    def pci(self) -> FloatArray:
        """Product complexity index on the scale of the convention, shape (products,)."""
        own = self.convention.pci_scale == "own"
        mean, deviation = _moments(self.raw_pci, self.convention.ddof) if own else self._eci_scale
        return np.asarray((self.raw_pci - mean) / deviation)

    @property
    def _kept(self) -> bool:
        return self.convention.diagonal == "kept"

    @cached_property
    def proximity(self) -> FloatArray:
        """Proximity of products, shape (products, products): the one output of that size."""
        return space.proximity(self._base, diagonal=self._kept)

    def proximity_to(self, product: int) -> FloatArray:
        """Return the proximity of one product with all, shape (products,)."""
        return space.proximity_row(self._base, product, diagonal=self._kept)

    @cached_property
    def connectedness(self) -> FloatArray:
        """Sum of a product's proximities, shape (products,)."""
        return np.asarray(
            space.weighted(np.ones((1, self.m.shape[1])), self._ordered, diagonal=self._kept)[0]
        )

    def density_of(self, country: int) -> FloatArray:
        """Return one country's density, shape (products,), by matrix-vector products only."""
        made = space.weighted(self.m[country : country + 1], self._ordered, diagonal=self._kept)[0]
        return _over(made, self.connectedness)

    @cached_property
    def density(self) -> FloatArray:
        """Share of the proximities of a product that lead to products the country makes.

        Shape (countries, products), between 0 and 1; NaN for a product without neighbours.
        """
        stacked = np.vstack([self.m, np.ones((1, self.m.shape[1]))])
        sums = space.weighted(stacked, self._ordered, diagonal=self._kept)
        self.__dict__.setdefault("connectedness", sums[-1])
        return _over(sums[:-1], sums[-1])

    @cached_property
    def distance(self) -> FloatArray:
        """``1 - density``, shape (countries, products)."""
        return 1.0 - self.density

    @cached_property
    def _gain_pci(self) -> FloatArray:
        """PCI as it enters the gain; 0 where it is not defined."""
        scaled = self.convention.gain_pci == "scaled"
        return np.nan_to_num(self.raw_pci / self._eci_scale[1] if scaled else self.pci)

    @cached_property
    def cog(self) -> FloatArray:
        """Complexity outlook gain of making a product, shape (countries, products).

        Atlas: ``(1 - M[c, p]) sum_i (1 - M[c, i]) PCI[i] phi[i, p] / sum_j phi[i, j]``. Observatory:
        ``sum_i (1 - M[c, i]) PCI[i] phi[i, p] / sum_j phi[p, j] - density PCI[p]``.
        """
        return self._gain(self.m, None)

    def cog_of(self, country: int) -> FloatArray:
        """Return one country's complexity outlook gain, shape (products,)."""
        return np.asarray(self._gain(self.m[country : country + 1], country)[0])

    def _gain(self, m: FloatArray, country: int | None) -> FloatArray:
        """Return the gain of some rows of M."""
        missing = (1.0 - m) * self._gain_pci
        if self.convention.gain == "atlas":
            missing = _over(missing, self.connectedness, empty=0.0)
            sums = space.weighted(missing, self._ordered, diagonal=self._kept)
            return np.asarray(np.where(self.connectedness > 0, sums * (1.0 - m), np.nan))
        sums = _over(space.weighted(missing, self._ordered, diagonal=self._kept), self.connectedness)
        density = self.density if country is None else self.density_of(country)
        return np.asarray(sums - density * self.pci)

    @cached_property
    def coi(self) -> FloatArray:
        """Complexity outlook index: ``sum_p density (1 - M) PCI``, shape (countries,).

        With the raw PCI and as a z-score over the reference sample, or as the plain sum with the printed
        PCI, as the convention says.
        """
        plain = self.convention.outlook == "sum"
        pci = self.pci if plain else self.raw_pci
        worth = (1.0 - self.m) * np.nan_to_num(pci)
        sums = np.asarray(np.einsum("cp,cp->c", np.nan_to_num(self.density), worth))
        sums[self.diversity == 0] = np.nan
        if plain:
            return sums
        mean, deviation = _moments(sums[self.reference], self.convention.ddof)
        return np.asarray((sums - mean) / deviation)


def complexity(
    values: ArrayLike,
    *,
    convention: ConventionName = "atlas",
    reference: ArrayLike | None = None,
    given: Given = "values",
) -> Complexity:
    """Measure complexity under a named convention.

    Nothing costly is done here: each measure is computed when first asked for and then kept. Rows and
    columns with nothing in M have a stated place: they take no part, and what is not defined is NaN.

    Parameters
    ----------
    values : array_like, shape (countries, products)
        Exports in one unit, RCA, or presence, >= 0 and finite.
    convention : {"atlas", "atlas-2026", "ecomplexity", "r-economiccomplexity", "oec"}
        See `CONVENTIONS`.
    reference : array_like, optional
        Rows of the reference sample: bool of shape (countries,), or row numbers. All rows if left out. RCA
        is over all rows in any case.
    given : {"values", "rca", "presence"}
        What ``values`` are. Presence is taken as it is, whatever the convention's rule.

    Returns
    -------
    Complexity

    Raises
    ------
    ValueError
        If ``values`` holds NaN, infinite or negative numbers or no positive one, or an option is unknown, or
        the reference sample has fewer than two countries that make something. Later, when ECI or PCI is
        asked for, if the data do not order the countries (see `spectrum.second_eigenvector`).

    References
    ----------
    Hausmann, R., Hidalgo, C. A., Bustos, S., Coscia, M., Simoes, A., & Yildirim, M. A. (2014). The Atlas of
    Economic Complexity. MIT Press. https://doi.org/10.7551/mitpress/9647.001.0001

    Examples
    --------
    Three countries: the first makes everything, the last only what all make.

    >>> found = complexity([[1, 1, 1], [1, 1, 0], [1, 0, 0]], given="presence")
    >>> found.eci.round(2).tolist()
    [1.0, 0.0, -1.0]
    >>> found.sample
    'all 3 countries given'
    """
    rule = convention_of(convention)
    if given == "values":
        rca = advantage(values)
    elif given in ("rca", "presence"):
        rca = checked(values)
    else:
        raise ValueError(f"given must be 'values', 'rca' or 'presence', got {given!r}")
    m = rca if given == "presence" else presence(rca, rule.presence)
    if given == "presence":
        if m.max() > 1:
            raise ValueError("values given as presence must lie between 0 and 1")
        rca = np.full_like(m, np.nan)
    return Complexity(rca, m, _sample(reference, m), rule)


def _sample(reference: ArrayLike | None, m: FloatArray) -> BoolArray:
    """Return the reference sample as a mask."""
    n = m.shape[0]
    if reference is None:
        mask = np.ones(n, dtype=bool)
    else:
        rows = np.asarray(reference)
        if rows.dtype == bool:
            if rows.shape != (n,):
                raise ValueError(f"reference has shape {rows.shape}, values have {n} countries")
            mask = rows.copy()
        else:
            if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
                raise ValueError("reference must be a mask of the countries or whole row numbers")
            if len(rows) and (rows.min() < 0 or rows.max() >= n or len(np.unique(rows)) < len(rows)):
                raise ValueError(f"reference must name each row once, between 0 and {n - 1}")
            mask = np.zeros(n, dtype=bool)
            mask[rows] = True
    if int(m[mask].any(axis=1).sum()) < 2:
        raise ValueError("reference must hold at least two countries that make something")
    return mask


def _moments(values: FloatArray, ddof: int) -> tuple[float, float]:
    """Return mean and standard deviation of what is defined."""
    known = values[~np.isnan(values)]
    return float(known.mean()), float(known.std(ddof=ddof))


def _over(sums: FloatArray, total: FloatArray, empty: float = np.nan) -> FloatArray:
    """Divide the last axis by a total; ``empty`` where the total is 0."""
    return np.divide(sums, total, out=np.full_like(sums, empty), where=np.broadcast_to(total > 0, sums.shape))


def _spread(values: FloatArray, where: BoolArray) -> FloatArray:
    """Put values back to their places, NaN elsewhere."""
    whole = np.full(len(where), np.nan)
    whole[where] = values
    return whole
