"""Solves in single precision are corrected to what double precision gives, or left to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from entrepot.models.poisson.cg import System, conjugate_gradients, refined
from entrepot.models.poisson.normal import Normal

FloatArray = NDArray[np.float64]
SIZES = (7, 4, 6)


def _systems(seed: int, spread: float = 1.0) -> tuple[System, System | None, FloatArray]:
    """The normal equations of a random tensor in both precisions, and right-hand sides that they can meet."""
    rng = np.random.default_rng(seed)
    n, t, m = SIZES
    normal = Normal.of(np.exp(spread * rng.normal(size=SIZES)), np.empty((m, t, n)))
    single = normal.single(np.empty((2, n * t * m), dtype=np.float32))
    target = normal.product(rng.normal(size=(3, n * t + t * m)))
    scaling = normal.scaling()
    return normal.system(scaling), None if single is None else single.system(scaling), target


@pytest.mark.parametrize("tolerance", [1e-2, 1e-6, 1e-11])
@pytest.mark.parametrize("seed", range(4))
def test_corrections_reach_the_tolerance_in_double_precision(seed: int, tolerance: float) -> None:
    exact, single, target = _systems(seed)
    assert single is not None
    start = 0.5 * np.ones_like(target) if seed % 2 else None
    found, _ = refined(exact, single, target, start, tolerance)
    assert found.dtype == np.float64
    left = exact.norms(target - exact.product(found)) / exact.norms(target)
    assert (left <= tolerance).all()


def test_what_single_precision_does_not_bring_is_solved_in_double_precision() -> None:
    exact, single, target = _systems(0)
    assert single is not None
    wrong = replace(single, product=lambda v: 0.2 * single.product(v))
    found, used = refined(exact, wrong, target, None, 1e-11)
    plain, alone = conjugate_gradients(exact.product, exact.precondition, exact.diagonal, target, None, 1e-11)
    # The false correction, five times too long, is not taken.
    assert found.tolist() == plain.tolist()
    assert used > alone


def test_nothing_is_left_to_single_precision_that_it_cannot_hold() -> None:
    assert _systems(1, spread=40.0)[1] is None
    exact, single, target = _systems(1)
    assert single is not None
    assert refined(exact, None, target, None, 1e-6)[0].tolist() == (
        conjugate_gradients(exact.product, exact.precondition, exact.diagonal, target, None, 1e-6)[0].tolist()
    )
