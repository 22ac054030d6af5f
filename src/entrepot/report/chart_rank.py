"""Charts that rank or add up: bars, diverging bars, intervals, waterfalls."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from entrepot.report import palette
from entrepot.report.chart_parts import (
    LABEL_AXIS,
    Canvas,
    NumberFormat,
    Row,
    Spec,
    frame,
    gutter,
    hatch,
    nice_domain,
    wrap,
)
from entrepot.report.formats import MISSING_WORDS

STEP = 28


def bar(canvas: Canvas) -> Spec:
    """Draw ranked bars, stacked where there are series; what was not observed is hatched and said."""
    rows, ends = _stacked_rows(canvas)
    number = canvas.number([row["value"] for row in rows])
    tops = [value for row in rows for value in (row["from"], row["to"]) if value is not None]
    domain = nice_domain([0.0, *tops], pad=0.0)
    colour: Spec = {"value": palette.ACCENT}
    if canvas.series:
        colour = {"field": "series", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    x = _value_axis("from", domain, number)
    base: Spec = {
        "x": x, "x2": {"field": "to"}, "y": _label_axis(rows), "color": colour,
        "tooltip": _tooltip(canvas, number),
    }  # fmt: skip
    texts = [dict(row, text=_end_text(row, number)) for row in ends]
    layers: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row["value"] is not None]},
            "mark": {"type": "bar", **palette.PARTED, "height": {"band": 0.7}},
            "encoding": base,
        },
        *_zero(domain),
        *_value_texts(texts, domain, number, _label_axis(rows)),
    ]
    return _ranked(layers, rows, texts)


def net(canvas: Canvas) -> Spec:
    """Draw positive and negative amounts from a common zero line, in two colours."""
    rows = [
        {"label": wrap(str(row["label"])), "value": row["value"], "from": 0.0, "to": row["value"]}
        for row in canvas.rows
    ]
    values = [row["value"] for row in rows]
    number = canvas.number(values)
    domain = nice_domain([0.0, *values], pad=0.0)
    x = _value_axis("from", domain, number)
    colour = {
        "condition": {"test": "datum.value < 0", "value": palette.NEGATIVE},
        "value": palette.POSITIVE,
    }
    texts = [dict(row, end=row["value"], text=number(row["value"])) for row in rows]
    layers: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row["value"] is not None]},
            "mark": {"type": "bar", "height": {"band": 0.7}},
            "encoding": {
                "x": x, "x2": {"field": "to"}, "y": _label_axis(rows), "color": colour,
                "tooltip": _tooltip(canvas, number),
            },
        },
        *_zero(domain),
        *_value_texts(texts, domain, number, _label_axis(rows)),
    ]  # fmt: skip
    return _ranked(layers, rows, texts)


def bounds(canvas: Canvas) -> Spec:
    """Draw each interval from its lower to its upper end; the ends are written beside it."""
    rows: list[Row] = []
    for row in canvas.rows:
        lower, upper = row["lower"], row["upper"]
        known = lower is not None and upper is not None
        rows.append({
            "label": wrap(str(row["label"])), "lower": lower if known else None,
            "upper": upper if known else None, "group": str(row.get("group", "")),
        })  # fmt: skip
    values = [row[role] for row in rows for role in ("lower", "upper")]
    number = canvas.number(values)
    domain = nice_domain([*values, 0.0] if canvas.option("zero", True) else values, pad=0.0)
    y = _label_axis(rows)
    several = len({row["label"] for row in rows}) < len(rows) and bool(canvas.series)
    offset: Spec = {"yOffset": {"field": "group", "sort": canvas.series}} if several else {}
    colour: Spec = {"value": palette.ACCENT}
    if canvas.series:
        colour = {"field": "group", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    x = _value_axis("lower", domain, number)
    known_rows = [row for row in rows if row["lower"] is not None]
    base: Spec = {"y": y, "color": colour, **offset, "tooltip": _bound_tooltip(canvas, number)}
    layers: list[Spec] = [
        *_zero(domain),
        {
            "data": {"values": known_rows},
            "mark": {"type": "rule", "strokeWidth": 7, "opacity": 0.42},
            "encoding": {**base, "x": x, "x2": {"field": "upper"}},
        },
        *(
            {
                "data": {"values": known_rows},
                "mark": {"type": "tick", "thickness": 2.4, "size": 13, "opacity": 1},
                "encoding": {**base, "x": {**x, "field": end}},
            }
            for end in ("lower", "upper")
        ),
        *_value_texts(
            [dict(row, end=row["upper"], text=_interval_text(row, number)) for row in rows],
            domain, number, y, offset, always_right=True,
        ),
    ]  # fmt: skip
    texts = [dict(row, text=_interval_text(row, number)) for row in rows]
    return _ranked(layers, rows, texts, step=max(STEP, 19 * len(canvas.series)) if several else STEP)


def interval(canvas: Canvas) -> Spec:
    """Draw each estimate as a point on its interval; a row without interval shows the point alone."""
    rows: list[Row] = [
        {
            "label": wrap(str(row["label"])), "value": row["value"], "lower": row.get("lower"),
            "upper": row.get("upper"), "tone": "up" if (row["value"] or 0) >= 0 else "down",
        }
        for row in canvas.rows
    ]  # fmt: skip
    number = canvas.number(row["value"] for row in rows)
    domain = nice_domain(
        [0.0, *(row[role] for row in rows for role in ("lower", "value", "upper"))], pad=0.02
    )
    x, y = _value_axis("value", domain, number), _label_axis(rows)
    tones = {"domain": ["up", "down"], "range": [palette.POSITIVE, palette.NEGATIVE]}
    colour = {"field": "tone", "type": "nominal", "scale": tones, "legend": None}
    tips = [
        {"field": role, "type": "quantitative", "title": title, "format": ".3f"}
        for role, title in (("value", "Median"), ("lower", "2.5%"), ("upper", "97.5%"))
    ]
    base: Spec = {"y": y, "color": colour, "tooltip": tips}
    known = [row for row in rows if row["lower"] is not None and row["upper"] is not None]
    layers: list[Spec] = [
        *_zero(domain),
        {
            "data": {"values": known},
            "mark": {"type": "rule", "strokeWidth": 6, "opacity": 0.42},
            "encoding": {**base, "x": {**x, "field": "lower"}, "x2": {"field": "upper"}},
        },
        {
            "data": {"values": rows},
            "mark": {"type": "point", "filled": True, "size": 46, "opacity": 1},
            "encoding": {**base, "x": x},
        },
    ]
    texts = [
        dict(row, end=max(v for v in (row["value"], row["upper"]) if v is not None),
             text=_signed({**row, "tone": row["tone"]}, number))
        for row in rows if row["value"] is not None
    ]  # fmt: skip
    layers += _value_texts(texts, domain, number, y, always_right=True)
    return _ranked(layers, rows, texts)


def waterfall(canvas: Canvas) -> Spec:
    """Draw how steps lead from one total to another, read from top to bottom."""
    rows: list[Row] = []
    level: float | None = 0.0
    for i, row in enumerate(canvas.rows):
        value = row["value"]
        total = row["kind"] == "total"
        start = 0.0 if total else level
        known = value is not None and start is not None
        level = (value if total else start + value) if known else None
        tone = "total" if total else "up" if (value or 0) >= 0 else "down"
        rows.append({
            "label": wrap(str(row["label"])), "value": value if known else None,
            "from": start if known else None, "to": level, "tone": tone, "i": i,
        })  # fmt: skip
    _carry(rows)
    values = [row[role] for row in rows for role in ("from", "to")]
    number = canvas.number(row["value"] for row in rows)
    domain = nice_domain([0.0, *values], pad=0.0)
    x = _value_axis("from", domain, number)
    y = _label_axis(rows)
    tones = {"domain": ["total", "up", "down"], "range": [palette.TOTAL, palette.POSITIVE, palette.NEGATIVE]}
    texts = [dict(row, end=_outer(row), text=_signed(row, number)) for row in rows]
    layers: list[Spec] = [
        {
            "data": {"values": [row for row in rows if row.get("next")]},
            "mark": {"type": "rule", **palette.RULE, "strokeDash": [2, 2]},
            "encoding": {"x": {**x, "field": "to"}, "y": y, "y2": {"field": "next"}},
        },
        {
            "data": {"values": [row for row in rows if row["value"] is not None]},
            "mark": {"type": "bar", "height": {"band": 0.66}},
            "encoding": {
                "x": x, "x2": {"field": "to"}, "y": y, "tooltip": _tooltip(canvas, number),
                "color": {"field": "tone", "type": "nominal", "scale": tones, "legend": None},
            },
        },
        *_zero(domain),
        *_value_texts(texts, domain, number, y, always_right=True),
    ]  # fmt: skip
    return _ranked(layers, rows, texts, step=34)


def _carry(rows: list[Row]) -> None:
    """Name in each row the next one, to draw the connector at the running level."""
    for row, after in pairwise(rows):
        if row["to"] is not None and after["from"] is not None:
            row["next"] = after["label"]


def _outer(row: Row) -> float | None:
    return None if row["value"] is None else max(row["from"], row["to"])


def _signed(row: Row, number: NumberFormat) -> str:
    plus = "+" if row["tone"] == "up" and (row["value"] or 0) > 0 else ""
    return plus + number(row["value"])


def _interval_text(row: Row, number: NumberFormat) -> str:
    lower, upper = row["lower"], row["upper"]
    if lower is None:
        return MISSING_WORDS
    if number(lower) == number(upper):
        return number(lower)
    return f"{number(lower).removesuffix('%')} to {number(upper)}"


def _stacked_rows(canvas: Canvas) -> tuple[list[Row], list[Row]]:
    """Return bar segments and one end per label: its total, and whether a part was not observed."""
    ends: dict[str, Row] = {}
    rows: list[Row] = []
    rank = {name: i for i, name in enumerate(canvas.series)}
    source = canvas.rows
    if canvas.series:
        place = {str(row["label"]): i for i, row in reversed(list(enumerate(source)))}
        source = sorted(source, key=lambda row: (place[str(row["label"])], rank[str(row["series"])]))
    for row in source:
        label = wrap(str(row["label"]))
        end = ends.setdefault(
            label, {"label": label, "end": None, "up": 0.0, "down": 0.0, "missing": 0, "parts": 0}
        )
        end["parts"] += 1
        value = row["value"]
        side = "down" if (value or 0.0) < 0 else "up"
        start = end[side]
        if value is None:
            end["missing"] += 1
        else:
            end[side] = start + value
            end["end"] = end["up"] if end["up"] else end["down"]
        rows.append({
            "label": label, "value": value, "from": start, "to": end[side],
            "series": str(row.get("series", "")),
        })  # fmt: skip
    return rows, list(ends.values())


def _end_text(row: Row, number: NumberFormat) -> str:
    if row["end"] is None:
        return MISSING_WORDS
    words = number(row["up"] + row["down"])
    return f"at least {words}, rest\n{MISSING_WORDS}" if row["missing"] else words


def _label_axis(rows: list[Row]) -> Spec:
    """Return the vertical axis with the labels, in the order of the rows, on two lines where long."""
    order = list(dict.fromkeys(row["label"] for row in rows))
    return {
        "field": "label", "type": "nominal", "sort": order,
        "axis": dict(LABEL_AXIS),
    }  # fmt: skip


def _value_axis(field: str, domain: list[float], number: NumberFormat) -> Spec:
    """Return a value scale whose numbers stand beside the marks, so that it needs no axis."""
    return {"field": field, "type": "quantitative", "axis": None, "scale": {"domain": domain, "nice": False}}


def _zero(domain: list[float]) -> list[Spec]:
    if not domain[0] <= 0 <= domain[1]:
        return []
    return [
        {"data": {"values": [{}]}, "mark": {"type": "rule", **palette.RULE}, "encoding": {"x": {"datum": 0}}}
    ]


def _value_texts(
    rows: list[Row], domain: list[float], number: NumberFormat, y: Spec, offset: Spec | None = None,
    *, always_right: bool = False,
) -> list[Spec]:  # fmt: skip
    """Write the value beside the end of each mark, left of negative ones; hatch what is missing."""
    zero = max(domain[0], 0.0) if domain[1] > 0 else domain[0]
    at: Spec = {"x": _value_axis("end", domain, number), "y": y, **(offset or {})}
    known = [row for row in rows if row["end"] is not None]
    absent = [dict(row, end=zero) for row in rows if row["end"] is None]
    partly = [row for row in known if row.get("missing")]
    right = [row for row in known if not row.get("missing") and (always_right or row["end"] >= 0)]
    left = [row for row in known if not row.get("missing") and row not in right]
    return [
        *_hatched(absent, 52, at),
        *_hatched(partly, 18, at),
        *_texts(right, "left", 6, at, palette.LABEL),
        *_texts(left, "right", -6, at, palette.LABEL),
        *_texts(partly, "left", 26, at, {**palette.LABEL, "dy": -6}),
        *_texts(absent, "left", 62, at, palette.NOTE),
    ]


def _hatched(rows: list[Row], width: int, at: Spec) -> list[Spec]:
    if not rows:
        return []
    mark = {
        "type": "rect",
        "color": hatch(12),
        "width": width,
        "xOffset": width / 2 + 2,
        "height": {"band": 0.7},
    }
    return [{"data": {"values": rows}, "mark": mark, "encoding": at}]


def _texts(rows: list[Row], align: str, dx: int, at: Spec, style: Mapping[str, Any]) -> list[Spec]:
    """Write words beside marks, with a halo that keeps them legible over rules."""
    if not rows:
        return []
    mark = {
        "type": "text", **style, "align": align, "dx": dx, "baseline": "middle",
        "lineBreak": "\n", "lineHeight": 13,
    }  # fmt: skip
    encoding = {**at, "text": {"field": "text"}}
    halo = {"stroke": "var(--paper)", "strokeWidth": 4, "strokeJoin": "round"}
    return [{"data": {"values": rows}, "mark": {**mark, **more}, "encoding": encoding} for more in (halo, {})]


def _ranked(layers: list[Spec], rows: list[Row], texts: list[Row], step: int = STEP) -> Spec:
    """Fit the height to the number of labels."""
    labels = list(dict.fromkeys(row["label"] for row in rows))
    deep = max((label.count("\n") for label in labels), default=0)
    spec = frame(layers, height=max(56, len(labels) * max(step, 30 if deep else 0)))
    if any((row.get("value") or 0) < 0 and "tone" not in row for row in rows):
        # Numbers left of negative bars stand between these and the axis labels.
        for layer in spec["layer"]:
            _pad_labels(layer, gutter([row["text"] for row in texts], 10))
    return spec


def _pad_labels(layer: Spec, room: int) -> None:
    y: Any = layer.get("encoding", {}).get("y", {})
    if y.get("field") == "label":
        y["axis"] = {**y["axis"], "labelPadding": room}


def _tooltip(canvas: Canvas, number: NumberFormat) -> list[Spec]:
    style = f".{number.digits}%" if number.percent else f",.{number.digits}f"
    title = canvas.unit
    fields: list[Spec] = [{"field": "label", "title": canvas.figure.encode["label"].replace("_", " ")}]
    if canvas.has("series"):
        fields.append({"field": "series", "title": canvas.figure.encode["series"].replace("_", " ")})
    return [*fields, {"field": "value", "type": "quantitative", "format": style, "title": title}]


def _bound_tooltip(canvas: Canvas, number: NumberFormat) -> list[Spec]:
    style = f".{number.digits}%" if number.percent else f",.{number.digits}f"
    fields: list[Spec] = [{"field": "label", "title": canvas.figure.encode["label"].replace("_", " ")}]
    fields += [
        {"field": end, "type": "quantitative", "format": style, "title": end} for end in ("lower", "upper")
    ]
    return fields
