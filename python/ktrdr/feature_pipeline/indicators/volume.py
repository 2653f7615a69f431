"""Indicators that read volume: obv, adline, mfi, cmf, vwap, volumeratio."""

from __future__ import annotations

import numpy as np
import polars as pl
import talib

from ktrdr._types import Floats
from ktrdr.feature_pipeline.indicators.columns import Columns
from ktrdr.feature_pipeline.indicators.formula import Family, Params
from ktrdr.feature_pipeline.indicators.primitives import all_zero, ratio_or, rolling_sum
from ktrdr.time import NS_PER_DAY


def _obv(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.OBV(columns.close, columns.volume),)


def _ad_line(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.AD(columns.high, columns.low, columns.close, columns.volume),)


def _mfi(columns: Columns, params: Params) -> tuple[Floats, ...]:
    return (talib.MFI(columns.high, columns.low, columns.close, columns.volume, timeperiod=params["period"]),)


def _cmf(columns: Columns, params: Params) -> tuple[Floats, ...]:
    """Computes TA-Lib's CMF, but 0 for a window without volume or range, where its running sum leaves a residue."""
    flow = talib.CMF(columns.high, columns.low, columns.close, columns.volume, timeperiod=params["period"])
    weighed = np.where(columns.high == columns.low, 0.0, columns.volume)
    return (np.where(all_zero(weighed, params["period"]), 0.0, flow),)


def _vwap(columns: Columns, params: Params) -> tuple[Floats, ...]:
    price = columns.typical_price
    volume = columns.volume
    period = params["period"]
    if period == 0:
        return (_vwap_since_midnight(columns),)
    traded = rolling_sum(price * volume, period)
    return (ratio_or(traded, rolling_sum(volume, period), all_zero(volume, period), price),)


def _vwap_since_midnight(columns: Columns) -> Floats:
    """Computes the average since 00:00 UTC.

    The first bars, up to the length of a day, are undefined: their day may have begun before the anchor.
    """
    price = columns.typical_price
    volume = columns.volume
    frame = pl.DataFrame({"day": columns.timestamp // NS_PER_DAY, "traded": price * volume, "volume": volume})
    sums = frame.select(pl.col("traded", "volume").cum_sum().over("day"))
    volume_so_far = sums["volume"].to_numpy()
    found = ratio_or(sums["traded"].to_numpy(), volume_so_far, volume_so_far == 0, price)
    assert columns.timeframe is not None
    found[: max(NS_PER_DAY // columns.timeframe.ns, 1) - 1] = np.nan
    return found


def _volume_ratio(columns: Columns, params: Params) -> tuple[Floats, ...]:
    volume = columns.volume
    period = params["period"]
    return (ratio_or(volume, rolling_sum(volume, period) / period, all_zero(volume, period), 1.0),)


FAMILY: Family = {
    "obv": {("",): _obv},
    "adline": {("",): _ad_line},
    "mfi": {("",): _mfi},
    "cmf": {("",): _cmf},
    "vwap": {("",): _vwap},
    "volumeratio": {("",): _volume_ratio},
}
