"""Runs whose snapshots hold as much as a snapshot can."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from ktrdr.simulation.blocks import BlockRun
from ktrdr.simulation.inputs import read_bars

EXECUTION: dict[str, Any] = {
    "sizing": {"kind": "volatility_target", "annual": 0.1, "window": 128},
    "exits": {
        "stop_loss": {"atr": 2.0}, "take_profit": {"atr": 3.0}, "trailing_stop": {"atr": 2.5}, "max_holding_bars": 40,
    },
    "on_opposite": "reverse",
    "commission": {"rate": 1e-6, "per_fill": 0.001, "minimum": 0.002},
    "slippage": {"rate": 1e-6},
    "financing": {"long_rate": 0.01, "short_rate": 0.02},
    "margin": {"max_leverage": 3},
}  # fmt: skip
NAMES = [
    "strategy", "model", "execution", "decisions", "metrics", "warmup", "timeframe", "symbol", "capital", "semantics",
    "profile", "parent",
]  # fmt: skip
SYMBOL = "LONGEST-NAME-A-SYMBOL-MAY-HAVE-1"


def busy_run(
    rng: np.random.Generator, n_bars: int, *, window: int = 128, parts: int = 20
) -> tuple[BlockRun, list[tuple[str, bytes]]]:
    """A run stopped with a position open, a pending order and a full ring of returns, and so many identity parts."""
    close = 100 * np.exp(np.cumsum(rng.normal(0, 1e-3, n_bars)))
    opens = np.concatenate([close[:1], close[:-1]])
    steps = rng.integers(1, 4, n_bars)
    frame = pl.DataFrame(
        {
            "timestamp": np.cumsum(steps) * 60_000_000_000,
            "open": opens, "high": np.maximum(opens, close) * 1.0005, "low": np.minimum(opens, close) * 0.9995,
            "close": close, "half_spread": close * 1e-6, "atr": close * 1e-3, "conversion_rate": 1 / close,
        }
    )  # fmt: skip
    bars = read_bars(frame, SYMBOL, None)
    sizing = EXECUTION["sizing"] | {"window": window}
    run = BlockRun.begin(
        bars, execution=EXECUTION | {"sizing": sizing}, metrics={"periods_per_year": 252},
        decisions={"allow_short_from_flat": True, "filters": {"min_signal_separation": 0}},
    )  # fmt: skip
    signals = rng.choice(np.array([-1, 0, 1], np.int8), n_bars - 10, p=[0.1, 0.8, 0.1])
    run.advance(signals, np.full(len(signals), 0.75, np.float32))
    for side in (1, 0):  # whatever it held, it is long now
        _one(run, side)
    _one(run, -1)
    series = [f"bars {SYMBOL} {timeframe}" for timeframe in ("1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w")]
    named = [*NAMES, *series][:parts]
    return run, [(name, rng.bytes(32)) for name in named]


def _one(run: BlockRun, side: int) -> None:
    run.advance(np.array([side], np.int8), np.full(1, 0.75, np.float32))
