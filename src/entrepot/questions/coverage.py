"""Which positions lie under whose measures, since when, and how much of trade do they cover."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.errors import DataError, InputError
from entrepot.measures.catalogue import Catalogue
from entrepot.measures.loader import load_catalogue
from entrepot.measures.schema import KINDS, Measure
from entrepot.questions import coverage_figures, coverage_notes, coverage_tables
from entrepot.questions.coverage_trade import AMOUNTS, SIDES, Bounds, PairTrade, Side, bounds, pair_trade
from entrepot.result import How, Result
from entrepot.world import countries

if TYPE_CHECKING:
    from entrepot.store.store import Store

EQUATION = (
    "lower = sum of flows wholly under a measure known in force; "
    "upper = lower + flows partly or possibly under one; days in force / days of the interval as weight"
)
COUNTED = ("ban", "licence")


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood.

    Attributes
    ----------
    target : str
        ISO3 code.
    senders : tuple of str
        ISO3 codes and bloc ids as in the catalogue.
    at : date or None
        The day; None means each sender's own as-of date.
    periods : tuple of (label, since, until)
        Half-open intervals of the time line; empty if none was asked for.
    level : int
        HS digits of the part table.
    kinds : tuple of str
        Kinds of measures that count as coverage.
    base : int or None
        Year of trade, if the user fixed it.
    carry_forward : bool
        Whether a measure known on its as-of date counts as known after it.
    sender : str or None
        As asked.
    over : tuple
        As asked, for the command that repeats it.
    lang : str
    """

    target: str
    senders: tuple[str, ...]
    at: date | None
    periods: tuple[tuple[str, date, date], ...]
    level: int
    kinds: tuple[str, ...]
    base: int | None
    carry_forward: bool
    sender: str | None
    over: tuple[object, ...]
    lang: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one sender.

    Attributes
    ----------
    sender : str
    at : date
        Day of the law.
    as_of : date
        Day for which its instruments are known.
    measures : tuple of Measure
        Those whose kind counts.
    every : tuple of Measure
        All its measures on the target, guidance included.
    pair : PairTrade
    base : int or None
        Year of trade; None where no year before ``at`` is observed.
    sides : dict of Bounds
        By side; empty without a base year.
    line : tuple of (label, trade, lower, upper)
        The time line; None where the year's trade is not observed.
    """

    sender: str
    at: date
    as_of: date
    measures: tuple[Measure, ...]
    every: tuple[Measure, ...]
    pair: PairTrade
    base: int | None
    sides: dict[Side, Bounds]
    line: tuple[tuple[str, float | None, float | None, float | None], ...]


def coverage(
    store: Store,
    target: str,
    *,
    sender: str | None = None,
    at: date | str | None = None,
    over: Sequence[int | date | str] | None = None,
    level: int | None = None,
    kinds: Collection[str] = COUNTED,
    base: int | None = None,
    carry_forward: bool = True,
    catalogue: Catalogue | str | Path | None = None,
    known_at: date | str | None = None,
    lang: str = "en",
) -> Result:
    """Count the scope of the measures on a country and bound the trade that they cover.

    Law is read as of a day and joined with trade of the last observed year before it. The lower bound counts
    flows wholly under a measure that is known to be in force; the upper bound adds flows that are covered in
    part ("ex", a value threshold, law finer than the data, a wind-down, an exemption) or possibly (the date
    is not known). Several measures of a sender on one flow count once. It is not legal advice.

    Parameters
    ----------
    store : Store
        Its ``flows`` table gives the trade.
    target : str
        ISO3 code or a name in any of the supported languages.
    sender : str, optional
        Country or bloc that keeps the measures; by default all senders in the catalogue.
    at : date or str, optional
        Day of the law; by default the as-of date of each sender's instruments.
    over : sequence of int, date or str, optional
        A time line: ``(2021, 2024)`` or a range of years, or a list of days. Each year weighs its own trade
        by the share of the year in force; each day is compared with the trade of the base year.
    level : {2, 4}, optional
        HS digits by which covered trade is broken down, 2 by default.
    kinds : collection of str
        Kinds that count as covering trade: by default bans and licences. Price caps, quotas, guidance
        (high-priority lists) and reference lists are kept apart.
    base : int, optional
        Year of trade, by default the last observed one before ``at``.
    carry_forward : bool
        Law without a printed end stands after the as-of date of its instrument, with a warning. If False,
        nothing is known after that date and all of it moves to the upper bound.
    catalogue : Catalogue or path, optional
        A folder of instruments beside the embedded ones (see docs/measures-format.md), or a catalogue.
    known_at : date or str, optional
        Use only what the catalogue had recorded by that day.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main``: one row per sender and direction with ``scope_rows`` and ``codes`` (all binding kinds, known
        in force), ``trade``, ``lower``, ``upper`` (USD) and shares. Parts: ``chapters`` or ``headings``,
        ``measures``, and ``timeline`` if asked for.

    Raises
    ------
    InputError
        Unknown country, sender, kind, level or date.
    DataError
        If the catalogue knows no measure on the target, or none by that day.

    Examples
    --------
    >>> import entrepot as ep
    >>> law = ep.open().coverage("RUS", sender="CAN", at="2025-09-01").to_arrow().to_pylist()[-1]
    >>> law["scope_rows"], law["codes"]
    (1334, 1157)
    """
    law = _law(catalogue, known_at)
    ask = understand(law, target, sender, at, over, level, kinds, base, carry_forward, lang)
    held = law.carried_forward() if carry_forward else law
    answers = tuple(answer(store, law, held, ask, name) for name in ask.senders)
    return assemble(store, law, held, ask, answers)


def _law(catalogue: Catalogue | str | Path | None, known_at: date | str | None) -> Catalogue:
    day = read_date(known_at) if known_at is not None else None
    if isinstance(catalogue, Catalogue):
        return catalogue.as_recorded(day) if day else catalogue
    return load_catalogue(catalogue, known_at=day)


def read_date(value: date | str) -> date:
    """Read a day from a date or ISO text; raises InputError for anything else."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (ValueError, TypeError):
        raise InputError.bad_date(value) from None


def understand(
    law: Catalogue,
    target: str,
    sender: str | None,
    at: date | str | None,
    over: Sequence[int | date | str] | None,
    level: int | None,
    kinds: Collection[str],
    base: int | None,
    carry_forward: bool,
    lang: str,
) -> Ask:
    """Check and resolve every word of the question."""
    if level not in (None, 2, 4):
        raise InputError.bad_option("level", level, (2, 4))
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    for kind in kinds:
        if kind not in KINDS:
            raise InputError.bad_option("kinds", kind, KINDS)
    iso3 = countries.resolve(target)
    keeper = None if sender is None else resolve_sender(law, iso3, sender)
    chosen = law.require(iso3, keeper, kinds)
    day = None if at is None else read_date(at)
    first = law.first_date(chosen)
    if day is not None and day < first:
        raise DataError.empty_selection(
            f"measures on {countries.name(iso3, lang)} on {day}",
            hint=f"the first one in this catalogue may be in force from {first}; ask for that day or later",
        )
    periods = read_periods(over)
    if periods and all(until <= first for _, _, until in periods):
        raise DataError.empty_selection(
            f"measures on {countries.name(iso3, lang)} from {periods[0][0]} to {periods[-1][0]}",
            hint=f"the first one in this catalogue may be in force from {first}; let --over reach that day",
        )
    senders = (keeper,) if keeper else law.senders(iso3, kinds)
    asked = tuple(over or ())
    return Ask(
        iso3,
        senders,
        day,
        periods,
        level or 2,
        tuple(kinds),
        base,
        carry_forward,
        keeper,
        asked,
        lang,
    )


def resolve_sender(law: Catalogue, target: str, text: str) -> str:
    """Return the party of the catalogue that a word names: a bloc id such as EU, or a country."""
    known = law.senders(target) if law.select(target) else ()
    by_fold = {name.casefold(): name for name in known}
    if text.casefold() in by_fold:
        return by_fold[text.casefold()]
    try:
        return countries.resolve(text)
    except InputError:
        raise InputError.unknown("sender", text, known, see=f"senders known: {', '.join(known)}") from None


def read_periods(over: Sequence[int | date | str] | None) -> tuple[tuple[str, date, date], ...]:
    """Turn years or days into labelled half-open intervals; two years in a tuple are first and last."""
    if over is None:
        return ()
    items = [
        int(item) if isinstance(item, str) and len(item) == 4 and item.isdigit() else item for item in over
    ]
    if items and all(isinstance(item, int) for item in items):
        years = [int(str(item)) for item in items]
        if isinstance(over, tuple) and len(years) == 2:
            if years[1] < years[0]:
                raise InputError.bad_window(*years)
            years = list(range(years[0], years[1] + 1))
        return tuple((str(year), date(year, 1, 1), date(year + 1, 1, 1)) for year in years)
    days = [read_date(item) for item in items if not isinstance(item, int)]
    if len(days) != len(items):
        raise InputError("over mixes years and days", hint="give years only, or days only")
    return tuple((day.isoformat(), day, date.fromordinal(day.toordinal() + 1)) for day in days)


def answer(store: Store, law: Catalogue, held: Catalogue, ask: Ask, sender: str) -> Answer:
    """Join the law of one sender with its trade."""
    measures = law.select(ask.target, sender, ask.kinds)
    as_of = law.as_of(measures)
    at = ask.at or as_of
    pair = pair_trade(store, sender, ask.target, at)
    base = ask.base if ask.base is not None else pair.base_year(at)
    if ask.base is not None and not pair.observed(ask.base):
        raise DataError.empty_selection(
            f"trade of {sender} with {ask.target} in {ask.base}",
            hint=f"the last observed year before {at} is {pair.base_year(at)}",
        )
    sides = {} if base is None else {s: bounds(held, pair, s, base, measures, at) for s in SIDES}
    line = tuple(_point(held, pair, measures, base, *period) for period in ask.periods)
    every = law.select(ask.target, sender)
    return Answer(sender, at, as_of, measures, every, pair, base, sides, line)


def _point(
    held: Catalogue,
    pair: PairTrade,
    measures: Sequence[Measure],
    base: int | None,
    label: str,
    since: date,
    until: date,
) -> tuple[str, float | None, float | None, float | None]:
    """Bound one period of the time line: a year weighs its own trade, a day that of the base year."""
    year = since.year if (until - since).days > 1 else base
    if year is None or not pair.observed(year):
        return label, None, None, None
    both = [bounds(held, pair, side, year, measures, since, until) for side in SIDES]
    trade, lower, upper = (sum(part.total(name) for part in both) for name in AMOUNTS)
    return label, trade, lower, upper


def assemble(store: Store, law: Catalogue, held: Catalogue, ask: Ask, answers: tuple[Answer, ...]) -> Result:
    """Build the Result from the answers of all senders."""
    rows = coverage_tables.rows(held, ask, answers)
    measures = [row for found in answers for row in found.measures]
    return Result(
        question="coverage",
        subject=ask.target,
        finding=coverage_notes.finding(
            ask, rows, answers, store.info("flows").holds or "the goods of this store"
        ),
        subtitle=coverage_notes.subtitle(ask, answers),
        main=coverage_tables.main_table(ask, rows),
        display=coverage_tables.display_table(ask, rows),
        parts=coverage_tables.parts(held, ask, answers),
        figures=coverage_figures.figures(held, ask, answers, rows),
        notes=coverage_notes.notes(store, law, ask, answers, rows),
        sources=(*law.sources(measures), *store.sources("flows")),
        how=_how(ask),
    )


def _how(ask: Ask) -> How:
    """Write the command and the Python line that give the same answer."""
    given: dict[str, object] = {}
    if ask.sender:
        given["sender"] = ask.sender
    if ask.at:
        given["at"] = ask.at.isoformat()
    if ask.over:
        given["over"] = [item.isoformat() if isinstance(item, date) else item for item in ask.over]
    if ask.level != 2:
        given["level"] = ask.level
    if ask.kinds != COUNTED:
        given["kinds"] = list(ask.kinds)
    if ask.base is not None:
        given["base"] = ask.base
    if not ask.carry_forward:
        given["carry_forward"] = False
    flags = "".join(_flag(name, value) for name, value in given.items())
    if ask.over and len(ask.over) == 2 and all(isinstance(item, int) for item in ask.over):
        given["over"] = tuple(ask.over)
    keywords = "".join(f", {name}={value!r}" for name, value in given.items())
    return How(
        command=f"entrepot coverage {ask.target}{flags}",
        python=f"ep.open().coverage({ask.target!r}{keywords})",
        parameters={"target": ask.target, **given},
        equation=EQUATION,
    )


def _flag(name: str, value: object) -> str:
    flag = f" --{name.replace('_', '-')}"
    if value is False:
        return f" --no-{name.replace('_', '-')}"
    if name == "over" and isinstance(value, list) and len(value) == 2 and isinstance(value[0], int):
        return f"{flag} {value[0]}:{value[1]}"
    return f"{flag} {','.join(str(item) for item in value)}" if isinstance(value, list) else f"{flag} {value}"
