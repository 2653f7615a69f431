"""Speed and extremes: rsi, macd, roc, momentum, cci, williamsr, stochastic, aroon, rvi, fishertransform."""

from __future__ import annotations

import numpy as np
import talib

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.formula import Family, Params, source
from ktrdr.feature_pipeline.indicators.primitives import all_zero, ratio_or, rolling_sum, shift_forward
from ktrdr.strategy.catalog.momentum import FISHER_LIMIT


def _rsi(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.RSI(source(columns, params), timeperiod=params["period"]),)


def _macd(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return talib.MACD(
        source(columns, params),
        fastperiod=params["fast_period"],
        slowperiod=params["slow_period"],
        signalperiod=params["signal_period"],
    )


def _roc(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.ROC(source(columns, params), timeperiod=params["period"]),)


def _momentum(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.MOM(source(columns, params), timeperiod=params["period"]),)


def _cci(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.CCI(columns.high, columns.low, columns.close, timeperiod=params["period"]),)


def _williams_r(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.WILLR(columns.high, columns.low, columns.close, timeperiod=params["period"]),)


def _stochastic(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return talib.STOCH(
        columns.high,
        columns.low,
        columns.close,
        fastk_period=params["k_period"],
        slowk_period=params["smooth_k"],
        slowd_period=params["d_period"],
    )


def _aroon(columns: Columns, params: Params) -> tuple[Floats, ...]:
    down, up = talib.AROON(columns.high, columns.low, timeperiod=params["period"])
    return up, down


def _aroon_oscillator(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.AROONOSC(columns.high, columns.low, timeperiod=params["period"]),)


def _symmetric(values: Floats) -> Floats:
    """Returns the mean of four bars with weights 1, 2, 2, 1 over 6; NaN for the first three."""
    found = np.full_like(values, np.nan)
    found[3:] = (values[3:] + 2.0 * values[2:-1] + 2.0 * values[1:-2] + values[:-3]) / 6.0
    return found


def _rvi(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes the relative vigor index (Ehlers, 2002): the place of closes within the ranges of their bars."""
    period = params["period"]
    if len(columns) < 4:
        return (np.full(len(columns), np.nan),) * 2
    body = rolling_sum(_symmetric(columns.close - columns.open), period)
    span = _symmetric(columns.high - columns.low)
    vigor = ratio_or(body, rolling_sum(span, period), all_zero(span, period), 0.0)
    signal = talib.SMA(vigor, timeperiod=params["signal_period"])
    return vigor, np.where(all_zero(vigor, params["signal_period"]), 0.0, signal)


def _fisher_transform(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes the Fisher transform (Ehlers, 2002) of the place of the median price in its recent range."""
    price = columns.median_price
    period = params["period"]
    lowest = talib.MIN(price, timeperiod=period)
    highest = talib.MAX(price, timeperiod=period)
    span = highest - lowest
    place = ratio_or(2.0 * (price - lowest), span, span == 0, 1.0) - 1.0
    place = np.clip(place, -FISHER_LIMIT, FISHER_LIMIT)
    fisher = talib.EMA(0.5 * np.log((1.0 + place) / (1.0 - place)), timeperiod=params["smoothing"])
    return fisher, shift_forward(fisher, 1)


FAMILY: Family = {
    "rsi": {("",): _rsi},
    "macd": {("line", "signal", "histogram"): _macd},
    "roc": {("",): _roc},
    "momentum": {("",): _momentum},
    "cci": {("",): _cci},
    "williamsr": {("",): _williams_r},
    "stochastic": {("k", "d"): _stochastic},
    "aroon": {("up", "down"): _aroon, ("oscillator",): _aroon_oscillator},
    "rvi": {("rvi", "signal"): _rvi},
    "fishertransform": {("fisher", "signal"): _fisher_transform},
}
