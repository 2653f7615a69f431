"""The equity frame: the core stores one number per bar, and computes the other columns from fills and bars."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr._lazy import require
from ktrdr.data.bars import BarSeries
from ktrdr.simulation.ledger import EQUITY
from ktrdr.time import NS_PER_DAY

if TYPE_CHECKING:
    import altair as alt

_WEEK_DAYS = 7
_SUNDAY = 3
"""1970-01-01, day 0, was a Thursday."""
_MOST_POINTS = 2_000
"""Points of a drawn curve; a chart carries its data, and a screen has no more columns."""


@dataclass(frozen=True, eq=False)
class EquityCurve:
    """Inputs of an equity frame, for a run that may continue after it.

    Args:
        core: the run.
        bars: bars from row ``first_row`` of the run on.
        first_row: row of the run that is row 0 of ``bars``.
        history: equity frame of earlier bars, of a run that was restored without them.
        next_bar: one past the last bar of the curve.
        taken: rows of the run's table before those of the curve.
    """

    core: _core.Simulation
    bars: BarSeries
    first_row: int
    history: pl.DataFrame | None
    next_bar: int
    taken: int = 0

    @property
    def _first_row(self) -> int:
        """Returns the first row of the run's table that is not history."""
        return self.taken if self.history is None else self.taken + len(self.history)

    @property
    def times(self) -> NDArray[np.int64]:
        """Returns the stamps of the curve, [n_points, int64, ns UTC]."""
        low = min(self.core.warmup_bars + self._first_row, self.next_bar) - self.first_row
        fresh = self.bars.timestamp[low : self.next_bar - self.first_row]
        if self.history is None:
            return np.ascontiguousarray(fresh)
        return np.concatenate([self.history["time"].dt.timestamp("ns").to_numpy(), fresh])

    def frame(self) -> pl.DataFrame:
        """Returns the whole frame."""
        first = self._first_row
        stop = max(self.next_bar - self.core.warmup_bars, first)
        fresh = equity_rows(self.core, self.bars, self.first_row, first, stop)
        return fresh if self.history is None else pl.concat([self.history.cast(fresh.schema), fresh], rechunk=True)


def equity_rows(core: _core.Simulation, bars: BarSeries, first_row: int, first: int, stop: int) -> pl.DataFrame:
    """Returns rows ``first`` to ``stop`` of a run's equity frame; ``bars`` begin with row ``first_row`` of the run."""
    bar = core.warmup_bars + first
    row = bar - first_row
    part = bars.rows(row, row + stop - first)
    cash, quantity, drawdown = core.equity_columns(part, first)
    return pl.DataFrame(
        {
            "bar": range(bar, bar + stop - first),
            "time": pl.Series(part.timestamp).cast(EQUITY["time"]),
            "equity": core.table("equity", first)["equity"][: stop - first],
            "cash": cash,
            "quantity": quantity,
            "drawdown": drawdown,
        },
        schema=EQUITY,
    )


class Invested(NamedTuple):
    """The share of equity in the market: mean over the bars with a position, and over all bars."""

    position: float
    overall: float


def invested(equity: pl.DataFrame) -> Invested | None:
    """Returns the share of equity that a run had in the market, from its equity frame.

    The share of a bar is abs(equity - cash) / equity at its mark. None where no bar has a position, or where equity
    is not above 0 at some bar.

    >>> frame = pl.DataFrame({"equity": [100.0, 100.0], "cash": [75.0, 100.0], "quantity": [-5.0, 0.0]})
    >>> invested(frame)
    Invested(position=0.25, overall=0.125)
    """
    held = equity.filter(pl.col("quantity") != 0)
    if held.is_empty() or not (equity["equity"] > 0).all():
        return None
    shares = (held["equity"] - held["cash"]).abs() / held["equity"]
    total = float(shares.sum())
    return Invested(total / held.height, total / equity.height)


def daily_points(equity: pl.DataFrame, *, by_bar: bool, sundays_join: bool) -> NDArray[np.float64]:
    """Returns the equity at the end of each period, in which the core counts returns [n_periods, float64].

    A period is the UTC day of the bars' stamps.

    Args:
        equity: the equity frame of a run.
        by_bar: every bar is a period, as with weekly bars.
        sundays_join: a Sunday belongs to the Monday after it.

    >>> from datetime import UTC, datetime
    >>> stamps = [datetime(2024, 3, day, hour, tzinfo=UTC) for day, hour in [(1, 12), (3, 22), (4, 12), (5, 0)]]
    >>> frame = pl.DataFrame({"time": pl.Series(stamps).cast(pl.Datetime("ns", "UTC")), "equity": [1.0, 2, 3, 4]})
    >>> daily_points(frame, by_bar=False, sundays_join=True).tolist()
    [1.0, 3.0, 4.0]
    """
    values = equity["equity"].to_numpy()
    if by_bar:
        return values
    day = equity["time"].dt.timestamp("ns").to_numpy() // NS_PER_DAY
    if sundays_join:
        day = day + (day % _WEEK_DAYS == _SUNDAY)
    last: NDArray[np.float64] = values[np.append(day[1:] != day[:-1], True)]
    return last


def equity_chart(equity: pl.DataFrame) -> alt.VConcatChart:
    """Returns a chart of equity above one of drawdown; raises ``LibraryMissing`` without the extra ``ktrdr[plot]``.

    Of a long run every n-th bar is drawn, and the last one.
    """
    require("altair")
    import altair as alt

    every = -(-len(equity) // _MOST_POINTS) or 1
    points = pl.concat([equity.gather_every(every), equity.tail(1)]).unique("bar", maintain_order=True)
    base = alt.Chart(points.select("time", "equity", "drawdown")).encode(alt.X("time:T").title(None))
    money = base.mark_line().encode(alt.Y("equity:Q").scale(zero=False))
    depth = base.mark_area().encode(alt.Y("drawdown:Q").axis(format="%"))
    return alt.vconcat(money.properties(width=640, height=240), depth.properties(width=640, height=80))
