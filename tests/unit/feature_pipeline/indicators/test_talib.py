"""Indicators that TA-Lib has equal a direct call of it, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import talib

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.indicators.compute import compute
from support.inputs import markets

Direct = Callable[[BarSeries], Any]


def typical(bars: BarSeries) -> Any:
    return talib.TYPPRICE(bars.high, bars.low, bars.close)


CASES: list[tuple[str, dict[str, Any], str, Direct]] = [
    ("rsi", {"period": 2}, "", lambda b: talib.RSI(b.close, 2)),
    ("rsi", {"source": "open"}, "", lambda b: talib.RSI(b.open, 14)),
    ("rsi", {"source": "volume"}, "", lambda b: talib.RSI(b.volume, 14)),
    ("macd", {}, "line", lambda b: talib.MACD(b.close)[0]),
    ("macd", {"fast_period": 5, "slow_period": 11}, "signal", lambda b: talib.MACD(b.close, 5, 11, 9)[1]),
    ("macd", {"signal_period": 1}, "signal", lambda b: talib.MACD(b.close, 12, 26, 1)[1]),
    ("macd", {"source": "hl2"}, "histogram", lambda b: talib.MACD(talib.MEDPRICE(b.high, b.low))[2]),
    ("bbands", {"multiplier": 1.5}, "upper", lambda b: talib.BBANDS(b.close, 20, 1.5, 1.5)[0]),
    ("bollingerbands", {"period": 5}, "middle", lambda b: talib.BBANDS(b.close, 5, 2.0, 2.0)[1]),
    ("bollingerbands", {"source": "hlc3"}, "lower", lambda b: talib.BBANDS(typical(b), 20, 2.0, 2.0)[2]),
    ("atr", {"period": 1}, "", lambda b: talib.ATR(b.high, b.low, b.close, 1)),
    ("atr", {}, "", lambda b: talib.ATR(b.high, b.low, b.close, 14)),
    ("natr", {"period": 7}, "", lambda b: talib.NATR(b.high, b.low, b.close, 7)),
    ("adx", {"period": 2}, "adx", lambda b: talib.ADX(b.high, b.low, b.close, 2)),
    ("adx", {}, "plus_di", lambda b: talib.PLUS_DI(b.high, b.low, b.close, 14)),
    ("adx", {}, "minus_di", lambda b: talib.MINUS_DI(b.high, b.low, b.close, 14)),
    ("stochastic", {}, "k", lambda b: talib.STOCH(b.high, b.low, b.close, 14, 3, 0, 3, 0)[0]),
    ("stochastic", {"k_period": 1, "d_period": 2}, "d", lambda b: talib.STOCH(b.high, b.low, b.close, 1, 3, 0, 2)[1]),
    ("williamsr", {}, "", lambda b: talib.WILLR(b.high, b.low, b.close, 14)),
    ("cci", {}, "", lambda b: talib.CCI(b.high, b.low, b.close, 20)),
    ("roc", {"source": "low"}, "", lambda b: talib.ROC(b.low, 10)),
    ("momentum", {"period": 1}, "", lambda b: talib.MOM(b.close, 1)),
    ("mfi", {}, "", lambda b: talib.MFI(b.high, b.low, b.close, b.volume, 14)),
    ("aroon", {}, "up", lambda b: talib.AROON(b.high, b.low, 14)[1]),
    ("aroon", {}, "down", lambda b: talib.AROON(b.high, b.low, 14)[0]),
    ("aroon", {"period": 9}, "oscillator", lambda b: talib.AROONOSC(b.high, b.low, 9)),
    ("SimpleMovingAverage", {}, "", lambda b: talib.SMA(b.close, 20)),
    ("sma", {"period": 1}, "", lambda b: b.close),
    ("ema", {"source": "ohlc4"}, "", lambda b: talib.EMA(talib.AVGPRICE(b.open, b.high, b.low, b.close), 20)),
    ("ema", {"period": 1}, "", lambda b: b.close),
    ("wma", {"source": "high"}, "", lambda b: talib.WMA(b.high, 20)),
    ("hma", {"source": "hl2"}, "", lambda b: talib.HMA(talib.MEDPRICE(b.high, b.low), 20)),
    ("HullMovingAverage", {"period": 3}, "", lambda b: talib.HMA(b.close, 3)),
    ("donchianchannels", {}, "upper", lambda b: talib.DONCHIAN(b.high, b.low, 20)[0]),
    ("donchianchannels", {}, "middle", lambda b: talib.DONCHIAN(b.high, b.low, 20)[1]),
    ("donchianchannels", {"period": 2}, "lower", lambda b: talib.DONCHIAN(b.high, b.low, 2)[2]),
    ("supertrend", {}, "trend", lambda b: talib.SUPERTREND(b.high, b.low, b.close, 10, 3.0)[0]),
    ("parabolicsar", {}, "", lambda b: np.abs(talib.SAREXT(b.high, b.low, 0, 0, 0.02, 0.02, 0.2, 0.02, 0.02, 0.2))),
    ("ichimoku", {}, "tenkan", lambda b: talib.MIDPRICE(b.high, b.low, 9)),
    ("ichimoku", {}, "kijun", lambda b: talib.MIDPRICE(b.high, b.low, 26)),
    ("obv", {}, "", lambda b: talib.OBV(b.close, b.volume)),
    ("adline", {}, "", lambda b: talib.AD(b.high, b.low, b.close, b.volume)),
    ("cmf", {}, "", lambda b: talib.CMF(b.high, b.low, b.close, b.volume, 21)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "params", "output", "direct"), CASES, ids=lambda part: "direct" if callable(part) else str(part)[:40]
)
def test_equal_bit_for_bit(type_: str, params: dict[str, Any], output: str, direct: Direct) -> None:
    bars = markets.walk(1, 600)
    found = compute(type_, params, bars)[output]
    expected = np.asarray(direct(bars), np.float64)
    assert np.count_nonzero(~np.isnan(found)) > 500
    assert found.tobytes() == expected.tobytes()


def test_supertrends_direction_is_plus_or_minus_one_and_starts_up() -> None:
    bars = markets.walk(2, 400)
    direction = compute("supertrend", {}, bars)["direction"]
    expected = talib.SUPERTREND(bars.high, bars.low, bars.close, 10, 3.0)[1]
    assert np.isnan(direction[:10]).all()
    assert direction[10] == 1.0
    assert set(direction[10:]) == {-1.0, 1.0}
    assert np.array_equal(direction[10:], expected[10:])


def test_senkou_lines_are_midpoints_moved_forward_only() -> None:
    bars = markets.walk(3, 300)
    found = compute("ichimoku", {}, bars)
    middle = (talib.MIDPRICE(bars.high, bars.low, 9) + talib.MIDPRICE(bars.high, bars.low, 26)) / 2
    assert np.array_equal(found["senkou_a"][26:], middle[:-26], equal_nan=True)
    assert np.array_equal(found["senkou_b"][26:], talib.MIDPRICE(bars.high, bars.low, 52)[:-26], equal_nan=True)


def test_only_what_is_asked_for_comes_back() -> None:
    assert list(compute("adx", {}, markets.walk(4, 60), {"plus_di"})) == ["plus_di"]
