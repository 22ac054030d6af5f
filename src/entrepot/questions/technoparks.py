"""Clusters that a country could build: near what it makes, worth the effort, and outside the measures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from entrepot.errors import InputError
from entrepot.measures import load_catalogue
from entrepot.questions import technoparks_tables as tables
from entrepot.questions import words
from entrepot.questions.coverage import read_date
from entrepot.questions.lawful_words import limits
from entrepot.questions.partners import last_known
from entrepot.questions.partners_score import open_positions
from entrepot.questions.partners_trade import (
    Basis,
    Trade,
    breadth,
    inside,
    item_label,
    partner_names,
    read_trade,
)
from entrepot.questions.programme import Progress, Register, progress, read_register, summary
from entrepot.questions.technoparks_clusters import MOST_CANDIDATES, Plan, anchors, inputs, markets, plan
from entrepot.result import Figure, How, Note, Result
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.store.store import Store

MOST_CLUSTERS = 50
EQUATION = (
    "worth_p = rank(density_p) ((1 - b) rank(PCI_p) + b rank(skill_p)) rank(imports_p HHI_p); "
    "max sum_cp worth_p cohesion_cp y_cp, K clusters, bounds on size and overlap"
)
REFERENCE = (
    "Hausmann, Hidalgo et al. (2014), The Atlas of Economic Complexity, MIT Press; Newman (2006), Physical "
    "Review E 74, 036104"
)


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood, after every word was resolved.

    Attributes
    ----------
    country : str
        ISO3 code.
    k : int
        Clusters asked for.
    brains : float
        Weight of skill against goods complexity, 0 to 1.
    size : tuple of int
        Least and most positions of a cluster.
    overlap : int
        Clusters that one position may belong to.
    at : date
        Day of the law.
    register : str or None
        File of the programme register.
    own : str or None
        Folder of further instruments.
    lang : str
    """

    country: str
    k: int
    brains: float
    size: tuple[int, int]
    overlap: int
    at: date
    register: str | None
    own: str | None
    lang: str


def technoparks(
    store: Store,
    country: str,
    *,
    k: int = 5,
    brains: float = 0.0,
    size: tuple[int, int] = (2, 6),
    overlap: int = 1,
    register: str | Path | None = None,
    earlier: Register | None = None,
    at: date | str | None = None,
    year: int | None = None,
    table: Basis = "auto",
    catalogue: str | Path | None = None,
    lang: str = "en",
) -> Result:
    """Which coherent clusters a country could build, from what is near to what it makes.

    Candidates are positions within reach that it does not make with advantage yet, that raise complexity or
    replace concentrated imports, and that some market outside every measure in force buys. Communities of the
    product space are found by spectral bisection; an integer programme chooses the clusters.

    Parameters
    ----------
    store : Store
    country : str
        ISO3 code or a name in any supported language.
    k : int
        Number of clusters, 1 to 50; fewer where the candidates allow no more.
    brains : float
        Weight of brains (knowledge services in what the industry buys) against hardware (complexity of the
        goods), 0 to 1.
    size : tuple of int
        Least and most positions of a cluster.
    overlap : int
        How many clusters one position may belong to.
    register : path, optional
        CSV of the programme: targets by park, indicator and year (see docs/programme-format.md).
    earlier : Register, optional
        The register at the last brief, to compare with.
    at : date or str, optional
        Day of the law; by default the last day for which the catalogue or the trade is known.
    year : int, optional
        Last of the three years of trade that are averaged, as in `partners`.
    table : {"auto", "flows", "industry_flows"}
        Product space of HS codes or of industries; "auto" as in `partners`.
    catalogue : path, optional
        Folder of further instruments; they only ever bar more.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main`` has one row per cluster. ``parts``: ``positions``, ``anchors``, ``inputs``, ``markets`` and,
        with a register, ``programme``.

    Raises
    ------
    InputError
        Unknown country, table or date, a number out of range, or law older than the trade.
    DataError
        If the table does not hold the country or the year, or a row of the register is at fault.

    Examples
    --------
    >>> import entrepot as ep
    >>> answer = ep.open().technoparks("KAZ", k=2, table="flows")
    >>> answer.table.num_rows
    2
    """
    if table not in get_args(Basis):
        raise InputError.bad_option("table", table, get_args(Basis))
    _check(k, brains, size, overlap)
    iso3 = countries.resolve(country)
    targets = None if register is None else progress(read_register(register), earlier)
    asked = None if at is None else read_date(at)
    trade = read_trade(store, iso3, table=table, year=year, at=asked)
    ask = Ask(
        iso3, k, brains, size, overlap, asked or last_known(trade),
        None if register is None else str(register), None if catalogue is None else str(catalogue), lang,
    )  # fmt: skip
    positions = open_positions(trade, ask.at, own=ask.own)
    found = plan(store, trade, positions, k, brains=brains, size=size, overlap=overlap)
    return answer(store, ask, found, targets)


def _check(k: int, brains: float, size: tuple[int, int], overlap: int) -> None:
    """Refuse numbers that make no sense."""
    if not 1 <= k <= MOST_CLUSTERS:
        raise InputError(f"k is {k}", hint=f"ask for 1 to {MOST_CLUSTERS} clusters")
    if not 0 <= brains <= 1:
        raise InputError(f"brains is {brains}", hint="0 = hardware only, 1 = brains only")
    if len(size) != 2 or not 1 <= size[0] <= size[1]:
        raise InputError(f"size is {size}", hint="least and most positions of a cluster, for example 2 and 6")
    if overlap < 1:
        raise InputError(f"overlap is {overlap}", hint="1 = no position in two clusters")


def answer(store: Store, ask: Ask, found: Plan, targets: tuple[Progress, ...] | None) -> Result:
    """Assemble the Result."""
    trade = found.trade
    names = partner_names(trade, ask.lang)
    near, sold = anchors(found), markets(found)
    bought = inputs(store, found, ask.at, ask.own)
    sellers = {source: countries.name(source, ask.lang) for row in bought or () for source in row.sources}
    parts = [
        tables.items(found),
        tables.anchor_table(found, near),
        tables.input_table(bought or (), sellers),
        tables.market_table(sold, names),
    ]
    if targets is not None:
        parts.append(tables.programme_table(targets))
    figures: tuple[Figure, ...] = ()
    if found.chosen.groups:
        title, line = card_title(found), subtitle(ask, trade)
        figures = (tables.cards(found, near, bought, sold, names | sellers, title, line),)
    used = {trade.basis, *(("industry_flows",) if store.has("industry_flows") else ())}
    law = load_catalogue(ask.own).sources(found.open.law.measures)
    return Result(
        question="technoparks",
        subject=ask.country,
        finding=finding(ask, found, targets),
        subtitle=subtitle(ask, trade),
        main=tables.clusters(found, near, sold),
        display=tables.display(found, near, sold, names),
        parts=tuple(parts),
        figures=figures,
        notes=tuple(notes(store, ask, found, bought is not None)),
        sources=(*store.sources(*sorted(used)), *law),
        how=how(ask, trade),
    )


def finding(ask: Ask, found: Plan, targets: tuple[Progress, ...] | None) -> str:
    """Say in one sentence which clusters are within reach, and how the programme stands."""
    here = words.possessive(ask.country)
    count = len(found.chosen.groups)
    told = f" {summary(targets)}" if targets else ""
    if not count:
        why = _why(ask, found)
        return f"No cluster is within {here} reach outside the measures in the catalogue: {why}.{told}"
    named = [inside(item_label(found.trade, found.trade.items[found.leaders(i)[0]])) for i in range(count)]
    noun = "One cluster lies" if count == 1 else f"{count} clusters lie"
    wanted = "" if count == ask.k else f" ({ask.k} were asked for)"
    return (
        f"{noun} within {here} reach outside the measures in the catalogue{wanted}, around "
        f"{words.listing(list(dict.fromkeys(named)), 3)}.{told}"
    )


def _why(ask: Ask, found: Plan) -> str:
    """Say why no cluster was found."""
    if ask.country in found.open.law.embargoed:
        return "it is under measures of the UN Security Council"
    if not (found.space.m[found.trade.own] >= 1).any():
        return "it makes nothing with advantage that the table holds, so nothing is near to it"
    few = len(found.candidates.places)
    noun = "position qualifies" if few == 1 else "positions qualify"
    return f"{few} {noun}, and a cluster needs {ask.size[0]}"


def card_title(found: Plan) -> str:
    """Title the cards with their finding."""
    count = len(found.chosen.groups)
    share = len({k for i in range(count) for k in found.items(i)})
    noun = "cluster" if count == 1 else "clusters"
    return f"{count} {noun} from {share} of {len(found.candidates.places)} positions that qualify"


def subtitle(ask: Ask, trade: Trade) -> str:
    """State unit, period and scope."""
    first, last = trade.years
    years = f"{first}" if first == last else f"mean of {first} to {last}"
    space = "industries" if trade.basis == "industry_flows" else "products"
    day = ask.at.isoformat()
    return f"Space of {space}: {breadth(trade)}, {years}; current USD a year; catalogued law of {day}"


def notes(store: Store, ask: Ask, found: Plan, sourced: bool) -> list[Note]:
    """Collect what stands behind the clusters, what is left out, and conventions."""
    trade, law = found.trade, found.open.law
    told = [
        Note(
            "convention",
            "Only positions that some partner may buy outside every measure in the catalogue are in a "
            "cluster; partial scope, guidance and unknown dates count as in force. Arms are left out, and "
            "dual-use and priority goods for a listed target. Goods that a sender keeps from the country are "
            "no candidate. There is no switch. The catalogue holds measures on "
            f"{words.listing([words.with_article(iso3) for iso3 in sorted(law.listed)])}. Not legal advice.",
        ),
        *limits(law, country=ask.country, own=ask.own),
        _space_note(trade),
    ]
    told += [Note("scope", text) for text in store.info(trade.basis).notes[:1]]
    if not sourced:
        told.append(
            Note("missing", "Inputs are not known: no input-output table of the store holds the country.")
        )
    elif trade.basis == "flows":
        told.append(
            Note("approximation", "Inputs are those of the industries that make the positions, not of each.")
        )
    told.append(
        Note(
            "convention",
            f"Complexity: convention {found.space.convention.name}, reference {found.space.sample}. Chosen "
            f"among {words.count(found.pool, 'community', 'communities')} of "
            f"{len(found.candidates.places)} candidates (at most {MOST_CANDIDATES}), {ask.size[0]} to "
            f"{ask.size[1]} in each. Hardware {1 - ask.brains:.2f}, brains {ask.brains:.2f}: knowledge "
            "services in what the industry buys stand for skill.",
        )
    )
    told.append(
        Note(
            "approximation",
            "Nearness says what countries tend to make together. It is no feasibility study: cost, deposits, "
            "energy, people and demand at home are not in it.",
        )
    )
    return told


def _space_note(trade: Trade) -> Note:
    if trade.basis == "industry_flows":
        return Note(
            "scope",
            "A position is an industry of the input-output table, not a product: only manufacturing and "
            "knowledge services are candidates, and an industry is left out for a market if any HS code of "
            "it is under a measure for the pair. Services are left out for a listed target.",
        )
    few = "" if trade.few is None else f" Only {trade.few} products stand behind it."
    return Note("scope", f"Positions are HS codes of {trade.revision}.{few}")


def how(ask: Ask, trade: Trade) -> How:
    """Write the command and the Python line that give the same answer."""
    options: dict[str, object] = {
        "k": ask.k,
        "brains": ask.brains,
        "size": ask.size,
        "overlap": ask.overlap,
        "register": ask.register,
        "at": ask.at.isoformat(),
        "year": trade.years[1],
        "table": trade.basis,
        "catalogue": ask.own,
    }
    told = {name: value for name, value in options.items() if value is not None}
    spoken = {**told, "size": f"{ask.size[0]}:{ask.size[1]}"}
    return How(
        command=f"entrepot technoparks {ask.country} "
        + " ".join(f"{'-k' if name == 'k' else '--' + name} {value}" for name, value in spoken.items()),
        python=f"ep.open().technoparks({ask.country!r}, "
        + ", ".join(f"{name}={value!r}" for name, value in told.items())
        + ")",
        parameters={"country": ask.country, **told},
        equation=EQUATION,
        reference=REFERENCE,
    )
