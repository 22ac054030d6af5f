"""How much of what a country makes is its own, and which imported inputs would hurt most if they stopped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from entrepot.errors import DataError, InputError
from entrepot.questions import localisation_figures as figures
from entrepot.questions import localisation_tables as tables
from entrepot.questions import localisation_words as say
from entrepot.questions.localisation_candidates import hs_candidates, sector_candidates
from entrepot.questions.localisation_content import Content, PartnerStops, Stops, content_of, stops_of
from entrepot.questions.localisation_exports import exports_table
from entrepot.questions.localisation_table import TABLES, Industry, read_industry, sector_name
from entrepot.result import How, Result, Table
from entrepot.world import blocs, countries
from entrepot.world import sectors as industries

if TYPE_CHECKING:
    from entrepot.store.store import Store

EQUATION = (
    "content V_t B_ts, V = value added per output, B = (I - A)^-1; stop of input i: loss / output = "
    "a_i B_ss / (1 + a_i B_si) (linear), min(1, c B_ss) with c = share of that kind of input (bottleneck)"
)
REFERENCE = (
    "Leontief (1936), Review of Economics and Statistics 18(3); Miller and Blair (2022), Input-Output "
    "Analysis, chapter 12; Dietzenbacher and van der Linden (1997), Journal of Regional Science 37(2)"
)


@dataclass(frozen=True, slots=True)
class Ask:
    """The question as understood.

    Attributes
    ----------
    country : str
        ISO3 code.
    year : int
    sector, partner, group : str or None
        Industry whose output counts, partner whose inputs are ranked, bloc that counts as home.
    home : tuple of str
        Countries of the table whose inputs do not count as imported, sorted.
    member : bool
        Whether the country is a member of the group itself.
    absent : tuple of str
        Members of the group that the table does not hold, sorted.
    lang : str
    """

    country: str
    year: int
    sector: str | None
    partner: str | None
    group: str | None
    home: tuple[str, ...]
    member: bool
    absent: tuple[str, ...]
    lang: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The arrays behind the answer: axes, content of output, losses by input and by partner."""

    table: Industry
    content: Content
    stops: Stops
    partners: PartnerStops


def localisation(
    store: Store,
    country: str,
    *,
    sector: str | None = None,
    partner: str | None = None,
    group: str | None = None,
    year: int | None = None,
    lang: str = "en",
) -> Result:
    """How much of what a country makes is its own; which imported inputs would hurt most if they stopped.

    From the inter-country input-output table of one year. The Leontief inverse of the table is computed once
    and kept on disk (128 MB for 4,000 industries): in the folder ``cache`` of a store of one's own, else in
    ``$XDG_CACHE_HOME/entrepot`` or ``~/.cache/entrepot``.

    Parameters
    ----------
    store : Store
        Needs ``industry_flows`` and ``industry_totals``; exports are decomposed if it has ``final_demand``.
    country : str
        ISO3 code or a name in any supported language.
    sector : str, optional
        Industry, code or name: only its output and losses count.
    partner : str, optional
        Country whose inputs are ranked; all others if left out.
    group : str, optional
        Bloc whose members count as home: their inputs are not imported.
    year : int, optional
        The last one of the table if left out.
    lang : str
        Language of country names.

    Returns
    -------
    Result
        ``main`` has the share of each industry's output by origin. ``parts``: ``content`` by country,
        ``partners``, ``inputs`` (what would hurt most), ``candidates`` for import substitution by industry,
        ``candidates_hs`` where the store has ``flows``, ``exports`` where it has ``final_demand``.

    Raises
    ------
    InputError
        Unknown country, bloc or industry, or a partner that counts as home.
    DataError
        If the table does not hold the country or the year, or cannot be inverted.
    StoreError
        If the store has no input-output table.

    Examples
    --------
    >>> import entrepot as ep
    >>> answer = ep.open().localisation("BLR", sector="C28")  # doctest: +SKIP
    >>> answer.finding[:66]  # doctest: +SKIP
    "60.7% of the value of Belarus's machinery output in 2022 arises at"
    """
    table = read_industry(store, year)
    ask = understand(table, country, sector, partner, group, lang)
    return answer(store, ask, measure(table, ask))


def understand(
    table: Industry, country: str, sector: str | None, partner: str | None, group: str | None, lang: str
) -> Ask:
    """Resolve every word of the question against the table."""
    iso3 = _held(table, countries.resolve(country), lang)
    code = None if sector is None else resolve_sector(table, sector)
    bloc = None if group is None else blocs.resolve_bloc(group)
    members = frozenset[str]() if bloc is None else blocs.members_in_year(bloc, table.year)
    absent = members - set(table.countries)
    home = {iso3} | (members - absent)
    other = None if partner is None else _held(table, countries.resolve(partner), lang)
    if other in home:
        raise InputError(
            f"{say.country(other or '')} counts as home here, so its inputs are not imported",
            hint="name another partner" + (", or leave out --group" if bloc is not None else ""),
        )
    member, inside, missing = iso3 in members, tuple(sorted(home)), tuple(sorted(absent))
    asked = Ask(iso3, table.year, code, other, bloc, inside, member, missing, lang)
    if not _using(table, asked).size:
        raise DataError.empty_selection(
            f"output of {sector_name(code or 'any industry')} in {say.country(iso3)} in {table.year}",
            hint="choose another --sector; the table lists those with output",
        )
    return asked


def resolve_sector(table: Industry, text: str) -> str:
    """Return the code of an industry named by code or name, whatever the case."""
    names = {code.casefold(): code for code in table.sectors}
    names |= {sector_name(code).casefold(): code for code in table.sectors}
    found = names.get(text.strip().casefold())
    if found is None:
        known = [*table.sectors, *(sector_name(code) for code in table.sectors)]
        raise InputError.unknown("industry", text, known, see=f"codes: {', '.join(industries.codes())}")
    return found


def _held(table: Industry, iso3: str, lang: str) -> str:
    if iso3 not in table.countries:
        raise DataError.empty_selection(
            f"{countries.name(iso3, lang)} in the input-output table of {table.year}",
            hint=f"the table holds {len(table.countries)} countries; the others are its rest of the world",
        )
    return iso3


def _using(table: Industry, ask: Ask) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the industries whose output counts: with output, and the one asked for if there is one."""
    rows = table.rows(ask.country)
    made = np.bincount(table.sector[rows], weights=table.output[rows], minlength=len(table.sectors)) > 0
    if ask.sector is not None:
        made &= np.arange(len(table.sectors)) == table.sectors.index(ask.sector)
    return np.flatnonzero(made)


def measure(table: Industry, ask: Ask) -> Measured:
    """Compute content and losses."""
    stops, partners = stops_of(table, ask.country, ask.home, _using(table, ask))
    return Measured(table, content_of(table, ask.country), stops, partners)


def answer(store: Store, ask: Ask, found: Measured) -> Result:
    """Assemble the Result."""
    using = _using(found.table, ask)
    origins = tables.by_origin(ask, found.table, found.content)
    ranked = tables.ranked_inputs(ask, found, using)
    inputs = tables.inputs(ask, found, ranked, using)
    hs, unseen = hs_candidates(store, ask.country, ask.lang) if store.has("flows") else (None, ())
    exports = exports_table(store, ask.country, ask.year, ask.group) if store.has("final_demand") else None
    more: list[Table] = [part for part in (hs, exports) if part is not None]
    summary = say.summary(ask, found, using, origins, ranked)
    return Result(
        question="localisation",
        subject=ask.country,
        finding=say.finding(ask, summary),
        subtitle=say.subtitle(ask),
        main=tables.main(ask, found, origins, using),
        display=tables.display(ask, found, using),
        parts=(
            tables.content(ask, found, using),
            tables.partners(ask, found, using),
            inputs,
            sector_candidates(store, found.table, ask.country, ask.home, ask.lang),
            *more,
        ),
        figures=tuple(
            figure
            for figure in (
                figures.content(ask, found, origins, using),
                figures.hurt(ask, found, ranked, using),
            )
            if figure is not None
        ),
        notes=say.notes(store, ask, found, using, hs is not None, unseen),
        sources=store.sources(*TABLES, *(["flows"] if hs is not None else []),
                              *(["final_demand"] if exports is not None else [])),
        how=how(ask),
    )  # fmt: skip


def how(ask: Ask) -> How:
    """Write the command and the Python line that give the same answer."""
    asked = {"sector": ask.sector, "partner": ask.partner, "group": ask.group}
    named = {name: value for name, value in asked.items() if value is not None}
    options = "".join(f" --{name} {value}" for name, value in named.items())
    words = "".join(f", {name}={value!r}" for name, value in named.items())
    return How(
        command=f"entrepot localisation {ask.country}{options} --year {ask.year}",
        python=f"ep.open().localisation({ask.country!r}{words}, year={ask.year})",
        parameters={"country": ask.country, **named, "year": ask.year},
        equation=EQUATION,
        reference=REFERENCE,
    )
