"""Triple-barrier labels, symmetric: a long and its mirror, the short, race to their targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import talib

from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.training.labels import BUY, HOLD, SELL, Labels


def triple_barrier(bars: BarSeries, unit: Floats, *, profit: float, loss: float, horizon: int) -> Labels:
    """BUY where the long reaches its target, SELL where the short does, both: the earlier, same bar: HOLD; else HOLD.

    Both enter at the close of bar t. Bars t + 1 to t + ``horizon`` count by high and low; one that touches target and
    stop stops the trade. Known at the bar of that target, or at which both are stopped, or at t + ``horizon``.

    Args:
        bars: of one symbol.
        unit: what distances are measured in [n_bars, float64, price]; where it is not finite or 0: undefined.
        profit: the target's distance in units.
        loss: the stop's distance in units.
        horizon: bars a trade may last; without that many bars to come the label is undefined, whatever came first.
    """
    labels = Labels.undefined(len(bars))
    rows = np.flatnonzero(np.isfinite(unit) & (unit > 0))
    rows = rows[rows + horizon < len(bars)]
    labels.target[rows], labels.end[rows] = HOLD, rows + horizon
    long_target, long_stop = bars.close + profit * unit, bars.close - loss * unit
    short_target, short_stop = bars.close - profit * unit, bars.close + loss * unit
    long_open = short_open = np.ones(len(rows), np.bool_)
    for ahead in range(1, horizon + 1):
        if len(rows) == 0:
            break
        now = rows + ahead
        high, low = bars.high[now], bars.low[now]
        long_lives, short_lives = long_open & (low > long_stop[rows]), short_open & (high < short_stop[rows])
        long_won, short_won = long_lives & (high >= long_target[rows]), short_lives & (low <= short_target[rows])
        labels.target[rows[long_won & ~short_won]] = BUY
        labels.target[rows[short_won & ~long_won]] = SELL
        decided = long_won | short_won | ~(long_lives | short_lives)
        labels.end[rows[decided]] = now[decided]
        rows, long_open, short_open = rows[~decided], long_lives[~decided], short_lives[~decided]
    return labels


def barrier_unit(bars: BarSeries, params: Mapping[str, Any]) -> Floats:
    """The price distance barriers are measured in [n_bars, float64, price]: an ATR, or a deviation of the returns."""
    if params["vol_method"] == "atr":
        return np.asarray(talib.ATR(bars.high, bars.low, bars.close, params["atr_period"]), np.float64)
    unit = np.full(len(bars), np.nan)
    span = params["vol_span"]
    returns = pl.Series(bars.close[1:] / bars.close[:-1] - 1.0)
    deviation = returns.ewm_std(span=span, adjust=True, bias=False).to_numpy()
    unit[span:] = deviation[span - 1 :] * bars.close[span:]
    return unit
