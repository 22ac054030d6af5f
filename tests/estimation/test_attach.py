"""Ready regressors on a table of one's own."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from entrepot.errors import DataError, InputError
from entrepot.estimation.attach import attached, named
from entrepot.estimation.sanctions import coverage
from entrepot.world import distances

ROLES = ("exporter", "importer", "year")
TABLE = pa.table(
    {
        "exporter": ["RUS", "RUS", "Germany", "ROM"],
        "importer": ["DEU", "DEU", "FRA", "ROM"],
        "year": [2024, 2019, 2020, 2020],
        "trade": [1.0, 5.0, 6.0, 9.0],
    }
)


def test_rows_get_the_value_of_their_pair_and_year():
    wide, law = attached(TABLE, ["rta", "sanctions_pair", "log_distance", "border"], ROLES)
    assert law == ()
    assert wide["rta"].to_pylist() == [0, 0, 1, 0]
    assert wide["sanctions_pair"].to_pylist() == [1, 1, 0, 0]
    assert wide["border"].to_pylist() == [1, 1, 1, 0]
    assert wide["log_distance"][2].as_py() == np.log(distances.distance("DEU", "FRA"))
    assert wide["log_distance"][3].as_py() == np.log(distances.distance("ROU", "ROU"))


def test_measures_follow_the_product_of_the_row_or_the_one_named():
    by_row = TABLE.append_column("product", pa.array(["270900", "270900", "710812", "260300"]))
    oil = coverage(("RUS", "DEU"), (2024,), ("270900",), "HS1992").shares(np.ones(1))[1]
    assert oil[0, 0, 1] == 1
    assert attached(by_row, ["sanctions_upper"], ROLES)[0]["sanctions_upper"].to_pylist() == [1, 0, 0, 0]
    named_once, law = attached(TABLE, ["sanctions"], ROLES, "crude oil")
    assert "eu-833-2014" in {source.id for source in law}
    assert named_once["sanctions"].to_pylist() == [1, 0, 0, 0]
    with pytest.raises(InputError, match="no column 'product'"):
        attached(TABLE, ["sanctions"], ROLES)


def test_what_never_changes_needs_no_year():
    wide, _ = attached(TABLE.drop_columns(["year"]), ["contig"], ROLES)
    assert wide["contig"].to_pylist() == [0, 0, 1, 0]
    with pytest.raises(InputError, match="unknown column 'year'"):
        attached(TABLE.drop_columns(["year"]), ["rta"], ROLES)


def test_an_unknown_distance_is_null():
    table = pa.table({"exporter": ["PUS"], "importer": ["USA"]})
    assert attached(table, ["distance"], ROLES)[0]["distance"].to_pylist() == [None]


def test_missing_and_unknown_countries_are_said():
    with pytest.raises(DataError, match="missing values in importer \\(1 row\\)"):
        attached(
            pa.table({"exporter": ["RUS"], "importer": pa.array([None], pa.string())}), ["contig"], ROLES
        )
    with pytest.raises(InputError, match="unknown country"):
        attached(pa.table({"exporter": ["RUS"], "importer": ["Atlantis"]}), ["contig"], ROLES)


def test_named_lists_every_column_once():
    assert named("v ~ a + log(b):a | e^t + t") == ("v", "a", "b", "e", "t")
