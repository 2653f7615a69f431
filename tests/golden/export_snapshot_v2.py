"""Writes one snapshot of version 2 with everything in use, and what it holds, for cargo's tests.

Run once, when the version was frozen; a later version gets a file of its own and leaves these as they are.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl

from ktrdr import _core
from ktrdr.simulation.stream import SimulationStream
from support.runs.snapshots import EXECUTION

DATA = Path(__file__).resolve().parents[2] / "rust" / "core" / "tests" / "data"
HOUR_NS = 3_600_000_000_000
FIRST_HOUR = 473_352  # 2024-01-01, a Monday
HOURS_OF_A_WEEK = [*range(5 * 24 - 2), *range(7 * 24 - 2, 7 * 24)]  # until Friday 22:00, and from Sunday 22:00 on


def main() -> None:
    rng = np.random.default_rng(5)
    hours = FIRST_HOUR + np.concatenate([np.array(HOURS_OF_A_WEEK) + 7 * 24 * week for week in range(4)])[:400]
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, 400)))
    opens = np.concatenate([close[:1], close[:-1]])
    bars = pl.DataFrame(
        {
            "timestamp": hours * HOUR_NS,
            "open": opens, "high": np.maximum(opens, close) * 1.0005, "low": np.minimum(opens, close) * 0.9995,
            "close": close, "half_spread": close * 1e-6, "atr": close * 1e-3, "conversion_rate": 1 / close,
        }
    )  # fmt: skip
    signals = rng.choice(np.array([-1, 0, 1], np.int8), 400, p=[0.1, 0.8, 0.1])
    signals[-3:] = (1, 0, -1)
    stream = SimulationStream(
        timeframe="1h", execution=EXECUTION | {"sizing": EXECUTION["sizing"] | {"window": 5}}, symbol="WORLD",
        metrics={"periods_per_year": 252}, decisions={"filters": {"min_signal_separation": 0}},
    )  # fmt: skip
    stream.feed(bars, signals, np.full(400, 0.75, np.float32))
    blob = stream.snapshot()
    (DATA / "snapshot_v2.bin").write_bytes(blob)
    (DATA / "snapshot_v2.json").write_text(json.dumps(json.loads(_core.Snapshot(blob).to_json()), indent=1) + "\n")


if __name__ == "__main__":
    main()
