"""Parts as bytes: what is read back is what was written, and nothing else is read as parts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrdr.operations.models import Trial
from ktrdr.operations.store.elsewhere.written import decoded, encoded
from support.database import stores

TRIAL = Trial("EURUSD", "1h", 10, 20, {"sharpe": 0.1})


def test_parts_come_back_as_they_were() -> None:
    parts = [
        stores.finished_part("fold 1 training"),
        replace(stores.finished_part("fold 1 test", trial=TRIAL), model_id="trend/1h_v1", progress={"bar": 7}),
        replace(stores.finished_part("fold 1 rows", trial=replace(TRIAL, rows=b"table")), segments=[]),
    ]
    assert decoded(encoded(parts)) == parts
    assert decoded(encoded([])) == []


def test_other_bytes_are_no_parts() -> None:
    data = encoded([stores.finished_part("fold 1 test", trial=TRIAL)])
    head = int.from_bytes(data[:8], "little")
    odd = [data[:stop] for stop in (0, 4, 8, 8 + head // 2, 8 + head, len(data) - 1)]
    for each in (*odd, data + b"x", b"\xff" * 64, data.replace(b'"threads"', b'"breads"', 1)):
        with pytest.raises(ValueError, match="no parts"):
            decoded(each)
