"""Bars one at a time give the whole column, bitwise; an anchor moved back fades as fast as the catalogue says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from talib import stream

from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.indicators.compute import compute
from ktrdr.strategy.catalog.indicators import INDICATORS, defaults
from support.inputs import markets

HISTORY = 150
BARS = markets.walk(21, 450, flat=30)
HLC = ("high", "low", "close")
STREAMS: list[tuple[str, str, Any, dict[str, Any], tuple[str, ...], int | None]] = [
    ("rsi", "", stream.RSI, {"timeperiod": 14}, ("close",), None),
    ("macd", "line", stream.MACD, {}, ("close",), 0),
    ("macd", "signal", stream.MACD, {}, ("close",), 1),
    ("macd", "histogram", stream.MACD, {}, ("close",), 2),
    ("bollingerbands", "upper", stream.BBANDS, {"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0}, ("close",), 0),
    ("bollingerbands", "lower", stream.BBANDS, {"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0}, ("close",), 2),
    ("atr", "", stream.ATR, {"timeperiod": 14}, HLC, None),
    ("natr", "", stream.NATR, {"timeperiod": 14}, HLC, None),
    ("adx", "adx", stream.ADX, {"timeperiod": 14}, HLC, None),
    ("adx", "plus_di", stream.PLUS_DI, {"timeperiod": 14}, HLC, None),
    ("adx", "minus_di", stream.MINUS_DI, {"timeperiod": 14}, HLC, None),
    ("stochastic", "k", stream.STOCH, {"fastk_period": 14, "slowk_period": 3, "slowd_period": 3}, HLC, 0),
    ("stochastic", "d", stream.STOCH, {"fastk_period": 14, "slowk_period": 3, "slowd_period": 3}, HLC, 1),
    ("williamsr", "", stream.WILLR, {"timeperiod": 14}, HLC, None),
    ("cci", "", stream.CCI, {"timeperiod": 20}, HLC, None),
    ("roc", "", stream.ROC, {"timeperiod": 10}, ("close",), None),
    ("momentum", "", stream.MOM, {"timeperiod": 10}, ("close",), None),
    ("mfi", "", stream.MFI, {"timeperiod": 14}, (*HLC, "volume"), None),
    ("aroon", "up", stream.AROON, {"timeperiod": 14}, ("high", "low"), 1),
    ("aroon", "oscillator", stream.AROONOSC, {"timeperiod": 14}, ("high", "low"), None),
    ("sma", "", stream.SMA, {"timeperiod": 20}, ("close",), None),
    ("ema", "", stream.EMA, {"timeperiod": 20}, ("close",), None),
    ("wma", "", stream.WMA, {"timeperiod": 20}, ("close",), None),
    ("hma", "", stream.HMA, {"timeperiod": 20}, ("close",), None),
    ("donchianchannels", "upper", stream.DONCHIAN, {"timeperiod": 20}, ("high", "low"), 0),
    ("supertrend", "trend", stream.SUPERTREND, {"timeperiod": 10, "multiplier": 3.0}, HLC, 0),
    ("supertrend", "direction", stream.SUPERTREND, {"timeperiod": 10, "multiplier": 3.0}, HLC, 1),
    ("obv", "", stream.OBV, {}, ("close", "volume"), None),
    ("adline", "", stream.AD, {}, (*HLC, "volume"), None),
]
COMPOSED = [
    "bollingerbandwidth", "distancefromma", "keltnerchannels", "parabolicsar", "ichimoku", "squeezeintensity", "cmf",
    "vwap", "volumeratio", "rvi", "fishertransform",
]  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "output", "handle", "params", "fields", "pick"), STREAMS, ids=lambda case: str(case)[:24]
)
def test_a_stream_equals_the_column(
    type_: str, output: str, handle: Any, params: dict[str, Any], fields: tuple[str, ...], pick: int | None
) -> None:
    column = compute(type_, {}, BARS)[output]
    inputs = [getattr(BARS, field) for field in fields]
    opened = handle(*(values[:HISTORY] for values in inputs), **params)
    found = [opened.value if pick is None else opened.value[pick]]
    for row in range(HISTORY, len(BARS)):
        value = opened.update(*(float(values[row]) for values in inputs))
        found.append(value if pick is None else value[pick])
    expected = [
        departure(type_, row, value) for row, value in enumerate(np.array(found, np.float64).tolist(), HISTORY - 1)
    ]
    assert np.array(expected, np.float64).tobytes() == column[HISTORY - 1 :].tobytes()


NEUTRAL = {"stochastic": (18, 50.0), "williamsr": (14, -50.0), "mfi": (15, 50.0)}


def departure(type_: str, row: int, value: float) -> float:
    """TA-Lib's value, but neutral where none of the bars it depends on moves, and no stochastic beyond its bounds."""
    bars, neutral = NEUTRAL.get(type_, (len(BARS), value))
    seen = BARS.rows(max(row + 1 - bars, 0), row + 1)
    if len(seen) == bars and seen.high.max() == seen.low.min():
        return neutral
    return min(max(value, 0.0), 100.0) if type_ == "stochastic" else value


def last_of(type_: str, params: dict[str, Any], bars: BarSeries) -> dict[str, float]:
    return {name: float(column[-1]) for name, column in compute(type_, params, bars).items()}


@pytest.mark.parametrize("type_", COMPOSED)
def test_a_composed_indicator_recomputed_bar_by_bar_equals_the_column(type_: str) -> None:
    whole = compute(type_, {}, BARS)
    for row in range(len(BARS) - 300, len(BARS)):
        for name, value in last_of(type_, {}, BARS.rows(0, row + 1)).items():
            assert np.float64(value).tobytes() == whole[name][row].tobytes(), (name, row)


@pytest.mark.parametrize(
    "type_", [name for name, known in INDICATORS.items() if known.kind in ("windowed", "recursive")]
)
@pytest.mark.parametrize("seed", [31, 32, 33])
def test_an_anchor_moved_back_fades_as_the_catalogue_says(type_: str, seed: int) -> None:
    bars = markets.walk(seed, 3_000)
    indicator = INDICATORS[type_]
    params = defaults(indicator)
    earlier = compute(type_, params, bars)
    moved_by = 1_000
    later = compute(type_, params, bars.rows(moved_by, len(bars)))
    for output in indicator.outputs:
        lookback = output.lookback(params, 24)
        settle = output.settle(params)
        column = earlier[output.name][moved_by:]
        other = later[output.name]
        scale = 1.0 if type_ == "squeezeintensity" else float(np.nanmax(np.abs(column)))
        gap = np.abs(column - other) / scale
        assert gap[lookback + settle] < 5e-3, output.name
        assert gap[lookback + 3 * settle :].max() < 1e-8, output.name
