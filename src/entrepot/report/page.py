"""Turn results into one HTML page that needs nothing but itself.

All choices and all formatting happen here; the templates only place what they are given.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

import entrepot
from entrepot.report import charts, palette
from entrepot.report.changes import Change
from entrepot.report.chart_place import GEOMETRY_NAME, geometry
from entrepot.report.formats import vega_locale
from entrepot.report.tables import csv_bytes, table_html
from entrepot.result import Figure, Note, Result, Source

SHORT_ROWS = 12
LONG_ROWS = 200
# Rows are packed; what does not fit is left to the command, so that the page stays below 3 MB.
DATA_BUDGET = 1_100_000

QUESTIONS: Mapping[str, tuple[str, str]] = {
    "direction": ("Direction", "Where does trade go now, and how has it shifted?"),
    "coverage": (
        "Coverage",
        "Which positions are in the sphere of whose measures, and how much trade do they cover?",
    ),
    "diversion": ("Diversion", "Where do flows rise beyond expectation when direct trade falls?"),
    "partners": ("Partners", "Which partners, which products?"),
    "agreement": ("Agreement", "To agree again, or to part: what is it worth to every side?"),
    "localisation": (
        "Localisation",
        "How much of what is made is domestic, and which inputs would hurt most?",
    ),
    "competencies": ("Competencies", "What can the country make, and what is near to it?"),
    "technoparks": ("Technoparks", "Which coherent clusters of industries fit new parks?"),
    "settlements": ("Settlements", "What part of mutual trade could be settled by set-off?"),
}
NOTE_TITLES: Mapping[str, str] = {
    "missing": "Not observed",
    "warning": "Read with care",
    "partial": "Law finer than the data",
    "approximation": "Approximated",
    "scope": "Scope",
    "convention": "Conventions",
}
# What every number of a section rests on stands behind one line; what limits this answer stays open.
BASIS = ("scope", "convention")


@dataclass(frozen=True)
class FigureView:
    """A chart as the template places it."""

    id: str
    title: str
    subtitle: str
    alt: str
    spec: Markup
    legend: list[tuple[str, str]]
    caption: str
    html: Markup
    share: bool
    height: int
    csv: str


@dataclass(frozen=True)
class SectionView:
    """One answer as the template places it; the first answer of a question opens its section."""

    id: str
    number: int
    first: bool
    name: str
    asked: str
    finding: str
    subtitle: str
    main: FigureView | None
    others: list[FigureView]
    table: Markup
    rows: int
    long_table: Markup | None
    long_note: str
    cautions: list[tuple[str, list[str]]]
    basis: list[tuple[str, list[str]]]
    sources: str
    command: str
    python: str
    equation: str
    reference: str
    data: str


@dataclass(frozen=True)
class SourceView:
    """One source as the template places it."""

    source: Source
    accessed: str
    used_in: str


def long_date(day: date) -> str:
    """Write a date in words.

    Examples
    --------
    >>> long_date(date(2026, 11, 23))
    '23 November 2026'
    """
    return f"{day.day} {day:%B %Y}"


def result_page(result: Result, *, lang: str = "en") -> str:
    """Return one answer as a page of its own."""
    return render([result], title=question_name(result), lang=lang)


def question_name(result: Result) -> str:
    """Return the printed name of a question."""
    return QUESTIONS.get(result.question, (result.question.capitalize(), ""))[0]


def render(
    results: Sequence[Result],
    *,
    title: str,
    lang: str = "en",
    facts: Sequence[tuple[str, str]] = (),
    manifest_href: str = "",
    unanswered: Sequence[tuple[str, str]] = (),
    changes: Sequence[Change] | None = None,
    changes_since: str = "",
) -> str:
    """Return the page.

    Parameters
    ----------
    results : sequence of Result
        One section each, in order.
    title : str
        Heading of the page.
    lang : str
        Language of names and number formats; the prose is English.
    facts : sequence of (str, str)
        What stands in the head: name and words.
    manifest_href : str
        Where the manifest lies; a relative name or a data URI.
    unanswered : sequence of (str, str)
        Questions that the data could not answer, and why.
    changes : sequence of Change, optional
        What moved since an older brief; None where there is none to compare with.
    changes_since : str
        When the older brief was made.

    Returns
    -------
    str
        A complete HTML document that loads nothing.
    """
    sections = _sections(results, lang)
    drawn = any(section.main for section in sections)
    light = {**palette.LIGHT, **palette.series_tokens(dark=False)}
    context = {
        "title": title,
        "lang": lang,
        "facts": facts,
        "manifest_href": manifest_href,
        "sections": sections,
        "unanswered": [(QUESTIONS.get(q, (q.capitalize(), ""))[0], why) for q, why in unanswered],
        "changes": changes,
        "changes_since": changes_since,
        "sources": _source_views(results, sections),
        "version": entrepot.__version__,
        "light": Markup(palette.css_variables(light)),
        "dark": Markup(palette.css_variables({**palette.DARK, **palette.series_tokens(dark=True)})),
        "style": Markup(_text("style.css")),
        "script": Markup(_text("page.js")),
        "bundle": Markup(_bundle()) if drawn else "",
        "setup": embed_json({"config": palette.config(), "light": light, "locale": vega_locale(lang)}),
        "world": embed_json(geometry()) if _has_map(results) else "",
        "world_name": GEOMETRY_NAME,
    }
    page: str = _environment().get_template("page.html.jinja").render(context)
    return page


def embed_json(value: object) -> Markup:
    """Return JSON that is safe inside a script element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("</", "<\\/").replace("<!--", "<\\!--"))


def packed(content: bytes) -> str:
    """Return bytes as base64 of gzip; the page's script unpacks it for a download."""
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


def section_ids(results: Sequence[Result]) -> list[str]:
    """Return one anchor per result: the question, numbered from the second time on."""
    seen: Counter[str] = Counter()
    ids = []
    for result in results:
        seen[result.question] += 1
        times = seen[result.question]
        ids.append(result.question if times == 1 else f"{result.question}-{times}")
    return ids


def _sections(results: Sequence[Result], lang: str) -> list[SectionView]:
    left = DATA_BUDGET
    views = []
    asked = list(dict.fromkeys(result.question for result in results))
    for name, result in zip(section_ids(results), results, strict=True):
        data = packed(result.to_json().encode())
        data = data if len(data) <= left else ""
        left -= len(data)
        views.append(_section(name, asked.index(result.question) + 1, result, data, lang))
    return views


def _section(name: str, number: int, result: Result, data: str, lang: str) -> SectionView:
    figures = [_figure(f"{name}-{i}", figure, lang) for i, figure in enumerate(result.figures, 1)]
    total = result.display.data.num_rows
    full = table_html(result.display, max_rows=LONG_ROWS, lang=lang) if total > SHORT_ROWS else None
    left_out = f"The first {LONG_ROWS} of {total} rows; the files hold all." if total > LONG_ROWS else ""
    return SectionView(
        id=name,
        number=number,
        first=name == result.question,
        name=question_name(result),
        asked=QUESTIONS.get(result.question, ("", ""))[1],
        finding=result.finding,
        subtitle=result.subtitle,
        main=figures[0] if figures else None,
        others=figures[1:],
        table=Markup(table_html(result.display, max_rows=SHORT_ROWS, lang=lang)),
        rows=total,
        long_table=Markup(full) if full else None,
        long_note=left_out,
        cautions=_grouped(note for note in result.notes if note.kind not in BASIS),
        basis=_grouped(note for note in result.notes if note.kind in BASIS),
        sources=source_line(result.sources),
        command=result.how.command,
        python=result.how.python,
        equation=result.how.equation,
        reference=result.how.reference,
        data=data,
    )


def _figure(name: str, figure: Figure, lang: str) -> FigureView:
    drawn = charts.spec(figure, lang=lang)
    # A treemap has words on its colours, chosen to be legible on the light ones: they stay in the dark.
    themed = str if figure.kind == "treemap" else palette.themed
    return FigureView(
        id=name,
        title=figure.title,
        subtitle=figure.subtitle,
        alt=figure.alt,
        spec=Markup(themed(embed_json(drawn))),
        legend=[(label, themed(colour)) for label, colour in charts.legend(figure, lang=lang)],
        caption=charts.caption(figure, lang=lang),
        html=charts.as_html(figure, lang=lang),
        share=any(param.get("name") == "mode" for param in drawn.get("params", ())),
        height=int(drawn["height"]),
        csv=packed(csv_bytes(figure.data)),
    )


def _grouped(notes: Iterable[Note]) -> list[tuple[str, list[str]]]:
    """Group notes by kind, what is missing first."""
    by_kind: dict[str, list[str]] = {kind: [] for kind in NOTE_TITLES}
    for note in notes:
        by_kind[note.kind].append(note.text)
    return [(NOTE_TITLES[kind], texts) for kind, texts in by_kind.items() if texts]


def source_line(sources: Sequence[Source]) -> str:
    """Return producers, titles, versions and licences in one line."""
    return "; ".join(
        ", ".join(part for part in (s.producer, s.title, s.version) if part)
        + f" ({s.licence}), accessed {long_date(s.accessed)}"
        for s in sources
    )


def _source_views(results: Sequence[Result], sections: Sequence[SectionView]) -> list[SourceView]:
    used: dict[Source, list[str]] = {}
    for result, section in zip(results, sections, strict=True):
        for source in result.sources:
            used.setdefault(source, []).append(section.name)
    return [
        SourceView(source, long_date(source.accessed), ", ".join(dict.fromkeys(names)))
        for source, names in used.items()
    ]


def _has_map(results: Sequence[Result]) -> bool:
    return any(figure.kind == "map" for result in results for figure in result.figures)


def _text(name: str) -> str:
    return files("entrepot.report").joinpath(f"templates/{name}").read_text(encoding="utf-8")


@cache
def _bundle() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, from the vl-convert package."""
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed=vegaEmbed;")).replace("</script", "<\\/script")


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("entrepot.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
