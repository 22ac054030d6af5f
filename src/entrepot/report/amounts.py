"""Amounts in whole dollars stay exact in the data; a table that is read shows them at one scale."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from math import isfinite

from entrepot.result import Column, Table

_UNIT = re.compile(r"(USD|EUR)( a year)?")

# Above this many units a thousand would be printed with more than nine figures.
WIDE = 1e9


def readable(table: Table) -> Table:
    """Return the table as it is printed: amounts in whole USD or EUR at one scale, named in the heads.

    Columns of format ``integer`` or ``decimal`` without decimals whose unit is ``USD`` or ``EUR``, with or
    without ``a year``, share one scale, so that they can be compared. All other columns stay as they are.

    Examples
    --------
    >>> import pyarrow as pa
    >>> columns = (Column("sold", "Sold", "USD a year", "integer"),)
    >>> shown = readable(Table("t", "T", pa.table({"sold": [46891785.0, None]}), columns))
    >>> shown.columns[0].unit, shown.data["sold"].to_pylist()
    ('USD m a year', [46.891785, None])
    """
    import pyarrow as pa

    amounts = [column for column in table.columns if is_amount(column)]
    if not amounts:
        return table
    values = {column.name: table.data.column(column.name).to_pylist() for column in amounts}
    scale, letter, digits = common_scale([[v for v in column if v is not None] for column in values.values()])
    data, columns = table.data, []
    for place, column in enumerate(table.columns):
        if column.name in values:
            scaled = [None if value is None else value / scale for value in values[column.name]]
            data = data.set_column(place, column.name, pa.array(scaled, pa.float64()))
            unit = f"{column.unit[:3]}{letter}{column.unit[3:]}"
            column = replace(column, unit=unit, format="decimal", digits=digits)
        columns.append(column)
    return replace(table, data=data, columns=tuple(columns))


def is_amount(column: Column) -> bool:
    """Tell whether a column holds amounts of money in units of the currency."""
    whole = column.format == "integer" or (column.format == "decimal" and column.digits == 0)
    return whole and _UNIT.fullmatch(column.unit) is not None


def common_scale(columns: Sequence[Sequence[float]]) -> tuple[float, str, int]:
    """Choose one scale for several columns: the tenth largest amount of the smallest still shows a digit.

    Returns
    -------
    tuple
        Units of the currency per unit printed, letters behind the currency, decimals.

    Examples
    --------
    >>> common_scale([[48.6e9, 0.94e9]]), common_scale([[41e9], [18.8e6]]), common_scale([[92_172.0]])
    ((1000000000.0, ' bn', 2), (1000000.0, ' m', 1), (1000.0, ' k', 1))
    """
    ranked = [
        sorted((abs(v) for v in column if isfinite(v) and v), reverse=True)
        for column in columns
        if len(column)
    ]
    tenths = [column[min(9, len(column) - 1)] for column in ranked if column]
    least, most = min(tenths, default=0.0), max(chain.from_iterable(ranked), default=0.0)
    if least >= 5e7:
        return 1e9, " bn", 2
    if not tenths or least >= 1e5:
        return 1e6, " m", 1
    return (1e3, " k", 1) if most < WIDE else (1e6, " m", 2)
