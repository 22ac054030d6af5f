"""Regressors that the dated facts of the world give: borders, distance, agreements, measures in force."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np
from numpy.typing import NDArray

from entrepot.estimation.sanctions import Coverage
from entrepot.result import Source
from entrepot.world import blocs, distances
from entrepot.world import countries as places

FloatArray = NDArray[np.float64]

# Blocs that are agreements on trade in goods, and the first full year of the treaty: being a member before it
# (of ASEAN since 1967, say) was no agreement on trade.
AGREEMENTS = {"eu": 1958, "eaeu": 2015, "asean": 1993, "gcc": 1984, "mercosur": 1992}
# Lists of the senders of measures on one target.
SENDERS = {"sanctions-rus": "RUS", "sanctions-blr": "BLR"}

_GEONAMES = "GeoNames (CC BY 4.0)"
_MEASURES = "measures catalogue (entrepot coverage)"


@dataclass(frozen=True, slots=True)
class Regressor:
    """A column that a formula can name without the data having it.

    Attributes
    ----------
    name : str
        As in the formula.
    definition : str
        What it is, with its unit.
    source : str
        Where it comes from.
    needs : {"", "year", "product"}
        What the rows have to tell beside exporter and importer; "product" includes the year.
    """

    name: str
    definition: str
    source: str
    needs: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What regressors are computed over.

    Attributes
    ----------
    countries : tuple of str, length N
        ISO3 codes, each once.
    years : tuple of int, length T
        Calendar years; empty where the rows have none.
    coverage : Coverage or None
        Measures in force over these countries and years; None where the product is not known.
    weights : ndarray, shape (C,), or None
        Weights of the product codes of ``coverage``.
    """

    countries: tuple[str, ...]
    years: tuple[int, ...]
    coverage: Coverage | None = None
    weights: FloatArray | None = None


@cache
def regressors() -> tuple[Regressor, ...]:
    """Return all ready regressors, in the order in which they are listed.

    Example
    -------
    >>> [regressor.name for regressor in regressors()][:4]
    ['border', 'contig', 'distance', 'log_distance']
    """
    return (*_of_places(), *_of_dates(), *_of_blocs())


def _of_places() -> tuple[Regressor, ...]:
    return (
        Regressor("border", "1 where exporter and importer differ: trade that crosses a border", "identity"),
        Regressor("contig", "1 where the two share a land border today", _GEONAMES),
        Regressor("distance", "km between the 25 largest cities of each, weighted by people", _GEONAMES),
        Regressor("log_distance", "natural logarithm of distance", _GEONAMES),
        Regressor("distance_harmonic", "the same as a harmonic mean (theta = -1), km", _GEONAMES),
    )


def _of_dates() -> tuple[Regressor, ...]:
    agreements = ", ".join(f"{blocs.blocs()[bloc].title} since {first}" for bloc, first in AGREEMENTS.items())
    return (
        Regressor(
            "rta",
            f"1 where both are members of one of: {agreements}. Bilateral agreements and other areas "
            "(NAFTA, EEA, RCEP, CIS) are not in it",
            "dated membership (entrepot blocs)",
            "year",
        ),
        Regressor(
            "sanctions",
            "1 where a ban or licence of the catalogue touches the product's flow on some day of the year",
            _MEASURES,
            "product",
        ),
        Regressor(
            "sanctions_lower",
            "share of the flow's year surely covered by a ban or licence; products weighed by world trade",
            _MEASURES,
            "product",
        ),
        Regressor("sanctions_upper", "share of it that is possibly covered", _MEASURES, "product"),
        Regressor(
            "sanctions_pair",
            "1 where one side keeps measures on goods of the other on some day of the year, whatever the "
            "product: on Russia or on Belarus",
            "dated lists of senders (entrepot blocs)",
            "year",
        ),
    )


def _of_blocs() -> tuple[Regressor, ...]:
    return tuple(
        Regressor(
            bloc.id.replace("-", "_"),
            f"1 where both are members of: {bloc.title}, on 1 July",
            bloc.source,
            "year",
        )
        for bloc in blocs.blocs().values()
        if bloc.kind == "members" and bloc.id not in SENDERS
    )


def names() -> frozenset[str]:
    """Return the names of all ready regressors.

    Example
    -------
    >>> {"rta", "eaeu", "sanctions", "african_union"} <= names()
    True
    """
    return frozenset(regressor.name for regressor in regressors())


def columns(wanted: Iterable[str], over: Places) -> dict[str, FloatArray]:
    """Return regressors as grids by year, exporter and importer.

    Parameters
    ----------
    wanted : iterable of str
        Names of ready regressors.
    over : Places
        Countries, years and measures.

    Returns
    -------
    dict of str to ndarray, shape (T, N, N) or (1, N, N)
        One sheet where nothing changes by year; NaN where a value is not known.

    Example
    -------
    >>> grid = columns(["eaeu"], Places(("BLR", "KGZ"), (2015, 2016)))["eaeu"]
    >>> grid[:, 0, 1].tolist()
    [0.0, 1.0]
    """
    return {name: _COMPUTED.get(name, _membership(name))(over) for name in dict.fromkeys(wanted)}


def both_in(bloc: str, countries: Sequence[str], years: Sequence[int]) -> FloatArray:
    """Return 1 where two different countries are members of a bloc on 1 July, shape (T, N, N).

    Raises
    ------
    InputError
        If there is no such bloc.
    """
    grid = np.zeros((len(years), len(countries), len(countries)))
    for sheet, year in zip(grid, years, strict=True):
        inside = np.isin(countries, sorted(blocs.members_in_year(bloc, year)))
        sheet[:] = inside[:, None] & inside[None, :]
        # A country has no agreement with itself: rows of domestic trade are 0.
        np.fill_diagonal(sheet, 0.0)
    return grid


def sources(wanted: Iterable[str], law: Sequence[Source] = ()) -> tuple[Source, ...]:
    """Return the sources of some regressors that are works of others; ``law`` is behind the measures."""
    given = {regressor.name: regressor.source for regressor in regressors()}
    found = (distances.SOURCE,) if _GEONAMES in {given[name] for name in wanted} else ()
    return (*found, *law)


def by_law(wanted: Iterable[str]) -> bool:
    """Tell whether some of the regressors come from the measures catalogue."""
    return any(regressor.needs == "product" for regressor in regressors() if regressor.name in set(wanted))


def canonical(country: str) -> str:
    """Return the ISO3 code of a country named by any code or name.

    Raises
    ------
    InputError
        If nothing matches.

    Example
    -------
    >>> canonical("BLR"), canonical("ROM"), canonical("S19")
    ('BLR', 'ROU', 'TWN')
    """
    return country if country in places.known() else places.resolve(country)


def _border(over: Places) -> FloatArray:
    return np.asarray(1.0 - np.eye(len(over.countries)))[None]


def _contig(over: Places) -> FloatArray:
    grid = [[distances.contiguous(one, other) for other in over.countries] for one in over.countries]
    return np.array(grid, dtype=np.float64)[None]


def _distance(over: Places) -> FloatArray:
    return distances.distances(over.countries)[None]


def _log_distance(over: Places) -> FloatArray:
    return np.asarray(np.log(_distance(over)))


def _distance_harmonic(over: Places) -> FloatArray:
    return distances.distances(over.countries, -1)[None]


def _rta(over: Places) -> FloatArray:
    grid = np.zeros((len(over.years), len(over.countries), len(over.countries)))
    for bloc, first in AGREEMENTS.items():
        counts = np.array([year >= first for year in over.years])[:, None, None]
        grid = np.maximum(grid, both_in(bloc, over.countries, over.years) * counts)
    return grid


def _sanctions_pair(over: Places) -> FloatArray:
    grid = np.zeros((len(over.years), len(over.countries), len(over.countries)))
    for bloc, target in SENDERS.items():
        if target not in over.countries:
            continue
        place = over.countries.index(target)
        for t, year in enumerate(over.years):
            # A member for a part of the year counts, as a measure in force for a part of it does.
            senders = {
                row.country
                for row in blocs.memberships(bloc)
                if row.since <= date(year, 12, 31) and (row.until is None or row.until > date(year, 1, 1))
            }
            rows = np.isin(over.countries, sorted(senders))
            grid[t, rows, place] = grid[t, place, rows] = 1.0
    return grid


def _shares(over: Places) -> tuple[FloatArray, FloatArray]:
    if over.coverage is None or over.weights is None:
        raise ValueError("over.coverage and over.weights are needed for measures in force")
    return over.coverage.shares(over.weights)


def _sanctions(over: Places) -> FloatArray:
    return np.asarray(_shares(over)[1] > 0, dtype=np.float64)


def _sanctions_lower(over: Places) -> FloatArray:
    return _shares(over)[0]


def _sanctions_upper(over: Places) -> FloatArray:
    return _shares(over)[1]


def _membership(name: str) -> Callable[[Places], FloatArray]:
    return lambda over: both_in(name.replace("_", "-"), over.countries, over.years)


_COMPUTED: dict[str, Callable[[Places], FloatArray]] = {
    "border": _border,
    "contig": _contig,
    "distance": _distance,
    "log_distance": _log_distance,
    "distance_harmonic": _distance_harmonic,
    "rta": _rta,
    "sanctions": _sanctions,
    "sanctions_lower": _sanctions_lower,
    "sanctions_upper": _sanctions_upper,
    "sanctions_pair": _sanctions_pair,
}
