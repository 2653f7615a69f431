"""Trend: averages, channels of extremes, stops that follow; TA-Lib's where it has them."""

from __future__ import annotations

import numpy as np
import talib

from ktrdr.indicators.columns import Columns, Floats, Outputs, Params, divide, rolling_extremes, shifted

_AVERAGES = {"SMA": talib.SMA, "EMA": talib.EMA}


def sma(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's SMA."""
    return {"": talib.SMA(columns.source(p["source"]), p["period"])}


def ema(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's EMA."""
    return {"": talib.EMA(columns.source(p["source"]), p["period"])}


def wma(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's WMA."""
    return {"": talib.WMA(columns.source(p["source"]), p["period"])}


def distancefromma(columns: Columns, p: Params) -> Outputs:
    """100 (source - average) / average."""
    source = columns.source(p["source"])
    average = _AVERAGES[p["ma_type"]](source, p["period"])
    return {"": divide(100 * (source - average), average)}


def donchianchannels(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's DONCHIAN: extremes of the last bars, the current one included."""
    return dict(zip(("upper", "middle", "lower"), talib.DONCHIAN(columns.high, columns.low, p["period"]), strict=True))


def supertrend(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's SUPERTREND; its direction 0 means undefined."""
    trend, direction = talib.SUPERTREND(columns.high, columns.low, columns.close, p["period"], p["multiplier"])
    direction = np.asarray(direction, np.float64)
    return {"trend": trend, "direction": np.where(direction == 0, np.nan, direction)}


def parabolicsar(columns: Columns, p: Params) -> Outputs:
    """Absolute value of TA-Lib's SAREXT, the same acceleration long and short."""
    steps = (p["initial_af"], p["step_af"], p["max_af"])
    return {"": np.abs(talib.SAREXT(columns.high, columns.low, 0, 0, *steps, *steps))}


def ichimoku(columns: Columns, p: Params) -> Outputs:
    """Midpoints of extremes; the leading spans are displaced forward only, the lagging one does not exist here."""
    tenkan, kijun, span_b = (_middle(columns, p[name]) for name in ("tenkan_period", "kijun_period", "senkou_b_period"))
    ahead = p["displacement"]
    return {
        "tenkan": tenkan,
        "kijun": kijun,
        "senkou_a": shifted((tenkan + kijun) / 2, ahead),
        "senkou_b": shifted(span_b, ahead),
    }


def _middle(columns: Columns, period: int) -> Floats:
    lowest, highest = rolling_extremes(columns.low, columns.high, period)
    return (lowest + highest) / 2
