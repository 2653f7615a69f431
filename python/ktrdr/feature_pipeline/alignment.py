"""Which bar of another timeframe a base bar may know: the last one that has closed by the base bar's close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr.data.bars import BarSeries

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

_NEVER_NS = np.iinfo(np.int64).max
_STALE_AFTER = 2
"""Lengths of a higher bar that the base may go on without the next one."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Per base bar the visible row of the other series ``[n_base, int64]`` (-1: none), and whether it is stale."""

    row: Rows
    stale: Flags


def align(base: BarSeries, other: BarSeries) -> Alignment:
    """Visible from its close on, never before, never back-filled.

    A finer bar counts only if it lies inside the base bar. A coarser value that closed at v is stale at a close c
    if some base bar opened at or after v and at least two coarser lengths before c: the base went on without it.
    """
    return _align_finer(base, other) if other.timeframe < base.timeframe else _align_coarser(base, other)


def align_known(base: BarSeries, known_ns: Rows) -> Alignment:
    """Values of an external series, carried forward without limit from the instants they became known."""
    seen_from = np.searchsorted(base.close_ns, known_ns, side="left")
    ends = np.append(seen_from[1:], len(base)) if len(seen_from) else seen_from
    return _stretches(len(base), seen_from, ends, ends)


def _align_finer(base: BarSeries, finer: BarSeries) -> Alignment:
    row = np.searchsorted(finer.close_ns, base.close_ns, side="right").astype(np.int64) - 1
    if len(finer):
        row[finer.timestamp[np.maximum(row, 0)] < base.timestamp] = -1
    return Alignment(row, np.zeros(len(base), bool))


def _align_coarser(base: BarSeries, coarser: BarSeries) -> Alignment:
    """Worked out per coarser bar, of which there are few: it is seen up to the next one, fresh at first, then stale."""
    seen_from = np.searchsorted(base.close_ns, coarser.close_ns, side="left")
    seen_until = np.append(seen_from[1:], len(base)) if len(seen_from) else seen_from
    went_on = np.searchsorted(base.timestamp, coarser.close_ns, side="left")
    waited_ns = base.timestamp[np.minimum(went_on, len(base) - 1)] + _STALE_AFTER * coarser.timeframe.ns
    waited_ns = np.where(went_on < len(base), waited_ns, _NEVER_NS)
    stale_from = np.searchsorted(base.close_ns, waited_ns, side="left")
    return _stretches(len(base), seen_from, np.clip(stale_from, seen_from, seen_until), seen_until)


def _stretches(n: int, seen_from: Rows, stale_from: Rows, seen_until: Rows) -> Alignment:
    """Rows from stretches: before the first none, then for each bar k a fresh one (row k) and a stale one (none)."""
    if len(seen_from) == 0:
        return Alignment(np.full(n, -1, np.int64), np.zeros(n, bool))
    rows = np.full(2 * len(seen_from) + 1, -1, np.int64)
    rows[1::2] = np.arange(len(seen_from))
    lengths = np.empty(len(rows), np.int64)
    lengths[0], lengths[1::2], lengths[2::2] = seen_from[0], stale_from - seen_from, seen_until - stale_from
    stale = np.zeros(len(rows), bool)
    stale[2::2] = True
    return Alignment(np.repeat(rows, lengths), np.repeat(stale, lengths))
