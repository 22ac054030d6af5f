"""Synthetic trade on the margins of the embedded pack, to try the tool at the size of the full tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pyarrow as pa

from entrepot.models.synthetic import FloatArray, IntArray, Margins, Shipments, flows
from entrepot.store.schemas import SCHEMAS
from entrepot.store.store import open_store
from entrepot.world import distances, products, sectors

if TYPE_CHECKING:
    from entrepot.store.store import Store

REVISION = "HS1992"
REST = "ROW"
# Mean share of one product in its sector's trade where the pack does not know it: log-normal, this spread.
SPREAD = 1.6


@dataclass(frozen=True)
class Anchors:
    """Margins with their labels: exporters and importers by ISO3, products by HS6 code."""

    countries: tuple[str, ...]
    products: tuple[str, ...]
    margins: Margins


def synthetic(years: range, rows: int, seed: int = 1) -> pa.RecordBatchReader:
    """Return synthetic flows as a stream, ready for `Store.write("flows", ...)`.

    Totals by country and sector are those of the embedded input-output table; countries that it adds up as
    the rest of the world share them by their raw-material trade. Products by their sector, raw materials at
    their real share. Nothing in it is an observation.

    Parameters
    ----------
    years : range
        Years to draw.
    rows : int
        Flows a year.
    seed : int
        Of all draws.

    Returns
    -------
    pyarrow.RecordBatchReader
        Columns of the core table ``flows``; one batch an exporter and year.

    Raises
    ------
    ValueError
        If `rows` is not positive or more than half of all cells.

    Examples
    --------
    >>> stream = synthetic(range(2020, 2021), rows=20_000)
    >>> stream.schema.names
    ['year', 'exporter', 'importer', 'product', 'value', 'quantity']
    """
    known = anchors()
    drawn = flows(known.margins, years, rows, seed)
    return pa.RecordBatchReader.from_batches(_schema(), _batches(drawn, known))


@cache
def anchors() -> Anchors:
    """Return the margins of the embedded pack."""
    pack = open_store()
    ratio = _raw_trade(pack)
    traders = sorted(set(ratio["exporter"]) & set(ratio["importer"]))
    placed = np.isfinite(np.diag(distances.distances(traders)))
    names = tuple(name for name, known in zip(traders, placed, strict=True) if known)
    codes = tuple(code for code in products.codes(REVISION) if code[:2] not in ("98", "99"))
    industries = tuple(dict.fromkeys(sectors.of_product(code) for code in codes))
    where = {name: i for i, name in enumerate(industries)}
    sector = np.array([where[sectors.of_product(code)] for code in codes])
    sold = _by_country(pack, "seller_country", names, industries, ratio["exporter"])
    bought = _by_country(pack, "buyer_country", names, industries, ratio["importer"])
    weight = _weights(pack, codes, sector)
    margins = Margins(sold, bought, distances.distances(names), sector, weight)
    return Anchors(names, codes, margins)


def _raw_trade(pack: Store) -> dict[str, dict[str, float]]:
    """Return raw-material trade by exporter and by importer over all years of the pack."""
    found = {}
    for side in ("exporter", "importer"):
        frame = pack.table("flows").group_by(side).agg(nw.col("value").sum())
        table = pack.collect(frame)
        found[side] = dict(zip(table[side].to_pylist(), table["value"].to_pylist(), strict=True))
    return found


def _by_country(
    pack: Store, side: str, names: tuple[str, ...], industries: tuple[str, ...], raw: dict[str, float]
) -> FloatArray:
    """Return cross-border trade by country and sector of the goods, USD thousand."""
    frame = (
        pack.table("industry_flows")
        .filter(nw.col("seller_country") != nw.col("buyer_country"))
        .group_by(side, "seller_sector")
        .agg(nw.col("value").sum())
    )
    table = pack.collect(frame).to_pylist()
    totals = {(row[side], row["seller_sector"]): row["value"] * 1000.0 for row in table}
    covered = {country for country, _ in totals}
    outside = {name: raw[name] for name in names if name not in covered}
    scale = sum(outside.values()) or 1.0
    return np.array([
        [
            totals.get((name, industry), 0.0)
            if name in covered
            else totals.get((REST, industry), 0.0) * outside[name] / scale
            for industry in industries
        ]
        for name in names
    ])  # fmt: skip


def _weights(pack: Store, codes: tuple[str, ...], sector: IntArray) -> FloatArray:
    """Return each product's weight in its sector: real for raw materials against their sector's total."""
    table = pack.collect(pack.table("flows").group_by("product").agg(nw.col("value").mean()))
    real = dict(zip(table["product"].to_pylist(), table["value"].to_pylist(), strict=True))
    drawn = np.exp(np.random.default_rng(0).normal(0.0, SPREAD, len(codes)))
    typical = float(np.median(list(real.values())))
    return np.array([real.get(code, 0.0) / typical or w for code, w in zip(codes, drawn, strict=True)])


def _schema() -> pa.Schema:
    return pa.schema(
        [pa.field(f.name, f.type, nullable=f.nullable) for f in SCHEMAS["flows"].fields if not f.optional]
    )


def _batches(drawn: Iterator[Shipments], known: Anchors) -> Iterator[pa.RecordBatch]:
    schema = _schema()
    countries, codes = pa.array(known.countries), pa.array(known.products)
    for part in drawn:
        if not len(part.value):
            continue
        value = np.round(part.value, 3)
        seen = value > 0
        exporter = np.full(int(seen.sum()), part.exporter)
        columns = [
            pa.array(np.full(int(seen.sum()), part.year, np.int16)),
            countries.take(pa.array(exporter)),
            countries.take(pa.array(part.importer[seen])),
            codes.take(pa.array(part.product[seen])),
            pa.array(value[seen]),
            pa.array(np.round(part.quantity[seen], 3), from_pandas=True),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
