"""Measures of a finished run, each by its definition from the whole ledgers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reference.money import NS_PER_SECOND, NS_PER_YEAR

if TYPE_CHECKING:
    from reference.simulation import Run

FRIDAY = 4
SATURDAY = 5
SUNDAY = 6
NS_PER_DAY = 86_400 * NS_PER_SECOND
SECONDS_PER_WEEK = 7 * 86_400
BLOCKS = 16
NEEDS_DAYS = ("ann_return", "cagr", "calmar", "volatility", "sharpe", "sortino", "skew", "kurtosis")


@dataclass(frozen=True)
class Measures:
    """Values by key (None: undefined), the reasons of the undefined ones, daily returns in 16 blocks."""

    values: dict[str, float | None]
    undefined: dict[str, str]
    blocks: list[tuple[int, float, float]] | None
    periods_per_year: float
    points: list[float]


class _Table:
    def __init__(self) -> None:
        self.values: dict[str, float | None] = {}
        self.undefined: dict[str, str] = {}

    def set(self, key: str, value: float) -> None:
        self.values[key] = value

    def leave(self, key: str, reason: str) -> None:
        self.values[key] = None
        self.undefined[key] = reason


def measure(run: Run, benchmark: Measures | None) -> Measures:
    """Every measure of the run."""
    table = _Table()
    equity = [row["equity"] for row in run.equity]
    times = [row["time"] for row in run.equity]
    years = (times[-1] + run.timeframe_seconds * NS_PER_SECOND - times[0]) / NS_PER_YEAR
    periods = periods_per_year(run.rules["metrics"]["periods_per_year"], times, run.timeframe_seconds)
    points = daily_points(times, equity, periods, run.timeframe_seconds)

    _money(table, run, equity[-1])
    _drawdown(table, run.initial_capital, equity)
    _returns(table, run.initial_capital, points, periods, years, run.rules["metrics"]["risk_free_rate"])
    _trades(table, run.trades)
    _activity(table, run, points, years)
    _benchmark(table, benchmark)
    blocks = blocks_of(run.initial_capital, points)
    return Measures(table.values, table.undefined, blocks, periods, points)


# Days


def periods_per_year(given: float | None, times: list[int], timeframe_seconds: int) -> float:
    """The given number, or that of the market's calendar."""
    if given is not None:
        return given
    if timeframe_seconds == SECONDS_PER_WEEK:
        return 52
    return 365 if trades_on(SATURDAY, times) else 252


def trades_on(weekday: int, times: list[int]) -> bool:
    """Returns whether more than a tenth of a weekday's dates, from the first day to the last, have bars."""
    days = {time // NS_PER_DAY for time in times}
    dates = [day for day in range(min(days), max(days) + 1) if _weekday(day) == weekday]
    return len(days.intersection(dates)) > len(dates) / 10


def _weekday(day: int) -> int:
    return (day + 3) % 7  # day 0, 1 January 1970, was a Thursday; Monday is 0


def daily_points(times: list[int], equity: list[float], periods: float, timeframe_seconds: int) -> list[float]:
    """Equity at the last bar of each day (of each bar, for weekly bars)."""
    if timeframe_seconds == SECONDS_PER_WEEK:
        return list(equity)
    joins = periods < 365 and trades_on(FRIDAY, times) and not trades_on(SATURDAY, times)
    last: dict[int, float] = {}
    for time, value in zip(times, equity, strict=True):
        day = time // NS_PER_DAY
        if joins and _weekday(day) == SUNDAY:
            day += 1
        last[day] = value
    return [last[day] for day in sorted(last)]


def returns_of(initial: float, points: list[float]) -> list[float]:
    """Return of each point over the one before; the initial capital is the first."""
    before = [initial, *points[:-1]]
    return [after / earlier - 1 for earlier, after in zip(before, points, strict=True)]


def blocks_of(initial: float, points: list[float]) -> list[tuple[int, float, float]] | None:
    """Count, sum and sum of squares of daily returns in 16 blocks."""
    n = len(points)
    if n < BLOCKS or min(points) <= 0:
        return None
    blocks: list[list[float]] = [[] for _ in range(BLOCKS)]
    for k, r in enumerate(returns_of(initial, points)):
        blocks[BLOCKS * k // n].append(r)
    return [(len(block), math.fsum(block), math.fsum(r * r for r in block)) for block in blocks]


# Groups of keys


def _money(table: _Table, run: Run, final: float) -> None:
    initial = run.initial_capital
    table.set("initial_capital", initial)
    table.set("final_equity", final)
    table.set("net_profit", final - initial)
    table.set("total_return", (final - initial) / initial)
    for key in ("commission", "slippage", "spread"):
        table.set(key, math.fsum(fill[key] for fill in run.fills))
    table.set("financing", run.financing)
    table.set("ambiguous_bars", run.ambiguous_bars)
    table.set("profit_pessimistic", final - initial + run.change_if_adverse)
    table.set("profit_optimistic", final - initial + run.change_if_target)
    undefined = run.confidence is not None and [c for c in run.confidence[run.warmup :] if math.isnan(c)]
    table.set("undefined_bars", len(undefined) if undefined else 0)
    table.set("refused_orders", len(run.refused))


def largest_drawdown(initial: float, equity: list[float]) -> tuple[float, int, int, float]:
    """The fraction, the index of the last point at the peak before it, its own index, the peak."""
    result = (0.0, 0, 0, initial)
    peak = initial
    peak_index = 0
    for index, value in enumerate(equity):
        if value >= peak:
            peak = value
            peak_index = index
        elif (peak - value) / peak > result[0]:
            result = ((peak - value) / peak, peak_index, index, peak)
    return result


def _drawdown(table: _Table, initial: float, equity: list[float]) -> None:
    fraction, start, bottom, peak = largest_drawdown(initial, equity)
    table.set("max_drawdown", fraction)
    table.set("max_drawdown_bars", bottom - start)
    if fraction == 0:
        table.leave("recovery_bars", "no_drawdown")
        return
    recovered = [index for index in range(bottom, len(equity)) if equity[index] >= peak]
    if recovered:
        table.set("recovery_bars", recovered[0] - bottom)
    else:
        table.leave("recovery_bars", "not_recovered")


def _returns(
    table: _Table, initial: float, points: list[float], periods: float, years: float, risk_free_rate: float
) -> None:
    n = len(points)
    table.set("daily_returns", n)
    table.set("max_drawdown_daily", largest_drawdown(initial, points)[0])
    reason = "too_few_returns" if n < 10 else "equity_not_positive" if min(points) <= 0 else None
    if reason is not None:
        for key in NEEDS_DAYS:
            table.leave(key, reason)
        return

    growth = points[-1] / initial
    cagr = growth ** (1 / years) - 1
    table.set("ann_return", growth ** (periods / n) - 1)
    table.set("cagr", cagr)
    drawdown = table.values["max_drawdown"]
    assert drawdown is not None
    if drawdown > 0:
        table.set("calmar", cagr / drawdown)
    else:
        table.leave("calmar", "no_drawdown")
    _moments(table, returns_of(initial, points), periods, risk_free_rate)


def _moments(table: _Table, r: list[float], periods: float, risk_free_rate: float) -> None:
    n = len(r)
    mean = _mean(r)
    deviation = _deviation(r)
    rf = (1 + risk_free_rate) ** (1 / periods) - 1
    excess = _mean([x - rf for x in r])
    downside = math.sqrt(_mean([min(x - rf, 0.0) ** 2 for x in r]))
    table.set("volatility", deviation * math.sqrt(periods))
    if downside <= 1e-9 * abs(mean):
        table.leave("sortino", "zero_downside")
    else:
        table.set("sortino", excess / downside * math.sqrt(periods))
    if deviation <= 1e-9 * abs(mean):
        for key in ("sharpe", "skew", "kurtosis"):
            table.leave(key, "zero_volatility")
        return
    table.set("sharpe", excess / deviation * math.sqrt(periods))
    second, third, fourth = (math.fsum((x - mean) ** power for x in r) / n for power in (2, 3, 4))
    table.set("skew", third / second**1.5)
    table.set("kurtosis", fourth / second**2)


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _deviation(values: list[float]) -> float:
    mean = _mean(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


def _trades(table: _Table, trades: list[dict[str, Any]]) -> None:
    profits = [trade["net_pnl"] for trade in trades]
    wins = [p for p in profits if p > 0]
    losses = [p for p in profits if p < 0]
    table.set("trades", len(trades))
    table.set("wins", len(wins))
    table.set("losses", len(losses))
    table.set("max_win_streak", _longest([p > 0 for p in profits]))
    table.set("max_loss_streak", _longest([p < 0 for p in profits]))

    def give(key: str, reasons: list[tuple[bool, str]], value: Any) -> None:
        reason = next((why for applies, why in reasons if applies), None)
        if reason is None:
            table.set(key, value())
        else:
            table.leave(key, reason)

    none = (not trades, "no_trades")
    no_wins = (not wins, "no_wins")
    no_losses = (not losses, "no_losses")
    held = sorted(trade["bars_held"] for trade in trades)
    give("win_rate", [none], lambda: len(wins) / len(trades))
    give("expectancy", [none], lambda: _mean(profits))
    give("expectancy_rate", [none], lambda: _mean([trade["return_rate"] for trade in trades]))
    give("avg_bars_held", [none], lambda: _mean(held))
    give("median_bars_held", [none], lambda: (held[(len(held) - 1) // 2] + held[len(held) // 2]) / 2)
    give("avg_win", [none, no_wins], lambda: _mean(wins))
    give("largest_win", [none, no_wins], lambda: max(wins))
    give("avg_loss", [none, no_losses], lambda: _mean(losses))
    give("largest_loss", [none, no_losses], lambda: min(losses))
    give("payoff", [none, no_wins, no_losses], lambda: _mean(wins) / abs(_mean(losses)))
    if trades and not wins:
        table.set("profit_factor", 0.0)
    else:
        give("profit_factor", [none, no_losses], lambda: math.fsum(wins) / abs(math.fsum(losses)))
    few = (len(trades) < 2, "too_few_trades")
    deviation = _deviation(profits) if len(trades) >= 2 else 0.0
    flat = (bool(trades) and deviation <= 1e-9 * abs(_mean(profits)), "zero_deviation")
    give("sqn", [none, few, flat], lambda: math.sqrt(len(trades)) * _mean(profits) / deviation)


def _longest(flags: list[bool]) -> int:
    longest = current = 0
    for flag in flags:
        current = current + 1 if flag else 0
        longest = max(longest, current)
    return longest


def _activity(table: _Table, run: Run, points: list[float], years: float) -> None:
    traded = math.fsum(fill["notional"] for fill in run.fills)
    table.set("exposure", sum(row["quantity"] != 0 for row in run.equity) / len(run.equity))
    if _mean(points) <= 0:
        table.leave("turnover", "equity_not_positive")
    else:
        table.set("turnover", traded / _mean(points) / years)
    if run.fills:
        gross = math.fsum(trade["gross_pnl"] for trade in run.trades) + run.equity[-1]["open_gross"]
        table.set("break_even_bps", gross / traded * 1e4)
    else:
        table.leave("break_even_bps", "no_trades")


def _benchmark(table: _Table, benchmark: Measures | None) -> None:
    for key, source in (("benchmark_return", "total_return"), ("benchmark_max_drawdown", "max_drawdown")):
        value = None if benchmark is None else benchmark.values[source]
        if value is None:
            table.leave(key, "too_short")
        else:
            table.set(key, value)
