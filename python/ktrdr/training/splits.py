"""Splits rows into train, validation and test at instants, with purge and embargo."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Flags, RowNumbers, Stamps
from ktrdr.strategy.sections.training import DataSplit

TRAIN = 0
VALIDATION = 1
TEST = 2
DROPPED = -1
SPLITS: Final = ("train", "validation", "test")
_EMBARGO_PERCENT = 1
EMBARGO_RATE: Final = _EMBARGO_PERCENT / 100
_NEVER = np.iinfo(np.int64).max
Parts = NDArray[np.int8]


@dataclass(frozen=True)
class Edges:
    """Starts of the parts, ns UTC, the same for all symbols; ``_from_ns`` is after the embargo."""

    validation_ns: int
    validation_from_ns: int
    test_ns: int
    test_from_ns: int


def embargo_of(count: int) -> int:
    """Returns the number of stamps that are left out beside a part of ``count`` stamps: 1 %, rounded up.

    >>> embargo_of(100), embargo_of(101)
    (1, 2)
    """
    return -(-count * _EMBARGO_PERCENT // 100)


def reaching(stamps: Stamps, end_close_ns: Stamps, from_ns: int, until_ns: int = _NEVER) -> Flags:
    """Returns the rows whose label's span overlaps the span from ``from_ns`` until before ``until_ns`` [n_rows, bool].

    A span that ends or begins exactly at an edge does not overlap: a bar's close is the next bar's stamp.

    >>> reaching(np.array([0, 1, 2, 3]), np.array([2, 3, 4, 5]), 2, 3).tolist()
    [False, True, True, False]
    """
    found: Flags = (stamps < until_ns) & (end_close_ns > from_ns)
    return found


def split_edges(stamps: Stamps, split: DataSplit) -> Edges:
    """Returns the edges in the sorted union of all symbols' base stamps [n, int64, ns UTC].

    A part begins at position floor(f n + 1e-9), f the share of all before it; the embargo takes the first 1 % of n
    stamps of validation and of test, rounded up.

    >>> split_edges(np.arange(1000), DataSplit())
    Edges(validation_ns=700, validation_from_ns=710, test_ns=850, test_from_ns=860)
    """
    count = len(stamps)
    embargo = embargo_of(count)
    # 1e-9: 0.57 of 100 is 56.99999999999999 in float64, and means 57
    validation = math.floor(split.train * count + 1e-9)
    test = math.floor((split.train + split.validation) * count + 1e-9)

    def at(position: int) -> int:
        return int(stamps[position]) if position < count else _NEVER

    return Edges(at(validation), at(validation + embargo), at(test), at(test + embargo))


def assign_parts(stamps: Stamps, end_close_ns: Stamps, usable: Flags, edges: Edges) -> Parts:
    """Returns the part of each row of one symbol [n_bars, int8]: 0 train, 1 validation, 2 test, -1 dropped.

    Args:
        stamps: the rows' base stamps [n_bars, int64, ns UTC].
        end_close_ns: close of the bar at which each label is known [n_bars, int64, ns UTC].
        usable: rows with label and features [n_bars, bool].
        edges: of all symbols together.
    """
    parts = np.full(len(stamps), TRAIN, np.int8)
    parts[stamps >= edges.validation_ns] = VALIDATION
    parts[stamps >= edges.test_ns] = TEST
    # A label known after the next part begins would carry that part's prices into this one.
    purged = (parts == TRAIN) & reaching(stamps, end_close_ns, edges.validation_ns)
    purged |= (parts == VALIDATION) & reaching(stamps, end_close_ns, edges.test_ns)
    embargoed = (parts == VALIDATION) & (stamps < edges.validation_from_ns)
    embargoed |= (parts == TEST) & (stamps < edges.test_from_ns)
    parts[purged | embargoed | ~usable] = DROPPED
    return parts


def count_separate_spans(rows: RowNumbers, end: RowNumbers) -> int:
    """Returns the largest number of label spans (t, end] of these rows that do not overlap.

    >>> count_separate_spans(np.array([0, 1, 2, 5]), np.array([3, 4, 5, 6]))
    2
    """
    count = 0
    free_from = -1
    for place in np.argsort(end, kind="stable").tolist():
        if rows[place] >= free_from:
            count = count + 1
            free_from = int(end[place])
    return count
