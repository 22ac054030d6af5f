from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from entrepot.models import detection as dd
from entrepot.models.detection import innocent

from .conftest import GROUPS, LATE, legs_of, rows_of


@pytest.fixture
def legs() -> dd.Legs:
    """One hub, four products, 12 periods: steady x3; one lump; dearer; one sender of two."""
    cube, mass = np.zeros((4, 4, 40, 12)), np.full((4, 4, 40, 12), 1.0)
    cube[:2, 2, :4, :] = 100.0
    cube[:2, 2, 0, 8:] = 300.0
    cube[0, 2, 1, 8] = 5000.0
    cube[:2, 2, 2, 8:] = 400.0
    cube[0, 2, 3, 8:] = 900.0
    mass[:2, 2, 0, 8:] = 3.0
    roles = dd.roles([0, 1], [2], [3], countries=4, controls=[])
    return legs_of(rows_of(cube, mass), roles, LATE)


def test_price_not_quantity(legs: dd.Legs) -> None:
    found = innocent.price(legs)
    assert found.applies.tolist() == [False, True, True, True]
    assert found.evidence[0] == pytest.approx(0.0)
    unknown = innocent.price(dataclasses.replace(legs, unit_after=np.full(4, np.nan)))
    assert not unknown.known.any()
    assert not unknown.applies.any()


def test_one_off(legs: dd.Legs) -> None:
    found = innocent.one_off(legs, np.arange(40) == 3)
    assert found.applies.tolist() == [False, True, False, True]
    assert not innocent.one_off(dataclasses.replace(legs, length=1), np.zeros(40, bool)).known.any()


def test_one_sender(legs: dd.Legs) -> None:
    assert innocent.one_sender(legs).applies.tolist() == [False, True, False, True]


def test_energy(legs: dd.Legs) -> None:
    assert innocent.energy(legs, np.arange(40) == 2).applies.tolist() == [False, False, True, False]


def test_hub_boom(legs: dd.Legs) -> None:
    boom = dataclasses.replace(legs, hub_factor=np.full(4, 2.0))
    found = innocent.hub_boom(boom, uncovered_observed=True)
    # log 2 is 0.63 of log 3, 0.50 of log 4 and 0.30 of log 10 over both senders' mean rise of 5.
    assert found.applies.tolist() == [True, False, True, False]
    assert not innocent.hub_boom(boom, uncovered_observed=False).known.any()


def test_product_boom(legs: dd.Legs) -> None:
    boom = dataclasses.replace(legs, product_factor=np.array([3.0, 1.0, 1.0, 1.0]))
    assert innocent.product_boom(boom, controls_observed=True).applies.tolist() == [True, False, False, False]
    assert not innocent.product_boom(boom, controls_observed=False).known.any()


def test_revision_break_needs_a_changed_code_and_a_flat_heading() -> None:
    cube = np.zeros((3, 3, 40, 2))
    cube[0, 1, 0], cube[0, 1, 1] = [100.0, 500.0], [500.0, 100.0]
    cube[0, 1, 2], cube[0, 1, 3] = [100.0, 500.0], [100.0, 500.0]
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3, controls=[]), dd.window([0], [1]))
    found = innocent.revision_break(legs, GROUPS, np.ones(40, bool))
    assert found.applies.tolist() == [True, False, False, False]
    assert not innocent.revision_break(legs, GROUPS, np.zeros(40, bool)).applies.any()


def test_reporter_break(legs: dd.Legs) -> None:
    share = innocent.reporter_break(legs, 0.6 * legs.excess)
    assert share.applies.tolist() == (legs.excess > 0).tolist()
    broken = innocent.broken_origins(np.array([10.0, 10.0, 10.0, 10.0]), np.array([11.0, 90.0, 12.0, np.nan]))
    assert broken.tolist() == [False, True, False, True]


def test_chapter_wide_rise() -> None:
    cube = np.zeros((3, 3, 40, 2))
    cube[0, 1, :10] = [100.0, 300.0]
    cube[0, 1, 10:20] = [100.0, 100.0]
    cube[0, 1, 10] = [100.0, 300.0]
    legs = legs_of(rows_of(cube), dd.roles([0], [1], [2], countries=3, controls=[]), dd.window([0], [1]))
    found = innocent.chapter_project(legs, np.arange(40) // 10)
    assert found.evidence[0] == pytest.approx(1.0, abs=0.01)
    assert not found.applies[10]
    assert found.evidence[10] == pytest.approx(0.0, abs=0.01)
