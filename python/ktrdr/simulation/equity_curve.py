"""The equity frame: the core stores one number a bar, the other columns follow from fills and bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.simulation.ledger_frames import EQUITY


@dataclass(frozen=True, eq=False)
class EquityCurve:
    """What an equity frame is built from.

    Args:
        bars: bars from row ``first_row`` of the run on.
        history: equity frame of the bars before those, of a run continued without its bars.
        next_bar: one past the last bar of the curve.
    """

    core: _core.Simulation
    bars: BarSeries
    first_row: int
    history: pl.DataFrame | None
    next_bar: int

    @classmethod
    def of(cls, core: _core.Simulation, bars: BarSeries, first_row: int, history: pl.DataFrame | None) -> EquityCurve:
        """The curve as it now stands."""
        return cls(core, bars, first_row, history, core.next_bar)

    @property
    def _first_bar(self) -> int:
        """First bar that is not history."""
        first = self.core.warmup_bars
        return first if self.history is None else first + len(self.history)

    def _rows(self, column: Any) -> Any:
        low = min(self._first_bar, self.next_bar) - self.first_row
        return column[low : self.next_bar - self.first_row]

    @property
    def times(self) -> NDArray[np.int64]:
        """[n_points, int64, ns UTC]."""
        fresh = self._rows(self.bars.timestamp)
        if self.history is None:
            return np.ascontiguousarray(fresh)
        return np.concatenate([self.history["time"].dt.timestamp("ns").to_numpy(), fresh])

    def frame(self, fills: Mapping[str, NDArray[Any]]) -> pl.DataFrame:
        """The whole frame; ``fills`` are the columns of the fills so far."""
        skipped = 0 if self.history is None else len(self.history)
        first, stop = self._first_bar, max(self.next_bar, self._first_bar)
        points = self.core.table("equity")["equity"][: skipped + stop - first]
        before = np.max(points[:skipped], initial=self.core.initial_capital)
        fresh = rows_of_curve(
            self.core, self.bars, first - self.first_row, first, points[skipped:], fills, Carried(0.0, float(before))
        )
        return fresh if self.history is None else pl.concat([self.history.cast(fresh.schema), fresh])


@dataclass(frozen=True)
class Carried:
    """What a stretch of the curve inherits.

    Args:
        quantity: signed, held after the fills before the given ones.
        peak: highest equity before the stretch, initial capital included.
    """

    quantity: float
    peak: float


def rows_of_curve(
    core: _core.Simulation,
    bars: BarSeries,
    row: int,
    first_bar: int,
    points: Floats,
    fills: Mapping[str, NDArray[Any]],
    carried: Carried,
) -> pl.DataFrame:
    """Rows of the equity frame for ``points`` [n, float64] of the bars from ``first_bar`` on, which is ``row`` of bars.

    ``fills`` are the columns of every fill since those that left ``carried``.
    """
    stop = row + len(points)
    bar = np.arange(first_bar, first_bar + len(points), dtype=np.int64)
    quantity = _held(fills, bar, carried.quantity)
    value = quantity * bars.close[row:stop] * core.contract_multiplier
    if bars.conversion_rate is not None:
        value = value * bars.conversion_rate[row:stop]
    columns = {
        "bar": bar, "time": pl.Series(bars.timestamp[row:stop]).cast(EQUITY["time"]), "equity": points,
        "cash": points - value, "quantity": quantity, "drawdown": _drawdown(points, carried.peak),
    }  # fmt: skip
    return pl.DataFrame(columns, schema=EQUITY)


def _held(fills: Mapping[str, NDArray[Any]], bars: NDArray[np.int64], before: float) -> Floats:
    """Signed quantity after the fills of each bar: a round trip's first fill opens it, its second closes all."""
    trade = fills["trade_id"]
    opens = np.full(len(trade), before == 0.0)
    opens[1:] = trade[1:] != trade[:-1]
    after = np.where(opens, fills["side"] * fills["quantity"], 0.0)
    last = np.searchsorted(fills["bar"], bars, side="right")
    return np.concatenate([[before], after])[last]


def _drawdown(points: Floats, peak_before: float) -> Floats:
    peak = np.maximum.accumulate(np.concatenate([[peak_before], points]))[1:]
    return (peak - points) / peak
