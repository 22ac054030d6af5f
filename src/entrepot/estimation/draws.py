"""Draws of the coefficients, from their covariance or by the bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.estimation import vcov as covariances
from entrepot.models.inference import bootstrap

if TYPE_CHECKING:
    from entrepot.estimation.estimates import GravityFit

FloatArray = NDArray[np.float64]
Method = Literal["covariance", "bootstrap", "score"]


def draw(fit: GravityFit, n: int, seed: int, method: Method) -> FloatArray:
    """Return draws of the coefficients, shape (n, k); see `GravityFit.draws`."""
    if n < 1:
        raise InputError(f"n cannot be {n}", hint="ask for at least one draw")
    if method not in get_args(Method):
        raise InputError.bad_option("method", method, get_args(Method))
    if not fit.terms:
        return np.empty((n, 0))
    if method == "covariance":
        noise = np.random.default_rng(seed).standard_normal((n, len(fit.terms)))
        return fit.coefficients + noise @ _root(fit.covariance.matrix)
    return _bootstrap(fit, n, seed, "pairs" if method == "bootstrap" else "score")


def _root(matrix: FloatArray) -> FloatArray:
    """Return the symmetric square root, which no sign of an eigenvector changes."""
    size = np.sqrt(np.diag(matrix))
    unit = np.outer(size, size)
    values, vectors = np.linalg.eigh(np.divide(matrix, unit, out=np.zeros_like(matrix), where=unit > 0))
    # Columns carry the units back: the covariance of noise @ root is the matrix.
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T * size)


def _bootstrap(fit: GravityFit, n: int, seed: int, method: Literal["pairs", "score"]) -> FloatArray:
    design = fit.design
    ways = covariances.cluster_codes_of(design, fit.vcov)
    if len(ways) != 1:
        raise InputError(
            f"the bootstrap draws clusters of one way, vcov is '{fit.vcov.text}'",
            hint='choose one first: fit.with_vcov("pair").draws(...)',
        )
    # An offset o is the same as the outcome y exp(-o) with weights w exp(o): each row keeps its score.
    rise = np.ones(design.y.size) if design.offset is None else np.exp(design.offset - design.offset.max())
    weights = rise if design.weights is None else design.weights * rise
    columns = list(fit.fit.columns)
    found = bootstrap(
        design.y / rise, design.x[:, columns], design.groups, ways[0],
        draws=n, method=method, weights=weights, seed=seed,
    )  # fmt: skip
    if not len(found.draws):
        raise DataError(
            f"no draw of the bootstrap has all coefficients: {found.failed[0].reason}",
            hint="leave out terms that rest on few clusters",
        )
    # Draws of a three-way model repeat its bias once more; their centre belongs at the estimate.
    drawn = found.centred if len(found.draws) > 1 else found.draws
    return drawn if fit.correction is None else drawn - fit.correction.bias
