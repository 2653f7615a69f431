"""Data of the chart of a long run: an overview, and windows of single bars around trades."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import ktrdr
from ktrdr.report import chart
from ktrdr.report.backtest import backtest_report
from ktrdr.report.chart import chart_data, window_ranges
from ktrdr.report.columns import chart_frame
from ktrdr.report.market import market_of
from ktrdr.simulation.result import RunResult
from support.inputs import worlds
from support.report_page import Page, candles, times


@pytest.fixture(scope="module")
def result() -> RunResult:
    signals = np.zeros(3_000, np.int8)
    signals[::100] = np.tile([1, -1], 15)
    return ktrdr.simulate(worlds.frame(3_000), signals, warmup_bars=7)


def test_a_long_run_has_an_overview_and_windows(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "MOST_BARS", 1_000)
    monkeypatch.setattr(chart, "OVERVIEW_ROWS", 500)
    market = market_of(result)
    frame = chart_frame(result, market)
    data = chart_data(result, market, frame)
    assert data["every"] == 6
    assert len(times(data["overview"]["time"])) == -(-2_993 // 6)
    windows = data["windows"]
    for window in windows:
        part = frame[window["first"] : window["first"] + window["time"][2]]
        assert times(window["time"]).tolist() == part["time"].to_list()
        assert np.allclose(candles(window)["low"], part["low"].to_numpy(), atol=1e-6)
    spans = [(window["first"], window["first"] + window["time"][2]) for window in windows]
    for begin, end in zip(data["trades"]["from"], data["trades"]["to"], strict=True):
        assert any(low <= begin and end < stop for low, stop in spans)


def test_a_short_run_has_every_bar_and_no_window(result: RunResult) -> None:
    market = market_of(result)
    data = chart_data(result, market, chart_frame(result, market))
    assert (data["every"], data["windows"]) == (1, [])
    assert data["trades"]["from"][0] == result.trades["entry_bar"][0] - 7


def trades(spans: list[tuple[int, int, float]]) -> pl.DataFrame:
    return pl.DataFrame(spans, schema=["entry_bar", "exit_bar", "net_pnl"], orient="row")


def test_windows_join_where_they_overlap() -> None:
    assert window_ranges(trades([(110, 120, 1.0), (180, 190, -1.0), (500, 600, 2.0)]), 10, 1_000) == [
        (60, 221), (450, 631),
    ]  # fmt: skip


def test_windows_stay_inside_of_the_run() -> None:
    assert window_ranges(trades([(5, 6, 1.0), (990, 999, 1.0)]), 0, 1_000) == [(0, 47), (950, 1_000)]


def test_the_largest_trades_have_windows_where_not_all_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "_WINDOW_BARS", 200)
    given = trades([(1_000, 1_010, 1.0), (2_000, 2_010, -9.0), (3_000, 3_010, 5.0)])
    assert window_ranges(given, 0, 9_000) == [(1_960, 2_051), (2_960, 3_051)]


def test_a_run_without_trades_has_no_window() -> None:
    assert (
        window_ranges(trades([]).cast({"entry_bar": pl.Int64, "exit_bar": pl.Int64, "net_pnl": pl.Float64}), 0, 9) == []
    )


def test_list_and_chart_have_the_same_trades(result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of very many trades those with the largest net profit or loss, each with its number in the ledger."""
    monkeypatch.setattr("ktrdr.report.tables.MOST_TRADES", 10)
    page = Page(backtest_report(result))
    largest = result.trades["net_pnl"].abs().arg_sort(descending=True).head(10).sort().to_list()
    assert result.trades.height > 10
    assert page.data["trades"]["number"] == largest
    assert [row.attributes["id"] for row in page.id("trades").all("tbody")[0].all("tr")] == [
        f"trade-{number}" for number in largest
    ]
    assert len(page.data["trades"]["from"]) == 10
    assert f"10 of {result.trades.height} trades" in page.raw
