"""What a brief asks about diversion."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from entrepot.report.agenda import agenda, ways_round
from entrepot.report.reproduce import QUESTIONS
from entrepot.store.store import Store, open_store


@pytest.fixture(scope="module")
def pack() -> Store:
    return open_store()


def asked(store: Store, iso3: str) -> list[tuple[Any, dict[str, Any]]]:
    found = ways_round(store, iso3, 2023, "en")
    assert all(isinstance(ask, partial) for ask in found)
    return [(ask.args[1], ask.keywords) for ask in found]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("country", "target", "hub"),
    [
        ("RUS", "RUS", ()),
        ("BLR", "BLR", ()),
        ("ARM", "RUS", ("ARM",)),
        ("IND", "RUS", ("IND",)),
        ("DEU", "RUS", ()),
        ("CAN", "RUS", ()),
    ],
)
def test_whose_measures_a_country_is_asked_about(
    pack: Store, country: str, target: str, hub: tuple[str, ...]
) -> None:
    """A target is asked about itself, a sender about all, anyone else about its own part; raw goods first."""
    found = asked(pack, country)
    assert [name for name, _ in found] == [target] * 2
    assert [options["form"] for _, options in found] == ["import-ban", "export-ban"]
    assert {options["hub"] for _, options in found} == {hub}
    assert {options["until"] for _, options in found} == {2023}


def test_diversion_stands_between_coverage_and_partners(pack: Store) -> None:
    order = list(dict.fromkeys(name for name, _ in agenda(pack, "KAZ", None, "en", 0)))
    assert order.index("coverage") < order.index("diversion") < order.index("partners")
    assert set(order) <= set(QUESTIONS)


def test_a_store_without_trade_asks_nothing(tmp_path: Path) -> None:
    assert ways_round(Store.create(tmp_path / "empty"), "ARM", None, "en") == []
