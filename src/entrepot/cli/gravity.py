"""`entrepot gravity`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from entrepot.cli.app import app
from entrepot.cli.options import Shown, words
from entrepot.cli.terminal import open_world, progress_bar, show
from entrepot.errors import InputError, StoreError

if TYPE_CHECKING:
    import pyarrow as pa

    from entrepot.estimation import GravityFit


@app.command(sort_key=11)
def gravity(
    formula: str | None = None,
    /,
    *,
    product: str | None = None,
    since: int | None = None,
    until: int | None = None,
    by_product: bool = False,
    vcov: str = "pair",
    correct: bool = False,
    data: Path | None = None,
    extra: Path | None = None,
    fill: float | None = None,
    silent: Literal["missing", "zero"] = "missing",
    exporter: str | None = None,
    importer: str | None = None,
    year: str | None = None,
    workers: int | None = None,
    regressors: bool = False,
    shown: Shown = Shown(),
) -> int:
    """Estimate a gravity equation by Poisson pseudo-maximum likelihood, on one product or on each of many.

    Examples: entrepot gravity --product 270900;
    entrepot gravity "trade ~ rta | exporter^year + importer^year + exporter^importer" --by-product;
    entrepot gravity "trade ~ log_distance + rta | exporter^year + importer^year" --product gold;
    entrepot gravity "trade ~ rta | exporter^year + importer^year" --data my.csv --out table.tex;
    entrepot gravity --regressors.

    Parameters
    ----------
    formula
        'trade ~ regressors | fixed effects', as in fixest; trade on agreements and sanctions if left out.
    product
        HS codes of 2 to 6 digits or product words, separated by commas, added up; all products if left out.
    since
        First year; that of the store if left out.
    until
        Last year; that of the store if left out.
    by_product
        Estimate each product by itself, in parallel, into one table.
    vcov
        Standard errors: pair, pair-symmetric, hetero, dyadic, exporter, importer, year, or ways joined by +.
    correct
        Remove the bias that estimated fixed effects leave (Weidner and Zylkin 2021).
    data
        A table of your own (.csv or .parquet) with exporter, importer, year and trade, instead of the store.
    extra
        Further columns (.csv or .parquet), joined on its exporter, importer, year, product columns.
    fill
        Value of the --extra columns in cells that the file does not list, for example 0.
    silent
        Cells on which neither side reports: left out as missing, or counted as zero trade.
    exporter
        Name of the exporter's column in --data; exporter if left out.
    importer
        Name of the importer's column in --data; importer if left out.
    year
        Name of the year's column in --data; year if left out.
    workers
        Processes for --by-product; as many as there are cores if left out.
    regressors
        Only list the ready regressors that a formula can name, with definition and source.
    """
    if regressors:
        return _list()
    asked = {
        "since": since, "until": until, "by_product": by_product, "extra": extra, "fill": fill,
        "workers": workers,
    }  # fmt: skip
    roles = {"exporter": exporter, "importer": importer, "year": year}
    if data is not None:
        _refuse(asked, "goes with the trade of the store, not with --data")
        return _own(read_file(data, "data"), formula, vcov, correct, product, roles, shown)
    _refuse(roles, "names a column of --data, and there is none")
    if extra is None:
        _refuse({"fill": fill}, "goes with --extra")
    if not by_product:
        _refuse({"workers": workers}, "goes with --by-product")
    options: dict[str, Any] = {
        "product": words(product) if product and "," in product else product, "since": since, "until": until,
        "vcov": vcov, "correct": correct, "silent": silent, "fill": fill,
        "extra": None if extra is None else read_file(extra, "extra"),
    }  # fmt: skip
    world = open_world(shown.store)
    if by_product:
        with progress_bar("products") as progress:
            result = world.gravity(formula, by_product=True, workers=workers, progress=progress, **options)
        return show(result, shown)
    return _present(world.gravity(formula, **options), shown)


def read_file(path: Path, option: str) -> pa.Table:
    """Read a table of the user; codes of products stay text.

    Raises
    ------
    InputError
        For another suffix than csv or parquet.
    StoreError
        If the file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    suffix = path.suffix.lower()
    if suffix not in (".csv", ".parquet"):
        raise InputError.bad_option(f"the suffix of --{option}", path.suffix, [".csv", ".parquet"])
    try:
        if suffix == ".parquet":
            return pyarrow.parquet.read_table(path)
        text = pyarrow.csv.ConvertOptions(column_types={"product": pa.string()})
        return pyarrow.csv.read_csv(path, convert_options=text)
    except FileNotFoundError:
        raise StoreError.cannot_read(path, "there is no such file") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError.cannot_read(path, str(error).splitlines()[0]) from None


def _own(
    table: pa.Table, formula: str | None, vcov: str, correct: bool, product: str | None,
    roles: dict[str, str | None], shown: Shown,
) -> int:  # fmt: skip
    from entrepot.estimation.own_data import data_gravity
    from entrepot.estimation.world_words import FORMULA

    fit = data_gravity(
        table, formula or FORMULA, vcov=vcov, product=product, correct=correct, unidentified="drop", **roles
    )
    return _present(fit, shown)


def _present(fit: GravityFit, shown: Shown) -> int:
    """Show one equation; LaTeX is the regression table that papers print."""
    if shown.out is None or shown.out.suffix.lower() != ".tex" or shown.part is not None:
        return show(fit.to_result(), shown)
    from entrepot.store.files import write_atomic

    write_atomic(shown.out, fit.table(format="latex").encode())
    print(f"{shown.out.resolve()}")  # noqa: T201
    return 0


def _refuse(given: dict[str, Any], why: str) -> None:
    for name, value in given.items():
        # A value of 0 is given too.
        if value is not None and value is not False:
            raise InputError(f"--{name.replace('_', '-')} {why}", hint="see 'entrepot gravity --help'")


def _list() -> int:
    from entrepot.estimation.regressors import regressors
    from entrepot.report.tables import print_rows

    rows = [(one.name, one.definition, one.source) for one in regressors()]
    return print_rows(("Regressor", "Definition", "Source"), rows)
