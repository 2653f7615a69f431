"""The equity frame: the core stores one number per bar, the other columns follow from fills and bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.simulation.ledger import EQUITY, CoreColumns


@dataclass(frozen=True, eq=False)
class EquityCurve:
    """Inputs of an equity frame, for a run that may continue after it.

    Args:
        core: the run.
        bars: bars from row ``first_row`` of the run on.
        first_row: row of the run that is row 0 of ``bars``.
        history: equity frame of earlier bars, of a run that was restored without them.
        next_bar: one past the last bar of the curve.
    """

    core: _core.Simulation
    bars: BarSeries
    first_row: int
    history: pl.DataFrame | None
    next_bar: int

    @property
    def _first_bar(self) -> int:
        """Returns the first bar that is not history."""
        first = self.core.warmup_bars
        return first if self.history is None else first + len(self.history)

    @property
    def times(self) -> NDArray[np.int64]:
        """Returns the stamps of the curve, [n_points, int64, ns UTC]."""
        low = min(self._first_bar, self.next_bar) - self.first_row
        fresh = self.bars.timestamp[low : self.next_bar - self.first_row]
        if self.history is None:
            return np.ascontiguousarray(fresh)
        return np.concatenate([self.history["time"].dt.timestamp("ns").to_numpy(), fresh])

    def frame(self, fills: CoreColumns) -> pl.DataFrame:
        """Returns the whole frame; ``fills`` are the columns of the fills so far."""
        skipped = 0 if self.history is None else len(self.history)
        first = self._first_bar
        stop = max(self.next_bar, first)
        points = self.core.table("equity")["equity"][: skipped + stop - first]
        peak = np.max(points[:skipped], initial=self.core.initial_capital)
        part = CurvePart(first, first - self.first_row, points[skipped:])
        fresh = equity_rows(self.core, self.bars, part, fills, Carried(0.0, float(peak)))
        return fresh if self.history is None else pl.concat([self.history.cast(fresh.schema), fresh])


@dataclass(frozen=True)
class Carried:
    """State that a part of the curve takes over from the bars before it.

    Args:
        quantity: signed, held after the fills before the given ones.
        peak: highest equity before the part, initial capital included.
    """

    quantity: float
    peak: float


@dataclass(frozen=True, eq=False)
class CurvePart:
    """Consecutive points of the curve.

    Args:
        first_bar: bar of the first point.
        row: row of that bar in the bars at hand.
        points: equity at each bar's mark, [n_points, float64, account currency].
    """

    first_bar: int
    row: int
    points: Floats


def equity_rows(
    core: _core.Simulation, bars: BarSeries, part: CurvePart, fills: CoreColumns, carried: Carried
) -> pl.DataFrame:
    """Returns the rows of the equity frame for a part of the curve.

    ``fills`` are the columns of every fill since those that left ``carried``.
    """
    points = part.points
    rows = slice(part.row, part.row + len(points))
    bar = np.arange(part.first_bar, part.first_bar + len(points), dtype=np.int64)
    quantity = _held(fills, bar, carried.quantity)
    value = quantity * bars.close[rows] * core.contract_multiplier
    if bars.conversion_rate is not None:
        value = value * bars.conversion_rate[rows]
    columns: dict[str, Any] = {
        "bar": bar,
        "time": pl.Series(bars.timestamp[rows]).cast(EQUITY["time"]),
        "equity": points,
        "cash": points - value,
        "quantity": quantity,
        "drawdown": _drawdown(points, carried.peak),
    }
    return pl.DataFrame(columns, schema=EQUITY)


def _held(fills: CoreColumns, bars: NDArray[np.int64], before: float) -> Floats:
    """Returns the signed quantity after the fills of each bar.

    A round trip has two fills: the first opens the position, the second closes all of it.
    """
    trade = fills["trade_id"]
    opens = np.full(len(trade), before == 0.0)
    opens[1:] = trade[1:] != trade[:-1]
    after = np.where(opens, fills["side"] * fills["quantity"], 0.0)
    last = np.searchsorted(fills["bar"], bars, side="right")
    return np.concatenate([[before], after])[last]


def _drawdown(points: Floats, peak_before: float) -> Floats:
    peak = np.maximum.accumulate(np.concatenate([[peak_before], points]))[1:]
    return (peak - points) / peak
