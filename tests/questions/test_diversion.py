"""Diversion on the embedded pack: the import-ban form, and what the options and errors say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

import entrepot as ep
from entrepot.cli import app
from entrepot.errors import DataError, InputError
from entrepot.measures.loader import load_catalogue
from entrepot.questions.diversion import diversion
from entrepot.report.charts import spec
from entrepot.result import Result
from entrepot.store.store import Store, open_store


@pytest.fixture(scope="module")
def pack() -> Store:
    return open_store()


@pytest.fixture(scope="module")
def gold(pack: Store) -> Result:
    return diversion(pack, "RUS", form="import-ban", product=["gold", "crude"])


def row(result: Result, **keys: str) -> dict[str, Any]:
    found = [r for r in result.table.to_pylist() if all(r[name] == value for name, value in keys.items())]
    assert len(found) == 1
    return found[0]


def test_gold_went_to_armenia_and_on_to_the_emirates(gold: Result) -> None:
    """METHODS 3: on the embedded pack RUS -> ARM -> ARE for gold, RUS -> IND for crude."""
    armenia = row(gold, product="710812", hub="ARM", period="2024")
    assert armenia["observed"] == pytest.approx(5.9e9, rel=0.01)
    assert armenia["expected"] < 0.02 * armenia["observed"]
    assert armenia["observed"] > armenia["expected_high"] > armenia["expected"]
    assert armenia["verdict"] == "passed on to third markets, needs review"
    assert gold.finding.startswith("Armenia bought 5.90 bn USD")
    markets = [r for r in gold.part("onward").data.to_pylist() if (r["hub"], r["period"]) == ("ARM", "2024")]
    assert markets[0]["market"] == "ARE"
    assert markets[0]["after"] == pytest.approx(3.99e9, rel=0.01)
    assert markets[0]["before"] < 2e6
    assert markets[0]["sender"] == "no"


def test_crude_to_india_was_redirected(gold: Result) -> None:
    india = row(gold, product="270900", hub="IND", period="2023")
    assert india["observed"] == pytest.approx(48.6e9, rel=0.01)
    assert india["verdict"] == "redirected, not diverted"
    assert "energy" in india["explanations"]
    assert (india["diverted_low"], india["diverted_high"]) == (0.0, pytest.approx(0.0, abs=1e7))


def test_the_pack_calibrates_no_rate_and_says_so(gold: Result) -> None:
    """74 goods by year leave too few cells: decoys and the least q are printed, and no q is claimed."""
    assert set(gold.table.column("q").to_pylist()) == {None}
    assert "q" not in [column.name for column in gold.display.columns]
    assert "q <=" not in gold.finding
    said = [note.text for note in gold.notes if "not calibrated" in note.text]
    assert [text[:4] for text in said] == ["2022", "2023", "2024"]
    for text in said:
        found = re.search(r"\(([\d,]+) placebo cells, at best q >= (0\.\d\d)\)", text)
        assert found is not None
        assert int(found[1].replace(",", "")) > 900
        assert float(found[2]) > 0.05
        assert "would be by chance" in text


def test_an_unseen_buyer_is_not_observed_and_never_zero(gold: Result, pack: Store) -> None:
    """Neither Russia nor the Emirates published 2024."""
    table = {(r["hub"], r["period"]): r for r in gold.part("hubs").data.to_pylist()}
    emirates = table["ARE", "2024"]
    assert [emirates[name] for name in ("cells", "observed", "excess", "diverted_high")] == [None] * 4
    assert emirates["hub_reports"] == "no own reports in 2024"
    assert not any((r["hub"], r["period"]) == ("ARE", "2024") for r in gold.table.to_pylist())
    assert any("not observed" in n.text and "United Arab Emirates" in n.text for n in gold.notes)
    paths = diversion(pack, "RUS", form="import-ban", product="gold", hub="ARE").figures[1].data.to_pylist()
    drawn = {r["period"]: r["observed"] for r in paths if r["hub"] == "ARE"}
    assert drawn[2023] == pytest.approx(2.52e9, rel=0.01)
    assert drawn[2024] is None
    only = diversion(pack, "RUS", form="import-ban", hub="AFG")
    assert only.table.num_rows == 0
    assert "were not observed" in only.finding


def test_only_goods_under_a_measure_are_shown(gold: Result, pack: Store) -> None:
    with pytest.raises(DataError, match=r"HS 260111\) under the import bans of the EU on Russia"):
        diversion(pack, "RUS", form="import-ban", product="260111")
    assert {"710812", "270900"} == set(gold.table.column("product").to_pylist())
    assert all(r["measures"] for r in gold.table.to_pylist())


def test_the_command_of_a_row_gives_that_row(gold: Result, pack: Store, tmp_path: Path) -> None:
    armenia = row(gold, product="710812", hub="ARM", period="2024")
    out = tmp_path / "row.csv"
    with pytest.raises(SystemExit, match="0"):
        app([*shlex.split(armenia["command"])[1:], "--out", str(out)])
    lines = out.read_text(encoding="utf-8").splitlines()
    mine = [line for line in lines if ",ARM," in line and ",2024," in line]
    assert len(mine) == 1
    assert str(int(armenia["observed"])) in mine[0]
    again = eval(gold.how.python, {"ep": ep})
    assert again.table.equals(gold.table)


def test_the_evidence_row_has_everything(gold: Result) -> None:
    armenia = row(gold, product="710812", hub="ARM", period="2024")
    assert "Regulation 833/2014" in armenia["measures"]
    assert "from 2022-" in armenia["measures"]
    assert re.match(
        r"A purchases up; B onward (down|same); B other markets up; C direct down", armenia["legs"]
    )
    assert armenia["ratio"] == pytest.approx(armenia["observed"] / armenia["expected"], rel=1e-3)
    assert armenia["ratio_low"] == pytest.approx(armenia["observed"] / armenia["expected_high"], rel=1e-3)
    assert armenia["diverted_low"] == 0.0
    assert armenia["in_force"] == 1.0
    assert armenia["decoys"] > 900


def test_the_charts_are_drawn_the_event_study_first(gold: Result) -> None:
    assert [figure.name for figure in gold.figures] == ["event", "hubs"]
    for figure in gold.figures:
        assert spec(figure)["layer"]
    event = {(r["series"], r["step"]): r for r in gold.part("event").data.to_pylist()}
    assert event["direct", 2]["upper"] < 1.0
    assert event["to third countries", 2]["effect"] > 1.0
    assert "Armenia" in gold.figures[1].alt


def test_export_bans_on_the_pack_stand_out_no_more_than_chance(pack: Store) -> None:
    answer = diversion(pack, "RUS")
    found = re.search(
        r"(\d+) of ([\d,]+) purchases .* stand out, about (\d+) would by chance", answer.finding
    )
    assert found is not None
    assert int(found[1]) <= int(found[3])


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"form": "ban"}, InputError, "export-ban"),
        ({"bound": "middle"}, InputError, "upper"),
        ({"fdr": 0.0}, InputError, "fdr cannot be 0.0"),
        ({"fdr": 0.6}, InputError, "at most 0.5"),
        ({"baseline": (2021, 2019)}, InputError, "2021"),
        ({"baseline": (2023, 2024)}, InputError, "holds no year before the first measure"),
        ({"sender": "NOR"}, InputError, "NOR"),
        ({"sender": "Atlantis"}, InputError, "Atlantis"),
        ({"table": "reports"}, Exception, "reports"),
        ({"table": "trade"}, InputError, "flows"),
        ({"hubs": ["Atlantis"]}, InputError, "Atlantis"),
        ({"product": "unobtainium"}, InputError, "unobtainium"),
        ({"until": 2021}, DataError, "nothing|no data"),
    ],
)
def test_what_cannot_be_asked(
    pack: Store, options: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        diversion(pack, "RUS", **options)


def test_a_target_without_measures_is_refused(pack: Store) -> None:
    with pytest.raises(DataError, match="DEU"):
        diversion(pack, "DEU")


def test_blocs_stand_for_their_members_among_hubs(pack: Store) -> None:
    answer = diversion(pack, "RUS", form="import-ban", hubs=["eaeu", "IND"], product="gold")
    assert {"ARM", "KAZ"} <= {r["hub"] for r in answer.part("hubs").data.to_pylist()} <= {
        "ARM", "BLR", "KAZ", "KGZ", "IND",
    }  # fmt: skip


def test_every_sender_together(pack: Store) -> None:
    everyone = diversion(pack, "RUS", sender="all", form="import-ban", product="gold", hub="ARM")
    assert "Canada and the EU" in everyone.subtitle
    assert everyone.how.parameters["sender"] == ["CAN", "EU"]


def test_the_stamp_is_that_of_the_catalogue(gold: Result) -> None:
    held = load_catalogue().instrument["eu-833-2014"].as_of
    assert f"catalogue as of {held}" in gold.subtitle
    assert "9999-12-31" not in gold.to_json()
