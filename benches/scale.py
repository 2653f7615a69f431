"""Cost by length: processor time a bar from 1e5 to 1e8 bars, and peak memory.

It takes minutes, so it is not among those of ``make bench``: ``python -m benches.harness scale``. Each length has a
process of its own, so that peaks do not mix. The longest run is streamed: bars are made, fed and dropped a million at a
time; what stays is the core's ledger.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import ktrdr
from benches.harness import Row
from benches.pipeline import STRATEGY, make_bars
from ktrdr.backtesting import BacktestConfig, BacktestingEngine
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import Repository
from ktrdr.simulation._run import begin
from ktrdr.simulation.inputs import rules_to_json
from ktrdr.time import Timeframe

CHUNK = 1_000_000
ROUNDS = {100_000: 20, 1_000_000: 7, 10_000_000: 2, 100_000_000: 1}
DENSITY = 0.002
EARLIER = timedelta(days=12_053)
"""Ten million bars of five minutes are 95 years: they begin in 1977, so that their stamps are whole nanoseconds."""


def rows() -> Iterator[Row]:
    whole = {bars: measured("simulate", bars) for bars in (100_000, 1_000_000, 10_000_000)}
    yield spread("simulate, 1e5 to 1e7 bars", whole)
    streamed = {bars: measured("stream", bars) for bars in (1_000_000, 100_000_000)}
    yield spread("streamed, 1e6 and 1e8 bars", streamed)
    grown = streamed[100_000_000]["peak"] - streamed[1_000_000]["peak"]
    yield Row("memory of a streamed run, 1e8 bars beyond 1e6", grown / 2**20, 64, "MiB", f"{grown / 99e6:.1f} B a bar")
    tested = {bars: measured("backtest", bars) for bars in (100_000, 1_000_000, 10_000_000)}
    yield spread("backtest of an MLP, 1e5 to 1e7 bars", tested)
    yield Row("peak memory of a backtest of 1 M bars", tested[1_000_000]["peak"] / 1e6, 1_000, "MB")


def spread(name: str, found: dict[int, dict[str, float]]) -> Row:
    """Returns the dearest bar over the cheapest one, by processor time."""
    costs = {bars: figures["seconds"] / bars * 1e9 for bars, figures in found.items()}
    note = ", ".join(f"{bars:.0e}: {ns:.1f} ns" for bars, ns in costs.items())
    ratio = max(costs.values()) / min(costs.values())
    return Row(f"processor time a bar, dearest over cheapest: {name}", ratio, 1.2, "x", note)


def measured(what: str, bars: int) -> dict[str, float]:
    """Runs one measurement in its own process, over bars that another has written."""
    with tempfile.TemporaryDirectory() as folder:
        if what == "backtest":
            store_bars(Path(folder), bars)
        command = [sys.executable, "-m", "benches.scale", what, str(bars), folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def store_bars(folder: Path, count: int) -> None:
    """Writes bars, and a net trained on the first months of them."""
    frame = make_bars(count).with_columns(pl.col("timestamp") - EARLIER)
    Repository(folder).store(BarSeries.from_frame(frame, "BENCH", Timeframe.M5))
    assert ktrdr.train(STRATEGY, "BENCH", "5m", start="1977-02-01", end="1977-06-30", data_dir=folder) is not None


def bars_from(first: int, count: int, price: float) -> tuple[BarSeries, np.ndarray]:
    """Returns the next bars of a walk from ``price``, with a signal on few of them."""
    random = np.random.default_rng(first)
    close = price * np.exp(np.cumsum(random.normal(0, 1e-4, count)))
    opened = np.append(price, close[:-1])
    stamps = (np.arange(count, dtype=np.int64) + first) * 60_000_000_000 + 1_262_304_000_000_000_000
    signals = random.choice(np.array([-1, 1], np.int8), count)
    signals[random.random(count) >= DENSITY] = 0
    high = np.maximum(opened, close) * 1.0001
    low = np.minimum(opened, close) * 0.9999
    return BarSeries("BENCH", Timeframe.M1, stamps, opened, high, low, close), signals


def simulate(bars: int, folder: str) -> float:
    series, signals = bars_from(0, bars, 1.1)

    def once() -> None:
        assert ktrdr.simulate(series, signals, timeframe="1m").metrics["trades"] > bars / 10_000

    return least_seconds(once, ROUNDS[bars])


def stream(bars: int, folder: str) -> float:
    rules = rules_to_json(None, None, {"periods_per_year": 252.0})
    core = begin(rules, "BENCH", Timeframe.M1, bars=None, initial_capital=100_000.0, warmup_bars=0)
    price = 1.1
    seconds = 0.0
    for first in range(0, bars, CHUNK):
        series, signals = bars_from(first, CHUNK, price)
        price = float(series.close[-1])
        start = time.process_time()
        core.advance(series, 0, signals, None, first + CHUNK == bars)
        seconds += time.process_time() - start
    assert core.row_counts[2] == bars
    return seconds


def backtest(bars: int, folder: str) -> float:
    def once() -> None:
        # One thread: those that wait for others would count as work on a busy machine.
        config = BacktestConfig.of(STRATEGY, "BENCH", "5m", threads=1, data_dir=folder)
        assert BacktestingEngine(config).run().metrics["trades"] > bars / 10_000

    return least_seconds(once, ROUNDS[bars])


def least_seconds(work: Callable[[], None], rounds: int) -> float:
    """Returns the least processor time of several calls."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


KINDS: dict[str, Callable[[int, str], float]] = {"simulate": simulate, "stream": stream, "backtest": backtest}


def main(kind: str, bars: int, folder: str) -> dict[str, Any]:
    """Returns seconds and peak memory, in bytes, of one measurement."""
    seconds = KINDS[kind](bars, folder)
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
