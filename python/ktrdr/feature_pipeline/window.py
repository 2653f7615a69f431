"""Plans and loads the bars of a run: from a fixed anchor before the range to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ktrdr._types import Stamps
from ktrdr.control import ProgressBridge
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import BarSource
from ktrdr.errors import DataEmpty, DataTooShort
from ktrdr.strategy.history import Need
from ktrdr.time import Span, Timeframe, iso


@dataclass(frozen=True)
class RowRange:
    """Stored rows ``first`` up to, not including, ``stop``."""

    first: int
    stop: int


@dataclass(frozen=True)
class Window:
    """Rows to load, base first, and the loaded base rows at which the range starts and at which every warm-up is done.

    ``known_ns`` is the close by which history is counted: that of the bar where the first decision's window begins.
    """

    rows: Mapping[Timeframe, RowRange]
    start_row: int
    ready_row: int
    known_ns: int


def plan_window(
    source: BarSource, symbol: str, base: Timeframe, *, needs: Mapping[Timeframe, Need], reach_bars: int, span: Span
) -> Window:
    """Returns the window of a run, without timeframes that no feature needs.

    Args:
        source: the stored series; only stamps are read.
        symbol: the symbol of the bars.
        base: the timeframe that drives the loop.
        needs: history by timeframe, of which the base's need includes ``reach_bars``.
        reach_bars: base bars before the first decision that belong to it (sequence window, extra history).
        span: the range asked for.

    Raises:
        DataEmpty: no base bar in the range.
        DataTooShort: the range ends before every timeframe has its need; the one that is ready last is named.
    """
    stamps = source.stamps(symbol, base)
    asked = rows_in_span(stamps, span, symbol, base)
    start = asked.first
    stop = asked.stop
    # The anchor is counted from the range, not from the file: older bars in the file change no feature.
    begin = max(start - reach_bars, 0)
    anchor = max(begin - needs[base].load_bars, 0)
    known_ns = int(stamps[begin]) + base.ns
    end_ns = int(stamps[stop - 1]) + base.ns
    closes = {base: stamps[anchor:stop] + base.ns}
    rows = {base: RowRange(anchor, stop)}
    for timeframe, need in needs.items():
        if timeframe != base and need.load_bars > 0:
            # a bar is known from its close on: side="right" takes the bar that closes at the very instant
            every = source.stamps(symbol, timeframe) + timeframe.ns
            known = int(np.searchsorted(every, known_ns, side="right"))
            until = int(np.searchsorted(every, end_ns, side="right"))
            rows[timeframe] = RowRange(max(known - need.load_bars, 0), until)
            closes[timeframe] = every[rows[timeframe].first : until]
    return Window(rows, start - anchor, _ready_row(closes, base, needs, symbol), known_ns)


def load_window(source: BarSource, symbol: str, window: Window, bridge: ProgressBridge) -> dict[Timeframe, BarSeries]:
    """Loads the bars of a window by timeframe, base first."""
    series = {}
    for timeframe, rows in window.rows.items():
        series[timeframe] = source.rows(symbol, timeframe, rows.first, rows.stop)
        bridge.report("bars", len(series), len(window.rows), {"timeframe": timeframe.value})
    return series


def rows_in_span(stamps: Stamps, span: Span, symbol: str, timeframe: Timeframe) -> RowRange:
    """Returns the rows of a series whose stamps lie in ``span``.

    Raises:
        DataEmpty: there is none; the message says from when to when bars are stored.
    """
    start = 0 if span.start_ns is None else int(np.searchsorted(stamps, span.start_ns))
    stop = len(stamps) if span.end_ns is None else int(np.searchsorted(stamps, span.end_ns))
    if stop <= start:
        stored = f"bars from {iso(int(stamps[0]))} to {iso(int(stamps[-1]))}" if len(stamps) else "no bars at all"
        raise DataEmpty("no bars in the range", symbol=symbol or None, timeframe=timeframe.value, found=stored)
    return RowRange(start, stop)


def _ready_row(
    closes: Mapping[Timeframe, Stamps], base: Timeframe, needs: Mapping[Timeframe, Need], symbol: str
) -> int:
    """Returns the first base row by whose close every timeframe has its need."""
    missing = {name: needs[name].need_bars - len(known) for name, known in closes.items()}
    last = max(missing, key=lambda name: missing[name] * name.ns)
    if missing[last] > 0:
        have = len(closes[last])
        need = needs[last].need_bars
        raise DataTooShort(
            f"too few bars for the warm-up: have {have}, need {need}",
            symbol=symbol or None,
            timeframe=last.value,
            hint="import older bars or end the range later",
        )
    ready_ns = [known[needs[name].need_bars - 1] for name, known in closes.items() if needs[name].need_bars > 0]
    return int(np.searchsorted(closes[base], max(ready_ns, default=0)))
