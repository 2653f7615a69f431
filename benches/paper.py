"""A live decision beside the bare padded forward of the same net: from a closed bar to its order, one thread.

The bar is compared with the least of a few rounds for each bar: what else the machine does only adds. The note has a
single round as well.
"""

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
from ktrdr.decision.base import Step
from ktrdr.decision.broker import PaperBroker
from ktrdr.decision.engine import DecisionEngine
from ktrdr.decision.orchestrator import DecisionOrchestrator
from ktrdr.neural.inference import infer_row
from ktrdr.neural.runtime import run_state
from ktrdr.time import Timeframe

TRAINED = 5_000
WARM_UP = 200
BARS = 1_000
ROUNDS = 3
PADDED_EVERY = 10
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
Times = NDArray[np.float64]
RULES: dict[str, Any] = {"decisions": {"confidence_threshold": 0.0}, "metrics": {"periods_per_year": 252}}


class Measured(NamedTuple):
    """Milliseconds for each bar, and for each order.

    Args:
        least: from a bar to its order, the least of `ROUNDS` engines that were fed the same bars.
        once: the same of one engine.
        cpu: the same of one engine, of the processor.
        durable: from a bar to its order in a journal on the disk, bars with an order only.
        padded: the padded forward alone.
        block_rows: rows of the block that each bar is scored in.
    """

    least: Times
    once: Times
    cpu: Times
    durable: Times
    padded: Times
    block_rows: int


def rows() -> Iterator[Row]:
    for name, target_ms in TARGETS_MS.items():
        with tempfile.TemporaryDirectory() as folder:
            found = measure(name, Path(folder))
        yield Row(f"from a closed bar to its order, {name}, p99", _p(99, found.least), target_ms, "ms", note(found))


def note(found: Measured) -> str:
    """The figures beside the bar: other machines' work adds to a single round, a disk to a durable order."""
    padded = _p(50, found.padded)
    durable = f"{_p(50, found.durable):.2f} ms, p99 {_p(99, found.durable):.2f}"
    return (
        f"p50 {_p(50, found.least):.2f} ms, {_p(50, found.least) / padded:.2f} of the padded forward alone"
        f" ({padded:.2f} ms, p99 {_p(99, found.padded):.2f}), in blocks of {found.block_rows} rows;"
        f" p99 of a single round {_p(99, found.once):.2f} ms, of its processor time {_p(99, found.cpu):.2f} ms;"
        f" {len(found.durable)} orders, on the disk after {durable}"
    )


def measure(name: str, folder: Path) -> Measured:
    """Feeds bars to several engines in turn, and now and then the same row to the padded forward alone."""
    config, bars = prepared(name, folder)
    desks = [desk(config, None) for _ in range(ROUNDS)]
    durable_desk = desk(config, folder / "journal.jsonl")
    wall = np.empty((ROUNDS, BARS))
    cpu = np.empty(BARS)
    durable: list[float] = []
    padded: list[float] = []
    with run_state(1):
        for row in range(WARM_UP):
            for one in (*desks, durable_desk):
                one.on_bar(SYMBOL, bars.rows(row, row + 1))
        for row in range(BARS):
            bar = bars.rows(WARM_UP + row, WARM_UP + row + 1)
            for number, one in enumerate(desks):
                _, wall[number, row], cpu[row] = timed(one, bar)
            step, taken_ms, _ = timed(durable_desk, bar)
            if step is not None and step.order is not None:
                durable.append(taken_ms)
            if row % PADDED_EVERY == 0:
                padded.append(padded_ms(durable_desk.engines[SYMBOL]))
    live = durable_desk.engines[SYMBOL].live
    assert live is not None
    assert durable, "no order was measured"
    return Measured(wall.min(axis=0), wall[-1], cpu, np.array(durable), np.array(padded), live.net.block_rows)


def prepared(name: str, folder: Path) -> tuple[BacktestConfig, BarSeries]:
    """A trained net, and the bars after those that it has seen."""
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
    return config, BarSeries.from_frame(series[TRAINED:], SYMBOL, Timeframe.M5)


def desk(config: BacktestConfig, journal: Path | None) -> DecisionOrchestrator:
    """An engine under the rules of risk, over a paper broker in memory or on the disk."""
    broker = PaperBroker(journal)
    return DecisionOrchestrator({SYMBOL: DecisionEngine("bench", config)}, broker, market=broker.execute)


def timed(orders: DecisionOrchestrator, bar: BarSeries) -> tuple[Step | None, float, float]:
    """The step of a bar, its wall time and its processor time in ms."""
    processor = time.thread_time()
    start = time.perf_counter()
    step = orders.on_bar(SYMBOL, bar)
    return step, (time.perf_counter() - start) * 1e3, (time.thread_time() - processor) * 1e3


def padded_ms(engine: DecisionEngine) -> float:
    """Wall time of the padded forward of the newest row."""
    live = engine.live
    assert live is not None
    window = live.features.window
    scale = live.bundle.metadata.target_scale
    start = time.perf_counter()
    infer_row(live.bundle.model, window, len(live.account) - 1, threads=1, scale=scale)
    return (time.perf_counter() - start) * 1e3


def _p(percent: int, values: Times) -> float:
    return float(np.percentile(values, percent))
