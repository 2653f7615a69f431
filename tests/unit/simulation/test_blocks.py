"""The engine's run: signals in blocks equal one run, and its snapshots stay small."""

from __future__ import annotations

import numpy as np
import pytest

import ktrdr
from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.inputs import find_timeframe, read_bars
from support.runs.signal_runs import RULES, market, signals_for
from support.runs.snapshots import busy_run


def test_the_pipeline_s_blocks_equal_one_run() -> None:
    bars = read_bars(market(), "", None)
    assert find_timeframe(bars.timestamp, None) == "1h"
    bars = read_bars(market(), "", find_timeframe(bars.timestamp, None))
    run = BlockRun.begin(bars, execution=RULES["execution"], decisions=RULES["decisions"])
    signals = signals_for()
    sure = np.ones(300, np.float32)
    for low in range(0, 300, 64):
        run.advance(signals[low : low + 64], sure[low : low + 64])
    result = run.result()
    assert result.result_hash == ktrdr.simulate(market(), signals, **RULES).result_hash
    assert result.decisions.columns == ["bar", "raw_signal", "confidence", "decision"]
    assert len(result.decisions) == 300
    assert result.decisions["raw_signal"].to_list() == signals.tolist()


def test_the_largest_snapshot_of_one_symbol_is_within_4_kib() -> None:
    sizes = []
    for n_bars in (1_000, 100_000):
        run, parts = busy_run(np.random.default_rng(1), n_bars)
        assert run.position is not None
        sizes.append(len(run.seal(parts)))
    assert max(sizes) <= 4_096
    assert abs(sizes[1] - sizes[0]) <= 64


@pytest.mark.soak
def test_ten_million_bars_and_a_hundred_thousand_trades_leave_no_trace() -> None:
    early, parts = busy_run(np.random.default_rng(2), 1_000)
    late, _ = busy_run(np.random.default_rng(2), 10_000_000)
    assert late.trade_count > 100_000
    assert len(late.seal(parts)) <= min(4_096, len(early.seal(parts)) + 64)
