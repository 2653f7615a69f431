"""The core through its Python door: peak memory of one scenario with full ledger over 10 M bars, in its own process."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

import ktrdr
from benches.harness import Row
from benches.pipeline import make_bars

ROWS = 10_000_000
DENSITY = 0.02
FIRST_NS = 1_262_304_000_000_000_000  # 2010-01-01
MINUTE_NS = 60_000_000_000
# Bytes that the core keeps of a bar.
_EQUITY_BYTES = 8
_DECISION_BYTES = 6


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        write_columns(Path(folder))
        command = [sys.executable, "-m", "benches.simulation", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["equity_rows"] == ROWS
    assert found["fills"] > ROWS / 500
    inputs = found["inputs"] / 2**20
    outputs = found["outputs"] / 2**20
    note = f"{found['peak'] / 2**20:.0f} MiB with the interpreter; inputs {inputs:.0f}, outputs {outputs:.0f} MiB"
    peak = found["peak"] - found["interpreter"]
    allowed = 2 * found["inputs"] + found["outputs"]
    yield Row(
        "peak memory of simulate over 10 M bars, over twice the inputs plus the outputs", peak / allowed, 1, "x", note
    )


def write_columns(folder: Path) -> None:
    """Columns as files, so that the process that is measured holds them once."""
    random = np.random.default_rng(1)
    for name, column in make_bars(ROWS).drop("timestamp").to_dict().items():
        np.save(folder / f"{name}.npy", column.to_numpy())
    np.save(folder / "timestamp.npy", FIRST_NS + np.arange(ROWS, dtype=np.int64) * MINUTE_NS)
    signals = random.choice(np.array([-1, 1], np.int8), ROWS)
    signals[random.random(ROWS) >= DENSITY] = 0
    np.save(folder / "signals.npy", signals)
    np.save(folder / "confidence.npy", (0.5 + 0.5 * random.random(ROWS)).astype(np.float32))


def measure(folder: Path) -> None:
    """One run over the files' columns; prints what it held."""
    ktrdr.simulate(make_bars(100), np.zeros(100, np.int8), timeframe="5m")
    interpreter = peak_bytes()
    columns = {name: np.load(folder / f"{name}.npy") for name in ("timestamp", "open", "high", "low", "close")}
    signals = np.load(folder / "signals.npy")
    confidence = np.load(folder / "confidence.npy")
    inputs = sum(column.nbytes for column in (*columns.values(), signals, confidence))
    result = ktrdr.simulate(pl.DataFrame(columns), signals, confidence, timeframe="1m")
    peak = peak_bytes()
    tables = (result.fills, result.trades, result.refused)
    outputs = (_EQUITY_BYTES + _DECISION_BYTES) * ROWS + sum(int(table.estimated_size()) for table in tables)
    known = {"equity_rows": len(result.equity), "fills": len(result.fills)}
    print(json.dumps({"interpreter": interpreter, "inputs": inputs, "outputs": outputs, "peak": peak, **known}))


def peak_bytes() -> int:
    """Largest resident memory of this process; `ru_maxrss` would count what it was forked from."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1_024


if __name__ == "__main__":
    measure(Path(sys.argv[1]))
