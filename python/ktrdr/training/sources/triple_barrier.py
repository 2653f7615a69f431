"""Triple-barrier labels, symmetric: a long trade and its mirror, a short one, race to their targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import talib

from ktrdr._types import Flags, Floats, RowNumbers
from ktrdr.data.bars import BarSeries
from ktrdr.training.sources.base import BUY, HOLD, SELL, Labels


@dataclass(frozen=True, eq=False)
class _Race:
    """Bars whose label is open: their rows, and which of the two trades no stop has ended."""

    rows: RowNumbers
    long_open: Flags
    short_open: Flags


def triple_barrier(bars: BarSeries, unit: Floats, *, profit: float, loss: float, horizon_bars: int) -> Labels:
    """Returns BUY where the long reaches its target first, SELL where the short does, else HOLD.

    Both enter at the close of bar t. Bars t + 1 to t + ``horizon_bars`` count by high and low. A bar that touches
    target and stop stops the trade; a bar that ends both races by a target gives HOLD. The label is known at the bar
    of that target, or at which both trades are stopped, or at t + ``horizon_bars``.

    Args:
        bars: of one symbol.
        unit: the unit of both distances [n_bars, float64, price]; no label where it is not finite or 0.
        profit: distance of the target, in units.
        loss: distance of the stop, in units.
        horizon_bars: bars a trade may last; a bar with fewer bars after it has no label.
    """
    labels = Labels.undefined(len(bars))
    rows = np.flatnonzero(np.isfinite(unit) & (unit > 0))
    rows = rows[rows + horizon_bars < len(bars)]
    labels.target[rows] = HOLD
    labels.end[rows] = rows + horizon_bars
    reach = profit * unit
    risk = loss * unit
    race = _Race(rows, np.ones(len(rows), np.bool_), np.ones(len(rows), np.bool_))
    for ahead in range(1, horizon_bars + 1):
        if len(race.rows) == 0:
            break
        race = _next_bar(race, ahead, bars, reach, risk, labels)
    return labels


def _next_bar(race: _Race, ahead: int, bars: BarSeries, reach: Floats, risk: Floats, labels: Labels) -> _Race:
    """Writes the labels that bar t + ``ahead`` decides, and returns the races that stay open."""
    now = race.rows + ahead
    high = bars.high[now]
    low = bars.low[now]
    entry = bars.close[race.rows]
    reach = reach[race.rows]
    risk = risk[race.rows]
    long_lives = race.long_open & (low > entry - risk)
    short_lives = race.short_open & (high < entry + risk)
    long_won = long_lives & (high >= entry + reach)
    short_won = short_lives & (low <= entry - reach)
    labels.target[race.rows[long_won & ~short_won]] = BUY
    labels.target[race.rows[short_won & ~long_won]] = SELL
    decided = long_won | short_won | ~(long_lives | short_lives)
    labels.end[race.rows[decided]] = now[decided]
    return _Race(race.rows[~decided], long_lives[~decided], short_lives[~decided])


def barrier_unit(bars: BarSeries, params: Mapping[str, Any]) -> Floats:
    """Returns the unit of the barriers [n_bars, float64, price]: an ATR, or close times a deviation of returns."""
    if params["vol_method"] == "atr":
        return np.asarray(talib.ATR(bars.high, bars.low, bars.close, params["atr_period"]), np.float64)
    unit = np.full(len(bars), np.nan)
    span_bars = params["vol_span"]
    returns = pl.Series(bars.close[1:] / bars.close[:-1] - 1.0)
    deviation = returns.ewm_std(span=span_bars, adjust=True, bias=False).to_numpy()
    unit[span_bars:] = deviation[span_bars - 1 :] * bars.close[span_bars:]
    return unit
