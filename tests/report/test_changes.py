from __future__ import annotations

import copy

from entrepot.report.brief import Brief
from entrepot.report.changes import compare, headlines

from . import conftest as sample


def test_headlines_carry_value_unit_and_words() -> None:
    found = headlines(sample.result(rows=9))
    assert len(found) == 10
    assert found[0] == {
        "question": "direction",
        "label": "Country <0>: Exports 2023",
        "value": -1234.56,
        "unit": "USD million",
        "text": "\u22121\u202f234.6",
    }
    assert found[2]["value"] is None
    assert found[2]["text"] == "not observed"


def test_a_brief_does_not_differ_from_itself(brief: Brief) -> None:
    assert compare(brief.manifest, brief.manifest) == []


def test_what_moved_came_or_went_is_listed(brief: Brief) -> None:
    old = copy.deepcopy(brief.manifest)
    figures = old["results"][0]["headlines"]
    figures[0].update(value=1.0, text="1.0")
    figures[2].update(value=7.0, text="7.0")
    # Figures that only one brief shows: of a year they are no news, of anything else they are.
    figures[3]["label"] = "Country of old: Share 2023"
    figures.append({**figures[0], "label": "Country of old: Codes", "text": "5"})
    kinds = [(change.kind, change.before, change.after) for change in compare(old, brief.manifest)]
    assert kinds == [
        ("moved", "1.0", "\u22121\u202f234.6"),
        ("moved", "7.0", "not observed"),
        ("gone", "5", "not in the brief"),
    ]


def test_rounding_noise_is_no_change(brief: Brief) -> None:
    old = copy.deepcopy(brief.manifest)
    old["results"][0]["headlines"][0]["value"] *= 1 + 1e-9
    assert compare(old, brief.manifest) == []
