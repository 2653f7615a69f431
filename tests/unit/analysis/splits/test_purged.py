"""Purged cross-validation: counts, paths, and that no training row knows a tested bar; against the rule written out."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import ceil, comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrdr._types import Flags, Stamps
from ktrdr.analysis.splits import combinatorial_paths, combinatorial_splits, purged_folds
from ktrdr.errors import ArgumentInvalid
from ktrdr.training.splits import TEST, TRAIN, Edges, assign_parts

Rows = tuple[Stamps, Stamps, Flags]


def drawn(seed: int, symbols: int = 2, length: int = 90, longest: int = 60) -> Rows:
    """Rows of several symbols that share most stamps, with labels of random length, some of them unusable."""
    rng = np.random.default_rng(seed)
    each = [np.sort(rng.choice(length * 10, length, replace=False)).astype(np.int64) for _ in range(symbols)]
    stamps = np.concatenate(each)
    return stamps, stamps + rng.integers(1, longest, len(stamps)), rng.random(len(stamps)) < 0.9


@pytest.mark.parametrize(("n", "k"), [(4, 1), (6, 2), (7, 3), (10, 2), (10, 8)])
def test_counts(n: int, k: int) -> None:
    stamps = np.arange(300)
    splits = combinatorial_splits(stamps, stamps + 1, n, k)
    paths = combinatorial_paths(n, k)
    assert len(splits) == comb(n, k)
    assert [split.blocks for split in splits] == list(combinations(range(n), k))
    assert paths.shape == (k * comb(n, k) // n, n)
    # each test of a block is in one path
    assert len({(split, block) for path in paths.tolist() for block, split in enumerate(path)}) == comb(n, k) * k
    assert all(block in splits[split].blocks for path in paths for block, split in enumerate(path))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 8), longest=st.sampled_from([2, 60]), data=st.data())
def test_equals_the_rule_written_out(seed: int, n: int, longest: int, data: st.DataObject) -> None:
    """With short labels the embargo reaches further than the purge, with long ones less far."""
    k = data.draw(st.integers(1, n - 1))
    stamps, ends, usable = drawn(seed, longest=longest)
    distinct = np.unique(stamps)
    starts = [distinct[i * len(distinct) // n] for i in range(n)] + [distinct[-1] + 1]
    embargo = ceil(len(distinct) / 100 - 1e-9)
    tests: Counter[int] = Counter()
    for split in combinatorial_splits(stamps, ends, n, k, usable=usable):
        spans = [(starts[block], starts[block + 1]) for block in split.blocks]
        tested = [row for row in range(len(stamps)) if usable[row] and any(a <= stamps[row] < b for a, b in spans)]
        barred = set(tested)
        for low, high in spans:
            known = [ends[row] for row in tested if low <= stamps[row] < high]
            until = max([high if high > distinct[-1] else int(distinct[distinct < high][-1]) + 1, *known])
            late = set(distinct[distinct >= high][:embargo].tolist())
            for row in range(len(stamps)):
                if (stamps[row] < until and ends[row] > low) or int(stamps[row]) in late:
                    barred.add(row)
        assert split.test.tolist() == tested
        assert split.train.tolist() == [row for row in range(len(stamps)) if usable[row] and row not in barred]
        tests.update(tested)
    assert set(tests) == set(np.flatnonzero(usable).tolist())
    assert set(tests.values()) == {comb(n - 1, k - 1)}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 6))
def test_no_training_label_meets_a_test_label(seed: int, n: int) -> None:
    stamps, ends, usable = drawn(seed, symbols=1)
    for split in purged_folds(stamps, ends, n, usable=usable):
        for row in split.train:
            overlap = (stamps[row] < ends[split.test]) & (ends[row] > stamps[split.test])
            assert not overlap.any()


def test_the_last_block_is_the_test_of_a_training() -> None:
    """Training on all before the last block equals the split of a training at that edge, without its embargo."""
    stamps, ends, usable = drawn(3)
    split = purged_folds(stamps, ends, 4, usable=usable)[-1]
    distinct = np.unique(stamps)
    edge = int(distinct[3 * len(distinct) // 4])
    parts = assign_parts(stamps, ends, usable, Edges(edge, edge, edge, edge))
    assert split.train.tolist() == np.flatnonzero(parts == TRAIN).tolist()
    assert split.test.tolist() == np.flatnonzero(parts == TEST).tolist()


def test_rows_of_all_symbols_lie_in_the_same_blocks() -> None:
    stamps = np.concatenate([np.arange(0, 100), np.arange(50, 150)])
    for split in purged_folds(stamps, stamps + 1, 3):
        assert set(stamps[split.test]) & set(stamps[split.train]) == set()


@pytest.mark.parametrize(
    ("name", "n", "k", "length"),
    [("n_test", 5, 0, 50), ("n_test", 5, 5, 50), ("n_blocks", 60, 2, 50), ("n_blocks", 40, 20, 50)],
)
def test_arguments_are_checked(name: str, n: int, k: int, length: int) -> None:
    stamps = np.arange(length)
    with pytest.raises(ArgumentInvalid) as caught:
        combinatorial_splits(stamps, stamps + 1, n, k)
    assert caught.value.where == name


def test_columns_are_of_one_length() -> None:
    with pytest.raises(ArgumentInvalid, match="one value for each row"):
        purged_folds(np.arange(10), np.arange(9), 2)
