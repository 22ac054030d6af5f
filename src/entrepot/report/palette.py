"""One restrained, colour-blind-safe palette; a bloc keeps its colour through a page.

Hues follow Okabe and Ito (2008) and Paul Tol's qualitative schemes, toned so that each is at least 3:1
from paper or from the dark page wherever it carries meaning without a label; text is never set in them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

RAMP = tuple(f"var(--ramp-{i})" for i in range(1, 6))
NEUTRAL = "var(--line)"
DIVERGING = tuple(f"var(--{name})" for name in ("down-3", "down-2", "down-1", "up-1", "up-2", "up-3"))
LABEL: Mapping[str, Any] = {"fontSize": 12, "color": "var(--ink)"}
NOTE: Mapping[str, Any] = {"fontSize": 11, "color": "var(--muted)"}
RULE: Mapping[str, Any] = {"color": "var(--muted)", "strokeWidth": 1}
FAINT: Mapping[str, Any] = {"color": "var(--line)", "strokeWidth": 1}
PARTED: Mapping[str, Any] = {"stroke": "var(--paper)", "strokeWidth": 0.8}
LAND: Mapping[str, Any] = {"fill": "var(--land)", "stroke": "var(--paper)", "strokeWidth": 0.5}
DEFAULT = ("#2a5f9e", "#b5482a", "#1d8272", "#d1952a", "#8a68a8", "#83b4da", "#c97c98", "#6b7a3a")
OTHER = "#8b929a"
ACCENT = DEFAULT[0]
POSITIVE = DEFAULT[0]
NEGATIVE = DEFAULT[1]

# Keyed by the groups of world.blocs.partition("meeting"); neighbours in that order differ in lightness too.
BLOC_COLOURS: dict[str, str] = {
    "eaeu": "#b5482a",
    "cis": "#e5a88e",
    "china": "#d1952a",
    "eu": "#2a5f9e",
    "west": "#83b4da",
    "asia": "#1d8272",
    "africa": "#8a68a8",
    "other": OTHER,
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
EXPORT_FONT = "Helvetica Neue, Arial, Liberation Sans, sans-serif"

TOTAL = "#4d5966"
# What stands in for each series colour on the dark page.
DARK_SERIES: Mapping[str, str] = {
    "#2a5f9e": "#5b95da",
    "#b5482a": "#e0714f",
    "#1d8272": "#35ab98",
    "#d1952a": "#e0ac4d",
    "#8a68a8": "#aa89c9",
    "#83b4da": "#9cc7e8",
    "#e5a88e": "#c98a70",
    "#c97c98": "#d892ac",
    "#6b7a3a": "#95a75a",
    "#8b929a": "#7f8790",
    "#4d5966": "#a3aebb",
}

LIGHT: Mapping[str, str] = {
    "ink": "#1b1f24",
    "muted": "#565e68",
    "line": "#c9ced4",
    "grid": "#e6e9ec",
    "paper": "#ffffff",
    "land": "#eceef0",
    "hatch": "#aab1b9",
    "ramp-1": "#d8e6f3",
    "ramp-2": "#a9c8e4",
    "ramp-3": "#6fa3d0",
    "ramp-4": "#3a77b3",
    "ramp-5": "#174a7e",
    "down-3": "#a33a18",
    "down-2": "#d9805f",
    "down-1": "#f1c9b8",
    "up-1": "#c5dbee",
    "up-2": "#6fa3d0",
    "up-3": "#1f578f",
}

DARK: Mapping[str, str] = {
    "ink": "#e8eaed",
    "muted": "#a5adb7",
    "line": "#4a525c",
    "grid": "#2b3138",
    "paper": "#14171b",
    "land": "#23282e",
    "hatch": "#6d7680",
    "ramp-1": "#1d3550",
    "ramp-2": "#24527f",
    "ramp-3": "#3a77b3",
    "ramp-4": "#76abd9",
    "ramp-5": "#c4dff5",
    "down-3": "#f08a63",
    "down-2": "#b5553a",
    "down-1": "#5a3228",
    "up-1": "#24405c",
    "up-2": "#3f7ab5",
    "up-3": "#9accf5",
}


def colour_for(series_id: str) -> str:
    """Return the colour of one series: its bloc colour, or a stable one of the default palette.

    Examples
    --------
    >>> colour_for("other")
    '#8b929a'
    """
    return BLOC_COLOURS.get(series_id) or DEFAULT[crc32(series_id.encode()) % len(DEFAULT)]


def colours_for(series_ids: Iterable[str]) -> dict[str, str]:
    """Return one colour per series, blocs first in their own, the others distinct while colours last."""
    ids = list(dict.fromkeys(series_ids))
    chosen = {name: BLOC_COLOURS[name] for name in ids if name in BLOC_COLOURS}
    free = [colour for colour in DEFAULT if colour not in chosen.values()]
    for name in ids:
        if name not in chosen:
            chosen[name] = free.pop(0) if free else OTHER
    return {name: chosen[name] for name in ids}


def label_for(series_id: str, lang: str = "en") -> str:
    """Return the printed name of a series: the label of a bloc group, a country name, or the id itself."""
    from entrepot.world import blocs, countries

    labels = {group.id: group.label for group in blocs.partition_groups("meeting")}
    if series_id in labels:
        return str(labels[series_id])
    return countries.name(series_id, lang) if series_id in countries.known() else series_id


def ink_on(colour: str) -> str:
    """Return black or white, whichever stands out more on a colour (WCAG relative luminance).

    Examples
    --------
    >>> ink_on("#2a5f9e"), ink_on("#d1952a")
    ('#ffffff', '#1b1f24')
    """
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return "#ffffff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.22 else "#1b1f24"


def themed(text: str) -> str:
    """Return text in which each series colour is a CSS variable, so that the dark page can lighten it.

    Examples
    --------
    >>> themed('{"range":["#2a5f9e"]}')
    '{"range":["var(--c-2a5f9e)"]}'
    """
    for colour in DARK_SERIES:
        text = text.replace(colour, f"var(--c-{colour[1:]})")
    return text


def series_tokens(*, dark: bool) -> dict[str, str]:
    """Return the series colours as tokens of the light or the dark page."""
    return {f"c-{colour[1:]}": shade if dark else colour for colour, shade in DARK_SERIES.items()}


def css_variables(tokens: Mapping[str, str]) -> str:
    """Return the tokens as CSS custom properties."""
    return "".join(f"--{name}:{value};" for name, value in tokens.items())


def config(font: str = FONT) -> dict[str, Any]:
    """Return the Vega-Lite config of all charts; colours are CSS variables, see :func:`resolve`."""
    ink, muted, line = "var(--ink)", "var(--muted)", "var(--line)"
    return {
        "background": "transparent",
        "aria": False,
        "font": font,
        "line": {"strokeJoin": "round", "strokeCap": "round"},
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": 12, "labelColor": muted, "labelPadding": 6, "labelLimit": 260,
            "domainColor": line, "tickColor": line, "gridColor": "var(--grid)", "title": None,
        },
        "axisX": {"grid": False},
        "axisY": {"domain": False, "ticks": False},
        "title": {
            "fontSize": 17, "fontWeight": 600, "color": ink, "anchor": "start", "frame": "bounds",
            "offset": 16, "subtitleFontSize": 12, "subtitleColor": muted, "subtitlePadding": 6,
        },
        "legend": {
            "labelFontSize": 12, "labelColor": ink, "title": None, "symbolType": "square", "symbolSize": 110,
            "symbolStrokeWidth": 0, "labelLimit": 260,
        },
    }  # fmt: skip


def resolve(spec: dict[str, Any], tokens: Mapping[str, str]) -> dict[str, Any]:
    """Return a chart with each CSS variable replaced by its colour, for files outside a page.

    Examples
    --------
    >>> resolve({"fill": "var(--ink)"}, {"ink": "#000000"})
    {'fill': '#000000'}
    """
    text = json.dumps(spec)
    for name, value in tokens.items():
        text = text.replace(f"var(--{name})", value)
    resolved: dict[str, Any] = json.loads(text)
    return resolved
