"""Moving averages and indicators that follow a trend, without their formulas."""

from __future__ import annotations

import math
from collections.abc import Callable

from ktrdr.strategy.catalog.indicator import (
    NOT_NEGATIVE,
    PERCENTAGE,
    Bounds,
    Indicator,
    Kind,
    Neutral,
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
_NO_TREND = Neutral(0.0, "bars")


def _moving_average(
    type_: str, title: str, alias: str, kind: Kind, settle: Callable[[Params], int] = at_once
) -> Indicator:
    return Indicator(
        type_,
        title,
        (period(20), SOURCE),
        single(window_lookback, settle, unit="source"),
        kind,
        (alias,),
        source_only=True,
    )


def _hull_lookback(params: Params) -> int:
    """Returns the lookback of a window of ``period``, then one of the whole part of its root."""
    return int(params["period"]) + math.isqrt(params["period"]) - 2


def _settle_of_ma_type(params: Params) -> int:
    return ema_settle(params["period"]) if params["ma_type"] == "EMA" else 0


def _initial_below_max(params: Params) -> str | None:
    return None if params["initial_af"] <= params["max_af"] else "initial_af must not exceed max_af"


SMA = _moving_average("sma", "simple moving average", "simplemovingaverage", "windowed")
EMA = _moving_average("ema", "exponential moving average", "exponentialmovingaverage", "recursive", settle_of_ema)
WMA = _moving_average("wma", "weighted moving average", "weightedmovingaverage", "windowed")

HMA = Indicator(
    "hma",
    "Hull moving average",
    (period(20, low=2), SOURCE),
    single(_hull_lookback, unit="source"),
    aliases=("hullmovingaverage",),
    source_only=True,
)

DISTANCE_FROM_MA = Indicator(
    "distancefromma",
    "distance from a moving average",
    (period(20), MA_TYPE, SOURCE),
    single(window_lookback, _settle_of_ma_type, unit="percent"),
    "recursive",
    source_only=True,
    note="100 (source - average) / average.",
)

ADX = Indicator(
    "adx",
    "average directional index",
    (period(14, low=2),),
    (
        output(
            "adx",
            lambda p: 2 * p["period"] - 1,
            lambda p: 2 * wilder_settle(p["period"]),
            unit="index",
            bounds=PERCENTAGE,
            neutral=_NO_TREND,
        ),
        *each(
            "plus_di minus_di",
            change_lookback,
            settle_of_wilder,
            unit="index",
            bounds=PERCENTAGE,
            neutral=_NO_TREND,
        ),
    ),
    "recursive",
)

SUPERTREND = Indicator(
    "supertrend",
    "Supertrend",
    (period(10, low=2), multiplier(3.0)),
    (
        output("trend", change_lookback, settle_of_wilder, unit="price"),
        output("direction", change_lookback, settle_of_wilder, unit="sign", bounds=Bounds(-1.0, 1.0)),
    ),
    "path_dependent",
    note="direction is 1 above the trend and -1 below it; it starts at 1.",
)

PARABOLIC_SAR = Indicator(
    "parabolicsar",
    "parabolic stop and reverse",
    (acceleration(0.02, "initial_af"), acceleration(0.02, "step_af"), acceleration(0.2, "max_af")),
    single(lambda p: 1, lambda p: _SAR_SETTLE_BARS, unit="price", bounds=NOT_NEGATIVE),
    "path_dependent",
    check=_initial_below_max,
    note="The absolute value of TA-Lib's SAREXT.",
)

ICHIMOKU = Indicator(
    "ichimoku",
    "Ichimoku cloud",
    (
        period(9, "tenkan_period", low=2),
        period(26, "kijun_period", low=2),
        period(52, "senkou_b_period", low=2),
        period(26, "displacement"),
    ),
    (
        output("tenkan", lambda p: p["tenkan_period"] - 1, unit="price"),
        output("kijun", lambda p: p["kijun_period"] - 1, unit="price"),
        output(
            "senkou_a",
            lambda p: max(p["tenkan_period"], p["kijun_period"]) - 1 + p["displacement"],
            unit="price",
        ),
        output("senkou_b", lambda p: p["senkou_b_period"] - 1 + p["displacement"], unit="price"),
    ),
    note="senkou_a and senkou_b are moved forward only. chikou would look ahead, so it does not exist.",
)

FAMILY = (SMA, EMA, WMA, HMA, DISTANCE_FROM_MA, ADX, SUPERTREND, PARABOLIC_SAR, ICHIMOKU)
