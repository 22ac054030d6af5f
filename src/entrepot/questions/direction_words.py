"""What ``direction`` was asked, and what it says in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from entrepot.questions import words
from entrepot.questions.panel import Panel
from entrepot.result import How, Note
from entrepot.world import reporting
from entrepot.world.short_names import short

if TYPE_CHECKING:
    from entrepot.store.store import Store

By = Literal["partner", "bloc", "product", "sector"]
Flow = Literal["exports", "imports", "turnover"]
Level = Literal[2, 4, 6]
Basis = Literal["auto", "flows", "industry_flows"]

EQUATION = "s_pt = v_pt / sum_p v_pt;  HHI_t = sum_p s_pt^2;  re-orientation = 1/2 sum_p |s_p1 - s_p0|"
REFERENCE = "Hirschman (1964), The paternity of an index, American Economic Review 54(5)"
# Silent partners below this share of the selection are counted together in one note.
WORTH_A_NOTE = 0.01
# So many more silent countries than a year before mean that reports are still coming in.
LATE = 5


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood, after every word was resolved.

    Attributes
    ----------
    country : str
        ISO3 code.
    products : tuple of str
        HS codes or prefixes; empty means all.
    by, flow, basis : str
        As asked; ``basis`` is resolved to a table of the store.
    level : int
        Digits of the product code when ``by="product"``.
    since, until : int or None
    lang : str
        Language of country names.
    holds : str
        What the table holds in a few words, for sentences.
    """

    country: str
    products: tuple[str, ...]
    by: By
    flow: Flow
    basis: Literal["flows", "industry_flows"]
    level: int
    since: int | None
    until: int | None
    lang: str
    holds: str


def finding(shown: Panel, cells: Panel, ask: Ask) -> str:
    """Say in one sentence what moved most between the first and the last observed year."""
    what = f"{words.possessive(ask.country)} {goods_phrase(ask)}"
    ends = cells.observed_ends
    if ends is None:
        return f"{words.capital(what)} cannot be seen in {period(cells)}: {blind_side(cells, ask)}."
    years = list(cells.years)
    first, last = years.index(ends[0]), years.index(ends[1])
    after = (
        f" After {ends[1]} they cannot be seen: {blind_side(cells, ask)}."
        if cells.total_dark[last:].any()
        else ""
    )
    if first == last:
        top = [int(g) for g in np.argsort(-shown.value[last], kind="stable")[:3] if shown.value[last, g] > 0]
        parts = [
            f"{_name(shown, g, ask)} {words.percent(shown.value[last, g] / cells.total[last])}" for g in top
        ]
        total = ("at least " if cells.unseen[last].any() else "") + words.money(cells.total[last])
        if ask.basis == "industry_flows" and ask.by == "partner" and estimate_notes(cells, ask):
            after = " Part of it is the table's estimate: neither side published."
        return f"{words.capital(what)} came to {total} in {ends[1]}: {words.listing(parts)}.{after}"
    change = np.where(shown.dark[last] | shown.dark[first], 0.0, shown.value[last] - shown.value[first])
    up, down = int(np.argmax(change)), int(np.argmin(change))
    link = (
        {"exports": "to", "imports": "from", "turnover": "with"}[ask.flow]
        if ask.by in ("partner", "bloc")
        else "in"
    )
    moves = [
        f"{verb} {link} {_name(shown, g, ask)} ({words.span(shown.value[first, g], shown.value[last, g])})"
        for verb, g, moved in (("rose", up, change[up] > 0), ("fell", down, change[down] < 0))
        if moved
    ]
    return f"Between {ends[0]} and {ends[1]} {what} {' and '.join(moves) or 'did not change'}.{after}"


def _name(shown: Panel, g: int, ask: Ask) -> str:
    name = shown.labels[g]
    if ask.by == "partner":
        return words.with_article(name)
    label = words.label(name, ask.by)
    return f"the {label}" if ask.by == "bloc" and label in ("EU", "EAEU") else label


def blind_side(cells: Panel, ask: Ask) -> str:
    """Say who does not publish what would be needed."""
    largest = cells.labels[int(np.argmax(cells.unseen.max(axis=0)))]
    own, other = words.with_article(ask.country), words.with_article(largest)
    return f"neither {own} nor {other} publishes them"


def goods_phrase(ask: Ask) -> str:
    """Name what is traded: ``exports of crude oil``, ``imports of raw materials``."""
    if ask.basis == "industry_flows":
        return f"{ask.flow} of intermediate goods and services"
    goods = [short(code) for code in ask.products]
    return f"{ask.flow} of {words.listing(goods, 2) or ask.holds}"


def period(cells: Panel) -> str:
    """Write the years of a panel: ``2021-2024`` or ``2022``."""
    first, last = cells.years[0], cells.years[-1]
    return f"{first}" if first == last else f"{first}-{last}"


def subtitle(cells: Panel, ask: Ask) -> str:
    """State unit, period and scope."""
    base = "basic prices" if ask.basis == "industry_flows" else "FOB"
    return f"Current USD, {base}, {period(cells)}; {goods_phrase(ask)} by {ask.by}"


def missing_notes(cells: Panel, ask: Ask) -> list[Note]:
    """Name the pairs on which neither side reports, when, and what they were worth when last seen."""
    notes = []
    shares = shares_last_seen(cells)
    for g in np.argsort(-shares, kind="stable"):
        if shares[g] < WORTH_A_NOTE:
            break
        silent = cells.years[cells.dark[:, g]]
        span = words.listing(words.spells([int(year) for year in silent]))
        pair = f"{words.with_article(ask.country)} and {words.with_article(cells.labels[g])}"
        worth, share = words.money(cells.unseen[:, g].max()), words.percent(shares[g])
        notes.append(
            Note(
                "missing",
                f"Trade between {pair} is not observed in {span}, as neither published it. When last "
                f"seen it was worth up to {worth}, "
                f"{share} of the selection. It is shown as not observed and counted nowhere as zero. "
                f"{reporting.explain(cells.labels[g])}",
            )
        )
    small = (shares > 0) & (shares < WORTH_A_NOTE)
    if small.any():
        notes.append(
            Note(
                "missing",
                f"{int(small.sum())} smaller partners are not observed in some years either; when last seen "
                f"they were {words.percent(shares[small].sum())} of the selection together.",
            )
        )
    return notes


def shares_last_seen(cells: Panel) -> NDArray[np.float64]:
    """Return the share that each dark label held when last seen, 0 for the others, shape (L,).

    Where the window opens in the dark, the share is of what is known of its first year.
    """
    total = cells.total + cells.unseen.sum(axis=1)
    dark = cells.unseen > 0
    first = np.argmax(dark, axis=0)
    column = np.arange(len(cells.labels))
    before = np.maximum(first - 1, 0)
    inside = first > 0
    worth = np.where(inside, cells.value[before, column], cells.unseen[first, column])
    base = np.where(inside, total[before], total[first])
    return np.where(dark.any(axis=0) & (base > 0), worth / np.maximum(base, 1.0), 0.0)


def estimate_notes(cells: Panel, ask: Ask) -> list[Note]:
    """Name the partners whose figure in the input-output table rests on no report of either side."""
    year = int(cells.years[-1])
    shares = cells.value[-1] / max(cells.total[-1], 1.0)
    silent = reporting.dark_partners(ask.country, year)
    found = [
        f"{words.with_article(name)} ({words.percent(share)})"
        for name, share in sorted(zip(cells.labels, shares, strict=True), key=lambda pair: -pair[1])
        if name in silent and share >= WORTH_A_NOTE
    ]
    if not found:
        return []
    who = words.capital(words.with_article(ask.country))
    text = (
        f"{who} and these partners published no trade of {year}: {words.listing(found)}. The table holds the"
    )
    return [Note("approximation", f"{text} producer's estimate of it.")]


def late_reporters(cells: Panel) -> list[Note]:
    """Say so where the last year has many more silent countries than the year before: it is not complete."""
    year = int(cells.years[-1])
    now, before = len(reporting.silent(year)), len(reporting.silent(year - 1))
    if now < before + LATE:
        return []
    text = f"{year} is incomplete: {now} countries had not published it when the data were taken, against"
    return [Note("missing", f"{text} {before} for {year - 1}. Trade among them is absent from world totals.")]


def convention_notes(store: Store, ask: Ask) -> list[Note]:
    """State what the table holds and how it was read."""
    info = store.info(ask.basis)
    notes = [Note("scope", text) for text in info.notes]
    if ask.basis == "flows":
        notes.append(
            Note("convention", f"Products are coded in {info.revision}. A share is of reported trade.")
        )
    if ask.by == "bloc":
        notes.append(
            Note(
                "convention",
                "Each country counts in one bloc, by membership on 1 July of the last year, held fixed "
                "so that a change is trade and not accession; see 'entrepot blocs'.",
            )
        )
    return notes


def how(ask: Ask) -> How:
    """Write the command and the Python line that give the same answer."""
    options = {
        "product": ",".join(ask.products) or None,
        "by": ask.by,
        "flow": ask.flow,
        "since": ask.since,
        "until": ask.until,
        "level": ask.level if ask.by == "product" else None,
        "table": ask.basis,
    }
    given = {key: value for key, value in options.items() if value is not None}
    flags = " ".join(f"--{key} {value}" for key, value in given.items())
    python = {**given, "product": list(ask.products)} if ask.products else given
    keywords = ", ".join(f"{key}={value!r}" for key, value in python.items())
    return How(
        command=f"entrepot direction {ask.country} {flags}",
        python=f"ep.open().direction({ask.country!r}, {keywords})",
        parameters={"country": ask.country, **python},
        equation=EQUATION,
        reference=REFERENCE,
    )
