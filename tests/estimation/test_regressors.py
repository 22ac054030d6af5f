"""Ready regressors: borders, distance, dated membership, measures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from entrepot.errors import InputError
from entrepot.estimation import regressors
from entrepot.estimation.regressors import Places, both_in, canonical, columns, names
from entrepot.estimation.sanctions import Coverage, coverage
from entrepot.world import distances

PLACES = ("BLR", "DEU", "GBR", "KGZ", "RUS", "USA")
YEARS = (2014, 2015, 2016, 2019, 2020, 2022)
AT = {name: place for place, name in enumerate(PLACES)}


@cache
def _oil() -> Coverage:
    return coverage(PLACES, YEARS, ["270900"], "HS1992")


def _value(name: str, year: int, one: str, other: str) -> float:
    grid = columns([name], Places(PLACES, YEARS, _oil(), np.ones(1)))[name]
    return float(grid[YEARS.index(year) if len(grid) > 1 else 0, AT[one], AT[other]])


@pytest.mark.parametrize(
    ("name", "year", "one", "other", "expected"),
    [
        ("border", 2014, "BLR", "DEU", 1),
        ("border", 2014, "BLR", "BLR", 0),
        ("contig", 2014, "BLR", "RUS", 1),
        ("contig", 2014, "BLR", "DEU", 0),
        ("eaeu", 2014, "BLR", "RUS", 0),
        ("eaeu", 2015, "BLR", "RUS", 1),
        ("eaeu", 2015, "KGZ", "RUS", 0),
        ("eaeu", 2016, "KGZ", "RUS", 1),
        ("eu", 2019, "DEU", "GBR", 1),
        ("eu", 2020, "DEU", "GBR", 0),
        ("rta", 2019, "GBR", "DEU", 1),
        ("rta", 2022, "GBR", "DEU", 0),
        ("rta", 2016, "RUS", "KGZ", 1),
        ("rta", 2016, "RUS", "RUS", 0),
        ("rta", 2016, "RUS", "DEU", 0),
        ("cis", 2016, "RUS", "KGZ", 1),
        ("sanctions", 2022, "RUS", "DEU", 1),
        ("sanctions", 2020, "RUS", "DEU", 0),
        ("sanctions", 2022, "RUS", "BLR", 0),
        ("sanctions_pair", 2022, "USA", "RUS", 1),
        ("sanctions_pair", 2022, "RUS", "USA", 1),
        ("sanctions_pair", 2014, "DEU", "RUS", 1),
        ("sanctions_pair", 2022, "RUS", "BLR", 0),
        ("sanctions_pair", 2022, "DEU", "BLR", 1),
        ("sanctions_pair", 2022, "DEU", "USA", 0),
    ],
)
def test_dummies_follow_the_facts(name: str, year: int, one: str, other: str, expected: int) -> None:
    assert _value(name, year, one, other) == expected


def test_shares_of_measures_lie_between_their_bounds() -> None:
    law = coverage(PLACES, YEARS, ["270900", "710812"], "HS1992")
    over = Places(PLACES, YEARS, law, np.array([1.0, 2.0]))
    found = columns(["sanctions", "sanctions_lower", "sanctions_upper"], over)
    assert (found["sanctions_lower"] <= found["sanctions_upper"]).all()
    np.testing.assert_array_equal(found["sanctions"], found["sanctions_upper"] > 0)


def test_distance_is_that_of_the_world() -> None:
    found = columns(["distance", "log_distance", "distance_harmonic"], Places(PLACES, ()))
    assert found["distance"][0, AT["BLR"], AT["RUS"]] == distances.distance("BLR", "RUS")
    np.testing.assert_allclose(np.exp(found["log_distance"]), found["distance"], rtol=1e-14)
    assert (found["distance_harmonic"] <= found["distance"]).all()


def test_every_listed_regressor_can_be_computed_and_has_definition_and_source() -> None:
    listed = regressors.regressors()
    found = columns(names(), Places(PLACES, YEARS, _oil(), np.ones(1)))
    assert set(found) == {one.name for one in listed}
    assert len(listed) == len(names())
    for one in listed:
        assert one.definition
        assert one.source
        # A formula takes the name as it is.
        assert one.name.isidentifier()
        assert len(found[one.name]) == (len(YEARS) if one.needs else 1)
        assert np.isin(found[one.name], (0, 1)).all() or one.name.startswith(("dist", "log", "sanctions_"))


def test_agreements_count_from_the_year_of_the_treaty() -> None:
    pair = ("IDN", "THA")
    assert both_in("asean", pair, (1990,))[0, 0, 1] == 1
    grid = columns(["rta"], Places(pair, (1990, 1992, 1993)))["rta"]
    assert grid[:, 0, 1].tolist() == [0, 0, 1]


def test_countries_are_known_by_any_code() -> None:
    assert [canonical(code) for code in ("BLR", "ROM", "S19", "Belarus")] == ["BLR", "ROU", "TWN", "BLR"]
    with pytest.raises(InputError, match="unknown country"):
        canonical("XYZQ")


def test_measures_need_a_product() -> None:
    with pytest.raises(ValueError, match=r"over\.coverage"):
        columns(["sanctions"], Places(PLACES, YEARS))


@pytest.mark.needs_shared
def test_rta_beside_that_of_the_wto_guide(shared: Path) -> None:
    # The guide's list holds bilateral agreements, which the table of blocs does not, and sets pairs of the EU
    # of fifteen to 0 (Germany and France, say), which the table holds. So the two agree in 85% of cells;
    # 11.2% are the guide's alone, 3.5% ours alone, of which 97% are pairs of the EU. The bands are rounding.
    data = pq.read_table(shared / "gravity-wto-guide" / "agtpa.parquet").to_pandas()
    data = data[data.exporter != data.importer]
    codes = sorted(set(data.exporter))
    years = tuple(range(1986, 2007))
    grid = columns(["rta"], Places(tuple(canonical(code) for code in codes), years))["rta"]
    place = {code: at for at, code in enumerate(codes)}
    ours = grid[data.year - 1986, data.exporter.map(place), data.importer.map(place)]
    theirs = data.rta.to_numpy()
    assert (ours == theirs).mean() == pytest.approx(0.853, abs=0.001)
    assert ((ours == 1) & (theirs == 0)).mean() == pytest.approx(0.035, abs=0.001)
    assert ((ours == 0) & (theirs == 1)).mean() == pytest.approx(0.112, abs=0.001)
