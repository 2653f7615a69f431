"""The little that a designer may know of the stored bars: names, extents, and figures of the bars before evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from ktrdr._types import Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.data.resample import Resampling, bin_starts, first_straddling
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataError
from ktrdr.time import Span, Timeframe

DESIGN_SHARE = 0.5
"""Share of a span's bars that a designer measures by default: the first half, long before the evaluation."""

_NEWEST_BARS = 50_000
_PARTS = 8
_CALM = 0.25
_DEVIATION_BY_MEAN_SIZE = math.sqrt(math.pi / 2)
"""Ratio of the standard deviation to the mean size, of normal returns."""


@dataclass(frozen=True)
class Series:
    """One series that a strategy could use.

    Args:
        bars: number of bars inside the span of the research; where a run makes them, also those that are not whole.
        first_ns: open of the first of them, ns UTC.
        last_ns: open of the last of them.
        made_from: the finer timeframe that a run makes it from; None where it is stored.
    """

    symbol: str
    timeframe: Timeframe
    bars: int
    first_ns: int
    last_ns: int
    made_from: Timeframe | None = None


@dataclass(frozen=True)
class Figures:
    """Figures of the bars that a designer may measure.

    Args:
        volatility: standard deviation of the log return of one bar, from the mean size of returns: a split in raw
            prices hardly counts.
        calm_volatility: the same in calm times: a quarter of eight parts of the bars move less.
        has_volume: True if any bar has a volume above 0.
    """

    volatility: float
    calm_volatility: float
    has_volume: bool


class Market(Protocol):
    """The stored series, as far as a designer may know them."""

    def series(self) -> Sequence[Series]:
        """Returns every series by symbol, then by timeframe; those that a run can make are among them."""

    def figures(self, symbol: str, timeframe: Timeframe) -> Figures | None:
        """Returns figures of the first part of a series; None where it has too few bars or cannot be read."""


class StoredMarket:
    """The series of a data folder.

    Args:
        repository: the folder.
        span: bars that the research may use at all.
        share: the first part of them that may be measured; the evaluation begins after it.
        resample: True if a missing timeframe may be made from a finer one.
    """

    def __init__(
        self,
        repository: Repository,
        span: Span | None = None,
        *,
        share: float = DESIGN_SHARE,
        resample: bool = True,
    ) -> None:
        self._repository = repository
        self._span = span or Span()
        self._share = share
        self._resample = resample

    def series(self) -> Sequence[Series]:
        """Returns every series by symbol, then by timeframe; one that cannot be read is left out."""
        return self._series

    def figures(self, symbol: str, timeframe: Timeframe) -> Figures | None:
        """Returns figures of the first part of a series; None where it has too few bars or cannot be read."""
        source = Resampling(self._repository)
        try:
            first, stop = _rows(source.stamps(symbol, timeframe), self._span)
            stop = first + math.floor((stop - first) * self._share)
            bars = source.rows(symbol, timeframe, max(first, stop - _NEWEST_BARS), stop)
        except DataError:
            return None
        return _figures(bars)

    @cached_property
    def _series(self) -> tuple[Series, ...]:
        found: dict[str, dict[Timeframe, Stamps]] = {}
        for symbol, timeframe in self._repository.names():
            try:
                found.setdefault(symbol, {})[timeframe] = self._repository.stamps(symbol, timeframe)
            except DataError:
                continue  # a run over it says why
        return tuple(line for symbol in sorted(found) for line in self._of_symbol(symbol, found[symbol]))

    def _of_symbol(self, symbol: str, stored: dict[Timeframe, Stamps]) -> list[Series]:
        lines = [_line(symbol, timeframe, stamps, self._span) for timeframe, stamps in stored.items()]
        for timeframe in Timeframe if self._resample else ():
            if timeframe not in stored:
                fitting = (
                    finer
                    for finer in sorted(stored)
                    if finer < timeframe and first_straddling(stored[finer], finer, timeframe) is None
                )
                if (finer := next(fitting, None)) is not None:
                    lines.append(_line(symbol, timeframe, stored[finer], self._span, finer))
        return sorted((line for line in lines if line is not None), key=lambda line: line.timeframe.seconds)


def _line(
    symbol: str, timeframe: Timeframe, stamps: Stamps, span: Span, made_from: Timeframe | None = None
) -> Series | None:
    """Returns the line of a series; None where the span has none of its bars."""
    first, stop = _rows(stamps, span)
    if stop <= first:
        return None
    bars = stop - first if made_from is None else len(np.unique(bin_starts(stamps[first:stop], timeframe)))
    return Series(symbol, timeframe, bars, int(stamps[first]), int(stamps[stop - 1]), made_from)


def _rows(stamps: Stamps, span: Span) -> tuple[int, int]:
    first = 0 if span.start_ns is None else int(np.searchsorted(stamps, span.start_ns))
    stop = len(stamps) if span.end_ns is None else int(np.searchsorted(stamps, span.end_ns))
    return first, stop


def _figures(bars: BarSeries) -> Figures | None:
    if len(bars) < 3:
        return None
    sizes = np.abs(np.diff(np.log(bars.close)))
    volatility = float(sizes.mean()) * _DEVIATION_BY_MEAN_SIZE
    if not (math.isfinite(volatility) and volatility > 0):
        return None
    parts = [float(part.mean()) * _DEVIATION_BY_MEAN_SIZE for part in np.array_split(sizes, min(_PARTS, len(sizes)))]
    calm = float(np.quantile([part for part in parts if part > 0], _CALM))
    return Figures(volatility, calm, bars.volume is not None and bool((bars.volume > 0).any()))
