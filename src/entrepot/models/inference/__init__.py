"""Inference after Poisson regression: covariances, bias, bootstrap, specification, selection. Arrays only.

What to call, with ``f = poisson.fit(y, x, groups)`` and codes of the kept rows (``exporter[f.kept]``, ...). A
weighted fit hands in ``f.weights * f.mu`` and ``f.weights * f.y`` in place of ``f.mu`` and ``f.y``.

======================  ==========================================================================
``"hetero"``            ``heteroskedastic(f.x_tilde, f.mu, f.y)``
``"pair"``              ``clustered(f.x_tilde, f.mu, f.y, [directed_pairs(exporter, importer)])``
``"pair"``, undirected  ``clustered(..., [symmetric_pairs(exporter, importer)])``
``"exporter"``          ``clustered(..., [exporter])``
``"importer"``          ``clustered(..., [importer])``
``"exporter+importer"`` ``clustered(..., [exporter, importer])``, likewise with a year as third way
``"exporter^year"``     ``clustered(..., [intersect([exporter, year])])``
``"dyadic"``            ``dyadic(f.x_tilde, f.mu, f.y, exporter, importer)``
bias, adjusted errors   ``correct_gravity(f.x_tilde, f.mu, f.y, exporter, importer, year, pair_effects=True)``
draws                   ``bootstrap(y, x, groups, clusters)``, ``method="score"`` without fitting again
======================  ==========================================================================

``convention="stata"`` (the default) multiplies by G/(G-1), G the smallest number of clusters, as ppmlhdfe
does. ``convention="fixest"`` multiplies that by (n-1)/(n-K) and needs ``parameters=K``: the regressors, plus
levels less one of each fixed effect not nested in a cluster way, plus one, which is fixest's own count (in
three-way gravity by pair the pairs are nested, exporter-years and importer-years are not).
``convention="none"`` multiplies by 1.
"""

from entrepot.models.inference.bias import GravityCorrection, correct_gravity
from entrepot.models.inference.bootstrap import Bootstrap, FailedDraw, bootstrap
from entrepot.models.inference.clusters import directed_pairs, intersect, symmetric_pairs
from entrepot.models.inference.covariance import Covariance, clustered, dyadic, heteroskedastic
from entrepot.models.inference.events import (
    EventStudy,
    EventTimes,
    LeftOut,
    event_study,
    event_times,
    sup_t,
)
from entrepot.models.inference.penalised import LassoFit, lasso
from entrepot.models.inference.plugin import PluginLasso, plugin_lasso
from entrepot.models.inference.specification import ChiSquare, Reset, reset, score_test, wald

__all__ = [
    "Bootstrap",
    "ChiSquare",
    "Covariance",
    "EventStudy",
    "EventTimes",
    "FailedDraw",
    "GravityCorrection",
    "LassoFit",
    "LeftOut",
    "PluginLasso",
    "Reset",
    "bootstrap",
    "clustered",
    "correct_gravity",
    "directed_pairs",
    "dyadic",
    "event_study",
    "event_times",
    "heteroskedastic",
    "intersect",
    "lasso",
    "plugin_lasso",
    "reset",
    "score_test",
    "sup_t",
    "symmetric_pairs",
    "wald",
]
