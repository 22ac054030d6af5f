"""Charts along time: stacked areas, lines with bands, slopes between two periods, calendars of measures."""

from __future__ import annotations

from datetime import date
from typing import Any

from entrepot.report import palette
from entrepot.report.chart_marks import end_labels, hole_layers, mark_layers, placed, right_of_plot
from entrepot.report.chart_parts import (
    DATE_SCALE,
    LINE_HEIGHT,
    Canvas,
    NumberFormat,
    Row,
    Spec,
    frame,
    nice_domain,
    single,
    wrap,
)
from entrepot.report.formats import MISSING_WORDS

AREA_HEIGHT = 340
LINE_CHART_HEIGHT = 320
LABEL_WIDTH = 15
FEW = 4


def area(canvas: Canvas) -> Spec:
    """Draw a stacked area with labels at its right edge; ``share`` adds the signal ``mode``."""
    rows, holes = _stack(canvas)
    xs = positions(canvas)
    top = max((row["v1"] for row in rows), default=1.0) * 1.04
    number = canvas.number([top])
    labels = _area_labels(canvas, rows, xs, top)
    share = bool(canvas.option("share"))
    axis: Spec = {"tickCount": 5, "format": number.axis}
    y0, y1, domain_top, place = "datum.v0", "datum.v1", top, "datum.lv"
    if share:
        axis = {
            "tickCount": 5,
            "labelExpr": f"format(datum.value, mode == 'share' ? '.0%' : '{number.axis}')",
        }
        y0, y1 = ("mode == 'share' ? datum.s0 : datum.v0", "mode == 'share' ? datum.s1 : datum.v1")
        place = "mode == 'share' ? datum.ls : datum.lv"
    top_of_axis: Any = {"expr": f"mode == 'share' ? 1 : {domain_top!r}"} if share else domain_top
    x = x_axis(canvas, xs)
    y: Spec = {
        "type": "quantitative",
        "axis": axis,
        "scale": {"domainMin": 0, "domainMax": top_of_axis, "nice": False},
    }
    stacked: Spec = {
        "x": x,
        "y": {"field": "lo", **y},
        "y2": {"field": "hi"},
        "color": {"field": "series", "type": "nominal", "scale": canvas.colour_scale(), "legend": None},
        "detail": {"field": "run"},
        "order": {"field": "rank"},
        "tooltip": _tooltip(canvas, number, share=share),
    }
    layers: list[Spec] = [
        *hole_layers(holes, xs, x, MISSING_WORDS + " in part"),
        {
            "data": {"values": rows},
            "transform": [{"calculate": y0, "as": "lo"}, {"calculate": y1, "as": "hi"}],
            "layer": [
                {"mark": {"type": "area", **palette.PARTED, "line": False}, "encoding": stacked},
                *_lone_layers(rows, stacked),
            ],
        },
        *mark_layers(canvas, x),
        *end_labels(labels, place, canvas, y),
    ]
    params = [{"name": "mode", "value": "value"}] if share else []
    return frame(layers, height=AREA_HEIGHT, params=params)


def _lone_layers(rows: list[Row], stacked: Spec) -> list[Spec]:
    """Draw a year between two gaps as a bar: an area of no width would not be seen."""
    if not any(row["lone"] for row in rows):
        return []
    mark = {"type": "rule", "strokeWidth": 4}
    return [{"transform": [{"filter": "datum.lone"}], "mark": mark, "encoding": stacked}]


def line(canvas: Canvas) -> Spec:
    """Draw one line per series, with a band where bounds are given and a gap where nothing was observed."""
    xs = positions(canvas)
    rows = [dict(row, series=row.get("series", "")) for row in canvas.rows]
    values = [row.get(role) for row in rows for role in ("y", "lower", "upper")]
    domain = nice_domain(values, zero=bool(canvas.option("zero")))
    number = canvas.number(values)
    x = x_axis(canvas, xs)
    y: Spec = {
        "field": "y", "type": "quantitative", "scale": {"domain": domain, "nice": False},
        "axis": {"tickCount": 5, "format": number.axis},
    }  # fmt: skip
    scale = canvas.colour_scale() if canvas.series else {"domain": [""], "range": [palette.ACCENT]}
    colour: Spec = {"field": "series", "type": "nominal", "scale": scale, "legend": None}
    rows = _with_runs(rows, xs)
    observed = [row for row in rows if row["y"] is not None]
    base: Spec = {"x": x, "y": y, "color": colour, "detail": {"field": "run"}}
    layers: list[Spec] = []
    if canvas.has("lower") and canvas.has("upper"):
        bound = {**y, "field": "lower"}
        band = {"x": x, "y": bound, "y2": {"field": "upper"}, "color": colour, "detail": {"field": "run"}}
        layers.append(
            {"mark": {"type": "area", "opacity": 0.2}, "encoding": band, "data": {"values": observed}}
        )
    if domain[0] < 0 < domain[1]:
        layers.append(
            {"data": single({}), "mark": {"type": "rule", **palette.RULE}, "encoding": {"y": {"datum": 0}}}
        )
    layers += [
        {"data": {"values": observed}, "mark": {"type": "line", "strokeWidth": 2.2}, "encoding": base},
        {
            "data": {"values": observed},
            "mark": {"type": "point", "filled": True, "size": 26, "opacity": 1},
            "encoding": {**base, "tooltip": _tooltip(canvas, number)},
        },
    ]
    labels = _line_labels(canvas, rows, xs, domain) if canvas.series else []
    layers += hole_layers(_empty_positions(rows, xs), xs, x, MISSING_WORDS)
    layers += mark_layers(canvas, x) + end_labels(labels, "datum.at", canvas, y)
    return frame(layers, height=LINE_CHART_HEIGHT)


def slope(canvas: Canvas) -> Spec:
    """Draw the change between two periods, one line per series, values at both ends."""
    periods = positions(canvas)
    values = [row["y"] for row in canvas.rows]
    domain = nice_domain(values)
    number = canvas.number(values)
    height = max(300, int(len(canvas.series) * 26))
    y: Spec = {"field": "y", "type": "quantitative", "axis": None, "scale": {"domain": domain, "nice": False}}
    x: Spec = {
        "field": "x", "type": "ordinal", "sort": [str(p) for p in periods],
        "scale": {"type": "point", "padding": 0},
        "axis": {"orient": "top", "labelAngle": 0, "domain": False, "ticks": False, "labelFontWeight": 600},
    }  # fmt: skip
    colour: Spec = {"field": "series", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    rows = [dict(row, x=str(row["x"]), series=str(row["series"])) for row in canvas.rows]
    observed = [row for row in rows if row["y"] is not None]
    base: Spec = {"x": x, "y": y, "color": colour, "tooltip": _tooltip(canvas, number, x_type="nominal")}
    ends = _slope_labels(canvas, rows, [str(p) for p in periods], domain, number, height)
    layers: list[Spec] = [
        {
            "data": {"values": [{"x": str(p)} for p in periods]},
            "mark": {"type": "rule", **palette.FAINT},
            "encoding": {"x": x},
        },
        {"data": {"values": observed}, "mark": {"type": "line", "strokeWidth": 2.2}, "encoding": base},
        {"data": {"values": observed}, "mark": {"type": "point", "filled": True, "size": 48, "opacity": 1},
         "encoding": base},
    ]  # fmt: skip
    edges: Spec = {"left": ({"value": -7}, {"value": -15}), "right": (right_of_plot(7), right_of_plot(15))}
    for side, align, dx in (("left", "right", -18), ("right", "left", 18)):
        near, far = edges[side]
        layers.append(
            {
                "data": {"values": [row for row in ends if row["side"] == side]},
                "mark": {"type": "rule", **palette.FAINT},
                "encoding": {"x": near, "x2": far, "y": y, "y2": {"field": "at"}},
            }
        )
        layers.append({
            "data": {"values": [row for row in ends if row["side"] == side]},
            "mark": {"type": "text", **palette.LABEL, "align": align, "dx": dx, "baseline": "middle",
                     "lineBreak": "\n", "lineHeight": LINE_HEIGHT},
            "encoding": {"x": x, "y": {**y, "field": "at"}, "text": {"field": "text"}},
        })  # fmt: skip
    return frame(layers, height=height)


def positions(canvas: Canvas) -> list[Any]:
    """Return the distinct x values in order; text keeps its order of appearance."""
    found = list(dict.fromkeys(row["x"] for row in canvas.rows))
    numbers = all(isinstance(value, (int, float)) for value in found)
    return sorted(found) if numbers or all(_is_date(value) for value in found) else found


def _is_date(value: Any) -> bool:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return len(str(value)) >= 10


def x_axis(canvas: Canvas, xs: list[Any]) -> Spec:
    """Return the horizontal encoding: years and event time as numbers, dates as dates, text as steps."""
    if xs and all(isinstance(value, (int, float)) for value in xs):
        years = min(xs) > 1000
        axis: Spec = {"format": "d", "tickMinStep": 1, "tickCount": 8, "labelFlush": True}
        if len(set(xs)) <= FEW and all(value == int(value) for value in xs):
            # Vega's own ticks fall between few years and would name one twice.
            axis["values"] = sorted(set(xs))
        if not years:
            axis["labelExpr"] = "(datum.value > 0 ? '+' : '') + format(datum.value, 'd')"
        return {
            "field": "x", "type": "quantitative", "axis": axis,
            "scale": {"domain": [min(xs), max(xs)], "nice": False, "zero": False},
        }  # fmt: skip
    if xs and all(_is_date(value) for value in xs):
        axis = {"labelAngle": 0, "labelOverlap": True, "tickCount": 8, "labelFlush": True}
        return {
            "field": "x",
            "type": "temporal",
            "axis": axis,
            "scale": dict(DATE_SCALE),
        }
    axis = {"labelAngle": 0, "labelOverlap": True}
    return {
        "field": "x",
        "type": "ordinal",
        "sort": xs,
        "scale": {"type": "point", "padding": 0.2},
        "axis": axis,
    }


def _stack(canvas: Canvas) -> tuple[list[Row], dict[Any, list[str]]]:
    """Stack what was observed at each x, as values and as shares; return rows and the holes by x."""
    value = {(row["x"], str(row["series"])): row["y"] for row in canvas.rows}
    rows: list[Row] = []
    holes: dict[Any, list[str]] = {}
    runs = dict.fromkeys(canvas.series, 0)
    xs = positions(canvas)
    for x in xs:
        total = sum(value.get((x, name)) or 0.0 for name in canvas.series)
        base = 0.0
        for rank, name in enumerate(canvas.series):
            y = value.get((x, name))
            if y is None:
                runs[name] += 1
                holes.setdefault(x, []).append(name)
                continue
            low, base = base, base + y
            share = (low / total, base / total) if total else (0.0, 0.0)
            rows.append({
                "x": x, "series": name, "name": canvas.label(name), "rank": rank,
                "run": f"{name}/{runs[name]}", "y": y, "v0": round(low, 4), "v1": round(base, 4),
                "s0": round(share[0], 5), "s1": round(share[1], 5),
            })  # fmt: skip
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["run"]] = counts.get(row["run"], 0) + 1
    for row in rows:
        row["lone"] = counts[row["run"]] == 1
    return rows, holes


def _with_runs(rows: list[Row], xs: list[Any]) -> list[Row]:
    """Number the unbroken stretches of each series, so that no line crosses a gap."""
    seen: dict[str, int] = {}
    place = {x: i for i, x in enumerate(xs)}
    out = []
    for row in sorted(rows, key=lambda row: place[row["x"]]):
        name = str(row["series"])
        if row["y"] is None:
            seen[name] = seen.get(name, 0) + 1
        out.append(dict(row, run=f"{name}/{seen.get(name, 0)}"))
    return out


def _since(rows: list[Row], xs: list[Any], name: str) -> str:
    """Say from when on a series was not observed; empty where it is observed at the end."""
    seen = [row["x"] for row in rows if str(row["series"]) == name and row["y"] is not None]
    if not seen:
        return MISSING_WORDS
    if xs[-1] in seen:
        return ""
    after = next(x for x in xs if xs.index(x) > xs.index(max(seen, key=xs.index)))
    return f"{MISSING_WORDS} from {after}"


def _area_labels(canvas: Canvas, rows: list[Row], xs: list[Any], top: float) -> list[Row]:
    """Place one label per series beside the right edge, at the middle of its last observed layer."""
    last: dict[str, Row] = {row["series"]: row for row in rows}
    names = [name for name in canvas.series if name in last]
    texts = [_with_missing(canvas, rows, xs, name) for name in names]
    at: dict[str, list[float]] = {}
    for low, high, scale in (("v0", "v1", top), ("s0", "s1", 1.0)):
        wanted = [(last[name][low] + last[name][high]) / 2 / scale for name in names]
        at[low] = [place * scale for place in placed(texts, wanted, AREA_HEIGHT)]
    return [
        {"series": name, "text": text, "lv": round(value, 4), "ls": round(share, 5)}
        for name, text, value, share in zip(names, texts, at["v0"], at["s0"], strict=True)
    ]


def _line_labels(canvas: Canvas, rows: list[Row], xs: list[Any], domain: list[float]) -> list[Row]:
    last = {str(row["series"]): row for row in rows if row["y"] is not None}
    names = [name for name in canvas.series if name in last]
    texts = [_with_missing(canvas, rows, xs, name) for name in names]
    span = domain[1] - domain[0]
    wanted = [(last[name]["y"] - domain[0]) / span for name in names]
    places = placed(texts, wanted, LINE_CHART_HEIGHT)
    return [
        {"series": name, "text": text, "at": domain[0] + place * span}
        for name, text, place in zip(names, texts, places, strict=True)
    ]


def _with_missing(canvas: Canvas, rows: list[Row], xs: list[Any], name: str) -> str:
    missing = _since(rows, xs, name)
    text = wrap(canvas.label(name), LABEL_WIDTH)
    return f"{text}\n({wrap(missing, LABEL_WIDTH)})" if missing else text


def _slope_labels(
    canvas: Canvas,
    rows: list[Row],
    periods: list[str],
    domain: list[float],
    number: NumberFormat,
    height: int,
) -> list[Row]:
    """Place values left and values with names right; a missing end is said in words."""
    span = domain[1] - domain[0]
    value = {(str(row["x"]), row["series"]): row["y"] for row in rows}
    out: list[Row] = []
    for side, period in (("left", periods[0]), ("right", periods[-1])):
        names = [n for n in canvas.series if any(value.get((p, n)) is not None for p in periods)]
        texts, wanted = [], []
        for name in names:
            here = value.get((period, name))
            other = next(value[p, name] for p in (period, *periods) if value.get((p, name)) is not None)
            words = number(here)
            label = canvas.label(name)
            texts.append(words if side == "left" else wrap(f"{words}  {label}", 26))
            wanted.append(((other if here is None else here) - domain[0]) / span)
        places = placed(texts, wanted, height)
        out += [
            {
                "x": period,
                "side": side,
                "text": text,
                "y": domain[0] + w * span,
                "at": domain[0] + place * span,
            }
            for text, w, place in zip(texts, wanted, places, strict=True)
        ]
    return out


def _empty_positions(rows: list[Row], xs: list[Any]) -> dict[Any, list[str]]:
    """Return the x at which no series was observed."""
    seen = {row["x"] for row in rows if row["y"] is not None}
    return {x: [] for x in xs if x not in seen}


def _tooltip(canvas: Canvas, number: NumberFormat, *, share: bool = False, x_type: str = "") -> list[Spec]:
    """Return what the pointer shows: series, position, value."""
    encode = canvas.figure.encode
    fields: list[Spec] = []
    if canvas.series:
        fields.append({"field": "series", "title": encode["series"].replace("_", " ")})
    fields.append({"field": "x", "type": x_type or "nominal", "title": encode["x"].replace("_", " ")})
    style = f".{number.digits}%" if number.percent else f",.{number.digits}f"
    fields.append({"field": "y", "type": "quantitative", "format": style, "title": canvas.unit})
    if canvas.has("lower") and canvas.has("upper"):
        fields += [
            {"field": role, "type": "quantitative", "format": style, "title": encode[role].replace("_", " ")}
            for role in ("lower", "upper")
        ]
    return fields
