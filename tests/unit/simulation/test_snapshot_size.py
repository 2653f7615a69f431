"""A snapshot is state, not history: small, and as large early as late."""

from __future__ import annotations

import numpy as np
import pytest

from support.runs.snapshots import busy_run


def test_the_largest_snapshot_of_one_symbol_is_within_4_kib() -> None:
    sizes = []
    for n_bars in (1_000, 100_000):
        run, parts = busy_run(np.random.default_rng(1), n_bars)
        assert run.position is not None
        sizes.append(len(run.snapshot(parts)))
    assert max(sizes) <= 4_096
    assert abs(sizes[1] - sizes[0]) <= 64


@pytest.mark.soak
def test_ten_million_bars_and_a_hundred_thousand_trades_leave_no_trace() -> None:
    early, parts = busy_run(np.random.default_rng(2), 1_000)
    late, _ = busy_run(np.random.default_rng(2), 10_000_000)
    assert late.trade_count > 100_000
    assert len(late.snapshot(parts)) <= min(4_096, len(early.snapshot(parts)) + 64)
