"""The command line as people use it: words in, tables out, one clear line when something is wrong."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from entrepot.cli import main
from entrepot.store.store import PACK


def run(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_direction_prints_the_turn_to_india(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    code, out, err = run(
        ["direction", "RUS", "--product", "270900", "--by", "partner", "--since", "2021"], capsys
    )
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line[:5].strip() in ("IND", "DEU")}
    india = [word.replace("\u202f", "").replace("\u2009", "") for word in rows["IND"].split()]
    germany = rows["DEU"].split()
    assert [round(float(value), 1) for value in india[2:5]] == [0.9, 25.5, 48.6]
    assert [round(float(value), 1) for value in germany[2:5]] == [10.3, 13.2, 0.0]
    assert "CEPII" in out
    assert "entrepot direction RUS --product 270900" in out


def test_belarus_crude_carries_the_reporting_warning(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["direction", "Беларусь", "--product", "crude oil", "--flow", "imports"], capsys)
    assert code == 0
    text = " ".join(out.split())
    assert "not observed in 2022 to 2024" in text
    assert "cannot be seen" in text


# Scope rows and distinct codes in force on five dates, METHODS section 2.
@pytest.mark.parametrize(
    ("day", "rows", "codes"),
    [
        ("2021-12-31", 26, 26),
        ("2022-06-01", 372, 351),
        ("2023-12-31", 399, 367),
        ("2025-07-01", 436, 401),
        ("2025-09-01", 1334, 1157),
    ],
)
def test_coverage_counts_canadas_scope(day: str, rows: int, codes: int, tmp_path: Path) -> None:
    out = tmp_path / "coverage.json"
    assert main(["coverage", "RUS", "--sender", "CAN", "--at", day, "--out", str(out)]) == 0
    table = json.loads(out.read_text())["tables"]["coverage"]
    names = [column["name"] for column in table["columns"]]
    totals = [row for row in table["rows"] if row[names.index("direction")] == "all"]
    assert [(row[names.index("scope_rows")], row[names.index("codes")]) for row in totals] == [(rows, codes)]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "json", "html", "tex"])
def test_out_writes_the_format_of_the_suffix(
    suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / f"oil.{suffix}"
    code, out, _ = run(
        ["direction", "RUS", "--product", "2709", "--since", "2022", "--out", str(target)], capsys
    )
    assert code == 0
    assert out.strip() == str(target)
    assert target.stat().st_size > 500
    if suffix == "parquet":
        import pyarrow.parquet as pq

        assert pq.read_table(target).column_names[:4] == ["year", "partner", "label", "value"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["direction", "Atlantis"], 2, "Atlantis"),
        (["direction", "Belarsu"], 2, "did you mean"),
        (["direction", "RUS", "--product", "crude oyl"], 2, "did you mean"),
        (["direction", "RUS", "--product", "301"], 2, "0301"),
        (["direction", "RUS", "--by", "colour"], 2, "partner"),
        (["direction", "RUS", "--since", "next year"], 2, "since"),
        (["direction", "RUS", "--since", "2024", "--until", "2020"], 2, "before it begins"),
        (["direction", "VAT", "--product", "270900"], 1, "no data"),
        (["direction", "RUS", "--out", "oil.docx"], 2, "csv"),
        (["direction", "RUS", "--store", "/nowhere/at/all"], 1, "not an entrepot store"),
        (["coverage", "RUS", "--at", "31.12.2022"], 2, "YYYY-MM-DD"),
        (["coverage", "RUS", "--sender", "CAN", "--at", "2001-01-01"], 1, "2014"),
        (["coverage", "CHE"], 1, "CHE"),
        (["coverage", "RUS", "--over", "2020:soon"], 2, "FIRST:LAST"),
        (["agreement", "no-such-scenario"], 2, "no-such-scenario"),
        (["agreement", "west-russia-ban", "--theta", "3,x"], 2, "3,5,8"),
        (["agreement", "west-russia-ban", "--theta", "-3"], 2, "positive"),
        (["agreement", "west-russia-ban", "--draws", "0", "--focus", "ARM"], 1, "Armenia"),
        (["settlements", "BLR"], 2, "at least two"),
        (["settlements", "BLR", "Narnia"], 2, "Narnia"),
        (["brief", "BLR", "--lang", "xx"], 2, "language"),
        (["brief", "BLR", "--draws", "-1"], 2, "negative"),
        (["brief", "BLR", "--out", "brief.txt"], 2, ".html"),
        (["reproduce", "/nowhere.json"], 1, "nowhere.json"),
        (["blocs", "EUU"], 2, "EUU"),
        (["no-such-command"], 2, "no-such-command"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_a_hint(
    words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    got, out, err = run(words, capsys)
    assert got == code
    assert out == ""
    lines = err.splitlines()
    assert said in err
    assert len(lines) == 2
    assert lines[0].startswith("entrepot: ")
    assert lines[1].startswith("  hint: ")


def test_part_prints_and_writes_a_further_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["direction", "RUS", "--product", "270900", "--since", "2021"]
    assert "--part market-share" in run(words, capsys)[1]
    code, out, _ = run([*words, "--part", "market-share"], capsys)
    assert code == 0
    assert "World growth" in out or "world growth" in out
    target = tmp_path / "parts.csv"
    assert run([*words, "--part", "price-volume", "--out", str(target)], capsys)[0] == 0
    assert target.read_text().startswith("part,value,share")
    assert run([*words, "--part", "prices"], capsys)[0] == 2


def test_a_time_line_takes_years_or_days(capsys: pytest.CaptureFixture[str]) -> None:
    for over in ("2021:2023", "2022-06-01,2023-06-01"):
        code, out, _ = run(["coverage", "RUS", "--sender", "CAN", "--over", over], capsys)
        assert code == 0
        again = next(line for line in out.splitlines() if line.strip().startswith("entrepot coverage"))
        assert f"--over {over}" in again


def test_scenarios_are_listed_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["agreement"], capsys)
    assert code == 0
    assert "west-russia-ban" in out
    target = tmp_path / "worth.csv"
    words = [
        "agreement",
        "eaeu-deeper",
        "--draws",
        "2",
        "--theta",
        "4",
        "--focus",
        "Беларусь",
        "--out",
        str(target),
    ]
    assert run(words, capsys)[0] == 0
    assert target.read_text().startswith("country,label,median,lower,upper,same_sign,worth,central,theta_4,")


def test_a_damaged_table_is_named_and_the_others_still_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    shutil.copytree(PACK, store)
    flows = next(store.glob("flows-*.parquet"))
    content = bytearray(flows.read_bytes())
    content[len(content) // 2] ^= 0xFF
    flows.write_bytes(content)
    code, out, err = run(["direction", "RUS", "--store", str(store)], capsys)
    assert (code, out) == (1, "")
    assert flows.name in err
    assert "damaged" in err
    assert main(["direction", "RUS", "--table", "industry_flows", "--store", str(store)]) == 0


def test_disk_full_leaves_the_old_page(tmp_path: Path) -> None:
    page = tmp_path / "brief.html"
    page.write_text("the old page")

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = subprocess.run(
        [sys.executable, "-m", "entrepot", "brief", "BLR", "--draws", "0", "--out", str(page)],
        capture_output=True,
        text=True,
        preexec_fn=small_disk,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("entrepot: ")
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr
    assert page.read_text() == "the old page"
    assert [path.name for path in tmp_path.iterdir()] == ["brief.html"]


def test_kill_while_writing_leaves_the_old_page(tmp_path: Path) -> None:
    page = tmp_path / "brief.html"
    page.write_text("the old page")
    for wait in (0.2, 0.6, 1.2):
        process = subprocess.Popen(
            [sys.executable, "-m", "entrepot", "brief", "BLR", "--draws", "0", "--out", str(page)]
        )
        time.sleep(wait)
        process.kill()
        process.wait()
        assert page.read_text() == "the old page" or page.read_text().rstrip().endswith("</html>")


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m entrepot direction RUS --all-rows | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.stdout


def test_help_names_every_question_in_the_order_of_the_meeting(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(["--help"], capsys)
    assert code == 0
    places = [
        out.index(f"│ {name} ")
        for name in ("brief", "direction", "coverage", "agreement", "settlements", "cite")
    ]
    assert places == sorted(places)


def test_no_colour_when_asked(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run(["settlements", "BLR", "RUS", "KAZ"], capsys)[1]


def test_cite_and_reproduce(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "kaz.html"
    assert run(["brief", "Kasachstan", "--draws", "0", "--out", str(page)], capsys)[0] == 0
    manifest = tmp_path / "kaz.manifest.json"
    code, out, _ = run(["cite", str(manifest)], capsys)
    assert code == 0
    assert "@misc{cepii_baci" in out
    assert "@software{entrepot" in out
    assert run(["reproduce", str(manifest)], capsys)[:2] == (
        0,
        "identical: every finding, figure, table and source\n",
    )

    assert run(["brief", "BLR", "--draws", "0", "--since", str(manifest)], capsys)[0] == 2

    content = json.loads(manifest.read_text())
    content["results"][0]["headlines"][0]["value"] += 1.0
    manifest.write_text(json.dumps(content))
    code, out, _ = run(["reproduce", str(manifest)], capsys)
    assert code == 1
    assert content["results"][0]["headlines"][0]["label"] in out

    content["results"][0]["table_sha256"] = "0" * 64
    manifest.write_text(json.dumps(content))
    code, out, _ = run(["reproduce", str(manifest)], capsys)
    assert code == 1
    assert "differs" in out


def test_a_manifest_that_lost_an_answer_is_not_identical(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "kaz.html"
    assert run(["brief", "KAZ", "--draws", "0", "--out", str(page)], capsys)[0] == 0
    manifest = tmp_path / "kaz.manifest.json"
    content = json.loads(manifest.read_text())
    del content["results"][1:]
    manifest.write_text(json.dumps(content))
    code, out, _ = run(["reproduce", str(manifest)], capsys)
    assert code == 1
    assert out == "manifest: its results were changed after it was written\n"


def test_the_environment_of_the_user_is_left_alone() -> None:
    before = dict(os.environ)
    assert main(["blocs"]) == 0
    assert dict(os.environ) == before
