"""A market, signals and rules for tests of runs without a strategy."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

HOUR_NS = 3_600_000_000_000
START_NS = 1_704_067_200_000_000_000
RULES: dict[str, Any] = {
    "decisions": {"filters": {"min_signal_separation": 0}, "allow_short_from_flat": True},
    "execution": {
        "on_opposite": "reverse",
        "exits": {"stop_loss": {"rate": 0.01}, "take_profit": {"rate": 0.015}},
        "financing": {"long_rate": 0.02, "short_rate": 0.01},
    },
}


def market(rows: int = 300, seed: int = 1) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.004, rows)))
    opens = np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0, 0.0005, rows))
    return pl.DataFrame(
        {
            "timestamp": START_NS + np.arange(rows) * HOUR_NS,
            "open": opens,
            "high": np.maximum(opens, close) * 1.002,
            "low": np.minimum(opens, close) * 0.998,
            "close": close,
            "conversion_rate": 0.9 + 0.01 * random.random(rows),
        }
    )


def signals_for(rows: int = 300, seed: int = 2) -> np.ndarray[Any, np.dtype[np.int8]]:
    random = np.random.default_rng(seed)
    return random.choice(np.array([-1, 0, 1], np.int8), rows, p=[0.1, 0.8, 0.1])
