"""A soak continues after its last full batch and never records a failure as passed."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.soak import passed, seeds


def test_continues_after_the_last_full_batch(tmp_path: Path) -> None:
    record = tmp_path / "results.jsonl"
    for seed in seeds("kills", 10, batch=4, record=record):
        if seed == 6:
            break
    assert passed("kills", record) == 4
    assert list(seeds("kills", 10, batch=4, record=record)) == [4, 5, 6, 7, 8, 9]
    assert list(seeds("kills", 10, batch=4, record=record)) == []
    assert passed("flips", record) == 0


def test_a_failing_seed_is_not_passed(tmp_path: Path) -> None:
    record = tmp_path / "results.jsonl"
    with pytest.raises(AssertionError):
        for seed in seeds("kills", 3, batch=1, record=record):
            assert seed < 2, "fails at 2"
    assert passed("kills", record) == 2
