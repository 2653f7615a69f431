"""Which bars a run loads: from a fixed anchor before the range to its end, never more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ktrdr.data.bars import BarSeries
from ktrdr.data.repository import BarSource
from ktrdr.errors import DataEmpty, DataTooShort
from ktrdr.strategy.history import Need
from ktrdr.values import Span, Timeframe, iso


@dataclass(frozen=True, eq=False)
class LoadedBars:
    """The rows of every timeframe, base first; ``start_row`` is the first base row in the asked range."""

    series: Mapping[Timeframe, BarSeries]
    base_timeframe: Timeframe
    start_row: int
    before_close_ns: int

    @property
    def base(self) -> BarSeries:
        """The base timeframe's rows."""
        return self.series[self.base_timeframe]


def load_bars(
    source: BarSource, symbol: str, base: Timeframe, needs: Mapping[Timeframe, Need], more: int, span: Span
) -> LoadedBars:
    """Base rows from the anchor to the end of the span, and of the others what has closed by then.

    ``more`` is sequence_length - 1 + history_required. Raises ``DataEmpty`` where the span holds no base bar.
    """
    stamps = source.stamps(symbol, base)
    start = 0 if span.start_ns is None else int(np.searchsorted(stamps, span.start_ns))
    stop = len(stamps) if span.end_ns is None else int(np.searchsorted(stamps, span.end_ns))
    if stop <= start:
        stored = f"bars from {iso(int(stamps[0]))} to {iso(int(stamps[-1]))}" if len(stamps) else "no bars"
        raise DataEmpty("no bars in the range", symbol=symbol, timeframe=base.value, found=stored)
    before = max(start - more, 0)
    anchor = max(before - needs[base].load_bars, 0)
    series = {base: source.rows(symbol, base, anchor, stop)}
    known_ns, last_ns = int(stamps[before]) + base.ns, int(stamps[stop - 1]) + base.ns
    for timeframe, need in needs.items():
        if timeframe != base:
            closes = source.stamps(symbol, timeframe) + timeframe.ns
            first = max(int(np.searchsorted(closes, known_ns, side="right")) - need.load_bars, 0)
            until = max(int(np.searchsorted(closes, last_ns, side="right")), first)
            if until == first:
                raise DataTooShort("no bar has closed in the range", symbol=symbol, timeframe=timeframe.value)
            series[timeframe] = source.rows(symbol, timeframe, first, until)
    return LoadedBars(series, base, start - anchor, known_ns)


def first_ready_row(loaded: LoadedBars, needs: Mapping[Timeframe, Need], symbol: str) -> int:
    """First base row by whose close every timeframe has the bars it needs; raises ``DataTooShort``."""
    base = loaded.base
    ready: dict[Timeframe, int] = {}
    for timeframe, need in needs.items():
        series = loaded.series[timeframe]
        if need.need_bars == 0:
            ready[timeframe] = 0
        elif need.need_bars > len(series):
            ready[timeframe] = len(base) + need.need_bars - len(series)
        else:
            ready[timeframe] = int(np.searchsorted(base.close_ns, series.close_ns[need.need_bars - 1]))
    last = max(ready, key=lambda timeframe: ready[timeframe])
    if ready[last] < len(base):
        return ready[last]
    have, need_bars = len(loaded.series[last]), needs[last].need_bars
    raise DataTooShort(
        f"too few bars for the warm-up: {last.value}: have {have}, need {need_bars}", symbol=symbol,
        hint="start later, end later, or bring in older bars",
    )  # fmt: skip
