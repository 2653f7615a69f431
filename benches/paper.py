"""A live decision beside the bare padded forward of the same net: from a closed bar to its order, one thread."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import ktrdr
from benches.harness import Row
from benches.pipeline import STRATEGY, make_bars
from ktrdr.backtesting import BacktestConfig
from ktrdr.data.bars import BarSeries
from ktrdr.decision.engine import DecisionEngine
from ktrdr.neural.bundle import ModelBundle
from ktrdr.neural.inference import infer_row
from ktrdr.neural.runtime import run_state
from ktrdr.time import Timeframe

TRAINED = 5_000
WARM_UP = 200
BARS = 1_000
SYMBOL = "BENCH"
TARGETS_MS = {"MLP 12-64-32-3": 2.0, "LSTM 2 x 64, 20 bars": 15.0}
"""At most so much from a bar to its order, 99th percentile."""
NETS: dict[str, dict[str, Any]] = {
    "MLP 12-64-32-3": {"type": "mlp", "architecture": {"hidden_layers": [64, 32]}},
    "LSTM 2 x 64, 20 bars": {
        "type": "lstm",
        "architecture": {"sequence_length": 20, "hidden_size": 64, "num_layers": 2, "dropout": 0.0},
    },
}
RULES: dict[str, Any] = {"decisions": {"confidence_threshold": 0.0}, "metrics": {"periods_per_year": 252}}


class Measured(NamedTuple):
    """Milliseconds of each decision, and of each bare forward beside it."""

    decision: NDArray[np.float64]
    forward: NDArray[np.float64]
    orders: int


def rows() -> Iterator[Row]:
    for name, target_ms in TARGETS_MS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = measure(name, Path(folder))
        assert found.orders > 0
        p50, p99 = np.percentile(found.decision, [50, 99])
        bare50, bare99 = np.percentile(found.forward, [50, 99])
        note = f"p50 {p50:.2f} ms; the padded forward alone {bare50:.2f} and {bare99:.2f} ms; {found.orders} orders"
        yield Row(f"from a closed bar to its order, {name}, p99", float(p99), target_ms, "ms", note)


def measure(name: str, folder: Path) -> Measured:
    """Feeds bars to an engine, and after each the same row to the net alone."""
    training = STRATEGY["training"] | {
        "epochs": 3,
        "batch_size": 64,
        "class_weights": True,
        "labels": {"source": "zigzag", "zigzag_threshold": 0.0002},
    }
    file = STRATEGY | RULES | {"model": NETS[name], "training": training}
    series = make_bars(TRAINED + WARM_UP + BARS)
    trained = ktrdr.train(file, SYMBOL, "5m", bars={"5m": series[:TRAINED]}, data_dir=folder, threads=1)
    assert trained is not None
    config = BacktestConfig.of(file, SYMBOL, "5m", data_dir=folder, execution={"close_at_end": False}, threads=1)
    engine = DecisionEngine("bench", config)
    bars = BarSeries.from_frame(series[TRAINED:], SYMBOL, Timeframe.M5)
    decision = np.empty(BARS)
    forward = np.empty(BARS)
    orders = 0
    with run_state(1):
        for row in range(WARM_UP):
            engine.on_bar(bars.rows(row, row + 1))
        for row in range(BARS):
            bar = bars.rows(WARM_UP + row, WARM_UP + row + 1)
            start = time.perf_counter()
            step = engine.on_bar(bar)
            decision[row] = time.perf_counter() - start
            live = engine.live
            assert live is not None
            assert step is not None
            orders += step.order is not None
            forward[row] = seconds_alone(live.bundle, live.features.window, step.row)
    return Measured(decision * 1e3, forward * 1e3, orders)


def seconds_alone(bundle: ModelBundle, window: NDArray[np.float32], row: int) -> float:
    """Wall time of the padded forward of one row."""
    start = time.perf_counter()
    infer_row(bundle.model, window, row, threads=1, scale=bundle.metadata.target_scale)
    return time.perf_counter() - start
