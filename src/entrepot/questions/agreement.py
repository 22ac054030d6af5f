"""If we agree again, or part for good: what it is worth to every side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.errors import DataError, InputError
from entrepot.models.equilibrium import decompose
from entrepot.models.fixed_point import ConvergenceError
from entrepot.questions import agreement_tables, agreement_words
from entrepot.questions.agreement_solve import closed_economy, instruments, measure, theta_of
from entrepot.questions.economy import read_economy
from entrepot.questions.scenario import Scenario, read_scenario, shock_arrays
from entrepot.result import Result
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.store.store import Store


def agreement(
    store: Store,
    scenario: str | Path | Scenario,
    *,
    draws: int = 200,
    theta: Sequence[float] | None = None,
    focus: str | None = None,
    seed: int = 1,
    decomposition: bool = False,
    lang: str = "en",
    progress: Callable[[int, int], None] | None = None,
) -> Result:
    """What a scenario is worth to every side: the exact change of real income in general equilibrium.

    The economy is the store's input-output table; trade costs, tariffs, bans and lifted measures change as
    the scenario says. Uncertainty is drawn jointly over trade elasticities, the size of effects and sourcing
    shares; the spread over models (one sector, many sectors, short run) stands beside it.

    Parameters
    ----------
    store : Store
        With ``industry_flows`` and ``industry_totals``.
    scenario : str, Path or Scenario
        A TOML file (see docs/scenario-format.md) or the name of a shipped scenario.
    draws : int
        Number of draws.
    theta : sequence of float, optional
        Elasticities of the sweep; the scenario's own if left out.
    focus : str, optional
        Country that the finding speaks of; the most affected one if left out.
    seed : int
        Of the draws: the same seed gives the same answer.
    decomposition : bool
        Whether to split the central change along the path of the shock (some seconds).
    lang : str
        Language in which countries are named.
    progress : callable, optional
        Called with (draws done, draws in all).

    Returns
    -------
    Result
        ``main`` has one row per country: ``median``, ``lower``, ``upper`` (percent of real income, 95%
        interval), ``same_sign`` (share of draws with the sign of the median), ``worth`` (USD a year),
        ``central``, one column per elasticity of the sweep, ``one_sector``, ``short_run``. Parts: groups of
        countries and, if asked for, the decomposition of the central change.

    Raises
    ------
    InputError
        If the scenario has an error; the message names its line.
    DataError
        If the table lacks the base year, or the model finds no equilibrium.

    Examples
    --------
    >>> import entrepot as ep
    >>> parted = ep.open().agreement("west-russia-ban", draws=0)
    >>> losses = dict(zip(parted.table["country"].to_pylist(), parted.table["central"].to_pylist()))
    >>> -10 < losses["RUS"] < -2, -0.5 < losses["DEU"] < 0
    (True, True)
    """
    if draws < 0:
        raise InputError("draws cannot be negative", hint="use 0 for the central case alone, or 200")
    asked = scenario if isinstance(scenario, Scenario) else read_scenario(scenario)
    economy = read_economy(store, asked.base_year)
    shocks = shock_arrays(asked, economy.countries, economy.sectors)
    values = tuple(float(value) for value in theta) if theta else asked.sweep
    if any(value <= 0 for value in values):
        raise InputError("trade elasticities must be positive", hint="for example --theta 3,5,8")
    try:
        worth = measure(economy, asked, shocks, values, draws, seed, progress)
        parts = None
        if decomposition:
            model = closed_economy(economy, asked, theta_of(economy, asked))
            parts = decompose(model, **instruments(asked, economy, shocks))
    except (ConvergenceError, ValueError) as error:
        raise DataError(
            f"no equilibrium for '{asked.title}': {error}",
            hint="a milder shock or other elasticities may have one",
        ) from error
    focal = countries.resolve(focus) if focus else None
    if focal is not None and focal not in economy.countries:
        raise DataError.empty_selection(
            f"{countries.name(focal)} in the input-output table", hint="leave the focus out"
        )
    tables = agreement_tables.build(economy, worth, parts, lang)
    words = agreement_words.Said(asked, economy, shocks, worth, focal, draws, seed, values)
    return Result(
        question="agreement",
        subject=focal or asked.name,
        finding=words.finding(),
        subtitle=words.subtitle(),
        main=tables.main,
        display=tables.display,
        parts=tables.parts,
        figures=agreement_tables.figures(economy, worth, words.title(), words.period(), focal, lang),
        notes=words.notes(),
        sources=economy.sources,
        how=words.how(),
    )
