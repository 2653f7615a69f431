"""Width of the market: atr, natr, Bollinger bands and width, Keltner and Donchian channels, squeezeintensity."""

from __future__ import annotations

import numpy as np
import talib

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.formula import Family, Params, source
from ktrdr.feature_pipeline.indicators.primitives import ratio, ratio_or
from ktrdr.strategy.catalog.volatility import SQUEEZE_ATR_PERIOD


def _atr(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (average_true_range(columns, params["period"]),)


def average_true_range(columns: Columns, period: int) -> Floats:
    """Returns TA-Lib's ATR (Wilder), ``[n_bars, float64, price]``."""
    return talib.ATR(columns.high, columns.low, columns.close, timeperiod=period)


def _natr(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.NATR(columns.high, columns.low, columns.close, timeperiod=params["period"]),)


def _bands(price: Floats, period: int, multiplier: float) -> tuple[Floats, Floats, Floats]:
    return talib.BBANDS(price, timeperiod=period, nbdevup=multiplier, nbdevdn=multiplier)


def _bollinger_bands(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return _bands(source(columns, params), params["period"], params["multiplier"])


def _bollinger_band_width(columns: Columns, params: Params) -> tuple[Floats, ...]:
    upper, middle, lower = _bands(source(columns, params), params["period"], params["multiplier"])
    return (ratio(upper - lower, middle),)


def _keltner_middle(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.EMA(columns.close, timeperiod=params["period"]),)


def _keltner_bands(columns: Columns, params: Params) -> tuple[Floats, ...]:
    (middle,) = _keltner_middle(columns, params)
    reach = params["multiplier"] * average_true_range(columns, params["atr_period"])
    return middle + reach, middle - reach


def _donchian_channels(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return talib.DONCHIAN(columns.high, columns.low, timeperiod=params["period"])


def _squeeze_intensity(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes the depth of the Bollinger bands inside the Keltner channel, in widths of the channel, 0 to 0.5."""
    price = source(columns, params)
    upper, _, lower = _bands(price, params["bb_period"], params["bb_multiplier"])
    middle = talib.EMA(price, timeperiod=params["kc_period"])
    reach = params["kc_multiplier"] * average_true_range(columns, SQUEEZE_ATR_PERIOD)
    above = middle + reach - upper
    below = lower - (middle - reach)
    flat = reach == 0
    inside = np.minimum(ratio_or(above, 2.0 * reach, flat, 0.0), ratio_or(below, 2.0 * reach, flat, 0.0))
    return (np.maximum(inside, 0.0),)


FAMILY: Family = {
    "atr": {("",): _atr},
    "natr": {("",): _natr},
    "bollingerbands": {("upper", "middle", "lower"): _bollinger_bands},
    "bollingerbandwidth": {("",): _bollinger_band_width},
    "keltnerchannels": {("upper", "lower"): _keltner_bands, ("middle",): _keltner_middle},
    "donchianchannels": {("upper", "middle", "lower"): _donchian_channels},
    "squeezeintensity": {("",): _squeeze_intensity},
}
