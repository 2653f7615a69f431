"""A system that gives no more threads: runs, sweeps and features continue with the thread that they have."""

from __future__ import annotations

import subprocess
import sys

BEGIN = """
import os
import numpy as np
import polars as pl
import ktrdr
from ktrdr import _core

rows = 600_000
close = 100 + np.arange(rows) % 13
stamps = np.arange(rows) * 300_000_000_000
bars = pl.DataFrame({"timestamp": stamps, "open": close, "high": close, "low": close, "close": close})
bars = bars.with_columns(pl.col("open", "high", "low", "close").cast(pl.Float64))
signals = np.where(np.arange(rows) % 50 == 0, 1, 0) - np.where(np.arange(rows) % 50 == 30, 1, 0)
cells = np.zeros((rows, 1), np.float32)
# No address space holds such a stack: every thread that the core asks for from now on is refused.
os.environ["RUST_MIN_STACK"] = str(1 << 46)
"""


def printed(code: str) -> list[str]:
    run = subprocess.run([sys.executable, "-c", BEGIN + code], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_a_run_over_many_bars_has_the_same_bits() -> None:
    one, many = printed("for threads in 1, 4: print(ktrdr.simulate(bars, signals, threads=threads).result_hash)")
    assert one == many


def test_a_sweep_has_every_scenario() -> None:
    grid = '{"execution.commission.rate": [0.0, 0.01, 0.02, 0.03]}'
    found = printed(f"print(*ktrdr.sweep(bars[:900], signals[:900], grid={grid}, threads=3).table['trades'])")
    assert found == ["18"] * 4


def test_degrees_of_many_rows_are_all_written() -> None:
    fills = '[(0, "triangular", [99.0, 106.0, 113.0], close.astype(np.float64))]'
    assert printed(f"_core.fill_memberships(cells, {fills}); print((cells > 0).all())") == ["True"]
