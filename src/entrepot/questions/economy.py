"""From a store's input-output table to a calibrated world economy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError
from entrepot.models.equilibrium.calibration import Calibration, calibrate_table
from entrepot.result import Source

if TYPE_CHECKING:
    from entrepot.store.store import Store


@dataclass(frozen=True, slots=True)
class WorldEconomy:
    """An input-output table as a calibrated economy.

    Attributes
    ----------
    countries, sectors : tuple of str
        ISO3 codes (N) and sector codes (J), sorted: the axes of the arrays.
    year : int
        Base year.
    income : ndarray, shape (N,)
        Value added, USD.
    calibration : Calibration
        Arrays in million USD, and what was approximated.
    sources : tuple of Source
    """

    countries: tuple[str, ...]
    sectors: tuple[str, ...]
    year: int
    income: NDArray[np.float64]
    calibration: Calibration
    sources: tuple[Source, ...]


def read_economy(store: Store, year: int | None = None) -> WorldEconomy:
    """Calibrate the economy of one year of the store's input-output table.

    Parameters
    ----------
    store : Store
        Must hold ``industry_flows`` and ``industry_totals``; ``final_demand`` where there is one.
    year : int, optional
        Base year; the last one of the table if left out.

    Raises
    ------
    StoreError
        If a table is absent.
    DataError
        If the table does not hold the year.
    """
    first, last = store.info("industry_flows").years or (0, 0)
    chosen = last if year is None else year
    if not first <= chosen <= last:
        raise DataError.empty_selection(
            f"an input-output table of {chosen}", hint=f"the store holds {first} to {last}"
        )
    hashes = tuple(store.info(name).sha256 for name in ("industry_flows", "industry_totals"))
    return _calibrated(store, hashes, chosen)


@lru_cache(maxsize=2)
def _calibrated(store: Store, hashes: tuple[str, ...], year: int) -> WorldEconomy:
    """Calibrate once for each content of a store and year."""
    flows = store.collect(store.table("industry_flows").filter(nw.col("year") == year).drop("year"))
    totals = store.collect(store.table("industry_totals").filter(nw.col("year") == year))
    countries = sorted(pc.unique(totals["country"]).to_pylist())
    sectors = sorted(pc.unique(totals["sector"]).to_pylist())
    n, j = len(countries), len(sectors)
    table = np.zeros((n, j, n, j))
    axes = (("seller_country", countries), ("seller_sector", sectors), ("buyer_country", countries),
            ("buyer_sector", sectors))  # fmt: skip
    cells = np.ravel_multi_index(tuple(_places(flows[name], known) for name, known in axes), table.shape)
    table.ravel()[cells] = flows["value"].to_numpy()
    output = np.zeros((n, j))
    output[_places(totals["country"], countries), _places(totals["sector"], sectors)] = totals[
        "gross_output"
    ].to_numpy()
    calibration = calibrate_table(table, output)
    income = (calibration.trade.sum(axis=1) * calibration.value_added).sum(axis=1)
    sources = store.sources("industry_flows", "industry_totals")
    return WorldEconomy(tuple(countries), tuple(sectors), year, 1e6 * income, calibration, sources)


def _places(column: pa.ChunkedArray, known: list[str]) -> NDArray[np.int64]:
    """Return where each text stands in a sorted list; what is absent from the totals is an error."""
    found = pc.index_in(column, value_set=pa.array(known, pa.string())).combine_chunks()
    if found.null_count:
        missing = sorted(set(pc.unique(column).to_pylist()) - set(known))
        raise DataError(
            f"industry_flows has {missing[0]}, which industry_totals does not have",
            hint="write both tables from the same source",
        )
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)
