"""From a public archive to a store: what goes in comes out, what is refused is kept with its reason."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import narwhals as nw
import pytest
from tests.sources.baci_files import ROWS, archive, text
from tests.sources.conftest import Answer, Server

from entrepot.errors import DataError, InputError, SourceError, StoreError
from entrepot.sources.baci import DATASET
from entrepot.sources.datasets import dataset
from entrepot.sources.download import Patience
from entrepot.store import Store, files, open_store
from entrepot.store.ingest import Written, ingest, request
from entrepot.world.countries import countries

NAME = "BACI_HS92_V202601.zip"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = Server()
    yield running
    running.close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def year(of: int, *rows: str) -> str:
    return text(*(row.replace("2020", str(of)) for row in (*ROWS, *rows)))


def get(
    store: Store, server: Server, cache: Path, years: range, *, again: bool = False, to: str | None = None
) -> list[Written]:
    asked = request(DATASET, years, base=server.url)
    return list(
        ingest(store, DATASET, asked, to=to, cache=cache, again=again, patience=Patience(2, 0.01, 1.0))
    )


def test_years_of_an_archive_become_a_table(store: Store, server: Server, cache: Path) -> None:
    server.give(NAME, archive({of: year(of) for of in (2019, 2020, 2021)}))
    written = get(store, server, cache, range(2019, 2021))
    assert [(w.what, w.refused, w.rejects) for w in written] == [
        ("BACI 2019", 0, None),
        ("BACI 2020", 0, None),
    ]
    info = store.info("flows")
    assert (info.rows, info.years, info.revision, len(info.parts)) == (6, (2019, 2020), "HS1992", 2)
    (source,) = info.sources
    assert (source.id, source.version, len(source.sha256)) == ("cepii_baci", "release 202601", 64)
    server.close()
    get(store, server, cache, range(2021, 2022))
    assert store.info("flows").years == (2019, 2021)
    store.verify()


def test_refused_rows_lie_beside_the_table_with_their_reasons(
    store: Store, server: Server, cache: Path
) -> None:
    bad = ("2020,999,643,010111,1,1", "2020,112,643,010111,x,1")
    server.give(NAME, archive({2020: year(2020, *bad)}))
    (written,) = get(store, server, cache, range(2020, 2021))
    assert written.rejects == store.path / "rejects" / "flows-2020.csv"
    assert written.rejects.is_file()
    with written.rejects.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"reason": "no number in column v", "line": "6", "row": "2020,112,643,010111,x,1"},
        {"reason": "unknown country 999", "line": "", "row": "2020,999,643,010111,1.0,1.0"},
    ]
    assert written.refused == 2
    assert any("2 of 5 rows" in note for note in store.info("flows").notes)
    server.give(NAME, archive({2020: year(2020)}))
    get(store, server, cache, range(2020, 2021), again=True)
    assert not written.rejects.exists()


def test_a_year_that_cannot_be_taken_leaves_the_others(store: Store, server: Server, cache: Path) -> None:
    server.give(NAME, archive({2019: year(2019), 2020: year(2020).replace("t,i,j,k", "t,i,j,code")}))
    with pytest.raises(DataError, match="BACI 2020 lacks the column k"):
        get(store, server, cache, range(2019, 2021))
    assert store.info("flows").years == (2019, 2019)


def test_a_flow_in_two_rows_is_refused_and_the_old_year_stays(
    store: Store, server: Server, cache: Path
) -> None:
    server.give(NAME, archive({2020: year(2020)}))
    get(store, server, cache, range(2020, 2021))
    before = store.info("flows")
    server.give(NAME, archive({2020: year(2020, ROWS[0])}))
    with pytest.raises(DataError, match="rows 1 and 4 are both for"):
        get(store, server, cache, range(2020, 2021), again=True)
    assert open_store(store.path).info("flows") == before


def test_years_and_revisions_that_are_not_offered_are_refused() -> None:
    with pytest.raises(InputError, match="baci has the years 1995 to 2024"):
        request(DATASET, range(1990, 2000))
    with pytest.raises(InputError, match="revision cannot be 'HS1988'"):
        request(DATASET, range(2020, 2021), "HS1988")
    assert request(DATASET).years == range(1995, 2025)


def test_a_second_writer_is_told(store: Store, server: Server, cache: Path) -> None:
    server.give(NAME, archive({2020: year(2020)}))
    with files.writer_lock(store.path), pytest.raises(StoreError, match="another process is writing"):
        get(store, server, cache, range(2020, 2021))
    assert not store.has("flows")
    get(store, server, cache, range(2020, 2021))


def test_a_download_that_breaks_off_leaves_the_store_and_goes_on_later(
    store: Store, server: Server, cache: Path
) -> None:
    content = archive({2020: year(2020)})
    server.give(NAME, Answer(content, cut=200), Answer(status=503))
    with pytest.raises(SourceError, match="goes on where it stopped"):
        get(store, server, cache, range(2020, 2021))
    assert store.names() == ()
    server.give(NAME, content)
    server.requests.clear()
    get(store, server, cache, range(2020, 2021))
    assert server.requests[0][1]["Range"] == "bytes=200-"
    assert store.info("flows").rows == 3


def test_codes_are_converted_where_asked(store: Store, server: Server, cache: Path) -> None:
    server.give(NAME, archive({2020: year(2020)}))
    (written,) = get(store, server, cache, range(2020, 2021), to="HS1996")
    assert store.info("flows").revision == "HS1996"
    assert "converted from HS1992 to HS1996" in written.notes[-1]


@pytest.mark.needs_shared
def test_the_raw_material_extract_in_bacis_own_layout_comes_out_equal(
    shared: Path, store: Store, server: Server, cache: Path
) -> None:
    """METHODS section 10: re-exported as t,i,j,k,v,q in yearly CSV, it goes in and comes out equal."""
    original = shared / "trade-baci-rawmat" / "trade.parquet"
    codes = shared / "trade-baci-rawmat" / "country_codes_V202401b.csv"
    years = {}
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE codes AS SELECT min(country_code) AS code, country_iso3 AS iso3 "
            f"FROM read_csv('{codes}') GROUP BY country_iso3"
        )
        for of in (1995, 2021, 2022):
            file = cache.parent / f"{of}.csv"
            connection.execute(
                "COPY (SELECT year AS t, i.code AS i, j.code AS j, hs6 AS k, kusd AS v, "
                "coalesce(CAST(tonnes AS VARCHAR), 'NA') AS q "
                f"FROM read_parquet('{original}') JOIN codes AS i ON i.iso3 = exporter "
                f"JOIN codes AS j ON j.iso3 = importer WHERE year = {of}) TO '{file}' (HEADER)"
            )
            years[of] = file.read_bytes()
        expected = _table(connection, f"(FROM read_parquet('{original}') WHERE year IN (1995, 2021, 2022))")
        server.give(NAME, archive(years))
        for of in years:
            get(store, server, cache, range(of, of + 1))
        parts = [str(store.path / part.file) for part in store.info("flows").parts]
        found = _table(
            connection,
            "(SELECT *, product AS hs6, CAST(value AS FLOAT) AS kusd, CAST(quantity AS FLOAT) AS tonnes "
            f"FROM read_parquet({parts}))",
        )
    assert found.num_rows == expected.num_rows > 100_000
    assert found.equals(expected)
    assert [note for note in store.info("flows").notes if "refused" in note] == []
    total = store.collect(store.table("flows").select(nw.col("exporter")).unique())
    assert set(total["exporter"].to_pylist()) <= set(countries())


def _table(connection: duckdb.DuckDBPyConnection, source: str):  # type: ignore[no-untyped-def]
    """Return the extract sorted, the odd letters of one country code aside."""
    return connection.sql(
        "SELECT year, CASE exporter WHEN 'S19' THEN 'TWN' ELSE exporter END AS exporter, "
        "CASE importer WHEN 'S19' THEN 'TWN' ELSE importer END AS importer, hs6, kusd, tonnes "
        f"FROM {source} ORDER BY ALL"
    ).to_arrow_table()


def test_a_request_names_only_what_a_source_can_be_asked_for() -> None:
    monthly, year = dataset("comext-monthly"), range(2021, 2022)
    asked = request(monthly, year, countries=["Germany"], products=["84713000"])
    assert (asked.countries, asked.products) == (("DEU",), ("84713000",))
    with pytest.raises(InputError, match="baci brings all products"):
        request(dataset("baci"), year, products=["270900"])
    with pytest.raises(InputError, match="is no product code"):
        request(monthly, year, products=["84' OR 1"])
    with pytest.raises(InputError, match="Atlantis"):
        request(monthly, year, countries=["Atlantis"])
