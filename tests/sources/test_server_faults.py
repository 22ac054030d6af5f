"""What every public source does when its publisher's server misbehaves: a clear refusal, nothing kept."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from tests.sources.conftest import Answer, Server

from entrepot.errors import DataError, EntrepotError, SourceError
from entrepot.sources.datasets import dataset
from entrepot.sources.download import Patience
from entrepot.store.ingest import ingest, request
from entrepot.store.store import Store


@dataclass(frozen=True)
class Case:
    """One source, what is asked of it, and the path that it then asks for."""

    id: str
    path: str
    year: int
    more: dict[str, Any] = field(default_factory=dict)


PRODUCTS = {"products": ("84713000",)}
CASES = (
    Case("baci", "BACI_HS92_V202601.zip", 2020),
    Case(
        "comext", "sdmx/2.1/data/DS-045409/A...84713000.1+2.VALUE_IN_EUROS+QUANTITY_IN_100KG", 2022, PRODUCTS
    ),
    Case(
        "comext-monthly",
        "sdmx/2.1/data/DS-045409/M...84713000.1+2.VALUE_IN_EUROS+QUANTITY_IN_100KG",
        2022,
        PRODUCTS,
    ),
    Case("comext-bulk", "files", 2022),
    Case("comext-bulk-monthly", "files", 2022),
    Case("gravity", "Gravity_csv_V202211.zip", 2020),
    Case("geodist", "dist_cepii.zip", 2011),
    Case("wdi", "country/all/indicator/SP.POP.TOTL", 2020, {"products": ("SP.POP.TOTL",)}),
    Case("wdi-bulk", "WDI_CSV.zip", 2020),
    Case("hs-correlation", "HS2022toHS2017ConversionAndCorrelationTables.xlsx", 2022),
)
PAGE = b"<!DOCTYPE html><html><body>We are down for maintenance.</body></html>" * 20


def zipped(name: str, content: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(name, content)
    return out.getvalue()


@pytest.fixture(params=CASES, ids=lambda case: case.id)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


@pytest.fixture
def get(tmp_path: Path, server: Server, cache: Path, case: Case) -> Callable[..., Store]:
    """Fetch the source of the case from the server; the store stays empty whatever goes wrong."""
    store = Store.create(tmp_path / "store")

    def run(**changed: Any) -> Store:
        entry = dataset(case.id)
        entry = replace(entry, **{name: change(entry) for name, change in changed.items()})
        asked = request(entry, range(case.year, case.year + 1), base=server.url)
        patience = Patience(tries=2, wait=0.01, longest=1)
        try:
            list(ingest(store, entry, replace(asked, **case.more), cache=cache, patience=patience))
        finally:
            assert store.names() == ()
        return store

    return run


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(status=404), "404"),
        (Answer(status=500), "500"),
        (Answer(status=429, headers={"Retry-After": "600"}), "asks to wait 600 seconds"),
        (Answer(b"x" * 5000, cut=2000, ranges=False), "could not be fetched whole"),
    ],
    ids=["404", "500", "429", "cut"],
)
def test_a_refusal_is_told_and_nothing_is_kept(
    server: Server, cache: Path, case: Case, get: Callable[..., Store], answer: Answer, words: str
) -> None:
    server.give(case.path, answer)
    with pytest.raises(SourceError, match=words):
        get()
    kept = [
        path.name for path in (cache / case.id).iterdir() if path.suffix in (".zip", ".csv", ".xlsx", ".7z")
    ]
    assert kept == []


def test_a_short_wait_is_waited(server: Server, case: Case, get: Callable[..., Store]) -> None:
    server.give(case.path, Answer(status=429, headers={"Retry-After": "0"}), Answer(status=404))
    with pytest.raises(SourceError, match="404"):
        get()
    assert len(server.requests) == 2


def test_a_web_page_is_no_table(server: Server, case: Case, get: Callable[..., Store]) -> None:
    server.give(case.path, PAGE)
    words = "no whole zip archive|is a web page|sent a message|no answer of the World Bank"
    with pytest.raises(EntrepotError, match=words):
        get()


def test_another_file_than_the_pinned_one_is_refused(
    server: Server, case: Case, get: Callable[..., Store]
) -> None:
    server.give(case.path, PAGE)

    def pinned(entry: Any) -> Any:
        return lambda asked: tuple(replace(remote, sha256="0" * 64) for remote in entry.remotes(asked))

    with pytest.raises(SourceError, match="is not the file that is expected"):
        get(remotes=pinned)


ARCHIVES = [case for case in CASES if case.path.endswith(".zip")]


@pytest.mark.parametrize("case", ARCHIVES, ids=lambda case: case.id)
def test_a_truncated_archive_is_refused(server: Server, case: Case, get: Callable[..., Store]) -> None:
    server.give(case.path, zipped("table.csv", "a,b\n" * 5000)[:-30])
    with pytest.raises(SourceError, match="is no whole zip archive"):
        get()


@pytest.mark.parametrize("case", ARCHIVES, ids=lambda case: case.id)
def test_an_archive_of_something_else_is_refused(
    server: Server, case: Case, get: Callable[..., Store]
) -> None:
    server.give(case.path, zipped("holiday.csv", "a,b\n1,2\n"))
    with pytest.raises((SourceError, DataError), match="holds no"):
        get()
