"""The stationary block bootstrap: intervals of statistics of values that depend on their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from ktrdr._types import Floats, RowNumbers
from ktrdr.errors import ArgumentInvalid

RESAMPLES: Final = 2_000
_LEAST_VALUES: Final = 10


class Interval(NamedTuple):
    """A two-sided interval of a statistic, in the unit of the statistic."""

    lower: float
    upper: float


def stationary_indices(n: int, mean_block: float, generator: np.random.Generator) -> RowNumbers:
    """Returns the positions of one resample of n values [n, int64].

    Blocks begin at random and have a geometric length; the first value follows the last. (Politis and Romano, "The
    stationary bootstrap", 1994.) Every position is equally likely in every place.

    Args:
        n: number of values, 1 or more.
        mean_block: mean length of a block, 1 or more; 1 draws each value by itself.
        generator: source of chance.

    >>> stationary_indices(8, 4.0, np.random.default_rng(0)).tolist()
    [4, 5, 7, 6, 7, 0, 1, 2]
    """
    if n < 1:
        raise ArgumentInvalid("must be 1 or more", where="n", found=n)
    if not 1 <= mean_block < np.inf:
        raise ArgumentInvalid("must be 1 or more", where="mean_block", found=mean_block)
    begins = generator.random(n) * mean_block < 1
    begins[0] = True
    block = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    starts = (generator.random(len(first)) * n).astype(np.int64)
    found: RowNumbers = (np.arange(n) + (starts - first)[block]) % n
    return found


def optimal_block(values: Floats) -> float:
    """Returns the mean block length that suits a series best, 1 or more: longer where values depend on earlier ones.

    (Politis and White, "Automatic block-length selection for the dependent bootstrap", 2004; corrected 2009.) The
    autocorrelations end at the lag after which five in a row are within 2 sqrt(log10(n) / n) of 0. At most
    min(3 sqrt(n), n / 3). 1 for fewer than ten values and for values that are all alike.

    >>> steps = np.random.default_rng(1).normal(size=1000)
    >>> round(optimal_block(steps), 1), round(optimal_block(np.convolve(steps, np.ones(20))), 1)
    (1.1, 40.7)
    """
    n = len(values)
    if n < _LEAST_VALUES or values.min() == values.max():
        return 1.0
    away = values - values.mean()
    in_a_row = max(5, int(np.log10(n)))
    most = int(np.ceil(np.sqrt(n))) + in_a_row
    covariance = np.array([away[lag:] @ away[: n - lag] for lag in range(most + 1)]) / n
    # Of each lag's own values, without their last or first one, as arch and Patton's program have it.
    scale = np.array([(away[lag + 1 :] ** 2).sum() * (away[: n - lag - 1] ** 2).sum() for lag in range(most + 1)])
    correlation = np.abs(covariance) * n / np.sqrt(np.where(scale > 0, scale, np.inf))
    small = correlation < 2 * np.sqrt(np.log10(n) / n)
    runs = [lag for lag in range(1, most - in_a_row + 1) if small[lag : lag + in_a_row].all()]
    last = min(2 * runs[0], most) if runs else most
    lags = np.arange(1, last + 1)
    weighted = 2 * np.minimum(1.0, 2 * (1 - lags / last)) * covariance[1 : last + 1]
    spectrum = covariance[0] + weighted.sum()
    if spectrum == 0:
        return 1.0
    length = (abs((weighted * lags).sum() / spectrum) ** 2 * n) ** (1 / 3)
    return float(max(1.0, min(length, np.ceil(min(3 * np.sqrt(n), n / 3)))))


def interval(
    values: Floats,
    statistic: Callable[[Floats], float],
    *,
    mean_block: float,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Returns the percentile interval of a statistic.

    The interval lies between two quantiles of the statistic over all resamples, interpolated. So it never leaves the
    values that the statistic can take, which the basic interval (twice the estimate less a quantile) does: that of a
    drawdown can be negative.

    Args:
        values: in order of time [n] or [n, k]; a resample takes whole rows.
        statistic: of one resample; it returns a finite number.
        mean_block: mean length of a block, in values.
        seed: equal seeds give equal intervals.
        level: share of the resamples inside, between 0 and 1.
        resamples: number of resamples.

    >>> found = interval(np.arange(100.0), np.mean, mean_block=5, seed=1)
    >>> round(found.lower, 2), round(found.upper, 2)
    (34.65, 64.38)
    """
    return percentiles(distribution(values, statistic, mean_block=mean_block, seed=seed, resamples=resamples), level)


def distribution(
    values: Floats,
    statistic: Callable[[Floats], float],
    *,
    mean_block: float,
    seed: int,
    resamples: int = RESAMPLES,
) -> Floats:
    """Returns a statistic of every resample [resamples, float64]; the arguments are those of `interval`.

    >>> distribution(np.array([1.0, 2.0]), np.mean, mean_block=1, seed=0, resamples=4).tolist()
    [1.0, 2.0, 1.5, 1.5]
    """
    if resamples < 1:
        raise ArgumentInvalid("must be 1 or more", where="resamples", found=resamples)
    generator = np.random.default_rng(seed)
    n = len(values)
    found = (float(statistic(values[stationary_indices(n, mean_block, generator)])) for _ in range(resamples))
    return np.fromiter(found, np.float64, resamples)


def percentiles(found: Floats, level: float = 0.95) -> Interval:
    """Returns the interval that holds the middle share ``level`` of a statistic's values over resamples.

    >>> percentiles(np.arange(101.0), 0.5)
    Interval(lower=25.0, upper=75.0)
    """
    if not 0 < level < 1:
        raise ArgumentInvalid("must be above 0 and below 1", where="level", found=level)
    if not np.isfinite(found).all():
        raise ArgumentInvalid("must be finite in every resample", where="statistic")
    lower, upper = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper))
