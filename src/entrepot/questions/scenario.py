"""Scenarios as files: what is assumed, by whom, and how certain, in TOML.

The format is described in ``docs/scenario-format.md``. Countries are named by ISO3 code, by any name or by a
bloc, whose members are those of a day. A fault stops the reading with the file and the line.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from entrepot.errors import InputError, did_you_mean
from entrepot.questions.scenario_arrays import Effect, ShockArrays, shock_arrays
from entrepot.questions.scenario_fields import Fields
from entrepot.questions.scenario_shocks import read_shocks
from entrepot.questions.scenario_text import Text, read_text
from entrepot.questions.scenario_types import Deficits, Model, Scenario, Shock
from entrepot.world import sectors

__all__ = ["Effect", "Scenario", "Shock", "ShockArrays", "read_scenario", "shipped", "shock_arrays"]

FOLDER = Path(__file__).parent / "scenarios"
THETA, THETA_SPREAD, SWEEP = 5.0, 0.25, (3.0, 5.0, 8.0)
TOP = (
    "title",
    "author",
    "reference",
    "summary",
    "base_year",
    "horizon",
    "model",
    "deficits",
    "theta",
    "shock",
)


def shipped() -> tuple[str, ...]:
    """Return the names of the scenarios that come with the package, sorted.

    Examples
    --------
    >>> "west-russia-ban" in shipped()
    True
    """
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def read_scenario(source: str | Path) -> Scenario:
    """Read a scenario.

    Parameters
    ----------
    source : str or Path
        Path of a TOML file, or the name of a shipped scenario (see :func:`shipped`).

    Returns
    -------
    Scenario

    Raises
    ------
    InputError
        If there is no such scenario, the file is no TOML, or something in it is unknown, of the wrong type,
        out of range or contradictory. The message names the file and the line.

    Examples
    --------
    >>> ban = read_scenario("west-russia-ban").shocks[0]
    >>> ban.kind, ban.importers, len(ban.exporters), ("RUS", "USA") in ban.pairs()
    ('ban', ('RUS',), 44, True)
    """
    path = _find(source)
    text = read_text(path)
    top = Fields(text, (), text.data)
    top.only(TOP, "a scenario")
    base_year = top.whole("base_year")
    theta, spread, sweep = _elasticities(top)
    return Scenario(
        name=path.stem,
        title=top.words("title", needed=True),
        author=top.words("author", needed=True),
        reference=top.words("reference"),
        base_year=base_year,
        horizon=top.words("horizon", "long run: prices, wages and sourcing have adjusted"),
        model=cast(Model, top.choice("model", ("many-sectors", "one-sector"), "many-sectors")),
        theta=theta,
        theta_spread=spread,
        sweep=sweep,
        deficits=cast(
            Deficits, top.choice("deficits", ("additive", "multiplicative", "balanced"), "additive")
        ),
        shocks=read_shocks(text, base_year),
        summary=top.words("summary", needed=True),
        path=path,
    )


def _find(source: str | Path) -> Path:
    """Return the file of a scenario; a name without suffix and folder can be a shipped one."""
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        raise InputError(f"{source} is a folder, not a scenario", hint="give the path of a TOML file")
    names = shipped()
    if str(source) in names:
        return FOLDER / f"{source}.toml"
    listed = f"shipped scenarios: {', '.join(names)}; or give the path of a TOML file"
    raise InputError(
        f"there is no scenario '{source}', neither a file nor a shipped one",
        hint=did_you_mean(str(source), names) or listed,
    )


def _elasticities(top: Fields) -> tuple[float | Mapping[str, float], float, tuple[float, ...]]:
    """Return theta, the standard deviation of its logarithm and the sweep."""
    given = top.data.get("theta", {})
    if not isinstance(given, dict):
        hint = "write [theta], then value = 5 on a line of its own"
        raise top.fault("theta", "theta must be a table", hint)
    table = Fields(top.text, ("theta",), given)
    table.only(("value", "by_sector", "spread", "sweep"), "theta")
    value = table.number("value", above=0.0, unit="trade elasticities are positive, 3 to 8 in most studies")
    spread = table.number("spread", least=0.0, below=2.0, unit="standard deviation of ln theta, e.g. 0.25")
    sweep = table.numbers("sweep", SWEEP, above=0.0)
    one = THETA if value is None else value
    own = _by_sector(table, top.text)
    theta = {code: own.get(code, one) for code in sectors.codes()} if own else one
    return theta, THETA_SPREAD if spread is None else spread, sweep


def _by_sector(table: Fields, text: Text) -> dict[str, float]:
    """Return the elasticities of single sectors; a sector named twice is a fault."""
    given = table.data.get("by_sector", {})
    if not isinstance(given, dict):
        raise table.fault("by_sector", "by_sector must be a table", "write [theta.by_sector], then C19 = 8")
    inner = Fields(text, ("theta", "by_sector"), given)
    found: dict[str, float] = {}
    for word in given:
        value = inner.number(word, above=0.0, unit="trade elasticities are positive")
        for code in inner.sector(word, word):
            if code in found:
                raise inner.fault(word, f"the sector {code} has two elasticities", "name each sector once")
            if value is not None:
                found[code] = value
    return found
