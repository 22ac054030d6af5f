"""Bootstrap of Poisson regression with fixed effects: clusters drawn anew, or their scores reweighted.

``"pairs"`` draws G of the G clusters with replacement, whole, and fits again. A cluster drawn m times enters
with frequency weight m: copies of a cluster would share its fixed effects in any case, since each copy has
the same score equations. So no row is copied and the groups stay as they are.

``"score"`` does not fit again: draw b is ``beta + A^-1 sum_g v_gb S_g``, with ``S_g`` the score of cluster g,
A the information and v independent of mean 0 and variance 1. Its covariance tends to the clustered sandwich
(without small-sample factor) as the draws grow; it costs next to nothing, and it repeats the sandwich's own
faults where clusters are few or effects many.

The clusters are one way; where dependence runs over both countries, draw by the larger unit or use
`covariance.dyadic`.

**Shift.** Fixed effects that few clusters inform bias the estimate (`entrepot.models.inference.bias`), and a
draw, which holds only 63% of the clusters, is biased more. So draws of a three-way model may lie off the
estimate: `Bootstrap.shift` says how far, beside `standard_errors`. Where it is not small, percentile
intervals are off by as much in the wrong direction; take ``"normal"`` or ``"basic"`` intervals, and
`Bootstrap.centred` draws.

References
----------
Efron, B., & Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall.
Cameron, A. C., Gelbach, J. B., & Miller, D. L. (2008). Bootstrap-based improvements for inference with
clustered errors. Review of Economics and Statistics, 90(3), 414-427. https://doi.org/10.1162/rest.90.3.414
Kline, P., & Santos, A. (2012). A score based approach to wild bootstrap inference. Journal of Econometric
Methods, 1(1), 23-41. https://doi.org/10.1515/2156-6674.1006
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from entrepot.models.inference.clusters import IntArray, cluster_codes
from entrepot.models.inference.covariance import bread_and_scores, invert
from entrepot.models.poisson import NotConverged, PoissonFit, fit

FloatArray = NDArray[np.float64]
Method = Literal["pairs", "score"]
Multiplier = Literal["rademacher", "mammen", "normal"]
IntervalKind = Literal["percentile", "normal", "basic"]

# Random numbers held at once by the score bootstrap.
_BATCH = 4_000_000


@dataclass(frozen=True, slots=True)
class FailedDraw:
    """A draw without estimates.

    Attributes
    ----------
    draw : int
        Its number, from 0.
    reason : str
        A sentence.
    """

    draw: int
    reason: str


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Draws of the coefficients.

    Attributes
    ----------
    beta : ndarray, shape (k,)
        The estimate.
    columns : tuple of int, length k
        Columns of the regressors that the coefficients belong to.
    draws : ndarray, shape (B, k)
        Draws with all k coefficients.
    failed : tuple of FailedDraw
        Draws without; B and these add up to the draws asked for. Many of them mean that the draws describe
        only the samples in which the coefficients exist.
    clusters : int
        Number of clusters G.
    method : {"pairs", "score"}
        How the draws were made.
    seed : int
        Seed that gives the same draws again.
    """

    beta: FloatArray
    columns: tuple[int, ...]
    draws: FloatArray
    failed: tuple[FailedDraw, ...]
    clusters: int
    method: Method
    seed: int

    @property
    def covariance(self) -> FloatArray:
        """Covariance of the draws, shape (k, k)."""
        self._refuse_few()
        return np.atleast_2d(np.cov(self.draws, rowvar=False))

    @property
    def standard_errors(self) -> FloatArray:
        """Standard deviations of the draws, shape (k,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def shift(self) -> FloatArray:
        """Mean of the draws less the estimate, shape (k,)."""
        self._refuse_few()
        return np.asarray(self.draws.mean(axis=0) - self.beta)

    @property
    def centred(self) -> FloatArray:
        """Draws moved so that their mean is the estimate, shape (B, k)."""
        return self.draws - self.shift

    def interval(self, level: float = 0.95, kind: IntervalKind = "percentile") -> FloatArray:
        """Return confidence intervals, shape (k, 2).

        Parameters
        ----------
        level : float
            Coverage, between 0 and 1.
        kind : {"percentile", "normal", "basic"}
            Quantiles of the draws; the estimate with a normal quantile of `standard_errors`; quantiles of the
            draws mirrored at the estimate, which takes the shift out twice (once for the draws, once for the
            bias that it estimates).

        Raises
        ------
        ValueError
            If ``level`` or ``kind`` is unknown, or fewer than two draws succeeded.
        """
        if not 0 < level < 1:
            raise ValueError(f"level must lie between 0 and 1, got {level}")
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        if kind == "normal":
            return np.asarray(self.beta[:, None] + stats.norm.ppf(tails) * self.standard_errors[:, None])
        if kind not in ("percentile", "basic"):
            raise ValueError(f"kind must be 'percentile', 'normal' or 'basic', got {kind!r}")
        self._refuse_few()
        quantiles = np.quantile(self.draws, tails, axis=0).T
        return np.asarray(quantiles if kind == "percentile" else 2 * self.beta[:, None] - quantiles[:, ::-1])

    def _refuse_few(self) -> None:
        if len(self.draws) < 2:
            raise ValueError(f"draws must be at least 2; {len(self.draws)} succeeded")


def bootstrap(
    y: ArrayLike,
    x: ArrayLike,
    groups: Sequence[ArrayLike],
    clusters: ArrayLike,
    *,
    draws: int = 999,
    method: Method = "pairs",
    multiplier: Multiplier = "rademacher",
    weights: ArrayLike | None = None,
    seed: int = 0,
    tolerance: float = 1e-8,
) -> Bootstrap:
    """Draw coefficients of a Poisson regression by the cluster bootstrap.

    Parameters
    ----------
    y, x, groups, weights
        As in `entrepot.models.poisson.fit`.
    clusters : array_like of int, shape (n,)
        Codes of the clusters, such as pairs.
    draws : int
        Number of draws B.
    method : {"pairs", "score"}
        Draw clusters and fit again, or reweight the scores.
    multiplier : {"rademacher", "mammen", "normal"}
        Distribution of v for "score": signs; Mammen's two points, of third moment 1; standard normal.
    seed : int
        Seed of the random numbers; draw b does not depend on B.
    tolerance : float
        As in `fit`, for each draw.

    Returns
    -------
    Bootstrap
        Draws, failures and intervals.

    Raises
    ------
    ValueError
        If an argument is malformed, no coefficient is identified or there are fewer than two clusters.
    NotConverged
        If the estimate itself does not converge; a draw that does not is a failure.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, year = rng.normal(size=300), np.arange(300) % 5
    >>> y = rng.poisson(np.exp(0.5 * x))
    >>> found = bootstrap(y, x, [year], np.arange(300) // 5, draws=50)
    >>> found.draws.shape, found.clusters, len(found.failed)
    ((50, 1), 60, 0)
    """
    if draws < 1:
        raise ValueError(f"draws must be at least 1, got {draws}")
    if method not in ("pairs", "score"):
        raise ValueError(f"method must be 'pairs' or 'score', got {method!r}")
    base = fit(y, x, groups, weights=weights)
    if not base.columns:
        raise ValueError("x must hold a regressor that the fixed effects do not absorb")
    code = cluster_codes(cluster_codes(clusters, base.kept.size)[base.kept], base.y.size)
    count = int(code.max()) + 1
    if count < 2:
        raise ValueError("clusters must hold at least two clusters with rows in the regression")
    failed: tuple[FailedDraw, ...] = ()
    if method == "score":
        drawn = _score_draws(base, code, draws, multiplier, seed)
    else:
        sample = _Sample.of(base, np.asarray(x, dtype=np.float64), groups, code)
        drawn, failed = _pair_draws(sample, draws, seed, tolerance)
    return Bootstrap(base.beta, base.columns, drawn, failed, count, method, seed)


@dataclass(frozen=True, slots=True)
class _Sample:
    """Kept rows and identified columns, with the estimate that every draw starts from."""

    y: FloatArray
    x: FloatArray
    groups: tuple[IntArray, ...]
    weights: FloatArray
    code: IntArray
    beta: FloatArray
    columns: tuple[int, ...]

    @classmethod
    def of(cls, base: PoissonFit, x: FloatArray, groups: Sequence[ArrayLike], code: IntArray) -> _Sample:
        regressors = x.reshape(base.kept.size, -1)[base.kept][:, base.columns]
        codes = tuple(np.asarray(group)[base.kept].astype(np.intp) for group in groups)
        return cls(base.y, regressors, codes, base.weights, code, base.beta, base.columns)


def _pair_draws(
    sample: _Sample, draws: int, seed: int, tolerance: float
) -> tuple[FloatArray, tuple[FailedDraw, ...]]:
    found: list[FloatArray] = []
    failed: list[FailedDraw] = []
    count = int(sample.code.max()) + 1
    for draw in range(draws):
        # A generator for each draw, so that neither failures nor the number of draws move the others.
        rng = np.random.default_rng([seed, draw])
        times = np.bincount(rng.integers(count, size=count), minlength=count)
        answer = _one_draw(sample, times[sample.code] * sample.weights, tolerance)
        if isinstance(answer, str):
            failed.append(FailedDraw(draw, answer))
        else:
            found.append(answer)
    return np.array(found).reshape(len(found), sample.beta.size), tuple(failed)


def _one_draw(sample: _Sample, weights: FloatArray, tolerance: float) -> FloatArray | str:
    """Fit with the weights of a draw; a sentence where that gives no coefficients."""
    drawn = weights > 0
    try:
        found = fit(
            sample.y[drawn],
            sample.x[drawn],
            [group[drawn] for group in sample.groups],
            weights=weights[drawn],
            tolerance=tolerance,
        )
    except (NotConverged, ValueError) as error:
        return str(error)
    if found.unidentified:
        return "; ".join(f"column {sample.columns[gone.column]} {gone.reason}" for gone in found.unidentified)
    return found.beta


def _score_draws(
    base: PoissonFit, code: IntArray, draws: int, multiplier: Multiplier, seed: int
) -> FloatArray:
    bread, scores = bread_and_scores(base.x_tilde, base.weights * base.mu, base.weights * base.y)
    sums = np.column_stack([np.bincount(code, weights=column) for column in scores.T])
    moves = sums @ invert(bread)
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH // len(sums))
    parts = [
        _multipliers(rng, multiplier, (min(batch, draws - at), len(sums))) @ moves
        for at in range(0, draws, batch)
    ]
    return np.asarray(base.beta + np.concatenate(parts))


def _multipliers(rng: np.random.Generator, name: Multiplier, shape: tuple[int, int]) -> FloatArray:
    if name == "normal":
        return np.asarray(rng.standard_normal(shape), dtype=np.float64)
    if name == "rademacher":
        return np.asarray(np.where(rng.random(shape) < 0.5, -1.0, 1.0))
    if name == "mammen":
        root = np.sqrt(5.0)
        low = rng.random(shape) < (root + 1) / (2 * root)
        return np.asarray(np.where(low, (1 - root) / 2, (1 + root) / 2))
    raise ValueError(f"multiplier must be 'rademacher', 'mammen' or 'normal', got {name!r}")
