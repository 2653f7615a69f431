"""TA-Lib's streams of the indicators whose stream gives the bits of the whole column.

An indicator that is not in `STREAMED` is composed of several steps here, and is computed anew over its column.
``tests/property/test_indicator_streams.py`` compares every entry with the column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from talib import stream

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.formula import Params

Values = tuple[float, ...]


@dataclass(frozen=True)
class Handle:
    """One stream of TA-Lib behind some outputs of an indicator.

    Args:
        opens: TA-Lib's stream; it is called with the columns so far.
        fields: columns that it reads; ``source`` is the column that the indicator's parameter names.
        keywords: TA-Lib's parameters for the indicator's.
        values: the outputs, in the order of the catalogue's formula, from what the stream returns.
    """

    opens: Callable[..., Any]
    fields: tuple[str, ...]
    keywords: Callable[[Params], Mapping[str, Any]]
    values: Callable[[Any], Values]


def inputs_of(fields: Sequence[str], columns: Columns, params: Params) -> list[Floats]:
    """Returns the columns of these names, ``[n_bars, float64]`` each."""
    return [columns.source(params["source"] if name == "source" else name) for name in fields]


def _one(value: Any) -> Values:
    return (value,)


def _all(value: Any) -> Values:
    return tuple(value)


def _up_and_down(value: Any) -> Values:
    down, up = value
    return up, down


def _trend_and_direction(value: Any) -> Values:
    trend, direction = value
    return trend, math.nan if direction == 0 else float(direction)


def _nothing(params: Params) -> Mapping[str, Any]:
    return {}


def _period(params: Params) -> Mapping[str, Any]:
    return {"timeperiod": params["period"]}


def _macd(params: Params) -> Mapping[str, Any]:
    return {
        "fastperiod": params["fast_period"],
        "slowperiod": params["slow_period"],
        "signalperiod": params["signal_period"],
    }


def _bands(params: Params) -> Mapping[str, Any]:
    return {"timeperiod": params["period"], "nbdevup": params["multiplier"], "nbdevdn": params["multiplier"]}


def _stochastic(params: Params) -> Mapping[str, Any]:
    return {
        "fastk_period": params["k_period"],
        "slowk_period": params["smooth_k"],
        "slowd_period": params["d_period"],
    }


def _supertrend(params: Params) -> Mapping[str, Any]:
    return {"timeperiod": params["period"], "multiplier": params["multiplier"]}


_HLC = ("high", "low", "close")
_SOURCE = ("source",)

STREAMED: Mapping[str, Mapping[tuple[str, ...], Handle]] = {
    "rsi": {("",): Handle(stream.RSI, _SOURCE, _period, _one)},
    "macd": {("line", "signal", "histogram"): Handle(stream.MACD, _SOURCE, _macd, _all)},
    "bollingerbands": {("upper", "middle", "lower"): Handle(stream.BBANDS, _SOURCE, _bands, _all)},
    "atr": {("",): Handle(stream.ATR, _HLC, _period, _one)},
    "natr": {("",): Handle(stream.NATR, _HLC, _period, _one)},
    "adx": {
        ("adx",): Handle(stream.ADX, _HLC, _period, _one),
        ("plus_di",): Handle(stream.PLUS_DI, _HLC, _period, _one),
        ("minus_di",): Handle(stream.MINUS_DI, _HLC, _period, _one),
    },
    "stochastic": {("k", "d"): Handle(stream.STOCH, _HLC, _stochastic, _all)},
    "williamsr": {("",): Handle(stream.WILLR, _HLC, _period, _one)},
    "cci": {("",): Handle(stream.CCI, _HLC, _period, _one)},
    "roc": {("",): Handle(stream.ROC, _SOURCE, _period, _one)},
    "momentum": {("",): Handle(stream.MOM, _SOURCE, _period, _one)},
    "mfi": {("",): Handle(stream.MFI, (*_HLC, "volume"), _period, _one)},
    "aroon": {
        ("up", "down"): Handle(stream.AROON, ("high", "low"), _period, _up_and_down),
        ("oscillator",): Handle(stream.AROONOSC, ("high", "low"), _period, _one),
    },
    "sma": {("",): Handle(stream.SMA, _SOURCE, _period, _one)},
    "ema": {("",): Handle(stream.EMA, _SOURCE, _period, _one)},
    "wma": {("",): Handle(stream.WMA, _SOURCE, _period, _one)},
    "hma": {("",): Handle(stream.HMA, _SOURCE, _period, _one)},
    "donchianchannels": {("upper", "middle", "lower"): Handle(stream.DONCHIAN, ("high", "low"), _period, _all)},
    "supertrend": {("trend", "direction"): Handle(stream.SUPERTREND, _HLC, _supertrend, _trend_and_direction)},
    "obv": {("",): Handle(stream.OBV, ("close", "volume"), _nothing, _one)},
    "adline": {("",): Handle(stream.AD, (*_HLC, "volume"), _nothing, _one)},
}
"""Handles by type, then by the outputs that one gives; the groups are those of the formulas."""
