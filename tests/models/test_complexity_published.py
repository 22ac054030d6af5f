"""Published complexity values, and what two peers' packages say about one table."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from entrepot.models.complexity import Complexity, complexity, cross_table, fitness

PEERS = Path(__file__).parents[1] / "oracles" / "complexity_peers.json"
# Published values carry six or seven decimals of numbers up to ten; the gain sums a thousand of them.
PRINTED = {"eci": 1e-6, "pci": 1e-6, "coi": 1e-6, "distance": 1e-6, "cog": 2e-6}
PLACE = {
    "eci": ("hs_eci.csv", "hs_eci", ("location",)),
    "coi": ("hs_coi.csv", "hs_coi", ("location",)),
    "pci": ("pci.csv", "pci", ("product_code_hs",)),
    "distance": ("distance_hs.parquet", "distance", ("location", "product_code_hs")),
    "cog": ("cog_hs.parquet", "cog", ("location", "product_code_hs")),
}
COLUMNS = {"location": 0, "product_code_hs": 1}


def read(path: Path, year: str) -> list[dict[str, str]]:
    """Read the rows of one year."""
    if path.suffix == ".parquet":
        return pq.read_table(path, filters=[("year", "==", year)]).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["year"] == year]


@pytest.fixture(scope="module", params=["1995", "2010"])
def atlas(request: pytest.FixtureRequest, shared: Path):
    """Year, labels and measures from the published RCA, on the recovered reference sample."""
    folder = shared / "complexity-atlas-hs"
    rows = read(folder / "export_rca_hs.parquet", request.param)
    labels = ([row["location"] for row in rows], [row["product_code_hs"] for row in rows])
    countries, products, rca = cross_table(*labels, [float(row["export_rca"]) for row in rows])
    with (folder / "atlas_reference_countries_2018vintage.csv").open(encoding="utf-8") as file:
        sample = {row["location"] for row in csv.DictReader(file)}
    found = complexity(rca, given="rca", reference=np.isin(countries, list(sample)))
    return request.param, folder, (countries, products), found


@pytest.mark.needs_shared
@pytest.mark.parametrize("measure", list(PRINTED))
def test_atlas_for_every_location(atlas, measure):
    year, folder, labels, found = atlas
    file, column, keys = PLACE[measure]
    rows = [row for row in read(folder / file, year) if row[column] not in ("", None)]
    published = np.array([float(row[column]) for row in rows])
    index = [{label: i for i, label in enumerate(labels[COLUMNS[key]])} for key in keys]
    cells = tuple(np.array([of[row[key]] for row in rows]) for key, of in zip(keys, index, strict=True))
    ours = getattr(found, measure)[cells]
    assert len(rows) >= {1: 219, 2: 271_998}[len(keys)]
    assert np.abs(ours - published).max() <= PRINTED[measure]


@pytest.mark.needs_shared
def test_what_diagonal_and_sample_move(atlas):
    year, _, _, found = atlas
    kept = complexity(found.rca, given="rca", reference=found.reference, convention="ecomplexity")
    everybody = complexity(found.rca, given="rca")
    # Measured with this code: there is no published number to meet, and a convention that moved would show.
    diagonal, distance, eci = {"1995": (0.0276, 0.2015, 0.5551), "2010": (0.0369, 0.2005, 0.7446)}[year]
    assert np.abs(kept.distance - found.distance).max() == pytest.approx(diagonal, abs=5e-5)
    assert np.abs(everybody.distance - found.distance).max() == pytest.approx(distance, abs=5e-5)
    assert np.abs(everybody.eci - found.eci).max() == pytest.approx(eci, abs=5e-5)


# As listed with the data: the most complex, and Russia.
SPOT = {
    "1995": ({"jpn": 2.401623, "deu": 2.26579, "swe": 2.164815, "rus": 0.495889}, "of the 219 countries"),
    "2010": ({"jpn": 2.415482, "che": 2.229807, "deu": 2.040327, "rus": 0.68477}, "of the 232 countries"),
}


@pytest.mark.needs_shared
def test_atlas_spot_values(atlas):
    year, _, (countries, _), found = atlas
    spot, size = SPOT[year]
    of = dict(zip(countries, found.eci, strict=True))
    for country, value in spot.items():
        assert of[country] == pytest.approx(value, abs=1e-6)
    assert size in found.sample


@pytest.fixture(scope="module")
def sitc(shared: Path):
    """Folder, labels and exports of 226 countries in 785 products, 1998 to 2000."""
    folder = shared / "complexity-sitc-1998-2000"
    with (folder / "world_trade_avg_1998_to_2000.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = [row["country"] for row in rows], [row["product"] for row in rows]
    return folder, cross_table(*labels, [float(row["value"]) for row in rows])


def stored(folder: Path, name: str, key: str, labels: tuple[str, ...]) -> np.ndarray:
    """Read one vector of the R package in the order of the labels."""
    with (folder / name).open(encoding="utf-8", newline="") as file:
        of = {row[key]: float(row["v"]) for row in csv.DictReader(file)}
    return np.array([of[label] for label in labels])


@pytest.mark.needs_shared
def test_r_package_on_sitc(sitc):
    folder, (countries, products, exports) = sitc
    found = complexity(exports, convention="r-economiccomplexity")
    eci = stored(folder, "run_eigenvalues_country.csv", "country", countries)
    pci = stored(folder, "run_eigenvalues_product.csv", "product", products)
    assert np.abs(found.eci - eci).max() <= 1e-10
    assert np.abs(found.pci - pci).max() <= 1e-10
    assert found.eci[countries.index("afg")] == pytest.approx(-0.5764283, abs=5e-8)
    assert found.rca[countries.index("afg"), products.index("0011")] == pytest.approx(0.2312238, abs=5e-8)
    assert found.proximity_to(products.index("0011"))[1:3] == pytest.approx([0.3658537, 0.1707317], abs=5e-8)


@pytest.mark.needs_shared
def test_r_package_fitness_on_sitc(sitc):
    folder, (countries, products, exports) = sitc
    # The package counts the start as its first of 20 iterations.
    found = fitness(exports, iterations=19)
    countries_theirs = stored(folder, "run_fitness_country.csv", "country", countries)
    products_theirs = stored(folder, "run_fitness_product.csv", "product", products)
    assert np.abs(found.fitness - countries_theirs).max() <= 1e-10
    assert np.abs(found.complexity - products_theirs).max() <= 1e-10
    assert not found.converged
    settled = fitness(exports)
    assert settled.converged
    assert settled.change <= 1e-10


def peers() -> dict:
    """Read the stored answers of both packages."""
    return json.loads(PEERS.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["ecomplexity", "oec"])
def test_python_peers(name):
    stored_values = peers()
    found: Complexity = complexity(stored_values["values"], convention=name)
    for measure, values in stored_values[name].items():
        difference = np.abs(getattr(found, measure) - np.array(values)).max()
        assert difference <= 1e-10, measure
