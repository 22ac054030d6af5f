"""One equation on many products at once: in parallel, into one tidy table."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from entrepot.errors import DataError, EntrepotError, InputError
from entrepot.estimation import answer, regressors
from entrepot.estimation.fit import gravity
from entrepot.estimation.panel import Silent, cells, panel_from
from entrepot.estimation.world_gravity import Setting, clusters_of, frame_of, setting
from entrepot.estimation.world_words import (
    FORMULA,
    command_line,
    product_name,
    python_line,
    regressor_notes,
    shared_notes,
    short_name,
    subject,
    told,
    window_notes,
)
from entrepot.models.poisson import REASONS
from entrepot.models.poisson.rows import ALL_ZERO
from entrepot.result import Column, Figure, How, Note, Result, Table
from entrepot.store.workers import available

if TYPE_CHECKING:
    from entrepot.store.store import Store

Row = dict[str, Any]
Progress = Callable[[int, int], None]

# Below this a term counts as told from zero in the finding.
LEVEL = 0.05
CHARTED = 25
# Products for which it is worth the second that a process takes to start.
WORTH = 8
# Terms in the finding and in charts.
NAMED = 3

COLUMNS = (
    Column("product", "Product", format="code", doc="HS code"),
    Column("description", "Name"),
    Column("term", "Term"),
    Column("coefficient", "Coefficient", "log points", "decimal", 4, "change of log trade per unit"),
    Column("standard_error", "Standard error", "", "decimal", 4),
    Column("z", "z", "", "decimal", 2, "coefficient over standard error"),
    Column("p", "p", "", "probability", 4, "probability of a larger |z| if the coefficient were 0"),
    Column("lower", "from", "log points", "decimal", 4, "lower end of the 95% interval"),
    Column("upper", "to", "log points", "decimal", 4, "upper end of the 95% interval"),
    Column("n", "Rows", "", "integer", doc="rows that the estimates rest on"),
    Column("pruned", "Pruned", "", "integer", doc="cells in groups of zeros only, or alone in their group"),
    Column("separated", "Separated", "", "integer", doc="rows that no finite estimate fits"),
    Column("reason", "Why none", doc="why there is no coefficient; null where there is one"),
)
_NUMBERS = ("coefficient", "standard_error", "z", "p", "lower", "upper")
_COUNTS = ("n", "pruned", "separated")
# What a worker returns, and what it would be given for a product without trade.
_ANSWER = pa.schema(
    {
        **dict.fromkeys(("product", "term"), pa.string()),
        **dict.fromkeys(_NUMBERS, pa.float64()),
        **dict.fromkeys(_COUNTS, pa.int64()),
        "reason": pa.string(),
    }
)
_NO_CELLS = pa.schema(
    {"year": pa.int16(), "exporter": pa.string(), "importer": pa.string(), "value": pa.float64()}
).empty_table()


@dataclass(frozen=True, slots=True)
class Job:
    """One product: what a process needs to estimate it.

    Attributes
    ----------
    product : str
        HS code.
    table : pyarrow.Table or None
        Rows with all columns; None where they could not be made.
    spared : dict of str to int
        Cells that were never made rows, by reason.
    formula, options
        As in `gravity`.
    reason : str
        Why there is no table.
    """

    product: str
    table: pa.Table | None
    spared: dict[str, int]
    formula: str
    options: dict[str, Any]
    reason: str = ""


def product_gravity(
    store: Store,
    formula: str = FORMULA,
    *,
    product: str | Sequence[str] | None = None,
    since: int | None = None,
    until: int | None = None,
    vcov: str = "pair",
    extra: Any = None,
    fill: float | None = None,
    silent: Silent = "missing",
    workers: int | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> Result:
    """Estimate a gravity equation on each product by itself.

    Parameters
    ----------
    store, formula, product, since, until, vcov, extra, fill, silent, **options
        As in `entrepot.estimation.world_gravity.world_gravity`; each code of the store that ``product``
        stands for is one product. Regressors without a coefficient are named with the reason.
    workers : int, optional
        Processes; if left out, as many as there are cores, or none beside this one for a few products. A
        store on Spark uses the workers of its cluster instead.
    progress : callable, optional
        Called with the number of products done and of all.

    Returns
    -------
    Result
        ``main`` has one row per product and term; where there is no coefficient, nulls and the reason. Part
        ``without`` lists these.

    Raises
    ------
    InputError
        Formula, product or option not understood.
    DataError
        If the store holds no such product or year, or nothing can be estimated for one and the same reason.
    """
    if workers is not None and workers < 1:
        raise InputError(f"workers cannot be {workers}", hint="use a whole number above 0")
    also = clusters_of(vcov, options)
    have = setting(
        store, formula, product, since=since, until=until, extra=extra, fill=fill, silent=silent, also=also
    )
    enough = available() if len(have.codes) >= WORTH else 1
    crew = min(workers or enough, len(have.codes))
    rows = _rows(have, {**options, "vcov": vcov, "unidentified": "drop"}, crew, progress)
    _refuse_uniform(rows)
    asked = {
        "product": product, "since": since, "until": until, "extra": extra, "fill": fill, "silent": silent,
        **options,
    }  # fmt: skip
    notes = (
        *window_notes(store, since, until),
        *shared_notes(have.axes, silent),
        *regressor_notes(have.wanted, have.law),
        *((answer.CORRECTED,) if options.get("correct") else ()),
    )
    return _result(have, _table(have, rows), notes, asked, vcov)


def _job(have: Setting, options: dict[str, Any], code: str, rows: pa.Table) -> Job:
    """Turn the cells of one product into what its estimate needs."""
    try:
        table, spared = frame_of(have, panel_from(rows, have.axes, (code,), have.silent))
    except EntrepotError as error:
        return Job(code, None, {}, have.formula.text, options, error.message)
    return Job(code, table, spared, have.formula.text, options)


def _rows(have: Setting, options: dict[str, Any], workers: int, progress: Progress | None) -> list[Row]:
    """Estimate every product, here or on the workers of the store's cluster; in the order of codes."""
    total = len(have.codes)
    # No worker needs the store, and a session cannot be sent.
    work = partial(_estimate_cells, replace(have, store=cast("Store", None)), options)
    found = have.store.map_products(
        cells(have.store, have.axes, have.codes, by_product=True),
        work,
        _ANSWER,
        workers=workers,
        stand=_stand,
        progress=None if progress is None else lambda done: progress(done, total),
    )
    answers: dict[str, list[Row]] = {}
    for row in found.to_pylist():
        answers.setdefault(row["product"], []).append(row)
    # A product without a cell in the window reaches no worker.
    silent = [code for code in have.codes if code not in answers]
    for code in silent:
        answers[code] = estimate(_job(have, options, code, _NO_CELLS))
    if progress is not None and (silent or have.store.distributed):
        progress(total, total)
    return [row for code in have.codes for row in answers[code]]


def _stand(code: str, reason: str) -> pa.Table:
    """A fault in one product must not take the others with it; it is shown, not hidden."""
    return pa.Table.from_pylist([_empty(code, None, reason)], _ANSWER)


def _estimate_cells(have: Setting, options: dict[str, Any], rows: pa.Table) -> pa.Table:
    """Estimate the one product that the rows are of: what a worker runs."""
    return pa.Table.from_pylist(estimate(_job(have, options, rows["product"][0].as_py(), rows)), _ANSWER)


def estimate(job: Job) -> list[Row]:
    """Estimate one product: one row per term. What goes wrong becomes the reason of a row without numbers."""
    if job.table is None:
        return [_empty(job.product, None, job.reason)]
    try:
        fit = gravity(job.formula, job.table, **job.options)
    except EntrepotError as error:
        return [_empty(job.product, None, error.message)]
    except Exception as error:
        # A fault in one product must not take the others with it; it is shown, not hidden.
        return [_empty(job.product, None, f"unexpected {type(error).__name__}: {error}")]
    counts = {
        "n": fit.n,
        "pruned": fit.pruned + job.spared.get(REASONS[ALL_ZERO], 0),
        "separated": fit.separated,
    }
    rows = fit.tidy().to_pylist()
    reasons = {
        row["term"]: _constant(job.table, row["term"]) or row["reason"] for row in rows if row["reason"]
    }
    return [{"product": job.product, **row, **counts, "reason": reasons.get(row["term"])} for row in rows]


def _constant(table: pa.Table, term: str) -> str | None:
    """Say that a regressor is the same everywhere: plainer than that the fixed effects absorb it."""
    if term not in table.column_names:
        return None
    least, most = pc.min_max(table[term]).as_py().values()
    return f"{least:g} in every row" if least == most else None


def _empty(product: str, term: str | None, reason: str) -> Row:
    return {"product": product, "term": term, **dict.fromkeys((*_NUMBERS, *_COUNTS)), "reason": reason}


def _refuse_uniform(rows: Sequence[Row]) -> None:
    """Raise where no product has a coefficient for one and the same reason: the formula is at fault."""
    reasons = {row["reason"] for row in rows}
    if rows and all(row["coefficient"] is None for row in rows) and len(reasons) == 1:
        (reason,) = reasons
        raise DataError(
            f"no product has a coefficient: {reason}", hint="try the formula on one product with --product"
        )


def _table(have: Setting, rows: Sequence[Row]) -> pa.Table:
    """Lay the rows out; a product without an estimate has one row for each term of the formula."""
    terms = [term.label for term in have.formula.terms]
    spread = [
        {**row, "term": term}
        for row in rows
        for term in ([row["term"]] if row["term"] is not None else terms)
    ]
    revision = have.store.info("flows").revision or "HS1992"
    types = {**dict.fromkeys(_NUMBERS, pa.float64()), **dict.fromkeys(_COUNTS, pa.int64())}
    names = {code: product_name(code, revision) for code in have.codes}
    for row in spread:
        row["description"] = names[row["product"]]
    columns = {
        column.name: pa.array([row[column.name] for row in spread], types.get(column.name, pa.string()))
        for column in COLUMNS
    }
    return pa.table(columns)


def _result(
    have: Setting, data: pa.Table, notes: tuple[Note, ...], asked: dict[str, Any], vcov: str
) -> Result:
    formula = have.formula.text
    return Result(
        question="gravity",
        subject=subject(have.store, have.codes),
        finding=finding(data),
        subtitle=f"{formula}; {len(have.codes)} products, {have.axes.years[0]} to {have.axes.years[-1]}; "
        f"standard errors: {vcov}",
        main=Table("products", "Coefficients by product", data, COLUMNS),
        display=_display(data),
        parts=(_without(data),),
        figures=_figures(data),
        notes=(*notes, _chance(data)),
        sources=(*have.store.sources("flows"), *regressors.sources(have.wanted, have.law or ())),
        how=How(
            command=command_line(formula, asked, vcov, by_product=True),
            python=python_line(formula, asked, vcov, by_product=True),
            parameters={"formula": formula, **told(**asked), "vcov": vcov, "silent": have.silent},
            equation=answer.EQUATION,
            reference=answer.REFERENCE,
        ),
    )


def finding(data: pa.Table) -> str:
    """Say for each term in how many products it is told from zero, and in how many it has no coefficient."""
    said = [_count(term, data) for term in _terms(data)[:NAMED]]
    return f"At the 5% level: {'; '.join(said)}." if said else "Explained by fixed effects alone."


def _count(term: str, data: pa.Table) -> str:
    own = [row for row in data.to_pylist() if row["term"] == term]
    known = [row for row in own if row["coefficient"] is not None]
    sure = [row for row in known if row["p"] is not None and row["p"] < LEVEL]
    up = sum(row["coefficient"] > 0 for row in sure)
    none = f", no coefficient in {len(own) - len(known)}" if len(known) < len(own) else ""
    return f"{term} above zero in {up} of {len(own)} products, below in {len(sure) - up}{none}"


def _terms(data: pa.Table) -> list[str]:
    return list(dict.fromkeys(data["term"].to_pylist()))


def _chance(data: pa.Table) -> Note:
    tested = data.num_rows - data["coefficient"].null_count
    return Note(
        "convention",
        f"{tested} coefficients are tested one by one: about {LEVEL * tested:.0f} would be told from zero at "
        "the 5% level by chance alone.",
    )


def _display(data: pa.Table) -> Table:
    """Show the coefficients in what fits a page: short names, no z and no interval."""
    keep = ["product", "description", "term", "coefficient", "standard_error", "p", "n"]
    keep += ["separated"] if any(data["separated"].to_pylist()) else []
    return _shown("display", "Coefficients by product", data.filter(pc.is_valid(data["coefficient"])), keep)


def _without(data: pa.Table) -> Table:
    """List what has no coefficient, and why."""
    rows = data.filter(pc.is_null(data["coefficient"]))
    keep = ["product", "description", "term", "n", "reason"]
    return _shown("without", "Products and terms without a coefficient", rows, keep)


def _shown(name: str, title: str, data: pa.Table, keep: Sequence[str]) -> Table:
    names = pa.array([short_name(code) for code in data["product"].to_pylist()], pa.string())
    data = data.set_column(data.column_names.index("description"), "description", names)
    meaning = {column.name: column for column in COLUMNS}
    return Table(name, title, data.select(keep), tuple(meaning[column] for column in keep))


def _figures(data: pa.Table) -> tuple[Figure, ...]:
    """Chart each of the first terms over products, the surest of them."""
    return tuple(figure for term in _terms(data)[:NAMED] if (figure := _figure(term, data)) is not None)


def _figure(term: str, data: pa.Table) -> Figure | None:
    rows = [row for row in data.to_pylist() if row["term"] == term and row["standard_error"]]
    surest = sorted(rows, key=lambda row: (row["p"], row["product"]))[:CHARTED]
    shown = sorted(surest, key=lambda row: row["coefficient"])
    if not shown:
        return None
    table = pa.table(
        {
            "product": [f"{code} {short_name(code)}" for code in (row["product"] for row in shown)],
            **{name: [row[name] for row in shown] for name in ("coefficient", "lower", "upper")},
        }
    )
    return Figure(
        name=f"products-{re.sub('[^a-z0-9]+', '-', term.casefold()).strip('-')}",
        kind="interval",
        title=_count(term, data),
        subtitle=f"Log points with 95% intervals; {len(shown)} of {len(rows)} products, the surest",
        alt=f"Coefficients of {term} by product with their 95% intervals.",
        data=table,
        encode={"label": "product", "value": "coefficient", "lower": "lower", "upper": "upper"},
    )
