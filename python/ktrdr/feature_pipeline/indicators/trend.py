"""Moving averages and trend: sma, ema, wma, hma, distancefromma, adx, supertrend, parabolicsar, ichimoku."""

from __future__ import annotations

import numpy as np
import talib

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.formula import Family, Params, source
from ktrdr.feature_pipeline.indicators.primitives import ratio, shift_forward


def _sma(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.SMA(source(columns, params), timeperiod=params["period"]),)


def _ema(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.EMA(source(columns, params), timeperiod=params["period"]),)


def _wma(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.WMA(source(columns, params), timeperiod=params["period"]),)


def _hma(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes WMA(2 WMA(source, n / 2) - WMA(source, n), sqrt n), both lengths rounded down."""
    return (talib.HMA(source(columns, params), timeperiod=params["period"]),)


def _distance_from_ma(columns: Columns, params: Params) -> tuple[Floats, ...]:
    price = source(columns, params)
    average = talib.EMA if params["ma_type"] == "EMA" else talib.SMA
    mean = average(price, timeperiod=params["period"])
    return (ratio(100.0 * (price - mean), mean),)


def _adx(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.ADX(columns.high, columns.low, columns.close, timeperiod=params["period"]),)


def _plus_di(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.PLUS_DI(columns.high, columns.low, columns.close, timeperiod=params["period"]),)


def _minus_di(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.MINUS_DI(columns.high, columns.low, columns.close, timeperiod=params["period"]),)


def _supertrend(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes TA-Lib's SUPERTREND; a direction of 0 means undefined there."""
    trend, direction = talib.SUPERTREND(
        columns.high, columns.low, columns.close, timeperiod=params["period"], multiplier=params["multiplier"]
    )
    return trend, np.where(direction == 0, np.nan, direction.astype(np.float64))


def _parabolic_sar(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes the absolute value of TA-Lib's SAREXT, which marks short positions by a negative sign."""
    first = params["initial_af"]
    step = params["step_af"]
    most = params["max_af"]
    level = talib.SAREXT(
        columns.high,
        columns.low,
        accelerationinitlong=first,
        accelerationlong=step,
        accelerationmaxlong=most,
        accelerationinitshort=first,
        accelerationshort=step,
        accelerationmaxshort=most,
    )
    return (np.abs(level),)


def _midpoint(columns: Columns, period: int) -> Floats:
    """Returns (highest high + lowest low) / 2 of the last ``period`` bars."""
    return talib.MIDPRICE(columns.high, columns.low, timeperiod=period)


def _tenkan(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (_midpoint(columns, params["tenkan_period"]),)


def _kijun(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (_midpoint(columns, params["kijun_period"]),)


def _senkou_a(columns: Columns, params: Params) -> tuple[Floats, ...]:
    middle = (_midpoint(columns, params["tenkan_period"]) + _midpoint(columns, params["kijun_period"])) / 2.0
    return (shift_forward(middle, params["displacement"]),)


def _senkou_b(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (shift_forward(_midpoint(columns, params["senkou_b_period"]), params["displacement"]),)


FAMILY: Family = {
    "sma": {("",): _sma},
    "ema": {("",): _ema},
    "wma": {("",): _wma},
    "hma": {("",): _hma},
    "distancefromma": {("",): _distance_from_ma},
    "adx": {("adx",): _adx, ("plus_di",): _plus_di, ("minus_di",): _minus_di},
    "supertrend": {("trend", "direction"): _supertrend},
    "parabolicsar": {("",): _parabolic_sar},
    "ichimoku": {("tenkan",): _tenkan, ("kijun",): _kijun, ("senkou_a",): _senkou_a, ("senkou_b",): _senkou_b},
}
