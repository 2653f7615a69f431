"""Indicators that read volume, without their formulas."""

from __future__ import annotations

from ktrdr.strategy.catalog.indicator import (
    PERCENTAGE,
    Bounds,
    Indicator,
    Neutral,
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


OBV = Indicator(
    "obv", "on-balance volume", (), single(_from_first_bar, unit="volume"), "never", reads_volume=always_volume
)

AD_LINE = Indicator(
    "adline",
    "accumulation and distribution line",
    (),
    single(_from_first_bar, unit="volume"),
    "never",
    reads_volume=always_volume,
)

MFI = Indicator(
    "mfi",
    "money flow index",
    (period(14, low=2),),
    single(change_lookback, unit="index", bounds=PERCENTAGE, neutral=Neutral(50.0, "typical price")),
    reads_volume=always_volume,
    note="0 where prices move without volume, as in TA-Lib.",
)

CMF = Indicator(
    "cmf",
    "Chaikin money flow",
    (period(21, low=2),),
    single(window_lookback, unit="ratio", bounds=Bounds(-1.0, 1.0)),
    reads_volume=always_volume,
    note="0 where no bar has both a range and volume.",
)

VWAP = Indicator(
    "vwap",
    "volume-weighted average price",
    (period(20, low=0),),
    (Output("", _vwap_lookback, at_once),),
    reads_volume=always_volume,
    note="Of the last bars, or since 00:00 UTC with period 0. The typical price where there is no volume. "
    "TA-Lib's VWAP is another.",
)

VOLUME_RATIO = Indicator(
    "volumeratio",
    "volume by its average",
    (period(20),),
    single(window_lookback, unit="ratio", bounds=Bounds(0.0, "period")),
    reads_volume=always_volume,
    note="1 where there is no volume.",
)

FAMILY = (OBV, AD_LINE, MFI, CMF, VWAP, VOLUME_RATIO)
