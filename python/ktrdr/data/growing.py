"""Columns and bars that grow at their end, for runs that are fed as their bars close."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ktrdr.data.audit import PRICES
from ktrdr.data.bars import EXTRAS, BarSeries

_LEAST_ROOM = 1_024


class GrowingColumn:
    """One column that grows at its end; views handed out earlier stay as they were."""

    def __init__(self, dtype: DTypeLike) -> None:
        self._room: NDArray[Any] = np.empty(_LEAST_ROOM, dtype)
        self._rows = 0

    def extend(self, values: NDArray[Any]) -> None:
        """Appends the values at the end."""
        rows = self._rows + len(values)
        if rows > len(self._room):
            # A new buffer, never a resize in place: views of the old one must not change.
            room = np.empty(max(rows, 2 * len(self._room)), self._room.dtype)
            room[: self._rows] = self._room[: self._rows]
            self._room = room
        self._room[self._rows : rows] = values
        self._rows = rows

    def after(self, rows: int) -> GrowingColumn:
        """Returns a column without the first rows."""
        rest = GrowingColumn(self._room.dtype)
        rest.extend(self.values[rows:])
        return rest

    @property
    def values(self) -> NDArray[Any]:
        """Returns all values so far, as a view."""
        return self._room[: self._rows]


class GrowingBars:
    """Bars of one series that grow at their end.

    Args:
        first: the rows so far; later ones have the same columns.

    >>> from ktrdr.time import Timeframe
    >>> prices = dict.fromkeys(("open", "high", "low", "close"), np.array([1.0]))
    >>> growing = GrowingBars(BarSeries("X", Timeframe.H1, np.array([0]), **prices))
    >>> growing.extend(BarSeries("X", Timeframe.H1, np.array([3_600 * 10**9]), **prices))
    >>> len(growing), growing.bars.close.tolist()
    (2, [1.0, 1.0])
    """

    def __init__(self, first: BarSeries) -> None:
        self._like = first
        self._columns: dict[str, GrowingColumn] = {}
        for name in ("timestamp", *PRICES, *EXTRAS):
            if (column := getattr(first, name)) is not None:
                self._columns[name] = GrowingColumn(column.dtype)
        self.extend(first)

    def __len__(self) -> int:
        return len(self._columns["timestamp"].values)

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of the columns."""
        return tuple(self._columns)

    def extend(self, bars: BarSeries) -> None:
        """Appends rows that were checked when their series was made."""
        for name, column in self._columns.items():
            column.extend(getattr(bars, name))

    @property
    def bars(self) -> BarSeries:
        """Returns the rows so far, as views."""
        return self._like.over({name: column.values for name, column in self._columns.items()})

    def last(self, count: int) -> BarSeries:
        """Returns the last rows, as views."""
        return self._like.over({name: column.values[-count:] for name, column in self._columns.items()})
