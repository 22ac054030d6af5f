"""The covariance that a user names: "hetero", "pair", "exporter+importer", "dyadic", any column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation.design import Design, Roles
from entrepot.models.inference import Covariance, clustered, dyadic, heteroskedastic
from entrepot.models.inference.covariance import Convention
from entrepot.models.poisson import PoissonFit

IntArray = NDArray[np.intp]
ROLE_WORDS = ("exporter", "importer", "year")
NAMES = ("hetero", "pair", "pair-symmetric", "dyadic")
HINT = "use hetero, pair, pair-symmetric, dyadic, or columns joined by +, for example exporter+importer"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of clustering: the combinations of columns, or of the roles exporter, importer and year."""

    columns: tuple[str, ...]
    symmetric: bool = False


@dataclass(frozen=True, slots=True)
class Vcov:
    """A covariance as understood; ``ways`` only for clusters."""

    text: str
    kind: Literal["hetero", "dyadic", "clusters"]
    ways: tuple[Way, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the data must have beside those with a role."""
        return tuple(name for way in self.ways for name in way.columns if name not in ROLE_WORDS)


def understand(vcov: str) -> Vcov:
    """Read the name of a covariance.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> understand("exporter+importer").ways
    (Way(columns=('exporter',), symmetric=False), Way(columns=('importer',), symmetric=False))
    """
    text = vcov.strip().removeprefix("~").strip() if isinstance(vcov, str) else ""
    if not text:
        raise InputError(f"vcov cannot be {vcov!r}", hint=HINT)
    if text in ("hetero", "dyadic"):
        return Vcov(text, "hetero" if text == "hetero" else "dyadic")
    ways = tuple(_way(part.strip()) for part in text.split("+"))
    if any(not name for way in ways for name in way.columns):
        raise InputError(f"vcov cannot be '{vcov}'", hint=HINT)
    return Vcov(text, "clusters", ways)


def _way(text: str) -> Way:
    if text in ("pair", "pair-symmetric"):
        return Way(("exporter", "importer"), symmetric=text == "pair-symmetric")
    return Way(tuple(name.strip() for name in text.split("^")))


def estimate(design: Design, fit: PoissonFit, vcov: Vcov, convention: Convention) -> Covariance:
    """Return the covariance of the coefficients of a fit.

    Parameters
    ----------
    design : Design
    fit : PoissonFit
        On the rows of ``design``.
    vcov : Vcov
    convention : {"stata", "fixest", "none"}
        Small-sample factor.

    Raises
    ------
    InputError
        If the data lack the columns that ``vcov`` needs.
    DataError
        If there are too few clusters.
    """
    if convention not in ("stata", "fixest", "none"):
        raise InputError.bad_option("convention", convention, ("stata", "fixest", "none"))
    ways = [codes[fit.kept] for codes in cluster_codes_of(design, vcov)]
    if not fit.columns:
        return Covariance(np.empty((0, 0)), _kind(vcov), (), 1.0, convention)
    # With weights the score of a row is w x~ (y - mu) and its information w mu.
    sample = (fit.x_tilde, fit.weights * fit.mu, fit.weights * fit.y)
    parameters = _parameters(design, fit, ways) if convention == "fixest" else None
    try:
        if vcov.kind == "hetero":
            return heteroskedastic(*sample, convention=convention, parameters=parameters)
        if vcov.kind == "dyadic":
            return dyadic(*sample, ways[0], ways[1], convention=convention, parameters=parameters)
        return clustered(*sample, ways, convention=convention, parameters=parameters)
    except ValueError as error:
        raise DataError(f"vcov '{vcov.text}': {error}", hint=HINT) from None


def cluster_codes_of(design: Design, vcov: Vcov) -> list[IntArray]:
    """Return the cluster codes (n,) of each way; exporters and importers for dyadic, none for hetero.

    Raises
    ------
    InputError
        If the data lack a column.
    """
    return [_codes(design, way, vcov.text) for way in _resolved(design.roles, vcov)]


def _kind(vcov: Vcov) -> str:
    return {"hetero": "heteroskedastic", "dyadic": "dyadic", "clusters": "clustered"}[vcov.kind]


def _resolved(roles: Roles, vcov: Vcov) -> list[Way]:
    """Put the columns of the data in place of the words exporter, importer and year."""
    ways = (Way(("exporter",)), Way(("importer",))) if vcov.kind == "dyadic" else vcov.ways
    found = []
    for way in ways:
        columns = []
        for name in way.columns:
            column = getattr(roles, name) if name in ROLE_WORDS else name
            if column is None:
                raise InputError(
                    f"vcov '{vcov.text}' needs the {name} of each row",
                    hint=f'name its column with {name}=, or use vcov="hetero"',
                )
            columns.append(column)
        found.append(Way(tuple(columns), way.symmetric))
    return found


def _codes(design: Design, way: Way, text: str) -> IntArray:
    if text == "dyadic" and design.cells is not None:
        # Both sides need one numbering, so that a country is itself wherever it stands.
        side = design.cells.exporter if way.columns[0] == design.roles.exporter else design.cells.importer
        return side.code
    return design.codes(way.columns, symmetric=way.symmetric)


def _parameters(design: Design, fit: PoissonFit, ways: Sequence[IntArray]) -> int:
    """Return K of fixest: regressors, and the levels of the fixed effects that no cluster holds whole."""
    count = len(fit.columns) + 1
    for codes in design.groups:
        kept = np.unique(codes[fit.kept], return_inverse=True)[1]
        levels = int(kept.max()) + 1
        if not any(_nested(kept, levels, way) for way in ways):
            count += levels - 1
    return count


def _nested(codes: IntArray, levels: int, cluster: IntArray) -> bool:
    """Tell whether every level lies within one cluster."""
    low = np.full(levels, np.iinfo(np.intp).max)
    high = np.full(levels, -1)
    np.minimum.at(low, codes, cluster)
    np.maximum.at(high, codes, cluster)
    return bool((low == high).all())
