from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from entrepot.errors import InputError, StoreError
from entrepot.report import tables
from entrepot.result import Column, Result, Table

from . import conftest as sample


def printed(result: Result, width: int = 100, **options: bool) -> str:
    out = io.StringIO()
    tables.print_result(result, Console(file=out, width=width, highlight=False), **options)
    return out.getvalue()


def test_html_stays_as_it_is(snapshot: SnapshotAssertion) -> None:
    assert (
        tables.table_html(sample.table(), caption="Finding", subtitle="USD million", max_rows=2) == snapshot
    )


def test_html_has_heads_with_scope_and_escapes_the_data() -> None:
    page = tables.table_html(sample.table())
    assert page.count('scope="col"') == 5
    assert page.count('scope="row"') == 3
    assert "Country &lt;0&gt;" in page
    assert "<0>" not in page
    assert "Partners &amp; shares" in page


def test_html_says_what_n_o_means_only_where_it_is_printed() -> None:
    assert "n/o = not observed" in tables.table_html(sample.table())
    assert "not observed" not in tables.table_html(sample.table(1))


def test_latex_stays_as_it_is(snapshot: SnapshotAssertion) -> None:
    latex = tables.table_latex(sample.table(), caption="A & B", subtitle="50%")
    assert latex == snapshot
    assert "\u202f" not in latex


def test_the_terminal_prints_finding_table_notes_sources_and_command(snapshot: SnapshotAssertion) -> None:
    assert printed(sample.result()) == snapshot


def test_the_terminal_prints_25_rows_unless_all_are_asked_for() -> None:
    long = sample.result(rows=30)
    assert "25 of 30 rows" in printed(long)
    assert "Country <29>" not in printed(long)
    assert "Country <29>" in printed(long, all_rows=True)


def test_a_narrow_terminal_never_cuts_a_number_or_a_name() -> None:
    text = printed(sample.result(), width=60)
    for words in ("\u22123\u202f703.7", "50.0", "000002", "2022-01-01", "Country"):
        assert words in text
    assert "…" not in text


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True, highlight=False)
    tables.print_result(sample.result(), console)
    assert "\x1b[3" not in out.getvalue()


def test_brackets_in_data_are_printed_not_obeyed() -> None:
    data = pa.table({"value": ["[red]gold[/red]"]})
    out = io.StringIO()
    tables.print_rows(["Value"], [["[red]gold[/red]"]], Console(file=out, width=60))
    assert "[red]gold[/red]" in out.getvalue()
    assert "[red]" in tables.table_html(Table("t", "T", data, (Column("value", "Value"),)))


def digest(values: list[float | None], name: str = "value") -> str:
    columns = (Column(name, "Value", "USD", "decimal"),)
    return tables.table_hash(Table("t", "T", pa.table({name: pa.array(values, pa.float64())}), columns))


NUMBERS = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(NUMBERS, min_size=1).flatmap(lambda rows: st.tuples(st.just(rows), st.permutations(rows))))
def test_the_hash_does_not_depend_on_row_order(pair: tuple[list[float | None], list[float | None]]) -> None:
    assert digest(pair[0]) == digest(pair[1])


def test_the_hash_sees_values_names_and_gaps_but_not_the_last_bits() -> None:
    assert digest([0.1 + 0.2]) == digest([0.3])
    assert digest([-0.0]) == digest([0.0])
    assert len({digest([1.0]), digest([1.0001]), digest([None]), digest([0.0]), digest([1.0], "x")}) == 5


@pytest.mark.parametrize("suffix", tables.SUFFIXES)
def test_every_format_is_written(tmp_path: Path, suffix: str, sample: Result) -> None:
    path = sample.save(tmp_path / f"answer{suffix}")
    assert path.stat().st_size > 100
    assert list(tmp_path.iterdir()) == [path]


def test_csv_leaves_a_gap_empty(tmp_path: Path) -> None:
    lines = sample.result().save(tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "partner,code,since,value,share"
    assert lines[2] == "Country <1>,000001,2022-01-01,,"


def test_parquet_carries_its_sources(tmp_path: Path) -> None:
    table = pq.read_table(sample.result().save(tmp_path / "a.parquet"))
    about = json.loads(table.schema.metadata[b"entrepot"])
    assert about["sources"][0]["producer"] == "Sample Office"
    assert table.column("value").null_count == 1


def test_an_unknown_suffix_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"use one of: \.csv") as caught:
        sample.result().save(tmp_path / "answer.xlsx")
    assert caught.value.exit_code == 2


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "answer.csv"
    path.write_text("before", encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="no space left"):
        sample.result().save(path)
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]
