"""Gravity on a table of one's own, with ready regressors where it lacks a column."""

from __future__ import annotations

from typing import Any

from entrepot.estimation import answer, regressors
from entrepot.estimation.attach import attached, named
from entrepot.estimation.estimates import GravityFit
from entrepot.estimation.extra import KEYS, whole
from entrepot.estimation.fit import gravity
from entrepot.estimation.world_gravity import WorldFit
from entrepot.estimation.world_words import regressor_notes
from entrepot.result import Source


def data_gravity(
    data: Any, formula: str, *, vcov: str = "pair", product: str | None = None, **options: Any
) -> WorldFit:
    """Estimate a gravity equation on a table of your own, with ready regressors where it lacks a column.

    Parameters
    ----------
    data : data frame
        One row per exporter, importer and year; see `gravity`.
    formula, vcov, **options
        As in `gravity`.
    product : str, optional
        HS1992 code for the measures in force, where the table has no column ``product``.

    Returns
    -------
    WorldFit

    Raises
    ------
    InputError, DataError
        As `gravity` does, and for a country that nobody knows.

    Examples
    --------
    >>> data = {
    ...     "exporter": ["DEU", "DEU", "FRA", "FRA", "USA", "USA"], "trade": [9.0, 2.0, 7.0, 2.0, 3.0, 2.0],
    ...     "importer": ["FRA", "USA", "DEU", "USA", "DEU", "FRA"], "year": [2020] * 6,
    ... }
    >>> data_gravity(data, "trade ~ eu").coefficients.round(2).tolist()
    [1.27]
    """
    table = whole(data)
    lacking = [name for name in named(formula) if name not in table.column_names]
    ready = [name for name in lacking if name in regressors.names()]
    law: tuple[Source, ...] = ()
    if ready:
        roles = [options.get(role) or role for role in KEYS[:3]]
        table, law = attached(table, ready, (roles[0], roles[1], roles[2]), product)
    fit = gravity(formula, table, vcov=vcov, **options)
    plain = answer.estimates_result(fit)
    call, command = _lines(formula, {"vcov": vcov, "product": product, **options})
    return WorldFit(
        **{name: getattr(fit, name) for name in GravityFit.__dataclass_fields__},
        subject=plain.subject,
        notes=regressor_notes(ready, law if regressors.by_law(ready) else None),
        sources=regressors.sources(ready, law),
        call=call,
        command=command,
    )


def _lines(formula: str, asked: dict[str, Any]) -> tuple[str, str]:
    """Return the Python line and the command that repeat an estimate; the command keeps what it cannot say.

    The command leaves out regressors without a coefficient, so only an estimate that does has a command.
    """
    usual = {"vcov": "pair", "correct": False, "unidentified": "refuse"}
    given = {name: value for name, value in asked.items() if value is not None and value != usual.get(name)}
    words = "".join(f", {name}={value!r}" for name, value in given.items())
    python = f"data_gravity(data, {formula!r}{words})  # from entrepot.estimation.own_data"
    dropped = given.pop("unidentified", None) == "drop"
    if not dropped or not set(given) <= {"vcov", "product", "correct", *KEYS[:3]}:
        return python, python
    flags = "".join(f" --{name}" + ("" if value is True else f" {value}") for name, value in given.items())
    return python, f"entrepot gravity '{formula}' --data data.csv{flags}"
