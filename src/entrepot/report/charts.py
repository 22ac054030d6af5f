"""Draw a ``Figure``: Vega-Lite for the page and the notebook, SVG, PNG, JSON and CSV for files."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from entrepot.errors import InputError
from entrepot.report import (
    chart_calendar,
    chart_cards,
    chart_place,
    chart_points,
    chart_rank,
    chart_strips,
    chart_time,
    palette,
)
from entrepot.report.chart_parts import Canvas, Spec, wrap
from entrepot.report.formats import vega_locale
from entrepot.result import Figure, Source
from entrepot.store.files import write_atomic

DRAW: dict[str, Callable[[Canvas], Spec]] = {
    "area": chart_time.area,
    "line": chart_time.line,
    "slope": chart_time.slope,
    "calendar": chart_calendar.calendar,
    "bar": chart_rank.bar,
    "net": chart_rank.net,
    "bounds": chart_rank.bounds,
    "interval": chart_rank.interval,
    "waterfall": chart_rank.waterfall,
    "map": chart_place.world_map,
    "treemap": chart_place.treemap,
    "scatter": chart_points.scatter,
    "network": chart_points.network,
    "strips": chart_strips.strips,
    "cards": chart_cards.cards,
}
SUFFIXES = (".svg", ".png", ".json", ".csv")
# Direct labels name the series in these forms; the others need a legend.
LEGEND_KINDS = ("bar", "bounds", "calendar", "treemap", "scatter", "network")
# Rough room beside the plot in files, where Vega adds it to the width: axis labels, direct labels.
BESIDE = {
    "map": 0,
    "treemap": 0,
    "network": 0,
    "cards": 0,
    "strips": 0,
    "scatter": 60,
    "slope": 190,
    "area": 150,
    "line": 150,
}


def spec(figure: Figure, *, lang: str = "en") -> Spec:
    """Return a figure as Vega-Lite without theme, title and source, which the page writes as HTML.

    Parameters
    ----------
    figure : Figure
        What to show; null values are "not observed" and drawn as gap or hatch with these words.
    lang : str
        Language of country names.

    Returns
    -------
    dict
        Vega-Lite 6; the map refers to the named data set ``entrepot-world``.

    Raises
    ------
    InputError
        For a kind that has no drawing.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"sector": ["Mining"], "value": [2.5]})
    >>> roles = {"label": "sector", "value": "value"}
    >>> figure = Figure("f", "bar", "Mining leads", "USD bn", "Mining leads.", rows, roles)
    >>> spec(figure)["width"]
    'container'
    """
    draw = DRAW.get(figure.kind)
    if draw is None:
        raise InputError.unknown("kind of figure", figure.kind, list(DRAW))
    return draw(Canvas(figure, lang))


def legend(figure: Figure, *, lang: str = "en") -> list[tuple[str, str]]:
    """Return ``(label, colour)`` of each series or class where the chart itself does not name them."""
    canvas = Canvas(figure, lang)
    if figure.kind == "map":
        return chart_place.map_legend(canvas)
    if figure.kind not in LEGEND_KINDS or len(canvas.series) < 2 or canvas.plain_series:
        return []
    return [(canvas.label(name), canvas.colours[name]) for name in canvas.series]


def caption(figure: Figure, *, lang: str = "en") -> str:
    """Return what the drawing leaves out, in words: countries too small for the map; else empty."""
    if figure.kind != "map":
        return ""
    canvas = Canvas(figure, lang)
    drawn = chart_place.drawn_countries()
    small = sorted(canvas.label(str(row["iso3"])) for row in canvas.rows if row["iso3"] not in drawn)
    if not small:
        return ""
    named = ", ".join(small[:6]) + (f" and {len(small) - 6} more" if len(small) > 6 else "")
    return f"In the data but too small for this map: {named}."


def as_html(figure: Figure, *, lang: str = "en") -> Markup:
    """Return a figure that the page sets as text, which flows on narrow screens; else empty."""
    return chart_cards.card_list(Canvas(figure, lang)) if figure.kind == "cards" else Markup("")


def with_geometry(drawn: Spec) -> Spec:
    """Return the chart with the world's geometry inside, where it refers to it."""
    if chart_place.GEOMETRY_NAME not in json.dumps(drawn):
        return drawn
    layers = []
    for layer in drawn["layer"]:
        data = layer.get("data", {})
        if data.get("name") == chart_place.GEOMETRY_NAME:
            layer = {**layer, "data": {"values": chart_place.geometry(), "format": data["format"]}}
        layers.append(layer)
    return {**drawn, "layer": layers}


def standalone(figure: Figure, sources: Sequence[Source] = (), *, width: int = 760, lang: str = "en") -> Spec:
    """Return a figure that explains itself: finding, unit, legend, chart, source and licence.

    Parameters
    ----------
    figure : Figure
        What to show.
    sources : sequence of Source
        Printed below the chart.
    width : int
        Width in pixels.
    lang : str
        Language of country names.
    """
    drawn = with_geometry(spec(figure, lang=lang))
    drawn.pop("padding")
    inner = width - BESIDE.get(figure.kind, 220)
    aspect = drawn.pop("usermeta", {}).get("aspect")
    drawn = {**drawn, "width": inner, "height": round(inner * aspect) if aspect else drawn["height"]}
    sizes = ("width", "height") if figure.kind == "treemap" else ()
    outer: Spec = {
        "$schema": drawn.pop("$schema"),
        "background": "var(--paper)",
        "padding": 20,
        "config": palette.config(palette.EXPORT_FONT),
        "title": {
            "text": wrap(figure.title, 72, 3).split("\n"),
            "subtitle": wrap(figure.subtitle, 105, 3).split("\n"),
        },
        # Data of a concatenated chart cannot see the size of its view, so the treemap gets it by name.
        "params": [*drawn.pop("params", []), *({"name": n, "value": drawn[n]} for n in sizes)],
        "spacing": 14,
        "vconcat": [*_legend_rows(legend(figure, lang=lang), inner), drawn, *_footer(sources, inner)],
    }
    return palette.resolve(outer, palette.LIGHT)


def chart(figure: Figure, *, sources: Sequence[Source] = (), width: int = 760, lang: str = "en") -> Any:
    """Return a figure as an Altair chart, for notebooks; its schema is checked on the way."""
    import altair

    drawn = standalone(figure, sources, width=width, lang=lang)
    return altair.Chart.from_dict(drawn)


def save_figure(
    figure: Figure, path: str | Path, sources: Sequence[Source] = (), *, width: int = 760, lang: str = "en"
) -> Path:
    """Write a figure in the format of the suffix: svg, png, json (Vega-Lite) or csv (its data).

    Raises
    ------
    InputError
        For any other suffix.
    StoreError
        If the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError.bad_option("the suffix of a figure", path.suffix, SUFFIXES)
    if suffix == ".csv":
        from entrepot.report.tables import csv_bytes

        write_atomic(path, csv_bytes(figure.data))
        return path
    drawn = standalone(figure, sources, width=width, lang=lang)
    write_atomic(path, _render(drawn, suffix, lang))
    return path


def _render(drawn: Spec, suffix: str, lang: str) -> bytes:
    if suffix == ".json":
        return json.dumps(drawn, ensure_ascii=False).encode()
    import vl_convert

    locale = vega_locale(lang)
    if suffix == ".svg":
        return str(vl_convert.vegalite_to_svg(drawn, format_locale=locale)).encode()
    return bytes(vl_convert.vegalite_to_png(drawn, scale=2, format_locale=locale))


def _footer(sources: Sequence[Source], width: int) -> list[Spec]:
    """Return the source line as a row below the chart."""
    if not sources:
        return []
    parts = [f"{s.producer}, {s.title} {s.version} ({s.licence})".replace(" ()", "") for s in sources]
    words = wrap("Source: " + "; ".join(parts) + "; calculations: entrepot", 118, 4)
    text = {
        "type": "text",
        **palette.NOTE,
        "align": "left",
        "x": 0,
        "y": 0,
        "baseline": "top",
        "lineHeight": 14,
    }
    return [{
        "data": {"values": [{"text": words}]}, "height": 14 * (words.count("\n") + 1), "width": width,
        "mark": {**text, "lineBreak": "\n"}, "encoding": {"text": {"field": "text"}},
    }]  # fmt: skip


def _legend_rows(entries: Sequence[tuple[str, str]], width: int) -> list[Spec]:
    """Return the legend as a row above the chart, broken where it does not fit."""
    placed: list[Spec] = []
    x, line = 0.0, 0
    for label, colour in entries:
        size = len(label) * 6.6 + 34
        if x and x + size > width:
            x, line = 0.0, line + 1
        placed.append(
            {
                "x": x,
                "y": 18 * line + 8,
                "text": label,
                "fill": "var(--hatch)" if colour == "hatch" else colour,
            }
        )
        x += size
    if not placed:
        return []
    at: Spec = {"x": {"field": "x", "type": "quantitative", "scale": None, "axis": None},
                "y": {"field": "y", "type": "quantitative", "scale": None, "axis": None}}  # fmt: skip
    swatch = {"type": "point", "shape": "square", "filled": True, "size": 110, "opacity": 1, "xOffset": 6}
    fill = {"field": "fill", "type": "nominal", "scale": None}
    text = {"type": "text", **palette.LABEL, "align": "left", "dx": 17, "baseline": "middle"}
    return [{
        "data": {"values": placed}, "width": width, "height": 18 * (line + 1),
        "layer": [
            {"mark": swatch, "encoding": {**at, "color": fill}},
            {"mark": text, "encoding": {**at, "text": {"field": "text"}}},
        ],
    }]  # fmt: skip
