"""What all chart forms share: rows by role, names and colours of series, missing values, labels."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import ceil, floor, isfinite, log10
from typing import Any

from entrepot.report import palette
from entrepot.report.formats import MISSING_WORDS, digits_for, format_number
from entrepot.result import Figure

Spec = dict[str, Any]
Row = dict[str, Any]
LINE_HEIGHT = 15.0
# Days are the same in every time zone.
DATE_SCALE: Mapping[str, Any] = {"type": "utc", "nice": False}
# Vega centres the first line of a label on its mark: labels of two lines move up by half a line.
LABEL_AXIS: Mapping[str, Any] = {
    "labelExpr": "split(datum.value, '\\n')",
    "labelLineHeight": 13,
    "labelColor": "var(--ink)",
    "labelOffset": {"condition": {"test": "indexof(datum.value, '\\n') >= 0", "value": -6.5}, "value": 0},
}


@dataclass(frozen=True)
class Canvas:
    """A figure being drawn: its rows by role and the words and colours of its series."""

    figure: Figure
    lang: str = "en"

    @cached_property
    def rows(self) -> list[Row]:
        """Rows as ``{role: value}``, plain values, floats at six significant digits."""
        columns = {
            role: self.figure.data.column(name).to_pylist() for role, name in self.figure.encode.items()
        }
        return [
            {role: plain(column[i]) for role, column in columns.items()}
            for i in range(self.figure.data.num_rows)
        ]

    def option(self, name: str, default: Any = None) -> Any:
        """Return one switch of the figure."""
        return self.figure.options.get(name, default)

    def has(self, role: str) -> bool:
        """Tell whether the figure encodes a role."""
        return role in self.figure.encode

    @cached_property
    def series(self) -> list[str]:
        """Series ids: in the order asked for, then in order of appearance."""
        role = "group" if self.has("group") else "series"
        found = list(dict.fromkeys(str(row[role]) for row in self.rows)) if self.has(role) else []
        asked = [name for name in self.option("order", ()) if name in found]
        return asked + [name for name in found if name not in asked]

    @cached_property
    def colours(self) -> dict[str, str]:
        """Colour by series id; where some are highlighted the others step back to grey."""
        colours = palette.colours_for(self.series)
        if self.plain_series:
            colours = dict.fromkeys(self.series, palette.ACCENT)
        highlight = self.option("highlight")
        if highlight:
            loud = palette.colours_for(name for name in self.series if name in highlight)
            colours = {name: loud.get(name, palette.OTHER) for name in self.series}
        return {**colours, **{k: v for k, v in self.option("colours", {}).items() if k in colours}}

    @property
    def plain_series(self) -> bool:
        """Tell whether colour would say nothing: one series, or one per label, and none of them a bloc."""
        if any(name in palette.BLOC_COLOURS for name in self.series):
            return False
        labels = {row.get("label") for row in self.rows}
        single = self.figure.kind in ("bar", "bounds") and len(labels) == len(self.rows) == len(self.series)
        return len(self.series) == 1 or single

    def label(self, series_id: str) -> str:
        """Return the printed name of a series."""
        given: Mapping[str, str] = self.option("labels", {})
        return (
            given.get(series_id) or self._row_labels.get(series_id) or palette.label_for(series_id, self.lang)
        )

    @cached_property
    def _row_labels(self) -> dict[str, str]:
        """Names that the rows themselves carry beside their series or country."""
        role = "iso3" if self.has("iso3") else "series"
        if not self.has("label") or not self.has(role):
            return {}
        named = {str(row[role]): str(row["label"]) for row in self.rows}
        # In bars the label is the category, not the name of the series, unless they go together one to one.
        return named if len(set(named.values())) == len(named) == len({r["label"] for r in self.rows}) else {}

    @property
    def unit(self) -> str:
        """Words for the value in the pointer's note."""
        role = "y" if self.has("y") else "value"
        return str(self.option("unit") or self.figure.encode.get(role, "")).replace("_", " ")

    @property
    def is_percent(self) -> bool:
        """Tell whether values are fractions to be printed as per cent."""
        return bool(self.option("format") == "percent")

    def number(self, values: Iterable[float | None]) -> NumberFormat:
        """Return how numbers of this size are written, on axes and beside marks."""
        scale = 100.0 if self.is_percent else 1.0
        largest = max((abs(v) * scale for v in values if v is not None), default=0.0)
        digits = self.option("digits", digits_for(largest))
        return NumberFormat(int(digits), self.is_percent, self.lang)

    def colour_scale(self) -> Spec:
        """Return the scale from series id to colour."""
        return {"domain": self.series, "range": [self.colours[name] for name in self.series]}


@dataclass(frozen=True)
class NumberFormat:
    """How numbers are written beside marks and on axes."""

    digits: int
    percent: bool
    lang: str

    def __call__(self, value: float | None) -> str:
        """Write one number, ``not observed`` where there is none."""
        if value is None:
            return MISSING_WORDS
        return format_number(value * (100 if self.percent else 1), self.digits, self.lang) + (
            "%" if self.percent else ""
        )

    @property
    def axis(self) -> str:
        """The d3 format for axis labels: no more decimals than the ticks need."""
        return "~%" if self.percent else ",~f" if self.digits else ",.0f"


def plain(value: Any) -> Any:
    """Make a cell fit for a chart: dates as ISO text, floats short, what is not finite as null."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if isfinite(value) else None
    return value.isoformat()[:10] if isinstance(value, date) else value


def wrap(text: str, width: int = 26, lines: int = 2) -> str:
    r"""Break a label into at most ``lines`` lines; what does not fit ends in an ellipsis.

    Examples
    --------
    >>> wrap("Mineral fuels and oils and products of their distillation", 26)
    'Mineral fuels and oils and\nproducts of their …'
    """
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …") or [""])


def dodge(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move label centres apart so that none overlaps; order is kept, and the range where they fit.

    Parameters
    ----------
    wanted, sizes : sequence of float
        Centre and height of each label, same unit.
    low, high : float
        Room for the labels.

    Examples
    --------
    >>> dodge([0.5, 0.5], [0.2, 0.2], 0, 1)
    [0.4, 0.6]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    clusters: list[tuple[float, float, list[int]]] = []
    for i in order:
        inside = min(max(wanted[i], low + sizes[i] / 2), max(high - sizes[i] / 2, low + sizes[i] / 2))
        clusters.append((inside, sizes[i], [i]))
        while (
            len(clusters) > 1
            and clusters[-2][0] + clusters[-2][1] / 2 > clusters[-1][0] - clusters[-1][1] / 2
        ):
            (_, s1, m1), (_, s2, m2) = clusters[-2:]
            size = s1 + s2
            mean = sum(wanted[j] for j in m1 + m2) / len(m1 + m2)
            centre = min(max(mean, low + size / 2), max(high - size / 2, low + size / 2))
            clusters[-2:] = [(centre, size, m1 + m2)]
    places = [0.0] * len(wanted)
    for centre, size, members in clusters:
        edge = min(max(centre - size / 2, low), max(high - size, low))
        for j in members:
            places[j] = round(edge + sizes[j] / 2, 6)
            edge += sizes[j]
    return places


def nice_domain(values: Iterable[float | None], *, zero: bool = False, pad: float = 0.06) -> list[float]:
    """Return an axis range around the values, from zero where that is near or asked for."""
    seen = [value for value in values if value is not None]
    low, high = (min(seen), max(seen)) if seen else (0.0, 1.0)
    if zero or 0 <= low < 0.6 * high or (low < 0 and high <= 0):
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        return [low, low + (abs(low) or 1.0)]
    room = (high - low) * pad
    return [low if low == 0 else low - room, high if high == 0 else high + room]


def round_break(value: float) -> float:
    """Round a class break to one or two significant figures that a reader can keep in mind.

    Examples
    --------
    >>> round_break(0.0234), round_break(18734.0)
    (0.025, 20000.0)
    """
    if value == 0:
        return 0.0
    unit = 10.0 ** floor(log10(abs(value)))
    steps = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0)
    nearest = min(steps, key=lambda step: abs(step - abs(value) / unit))
    return float(f"{nearest * unit * (1 if value > 0 else -1):.3g}")


def hatch(stripes: int = 40) -> Spec:
    """Return a striped fill for what was not observed: a stepped gradient, as Vega has no patterns."""
    stops: list[Spec] = []
    for i in range(stripes):
        colour = "rgba(128,136,146,0.26)" if i % 2 else "rgba(128,136,146,0.04)"
        stops += [{"offset": i / stripes, "color": colour}, {"offset": (i + 1) / stripes, "color": colour}]
    return {"gradient": "linear", "x1": 0, "y1": 1, "x2": 1, "y2": 0, "stops": stops}


def gutter(labels: Iterable[str], extra: float = 14.0, most: float = 190.0) -> int:
    """Return the room in pixels that labels beside the plot need."""
    longest = max((len(line) for label in labels for line in label.split("\n")), default=0)
    return ceil(min(most, longest * 6.4 + extra))


def single(value_x: Any) -> Spec:
    """Return the data block of one anonymous row."""
    return {"values": [value_x]}


def frame(layers: list[Spec], *, height: int, padding: Mapping[str, int] | None = None, **rest: Any) -> Spec:
    """Put layers into one chart that fills its container."""
    # Vega itself makes room for axes and for labels that stand beside the plot.
    room = {"left": 0, "right": 2, "top": 8, "bottom": 2, **(padding or {})}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": height,
        "padding": room,
        **rest,
        "layer": layers,
    }
