"""The core through its Python door: one scenario with full ledger over 10 M bars, and its memory."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import numpy as np

import ktrdr
from benches.harness import Row, seconds
from benches.pipeline import make_bars
from ktrdr.data.bars import BarSeries
from ktrdr.values import Timeframe

ROWS = 10_000_000
BYTES_A_BAR = 8 + 4 * 8 + 1  # time, prices, signal
BYTES_OUT = 8  # equity


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024


def rows() -> Iterator[Row]:
    bars = BarSeries.from_frame(make_bars(ROWS), "BENCH", Timeframe.M5)
    random = np.random.default_rng(1)
    for share in (0.002, 0.02, 0.3):
        signals = np.zeros(ROWS, np.int8)
        hits = random.random(ROWS) < share
        signals[hits] = random.choice(np.array([-1, 1], np.int8), int(hits.sum()))
        kept: list[Any] = []
        spent = min(seconds(lambda signals=signals, kept=kept: kept.append(run(bars, signals))) for _ in range(3))
        assert kept[0].final_equity == kept[-1].final_equity
        yield Row(f"simulate 10 M bars, signals on {share:.1%}", spent / ROWS * 1e9, 60, "ns a bar")
    before = peak_bytes()
    limit = ROWS * (BYTES_A_BAR + BYTES_OUT) * 2
    yield Row("peak memory of the process", before / limit, 2.0, "x of twice inputs and outputs")


def run(bars: BarSeries, signals: np.ndarray[Any, np.dtype[np.int8]]) -> Any:
    decisions = {"filters": {"min_signal_separation": 0}}
    return ktrdr.simulate(bars, signals, decisions=decisions, timeframe="5m", metrics={"periods_per_year": 365})
