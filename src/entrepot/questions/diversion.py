"""Trade that goes round a measure: what rose in third countries beyond what placebo windows allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot.errors import DataError, InputError
from entrepot.measures.catalogue import Catalogue
from entrepot.measures.loader import load_catalogue
from entrepot.measures.nomenclature import base_revision
from entrepot.questions import diversion_figures as figures
from entrepot.questions import diversion_hubs as hub_tables
from entrepot.questions import diversion_tables as tables
from entrepot.questions import diversion_words as say
from entrepot.questions import words
from entrepot.questions.diversion_case import Case, Period, assign, first_day, last_day, periods
from entrepot.questions.diversion_chapters import chapter_table
from entrepot.questions.diversion_evidence import Evidence, weigh
from entrepot.questions.diversion_read import (
    Basis,
    Calendar,
    Data,
    all_codes,
    calendar,
    choose_table,
    read,
    refuse_groups,
)
from entrepot.questions.diversion_scope import Bound, Coverage, Form, Law, check_form, covered, read_law
from entrepot.result import How, Result
from entrepot.world import blocs, countries, products

if TYPE_CHECKING:
    from entrepot.store.store import Store

EQUATION = (
    "expected = flow before x growth of the hub's other purchases x growth of the product elsewhere; "
    "q = least over lower scores of pi0 (D + 1) / T x n_T / n_D, D decoys and T cells at or above the score; "
    "0 <= diverted <= min(excess of purchases, excess of onward sales, fall of the direct flow)"
)
REFERENCE = "docs/methods/diversion.md; calibration in docs/validation-diversion.md"
HIGHEST_FDR = 0.5
BASELINE = (2019, 2021)


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood.

    Attributes
    ----------
    target : str
        ISO3 code.
    form : {"export-ban", "import-ban"}
    sender : tuple of str
        Parties of the catalogue.
    baseline : tuple of int
        First and last year before, as asked.
    until : int or None
        Last year of trade.
    fdr : float
    hubs : tuple of str or None
        Third countries that are examined; None = all.
    hub : tuple of str
        Third countries whose rows are shown; empty = all examined.
    product : tuple of str
        Codes whose rows are shown, at 2, 4 or 6 digits; empty = all under a measure.
    bound : {"upper", "lower"}
    table : {"auto", "flows", "reports"}
    catalogue : str or None
        Folder of further instruments.
    lang : str
    """

    target: str
    form: Form
    sender: tuple[str, ...]
    baseline: tuple[int, int]
    until: int | None
    fdr: float
    hubs: tuple[str, ...] | None
    hub: tuple[str, ...]
    product: tuple[str, ...]
    bound: Bound
    table: Basis
    catalogue: str | None
    lang: str

    def shows(self, code: str, hub: str) -> bool:
        """Tell whether a row is asked for."""
        return (not self.hub or hub in self.hub) and (not self.product or code.startswith(self.product))


@dataclass(frozen=True, slots=True)
class Found:
    """What was examined.

    Attributes
    ----------
    law : Law
    data : Data
    scope : dict of str to Coverage
        Law on each HS6 code.
    years : tuple of int
        Baseline in use.
    cases : tuple of Case
        One a period.
    evidence : tuple of Evidence
        One a period, in order.
    early : int
        HS6 codes left out because they were under a measure before the baseline ends its first year.
    """

    law: Law
    data: Data
    scope: dict[str, Coverage]
    years: tuple[int, ...]
    cases: tuple[Case, ...]
    evidence: tuple[Evidence, ...]
    early: int


def diversion(
    store: Store,
    target: str,
    *,
    sender: str | Sequence[str] | None = "EU",
    form: Form = "export-ban",
    baseline: tuple[int, int] | None = None,
    until: int | None = None,
    fdr: float = 0.05,
    hubs: Sequence[str] | None = None,
    hub: str | Sequence[str] | None = None,
    product: str | Sequence[str] | None = None,
    bound: Bound = "upper",
    table: Basis = "auto",
    catalogue: Catalogue | str | Path | None = None,
    lang: str = "en",
) -> Result:
    """Look for trade in covered goods that goes by way of third countries.

    Under an export ban goods leave the senders for a third country and go on to the target; under an import
    ban they leave the target for a third country and go on to the senders. What is found is consistent with
    diversion and needs review; it proves nothing. Where placebo windows are too few, q is "not calibrated".

    Parameters
    ----------
    store : Store
        Its ``reports`` table (mirror statistics), or else ``flows``, gives the trade, monthly or annual.
    target : str
        Country that the measures are about.
    sender : str or sequence of str, optional
        Countries or blocs that keep them; None or "all" takes every sender of the catalogue.
    form : {"export-ban", "import-ban"}
    baseline : (int, int), optional
        First and last year of comparison; years from the first measure on are left out. If not given, 2019 to
        2021, less the first years where only fewer leave a placebo window.
    until : int, optional
        Last year of trade.
    fdr : float
        Level of the false-discovery rate, above 0 and at most 0.5.
    hubs : sequence of str, optional
        Third countries to examine, or blocs; all that are no targets of the same senders if left out.
    hub : str or sequence of str, optional
        Show only the rows of these; all examined countries stay in the calibration.
    product : str or sequence of str, optional
        Show only these codes or words; goods that no measure of the catalogue covers are never shown.
    bound : {"upper", "lower"}
        Goods covered in full or in part, or only those covered in full.
    table : {"auto", "flows", "reports"}
    catalogue : Catalogue or path, optional
        A folder of instruments beside the embedded ones, or a catalogue.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main``: one row per product, third country and period. Parts: ``hubs``, ``onward`` (import bans),
        ``mirror`` (tables of reports), ``chapters`` (months) and ``event``.

    Raises
    ------
    InputError
        Unknown country, sender, product or option.
    DataError
        If the catalogue holds no such measure, a group of countries reports beside its members, or the table
        holds no covered goods or no trade before or after the measure.

    Examples
    --------
    >>> import entrepot as ep
    >>> answer = ep.open().diversion("RUS", form="import-ban", product="gold", hub="ARM")
    >>> row = answer.to_arrow().to_pylist()[0]
    >>> row["period"], round(row["observed"] / 1e9, 2), row["verdict"]
    ('2024', 5.9, 'passed on to third markets, needs review')
    """
    check_form(form, bound)
    given = catalogue if isinstance(catalogue, Catalogue) else load_catalogue(catalogue)
    law = read_law(given, countries.resolve(target), sender, form)
    folder = None if catalogue is None or isinstance(catalogue, Catalogue) else str(catalogue)
    basis = choose_table(store, table)
    nomenclature = store.info(basis).revision or "HS1992"
    ask = Ask(
        law.target,
        form,
        law.senders,
        BASELINE if baseline is None else _baseline(baseline),
        until,
        _level(fdr),
        None if hubs is None else _places(hubs, until),
        _places(hub or (), until),
        _products(product, base_revision(nomenclature)),
        bound,
        table,
        folder,
        lang,
    )
    found = examine(store, basis, nomenclature, law, ask, given=baseline is not None)
    if baseline is None:
        ask = replace(ask, baseline=(found.years[0], found.years[-1]))
    return assemble(store, ask, found)


def _baseline(baseline: tuple[int, int]) -> tuple[int, int]:
    first, last = baseline
    if first > last:
        raise InputError.bad_window(first, last)
    return int(first), int(last)


def _level(fdr: float) -> float:
    if not 0.0 < fdr <= HIGHEST_FDR:
        raise InputError(f"fdr cannot be {fdr}", hint="give a share above 0 and at most 0.5, such as 0.05")
    return float(fdr)


def _places(names: str | Sequence[str], until: int | None) -> tuple[str, ...]:
    """Read countries, and blocs as their members."""
    found: list[str] = []
    for name in (names,) if isinstance(names, str) else names:
        try:
            found.append(countries.resolve(name))
        except InputError as error:
            try:
                bloc = blocs.resolve_bloc(name)
            except InputError:
                raise error from None
            found += sorted(blocs.members(bloc, date(until or date.today().year, 12, 31)))
    return tuple(dict.fromkeys(found))


def _products(product: str | Sequence[str] | None, revision: str) -> tuple[str, ...]:
    asked = () if product is None else (product,) if isinstance(product, str) else product
    return tuple(dict.fromkeys(products.resolve(text, revision) for text in asked))


def examine(store: Store, basis: str, nomenclature: str, law: Law, ask: Ask, *, given: bool) -> Found:
    """Read the trade that the law is about, cut it into periods, and weigh each of them."""
    refuse_groups(store, basis)
    span = calendar(store, basis, ask.until)
    by_code = covered(law, all_codes(store, basis), nomenclature, last_day(span), ask.bound)
    earliest = max(ask.baseline[0], span.first)
    # A code under a measure from the first year on has no time before it.
    early = {code: row.since for code, row in by_code.items() if row.since and row.since.year <= earliest}
    chosen = sorted(code for code in by_code if len(code) >= 6 and code not in early)
    if not any(code.startswith(ask.product or "") for code in chosen):
        if early:
            baseline_years(span, ask.baseline, min(early.values()))
        what = words.listing([say.goods(code) for code in ask.product]) or "goods"
        raise DataError.empty_selection(
            f"{what} under {say.measures_of(law)} in the table {basis}",
            hint=f"the catalogue covers none of it from {earliest} to {span.last}; --catalogue adds more",
        )
    scope = merged({code: by_code[code] for code in chosen})
    start = first_day(scope) or law.first_day()
    years = baseline_years(span, ask.baseline, start)
    cut = periods(span, start, years)
    while not given and len(years) > 1 and not any(period.placebos for period in cut):
        years = years[1:]
        cut = periods(span, start, years)
    # Years before all windows are not read.
    span = span.since(min(period.begins for period in cut))
    cut = periods(span, start, years)
    data = read(store, basis, ask.form, span, chosen, list(by_code))
    cases = tuple(_case(ask, law, data, scope, period) for period in cut)
    evidence = tuple(weigh(case, period, ask.fdr) for case, period in zip(cases, cut, strict=True))
    return Found(law, data, scope, years, cases, evidence, len({code[:6] for code in early}))


def merged(by_code: dict[str, Coverage]) -> dict[str, Coverage]:
    """Bring the law on finest codes to HS6: a code of which only a part is covered is covered in part."""
    found: dict[str, Coverage] = {}
    for code, row in sorted(by_code.items()):
        old = found.get(code[:6])
        if old is None:
            found[code[:6]] = row
            continue
        days = [day for day in (old.since, row.since) if day]
        rows = tuple(dict.fromkeys((*old.measures, *row.measures)))
        found[code[:6]] = Coverage(min(days, default=None), old.full and row.full, rows)
    return found


def baseline_years(span: Calendar, baseline: tuple[int, int], start: date) -> tuple[int, ...]:
    """Return the years of the baseline that the table holds and that lie before the first measure."""
    years = tuple(range(max(baseline[0], span.first), min(baseline[1], start.year - 1) + 1))
    if not years:
        raise InputError(
            f"the baseline {baseline[0]}:{baseline[1]} holds no year before the first measure on {start} for "
            f"which there is trade",
            hint=f"the table begins in {span.first}: give --baseline FIRST:LAST between",
        )
    return years


def _case(ask: Ask, law: Law, data: Data, scope: dict[str, Coverage], period: Period) -> Case:
    """Assign the roles of a period, by membership and reporting in it."""
    hubs = ask.hubs
    targets = law.targets(period.last)
    if hubs is None:
        targets = targets - set(ask.hub)
    members = law.members(period.last)
    third = [c for c in data.countries if c not in members and c not in targets and c != law.target]
    if hubs is not None:
        third = [c for c in (*hubs, *ask.hub) if c in data.countries and c not in members and c != law.target]
        hubs = tuple(dict.fromkeys(third))
    if not third or not data.place(members).size or not data.place([law.target]).size:
        raise DataError.empty_selection(
            f"trade of {say.senders(law)}, {law.target} and third countries in {period.label}",
            hint="the table must hold the senders, the target and a third country",
        )
    return assign(data, law.form, law.target, members, targets, hubs, period.window, scope)


def assemble(store: Store, ask: Ask, found: Found) -> Result:
    """Build the Result."""
    rows = tables.rows(ask, found)
    event = figures.event_studies(found)
    parts = [hub_tables.hub_table(ask, found)]
    if ask.form == "import-ban":
        parts.append(hub_tables.onward_table(ask, found, rows))
    if found.data.basis == "reports":
        parts.append(hub_tables.mirror_table(store, found.law, found.data, ask))
    whole = chapter_table(ask, found)
    if whole is not None:
        parts.append(whole)
    if event:
        parts.append(figures.event_table(event))
    return Result(
        question="diversion",
        subject=ask.target,
        finding=say.finding(ask, found, rows),
        subtitle=say.subtitle(ask, found),
        main=tables.main_table(ask, found, rows),
        display=tables.display_table(ask, found, rows),
        parts=tuple(parts),
        figures=figures.figures(ask, found, rows, event),
        notes=say.notes(store, ask, found, event),
        sources=(*store.sources(found.data.basis), *found.law.catalogue.sources(found.law.measures)),
        how=how(ask),
    )


def how(ask: Ask) -> How:
    """Write the command and the Python line that give the same answer."""
    given: dict[str, object] = {"sender": ask.sender[0] if len(ask.sender) == 1 else list(ask.sender)}
    given |= {"form": ask.form, "baseline": ask.baseline}
    if ask.fdr != 0.05:
        given["fdr"] = ask.fdr
    for name in ("until", "table", "bound", "catalogue"):
        if getattr(ask, name) not in (None, "auto", "upper"):
            given[name] = getattr(ask, name)
    for name in ("hubs", "hub", "product"):
        if getattr(ask, name):
            given[name] = list(getattr(ask, name))
    keywords = "".join(f", {name}={value!r}" for name, value in given.items())
    return How(
        command=tables.command(ask),
        python=f"ep.open().diversion({ask.target!r}{keywords})",
        parameters={"target": ask.target, **given, "baseline": list(ask.baseline), "fdr": ask.fdr},
        equation=EQUATION,
        reference=REFERENCE,
    )
