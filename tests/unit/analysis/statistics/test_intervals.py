"""Intervals of metrics: their statistics are the core's metrics, and they lie where a metric can be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.analysis.statistics.intervals import _OF_TRADES, _of_days, metric_intervals
from ktrdr.simulation.result import RunResult
from support.runs.signal_runs import market, signals_for


def traded(rows: int = 4_000, start: datetime = datetime(2024, 1, 1, tzinfo=UTC), **arguments: Any) -> RunResult:
    bars = market(rows).with_columns(timestamp=pl.Series([start + timedelta(hours=row) for row in range(rows)]))
    rules: dict[str, Any] = {"metrics": {"risk_free_rate": 0.02}, **arguments}
    return ktrdr.simulate(bars, signals_for(rows), **rules)


@pytest.fixture(scope="module")
def result() -> RunResult:
    return traded()


def test_the_statistic_of_the_days_themselves_is_the_metric(result: RunResult) -> None:
    for name, statistic in _of_days(result).items():
        assert statistic(result.daily_returns[None])[0] == pytest.approx(result.metrics[name], rel=1e-9), name


def test_the_statistic_of_the_trades_themselves_is_the_metric(result: RunResult) -> None:
    for name, statistic in _OF_TRADES.items():
        assert statistic(result.trades["net_pnl"].to_numpy()[None])[0] == pytest.approx(result.metrics[name]), name


def test_intervals_hold_the_middle_and_stay_where_a_metric_can_be(result: RunResult) -> None:
    found = metric_intervals(result)
    assert set(found.intervals) == {*_of_days(result), *_OF_TRADES}
    for name, interval in found.intervals.items():
        value = result.metrics[name]
        assert interval is not None and value is not None
        assert interval.lower < value < interval.upper, name
    drawdown = found.intervals["max_drawdown_daily"]
    rate = found.intervals["win_rate"]
    assert drawdown is not None and drawdown.lower > 0
    assert rate is not None and 0 < rate.lower < rate.upper < 1
    assert found.block_days is not None and found.block_days >= 1


def test_a_wider_level_gives_a_wider_interval(result: RunResult) -> None:
    narrow, wide = (metric_intervals(result, level, 200).intervals["sharpe"] for level in (0.5, 0.95))
    assert narrow is not None and wide is not None
    assert wide.lower < narrow.lower < narrow.upper < wide.upper


def test_equal_runs_have_equal_intervals_and_other_runs_other_ones(result: RunResult) -> None:
    assert metric_intervals(result, resamples=50) == metric_intervals(traded(), resamples=50)
    other = traded(initial_capital=50_000.0)
    assert metric_intervals(result, resamples=50) != metric_intervals(other, resamples=50)


def test_parts_of_resamples_make_no_difference(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = metric_intervals(result, resamples=50)
    monkeypatch.setattr("ktrdr.analysis.statistics.intervals._CHUNK_VALUES", 1_000)
    assert metric_intervals(result, resamples=50) == whole


def test_very_many_trades_draw_fewer_resamples(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is bounded, and the result says how many were drawn; 200 are the least."""
    assert metric_intervals(result).resamples == 2_000
    count = result.trades.height
    monkeypatch.setattr("ktrdr.analysis.statistics.intervals._MOST_DRAWS", 300 * count)
    assert metric_intervals(result).resamples == 300
    monkeypatch.setattr("ktrdr.analysis.statistics.intervals._MOST_DRAWS", 1)
    assert metric_intervals(result).resamples == 200


def test_nothing_from_too_few_days_or_trades() -> None:
    few = metric_intervals(traded(rows=9 * 24))
    assert few.block_days is None and "sharpe" not in few.intervals
    idle = ktrdr.simulate(market(400), np.zeros(400, np.int8))
    found = metric_intervals(idle)
    assert found.block_trades is None and "win_rate" not in found.intervals
    # 16 days of a return of 0: the ratio of a resample is 0, as in the probability of overfitting
    assert found.intervals["sharpe"] == (0.0, 0.0)
    assert found.intervals["sortino"] is None


def test_a_profit_factor_without_losses_has_no_interval() -> None:
    """Two losses among many trades: some resamples have none."""
    rows = 60
    closes = np.tile([100.0, 101.0], 30)
    closes[[33, 43]] -= 5
    start = datetime(2024, 1, 1, tzinfo=UTC)
    frame = {"timestamp": [start + timedelta(hours=row) for row in range(rows)], "open": closes, "close": closes}
    bars = pl.DataFrame({**frame, "high": closes, "low": closes})
    free: dict[str, Any] = {"commission": {"rate": 0.0}, "slippage": {"rate": 0.0}}
    # bought at an open of 100, sold at the next open of 101
    result = ktrdr.simulate(bars, np.tile([-1, 1], 30).astype(np.int8), execution={**free, "allow_short": False})
    assert result.metrics["profit_factor"] is not None and result.metrics["trades"] > 20  # type: ignore[operator]
    assert metric_intervals(result).intervals["profit_factor"] is None
    assert metric_intervals(result).intervals["expectancy"] is not None
