"""What a run is given: bars and signals, whole or growing with every feed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ktrdr import _core
from ktrdr.data.bars import BarSeries, read_columns
from ktrdr.errors import ArgumentInvalid, DataTimeframe
from ktrdr.time import Timeframe

Signals = NDArray[np.int8]
Confidence = NDArray[np.float32]
BAR_COLUMNS = ("timestamp", "open", "high", "low", "close", "half_spread", "atr", "conversion_rate")
_LEAST_ROOM = 1_024


def read_bars(bars: Any, symbol: str, timeframe: Timeframe | None, previous_ns: int | None = None) -> BarSeries:
    """Bars of a frame or a series; every row is checked, the spacing of the rows is not."""
    if isinstance(bars, BarSeries):
        found = bars
    else:
        stamps, given = read_columns(bars, symbol)
        columns: dict[str, Any] = dict(given)
        found = BarSeries(symbol, timeframe or Timeframe.M1, stamps, **columns)
    _core.check_bars(found, previous_ns)
    return found


def find_timeframe(stamps: NDArray[np.int64], timeframe: Timeframe | None) -> Timeframe:
    """The given timeframe, or the most frequent spacing; ``DataTimeframe`` where the stamps contradict it.

    Spacings that are all different contradict nothing but an overlap.
    """
    spacing = _core.spacing(stamps)
    if spacing is None:
        if timeframe is None:
            raise ArgumentInvalid("one bar does not tell its timeframe", where="timeframe", expected="1m to 1w")
        return timeframe
    smallest_ns, common_ns, count = spacing
    given = timeframe or next((known for known in Timeframe if known.ns == common_ns), None)
    irregular = count == 1 and len(stamps) > 2
    expected = " ".join(known.value for known in Timeframe) if given is None else given.value
    if given is None or (common_ns != given.ns and not irregular):
        raise DataTimeframe(
            "the most frequent spacing is not the timeframe", found=f"{common_ns / 1e9:g} s", expected=expected
        )
    check_overlap(smallest_ns, given)
    return given


def check_overlap(smallest_ns: int, timeframe: Timeframe) -> None:
    """Raises ``DataTimeframe`` for bars closer to each other than they are long."""
    if smallest_ns < timeframe.ns:
        found = f"{smallest_ns / 1e9:g} s apart"
        raise DataTimeframe("bars overlap", found=found, expected=f"{timeframe.seconds} s or more")


def read_signals(values: Any) -> Signals:
    """Signals as int8; ``ArgumentInvalid`` where that would lose anything."""
    given = np.asarray(values)
    if given.dtype != np.int8:
        given = _without_loss(given)
    if given.ndim != 1:
        raise ArgumentInvalid("one signal a bar is needed", where="signals", found=f"shape {given.shape}")
    return np.ascontiguousarray(given)


def _without_loss(given: NDArray[Any]) -> Signals:
    refused = ArgumentInvalid(
        "the signals do not fit into int8", where="signals", found=str(given.dtype), expected="-1, 0 or 1"
    )
    if given.dtype.kind not in "biuf":
        if given.size:
            raise refused
        return np.zeros(given.shape, np.int8)
    with np.errstate(invalid="ignore", over="ignore"):
        cast = given.astype(np.int8)
    if not np.array_equal(cast.astype(given.dtype), given):
        raise refused
    return cast


def read_confidence(values: Any | None) -> Confidence | None:
    """Confidences as float32; None stays None."""
    if values is None:
        return None
    try:
        with np.errstate(over="ignore"):
            given = np.asarray(values).astype(np.float32, copy=False)
    except (TypeError, ValueError):
        raise ArgumentInvalid("the confidences are not numbers", where="confidence", expected="float32") from None
    if given.ndim != 1:
        raise ArgumentInvalid("one confidence a bar is needed", where="confidence", found=f"shape {given.shape}")
    return np.ascontiguousarray(given)


def check_length(name: str, column: NDArray[Any] | None, rows: int) -> None:
    """Raises ``ArgumentInvalid`` unless there is one value a bar."""
    if column is not None and len(column) != rows:
        raise ArgumentInvalid("one value a bar is needed", where=name, found=len(column), expected=rows)


class Growing:
    """A column that grows at its end; what was handed out stays as it was."""

    def __init__(self, dtype: Any) -> None:
        self._room: NDArray[Any] = np.empty(_LEAST_ROOM, dtype)
        self._rows = 0

    def extend(self, values: NDArray[Any]) -> None:
        """Appends the values."""
        rows = self._rows + len(values)
        if rows > len(self._room):
            room = np.empty(max(rows, 2 * len(self._room)), self._room.dtype)
            room[: self._rows] = self._room[: self._rows]
            self._room = room
        self._room[self._rows : rows] = values
        self._rows = rows

    @property
    def values(self) -> NDArray[Any]:
        """All values so far, a view."""
        return self._room[: self._rows]


@dataclass(frozen=True, eq=False)
class WholeColumns:
    """Columns that hold the run from row 0 to its last bar."""

    bars: BarSeries
    signals: Signals
    confidence: Confidence | None
    first_row: int = 0


class GrowingColumns:
    """Columns of a run whose length is not known, from row ``first_row`` on.

    The optional columns are those of the first bars fed.
    """

    def __init__(self, symbol: str, timeframe: Timeframe, first_row: int = 0) -> None:
        self.first_row = first_row
        self._symbol, self._timeframe = symbol, timeframe
        self._columns: dict[str, Growing] | None = None
        self._signals, self._confidence = Growing(np.int8), Growing(np.float32)

    def append(self, bars: BarSeries, signals: Signals, confidence: Confidence | None) -> None:
        """Takes in rows that the run has taken."""
        given = given_columns(bars)
        if self._columns is None:
            self._columns = {name: Growing(column.dtype) for name, column in given.items()}
        for name, column in given.items():
            self._columns[name].extend(column)
        self._signals.extend(signals)
        self._confidence.extend(np.ones(len(signals), np.float32) if confidence is None else confidence)

    def check_alike(self, bars: BarSeries) -> None:
        """Raises ``ArgumentInvalid`` for bars with other optional columns than those before them."""
        given = sorted(given_columns(bars))
        if self._columns is not None and given != sorted(self._columns):
            raise ArgumentInvalid(
                "every feed needs the same columns", where="bars", found=given, expected=sorted(self._columns)
            )

    @property
    def bars(self) -> BarSeries:
        """The rows so far, as views."""
        if self._columns is None:
            empty = np.empty(0)
            return BarSeries(self._symbol, self._timeframe, np.empty(0, np.int64), empty, empty, empty, empty)
        columns: dict[str, Any] = {name: column.values for name, column in self._columns.items()}
        return BarSeries(self._symbol, self._timeframe, columns.pop("timestamp"), **columns)

    @property
    def signals(self) -> Signals:
        """The signals so far."""
        return self._signals.values

    @property
    def confidence(self) -> Confidence:
        """The confidences so far."""
        return self._confidence.values


def given_columns(bars: BarSeries) -> dict[str, NDArray[Any]]:
    """The columns that a run reads and these bars have."""
    return {name: column for name in BAR_COLUMNS if (column := getattr(bars, name)) is not None}
