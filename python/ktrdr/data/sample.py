"""Synthetic sample bars: a seeded EURUSD with weekends, sessions and volatility clusters.

Nobody should draw conclusions from them; they are marked synthetic wherever they are reported.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.frames import Floats, Stamps
from ktrdr.data.repository import Repository
from ktrdr.data.resample import resample
from ktrdr.errors import DataNotFound
from ktrdr.values import NS_PER_DAY, NS_PER_SECOND, Timeframe

SYMBOL = "EURUSD"
_SEED = 20_220_101
_FIRST_DAY, _LAST_DAY = np.datetime64("2022-01-01"), np.datetime64("2025-01-01")
_HOUR_NS = 3_600 * NS_PER_SECOND
_REVERSION = 2e-5
_STEPS_PER_BAR = 6


def sample_bars() -> BarSeries:
    """5m bars of 2022 to 2024, the same on every call.

    >>> bars = sample_bars()
    >>> bars.timeframe.value, bars.provenance.synthetic
    ('5m', True)
    """
    stamps = _open_market(
        np.arange(_FIRST_DAY, _LAST_DAY, np.timedelta64(5, "m")).astype("datetime64[ns]").astype(np.int64)
    )
    random = np.random.Generator(np.random.PCG64(_SEED))
    shape = (len(stamps), _STEPS_PER_BAR)
    scale = _volatility(stamps, random)
    path = _prices(random.standard_normal(shape) * (scale / np.sqrt(_STEPS_PER_BAR))[:, None])
    close = path[:, -1]
    opened = np.concatenate([[path[0, 0]], close[:-1]])
    columns = {
        "open": opened,
        "high": np.maximum(path.max(axis=1), opened),
        "low": np.minimum(path.min(axis=1), opened),
        "close": close,
        "volume": np.floor(scale / scale.mean() * 200 * (0.5 + random.random(len(stamps)))) + 1,
    }
    return BarSeries(SYMBOL, Timeframe.M5, stamps, provenance=Provenance(synthetic=True, source="sample"), **columns)


def write_sample(repository: Repository) -> list[BarSeries]:
    """Stores the sample as 5m, 1h, 4h and 1d; a real series is never replaced. Returns what was written."""
    base = sample_bars()
    series = [base, *(resample(base, timeframe) for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1))]
    written = [one for one in series if _may_replace(repository, one)]
    for one in written:
        repository.store(one)
    return written


def _may_replace(repository: Repository, series: BarSeries) -> bool:
    try:
        repository.stamps(series.symbol, series.timeframe)
    except DataNotFound:
        return True
    return repository.provenance(series.symbol, series.timeframe).synthetic


def _open_market(stamps: Stamps) -> Stamps:
    """Sunday 22:00 to Friday 22:00 UTC."""
    hour_of_week = (stamps + 3 * NS_PER_DAY) % (7 * NS_PER_DAY) // _HOUR_NS  # Monday 00:00 is 0
    return stamps[(hour_of_week < 4 * 24 + 22) | (hour_of_week >= 6 * 24 + 22)]


def _volatility(stamps: Stamps, random: np.random.Generator) -> Floats:
    """Per bar: a daily shape with two sessions, times clusters that live for days."""
    hour = stamps % NS_PER_DAY / _HOUR_NS
    session = 0.55 + 0.6 * np.exp(-((hour - 8) ** 2) / 8) + 0.9 * np.exp(-((hour - 14.5) ** 2) / 10)
    day, position = np.unique(stamps // NS_PER_DAY, return_inverse=True)
    cluster = np.empty(len(day))
    level = 0.0
    for index, shock in enumerate(random.standard_normal(len(day))):
        level = 0.92 * level + 0.12 * shock
        cluster[index] = level
    shaped: Floats = 1.9e-4 * session * np.exp(cluster)[position]
    return shaped


def _prices(steps: NDArray[np.float64]) -> Floats:
    """A log price pulled gently towards its mean, so that reverting rules find something to revert to."""
    pull = 1.0 - _REVERSION
    # The recursion x[t] = pull x[t-1] + step[t], as a scan over blocks short enough not to overflow.
    level, parts, block = 0.0, [], 4_096
    powers = pull ** np.arange(1, block + 1)
    flat = steps.ravel()
    for start in range(0, len(flat), block):
        part = flat[start : start + block]
        weights = powers[: len(part)]
        x = weights * (level + np.cumsum(part / weights))
        level = float(x[-1])
        parts.append(x)
    prices = 1.09 * np.exp(np.concatenate(parts))
    return np.round(prices, 5).reshape(steps.shape)
