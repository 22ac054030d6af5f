"""CEPII's tables of pairs of countries, in their own layouts given on this machine."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from tests.sources.conftest import Server

import entrepot
from entrepot.errors import DataError, EntrepotError, SourceError
from entrepot.sources.cepii_gravity import DATASET, GEODIST
from entrepot.store.ingest import Written, ingest, request
from entrepot.store.store import Store

ORACLES = Path(__file__).parents[1] / "oracles"
HEAD = (
    "year,country_id_o,country_id_d,iso3_o,iso3_d,iso3num_o,country_exists_o,country_exists_d,distw_harmonic,"
    "distw_arithmetic,dist,distcap,contig,comlang_off,comlang_ethno,comcol,col45,comleg_posttrans,comrelig,"
    "col_dep_ever,col_dep,sibling_ever,gdp_o,fta_wto,rta_type"
)


def pair(origin: str, destination: str, *, year: int = 1990, exist: str = "1,1", dist: str = "700.5") -> str:
    one, other = origin.split(".")[0], destination.split(".")[0]
    return (
        f"{year},{origin},{destination},{one},{other},112,{exist},{dist},710,{dist},NA,1,0,1,0,0,NA,0.25,0,0,0,"
        f"60258236,{int(origin != destination)},NA"
    )


def square(*states: str, year: int = 1990) -> list[str]:
    return [pair(one, other, year=year) for one in states for other in states]


# West Germany stands beside the Germany of today, which did not exist in 1990.
ROWS = [
    *square("DEU.1", "SUN", "FRA"),
    pair("DEU.2", "FRA", exist="0,1"),
    pair("FRA", "DEU.2", exist="1,0"),
    *square("DEU.2", "FRA", year=1991),
]


def text(*rows: str, head: str = HEAD) -> str:
    return "\n".join((head, *rows, ""))


def archive(content: str | bytes, name: str = "Gravity_V202211.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("Countries_V202211.csv", "country_id,iso3\n")
        packed.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def run(store: Store, server: Server, cache: Path, content: str, *, last: int = 1991) -> list[Written]:
    server.give("Gravity_csv_V202211.zip", archive(content))
    return list(ingest(store, DATASET, request(DATASET, range(1990, last + 1), base=server.url), cache=cache))


def test_pairs_that_existed_by_year(store: Store, server: Server, cache: Path) -> None:
    first, second = run(store, server, cache, text(*ROWS))
    rows = store.collect(store.table("dyads").sort("year", "exporter", "importer")).to_pylist()
    assert [row["exporter"] + row["importer"] for row in rows if row["year"] == 1990] == [
        f"{one}{other}" for one in ("DEU", "FRA", "SUN") for other in ("DEU", "FRA", "SUN")
    ]
    assert len(rows) == 13
    assert rows[1] == {
        "year": 1990,
        "exporter": "DEU",
        "importer": "FRA",
        "dist": 700.5,
        "distcap": None,
        "distw_arithmetic": 710.0,
        "distw_harmonic": 700.5,
        "contig": 1,
        "comlang_off": 0,
        "comlang_ethno": 1,
        "comcol": 0,
        "col45": 0,
        "col_dep_ever": 0,
        "col_dep": 0,
        "sibling_ever": 0,
        "comrelig": 0.25,
        "comleg_posttrans": None,
        "fta_wto": 1,
    }
    assert first.notes == (
        "CEPII Gravity 1990: 2 pairs of which one did not exist in this year were left out.",
    )
    assert (first.rejects, second.notes) == (None, ())


def semicolons(table: str) -> str:
    return table.replace(",", ";").replace("700.5", "700,5").replace("0.25", "0,25")


@pytest.mark.parametrize(
    "change",
    [
        lambda table: "\ufeff" + table,
        lambda table: table.replace("\n", "\r\n"),
        lambda table: table.replace("NA", ""),
        lambda table: table.replace("DEU,", '"DEU",'),
        semicolons,
    ],
    ids=["bom", "crlf", "blank", "quoted", "semicolon"],
)
def test_dialects_give_the_same_rows(
    store: Store, server: Server, cache: Path, change: Callable[[str], str]
) -> None:
    run(store, server, cache, change(text(*ROWS)))
    assert store.info("dyads").rows == 13
    assert store.collect(store.table("dyads").select("dist"))["dist"].to_pylist() == [700.5] * 13


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (pair("XYZ", "FRA"), "unknown country XYZ"),
        (pair("WLD", "FRA"), "an aggregate, not a country: WLD"),
        (pair("BLR", "FRA", dist="-1"), "a distance that is none"),
        (pair("BLR", "FRA").replace(",0.25,0,", ",0.25,7,"), "neither 0 nor 1"),
        (pair("BLR", "FRA", dist="far"), "no number in column distw_harmonic"),
        (pair(".", "FRA"), "no country"),
    ],
)
def test_a_faulty_row_is_refused_with_its_reason(
    store: Store, server: Server, cache: Path, row: str, reason: str
) -> None:
    (written,) = run(store, server, cache, text(*square("DEU.1", "FRA"), row), last=1990)
    assert reason in written.rejects.read_text()
    assert written.refused == 1
    assert store.info("dyads").rows == 4


def test_what_is_odd_about_a_year_is_noted(store: Store, server: Server, cache: Path) -> None:
    table = text(
        *square("FRA", "ROM")[:3], pair("ROM", "FRA", dist="650"), pair("FRA", "BLR"), pair("BLR", "FRA")
    )
    rows = [row for row in table.splitlines() if row != pair("ROM", "FRA")]
    (written,) = run(store, server, cache, "\n".join(rows) + "\n", last=1990)
    assert written.notes == (
        "CEPII Gravity 1990: Codes of states: ROM is ROU.",
        "CEPII Gravity 1990: 5 of the 9 pairs of 3 countries are there.",
        "CEPII Gravity 1990: The distances of 1 pairs differ there and back.",
    )


def test_two_rows_for_one_pair_are_both_refused(store: Store, server: Server, cache: Path) -> None:
    (written,) = run(store, server, cache, text(*square("DEU.1", "FRA"), pair("DEU.2", "FRA")), last=1990)
    assert written.rejects.read_text().count("several rows for one pair") == 2
    assert store.info("dyads").rows == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (text(*ROWS, head=HEAD.replace("iso3_o", "iso_o")), "lacks the column iso3_o"),
        (text(*ROWS).replace("1991", "1992"), "CEPII Gravity 1991: 0 of 0 rows"),
        (text(), "CEPII Gravity 1990: 0 of 0 rows"),
        (text(*ROWS).replace("FRA,112", "France,112").replace("SUN,", "XX,"), "cannot be taken"),
    ],
)
def test_tables_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, content: str, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        run(store, server, cache, content)


def run_geodist(store: Store, server: Server, cache: Path, content: bytes, name: str) -> Written:
    server.give("dist_cepii.zip", archive(content, name))
    (written,) = ingest(store, GEODIST, request(GEODIST, base=server.url), cache=cache)
    return written


def test_geodist_as_the_old_workbook(store: Store, server: Server, cache: Path) -> None:
    written = run_geodist(store, server, cache, (ORACLES / "dist_cepii.xls").read_bytes(), "dist_cepii.xls")
    rows = store.collect(store.table("distances").sort("exporter", "importer")).to_pylist()
    assert [row["importer"] for row in rows[:4]] == ["BLR", "COD", "ROU", "SCG"]
    assert len(rows) == 16
    assert (rows[2]["dist"], rows[2]["contig"]) == (pytest.approx(1054.689), 0)
    assert written.notes == ("CEPII GeoDist: Codes of states: ROM is ROU, YUG is SCG, ZAR is COD.",)


@pytest.mark.needs_shared
def test_geodist_whole(store: Store, server: Server, cache: Path, shared: Path, tmp_path: Path) -> None:
    table, path = shared / "gravity-geodist" / "dist_cepii.parquet", tmp_path / "dist_cepii.csv"
    with duckdb.connect() as connection:
        connection.read_parquet(str(table)).write_csv(str(path))
    written = run_geodist(store, server, cache, path.read_bytes(), path.name)
    assert (written.table.rows, written.refused) == (224**2, 0)
    assert len(written.notes) == 1


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"iso_o,iso_d\nBLR,FRA\n", "dist_cepii.csv", "lacks the columns dist, distcap"),
        (b"iso_o,iso_d\nBLR,FRA\n", "geo_cepii.csv", "holds no table dist_cepii"),
        (b"\xd0\xcf\x11\xe0rest", "dist_cepii.xls", "cannot be read as a workbook"),
    ],
)
def test_geodist_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, content: bytes, name: str, words: str
) -> None:
    with pytest.raises(EntrepotError, match=words):
        run_geodist(store, server, cache, content, name)
    assert not store.has("distances")


def test_a_damaged_archive_is_refused(store: Store, server: Server, cache: Path) -> None:
    whole = archive(text(*ROWS * 50))
    server.give("Gravity_csv_V202211.zip", whole[:200] + b"\xff" * 8 + whole[208:])
    with pytest.raises(SourceError, match="is damaged"):
        list(ingest(store, DATASET, request(DATASET, range(1990, 1991), base=server.url), cache=cache))
    assert len(run(store, server, cache, text(*ROWS))) == 2


@pytest.mark.needs_shared
def test_pairs_are_regressors_of_gravity(
    store: Store, server: Server, cache: Path, shared: Path, tmp_path: Path
) -> None:
    """The columns exporter and importer join to the panel as they are: what docs/sources.md promises."""
    table, path = shared / "gravity-geodist" / "dist_cepii.parquet", tmp_path / "dist_cepii.csv"
    with duckdb.connect() as connection:
        connection.read_parquet(str(table)).write_csv(str(path))
    run_geodist(store, server, cache, path.read_bytes(), path.name)
    pairs = store.collect(store.table("distances").select("exporter", "importer", "comlang_off"))
    equation = "trade ~ log_distance + comlang_off | exporter^year + importer^year"
    fit = entrepot.open().gravity(equation, product="2709", since=2019, until=2020, extra=pairs, fill=0)
    found = dict(zip(fit.terms, fit.coefficients, strict=True))
    assert found["log_distance"] < -0.5 < 0 < found["comlang_off"]
