"""Metrics derived again from a stored ledger, by their definitions: a second way to the figures of a run."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.backtesting.results import BacktestResults
from ktrdr.time import Timeframe

_NS_PER_YEAR = 365.25 * 86_400 * 1e9
_RELATIVE = 1e-7
"""Running sums and sums at once differ in their last digits; a difference of equities by some digits more."""


def derived_metrics(result: BacktestResults) -> dict[str, float]:
    """Returns the metrics that follow from fills, trades and equity alone, where they are defined.

    Metrics of the bars, such as those of buy and hold, are not among them.
    """
    equity = result.equity["equity"].to_numpy()
    initial = float(result.metrics["initial_capital"] or 0.0)
    found = _money(result, equity, initial) | _drawdown(equity, initial) | _trades(result.trades)
    points = daily_points_of(result, initial)
    found |= {"daily_returns": float(len(points)), "max_drawdown_daily": _fall(points, initial)[0]}
    return {name: value for name, value in (found | _returns(result, points, initial)).items() if math.isfinite(value)}


def differing(result: BacktestResults) -> dict[str, tuple[float | None, float]]:
    """Returns the stored and the derived value of each metric whose two values differ."""
    scale = max(abs(result.final_equity), abs(float(result.metrics["initial_capital"] or 0.0)))
    found: dict[str, tuple[float | None, float]] = {}
    for name, value in derived_metrics(result).items():
        stored = result.metrics.get(name)
        if stored is not None and not math.isclose(value, stored, rel_tol=_RELATIVE, abs_tol=1e-12 * scale):
            found[name] = (stored, value)
    return found


def daily_points_of(result: BacktestResults, initial: float) -> Floats:
    """Returns equity at the end of each period, from the returns that it makes."""
    return np.asarray(initial * np.cumprod(1.0 + result.daily_returns), dtype=np.float64)


def _money(result: BacktestResults, equity: Floats, initial: float) -> dict[str, float]:
    fills = result.fills
    final = float(equity[-1])
    costs = {name: math.fsum(fills[name]) for name in ("commission", "slippage", "spread")}
    return {
        "final_equity": final,
        "net_profit": final - initial,
        "total_return": (final - initial) / initial,
        "exposure": float(np.mean(result.equity["quantity"].to_numpy() != 0.0)),
        "refused_orders": float(result.refused.height),
        **costs,
    }


def _fall(points: Floats, initial: float) -> tuple[float, int, int]:
    """Returns the largest drawdown, the index of the last point at the peak before it, and its index."""
    peaks = np.maximum.accumulate(np.concatenate([[initial], points]))[1:]
    falls = (peaks - points) / peaks
    bottom = int(np.argmax(falls))
    at_peak = np.flatnonzero(points[: bottom + 1] >= peaks[: bottom + 1])
    return float(falls[bottom]), int(at_peak[-1]) if len(at_peak) else 0, bottom


def _drawdown(equity: Floats, initial: float) -> dict[str, float]:
    fall, start, bottom = _fall(equity, initial)
    found = {"max_drawdown": fall}
    if fall > 0.0:
        level = max(initial, float(equity[: bottom + 1].max()))
        again = np.flatnonzero(equity[bottom:] >= level)
        found["max_drawdown_bars"] = float(bottom - start)
        found |= {"recovery_bars": float(again[0])} if len(again) else {}
    return found


def _returns(result: BacktestResults, points: Floats, initial: float) -> dict[str, float]:
    times = result.equity["time"].cast(pl.Int64)
    length_ns = Timeframe(result.conventions["timeframe"]).ns
    years = (int(times[-1]) + length_ns - int(times[0])) / _NS_PER_YEAR
    periods = result.conventions["periods_per_year"]
    returns = result.daily_returns
    if result.metrics.get("cagr") is None or len(returns) < 2:
        return {}
    growth = float(points[-1]) / initial
    found = {"ann_return": growth ** (periods / len(points)) - 1.0, "cagr": growth ** (1.0 / years) - 1.0}
    found["volatility"] = float(returns.std(ddof=1)) * math.sqrt(periods)
    risk_free = (1.0 + result.conventions["risk_free_rate"]) ** (1.0 / periods) - 1.0
    excess = float(np.mean(returns - risk_free))
    if result.metrics.get("sharpe") is not None:
        found["sharpe"] = excess / float(returns.std(ddof=1)) * math.sqrt(periods)
    if result.metrics.get("sortino") is not None:
        shortfall = math.sqrt(float(np.mean(np.minimum(returns - risk_free, 0.0) ** 2)))
        found["sortino"] = excess / shortfall * math.sqrt(periods)
    if result.metrics.get("calmar") is not None:
        found["calmar"] = found["cagr"] / _fall(result.equity["equity"].to_numpy(), initial)[0]
    return found


def _trades(trades: pl.DataFrame) -> dict[str, float]:
    profits = trades["net_pnl"].to_numpy()
    wins = profits[profits > 0.0]
    losses = profits[profits < 0.0]
    found = {
        "trades": float(len(profits)),
        "wins": float(len(wins)),
        "losses": float(len(losses)),
        "max_win_streak": _longest(profits > 0.0),
        "max_loss_streak": _longest(profits < 0.0),
    }
    if not len(profits):
        return found
    held = trades["bars_held"].to_numpy()
    found |= {
        "win_rate": len(wins) / len(profits),
        "expectancy": _mean(profits),
        "expectancy_rate": _mean(trades["return_rate"].to_numpy()),
        "avg_bars_held": _mean(held.astype(np.float64)),
        "median_bars_held": float(np.median(held)),
    }
    found |= _sides(wins, losses)
    if len(profits) > 1 and (deviation := float(profits.std(ddof=1))) > 1e-9 * abs(_mean(profits)):
        found["sqn"] = math.sqrt(len(profits)) * _mean(profits) / deviation
    return found


def _sides(wins: Floats, losses: Floats) -> dict[str, float]:
    found: dict[str, float] = {}
    if len(wins):
        found |= {"avg_win": _mean(wins), "largest_win": float(wins.max())}
    if len(losses):
        found |= {"avg_loss": _mean(losses), "largest_loss": float(losses.min())}
        found["profit_factor"] = math.fsum(wins) / abs(math.fsum(losses))
    if len(wins) and len(losses):
        found["payoff"] = _mean(wins) / abs(_mean(losses))
    return found


def _mean(values: Floats) -> float:
    return math.fsum(values) / len(values)


def _longest(flags: NDArray[np.bool_]) -> float:
    return float(max((len(list(run)) for flag, run in groupby(flags.tolist()) if flag), default=0))
