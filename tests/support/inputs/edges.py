"""Markets with and without an edge, as stored series, and a strategy that can find it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ktrdr.data.store.repository import Repository
from support.inputs.worlds import FIRST_NS, HOUR_NS

SYMBOL = "EURUSD"
VOLATILITY = 0.001
MEAN_RUN_BARS = 12
STRATEGY: dict[str, Any] = {
    "name": "follower",
    "training_data": {
        "symbols": {"mode": "single", "symbol": SYMBOL},
        "timeframes": {"mode": "single", "timeframe": "1h"},
    },
    "indicators": {
        "rsi_7": {"type": "rsi", "period": 7},
        "distance": {"type": "distancefromma", "period": 8},
    },
    "fuzzy_sets": {
        "level": {"indicator": "rsi_7", "low": [0, 25, 50], "mid": [30, 50, 70], "high": [50, 75, 100]},
        "trend": {"indicator": "distance", "down": [-3, -0.5, 0], "up": [0, 0.5, 3]},
    },
    "nn_inputs": [{"fuzzy_set": "level"}, {"fuzzy_set": "trend"}],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [8]}},
    "decisions": {"confidence_threshold": 0.4, "filters": {"min_signal_separation": 2}},
    "training": {
        "labels": {"source": "zigzag", "zigzag_threshold": 0.01},
        "epochs": 4,
        "batch_size": 64,
        "learning_rate": 0.01,
        "seed": 3,
    },
    "execution": {"commission": {"rate": 0.00005}, "slippage": {"rate": 0.00005}},
}


def strategy(**changes: Any) -> dict[str, Any]:
    """The strategy as a mapping; ``changes`` replace whole sections."""
    return copy.deepcopy(STRATEGY) | changes


def closes(n_bars: int, drift: float, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A walk whose drift of one bar keeps its sign for 12 bars on average; 0 is a plain walk."""
    random = np.random.default_rng(seed)
    sign = np.where(np.cumsum(random.random(n_bars) < 1 / MEAN_RUN_BARS) % 2, 1.0, -1.0)
    return np.asarray(1.1 * np.exp(np.cumsum(drift * sign + VOLATILITY * random.standard_normal(n_bars))))


def frame(n_bars: int, drift: float, seed: int) -> pl.DataFrame:
    """Hourly bars without gaps; each opens at the close before it."""
    close = closes(n_bars, drift, seed)
    opened = np.concatenate([[close[0]], close[:-1]])
    stamps = FIRST_NS + np.arange(n_bars, dtype=np.int64) * HOUR_NS
    return pl.DataFrame({
        "timestamp": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")),
        "open": opened,
        "high": np.maximum(opened, close) * (1 + VOLATILITY / 4),
        "low": np.minimum(opened, close) * (1 - VOLATILITY / 4),
        "close": close,
        "volume": np.full(n_bars, 100.0),
    })  # fmt: skip


def furnish(folder: Path, *, n_bars: int = 3_000, drift: float = 0.002, seed: int = 3) -> Path:
    """Writes the bars of such a market into a data folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    frame(n_bars, drift, seed).write_parquet(Repository(folder).path(SYMBOL, "1h"))
    return folder
