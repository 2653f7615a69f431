"""Indicators of the market's width, without their formulas."""

from __future__ import annotations

from ktrdr.strategy.catalog.indicator import (
    NOT_NEGATIVE,
    Bounds,
    Indicator,
    Neutral,
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


ATR = Indicator(
    "atr",
    "average true range",
    (period(14),),
    single(change_lookback, settle_of_wilder, unit="price", bounds=NOT_NEGATIVE),
    "recursive",
)

NATR = Indicator(
    "natr",
    "normalized average true range",
    (period(14),),
    single(change_lookback, settle_of_wilder, unit="percent", bounds=NOT_NEGATIVE),
    "recursive",
)

BOLLINGER_BANDS = Indicator(
    "bollingerbands",
    "Bollinger bands",
    (period(20, low=2), multiplier(2.0), SOURCE),
    each("upper middle lower", window_lookback, unit="source"),
    aliases=("bbands",),
    source_only=True,
)

BOLLINGER_BAND_WIDTH = Indicator(
    "bollingerbandwidth",
    "width of the Bollinger bands",
    (period(20, low=2), multiplier(2.0), SOURCE),
    single(window_lookback, unit="ratio"),
    source_only=True,
    note="(upper - lower) / middle.",
)

KELTNER_CHANNELS = Indicator(
    "keltnerchannels",
    "Keltner channels",
    (period(20, low=2), period(10, "atr_period", low=2), multiplier(2.0)),
    (
        output("upper", _keltner_lookback, _keltner_settle, unit="price"),
        output("middle", window_lookback, settle_of_ema, unit="price"),
        output("lower", _keltner_lookback, _keltner_settle, unit="price"),
    ),
    "recursive",
    note="The exponential average of the close, plus and minus a multiple of the ATR.",
)

DONCHIAN_CHANNELS = Indicator(
    "donchianchannels",
    "Donchian channels",
    (period(20, low=2),),
    each("upper middle lower", window_lookback, unit="price"),
    note="Extremes of the last bars, the current one included.",
)

SQUEEZE_INTENSITY = Indicator(
    "squeezeintensity",
    "squeeze intensity",
    (
        period(20, "bb_period", low=2),
        multiplier(2.0, "bb_multiplier"),
        period(20, "kc_period"),
        multiplier(2.0, "kc_multiplier"),
        SOURCE,
    ),
    single(_squeeze_lookback, _squeeze_settle, unit="ratio", bounds=Bounds(0.0, 0.5), neutral=Neutral(0.0, "bars")),
    "recursive",
    note="The depth of the Bollinger bands inside a Keltner channel of ATR period 10, in widths of the channel.",
)

FAMILY = (ATR, NATR, BOLLINGER_BANDS, BOLLINGER_BAND_WIDTH, KELTNER_CHANNELS, DONCHIAN_CHANNELS, SQUEEZE_INTENSITY)
