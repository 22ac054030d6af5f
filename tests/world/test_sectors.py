from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.errors import InputError
from entrepot.world.sectors import codes, group, groups, name


def test_names_are_short_and_distinct() -> None:
    names = [name(code) for code in codes()]
    assert len(names) == len(set(names)) == 50
    assert max(map(len, names)) <= 40


def test_groups() -> None:
    assert groups() == ("agriculture", "mining", "manufacturing", "utilities", "construction", "services")
    assert {group(code) for code in codes() if code.startswith("C")} == {"manufacturing"}


def test_unknown_industry() -> None:
    with pytest.raises(InputError, match="did you mean"):
        name("C24")
    with pytest.raises(InputError):
        group("TOTAL")


@pytest.mark.needs_shared
def test_codes_are_those_of_the_table_in_its_order(shared: Path) -> None:
    import pyarrow.parquet as pq

    nodes = pq.read_table(shared / "icio-oecd-2022" / "nodes.parquet", columns=["sector", "node"]).sort_by(
        "node"
    )
    assert tuple(nodes.column("sector").unique().to_pylist()) == codes()
