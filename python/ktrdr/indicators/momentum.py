"""Momentum: TA-Lib's, and the relative vigour index and Fisher transform it lacks."""

from __future__ import annotations

import numpy as np
import talib

from ktrdr.indicators.columns import Columns, Floats, Outputs, Params, divide, rolling_extremes, rolling_sum, shifted


def rsi(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's RSI."""
    return {"": talib.RSI(columns.source(p["source"]), p["period"])}


def macd(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's MACD."""
    found = talib.MACD(columns.source(p["source"]), p["fast_period"], p["slow_period"], p["signal_period"])
    return dict(zip(("line", "signal", "histogram"), found, strict=True))


def adx(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's ADX and its two directional indicators."""
    prices = (columns.high, columns.low, columns.close, p["period"])
    return {"adx": talib.ADX(*prices), "plus_di": talib.PLUS_DI(*prices), "minus_di": talib.MINUS_DI(*prices)}


def stochastic(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's STOCH with simple averages."""
    found = talib.STOCH(
        columns.high, columns.low, columns.close,
        fastk_period=p["k_period"], slowk_period=p["smooth_k"], slowd_period=p["d_period"],
    )  # fmt: skip
    return dict(zip(("k", "d"), found, strict=True))


def williamsr(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's WILLR."""
    return {"": talib.WILLR(columns.high, columns.low, columns.close, p["period"])}


def cci(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's CCI."""
    return {"": talib.CCI(columns.high, columns.low, columns.close, p["period"])}


def roc(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's ROC."""
    return {"": talib.ROC(columns.source(p["source"]), p["period"])}


def momentum(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's MOM."""
    return {"": talib.MOM(columns.source(p["source"]), p["period"])}


def aroon(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's AROON and AROONOSC."""
    down, up = talib.AROON(columns.high, columns.low, p["period"])
    return {"up": up, "down": down, "oscillator": talib.AROONOSC(columns.high, columns.low, p["period"])}


def rvi(columns: Columns, p: Params) -> Outputs:
    """Relative vigour index: smoothed close - open over smoothed high - low; a window of zeros gives 0.

    Source: J. Ehlers, "Relative Vigor Index" (2002); weights 1, 2, 2, 1 over 6.
    """
    move, reach = columns.close - columns.open, columns.high - columns.low
    above, below = (talib.SMA(_weighted(part), p["period"]) for part in (move, reach))
    still = rolling_sum((reach != 0).astype(np.float64), p["period"] + 3) == 0
    found = np.where(still, 0.0, divide(above, below))
    return {"rvi": found, "signal": talib.SMA(found, p["signal_period"])}


def _weighted(values: Floats) -> Floats:
    return (values + 2 * shifted(values, 1) + 2 * shifted(values, 2) + shifted(values, 3)) / 6


def fishertransform(columns: Columns, p: Params) -> Outputs:
    """Fisher transform of the median price in its range: EMA of 0.5 ln((1 + x) / (1 - x)), x clipped to 0.999.

    Source: J. Ehlers, "Using the Fisher Transform" (2002); a flat window gives x = 0.
    """
    median = (columns.high + columns.low) / 2
    lowest, highest = rolling_extremes(median, median, p["period"])
    reach = highest - lowest
    x = np.clip(np.where(reach == 0, 0.0, divide(2 * (median - lowest), reach) - 1), -0.999, 0.999)
    fisher = talib.EMA(0.5 * np.log((1 + x) / (1 - x)), p["smoothing"])
    return {"fisher": fisher, "signal": shifted(fisher, 1)}
