"""Aligns other timeframes: a base bar knows the last bar that has closed by its own close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ktrdr._types import Flags, RowNumbers, Stamps
from ktrdr.data.bars import BarSeries

_NEVER_NS = np.iinfo(np.int64).max
STALE_AFTER = 2
"""Lengths of a coarser bar after which its value is stale if no next bar follows."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """The visible row of the other series at each base bar ``[n_base, int64]`` (-1: none), and a mask of stale ones."""

    row: RowNumbers
    stale: Flags


def align(base: BarSeries, other: BarSeries) -> Alignment:
    """Aligns a series with the base: each bar is visible from its close on, never before.

    A finer bar counts only if it lies inside the base bar. A coarser value that closed at v is stale at a close c
    if some base bar opened at or after v and at least two coarser lengths before c: the series has stopped.
    """
    return _align_finer(base, other) if other.timeframe < base.timeframe else _align_coarser(base, other)


def align_known(base: BarSeries, known_ns: Stamps) -> Alignment:
    """Aligns an external series: each value is carried forward without limit from the instant it became known."""
    seen_from = np.searchsorted(base.close_ns, known_ns, side="left")
    ends = np.append(seen_from[1:], len(base)) if len(seen_from) else seen_from
    return _expand(len(base), seen_from, ends, ends)


def _align_finer(base: BarSeries, finer: BarSeries) -> Alignment:
    row = np.searchsorted(finer.close_ns, base.close_ns, side="right").astype(np.int64) - 1
    if len(finer):  # the last closed finer bar may belong to an earlier base bar, after a gap
        row[finer.timestamp[np.maximum(row, 0)] < base.timestamp] = -1
    return Alignment(row, np.zeros(len(base), bool))


def _align_coarser(base: BarSeries, coarser: BarSeries) -> Alignment:
    """Aligns a coarser series: each bar is seen until the next one, at first fresh, then stale.

    The work is done for each coarser bar, of which there are few.
    """
    seen_from = np.searchsorted(base.close_ns, coarser.close_ns, side="left")
    seen_until = np.append(seen_from[1:], len(base)) if len(seen_from) else seen_from
    next_base_row = np.searchsorted(base.timestamp, coarser.close_ns, side="left")
    stale_ns = base.timestamp[np.minimum(next_base_row, len(base) - 1)] + STALE_AFTER * coarser.timeframe.ns
    stale_ns = np.where(next_base_row < len(base), stale_ns, _NEVER_NS)
    stale_from = np.searchsorted(base.close_ns, stale_ns, side="left")
    return _expand(len(base), seen_from, np.clip(stale_from, seen_from, seen_until), seen_until)


def _expand(n: int, seen_from: RowNumbers, stale_from: RowNumbers, seen_until: RowNumbers) -> Alignment:
    """Expands ranges to rows: none before the first bar, then for each bar k row k while fresh and none while stale."""
    if len(seen_from) == 0:
        return Alignment(np.full(n, -1, np.int64), np.zeros(n, bool))
    rows = np.full(2 * len(seen_from) + 1, -1, np.int64)
    rows[1::2] = np.arange(len(seen_from))
    lengths = np.empty(len(rows), np.int64)
    lengths[0] = seen_from[0]
    lengths[1::2] = stale_from - seen_from
    lengths[2::2] = seen_until - stale_from
    stale = np.zeros(len(rows), bool)
    stale[2::2] = True
    return Alignment(np.repeat(rows, lengths), np.repeat(stale, lengths))
