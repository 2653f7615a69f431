"""Bars of a longer timeframe, made of base bars as they close, and the one that a base bar sees."""

from __future__ import annotations

import polars as pl

from ktrdr.data.bars import BarSeries
from ktrdr.data.growing import GrowingBars
from ktrdr.data.resample import bin_starts, require_inside
from ktrdr.feature_pipeline.alignment import STALE_AFTER
from ktrdr.time import Timeframe


class CoarserBars:
    """A series of a longer timeframe that grows: each bar is there once a base bar shows that it has closed.

    The rules are those of `resample` and `align`: a bar of the length T is complete at the first base bar that closes
    at its end or later; it is stale where base bars followed for 2 T without a next one.

    Args:
        done: the bars that have closed so far, at least one.
        base: base bars so far, from the begin of the bar that is not complete yet, or from earlier.
    """

    def __init__(self, done: BarSeries, base: BarSeries) -> None:
        self.bars = GrowingBars(done)
        self.timeframe: Timeframe = done.timeframe
        self._seen_ns = int(done.close_ns[-1])
        self._stale_ns: int | None = None
        later = base.timestamp[base.timestamp >= self._seen_ns]
        if len(later):
            self._stale_ns = int(later[0]) + STALE_AFTER * self.timeframe.ns
        first = len(base) - len(later)
        self._open = GrowingBars(base.rows(first, len(base))) if len(later) else None

    def push(self, bar: BarSeries) -> int:
        """Takes the next base bar and returns the number of bars that are complete now, 0 to 2; they are appended.

        Raises ``DataResampleGrid`` for a base bar that does not lie inside one bar.
        """
        require_inside(bar, self.timeframe)
        stamp_ns = int(bar.timestamp[0])
        close_ns = int(bar.close_ns[0])
        complete = 0
        if self._open is not None and stamp_ns >= self._begin_ns(self._open) + self.timeframe.ns:
            self._finish(self._open)
            complete += 1
        if self._open is None:
            self._open = GrowingBars(bar)
        else:
            self._open.extend(bar)
        if close_ns >= self._begin_ns(self._open) + self.timeframe.ns:
            self._finish(self._open)
            complete += 1
        if self._stale_ns is None and stamp_ns >= self._seen_ns:
            self._stale_ns = stamp_ns + STALE_AFTER * self.timeframe.ns
        return complete

    def is_stale(self, close_ns: int) -> bool:
        """Returns True if the newest bar is no longer used at a base bar with that close."""
        return self._stale_ns is not None and close_ns >= self._stale_ns

    def _begin_ns(self, part: GrowingBars) -> int:
        return int(bin_starts(part.bars.timestamp[:1], self.timeframe)[0])

    def _finish(self, part: GrowingBars) -> None:
        """Appends the bar that the collected base bars make, by the sums of `resample`."""
        rows = part.bars
        columns = {
            "timestamp": bin_starts(rows.timestamp[:1], self.timeframe),
            "open": rows.open[:1],
            "high": rows.high.max(keepdims=True),
            "low": rows.low.min(keepdims=True),
            "close": rows.close[-1:],
        }
        if "volume" in self.bars.names:
            # polars' sum, since another order of addition has other last bits
            columns["volume"] = pl.select(pl.Series(rows.volume).sum()).to_series().to_numpy()
        bar = self.bars.last(1).over(columns)
        self.bars.extend(bar)
        self._open = None
        self._seen_ns = int(bar.close_ns[0])
        self._stale_ns = None
