"""Headline figures of a brief, and what moved between two briefs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isclose, isfinite
from typing import Any, Literal

from entrepot.report.formats import MISSING_WORDS, format_value, is_numeric, unit_of
from entrepot.report.tables import row_header
from entrepot.result import Column, Result, Table

HEADLINE_ROWS = 5

# A brief to another year asks the same questions.
_OF_A_YEAR = re.compile(r": (Share )?\d{4}$")
_YEAR = re.compile(r" --(until|year|at) \S+")

ChangeKind = Literal["moved", "new", "gone"]


@dataclass(frozen=True, slots=True)
class Change:
    """One headline figure that is not what it was."""

    question: str
    label: str
    before: str
    after: str
    unit: str
    kind: ChangeKind


def headlines(result: Result) -> list[dict[str, Any]]:
    """Return the figures of a result that a later brief is compared with.

    Returns
    -------
    list of dict
        ``question, label, value, unit, text`` for the numeric columns of the first rows of the
        table laid out for reading; ``value`` is null where it was not observed.
    """
    table = result.display
    named = row_header(table)
    numeric = [column for column in table.columns if is_numeric(column)]
    out: list[dict[str, Any]] = []
    for i, row in enumerate(table.data.slice(0, HEADLINE_ROWS).to_pylist()):
        name = (
            format_value(row[table.columns[named].name], table.columns[named])
            if named is not None
            else f"row {i + 1}"
        )
        out += [_headline(result.question, table, name, column, row[column.name]) for column in numeric]
    return out


def _headline(question: str, table: Table, name: str, column: Column, value: Any) -> dict[str, Any]:
    if isinstance(value, float) and not isfinite(value):
        value = None
    text = format_value(value, column)
    return {
        "question": question, "label": f"{name}: {column.label}", "value": value, "unit": unit_of(column),
        "text": MISSING_WORDS if value is None else text,
    }  # fmt: skip


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Return the headline figures that differ between two manifests, in the order of the later one.

    Parameters
    ----------
    before, after : mapping
        Content of two ``*.manifest.json`` files. Figures of the same question, whatever its last year, with
        the same label and unit are compared.
    """
    old, new = _by_key(before), _by_key(after)
    changes = [_change(old.get(key), item) for key, item in new.items() if _differs(old.get(key), item)]
    changes += [_gone(item) for key, item in old.items() if key not in new]
    # A year that only one of the briefs shows is no change.
    return [change for change in changes if change.kind == "moved" or not _OF_A_YEAR.search(change.label)]


def _by_key(manifest: Mapping[str, Any]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    return {
        (_YEAR.sub("", result["command"]), item["label"], item["unit"]): item
        for result in manifest.get("results", ())
        for item in result.get("headlines", ())
    }


def _differs(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> bool:
    if old is None:
        return True
    a, b = old["value"], new["value"]
    if a is None or b is None:
        return a is not b
    return not isclose(a, b, rel_tol=1e-6, abs_tol=1e-12)


def _change(old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> Change:
    before = old["text"] if old else "not in the brief"
    return Change(new["question"], new["label"], before, new["text"], new["unit"], "moved" if old else "new")


def _gone(old: Mapping[str, Any]) -> Change:
    return Change(old["question"], old["label"], old["text"], "not in the brief", old["unit"], "gone")
