"""Volatility: bands, ranges, and how tightly one lies in the other."""

from __future__ import annotations

import numpy as np
import talib

from ktrdr.indicators.columns import Columns, Floats, Outputs, Params, divide, rolling_extremes

_SQUEEZE_ATR_PERIOD = 10


def atr(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's ATR."""
    return {"": talib.ATR(columns.high, columns.low, columns.close, p["period"])}


def natr(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's NATR."""
    return {"": talib.NATR(columns.high, columns.low, columns.close, p["period"])}


def bollingerbands(columns: Columns, p: Params) -> Outputs:
    """TA-Lib's BBANDS."""
    source, width = columns.source(p["source"]), float(p["multiplier"])
    return dict(zip(("upper", "middle", "lower"), talib.BBANDS(source, p["period"], width, width), strict=True))


def bollingerbandwidth(columns: Columns, p: Params) -> Outputs:
    """(upper - lower) / middle of the Bollinger bands."""
    bands = bollingerbands(columns, p)
    return {"": divide(bands["upper"] - bands["lower"], bands["middle"])}


def keltnerchannels(columns: Columns, p: Params) -> Outputs:
    """EMA of the close and multiples of Wilder's ATR around it."""
    upper, middle, lower = _keltner(columns, columns.close, p["period"], p["atr_period"], p["multiplier"])
    return {"upper": upper, "middle": middle, "lower": lower}


def _keltner(
    columns: Columns, source: Floats, period: int, atr_period: int, multiplier: float
) -> tuple[Floats, Floats, Floats]:
    middle = talib.EMA(source, period)
    reach = multiplier * talib.ATR(columns.high, columns.low, columns.close, atr_period)
    return middle + reach, middle, middle - reach


def squeezeintensity(columns: Columns, p: Params) -> Outputs:
    """How deep the Bollinger bands lie inside the Keltner channel, as a share of its width; 0 outside it.

    max(0, min((KCu - BBu) / w, (BBl - KCl) / w)), w the channel's width; a channel without width gives 0.
    """
    source, width = columns.source(p["source"]), float(p["bb_multiplier"])
    upper, _, lower = talib.BBANDS(source, p["bb_period"], width, width)
    top, _, bottom = _keltner(columns, source, p["kc_period"], _SQUEEZE_ATR_PERIOD, p["kc_multiplier"])
    span = top - bottom
    depth = np.minimum(divide(top - upper, span), divide(lower - bottom, span))
    lowest, highest = rolling_extremes(columns.low, columns.high, 2)
    still = (span == 0) & (lowest == highest)
    return {"": np.where(still, 0.0, np.where(np.isnan(depth), np.nan, np.maximum(depth, 0.0)))}
