"""The calendar of measures: bars from start to end."""

from __future__ import annotations

from datetime import date, timedelta

from entrepot.report import palette
from entrepot.report.chart_marks import mark_layers
from entrepot.report.chart_parts import DATE_SCALE, LABEL_AXIS, Canvas, Row, Spec, frame, wrap


def calendar(canvas: Canvas) -> Spec:
    """Draw measures as bars from start to end; an open end runs to the edge and is marked as in force."""
    rows, horizon = _intervals(canvas)
    labels = list(dict.fromkeys(row["label"] for row in rows))
    step = 32 if any("\n" in label for label in labels) else 26 if len(labels) <= 25 else 18
    y: Spec = {
        "field": "label", "type": "nominal", "sort": labels,
        "axis": {**LABEL_AXIS, "grid": True, "gridDash": [1, 4]},
        "scale": {"paddingInner": 0.3, "paddingOuter": 0.15},
    }  # fmt: skip
    first = min((row["from"] for row in rows), default=horizon)
    x: Spec = {
        "field": "from", "type": "temporal", "scale": dict(DATE_SCALE),
        "axis": {"grid": True, "labelOverlap": True, "tickCount": 6, "labelAngle": 0},
    }  # fmt: skip
    colour: Spec = {"value": palette.ACCENT}
    if canvas.series:
        colour = {"field": "group", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    tooltip = [
        {"field": "name", "title": "measure"},
        {"field": "start", "title": "from"},
        {"field": "until", "title": "until"},
    ]
    base: Spec = {"x": x, "x2": {"field": "to"}, "y": y, "color": colour, "tooltip": tooltip}
    layers: list[Spec] = [
        # Vega-Lite warns about a domain of dates on marks with two ends, so unseen points span the axis.
        {
            "data": {"values": [{"from": first}, {"from": horizon}]},
            "mark": {"type": "point", "opacity": 0},
            "encoding": {"x": x},
        },
        {"data": {"values": rows}, "mark": {"type": "bar", "height": {"band": 0.72}}, "encoding": base},
        {
            "data": {"values": [row for row in rows if row["open"]]},
            "mark": {
                "type": "point",
                "shape": "triangle-right",
                "filled": True,
                "size": 110,
                "opacity": 1,
                "xOffset": 3,
            },
            "encoding": {"x": {**x, "field": "to"}, "y": y, "color": colour, "tooltip": tooltip},
        },
        *mark_layers(canvas, x),
    ]
    return frame(layers, height=max(60, step * len(labels)), padding={"top": 18})


def _intervals(canvas: Canvas) -> tuple[list[Row], str]:
    """Return drawable intervals and the right edge: the date asked about, or a little after the last date."""
    dates = [row[role] for row in canvas.rows for role in ("start", "end") if row[role]]
    given = canvas.option("until") or canvas.option("at")
    last = date.fromisoformat(max(dates, default="2000-01-01"))
    first = min(dates, default="2000-01-01")
    slack = timedelta(days=max(30, (last - date.fromisoformat(first)).days // 16))
    horizon = str(given)[:10] if given else (last + slack).isoformat()
    rows: list[Row] = [
        {
            "label": wrap(str(row["label"]), 30), "name": str(row["label"]),
            "group": str(row.get("group", "")),
            "start": row["start"] or "date not known", "until": row["end"] or "still in force",
            "from": row["start"] or first, "to": min(row["end"] or horizon, horizon),
            "open": not row["end"] or row["end"] > horizon,
        }
        for row in canvas.rows
    ]  # fmt: skip
    return [row for row in rows if row["from"] <= horizon], horizon
