"""`entrepot agreement` and `entrepot coalitions`."""

from __future__ import annotations

from entrepot.cli.app import app
from entrepot.cli.options import Shown, numbers
from entrepot.cli.terminal import open_world, progress_bar, show


@app.command(sort_key=5)
def agreement(
    scenario: str | None = None,
    /,
    *,
    draws: int = 200,
    theta: str | None = None,
    focus: str | None = None,
    seed: int = 1,
    decomposition: bool = False,
    shown: Shown = Shown(),
) -> int:
    """If we agree again, or part for good: what it is worth to every side.

    Examples: entrepot agreement; entrepot agreement blr-measures-lifted --focus BLR;
    entrepot agreement my.toml --draws 1000 --theta 3,5,8 --out worth.csv.

    Parameters
    ----------
    scenario
        A TOML file (docs/scenario-format.md) or the name of a shipped one; their list is printed if left out.
    draws
        Draws of elasticities, effects and shares behind the intervals; 0 for the central case alone.
    theta
        Trade elasticities of the sweep, separated by commas; the scenario's own if left out.
    focus
        Country that the finding speaks of; the most affected one if left out.
    seed
        Seed of the draws: the same seed gives the same intervals.
    decomposition
        Split the central change along the path of the shock, as a further table.
    """
    if scenario is None:
        from entrepot.questions.scenario import read_scenario, shipped
        from entrepot.report.tables import print_rows

        return print_rows(("Scenario", "Title"), [(name, read_scenario(name).title) for name in shipped()])
    world = open_world(shown.store)
    with progress_bar("draws") as progress:
        result = world.agreement(
            scenario, draws=draws, theta=numbers(theta), focus=focus, seed=seed, decomposition=decomposition,
            lang=shown.lang, progress=progress,
        )  # fmt: skip
    return show(result, shown)


@app.command(sort_key=6)
def coalitions(
    target: str,
    /,
    *,
    members: str = "eu,USA,GBR,JPN",
    theta: str = "3,5,8",
    shown: Shown = Shown(),
) -> int:
    """Who bears what if a coalition stops trading with a country, and what each member adds.

    Examples: entrepot coalitions RUS;
    entrepot coalitions RUS --members eu,USA,GBR,JPN,CAN --part coalitions.

    Parameters
    ----------
    target
        Country with which trade stops: ISO3 code or a name in any supported language.
    members
        Two to ten countries or blocs, separated by commas.
    theta
        Trade elasticities, separated by commas; the middle one stands in the finding.
    """
    group = [word.strip() for word in members.split(",")]
    result = open_world(shown.store).coalitions(
        target, members=group, theta=numbers(theta) or (), lang=shown.lang
    )
    return show(result, shown)
