"""Cost by length: processor time a bar from 1e5 to 1e8 bars, and peak memory.

It takes minutes, so it is not among those of ``make bench``: ``python -m benches.harness scale``. Each length has a
process of its own, so that peaks do not mix. The longest run is streamed: bars are made, fed and dropped a hundred
thousand at a time, and their rows of the ledger are taken and dropped.
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
from functools import partial
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
from ktrdr.simulation.stream import SimulationStream
from ktrdr.strategy.rule_mappings import ExecutionMapping
from ktrdr.time import Timeframe

CHUNK = 100_000
ROUNDS = {1: 2_000, 1_000: 500, 100_000: 20, 1_000_000: 7, 10_000_000: 2, 100_000_000: 1}
DENSITY = 0.002
"""Share of bars with a signal."""
DENSE = 0.02
COLUMNS = ("timestamp", "open", "high", "low", "close")
FIRST_NS = -1_924_992_000_000_000_000
"""A hundred million minutes are 190 years: they begin in 1909, so that the last one is before 2100."""
EARLIER = timedelta(days=12_053)
"""Ten million bars of five minutes are 95 years: they begin in 1977, so that their stamps are whole nanoseconds."""


def rows() -> Iterator[Row]:
    whole = {bars: measured("simulate", bars) for bars in (100_000, 1_000_000, 10_000_000)}
    yield spread("simulate, 1e5 to 1e7 bars", whole)
    for kind, density in (("stream", DENSITY), ("dense stream", DENSE)):
        streamed = {bars: measured(kind, bars) for bars in (100_000, 1_000_000, 10_000_000, 100_000_000)}
        yield spread(f"streamed, signals on {density:.1%}, 1e5 to 1e8 bars", streamed)
        grown = streamed[100_000_000]["peak"] - streamed[1_000_000]["peak"]
        note = ", ".join(f"{bars:.0e}: {found['peak'] / 2**20:.0f} MiB" for bars, found in streamed.items())
        yield Row(f"memory of 1e8 streamed bars beyond 1e6, signals on {density:.1%}", grown / 2**20, 16, "MiB", note)
    for bars, target in ((1, 150), (1_000, 250), (100_000, 5_000)):
        yield Row(f"a feed of {bars:,} bars", measured("feed", bars)["seconds"] * 1e6, target, "us")
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


def bars_from(first: int, count: int, price: float, density: float = DENSITY) -> tuple[BarSeries, np.ndarray]:
    """Returns the next bars of a walk from ``price``, with a signal on few of them."""
    random = np.random.default_rng(first)
    close = price * np.exp(np.cumsum(random.normal(0, 1e-4, count)))
    opened = np.append(price, close[:-1])
    stamps = (np.arange(count, dtype=np.int64) + first) * 60_000_000_000 + FIRST_NS
    signals = random.choice(np.array([-1, 1], np.int8), count)
    signals[random.random(count) >= density] = 0
    high = np.maximum(opened, close) * 1.0001
    low = np.minimum(opened, close) * 0.9999
    return BarSeries("BENCH", Timeframe.M1, stamps, opened, high, low, close), signals


def simulate(bars: int, folder: str) -> float:
    series, signals = bars_from(0, bars, 1.1)

    def once() -> None:
        assert ktrdr.simulate(series, signals, timeframe="1m").metrics["trades"] > bars / 10_000

    return least_seconds(once, ROUNDS[bars])


def opened() -> SimulationStream:
    # Costs would ruin the account long before the last of a million trades.
    free: ExecutionMapping = {
        "sizing": {"kind": "fixed_quantity", "quantity": 1_000.0},
        "commission": {"rate": 0.0},
        "slippage": {"rate": 0.0},
    }
    return SimulationStream(timeframe="1m", execution=free, metrics={"periods_per_year": 252.0})


def stream(bars: int, folder: str, density: float = DENSITY) -> float:
    """Feeds chunks and takes what they wrote; bars are made outside the measured time."""
    return min(streamed(bars, density) for _ in range(ROUNDS[bars]))


def streamed(bars: int, density: float) -> float:
    run = opened()
    price = 1.1
    seconds = 0.0
    rows = 0
    for first in range(0, bars, CHUNK):
        series, signals = bars_from(first, CHUNK, price, density)
        price = float(series.close[-1])
        table = pl.DataFrame({name: getattr(series, name) for name in COLUMNS})
        start = time.process_time()
        run.feed(table, signals, last=first + CHUNK == bars)
        taken = run.take()
        seconds += time.process_time() - start
        rows += taken["equity"].height
    assert rows == bars
    assert run.result().metrics["trades"] > bars * density / 5
    return seconds


def feed(bars: int, folder: str) -> float:
    """Feeds and takes as many bars at a time, in a run that has seen others before."""
    run = opened()
    rounds = ROUNDS[bars]
    series, signals = bars_from(0, bars * rounds, 1.1)
    table = pl.DataFrame({name: getattr(series, name) for name in COLUMNS})
    parts = [(table[low : low + bars], signals[low : low + bars]) for low in range(0, len(signals), bars)]
    found = []
    for part, wanted in parts:
        start = time.process_time()
        run.feed(part, wanted)
        found.append(time.process_time() - start)
        run.take()
    return sorted(found)[rounds // 2]


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


KINDS: dict[str, Callable[[int, str], float]] = {
    "simulate": simulate,
    "stream": stream,
    "dense stream": partial(stream, density=DENSE),
    "feed": feed,
    "backtest": backtest,
}


def main(kind: str, bars: int, folder: str) -> dict[str, Any]:
    """Returns seconds and peak memory, in bytes, of one measurement."""
    seconds = KINDS[kind](bars, folder)
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]), sys.argv[3])))
