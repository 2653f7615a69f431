"""Moving averages and indicators that follow a trend, without their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

from ktrdr.strategy.catalog.indicator import (
    Indicator,
    Kind,
    at_once,
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
from ktrdr.strategy.catalog.parameter import MA_TYPE, SOURCE, Params, acceleration, multiplier, period

_SAR_SETTLE_BARS = 70


def _moving_average(type_: str, alias: str, kind: Kind, settle: Callable[[Params], int] = at_once) -> Indicator:
    return Indicator(
        type_,
        (period(20), SOURCE),
        single(window_lookback, settle),
        kind,
        (alias,),
        source_only=True,
        in_price_units=True,
    )


def _hull_lookback(params: Params) -> int:
    """Returns the lookback of a window of ``period``, then one of the whole part of its root."""
    return int(params["period"]) + math.isqrt(params["period"]) - 2


def _settle_of_ma_type(params: Params) -> int:
    return ema_settle(params["period"]) if params["ma_type"] == "EMA" else 0


def _initial_below_max(params: Params) -> str | None:
    return None if params["initial_af"] <= params["max_af"] else "initial_af must not exceed max_af"


SMA = _moving_average("sma", "simplemovingaverage", "windowed")
EMA = _moving_average("ema", "exponentialmovingaverage", "recursive", settle_of_ema)
WMA = _moving_average("wma", "weightedmovingaverage", "windowed")

HMA = Indicator(
    "hma",
    (period(20, low=2), SOURCE),
    single(_hull_lookback),
    aliases=("hullmovingaverage",),
    source_only=True,
    in_price_units=True,
)

DISTANCE_FROM_MA = Indicator(
    "distancefromma",
    (period(20), MA_TYPE, SOURCE),
    single(window_lookback, _settle_of_ma_type),
    "recursive",
    source_only=True,
)

ADX = Indicator(
    "adx",
    (period(14, low=2),),
    (
        output("adx", lambda p: 2 * p["period"] - 1, lambda p: 2 * wilder_settle(p["period"])),
        *each("plus_di minus_di", change_lookback, settle_of_wilder),
    ),
    "recursive",
)

SUPERTREND = Indicator(
    "supertrend",
    (period(10, low=2), multiplier(3.0)),
    each("trend direction", change_lookback, settle_of_wilder),
    "path_dependent",
    in_price_units=True,
)

PARABOLIC_SAR = Indicator(
    "parabolicsar",
    (acceleration(0.02, "initial_af"), acceleration(0.02, "step_af"), acceleration(0.2, "max_af")),
    single(lambda p: 1, lambda p: _SAR_SETTLE_BARS),
    "path_dependent",
    check=_initial_below_max,
    in_price_units=True,
)

ICHIMOKU = Indicator(
    "ichimoku",
    (
        period(9, "tenkan_period", low=2),
        period(26, "kijun_period", low=2),
        period(52, "senkou_b_period", low=2),
        period(26, "displacement"),
    ),
    (
        output("tenkan", lambda p: p["tenkan_period"] - 1),
        output("kijun", lambda p: p["kijun_period"] - 1),
        output("senkou_a", lambda p: max(p["tenkan_period"], p["kijun_period"]) - 1 + p["displacement"]),
        output("senkou_b", lambda p: p["senkou_b_period"] - 1 + p["displacement"]),
    ),
    in_price_units=True,
)

FAMILY = (SMA, EMA, WMA, HMA, DISTANCE_FROM_MA, ADX, SUPERTREND, PARABOLIC_SAR, ICHIMOKU)
