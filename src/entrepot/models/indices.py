"""Commodity indices of trade, with the definitions of the ESCAP handbook where it has them.

Every index takes values >= 0 in one unit, products along the last axis, and is reached by name through
`indices`; ``INDICES`` says what each needs and between which bounds it lies. A share is a number between 0
and 1: where the handbook prints 0 to 100 (complementarity, export similarity), multiply by 100. NaN means
that an index is not defined, for example the composition of no trade at all.

References
----------
Mikic, M., & Gilbert, J. (2009). Trade Statistics in Policymaking: A Handbook of Commonly Used Trade Indices
and Indicators, revised edition. United Nations ESCAP, ST/ESCAP/2559.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.models import concentration
from entrepot.models.complexity.presence import advantage, checked

FloatArray = NDArray[np.float64]
IndexName = Literal[
    "rca",
    "rsca",
    "nrca",
    "arca",
    "vollrath",
    "michelaye",
    "lafay",
    "intensity",
    "complementarity",
    "similarity",
    "diversification",
    "grubel-lloyd",
    "grubel-lloyd-aggregate",
    "grubel-lloyd-adjusted",
    "hhi",
    "hirschman",
    "theil",
    "prody",
    "expy",
]


@dataclass(frozen=True, slots=True)
class Index:
    """One index: what it is called, what it needs and where it lies.

    Attributes
    ----------
    name : IndexName
    title : str
    equation : str
        ``x`` exports, ``m`` imports, ``s`` shares in a country's exports, ``w`` shares in the world's.
    bounds : tuple of float
        Smallest and largest value; n below is the number of items.
    reference : str
    compute : callable
    """

    name: IndexName
    title: str
    equation: str
    bounds: tuple[float, float]
    reference: str
    compute: Callable[..., FloatArray]

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the arrays it takes: exports, imports, trade, values or income."""
        return tuple(signature(self.compute).parameters)


def indices(name: IndexName, **arrays: ArrayLike) -> FloatArray:
    """Compute a commodity index by name.

    Parameters
    ----------
    name : IndexName
        One of ``INDICES``.
    **arrays : array_like
        What the index needs, by name and >= 0: ``exports`` and ``imports`` [country, product] (Lafay,
        Grubel-Lloyd and concentration also take one country's vector), ``trade`` [exporter, importer],
        ``values`` [..., item], ``income`` per head by country, above 0.

    Returns
    -------
    ndarray
        By country and product, by country, by product, or by pair of countries, as the index has it.

    Raises
    ------
    ValueError
        If the name is unknown, an array is missing, superfluous, of the wrong shape, or holds NaN, infinite
        or negative numbers.

    Examples
    --------
    >>> indices("grubel-lloyd", exports=[10, 0], imports=[5, 8]).round(3).tolist()
    [0.667, 0.0]
    >>> indices("rca", exports=[[3, 1], [1, 3]]).tolist()
    [[1.5, 0.5], [0.5, 1.5]]
    """
    found = INDICES.get(name)
    if found is None:
        raise ValueError(f"name must be one of {', '.join(get_args(IndexName))}, got {name!r}")
    if set(arrays) != set(found.needs):
        given = ", ".join(sorted(arrays)) or "nothing"
        raise ValueError(f"index '{name}' needs {' and '.join(found.needs)}, got {given}")
    return found.compute(**arrays)


def _any(values: ArrayLike, name: str) -> FloatArray:
    """Check values of any number of axes, products last."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"{name} must hold at least one value along its last axis")
    return checked(array.reshape(-1, array.shape[-1]), name).reshape(array.shape)


def _both(exports: ArrayLike, imports: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check exports and imports of the same shape."""
    x, m = _any(exports, "exports"), _any(imports, "imports")
    if x.shape != m.shape:
        raise ValueError(f"exports have shape {x.shape}, imports {m.shape}; they must agree")
    return x, m


def _matrices(exports: ArrayLike, imports: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Check exports and imports [country, product] over the same products."""
    x, m = checked(exports, "exports"), checked(imports, "imports")
    if x.shape[1] != m.shape[1]:
        raise ValueError(f"exports have {x.shape[1]} products, imports {m.shape[1]}; they must agree")
    return x, m


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Divide; NaN where both or the divisor are 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below != 0))


def _world(exports: FloatArray) -> FloatArray:
    return concentration.shares(exports.sum(axis=0))


def revealed_advantage(exports: ArrayLike) -> FloatArray:
    """Return the share in the country's exports over the share in the world's."""
    return advantage(checked(exports, "exports"))


def symmetric_advantage(exports: ArrayLike) -> FloatArray:
    """Return ``(RCA - 1) / (RCA + 1)``, between -1 and 1."""
    rca = advantage(exports)
    return np.asarray((rca - 1.0) / (rca + 1.0))


def normalised_advantage(exports: ArrayLike) -> FloatArray:
    """Return the distance from neutral trade over world trade; rows and columns sum to 0."""
    x = checked(exports, "exports")
    world = x.sum() or np.nan
    return np.asarray(x / world - np.outer(x.sum(axis=1), x.sum(axis=0)) / world**2)


def additive_advantage(exports: ArrayLike) -> FloatArray:
    """Return the share in the country's exports less the share in the world's; rows sum to 0."""
    x = checked(exports, "exports")
    return np.asarray(concentration.shares(x) - _world(x))


def _others(values: FloatArray, axis: int) -> FloatArray:
    """Return the sum of all others along an axis, added up and not subtracted, so that nil stays nil."""
    moved = np.moveaxis(values, axis, 0)
    total = np.zeros_like(moved)
    total[1:] += np.cumsum(moved[:-1], axis=0)
    total[:-1] += np.cumsum(moved[:0:-1], axis=0)[::-1]
    return np.moveaxis(total, 0, axis)


def _relative(values: FloatArray) -> FloatArray:
    """Return relative advantage without counting the country or the product twice."""
    others, rest = _others(values, 0), _others(values, 1)
    return _ratio(_ratio(values, rest), _ratio(others, _others(others, 1)))


def revealed_competitiveness(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return ``ln RXA - ln RMA``; infinite where only one side trades, NaN where neither does."""
    x, m = _both(checked(exports, "exports"), checked(imports, "imports"))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(_relative(x)) - np.log(_relative(m)))


def michelaye(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return the share in exports less the share in imports, by product; sums to 0."""
    x, m = _both(exports, imports)
    return np.asarray(concentration.shares(x) - concentration.shares(m))


def lafay(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return each product's contribution to the normalised balance, in per cent; sums to 0."""
    x, m = _both(exports, imports)
    both, balance = x + m, x - m
    total = both.sum(axis=-1, keepdims=True)
    overall = _ratio(balance.sum(axis=-1, keepdims=True), total)
    return np.asarray(100.0 * (_ratio(balance, total) - overall * _ratio(both, total)))


def intensity(trade: ArrayLike) -> FloatArray:
    """Return the share of a market in an exporter's sales over its share in the world's."""
    x = checked(trade, "trade")
    if x.shape[0] != x.shape[1]:
        raise ValueError(f"trade must be square [exporter, importer], got shape {x.shape}")
    return _ratio(_ratio(x, x.sum(axis=1, keepdims=True)), _world(x))


def complementarity(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return how far each country's exports fit each country's imports, [exporter, importer]."""
    x, m = _matrices(exports, imports)
    sold, bought = concentration.shares(x), concentration.shares(m)
    return 1.0 - 0.5 * np.stack([np.abs(row - bought).sum(axis=-1) for row in sold])


def similarity(exports: ArrayLike) -> FloatArray:
    """Return the overlap of each pair of export compositions, [country, country]."""
    shares = concentration.shares(checked(exports, "exports"))
    return np.stack([np.minimum(row, shares).sum(axis=-1) for row in shares])


def diversification(exports: ArrayLike) -> FloatArray:
    """Return half the sum of absolute differences from the world's composition, by country."""
    x = checked(exports, "exports")
    return np.asarray(0.5 * np.abs(concentration.shares(x) - _world(x)).sum(axis=-1))


def grubel_lloyd(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return ``1 - |x - m| / (x + m)`` by product."""
    x, m = _both(exports, imports)
    return np.asarray(1.0 - _ratio(np.abs(x - m), x + m))


def grubel_lloyd_aggregate(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return the trade-weighted mean of the product indices: ``1 - sum |x - m| / sum (x + m)``."""
    x, m = _both(exports, imports)
    return np.asarray(1.0 - _ratio(np.abs(x - m).sum(axis=-1), (x + m).sum(axis=-1)))


def grubel_lloyd_adjusted(exports: ArrayLike, imports: ArrayLike) -> FloatArray:
    """Return the aggregate with the overall imbalance taken out of the divisor; NaN if that is all."""
    x, m = _both(exports, imports)
    total = (x + m).sum(axis=-1)
    balanced = total - np.abs(x.sum(axis=-1) - m.sum(axis=-1))
    # A divisor that is what rounding left of a one-sided trade is nil.
    balanced = np.where(balanced > 1e-12 * total, balanced, 0.0)
    return np.minimum(_ratio(total - np.abs(x - m).sum(axis=-1), balanced), 1.0)


def herfindahl(values: ArrayLike) -> FloatArray:
    """Return the sum of squared shares."""
    return concentration.concentration(_any(values, "values")).herfindahl


def hirschman(values: ArrayLike) -> FloatArray:
    """Return the root of the sum of squared shares, the handbook's Hirschmann index."""
    return np.sqrt(herfindahl(values))


def theil(values: ArrayLike) -> FloatArray:
    """Return ``mean of (x / mean) ln(x / mean)``: 0 for equal items, ln n for a single one."""
    shares = concentration.shares(_any(values, "values"))
    n = shares.shape[-1]
    logs = np.log(n * shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(np.where(np.isnan(shares).any(axis=-1), np.nan, (shares * logs).sum(axis=-1)))


def prody(exports: ArrayLike, income: ArrayLike) -> FloatArray:
    """Return the income level of a product: income weighted by relative export shares, by product."""
    x, y = checked(exports, "exports"), np.asarray(income, dtype=np.float64)
    if y.shape != x.shape[:1]:
        raise ValueError(f"income has shape {y.shape}, exports have {x.shape[0]} countries")
    if not ((y > 0) & np.isfinite(y)).all():
        raise ValueError("income must be finite and above 0 for every country")
    # A country without exports has no composition and so no weight.
    shares = np.nan_to_num(concentration.shares(x))
    return _ratio(y @ shares, shares.sum(axis=0))


def expy(exports: ArrayLike, income: ArrayLike) -> FloatArray:
    """Return the income level of a country's exports: PRODY weighted by its shares, by country."""
    levels = np.nan_to_num(prody(exports, income))
    return np.asarray(concentration.shares(checked(exports, "exports")) @ levels)


_INF = float("inf")
_HANDBOOK = "Mikic and Gilbert (2009)"
INDICES: dict[IndexName, Index] = {
    index.name: index
    for index in (
        Index(
            "rca",
            "Revealed comparative advantage",
            "s / w",
            (0, _INF),
            f"Balassa (1965), https://doi.org/10.1111/j.1467-9957.1965.tb00050.x; {_HANDBOOK}",
            revealed_advantage,
        ),
        Index(
            "rsca",
            "Symmetric revealed comparative advantage",
            "(RCA - 1) / (RCA + 1)",
            (-1, 1),
            "Dalum, Laursen and Villumsen (1998), International Review of Applied Economics, 12(3), 423-443",
            symmetric_advantage,
        ),
        Index(
            "nrca",
            "Normalised revealed comparative advantage",
            "x / X - (sum_p x) (sum_c x) / X^2",
            (-0.25, 0.25),
            "Yu, Cai and Leung (2009), https://doi.org/10.1007/s00168-008-0213-3",
            normalised_advantage,
        ),
        Index(
            "arca",
            "Additive revealed comparative advantage",
            "s - w",
            (-1, 1),
            f"Hoen and Oosterhaven (2006), https://doi.org/10.1007/s00168-006-0076-4; {_HANDBOOK}",
            additive_advantage,
        ),
        Index(
            "vollrath",
            "Revealed competitiveness",
            "ln RXA - ln RMA, country and product not counted twice",
            (-_INF, _INF),
            "Vollrath (1991), https://doi.org/10.1007/BF02707986",
            revealed_competitiveness,
        ),
        Index(
            "michelaye",
            "Michelaye index",
            "x / sum x - m / sum m",
            (-1, 1),
            _HANDBOOK,
            michelaye,
        ),
        Index(
            "lafay",
            "Lafay index",
            "100 ((x-m)/(x+m) - sum(x-m)/sum(x+m)) (x+m)/sum(x+m)",
            (-50, 50),
            "Lafay (1992), in Dagenais and Muet (eds), International Trade Modelling, Chapman and Hall",
            lafay,
        ),
        Index(
            "intensity",
            "Trade intensity",
            "(x_ij / sum_j x_ij) / (sum_i x_ij / X)",
            (0, _INF),
            _HANDBOOK,
            intensity,
        ),
        Index(
            "complementarity",
            "Trade complementarity",
            "1 - sum |m - x| / 2 over shares",
            (0, 1),
            f"Michaely (1996), World Bank working paper 1583; {_HANDBOOK}",
            complementarity,
        ),
        Index(
            "similarity",
            "Export similarity",
            "sum min(s_a, s_b)",
            (0, 1),
            f"Finger and Kreinin (1979), https://doi.org/10.2307/2231506; {_HANDBOOK}",
            similarity,
        ),
        Index(
            "diversification", "Export diversification", "sum |s - w| / 2", (0, 1), _HANDBOOK, diversification
        ),
        Index(
            "grubel-lloyd",
            "Intra-industry trade",
            "1 - |x - m| / (x + m)",
            (0, 1),
            f"Grubel and Lloyd (1975), Intra-Industry Trade, Macmillan; {_HANDBOOK}",
            grubel_lloyd,
        ),
        Index(
            "grubel-lloyd-aggregate",
            "Intra-industry trade, all products",
            "1 - sum |x - m| / sum (x + m)",
            (0, 1),
            f"Grubel and Lloyd (1975), Intra-Industry Trade, Macmillan; {_HANDBOOK}",
            grubel_lloyd_aggregate,
        ),
        Index(
            "grubel-lloyd-adjusted",
            "Intra-industry trade, adjusted for imbalance",
            "(sum (x + m) - sum |x - m|) / (sum (x + m) - |sum x - sum m|)",
            (0, 1),
            "Grubel and Lloyd (1975), Intra-Industry Trade, Macmillan",
            grubel_lloyd_adjusted,
        ),
        Index(
            "hhi",
            "Herfindahl-Hirschman index",
            "sum s^2",
            (0, 1),
            "Hirschman (1964), American Economic Review, 54(5), 761-762",
            herfindahl,
        ),
        Index("hirschman", "Hirschmann index", "sqrt(sum s^2)", (0, 1), _HANDBOOK, hirschman),
        Index(
            "theil",
            "Theil index",
            "mean of (x / mean x) ln(x / mean x)",
            (0, _INF),
            "Theil (1967), Economics and Information Theory, North-Holland",
            theil,
        ),
        Index(
            "prody",
            "Income level of a product",
            "sum_c s Y / sum_c s",
            (0, _INF),
            "Hausmann, Hwang and Rodrik (2007), https://doi.org/10.1007/s10887-006-9009-4",
            prody,
        ),
        Index(
            "expy",
            "Income level of exports",
            "sum_p s PRODY",
            (0, _INF),
            "Hausmann, Hwang and Rodrik (2007), https://doi.org/10.1007/s10887-006-9009-4",
            expy,
        ),
    )
}
