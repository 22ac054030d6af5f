"""Further tests and designs after a gravity equation: RESET, event study, the plugin lasso."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from entrepot.errors import DataError, InputError
from entrepot.estimation import vcov as covariances
from entrepot.estimation.design import Design, Missing, build
from entrepot.models import inference
from entrepot.models.inference.events import Aggregation
from entrepot.models.poisson import NotConverged
from entrepot.result import Figure

if TYPE_CHECKING:
    from entrepot.estimation.estimates import GravityFit


@dataclass(frozen=True, slots=True, eq=False)
class EventStudy:
    """An event study of trade.

    Attributes
    ----------
    formula : str
        As written.
    step : int
        Years between two event times.
    path : entrepot.models.inference.EventStudy
        Coefficients, covariance, bands, the test before treatment, what was left out.
    """

    formula: str
    step: int
    path: inference.EventStudy

    def tidy(self) -> pa.Table:
        """Return one row per event time, references at 0: time, coefficient, standard_error, both bands."""
        study = self.path
        bands = np.column_stack(
            [study.coefficients, study.standard_errors, study.pointwise, study.simultaneous]
        )
        found = dict(zip(study.times, bands.tolist(), strict=True))
        found |= {time: [0.0] * 6 for time in study.reference}
        names = ("coefficient", "standard_error", "lower", "upper", "band_lower", "band_upper")
        times = sorted(found)
        columns = {name: [found[time][at] for time in times] for at, name in enumerate(names)}
        return pa.table({"time": pa.array(times, pa.int64()), **columns})

    def plot(self) -> Figure:
        """Return the path with its simultaneous band, to be drawn by `entrepot.report.charts`."""
        first, last = self.path.window
        data = self.tidy()
        ends = {first: " and before", last: " and after"}
        labels = [f"{time}{ends.get(time, '')}".replace("-", "\u2212") for time in data["time"].to_pylist()]
        before = self.path.before
        test = "" if before is None else f"; test of no effect before: {_p_words(before.p_value)}"
        return Figure(
            name="event-study",
            kind="interval",
            title=f"Trade by time since the event{test}",
            subtitle=f"Log points, simultaneous {self.path.level:.0%} band; a step is {self.step} years",
            alt=f"Coefficients by event time from {first} to {last}.",
            data=data.append_column("label", pa.array(labels)),
            encode={"label": "label", "value": "coefficient", "lower": "band_lower", "upper": "band_upper"},
        )


def _p_words(value: float) -> str:
    """Write a p-value in a title; one that rounds to nil is below the last decimal."""
    return f"p = {value:.2f}" if value >= 0.01 else "p < 0.01"


def event_study(
    formula: str,
    data: Any,
    *,
    start: str,
    window: tuple[int, int] = (-5, 10),
    reference: int | Sequence[int] = -1,
    step: int = 1,
    aggregation: Aggregation = "two-way",
    vcov: str = "pair",
    level: float = 0.95,
    seed: int = 0,
    exporter: str | None = None,
    importer: str | None = None,
    year: str | None = None,
    missing: Missing = "refuse",
) -> EventStudy:
    """Estimate the effect of an event on trade by years since it.

    Parameters
    ----------
    formula : str
        As in `gravity`; its regressors are controls.
    data : data frame
        As in `gravity`.
    start : str
        Column with the year of each pair's event, null where there is none; the same in all rows of a pair.
    window, reference, step, aggregation, level, seed
        As in `entrepot.models.inference.event_study`.
    vcov : str
        Clusters, as in `gravity`.
    exporter, importer, year, missing
        As in `gravity`.

    Returns
    -------
    EventStudy
        With ``tidy()`` and ``plot()``.

    Raises
    ------
    InputError, DataError
        As in `gravity`; or if ``start`` changes within a pair, or an event time cannot be told apart.
    """
    spread = covariances.understand(vcov)
    design = build(
        formula, data, clusters=spread.columns, extra=(start,),
        exporter=exporter, importer=importer, year=year, missing=missing,
    )  # fmt: skip
    if design.cells is None or design.cells.year is None:
        raise InputError(
            "an event study needs exporters, importers and years",
            hint="name the columns with exporter=, importer= and year=",
        )
    if spread.kind != "clusters":
        raise InputError(f"an event study needs clusters, vcov is '{vcov}'", hint=covariances.HINT)
    try:
        path = inference.event_study(
            design.y, design.groups, design.cells.pair, design.cells.year,
            design.frame.numbers(start)[design.rows],
            window=window, reference=reference, step=step, controls=design.x,
            clusters=covariances.cluster_codes_of(design, spread),
            aggregation=aggregation, level=level, seed=seed,
        )  # fmt: skip
    except (ValueError, NotConverged) as error:
        raise DataError(
            f"event study on '{start}': {error}", hint="look at the starts, the window and the reference"
        ) from error
    return EventStudy(design.formula.text, step, path)


def reset_of(fit: GravityFit) -> inference.Reset:
    """Return the RESET of a fit; see `GravityFit.reset`."""
    design = fit.design
    if design.offset is not None:
        raise InputError("RESET does not know offsets", hint="estimate without the offset to test the form")
    if fit.vcov.kind == "dyadic":
        raise InputError("RESET does not know vcov 'dyadic'", hint='use fit.with_vcov("pair").reset()')
    ways = covariances.cluster_codes_of(design, fit.vcov) or None
    try:
        return inference.reset(
            design.y, design.x, design.groups, ways, weights=design.weights, fitted=fit.fit
        )
    except (ValueError, NotConverged) as error:
        raise DataError(f"RESET: {error}", hint="the fixed effects leave nothing to test") from error


def selected_terms(design: Design, vcov: covariances.Vcov) -> list[int]:
    """Return the regressors that the plugin lasso selects, in the order of the formula."""
    ways = covariances.cluster_codes_of(design, vcov)
    if vcov.kind != "clusters" or len(ways) != 1:
        raise InputError("lasso=True needs clusters of one way", hint='use vcov="pair"')
    if design.weights is not None or design.offset is not None:
        raise InputError("lasso=True knows neither weights nor offsets", hint="estimate without them")
    try:
        found = inference.plugin_lasso(design.y, design.x, design.groups, ways[0])
    except (ValueError, NotConverged) as error:
        raise DataError(f"lasso: {error}", hint="look at the regressors") from error
    return sorted(found.lasso.selected)
