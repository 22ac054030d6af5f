"""Codes move between revisions without losing a dollar that has a successor."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.errors import DataError
from entrepot.sources.convert import convert, shares
from entrepot.sources.dataset import Parsed
from entrepot.world.products import codes, correlation_map


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as found:
        yield found


def piece(connection: duckdb.DuckDBPyConnection, *flows: tuple[str, float, float | None]) -> Parsed:
    values = ", ".join(
        f"(2020, 'BLR', 'RUS', '{code}', {value}, {'NULL' if mass is None else mass})"
        for code, value, mass in flows
    )
    rows = connection.sql(
        f"SELECT * FROM (VALUES {values}) AS t(year, exporter, importer, product, value, quantity)"
    )
    return Parsed("mine", rows, (2020, 2020), None, "HS2017")


@pytest.mark.parametrize(("start", "end"), [("HS2017", "HS2022"), ("HS2022", "HS1992"), ("HS1992", "HS2007")])
def test_the_parts_of_every_code_add_up_to_one(start: str, end: str) -> None:
    for found in shares(start, end, {}).values():
        assert sum(found.values()) == pytest.approx(1, abs=1e-12)
        assert all(0 <= part <= 1 for part in found.values())


@given(st.dictionaries(st.sampled_from(codes("HS2022")[:400]), st.floats(0, 1e12), max_size=40))
@settings(max_examples=15, deadline=None)
def test_weights_keep_the_parts_adding_up(weights: dict[str, float]) -> None:
    for found in shares("HS2017", "HS2022", weights).values():
        assert sum(found.values()) == pytest.approx(1, abs=1e-9)


def test_value_and_mass_are_shared_and_the_share_is_noted(connection: duckdb.DuckDBPyConnection) -> None:
    split = [target for target, _ in correlation_map("HS2017", "HS2022")["441294"]]
    weights = {split[0]: 3.0, split[1]: 1.0}
    given_ = piece(connection, ("441294", 8.0, 4.0), ("270900", 24.0, None))
    found = convert(connection, given_, "HS2022", weights)
    rows = {row[3]: row[4:] for row in found.rows.fetchall()}
    assert rows == {split[0]: (6.0, 3.0), split[1]: (2.0, 1.0), "270900": (24.0, None)}
    assert found.revision == "HS2022"
    assert found.notes == (
        "mine: converted from HS2017 to HS2022; codes changed for 25.00% of the value, 25.00% was shared "
        "among several codes, 0.00% has no successor and was refused.",
    )


def test_codes_that_merge_are_added_up_and_an_unknown_mass_stays_unknown(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    into: dict[str, list[str]] = {}
    for source, targets in correlation_map("HS2017", "HS2022").items():
        if len(targets) == 1:
            into.setdefault(targets[0][0], []).append(source)
    target, sources = next((t, s) for t, s in into.items() if len(s) > 1)
    given_ = piece(connection, (sources[0], 1.0, 1.0), (sources[1], 2.0, None))
    assert convert(connection, given_, "HS2022").rows.fetchall() == [(2020, "BLR", "RUS", target, 3.0, None)]


def test_rows_without_a_successor_are_refused_and_counted(connection: duckdb.DuckDBPyConnection) -> None:
    found = convert(connection, piece(connection, ("999990", 1.0, None), ("270900", 3.0, 1.0)), "HS2022")
    assert found.rejects is not None
    assert found.rejects.fetchall() == [
        ("999990 has no successor in HS2022", None, "2020,BLR,RUS,999990,1.0,")
    ]
    assert "25.00% has no successor" in found.notes[-1]


def test_the_same_revision_is_left_alone_and_chapters_are_refused(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    same = piece(connection, ("270900", 1.0, None))
    assert convert(connection, same, "HS2017") is same
    with pytest.raises(DataError, match="other than six digits"):
        convert(connection, piece(connection, ("27", 1.0, None)), "HS2022")


def test_other_links_than_those_of_the_package_can_be_given(connection: duckdb.DuckDBPyConnection) -> None:
    given_ = piece(connection, ("441294", 8.0, 4.0), ("270900", 24.0, None))
    found = convert(connection, given_, "HS2022", successors={"441294": ("441251", "999999")})
    assert sorted(row[3:] for row in found.rows.fetchall()) == [("441251", 4.0, 2.0), ("999999", 4.0, 2.0)]
    assert "by the correlation tables of the store" in found.notes[0]
    assert [row[0] for row in found.rejects.fetchall()] == ["270900 has no successor in HS2022"]


def test_reports_are_converted_like_flows(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.sql(
        "SELECT * FROM (VALUES (2020, 3, 'DEU', 'KGZ', 'export', '441294', 9.0, 3.0)) "
        "AS t(year, month, reporter, partner, direction, product, value, quantity)"
    )
    found = convert(connection, Parsed("mine", rows, (2020, 2020), None, "HS2017"), "HS2022")
    assert sorted(found.rows.fetchall())[0] == (2020, 3, "DEU", "KGZ", "export", "441251", 3.0, 1.0)
