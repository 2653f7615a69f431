"""Sweeps from Python: time of a bar in a scenario, and the memory that ten thousand scenarios take beyond ten."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

import ktrdr
from benches.harness import Row, seconds
from benches.pipeline import make_bars
from benches.simulation import peak_bytes
from ktrdr.analysis.sweep.scenarios import nested

BARS = 100_000
THRESHOLDS = 100
COSTS = 100
ROUNDS = 5
EXECUTION: Any = {"sizing": {"fraction": 1.0}, "slippage": {"rate": 1e-5}}
SHARES = (0.002, 0.02, 0.3)
Columns = tuple[pl.DataFrame, Any, Any]
COMPARED = (0, 1, 4_999, 9_999)
"""Scenarios that are also run by themselves."""


def rows() -> Iterator[Row]:
    for share in SHARES:
        columns = market(BARS, share)
        found, best, work = measured(columns)
        check(columns, found)
        fills = 2 * found[0].table["trades"].mean()
        each = best * 1e9 / (BARS * len(found[0]))
        cores = f"{BARS * len(found[0]) / work / 1e6:,.0f} M a second of processor time"
        note = f"{1e3 / each:,.0f} M a second, {cores}, {fills:,.0f} fills a scenario"
        yield Row(f"sweep of 10,000 scenarios, signals on {100 * share:g} %, a bar of one", each, 0.5, "ns", note)
    few, many = (peak(count) for count in ("10", "10000"))
    note = f"{few / 2**20:.0f} and {many / 2**20:.0f} MiB with the interpreter"
    yield Row("memory of 10,000 scenarios beyond that of 10", (many - few) / 2**20, 32, "MiB", note)


def measured(columns: Columns) -> tuple[list[Any], float, float]:
    """The results of all rounds, the seconds of the quickest, and the least processor time of all threads."""
    found: list[Any] = []
    times = []
    work = []
    for _ in range(ROUNDS):
        before = time.process_time()
        times.append(seconds(lambda: found.append(run(columns, THRESHOLDS, COSTS))))
        work.append(time.process_time() - before)
    return found, min(times), min(work)


def market(bars: int, share: float) -> Columns:
    random = np.random.default_rng(1)
    signals = random.choice(np.array([-1, 1], np.int8), bars)
    signals[random.random(bars) >= share] = 0
    return make_bars(bars), signals, (0.5 + 0.5 * random.random(bars)).astype(np.float32)


def run(columns: Columns, thresholds: int, costs: int) -> Any:
    grid: Any = {
        "decisions.confidence_threshold": np.linspace(0.5, 0.99, thresholds),
        "execution.commission.rate": np.linspace(0, 5e-5, costs),
    }
    return ktrdr.sweep(*columns, grid=grid, execution=EXECUTION)


def check(columns: Columns, found: list[Any]) -> None:
    """The rounds agree, and some scenarios equal a run of their rules alone."""
    assert all(one.table.equals(found[0].table) for one in found)
    for row in COMPARED:
        values = found[0].table.row(row, named=True)
        rules = nested({name: values[name] for name in found[0].parameters})
        execution = {**EXECUTION, **rules["execution"]}
        alone = ktrdr.simulate(*columns, execution=execution, decisions=rules["decisions"])
        assert {name: values[name] for name in alone.metrics} == dict(alone.metrics)


def peak(count: str) -> int:
    """Peak memory of a process that sweeps so many scenarios."""
    command = [sys.executable, "-m", "benches.sweep", count]
    return int(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


if __name__ == "__main__":
    side = int(sys.argv[1])
    run(market(BARS, 0.02), max(1, side // COSTS), min(side, COSTS))
    print(peak_bytes())
