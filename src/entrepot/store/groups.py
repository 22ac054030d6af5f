"""What runs a function on the rows of one product, wherever that is: here, in a process, on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from entrepot.errors import DataError, EntrepotError
from entrepot.store.workers import WorkerLost, each

GroupFunction = Callable[[pa.Table], pa.Table]
Stand = Callable[[str, str], pa.Table]

LOST = "its process ended before it answered, perhaps for want of memory: try fewer workers"
_FAILURE = "failure of the group"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A function of the rows of one group whose failure is an answer: it reaches the caller by name.

    Attributes
    ----------
    function : callable
        Takes the rows of one group and returns rows of ``schema``.
    key : str
        The column of text that tells the groups apart.
    schema : pyarrow.Schema
        Of what the function returns.
    stand : callable, optional
        Takes the value of ``key`` and the reason, and returns the rows that stand for a group that fails.
    """

    function: GroupFunction
    key: str
    schema: pa.Schema
    stand: Stand | None = None

    @property
    def answers(self) -> pa.Schema:
        """Columns of an answer: those of the function, and what went wrong."""
        return self.schema.append(pa.field(_FAILURE, pa.string()))

    def __call__(self, rows: pa.Table) -> pa.Table:
        """Run the function; any exception becomes the answer of its group."""
        try:
            found = self.function(rows).select(self.schema.names).cast(self.schema)
        except Exception as error:
            return self.failed(str(rows[self.key][0].as_py()), _words(error))
        return self._with(found, None)

    def failed(self, group: str, reason: str) -> pa.Table:
        """Return the answer of a group that has none."""
        if self.stand is not None:
            return self._with(self.stand(group, reason).cast(self.schema), None)
        empty = pa.table([pa.nulls(1, field.type) for field in self.schema], self.schema.names)
        return self._with(empty, f"{self.key} {group}: {reason}")

    def _with(self, rows: pa.Table, failure: str | None) -> pa.Table:
        return rows.append_column(_FAILURE, pa.array([failure] * rows.num_rows, pa.string()))

    def read(self, answers: pa.Table) -> pa.Table:
        """Return the rows of all answers.

        Raises
        ------
        DataError
            If a group failed; the first in the order of their names.
        """
        broken = answers[_FAILURE].drop_null()
        if len(broken):
            raise DataError.group_failed(pc.min(broken).as_py(), len(broken))
        return answers.drop(_FAILURE).cast(self.schema)


def _words(error: Exception) -> str:
    return error.message if isinstance(error, EntrepotError) else f"{type(error).__name__}: {error}"


def run_here(
    batches: Iterable[pa.RecordBatch],
    guarded: Guarded,
    workers: int,
    progress: Callable[[int], None] | None,
) -> Iterator[pa.Table]:
    """Yield the answers of the groups of rows that come sorted by the key.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Read as far as groups are needed.
    guarded : Guarded
    workers : int
        Processes; with one everything runs here.
    progress : callable, optional
        Called with the number of groups done.
    """
    names: list[str] = []

    def noted() -> Iterator[pa.Table]:
        for rows in groups(batches, guarded.key):
            names.append(str(rows[guarded.key][0].as_py()))
            yield rows

    for done, answer in enumerate(each(guarded, noted(), workers), start=1):
        yield guarded.failed(names[done - 1], LOST) if isinstance(answer, WorkerLost) else answer
        if progress is not None:
            progress(done)


def groups(batches: Iterable[pa.RecordBatch], key: str) -> Iterator[pa.Table]:
    """Yield the rows of each value of a column by which the batches are sorted.

    Examples
    --------
    >>> batches = [pa.record_batch({"k": keys}) for keys in (["a", "b"], ["b", "b"], ["c"])]
    >>> [group["k"].to_pylist() for group in groups(batches, "k")]
    [['a'], ['b', 'b', 'b'], ['c']]
    """
    open_rows: list[pa.RecordBatch] = []
    for batch in batches:
        for run in _runs(batch, key):
            if open_rows and open_rows[0].column(key)[0] != run.column(key)[0]:
                yield pa.Table.from_batches(open_rows)
                open_rows = []
            open_rows.append(run)
    if open_rows:
        yield pa.Table.from_batches(open_rows)


def _runs(batch: pa.RecordBatch, key: str) -> list[pa.RecordBatch]:
    """Cut a batch where its key changes."""
    if not batch.num_rows:
        return []
    ends = pc.run_end_encode(batch.column(key)).run_ends.to_pylist()
    return [batch.slice(start, end - start) for start, end in zip([0, *ends], ends, strict=False)]
