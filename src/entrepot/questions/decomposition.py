"""Why a country's trade changed between two years: price against volume, and constant market shares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from entrepot.models.market_share import MarketShare, market_share
from entrepot.models.prices import PriceVolume, price_volume
from entrepot.questions import words
from entrepot.questions.selection import Direction, country_flows, product_filter, whole
from entrepot.result import Column, Note, Table
from entrepot.world import reporting

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.store.engine import Frame
    from entrepot.store.store import Store

_PARTS = (
    Column("part", "Part"),
    Column("value", "Change", "USD", "integer"),
    Column("share", "Of total change", "", "percent"),
)


def decompose(
    store: Store,
    country: str,
    direction: Direction,
    products: Sequence[str],
    ends: tuple[int, int],
    partners: Sequence[str] | None = None,
) -> tuple[list[Table], list[Note]]:
    """Split the change between two years; partners dark in either year are left out of both.

    Parameters
    ----------
    store : Store
    country : str
    direction : {"exports", "imports"}
    products : sequence of str
        Codes; all goods if empty.
    ends : (int, int)
    partners : sequence of str, optional
        Those traded with, where the caller knows them; asked of the store if not.

    Returns
    -------
    tables : list of Table
        ``price-volume`` always, ``market-share`` for exports; the parts of each sum to the total exactly.
    notes : list of Note
        What was left out, matched and trimmed.
    """
    hidden = sorted({name for year in ends for name in reporting.dark_partners(country, year)})
    cells = two_years(store, direction, products, ends, country=country, leave_out=hidden)
    value, quantity = cells["value"], cells["quantity"]
    split = price_volume(value[0], quantity[0], value[1], quantity[1])
    tables, notes = [price_volume_table(split, ends)], [price_volume_note(split, ends)]
    if direction == "exports":
        shares = constant_market_share(cells, *world_cells(store, products, ends, [*hidden, country]))
        tables.append(market_share_table(shares, ends))
        notes.append(
            Note(
                "convention",
                "Constant market shares are averaged over all 24 orders of the four effects (Shapley), since "
                "the result of a single order depends on that order.",
            )
        )
    if partners is None:
        table = country_flows(store, country, direction, ["partner"], products=products, partners=hidden)
        partners = table.column("partner").to_pylist()
    traded = len(set(hidden).intersection(partners))
    if traded:
        text = f"{words.count(traded, 'partner')} that neither side reports in {ends[0]} or {ends[1]}"
        verb = "stands" if traded == 1 else "stand"
        notes.append(Note("missing", f"{text} {verb} in neither decomposition."))
    return tables, notes


def two_years(
    store: Store,
    direction: Direction,
    products: Sequence[str],
    ends: tuple[int, int],
    *,
    country: str,
    leave_out: Sequence[str] = (),
) -> dict[str, NDArray[np.float64]]:
    """Read a country's cells partner x product of two years.

    Returns
    -------
    dict
        ``value`` (2, n) USD, ``quantity`` (2, n) tonnes with NaN where no row has one, and the labels
        ``partner`` and ``product`` (n,).
    """
    own, partner = ("exporter", "importer") if direction == "exports" else ("importer", "exporter")
    frame = _comparable(store, products, ends).filter(nw.col(own) == country)
    if leave_out:
        frame = frame.filter(~nw.col(partner).is_in(list(leave_out)))
    sums = frame.group_by("year", partner, "product").agg(nw.col("value").sum(), nw.col("quantity").sum())
    return _side_by_side(store.collect(sums.sort(partner, "product", "year")), partner, ends)


def world_cells(
    store: Store, products: Sequence[str], ends: tuple[int, int], leave_out: Sequence[str]
) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.float64]]:
    """Return what each importer but some bought of the whole world in two years, see `_world`."""
    importers, goods, values = _world(store, store.info("flows").sha256, tuple(products), ends)
    kept = ~np.isin(importers, list(leave_out))
    return importers[kept], goods, values[:, kept]


@lru_cache(maxsize=4)
def _world(
    store: Store, sha256: str, products: tuple[str, ...], ends: tuple[int, int]
) -> tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.float64]]:
    """Read what each importer bought in two years, once for each content of a store.

    Returns
    -------
    importers, goods : ndarray of str, shapes (p,), (k,)
        Sorted.
    values : ndarray, shape (2, p, k)
        USD.
    """
    frame = _comparable(store, products, ends)
    at_end = (nw.when(nw.col("year") == year).then(nw.col("value")).otherwise(0.0) for year in ends)
    frame = frame.with_columns(*(value.alias(f"value_{i}") for i, value in enumerate(at_end)))
    sums = frame.group_by("importer", "product").agg(nw.col("value_0").sum(), nw.col("value_1").sum())
    table = store.collect(sums)
    (importers, row), (goods, column) = (_coded(table.column(name)) for name in ("importer", "product"))
    values = np.zeros((2, len(importers), len(goods)))
    for i in (0, 1):
        values[i, row, column] = whole(1e3 * table.column(f"value_{i}").to_numpy())
    return importers, goods, values


def _coded(column: pa.ChunkedArray) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """Return the sorted values of a column of text, and the place of each cell among them."""
    coded = column.combine_chunks().dictionary_encode()
    names, place = np.unique(np.array(coded.dictionary.to_pylist(), dtype=np.str_), return_inverse=True)
    return names, place[coded.indices.to_numpy()]


def _comparable(store: Store, products: Sequence[str], ends: tuple[int, int]) -> Frame:
    """Flows of two years; pairs dark in one of them leave both, or their silence would pass for a fall."""
    frame = product_filter(store.table("flows"), products)
    frame = frame.filter(
        (nw.col("year") == ends[0]) | (nw.col("year") == ends[1]), nw.col("exporter") != nw.col("importer")
    )
    for year in ends:
        silent = sorted(reporting.silent(year))
        frame = frame.filter(~(nw.col("exporter").is_in(silent) & nw.col("importer").is_in(silent)))
    return frame


def _side_by_side(table: pa.Table, partner: str, ends: tuple[int, int]) -> dict[str, NDArray[np.float64]]:
    """Align the cells of two years; a cell absent in one of them has value 0 there."""
    import pyarrow.compute as pc

    key = pc.binary_join_element_wise(table.column(partner), table.column("product"), " ").combine_chunks()
    coded = key.dictionary_encode()
    index = coded.indices.to_numpy()
    row = (table.column("year").to_numpy() == ends[1]).astype(np.int64)
    value = np.zeros((2, len(coded.dictionary)))
    quantity = np.full_like(value, np.nan)
    value[row, index] = whole(1e3 * table.column("value").to_numpy())
    quantity[row, index] = np.round(table.column("quantity").to_numpy(zero_copy_only=False), 3)
    labels = np.array([text.split(" ") for text in coded.dictionary.to_pylist()]).reshape(-1, 2)
    return {"value": value, "quantity": quantity, "partner": labels[:, 0], "product": labels[:, 1]}


def constant_market_share(
    own: dict[str, NDArray[np.float64]],
    importers: NDArray[np.str_],
    goods: NDArray[np.str_],
    world: NDArray[np.float64],
) -> MarketShare:
    """Compare a country's exports with the world's over the same products and partners."""
    mine = np.zeros_like(world)
    mine[:, np.searchsorted(importers, own["partner"]), np.searchsorted(goods, own["product"])] = own["value"]
    return market_share(mine[0], mine[1], world[0], world[1])


def price_volume_table(split: PriceVolume, ends: tuple[int, int]) -> Table:
    """Lay out the price and volume parts; they sum to the change exactly."""
    parts = {
        "price": split.price_effect,
        "volume": split.volume_effect,
        "new cells (partner x product)": split.entry,
        "lost cells": split.exit,
        "without quantity": split.unmatched,
        "unit-value outliers": split.trimmed,
    }
    return _parts_table("price-volume", f"Value against volume, {ends[0]} to {ends[1]}", parts)


def price_volume_note(split: PriceVolume, ends: tuple[int, int]) -> Note:
    """State the indices and what they cover."""
    if split.fisher is None:
        return Note("missing", "Price and volume cannot be told apart: no cell has a quantity in both years.")
    return Note(
        "convention",
        f"Fisher indices {ends[0]} = 1: price {split.fisher.price:.3f}, volume {split.fisher.quantity:.3f}; "
        f"matched cells hold {words.percent(split.coverage0)} and {words.percent(split.coverage1)} of value; "
        f"{words.count(split.trimmed_items, 'cell')} trimmed as unit-value outliers, "
        f"{split.unmatched_items} without quantity.",
    )


def market_share_table(shares: MarketShare, ends: tuple[int, int]) -> Table:
    """Lay out the constant-market-share parts; they sum to the change exactly."""
    names = ("world growth", "product mix", "partner mix", "own performance")
    parts = dict(zip(names, (float(effect) for effect in shares.effects), strict=True))
    parts |= {"markets that are new": shares.entry, "markets that are gone": shares.exit}
    return _parts_table("market-share", f"Constant market shares, {ends[0]} to {ends[1]}", parts)


def _parts_table(name: str, title: str, parts: dict[str, float]) -> Table:
    import pyarrow as pa

    total = sum(parts.values())
    largest = max(abs(amount) for amount in parts.values())
    # A part that is zero by construction comes out as rounding noise.
    rows = {part: amount for part, amount in parts.items() if abs(amount) > 1e-13 * largest}
    rows["total change"] = total
    share = [amount / total if total else None for amount in rows.values()]
    data = pa.table(
        {"part": list(rows), "value": list(rows.values()), "share": pa.array(share, pa.float64())}
    )
    return Table(name, title, data, _PARTS)
