"""Names of nomenclatures."""

from __future__ import annotations

import pytest

from entrepot.measures.nomenclature import base_revision


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("HS1992", "HS1992"),
        ("CN2021", "HS2017"),
        ("CN2022", "HS2022"),
        ("CA2025", "HS2022"),
        ("CN1995", "HS1992"),
    ],
)
def test_base_revision(name: str, base: str) -> None:
    assert base_revision(name) == base


@pytest.mark.parametrize("name", ["HS2021", "HS", "cn2022", "CN1988", "2022", "CN20222", ""])
def test_no_nomenclature(name: str) -> None:
    with pytest.raises(ValueError):
        base_revision(name)
