"""The checks that every row of a core table must pass; a fault is named with its row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from entrepot.errors import DataError, InputError
from entrepot.store.engine import Engine
from entrepot.store.schemas import SCHEMAS, Field, Schema


class Checker:
    """Brings batches of one core table into its columns and types, and refuses faulty rows by number.

    Parameters
    ----------
    schema : Schema
        The core table.
    found : pyarrow.Schema
        Columns of the data.

    Raises
    ------
    DataError
        If a column is missing, unknown, or of a type that cannot become the one needed.
    """

    def __init__(self, schema: Schema, found: pa.Schema) -> None:
        self.name = schema.name
        self.fields = tuple(f for f in schema.fields if not f.optional or f.name in found.names)
        needed = [f.name for f in self.fields]
        missing = [name for name in needed if name not in found.names]
        if missing:
            raise DataError.missing_columns(f"table '{schema.name}'", missing, found.names)
        extra = [name for name in found.names if name not in needed or found.names.count(name) > 1]
        if extra:
            raise DataError.extra_columns(schema.name, extra, [f.name for f in schema.fields])
        self.schema = pa.schema(
            [
                pa.field(f.name, self._target(f, found.field(f.name).type), nullable=f.nullable)
                for f in self.fields
            ]
        )
        self.rows = 0

    def _target(self, field: Field, found: pa.DataType) -> pa.DataType:
        """Return the type to store; text is never made from numbers, which have lost their leading zeros."""
        if pa.types.is_dictionary(found):
            found = found.value_type
        text = pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
        if field.type == pa.string():
            if not text:
                raise DataError.wrong_type(self.name, field.name, "text", str(found))
            return field.type
        if pa.types.is_decimal128(found) and field.type == pa.float64():
            return found
        if not (pa.types.is_integer(found) or pa.types.is_floating(found) or pa.types.is_decimal(found)):
            raise DataError.wrong_type(self.name, field.name, "a number", str(found))
        return field.type

    def conform(self, batch: pa.Table) -> pa.Table:
        """Return the next rows in the columns and types of the schema.

        Raises
        ------
        DataError
            If a cell is null, not finite, negative, too large for its type or not the text it must be.
        """
        columns = []
        for field, target in zip(self.fields, self.schema.types, strict=True):
            column = self._cast(batch[field.name], field, target)
            self._refuse(field, column)
            columns.append(column)
        self.rows += batch.num_rows
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _cast(self, column: pa.ChunkedArray, field: Field, target: pa.DataType) -> pa.ChunkedArray:
        if pa.types.is_floating(column.type):
            # Frames without nulls write "not observed" as NaN.
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        try:
            return column.cast(target)
        except pa.ArrowInvalid as error:
            raise DataError.wrong_type(self.name, field.name, str(field.type), str(error)) from error

    def _refuse(self, field: Field, column: pa.ChunkedArray) -> None:
        """Raise for the first faulty cell of a column."""
        if not field.nullable and column.null_count:
            self._raise_at(pc.is_null(column), field, column, "is null")
        if field.pattern:
            self._raise_at(
                pc.invert(pc.match_substring_regex(column, field.pattern)), field, column, "is no such code"
            )
        elif field.type != pa.string():
            if not field.signed:
                self._raise_at(pc.less(column, pa.scalar(0, column.type)), field, column, "is negative")
            if pa.types.is_floating(column.type):
                self._raise_at(pc.invert(pc.is_finite(column)), field, column, "is not finite")

    def _raise_at(self, faulty: Any, field: Field, column: pa.ChunkedArray, fault: str) -> None:
        row = pc.index(faulty, True).as_py()
        if row >= 0:
            reason = fault if fault == "is null" else f"'{column[row].as_py()}' {fault}"
            raise DataError.bad_cell(self.name, self.rows + row + 1, field.name, reason, hint=field.doc)

    def refuse_duplicates(self, path: Path) -> None:
        """Raise if two rows of a written file agree in the key; DuckDB spills to disk where memory is short.

        Raises
        ------
        DataError
            Naming both rows.
        """
        names = [field.name for field in self.fields if field.key]
        found = Engine().first_duplicate(path, names)
        if found is not None:
            first, second, key = found
            raise DataError.duplicate_key(
                self.name, first + 1, second + 1, dict(zip(names, key, strict=True))
            )


def check(name: str, data: pa.Table) -> pa.Table:
    """Return data in the columns and types of a core table, or refuse them.

    Parameters
    ----------
    name : str
        One of `SCHEMAS`.
    data : pyarrow.Table
        Columns in any order. NaN becomes null. Exact decimals stay decimals.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    InputError
        If there is no core table of that name.
    DataError
        If a column is missing or unknown, a type is wrong, or a row is faulty; rows are counted from 1.

    Examples
    --------
    >>> import pyarrow as pa
    >>> oil = pa.table({"product": ["270900"], "description": ["Petroleum oils, crude"]})
    >>> check("products", oil).num_rows
    1
    >>> check("products", pa.concat_tables([oil, oil]))
    Traceback (most recent call last):
    entrepot.errors.DataError: table 'products', rows 1 and 2 are both for product 270900 (hint: ...
    """
    if name not in SCHEMAS:
        raise InputError.unknown("core table", name, list(SCHEMAS))
    checker = Checker(SCHEMAS[name], data.schema)
    checked = checker.conform(data)
    keys = [field.name for field in checker.fields if field.key]
    numbered = checked.select(keys).append_column("row", pa.array(range(checked.num_rows), pa.int64()))
    groups = numbered.group_by(keys).aggregate([("row", "min"), ("row", "max")])
    twice = groups.filter(pc.not_equal(groups["row_min"], groups["row_max"])).sort_by("row_min")
    if twice.num_rows:
        first = twice.slice(0, 1).to_pylist()[0]
        key = {name: first[name] for name in keys}
        raise DataError.duplicate_key(name, first["row_min"] + 1, first["row_max"] + 1, key)
    return checked
