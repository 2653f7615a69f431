"""Bootstrap intervals of the metrics of a run: from its daily returns, and from its trades in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import numpy as np

from ktrdr._types import Floats
from ktrdr.analysis.statistics.bootstrap import (
    RESAMPLES,
    Interval,
    optimal_block,
    percentiles,
    stationary_indices,
)
from ktrdr.backtesting.results import BacktestResults
from ktrdr.simulation.result import RunResult

LEAST_VALUES: Final = 10
_MOST_DRAWS: Final = 200_000_000
"""Trades in all resamples together: a second or two of time for each hundred million."""
_LEAST_RESAMPLES: Final = 200
_CHUNK_VALUES: Final = 2**18
Statistic = Callable[[Floats], Floats]


class MetricIntervals(NamedTuple):
    """Intervals of a run's metrics.

    Args:
        intervals: by the name of the metric; None where a resample has no finite value, such as a profit factor of
            resamples without a loss.
        block_days: mean block length of daily returns, in days; None without intervals from them.
        block_trades: mean block length of trades, in trades; None without intervals from them.
        level: share of the resamples inside.
        resamples: number of resamples.
    """

    intervals: Mapping[str, Interval | None]
    block_days: float | None
    block_trades: float | None
    level: float
    resamples: int


def metric_intervals(result: RunResult, level: float = 0.95, resamples: int = RESAMPLES) -> MetricIntervals:
    """Returns bootstrap intervals of the metrics that come from daily returns and from trades.

    Days and trades are drawn in blocks of the length that suits them (`optimal_block`), seeded by the run's identity,
    or of a run from arrays by its hash: equal runs have equal intervals. Metrics need ten days or ten trades.

    Of more than 100,000 trades fewer resamples are drawn, 200 at least: with so many trades an interval is narrow, and
    its ends hardly depend on their number. ``resamples`` of the result says how many were drawn.

    An interval says how far a metric would move if the same sort of days came in another draw. It does not know that
    the run was chosen among others.

    >>> import polars as pl
    >>> from ktrdr import simulate
    >>> closes = 100 * np.cumprod(1 + np.random.default_rng(3).normal(0.001, 0.01, 300))
    >>> bars = pl.DataFrame({"timestamp": np.arange(300) * 86_400_000_000_000, "open": closes, "high": closes,
    ...                      "low": closes, "close": closes})
    >>> result = simulate(bars, [1] + [0] * 299, execution={"sizing": {"kind": "cash_fraction", "fraction": 1.0}})
    >>> found = metric_intervals(result).intervals["sharpe"]
    >>> round(result.metrics["sharpe"], 2), round(found.lower, 1), round(found.upper, 1)
    (2.87, 0.7, 5.1)
    """
    found: dict[str, Interval | None] = {}
    seed = seed_of(result)
    days = trades = None
    profits = result.trades["net_pnl"].to_numpy()
    resamples = min(resamples, max(_LEAST_RESAMPLES, _MOST_DRAWS // max(len(profits), 1)))
    if result.undefined.get("volatility") is None:
        returns = result.daily_returns
        days = optimal_block(returns)
        found |= _intervals(returns, _of_days(result), days, seed, level, resamples)
    if len(profits) >= LEAST_VALUES:
        trades = optimal_block(profits)
        found |= _intervals(profits, _OF_TRADES, trades, seed, level, resamples)
    return MetricIntervals(found, days, trades, level, resamples)


def seed_of(result: RunResult) -> int:
    """Returns the seed of draws about a run: from its identity, or of a run from arrays from its hash."""
    return int((result.identity if isinstance(result, BacktestResults) else result.result_hash)[:16], 16)


def _intervals(
    values: Floats, statistics: Mapping[str, Statistic], block: float, seed: int, level: float, resamples: int
) -> dict[str, Interval | None]:
    """Returns the intervals of statistics over the rows of a matrix of resamples, made in parts of bounded memory."""
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK_VALUES // len(values))
    parts: dict[str, list[Floats]] = {name: [] for name in statistics}
    for done in range(0, resamples, step):
        rows = range(min(step, resamples - done))
        drawn = values[np.stack([stationary_indices(len(values), block, generator) for _ in rows])]
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, statistic in statistics.items():
                parts[name].append(statistic(drawn))
    found = {name: np.concatenate(part) for name, part in parts.items()}
    return {name: percentiles(part, level) if np.isfinite(part).all() else None for name, part in found.items()}


def _of_days(result: RunResult) -> dict[str, Statistic]:
    """Returns the metrics of daily returns, as the core defines them, over rows of resamples."""
    periods = result.conventions["periods_per_year"]
    risk_free = (1 + result.conventions["risk_free_rate"]) ** (1 / periods) - 1
    root = np.sqrt(periods)

    def growth(drawn: Floats) -> Floats:
        return np.asarray((1 + drawn).prod(axis=1))

    def sharpe(drawn: Floats) -> Floats:
        mean = (drawn - risk_free).mean(axis=1)
        deviation = drawn.std(axis=1, ddof=1)
        # returns that do not vary have no ratio: 0, as in the probability of overfitting
        return np.where(deviation > 0, mean / np.where(deviation > 0, deviation, 1.0) * root, 0.0)

    def sortino(drawn: Floats) -> Floats:
        excess = drawn - risk_free
        return np.asarray(excess.mean(axis=1) / np.sqrt((np.minimum(excess, 0) ** 2).mean(axis=1)) * root)

    def drawdown(drawn: Floats) -> Floats:
        curve = np.cumprod(1 + drawn, axis=1)
        peak = np.maximum(np.maximum.accumulate(curve, axis=1), 1.0)
        return np.asarray((1 - curve / peak).max(axis=1))

    return {
        "total_return": lambda drawn: growth(drawn) - 1,
        "ann_return": lambda drawn: growth(drawn) ** (periods / drawn.shape[1]) - 1,
        "volatility": lambda drawn: drawn.std(axis=1, ddof=1) * root,
        "sharpe": sharpe,
        "sortino": sortino,
        "max_drawdown_daily": drawdown,
    }


_OF_TRADES: Final[Mapping[str, Statistic]] = {
    "win_rate": lambda profits: np.asarray((profits > 0).mean(axis=1)),
    "profit_factor": lambda profits: np.maximum(profits, 0).sum(axis=1) / -np.minimum(profits, 0).sum(axis=1),
    "expectancy": lambda profits: np.asarray(profits.mean(axis=1)),
}
