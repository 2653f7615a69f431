"""Purged cross-validation: blocks of time tested in turn, or in every combination; purge and embargo as in training."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Final, NamedTuple

import numpy as np

from ktrdr._types import Flags, RowNumbers, Stamps
from ktrdr.errors import ArgumentInvalid
from ktrdr.training.splits import embargo_of, reaching

MOST_SPLITS: Final = 100_000


class Split(NamedTuple):
    """One split of the rows.

    Args:
        blocks: numbers of the blocks that are tested.
        train: rows to train on, ascending.
        test: rows to test, ascending.
    """

    blocks: tuple[int, ...]
    train: RowNumbers
    test: RowNumbers


def purged_folds(
    stamps: Stamps, end_close_ns: Stamps, n_blocks: int = 5, *, usable: Flags | None = None
) -> tuple[Split, ...]:
    """Returns purged k-fold splits: each block is tested once, by a training on the others.

    (Lopez de Prado, "Advances in financial machine learning", 2018, chapter 7.) Arguments and rules are those of
    `combinatorial_splits`, with one block tested at a time.

    >>> stamps = np.arange(300)
    >>> [(len(split.train), len(split.test)) for split in purged_folds(stamps, stamps + 5, 3)]
    [(196, 100), (192, 100), (196, 100)]
    """
    return combinatorial_splits(stamps, end_close_ns, n_blocks, 1, usable=usable)


def combinatorial_splits(
    stamps: Stamps, end_close_ns: Stamps, n_blocks: int = 6, n_test: int = 2, *, usable: Flags | None = None
) -> tuple[Split, ...]:
    """Returns the combinatorial purged splits: every choice of ``n_test`` of ``n_blocks`` blocks is tested once.

    There are C(n, k) splits, in lexicographic order, and every row is tested in k/n of them. (Lopez de Prado, 2018,
    chapter 12.) The blocks share the distinct stamps equally, with edges that are the same for all symbols.

    A row is not trained on if its label's span overlaps a tested block: that reaches from the block's first stamp to
    the end of the block, or of its last label where that is later. Nor are the first 1 % of all stamps (rounded up)
    after a tested block, the embargo.

    Args:
        stamps: base stamps of the rows, of one or more symbols, in any order [n_rows, int64, ns UTC].
        end_close_ns: close of the bar at which each row's label is known [n_rows, int64, ns UTC].
        n_blocks: number of blocks, n.
        n_test: number of blocks tested together, k: 1 or more, below n.
        usable: rows with label and features [n_rows, bool]; None is all. Other rows are in no part.

    >>> stamps = np.arange(600)
    >>> splits = combinatorial_splits(stamps, stamps + 5, 6, 2)
    >>> len(splits), splits[3].blocks, len(splits[3].train), len(splits[3].test)
    (15, (0, 4), 384, 200)
    """
    _check_counts(n_blocks, n_test)
    kept = np.ones(len(stamps), bool) if usable is None else usable
    if not len(stamps) == len(end_close_ns) == len(kept):
        raise ArgumentInvalid("must have one value for each row", where="stamps")
    distinct = np.unique(stamps)
    if len(distinct) < n_blocks:
        raise ArgumentInvalid("more blocks than stamps", where="n_blocks", found=n_blocks, expected=len(distinct))
    edges = [k * len(distinct) // n_blocks for k in range(n_blocks + 1)]
    block = np.searchsorted(distinct[edges[1:-1]], stamps, side="right")
    barred = [_barred(b, block, edges, distinct, stamps, end_close_ns, kept) for b in range(n_blocks)]
    return tuple(_split(blocks, block, barred, kept) for blocks in combinations(range(n_blocks), n_test))


def combinatorial_paths(n_blocks: int = 6, n_test: int = 2) -> RowNumbers:
    """Returns the split that each path takes each block's test from [n_paths, n_blocks, int64].

    Each block is tested in k/n C(n, k) splits, so there are as many paths through all blocks, and none shares a test
    with another. Path j takes, for each block, the j-th split that tests it.

    >>> combinatorial_paths(4, 2).tolist()
    [[0, 0, 1, 2], [1, 3, 3, 4], [2, 4, 5, 5]]
    """
    _check_counts(n_blocks, n_test)
    choices = list(combinations(range(n_blocks), n_test))
    tested = [[number for number, blocks in enumerate(choices) if block in blocks] for block in range(n_blocks)]
    return np.array(tested, np.int64).T


def _barred(
    number: int, block: RowNumbers, edges: list[int], distinct: Stamps, stamps: Stamps, ends: Stamps, kept: Flags
) -> Flags:
    """Returns the rows that no training may have while a block is tested [n_rows, bool]."""
    first = edges[number]
    after = edges[number + 1]
    mine = kept & (block == number)
    last_ns = int(distinct[after - 1])
    until_ns = max(last_ns + 1, int(ends[mine].max())) if mine.any() else last_ns + 1
    embargo = distinct[after : after + embargo_of(len(distinct))]
    found: Flags = reaching(stamps, ends, int(distinct[first]), until_ns)
    if len(embargo):
        found |= (stamps >= embargo[0]) & (stamps <= embargo[-1])
    return found


def _split(blocks: tuple[int, ...], block: RowNumbers, barred: list[Flags], kept: Flags) -> Split:
    tested = np.isin(block, blocks)
    train = kept & ~tested
    for number in blocks:
        train &= ~barred[number]
    return Split(blocks, np.flatnonzero(train), np.flatnonzero(tested & kept))


def _check_counts(n_blocks: int, n_test: int) -> None:
    if not 1 <= n_test < n_blocks:
        raise ArgumentInvalid(
            "must be 1 or more and below n_blocks", where="n_test", found=n_test, expected=f"1 to {n_blocks - 1}"
        )
    if (count := comb(n_blocks, n_test)) > MOST_SPLITS:
        raise ArgumentInvalid(f"gives {count:,} splits", where="n_blocks", expected=f"at most {MOST_SPLITS:,}")
