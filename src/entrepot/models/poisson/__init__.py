"""Poisson pseudo-maximum likelihood with high-dimensional fixed effects."""

from entrepot.models.poisson.fitting import PoissonFit, fit
from entrepot.models.poisson.identify import Unidentified
from entrepot.models.poisson.many import Fitted, Unfitted, fit_many
from entrepot.models.poisson.newton import NotConverged
from entrepot.models.poisson.rows import REASONS

__all__ = [
    "REASONS",
    "Fitted",
    "NotConverged",
    "PoissonFit",
    "Unfitted",
    "Unidentified",
    "fit",
    "fit_many",
]
