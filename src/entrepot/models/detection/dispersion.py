r"""Heavy-tailed dispersion: how far trade strays from its expectation in peace time.

The log ratio of observed to expected trade follows a Student t whose scale and location depend on the
expected size: :math:`(a - m(x)) / \sigma(x) \sim t_\nu`, with :math:`m` and :math:`\log \sigma` linear in
the log of the expected flow x. Trade in fine products has :math:`\nu` near 2: a Poisson or normal tail is
wrong by orders of magnitude.

References
----------
Lange, K. L., Little, R. J. A., & Taylor, J. M. G. (1989). Robust statistical modeling using the t
distribution. JASA, 84(408), 881-896. https://doi.org/10.1080/01621459.1989.10478852
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from entrepot.models.detection.panel import FloatArray

# Cells the fit reads at most: an even cut through them in the order of size, so row order does not matter.
SAMPLE = 20_000


@dataclass(frozen=True, slots=True)
class Dispersion:
    """Fitted tail of the log ratio.

    Attributes
    ----------
    location, scale : ndarray, shape (2,)
        Intercept and slope of the location and of the log scale in ``log(size) - centre``.
    degrees : float
        Degrees of freedom nu of the Student t.
    centre : float
        Mean log size of the cells fitted.
    """

    location: FloatArray
    scale: FloatArray
    degrees: float
    centre: float

    def standardise(self, ratio: FloatArray, size: FloatArray) -> FloatArray:
        """Log ratios in units of their scale at that size."""
        x = np.log(size) - self.centre
        return np.asarray((ratio - self.location[0] - self.location[1] * x) / self.spread(size))

    def spread(self, size: FloatArray) -> FloatArray:
        """Scale of the t distribution at an expected size."""
        return np.asarray(np.exp(self.scale[0] + self.scale[1] * (np.log(size) - self.centre)))

    def upper_tail(self, standardised: FloatArray) -> FloatArray:
        """Probability of a larger log ratio in peace time."""
        return np.asarray(special.stdtr(self.degrees, -standardised))


def fit_dispersion(ratio: FloatArray, size: FloatArray) -> Dispersion:
    """Fit the t distribution by maximum likelihood; nu between 1 and 30.

    Parameters
    ----------
    ratio : ndarray, shape (n,)
        Log of observed over expected.
    size : ndarray, shape (n,)
        Expected flow, > 0.

    Raises
    ------
    ValueError
        With fewer than 20 cells.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> fitted = fit_dispersion(0.5 * rng.standard_t(2, 4000), np.exp(rng.normal(10, 2, 4000)))
    >>> bool(abs(np.exp(fitted.scale[0]) - 0.5) < 0.05), bool(1.7 < fitted.degrees < 2.4)
    (True, True)
    """
    if ratio.size < 20:
        raise ValueError("ratio must hold at least 20 cells to fit a tail")
    order = np.lexsort((ratio, size))
    order = order[:: -(-order.size // SAMPLE)]
    a, x = ratio[order], np.log(size[order])
    centre = float(x.mean())
    x = x - centre

    def minus_log_likelihood(p: FloatArray) -> tuple[float, FloatArray]:
        nu, spread = np.exp(p[4]), np.exp(p[2] + p[3] * x)
        z = (a - p[0] - p[1] * x) / spread
        weight = (nu + 1.0) / (nu + z * z)
        constant = special.gammaln((nu + 1) / 2) - special.gammaln(nu / 2) - 0.5 * np.log(nu * np.pi)
        value = constant - np.log(spread) - 0.5 * (nu + 1) * np.log1p(z * z / nu)
        pull, stretch = weight * z / spread, weight * z * z - 1.0
        by_nu = 0.5 * nu * (special.digamma((nu + 1) / 2) - special.digamma(nu / 2) - 1 / nu)
        by_nu = by_nu + 0.5 * (-nu * np.log1p(z * z / nu) + weight * z * z)
        gradient = [pull.sum(), (pull * x).sum(), stretch.sum(), (stretch * x).sum(), by_nu.sum()]
        return -float(value.sum()) / a.size, -np.array(gradient) / a.size

    middle = float(np.median(a))
    start = np.array([middle, 0.0, np.log(np.median(np.abs(a - middle)) + 1e-3), 0.0, np.log(2.0)])
    found = optimize.minimize(
        minus_log_likelihood,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * 4 + [(0.0, np.log(30.0))],
    ).x
    return Dispersion(found[:2], found[2:4], float(np.exp(found[4])), centre)
