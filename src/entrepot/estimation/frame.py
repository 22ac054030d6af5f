"""Read the columns of any data frame as arrays: numbers with NaN for missing, codes with -1 for missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import narwhals as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from entrepot.errors import InputError
from entrepot.models.poisson.rows import contiguous

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Codes:
    """A column as codes: ``code`` (n,) counts from 0 in the order of the sorted ``values``; -1 is missing."""

    code: IntArray
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Columns of the data that a regression reads.

    Attributes
    ----------
    table : pyarrow.Table
        The columns read.
    known : tuple of str
        All columns of the data, for hints.
    """

    table: pa.Table
    known: tuple[str, ...]
    _own: dict[str, tuple[IntArray, list[Any]]] = field(default_factory=dict, init=False)
    _encoded: dict[tuple[str, ...], tuple[Codes, ...]] = field(default_factory=dict, init=False)
    _joint: dict[tuple[str, ...], IntArray] = field(default_factory=dict, init=False)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    def require(self, names: Iterable[str]) -> None:
        """Raise InputError for the first name that is no column read."""
        for name in names:
            if name not in self.table.column_names:
                raise InputError.unknown("column", name, self.known, see=f"columns: {', '.join(self.known)}")

    def numbers(self, name: str) -> FloatArray:
        """Return a numeric column as float64, shape (n,), NaN where it is missing.

        Raises
        ------
        InputError
            If there is no such column, or it does not hold numbers.
        """
        self.require([name])
        column = self.table[name]
        kind = column.type
        if pa.types.is_boolean(kind) or pa.types.is_null(kind) or pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise InputError(
                f"column '{name}' holds {_words(kind)}, not numbers",
                hint=f"write i({name}) for one dummy a value, or make numbers of it first",
            )
        # Arrow turns the nulls of a number column into NaN.
        return np.asarray(column.to_numpy(), dtype=np.float64)

    def codes(self, *names: str) -> tuple[Codes, ...]:
        """Return columns as codes of one numbering: the sorted values of all of them together.

        Raises
        ------
        InputError
            If there is no such column, or the columns cannot be compared.
        """
        if names in self._encoded:
            return self._encoded[names]
        self.require(names)
        for name in names:
            if name not in self._own:
                self._own[name] = _encoded(self.table[name])
        pieces = [self._own[name] for name in names]
        try:
            values = sorted({value for _, own in pieces for value in own if _present(value)})
        except TypeError:
            raise InputError(
                f"columns {' and '.join(names)} hold values that cannot be compared",
                hint="give all of them one type",
            ) from None
        place = {value: at for at, value in enumerate(values)}
        found = []
        for code, own in pieces:
            # The last entry serves the code -1.
            target = np.array([place[v] if _present(v) else -1 for v in own] + [-1], dtype=np.intp)
            same = (target[:-1] == np.arange(len(own))).all()
            found.append(Codes(code if same else target[code], tuple(values)))
        self._encoded[names] = tuple(found)
        return self._encoded[names]

    def joint(self, *names: str) -> IntArray:
        """Return codes (n,) of the combinations of columns in the order of their values; -1 is missing."""
        if names not in self._joint:
            (last,) = self.codes(names[-1])
            self._joint[names] = _joined(self.joint(*names[:-1]), last) if len(names) > 1 else last.code
        return self._joint[names]

    def changed(self, name: str, values: FloatArray) -> Frame:
        """Return the frame with other numbers in one column."""
        at = self.table.column_names.index(name)
        return replace(self, table=self.table.set_column(at, name, pa.array(values, from_pandas=True)))


def read(data: Any, names: Sequence[str], optional: Sequence[str] = ()) -> Frame:
    """Read columns from any data frame.

    Parameters
    ----------
    data : pandas, polars or Arrow table, narwhals frame, mapping of arrays, or Arrow stream
        The data; a lazy frame is collected, only with the columns needed.
    names : sequence of str
        Columns that must be there.
    optional : sequence of str
        Columns that are read where they are there.

    Returns
    -------
    Frame

    Raises
    ------
    InputError
        If the data are no frame or lack a column.

    Examples
    --------
    >>> read({"trade": [1.0, None]}, ["trade"]).numbers("trade").tolist()
    [1.0, nan]
    """
    frame = _narwhals(data)
    known = tuple(str(name) for name in frame.collect_schema().names())
    for name in names:
        if name not in known:
            raise InputError.unknown("column", name, known, see=f"columns: {', '.join(known)}")
    wanted = [name for name in dict.fromkeys((*names, *optional)) if name in known]
    chosen = frame.select(*wanted)
    table = (chosen.collect("pyarrow") if isinstance(chosen, nw.LazyFrame) else chosen).to_arrow()
    return Frame(table, known)


def _narwhals(data: Any) -> nw.DataFrame[Any] | nw.LazyFrame[Any]:
    if isinstance(data, Mapping):
        data = _from_mapping(data)
    found: Any = nw.from_native(data, pass_through=True)
    if isinstance(found, nw.DataFrame | nw.LazyFrame):
        return found
    if hasattr(data, "__arrow_c_stream__"):
        return cast("nw.DataFrame[Any]", nw.from_native(pa.table(data), eager_only=True))
    raise InputError(
        f"data must be a data frame, not {type(data).__name__}",
        hint="give a pandas, polars or Arrow table, or a dict of arrays",
    )


def _from_mapping(data: Mapping[str, Any]) -> pa.Table:
    try:
        return pa.table({str(name): pa.array(values, from_pandas=True) for name, values in data.items()})
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        lengths = {str(name): np.shape(values) for name, values in data.items()}
        raise InputError(
            f"the dict of arrays makes no table: {error}", hint=f"shapes: {lengths}; one length is needed"
        ) from None


def _encoded(column: pa.ChunkedArray) -> tuple[IntArray, list[Any]]:
    """Return codes and their values, in no particular order; -1 where null."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    encoded = pc.dictionary_encode(column).combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.chunks)
    indices = pc.fill_null(encoded.indices, -1) if encoded.null_count else encoded.indices
    code = indices.to_numpy(zero_copy_only=False)
    return code.astype(np.intp), encoded.dictionary.to_pylist()


def _joined(first: IntArray, second: Codes) -> IntArray:
    # Renumbered after each column, so that many cannot overflow.
    joint = first * len(second.values)
    joint += second.code
    if min(first.min(initial=0), second.code.min(initial=0)) >= 0:
        return contiguous(joint)
    absent = (first < 0) | (second.code < 0)
    return np.where(absent, -1, contiguous(np.where(absent, 0, joint)))


def _present(value: Any) -> bool:
    return value is not None and value == value


def _words(kind: pa.DataType) -> str:
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)
    return "text" if text or str(kind) == "string_view" else str(kind)
