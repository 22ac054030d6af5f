"""What a country knows how to make, and what is near to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, get_args

from entrepot.errors import DataError, InputError
from entrepot.models.complexity import ConventionName
from entrepot.questions import competencies_figures as figures
from entrepot.questions import competencies_tables as tables
from entrepot.questions import competencies_words as say
from entrepot.questions.competencies_lists import lists
from entrepot.questions.competencies_read import (
    BREADTH,
    Ask,
    Space,
    Table,
    breadth,
    exporters,
    held_years,
    read,
)
from entrepot.questions.panel import MATERIAL
from entrepot.questions.selection import check_window, panel
from entrepot.questions.settlements import expand, understand
from entrepot.result import Result
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.store.store import Store

Basis = Literal["auto", "flows", "industry_flows"]
Level = Literal[2, 4, 6]


def competencies(
    store: Store,
    country: str,
    *,
    year: int | None = None,
    since: int | None = None,
    convention: ConventionName = "atlas",
    reference: str | Sequence[str] | None = None,
    table: Basis = "auto",
    level: Level | None = None,
    lang: str = "en",
) -> Result:
    """What a country knows how to make, and what is near to it.

    Exports reveal what a country can make: with advantage where its share in a product exceeds its share in
    world trade. Products that the same countries make lie near to each other. From this follow the complexity
    of countries and products, how near each product is that a country does not make, and how much it would
    open.

    Parameters
    ----------
    store : Store
    country : str
        ISO3 code or a name in any supported language.
    year : int, optional
        Year of the lists; the last one of which enough was observed if left out.
    since : int, optional
        First year of the profile; all years of the table if left out.
    convention : {"atlas", "atlas-2026", "ecomplexity", "r-economiccomplexity", "oec"}
        How complexity is computed: see `entrepot.models.complexity.CONVENTIONS`.
    reference : str or sequence of str, optional
        Countries or blocs on which PCI, proximity and the scales rest. If left out: countries that export at
        least 1 bn USD where the table holds goods and the convention has such a rule, else every country.
    table : {"auto", "flows", "industry_flows"}
        Goods by HS code, or sales of intermediates by industry. "auto" takes goods where the table has at
        least 500 products, else industries where they hold the country, else goods.
    level : {2, 4, 6}, optional
        HS digits of a product; 4 where the table has at least 500 products, else 6.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main`` has one row per product or industry. ``parts``: ``profile`` by year, ``made``, ``nearest``
        (by density) and ``outlook`` (within reach and more complex, by gain).

    Raises
    ------
    InputError
        Unknown country or option.
    DataError
        If the table does not hold the year or the country, or does not order countries.

    Examples
    --------
    >>> import entrepot as ep
    >>> answer = ep.open().competencies("BLR")
    >>> answer.part("profile").data.to_pylist()[0]["rank"]
    44
    """
    ask = understood(store, country, year, since, convention, reference, table, level, lang)
    return answer(store, ask, read(store, ask))


def understood(
    store: Store,
    country: str,
    year: int | None,
    since: int | None,
    convention: ConventionName,
    reference: str | Sequence[str] | None,
    table: Basis,
    level: Level | None,
    lang: str,
) -> Ask:
    """Resolve every word of the question."""
    for name, value, allowed in (
        ("table", table, get_args(Basis)),
        ("convention", convention, get_args(ConventionName)),
        ("level", level, (None, *get_args(Level))),
    ):
        if value not in allowed:
            raise InputError.bad_option(name, value, [item for item in allowed if item is not None])
    iso3 = countries.resolve(country)
    chosen = _suitable(store, iso3) if table == "auto" else table
    first, last = held_years(store, chosen)
    check_window(since, year)
    until = _last_observed(store, chosen, iso3, last) if year is None else year
    begin = max(first, first if since is None else since)
    if not first <= until <= last or begin > until:
        raise DataError.empty_selection(
            f"{until if not first <= until <= last else begin} in the table {chosen}",
            hint=f"it holds {first if first == last else f'{first} to {last}'}; choose --year or --table",
        )
    if chosen == "industry_flows" and level is not None:
        raise InputError("industries have no HS digits", hint="leave --level out, or ask for --table flows")
    goods = chosen == "flows"
    broad = goods and breadth(store) >= BREADTH
    digits = (level or (4 if broad else 6)) if goods else 0
    things = "industries" if not goods else "products" if broad else store.info("flows").holds or "products"
    asked = (reference,) if isinstance(reference, str) else tuple(reference or ())
    sample = tuple(sorted(expand([understand(word) for word in asked], until)))
    revision = store.info("flows").revision or "HS1992" if goods else ""
    years = tuple(range(begin, until + 1))
    return Ask(iso3, chosen, digits, revision, things, years, convention, sample, lang)


def _suitable(store: Store, country: str) -> Table:
    """Return the table that says most about what the country can make."""
    if not store.has("industry_flows"):
        return "flows"
    if not store.has("flows"):
        return "industry_flows"
    if breadth(store) >= BREADTH:
        return "flows"
    return "industry_flows" if country in exporters(store, "industry_flows") else "flows"


def unobserved(store: Store, table: Table, country: str) -> dict[int, float]:
    """Return the years of which too much of the exports was not observed, and what part, 0 to 1."""
    if table != "flows":
        return {}
    trade = panel(store, country, "exports", "partner")
    unseen = trade.unseen.sum(axis=1)
    part = unseen / (trade.total + unseen).clip(1.0)
    return {
        int(year): float(share) for year, share in zip(trade.years, part, strict=True) if share > MATERIAL
    }


def _last_observed(store: Store, table: Table, country: str, last: int) -> int:
    """Return the last year of which enough was observed, or the last one if there is none."""
    dark = unobserved(store, table, country)
    first = held_years(store, table)[0]
    return next((year for year in range(last, first - 1, -1) if year not in dark), last)


def answer(store: Store, ask: Ask, spaces: dict[int, Space]) -> Result:
    """Assemble the Result from the measures."""
    space = spaces[ask.year]
    found, dark = lists(ask, space), unobserved(store, ask.table, ask.country)
    finding, subtitle = say.finding(ask, space, found, dark), say.subtitle(ask, space)
    profile = tables.profile(ask, spaces, dark)
    nearest, outlook = (tables.near(ask, space, found, which) for which in ("nearest", "outlook"))
    seen = ask.year not in dark
    # What nobody published is not what is not made: no picture of the space rests on part of the exports.
    drawn = [
        figures.product_space(ask, space, found, say.space_title(ask, space, found), subtitle),
        figures.reach(ask, found, say.reach_title(ask, found), subtitle),
    ] * seen
    ranked = [row for row in profile.data.to_pylist() if row["rank"] is not None]
    if len(ranked) > 1:
        drawn.append(figures.over_time(profile, say.rank_title(ask, ranked), subtitle))
    return Result(
        question="competencies",
        subject=ask.country,
        finding=finding,
        subtitle=subtitle,
        main=tables.everything(ask, space, found),
        display=profile if not seen else outlook if outlook.data.num_rows else nearest,
        parts=(profile, tables.made(ask, space, found), nearest, outlook),
        figures=tuple(drawn),
        notes=tuple(say.notes(store, ask, space, found, dark)),
        sources=tuple(store.sources(ask.table)),
        how=say.how(ask),
    )
