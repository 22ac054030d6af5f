"""Cards: one per cluster, with its name, its measures and its lists. The page sets them as HTML."""

from __future__ import annotations

from markupsafe import Markup, escape

from entrepot.report import palette
from entrepot.report.chart_parts import Canvas, Spec, frame, wrap

COLUMNS = 3
WIDTH = 720.0
GAP = 14.0
LINE = 14.0
PAD = 12.0


def card_list(canvas: Canvas) -> Markup:
    """Return the cards as an HTML list: title, measures as a definition list, then the lists.

    Roles: ``title`` and any number of further ones; ``options["facts"]`` and ``options["lists"]`` say which
    of these are measures and which are lines of text, in order, each with its printed name.
    """
    return Markup('<ol class="cards">{}</ol>').format(Markup("").join(_card(row) for row in _cards(canvas)))


def cards(canvas: Canvas) -> Spec:
    """Draw the cards in three columns, for files outside a page."""
    boxes, texts = [], []
    column_width = (WIDTH - GAP * (COLUMNS - 1)) / COLUMNS
    tops = [0.0] * COLUMNS
    for title, facts, lists in _cards(canvas):
        column = min(range(COLUMNS), key=lambda i: tops[i])
        left, y = column * (column_width + GAP), tops[column] + PAD
        lines = [(line, 600) for line in wrap(title, 30, 2).split("\n")]
        lines += [(f"{name}: {value}", 400) for name, value in facts]
        for name, value in lists:
            lines += [("", 400), (name, 600)]
            lines += [(line, 400) for line in wrap(value, 36, 6).split("\n")]
        for text, weight in lines:
            y += LINE
            texts.append({"x": left + PAD, "y": y, "text": text, "weight": weight})
        boxes.append({"x": left, "x2": left + column_width, "y": tops[column], "y2": y + PAD})
        tops[column] = y + PAD + GAP
    height = max(tops)
    x: Spec = {"field": "x", "type": "quantitative", "axis": None, "scale": {"domain": [0, WIDTH]}}
    down = {"domain": [0, height], "reverse": True, "nice": False}
    y_axis: Spec = {"field": "y", "type": "quantitative", "axis": None, "scale": down}
    layers: list[Spec] = [
        {
            "data": {"values": boxes},
            "mark": {"type": "rect", "fill": None, "stroke": "var(--line)"},
            "encoding": {"x": x, "y": y_axis, "x2": {"field": "x2"}, "y2": {"field": "y2"}},
        }
    ]
    for weight in (600, 400):
        mark = {"type": "text", **palette.LABEL, "fontSize": 11, "align": "left", "fontWeight": weight}
        some = [text for text in texts if text["weight"] == weight]
        encoding = {"x": x, "y": y_axis, "text": {"field": "text"}}
        layers.append({"data": {"values": some}, "mark": mark, "encoding": encoding})
    return frame(layers, height=int(height))


def _cards(canvas: Canvas) -> list[tuple[str, list[tuple[str, str]], list[tuple[str, str]]]]:
    """Return title, measures and lists of each card, in the words that are printed."""
    facts = dict(canvas.option("facts", {}))
    lists = dict(canvas.option("lists", {}))
    return [
        (
            str(row["title"]),
            [(name, str(row[role])) for role, name in facts.items() if row[role] is not None],
            [(name, str(row[role])) for role, name in lists.items() if row[role]],
        )
        for row in canvas.rows
    ]


def _card(card: tuple[str, list[tuple[str, str]], list[tuple[str, str]]]) -> Markup:
    title, facts, lists = card
    measures = Markup("").join(
        Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(name, value) for name, value in facts
    )
    further = Markup("").join(Markup("<p><b>{}</b> {}</p>").format(name, value) for name, value in lists)
    return Markup('<li><p class="title">{}</p><dl>{}</dl>{}</li>').format(escape(title), measures, further)
