"""Single bars that run past their end: each one is compared with the finer bars it was made from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.data.bars import BarSeries
from ktrdr.time import NS_PER_HOUR

REACH_NS = 36 * NS_PER_HOUR
"""Distance in which a bar that is known too early, or runs past its end, is looked for."""
_EXACT_RATE = 1e-9
# Bars of another price source fit a window of finer bars by chance now and then. They prove something only where
# most bars fit exactly. Summer and winter time give two offsets at most.
_EXPLAINED_SHARE = 0.8
_OFFSETS = 2
_FEWEST_BARS = 10  # fewer convict only where the volume agrees too
_MOST_STARTS = 64


@dataclass(frozen=True, slots=True)
class Overrun:
    """A higher bar whose four prices are those of base bars that close after its end."""

    row: int
    last_close_ns: int


@dataclass(frozen=True, slots=True)
class _Match:
    """A run of base bars with the prices of one higher bar: its offset from that bar, and what else speaks for it."""

    row: int
    offset_ns: tuple[int, int]
    last_close_ns: int
    beyond: bool
    same_volume: bool


def find_overrun(higher: BarSeries, base: BarSeries) -> Overrun | None:
    """Returns the first higher bar that holds base bars from after its end, or None where nothing proves one.

    A bar whose close is the base close at its end, or whose prices are those of base bars up to its end, is honest.
    """
    ends = higher.close_ns
    rows = np.flatnonzero((ends >= base.close_ns[0]) & (ends < base.close_ns[-1]))
    at = np.searchsorted(base.close_ns, ends[rows], side="right") - 1
    honest = _equal(higher.close[rows], base.close[at])
    exact = honest & _own_range(higher, base, rows, at)
    traded_on = base.timestamp[at + 1] == base.close_ns[at]
    traded_on &= base.close_ns[at] > ends[rows] - base.timeframe.ns
    late: list[list[_Match]] = []
    explained = int(np.count_nonzero(exact))
    judged = int(np.count_nonzero(honest | traded_on))
    misses_left = (1 - _EXPLAINED_SHARE) * judged
    for row, last, through in zip(
        rows[~honest].tolist(), at[~honest].tolist(), traded_on[~honest].tolist(), strict=True
    ):
        found = _windows(higher, base, row, last, only_later=not through)
        if any(match.last_close_ns <= ends[row] for match in found):
            explained += 1
        elif found:
            late.append(found)
            judged += not through
        elif through and (misses_left := misses_left - 1) < 0:
            return None
    return _convicted(late, explained, judged)


def _own_range(higher: BarSeries, base: BarSeries, rows: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns the rows whose open, high and low are those of the base bars within them."""
    first = np.searchsorted(base.timestamp, higher.timestamp[rows])
    there = first <= at
    edges = np.stack([np.minimum(first, at), at + 1], axis=1).ravel()  # at + 1 is a row: a base bar closes later
    highest = np.maximum.reduceat(base.high, edges)[::2]
    lowest = np.minimum.reduceat(base.low, edges)[::2]
    same = _equal(base.open[np.minimum(first, at)], higher.open[rows])
    return there & same & _equal(highest, higher.high[rows]) & _equal(lowest, higher.low[rows])


def _convicted(late: list[list[_Match]], explained: int, judged: int) -> Overrun | None:
    offsets = Counter(offset for matches in late for offset in {match.offset_ns for match in matches})
    usual = {offset for offset, _ in offsets.most_common(_OFFSETS)}
    proven = [match for matches in late if (match := _one_of(matches, usual)) is not None]
    if not proven or explained + len(proven) < _EXPLAINED_SHARE * judged:
        return None
    if judged < _FEWEST_BARS and not all(match.same_volume for match in proven):
        return None
    return Overrun(proven[0].row, proven[0].last_close_ns)


def _one_of(matches: list[_Match], offsets: set[tuple[int, int]]) -> _Match | None:
    return next((match for match in matches if match.offset_ns in offsets), None)


def _windows(higher: BarSeries, base: BarSeries, row: int, at: int, *, only_later: bool) -> list[_Match]:
    """Returns the runs of base bars with the prices of one higher bar.

    Where the base does not trade at the bar's end only runs that begin with the next base bar count: the base may
    lack bars, and a close alone is met again by chance.
    """
    begin_ns = int(higher.timestamp[row])
    end_ns = int(higher.close_ns[row])
    reach_ns = max(REACH_NS, higher.timeframe.ns)
    first = int(np.searchsorted(base.timestamp, begin_ns - reach_ns))
    stop = int(np.searchsorted(base.close_ns, end_ns + reach_ns, side="right"))
    if only_later:
        first = at + 1
    starts = first + np.flatnonzero(_equal(base.open[first:stop], higher.open[row]))
    if only_later:
        starts = starts[starts == first]
    found = []
    for start in starts[:_MOST_STARTS].tolist():
        fits = _equal(np.maximum.accumulate(base.high[start:stop]), higher.high[row])
        fits &= _equal(np.minimum.accumulate(base.low[start:stop]), higher.low[row])
        fits &= _equal(base.close[start:stop], higher.close[row])
        for last in (start + np.flatnonzero(fits)).tolist():
            found.append(_match(higher, base, row, (start, last), at))
    # Prices that agree but for the close are met again soon: such a run proves nothing by itself.
    return [one for one in found if one.beyond or one.same_volume or one.offset_ns[0] != 0 or one.offset_ns[1] <= 0]


def _match(higher: BarSeries, base: BarSeries, row: int, window: tuple[int, int], at: int) -> _Match:
    start, last = window
    seen = slice(int(np.searchsorted(base.timestamp, higher.timestamp[row])), at + 1)
    highest = base.high[seen].max(initial=0.0)
    lowest = base.low[seen].min(initial=np.inf)
    above = higher.high[row] > highest * (1 + _EXACT_RATE)
    below = higher.low[row] < lowest * (1 - _EXACT_RATE)
    same_volume = False
    if higher.volume is not None and base.volume is not None and higher.volume[row] > 0:
        same_volume = bool(_equal(base.volume[start : last + 1].sum(), higher.volume[row]))
    return _Match(
        row,
        (int(base.timestamp[start] - higher.timestamp[row]), int(base.close_ns[last] - higher.close_ns[row])),
        int(base.close_ns[last]),
        beyond=bool(highest > 0 and (above or below)),
        same_volume=same_volume,
    )


def _equal(one: Floats | np.float64, other: Floats | np.float64) -> NDArray[np.bool_]:
    return np.asarray(np.abs(one - other) <= _EXACT_RATE * np.abs(other))
