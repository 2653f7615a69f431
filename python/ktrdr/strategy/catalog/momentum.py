"""Indicators of speed and of extremes, without their formulas."""

from __future__ import annotations

import math

from ktrdr.strategy.catalog.indicator import (
    PERCENTAGE,
    Bounds,
    Indicator,
    Neutral,
    change_lookback,
    each,
    ema_settle,
    output,
    settle_of_wilder,
    single,
    window_lookback,
)
from ktrdr.strategy.catalog.parameter import SOURCE, Params, period


def _fast_below_slow(params: Params) -> str | None:
    return None if params["fast_period"] < params["slow_period"] else "fast_period must be below slow_period"


def _macd_lookback(params: Params) -> int:
    return int(params["slow_period"] + params["signal_period"] - 2)


def _macd_settle(params: Params) -> int:
    return ema_settle(params["slow_period"]) + ema_settle(params["signal_period"])


def _fisher_settle(params: Params) -> int:
    return ema_settle(params["smoothing"])


FISHER_LIMIT = 0.999
"""The place in its range that ``fishertransform`` clips to, since the transform of 1 is infinite."""

_FISHER_MOST = 0.5 * math.log((1.0 + FISHER_LIMIT) / (1.0 - FISHER_LIMIT))

RSI = Indicator(
    "rsi",
    "relative strength index",
    (period(14, low=2), SOURCE),
    single(change_lookback, settle_of_wilder, unit="index", bounds=PERCENTAGE, neutral=Neutral(50.0, "source")),
    "recursive",
    source_only=True,
)

MACD = Indicator(
    "macd",
    "moving average convergence divergence",
    (
        period(12, "fast_period", low=2, aliases=("fast",)),
        period(26, "slow_period", low=2, aliases=("slow",)),
        period(9, "signal_period", aliases=("signal",)),
        SOURCE,
    ),
    (
        output("line", _macd_lookback, lambda p: ema_settle(p["slow_period"]), unit="source"),
        *each("signal histogram", _macd_lookback, _macd_settle, unit="source"),
    ),
    "recursive",
    source_only=True,
    check=_fast_below_slow,
)

STOCHASTIC = Indicator(
    "stochastic",
    "stochastic oscillator",
    (period(14, "k_period"), period(3, "smooth_k"), period(3, "d_period")),
    each(
        "k d",
        lambda p: p["k_period"] + p["smooth_k"] + p["d_period"] - 3,
        unit="index",
        bounds=PERCENTAGE,
        neutral=Neutral(50.0, "bars"),
    ),
)

WILLIAMS_R = Indicator(
    "williamsr",
    "Williams %R",
    (period(14, low=2),),
    single(window_lookback, unit="index", bounds=Bounds(-100.0, 0.0), neutral=Neutral(-50.0, "bars")),
)

CCI = Indicator(
    "cci",
    "commodity channel index",
    (period(20, low=2),),
    single(window_lookback, unit="index"),
    note="0 where the typical price does not move, as in TA-Lib.",
)

ROC = Indicator(
    "roc", "rate of change", (period(10), SOURCE), single(change_lookback, unit="percent"), source_only=True
)

MOMENTUM = Indicator(
    "momentum", "momentum", (period(10), SOURCE), single(change_lookback, unit="source"), source_only=True
)

AROON = Indicator(
    "aroon",
    "Aroon",
    (period(14, low=2),),
    (
        *each("up down", change_lookback, unit="index", bounds=PERCENTAGE),
        output("oscillator", change_lookback, unit="index", bounds=Bounds(-100.0, 100.0)),
    ),
    note="Of equal extremes the last counts, as in TA-Lib: without movement up and down are 100, the oscillator 0.",
)

RVI = Indicator(
    "rvi",
    "relative vigor index",
    (period(10), period(4, "signal_period")),
    (
        output("rvi", lambda p: p["period"] + 2, unit="ratio", bounds=Bounds(-1.0, 1.0)),
        output("signal", lambda p: p["period"] + p["signal_period"] + 1, unit="ratio", bounds=Bounds(-1.0, 1.0)),
    ),
    note="Weights 1, 2, 2, 1 of close - open over high - low. 0 where no bar has a range. "
    "TA-Lib's RVI is the relative volatility index.",
)

FISHER_TRANSFORM = Indicator(
    "fishertransform",
    "Fisher transform",
    (period(10, low=2), period(3, "smoothing")),
    (
        output(
            "fisher",
            lambda p: p["period"] + p["smoothing"] - 2,
            _fisher_settle,
            unit="index",
            bounds=Bounds(-_FISHER_MOST, _FISHER_MOST),
        ),
        output(
            "signal",
            lambda p: p["period"] + p["smoothing"] - 1,
            _fisher_settle,
            unit="index",
            bounds=Bounds(-_FISHER_MOST, _FISHER_MOST),
        ),
    ),
    "recursive",
    note="Ehlers' transform of the median price's place in its range, clipped at 0.999, then smoothed. "
    "The place is the middle where the price does not move. signal is fisher one bar before.",
)

FAMILY = (RSI, MACD, STOCHASTIC, WILLIAMS_R, CCI, ROC, MOMENTUM, AROON, RVI, FISHER_TRANSFORM)
