"""Columns of the user beside the panel: joined by exporter, importer, year and product, as far as they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from entrepot.errors import DataError, InputError
from entrepot.estimation.frame import read

KEYS = ("exporter", "importer", "year", "product")


def whole(data: Any) -> pa.Table:
    """Return any data frame as an Arrow table with all its columns."""
    return read(data, read(data, []).known).table


def read_extra(data: Any) -> pa.Table:
    """Read the user's columns; their keys are those of exporter, importer, year and product that they have.

    Raises
    ------
    InputError
        Without a key or without a column beside it, or if they hold trade.
    DataError
        If a cell has two rows.
    """
    table = whole(data)
    keys = [name for name in KEYS if name in table.column_names]
    if not keys or len(keys) == table.num_columns:
        raise InputError(
            f"the extra columns need a key and a column beside it, found {', '.join(table.column_names)}",
            hint=f"keys are those of {', '.join(KEYS)} that they have",
        )
    if clash := [name for name in ("trade", "value") if name in table.column_names]:
        raise InputError(
            f"the extra columns cannot hold '{clash[0]}': trade comes from the store",
            hint="rename it, or give the whole table as data of your own",
        )
    for name in keys:
        kind = pa.int64() if name == "year" else pa.string()
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    counts = table.group_by(keys).aggregate([([], "count_all")])
    twice = counts.filter(pc.greater(counts["count_all"], 1))
    if twice.num_rows:
        cell = ", ".join(f"{name} {twice[name][0].as_py()}" for name in keys)
        raise DataError(
            f"the extra columns have {twice['count_all'][0].as_py()} rows for {cell}",
            hint="keep one row for each cell",
        )
    return table


def joined(table: pa.Table, extra: pa.Table, codes: Sequence[str], fill: float | None) -> pa.Table:
    """Add the user's columns to the rows of a panel of some products, in the order of the rows.

    A cell that they do not list takes the fill.

    Raises
    ------
    InputError
        If they are by product and the panel adds several up.
    DataError
        If they do not list a cell and there is no fill.
    """
    if "product" in extra.column_names:
        if len(codes) > 1:
            raise InputError(
                "extra columns by product go with one product, or with each by itself",
                hint="name one product, or ask by product",
            )
        extra = extra.filter(pc.equal(extra["product"], codes[0])).drop_columns(["product"])
    keys = [name for name in KEYS if name in extra.column_names]
    if not keys:
        # By product alone: one value for all rows.
        extra, keys = extra.append_column("__all", pa.array([0] * extra.num_rows, pa.int64())), ["__all"]
        table = table.append_column("__all", pa.array(np.zeros(table.num_rows, np.int64)))
    added = [name for name in extra.column_names if name not in keys]
    numbered = table.append_column("__row", pa.array(np.arange(table.num_rows)))
    wide = numbered.join(extra, keys).sort_by("__row").select([*table.column_names, *added])
    for name in added:
        if fill is not None:
            filled = pc.fill_null(wide[name].cast(pa.float64()), float(fill))
            wide = wide.set_column(wide.column_names.index(name), name, filled)
        elif wide[name].null_count:
            _refuse_gaps(wide, name, keys)
    return wide.drop_columns(["__all"]) if "__all" in wide.column_names else wide


def _refuse_gaps(table: pa.Table, name: str, keys: Sequence[str]) -> None:
    gaps = table.filter(pc.is_null(table[name]))
    shown = [key for key in keys if key in KEYS]
    cell = ", ".join(f"{key} {gaps[key][0].as_py()}" for key in shown)
    raise DataError(
        f"the extra column '{name}' has no value in {gaps.num_rows:,} of {table.num_rows:,} cells"
        + (f", for example {cell}" if cell else ""),
        hint="list them, or say what they are: --fill 0 (fill=0 in Python)",
    )
