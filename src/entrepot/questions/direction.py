"""Where a country's trade goes, and how it has shifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, get_args

from entrepot.errors import DataError, InputError
from entrepot.questions import decomposition, direction_figures, direction_tables, direction_words
from entrepot.questions.direction_words import Ask, Basis, By, Flow, Level
from entrepot.questions.panel import Panel, add_panels, by_bloc
from entrepot.questions.selection import Direction, check_window, industry_panel, nothing_selected, panel
from entrepot.result import Result
from entrepot.world import countries, products

if TYPE_CHECKING:
    from entrepot.store.store import Store

_LEVELS: dict[int, Literal["chapter", "heading", "product"]] = {2: "chapter", 4: "heading", 6: "product"}


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
    check_window(since, until)
    if level is not None and by != "product":
        raise InputError("a level goes with products", hint="add --by product, or leave --level out")
    by_industry = by == "sector" or (not store.has("flows") and by != "product")
    basis: Literal["flows", "industry_flows"] = (
        "industry_flows" if table == "industry_flows" or (table == "auto" and by_industry) else "flows"
    )
    if basis == "industry_flows" and (product is not None or by == "product"):
        raise InputError(
            "the input-output table has sectors, not HS products",
            hint="leave --product out, or use --by partner|bloc|product with --table flows",
        )
    if basis == "flows" and by == "sector":
        raise InputError.bad_option("by", by, ["partner", "bloc", "product"])
    info = store.info(basis)
    codes = product_codes(store, product, info.revision or "HS1992")
    holds = info.holds or "the goods in this store"
    return Ask(countries.resolve(country), codes, by, flow, basis, level or 6, since, until, lang, holds)


def product_codes(store: Store, product: str | Sequence[str] | None, revision: str) -> tuple[str, ...]:
    """Resolve products to codes, each once; one that the store does not hold is refused, not left out."""
    if product is None:
        return ()
    asked: list[object] = list(product) if isinstance(product, list | tuple) else [product]
    if not asked or not all(isinstance(word, str) and word.strip() for word in asked):
        raise InputError(
            f"{product!r} is no product", hint='give HS codes or words as text, for example "270900"'
        )
    codes = list(dict.fromkeys(products.resolve(str(word), revision) for word in asked))
    if len(codes) > 1:
        held = store.collect(store.table("flows").select("product").unique()).column("product").to_pylist()
        for code in codes:
            if not any(name.startswith(code) for name in held):
                raise InputError(
                    f"the store holds no rows of {code}", hint="leave it out, or open another store"
                )
    return tuple(c for c in codes if not any(c != other and c.startswith(other) for other in codes))


def select(store: Store, ask: Ask) -> Panel:
    """Read the panel that the question needs, over the window asked for."""
    sides: tuple[Direction, ...] = ("exports", "imports") if ask.flow == "turnover" else (ask.flow,)
    key = _LEVELS[ask.level] if ask.by == "product" else "partner"
    parts: list[Panel] = []
    for side in sides:
        if ask.basis == "industry_flows":
            parts.append(
                industry_panel(store, ask.country, side, "sector" if ask.by == "sector" else "partner")
            )
        else:
            parts += one_side(store, ask, side, key, optional=len(sides) > 1)
    if not parts:
        raise nothing_selected(store, ask.country, ask.flow, ask.products)
    whole = parts[0] if len(parts) == 1 else add_panels(*parts)
    cells = whole.window(ask.since, ask.until)
    if not cells.labels:
        raise nothing_selected(store, ask.country, ask.flow, ask.products, (ask.since, ask.until))
    return cells


def one_side(
    store: Store,
    ask: Ask,
    side: Direction,
    key: Literal["partner", "chapter", "heading", "product"],
    *,
    optional: bool,
) -> list[Panel]:
    """Read one side of trade; of turnover, a side without rows is left out."""
    try:
        return [panel(store, ask.country, side, key, products=ask.products)]
    except DataError:
        if optional:
            return []
        raise


def by_partner(store: Store, ask: Ask, cells: Panel) -> Panel:
    """Return the same selection by partner, since it is partners who are silent."""
    if ask.basis != "flows" or ask.by != "product" or not cells.unseen.any():
        return cells
    return select(store, replace(ask, by="partner"))


def answer(store: Store, ask: Ask, cells: Panel) -> Result:
    """Assemble the Result from the panel."""
    shown = by_bloc(cells) if ask.by == "bloc" else cells
    ends = cells.observed_ends
    display = direction_tables.display_table(shown, ask)
    parts = [direction_tables.totals_table(cells, ask)]
    partners = by_partner(store, ask, cells)
    notes = direction_words.missing_notes(partners, ask)
    if ask.basis == "industry_flows" and ask.by != "sector":
        notes += direction_words.estimate_notes(partners, ask)
    if ask.basis == "flows":
        notes += direction_words.late_reporters(partners)
    figures = direction_figures.figures(cells, shown, ask, ends)
    if ask.basis == "flows" and ends is not None and ends[0] < ends[1] and ask.flow != "turnover":
        known = partners.labels if ask.by != "product" or partners is not cells else None
        tables, caveats = decomposition.decompose(store, cells.country, ask.flow, ask.products, ends, known)
        parts += tables
        notes += caveats
        figures += [direction_figures.waterfall(part, ask, ends) for part in tables]
    return Result(
        question="direction",
        subject=ask.country,
        finding=direction_words.finding(shown, partners, ask),
        subtitle=direction_words.subtitle(cells, ask),
        main=direction_tables.main_table(shown, ask),
        display=display,
        parts=tuple(parts),
        figures=tuple(figures),
        notes=(*notes, *direction_words.convention_notes(store, ask)),
        sources=store.sources(ask.basis),
        how=direction_words.how(ask),
    )
