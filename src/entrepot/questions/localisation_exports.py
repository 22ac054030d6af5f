"""What is in a country's exports: value added and double counting, on stores with final demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals as nw
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.errors import DataError, InputError
from entrepot.models.inputoutput import Decomposition, Method, Perimeter, decompose
from entrepot.questions.localisation_table import (
    PARTS,
    Industry,
    country_name,
    read_industry,
    sector_name,
)
from entrepot.result import Column, Table
from entrepot.world import blocs

if TYPE_CHECKING:
    from entrepot.store.store import Store

FloatArray = NDArray[np.float64]

COLUMNS = ("year", "seller_country", "seller_sector", "buyer_country", "value")
PRINTED = ("EXGR", "DVA", "VAX", "REF", "DAVAX", "DDC", "FVA", "FDC")
LABELS = {
    "EXGR": "Gross exports",
    "DVA": "Domestic value added",
    "VAX": "Absorbed abroad",
    "REF": "Returns home",
    "DAVAX": "Absorbed by the importer",
    "DDC": "Domestic, counted twice",
    "FVA": "Foreign value added",
    "FDC": "Foreign, counted twice",
}


def exports_table(store: Store, country: str, year: int, group: str | None) -> Table:
    """One row per exporting industry: exports and what they are made of, source-based, exporter's perimeter.

    Parameters
    ----------
    store : Store
        With ``final_demand`` (year, seller_country, seller_sector, buyer_country, value in USD million).
    country : str
        ISO3 code.
    year : int
        Year of the tables.
    group : str or None
        Bloc that is one exporter together with the country; its inner trade is domestic.
    """
    table = read_industry(store, year)
    home = {country} | (blocs.members_in_year(group, year) if group else frozenset())
    made, place = export_decomposition(store, table, tuple(sorted(home & set(table.countries))))
    rows = np.flatnonzero(made.exporter == place)
    terms = {name: _by_sector(table, rows, made[name]) for name in PRINTED}
    order = [j for j in np.argsort(-terms["EXGR"], kind="stable") if terms["EXGR"][j] > 0]
    data = pa.table(
        {
            "sector": pa.array([table.sectors[j] for j in order], pa.string()),
            "name": pa.array([sector_name(table.sectors[j]) for j in order], pa.string()),
            **{name: pa.array(np.rint(1e6 * terms[name][order])) for name in PRINTED},
        }
    )
    columns = (
        Column("sector", "Industry", format="code"),
        Column("name", "Name"),
        *(Column(name, LABELS[name], "USD", "integer") for name in PRINTED),
    )
    whose = blocs.blocs()[group].title if group else country_name(country)
    title = (
        f"What is in the exports of {whose}, {year} (Borin and Mancini, source-based, exporter's perimeter)"
    )
    return Table("exports", title, data, columns)


def export_decomposition(
    store: Store,
    table: Industry,
    home: tuple[str, ...],
    *,
    method: Method = "bm-source",
    perimeter: Perimeter = "exporter",
) -> tuple[Decomposition, int]:
    """Decompose the exports of all countries, those of ``home`` as one exporter.

    Output is taken as the sum of sales, so that the table balances; a negative sum is taken as none.

    Parameters
    ----------
    store : Store
    table : Industry
    home : tuple of str
        Countries of the table that form one exporter.
    method, perimeter : str
        See `entrepot.models.inputoutput.decompose`.

    Returns
    -------
    Decomposition
        Million USD; its rows are those of ``table``.
    int
        Number of the home exporter in it.

    Raises
    ------
    InputError
        If ``home`` holds a country that the table does not.
    DataError
        If ``final_demand`` lacks columns or the table cannot be decomposed.
    """
    strange = [iso3 for iso3 in home if iso3 not in table.countries]
    if strange or not home:
        raise InputError.unknown("country of the table", ", ".join(strange), table.countries)
    final = final_demand(store, table)
    output = np.maximum(table.flows.sum(axis=1) + final.sum(axis=1), 0.0)
    members = np.array([_exporter(code, home) for code in table.codes])
    names, groups = np.unique(members, return_inverse=True)
    # The kept inverse belongs to the stated output, which is the sum of sales in a table without rounding.
    kept = table.inverse if np.allclose(output, table.output, rtol=1e-9, atol=0.0) else None
    try:
        made = decompose(
            table.flows,
            final,
            output,
            method=method,
            perimeter=perimeter,
            groups=groups.ravel(),
            inverse=kept,
        )
    except ValueError as error:
        raise DataError(
            f"exports of {table.year} cannot be decomposed: {error}",
            hint="check industry_flows and final_demand of the store against their source",
        ) from None
    return made, int(np.searchsorted(names, _exporter(home[0], home)))


def final_demand(store: Store, table: Industry) -> FloatArray:
    """Return final demand [row, territory of use], shape (R, codes), million USD."""
    frame = store.table("final_demand")
    missing = [name for name in COLUMNS if name not in frame.collect_schema().names()]
    if missing:
        raise DataError.missing_columns("the table final_demand", missing, frame.collect_schema().names())
    keys = ("seller_country", "seller_sector", "buyer_country")
    sums = store.collect(
        frame.filter(nw.col("year") == table.year).group_by(*keys).agg(nw.col("value").sum())
    )
    buyers = sums["buyer_country"].to_pylist()
    unknown = sorted(set(buyers) - set(table.codes))
    if unknown or not buyers:
        raise DataError(
            f"final_demand of {table.year} {f'names {unknown[0]}, which' if unknown else 'has no rows that'} "
            "industry_totals does not have",
            hint="write the tables from the same source",
        )
    found = np.zeros((len(table.output), len(table.codes)))
    found[table.place(sums, "seller"), [table.codes.index(code) for code in buyers]] = sums[
        "value"
    ].to_numpy()
    return found


def _exporter(code: str, home: tuple[str, ...]) -> str:
    """Return the exporter that a territory belongs to: its country, or the first of the home group."""
    iso3 = PARTS.get(code, code)
    return home[0] if iso3 in home else iso3


def _by_sector(table: Industry, rows: NDArray[np.intp], term: FloatArray) -> FloatArray:
    found = np.zeros(len(table.sectors))
    np.add.at(found, table.sector[rows], term[rows].sum(axis=1))
    return found
