"""What a gravity equation returns: estimates, their uncertainty, and what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import special

from entrepot.errors import InputError
from entrepot.estimation import vcov as covariances
from entrepot.estimation.design import Design
from entrepot.models.inference import Covariance, GravityCorrection
from entrepot.models.inference.covariance import Convention
from entrepot.models.poisson import REASONS, PoissonFit
from entrepot.models.poisson.rows import ALL_ZERO, SEPARATED, SINGLETON

if TYPE_CHECKING:
    from entrepot.estimation.draws import Method
    from entrepot.estimation.effects import Effects
    from entrepot.estimation.scenario import Baseline
    from entrepot.models.equilibrium.one_sector import Deficits, Kind
    from entrepot.models.inference import Reset
    from entrepot.result import Figure, Result

FloatArray = NDArray[np.float64]

# Options of `gravity` that another covariance replaces.
_OF_COVARIANCE = ("vcov", "convention", "correct")


@dataclass(frozen=True, slots=True)
class Dropped:
    """A term without a coefficient, and why."""

    term: str
    reason: str


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of coefficients and its standard error."""

    estimate: float
    standard_error: float


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class GravityFit:
    """A gravity equation as estimated; k terms with a coefficient.

    Attributes
    ----------
    design : Design
        The arrays it was estimated on.
    fit : PoissonFit
        The regression itself: fitted trade, fixed effects, rows kept.
    covariance : Covariance
        Covariance of the coefficients.
    vcov : Vcov
        The covariance asked for.
    dropped : tuple of Dropped
        Terms without a coefficient.
    correction : GravityCorrection or None
        Bias correction, where it was asked for; it is part of ``coefficients`` and ``covariance``.
    options : dict of str to object
        What was asked of `gravity` beside its defaults.
    """

    design: Design
    fit: PoissonFit
    covariance: Covariance
    vcov: covariances.Vcov
    dropped: tuple[Dropped, ...] = ()
    correction: GravityCorrection | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def formula(self) -> str:
        """The formula as written."""
        return self.design.formula.text

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the k coefficients."""
        return tuple(self.design.terms[column] for column in self.fit.columns)

    @property
    def coefficients(self) -> FloatArray:
        """Estimates, shape (k,): change of the log of trade per unit of each term."""
        return self.fit.beta if self.correction is None else self.fit.beta - self.correction.bias

    @property
    def standard_errors(self) -> FloatArray:
        """Standard errors, shape (k,)."""
        return self.covariance.standard_errors

    @property
    def z(self) -> FloatArray:
        """Estimates over standard errors, shape (k,); infinite where the error is zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.coefficients / self.standard_errors)

    @property
    def p_values(self) -> FloatArray:
        """Probability of a larger |z| under the normal distribution, shape (k,)."""
        return np.asarray(2 * special.ndtr(-np.abs(self.z)))

    def intervals(self, level: float = 0.95) -> FloatArray:
        """Return confidence intervals by the normal distribution, shape (k, 2): lower and upper end.

        Raises
        ------
        InputError
            If ``level`` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level cannot be {level}", hint="use a share such as 0.95")
        reach = float(special.ndtri((1 + level) / 2)) * self.standard_errors
        return np.column_stack([self.coefficients - reach, self.coefficients + reach])

    @property
    def rows(self) -> int:
        """Rows of the data given."""
        return self.design.frame.rows

    @property
    def n(self) -> int:
        """Rows that the estimates rest on."""
        return int(self.fit.kept.sum())

    @property
    def removed(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return {**self.design.missing, **self.fit.dropped}

    @property
    def pruned(self) -> int:
        """Rows in groups of zeros only, or alone in their group."""
        return sum(self.fit.dropped.get(REASONS[key], 0) for key in (ALL_ZERO, SINGLETON))

    @property
    def separated(self) -> int:
        """Rows that no finite estimate fits."""
        return self.fit.dropped.get(REASONS[SEPARATED], 0)

    @property
    def deviance(self) -> float:
        """``2 sum w (y log(y / mu) - y + mu)``, in the unit of trade."""
        return self.fit.deviance

    @property
    def iterations(self) -> int:
        """Newton steps."""
        return self.fit.iterations

    @property
    def observed(self) -> FloatArray:
        """Trade of the rows used, shape (n,)."""
        return self.design.y[self.fit.kept]

    @property
    def fitted(self) -> FloatArray:
        """Fitted trade of the rows used, shape (n,)."""
        return self.fit.mu

    @property
    def pseudo_r2(self) -> float:
        """One less the log-likelihood over that of a constant alone (McFadden), on the rows used."""
        y, weights, rise = self.fit.y, self.fit.weights, np.ones(self.n)
        if self.design.offset is not None:
            offset = self.design.offset[self.fit.kept]
            rise = np.exp(offset - offset.max())
        constant = rise * float(weights @ y) / float(weights @ rise)
        whole = float(weights @ special.gammaln(y + 1))
        full, null = (float(weights @ (special.xlogy(y, mu) - mu)) - whole for mu in (self.fitted, constant))
        return 1 - full / null if null else 0.0

    @property
    def summary(self) -> str:
        """The regression table as text."""
        return self.table()

    def with_vcov(self, vcov: str, *, convention: Convention = "stata") -> GravityFit:
        """Return the same estimates with another covariance, without a bias correction.

        Parameters
        ----------
        vcov, convention
            As in `gravity`; clusters from the columns of the formula.
        """
        spread = covariances.understand(vcov)
        self.design.frame.require(spread.columns)
        covariance = covariances.estimate(self.design, self.fit, spread, convention)
        others = {name: value for name, value in self.options.items() if name not in _OF_COVARIANCE}
        options = {**others, "vcov": spread.text, "convention": convention}
        return replace(self, covariance=covariance, vcov=spread, correction=None, options=options)

    def tidy(self, level: float = 0.95) -> pa.Table:
        """Return one row per term: term, coefficient, standard_error, z, p, lower, upper, reason.

        A term without a coefficient has nulls and its ``reason``.
        """
        numbers = np.column_stack(
            [self.coefficients, self.standard_errors, self.z, self.p_values, self.intervals(level)]
        )
        found = dict(zip(self.terms, numbers.tolist(), strict=True))
        reasons = {one.term: one.reason for one in self.dropped}
        rows = [found.get(term, [None] * 6) for term in self.design.terms]
        names = ("coefficient", "standard_error", "z", "p", "lower", "upper")
        columns = {name: pa.array([row[at] for row in rows], pa.float64()) for at, name in enumerate(names)}
        reason = pa.array([reasons.get(term) for term in self.design.terms], pa.string())
        return pa.table({"term": pa.array(self.design.terms, pa.string()), **columns, "reason": reason})

    def linear(self, weights: Mapping[str, float]) -> Linear:
        """Return a weighted sum of coefficients with its standard error.

        Parameters
        ----------
        weights : mapping of str to float
            Weight of each term; the total effect of lags has weight 1 on each.

        Raises
        ------
        InputError
            For a term without a coefficient.
        """
        row = np.zeros(len(self.terms))
        for term, weight in weights.items():
            if term not in self.terms:
                raise InputError.unknown("term", term, self.terms)
            row[self.terms.index(term)] = weight
        return Linear(float(row @ self.coefficients), float(np.sqrt(row @ self.covariance.matrix @ row)))

    def effects(self, reference: str | None = None) -> Effects:
        """Return the fixed effects by name, and multilateral resistances where the design has them.

        Parameters
        ----------
        reference : str, optional
            Importer whose inward resistance is 1 in every year; without it the expenditure-weighted mean of
            the logs of inward resistance is 0 in every year and connected component.

        Returns
        -------
        Effects
            ``tables`` by fixed effect; ``resistances`` with output, expenditure, ``outward`` (Pi^-theta) and
            ``inward`` (P^-theta) by country and year.
        """
        from entrepot.estimation.effects import effects_of

        return effects_of(self, reference)

    def draws(self, n: int = 1000, seed: int = 0, method: Method = "covariance") -> FloatArray:
        """Return draws of the coefficients.

        Parameters
        ----------
        n : int
            Number of draws.
        seed : int
            Seed of the random numbers.
        method : {"covariance", "bootstrap", "score"}
            Normal with the covariance of the fit; the cluster bootstrap, which draws the clusters of a
            one-way ``vcov`` and estimates again; or the score bootstrap, which reweights their scores.
            Bootstrap draws are moved to have their mean at the estimate: with three sets of fixed effects
            they repeat its bias.

        Returns
        -------
        ndarray, shape (n, k)
            Fewer rows where a draw of the bootstrap lacks a coefficient.
        """
        from entrepot.estimation.draws import draw

        return draw(self, n, seed, method)

    def counterfactual(
        self,
        change: Any,
        *,
        theta: float,
        year: int | None = None,
        draws: int = 1000,
        seed: int = 0,
        method: Method = "covariance",
        kind: Kind = "full",
        deficits: Deficits = "additive",
        baseline: Baseline = "observed",
        sweep: Sequence[float] = (3.0, 5.0, 8.0),
    ) -> Result:
        """Return what a change in the regressors does to trade and real income, with its uncertainty.

        Trade costs move by ``exp(change of x beta)``; the one-sector equilibrium of one year's trade answers,
        for the estimate and for every draw of the coefficients.

        Parameters
        ----------
        change : mapping or data frame
            ``{"rta": 0}``: a new value for all pairs of two countries; ``{"rta": {("MEX", "USA"): 0}}``: for
            some; or a frame of exporters, importers (and years) with the changed columns. Without years the
            change holds in every year, so that lags and leads follow: the long run.
        theta : float
            Trade elasticity.
        year : int, optional
            Year of the baseline; the last one if left out.
        draws, seed, method
            As in `draws`; 0 draws give the estimate alone.
        kind : {"full", "conditional"}
            General equilibrium with fixed endowments, or output and spending held fixed.
        deficits : {"additive", "multiplicative", "balanced"}
            How trade balances move.
        baseline : {"observed", "fitted"}
            Trade before the change; with domestic trade in rows whose exporter is the importer.
        sweep : sequence of float
            Other trade elasticities to show beside.

        Returns
        -------
        Result
            ``main`` has one row per country: change of real income, exports and imports, median, 95% interval
            and share of draws with the median's sign. Part ``bilateral``: trade before and after.

        Raises
        ------
        InputError
            A change or an option not understood.
        DataError
            No domestic trade, a pair that is not there, a term without a coefficient, or no equilibrium.
        """
        from entrepot.estimation.answer import counterfactual_result
        from entrepot.estimation.scenario import Ask, solve_scenario

        ask = Ask(theta, year, draws, seed, method, kind, deficits, baseline, tuple(sweep))
        return counterfactual_result(self, ask, solve_scenario(self, change, ask))

    def reset(self) -> Reset:
        """Test whether the squared linear predictor belongs in the equation (RESET).

        Returns
        -------
        Reset
            Its coefficient, standard error and test, with the clusters of this fit.

        Raises
        ------
        InputError, DataError
            With an offset or dyadic errors, or where nothing is left to test.
        """
        from entrepot.estimation.further import reset_of

        return reset_of(self)

    def plot(self, terms: Sequence[str] | None = None) -> Figure:
        """Return a chart of coefficients with 95% intervals, to be drawn by `entrepot.report.charts`.

        Parameters
        ----------
        terms : sequence of str, optional
            Terms to show; all if left out.

        Raises
        ------
        InputError
            For a term without a coefficient.
        """
        from entrepot.estimation.answer import coefficient_figure

        return coefficient_figure(self, terms)

    def to_result(self) -> Result:
        """Return the estimates as an answer with tables, chart and notes, as every question gives it."""
        from entrepot.estimation.answer import estimates_result

        return estimates_result(self)

    def table(self, *others: GravityFit, format: Literal["text", "html", "latex"] = "text") -> str:
        """Return a regression table, one column for this fit and one for each of ``others``.

        Raises
        ------
        InputError
            For another format.
        """
        from entrepot.estimation.printing import regression_table

        return regression_table((self, *others), format)

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return self.table(format="html")
