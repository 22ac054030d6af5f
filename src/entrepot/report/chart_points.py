"""Charts of points: scatters of two measures, and networks of things that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10, pi, sqrt
from typing import Any

from entrepot.report import palette
from entrepot.report.chart_parts import Canvas, NumberFormat, Row, Spec, frame, wrap
from entrepot.report.formats import MISSING_WORDS

SCATTER_HEIGHT = 400
NETWORK_HEIGHT = 480
# Labels are placed for a plot of about this width; on narrow screens the pointer names the rest.
NOMINAL_WIDTH = 660
LETTER, LINE = 6.2, 14.0
MOST_LABELS = 14


def scatter(canvas: Canvas) -> Spec:
    """Draw one point per row, sized and coloured where asked, and name those that matter most."""
    rows = [dict(row) for row in canvas.rows if row["x"] is not None and row["y"] is not None]
    scales = {role: _scale(canvas, role, rows) for role in ("x", "y")}
    numbers = {role: _number(canvas, role, rows) for role in ("x", "y")}
    axes = {role: _axis(canvas, role, scales[role], numbers[role]) for role in ("x", "y")}
    colour: Spec = {"value": palette.ACCENT}
    if canvas.series:
        colour = {"field": "group", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    size = _areas(rows, smallest=18, largest=900)
    mark = {"type": "point", "filled": True, "opacity": 0.75, "stroke": "var(--paper)", "strokeWidth": 0.8}
    encoding = {**axes, "color": colour, "size": size, "tooltip": _tooltip(canvas, numbers)}
    layers: list[Spec] = [
        *_guides(canvas, axes),
        {"data": {"values": _by_size(rows)}, "mark": mark, "encoding": encoding},
        *_named(_labels(canvas, rows, scales), axes),
        *_silent(canvas),
    ]
    return frame(layers, height=SCATTER_HEIGHT)


def network(canvas: Canvas) -> Spec:
    """Draw nodes where their layout puts them, joined by ``edges``; what is made is filled.

    ``options["edges"]`` holds pairs of row numbers. The roles are ``x``, ``y``, ``label`` and, where asked,
    ``size``, ``group`` and ``made``.
    """
    rows = [dict(row, made=bool(row.get("made", True))) for row in canvas.rows]
    placed = [row for row in rows if row["x"] is not None and row["y"] is not None]
    x = _bare("x", rows)
    y = _bare("y", rows)
    edges = [
        {"x": rows[a]["x"], "y": rows[a]["y"], "x2": rows[b]["x"], "y2": rows[b]["y"]}
        for a, b in canvas.option("edges", ())
        if rows[a] in placed and rows[b] in placed
    ]
    colour: Spec = {"value": palette.ACCENT}
    if canvas.series:
        colour = {"field": "group", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    size = _areas(placed, smallest=24, largest=420)
    encoding: Spec = {"x": x, "y": y, "size": size, "tooltip": _named_tooltip(canvas)}
    scales = {role: _Scale(*axis["scale"]["domain"]) for role, axis in (("x", x), ("y", y))}
    layers: list[Spec] = [
        {
            "data": {"values": edges},
            "mark": {"type": "rule", "color": "var(--line)", "strokeWidth": 0.8},
            "encoding": {"x": x, "y": y, "x2": {"field": "x2"}, "y2": {"field": "y2"}},
        },
        {
            "data": {"values": [row for row in placed if not row["made"]]},
            "mark": {"type": "point", "filled": True, "fill": "var(--land)", "stroke": "var(--hatch)",
                     "strokeWidth": 1, "opacity": 1},
            "encoding": encoding,
        },
        {
            "data": {"values": [row for row in placed if row["made"]]},
            "mark": {"type": "point", "filled": True, "opacity": 0.95, "stroke": "var(--paper)",
                     "strokeWidth": 0.8},
            "encoding": {**encoding, "color": colour},
        },
        *_named(_labels(canvas, placed, scales, NETWORK_HEIGHT), {"x": x, "y": y}),
        *_silent(canvas),
    ]  # fmt: skip
    return frame(layers, height=NETWORK_HEIGHT)


@dataclass(frozen=True)
class _Scale:
    """Where a value stands between the ends of an axis, 0 to 1."""

    low: float
    high: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        if self.logarithmic:
            span = log10(self.high) - log10(self.low)
            return (log10(max(value, self.low)) - log10(self.low)) / (span or 1.0)
        return (value - self.low) / ((self.high - self.low) or 1.0)


def _areas(rows: list[Row], smallest: float, largest: float) -> Spec:
    """Give each row its area in pixels and the radius that goes with it; a size not known is the smallest."""
    top = max((row.get("size") or 0.0 for row in rows), default=0.0)
    for row in rows:
        part = max(row.get("size") or 0.0, 0.0) / top if top > 0 else 0.15
        row["area"] = round(smallest + part * (largest - smallest), 1)
        row["radius"] = round(sqrt(row["area"] / pi), 1)
    return {"field": "area", "type": "quantitative", "scale": None, "legend": None}


def _scale(canvas: Canvas, role: str, rows: list[Row]) -> _Scale:
    values = [row[role] for row in rows]
    if canvas.option(f"log_{role}"):
        positive = [value for value in values if value > 0]
        low, high = (min(positive), max(positive)) if positive else (1.0, 10.0)
        return _Scale(low / 1.3, high * 1.3, True)
    if not values:
        return _Scale(0.0, 1.0)
    # Points say where they are, not how long they are: the axis need not begin at zero.
    low, high = min(values), max(values)
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    return _Scale(max(low - room, 0.0) if low >= 0 else low - room, high + room)


def _number(canvas: Canvas, role: str, rows: list[Row]) -> NumberFormat:
    number = canvas.number(row[role] for row in rows)
    percent = canvas.option(f"{role}_format") == "percent"
    return NumberFormat(number.digits if not percent else 0, percent, canvas.lang)


def _axis(canvas: Canvas, role: str, scale: _Scale, number: NumberFormat) -> Spec:
    title = canvas.option(f"{role}_title") or canvas.figure.encode[role].replace("_", " ")
    axis: Spec = {
        "tickCount": 6, "format": number.axis, "title": title,
        "titleColor": "var(--muted)", "titleFontSize": 12, "titleFontWeight": "normal", "grid": True,
        "domain": False, "ticks": False,
    }  # fmt: skip
    if scale.logarithmic:
        axis["values"] = _round_values(scale)
        axis["labelExpr"] = "format(datum.value, datum.value < 1000 ? '~g' : '~s')"
    if role == "y":
        # The name of the vertical axis stands on top of it, where it is read without turning the head.
        axis |= {"titleAngle": 0, "titleAlign": "left", "titleAnchor": "end", "titleX": 0, "titleY": -12}
    kind = {"type": "log"} if scale.logarithmic else {}
    limits = {**kind, "domain": [scale.low, scale.high], "nice": False, "clamp": True}
    return {"field": role, "type": "quantitative", "scale": limits, "axis": axis}


def _round_values(scale: _Scale) -> list[float]:
    """Return powers of ten inside a logarithmic axis, with 2 and 5 between them where these are few.

    Examples
    --------
    >>> _round_values(_Scale(0.5, 300.0, True))
    [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0]
    >>> _round_values(_Scale(0.5, 3e6, True))
    [1.0, 10.0, 100.0, 1000.0, 10000.0, 100000.0, 1000000.0]
    """
    first, last = floor(log10(scale.low)), ceil(log10(scale.high))
    steps = (1.0, 2.0, 5.0) if last - first <= 4 else (1.0,)
    found = [float(f"{step}e{power}") for power in range(first, last + 1) for step in steps]
    return [value for value in found if scale.low <= value <= scale.high]


def _bare(role: str, rows: list[Row]) -> Spec:
    values = [row[role] for row in rows if row[role] is not None]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    room = 0.05 * ((high - low) or 1.0)
    limits = {"domain": [low - room, high + room], "nice": False}
    return {"field": role, "type": "quantitative", "axis": None, "scale": limits}


def _by_size(rows: list[Row]) -> list[Row]:
    """Put large points first, so that small ones are drawn over them."""
    return sorted(rows, key=lambda row: -(row.get("size") or 0.0))


def _guides(canvas: Canvas, axes: Spec) -> list[Spec]:
    """Draw reference lines asked for with ``x_line`` and ``y_line``."""
    layers: list[Spec] = []
    for role in ("x", "y"):
        value = canvas.option(f"{role}_line")
        if value is not None and isfinite(value):
            rule = {"type": "rule", **palette.RULE, "strokeDash": [3, 3]}
            layers.append({"data": {"values": [{role: value}]}, "mark": rule, "encoding": {role: axes[role]}})
    return layers


def _labels(
    canvas: Canvas, rows: list[Row], scales: dict[str, Any], height: float = SCATTER_HEIGHT
) -> list[Row]:
    """Choose the points to name, the largest first, and leave out a name that would cover another."""
    most = int(canvas.option("labelled", MOST_LABELS))
    asked = set(canvas.option("name", ()))
    rank = sorted(
        (row for row in rows if not asked or row["label"] in asked),
        key=lambda row: (-(row.get("size") or 0.0), not row.get("made", True), -abs(row["y"])),
    )
    boxes: list[tuple[float, float, float, float]] = []
    chosen: list[Row] = []
    for row in rank:
        if len(chosen) == most:
            break
        text = wrap(str(row["label"]), 24, 1)
        px, py = scales["x"](row["x"]) * NOMINAL_WIDTH, (1 - scales["y"](row["y"])) * height
        width, beside = len(text) * LETTER, 4 + row["radius"]
        right = px + width + 2 * beside < NOMINAL_WIDTH
        left = px + beside if right else px - beside - width
        box = (left, py - LINE / 2, left + width, py + LINE / 2)
        if box[0] >= 0 and not any(_overlap(box, other) for other in boxes):
            boxes.append(box)
            chosen.append(
                {"x": row["x"], "y": row["y"], "text": text, "beside": beside if right else -beside}
            )
    return chosen


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _named(labels: list[Row], axes: Spec) -> list[Spec]:
    layers: list[Spec] = []
    halo = {"stroke": "var(--paper)", "strokeWidth": 3, "strokeJoin": "round"}
    for align, some in (
        ("left", [row for row in labels if row["beside"] > 0]),
        ("right", [row for row in labels if row["beside"] < 0]),
    ):
        if not some:
            continue
        mark = {
            "type": "text", **palette.LABEL, "fontSize": 11, "baseline": "middle", "align": align,
            "dx": {"expr": "datum.beside"},
        }  # fmt: skip
        encoding = {"x": axes["x"], "y": axes["y"], "text": {"field": "text"}}
        layers += [
            {"data": {"values": some}, "mark": {**mark, **more}, "encoding": encoding} for more in (halo, {})
        ]
    return layers


def _silent(canvas: Canvas) -> list[Spec]:
    """Say which rows have no point because a measure was not observed."""
    absent = [str(row["label"]) for row in canvas.rows if row["x"] is None or row["y"] is None]
    if not absent:
        return []
    few = ", ".join(absent[:4]) + (f" and {len(absent) - 4} more" if len(absent) > 4 else "")
    mark = {"type": "text", **palette.NOTE, "align": "right", "baseline": "bottom", "fontStyle": "italic"}
    place = {"x": {"value": {"expr": "width"}}, "y": {"value": {"expr": "height - 4"}}}
    words = {"values": [{"text": f"{MISSING_WORDS}: {few}"}]}
    return [{"data": words, "mark": mark, "encoding": {**place, "text": {"field": "text"}}}]


def _tooltip(canvas: Canvas, numbers: dict[str, NumberFormat]) -> list[Spec]:
    fields = _named_tooltip(canvas)
    for role, number in numbers.items():
        title = canvas.option(f"{role}_title") or canvas.figure.encode[role].replace("_", " ")
        style = f".{max(number.digits, 1)}%" if number.percent else f",.{max(number.digits, 1)}f"
        fields.append({"field": role, "type": "quantitative", "format": style, "title": title})
    return fields


def _named_tooltip(canvas: Canvas) -> list[Spec]:
    fields: list[Spec] = [{"field": "label", "title": canvas.figure.encode["label"].replace("_", " ")}]
    if canvas.has("group"):
        fields.append({"field": "group", "title": canvas.figure.encode["group"].replace("_", " ")})
    if canvas.has("size"):
        title = canvas.figure.encode["size"].replace("_", " ")
        fields.append({"field": "size", "type": "quantitative", "format": ",.3~s", "title": title})
    return fields
