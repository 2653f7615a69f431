"""Columns that a run reads: whole from the start, or growing with every feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr.data.bars import BarSeries
from ktrdr.data.growing import GrowingColumn
from ktrdr.errors import ArgumentInvalid
from ktrdr.simulation.given.signals import Confidence, Signals
from ktrdr.time import Timeframe

BAR_COLUMNS = ("timestamp", "open", "high", "low", "close", "half_spread", "atr", "conversion_rate")


@dataclass(frozen=True, eq=False)
class WholeColumns:
    """Columns that hold the run from row 0 to its last bar."""

    bars: BarSeries
    signals: Signals
    confidence: Confidence | None
    first_row: int = 0


class GrowingColumns:
    """Columns of a run of unknown length, from row ``first_row`` of the run on.

    The first bars fed decide which optional columns there are.
    """

    def __init__(self, symbol: str, timeframe: Timeframe, first_row: int = 0) -> None:
        self.first_row = first_row
        self._symbol = symbol
        self._timeframe = timeframe
        self._columns: dict[str, GrowingColumn] | None = None
        self._signals = GrowingColumn(np.int8)
        self._confidence = GrowingColumn(np.float32)

    def append(self, bars: BarSeries, signals: Signals, confidence: Confidence | None) -> None:
        """Appends rows that the core has simulated."""
        given = given_columns(bars)
        if self._columns is None:
            self._columns = {name: GrowingColumn(column.dtype) for name, column in given.items()}
        for name, column in given.items():
            self._columns[name].extend(column)
        self._signals.extend(signals)
        self._confidence.extend(np.ones(len(signals), np.float32) if confidence is None else confidence)

    def drop_before(self, first_row: int) -> None:
        """Drops the rows before row ``first_row`` of the run."""
        dropped = first_row - self.first_row
        self.first_row = first_row
        self._signals = self._signals.after(dropped)
        self._confidence = self._confidence.after(dropped)
        if self._columns is not None:
            self._columns = {name: column.after(dropped) for name, column in self._columns.items()}

    def check_alike(self, bars: BarSeries) -> None:
        """Raises ``ArgumentInvalid`` for bars with other optional columns than those before them."""
        given = given_columns(bars).keys()
        if self._columns is not None and given != self._columns.keys():
            found = sorted(given)
            expected = sorted(self._columns)
            raise ArgumentInvalid("every feed needs the same columns", where="bars", found=found, expected=expected)

    @property
    def bars(self) -> BarSeries:
        """Returns the rows so far, as views."""
        if self._columns is None:
            prices = dict.fromkeys(("open", "high", "low", "close"), np.empty(0))
            return BarSeries.of_checked(self._symbol, self._timeframe, {"timestamp": np.empty(0, np.int64), **prices})
        columns = {name: column.values for name, column in self._columns.items()}
        return BarSeries.of_checked(self._symbol, self._timeframe, columns)

    @property
    def signals(self) -> Signals:
        """Returns the signals so far, as a view."""
        return self._signals.values

    @property
    def confidence(self) -> Confidence:
        """Returns the confidences so far, as a view."""
        return self._confidence.values


def given_columns(bars: BarSeries) -> dict[str, NDArray[Any]]:
    """Returns the columns that a run reads and these bars have."""
    return {name: column for name in BAR_COLUMNS if (column := getattr(bars, name)) is not None}
