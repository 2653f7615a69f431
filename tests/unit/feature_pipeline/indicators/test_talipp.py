"""Indicators against talipp, which is independent and incremental, once the seeds have faded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from talipp import indicators as talipp
from talipp.ohlcv import OHLCV

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.indicators.compute import compute
from support.inputs import markets

BARS = markets.walk(11, 1_500)
LAST = 200


def candles(bars: BarSeries) -> list[OHLCV]:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return [OHLCV(*(float(value) for value in row)) for row in zip(*columns, strict=True)]


def closes(bars: BarSeries) -> list[float]:
    return [float(value) for value in bars.close]


CANDLES = candles(BARS)
CLOSES = closes(BARS)
CASES: list[tuple[str, dict[str, Any], str, Any, str, float]] = [
    ("rsi", {}, "", talipp.RSI(14, CLOSES), "", 1e-9),
    ("macd", {}, "line", talipp.MACD(12, 26, 9, CLOSES), "macd", 1e-9),
    ("macd", {}, "signal", talipp.MACD(12, 26, 9, CLOSES), "signal", 1e-9),
    ("macd", {}, "histogram", talipp.MACD(12, 26, 9, CLOSES), "histogram", 1e-9),
    ("bollingerbands", {}, "upper", talipp.BB(20, 2.0, CLOSES), "ub", 1e-9),
    ("bollingerbands", {}, "middle", talipp.BB(20, 2.0, CLOSES), "cb", 1e-9),
    ("bollingerbands", {}, "lower", talipp.BB(20, 2.0, CLOSES), "lb", 1e-9),
    ("atr", {}, "", talipp.ATR(14, CANDLES), "", 1e-9),
    ("natr", {}, "", talipp.NATR(14, CANDLES), "", 1e-9),
    ("adx", {}, "adx", talipp.ADX(14, 14, CANDLES), "adx", 1e-9),
    ("adx", {}, "plus_di", talipp.ADX(14, 14, CANDLES), "plus_di", 1e-9),
    ("adx", {}, "minus_di", talipp.ADX(14, 14, CANDLES), "minus_di", 1e-9),
    ("stochastic", {"smooth_k": 1}, "k", talipp.Stoch(14, 3, CANDLES), "k", 1e-9),
    ("stochastic", {"smooth_k": 1}, "d", talipp.Stoch(14, 3, CANDLES), "d", 1e-9),
    ("williamsr", {}, "", talipp.Williams(14, CANDLES), "", 1e-9),
    ("cci", {}, "", talipp.CCI(20, CANDLES), "", 1e-7),
    ("roc", {}, "", talipp.ROC(10, CLOSES), "", 1e-9),
    ("aroon", {}, "up", talipp.Aroon(14, CANDLES), "up", 1e-9),
    ("aroon", {}, "down", talipp.Aroon(14, CANDLES), "down", 1e-9),
    ("sma", {}, "", talipp.SMA(20, CLOSES), "", 1e-9),
    ("ema", {}, "", talipp.EMA(20, CLOSES), "", 1e-9),
    ("wma", {}, "", talipp.WMA(20, CLOSES), "", 1e-9),
    ("hma", {}, "", talipp.HMA(20, CLOSES), "", 1e-9),
    ("hma", {"period": 15}, "", talipp.HMA(15, CLOSES), "", 1e-9),  # the root of 15 is 3.87: both take 3
    ("keltnerchannels", {}, "upper", talipp.KeltnerChannels(20, 10, 2, 2, CANDLES), "ub", 1e-9),
    ("keltnerchannels", {}, "middle", talipp.KeltnerChannels(20, 10, 2, 2, CANDLES), "cb", 1e-9),
    ("keltnerchannels", {}, "lower", talipp.KeltnerChannels(20, 10, 2, 2, CANDLES), "lb", 1e-9),
    ("donchianchannels", {}, "upper", talipp.DonchianChannels(20, CANDLES), "ub", 1e-9),
    ("donchianchannels", {}, "lower", talipp.DonchianChannels(20, CANDLES), "lb", 1e-9),
    ("supertrend", {}, "trend", talipp.SuperTrend(10, 3, CANDLES), "value", 1e-9),
    ("parabolicsar", {}, "", talipp.ParabolicSAR(0.02, 0.02, 0.2, CANDLES), "value", 1e-9),
    ("ichimoku", {}, "tenkan", talipp.Ichimoku(26, 9, 26, 52, 26, CANDLES), "conversion_line", 1e-9),
    ("ichimoku", {}, "kijun", talipp.Ichimoku(26, 9, 26, 52, 26, CANDLES), "base_line", 1e-9),
    ("adline", {}, "", talipp.AccuDist(CANDLES), "", 1e-9),
]  # fmt: skip


@pytest.mark.parametrize(("type_", "params", "output", "oracle", "field", "tolerance"), CASES)
def test_agrees(type_: str, params: dict[str, Any], output: str, oracle: Any, field: str, tolerance: float) -> None:
    found = compute(type_, params, BARS)[output]
    theirs = np.array([getattr(value, field) if field else value for value in list(oracle)[-LAST:]], np.float64)
    assert np.abs(found[-LAST:] - theirs).max() < tolerance * np.nanmax(np.abs(found))


def test_obv_agrees_in_its_steps() -> None:
    """talipp's level starts at another bar's volume; what it adds is the same."""
    theirs = np.diff(np.array(list(talipp.OBV(CANDLES))[-LAST:], np.float64))
    assert np.array_equal(np.diff(compute("obv", {}, BARS)[""][-LAST:]), theirs)


def test_supertrends_direction_agrees() -> None:
    theirs = [1.0 if value.trend.name == "UP" else -1.0 for value in list(talipp.SuperTrend(10, 3, CANDLES))[-LAST:]]
    assert compute("supertrend", {}, BARS)["direction"][-LAST:].tolist() == theirs


def test_the_vwap_of_a_day_is_talipps_begun_anew_at_midnight() -> None:
    days = BARS.timestamp // (86_400 * 10**9)
    found = compute("vwap", {"period": 0}, BARS)[""]
    for day in np.unique(days)[-5:]:
        rows = np.flatnonzero(days == day)
        theirs = list(talipp.VWAP([CANDLES[row] for row in rows]))
        assert found[rows] == pytest.approx(theirs, rel=1e-9)
