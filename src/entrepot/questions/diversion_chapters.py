"""The same detector on whole chapters: goods written under a neighbouring code stay within one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from entrepot.models import detection as dd
from entrepot.questions.diversion_case import Case, Period
from entrepot.questions.diversion_evidence import DECOYS_AT_LEVEL
from entrepot.questions.diversion_tables import build, money_column
from entrepot.result import Column, Table
from entrepot.world import countries, products

if TYPE_CHECKING:
    from entrepot.questions.diversion import Ask, Found

# Five folds of at least two chapters each, so that weights are learned on other goods.
LEAST_CHAPTERS = 10
CHAPTERS = (
    Column("hub", "Country", format="code"),
    Column("hub_name", "Third country"),
    Column("chapter", "HS2", format="code"),
    Column("chapter_name", "Chapter"),
    Column("period", "Period"),
    money_column("observed", "Observed", "purchases of the third country, covered goods of the chapter"),
    money_column("expected", "Expected"),
    Column("ratio", "Ratio", "", "decimal", 2, "null where next to nothing was expected"),
    Column("q", "q", "%", "percent", 1, "false-discovery rate against placebo windows"),
    Column("risen", "Risen"),
)


def chapter_table(ask: Ask, found: Found) -> Table | None:
    """One row per third country, chapter and period above small change; None where q is not calibrated."""
    rows = [
        row
        for case, seen in zip(found.cases, found.evidence, strict=True)
        for row in _rows(ask, found, case, seen.period)
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (row["q"], row["hub"], row["chapter"], row["period"]))
    return build("chapters", "Whole chapters by third country and period", CHAPTERS, rows)


def _rows(ask: Ask, found: Found, case: Case, period: Period) -> Iterator[dict[str, Any]]:
    if not period.placebos or not case.data.calendar.monthly:
        return
    legs = case.chapters(period.window)
    detection = _calibrated(case, legs, [case.chapters(window) for window in period.placebos], ask.fdr)
    if detection is None:
        return
    codes = sorted({code[:2] for code in found.data.products})
    for cell in np.flatnonzero(detection.tested):
        hub, chapter = found.data.countries[legs.hub[cell]], codes[legs.product[cell]]
        if ask.hub and hub not in ask.hub:
            continue
        if ask.product and not any(code.startswith(chapter) for code in ask.product):
            continue
        expected = float(legs.expected[cell])
        yield {
            "hub": hub,
            "hub_name": countries.name(hub, ask.lang),
            "chapter": chapter,
            "chapter_name": products.chapter_name(chapter),
            "period": period.label,
            "observed": float(legs.observed[cell]),
            "expected": expected,
            "ratio": float(legs.observed[cell]) / expected if expected > legs.floor else None,
            "q": float(detection.q[cell]),
            "risen": "yes" if detection.q[cell] <= ask.fdr else "no",
        }


def _calibrated(case: Case, legs: dd.Legs, placebos: list[dd.Legs], fdr: float) -> dd.Detection | None:
    """Score the chapters where a false-discovery rate can be read off the placebo windows; else None."""
    if np.unique(legs.product[legs.large]).size < LEAST_CHAPTERS:
        return None
    if min(int(one.large.sum()) for one in placebos) * fdr < DECOYS_AT_LEVEL / 2:
        return None
    size = int(case.data.groups(2).max()) + 1
    # With few cells a trial step of a fit may overflow; it is then not taken.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return dd.detect(legs, placebos, groups=np.arange(size))
