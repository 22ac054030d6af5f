"""What the charts of ``localisation`` show: foreign value by origin, and the inputs that would hurt most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from entrepot.questions import localisation_tables as tables
from entrepot.questions import localisation_words as say
from entrepot.questions import words
from entrepot.questions.localisation_table import sector_name
from entrepot.result import Figure

if TYPE_CHECKING:
    from entrepot.questions.localisation import Ask, Measured

IntArray = NDArray[np.intp]

SHOWN_INDUSTRIES = 14


def content(ask: Ask, found: Measured, origins: tables.Origins, using: IntArray) -> Figure:
    """Draw the foreign part of the value of output, stacked by origin, for the largest industries."""
    import pyarrow as pa

    order = using[np.argsort(-found.content.output[using], kind="stable")][:SHOWN_INDUSTRIES]
    bars = [(sector_name(found.table.sectors[j]), origins.share[:, j]) for j in order]
    if len(using) > 1:
        bars.insert(0, ("All industries", origins.total(found.content, using)))
    foreign = [i for i, name in enumerate(origins.ids) if name != tables.HOME]
    rows = [(label, origins.ids[i], float(share[i])) for label, share in bars for i in foreign]
    data = pa.table(
        {
            "label": pa.array([row[0] for row in rows], pa.string()),
            "origin": pa.array([row[1] for row in rows], pa.string()),
            "share": pa.array(np.round([row[2] for row in rows], 6), pa.float64()),
        }
    )
    spoken = "; ".join(f"{label} {words.percent(1.0 - float(share[0]))}" for label, share in bars)
    return Figure(
        "content",
        "bar",
        say.content_title(ask, bars),
        f"Foreign share of the value of output by origin, {ask.year}; the rest arises at home. Largest "
        "industries first.",
        f"Stacked bars of foreign value in output: {spoken}.",
        data,
        {"label": "label", "value": "share", "series": "origin"},
        {
            "format": "percent",
            "digits": 1,
            "unit": "share of value",
            "labels": origins.labels,
            "order": [origins.ids[i] for i in foreign],
        },
    )


def hurt(ask: Ask, found: Measured, ranked: IntArray, using: IntArray) -> Figure | None:
    """Draw the value added lost with each of the inputs that would hurt most, linear and as a bottleneck."""
    import pyarrow as pa

    shown = ranked[: tables.SHOWN_INPUTS]
    if not shown.size:
        return None
    total = tables.value_added(ask, found.table, using)
    names = [tables.input_name(ask, found, place) for place in shown]
    lower = np.round(found.stops.value_added[shown] / total, 6)
    upper = np.round(found.stops.value_added_bottleneck[shown] / total, 6)
    data = pa.table({"input": pa.array(names, pa.string()), "lower": lower, "upper": upper})
    spoken = "; ".join(
        f"{name}: {words.percent(low)} to {words.percent(high)}"
        for name, low, high in zip(names, lower, upper, strict=True)
    )
    return Figure(
        "hurt",
        "bounds",
        f"{names[0]}: the input whose stop would hurt {say.who(ask)} most",
        f"Loss of value added, {ask.year}: left, by which inputs are ranked, all else adjusts in proportion; "
        "right, nothing replaces the input. Nil if another seller steps in.",
        f"Loss of value added if an input stops, linear to bottleneck: {spoken}.",
        data,
        {"label": "input", "lower": "lower", "upper": "upper"},
        {"format": "percent", "digits": 1, "unit": "share of value added"},
    )
