"""Seeded random walks as bars: a market that nobody can predict, quick to make."""

from __future__ import annotations

import numpy as np
import polars as pl

from ktrdr.data.bars import BarSeries
from ktrdr.time import Timeframe

START_NS = 1_640_995_200_000_000_000  # 2022-01-01T00:00Z


def walk(rows: int, seed: int = 0, volatility: float = 0.004, timeframe: Timeframe = Timeframe.H1) -> pl.DataFrame:
    """Bars of a driftless walk around 100, a volume with them."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, volatility, rows)))
    open_ = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(open_, close) * (1 + random.uniform(0, volatility, rows))
    low = np.minimum(open_, close) * (1 - random.uniform(0, volatility, rows))
    stamps = pl.Series(START_NS + np.arange(rows) * timeframe.ns).cast(pl.Datetime("ns", "UTC"))
    return pl.DataFrame(
        {"timestamp": stamps, "open": open_, "high": high, "low": low, "close": close,
         "volume": random.uniform(1, 2, rows)}
    )  # fmt: skip


def walk_bars(rows: int, seed: int = 0, volatility: float = 0.004, symbol: str = "EURUSD") -> BarSeries:
    """The same as a series."""
    return BarSeries.from_frame(walk(rows, seed, volatility), symbol, Timeframe.H1)


def bars_of(highs: list[float], lows: list[float], closes: list[float]) -> BarSeries:
    """Hand-made hourly bars; each opens at its close, so open plays no part."""
    stamps = START_NS + np.arange(len(closes)) * Timeframe.H1.ns
    close = np.array(closes, dtype=np.float64)
    return BarSeries("HAND", Timeframe.H1, stamps, close, np.array(highs, float), np.array(lows, float), close)
