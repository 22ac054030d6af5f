"""The words of ``diversion``: finding, subtitle, and what the reader must know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from entrepot.questions import words
from entrepot.questions.coverage_notes import NOT_ADVICE
from entrepot.questions.coverage_tables import party_name
from entrepot.questions.diversion_evidence import PASSED, Evidence
from entrepot.questions.diversion_scope import DIRECTION, Law
from entrepot.questions.diversion_tables import Row, inside, needs_review
from entrepot.result import Note
from entrepot.world import countries
from entrepot.world.short_names import short

if TYPE_CHECKING:
    from entrepot.questions.diversion import Ask, Found
    from entrepot.questions.diversion_figures import Event
    from entrepot.store.store import Store

NO_PROOF = (
    "What is listed is consistent with diversion and needs review; it proves nothing about any one flow. "
    + NOT_ADVICE
)
# Bands that rest on fewer clusters are marked.
FEW_CLUSTERS = 10


def senders(law: Law) -> str:
    """Name the senders as they stand in a sentence."""
    return words.listing(
        [words.with_article(n) if n in countries.known() else f"the {party_name(n)}" for n in law.senders]
    )


def measures_of(law: Law) -> str:
    """Name the measures in question."""
    return f"the {DIRECTION[law.form]} bans of {senders(law)} on {words.with_article(law.target)}"


def goods(code: str) -> str:
    """Name goods by words and code."""
    return f"{short(code)} (HS {code})"


def finding(ask: Ask, found: Found, rows: Sequence[Row]) -> str:
    """Describe the largest flow to review, and say how many stand out against how many would by chance."""
    law, seen = measures_of(found.law), found.evidence
    if not any(one.decoys for one in seen):
        return (
            f"Whether trade under {law} rose beyond chance cannot be said: no window is left to compare with."
        )
    if unseen := _unseen(ask, found):
        return f"Purchases of {words.listing(unseen)} under {law} were not observed, so nothing can be said."
    hits, tested = (sum(int(getattr(one, name).sum()) for one in seen) for name in ("risen", "tested"))
    chance = sum(one.chance for one in seen)
    level = f" at q <= {words.percent(ask.fdr, 0)}" if any(one.detection for one in seen) else ""
    count = f"{hits:,} of {tested:,} purchases by third countries stand out{level}"
    count += f", about {chance:,.0f} would by chance"
    # Within one standard deviation of chance no single flow is put forward.
    if hits <= chance + chance**0.5:
        return f"Under {law} no more than by chance is seen: {count}."
    marked = [row for row in rows if needs_review(row)]
    if not marked:
        return f"Under {law} {count}; in none of those shown did onward sales rise too."
    reading = "passed on, needs review" if marked[0].verdict == PASSED else marked[0].verdict
    return f"{_largest(ask, found, marked[0])}: {reading}. In all {count}."


def _unseen(ask: Ask, found: Found) -> list[str]:
    """Name the third countries asked for if the purchases of none of them were observed."""
    dark = set.intersection(*(set(case.dark) for case in found.cases))
    return [words.with_article(name) for name in ask.hub] if ask.hub and set(ask.hub) <= dark else []


def _largest(ask: Ask, found: Found, row: Row) -> str:
    """Describe one cell: who bought what from whom, against what was expected."""
    v, by_ban = row.values, ask.form == "import-ban"
    seller = words.with_article(ask.target) if by_ban else senders(found.law)
    bought = f"bought {_against(v['observed'], v['expected'])} of {_goods(row)} from {seller} in {row.period}"
    text = f"{words.capital(words.with_article(row.hub))} {bought}"
    if row.verdict == PASSED:
        return f"{text} and sold {_against(v['others'], v['others_expected'])} to other markets"
    if v["onward"] is None:
        return text
    to = "the senders" if by_ban else words.with_article(ask.target)
    return f"{text} and sold {_against(v['onward'], v['onward_expected'])} to {to}"


def _against(seen: float, due: float) -> str:
    """Write what was seen and what was expected; below a thousand dollars that is next to nothing."""
    return f"{words.money(seen)} ({words.money(due) if due >= 1e3 else 'next to nothing'} expected)"


def _goods(row: Row) -> str:
    """Name goods inside a sentence; a name that is cut short gives way to its first words and the code."""
    name = inside(row.values["name"])
    return f"{name.split(';')[0].removesuffix(' ...')} (HS {row.product})" if name.endswith("...") else name


def subtitle(ask: Ask, found: Found) -> str:
    """State unit, period, comparison, table and law."""
    first, last = found.years[0], found.years[-1]
    before = f"{first}" if first == last else f"the mean of {first} to {last}"
    side = "exporters' reports" if ask.form == "export-ban" else "importers' reports"
    table = side if found.data.basis == "reports" else "reconciled trade"
    return (
        f"Current USD, {'monthly' if found.data.calendar.monthly else 'annual'} {table}; {_periods(found)} "
        f"against {before}; {measures_of(found.law)}, catalogue as of {found.law.as_of}. Not legal advice."
    )


def _periods(found: Found) -> str:
    labels = [one.period.label for one in found.evidence]
    return labels[0] if len(labels) == 1 else f"{labels[0]} to {labels[-1]}" if labels else ""


def notes(store: Store, ask: Ask, found: Found, events: Sequence[Event]) -> tuple[Note, ...]:
    """Collect all notes, the loudest first."""
    return (
        Note("warning", NO_PROOF),
        *_calibration(ask, found),
        *_not_observed(found),
        *_silent(found),
        *_broken(found),
        *_law(ask, found),
        *(Note("scope", text) for text in store.info(found.data.basis).notes),
        *_events(events),
        *_conventions(ask),
    )


def _calibration(ask: Ask, found: Found) -> list[Note]:
    """Say of each period whether q is calibrated, and on what."""
    return [
        Note("convention" if one.detection else "warning", f"{one.period.label}: {calibration(ask, one)}")
        for one in found.evidence
    ]


def calibration(ask: Ask, seen: Evidence) -> str:
    """Say whether q is calibrated in one period, with the placebo cells and the least q."""
    hits, tested = int(seen.risen.sum()), int(seen.tested.sum())
    if seen.detection is not None:
        return (
            f"q is calibrated on {seen.decoys:,} placebo cells; {hits:,} of {tested:,} cells have q <= "
            f"{words.percent(ask.fdr, 0)}. docs/validation-diversion.md shows how far that holds."
        )
    if not seen.decoys:
        return "q is not calibrated: no placebo window fits before the measure; try a shorter --baseline."
    reach = "too few to learn from" if np.isnan(seen.least) else f"at best q >= {seen.least:.2f}"
    return (
        f"q is not calibrated ({seen.decoys:,} placebo cells, {reach}) and none is claimed. Marked instead: "
        f"{hits:,} of {words.count(tested, 'flow')} beyond 97.5% of placebo cells of their size; about "
        f"{seen.chance:,.0f} would be by chance."
    )


def _not_observed(found: Found) -> list[Note]:
    """Name what was not observed: it is never taken as zero."""
    data, case = found.data, found.cases[-1]
    texts = []
    if case.dark:
        names = words.listing([countries.name(name) for name in case.dark], 8)
        texts.append(f"Purchases not observed, so left out: {names}.")
    missing = []
    if data.uncovered is None:
        missing.append("other goods (no growth of a country's ordinary purchases is taken out)")
    if not case.controls_observed:
        missing.append("enough other partners (no growth of a product elsewhere is taken out)")
    if data.mirror is None:
        missing.append("third countries' own reports of the same goods (leg D)")
    if data.covered.mass is None or not np.isfinite(data.covered.mass).any():
        missing.append("mass (leg G)")
    if all(np.isnan(one.legs.onward).all() for one in found.evidence):
        missing.append("onward sales (leg B)")
    if missing:
        texts.append(f"Not observed in this store: {'; '.join(missing)}.")
    return [Note("missing", text) for text in texts]


def _silent(found: Found) -> list[Note]:
    """Mark third countries whose own reports stop; a table that has none at all is named elsewhere."""
    data, case, seen = found.data, found.cases[-1], found.evidence[-1]
    if data.basis == "reports" and not case.imports and data.mirror is None:
        return []
    hubs = [data.countries[place] for place in np.unique(seen.legs.hub[seen.tested])]
    quiet = [(name, text) for name in hubs if (text := case.silence(name, seen.period.window))]
    listed = words.listing([f"{countries.name(name)} ({text})" for name, text in quiet], 6)
    text = f"Third countries that do not report throughout: {listed}; what their partners report stands."
    return [Note("missing", text)] if quiet else []


def _broken(found: Found) -> list[Note]:
    """Name senders whose own reports have gaps: what they sold then is missing, not nil."""
    data, case, seen = found.data, found.cases[-1], found.evidence[-1]
    if data.basis == "flows":
        return []
    whole = case.throughout(seen.period.window)
    names = [countries.name(data.countries[i]) for i in data.place(case.members) if not whole[i]]
    text = (
        f"Senders that do not report throughout: {words.listing(names, 8)}; what they sold then is missing."
    )
    return [Note("missing", text)] if names else []


def _law(ask: Ask, found: Found) -> list[Note]:
    """Say what the catalogue holds, what is covered in part, what has no date, which years compare."""
    law = found.law
    rows = [law.catalogue.instrument[name] for name in dict.fromkeys(m.instrument_id for m in law.measures)]
    made = [Note("scope", f"{row.title}: catalogue as of {row.as_of}. {row.note}") for row in rows]
    part = sum(not row.full for row in found.scope.values())
    if part:
        text = (
            f"{part:,} of {len(found.scope):,} HS6 codes are covered in part: some of their trade was never "
        )
        made.append(Note("partial", text + "under the measure. --bound lower takes only the others."))
    undated = sum(row.since is None for row in found.scope.values())
    if undated:
        text = f"{undated:,} codes have no printed day: they stand in the evidence, not in the event study."
        made.append(Note("missing", text))
    if found.early:
        text = f"{found.early:,} HS6 codes were under a measure from the first year compared on: left out."
        made.append(Note("convention", text))
    first, last = found.years[0], found.years[-1]
    if (first, last) != ask.baseline:
        text = (
            f"The baseline in use is {first} to {last}: only these lie in the table and before the measures."
        )
        made.append(Note("convention", text))
    return made


def _events(events: Sequence[Event]) -> list[Note]:
    """Say where the event study is missing, or rests on little."""
    if not events:
        return [
            Note("missing", "No event study: no dated code has trade in every period around its measure.")
        ]
    few = [(event.series, min(event.study.clusters)) for event in events]
    return [
        Note("approximation", f"The band of '{name}' rests on {count} clusters: it is rough.")
        for name, count in few
        if count < FEW_CLUSTERS
    ]


def _conventions(ask: Ask) -> list[Note]:
    """State what the numbers are."""
    growth, direct = "of the product elsewhere and of the third country's other purchases", "the direct flow"
    if ask.form == "import-ban":
        growth, direct = "of the product between countries that are no party", "the senders' own purchases"
    return [
        Note("convention", f"Expected: the flow before times the growth {growth}, where observed."),
        Note(
            "convention",
            "Diverted is between nil and the least of three: excess of purchases, excess of onward sales "
            f"where observed, fall of {direct}.",
        ),
        Note("convention", "Other explanations are tested one by one; none enters q or the order of rows."),
    ]
