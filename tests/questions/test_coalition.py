"""Coalitions on the embedded input-output table."""

from __future__ import annotations

import pytest

import entrepot as ep
from entrepot.errors import DataError, InputError
from entrepot.result import Result
from entrepot.workbench import World


@pytest.fixture(scope="module")
def world() -> World:
    return ep.open()


@pytest.fixture(scope="module")
def three(world: World) -> Result:
    return world.coalitions("RUS", members=["eu", "USA", "Japan"], theta=[3, 8])


def test_contributions_sum_to_the_harm_of_all(three: Result) -> None:
    every = three.part("coalitions").data.to_pylist()
    for theta in (3.0, 8.0):
        shares = [row["shapley"] for row in three.table.to_pylist() if row["theta"] == theta]
        grand = next(r for r in every if r["theta"] == theta and r["coalition"] == "eu+USA+JPN")
        assert sum(shares) == pytest.approx(-grand["target_percent"], abs=1e-5)


def test_transfers_sum_to_nil_and_equalise(three: Result) -> None:
    rows = [row for row in three.table.to_pylist() if row["theta"] == 3.0]
    # Rounded to whole dollars.
    assert abs(sum(row["transfer"] for row in rows)) <= 3
    after = [(row["loss"] - row["transfer"]) / (row["loss"] / row["loss_percent"]) for row in rows]
    assert max(after) == pytest.approx(min(after), rel=1e-3)


def test_every_coalition_is_there_and_a_larger_one_harms_more(three: Result) -> None:
    rows = {
        (r["coalition"], r["theta"]): r["target_percent"] for r in three.part("coalitions").data.to_pylist()
    }
    assert len(rows) == 7 * 2
    assert rows["eu+USA+JPN", 8.0] < rows["eu", 8.0] < rows["USA", 8.0] < 0


def test_how_reproduces_the_answer(world: World, three: Result) -> None:
    assert world.coalitions(**three.how.parameters).to_json() == three.to_json()
    assert three.how.command == "entrepot coalitions RUS --members eu,USA,Japan --theta 3,8"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"members": ["eu"]}, InputError, "1 members"),
        ({"members": ["eu", "DEU"]}, InputError, "DEU"),
        ({"members": ["eu", "RUS"]}, InputError, "the target"),
        ({"members": ["eu", "Narnia"]}, InputError, "Narnia"),
        ({"members": ["eu", "ARM"]}, DataError, "ARM"),
        ({"theta": []}, InputError, "positive"),
        ({"target": "Kyrgyzstan"}, DataError, "Kyrgyzstan"),
    ],
)
def test_what_the_words_refuse(
    world: World, options: dict[str, object], error: type[ep.EntrepotError], words: str
) -> None:
    asked = {"target": "RUS", "theta": [5], **options}
    with pytest.raises(error, match=words) as caught:
        world.coalitions(asked.pop("target"), **asked)
    assert caught.value.hint
