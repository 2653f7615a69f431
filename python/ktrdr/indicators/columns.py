"""What every indicator reads: price columns, a chosen source, rolling sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Outputs = Mapping[str, Floats]
Params = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of bars, ``[n_bars, f64]`` each, finite; ``timestamp`` in ns UTC, volume absent as None."""

    timestamp: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats | None = None

    def source(self, name: str) -> Floats:
        """A column, or hl2, hlc3, ohlc4."""
        match name:
            case "hl2":
                return (self.high + self.low) / 2
            case "hlc3":
                return (self.high + self.low + self.close) / 3
            case "ohlc4":
                return (self.open + self.high + self.low + self.close) / 4
            case "volume":
                return self.traded()
        column: Floats = getattr(self, name)
        return column

    def traded(self) -> Floats:
        """The volume; callers make sure that there is one."""
        assert self.volume is not None
        return self.volume


Formula = Callable[[Columns, Params], Outputs]


def rolling_sum(values: Floats, window: int) -> Floats:
    """Sum over the last ``window`` values, NaN before there are as many."""
    return pl.Series(values).rolling_sum(window).cast(pl.Float64).fill_null(np.nan).to_numpy()


def rolling_extremes(low: Floats, high: Floats, window: int) -> tuple[Floats, Floats]:
    """Lowest low and highest high over the last ``window`` values."""
    lowest = pl.Series(low).rolling_min(window).fill_null(np.nan).to_numpy()
    highest = pl.Series(high).rolling_max(window).fill_null(np.nan).to_numpy()
    return lowest, highest


def divide(numerator: Floats, denominator: Floats) -> Floats:
    """The quotient without warnings; callers decide what a zero denominator means."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return numerator / denominator


def shifted(values: Floats, bars: int) -> Floats:
    """The value ``bars`` earlier, NaN where there is none."""
    moved = np.full(len(values), np.nan)
    if bars < len(values):
        moved[bars:] = values[: len(values) - bars]
    return moved
