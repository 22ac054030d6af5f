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
INDICATOR = r"^[A-Z][A-Za-z0-9_.]*$"


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


def _flag(name: str, doc: str) -> Field:
    return Field(name, pa.int8(), doc, nullable=True)


def _km(name: str, doc: str) -> Field:
    return _number(name, "km", doc, nullable=True)


_PAIR = (
    _key("exporter", "Origin, ISO 3166 alpha-3.", COUNTRY),
    _key("importer", "Destination, ISO 3166 alpha-3; the origin itself for distances inside it.", COUNTRY),
)

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
        Schema("indicators", "Figures of a country and year, each in the unit that its publisher gives.", (
            _YEAR,
            _key("country", "ISO 3166 alpha-3.", COUNTRY),
            _key("indicator", "Code of the publisher, for example NY.GDP.MKTP.CD.", INDICATOR),
            _number("value", "as the indicator says", "No row where it was not observed.", signed=True),
        )),
        Schema("dyads", "What lies between two countries in a year; regressors of gravity equations.", (
            _YEAR,
            *_PAIR,
            _km("dist", "Between the most populated cities."),
            _km("distcap", "Between the capitals."),
            _km("distw_arithmetic", "Weighted by the people of cities, arithmetic mean."),
            _km("distw_harmonic", "Weighted by the people of cities, harmonic mean."),
            _flag("contig", "1: a common land border."),
            _flag("comlang_off", "1: a common official language."),
            _flag("comlang_ethno", "1: a language that at least 9% speak in both."),
            _flag("comcol", "1: a common coloniser after 1945."),
            _flag("col45", "1: one ruled the other after 1945."),
            _flag("col_dep_ever", "1: one ever ruled the other."),
            _flag("col_dep", "1: one rules the other in this year."),
            _flag("sibling_ever", "1: ever ruled by the same country."),
            _number("comrelig", "index 0 to 1", "Nearness of religions.", nullable=True),
            _flag("comleg_posttrans", "1: legal systems of one origin, after 1991."),
            _flag("fta_wto", "1: a trade agreement in force that the WTO was told of."),
        )),
        Schema("distances", "What lies between two countries, without a year.", (
            *_PAIR,
            _km("dist", "Between the most important cities."),
            _km("distcap", "Between the capitals."),
            _km("distw", "Weighted by the people of cities, arithmetic mean."),
            _km("distwces", "Weighted by the people of cities, harmonic mean."),
            _flag("contig", "1: a common land border."),
            _flag("comlang_off", "1: a common official language."),
            _flag("comlang_ethno", "1: a language that at least 9% speak in both."),
            _flag("colony", "1: one ever ruled the other."),
            _flag("comcol", "1: a common coloniser after 1945."),
            _flag("curcol", "1: one rules the other."),
            _flag("col45", "1: one ruled the other after 1945."),
            _flag("smctry", "1: were or are one country."),
        )),
        Schema("hs_correlation", "Which code of one revision of the HS took over what of the one before.", (
            Field("year", pa.int16(), "Year from which the newer revision is in force.", key=True),
            _key("newer", "Six-digit code of the newer revision.", "^[0-9]{6}$"),
            _key("older", "Six-digit code of the revision before it.", "^[0-9]{6}$"),
            Field("relationship", pa.string(), "Newer to older, as published: 1:1, n:1, 1:n or n:n.",
                  pattern="^[1n]:[1n]$"),
        )),
    )
}  # fmt: skip
