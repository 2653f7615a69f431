"""Runs side by side over time: their equity at common moments, and how alike their days are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from ktrdr.simulation.result import RunResult

LEAST_DAYS: Final = 10
MOST_MONTHS: Final = 24
"""Longer comparisons are by year."""


def equity_by_month(results: Sequence[RunResult]) -> pl.DataFrame:
    """Returns equity at the last bar of each month (UTC), of more than two years at that of each year.

    One row for each period in which any run has bars: ``period`` as text, then a column for each run, ``0``, ``1`` and
    so on, account currency; null where a run has no bars.

    >>> from ktrdr import simulate
    >>> bars = pl.DataFrame({"timestamp": [i * 86_400_000_000_000 for i in range(40)], "open": 10.0, "high": 10.0,
    ...                      "low": 10.0, "close": 10.0})
    >>> flat = simulate(bars, [0] * 40)
    >>> equity_by_month([flat, flat]).rows()
    [('1970-01', 100000.0, 100000.0), ('1970-02', 100000.0, 100000.0)]
    """
    months = _ends(results, "%Y-%m")
    return months if months.height <= MOST_MONTHS else _ends(results, "%Y")


def daily_correlations(results: Sequence[RunResult]) -> list[list[float | None]]:
    """Returns the correlation of the daily returns of each pair of runs, a square of rows.

    A day (UTC) counts where both runs have it. None under ten common days, and where the returns of a run do not vary.
    """
    days = [_daily(result) for result in results]
    places = range(len(days))
    # Each pair once, so that both halves have equal bits.
    found = {(row, column): _correlation(days[row], days[column]) for row in places for column in places[row:]}
    return [[found[min(row, column), max(row, column)] for column in places] for row in places]


def _ends(results: Sequence[RunResult], period: str) -> pl.DataFrame:
    named = pl.col("time").dt.strftime(period).alias("period")
    columns = [
        result.equity.group_by(named, maintain_order=True).agg(pl.col("equity").last().alias(str(place)))
        for place, result in enumerate(results)
    ]
    whole = columns[0]
    for column in columns[1:]:
        whole = whole.join(column, on="period", how="full", coalesce=True)
    return whole.sort("period")


def _daily(result: RunResult) -> pl.DataFrame:
    """Returns day and return; the first day begins with the initial capital."""
    days = result.equity.group_by(day=pl.col("time").dt.date(), maintain_order=True).agg(pl.col("equity").last())
    before = pl.col("equity").shift(1, fill_value=result.metrics["initial_capital"])
    return days.select("day", returned=pl.col("equity") / before - 1)


def _correlation(one: pl.DataFrame, other: pl.DataFrame) -> float | None:
    both = one.join(other, on="day", how="inner", suffix="_other").sort("day")
    mine = both["returned"].to_numpy()
    theirs = both["returned_other"].to_numpy()
    if len(mine) < LEAST_DAYS or mine.min() == mine.max() or theirs.min() == theirs.max():
        return None
    return float(np.corrcoef(mine, theirs)[0, 1])
