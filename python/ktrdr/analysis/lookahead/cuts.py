"""Places at which the future is cut off: at random, and where a leak would live."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ktrdr._types import RowNumbers, Stamps
from ktrdr.feature_pipeline.matrix import FeatureMatrix
from ktrdr.time import NS_PER_DAY

_BESIDE = (-1, 0, 1)
_GAP_REACH = 2.5
"""Lengths of a higher bar after which a series that has stopped counts as stale, and half a length more."""


def random_rows(matrix: FeatureMatrix, count: int, seed: int = 0) -> list[int]:
    """Returns up to ``count`` different rows to cut after, drawn at random among the simulated ones, in any order."""
    first, stop = cut_range(matrix)
    drawn = np.random.default_rng(seed).permutation(np.arange(first, stop))
    return [int(row) for row in drawn[:count]]


def boundary_rows(matrix: FeatureMatrix, every: int = 1) -> list[int]:
    """Returns the rows at, one before and one after each place where what is known changes, in time order.

    Places are each ``every``-th close of a higher bar and of an external value, the gaps of other series, the gaps of
    the base, and its midnights.
    """
    first, stop = cut_range(matrix)
    closes = matrix.base.close_ns
    rows = np.unique(np.concatenate([np.searchsorted(closes, at) for at in _places(matrix, every)]))
    beside = np.unique(np.concatenate([rows + step for step in _BESIDE]))
    return [int(row) for row in beside if first <= row < stop]


def cut_range(matrix: FeatureMatrix) -> tuple[int, int]:
    """Returns the first row that may be cut after and the row before which the last one lies.

    After the last row there is no future to cut off; before the first simulated one a run does not begin.
    """
    return matrix.first_simulated + 1, len(matrix.values) - 1


def _places(matrix: FeatureMatrix, every: int) -> Iterator[Stamps | RowNumbers]:
    base = matrix.base
    yield base.close_ns[:0]
    for timeframe, bars in matrix.series.items():
        if timeframe > base.timeframe:
            yield bars.close_ns[::every]
            ends = bars.close_ns[:-1][np.diff(bars.close_ns) > timeframe.ns]
            yield ends + int(_GAP_REACH * timeframe.ns)
    for external in matrix.context.values():
        yield external.known_ns[::every]
    yield base.close_ns[:-1][np.diff(base.timestamp) > base.timeframe.ns][::every]
    if base.timeframe.intraday:
        days = base.close_ns // NS_PER_DAY
        yield base.close_ns[1:][np.diff(days) > 0][::every]
