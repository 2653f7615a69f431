"""Made-up markets for tests of indicators and features: seeded walks with weekends, outages and flat stretches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import resample
from ktrdr.data.store.repository import MemoryBars
from ktrdr.time import NS_PER_SECOND, Timeframe

MONDAY_NS = 1_704_067_200 * NS_PER_SECOND  # 2024-01-01T00:00Z, a Monday
SYMBOL = "EURUSD"


def walk(
    seed: int, n: int, timeframe: Timeframe = Timeframe.H1, *, weekends: bool = False, outages: int = 0, flat: int = 0
) -> BarSeries:
    """``n`` bars of a random walk; ``outages`` bars are missing here and there, ``flat`` bars stand still."""
    random = np.random.default_rng(seed)
    stamps = MONDAY_NS + np.arange(3 * n + outages, dtype=np.int64) * timeframe.ns
    if weekends:
        hours = (stamps // NS_PER_SECOND // 3_600 + 72) % 168  # hour of the week, Monday 00:00 is 0
        stamps = stamps[(hours < 5 * 24 - 2) | (hours >= 7 * 24 - 2)]
    kept = np.sort(random.permutation(n + outages)[:n])
    steps = random.normal(0.0, 0.004, n)
    volume = np.floor(random.lognormal(4.0, 1.0, n))
    if flat:
        first = int(random.integers(n // 4, n // 2))
        steps[first : first + flat] = 0.0
        volume[first : first + flat] = 0.0
    close = 100.0 * np.exp(np.cumsum(steps))
    open_ = np.concatenate([[100.0], close[:-1]])
    reach = np.abs(random.normal(0.0, 0.002, (2, n))) * (steps != 0)
    high = np.maximum(open_, close) * (1.0 + reach[0])
    low = np.minimum(open_, close) * (1.0 - reach[1])
    return BarSeries(SYMBOL, timeframe, stamps[kept], open_, high, low, close, volume)


def with_higher(base: BarSeries, *timeframes: Timeframe) -> dict[Timeframe, BarSeries]:
    """The base bars and those resampled from them."""
    return {base.timeframe: base} | {timeframe: resample(base, timeframe) for timeframe in timeframes}


def source(series: Mapping[Timeframe, BarSeries]) -> MemoryBars:
    """The series as a run reads them."""
    return MemoryBars(dict(series), SYMBOL)


def strategy_file(
    timeframes: Sequence[str],
    indicators: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]],
    **sections: Any,
) -> dict[str, Any]:
    """A strategy as a mapping: MLP unless ``model`` says otherwise."""
    mode = {"mode": "multi_timeframe", "list": list(timeframes)}
    if len(timeframes) == 1:
        mode = {"mode": "single", "timeframe": timeframes[0]}
    data = {"symbols": {"mode": "single", "symbol": SYMBOL}, "timeframes": mode, **sections.pop("training_data", {})}
    return {
        "name": "sample", "training_data": data, "indicators": dict(indicators), "nn_inputs": list(inputs),
        "model": {"type": "mlp"}, **sections,
    }  # fmt: skip


def fuzzy(indicator: str) -> dict[str, Any]:
    """A fuzzy set wide enough that every bar of a walk has a degree that moves with it."""
    return {"indicator": indicator, "bell": {"type": "gaussian", "parameters": [50, 60]}}
