"""Inputs of indicators: columns of bars, or the one value of an external series, checked to be finite."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import talib

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.errors import DataNonfinite, DataNoVolume
from ktrdr.time import Timeframe


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns ``[n_bars, float64]`` an indicator may read; every value is finite.

    A NaN inside an input silently corrupts TA-Lib's recursions for the rest of the series, so it is refused here.
    """

    timestamp: Stamps
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    given_volume: Floats | None
    timeframe: Timeframe | None
    name: str

    @classmethod
    def of_bars(cls, bars: BarSeries) -> Columns:
        """Returns the columns of a bar series, which was checked when it was made."""
        name = f"{bars.symbol} {bars.timeframe.value}"
        return cls(
            bars.timestamp, bars.open, bars.high, bars.low, bars.close, bars.volume, bars.timeframe, name.strip()
        )

    @classmethod
    def of_values(cls, timestamp: Stamps, values: Floats, name: str) -> Columns:
        """Returns an external series, which has one value in place of bars; raises ``DataNonfinite``."""
        check_finite(values, name, "value")
        return cls(timestamp, values, values, values, values, None, None, name)

    def __len__(self) -> int:
        return len(self.timestamp)

    @property
    def volume(self) -> Floats:
        """Returns the volume; raises ``DataNoVolume`` if it is absent or 0 in every row."""
        if not self._has_volume:
            found = "no volume column" if self.given_volume is None else "volume 0 in every row"
            raise DataNoVolume("an indicator reads volume, the series has none", where=self.name, found=found)
        assert self.given_volume is not None
        return self.given_volume

    @cached_property
    def _has_volume(self) -> bool:
        return self.given_volume is not None and (len(self) == 0 or bool(self.given_volume.any()))

    def source(self, name: str) -> Floats:
        """Returns the column of a ``source``; the mixed ones are TA-Lib's MEDPRICE, TYPPRICE and AVGPRICE."""
        if name == "hl2":
            return self.median_price
        if name == "hlc3":
            return self.typical_price
        if name == "ohlc4":
            return talib.AVGPRICE(self.open, self.high, self.low, self.close)
        column: Floats = getattr(self, name)
        return column

    @cached_property
    def median_price(self) -> Floats:
        """Returns (high + low) / 2 ``[n_bars, float64, price]``."""
        return talib.MEDPRICE(self.high, self.low)

    @cached_property
    def typical_price(self) -> Floats:
        """Returns (high + low + close) / 3 ``[n_bars, float64, price]``."""
        return talib.TYPPRICE(self.high, self.low, self.close)


def check_finite(column: Floats, name: str, field: str) -> None:
    """Raises ``DataNonfinite`` at the first value that is NaN or infinite."""
    # The sum is finite where every value is; only a suspicious one is looked at value by value.
    with np.errstate(over="ignore", invalid="ignore"):
        total = column.sum()
    if np.isfinite(total):
        return
    wrong = ~np.isfinite(column)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataNonfinite("the value must be finite", where=name, row=row, field=field, found=float(column[row]))
