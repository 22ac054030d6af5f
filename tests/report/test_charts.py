from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import altair
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from entrepot.errors import InputError, StoreError
from entrepot.report import charts, palette
from entrepot.report.chart_parts import dodge, nice_domain, round_break, wrap
from entrepot.result import Figure

from . import conftest as sample

BY_KIND = {figure.kind: figure for figure in sample.FIGURES}


def rows_of(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all inline rows of a chart, at any depth."""
    found = (
        list(spec.get("data", {}).get("values", []))
        if isinstance(spec.get("data", {}).get("values"), list)
        else []
    )
    for layer in spec.get("layer", []):
        found += rows_of(layer)
    return found


def without_stripes(value: Any) -> Any:
    """Return a chart with each striped fill named, not spelled out."""
    if isinstance(value, dict):
        return "hatch" if "gradient" in value else {key: without_stripes(item) for key, item in value.items()}
    return [without_stripes(item) for item in value] if isinstance(value, list) else value


def words_of(spec: dict[str, Any]) -> list[str]:
    return [str(row["text"]).replace("\n", " ") for row in rows_of(spec) if "text" in row]


def test_every_kind_is_drawn() -> None:
    assert set(BY_KIND) == set(charts.DRAW)


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_specs_stay_as_they_are(kind: str, snapshot: SnapshotAssertion) -> None:
    assert without_stripes(charts.spec(BY_KIND[kind])) == snapshot


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_altair_finds_the_spec_valid(kind: str) -> None:
    assert isinstance(charts.chart(BY_KIND[kind]), altair.TopLevelMixin)


@pytest.mark.parametrize("kind", ["slope", "bar", "net", "bounds", "waterfall"])
def test_what_was_not_observed_is_said(kind: str) -> None:
    assert any("not observed" in words for words in words_of(charts.spec(BY_KIND[kind])))


@pytest.mark.parametrize("kind", ["area", "bar", "net", "bounds", "waterfall", "map"])
def test_what_was_not_observed_is_hatched(kind: str) -> None:
    assert '"gradient"' in json.dumps(charts.spec(BY_KIND[kind]))


def test_a_stack_leaves_out_what_was_not_observed_and_names_it() -> None:
    drawn = charts.spec(sample.AREA)
    stacked = [row for row in rows_of(drawn) if "v1" in row]
    assert [(row["x"], row["series"]) for row in stacked if row["x"] >= 2022] == [(2022, "eu"), (2023, "eu")]
    assert {row["v1"] for row in stacked if row["x"] == 2021} == {4.0, 6.0}
    assert {row["s1"] for row in stacked if row["x"] == 2021} == {0.66667, 1.0}
    assert "EAEU (not observed from 2022)" in words_of(drawn)


def test_the_switch_to_shares_is_there_only_when_asked_for() -> None:
    plain = Figure(**{**{f: getattr(sample.AREA, f) for f in Figure.__dataclass_fields__}, "options": {}})
    assert charts.spec(sample.AREA)["params"] == [{"name": "mode", "value": "value"}]
    assert charts.spec(plain)["params"] == []


def test_a_line_breaks_at_a_gap() -> None:
    runs = {row["x"]: row["run"] for row in rows_of(charts.spec(sample.LINE)) if "run" in row}
    assert runs[0] != runs[2]
    assert 1 not in runs


def test_a_waterfall_ends_where_its_steps_lead_and_stops_where_one_is_unknown() -> None:
    rows = {row["label"]: row for row in rows_of(charts.spec(sample.WATERFALL)) if "tone" in row}
    assert (rows["Offset"]["from"], rows["Offset"]["to"]) == (100.0, 45.0)
    assert rows["Cycles"]["value"] is None
    assert rows["Net"]["from"] == 0.0


def test_an_open_measure_runs_to_the_edge() -> None:
    rows = {row["name"]: row for row in rows_of(charts.spec(sample.CALENDAR)) if "name" in row}
    opened = next(row for name, row in rows.items() if "3m" in name)
    closed = next(row for name, row in rows.items() if "3a" in name)
    assert (opened["to"], opened["open"], opened["until"]) == ("2023-12-31", True, "still in force")
    assert (closed["to"], closed["open"]) == ("2022-08-10", False)


def test_the_map_classes_are_symmetric_and_the_legend_names_the_gaps() -> None:
    entries = charts.legend(sample.MAP)
    assert [label for label, _ in entries][-2:] == ["not observed", "not in the data"]
    assert "Singapore" in charts.caption(sample.MAP)
    assert charts.caption(sample.AREA) == ""


def test_treemap_areas_are_proportional_to_values() -> None:
    rows = charts.spec(sample.TREEMAP)["data"]["values"]
    areas = {row["label"]: (row["x1"] - row["x0"]) * (row["y1"] - row["y0"]) for row in rows}
    assert areas["Crude oil"] / areas["Gold"] == pytest.approx(6.0, rel=1e-3)


def test_a_legend_is_given_only_where_the_chart_does_not_name_its_series() -> None:
    assert [label for label, _ in charts.legend(sample.BAR)] == ["EU", "EAEU"]
    assert charts.legend(sample.AREA) == []


def test_names_in_the_rows_win_over_codes() -> None:
    data = {"year": [2020, 2021], "id": ["q1", "q1"], "name": ["Crude oil"] * 2, "value": [1.0, 2.0]}
    named = sample.figure("n", "line", data, {"x": "year", "y": "value", "series": "id", "label": "name"})
    assert "Crude oil" in words_of(charts.spec(named))


@pytest.mark.parametrize("kind", sorted(BY_KIND))
def test_a_figure_with_nothing_observed_is_still_drawn(kind: str) -> None:
    figure = BY_KIND[kind]
    numeric = {figure.encode[role] for role in ("y", "value", "lower", "upper") if role in figure.encode}
    columns = {
        name: pa.nulls(figure.data.num_rows, pa.float64()) if name in numeric else figure.data.column(name)
        for name in figure.data.column_names
    }
    empty = sample.figure(figure.name, kind, columns, dict(figure.encode), **figure.options)
    assert charts.spec(empty)["layer"]


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="unknown kind of figure 'pie'"):
        charts.spec(sample.figure("p", "pie", {"a": [1]}, {"label": "a"}))


@pytest.mark.parametrize("suffix", [".svg", ".png", ".json", ".csv"])
def test_a_figure_is_saved_with_title_and_source(tmp_path: Path, suffix: str) -> None:
    path = charts.save_figure(sample.NET, tmp_path / f"net{suffix}", (sample.SOURCE,))
    content = path.read_bytes()
    if suffix == ".png":
        assert content.startswith(b"\x89PNG")
    elif suffix == ".csv":
        assert content == b"country,net\nRussia,18.2\nBelarus,-12.4\nTajikistan,\n"
    else:
        assert b"net finds" in content
        assert b"Sample Office" in content
        assert b"var(--" not in content


def test_saving_says_what_went_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be '\.gif'"):
        charts.save_figure(sample.NET, tmp_path / "net.gif")
    with pytest.raises(StoreError, match="cannot write"):
        charts.save_figure(sample.NET, tmp_path / "nowhere" / "net.csv")


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 0.1)), min_size=1, max_size=9),
)
def test_dodged_labels_never_overlap_and_keep_their_order(labels: list[tuple[float, float]]) -> None:
    wanted, sizes = [w for w, _ in labels], [s for _, s in labels]
    places = dodge(wanted, sizes, 0.0, 1.0)
    order = sorted(range(len(labels)), key=lambda i: wanted[i])
    for a, b in pairwise(order):
        assert places[b] - places[a] >= (sizes[a] + sizes[b]) / 2 - 1e-5
    assert min(p - s / 2 for p, s in zip(places, sizes, strict=True)) >= -1e-5
    assert max(p + s / 2 for p, s in zip(places, sizes, strict=True)) <= 1 + 1e-5


@given(st.lists(st.floats(-1e9, 1e9), min_size=1))
def test_an_axis_holds_all_its_values(values: list[float]) -> None:
    low, high = nice_domain(values)
    assert low <= min(values)
    assert high >= max(values)
    assert low < high


@given(st.floats(1e-6, 1e12))
def test_a_rounded_break_is_near(value: float) -> None:
    assert round_break(value) == pytest.approx(value, rel=0.26)
    assert round_break(-value) == -round_break(value)


def test_long_labels_are_broken_and_shortened() -> None:
    assert wrap("", 10) == ""
    assert wrap("one two three four five", 9, 2) == "one two\nthree …"


def test_what_rounds_to_nil_has_no_sign_on_the_map() -> None:
    rows = pa.table({"iso3": ["BLR", "UKR", "KAZ", "CHN"], "value": [0.43, -0.02, -0.003, 0.001]})
    options = {"scale": "diverging", "nil": 0.005}
    figure = Figure("m", "map", "t", "s", "a", rows, {"iso3": "iso3", "value": "value"}, options)
    text = json.dumps(charts.spec(figure))
    neutral = [name for name, colour in charts.legend(figure) if colour == palette.NEUTRAL]
    assert len(neutral) == 1
    assert "0.005" in neutral[0]
    assert palette.NEUTRAL in text


def test_a_scatter_names_no_two_points_in_one_place_and_says_what_has_none() -> None:
    drawn = charts.spec(sample.SCATTER)
    named = [row["text"] for row in rows_of(drawn) if "beside" in row]
    assert sorted(set(named)) == ["India", "Kazakhstan"]
    assert "not observed: Chad" in words_of(drawn)


def test_names_in_a_scatter_never_overlap() -> None:
    crowd = pa.table({"label": [f"Country {i}" for i in range(40)], "x": [1.0] * 40, "y": [2.0] * 40})
    figure = Figure("f", "scatter", "t", "s", "a", crowd, {"label": "label", "x": "x", "y": "y"})
    assert len({row["text"] for row in rows_of(charts.spec(figure)) if "beside" in row}) == 1


def test_a_network_fills_what_is_made_and_draws_every_edge() -> None:
    layers = charts.spec(sample.NETWORK)["layer"]
    assert [len(layer["data"]["values"]) for layer in layers[:3]] == [2, 1, 2]
    assert [row["label"] for row in layers[1]["data"]["values"]] == ["Bicycles"]


def test_each_strip_has_its_own_scale_and_breaks_where_nothing_was_observed() -> None:
    rows = [row for row in rows_of(charts.spec(sample.STRIPS)) if "run" in row]
    tops = {
        name: max(row["y"] for row in rows if row["series"] == name and row["y"]) for name in ("KAZ", "ARM")
    }
    assert tops["KAZ"] == pytest.approx(tops["ARM"] + 1.0)
    assert len({row["run"] for row in rows if row["series"] == "ARM"}) == 2


def test_cards_are_text_on_the_page_and_escaped() -> None:
    html = charts.as_html(sample.CARDS)
    assert "Vehicles &amp; parts" in html
    assert html.count("<dt>") == 1  # A measure that was not observed is left out of its card.
    assert charts.as_html(sample.AREA) == ""
