"""A result in parts: by month, by reason of exit, by direction, by weekday and hour of entry."""

from __future__ import annotations

import calendar

import polars as pl

from ktrdr.simulation.result import RunResult

_WINS = (pl.col("net_pnl") > 0).sum()


def monthly_returns(result: RunResult) -> pl.DataFrame:
    """Returns one row for each calendar month (UTC) of a run: year, month, return_rate, trades.

    The return of a month is equity at its last bar over equity at the last bar of the month before, less 1; the first
    month begins with the initial capital. A trade belongs to the month of its exit. ``return_rate`` is null where the
    month began with an equity that is not above 0.
    """
    initial = result.metrics["initial_capital"]
    ends = (
        result.equity.group_by(year=pl.col("time").dt.year(), month=pl.col("time").dt.month())
        .agg(pl.col("equity").last())
        .sort("year", "month")
    )
    before = pl.col("equity").shift(1, fill_value=initial)
    rate = pl.when(before > 0).then(pl.col("equity") / before - 1)
    exits = result.trades.group_by(year=pl.col("exit_time").dt.year(), month=pl.col("exit_time").dt.month()).agg(
        trades=pl.len().cast(pl.Int64)
    )
    found = ends.with_columns(return_rate=rate).join(exits, on=["year", "month"], how="left", maintain_order="left")
    return found.select("year", "month", "return_rate", pl.col("trades").fill_null(0))


def yearly_returns(months: pl.DataFrame) -> pl.DataFrame:
    """Returns year and return_rate from the frame of `monthly_returns`; null where a month of the year is null."""
    whole = (pl.col("return_rate") + 1).product() - 1
    rate = pl.when(pl.col("return_rate").null_count() == 0).then(whole)
    return months.group_by("year", maintain_order=True).agg(return_rate=rate)


def by_exit_reason(result: RunResult) -> pl.DataFrame:
    """Returns one row for each reason of exit: exit_reason, trades, win_rate, net_profit, expectancy, avg_bars_held."""
    return _parts(result.trades, pl.col("exit_reason").cast(pl.String)).sort("trades", descending=True)


def by_direction(result: RunResult) -> pl.DataFrame:
    """Returns one row for long and one for short trades: direction, and the columns of `by_exit_reason`."""
    name = pl.when(pl.col("direction") > 0).then(pl.lit("long")).otherwise(pl.lit("short")).alias("direction")
    return _parts(result.trades, name).sort("direction")


def by_weekday(result: RunResult) -> pl.DataFrame:
    """Returns one row for each weekday (UTC) of entry, Monday first: weekday, and the columns of `by_exit_reason`."""
    parts = _parts(result.trades, pl.col("entry_time").dt.weekday().alias("weekday")).sort("weekday")
    names = [calendar.day_name[number - 1] for number in parts["weekday"].to_list()]
    return parts.with_columns(weekday=pl.Series(names, dtype=pl.String))


def by_hour(result: RunResult) -> pl.DataFrame:
    """Returns one row for each hour (UTC) of entry, 0 to 23: hour, and the columns of `by_exit_reason`."""
    return _parts(result.trades, pl.col("entry_time").dt.hour().cast(pl.Int64).alias("hour")).sort("hour")


def _parts(trades: pl.DataFrame, by: pl.Expr) -> pl.DataFrame:
    return trades.group_by(by, maintain_order=True).agg(
        trades=pl.len().cast(pl.Int64),
        win_rate=_WINS / pl.len(),
        net_profit=pl.col("net_pnl").sum(),
        expectancy=pl.col("net_pnl").mean(),
        avg_bars_held=pl.col("bars_held").mean(),
    )
