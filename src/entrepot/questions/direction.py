"""Where does a country's trade go, and how has it shifted?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from entrepot.errors import InputError
from entrepot.models.concentration import concentration
from entrepot.questions import decomposition, direction_figures, words
from entrepot.questions.panel import MATERIAL, Panel, add_panels, by_bloc
from entrepot.questions.selection import Direction, check_window, industry_panel, nothing_selected, panel
from entrepot.result import Column, How, Note, Result, Table
from entrepot.world import countries, products, reporting
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
_LEVELS: dict[int, Literal["chapter", "heading", "product"]] = {2: "chapter", 4: "heading", 6: "product"}


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


def direction(
    store: Store,
    country: str,
    *,
    product: str | Sequence[str] | None = None,
    level: int | None = None,
    by: By = "partner",
    since: int | None = None,
    until: int | None = None,
    flow: Flow = "exports",
    table: Basis = "auto",
    lang: str = "en",
) -> Result:
    """Where a country's trade goes, by partner, bloc, product or sector, and how it shifted.

    Values are current USD; a pair on which neither side reports is null ("not observed"), never zero. The
    change compares the first with the last year in which the total is observed. Membership of blocs is
    that of 1 July of the last year, held fixed.

    Parameters
    ----------
    store : Store
    country : str
        ISO3 code or a name in any of the supported languages.
    product : str or sequence of str, optional
        HS codes (2 to 6 digits) or product words; all goods if left out.
    level : {2, 4, 6}, optional
        HS digits for ``by="product"``, 6 by default.
    by : {"partner", "bloc", "product", "sector"}
        ``sector`` asks the input-output table.
    since, until : int, optional
        First and last year.
    flow : {"exports", "imports", "turnover"}
    table : {"auto", "flows", "industry_flows"}
        Goods by HS code, or intermediate sales of the inter-country input-output table.
    lang : str
        Language in which countries are named.

    Returns
    -------
    Result
        ``main`` has one row per year and group: ``value`` and ``reported`` (USD), ``share`` (of reported
        trade), ``quantity`` (tonnes), ``status``. ``parts`` hold yearly totals with concentration, and, where
        two years can be compared, price against volume and (exports) constant market shares.

    Raises
    ------
    InputError
        Unknown country, product, option, or a window that ends before it begins.
    DataError
        If nothing matches.

    Examples
    --------
    >>> import entrepot as ep
    >>> shift = ep.open().direction("RUS", product="270900", since=2021)
    >>> round(shift.to_pandas().query("year == 2023 and partner == 'IND'")["value"].item() / 1e9, 1)
    48.6
    """
    ask = understand(store, country, product, level, by, since, until, flow, table, lang)
    return answer(store, ask, select(store, ask))


def understand(
    store: Store,
    country: str,
    product: str | Sequence[str] | None,
    level: int | None,
    by: By,
    since: int | None,
    until: int | None,
    flow: Flow,
    table: Basis,
    lang: str,
) -> Ask:
    """Check and resolve every word of the question."""
    for option, value, allowed in (
        ("by", by, get_args(By)),
        ("flow", flow, get_args(Flow)),
        ("table", table, get_args(Basis)),
        ("level", level, (None, *get_args(Level))),
    ):
        if value not in allowed:
            raise InputError.bad_option(option, value, [item for item in allowed if item is not None])
    check_window(store, since, until)
    basis: Literal["flows", "industry_flows"] = (
        "industry_flows" if table == "industry_flows" or (table == "auto" and by == "sector") else "flows"
    )
    if basis == "industry_flows" and (product is not None or by == "product"):
        raise InputError(
            "the input-output table has sectors, not HS products",
            hint="leave --product out, or use --by partner|bloc|product with --table flows",
        )
    if basis == "flows" and by == "sector":
        raise InputError.bad_option("by", by, ["partner", "bloc", "product"])
    asked = [product] if isinstance(product, str) else list(product or ())
    revision = store.info("flows").revision or "HS1992"
    codes = tuple(products.resolve(word, revision) for word in asked)
    holds = store.info("flows").holds or "the goods in this store"
    return Ask(countries.resolve(country), codes, by, flow, basis, level or 6, since, until, lang, holds)


def select(store: Store, ask: Ask) -> Panel:
    """Read the panel that the question needs, over the window asked for."""
    sides: tuple[Direction, ...] = ("exports", "imports") if ask.flow == "turnover" else (ask.flow,)
    key = _LEVELS[ask.level] if ask.by == "product" else "partner"
    parts = []
    for side in sides:
        if ask.basis == "industry_flows":
            by = "sector" if ask.by == "sector" else "partner"
            parts.append(industry_panel(store, ask.country, side, by))
        else:
            parts.append(panel(store, ask.country, side, key, products=ask.products))
    whole = parts[0] if len(parts) == 1 else add_panels(*parts)
    cells = whole.window(ask.since, ask.until)
    if not cells.labels:
        raise nothing_selected(store, ask.country, ask.flow, ask.products, (ask.since, ask.until))
    return cells


def answer(store: Store, ask: Ask, cells: Panel) -> Result:
    """Assemble the Result from the panel."""
    shown = by_bloc(cells) if ask.by == "bloc" else cells
    ends = cells.observed_ends
    display = display_table(shown, ask)
    parts = [totals_table(cells, ask)]
    notes = missing_notes(cells, ask)
    figures = direction_figures.figures(cells, shown, ask, ends)
    if ask.basis == "flows" and ends is not None and ends[0] < ends[1] and ask.flow != "turnover":
        tables, caveats = decomposition.decompose(store, cells.country, ask.flow, ask.products, ends)
        parts += tables
        notes += caveats
        figures += [direction_figures.waterfall(part, ask, ends) for part in tables]
    return Result(
        question="direction",
        subject=ask.country,
        finding=finding(shown, cells, ask),
        subtitle=subtitle(cells, ask),
        main=main_table(shown, ask),
        display=display,
        parts=tuple(parts),
        figures=tuple(figures),
        notes=(*notes, *convention_notes(store, ask)),
        sources=store.sources(ask.basis),
        how=how(ask),
    )


def main_table(shown: Panel, ask: Ask) -> Table:
    """Lay the panel out as tidy rows; cells that never trade in the window are left out."""
    import pyarrow as pa

    shares = shown.shares
    t, g = np.nonzero((shown.value > 0) | shown.dark)
    status = np.where(shown.dark[t, g], "not observed", np.where(shown.unseen[t, g] > 0, "lower bound", "observed"))
    names = np.array(shown.labels, dtype=object)[g]
    labels = {name: words.label(name, ask.by, ask.lang) for name in shown.labels}
    quantity = np.where(shown.quantity > 0, shown.quantity, np.nan)
    data = pa.table(
        {
            "year": pa.array(shown.years[t], pa.int16()),
            ask.by: pa.array(names, pa.string()),
            "label": pa.array([labels[name] for name in names], pa.string()),
            "value": _nullable(shown.observed[t, g]),
            "reported": pa.array(shown.value[t, g]),
            "share": _nullable(shares[t, g]),
            "quantity": _nullable(quantity[t, g]),
            "status": pa.array(status.tolist(), pa.string()),
        }
    )
    columns = (
        Column("year", "Year", format="year"),
        Column(ask.by, ask.by.capitalize(), format="code"),
        Column("label", "Name"),
        Column("value", f"{ask.flow.capitalize()}", "USD", "integer", doc="null where not observed"),
        Column("reported", "Reported part", "USD", "integer", doc="what a reporting side shows: a lower bound"),
        Column("share", "Share", "of reported trade", "percent"),
        Column("quantity", "Mass", "tonnes", "integer", doc="over the rows that carry a quantity"),
        Column("status", "Status", doc="observed, lower bound or not observed"),
    )
    return Table("direction", f"{ask.flow.capitalize()} of {countries.name(ask.country, ask.lang)}", data, columns)


def _nullable(values: np.ndarray) -> object:
    import pyarrow as pa

    return pa.array(values, pa.float64(), mask=np.isnan(values))


def shown_years(years: Sequence[int], most: int = 6) -> list[int]:
    """Choose the years for a table that is read: all, or the first and the last ones."""
    return list(years) if len(years) <= most else [years[0], *years[-(most - 1) :]]


def display_table(shown: Panel, ask: Ask) -> Table:
    """Lay the panel out for reading: groups down, years across, then shares and their change."""
    import pyarrow as pa

    years = [int(year) for year in shown.years]
    scale, unit, digits = words.scale_for(shown.value.max(axis=0).tolist())
    order = np.argsort(-np.nan_to_num(np.maximum(shown.value[0], shown.value[-1]) + shown.unseen[-1]), kind="stable")
    ends = shown.observed_ends
    columns = [Column("label", ask.by.capitalize())]
    data: dict[str, object] = {"label": pa.array([words.label(shown.labels[g], ask.by, ask.lang) for g in order], pa.string())}
    if ask.by == "partner":
        columns.insert(0, Column("code", "Code", format="code"))
        data = {"code": pa.array([shown.labels[g] for g in order], pa.string()), **data}
    for year in shown_years(years):
        columns.append(Column(str(year), str(year), unit, "decimal", digits))
        data[str(year)] = _nullable(shown.observed[years.index(year)][order] / scale)
    if ends is not None:
        shares = shown.shares
        for year in dict.fromkeys(ends):
            columns.append(Column(f"share_{year}", f"Share {year}", "", "percent"))
            data[f"share_{year}"] = _nullable(shares[years.index(year)][order])
        if ends[0] < ends[1]:
            change = shares[years.index(ends[1])] - shares[years.index(ends[0])]
            columns.append(Column("change", "Change of share", "points", "decimal", 1))
            data["change"] = _nullable(100 * change[order])
    title = f"{ask.flow.capitalize()} by {ask.by}, {unit}"
    return Table("by-" + ask.by, title, pa.table(data), tuple(columns))


def totals_table(cells: Panel, ask: Ask) -> Table:
    """Yearly totals with concentration and what is not seen."""
    import pyarrow as pa

    seen = ~cells.total_dark & (cells.total > 0)
    index = concentration(cells.value).herfindahl
    data = pa.table(
        {
            "year": pa.array(cells.years, pa.int16()),
            "value": _nullable(np.where(seen, cells.total, np.nan)),
            "reported": pa.array(cells.total),
            "unseen": pa.array(cells.unseen.sum(axis=1)),
            "herfindahl": _nullable(np.where(seen, index, np.nan)),
        }
    )
    columns = (
        Column("year", "Year", format="year"),
        Column("value", "Total", "USD", "integer", doc=f"null where more than {MATERIAL:.0%} is not observed"),
        Column("reported", "Reported part", "USD", "integer"),
        Column("unseen", "Not observed, when last seen", "USD", "integer"),
        Column("herfindahl", f"Herfindahl index by {'partner' if ask.by == 'bloc' else ask.by}", "0 to 1", "decimal", 3),
    )
    return Table("totals", "Yearly totals and concentration", data, columns)


def finding(shown: Panel, cells: Panel, ask: Ask) -> str:
    """Say in one sentence what moved most between the first and the last observed year."""
    what = f"{words.possessive(ask.country, ask.lang)} {goods_phrase(ask)}"
    ends = cells.observed_ends
    if ends is None:
        return f"{words.capital(what)} cannot be seen in {period(cells)}: {blind_side(cells, ask)}."
    years = list(cells.years)
    first, last = years.index(ends[0]), years.index(ends[1])
    after = f" After {ends[1]} they cannot be seen: {blind_side(cells, ask)}." if cells.total_dark[last:].any() else ""
    if first == last:
        top = [int(g) for g in np.argsort(-shown.value[last], kind="stable")[:3] if shown.value[last, g] > 0]
        parts = [f"{_name(shown, g, ask)} {words.percent(shown.value[last, g] / cells.total[last])}" for g in top]
        total = words.money(cells.total[last])
        return f"{words.capital(what)} came to {total} in {ends[1]}: {words.listing(parts)}.{after}"
    change = np.where(shown.dark[last] | shown.dark[first], 0.0, shown.value[last] - shown.value[first])
    up, down = int(np.argmax(change)), int(np.argmin(change))
    link = {"exports": "to", "imports": "from", "turnover": "with"}[ask.flow] if ask.by in ("partner", "bloc") else "in"
    moves = [
        f"{verb} {link} {_name(shown, g, ask)} ({words.span(shown.value[first, g], shown.value[last, g])})"
        for verb, g, moved in (("rose", up, change[up] > 0), ("fell", down, change[down] < 0))
        if moved
    ]
    return f"Between {ends[0]} and {ends[1]} {what} {' and '.join(moves) or 'did not change'}.{after}"


def _name(shown: Panel, g: int, ask: Ask) -> str:
    name = shown.labels[g]
    if ask.by == "partner":
        return words.with_article(name, ask.lang)
    label = words.label(name, ask.by, ask.lang)
    return f"the {label}" if ask.by == "bloc" and label in ("EU", "EAEU") else label


def blind_side(cells: Panel, ask: Ask) -> str:
    """Say who does not publish what would be needed."""
    largest = cells.labels[int(np.argmax(cells.unseen.max(axis=0)))]
    own, other = words.with_article(ask.country, ask.lang), words.with_article(largest, ask.lang)
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
    before = cells.unseen / np.maximum(cells.total + cells.unseen.sum(axis=1), 1.0)[:, None]
    for g in np.argsort(-before.max(axis=0), kind="stable"):
        if before[:, g].max() < WORTH_A_NOTE:
            break
        silent = cells.years[cells.dark[:, g]]
        span = f"{silent[0]} to {silent[-1]}" if len(silent) > 1 else f"{silent[0]}"
        pair = f"{words.with_article(ask.country, ask.lang)} and {words.with_article(cells.labels[g], ask.lang)}"
        notes.append(
            Note(
                "missing",
                f"Trade between {pair} is not observed in {span}, as neither published it. When last seen it was "
                f"worth {words.money(cells.unseen[:, g].max())}, {words.percent(before[:, g].max())} of the "
                f"selection. It is shown as not observed and counted nowhere as zero. "
                f"{reporting.explain(cells.labels[g])}",
            )
        )
    small = (before.max(axis=0) > 0) & (before.max(axis=0) < WORTH_A_NOTE)
    if small.any():
        worst = words.percent(before[:, small].sum(axis=1).max())
        notes.append(
            Note(
                "missing",
                f"{int(small.sum())} smaller partners are not observed in some years either; together they were at "
                f"most {worst} of the selection when last seen.",
            )
        )
    return notes


def convention_notes(store: Store, ask: Ask) -> list[Note]:
    """State what the table holds and how it was read."""
    info = store.info(ask.basis)
    notes = [Note("scope", text) for text in info.notes]
    if ask.basis == "flows":
        notes.append(Note("convention", f"Products are coded in {info.revision}. A share is of reported trade."))
    if ask.by == "bloc":
        notes.append(
            Note(
                "convention",
                "Each country counts in one bloc, by membership on 1 July of the last year, held fixed so that a "
                "change is trade and not accession; see 'entrepot blocs'.",
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

