"""Estimates and counterfactuals as a ``Result``: finding, tables, chart, notes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import InputError
from entrepot.result import Column, Figure, How, Note, Result, Table
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.estimation.estimates import GravityFit
    from entrepot.estimation.scenario import Ask, Outcome

FloatArray = NDArray[np.float64]

EQUATION = "E[trade] = exp(x beta + fixed effects); score: sum x (trade - mu) = 0"
REFERENCE = (
    "Santos Silva and Tenreyro (2006), doi:10.1162/rest.88.4.641; "
    "Correia, Guimaraes and Zylkin (2020), doi:10.1177/1536867X20909691"
)
EQUILIBRIUM = "(t'/t)^-theta = exp(dx beta); one-sector equilibrium in exact hat algebra"
EQUILIBRIUM_REFERENCE = (
    "Dekle, Eaton and Kortum (2008), doi:10.1057/imfsp.2008.17; "
    "Yotov, Piermartini, Monteiro and Larch (2016), An Advanced Guide to Trade Policy Analysis"
)
# A smaller change of real income, as a fraction, prints as nil.
NIL = 5e-5
# Countries in the chart.
SHOWN = 12
# Larger changes in logs are not said in percent.
READABLE = 3.0
# Clusters below which cluster-robust errors mislead: Cameron and Miller (2015) put it at 20 to 50.
FEW = 40
CORRECTED = Note(
    "convention",
    "Coefficients and standard errors are corrected for estimated fixed effects "
    "(doi:10.1016/j.jinteco.2021.103513).",
)
MINUS = "\u2212"

TIDY = (
    Column("term", "Term"),
    Column("coefficient", "Coefficient", "log points", "decimal", 4, "change of log trade per unit"),
    Column("standard_error", "Standard error", "", "decimal", 4),
    Column("z", "z", "", "decimal", 2, "coefficient over standard error"),
    Column("p", "p", "", "probability", 4, "probability of a larger |z| if the coefficient were 0"),
    Column("lower", "from", "log points", "decimal", 4, "lower end of the 95% interval"),
    Column("upper", "to", "log points", "decimal", 4, "upper end of the 95% interval"),
    Column("reason", "Why none", doc="why there is no coefficient; null where there is one"),
)


def estimates_result(fit: GravityFit) -> Result:
    """Return a fit as an answer; see `GravityFit.to_result`."""
    data = fit.tidy()
    main = Table("coefficients", "Coefficients", data, TIDY)
    why = pc.fill_null(data["reason"], "")
    shown = data.set_column(7, "reason", why) if fit.dropped else data.drop_columns(["reason"])
    display = Table("display", "Coefficients", shown, TIDY if fit.dropped else TIDY[:-1])
    return Result(
        question="gravity",
        subject=fit.design.formula.outcome,
        finding=_estimate_words(fit),
        subtitle=f"{fit.formula}; {fit.n:,} observations; standard errors: {fit.vcov.text}",
        main=main,
        display=display,
        parts=(_removed_table(fit),),
        figures=(coefficient_figure(fit),) if fit.terms else (),
        notes=_estimate_notes(fit),
        how=_how(fit, "", EQUATION, REFERENCE, {}),
    )


def coefficient_figure(fit: GravityFit, terms: Sequence[str] | None = None) -> Figure:
    """Return coefficients with intervals as a chart; see `GravityFit.plot`."""
    chosen = list(fit.terms if terms is None else terms)
    for term in chosen:
        if term not in fit.terms:
            raise InputError.unknown("term", term, fit.terms)
    rows = [fit.terms.index(term) for term in chosen]
    ends = fit.intervals()[rows]
    data = pa.table(
        {
            "term": pa.array(chosen, pa.string()),
            "coefficient": fit.coefficients[rows],
            "lower": ends[:, 0],
            "upper": ends[:, 1],
        }
    )
    return Figure(
        name="coefficients",
        kind="interval",
        title=_estimate_words(fit),
        subtitle="Coefficients with 95% intervals, log points",
        alt=f"Coefficients of {fit.formula} with their 95% intervals.",
        data=data,
        encode={"label": "term", "value": "coefficient", "lower": "lower", "upper": "upper"},
    )


def _estimate_words(fit: GravityFit) -> str:
    """Say what the first term does; in percent where that is a number to read."""
    outcome = fit.design.formula.outcome
    if not fit.terms:
        return f"{outcome} explained by fixed effects alone."
    numbers = [float(fit.coefficients[0]), *(float(end) for end in fit.intervals()[0])]
    if max(abs(number) for number in numbers) > READABLE:
        first, low, high = (f"{number:+.3g}".replace("-", MINUS) for number in numbers)
        return f"One unit more of {fit.terms[0]}: {first} log points of {outcome} ({low} to {high})."
    first, low, high = (_percent(float(np.expm1(number)), 1) for number in numbers)
    return f"One unit more of {fit.terms[0]} goes with {first} of {outcome} (95% interval {low} to {high})."


def _percent(value: float, digits: int) -> str:
    return f"{100 * value:+,.{digits}f}%".replace("-", MINUS)


def _removed_table(fit: GravityFit) -> Table:
    removed = fit.removed
    reasons = [_outcome(fit, reason) for reason in removed]
    data = pa.table(
        {"reason": pa.array(reasons, pa.string()), "rows": pa.array([*removed.values()], pa.int64())}
    )
    columns = (Column("reason", "Reason"), Column("rows", "Rows", "", "integer"))
    return Table("left-out", "Rows left out of the regression", data, columns)


def _outcome(fit: GravityFit, reason: str) -> str:
    """Name the column of trade in a reason that the kernel wrote."""
    return reason.replace("y is", f"{fit.design.formula.outcome} is")


def _estimate_notes(fit: GravityFit) -> tuple[Note, ...]:
    notes = [
        Note(
            "scope",
            f"{count:,} of {fit.rows:,} rows are left out: {_outcome(fit, reason)}.",
        )
        for reason, count in fit.removed.items()
    ]
    notes += [Note("warning", f"'{one.term}' has no coefficient: it is {one.reason}.") for one in fit.dropped]
    if fit.correction is not None:
        notes.append(CORRECTED)
    if 0 < min(fit.covariance.groups, default=0) < FEW:
        few = min(fit.covariance.groups)
        notes.append(
            Note(
                "warning",
                f"Standard errors rest on {few} clusters: with fewer than {FEW} they are often too small "
                "(doi:10.3368/jhr.50.2.317).",
            )
        )
    notes.append(Note("convention", f"Small-sample factor of the covariance: {fit.covariance.convention}."))
    return tuple(notes)


def _how(fit: GravityFit, call: str, equation: str, reference: str, parameters: dict[str, Any]) -> How:
    options = "".join(f", {name}={value!r}" for name, value in fit.options.items())
    python = f"ep.gravity({fit.formula!r}, data{options}){call}"
    given = {"formula": fit.formula, **fit.options, **parameters}
    return How(command=python, python=python, parameters=given, equation=equation, reference=reference)


def counterfactual_result(fit: GravityFit, ask: Ask, outcome: Outcome) -> Result:
    """Return a counterfactual as an answer; see `GravityFit.counterfactual`."""
    main = _country_table(outcome)
    hidden = {"welfare", "exports", "imports"}
    hidden |= {
        f"{flow}_{part}" for flow in ("exports", "imports") for part in ("lower", "upper", "same_sign")
    }
    keep = [name for name in main.data.column_names if name not in hidden]
    display = Table("display", main.title, main.data.select(keep), tuple(main.column(name) for name in keep))
    parameters = {
        "theta": ask.theta, "year": outcome.year, "draws": ask.draws, "seed": ask.seed, "method": ask.method,
        "kind": ask.kind, "deficits": ask.deficits, "baseline": ask.baseline, "sweep": ask.sweep,
    }  # fmt: skip
    call = f".counterfactual(change, {', '.join(f'{name}={value!r}' for name, value in parameters.items())})"
    when = "" if outcome.year is None else f"; base year {outcome.year}"
    return Result(
        question="gravity-counterfactual",
        subject=fit.design.formula.outcome,
        finding=_outcome_words(main),
        subtitle=f"Real income; one sector, trade elasticity {ask.theta:g}, {ask.kind} equilibrium{when}",
        main=main,
        display=display,
        parts=(_bilateral_table(outcome),),
        figures=(_country_figure(main, ask),),
        notes=_outcome_notes(ask, outcome),
        how=_how(fit, call, EQUILIBRIUM, EQUILIBRIUM_REFERENCE, parameters),
    )


def _country_table(outcome: Outcome) -> Table:
    """One row per country, the most affected first; changes as fractions."""
    order = np.argsort(-np.abs(outcome.central["welfare"] - 1), kind="stable")
    names = [outcome.countries[at] for at in order]
    columns = [Column("country", "Code", format="code"), Column("label", "Country")]
    data: dict[str, Any] = {"country": names, "label": [_name(name) for name in names]}
    titles = {"welfare": "Real income", "exports": "Exports", "imports": "Imports"}
    for name, title in titles.items():
        central, drawn = outcome.central[name] - 1, outcome.drawn[name] - 1
        digits = 2 if name == "welfare" else 1
        for column, values in _summary(name, title, digits, central, drawn):
            columns.append(column)
            data[column.name] = _rounded(values[order])
    for theta, values in outcome.sweep.items():
        columns.append(
            Column(
                f"theta_{theta:g}", f"at \u03b8 {theta:g}", "%", "percent", 2, "real income, at the estimate"
            )
        )
        data[f"theta_{theta:g}"] = _rounded(values[order] - 1)
    return Table("countries", "Change of real income and trade by country", pa.table(data), tuple(columns))


def _summary(
    name: str, title: str, digits: int, central: FloatArray, drawn: FloatArray
) -> list[tuple[Column, FloatArray]]:
    """Return the estimate, and median, 95% interval and share of the median's sign over the draws."""
    if len(drawn):
        low, median, high = np.percentile(drawn, [2.5, 50.0, 97.5], axis=0)
        same = (np.sign(drawn) == np.sign(median)).mean(axis=0)
    else:
        low = high = same = np.full(central.size, np.nan)
        median = central
    return [
        (
            Column(name, f"{title}, estimate", "%", "percent", digits, "at the estimated coefficients"),
            central,
        ),
        (Column(f"{name}_median", title, "%", "percent", digits, "median of the draws"), median),
        (Column(f"{name}_lower", "from", "%", "percent", digits, "2.5th percentile"), low),
        (Column(f"{name}_upper", "to", "%", "percent", digits, "97.5th percentile"), high),
        (
            Column(
                f"{name}_same_sign", "Sure of sign", "of draws", "percent", 0, "share of the median's sign"
            ),
            same,
        ),
    ]


def _rounded(values: FloatArray) -> pa.Array:
    """Round to ten decimals, about the solver's error; NaN is null: not computed."""
    return pa.array(np.round(values, 10) + 0.0, pa.float64(), mask=np.isnan(values))


def _name(code: Any) -> str:
    return countries.name(code) if code in countries.known() else str(code)


def _bilateral_table(outcome: Outcome) -> Table:
    n = len(outcome.countries)
    names = np.array([str(name) for name in outcome.countries])
    before, after = outcome.baseline.ravel(), outcome.trade.ravel()
    change = np.divide(after, before, out=np.full(before.size, np.nan), where=before > 0) - 1
    data = pa.table(
        {
            "exporter": np.repeat(names, n), "importer": np.tile(names, n),
            "before": before, "after": after, "change": _rounded(change),
        }
    )  # fmt: skip
    columns = (
        Column("exporter", "Exporter", format="code"),
        Column("importer", "Importer", format="code"),
        Column("before", "Before", "as in the data", "decimal", 1),
        Column("after", "After", "as in the data", "decimal", 1),
        Column("change", "Change", "%", "percent", 1, "null where there was no trade"),
    )
    return Table("bilateral", "Trade by pair before and after, at the estimate", data, columns)


def _country_figure(main: Table, ask: Ask) -> Figure:
    """Chart the countries most affected."""
    data = main.data.slice(0, SHOWN)
    hundred = {
        role: pa.array(
            [None if v is None else 100 * v for v in data[f"welfare_{role}"].to_pylist()], pa.float64()
        )
        for role in ("median", "lower", "upper")
    }
    return Figure(
        name="real-income",
        kind="interval",
        title=_outcome_words(main),
        subtitle=f"Percent of real income, trade elasticity {ask.theta:g}, the most affected countries",
        alt=_outcome_words(main),
        data=pa.table({"country": data["label"], **hundred}),
        encode={"label": "country", "value": "median", "lower": "lower", "upper": "upper"},
    )


def _outcome_words(main: Table) -> str:
    rows = main.data.to_pylist()
    gains, losses = max(rows, key=_median), min(rows, key=_median)
    said = []
    if _median(gains) > NIL:
        said.append(f"{gains['label']} gains most ({_change(gains)})")
    if _median(losses) < -NIL:
        said.append(f"{losses['label']} loses most ({_change(losses)})")
    if abs(_median(losses)) > abs(_median(gains)):
        said.reverse()
    if not said:
        return "No country's real income changes by a hundredth of a percent."
    up, down = sum(_median(row) > NIL for row in rows), sum(_median(row) < -NIL for row in rows)
    return f"Real income: {', '.join(said)}; {up} of {len(rows)} countries gain, {down} lose."


def _median(row: dict[str, Any]) -> float:
    return float(row["welfare_median"])


def _change(row: dict[str, Any]) -> str:
    text = _percent(_median(row), 2)
    if row["welfare_lower"] is None:
        return text
    return f"{text}, 95% interval {_percent(row['welfare_lower'], 2)} to {_percent(row['welfare_upper'], 2)}"


def _outcome_notes(ask: Ask, outcome: Outcome) -> tuple[Note, ...]:
    drawn = len(outcome.drawn["welfare"])
    source = {"covariance": "the covariance of the estimate", "bootstrap": "the cluster bootstrap"}
    notes = [
        Note(
            "convention",
            f"{drawn} draws of the coefficients from {source.get(ask.method, 'the score bootstrap')}; the "
            f"trade elasticity {ask.theta:g} is held fixed in them. Trade balances: {ask.deficits}."
            if drawn
            else "No draws were taken: there are no intervals.",
        ),
        Note(
            "convention",
            f"Largest excess demand left: {outcome.residual:.0e}. Baseline: {ask.baseline} trade.",
        ),
        Note(
            "scope",
            f"{outcome.moved} pairs of countries have other trade costs. "
            "One sector, no inputs, no tariff revenue.",
        ),
    ]
    if outcome.absent:
        notes.append(
            Note("missing", f"{outcome.absent} pairs have no row in the data and count as no trade.")
        )
    notes.append(
        Note("warning", "A comparison of two equilibria, not a forecast; read it across trade elasticities.")
    )
    return tuple(notes)
