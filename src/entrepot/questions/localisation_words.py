"""What the answer of ``localisation`` says: finding, subtitle and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from entrepot.questions import localisation_tables as tables
from entrepot.questions import words
from entrepot.questions.localisation_table import country_name, sector_name
from entrepot.result import Note
from entrepot.world import blocs, countries, reporting

if TYPE_CHECKING:
    from entrepot.questions.localisation import Ask, Measured
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Summary:
    """The numbers of the finding.

    Attributes
    ----------
    own : float
        Share of the value of output that arises at home.
    union : float
        Share that arises in the rest of the asked group.
    largest : str
        Partner with the largest share of the value, or the one asked for.
    from_largest : float
        Its share.
    worst : str
        Name of the input that would hurt most; empty if nothing is imported.
    lost, lost_share, lost_bottleneck : float
        Value added lost with it, USD and as a share, and the share if nothing replaces it.
    """

    own: float
    union: float
    largest: str
    from_largest: float
    worst: str
    lost: float
    lost_share: float
    lost_bottleneck: float


def summary(ask: Ask, found: Measured, using: IntArray, origins: tables.Origins, ranked: IntArray) -> Summary:
    """Collect the numbers of the finding."""
    shares, _ = found.content.total(using)
    axes = found.table.countries
    abroad = shares.copy()
    abroad[[axes.index(iso3) for iso3 in ask.home]] = 0.0
    first = int(np.argmax(abroad)) if ask.partner is None else axes.index(ask.partner)
    inside = [axes.index(iso3) for iso3 in ask.home if iso3 != ask.country]
    total = tables.value_added(ask, found.table, using)
    lost = found.stops.value_added[ranked[0]] if ranked.size else 0.0
    most = found.stops.value_added_bottleneck[ranked[0]] if ranked.size else 0.0
    return Summary(
        own=float(shares[axes.index(ask.country)]),
        union=float(shares[inside].sum()),
        largest=axes[first],
        from_largest=float(shares[first]),
        worst=_input(found, int(ranked[0])) if ranked.size else "",
        lost=float(lost),
        lost_share=float(lost / total),
        lost_bottleneck=float(most / total),
    )


def _input(found: Measured, place: int) -> str:
    what = sector_name(found.table.sectors[found.stops.sector[place]])
    return f"{_small(what)} from {country(found.table.countries[found.stops.country[place]])}"


def _small(name: str) -> str:
    """Write a name within a sentence; an abbreviation keeps its capitals."""
    return name if name[:2].isupper() else name[:1].lower() + name[1:]


def finding(ask: Ask, found: Summary) -> str:
    """Say in one sentence what is home-made, who makes most of the rest, and which input would hurt most."""
    start = f"{words.percent(found.own)} of the value of {whose(ask)} output in {ask.year} arises at home"
    if ask.group is not None:
        start += f", {words.percent(found.union)} in the {group(ask)}"
    start += f" and {words.percent(found.from_largest)} in {country(found.largest)}"
    if not found.worst:
        return f"{start}; it imports no inputs from {country(ask.partner or found.largest)}."
    some = "" if ask.partner is None else f" from {country(ask.partner)}"
    return (
        f"{start}; the imported input{some} whose stop would hurt most is {found.worst}: "
        f"{words.money(found.lost)} of value added ({words.percent(found.lost_share)}) if all else adjusts "
        f"in proportion, up to {words.percent(found.lost_bottleneck, 0)} if nothing could replace it, "
        "nil if another seller steps in."
    )


def whose(ask: Ask) -> str:
    """Name the country, or its industry, in the possessive."""
    owner = words.possessive(ask.country) if ask.country in countries.known() else f"{ask.country}'s"
    return owner if ask.sector is None else f"{owner} {_small(sector_name(ask.sector))}"


def group(ask: Ask) -> str:
    """Name the group that counts as home beside the country: its rest, or all of it."""
    title = blocs.blocs()[ask.group].title if ask.group else ""
    return f"rest of the {title}" if ask.member else title


def who(ask: Ask) -> str:
    """Name the country, or its industry, as the object of a sentence."""
    return country(ask.country) if ask.sector is None else whose(ask)


def country(iso3: str) -> str:
    """Name a country in a sentence, or the rest of the world."""
    if iso3 == "ROW":
        return "the rest of the world"
    return words.with_article(iso3) if iso3 in countries.known() else iso3


def content_title(ask: Ask, bars: Sequence[tuple[str, FloatArray]]) -> str:
    """Title the chart of origins with what stands out in it."""
    if len(bars) == 1:
        return f"{words.percent(1.0 - float(bars[0][1][0]))} of the value of {whose(ask)} output is foreign"
    label, share = max(bars[1:], key=lambda bar: 1.0 - float(bar[1][0]))
    return f"{label} holds most foreign value among {whose(ask)} large industries: " + words.percent(
        1.0 - float(share[0])
    )


def subtitle(ask: Ask) -> str:
    """State unit, period, scope and perimeter."""
    home = country(ask.country)
    if ask.group is not None:
        home += f" with the {group(ask)}"
    return f"Share of the value of gross output, {ask.year}, by origin of value added; home is {home}"


def notes(
    store: Store, ask: Ask, found: Measured, using: IntArray, has_hs: bool, unseen: tuple[str, ...]
) -> tuple[Note, ...]:
    """Collect what the table lacks, what was approximated, and how losses are to be read."""
    made = [*_reading(), *_lacks(store, ask, found, using), *_silence(ask)]
    if ask.absent:
        named = words.listing([countries.name(iso3, ask.lang) for iso3 in ask.absent], 12)
        made.append(Note("missing", f"The table does not hold these members of the group: {named}."))
    if has_hs:
        made.append(
            Note(
                "scope",
                f"candidates_hs covers {store.info('flows').holds or 'goods'} only, and leaves out chapter "
                "93, dual-use headings for listed targets, and positions under a measure in force on this "
                "country. Nearness is density by the atlas convention, of intermediate exports by industry, "
                "and of products only where the table holds 500 or more.",
            )
        )
    if unseen:
        named = words.listing([countries.name(iso3, ask.lang) for iso3 in unseen], 6)
        made.append(
            Note(
                "missing",
                f"In the last years neither side published {words.possessive(ask.country)} trade with "
                f"{named}, and more partners may be unseen: candidates_hs counts observed imports only, "
                "which is not all imports; dark_share says what the unseen partners held when last seen.",
            )
        )
    made += [Note("scope", text) for text in store.info("industry_flows").notes]
    return tuple(made)


def _reading() -> list[Note]:
    """Say how the losses are to be read."""
    return [
        Note(
            "approximation",
            "Losses are arithmetic on one year's table, not forecasts. Linear: a using industry makes less "
            "in proportion to the cost of the input, and passes that on. Bottleneck: nothing replaces it, "
            "and industries for which that kind of input is at least 1% of the value of output make less in "
            "proportion to the share of it that stops. Nil: another seller steps in. With every trace of an "
            "input indispensable the loss would be that of the column share_lost_upper. Inputs are ranked by "
            "the linear loss. Trade and transport services are margins on goods and would stop with them.",
        ),
        Note(
            "convention",
            "Shares of several industries together are weighted by gross output. Content is that of a unit "
            "of final output, all tiers of suppliers included; inputs bought are the first tier only.",
        ),
    ]


def _lacks(store: Store, ask: Ask, found: Measured, using: IntArray) -> list[Note]:
    """Say what the table does not hold, and what that does to the numbers."""
    lacking = []
    if not store.has("final_demand"):
        lacking.append(
            Note(
                "scope",
                "The store has no final demand by destination, so gross exports and their decomposition into "
                "domestic, foreign and double-counted value cannot be computed. A table final_demand "
                "(year, seller_country, seller_sector, buyer_country, value) adds them.",
            )
        )
    _, rest = found.content.total(using)
    if rest > 0.0005:
        lacking.append(
            Note(
                "approximation",
                f"{words.percent(rest)} of the value is in small input cells that the table leaves out: it "
                "counts as foreign, but under no country.",
            )
        )
    lacking.append(
        Note(
            "approximation",
            "Value added is output less inputs from the countries of the table, so it holds taxes less "
            "subsidies on products and inputs from elsewhere: own shares are on the high side.",
        )
    )
    return lacking


def _silence(ask: Ask) -> list[Note]:
    """Say that the table rests on estimates where the country published nothing."""
    if ask.country not in reporting.silent(ask.year):
        return []
    return [
        Note(
            "approximation",
            f"{country_name(ask.country)} published no trade for {ask.year}; the table holds its producer's "
            f"estimate. {reporting.explain(ask.country)}",
        )
    ]
