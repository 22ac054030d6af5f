"""Marks that charts along time share: labels at the right edge, hatched gaps, dated events."""

from __future__ import annotations

from datetime import date
from typing import Any

from entrepot.report import palette
from entrepot.report.chart_parts import LINE_HEIGHT, Canvas, Row, Spec, dodge, hatch


def placed(texts: list[str], wanted: list[float], height: int) -> list[float]:
    """Return where the first line of each label stands, as a part of the height, so that none overlaps."""
    line = LINE_HEIGHT / height
    more = [text.count("\n") for text in texts]
    centres = dodge(wanted, [(n + 1) * line + 2 / height for n in more], -0.02, 1.03)
    return [centre + n * line / 2 for centre, n in zip(centres, more, strict=True)]


def right_of_plot(beyond: int) -> Spec:
    """Return a position some pixels right of the plot."""
    return {"value": {"expr": f"width + {beyond}"}}


def end_labels(labels: list[Row], place: str, canvas: Canvas, y: Spec) -> list[Spec]:
    """Write the series names at the right edge, each with a swatch, so that no legend is needed."""
    if not labels:
        return []
    right: Spec = {"value": {"expr": "width"}}
    at: Spec = {**y, "field": "place"}
    colour: Spec = {"field": "series", "type": "nominal", "scale": canvas.colour_scale(), "legend": None}
    swatch = {"type": "point", "shape": "square", "filled": True, "size": 70, "opacity": 1, "xOffset": 9}
    text = {
        "type": "text", **palette.LABEL, "align": "left", "dx": 17, "baseline": "middle",
        "lineBreak": "\n", "lineHeight": LINE_HEIGHT,
    }  # fmt: skip
    return [{
        "data": {"values": labels},
        "transform": [{"calculate": place, "as": "place"}],
        "layer": [
            {"mark": swatch, "encoding": {"x": right, "y": at, "color": colour}},
            {"mark": text, "encoding": {"x": right, "y": at, "text": {"field": "text"}}},
        ],
    }]  # fmt: skip


def hole_layers(holes: dict[Any, list[str]], xs: list[Any], x: Spec, words: str) -> list[Spec]:
    """Hatch each stretch with something not observed, from the last observed x to the next."""
    spans: list[Row] = []
    for i, value in enumerate(xs):
        if value not in holes:
            continue
        before, after = xs[max(i - 1, 0)], xs[min(i + 1, len(xs) - 1)]
        if spans and spans[-1]["end"] >= i - 1:
            spans[-1].update(x2=after, end=i)
        else:
            spans.append({"x": before, "x2": after, "end": i, "text": words})
    if not spans:
        return []
    for span in spans:
        late = xs.index(span["x2"]) > len(xs) // 2
        span.update(anchor=span["x2"] if late else span["x"], late=late)
    text: Spec = {"type": "text", **palette.NOTE, "y": -2, "baseline": "bottom", "fontStyle": "italic"}
    return [
        {
            "data": {"values": spans},
            "mark": {"type": "rect", "color": hatch()},
            "encoding": {"x": x, "x2": {"field": "x2"}},
        },
        *(
            {
                "data": {"values": [span for span in spans if span["late"] is late]},
                "mark": {**text, "align": "right" if late else "left"},
                "encoding": {"x": {**x, "field": "anchor"}, "text": {"field": "text"}},
            }
            for late in {span["late"] for span in spans}
        ),
    ]


def mark_layers(canvas: Canvas, x: Spec) -> list[Spec]:
    """Draw dated events asked for with ``marks``: a dashed rule with its words on top."""
    marks = [dict(mark) for mark in canvas.option("marks", ())]
    if not marks:
        return []
    for mark in marks:
        mark["x"] = mark["x"].isoformat() if isinstance(mark["x"], date) else mark["x"]
    return [
        {
            "data": {"values": marks},
            "mark": {"type": "rule", **palette.RULE, "strokeDash": [3, 3]},
            "encoding": {"x": {**x, "field": "x"}},
        },
        {
            "data": {"values": marks},
            "mark": {"type": "text", **palette.NOTE, "align": "left", "dx": 4, "y": 6, "baseline": "top"},
            "encoding": {"x": {**x, "field": "x"}, "text": {"field": "label"}},
        },
    ]
