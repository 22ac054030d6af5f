from __future__ import annotations

import pytest

from entrepot.report import palette
from entrepot.world import blocs


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_group_of_the_meeting_has_its_own_colour() -> None:
    ids = [group.id for group in blocs.partition_groups("meeting")]
    assert set(ids) == set(palette.BLOC_COLOURS)
    assert len(set(palette.BLOC_COLOURS.values())) == len(ids)


def test_blocs_keep_their_colour_whoever_stands_beside_them() -> None:
    assert palette.colours_for(["x", "eu"])["eu"] == palette.colours_for(["eu", "eaeu", "y"])["eu"]
    assert palette.colour_for("eu") == palette.BLOC_COLOURS["eu"]


def test_unknown_series_are_distinct_and_take_no_bloc_colour_in_use() -> None:
    colours = palette.colours_for(["eu", *"abcdef"])
    assert len(set(colours.values())) == 7
    assert palette.colour_for("anything") == palette.colour_for("anything")


@pytest.mark.parametrize(("tokens"), [palette.LIGHT, palette.DARK])
def test_text_stands_out_by_wcag_aa(tokens: dict[str, str]) -> None:
    assert contrast(tokens["ink"], tokens["paper"]) >= 7
    assert contrast(tokens["muted"], tokens["paper"]) >= 4.5


def test_series_colours_stand_out_on_the_dark_page() -> None:
    assert set(palette.DEFAULT) | set(palette.BLOC_COLOURS.values()) <= set(palette.DARK_SERIES)
    for shade in palette.DARK_SERIES.values():
        assert contrast(shade, palette.DARK["paper"]) >= 3


def test_words_on_a_colour_are_legible() -> None:
    for colour in palette.DARK_SERIES:
        assert contrast(palette.ink_on(colour), colour) >= 3.9


def test_both_themes_define_the_same_tokens() -> None:
    assert set(palette.LIGHT) == set(palette.DARK)


def test_labels_are_those_of_groups_and_countries() -> None:
    assert palette.label_for("eaeu") == "EAEU"
    assert palette.label_for("BLR") == "Belarus"
    assert palette.label_for("something") == "something"
