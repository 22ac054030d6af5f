"""Correlation tables of the Harmonized System, in workbooks in their publisher's layout."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from tests.sources.conftest import Server
from tests.sources.sheets import workbook

from entrepot.errors import DataError, EntrepotError, InputError, SourceError
from entrepot.sources.hs_correlation import DATASET, FILES, older_than, successors
from entrepot.sources.user import mapping
from entrepot.store.ingest import Written, ingest, ingest_file, request
from entrepot.store.store import Store
from entrepot.world.products import REVISIONS, correlation_map

ORACLES = Path(__file__).parents[1] / "oracles"
LINKS = [
    ("010121", "010121", "1:1"),
    ("441251", "441294", "n:n"),
    ("441252", "441294", "n:n"),
    ("441252", "441299", "n:n"),
    ("854912", "854890", "1:1"),
]
PATH = "HS2022toHS2017ConversionAndCorrelationTables.xlsx"


def sheets(
    rows: list[tuple[object, ...]], head: tuple[str, ...] = ("HS2022", " HS2017", "Relationship")
) -> bytes:
    conversions = [["From HS2022", "To HS2017"], ["010121", "010129"]]
    return workbook(
        {"HS2022-HS2017 Conversions": conversions, "HS2022-HS2017 Correlations": [("Between",), head, *rows]}
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def run(store: Store, server: Server, cache: Path, content: bytes, year: int = 2022) -> Written:
    server.give(PATH, content)
    asked = request(DATASET, range(year, year + 1), base=server.url)
    (written,) = ingest(store, DATASET, asked, cache=cache)
    return written


def links(store: Store) -> list[tuple[object, ...]]:
    table = store.collect(store.table("hs_correlation").sort("newer", "older")).to_pylist()
    return [(row["newer"], row["older"], row["relationship"]) for row in table]


def test_a_workbook(store: Store, server: Server, cache: Path) -> None:
    written = run(store, server, cache, sheets([*LINKS[:1], (None, None, None), *LINKS[1:]]))
    assert links(store) == LINKS
    assert written.table.years == (2022, 2022)
    notes = " ".join(written.notes)
    # 441252 to 441294 stands in a square of which one corner is missing: both of its codes have two links.
    assert "2 links are marked otherwise than the number of links of their codes says" in notes
    assert "5 links; 2 of them are not in the table that comes with entrepot" in notes
    assert "codes of HS2022 have no link, for example 010129" in notes


def as_csv(separator: str = ",", end: str = "\n") -> Callable[[], bytes]:
    def write() -> bytes:
        out = io.StringIO()
        writer = csv.writer(out, delimiter=separator, lineterminator=end)
        writer.writerows([("HS 2022", "HS 2017", "Relationship"), *LINKS])
        return out.getvalue().encode("utf-8-sig" if separator == "," else "utf-8")

    return write


@pytest.mark.parametrize(
    "content",
    [
        as_csv(),
        as_csv(";", "\r\n"),
        lambda: sheets([(f"{new[:4]}.{new[4:]}", old, how) for new, old, how in LINKS]),
        lambda: sheets([(int(new), int(old), how) for new, old, how in LINKS]),
        lambda: sheets([(old, new, how) for new, old, how in LINKS], ("HS2017", "HS2022", "Relationship")),
    ],
    ids=["csv-bom", "semicolon-crlf", "dots", "zeros-lost", "other-order"],
)
def test_other_ways_to_write_it(
    store: Store, server: Server, cache: Path, content: Callable[[], bytes]
) -> None:
    run(store, server, cache, content())
    assert links(store) == LINKS


def test_without_relationships_they_are_counted(store: Store, server: Server, cache: Path) -> None:
    written = run(store, server, cache, sheets([link[:2] for link in LINKS], ("HS2022", "HS2017")))
    assert [how for _, _, how in links(store)] == ["1:1", "n:1", "n:n", "1:n", "1:1"]
    assert "5 links have no relationship; it was counted" in " ".join(written.notes)


def test_an_old_workbook_with_dots(store: Store, server: Server, cache: Path) -> None:
    server.give(
        "HS%202012%20to%20HS%202007%20Correlation%20and%20conversion%20tables.xls",
        (ORACLES / "hs_2012_2007.xls").read_bytes(),
    )
    list(ingest(store, DATASET, request(DATASET, range(2012, 2013), base=server.url), cache=cache))
    assert links(store) == [
        ("010121", "010110", "1:1"),
        ("010129", "010190", "1:n"),
        ("010130", "010190", "n:n"),
    ]


def test_faulty_links_are_refused_with_a_reason(store: Store, server: Server, cache: Path) -> None:
    faulty = [
        ("010121", "010121", "1:1"),
        ("010130", "n/a", "1:1"),
        ("", "010130", "1:1"),
        ("0102", "010221", ""),
    ]
    written = run(store, server, cache, sheets([*LINKS, *faulty]))
    assert links(store) == LINKS
    refused = written.rejects.read_text()
    for words in (
        "the link stands twice",
        "no product code: n/a",
        "no code",
        "an aggregate of 6-digit codes: 0102",
    ):
        assert words in refused
    assert written.refused == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            sheets(LINKS, ("HS2022", "SITC Rev. 4", "Relationship")),
            "lacks the column two revisions of the HS",
        ),
        (workbook({"Conversions": [["From HS2022", "To HS2017"]]}), "has no sheet of correlations"),
        (sheets([]), "0 of 0 rows"),
        (sheets([(old, new, how) for new, old, how in LINKS[1:]]), "product codes are not in HS2022"),
        (b"<html>moved</html>", "is a web page"),
        (b"", "is empty"),
    ],
)
def test_tables_that_cannot_be_taken(
    store: Store, server: Server, cache: Path, content: bytes, words: str
) -> None:
    with pytest.raises(DataError, match=words):
        run(store, server, cache, content)
    assert not store.has("hs_correlation")


def test_a_damaged_workbook_is_not_kept(store: Store, server: Server, cache: Path) -> None:
    with pytest.raises(SourceError, match="is damaged"):
        run(store, server, cache, sheets(LINKS)[:-60])
    assert not list((cache / "hs-correlation").glob("*.xlsx"))
    run(store, server, cache, sheets(LINKS))


def test_a_damaged_file_of_the_users_stays(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "mine.xlsx"
    path.write_bytes(sheets(LINKS)[:-60])
    with pytest.raises(EntrepotError):
        list(ingest(store, DATASET, request(DATASET, range(2022, 2023)), given=path))
    assert path.exists()


def test_years_without_a_revision_are_refused() -> None:
    with pytest.raises(InputError, match="no revision of the HS came into force"):
        DATASET.remotes(request(DATASET, range(2018, 2022)))
    assert len(DATASET.remotes(request(DATASET))) == len(FILES)


MAP = """
revision = "HS2017"
source = { producer = "me", title = "mine", licence = "mine" }
[columns]
year = "year"
exporter = "exporter"
importer = "importer"
product = "product"
value = "value"
"""


def test_the_table_of_a_store_serves_to_convert(
    store: Store, server: Server, cache: Path, tmp_path: Path
) -> None:
    run(store, server, cache, sheets(LINKS))
    (tmp_path / "map.toml").write_text(MAP)
    (tmp_path / "mine.csv").write_text("year,exporter,importer,product,value\n2020,BLR,RUS,441294,8\n")
    (written,) = ingest_file(store, tmp_path / "mine.csv", mapping(tmp_path / "map.toml"), to="HS2022")
    rows = store.collect(store.table("flows").sort("product")).to_pylist()
    # The package's table has a third successor, 441259, and so gives it to a code that these links leave out.
    assert [(row["product"], row["value"]) for row in rows] == [
        ("441251", pytest.approx(8 / 3)),
        ("441252", pytest.approx(8 / 3)),
        ("441259", pytest.approx(8 / 3)),
    ]
    assert "from HS2017 to HS2022 by the correlation tables of the store" in " ".join(written.notes)


def test_a_missing_step_leaves_the_table_of_the_package() -> None:
    assert successors({2022: [link[:2] for link in LINKS]}, "HS2012", "HS2022") is None


def test_links_of_catch_all_codes_are_not_followed() -> None:
    """Display modules (8524) could come from any apparatus; the package's table names their ancestors."""
    everything = [("852411", f"84{n:04}") for n in range(1000, 1070)]
    found = successors({2022: everything}, "HS2017", "HS2022")
    assert "852411" not in found.get("841010", ())
    assert "852411" in found["852990"]


@pytest.mark.needs_shared
@pytest.mark.parametrize(("start", "end"), [("HS2022", "HS1992"), ("HS1992", "HS2022"), ("HS2007", "HS2017")])
def test_the_published_tables_give_the_links_of_the_package(shared: Path, start: str, end: str) -> None:
    table = shared / "ref-hs" / "hs_concordance_steps.parquet"
    steps = {}
    with duckdb.connect() as connection:
        for newer in REVISIONS[1:]:
            steps[int(newer[2:])] = connection.execute(
                'SELECT "code.after", "code.before" FROM read_parquet($1) WHERE adjustment = $2',
                [str(table), f"{newer[2:]} to {older_than(newer)[2:]}"],
            ).fetchall()
    found = successors(steps, start, end)
    assert found == {
        code: tuple(sorted(target for target, _ in targets))
        for code, targets in correlation_map(start, end).items()
    }
