"""The probability that a choice among trials is overfitted, from sums of their returns in 16 blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats
from ktrdr.errors import ArgumentInvalid

Trials = Sequence[Sequence[Sequence[float]]] | NDArray[np.float64]
"""For each trial its blocks, each of them number, sum and sum of squares of its daily returns."""

BLOCKS: Final = 16
LEAST_TRIALS: Final = 10
_HALF: Final = BLOCKS // 2
_LOW_MASK: Final = 2**_HALF - 1
_CHUNK_VALUES: Final = 2**18
"""Values of an array at a time: it stays in the processor's cache, whatever the number of trials."""
_TABLED_TRIALS: Final = 1_024
"""Trials whose sums over sets of blocks are held at once, 8 KiB for each; more of them are looked at in turn, twice."""
_MOST_RATIOS: Final = 2**26
"""Trials times splits: with more than 10,428 trials a draw of the splits is looked at, so that it takes seconds."""
_LEAST_SPLITS: Final = 512
_FLAT: Final = 1e-6
"""A deviation of at most this part of the mean is rounding: sums of squares lose half of the digits of a mean."""


def probability_of_overfitting(trials: Trials, risk_free: float = 0.0) -> float | None:
    """Returns the share of splits in which the best trial in sample is below the median out of sample: PBO.

    Combinatorially symmetric cross-validation: each of the 12,870 ways to take 8 of the 16 blocks is a sample, the
    other 8 are out of it. The trial with the highest Sharpe ratio in sample (a tie: the first) has a rank out of
    sample (a tie: the mean). PBO is the share of splits in which that rank is in the lower half, plus half of the share
    exactly in the middle. (Bailey, Borwein, Lopez de Prado and Zhu, "The probability of backtest overfitting", 2017.)
    The ratio is exact from the sums; returns that do not vary have the ratio 0.

    At 0.5 the choice is as good as a draw, above it worse. One set of pure noise may give any value; over many sets
    they average near 0.5. None under ten trials, where pure noise averages well above 0.5.

    Above 10,000 trials not every split is looked at but a fixed draw of them, 512 or more, each in both directions.

    Args:
        trials: ``result.blocks`` of each trial. All trials have the same days in a block.
        risk_free: rate per period, taken off each return.

    >>> noise = np.random.default_rng(1).normal(size=(30, 16, 10))
    >>> def blocks(returns):
    ...     return [[len(day), day.sum(), (day ** 2).sum()] for day in returns]
    >>> probability_of_overfitting([blocks(trial) for trial in noise])
    0.5575757575757576
    >>> probability_of_overfitting([blocks(trial + (rank == 3)) for rank, trial in enumerate(noise)])
    0.0
    """
    if len(trials) < LEAST_TRIALS:
        return None
    counts, sums, squares = _columns(trials)
    # Sums of x - f from those of x. The order of the blocks in a sum is the same for every trial, so equal trials have
    # equal bits, and a tie is seen as one. A product of matrices promises neither.
    squares = squares - risk_free * (2 * sums - risk_free * counts)
    sums = sums - risk_free * counts
    parts = [
        (counts, sums[:, at : at + _TABLED_TRIALS], squares[:, at : at + _TABLED_TRIALS])
        for at in range(0, len(trials), _TABLED_TRIALS)
    ]
    splits = _splits(len(trials))
    if len(parts) > 1:
        return _points_in_turn(parts, splits) / (4 * len(splits))
    tables = [_table(part) for part in parts[0]]
    step = max(1, _CHUNK_VALUES // len(trials))
    points = sum(_points(tables, splits[at : at + step]) for at in range(0, len(splits), step))
    return points / (4 * len(splits))


def _columns(trials: Trials) -> tuple[Floats, Floats, Floats]:
    """Returns counts, sums and sums of squares [16, n_trials, float64]; the counts have one column."""
    shapes = {len(blocks) for blocks in trials}
    if shapes != {BLOCKS}:
        raise ArgumentInvalid("must have 16 blocks each", where="trials", found=", ".join(map(str, sorted(shapes))))
    values = np.array(trials, np.float64)
    counts, sums, squares = np.ascontiguousarray(values.transpose(2, 1, 0))
    if not np.isfinite(values).all() or (counts < 1).any():
        raise ArgumentInvalid("must have finite sums of one or more returns", where="trials")
    if (counts != counts[:, :1]).any():
        raise ArgumentInvalid(
            "must have equally many returns in each block",
            where="trials",
            expected="trials over the same days",
        )
    return counts[:, :1], sums, squares


def _splits(n_trials: int) -> NDArray[np.int64]:
    """Returns one direction of each split, a bit for each block; a fixed draw of them for many trials."""
    every = np.array([mask for mask in _masks() if mask & 1], np.int64)
    count = max(_MOST_RATIOS // n_trials, _LEAST_SPLITS)
    if count >= len(every):
        return every
    return np.sort(np.random.default_rng(0).choice(every, count, replace=False))


def _masks() -> list[int]:
    """Returns every set of 8 of 16 blocks, a bit for each block."""
    return [sum(1 << block for block in chosen) for chosen in combinations(range(BLOCKS), _HALF)]


def _table(values: Floats) -> Floats:
    """Returns the sums over every set of the first 8 blocks, and of the last 8 [2, 256, n_trials, float64]."""
    table = np.zeros((2, _LOW_MASK + 1, values.shape[1]))
    for block in range(_HALF):
        size = 1 << block
        for half in (0, 1):
            table[half, size : 2 * size] = table[half, :size] + values[half * _HALF + block]
    return table


def _points(tables: Sequence[Floats], masks: NDArray[np.int64]) -> int:
    """Returns twice the splits in the lower half plus those in the middle, each split taken in both directions."""
    one = _ratios(tables, masks)
    other = _ratios(tables, masks ^ 0xFFFF)
    return _below_median(one, other) + _below_median(other, one)


def _points_in_turn(parts: Sequence[Sequence[Floats]], masks: NDArray[np.int64]) -> int:
    """Returns the same for any number of trials, of which a part at a time is looked at.

    The best inside is known after all parts, so each part is looked at again for the trials before and behind it.
    """
    inside = np.full((2, len(masks)), -np.inf)
    chosen = np.zeros((2, len(masks)))
    for rows, ratios in _in_turn(parts, masks):
        for way in (0, 1):
            best = np.argmax(ratios[way], axis=1)[:, None]
            found, outside = (np.take_along_axis(ratios[side], best, axis=1)[:, 0] for side in (way, 1 - way))
            # Of equal ones the first: it is in an earlier part.
            higher = found > inside[way, rows]
            inside[way, rows] = np.where(higher, found, inside[way, rows])
            chosen[way, rows] = np.where(higher, outside, chosen[way, rows])
    lead = np.zeros((2, len(masks)), np.int64)
    for rows, ratios in _in_turn(parts, masks):
        for way in (0, 1):
            outside = ratios[1 - way]
            own = chosen[way, rows][:, None]
            lead[way, rows] += (outside < own).sum(axis=1) - (outside > own).sum(axis=1)
    return int(2 * (lead < 0).sum() + (lead == 0).sum())


def _in_turn(
    parts: Sequence[Sequence[Floats]], masks: NDArray[np.int64]
) -> Iterator[tuple[slice, tuple[Floats, Floats]]]:
    """Yields some of the splits with the ratios of some trials over each set of blocks and over the other blocks."""
    for part in parts:
        tables = [_table(values) for values in part]
        step = max(1, _CHUNK_VALUES // tables[1].shape[2])
        for at in range(0, len(masks), step):
            some = masks[at : at + step]
            yield slice(at, at + len(some)), (_ratios(tables, some), _ratios(tables, some ^ 0xFFFF))


def _ratios(tables: Sequence[Floats], masks: NDArray[np.int64]) -> Floats:
    """Returns the Sharpe ratio of every trial over each set of blocks [n_sets, n_trials, float64]."""
    low = masks & _LOW_MASK
    high = masks >> _HALF
    n, total, squares = (table[0, low] + table[1, high] for table in tables)
    mean = total / n
    deviation = np.sqrt(np.maximum(squares - total * mean, 0.0) / (n - 1))
    varies = deviation > _FLAT * np.abs(mean)
    ratios: Floats = np.divide(mean, deviation, out=np.zeros_like(mean), where=varies)
    return ratios


def _below_median(inside: Floats, outside: Floats) -> int:
    """Returns 2 for each split whose best trial inside is in the lower half outside, 1 for each exactly between."""
    best = np.argmax(inside, axis=1)[:, None]
    chosen = np.take_along_axis(outside, best, axis=1)
    # With a mean rank for ties, the rank is below the middle exactly where fewer trials are worse than better.
    lead = (outside < chosen).sum(axis=1) - (outside > chosen).sum(axis=1)
    return int(2 * (lead < 0).sum() + (lead == 0).sum())
