"""What each flow would have been, product by product: the baseline of detection on processes or a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.models import detection as dd
from entrepot.models.detection.baseline import importer_factors, product_factors

if TYPE_CHECKING:
    from entrepot.store.engine import Frame
    from entrepot.store.store import Store

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

# Small change a year, USD.
FLOOR = 12_000.0
_NUMBERS = ("before", "after", "importer_factor", "product_factor", "expected")
_NAMES = ("product", "exporter", "importer")
ANSWER = pa.schema({**dict.fromkeys(_NAMES, pa.string()), **dict.fromkeys(_NUMBERS, pa.float64())})


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What the baselines of all products share.

    Attributes
    ----------
    countries, years, headings : tuple
        Axes; headings are HS4.
    exporters, importers, controls : ndarray of int
        Places on the axis of countries.
    window : Window
    floor : float
        Small change a year, USD.
    uncovered : Trade or None
        Trade from which the importer's factor is read.
    prior : ndarray, shape (countries, headings)
        Growth of each heading as each importer sees it.
    """

    countries: tuple[str, ...]
    years: tuple[int, ...]
    headings: tuple[str, ...]
    exporters: IntArray
    importers: IntArray
    controls: IntArray
    window: dd.Window
    floor: float
    uncovered: dd.Trade | None
    prior: FloatArray


def expected_flows(
    store: Store,
    exporters: Sequence[str],
    importers: Sequence[str],
    *,
    before: Sequence[int],
    after: Sequence[int],
    products: Sequence[str],
    controls: Sequence[str],
    others: Sequence[str] = (),
    floor: float = FLOOR,
    workers: int = 1,
) -> pa.Table:
    """Observed and expected flows of each product: `entrepot.models.detection.expect` without its one table.

    Sums by heading and importer, which all products share, are computed by the engine; then each product is
    worked on by itself, in processes of this machine or on the workers of the store's cluster.

    Parameters
    ----------
    store : Store
        With a table ``flows``.
    exporters, importers : sequence of str
        ISO3 codes.
    before, after : sequence of int
        Years; those before are a whole number of times those after.
    products : sequence of str
        HS6 codes.
    controls : sequence of str
        Importers whose purchases say how a product grew by itself; each is left out of its own baseline.
    others : sequence of str
        HS6 codes from which the growth of an importer's purchases is read; without them it counts as 1.
    floor : float
        Value a year that is small change, USD.
    workers : int
        Processes on this machine.

    Returns
    -------
    pyarrow.Table
        product, exporter, importer, before (mean of its years), after, the two factors, expected; USD.

    Raises
    ------
    InputError
        If the years do not fit.
    DataError
        If there is no such trade, or a product fails.

    Examples
    --------
    >>> from entrepot.store.store import open_store
    >>> answer = expected_flows(open_store(), ["DEU", "FRA"], ["ARM", "KAZ"], before=[2021], after=[2023],
    ...                         products=["260300", "260400", "710812"], controls=["KAZ", "TUR", "IND"])
    >>> answer.column_names[:4], bool((answer["expected"].to_numpy() >= 0).all())
    (['product', 'exporter', 'importer', 'before'], True)
    """
    years = (*before, *after)
    try:
        window = dd.window(np.arange(len(before)), np.arange(len(before), len(years)))
    except ValueError as error:
        raise InputError(f"years cannot be compared: {error}") from None
    if len(set(years)) < len(years):
        raise InputError("years before and after must not repeat or overlap")
    axis = tuple(sorted({*exporters, *importers, *controls}))
    rows = _rows(store, exporters, {*importers, *controls}, years)
    headings = tuple(sorted({code[:4] for code in products}))
    goods = rows.filter(nw.col("product").is_in(sorted(set(products))))
    shared = Setting(
        countries=axis,
        years=years,
        headings=headings,
        exporters=_among(axis, exporters),
        importers=_among(axis, importers),
        controls=_among(axis, controls),
        window=window,
        floor=floor,
        uncovered=_uncovered(store, rows, others, axis, years),
        prior=np.ones((len(axis), len(headings))),
    )
    shared = replace(shared, prior=_prior(store, goods, shared, before))
    found = store.map_products(goods, partial(_expect, shared), ANSWER, workers=workers)
    return found.sort_by([(name, "ascending") for name in _NAMES])


def _among(axis: Sequence[str], names: Sequence[str]) -> IntArray:
    return np.searchsorted(axis, sorted(set(names))).astype(np.int64)


def _rows(store: Store, exporters: Sequence[str], importers: set[str], years: Sequence[int]) -> Frame:
    frame = store.table("flows").filter(
        nw.col("exporter").is_in(sorted(set(exporters))),
        nw.col("importer").is_in(sorted(importers)),
        nw.col("year").is_in(sorted(years)),
        nw.col("exporter") != nw.col("importer"),
    )
    return frame.select("year", "exporter", "importer", "product", "value")


def _uncovered(
    store: Store, rows: Frame, others: Sequence[str], axis: Sequence[str], years: Sequence[int]
) -> dd.Trade | None:
    """Return the trade in other goods as one product."""
    if not others:
        return None
    chosen = rows.filter(nw.col("product").is_in(sorted(set(others))))
    sums = chosen.group_by("year", "exporter", "importer").agg(nw.col("value").sum())
    return _trade(store.collect(sums), axis, years)


def _trade(rows: pa.Table, axis: Sequence[str], years: Sequence[int]) -> dd.Trade:
    """Put rows of one product on the axes, in an order that does not depend on the engine."""
    rows = rows.sort_by([(name, "ascending") for name in ("exporter", "importer", "year", "value")])
    return dd.trade(
        _places(rows["exporter"], axis, pa.string()),
        _places(rows["importer"], axis, pa.string()),
        np.zeros(rows.num_rows, np.int64),
        _places(rows["year"], years, pa.int16()),
        1e3 * rows["value"].to_numpy(),
        countries=len(axis),
        products=1,
        periods=len(years),
    )


def _places(column: pa.ChunkedArray, axis: Sequence[object], kind: pa.DataType) -> IntArray:
    return np.asarray(pc.index_in(column, value_set=pa.array(axis, kind)).to_numpy(), np.int64)


def _prior(store: Store, goods: Frame, shared: Setting, years: Sequence[int]) -> FloatArray:
    """Growth of each heading as each importer sees it, from sums that the engine makes; 1 where unknown."""
    sums = store.collect(_by_heading(store, goods, shared, years)).sort_by(
        [("heading", "ascending"), ("importer", "ascending")]
    )
    if not sums.num_rows:
        raise DataError.empty_selection("these products, countries and years", hint="take more of them")
    heading = _places(sums["heading"], shared.headings, pa.string())
    importer = _places(sums["importer"], shared.countries, pa.string())
    then, now = (1e3 * sums[name].to_numpy() for name in ("fitted", "after"))
    chapters = np.unique([name[:2] for name in shared.headings], return_inverse=True)[1]
    everyone, all_headings = len(shared.countries), len(shared.headings)
    is_control = np.isin(importer, shared.controls)
    axes = dd.trade([], [], [], [], [], countries=everyone, products=all_headings, periods=1)
    prior = np.ones((everyone, all_headings))
    prior[importer, heading] = product_factors(
        importer, heading, then / len(shared.window.pre), now, is_control, axes, [chapters],
        shared.floor * shared.window.post.size,
    )  # fmt: skip
    return prior


def _by_heading(store: Store, goods: Frame, shared: Setting, years: Sequence[int]) -> Frame:
    """Sum trade before, scaled by the importer's factor, and trade after, by heading and importer."""
    everyone = np.union1d(shared.importers, shared.controls)
    factors = importer_factors(shared.uncovered, shared.exporters, everyone, shared.window, shared.floor)
    exporter, importer = (grid.ravel() for grid in np.meshgrid(shared.exporters, everyone, indexing="ij"))
    names = pa.array(shared.countries, pa.string())
    scale = pa.table(
        {
            "exporter": names.take(pa.array(exporter)),
            "importer": names.take(pa.array(importer)),
            "factor": factors[exporter, importer],
        }
    )
    early = nw.col("year").is_in(list(years))
    scaled = goods.join(store.lift(scale), on=["exporter", "importer"], how="inner").select(
        "importer",
        nw.col("product").str.slice(0, 4).alias("heading"),
        nw.when(early).then(nw.col("value") * nw.col("factor")).otherwise(0.0).alias("fitted"),
        nw.when(early).then(0.0).otherwise(nw.col("value")).alias("after"),
    )
    return scaled.group_by("heading", "importer").agg(nw.col("fitted").sum(), nw.col("after").sum())


def _expect(shared: Setting, rows: pa.Table) -> pa.Table:
    """Work on the one product that the rows are of: what a worker runs."""
    code = rows["product"][0].as_py()
    heading = shared.headings.index(code[:4])
    flows = dd.expect(
        _trade(rows, shared.countries, shared.years),
        shared.exporters,
        shared.importers,
        shared.controls,
        shared.window,
        parents=[],
        floor=shared.floor,
        uncovered=shared.uncovered,
        prior=shared.prior[:, [heading]],
    )
    names = pa.array(shared.countries, pa.string())
    return pa.table(
        {
            "product": pa.array([code] * flows.before.size, pa.string()),
            "exporter": names.take(pa.array(flows.exporter)),
            "importer": names.take(pa.array(flows.importer)),
            **{name: getattr(flows, name) for name in _NUMBERS},
        }
    )
