from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InputError
from entrepot.world import countries as module
from entrepot.world._files import read_rows
from entrepot.world.countries import (
    counted_with,
    countries,
    from_code,
    known,
    languages,
    name,
    note_on,
    resolve,
)

# What statistics call no country: Europe EFTA, not elsewhere specified.
NO_COUNTRY = {"R20"}


@pytest.mark.parametrize(
    ("text", "iso3"),
    [
        ("BLR", "BLR"), ("blr", "BLR"), ("by", "BLR"), ("112", "BLR"),
        ("Беларусь", "BLR"), ("БЕЛАРУСЬ", "BLR"),
        ("Белоруссия", "BLR"), ("白俄罗斯", "BLR"), ("ベラルーシ", "BLR"), ("벨라루스", "BLR"),
        ("Kasachstan", "KAZ"), ("Қазақстан", "KAZ"), ("Kazakistan", "KAZ"), ("Türkiye", "TUR"),
        ("turkey", "TUR"),
        ("Cote d'Ivoire", "CIV"), ("ivory coast", "CIV"), ("Czech Republic", "CZE"), ("Swaziland", "SWZ"),
        ("Burma", "MMR"), ("South Korea", "KOR"), ("north  korea", "PRK"), ("Россия", "RUS"), ("UK", "GBR"),
        ("EL", "GRC"), ("4", "AFG"), ("757", "CHE"), ("842", "USA"), ("699", "IND"), ("251", "FRA"),
        ("579", "NOR"), ("490", "TWN"), ("S19", "TWN"), ("ROM", "ROU"), ("ZAR", "COD"), ("TMP", "TLS"),
        ("58", "BEL"), ("711", "ZA1"), ("891", "SCG"), ("278", "DDR"), ("280", "DEU"), ("810", "SUN"),
        ("200", "CSK"), ("USSR", "SUN"), ("The Netherlands", "NLD"), ("Congo", "COG"), ("DR Congo", "COD"),
        ("Georgia", "GEO"), ("Niger", "NER"), ("Nigeria", "NGA"), ("Áo", "AUT"), ("AO", "AGO"),
    ],
)  # fmt: skip
def test_resolve(text: str, iso3: str) -> None:
    assert resolve(text) == iso3


@pytest.mark.parametrize("text", ["", " ", "Atlantis", "000", "XQ", "QQQ", "World"])
def test_resolve_refuses(text: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(text)
    assert caught.value.hint


def test_resolve_hints_at_near_misses() -> None:
    with pytest.raises(InputError, match="did you mean 'Kazakhstan'"):
        resolve("Kazakstahn")


@given(st.sampled_from(sorted(known())), st.sampled_from(languages()))
def test_every_name_leads_back(iso3: str, lang: str) -> None:
    assert resolve(name(iso3, lang)) == iso3


@given(st.sampled_from(sorted(known())))
def test_every_code_leads_back(iso3: str) -> None:
    country = countries()[iso3]
    assert resolve(iso3.lower()) == iso3
    if country.iso2:
        assert from_code(country.iso2, "iso2") == iso3
    if country.m49:
        assert from_code(country.m49, "m49") == iso3
        assert from_code(int(country.m49), "m49") == iso3


def test_codes_are_unique_and_odd_codes_lead_to_countries() -> None:
    for field in ("iso2", "m49", "name"):
        values = [getattr(c, field) for c in countries().values() if getattr(c, field)]
        assert len(values) == len(set(values)), field
    for scheme in ("comtrade", "iso2", "iso3"):
        assert set(module._odd_codes(scheme).values()) <= known()


def test_comtrade_codes_differ_from_m49() -> None:
    assert from_code(757, "comtrade") == "CHE"
    assert from_code(757, "m49") is None
    assert from_code("756", "comtrade") == "CHE"
    assert from_code("999", "comtrade") is None
    assert "Liechtenstein" in (note_on("757") or "")
    assert note_on("112") is None
    with pytest.raises(InputError):
        from_code("1", "fips")  # type: ignore[arg-type]


def test_name_in_other_languages() -> None:
    assert name("BLR", "ru") == "Беларусь"
    assert name("KAZ", "pt-BR") == "Cazaquistão"
    assert name("SUN", "fr") == "USSR"
    assert name("S19") == "Taiwan"
    with pytest.raises(InputError):
        name("BLR", "tlh")
    with pytest.raises(InputError):
        name("ATL")


def test_english_needs_no_babel() -> None:
    code = (
        "import sys; from entrepot.world.countries import name, resolve;"
        "resolve('BLR'); resolve('Russia'); name('USA');"
        "from entrepot.world import blocs, products, reporting, sectors;"
        "heavy = {'babel', 'pandas', 'numpy', 'scipy', 'pyarrow', 'duckdb'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.needs_shared
def test_every_country_of_the_data_is_known(shared: Path) -> None:
    import csv

    import pyarrow.parquet as pq

    flows = pq.read_table(shared / "trade-baci-rawmat" / "trade.parquet", columns=["exporter", "importer"])
    seen = {code for column in flows.columns for code in column.unique().to_pylist()}
    nodes = pq.read_table(shared / "icio-oecd-2022" / "nodes.parquet", columns=["country"])
    seen |= set(nodes.column("country").unique().to_pylist())
    assert {resolve(code) for code in seen} <= known()
    with (shared / "trade-baci-rawmat" / "country_codes_V202401b.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["country_iso3"] not in NO_COUNTRY]
    for row in rows:
        assert from_code(row["country_code"], "comtrade") == resolve(row["country_iso3"]), row


def test_trade_counted_with_another_names_known_countries() -> None:
    assert counted_with("MCO") == "FRA"
    assert counted_with("FRA") is None
    for row in read_rows("counted_with.csv"):
        assert {row["country"], row["counted_with"]} <= set(countries())
        assert counted_with(row["counted_with"]) is None
