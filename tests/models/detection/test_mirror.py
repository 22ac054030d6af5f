from __future__ import annotations

import numpy as np
import pytest

from entrepot.models.detection import mirror_gap


def test_what_one_side_did_not_report_is_not_observed() -> None:
    found = mirror_gap([[1.0, np.nan, 2.0]], [[1.0, 1.0, 0.0]], base=0)
    assert found.gap[0, 0] == 0.0
    assert np.isnan(found.gap[0, 1:]).all()
    assert np.isnan(found.change[0, 1:]).all()


def test_change_is_against_the_base() -> None:
    found = mirror_gap([[2.0, 8.0]], [[1.0, 1.0]], base=0)
    assert found.change[0].tolist() == pytest.approx([0.0, np.log(4)])


def test_shapes_and_signs_are_checked() -> None:
    with pytest.raises(ValueError, match="shape"):
        mirror_gap([[1.0]], [[1.0, 2.0]], base=0)
    with pytest.raises(ValueError, match=">= 0"):
        mirror_gap([[-1.0]], [[1.0]], base=0)
