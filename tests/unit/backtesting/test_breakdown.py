"""The parts of a result add up to it: by month, by reason of exit, by direction."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

import ktrdr
from ktrdr.backtesting.breakdown import (
    by_direction,
    by_exit_reason,
    by_hour,
    by_weekday,
    monthly_returns,
    yearly_returns,
)
from ktrdr.simulation.result import HeldLedger, RunResult
from support.runs.signal_runs import RULES, market, signals_for

DAY_NS = 86_400_000_000_000
START = int(datetime(2023, 11, 20, tzinfo=UTC).timestamp()) * 1_000_000_000


@pytest.fixture(scope="module")
def result() -> RunResult:
    """A run of 300 days over the end of a year, with longs and shorts."""
    days = market().with_columns(timestamp=pl.Series([START + row * DAY_NS for row in range(len(market()))]))
    return ktrdr.simulate(days, signals_for(), **RULES)


def test_months_are_those_of_a_plain_loop(result: RunResult) -> None:
    ends: dict[tuple[int, int], float] = {}
    for row in result.equity.iter_rows(named=True):
        ends[row["time"].year, row["time"].month] = row["equity"]
    assert len(ends) > 5
    before = result.metrics["initial_capital"]
    assert before is not None
    expected = []
    for (year, month), equity in ends.items():
        exits = [row for row in result.trades.iter_rows(named=True)
                 if (row["exit_time"].year, row["exit_time"].month) == (year, month)]  # fmt: skip
        expected.append((year, month, equity / before - 1, len(exits)))
        before = equity
    found = monthly_returns(result)
    assert found.rows() == [pytest.approx(row, abs=1e-15) for row in expected]
    years = dict(yearly_returns(found).iter_rows())
    assert (1 + years[2023]) * (1 + years[2024]) - 1 == pytest.approx(result.metrics["total_return"])


def test_a_month_that_begins_without_equity_has_no_return(result: RunResult) -> None:
    stamps = [datetime(2024, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    equity = pl.DataFrame({"time": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")), "equity": [50.0, -1.0, 2.0]})

    broke = replace(result, source=HeldLedger({"equity": equity, "trades": result.trades.clear()}, "0"))
    months = monthly_returns(broke)
    assert months["return_rate"].to_list() == [50 / 100_000 - 1, pytest.approx(-1.02), None]
    assert yearly_returns(months)["return_rate"].to_list() == [None]


@pytest.mark.parametrize("parts", [by_exit_reason, by_direction])
def test_parts_add_up(result: RunResult, parts: object) -> None:
    found = parts(result)  # type: ignore[operator]
    trades = result.trades
    assert found["trades"].sum() == trades.height > 4
    assert found["net_profit"].sum() == pytest.approx(trades["net_pnl"].sum())
    assert (found["win_rate"] * found["trades"]).sum() == pytest.approx(result.metrics["wins"])
    assert (found["avg_bars_held"] * found["trades"]).sum() == pytest.approx(trades["bars_held"].sum())


def test_long_and_short_are_apart(result: RunResult) -> None:
    found = by_direction(result)
    assert found["direction"].to_list() == ["long", "short"]
    longs = result.trades.filter(pl.col("direction") == 1)
    assert found["trades"].to_list() == [longs.height, result.trades.height - longs.height]
    assert found["net_profit"][0] == pytest.approx(longs["net_pnl"].sum())


def test_weekday_and_hour_are_those_of_the_entry(result: RunResult) -> None:
    days = by_weekday(result)
    hours = by_hour(result)
    entries = result.trades["entry_time"].to_list()
    order = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    assert days["weekday"].to_list() == sorted(days["weekday"].to_list(), key=order.index)
    assert dict(days.select("weekday", "trades").iter_rows()) == Counter(f"{entry:%A}" for entry in entries)
    assert hours["hour"].to_list() == sorted({entry.hour for entry in entries})
    assert dict(hours.select("hour", "trades").iter_rows()) == Counter(entry.hour for entry in entries)
