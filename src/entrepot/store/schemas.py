"""The core tables: columns, types, units and keys.

A core table holds exactly its columns. An extra column is refused rather than kept, because it may be one
more dimension (a transport mode, a customs procedure) over which every question would silently add up.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

COUNTRY = r"^[A-Z][A-Z0-9]{2}$"
CN_CODE = r"^[0-9]{2}([0-9]{2}){0,4}$"
HS_CODE = r"^[0-9]{2}([0-9]{2}){0,2}$"
SECTOR = r"^[A-Z][A-Z0-9_]*$"


@dataclass(frozen=True, slots=True)
class Field:
    """One column of a core table.

    Attributes
    ----------
    name, unit, doc : str
        Name, unit of the numbers and meaning.
    type : pyarrow.DataType
        Type for computation; a ``float64`` may also be stored as an exact decimal.
    key : bool
        Part of the key: no two rows may agree in all key columns.
    nullable : bool
        Null allowed, meaning "not observed".
    optional : bool
        The column may be absent.
    pattern : str
        What a text must look like.
    signed : bool
        Negative numbers are allowed, for example changes of stocks.
    """

    name: str
    type: pa.DataType
    doc: str
    unit: str = ""
    key: bool = False
    nullable: bool = False
    optional: bool = False
    pattern: str = ""
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Schema:
    """A core table: its name, meaning and columns in order."""

    name: str
    doc: str
    fields: tuple[Field, ...]


_YEAR = Field("year", pa.int16(), "Calendar year.", key=True)


def _key(name: str, doc: str, pattern: str) -> Field:
    return Field(name, pa.string(), doc, key=True, pattern=pattern)


def _number(name: str, unit: str, doc: str, *, nullable: bool = False, signed: bool = False) -> Field:
    return Field(name, pa.float64(), doc, unit=unit, nullable=nullable, signed=signed)


SCHEMAS: dict[str, Schema] = {
    schema.name: schema
    for schema in (
        Schema("flows", "Trade in goods; a pair without a row is not observed, which is not zero.", (
            _YEAR,
            Field("month", pa.int8(), "Month 1 to 12, in monthly tables only.", key=True, optional=True),
            _key("exporter", "Seller, ISO 3166 alpha-3.", COUNTRY),
            _key("importer", "Buyer, ISO 3166 alpha-3.", COUNTRY),
            _key("product", "Harmonised System code as text, leading zeros kept.", HS_CODE),
            _number("value", "USD thousand", "Value free on board, current prices."),
            _number("quantity", "tonnes", "Mass; null where it was not observed.", nullable=True),
        )),
        Schema("products", "Names of product codes.", (
            _key("product", "Harmonised System code as text.", HS_CODE),
            Field("description", pa.string(), "Description as the source writes it."),
        )),
        Schema("industry_flows", "Intermediate sales between industries of two countries.", (
            _YEAR,
            _key("seller_country", "Country that sells, ISO 3166 alpha-3.", COUNTRY),
            _key("seller_sector", "Industry that sells.", SECTOR),
            _key("buyer_country", "Country that buys, ISO 3166 alpha-3.", COUNTRY),
            _key("buyer_sector", "Industry that uses what was bought.", SECTOR),
            _number("value", "USD million", "Intermediate sales, basic prices, current USD."),
        )),
        Schema("industry_totals", "Totals of each industry of each country.", (
            _YEAR,
            _key("country", "Country of the industry, ISO 3166 alpha-3.", COUNTRY),
            _key("sector", "Industry.", SECTOR),
            _number("gross_output", "USD million", "Output at basic prices."),
            _number("intermediate_use", "USD million", "Inputs bought from the countries covered."),
            _number("final_use", "USD million", "Final demand and sales to others.", signed=True),
        )),
        Schema("final_demand", "Sales of each industry to final users of each country.", (
            _YEAR,
            _key("seller_country", "Country that sells, ISO 3166 alpha-3.", COUNTRY),
            _key("seller_sector", "Industry that sells.", SECTOR),
            _key("buyer_country", "Country of the final users, ISO 3166 alpha-3.", COUNTRY),
            _number("value", "USD million", "Final use, basic prices; stocks can fall.", signed=True),
        )),
        Schema("reports", "Trade as each side reports it, for mirror statistics.", (
            _YEAR,
            Field("month", pa.int8(), "Month 1 to 12, in monthly tables only.", key=True, optional=True),
            _key("reporter", "Country that reports, ISO 3166 alpha-3.", COUNTRY),
            _key("partner", "The other country, ISO 3166 alpha-3.", COUNTRY),
            _key("direction", "Direction seen from the reporter.", "^(export|import)$"),
            _key("product", "Code as text, leading zeros kept: HS, or the Combined Nomenclature.", CN_CODE),
            _number("value", "USD thousand", "Value as reported: exports FOB, imports mostly CIF."),
            _number("quantity", "tonnes", "Mass; null where it was not observed.", nullable=True),
            Field("partner_concept", pa.string(), "What the partner of an import is: origin or consignment.",
                  nullable=True, optional=True, pattern="^(origin|consignment)$"),
        )),
    )
}  # fmt: skip
