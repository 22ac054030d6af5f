"""The embedded pack: known facts, sources, size, and equality with the data it was made from."""

from __future__ import annotations

from pathlib import Path

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from entrepot.store import SCHEMAS, Store
from entrepot.world import countries, products, sectors


def billions(pack: Store, product: str, exporter: str, importer: str) -> dict[int, float]:
    rows = pack.table("flows").filter(
        nw.col("product") == product, nw.col("exporter") == exporter, nw.col("importer") == importer
    )
    return {row["year"]: row["value"] / 1e6 for row in pack.collect(rows).to_pylist()}


def test_the_pack_is_whole_and_small(pack: Store) -> None:
    pack.verify()
    assert pack.names() == ("flows", "industry_flows", "industry_totals", "products")
    files = [path for path in pack.path.iterdir() if path.suffix in {".parquet", ".json", ".md"}]
    assert len(files) == 6
    assert sum(path.stat().st_size for path in files) <= 13.5e6


@pytest.mark.parametrize("name", ["flows", "industry_flows", "industry_totals", "products"])
def test_every_table_has_its_schema_licence_and_notes(pack: Store, name: str) -> None:
    info = pack.info(name)
    file = pq.ParquetFile(pack.path / info.parts[0].file)
    assert file.metadata.num_rows == info.rows
    assert file.schema_arrow.names == [field.name for field in SCHEMAS[name].fields if not field.optional]
    assert info.notes
    text = (pack.path / "PROVENANCE.md").read_text(encoding="utf-8")
    section = text[text.index(f"## {name}\n") :].split("\n## ")[0]
    for source in info.sources:
        assert source.sha256
        assert f"**Licence: {source.licence}**" in section
        assert source.producer in section
    assert info.sha256 in section
    for note in info.notes:
        assert note in section


@pytest.mark.parametrize(
    ("product", "exporter", "importer", "facts"),
    [
        ("270900", "RUS", "IND", {2021: 0.94, 2022: 25.5, 2023: 48.6}),
        ("270900", "RUS", "DEU", {2021: 10.3, 2022: 13.2, 2023: 0.04}),
        ("710812", "RUS", "ARM", {2024: 5.90}),
        ("270900", "RUS", "BLR", {2021: 6.70}),
    ],
)
def test_known_flows(
    pack: Store, product: str, exporter: str, importer: str, facts: dict[int, float]
) -> None:
    found = billions(pack, product, exporter, importer)
    for year, value in facts.items():
        digits = len(str(value).split(".")[1])
        assert round(found[year], digits) == value


def test_what_was_not_observed_has_no_row(pack: Store) -> None:
    """Belarus went on buying Russian oil after 2021; neither side published it."""
    assert max(billions(pack, "270900", "RUS", "BLR")) == 2021
    values = pack.collect(
        pack.table("flows").select(nw.col("value").min(), nw.col("quantity").null_count().alias("n"))
    )
    assert values["value"][0].as_py() > 0
    assert values["n"][0].as_py() == 29_010


def test_world_trade_of_the_products_in_2023(pack: Store) -> None:
    year = pack.table("flows").filter(nw.col("year") == 2023).select(nw.col("value").sum())
    assert pack.collect(year)["value"][0].as_py() / 1e9 == pytest.approx(3.0, abs=0.05)


def test_each_product_has_one_description(pack: Store) -> None:
    products = pack.collect(pack.table("products"))
    used = pack.collect(pack.table("flows").select("product").unique())["product"].to_pylist()
    names = dict(zip(products["product"].to_pylist(), products["description"].to_pylist(), strict=True))
    assert len(names) == 74
    assert set(names) - set(used) == {"250390"}
    assert set(used) <= set(names)
    assert "crude" in names["270900"]


def test_known_industry_totals(pack: Store) -> None:
    totals = pack.collect(pack.table("industry_totals"))
    assert totals.num_rows == 80 * 50
    assert pc.sum(totals["gross_output"]).as_py() / 1e6 == pytest.approx(192.4, abs=0.05)
    assert pc.sum(totals["intermediate_use"]).as_py() / 1e6 == pytest.approx(99.2, abs=0.05)
    belarus = totals.filter(pc.equal(totals["country"], "BLR"))
    assert pc.sum(belarus["gross_output"]).as_py() / 1e3 == pytest.approx(140.3, abs=0.05)


@pytest.mark.parametrize(("seller", "buyer", "billion"), [("BLR", "RUS", 10.1), ("RUS", "BLR", 15.9)])
def test_known_intermediate_sales(pack: Store, seller: str, buyer: str, billion: float) -> None:
    pair = pack.table("industry_flows").filter(
        nw.col("seller_country") == seller, nw.col("buyer_country") == buyer
    )
    total = pack.collect(pair.select(nw.col("value").sum()))["value"][0].as_py()
    assert total / 1e3 == pytest.approx(billion, abs=0.05)


def test_industry_accounts_close(pack: Store) -> None:
    """Sales to industries plus final use is output; bought inputs are intermediate use; small cells apart."""
    flows = pack.table("industry_flows")
    totals = pack.collect(pack.table("industry_totals").sort("country", "sector"))
    sides = {}
    for side in ("seller", "buyer"):
        sums = flows.group_by(f"{side}_country", f"{side}_sector").agg(nw.col("value").sum())
        keys = pack.table("industry_totals").select("country", "sector")
        on = {"left_on": ["country", "sector"], "right_on": [f"{side}_country", f"{side}_sector"]}
        joined = keys.join(sums, how="left", **on).sort("country", "sector")
        sides[side] = pc.fill_null(pack.collect(joined)["value"], 0.0).to_numpy()
    output, used, final = (
        totals[name].to_numpy() for name in ("gross_output", "intermediate_use", "final_use")
    )
    left_out = output - sides["seller"] - final
    # At most 4,000 cells below 0.1, and the 2 million by which the published accounts do not close.
    assert left_out.min() > -2.0
    assert left_out.max() < 400.0
    assert left_out.sum() / used.sum() == pytest.approx(0.0009, abs=1e-4)
    assert (used - sides["buyer"]).min() > -1e-3
    assert (output - used).min() >= 0


def test_every_code_of_the_pack_is_known_to_the_world(pack: Store) -> None:
    def values(table: str, column: str) -> set[str]:
        return set(pack.collect(pack.table(table).select(column).unique())[column].to_pylist())

    for table, column in [("flows", "exporter"), ("flows", "importer"), ("industry_totals", "country")]:
        assert values(table, column) <= countries.known()
    assert values("industry_totals", "sector") == set(sectors.codes())
    assert all(products.exists(code, "HS1992") for code in values("products", "product"))


@pytest.mark.needs_shared
def test_trade_equals_what_it_was_made_from(pack: Store, shared: Path) -> None:
    theirs = pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", filters=[("year", ">=", 2012)])
    taiwan = {name: pc.replace_substring(theirs[name], "S19", "TWN") for name in ("exporter", "importer")}
    theirs = pa.table(
        {
            "year": theirs["year"],
            **taiwan,
            "product": theirs["hs6"],
            "value": theirs["kusd"],
            "quantity": theirs["tonnes"],
        }
    )
    ours = pack.collect(pack.table("flows"))
    # The shared copy is in float32; rounded to that, every row is the same.
    short = ours.cast(theirs.schema, safe=False)
    key = [(name, "ascending") for name in ("product", "exporter", "importer", "year")]
    assert short.sort_by(key).equals(theirs.sort_by(key))


@pytest.mark.needs_shared
def test_industry_tables_equal_what_they_were_made_from(pack: Store, shared: Path) -> None:
    nodes = pq.read_table(shared / "icio-oecd-2022" / "nodes.parquet").sort_by(
        [("country", "ascending"), ("sector", "ascending")]
    )
    totals = pack.collect(pack.table("industry_totals").sort("country", "sector"))
    assert totals["country"].equals(nodes["country"])
    assert totals["sector"].equals(nodes["sector"])
    pairs = {
        "gross_output": "gross_output",
        "intermediate_use": "intermediate_use_ex_row",
        "final_use": "final_demand_plus_sales_to_row",
    }
    for ours, theirs in pairs.items():
        np.testing.assert_allclose(totals[ours].to_numpy(), nodes[theirs].to_numpy(), rtol=0, atol=6e-5)

    cells = pq.read_table(shared / "icio-oecd-2022" / "Z_ge0.1.parquet")
    node = {(row["country"], row["sector"]): row["node"] for row in nodes.to_pylist()}
    flows = pack.collect(pack.table("industry_flows"))
    index = [
        np.array(
            [
                node[pair]
                for pair in zip(
                    *(flows[f"{side}_{part}"].to_pylist() for part in ("country", "sector")), strict=True
                )
            ]
        )
        for side in ("seller", "buyer")
    ]
    order = np.lexsort((index[1], index[0]))
    assert np.array_equal(index[0][order], cells["i"].to_numpy())
    assert np.array_equal(index[1][order], cells["j"].to_numpy())
    np.testing.assert_allclose(
        flows["value"].to_numpy()[order], cells["musd"].to_numpy(), rtol=6e-8, atol=6e-5
    )
