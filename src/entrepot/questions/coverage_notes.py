"""The words of ``coverage``: finding, subtitle, and what the reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from entrepot.measures.catalogue import Catalogue
from entrepot.measures.scope import printed_group
from entrepot.questions import words
from entrepot.questions.coverage_tables import ALL, Row, kinds_counted, party_name
from entrepot.result import Note
from entrepot.world import blocs, countries

if TYPE_CHECKING:
    from entrepot.questions.coverage import Answer, Ask
    from entrepot.store.store import Store

NOT_ADVICE = (
    "This is not legal advice. It counts codes against trade statistics; the legal text in force, the "
    "description of the goods, exemptions and licences decide."
)


KINDS_IN_WORDS = {"guidance": "guidance lists", "price_cap": "price caps", "reference": "reference lists"}


def finding(ask: Ask, rows: Sequence[Row], answers: Sequence[Answer], goods: str) -> str:
    """Say in one sentence how much of the trade in ``goods`` the widest sender covers."""
    totals = [row for row in rows if row.direction == ALL]
    top = max(totals, key=lambda row: (row.upper or 0.0, row.scope_rows))
    law = f"{top.scope_rows:,} scope rows ({top.codes:,} codes) known in force on {top.at}"
    if top.rows_possible:
        law += f" and {top.rows_possible:,} possibly in force"
    text = f"{_whose(top.sender)} measures on {words.with_article(ask.target)}, {law}, "
    if top.trade is None or top.lower is None or top.upper is None:
        text += f"cannot be compared with trade: the store holds no trade of theirs in {goods}"
    else:
        pair = next(found.pair for found in answers if found.sender == top.sender)
        seen = "observed mutual" if pair.dark_members(top.base_year or 0) else "mutual"
        text += f"covered {_covered(top)} of {seen} trade in {goods} in {top.base_year}"
        if top.already:
            text += "; trade that had stopped is not in it"
    others = len(totals) - 1
    return text + (f"; {others} further sender{'s' if others > 1 else ''} below." if others else ".")


def _whose(sender: str) -> str:
    if sender in countries.known():
        return words.capital(words.possessive(sender))
    return party_name(sender)


def _covered(row: Row) -> str:
    """Write the bounds in money and as shares; what is next to nothing is not spelt out."""
    trade = words.money(row.trade or 0.0)
    low, high = row.share_lower or 0.0, row.share_upper or 0.0
    if high < 0.001:
        return f"{'less than 0.1%' if high else 'nothing'} of the {trade}"
    lower, upper = words.money(row.lower or 0.0), words.money(row.upper or 0.0)
    span, shares = upper, words.percent(high)
    if lower != upper:
        span, shares = f"between {lower} and {upper}", f"{words.percent(low)} to {shares}"
    return f"{span} ({shares}) of the {trade}"


def subtitle(ask: Ask, answers: Sequence[Answer]) -> str:
    """State unit, period, kinds and as-of stamps."""
    stamps = words.listing([f"{party_name(found.sender)} {found.as_of}" for found in answers], 6)
    kinds = words.listing([KINDS_IN_WORDS.get(kind, f"{kind}s") for kind in ask.kinds])
    return f"Current USD, FOB; {kinds}; catalogue as of: {stamps}. Not legal advice."


def notes(
    store: Store, law: Catalogue, ask: Ask, answers: Sequence[Answer], rows: Sequence[Row]
) -> tuple[Note, ...]:
    """Collect all notes, the loudest first."""
    return (
        Note("warning", NOT_ADVICE),
        *_stamp_notes(law, answers),
        *_absent_senders(law, ask, answers),
        *_date_notes(ask, answers, rows),
        *_store_notes(store),
        *_trade_notes(law, ask, answers),
        *_scope_notes(law, ask, answers),
        Note(
            "convention",
            "At least: flows wholly under a measure known in force. At most: also flows covered in part "
            "('ex', a threshold, a condition on use, law finer than the data, a wind-down, an exemption) or "
            "possibly (date not known). Several measures of one sender on one flow count once.",
        ),
    )


def _stamp_notes(law: Catalogue, answers: Sequence[Answer]) -> list[Note]:
    """Say of which day each instrument is, and what it does not hold."""
    ids = dict.fromkeys(row.instrument_id for found in answers for row in found.measures)
    rows = [law.instrument[name] for name in ids]
    return [Note("scope", f"{row.title}: catalogue as of {row.as_of}. {row.note}") for row in rows]


def _absent_senders(law: Catalogue, ask: Ask, answers: Sequence[Answer]) -> list[Note]:
    """Name the countries that are known to apply measures to the target but are not in the catalogue."""
    known = f"sanctions-{ask.target.lower()}"
    if ask.sender is not None or known not in blocs.blocs():
        return []
    day = max(found.at for found in answers)
    held = [blocs.members("eu", day) if found.sender == "EU" else {found.sender} for found in answers]
    absent = sorted(blocs.members(known, day) - frozenset[str]().union(*held))
    if not absent:
        return []
    names = words.listing([countries.name(name) for name in absent], 8)
    return [Note("missing", f"Not in the catalogue, and so counted nowhere: the measures of {names}.")]


def _date_notes(ask: Ask, answers: Sequence[Answer], rows: Sequence[Row]) -> list[Note]:
    """Say where the date asked for lies beyond what is known."""
    found = []
    for row in rows:
        if row.direction != ALL:
            continue
        who = party_name(row.sender)
        if row.at > row.as_of and ask.carry_forward:
            text = (
                f"{who}: the law of {row.as_of} is taken as standing on {row.at}; what was adopted or "
                "repealed since is not in the catalogue."
            )
            found.append(Note("warning", text))
        elif row.at > row.as_of:
            text = (
                f"{who}: the catalogue ends on {row.as_of}, before {row.at}: measures are only possibly in "
                f"force, so they count in the upper bound alone. Ask for {row.as_of}, or carry it forward."
            )
            found.append(Note("warning", text))
        elif row.rows_possible:
            text = (
                f"{who}: {row.rows_possible:,} scope rows are only known to have been in force on another "
                f"day; whether they were on {row.at} is unknown, so they count in the upper bound alone."
            )
            found.append(Note("missing", text))
    if ask.at is None and len({found.at for found in answers}) > 1:
        text = "No date was given: each sender is shown on the as-of date of its own instruments."
        found.append(Note("convention", text))
    return found


def _store_notes(store: Store) -> list[Note]:
    """Say what the table of trade does not hold: shares are of its goods only."""
    info = store.info("flows")
    listed = [Note("scope", text) for text in info.notes]
    return [
        *listed,
        Note("scope", f"Shares are of the trade in this store's table ({info.revision}), not of all trade."),
    ]


def _trade_notes(law: Catalogue, ask: Ask, answers: Sequence[Answer]) -> list[Note]:
    """Explain base years and pairs that nobody reported."""
    found = []
    for row in answers:
        who = party_name(row.sender)
        if row.base is None:
            text = f"{who}: the store holds no trade with the target before {row.at}: no share can be given."
            found.append(Note("missing", text))
            continue
        text = f"{who}: trade is that of {row.base}, " + (
            "the year asked for." if ask.base is not None else f"the last observed year before {row.at}."
        )
        if law.first_date(row.measures).year <= row.base:
            text += " Measures were in force by then: trade that had stopped is not in it."
        found.append(Note("convention", text))
        dark = row.pair.dark_members(row.base)
        if dark:
            names = words.listing([countries.name(name) for name in dark])
            text = f"{who}: in {row.base} nobody published the trade of {names} with the target."
            found.append(Note("missing", text))
    return found


def _scope_notes(law: Catalogue, ask: Ask, answers: Sequence[Answer]) -> list[Note]:
    """Say which kinds count, and which printed codes no nomenclature has."""
    every = [row for found in answers for row in found.every]
    counted = kinds_counted(ask.kinds)
    apart = sorted({row.kind for row in every if row.kind not in ask.kinds})
    text = f"Scope rows count every binding kind ({', '.join(k.replace('_', ' ') for k in counted)}); "
    text += f"trade counts {', '.join(ask.kinds)} on exports and imports"
    text += f"; kept apart: {', '.join(kind.replace('_', ' ') for kind in apart)}." if apart else "."
    found = [Note("convention", text)]
    vague = _vague_codes(law, {row.measure_id for row in every})
    if vague:
        text = f"Printed in the law but in no nomenclature: {', '.join(vague)}; "
        text += "read as the codes of its group, in part."
        found.append(Note("partial", text))
    return found


def _vague_codes(law: Catalogue, ids: set[str]) -> list[str]:
    """Return the printed codes that stand for a group which has no code of its own."""
    codes = {(row.prefix, row.nomenclature) for row in law.scope if row.measure_id in ids}
    return sorted({code for code, name in codes if any(doubt for _, doubt in printed_group(code, name))})
