"""Synthetic sample bars: a seeded EURUSD with weekends, sessions and volatility clusters.

Nobody should draw conclusions from them; they are marked synthetic wherever they are reported.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries, Provenance
from ktrdr.data.resample import resample
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataExists
from ktrdr.time import NS_PER_DAY, NS_PER_HOUR, Timeframe

SYMBOL = "EURUSD"
_SEED = 20_220_101
_FIRST_DAY = np.datetime64("2022-01-01")
_LAST_DAY = np.datetime64("2025-01-01")
_MEAN_PRICE = 1.09
_STEPS_PER_BAR = 6
_WEEKEND_STEP = 8.0  # the first step of a week is that many times as large
# Half of the variance lives in a slow drift about the mean, half in swings with a half-life of six hours, so that
# rules which fade a move find a little to live on.
_SLOW_PULL = 2e-5
_FAST_PULL = 1.6e-3


def sample_bars() -> BarSeries:
    """Returns 5m bars of 2022 to 2024, the same on every call.

    >>> bars = sample_bars()
    >>> bars.timeframe.value, bars.provenance.synthetic
    ('5m', True)
    """
    every = np.arange(_FIRST_DAY, _LAST_DAY, np.timedelta64(5, "m")).astype("datetime64[ns]").astype(np.int64)
    stamps = _open_market(every)
    random = np.random.Generator(np.random.PCG64(_SEED))
    scale = _volatility(stamps, random)
    week_opens = np.append(True, np.diff(stamps) > Timeframe.M5.ns)
    path = _prices(scale, week_opens, random)
    close = path[:, -1]
    opened = np.where(week_opens, path[:, 0], np.roll(close, 1))
    columns = {
        "open": opened,
        "high": np.maximum(path.max(axis=1), opened),
        "low": np.minimum(path.min(axis=1), opened),
        "close": close,
        "volume": np.floor(scale / scale.mean() * 200 * (0.5 + random.random(len(stamps)))) + 1,
    }
    return BarSeries(SYMBOL, Timeframe.M5, stamps, provenance=Provenance(synthetic=True, source="sample"), **columns)


def write_sample(repository: Repository) -> list[BarSeries]:
    """Stores the sample as 5m, 1h, 4h and 1d; raises ``DataExists`` where that would replace a real series."""
    base = sample_bars()
    series = [base, *(resample(base, timeframe) for timeframe in (Timeframe.H1, Timeframe.H4, Timeframe.D1))]
    for one in series:
        if repository.has(SYMBOL, one.timeframe) and not repository.provenance(SYMBOL, one.timeframe).synthetic:
            raise DataExists(
                "a real series is stored already",
                symbol=SYMBOL,
                timeframe=one.timeframe.value,
                hint="the sample never replaces real bars: use another data folder, or delete that series first",
            )
    for one in series:
        repository.store(one)
    return series


def _open_market(stamps: Stamps) -> Stamps:
    """Returns the stamps from Sunday 22:00 to Friday 22:00 UTC."""
    hour_of_week = (stamps + 3 * NS_PER_DAY) % (7 * NS_PER_DAY) // NS_PER_HOUR  # Monday 00:00 is 0
    return stamps[(hour_of_week < 4 * 24 + 22) | (hour_of_week >= 6 * 24 + 22)]


def _volatility(stamps: Stamps, random: np.random.Generator) -> Floats:
    """Returns per bar: a daily shape with two sessions, times clusters that live for days."""
    hour = stamps % NS_PER_DAY / NS_PER_HOUR
    session = 0.55 + 0.6 * np.exp(-((hour - 8) ** 2) / 8) + 0.9 * np.exp(-((hour - 14.5) ** 2) / 10)
    day, position = np.unique(stamps // NS_PER_DAY, return_inverse=True)
    cluster = np.empty(len(day))
    level = 0.0
    for index, shock in enumerate(random.standard_normal(len(day))):
        level = 0.92 * level + 0.12 * shock
        cluster[index] = level
    shaped: Floats = 2.6e-4 * session * np.exp(cluster)[position]
    return shaped


def _prices(scale: Floats, week_opens: NDArray[np.bool_], random: np.random.Generator) -> Floats:
    """Returns prices after each step, ``[n_bars, steps]``, five decimals."""
    logs = np.zeros(len(scale) * _STEPS_PER_BAR)
    for pull in (_SLOW_PULL, _FAST_PULL):
        steps = random.standard_normal((len(scale), _STEPS_PER_BAR)) * (scale / np.sqrt(2 * _STEPS_PER_BAR))[:, None]
        steps[week_opens, 0] *= _WEEKEND_STEP
        logs += _pulled_back(steps.ravel(), pull)
    rounded: Floats = np.round(_MEAN_PRICE * np.exp(logs), 5).reshape(-1, _STEPS_PER_BAR)
    return rounded


def _pulled_back(steps: Floats, pull: float) -> Floats:
    """Returns the recursion x[t] = (1 - pull) x[t-1] + steps[t], as a scan over blocks short enough not to overflow."""
    level = 0.0
    parts = []
    block = 2_048
    powers = (1.0 - pull) ** np.arange(1, block + 1)
    for start in range(0, len(steps), block):
        part = steps[start : start + block]
        weights = powers[: len(part)]
        x = weights * (level + np.cumsum(part / weights))
        level = float(x[-1])
        parts.append(x)
    return np.concatenate(parts)
