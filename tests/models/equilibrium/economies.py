"""Random many-sector economies that are exact equilibria, for property tests."""

from __future__ import annotations

from typing import Any

import numpy as np


def random_world(rng: np.random.Generator, **sizes: int) -> dict[str, Any]:
    """Return arguments of ManySectors; final shares are left to follow from the tables.

    Sizes differ by a factor of about 20, elasticities lie between 1 and 15, some flows are zero, trade does
    not balance. Domestic sales are large enough that final use stays positive.
    """
    n, j = sizes.get("n", int(rng.integers(2, 8))), sizes.get("j", int(rng.integers(1, 6)))
    size = np.exp(rng.normal(0, 0.8, n))
    trade = np.exp(rng.normal(0, 1, (n, n, j))) * size[:, None, None] * size[None, :, None]
    trade *= (rng.random(trade.shape) > 0.2 * rng.random()) * ~np.eye(n, dtype=bool)[:, :, None]
    trade += 1e-3 * ~np.eye(n, dtype=bool)[:, :, None]
    traded = trade.sum(axis=1) + trade.sum(axis=0)
    home = (
        traded.sum(axis=1, keepdims=True) * rng.dirichlet(np.ones(j), n) * np.exp(rng.uniform(0, 2, (n, 1)))
    )
    trade[np.arange(n), np.arange(n)] = 4 * traded + home
    value_added = rng.uniform(0.3, 0.9, (n, j))
    output, spending = trade.sum(axis=1), trade.sum(axis=0)
    wanted = rng.uniform(0.05, 1, (n, j, j))
    inputs = wanted / wanted.sum(axis=1, keepdims=True) * (1 - value_added)[:, None, :]
    # scale down what a sector's users buy where it exceeds nine tenths of what is there
    used = np.einsum("nkj,nj->nk", inputs, output)
    inputs = inputs * np.minimum(1, 0.9 * spending / used)[:, :, None]
    return {
        "trade": trade,
        "value_added": 1 - inputs.sum(axis=1),
        "inputs": inputs,
        "final_shares": None,
        "theta": np.exp(rng.uniform(0, np.log(15), j)),
    }
