"""What part of a group's mutual trade could be settled by set-off, and what net payments remain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.measures import load_catalogue
from entrepot.measures.catalogue import EVERYONE
from entrepot.measures.schema import LEGAL_KINDS, Measure
from entrepot.models.clearing import STAGES, Clearing, clear
from entrepot.questions import settlement_tables as tables
from entrepot.questions import words
from entrepot.result import How, Note, Result
from entrepot.world import blocs, countries, reporting

if TYPE_CHECKING:
    from entrepot.store.store import Store

Basis = Literal["auto", "flows", "industry_flows"]

EQUATION = (
    "A[importer, exporter] = trade owed; offset N = max(A - A', 0); cycles: max sum f, 0 <= f <= N, "
    "in = out for every member; clearing house: 1/2 sum_m |sum_d A[d, m] - sum_c A[m, c]|"
)
REFERENCE = (
    "Kaplan and Schleiminger (1989), The European Payments Union, Oxford University Press; "
    "Ahuja, Magnanti and Orlin (1993), Network Flows, Prentice Hall"
)

# The HS has 96 chapters in use; a table with nearly all of them holds goods trade as a whole.
ALL_GOODS = 90

# Columns of seller and buyer, and US dollars per unit of value, by table of the store.
_LAYOUT = {
    "flows": ("exporter", "importer", 1e3),
    "industry_flows": ("seller_country", "buyer_country", 1e6),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood, after every word was resolved.

    Attributes
    ----------
    words : tuple of str
        Members as asked: ISO3 codes and bloc ids.
    members : tuple of str
        ISO3 codes, sorted, at least two.
    absent : tuple of str
        Members of a bloc that the table does not hold, sorted.
    year : int
    basis : str
        Table of the store.
    products : int or None
        Number of products in the flows where they are not all goods, else None.
    lang : str
        Language of country names.
    """

    words: tuple[str, ...]
    members: tuple[str, ...]
    absent: tuple[str, ...]
    year: int
    basis: Literal["flows", "industry_flows"]
    products: int | None
    lang: str


def settlements(
    store: Store,
    members: str | Sequence[str],
    *,
    year: int | None = None,
    table: Basis = "auto",
    lang: str = "en",
) -> Result:
    """What part of a group's mutual trade could be settled by set-off, and what net payments remain.

    The importer owes the exporter the value of the trade of one year. Four stages: gross; each pair offsets
    its two debts; rings of debt are cleared (the largest circulation); one clearing house nets every member.
    No stage changes a member's net position. It is arithmetic on recorded trade, in current USD.

    Parameters
    ----------
    store : Store
    members : str or sequence of str
        At least two countries (ISO3 or a name) or a bloc, or both; blocs as of 1 July of the year.
    year : int, optional
        Year of the trade; the last one of the table if left out.
    table : {"auto", "flows", "industry_flows"}
        Trade by product, or intermediate sales of the inter-country input-output table. "auto" takes flows
        where they hold all goods, else industry_flows where they hold all members in that year, else flows.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main`` has one row per stage: payments, value and share cleared. ``parts``: ``positions`` per
        member, ``bilateral`` per debtor and creditor; a pair that nobody reported is null there.

    Raises
    ------
    InputError
        Unknown country, bloc or option, or fewer than two members.
    DataError
        If the table does not hold the year or a member, or no trade among the members is observed.

    Examples
    --------
    >>> import entrepot as ep
    >>> answer = ep.open().settlements(["BLR", "RUS", "KAZ"])
    >>> [row["stage"] for row in answer.table.to_pylist()]
    ['gross', 'offset', 'cycles', 'house']
    """
    if table not in get_args(Basis):
        raise InputError.bad_option("table", table, get_args(Basis))
    asked = (members,) if isinstance(members, str) else tuple(members)
    ask = choose(store, tuple(understand(word) for word in asked), year, table, lang)
    owed = obligations(store, ask)
    return answer(store, ask, clear(owed, missing="leave_out"))


def understand(word: str) -> str:
    """Return the bloc id or the ISO3 code that a word stands for; a bloc id goes before a country name."""
    try:
        return blocs.resolve_bloc(word)
    except InputError:
        pass
    try:
        return countries.resolve(word)
    except InputError as error:
        raise InputError(f"unknown country or bloc '{word}'", hint=error.hint) from None


def expand(asked: Sequence[str], year: int) -> frozenset[str]:
    """Return the members in a year, blocs resolved, each country once."""
    known = blocs.blocs()
    return frozenset[str]().union(
        *(blocs.members_in_year(word, year) if word in known else {word} for word in asked)
    )


def choose(store: Store, asked: tuple[str, ...], year: int | None, table: Basis, lang: str) -> Ask:
    """Choose the table of the store, the year and the members."""
    if table == "auto":
        table = _suitable(store, asked, year)
    within = store.info(table).years
    if within is None:
        raise DataError.empty_selection(
            f"any year: the table {table} is empty", hint="write it again, or use another --table"
        )
    first, last = within
    chosen = last if year is None else year
    if not first <= chosen <= last:
        raise DataError.empty_selection(
            f"{chosen} in the table {table}",
            hint=f"it holds {_period(first, last)}; choose --year or --table",
        )
    group, held = expand(asked, chosen), covered(store, table)
    named = [countries.name(word, lang) for word in asked if word in group - held]
    if named:
        raise DataError.empty_selection(
            f"{words.listing(named)} in the table {table}",
            hint="leave these members out, or choose another --table",
        )
    members = tuple(sorted(group & held))
    if len(members) < 2:
        raise InputError(
            f"a set-off needs at least two members, got {words.listing(members) or 'none'} in {chosen}",
            hint="name two countries or more, or a bloc, for example: BLR RUS KAZ, or eaeu",
        )
    some = partial_products(store) if table == "flows" else None
    return Ask(asked, members, tuple(sorted(group - held)), chosen, table, some, lang)


def _suitable(store: Store, asked: tuple[str, ...], year: int | None) -> Literal["flows", "industry_flows"]:
    """Return the table that says most about the trade of these members."""
    if not store.has("industry_flows"):
        return "flows"
    if not store.has("flows"):
        return "industry_flows"
    within = store.info("flows").years or (0, 0)
    if partial_products(store) is None and (year is None or within[0] <= year <= within[1]):
        return "flows"
    first, last = store.info("industry_flows").years or (0, 0)
    chosen = last if year is None else year
    held = first <= chosen <= last and expand(asked, chosen) <= covered(store, "industry_flows")
    return "industry_flows" if held else "flows"


def partial_products(store: Store) -> int | None:
    """Return the number of products in the flows, or None where they hold nearly every chapter of the HS."""
    codes = store.collect(store.table("flows").select("product").unique()).column("product").to_pylist()
    return None if len({code[:2] for code in codes}) >= ALL_GOODS else len(codes)


def covered(store: Store, table: str) -> set[str]:
    """Return the countries that a table holds, as seller or buyer in any year."""
    # The totals name the same countries in a few thousand rows.
    short = table == "industry_flows" and store.has("industry_totals")
    columns = [("industry_totals", "country")] if short else [(table, name) for name in _LAYOUT[table][:2]]
    found: set[str] = set()
    for name, column in columns:
        found.update(store.collect(store.table(name).select(column).unique()).column(column).to_pylist())
    return found


def _period(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def dark_pairs(ask: Ask) -> list[tuple[str, str]]:
    """Return the pairs of members of which neither published the year's trade."""
    return [
        (a, b)
        for i, a in enumerate(ask.members)
        for b in ask.members[i + 1 :]
        if reporting.is_dark(a, b, ask.year)
    ]


def obligations(store: Store, ask: Ask) -> NDArray[np.float64]:
    """Read what every member owes every other: importer (row) to exporter (column), USD, shape (n, n).

    A pair that neither side published is NaN in ``flows``; the input-output table holds an estimate.
    """
    seller, buyer, unit = _LAYOUT[ask.basis]
    group = list(ask.members)
    frame = store.table(ask.basis).filter(
        nw.col("year") == ask.year,
        nw.col(seller).is_in(group),
        nw.col(buyer).is_in(group),
        nw.col(seller) != nw.col(buyer),
    )
    sums = store.collect(frame.group_by(seller, buyer).agg(nw.col("value").sum()).sort(seller, buyer))
    place = {iso3: i for i, iso3 in enumerate(ask.members)}
    owed = np.zeros((len(group), len(group)))
    for row in sums.to_pylist():
        # Whole dollars: the engine sums in any order, and rounding makes the answer the same each time.
        owed[place[row[buyer]], place[row[seller]]] = round(unit * row["value"])
    if ask.basis == "flows":
        for a, b in dark_pairs(ask):
            owed[place[a], place[b]] = owed[place[b], place[a]] = np.nan
    if not np.nansum(owed) > 0:
        raise _nothing_owed(ask, bool(np.isnan(owed).any()))
    return owed


def _nothing_owed(ask: Ask, dark: bool) -> DataError:
    """Say that no trade among the members is observed, and why."""
    names = words.listing([countries.name(iso3, ask.lang) for iso3 in ask.members])
    hint = "name other members, or another year"
    if dark:
        hint = "members did not publish that year, which is not zero trade; choose an earlier --year"
    return DataError.empty_selection(f"trade among {names} in {ask.year}", hint=hint)


def answer(store: Store, ask: Ask, cleared: Clearing) -> Result:
    """Assemble the Result from the cleared obligations."""
    names = {iso3: countries.name(iso3, ask.lang) for iso3 in ask.members}
    law = load_catalogue().sources(m for measures in un_measures(ask).values() for m in measures)
    return Result(
        question="settlements",
        subject="+".join(ask.words),
        finding=finding(ask, cleared),
        subtitle=subtitle(ask),
        main=tables.stages(cleared),
        display=tables.display(cleared),
        parts=(tables.positions(cleared, names), tables.bilateral(cleared, names)),
        figures=(
            tables.waterfall(cleared, _title(ask, cleared), subtitle(ask)),
            tables.net_positions(cleared, names, subtitle(ask)),
        ),
        notes=tuple(notes(store, ask, cleared)),
        sources=(*store.sources(ask.basis), *law),
        how=how(ask),
    )


def finding(ask: Ask, cleared: Clearing) -> str:
    """Say in one sentence what could be set off and what remains to be paid."""
    gross, remaining = float(cleared.totals[0]), float(cleared.totals[STAGES.index("house")])
    observed = "" if cleared.complete else "observed "
    share, rings = (_percent(float(cleared.share_cleared[STAGES.index(s)])) for s in ("house", "cycles"))
    if cleared.share_cleared[-1] == 0:
        what = "nothing could be set off"
    elif share == rings:
        what = f"{share} could be set off"
    else:
        what = f"{share} could be set off through a clearing house ({rings} by pairs and rings alone)"
    return (
        f"Of {words.money(gross)} of {observed}mutual {_trade(ask)} {_group(ask)} in {ask.year}, {what}; "
        f"{words.money(remaining)} of net payments remain.{_unseen(ask, cleared)}"
    )


def _percent(share: float) -> str:
    """Write a share without decimals, but never a small one as nothing."""
    return words.percent(share, 0 if share == 0 or share >= 0.1 else 1)


def _unseen(ask: Ask, cleared: Clearing) -> str:
    """Say in the finding itself that a pair is not observed."""
    if cleared.complete:
        return ""
    pairs = dark_pairs(ask)
    if len(pairs) > 1:
        total = len(ask.members) * (len(ask.members) - 1) // 2
        return f" {len(pairs)} of {total} pairs are not observed."
    a, b = (words.with_article(iso3) for iso3 in pairs[0])
    return f" The trade between {a} and {b} is not observed."


def _title(ask: Ask, cleared: Clearing) -> str:
    """Title the main chart with its finding."""
    gross, remaining = float(cleared.totals[0]), float(cleared.totals[-1])
    return f"Set-off turns {words.money(gross)} of debts into {words.money(remaining)} of payments"


def _group(ask: Ask) -> str:
    """Name the group: its members, or the bloc that was asked for."""
    known = blocs.blocs()
    if len(ask.words) == 1 and ask.words[0] in known:
        return f"among {len(ask.members)} members of the {known[ask.words[0]].title}"
    names = words.listing([words.with_article(iso3) for iso3 in ask.members], 5)
    return f"{'between' if len(ask.members) == 2 else 'among'} {names}"


def _trade(ask: Ask) -> str:
    """Name what is traded."""
    if ask.basis == "industry_flows":
        return "trade in intermediates"
    return "trade" if ask.products is None else f"trade in {_products(ask.products)}"


def _products(number: int) -> str:
    return "one product" if number == 1 else f"{number} products"


def subtitle(ask: Ask) -> str:
    """State unit, period and scope."""
    some = "goods" if ask.products is None else _products(ask.products)
    what = (
        "intermediate goods and services, basic prices" if ask.basis == "industry_flows" else f"{some}, FOB"
    )
    return f"Current USD, {what}, {ask.year}; the importer owes the exporter"


def notes(store: Store, ask: Ask, cleared: Clearing) -> list[Note]:
    """Collect what was not observed, what the table lacks, flags and conventions."""
    found = _dark_notes(ask, cleared)
    for iso3, measures in un_measures(ask).items():
        laws = load_catalogue().instrument
        titles = words.listing(sorted({laws[measure.instrument_id].title for measure in measures}), 2)
        found.append(
            Note(
                "warning",
                f"{countries.name(iso3)} is under measures of the UN Security Council in "
                f"{ask.year} ({titles}): a set-off with it may be forbidden to every member.",
            )
        )
    if ask.absent:
        names = words.listing([countries.name(iso3) for iso3 in ask.absent], 12)
        found.append(Note("missing", f"The table {ask.basis} does not hold these members: {names}."))
    found += [Note("scope", text) for text in store.info(ask.basis).notes]
    if ask.basis == "industry_flows":
        found.append(
            Note("scope", "Final goods and services are not in these obligations: mutual trade is larger.")
        )
    found.append(
        Note(
            "convention",
            "Trade of one year stands for the debts of that year: dates of payment, prices of transport and "
            "currencies are not modelled. Measures in force may forbid a payment that a set-off assumes; "
            f"only UN measures that the catalogue holds are flagged (targets: {', '.join(_un_targets())}).",
        )
    )
    return found


def _un_targets() -> list[str]:
    """Return the targets of the UN measures in the catalogue."""
    catalogue = load_catalogue()
    return [target for target in catalogue.targets() if catalogue.select(target, EVERYONE, LEGAL_KINDS)]


def un_measures(ask: Ask) -> dict[str, tuple[Measure, ...]]:
    """Return the UN Security Council's measures on each member that began by the end of the year."""
    catalogue = load_catalogue()
    found = {}
    for iso3 in ask.members:
        chosen = [
            m for m in catalogue.select(iso3, EVERYONE, LEGAL_KINDS) if m.measure_id in catalogue.scope_of
        ]
        begun = tuple(m for m in chosen if catalogue.first_date([m]).year <= ask.year)
        if begun:
            found[iso3] = begun
    return found


def _dark_notes(ask: Ask, cleared: Clearing) -> list[Note]:
    """Name the pairs that neither side published, and what that does to the totals."""
    pairs = dark_pairs(ask)
    if not pairs:
        return []
    named = [f"{countries.name(a)} and {countries.name(b)}" for a, b in pairs]
    listed = words.listing(named, 6) if len(named) == 1 else "; ".join(named[:6])
    more = f"; and {len(named) - 6} more pairs" if len(named) > 6 else ""
    silent = f"In {ask.year} neither side published the trade between {listed}{more}."
    if cleared.complete:
        return [Note("approximation", f"{silent} The table holds its producer's estimate of it.")]
    return [
        Note(
            "missing",
            f"{silent} It is not observed, and counted nowhere as zero: gross trade and the value cleared "
            "are lower bounds, while net positions and the payments that remain could move either way.",
        )
    ]


def how(ask: Ask) -> How:
    """Write the command and the Python line that give the same answer."""
    return How(
        command=f"entrepot settlements {' '.join(ask.words)} --year {ask.year} --table {ask.basis}",
        python=f"ep.open().settlements({list(ask.words)!r}, year={ask.year}, table={ask.basis!r})",
        parameters={"members": list(ask.words), "year": ask.year, "table": ask.basis},
        equation=EQUATION,
        reference=REFERENCE,
    )
