"""Indicators of the market's width, without their formulas."""

from __future__ import annotations

from ktrdr.strategy.catalog.indicator import (
    Indicator,
    change_lookback,
    each,
    ema_settle,
    output,
    settle_of_ema,
    settle_of_wilder,
    single,
    wilder_settle,
    window_lookback,
)
from ktrdr.strategy.catalog.parameter import SOURCE, Params, multiplier, period

SQUEEZE_ATR_PERIOD = 10
"""Period of the ATR in the Keltner channel of ``squeezeintensity``, in bars."""


def _keltner_lookback(params: Params) -> int:
    return int(max(params["period"] - 1, params["atr_period"]))


def _keltner_settle(params: Params) -> int:
    return max(ema_settle(params["period"]), wilder_settle(params["atr_period"]))


def _squeeze_lookback(params: Params) -> int:
    return int(max(params["bb_period"] - 1, params["kc_period"] - 1, SQUEEZE_ATR_PERIOD))


def _squeeze_settle(params: Params) -> int:
    return max(ema_settle(params["kc_period"]), wilder_settle(SQUEEZE_ATR_PERIOD))


ATR = Indicator("atr", (period(14),), single(change_lookback, settle_of_wilder), "recursive", in_price_units=True)
NATR = Indicator("natr", (period(14),), single(change_lookback, settle_of_wilder), "recursive")

BOLLINGER_BANDS = Indicator(
    "bollingerbands",
    (period(20, low=2), multiplier(2.0), SOURCE),
    each("upper middle lower", window_lookback),
    aliases=("bbands",),
    source_only=True,
    in_price_units=True,
)

BOLLINGER_BAND_WIDTH = Indicator(
    "bollingerbandwidth", (period(20, low=2), multiplier(2.0), SOURCE), single(window_lookback), source_only=True
)

KELTNER_CHANNELS = Indicator(
    "keltnerchannels",
    (period(20, low=2), period(10, "atr_period", low=2), multiplier(2.0)),
    (
        output("upper", _keltner_lookback, _keltner_settle),
        output("middle", window_lookback, settle_of_ema),
        output("lower", _keltner_lookback, _keltner_settle),
    ),
    "recursive",
    in_price_units=True,
)

DONCHIAN_CHANNELS = Indicator(
    "donchianchannels", (period(20, low=2),), each("upper middle lower", window_lookback), in_price_units=True
)

SQUEEZE_INTENSITY = Indicator(
    "squeezeintensity",
    (
        period(20, "bb_period", low=2),
        multiplier(2.0, "bb_multiplier"),
        period(20, "kc_period"),
        multiplier(2.0, "kc_multiplier"),
        SOURCE,
    ),
    single(_squeeze_lookback, _squeeze_settle),
    "recursive",
)

FAMILY = (ATR, NATR, BOLLINGER_BANDS, BOLLINGER_BAND_WIDTH, KELTNER_CHANNELS, DONCHIAN_CHANNELS, SQUEEZE_INTENSITY)
