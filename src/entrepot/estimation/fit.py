"""Structural gravity by Poisson pseudo-maximum likelihood: formula in, estimates out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from inspect import signature
from typing import Any, Literal

from entrepot.errors import DataError, InputError
from entrepot.estimation import vcov as covariances
from entrepot.estimation.design import Design, Missing, build
from entrepot.estimation.estimates import Dropped, GravityFit
from entrepot.estimation.further import selected_terms
from entrepot.models.inference import GravityCorrection, correct_gravity
from entrepot.models.inference.covariance import Convention
from entrepot.models.poisson import NotConverged, PoissonFit
from entrepot.models.poisson import fit as fit_poisson

Choice = Literal["refuse", "drop"]
Singletons = Literal["drop", "keep"]


def gravity(
    formula: str,
    data: Any,
    *,
    vcov: str = "pair",
    convention: Convention = "stata",
    weights: str | None = None,
    offset: str | None = None,
    correct: bool = False,
    exporter: str | None = None,
    importer: str | None = None,
    year: str | None = None,
    missing: Missing = "refuse",
    unidentified: Choice = "refuse",
    singletons: Singletons = "drop",
    lasso: bool = False,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> GravityFit:
    """Estimate a gravity equation, ``E[trade] = exp(x beta + fixed effects)``.

    Parameters
    ----------
    formula : str
        Grammar of fixest, ``"trade ~ rta | exporter^year + importer^year + exporter^importer"``; see
        `entrepot.estimation.formula.parse` for all it knows.
    data : pandas, polars or Arrow table, narwhals frame, or dict of arrays
        One row per exporter, importer and year (and what else the fixed effects tell apart). Trade >= 0 in
        any unit; zeros belong in, missing trade is no zero.
    vcov : str
        Covariance: "pair" (directed, the default), "pair-symmetric", "hetero", "dyadic", "exporter",
        "importer", "year", any column, ``a^b`` for combinations, several ways joined by "+".
    convention : {"stata", "fixest", "none"}
        Small-sample factor; "stata" is G / (G - 1), G the number of clusters.
    weights, offset : str, optional
        Columns: weight of each row (>= 0), and a term with coefficient 1.
    correct : bool
        Remove the bias that estimated fixed effects leave, and adjust the standard errors for them (Weidner
        and Zylkin 2021); needs exporter-year and importer-year effects, with pair effects or without.
    exporter, importer, year : str, optional
        Columns of these roles, where they are not named so.
    missing : {"refuse", "drop"}
        What to do with rows that miss a value.
    unidentified : {"refuse", "drop"}
        What to do with regressors that the fixed effects absorb or other regressors explain.
    singletons : {"drop", "keep"}
        Whether the only observation of a fixed effect counts; it changes no coefficient.
    lasso : bool
        Select the regressors by the plugin lasso first (clusters of a one-way ``vcov``), and estimate with
        those; the others are ``dropped``, and the standard errors do not know of the selection.
    tolerance : float
        Largest last step of a coefficient, in standard deviations of its regressor.
    max_iterations : int
        Most Newton steps.

    Returns
    -------
    GravityFit
        Coefficients, standard errors and what was left out. The order of rows changes nothing.

    Raises
    ------
    InputError
        Formula, column or option not understood.
    DataError
        Negative, duplicated or missing values, fewer than two countries, no trade, a term without a
        coefficient, no convergence.

    Notes
    -----
    Santos Silva and Tenreyro (2006), doi:10.1162/rest.88.4.641; Correia, Guimaraes and Zylkin (2020),
    doi:10.1177/1536867X20909691.

    Examples
    --------
    >>> import entrepot as ep
    >>> data = {
    ...     "exporter": ["A", "A", "B", "B", "C", "C"], "importer": ["B", "C", "A", "C", "A", "B"],
    ...     "trade": [4.0, 1.0, 4.0, 1.0, 1.0, 1.0], "rta": [1, 0, 1, 0, 0, 0],
    ... }
    >>> fit = ep.gravity("trade ~ rta", data=data)
    >>> dict(zip(fit.terms, fit.coefficients.round(4).tolist()))
    {'rta': 1.3863}
    """
    # First of all, while the arguments are the only names.
    given = {name: value for name, value in locals().items() if name not in ("formula", "data")}
    _check_options(unidentified, singletons, tolerance, max_iterations)
    spread = covariances.understand(vcov)
    if correct and (vcov != "pair" or convention != "stata" or weights is not None):
        raise InputError(
            "correct=True goes with vcov='pair', convention='stata' and no weights",
            hint="its standard errors are clustered by pair",
        )
    design = build(
        formula, data, clusters=spread.columns, weights=weights, offset=offset,
        exporter=exporter, importer=importer, year=year, missing=missing,
    )  # fmt: skip
    chosen = selected_terms(design, spread) if lasso else None
    fitted = solve(
        design, chosen, singletons=singletons, tolerance=tolerance, max_iterations=max_iterations
    )  # fmt: skip
    dropped = tuple(Dropped(design.terms[one.column], one.reason) for one in fitted.unidentified)
    if dropped and unidentified == "refuse":
        raise DataError.unidentified({one.term: one.reason for one in dropped})
    if chosen is not None:
        others = [term for at, term in enumerate(design.terms) if at not in chosen]
        dropped += tuple(Dropped(term, "not selected by the plugin lasso") for term in others)
    correction = _correction(design, fitted) if correct and fitted.columns else None
    covariance = covariances.estimate(design, fitted, spread, convention)
    return GravityFit(
        design=design,
        fit=fitted,
        covariance=covariance if correction is None else correction.covariance,
        vcov=spread,
        dropped=dropped,
        correction=correction,
        options={name: value for name, value in given.items() if value != _DEFAULTS[name]},
    )


_DEFAULTS = {name: option.default for name, option in signature(gravity).parameters.items()}


def solve(
    design: Design,
    chosen: Sequence[int] | None = None,
    *,
    singletons: Singletons = "drop",
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> PoissonFit:
    """Fit the arrays of a design.

    Parameters
    ----------
    design : Design
    chosen : sequence of int, optional
        Regressors to use; all if left out. The answer counts columns among all of them.
    singletons, tolerance, max_iterations
        As in `gravity`.

    Raises
    ------
    DataError
        If no row is left, or the score equations are not reached.
    """
    x = design.x if chosen is None else design.x[:, list(chosen)]
    try:
        fitted = fit_poisson(
            design.y, x, design.groups, weights=design.weights, offset=design.offset,
            singletons=singletons, tolerance=tolerance, max_iterations=max_iterations,
        )  # fmt: skip
    except NotConverged as error:
        raise DataError(
            f"the estimation did not converge: {error}",
            hint="look for a regressor of extreme scale, or allow more steps with max_iterations=",
        ) from error
    except ValueError as error:
        raise DataError(
            f"no row is left to estimate from: {error}", hint="the fixed effects take up all the data"
        ) from error
    if chosen is None:
        return fitted
    return replace(
        fitted,
        columns=tuple(chosen[column] for column in fitted.columns),
        unidentified=tuple(replace(one, column=chosen[one.column]) for one in fitted.unidentified),
    )


def _check_options(unidentified: str, singletons: str, tolerance: float, max_iterations: int) -> None:
    for name, value in (("unidentified", unidentified), ("singletons", singletons)):
        allowed = ("refuse", "drop") if name == "unidentified" else ("drop", "keep")
        if value not in allowed:
            raise InputError.bad_option(name, value, allowed)
    if not 0 < tolerance < 1:
        raise InputError(f"tolerance cannot be {tolerance}", hint="use a small positive number such as 1e-10")
    if max_iterations < 1:
        raise InputError(f"max_iterations cannot be {max_iterations}", hint="use a whole number above 0")


def _correction(design: Design, fitted: PoissonFit) -> GravityCorrection:
    cells, roles = design.cells, design.roles
    names = {frozenset(effect.columns) for effect in design.formula.effects if not effect.symmetric}
    sides = _sets((roles.exporter, roles.year), (roles.importer, roles.year))
    pairs = _sets((roles.exporter, roles.importer))
    plain = len(names) == len(design.formula.effects)
    if cells is None or cells.year is None or not plain or names not in (sides, sides | pairs):
        raise InputError(
            "correct=True needs the fixed effects exporter^year + importer^year",
            hint="write them so in the formula, with exporter^importer or not, and no others",
        )
    kept = fitted.kept
    try:
        return correct_gravity(
            fitted.x_tilde, fitted.weights * fitted.mu, fitted.weights * fitted.y,
            cells.exporter.code[kept], cells.importer.code[kept], cells.year[kept],
            pair_effects=names != sides,
        )  # fmt: skip
    except ValueError as error:
        raise DataError(f"correct=True: {error}", hint="estimate on fewer countries or years") from error


def _sets(*pairs: Iterable[str | None]) -> set[frozenset[str | None]]:
    return {frozenset(pair) for pair in pairs}
