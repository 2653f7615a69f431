"""Which bar of another timeframe a base bar may know: the last one that has closed by the base bar's close."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ktrdr.data.bars import BarSeries, Floats

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Per base bar the visible row ``[n_base, i64]`` (-1: none) and whether it is stale ``[n_base, bool]``."""

    row: Rows
    stale: NDArray[np.bool_]

    def take(self, values: Floats) -> Floats:
        """Values of the other timeframe as the base bars see them, ``[n_base, f64]``, NaN where nothing is visible."""
        if len(values) == 0:
            return np.full(len(self.row), np.nan)
        return np.where(self.row >= 0, values[np.maximum(self.row, 0)], np.nan)


def align(base: BarSeries, other: BarSeries) -> Alignment:
    """Never before its close, never back-filled.

    A finer bar counts only if it lies inside the base bar. A coarser value that closed at v is stale at a close c
    if some base bar opened at or after v and at least two of its lengths before c: the base went on without it.
    """
    closes = base.close_ns
    row = np.searchsorted(other.close_ns, closes, side="right").astype(np.int64) - 1
    stale = np.zeros(len(base), bool)
    if len(other) == 0:
        return Alignment(row, stale)
    seen = np.maximum(row, 0)
    if other.timeframe < base.timeframe:
        return Alignment(np.where(other.timestamp[seen] >= base.timestamp, row, -1), stale)
    after = np.searchsorted(base.timestamp, other.close_ns, side="left")
    opened = np.append(base.timestamp, np.iinfo(np.int64).max)[after]
    stale = (row >= 0) & (opened[seen] <= closes - 2 * other.timeframe.ns)
    return Alignment(np.where(stale, -1, row), stale)


def carry_forward(base: BarSeries, known_ns: Rows, values: Floats) -> Floats:
    """The last value known by each base bar's close, without limit, ``[n_base, f64]``."""
    row = np.searchsorted(known_ns, base.close_ns, side="right") - 1
    return Alignment(row.astype(np.int64), np.zeros(len(base), bool)).take(values)
