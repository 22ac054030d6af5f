"""The core tables say what their columns mean."""

from __future__ import annotations

import pyarrow as pa
import pytest

from entrepot.store import SCHEMAS


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_every_column_says_what_it_means(name: str) -> None:
    schema = SCHEMAS[name]
    assert schema.doc.endswith(".")
    for field in schema.fields:
        assert field.doc.endswith(".")
        assert bool(field.unit) == (field.type == pa.float64())
    assert any(field.key for field in schema.fields)
