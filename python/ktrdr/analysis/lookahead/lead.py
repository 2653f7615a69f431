"""Detects series that predict later returns: rank correlation of a series with the returns after it was known."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ktrdr._types import Floats, RowNumbers, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.feature_pipeline.alignment import align_known

# Public values hardly tell the next return: 0.1 is much. A year of daily values gives 0.3 by chance once in a million.
LEAST_CORRELATION = 0.3
LEAST_DEVIATIONS = 6.0
FEWEST_VALUES = 60
_WINDOWS = ((0, 1), (1, 2), (2, 3), (0, 5), (0, 20))
"""Returns that are looked at, from one change of the series to another, counted from the change that was just seen."""
_FEWEST_RUNS = 3
_STRAIGHT_SHARE = 0.5


@dataclass(frozen=True)
class Lead:
    """A series that tells later returns.

    Args:
        correlation: the rank correlation with the return.
        deviations: the same in standard deviations of a chance value.
        from_change: changes of the series from which the return is counted.
        to_change: changes of the series up to which it is counted.
        of_change: True for the change of the series, False for its level.
    """

    correlation: float
    deviations: float
    from_change: int
    to_change: int
    of_change: bool


def find_lead(base: BarSeries, known_ns: Stamps, values: Floats) -> Lead | None:
    """Returns the strongest lead of values over the base's later returns, None where it could be chance.

    Args:
        base: the bars that are traded.
        known_ns: the instants at which the values became known, as they are stamped.
        values: the values, one for each instant.
    """
    seen = align_known(base, known_ns).row
    rows = np.flatnonzero(np.diff(seen, prepend=-1) > 0)
    if len(rows) < FEWEST_VALUES:
        return None
    held = values[seen[rows]]
    found = [*_leads(base, rows[1:], np.diff(held), of_change=True), *_leads(base, rows, held, of_change=False)]
    strong = [lead for lead in found if abs(lead.correlation) >= LEAST_CORRELATION]
    return max((lead for lead in strong if lead.deviations >= LEAST_DEVIATIONS), key=_strength, default=None)


def _strength(lead: Lead) -> float:
    return lead.deviations


def _leads(base: BarSeries, rows: RowNumbers, signal: Floats, *, of_change: bool) -> list[Lead]:
    price = np.log(base.close[rows])
    found = []
    for begin, end in _WINDOWS:
        count = len(rows) - end
        if count < FEWEST_VALUES:
            continue
        later = price[end:] - price[begin : begin + count]
        correlation = rank_correlation(signal[:count], later)
        # Returns over several changes overlap: they say as much as the few of them that do not.
        free = count / (end - begin) - 3
        deviations = abs(math.atanh(max(min(correlation, 0.999999), -0.999999))) * math.sqrt(max(free, 0.0))
        found.append(Lead(correlation, deviations, begin, end, of_change))
    return found


def rank_correlation(one: Floats, other: Floats) -> float:
    """Returns Spearman's correlation; equal values have the mean of their ranks, a constant gives 0.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]))
    1.0
    """
    first = _ranks(one)
    second = _ranks(other)
    spread = float(first.std() * second.std())
    if spread == 0:
        return 0.0
    return round(float(((first - first.mean()) * (second - second.mean())).mean()) / spread, 12)


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Floats = (ends - (counts - 1) / 2)[inverse]
    return ranks


def is_interpolated(known_ns: Stamps, values: Floats) -> bool:
    """Returns True for values on straight lines between a few of them: each one knows the next corner.

    >>> hours = np.arange(41) * 3_600 * 10**9
    >>> is_interpolated(hours, np.sin(np.arange(41.0)))
    False
    >>> is_interpolated(hours, np.interp(np.arange(41), [0, 10, 20, 30, 40], [0.0, 3.0, 2.0, 7.0, 1.0]))
    True
    """
    if len(values) < 3 * _FEWEST_RUNS:
        return False
    slopes = np.diff(values) / np.diff(known_ns)
    straight = np.abs(np.diff(slopes)) <= 1e-6 * np.abs(slopes[1:])
    straight &= slopes[1:] != 0
    moving = np.count_nonzero(slopes[1:])
    if moving == 0 or np.count_nonzero(straight) < _STRAIGHT_SHARE * moving:
        return False
    # A counter that is reset runs straight too, but always at the same slope.
    return len(np.unique(np.round(slopes[1:][straight] / np.abs(slopes).max(), 6))) >= _FEWEST_RUNS
