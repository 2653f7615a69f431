"""The case that every program is given: bars and signals in one file, money, costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FIVE_MINUTES_NS = 300_000_000_000
START_NS = 1_600_041_600_000_000_000
"""2020-09-14 00:00 UTC, a Monday."""
CASH = 100_000.0
COST = 1e-5
"""Commission, and slippage, as a share of a fill's value."""

Arrays = dict[str, Any]
"""The columns of the file."""
Call = Callable[[], tuple[float, int]]
"""A call returns final equity and number of fills."""


def write(file: Path, bars: int, share: float, seed: int) -> None:
    """Writes a random walk of five-minute bars with entries and exits on ``share`` of them, half of each."""
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 5e-4, bars)))
    before = np.concatenate([[100.0], close[:-1]])
    opens = before * (1 + random.normal(0, 1e-5, bars))
    high = np.maximum(opens, close) * (1 + np.abs(random.normal(0, 2e-4, bars)))
    low = np.minimum(opens, close) * (1 - np.abs(random.normal(0, 2e-4, bars)))
    chance = random.random(bars)
    stamps = START_NS + FIVE_MINUTES_NS * np.arange(bars, dtype=np.int64)
    signals = {"entries": chance < share / 2, "exits": (chance >= share / 2) & (chance < share)}
    np.savez(file, timestamp=stamps, open=opens, high=high, low=low, close=close, **signals)
