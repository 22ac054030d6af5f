"""Small multiples as strips: one band per series, each on its own scale, all on one time axis."""

from __future__ import annotations

from entrepot.report import palette
from entrepot.report.chart_marks import hole_layers, mark_layers
from entrepot.report.chart_parts import Canvas, Row, Spec, frame, wrap
from entrepot.report.chart_time import positions, x_axis
from entrepot.report.formats import MISSING_WORDS

STRIP = 62
# The top of a strip stays free, so that a peak does not touch the strip above.
FILL = 0.82


def strips(canvas: Canvas) -> Spec:
    """Draw each series in a strip of its own: what was observed as a line, what was expected beside it.

    Roles: ``x``, ``y``, ``series`` and, where asked, ``expected``, and ``lower`` and ``upper`` around it.
    ``options["text"]`` maps a series to words below its name.
    """
    xs = positions(canvas)
    rows = _raised(canvas)
    count = len(canvas.series)
    x = x_axis(canvas, xs)
    limits = {"domain": [-count, 0], "nice": False}
    y: Spec = {"field": "y", "type": "quantitative", "scale": limits, "axis": None}
    detail = {"detail": {"field": "series"}}
    layers: list[Spec] = [_floors(count, y)]
    if canvas.has("lower") and canvas.has("upper"):
        band = [row for row in rows if row["lower"] is not None and row["upper"] is not None]
        layers.append({
            "data": {"values": band},
            "mark": {"type": "area", "color": "var(--hatch)", "opacity": 0.45},
            "encoding": {"x": x, "y": {**y, "field": "lower"}, "y2": {"field": "upper"}, **detail},
        })  # fmt: skip
    if canvas.has("expected"):
        layers.append({
            "data": {"values": [row for row in rows if row["expected"] is not None]},
            "mark": {"type": "line", "color": "var(--muted)", "strokeWidth": 1.4, "strokeDash": [4, 3]},
            "encoding": {"x": x, "y": {**y, "field": "expected"}, **detail},
        })  # fmt: skip
    seen = [row for row in rows if row["y"] is not None]
    tooltip = [
        {"field": "name", "title": "series"},
        {"field": "value", "type": "quantitative", "format": ",.3~s", "title": canvas.unit},
    ]
    layers += [
        {
            "data": {"values": seen},
            "mark": {"type": "line", "color": palette.ACCENT, "strokeWidth": 2, "point": {"size": 14}},
            "encoding": {"x": x, "y": y, "detail": {"field": "run"}, "tooltip": tooltip},
        },
        *hole_layers(_silent_everywhere(rows), xs, x, MISSING_WORDS),
        *mark_layers(canvas, x),
        *_words(canvas, count, y),
    ]
    return frame(layers, height=STRIP * count)


def _raised(canvas: Canvas) -> list[Row]:
    """Put each series on its strip: its largest value at the top, zero at the bottom."""
    tops: dict[str, float] = {}
    for row in canvas.rows:
        values = [row.get(role) or 0.0 for role in ("y", "expected", "upper")]
        tops[str(row["series"])] = max(tops.get(str(row["series"]), 0.0), *values)
    rows: list[Row] = []
    runs: dict[str, int] = {}
    for row in canvas.rows:
        name = str(row["series"])
        floor = -canvas.series.index(name) - 1.0
        scale = FILL / (tops[name] or 1.0)
        raised = {
            role: None if row.get(role) is None else floor + scale * max(row[role], 0.0)
            for role in ("y", "expected", "lower", "upper")
        }
        if row["y"] is None:
            runs[name] = runs.get(name, 0) + 1
        rows.append({
            "x": row["x"], **raised, "value": row["y"], "series": name, "name": canvas.label(name),
            "run": f"{name}-{runs.get(name, 0)}",
        })  # fmt: skip
    return rows


def _silent_everywhere(rows: list[Row]) -> dict[object, list[str]]:
    """Return the positions at which no series was observed."""
    seen = {row["x"] for row in rows if row["y"] is not None}
    return {row["x"]: [MISSING_WORDS] for row in rows if row["x"] not in seen}


def _floors(count: int, y: Spec) -> Spec:
    values = [{"y": -i - 1.0} for i in range(count)]
    return {"data": {"values": values}, "mark": {"type": "rule", **palette.FAINT}, "encoding": {"y": y}}


def _words(canvas: Canvas, count: int, y: Spec) -> list[Spec]:
    """Write the name of each series at the left of its strip, and its figure below."""
    given = canvas.option("text", {})
    texts = [
        {"y": -i - 0.12, "text": wrap(canvas.label(name), 26, 1), "more": str(given.get(name, ""))}
        for i, name in enumerate(canvas.series)
    ]
    mark = {"type": "text", "baseline": "top", "align": "left"}
    halo = {"stroke": "var(--paper)", "strokeWidth": 3, "strokeJoin": "round"}
    layers: list[Spec] = []
    for field, down, look in (("text", 0, {**palette.LABEL, "fontWeight": 600}), ("more", 15, palette.NOTE)):
        style = {**mark, **look, "dy": down}
        encoding = {"x": {"value": 2}, "y": y, "text": {"field": field}}
        layers += [
            {"data": {"values": texts}, "mark": {**style, **more}, "encoding": encoding}
            for more in (halo, {})
        ]
    return layers
