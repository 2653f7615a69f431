"""Indicators that read volume, without their formulas."""

from __future__ import annotations

from ktrdr.strategy.catalog.indicator import (
    Indicator,
    Output,
    always_volume,
    at_once,
    change_lookback,
    single,
    window_lookback,
)
from ktrdr.strategy.catalog.parameter import Params, period


def _from_first_bar(params: Params) -> int:
    return 0


def _vwap_lookback(params: Params, bars_per_day: int) -> int:
    return int(params["period"] or max(bars_per_day, 1)) - 1


OBV = Indicator("obv", (), single(_from_first_bar), "never", reads_volume=always_volume)
AD_LINE = Indicator("adline", (), single(_from_first_bar), "never", reads_volume=always_volume)
MFI = Indicator("mfi", (period(14, low=2),), single(change_lookback), reads_volume=always_volume)
CMF = Indicator("cmf", (period(21, low=2),), single(window_lookback), reads_volume=always_volume)
VWAP = Indicator(
    "vwap",
    (period(20, low=0),),
    (Output("", _vwap_lookback, at_once),),
    reads_volume=always_volume,
    in_price_units=True,
)
VOLUME_RATIO = Indicator("volumeratio", (period(20),), single(window_lookback), reads_volume=always_volume)

FAMILY = (OBV, AD_LINE, MFI, CMF, VWAP, VOLUME_RATIO)
