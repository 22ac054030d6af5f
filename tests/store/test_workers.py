"""Work in processes of its own."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import pytest

from entrepot.errors import InputError
from entrepot.store.workers import WorkerLost, available, each


def test_answers_come_in_order_and_items_are_not_taken_far_ahead():
    taken: list[float] = []

    def items():
        for n in range(100):
            taken.append(n)
            yield float(n)

    assert list(each(math.sqrt, [4.0, 9.0], 1)) == [2.0, 3.0]
    found = each(math.sqrt, items(), 2)
    assert list(itertools.islice(found, 10)) == [math.sqrt(n) for n in range(10)]
    found.close()
    assert len(taken) <= 16


def test_an_error_in_a_process_is_raised_here_with_its_hint():
    with pytest.raises(InputError) as caught:
        list(each(_raise, [InputError("words", hint="say it otherwise")], 2))
    assert caught.value.hint == "say it otherwise"


def _raise(error: Exception) -> None:
    raise error


def test_a_process_that_ends_takes_only_its_item_with_it():
    lost, *others = each(_exit_on_minus, [-1, 1, 2], 2)
    assert isinstance(lost, WorkerLost)
    assert others == [1, 2]


def _exit_on_minus(n: int) -> int:
    if n < 0:
        os._exit(1)
    return n


def test_a_script_needs_no_guard(tmp_path):
    script = tmp_path / "plain.py"
    script.write_text(
        "import math\nfrom entrepot.store.workers import each\n"
        "print('once')\nprint(list(each(math.sqrt, [4.0, 9.0], 2)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["once", "[2.0, 3.0]"]
    assert done.stderr == ""


def test_there_is_a_core():
    assert available() >= 1
