"""The whole backtest against its bare parts: Parquet read, TA-Lib calls, torch forward in blocks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import talib
import torch

import ktrdr
from benches.harness import Row, paired_ratio
from ktrdr.backtesting import BacktestConfig, BacktestingEngine

ROWS = 1_000_000
BLOCK = 4_096
STRATEGY: dict[str, Any] = {
    "name": "bench_mlp",
    "training_data": {
        "symbols": {"mode": "single", "symbol": "BENCH"},
        "timeframes": {"mode": "single", "timeframe": "5m"},
    },
    "indicators": {
        "rsi": {"type": "rsi", "period": 14},
        "width": {"type": "bbands", "period": 20},
        "macd": {"type": "macd"},
        "atr": {"type": "natr", "period": 14},
    },
    "fuzzy_sets": {
        "level": {"indicator": "rsi", "low": [0, 25, 45], "mid": [35, 50, 65], "high": [55, 75, 100]},
        "band": {"indicator": "width.upper", "low": [0.5, 0.9, 1.1], "mid": [0.9, 1.1, 1.3], "high": [1.1, 1.5, 2]},
        "trend": {
            "indicator": "macd.line",
            "down": [-0.01, -0.001, 0],
            "flat": [-1e-4, 0, 1e-4],
            "up": [0, 0.001, 0.01],
        },
        "noise": {"indicator": "atr", "low": [0, 0.01, 0.02], "mid": [0.01, 0.02, 0.04], "high": [0.02, 0.05, 1]},
    },
    "nn_inputs": [{"fuzzy_set": name} for name in ("level", "band", "trend", "noise")],
    "model": {"type": "mlp", "architecture": {"hidden_layers": [64, 32]}},
    "training": {
        "epochs": 1,
        "batch_size": 4_096,
        "seed": 1,
        "labels": {"source": "zigzag", "zigzag_threshold": 0.002},
    },
}


def make_bars(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    close = 1.1 * np.exp(np.cumsum(random.normal(0, 1e-4, rows)))
    opened = np.concatenate([close[:1], close[:-1]])
    stamps = np.arange(rows, dtype=np.int64) * 300_000_000_000 + 1_262_304_000_000_000_000
    return pl.DataFrame(
        {
            "timestamp": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")),
            "open": opened,
            "high": np.maximum(opened, close) * 1.0001,
            "low": np.minimum(opened, close) * 0.9999,
            "close": close,
        }
    )


def bare(file: Path) -> None:
    """Runs libraries alone over the same bars, indicators and net."""
    frame = pl.read_parquet(file)
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    talib.RSI(close, 14), talib.BBANDS(close, 20, 2.0, 2.0), talib.MACD(close), talib.NATR(high, low, close, 14)
    with torch.inference_mode():
        for start in range(0, ROWS, BLOCK):
            NET(INPUT[start : start + BLOCK])


NET = torch.nn.Sequential(
    torch.nn.Linear(12, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3)
).eval()
INPUT = torch.rand(ROWS, 12)


def rows() -> Iterator[Row]:
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "BENCH_5m.parquet"
        make_bars(ROWS).write_parquet(file)
        trained = ktrdr.train(STRATEGY, "BENCH", "5m", start="2010-01-01", end="2010-06-30", data_dir=folder)
        assert trained is not None
        results: list[Any] = []

        def ours() -> None:
            config = BacktestConfig.of(STRATEGY, "BENCH", "5m", data_dir=folder)
            results.append(BacktestingEngine(config).run())

        ours()
        ratio, ours_s, bare_s = paired_ratio(ours, lambda: bare(file), rounds=7)
        assert len({result.final_equity for result in results}) == 1
        assert results[0].metrics["daily_returns"] > 3_000
        note = f"{ours_s * 1e3:.0f} ms against {bare_s * 1e3:.0f} ms"
        yield Row("backtest of 1 M bars, MLP 12-64-32-3, over read + TA-Lib + forward", ratio, 2.0, "x", note)
