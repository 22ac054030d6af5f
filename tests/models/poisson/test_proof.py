"""Dense panels: the estimation itself proves that nothing is separated, or a closer look follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from entrepot.models.poisson import fit, fitting, newton

SEPARATED = "y is zero and separated: no finite estimate fits it"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the closer looks at separation."""
    seen: list[int] = []
    closer = fitting.separated_rows

    def watched(*args: Any) -> Any:
        seen.append(1)
        return closer(*args)

    monkeypatch.setattr(fitting, "separated_rows", watched)
    return seen


def test_a_full_panel_needs_no_closer_look(panel: Callable[..., Any], looks: list[int]) -> None:
    data = panel(1, zeros=0.1, absent=0.0)
    result = fit(data.y, data.x, data.groups)
    assert result.layout == "dense"
    assert result.columns == (0, 1)
    assert not looks


def test_separated_rows_of_a_full_panel_are_found(panel: Callable[..., Any], looks: list[int]) -> None:
    data = panel(1, zeros=0.1, absent=0.0)
    marked = np.zeros(data.y.size)
    marked[np.flatnonzero(data.y == 0)[3]] = 1.0
    result = fit(data.y, np.column_stack([data.x, marked]), data.groups)
    plain = fit(data.y[marked == 0], data.x[marked == 0], [codes[marked == 0] for codes in data.groups])
    assert looks
    assert result.dropped == {SEPARATED: 1}
    assert np.flatnonzero(result.reason).tolist() == np.flatnonzero(marked).tolist()
    # Last steps of a coefficient are below 1e-10 standard deviations.
    assert result.beta == pytest.approx(plain.beta, abs=1e-9)
    assert result.unidentified[0].column == 2


def test_what_the_effects_absorb_in_a_full_panel_is_named(
    panel: Callable[..., Any], looks: list[int]
) -> None:
    data = panel(2, zeros=0.1, absent=0.0)
    absorbed = np.random.default_rng(0).normal(size=int(data.groups[2].max()) + 1)[data.groups[2]]
    twin = data.x[:, 0] + absorbed
    result = fit(data.y, np.column_stack([data.x, absorbed, twin]), data.groups)
    reasons = {one.column: one.reason for one in result.unidentified}
    assert looks
    assert reasons == {
        2: "absorbed by the fixed effects",
        3: "collinear with the regressors before it",
    }
    assert result.beta == pytest.approx(fit(data.y, data.x, data.groups).beta, abs=1e-9)


def test_the_last_step_is_taken(panel: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = panel(3, zeros=0.1, absent=0.0)
    early = fit(data.y, data.x, data.groups)
    tight = fit(data.y, data.x, data.groups, tolerance=1e-13)
    assert early.beta == pytest.approx(tight.beta, abs=1e-12)
    assert early.mu == pytest.approx(tight.mu, rel=1e-8)
    assert newton.SCORE == 1e-8
