"""Splits: edges by hand, and purge and embargo as properties over random stamps and labels."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr.strategy.sections.training import DataSplit
from ktrdr.training.splits import (
    DROPPED,
    TEST,
    TRAIN,
    VALIDATION,
    Edges,
    assign_parts,
    count_separate_spans,
    split_edges,
)


@pytest.mark.parametrize(
    ("count", "shares", "expected"),
    [
        (100, (0.7, 0.15, 0.15), (70, 71, 85, 86)),  # 1 % of 100 is 1 stamp
        (101, (0.7, 0.15, 0.15), (70, 72, 85, 87)),  # 70.7 -> 70, 85.85 -> 85; 1.01 -> 2 stamps
        (10, (0.7, 0.2, 0.1), (7, 8, 9, None)),  # 0.7 + 0.2 is 0.8999...: 9 all the same; the embargo eats test
        (1000, (0.6, 0.3, 0.1), (600, 610, 900, 910)),  # 0.6 + 0.3 is 0.8999999999999999
    ],
)
def test_edges_by_hand(count: int, shares: tuple[float, ...], expected: tuple[int | None, ...]) -> None:
    split = DataSplit(train=shares[0], validation=shares[1], test=shares[2])
    never = np.iinfo(np.int64).max
    stamps = np.arange(count) * 10
    wanted = [never if position is None else position * 10 for position in expected]
    assert split_edges(stamps, split) == Edges(*wanted)


def test_parts_by_hand() -> None:
    edges = Edges(validation_ns=50, validation_from_ns=60, test_ns=80, test_from_ns=90)
    stamps = np.arange(10) * 10
    # labels are known two bars on, and a bar closes 10 after its stamp: end close = stamp + 30
    parts = assign_parts(stamps, stamps + 30, np.ones(10, bool), edges)
    # 20 + 30 = 50 closes at the first validation stamp, not after it: kept; 30 and 40 are purged.
    # 50 is embargoed; 60 + 30 = 90 > 80 and 70 are purged; 80 is embargoed.
    assert parts.tolist() == [TRAIN] * 3 + [DROPPED] * 6 + [TEST]


shares = st.sampled_from([(0.7, 0.15, 0.15), (0.5, 0.25, 0.25), (0.34, 0.33, 0.33), (0.8, 0.1, 0.1)])


@settings(max_examples=200, deadline=None)
@given(data=st.data(), shares=shares, symbols=st.integers(1, 3))
def test_nothing_reaches_over_an_edge(data: st.DataObject, shares: tuple[float, ...], symbols: int) -> None:
    length = 7
    random = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    every = [np.cumsum(random.integers(1, 4, data.draw(st.integers(20, 300)))) * length for _ in range(symbols)]
    union = np.unique(np.concatenate(every))
    split = DataSplit(train=shares[0], validation=shares[1], test=shares[2])
    edges = split_edges(union, split)
    first = math.floor(shares[0] * len(union) + 1e-9), math.floor((shares[0] + shares[1]) * len(union) + 1e-9)
    embargo = math.ceil(len(union) / 100)
    banned = {*union[first[0] : first[0] + embargo].tolist(), *union[first[1] : first[1] + embargo].tolist()}
    for stamps in every:
        end = np.minimum(np.arange(len(stamps)) + random.integers(0, 30, len(stamps)), len(stamps) - 1)
        closes = stamps[end] + length
        usable = random.uniform(size=len(stamps)) < 0.9
        parts = assign_parts(stamps, closes, usable, edges)
        for row, stamp in enumerate(stamps.tolist()):
            position = int(np.searchsorted(union, stamp))
            home = TRAIN if position < first[0] else VALIDATION if position < first[1] else TEST
            next_part = {TRAIN: union[first[0]], VALIDATION: union[first[1]], TEST: np.inf}[home]
            kept = usable[row] and stamp not in banned and closes[row] <= next_part
            assert parts[row] == (home if kept else DROPPED)


def brute_spans(rows: list[int], end: list[int]) -> int:
    """Yields every subset of the rows."""
    best = 0
    for mask in range(1 << len(rows)):
        chosen = sorted((rows[i], end[i]) for i in range(len(rows)) if mask >> i & 1)
        if all(before[1] <= after[0] for before, after in pairwise(chosen)):
            best = max(best, len(chosen))
    return best


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=9, unique_by=lambda pair: pair[0]))
def test_separate_spans_are_as_many_as_can_be(pairs: list[tuple[int, int]]) -> None:
    rows = [row for row, _ in pairs]
    end = [row + length for row, length in pairs]
    assert count_separate_spans(np.array(rows, np.int64), np.array(end, np.int64)) == brute_spans(rows, end)
