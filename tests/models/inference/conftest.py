"""A small Poisson fit with fixed effects by weighted least squares, for the tests of inference only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import linalg, sparse


@dataclass(frozen=True)
class Fit:
    beta: np.ndarray
    mu: np.ndarray
    x_tilde: np.ndarray


def _projector(codes: Sequence[np.ndarray], weights: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Residuals of weighted projection on the effects; the last set is eliminated in closed form."""
    sets = [np.unique(code, return_inverse=True)[1] for code in codes]
    last = sets[-1]
    rows = np.arange(last.size)
    rest = sparse.hstack(
        [sparse.csr_array((np.ones(last.size), (rows, code))) for code in sets[:-1]], format="csr"
    )
    total = np.bincount(last, weights)

    def within(values: np.ndarray) -> np.ndarray:
        sums = np.column_stack([np.bincount(last, weights * column) for column in values.T])
        return values - (sums / total[:, None])[last]

    cross = sparse.csr_array((weights, (last, rows))) @ rest
    normal = (rest.T @ (rest * weights[:, None])).toarray() - (
        cross.T @ sparse.diags_array(1 / total) @ cross
    ).toarray()
    # A ridge of 1e-9 holds the null vectors of each connected part; two refinements take its effect out.
    size = np.sqrt(np.diag(normal))
    unit = normal / np.outer(size, size)
    factor = linalg.cho_factor(unit + 1e-9 * np.eye(size.size))

    def effects(right: np.ndarray) -> np.ndarray:
        solution = linalg.cho_solve(factor, right)
        for _ in range(2):
            solution = solution + linalg.cho_solve(factor, right - unit @ solution)
        return solution

    def residual(values: np.ndarray) -> np.ndarray:
        inside = within(values)
        right = (rest.T @ (weights[:, None] * inside)) / size[:, None]
        return within(inside - rest @ (effects(right) / size[:, None]))

    return residual


def fit_poisson(y: np.ndarray, x: np.ndarray, codes: Sequence[np.ndarray]) -> Fit:
    """Fit to the last digit; every group must have a positive y."""
    mu = (y + y.mean()) / 2
    last = np.inf
    for _ in range(60):
        target = np.log(mu) + (y - mu) / mu
        residual = _projector(codes, mu)(np.column_stack([target, x]))
        z_tilde, x_tilde = residual[:, 0], residual[:, 1:]
        beta = np.linalg.solve(x_tilde.T @ (mu[:, None] * x_tilde), x_tilde.T @ (mu * z_tilde))
        fitted = np.exp(target - z_tilde + x_tilde @ beta)
        # Newton doubles the digits: after a step of 1e-7 the next one is at rounding.
        done = last < 1e-7
        last = np.abs(fitted / mu - 1).max()
        mu = fitted
        if done:
            return Fit(beta, mu, _projector(codes, mu)(x))
    raise AssertionError("the test fit did not converge")


@pytest.fixture(scope="session")
def fit() -> Callable[..., Fit]:
    """Poisson fit: ``fit(y, x, [codes, ...])``."""
    return fit_poisson
