"""With whom a country could trade more: unrealised potential on both sides, lawful positions only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
from numpy.typing import NDArray

from entrepot.errors import InputError
from entrepot.measures import load_catalogue
from entrepot.questions import partners_tables as tables
from entrepot.questions import words
from entrepot.questions.coverage import read_date
from entrepot.questions.lawful_words import limits
from entrepot.questions.partners_score import (
    WEIGHTS,
    Pool,
    Sides,
    both_sides,
    open_positions,
    read_weights,
    score,
)
from entrepot.questions.partners_trade import (
    Basis,
    Trade,
    breadth,
    inside,
    partner_names,
    read_trade,
)
from entrepot.result import Column, Figure, How, Note, Result, Table
from entrepot.world import countries, reporting

if TYPE_CHECKING:
    from entrepot.store.store import Store

EQUATION = (
    "EP_ijk = min(supply_ik demand_jk ease_ij, demand_jk); "
    "ease_ij = sum_k v_ijk / sum_k supply_ik demand_jk; gap_ij = sum_k max(EP_ijk - v_ijk, 0); "
    "score_j = sum_c weight_c rank_cj"
)
REFERENCE = (
    "Decreux and Spies (2016), Export Potential Assessments, International Trade Centre; "
    "Michaely (1996), Trade Preferential Agreements in Latin America, World Bank WPS 1583"
)


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood, after every word was resolved.

    Attributes
    ----------
    country : str
        ISO3 code.
    partner : str or None
        ISO3 code of the one partner asked about.
    weights : mapping of str to float
        Weights of the criteria, summing to 1.
    at : date
        Day of the law.
    own : str or None
        Folder of further instruments.
    lang : str
        Language of country names.
    """

    country: str
    partner: str | None
    weights: Mapping[str, float]
    at: date
    own: str | None
    lang: str


def partners(
    store: Store,
    country: str,
    *,
    partner: str | None = None,
    weights: Mapping[str, float] | None = None,
    at: date | str | None = None,
    year: int | None = None,
    table: Basis = "auto",
    catalogue: str | Path | None = None,
    lang: str = "en",
) -> Result:
    """With whom a country could trade more, in positions outside every measure in force.

    For each partner: what is sold, what its demand and the country's world-market shares would let expect,
    the ease between the two (actual over expected), and the gap that is left at that ease; the same for what
    could be bought. Partners are scored by named weights. Positions under any measure in force for the pair,
    in full or in part, arms, and dual-use and priority goods with a listed target are never shown.

    Parameters
    ----------
    store : Store
    country : str
        ISO3 code or a name in any supported language.
    partner : str, optional
        One partner: its positions are then what is printed.
    weights : mapping of str to float, optional
        Weights of ``size``, ``ease``, ``complementarity``, ``growth`` and ``risk``; they are scaled to sum
        to 1, and a name that is left out counts nothing. By default 0.3, 0.2, 0.2, 0.15, 0.15.
    at : date or str, optional
        Day of the law; by default the last day for which the catalogue or the trade is known.
    year : int, optional
        Last of the three years of trade that are averaged; the last one that was over on the day of the law
        if left out. Law older than the trade is refused.
    table : {"auto", "flows", "industry_flows"}
        Goods by HS code, or intermediate sales by industry. "auto" takes flows where they hold all goods,
        else industry_flows where they hold the country, else flows.
    catalogue : path, optional
        Folder of further instruments (see docs/measures-format.md); they only ever bar more.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main`` has one row per partner. ``parts``: ``sales``, ``needs`` and ``near``, by position.

    Raises
    ------
    InputError
        Unknown country, weight, table or date, a country as its own partner, or law older than the trade.
    DataError
        If the table does not hold the country or the year.

    Examples
    --------
    >>> import entrepot as ep
    >>> answer = ep.open().partners("KAZ", table="flows")
    >>> "PRK" in answer.part("sales").data["partner"].to_pylist()
    False
    """
    if table not in get_args(Basis):
        raise InputError.bad_option("table", table, get_args(Basis))
    iso3 = countries.resolve(country)
    other = None if partner is None else countries.resolve(partner)
    if other == iso3:
        raise InputError(f"{words.with_article(iso3)} is no partner of itself", hint="name another country")
    shares = read_weights(weights)
    asked = None if at is None else read_date(at)
    trade = read_trade(store, iso3, table=table, year=year, at=asked)
    day = asked or last_known(trade)
    ask = Ask(iso3, other, shares, day, None if catalogue is None else str(catalogue), lang)
    if other is not None and other not in trade.partners:
        raise InputError(
            f"the table {trade.basis} does not hold {words.with_article(other)}",
            hint="name another partner, or choose another --table",
        )
    sides = both_sides(trade, open_positions(trade, day, own=ask.own))
    return answer(store, ask, sides, score(sides, shares))


def last_known(trade: Trade) -> date:
    """Return the last day for which the catalogue or the trade is known."""
    latest = max(row.as_of for row in load_catalogue().instruments)
    return max(latest, date(trade.years[1], 12, 31))


def answer(store: Store, ask: Ask, sides: Sides, pool: Pool) -> Result:
    """Assemble the Result."""
    names = partner_names(sides.trade, ask.lang)
    sales = tables.sales(sides, names, ask.partner)
    needs = tables.needs(sides, names, ask.partner)
    title = finding(ask, sides, pool, sales)
    law = load_catalogue(ask.own).sources(sides.open.law.measures)
    return Result(
        question="partners",
        subject=ask.country if ask.partner is None else f"{ask.country}+{ask.partner}",
        finding=title,
        subtitle=subtitle(ask, sides.trade),
        main=tables.pool_table(sides, pool, names),
        display=tables.display(sides, pool, names) if ask.partner is None else _both(sales, needs),
        parts=(sales, needs, tables.near(sides, names, ask.partner)),
        figures=_figures(ask, sides, pool, names),
        notes=tuple(notes(store, ask, sides, pool)),
        sources=(*store.sources(sides.trade.basis), *law),
        how=how(ask, sides.trade),
    )


def _figures(ask: Ask, sides: Sides, pool: Pool, names: Mapping[str, str]) -> tuple[Figure, ...]:
    if not len(pool.order):
        return ()
    gap = np.where(np.isnan(pool.score), 0.0, np.nan_to_num(sides.selling.gap))
    here = words.with_article(ask.country)
    title = f"{len(pool.order)} partners of {here}: none has unrealised potential at the ease observed"
    if gap.max() > 0:
        lead = names[sides.trade.partners[int(np.argmax(gap))]]
        title = f"{lead} holds the largest unrealised potential among {len(pool.order)} partners of {here}"
    return (tables.scatter(sides, pool, names, title, subtitle(ask, sides.trade)),)


def _both(sales: Table, needs: Table) -> Table:
    """Lay the positions of one pair out for reading: what to sell, then what to buy."""
    import pyarrow as pa

    kept = ("label", "actual", "potential", "gap", "sellers")
    parts = [table.data.select(list(kept)) for table in (sales, needs)]
    side = ["sell"] * parts[0].num_rows + ["buy"] * parts[1].num_rows
    data = pa.concat_tables(parts).add_column(0, "side", pa.array(side, pa.string()))
    columns = (Column("side", "Side", doc="sell or buy"), *(sales.column(name) for name in kept))
    return Table("positions", "Positions open to both, largest unrealised first", data, columns)


def finding(ask: Ask, sides: Sides, pool: Pool, sales: Table) -> str:
    """Say in one sentence where the largest unrealised potential lies."""
    country = words.possessive(ask.country)
    if ask.partner is not None:
        return _pair_finding(ask, sides, sales)
    gap = np.where(np.isnan(pool.score), np.nan, sides.selling.gap)
    # Less than half a dollar would read as nil.
    if not (np.nan_to_num(gap) >= 0.5).any():
        return _nothing(ask, sides, pool)
    best = int(np.nanargmax(gap))
    partner = sides.trade.partners[best]
    rows = [row for row in sales.data.to_pylist() if row["partner"] == partner][:2]
    goods = words.listing([inside(row["label"]) for row in rows])
    mostly = f", first {goods}" if goods else ""
    return (
        f"Outside every measure in the catalogue, {country} largest unrealised export potential is with "
        f"{words.with_article(partner)}: {words.money(gap[best])} a year at the ease observed{mostly}."
    )


def _pair_finding(ask: Ask, sides: Sides, sales: Table) -> str:
    assert ask.partner is not None
    place = sides.trade.partners.index(ask.partner)
    here, there = words.with_article(ask.country), words.with_article(ask.partner)
    if not (sides.open.sell[place].any() or sides.open.buy[place].any()):
        if {ask.country, ask.partner} & sides.open.law.embargoed:
            target = here if ask.country in sides.open.law.embargoed else there
            return words.capital(
                f"{target} is under measures of the UN Security Council, so no position is shown."
            )
        if sides.open.law.closed(ask.country, [ask.partner])[0]:
            return (
                f"There are measures between {here} and {there}: such pairs are left out, so none is shown."
            )
        return f"No position between {here} and {there} is outside the measures held, so none is shown."
    sell, buy = sides.selling.gap[place], sides.buying.gap[place]
    if np.isnan(sell) and np.isnan(buy):
        return f"The trade between {here} and {there} is not observed, so its potential cannot be stated."
    first = sales.data.slice(0, 1).to_pylist()
    mostly = f", first {inside(first[0]['label'])}" if first and sell > 0 else ""
    more, other = (words.money(gap).replace("nil", "nothing") for gap in (sell, buy))
    return words.capital(
        f"{here} could sell {more} more a year to {there} at the ease observed{mostly}, and buy "
        f"{other} more from it, in positions outside every measure in the catalogue."
    )


def _nothing(ask: Ask, sides: Sides, pool: Pool) -> str:
    """Say that nothing is left, and why."""
    here = words.with_article(ask.country)
    if ask.country in sides.open.law.embargoed:
        return words.capital(f"{here} is under measures of the UN Security Council, so no position is shown.")
    if not len(pool.order):
        if not sides.supply[sides.trade.own].any():
            span = words.span_of_years(sides.trade.years)
            return words.capital(
                f"{here} shows no own supply in {breadth(sides.trade)}, {span}, so no potential can be "
                "stated."
            )
        return f"No position of {here} that the table holds is outside the measures in the catalogue."
    return f"No unrealised potential of {here} shows at the ease observed in {breadth(sides.trade)}."


def subtitle(ask: Ask, trade: Trade) -> str:
    """State unit, period and scope."""
    years = words.span_of_years(trade.years)
    return f"Current USD a year, {breadth(trade)}, {years}; catalogued law of {ask.at.isoformat()}"


def notes(store: Store, ask: Ask, sides: Sides, pool: Pool) -> list[Note]:
    """Collect what is left out, what was not observed, and conventions."""
    trade = sides.trade
    law = limits(sides.open.law, country=ask.country, own=ask.own)
    found = [*_law_notes(ask, sides), *law, *_silence(ask, sides)]
    found += [Note("scope", text) for text in store.info(trade.basis).notes]
    if trade.basis == "industry_flows":
        found.append(
            Note(
                "scope",
                "A position is an industry, and it is left out if any HS code of it is under a measure for "
                "the pair: metal products, which hold arms, always are. Growth is not known: one year.",
            )
        )
    else:
        found.append(
            Note(
                "convention",
                "Supply is exports less imports of the same product, so that goods which only pass through "
                "are no supply.",
            )
        )
    found.append(
        Note(
            "approximation",
            "Supply and demand are those of the years shown, not projected; tariffs, transport and rules of "
            "origin are not in it. Where nothing is traded the ease is nil and so is the potential at that "
            "ease: unmet demand is the gap at an ease of 1.",
        )
    )
    weights = ", ".join(f"{name} {weight:.2f}" for name, weight in ask.weights.items())
    found.append(Note("convention", f"Score: mean of ranks between 0 and 1 with the weights {weights}."))
    if sides.space is not None:
        name, sample = sides.space.convention.name, sides.space.sample
        found.append(
            Note("convention", f"Density, complexity and gain: convention {name}, reference {sample}.")
        )
    if pool.flags and not len(pool.order):
        found.append(Note("missing", "No partner is left to be scored."))
    return found


def _law_notes(ask: Ask, sides: Sides) -> list[Note]:
    """Say what the filter left out."""
    trade, free, law = sides.trade, sides.open, sides.open.law
    shut = law.closed(ask.country, trade.partners) & trade.others
    here = np.array([ask.partner in (None, partner) for partner in trade.partners])
    shut, open_to = shut & here, trade.others & here & ~shut
    rest = free.sell[open_to]
    text = (
        "Only positions outside every measure in the catalogue for the pair are shown: partial scope, "
        "guidance and unknown dates count as in force; arms, and dual-use and priority goods with a listed "
        "target, are left out. There is no switch. The catalogue holds measures on "
        f"{words.listing([words.with_article(iso3) for iso3 in sorted(law.listed)])}, and what it does not "
        "hold it cannot leave out. This is not legal advice."
    )
    found = [Note("convention", text)]
    found += _closed_notes(ask, sides, np.flatnonzero(shut))
    if not rest.all():
        few = f"{int((~rest).sum()):,} of {rest.size:,}"
        them = "the others" if ask.partner is None else words.with_article(ask.partner)
        found.append(Note("partial", f"With {them} {few} positions of sale are left out."))
    return found


def _closed_notes(ask: Ask, sides: Sides, shut: NDArray[np.intp]) -> list[Note]:
    """Name the partners with which nothing is shown, by the reason."""
    law, partners = sides.open.law, sides.trade.partners
    if ask.country in law.embargoed:
        return [Note("partial", "Nothing is shown with anyone: measures of the UN Security Council.")]
    by_reason: dict[str, list[str]] = {}
    for place in shut:
        reason = law.why_closed(ask.country, partners[place])
        by_reason.setdefault(reason, []).append(countries.name(partners[place], ask.lang))
    found = []
    for reason, names in by_reason.items():
        noun = "partner" if len(names) == 1 else "partners"
        who = words.listing(names, 6)
        found.append(Note("partial", f"Nothing is shown for {len(names)} {noun} with {reason}: {who}."))
    return found


def _silence(ask: Ask, sides: Sides) -> list[Note]:
    """Name what nobody published."""
    trade = sides.trade
    if trade.basis == "industry_flows":
        return []
    found = []
    dark = [
        countries.name(trade.partners[i], ask.lang) for i in np.flatnonzero(~trade.observed & trade.others)
    ]
    if dark:
        found.append(
            Note(
                "missing", f"Trade with {words.listing(dark, 6)} is not observed in these years: it is null."
            )
        )
    if ask.country in reporting.silent(trade.years[1]):
        found.append(Note("missing", reporting.explain(ask.country)))
    return found


def how(ask: Ask, trade: Trade) -> How:
    """Write the command and the Python line that give the same answer."""
    given = {name: round(weight, 6) for name, weight in ask.weights.items() if weight}
    options: dict[str, object] = {
        "partner": ask.partner,
        "weights": None if given == dict(WEIGHTS) else given,
        "at": ask.at.isoformat(),
        "year": trade.years[1],
        "table": trade.basis,
        "catalogue": ask.own,
    }
    told = {name: value for name, value in options.items() if value is not None}
    flags = {name: _flag(value) for name, value in told.items()}
    if ask.partner:
        flags = {"with": flags.pop("partner"), **flags}
    return How(
        command=f"entrepot partners {ask.country} "
        + " ".join(f"--{name} {value}" for name, value in flags.items()),
        python=f"ep.open().partners({ask.country!r}, "
        + ", ".join(f"{name}={value!r}" for name, value in told.items())
        + ")",
        parameters={"country": ask.country, **told, "weights": given},
        equation=EQUATION,
        reference=REFERENCE,
    )


def _flag(value: object) -> str:
    if isinstance(value, dict):
        return ",".join(f"{name}={weight:g}" for name, weight in value.items())
    return str(value)
