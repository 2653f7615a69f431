"""Indicators of speed and of extremes, without their formulas."""

from __future__ import annotations

from ktrdr.strategy.catalog.indicator import (
    Indicator,
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


RSI = Indicator(
    "rsi",
    (period(14, low=2), SOURCE),
    single(change_lookback, settle_of_wilder),
    "recursive",
    source_only=True,
)

MACD = Indicator(
    "macd",
    (
        period(12, "fast_period", low=2, aliases=("fast",)),
        period(26, "slow_period", low=2, aliases=("slow",)),
        period(9, "signal_period", aliases=("signal",)),
        SOURCE,
    ),
    (
        output("line", _macd_lookback, lambda p: ema_settle(p["slow_period"])),
        *each("signal histogram", _macd_lookback, _macd_settle),
    ),
    "recursive",
    source_only=True,
    check=_fast_below_slow,
    in_price_units=True,
)

STOCHASTIC = Indicator(
    "stochastic",
    (period(14, "k_period"), period(3, "smooth_k"), period(3, "d_period")),
    each("k d", lambda p: p["k_period"] + p["smooth_k"] + p["d_period"] - 3),
)

WILLIAMS_R = Indicator("williamsr", (period(14, low=2),), single(window_lookback))
CCI = Indicator("cci", (period(20, low=2),), single(window_lookback))
ROC = Indicator("roc", (period(10), SOURCE), single(change_lookback), source_only=True)
MOMENTUM = Indicator("momentum", (period(10), SOURCE), single(change_lookback), source_only=True, in_price_units=True)
AROON = Indicator("aroon", (period(14, low=2),), each("up down oscillator", change_lookback))

RVI = Indicator(
    "rvi",
    (period(10), period(4, "signal_period")),
    (
        output("rvi", lambda p: p["period"] + 2),
        output("signal", lambda p: p["period"] + p["signal_period"] + 1),
    ),
)

FISHER_TRANSFORM = Indicator(
    "fishertransform",
    (period(10, low=2), period(3, "smoothing")),
    (
        output("fisher", lambda p: p["period"] + p["smoothing"] - 2, _fisher_settle),
        output("signal", lambda p: p["period"] + p["smoothing"] - 1, _fisher_settle),
    ),
    "recursive",
)

FAMILY = (RSI, MACD, STOCHASTIC, WILLIAMS_R, CCI, ROC, MOMENTUM, AROON, RVI, FISHER_TRANSFORM)
