"""Words of the competencies question: finding, notes and how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from entrepot.questions import words
from entrepot.questions.competencies_lists import Lists
from entrepot.questions.competencies_read import BREADTH, FEWEST, RANKED, Ask, Space
from entrepot.questions.partners_trade import inside
from entrepot.result import How, Note
from entrepot.world import reporting

if TYPE_CHECKING:
    from entrepot.store.store import Store

EQUATION = (
    "RCA = (x_cp / x_c) / (x_p / x); M from RCA; PCI = second eigenvector of U^-1 M' D^-1 M; "
    "ECI = mean PCI of what is made; phi = M'M / max(u, u'); density = M phi / sum phi; "
    "COG = (1 - M) [((1 - M) PCI / sum phi) phi]"
)
REFERENCE = (
    "Hidalgo and Hausmann (2009), https://doi.org/10.1073/pnas.0900943106; Hausmann, Hidalgo et al. (2014), "
    "The Atlas of Economic Complexity, MIT Press, https://doi.org/10.7551/mitpress/9647.001.0001"
)


def _things(ask: Ask, number: int) -> str:
    return f"{number:,} {ask.things}"


def finding(ask: Ask, space: Space, found: Lists, dark: Mapping[int, float]) -> str:
    """Say in one sentence how complex, how diverse, and what is near."""
    country = words.capital(words.with_article(ask.country))
    count = int(found.made.sum())
    what = f"has an advantage abroad in {count:,} of {_things(ask, len(space.products))}"
    if ask.year in dark:
        unseen = words.percent(dark[ask.year], 0)
        return (
            f"What {words.with_article(ask.country)} makes cannot be said from the trade of {ask.year}: "
            f"neither side reported about {unseen} of its exports."
        )
    row = space.row(ask.country)
    if np.isnan(space.found.eci[row]):
        return f"{country} {what} in {ask.year}; its complexity is not defined."
    if count < RANKED:
        nothing = "" if len(found.nearest) else f"; {_nothing_listed(found)}"
        return f"{country} {what} in {ask.year}, too few to rank its complexity{nothing}."
    rank, of = space.rank(ask.country, space.found.eci)
    eci = f"{space.found.eci[row]:.2f}".replace("-", "−")
    said = f"{country} ranks {rank} of {of} in complexity (ECI {eci}) and {what} in {ask.year}"
    if not len(found.nearest):
        return f"{said}; {_nothing_listed(found)}."
    first = f"nearest of the rest: {inside(found.labels[found.nearest[0]])}"
    if not len(found.outlook):
        return f"{said}; {first}."
    best = inside(found.labels[found.outlook[0]])
    return f"{said}; {first}; within reach and opening most: {best}."


def _nothing_listed(found: Lists) -> str:
    """Say why the lists of what could be made are empty."""
    if (found.barred | found.made).all():
        return "what else it could make is not listed, because of the measures on it"
    return "nothing else has a place near to it"


def space_title(ask: Ask, space: Space, found: Lists) -> str:
    """Title the product space with what is made."""
    made = np.flatnonzero(found.made)
    if not len(made):
        return f"{words.capital(words.with_article(ask.country))} has no advantage in any of these"
    kinds = [found.kinds[i] for i in made]
    most = max(dict.fromkeys(kinds), key=kinds.count)
    return (
        f"{words.capital(words.with_article(ask.country))} has an advantage in {len(made):,} of "
        f"{_things(ask, len(space.products))}, most of them in {inside(most)}"
    )


def reach_title(ask: Ask, found: Lists) -> str:
    """Title the scatter with what lies within reach."""
    if not len(found.outlook):
        return "Nothing within reach is more complex than what it makes"
    best = [inside(found.labels[i]) for i in found.outlook[:3]]
    return f"Within reach and more complex than what it makes: {words.listing(best, 3)}"


def rank_title(ask: Ask, ranked: Sequence[Mapping[str, Any]]) -> str:
    """Title the line with the first and the last rank."""
    first, last = ranked[0], ranked[-1]
    country = words.capital(words.with_article(ask.country))
    places = [f"{row['rank']} of {row['of']} in {row['year']}" for row in (last, first)]
    return f"{country} ranks {places[0]}, {places[1]}"


def subtitle(ask: Ask, space: Space) -> str:
    """State unit, period, scope, convention and sample."""
    what = (
        f"Exports of goods by {ask.revision} {ask.level}-digit code"
        if ask.goods
        else "Sales abroad of intermediate goods and services by industry"
    )
    return f"{what}, {ask.year}; convention {ask.convention}, reference sample {space.found.sample}"


def notes(store: Store, ask: Ask, space: Space, found: Lists, dark: Mapping[int, float]) -> list[Note]:
    """Collect conventions, what the table cannot show, and what was not observed."""
    rule = space.found.convention
    noted = [
        Note("convention", f"{rule.describe()} Compared with {rule.verified}."),
        Note(
            "convention",
            f"Reference sample: {space.sample}. Ranks are among the sample and the country asked.",
        ),
        *_sample(space),
        *_scope(ask, space),
        *_observed(ask, dark),
    ]
    noted += [Note("scope", text) for text in store.info(ask.table).notes]
    noted.append(
        Note(
            "convention",
            "ECI and PCI are scaled within each year: ranks can be compared over time, levels cannot. "
            "Nearness and gain rest on what other countries sell together; they forecast nothing.",
        )
    )
    left = int((found.barred & ~found.made).sum())
    lists = "Nothing here says that a trade is lawful: partners lists only positions outside every measure."
    if ask.goods:
        lists = (
            "Arms, goods not specified by kind and, for a target of measures, goods of dual use stay in the "
            f"measures but not in the lists and figures of what could be made ({left:,} left out). {lists}"
        )
    noted.append(Note("scope", lists))
    return noted


def _sample(space: Space) -> list[Note]:
    """Warn of a reference sample on which co-location says little."""
    size = int(space.found.reference.sum())
    if size >= FEWEST:
        return []
    return [
        Note(
            "warning",
            f"A reference sample of {size} countries is too small to tell which products go together: read "
            f"ranks, complexity and nearness with care, or take {FEWEST} or more.",
        )
    ]


def _scope(ask: Ask, space: Space) -> list[Note]:
    """Say what the table lets complexity mean."""
    if not ask.goods:
        return [
            Note(
                "scope",
                f"{len(space.products)} industries, goods and services, instead of thousands of products: an "
                "industry hides what is made in it, a financial or shipping centre looks complex, and final "
                "goods sold abroad are not in these sales. A store with goods by HS code shows products.",
            )
        ]
    if len(space.products) < BREADTH:
        return [
            Note(
                "scope",
                f"Only {_things(ask, len(space.products))} stand in this table: the answer is about these, "
                "not about all that the country can make, and complexity is relative to them.",
            )
        ]
    return []


def _observed(ask: Ask, dark: Mapping[int, float]) -> list[Note]:
    """Name the years of which too much was not observed, and silence in the year of the lists."""
    if not ask.goods:
        return []
    found = []
    if dark:
        worst = words.percent(max(dark.values()), 0)
        found.append(
            Note(
                "missing",
                f"In {words.listing(words.spells(sorted(dark)))} neither side reported a large part of the "
                f"exports of {words.with_article(ask.country)} (up to {worst} when last seen): complexity is "
                "not stated for these years.",
            )
        )
    if ask.year in dark:
        found.append(
            Note(
                "warning",
                f"The lists of {ask.year} count the exports that somebody reported: no exports, or no "
                "advantage, in them may be trade that nobody published.",
            )
        )
    silent = reporting.silent(ask.year)
    if ask.country in silent:
        found.append(
            Note(
                "warning",
                f"{words.capital(words.with_article(ask.country))} published no trade for {ask.year}: its "
                "exports are what its partners recorded. Other silent countries stand there in the same way.",
            )
        )
    elif silent:
        found.append(
            Note(
                "approximation",
                f"{len(silent)} countries published no trade for {ask.year}: what they export is what their "
                "partners recorded, and what two of them sold to each other is missing from world exports.",
            )
        )
    return found


def how(ask: Ask) -> How:
    """Write the command and the Python line that give the same answer."""
    command = (
        f"entrepot competencies {ask.country} --year {ask.year} --convention {ask.convention} "
        f"--table {ask.table}"
    )
    extra: dict[str, object] = {"table": ask.table}
    if ask.goods:
        command += f" --level {ask.level}"
        extra["level"] = ask.level
    if ask.goods or ask.years[0] != ask.year:
        command += f" --since {ask.years[0]}"
        extra["since"] = ask.years[0]
    if ask.reference:
        command += f" --reference {','.join(ask.reference)}"
        extra["reference"] = list(ask.reference)
    line = "".join(f", {key}={value!r}" for key, value in extra.items())
    first = f"{ask.country!r}, year={ask.year}, convention={ask.convention!r}"
    return How(
        command=command,
        python=f"ep.open().competencies({first}{line})",
        parameters={"country": ask.country, "year": ask.year, "convention": ask.convention, **extra},
        equation=EQUATION,
        reference=REFERENCE,
    )
