"""Small results with every kind of figure."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from entrepot.report.brief import Brief, StoreSummary
from entrepot.result import Column, Figure, How, Note, Result, Source, Table

SOURCE = Source(
    id="sample2026", producer="Sample Office", title="Trade by <bloc> & year", version="V1",
    licence="CC BY 4.0",
    url="https://example.org/data", accessed=date(2026, 11, 1), sha256="ab" * 32, year=2026,
)  # fmt: skip


def figure(name: str, kind: str, data: dict, encode: dict, **options: object) -> Figure:
    """Make a figure whose words are made from its name."""
    return Figure(
        name, kind, f"{name} finds", "USD bn, 2020-2023", f"Alt of {name}.", pa.table(data), encode, options
    )


AREA = figure(
    "by-bloc", "area",
    {
        "year": [2020, 2020, 2021, 2021, 2022, 2022, 2023, 2023],
        "bloc": ["eu", "eaeu"] * 4,
        "value": [3.0, 1.0, 4.0, 2.0, 5.0, None, 2.0, None],
    },
    {"x": "year", "y": "value", "series": "bloc"}, share=True, order=("eu", "eaeu"),
)  # fmt: skip
LINE = figure(
    "event", "line",
    {
        "event": [-1, 0, 1, 2], "effect": [0.0, 0.4, None, 0.6],
        "lo": [0.0, 0.2, None, 0.3], "hi": [0.1, 0.6, None, 0.9],
    },
    {"x": "event", "y": "effect", "lower": "lo", "upper": "hi"}, marks=[{"x": 0, "label": "measures"}],
)  # fmt: skip
SLOPE = figure(
    "slope", "slope",
    {"period": ["2021"] * 2 + ["2023"] * 2, "partner": ["IND", "BLR"] * 2, "value": [1.0, 7.0, 49.0, None]},
    {"x": "period", "y": "value", "series": "partner"},
)  # fmt: skip
BAR = figure(
    "content", "bar",
    {"sector": ["Cars"] * 2 + ["Food"] * 2, "origin": ["eu", "eaeu"] * 2, "share": [0.4, 0.6, 0.8, None]},
    {"label": "sector", "value": "share", "series": "origin"}, format="percent",
)  # fmt: skip
NET = figure(
    "net", "net", {"country": ["Russia", "Belarus", "Tajikistan"], "net": [18.2, -12.4, None]},
    {"label": "country", "value": "net"},
)  # fmt: skip
BOUNDS = figure(
    "bounds", "bounds",
    {"sender": ["European Union", "Norway"], "lower": [0.42, None], "upper": [0.58, None]},
    {"label": "sender", "lower": "lower", "upper": "upper"}, format="percent", digits=0,
)  # fmt: skip
INTERVAL = figure(
    "interval", "interval",
    {
        "country": ["Belarus", "Kazakhstan", "Slovakia"], "value": [1.2, 0.9, -2.0],
        "lower": [0.7, None, -3.1], "upper": [1.9, None, -1.2],
    },
    {"label": "country", "value": "value", "lower": "lower", "upper": "upper"}, unit="%",
)  # fmt: skip
CALENDAR = figure(
    "calendar", "calendar",
    {
        "measure": ["Article 3m: crude oil and petroleum products, by sea and pipeline", "Article 3a: coal"],
        "since": [date(2022, 6, 4), date(2022, 4, 9)],
        "until": pa.array([None, date(2022, 8, 10)], pa.date32()),
        "sender": ["EU", "USA"],
    },
    {"label": "measure", "start": "since", "end": "until", "group": "sender"}, until="2023-12-31",
)  # fmt: skip
WATERFALL = figure(
    "clearing", "waterfall",
    {
        "step": ["Gross", "Offset", "Cycles", "Net"], "v": [100.0, -55.0, None, 24.0],
        "kind": ["total", "step", "step", "total"],
    },
    {"label": "step", "value": "v", "kind": "kind"},
)  # fmt: skip
MAP = figure(
    "map", "map", {"iso3": ["DEU", "RUS", "SGP", "IND"], "value": [-0.3, None, 0.2, 0.9]},
    {"iso3": "iso3", "value": "value"}, scale="diverging", format="percent", focus="IND",
)  # fmt: skip
TREEMAP = figure(
    "tree", "treemap",
    {"product": ["Crude oil", "Gas", "Gold"], "value": [6.0, 3, 1], "section": ["Fuels", "Fuels", "Ores"]},
    {"label": "product", "value": "value", "group": "section"},
)  # fmt: skip
SCATTER = figure(
    "reach", "scatter",
    {
        "partner": ["Kazakhstan", "India", "Chad"], "ease": [1.4, 0.7, 0.2], "demand": [3.0, 40.0, None],
        "gap": [1.0, 3.5, 0.1], "group": ["eaeu", "asia", "africa"],
    },
    {"label": "partner", "x": "ease", "y": "demand", "size": "gap", "group": "group"}, log_y=True,
    x_line=1.0, x_title="Ease of trade", y_title="Unrealised demand, USD m",
)  # fmt: skip
NETWORK = figure(
    "space", "network",
    {
        "product": ["Tractors", "Lorries", "Bicycles"], "x": [0.1, 0.9, 0.5], "y": [0.2, 0.4, 0.9],
        "value": [3.0, 2.0, None], "section": ["Vehicles", "Vehicles", "Other"], "made": [True, True, False],
    },
    {"label": "product", "x": "x", "y": "y", "size": "value", "group": "section", "made": "made"},
    edges=((0, 1), (1, 2)),
)  # fmt: skip
STRIPS = figure(
    "hubs", "strips",
    {
        "year": [2020, 2021, 2022] * 2, "hub": ["KAZ"] * 3 + ["ARM"] * 3,
        "value": [1.0, 1.1, 4.0, 2.0, None, 9.0], "expected": [1.0, 1.0, 1.2, 2.0, 2.0, 2.1],
        "lo": [0.8, 0.9, 0.9, 1.5, 1.5, 1.6], "hi": [1.2, 1.2, 1.6, 2.4, 2.5, 2.7],
    },
    {"x": "year", "y": "value", "series": "hub", "expected": "expected", "lower": "lo", "upper": "hi"},
    text={"KAZ": "3.3 times what was expected"},
)  # fmt: skip
CARDS = figure(
    "parks", "cards",
    {
        "cluster": ["Vehicles & parts", "Food"], "reach": ["0.41", None],
        "products": ["Tractors; lorries; bicycles", "Cheese"],
    },
    {"title": "cluster", "reach": "reach", "products": "products"}, facts={"reach": "Reach"},
    lists={"products": "Products"},
)  # fmt: skip
FIGURES = (
    AREA,
    LINE,
    SLOPE,
    BAR,
    NET,
    BOUNDS,
    INTERVAL,
    CALENDAR,
    WATERFALL,
    MAP,
    TREEMAP,
    SCATTER,
    NETWORK,
    STRIPS,
    CARDS,
)

COLUMNS = (
    Column("partner", "Partner"),
    Column("code", "Code", "", "code"),
    Column("since", "First measure", "", "date"),
    Column("value", "Exports 2023", "USD million", "decimal", 1, "FOB"),
    Column("share", "Share 2023", "", "percent", 1),
)


def table(rows: int = 3) -> Table:
    """Make a table of ``rows`` rows; the second value was not observed."""
    data = pa.table({
        "partner": [f"Country <{i}>" for i in range(rows)],
        "code": [f"{i:06d}" for i in range(rows)],
        "since": [date(2022, 1, 1)] * rows,
        "value": [None if i == 1 else -1234.56 * (i + 1) for i in range(rows)],
        "share": [None if i == 1 else 0.5 / (i + 1) for i in range(rows)],
    })  # fmt: skip
    return Table("partners", "Partners & shares", data, COLUMNS)


def result(question: str = "direction", rows: int = 3, figures: tuple[Figure, ...] = ()) -> Result:
    """Make an answer."""
    return Result(
        question, "RUS", f"The finding of {question} is 48.6 bn USD", "USD million, 2023",
        table(rows), table(rows),
        How(f"entrepot {question} RUS", f"world.{question}('RUS')",
            {"country": "RUS"}, "Eq. 1", "Someone (2020)"),
        (), figures,
        (Note("missing", "Belarus does not publish."), Note("scope", "74 positions."),
         Note("missing", "Nor does Russia.")),
        (SOURCE,),
    )  # fmt: skip


@pytest.fixture
def sample() -> Result:
    """One answer with one chart."""
    return result(figures=(AREA,))


@pytest.fixture
def brief() -> Brief:
    """A brief with every kind of chart in three sections."""
    return Brief(
        country="BLR",
        results=(
            result(rows=30, figures=FIGURES[:5]),
            result("coverage", figures=FIGURES[5:]),
            result("coverage", rows=1),
        ),
        created=datetime(2026, 11, 23, 6, 0, tzinfo=UTC),
        store=StoreSummary("embedded pack", {"flows": "ab" * 32}, (2012, 2024), date(2026, 11, 23)),
        unanswered=(("partners", "the pack has no distances."),),
    )
