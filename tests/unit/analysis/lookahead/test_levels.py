"""Series beside finer ones: real bars of one feed and of two, and the faults that a user can store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ktrdr.analysis.lookahead.levels import SeriesVerdict, judge_series
from ktrdr.analysis.lookahead.market import Market
from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import resample
from ktrdr.time import Timeframe
from support.inputs import markets

H1 = Timeframe.H1
H4 = Timeframe.H4
D1 = Timeframe.D1
M5 = Timeframe.M5
M15 = Timeframe.M15


def judged(*series: BarSeries) -> dict[str, SeriesVerdict]:
    market = Market("EURUSD", {bars.timeframe: bars for bars in series})
    return {verdict.name: verdict for verdict in judge_series(market, dict(sorted(market.series.items())))}


def guilty(*series: BarSeries) -> list[str]:
    return [name for name, verdict in judged(*series).items() if verdict.honest is not None]


def test_a_single_series_is_not_checked() -> None:
    found = judged(markets.walk(1, 300))
    assert "were not checked" in found["1h"].says
    assert found["1h"].honest is None


def test_one_revised_bar_is_found_and_made_again() -> None:
    base = markets.walk(2, 900)
    four = resample(base, H4)
    close = four.close.copy()
    close[100] = (four.low[100] + four.high[100]) / 2
    verdict = judged(base, replace(four, close=close))["4h"]
    assert "1 of" in verdict.says
    assert verdict.honest is not None
    assert np.array_equal(verdict.honest.series[H4].close, four.close)


def test_the_base_is_judged_by_a_finer_witness() -> None:
    """A base smoothed over its neighbours: the witness knows what each close was."""
    minutes = markets.walk(3, 12_000, M5)
    hours = resample(minutes, H1)
    close = hours.close.copy()
    close[1:-1] = (hours.close[:-2] + hours.close[1:-1] + hours.close[2:]) / 3
    high = np.maximum(hours.high, close)
    low = np.minimum(hours.low, close)
    smoothed = replace(hours, close=close, high=high, low=low)
    assert guilty(minutes, smoothed) == ["1h"]
    past = np.convolve(hours.close, np.ones(3) / 3)[: len(hours)]
    past[:2] = hours.close[:2]
    late = replace(hours, close=past, high=np.maximum(hours.high, past), low=np.minimum(hours.low, past))
    assert guilty(minutes, late) == []


def test_series_stamped_with_their_closes_are_late() -> None:
    base = markets.walk(2, 900)
    four = resample(base, H4)
    late = judged(replace(base, timestamp=base.close_ns), replace(four, timestamp=four.close_ns))["4h"]
    assert "3 h before their ends" in late.says
    assert late.honest is None


def stored(folder: Path, name: str, timeframe: Timeframe) -> BarSeries:
    return BarSeries.from_frame(pl.read_parquet(folder / f"{name}_{timeframe.value}.parquet"), "EURUSD", timeframe)


@pytest.mark.real_data
def test_real_feeds_are_clean(real_data: Path) -> None:
    """One feed recorded by different people, two feeds of one market, bid beside ask, sessions with gaps."""
    m5, m15, h1 = (stored(real_data, "EURUSD", timeframe) for timeframe in (M5, M15, H1))
    assert guilty(m5, m15, h1, resample(h1, H4), resample(m5, D1)) == []
    bid, ask, other = (stored(real_data, f"EURUSD-{name}", H1) for name in ("BID", "ASK", "BTPY"))
    assert guilty(bid, resample(ask, H4), resample(ask, D1)) == []
    assert guilty(other, resample(bid, H4), resample(bid, D1)) == []
    assert guilty(bid, resample(other, H4), resample(other, D1)) == []
    assert guilty(stored(real_data, "SPY", H1), stored(real_data, "SPY", D1)) == []
