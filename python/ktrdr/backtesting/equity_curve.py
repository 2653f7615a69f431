"""The equity frame: the core stores one number a bar, the other columns follow from fills and bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr.backtesting.ledger_frames import EQUITY
from ktrdr.data.bars import BarSeries

Floats = NDArray[np.float64]


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
        bars = np.arange(self._first_bar, max(self.next_bar, self._first_bar), dtype=np.int64)
        skipped = 0 if self.history is None else len(self.history)
        points = self.core.table("equity")["equity"][: skipped + len(bars)]
        equity = points[skipped:]
        quantity = _held(fills, bars)
        times = pl.Series(self._rows(self.bars.timestamp)).cast(EQUITY["time"])
        columns = {
            "bar": bars, "time": times, "equity": equity, "cash": equity - self._value(quantity),
            "quantity": quantity, "drawdown": _drawdown(points, self.core.initial_capital)[skipped:],
        }  # fmt: skip
        fresh = pl.DataFrame(columns, schema=EQUITY)
        return fresh if self.history is None else pl.concat([self.history.cast(fresh.schema), fresh])

    def _value(self, quantity: Floats) -> Floats:
        """What the position is worth at the close, account currency."""
        value: Floats = quantity * self._rows(self.bars.close) * self.core.contract_multiplier
        rate = self.bars.conversion_rate
        return value if rate is None else value * self._rows(rate)


def _held(fills: Mapping[str, NDArray[Any]], bars: NDArray[np.int64]) -> Floats:
    """Signed quantity after the fills of each bar: a round trip's first fill opens it, its second closes all."""
    trade = fills["trade_id"]
    opens = np.ones(len(trade), bool)
    opens[1:] = trade[1:] != trade[:-1]
    after = np.where(opens, fills["side"] * fills["quantity"], 0.0)
    last = np.searchsorted(fills["bar"], bars, side="right")
    return np.concatenate([[0.0], after])[last]


def _drawdown(points: Floats, initial_capital: float) -> Floats:
    peak = np.maximum.accumulate(np.concatenate([[initial_capital], points]))[1:]
    return (peak - points) / peak
