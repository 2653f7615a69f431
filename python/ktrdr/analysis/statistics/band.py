"""A band of equity: where the equity of a run could lie, if the same sort of days came in another draw."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from ktrdr._types import Floats, RowNumbers
from ktrdr.analysis.statistics.bootstrap import optimal_block, stationary_indices
from ktrdr.analysis.statistics.intervals import seed_of
from ktrdr.simulation.result import RunResult

RESAMPLES: Final = 1_000
_LEAST_DAYS: Final = 10
_MOST_POINTS: Final = 300


class EquityBand(NamedTuple):
    """Equity of a run at some of its days, and the band around it.

    Args:
        days: number of each day, from 1 [n, int64].
        equity: of the run at the end of the day [n, float64, account currency].
        lower: of the band [n, float64, account currency].
        upper: of the band [n, float64, account currency].
        level: share of the resamples that lie inside, at each day by itself.
        resamples: number of resamples.
    """

    days: RowNumbers
    equity: Floats
    lower: Floats
    upper: Floats
    level: float
    resamples: int


def equity_band(result: RunResult, level: float = 0.9, resamples: int = RESAMPLES) -> EquityBand | None:
    """Returns the band of a run's equity; None under ten days, and after equity fell to 0.

    Each resample is the run's daily returns in blocks of another order, drawn with the seed and the block length of
    `metric_intervals`. Every day has the quantiles of all resamples at that day. At most 300 days are kept.

    >>> import polars as pl
    >>> from ktrdr import simulate
    >>> closes = 100 * np.cumprod(1 + np.random.default_rng(3).normal(0.001, 0.01, 30))
    >>> bars = pl.DataFrame({"timestamp": np.arange(30) * 86_400_000_000_000, "open": closes, "high": closes,
    ...                      "low": closes, "close": closes})
    >>> band = equity_band(simulate(bars, [1] + [0] * 29))
    >>> len(band.days), bool((band.lower < band.upper)[5:].all())
    (30, True)
    """
    if result.undefined.get("volatility") is not None:
        return None
    returns = result.daily_returns
    capital = result.metrics["initial_capital"]
    if len(returns) < _LEAST_DAYS or capital is None:
        return None
    generator = np.random.default_rng(seed_of(result))
    block = optimal_block(returns)
    kept = np.unique(np.linspace(0, len(returns) - 1, min(len(returns), _MOST_POINTS)).astype(np.int64))
    drawn = np.empty((resamples, len(kept)))
    for number in range(resamples):
        drawn[number] = np.cumprod(1 + returns[stationary_indices(len(returns), block, generator)])[kept]
    lower, upper = capital * np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=0).astype(np.float64)
    equity = capital * np.cumprod(1 + returns)[kept].astype(np.float64)
    return EquityBand(kept + 1, equity, lower, upper, level, resamples)
