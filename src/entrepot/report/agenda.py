"""What a brief asks: every question that exists, in the order of the meeting, for one country."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from entrepot.errors import DataError, InputError
from entrepot.measures.catalogue import countries as stands_for
from entrepot.measures.loader import load_catalogue
from entrepot.questions.agreement import agreement
from entrepot.questions.competencies import competencies
from entrepot.questions.coverage import coverage
from entrepot.questions.direction import direction
from entrepot.questions.diversion import diversion
from entrepot.questions.diversion_scope import DIRECTION, KINDS, Form
from entrepot.questions.localisation import localisation
from entrepot.questions.partners import partners
from entrepot.questions.programme import Register, from_rows, read_register
from entrepot.questions.selection import Direction
from entrepot.questions.settlements import covered, partial_products, settlements
from entrepot.questions.technoparks import technoparks
from entrepot.report.brief import Brief, StoreSummary, read_manifest
from entrepot.result import Result
from entrepot.world import blocs, countries

if TYPE_CHECKING:
    from entrepot.store.store import Store

# Scenarios of a country beside the one that all face; each is a shipped file.
SCENARIOS = {
    "BLR": ("blr-measures-lifted",),
    "RUS": ("rus-measures-lifted",),
    "KAZ": ("eaeu-deeper",),
}
# Whose measures a country that is no target itself is asked about.
TARGET = "RUS"
# The group with which a country would settle: the first of these that counts it as a member.
GROUPS = ("eaeu", "gcc", "asean", "mercosur", "eu", "brics", "cis", "sco", "g7", "african-union")


def compose(
    store: Store,
    country: str,
    *,
    year: int | None = None,
    lang: str = "en",
    since: str | Path | None = None,
    draws: int = 60,
    register: str | Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> Brief:
    """Answer every question about one country; what the data cannot answer is said with its reason.

    Parameters
    ----------
    store : Store
    country : str
        ISO3 code or a name in any supported language.
    year : int, optional
        Last year to show; the last one in the store if left out.
    lang : str
        Language of country names and number formats.
    since : str or Path, optional
        Manifest of an earlier brief to compare with.
    draws : int
        Draws behind the intervals of the agreement section.
    register : str or Path, optional
        Programme register of the technoparks (docs/programme-format.md); its progress is shown, and compared
        with the register of the earlier brief.
    progress : callable, optional
        Called with the name of each question before it is put.

    Returns
    -------
    Brief

    Raises
    ------
    InputError
        Unknown country or language.
    DataError
        If no question at all can be answered, or the manifest or the register cannot be read.
    """
    iso3 = countries.resolve(country)
    if lang not in countries.languages():
        raise InputError.unknown("language", lang, countries.languages(), see="give a code such as en or ru")
    if draws < 0:
        raise InputError("draws cannot be negative", hint="use 0 for central cases alone, or 60")
    earlier = None if since is None else read_manifest(since)
    if earlier is not None and earlier.get("country") != iso3:
        raise InputError(
            f"{since} is the manifest of a brief on {earlier.get('country')}, not on {iso3}",
            hint="compare with an earlier brief on the same country",
        )
    programme = None if register is None else read_register(register)
    before = None if earlier is None or not earlier.get("register") else from_rows(earlier["register"])
    answers: list[Result] = []
    unanswered: list[tuple[str, str]] = []
    for question, ask in agenda(store, iso3, year, lang, draws, register, before):
        if progress is not None:
            progress(question)
        try:
            answers.append(ask())
        except (DataError, InputError) as error:
            unanswered.append((question, error.message))
    if not answers:
        raise DataError.empty_selection(
            f"a brief on {countries.name(iso3)}", hint=f"the store {store.path.name} has no row for it"
        )
    return Brief(
        country=iso3,
        results=tuple(answers),
        created=datetime.now(UTC),
        lang=lang,
        store=StoreSummary.of(store),
        unanswered=tuple(unanswered),
        since=earlier,
        register=() if programme is None else tuple(programme.to_rows()),
    )


def agenda(
    store: Store,
    iso3: str,
    year: int | None,
    lang: str,
    draws: int,
    register: str | Path | None = None,
    before: Register | None = None,
) -> list[tuple[str, Callable[[], Result]]]:
    """List the questions to put, each with the call that answers it; several may belong to one question."""
    at = None if year is None else date(year, 12, 31)
    industry = industry_holds(store, iso3, year)
    asks: list[tuple[str, Callable[[], Result]]] = []
    if industry:
        asks.append(("direction", partial(direction, store, iso3, table="industry_flows", lang=lang)))
    if store.has("flows"):
        asks += [
            ("direction", partial(direction, store, iso3, flow=flow, until=year, lang=lang))
            for flow in get_args(Direction)
        ]
    if industry:
        asks.append(("direction", partial(direction, store, iso3, by="sector", lang=lang)))
    if store.has("flows"):
        asks.append(("coverage", partial(coverage, store, iso3, at=at, lang=lang)))
    asks += [("diversion", ask) for ask in ways_round(store, iso3, year, lang)]
    asks.append(("partners", partial(partners, store, iso3, at=at, year=year, lang=lang)))
    if industry and store.has("industry_totals"):
        for scenario in (*SCENARIOS.get(iso3, ()), "west-russia-ban"):
            asks.append(
                ("agreement", partial(agreement, store, scenario, draws=draws, focus=iso3, lang=lang))
            )
    if industry and store.has("industry_totals"):
        asks.append(("localisation", partial(localisation, store, iso3, lang=lang)))
    asks.append(("competencies", partial(competencies, store, iso3, year=year, lang=lang)))
    parks = partial(technoparks, store, iso3, at=at, year=year, register=register, earlier=before, lang=lang)
    asks.append(("technoparks", parks))
    asks.append(("settlements", partial(set_off, store, iso3, year, lang)))
    return asks


def ways_round(store: Store, iso3: str, year: int | None, lang: str) -> list[Callable[[], Result]]:
    """List the calls for diversion: around the bans on a country, or else around those on ``TARGET``.

    A country that is neither target nor sender is shown its own part, as a third country. Import bans come
    first where the store holds only some goods: raw materials are what targets sell.
    """
    if not (store.has("flows") or store.has("reports")):
        return []
    law = load_catalogue()
    held = {row.direction for row in law.select(iso3, kinds=KINDS)}
    keeps = any(iso3 in (stands_for(name, date.today()) or ()) for name in law.senders(TARGET, KINDS))
    own = bool(held & set(DIRECTION.values()))
    target, hub = (iso3, ()) if own else (TARGET, () if keeps else (iso3,))
    forms = [form for form in get_args(Form) if not own or DIRECTION[form] in held]
    if store.has("flows") and partial_products(store) is not None:
        forms.reverse()
    return [
        partial(diversion, store, target, sender=None, form=form, hub=hub, until=year, lang=lang)
        for form in forms
    ]


def industry_holds(store: Store, iso3: str, year: int | None) -> bool:
    """Tell whether the input-output table of the store has a country in a year."""
    if not store.has("industry_flows"):
        return False
    first, last = store.info("industry_flows").years or (0, 0)
    return (year is None or first <= year <= last) and iso3 in covered(store, "industry_flows")


def set_off(store: Store, iso3: str, year: int | None, lang: str) -> Result:
    """Ask what a country's group could set off, from the table that says most about its trade."""
    group = settling_group(iso3)
    all_goods = store.has("flows") and partial_products(store) is None
    if not all_goods and industry_holds(store, iso3, year):
        return settlements(store, group, year=year, table="industry_flows", lang=lang)
    return settlements(store, group, year=year, lang=lang)


def settling_group(iso3: str) -> str:
    """Return the bloc in which a country would settle.

    Raises
    ------
    DataError
        If it belongs to none.
    """
    for bloc in GROUPS:
        if iso3 in blocs.members(bloc, date.today()):
            return bloc
    raise DataError.empty_selection(
        f"a settling group of {countries.name(iso3)}",
        hint="name the members: entrepot settlements AAA BBB CCC",
    )
