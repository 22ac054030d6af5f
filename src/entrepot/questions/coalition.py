"""Who bears what in a coalition that stops trading with a country, and what each member adds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.models.equilibrium.coalition import Coalitions
from entrepot.models.equilibrium.coalition import coalitions as solve
from entrepot.models.equilibrium.instruments import Ban
from entrepot.models.fixed_point import ConvergenceError
from entrepot.questions import words
from entrepot.questions.economy import WorldEconomy, read_economy
from entrepot.result import Column, Figure, How, Note, Result, Table
from entrepot.world import blocs, countries

if TYPE_CHECKING:
    from entrepot.store.store import Store

EQUATION = (
    "harm v(S) = loss of the target when S stops trading with it; Shapley value of member i = mean over "
    "orders of v(before and i) - v(before); transfer T_i = loss_i - income_i / income * loss"
)
REFERENCE = "Shapley (1953); model: Caliendo and Parro (2015), doi:10.1093/restud/rdu035"
MILLION = 1e6


def coalitions(
    store: Store,
    target: str,
    *,
    members: Sequence[str] = ("eu", "USA", "GBR", "JPN"),
    theta: Sequence[float] = (3.0, 5.0, 8.0),
    lang: str = "en",
) -> Result:
    """Cost to every member and to the target if a coalition stops all trade with it, and what each adds.

    Every coalition of the members is solved in general equilibrium on the store's input-output table, with a
    total ban both ways between coalition and target.

    Parameters
    ----------
    store : Store
        With ``industry_flows`` and ``industry_totals``.
    target : str
        ISO3 code or a name.
    members : sequence of str
        Two to ten members: countries, or blocs by their members on 1 July of the base year.
    theta : sequence of float
        Trade elasticities; the middle one stands in the finding, the others show the spread.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main`` has one row per member and elasticity: ``loss`` (USD, percent of real income), ``shapley``,
        ``alone`` and ``last_in`` (percentage points of the target's real income), ``transfer`` (USD received
        so that all members lose the same percentage). The part ``coalitions`` has one row per coalition.

    Raises
    ------
    InputError
        Unknown country or bloc, a country named twice, or the target among the members.
    DataError
        If the table lacks a country, or the model finds no equilibrium.

    Examples
    --------
    >>> import entrepot as ep
    >>> found = ep.open().coalitions("RUS", members=["eu", "USA"], theta=[5])
    >>> found.table["member"].to_pylist()
    ['eu', 'USA']
    """
    values = tuple(float(value) for value in theta)
    if not values or any(value <= 0 for value in values):
        raise InputError("trade elasticities must be positive", hint="for example --theta 3,5,8")
    economy = read_economy(store)
    iso3 = countries.resolve(target)
    groups = member_groups(economy, members, iso3)
    model = economy.calibration.economy(np.array(values)[:, None])
    places = [[economy.countries.index(name) for name in group] for group in groups.values()]
    try:
        found = solve(model, Ban(), places, _place(economy, iso3))
    except (ConvergenceError, ValueError) as error:
        what = f"no equilibrium for a coalition against {iso3}: {error}"
        raise DataError(what, hint="leave a member out") from error
    names = [_label(word, lang) for word in groups]
    middle = len(values) // 2
    main = members_table(found, list(groups), names, values)
    return Result(
        question="coalitions",
        subject=iso3,
        finding=finding(found, names, iso3, middle),
        subtitle=f"Total ban both ways, long run, many sectors, fixed balances, base year {economy.year}",
        main=main,
        display=display_table(found, names, values, middle),
        parts=(coalitions_table(found, list(groups), values),),
        figures=figures(found, names, iso3, middle, economy.year),
        notes=notes(economy, groups),
        sources=economy.sources,
        how=how(iso3, members, values),
    )


def member_groups(economy: WorldEconomy, members: Sequence[str], target: str) -> dict[str, list[str]]:
    """Resolve members to groups of countries that the table holds."""
    if not 1 < len(members) <= 10:
        raise InputError(
            f"a coalition of {len(members)} members cannot be solved",
            hint="name two to ten countries or blocs, for example --members eu,USA",
        )
    groups: dict[str, list[str]] = {}
    seen: dict[str, str] = {target: "the target"}
    for word in members:
        try:
            key = blocs.resolve_bloc(word)
            group = blocs.members(key, date(economy.year, 7, 1))
        except InputError:
            key = countries.resolve(word)
            group = frozenset({key})
        for name in sorted(group & seen.keys()):
            raise InputError(f"{name} is in '{word}' and in {seen[name]}", hint="name every country once")
        held = sorted(group & set(economy.countries))
        if not held:
            raise DataError.empty_selection(f"{word} in the input-output table", hint="leave it out")
        groups[key] = held
        seen |= dict.fromkeys(group, f"'{word}'")
    return groups


def _place(economy: WorldEconomy, iso3: str) -> int:
    if iso3 not in economy.countries:
        raise DataError.empty_selection(
            f"{countries.name(iso3)} in the input-output table", hint="it holds 80 countries"
        )
    return economy.countries.index(iso3)


def _label(key: str, lang: str) -> str:
    return blocs.blocs()[key].title if key in blocs.blocs() else countries.name(key, lang)


def points(found: Coalitions, harm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn harm in money into percentage points of the target's real income, shape (..., G)."""
    return 100 * harm / found.target_income[..., None]


def members_table(found: Coalitions, keys: list[str], names: list[str], values: Sequence[float]) -> Table:
    """One row per elasticity and member, in the grand coalition."""
    count = len(keys)
    flat = {
        "loss": np.rint(MILLION * found.member_loss[-1]),
        "loss_percent": np.round(found.member_percent[-1], 6),
        "shapley": np.round(points(found, found.shapley), 6),
        "alone": np.round(points(found, found.alone), 6),
        "last_in": np.round(points(found, found.last_in), 6),
        "transfer": np.rint(MILLION * found.transfers()),
    }
    data = pa.table(
        {
            "theta": np.repeat(np.array(values), count),
            "member": keys * len(values),
            "label": names * len(values),
            **{name: array.reshape(-1) for name, array in flat.items()},
        }
    )
    of_target = "points of the target's real income"
    columns = (
        Column("theta", "Elasticity", "", "decimal", 1),
        Column("member", "Member", format="code"),
        Column("label", "Name"),
        Column("loss", "Own loss", "USD a year", "integer"),
        Column("loss_percent", "Own loss", "% of real income", "decimal", 3),
        Column("shapley", "Share of harm", of_target, "decimal", 2, "Shapley value"),
        Column("alone", "Harm alone", of_target, "decimal", 2),
        Column("last_in", "Harm as last to join", of_target, "decimal", 2),
        Column("transfer", "Equalising transfer", "USD a year", "integer", doc="positive: receives"),
    )
    return Table("members", "What each member bears and adds", data, columns)


def display_table(found: Coalitions, names: list[str], values: Sequence[float], middle: int) -> Table:
    """The members at the middle elasticity, with their loss at the others beside it."""
    data: dict[str, object] = {"label": names}
    columns = [Column("label", "Member")]

    def add(name: str, label: str, unit: str, digits: int, array: NDArray[np.float64]) -> None:
        data[name] = array
        columns.append(Column(name, label, unit, "decimal", digits))

    add("loss", "Own loss", "USD bn a year", 1, found.member_loss[-1, middle] / 1e3)
    for i, value in enumerate(values):
        add(f"percent_{value:g}", f"Own loss at \u03b8 {value:g}", "%", 2, found.member_percent[-1, i])
    for name, label, harm in (
        ("shapley", "Share of harm", found.shapley),
        ("alone", "Alone", found.alone),
        ("last_in", "As last", found.last_in),
    ):
        add(name, label, "points", 2, points(found, harm)[middle])
    add("transfer", "Equalising transfer", "USD bn a year", 1, found.transfers()[middle] / 1e3)
    title = f"What each member bears and adds, elasticity {values[middle]:g}"
    return Table("by-member", title, pa.table(data), tuple(columns))


def coalitions_table(found: Coalitions, keys: list[str], values: Sequence[float]) -> Table:
    """One row per coalition and elasticity: harm to the target, own loss, harm per cost."""
    inside = ["+".join(key for key, held in zip(keys, mask, strict=True) if held) for mask in found.masks]
    per_cost = found.harm_per_cost
    data = pa.table(
        {
            "coalition": [name for name in inside for _ in values],
            "theta": list(values) * len(inside),
            "target_percent": np.round(-found.target_percent, 6).reshape(-1) + 0.0,
            "own_loss": np.rint(MILLION * found.own_loss).reshape(-1),
            "others_loss": np.rint(MILLION * found.others_loss).reshape(-1),
            "harm_per_cost": pa.array(
                np.round(per_cost, 6).reshape(-1), pa.float64(), mask=~np.isfinite(per_cost).reshape(-1)
            ),
        }
    )
    columns = (
        Column("coalition", "Coalition"),
        Column("theta", "Elasticity", "", "decimal", 1),
        Column("target_percent", "Target's real income", "%", "decimal", 2),
        Column("own_loss", "Own loss", "USD a year", "integer"),
        Column("others_loss", "Loss of others", "USD a year", "integer"),
        Column("harm_per_cost", "Harm per own cost", "USD per USD", "decimal", 2, "null: harm at no cost"),
    )
    return Table("coalitions", "Every coalition", data, columns)


def finding(found: Coalitions, names: list[str], target: str, middle: int) -> str:
    """Say what the grand coalition costs the target and its members, and who bears most."""
    loss = found.member_loss[-1, middle]
    most, adds = int(np.argmax(loss)), int(np.argmax(found.shapley[middle]))
    hit = f"{-found.target_percent[-1].max():.1f}% to {-found.target_percent[-1].min():.1f}%".replace(
        "-", "\u2212"
    )
    total = words.money(MILLION * float(found.own_loss[-1, middle]))
    share = words.percent(float(loss[most] / loss.sum()), 0)
    part = words.percent(float(found.shapley[middle, adds] / found.shapley[middle].sum()), 0)
    return (
        f"If {words.listing(names, 5)} stopped all trade with {words.with_article(target)}, its real income "
        f"would change by {hit} over the elasticities; the members would lose {total} a year, of which "
        f"{names[most]} {share}; {names[adds]} adds {part} of the harm."
    )


def figures(found: Coalitions, names: list[str], target: str, middle: int, year: int) -> tuple[Figure, ...]:
    """Draw what every member loses over the elasticities, and what it adds to the harm."""
    percent = -found.member_percent[-1]
    share = points(found, found.shapley)
    unit = f"Percent of real income, long run, base year {year}"
    loss = Figure(
        name="own-loss",
        kind="interval",
        title=f"{names[int(np.argmin(percent[middle]))]} loses most of its real income",
        subtitle=f"{unit}; middle elasticity and range over elasticities",
        alt=f"Own loss of the members of a coalition against {countries.name(target)}.",
        data=pa.table(
            {
                "label": names,
                "value": percent[middle],
                "lower": percent.min(axis=0),
                "upper": percent.max(axis=0),
            }
        ),
        encode={"label": "label", "value": "value", "lower": "lower", "upper": "upper"},
        options={"unit": "%"},
    )
    adds = Figure(
        name="shapley",
        kind="bar",
        title=f"{names[int(np.argmax(share[middle]))]} adds most to the harm",
        subtitle=f"Points of the target's real income (Shapley value), base year {year}",
        alt=f"Contribution of each member to the harm to {countries.name(target)}.",
        data=pa.table({"label": names, "value": share[middle]}),
        encode={"label": "label", "value": "value"},
        options={"unit": "points"},
    )
    return loss, adds


def notes(economy: WorldEconomy, groups: dict[str, list[str]]) -> tuple[Note, ...]:
    """State what is assumed, approximated and absent."""
    found = [Note("approximation", text) for text in economy.calibration.report.sentences()]
    day = date(economy.year, 7, 1)
    for key, held in groups.items():
        if key in blocs.blocs():
            absent = sorted(blocs.members(key, day) - set(held))
            if absent:
                found.append(
                    Note("missing", f"Not in the table, and left out of {key}: {', '.join(absent)}.")
                )
    found.append(
        Note(
            "convention",
            "Losses are equivalent variations at base prices. Transfers that equalise the percentage loss "
            "are first-order: what they do to prices is left out. The range is over elasticities, not over "
            "models.",
        )
    )
    found.append(Note("warning", "A comparison of two equilibria, not a forecast and not policy advice."))
    return tuple(found)


def how(target: str, members: Sequence[str], values: Sequence[float]) -> How:
    """Write the command and the Python line that give the same answer."""
    listed, sweep = ",".join(members), ",".join(f"{value:g}" for value in values)
    return How(
        command=f"entrepot coalitions {target} --members {listed} --theta {sweep}",
        python=f"ep.open().coalitions({target!r}, members={list(members)!r}, theta={list(values)!r})",
        parameters={"target": target, "members": list(members), "theta": list(values)},
        equation=EQUATION,
        reference=REFERENCE,
    )
