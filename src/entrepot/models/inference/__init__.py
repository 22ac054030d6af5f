"""Inference after Poisson regression: covariances, bias correction, specification tests. Arrays only."""

from entrepot.models.inference.bias import GravityCorrection, correct_gravity
from entrepot.models.inference.clusters import directed_pairs, intersect, symmetric_pairs
from entrepot.models.inference.covariance import Covariance, clustered, dyadic, heteroskedastic
from entrepot.models.inference.specification import ChiSquare, score_test, wald

__all__ = [
    "ChiSquare",
    "Covariance",
    "GravityCorrection",
    "clustered",
    "correct_gravity",
    "directed_pairs",
    "dyadic",
    "heteroskedastic",
    "intersect",
    "score_test",
    "symmetric_pairs",
    "wald",
]
