"""WIOD as it is published, read without Stata; and what it says when decomposed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from tests.sources.conftest import Answer, Server
from tests.sources.io_files import Table, expected, icio, small, wiod, zipped

from entrepot.errors import EntrepotError, InputError, SourceError
from entrepot.questions.localisation_exports import exports_table
from entrepot.sources import icio as oecd
from entrepot.sources.download import Patience
from entrepot.sources.wiod import DATASET, FILE
from entrepot.store import Store
from entrepot.store.ingest import Written, ingest, request


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


def run(store: Store, years: range, dataset: Any = DATASET, **options: Any) -> list[Written]:
    asked = request(dataset, years, base=options.pop("base", ""))
    return list(ingest(store, dataset, asked, patience=Patience(2, 0.01, 0.1), **options))


def hyphened() -> Table:
    return replace(small(("AUS", "ROU", "ROW")), sectors=("A01", "C10-C12"))


def test_years_of_the_archive_go_into_a_store(
    store: Store, server: Server, cache: Path, tmp_path: Path
) -> None:
    table = hyphened()
    years = {year: wiod(table, tmp_path / "x.dta", year) for year in (2013, 2014)}
    server.give(FILE, zipped({f"WIOT{year}_October16_ROW.dta": content for year, content in years.items()}))
    written = run(store, range(2013, 2015), base=server.url, cache=cache)
    assert [piece.what for piece in written[::3]] == ["WIOD 2013", "WIOD 2014"]
    assert written[0].notes == ("WIOD 2013: Hyphens in the codes of 1 industries became underscores.",)
    found = store.collect(store.table("industry_flows")).to_pylist()
    names = ("seller_country", "seller_sector", "buyer_country", "buyer_sector")
    cells = {tuple(row[name] for name in names): row["value"] for row in found if row["year"] == 2014}
    wanted = expected(replace(table, sectors=("A01", "C10X")))
    assert {
        tuple("C10X" if c == "C10_C12" else c for c in key): v for key, v in cells.items()
    } == pytest.approx(wanted)
    assert pc.sum(store.collect(store.table("final_demand"))["value"]).as_py() == pytest.approx(
        2 * table.final.sum()
    )
    assert store.info("industry_totals").sources[0].doi == "10.34894/PJ2M1C"


@pytest.mark.parametrize("name", ["WIOT2014_Nov16_ROW.xlsb", "WIOTS_in_R.RData", "WIOT11_ROW_Sep12.xlsx"])
def test_forms_that_need_other_readers_are_refused_by_name(store: Store, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match="is a form of WIOD that is not read") as caught:
        run(store, range(2014, 2015), given=tmp_path / name)
    assert "WIOTS_in_STATA.zip" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TOT": "GO"}, "WIOD 2014 lacks the column TOT"),
        ({"Country": "Land"}, "lacks the column Country"),
        ({"vAUS1": "vAUS01x"}, "same industries in rows and columns: AUS_A01"),
        ({"vAUS1": "vXXX1"}, "has the column vXXX1, but no row for it"),
    ],
)
def test_a_changed_column_is_refused(
    store: Store, tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    path = tmp_path / "WIOT2014_October16_ROW.dta"
    wiod(small(), path, 2014, **changes)
    with pytest.raises(EntrepotError, match=words):
        run(store, range(2014, 2015), given=path)


@pytest.mark.parametrize("keep", [0, 60, 3000, 0.6, 0.9])
def test_a_cut_file_is_refused(store: Store, tmp_path: Path, keep: float) -> None:
    path = tmp_path / "WIOT2014_October16_ROW.dta"
    content = wiod(small(), path, 2014)
    path.write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(EntrepotError, match=r"is cut|is no Stata file"):
        run(store, range(2014, 2015), given=path)
    assert store.names() == ()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(b"", 404), "the server answers 404"),
        (Answer(b"", 429, {"Retry-After": "99"}), "asks to wait 99 seconds"),
        (Answer(b"PK truncated"), "is damaged"),
        (Answer(zipped({"WIOT2013_October16_ROW.dta": b""})), "holds no table for 2014"),
    ],
)
def test_what_a_server_may_do(store: Store, server: Server, cache: Path, answer: Answer, words: str) -> None:
    server.give(FILE, answer)
    with pytest.raises(SourceError, match=words):
        run(store, range(2014, 2015), base=server.url, cache=cache)


@pytest.mark.needs_shared
def test_2011_decomposes_as_exvatools_does_whichever_way_it_came(shared: Path, tmp_path: Path) -> None:
    """Expected: exvatools 0.9.0, bm_src on the 2013 release; outputs are rounded there."""
    held = np.load(shared / "va-wiod-2011" / "wiot_2011.npz")
    countries = tuple(str(country).upper() for country in held["countries"])
    sectors = tuple(f"D{n:02d}" for n in range(1, 36))
    sales, final = held["Z"].astype(float), held["F"].astype(float)
    table = Table(countries, sectors, sales, final, np.zeros(len(sales)), held["X"].astype(float))
    given = tmp_path / "WIOT2011_October16_ROW.dta"
    wiod(table, given, 2011, kinds=5)
    csv = tmp_path / "2011_SML.csv"
    csv.write_text(
        icio(
            replace(
                table,
                final=np.pad(final.reshape(len(sales), -1, 5), ((0, 0), (0, 0), (0, 1))).reshape(
                    len(sales), -1
                ),
            )
        )
    )
    for name, dataset, path in (("a", DATASET, given), ("b", oecd.DATASET, csv)):
        store = Store.create(tmp_path / name)
        written = run(store, range(2011, 2012), dataset, given=path)
        assert "NLD_D23 by 108.0 million" in written[0].notes[0]
        found = exports_table(store, "RUS", 2011, None).data
        sums = {column: pc.sum(found[column]).as_py() / 1e6 for column in ("EXGR", "DVA", "VAX", "FVA")}
        # exvatools takes output as the sum of sales; the stores hold the published, rounded one.
        assert sums["EXGR"] == pytest.approx(484438, abs=0.5)
        assert sums["DVA"] == pytest.approx(454178.574728, rel=1e-6)
        assert sums["VAX"] == pytest.approx(450019.608455, rel=1e-6)
        assert sums["FVA"] == pytest.approx(29584.0871205, rel=1e-5)
