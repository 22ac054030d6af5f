from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import InputError
from entrepot.world import products
from entrepot.world._files import read_rows
from entrepot.world.sectors import codes, group, groups, name, of_product, products_of


def test_names_are_short_and_distinct() -> None:
    names = [name(code) for code in codes()]
    assert len(names) == len(set(names)) == 50
    assert max(map(len, names)) <= 40


def test_groups() -> None:
    assert groups() == ("agriculture", "mining", "manufacturing", "utilities", "construction", "services")
    assert {group(code) for code in codes() if code.startswith("C")} == {"manufacturing"}


def test_unknown_industry() -> None:
    with pytest.raises(InputError, match="did you mean"):
        name("C24")
    with pytest.raises(InputError):
        group("TOTAL")


@pytest.mark.needs_shared
def test_codes_are_those_of_the_table_in_its_order(shared: Path) -> None:
    import pyarrow.parquet as pq

    nodes = pq.read_table(shared / "icio-oecd-2022" / "nodes.parquet", columns=["sector", "node"]).sort_by(
        "node"
    )
    assert tuple(nodes.column("sector").unique().to_pylist()) == codes()


@pytest.mark.parametrize("revision", products.REVISIONS)
def test_every_code_of_every_revision_has_an_industry(revision: str) -> None:
    listed = [code for code in products.codes(revision) if code[:2] < "98"]
    assert len(listed) > 5000
    assert {of_product(code) for code in listed} <= set(codes())


def test_codes_of_the_newest_revision_are_split_among_the_industries() -> None:
    split = [code for sector in codes() for code in products_of(sector)]
    assert sorted(split) == [code for code in products.codes("HS2022") if code[:2] < "98"]


@pytest.mark.parametrize(
    ("product", "sector"),
    [
        ("100199", "A01"),
        ("440320", "A02"),
        ("030213", "A03"),
        ("270112", "B05"),
        ("270900", "B06"),
        ("271121", "B06"),
        ("260111", "B07"),
        ("710210", "B08"),
        ("040610", "C10T12"),
        ("610910", "C13T15"),
        ("440710", "C16"),
        ("480100", "C17_18"),
        ("271019", "C19"),
        ("310420", "C20"),
        ("390110", "C20"),
        ("300490", "C21"),
        ("401110", "C22"),
        ("252329", "C23"),
        ("720839", "C24A"),
        ("710812", "C24B"),
        ("760110", "C24B"),
        ("730890", "C25"),
        ("854231", "C26"),
        ("847130", "C26"),
        ("854430", "C27"),
        ("845710", "C28"),
        ("870193", "C28"),
        ("870323", "C29"),
        ("890120", "C301"),
        ("880240", "C302T309"),
        ("841112", "C302T309"),
        ("940360", "C31T33"),
        ("271600", "D"),
        ("720449", "E"),
        ("970121", "R"),
        ("8703", "C29"),
        ("8542310000", "C26"),
    ],
)
def test_industries_of_well_known_products(product: str, sector: str) -> None:
    assert of_product(product) == sector


@pytest.mark.parametrize("code", ["", "1", "77", "99", "999999", "steel"])
def test_what_no_industry_makes(code: str) -> None:
    with pytest.raises(InputError, match="belongs to no industry"):
        of_product(code)


def test_the_concordance_holds_no_idle_row() -> None:
    table = {row["prefix"]: row["sector"] for row in read_rows("hs_sector.csv")}
    assert list(table) == sorted(table)
    assert len(table) == len(list(read_rows("hs_sector.csv")))
    every = {code for revision in products.REVISIONS for code in products.codes(revision)}
    for prefix, sector in table.items():
        assert any(code.startswith(prefix) for code in every), prefix
        wider = next((prefix[:n] for n in range(len(prefix) - 1, 1, -1) if prefix[:n] in table), None)
        assert wider is None or table[wider] != sector, prefix
