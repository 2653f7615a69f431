"""Coarser bars from finer ones, on the UTC grid: days at 00:00 UTC, weeks on Mondays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import BarSource
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataNotFound, DataResampleGrid
from ktrdr.time import NS_PER_DAY, Timeframe, iso

_FIRST_MONDAY_NS = 4 * NS_PER_DAY  # 1970-01-05


def resample(bars: BarSeries, timeframe: Timeframe) -> BarSeries:
    """Makes bars of ``timeframe`` from finer ones; drops a last bar that has not ended by their last close.

    ``half_spread`` and ``conversion_rate`` are those of the last finer bar; an ``atr`` is not carried over.
    Raises ``ArgumentInvalid`` unless the target is coarser, ``DataResampleGrid`` if a bar does not lie wholly
    inside one target bar, ``DataEmpty`` if no target bar is whole.
    """
    if timeframe <= bars.timeframe:
        finest = f"longer than {bars.timeframe.value}"
        raise ArgumentInvalid("resampling makes longer bars only", where="timeframe", found=timeframe, expected=finest)
    require_inside(bars, timeframe)
    every = "1w" if timeframe is Timeframe.W1 else f"{timeframe.seconds}s"
    parts = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()]
    frame = bars.to_frame()
    parts += [pl.col("volume").sum()] if bars.volume is not None else []
    parts += [pl.col(name).last() for name in ("half_spread", "conversion_rate") if name in frame.columns]
    grouped = frame.group_by_dynamic("timestamp", every=every, closed="left", label="left").agg(parts)
    ends = pl.col("timestamp").to_physical() + timeframe.ns
    whole = grouped.filter(ends <= int(bars.close_ns[-1]))
    if whole.is_empty():
        raise DataEmpty("no whole bar", symbol=bars.symbol or None, timeframe=timeframe.value)
    provenance = replace(bars.provenance, resampled_from=bars.timeframe)
    return BarSeries.from_frame(whole, bars.symbol, timeframe, provenance)


def first_straddling(stamps: Stamps, source: Timeframe, target: Timeframe) -> int | None:
    """Returns the first row of a source that crosses the edge of a target bar, or None.

    Such a bar would put prices into the target bar in which it opens that are known only after that bar's end.

    >>> hours = np.array([22, 23]) * Timeframe.H1.ns
    >>> first_straddling(hours, Timeframe.H1, Timeframe.D1), first_straddling(hours, Timeframe.H2, Timeframe.D1)
    (None, 1)
    """
    beyond = stamps - bin_starts(stamps, target) + source.ns > target.ns
    return int(np.argmax(beyond)) if beyond.any() else None


def bin_starts(stamps: Stamps, target: Timeframe) -> Stamps:
    """Returns the open of the target bar in which each stamp lies [n, int64, ns UTC].

    >>> (bin_starts(np.array([5, 6, 30]) * Timeframe.H1.ns, Timeframe.H4) // Timeframe.H1.ns).tolist()
    [4, 4, 28]
    """
    anchor = _FIRST_MONDAY_NS if target is Timeframe.W1 else 0
    found: Stamps = stamps - (stamps - anchor) % target.ns
    return found


def require_inside(bars: BarSeries, timeframe: Timeframe) -> None:
    """Raises ``DataResampleGrid`` unless each bar lies inside one bar of a longer timeframe."""
    row = first_straddling(bars.timestamp, bars.timeframe, timeframe)
    if row is not None:
        raise _off_grid(bars.symbol, bars.timestamp, row, bars.timeframe, timeframe)


def _off_grid(symbol: str, stamps: Stamps, row: int, source: Timeframe, target: Timeframe) -> DataResampleGrid:
    begin_ns = int(stamps[row])
    return DataResampleGrid(
        f"the {source.value} bars cannot make {target.value} bars",
        symbol=symbol or None,
        timeframe=target.value,
        row=row,
        found=f"a bar from {iso(begin_ns)} to {iso(begin_ns + source.ns)}",
        expected=f"bars that lie inside one {target.value} bar of UTC",
        hint="import a finer series, or this timeframe itself",
    )


class Resampling:
    """A source of bars that makes a missing timeframe from the finest series that fits into it.

    The whole finer series is resampled, then cut, so rows do not depend on what is asked for.
    """

    def __init__(self, source: BarSource) -> None:
        self.source = source
        self._made: dict[tuple[str, Timeframe], BarSeries] = {}

    @property
    def made(self) -> dict[Timeframe, Timeframe]:
        """Maps each timeframe made so far to the one it was made from."""
        return {
            timeframe: series.provenance.resampled_from
            for (_, timeframe), series in self._made.items()
            if series.provenance.resampled_from is not None
        }

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Returns every bar's open, ``[n_bars, int64, ns UTC]``.

        Raises ``DataNotFound`` where nothing finer is there, ``DataResampleGrid`` where nothing finer fits.
        """
        try:
            return self.source.stamps(symbol, timeframe)
        except DataNotFound:
            return self._make(symbol, timeframe).timestamp

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """Returns the bars ``first`` up to, not including, ``stop``."""
        try:
            return self.source.rows(symbol, timeframe, first, stop)
        except DataNotFound:
            return self._make(symbol, timeframe).rows(first, stop)

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """Returns an external series as the source has it."""
        return self.source.context(context_id)

    def _make(self, symbol: str, timeframe: Timeframe) -> BarSeries:
        if (symbol, timeframe) not in self._made:
            self._made[symbol, timeframe] = resample(finest_fitting(self.source, symbol, timeframe), timeframe)
        return self._made[symbol, timeframe]


def finest_fitting(source: BarSource, symbol: str, timeframe: Timeframe) -> BarSeries:
    """Returns the whole finest series each of whose bars lies inside one bar of ``timeframe``.

    Raises ``DataNotFound`` if no finer series is there, ``DataResampleGrid`` if none fits.
    """
    misfit: DataResampleGrid | None = None
    for finer in sorted(one for one in Timeframe if one < timeframe):
        try:
            stamps = source.stamps(symbol, finer)
        except DataNotFound:
            continue
        row = first_straddling(stamps, finer, timeframe)
        if row is None:
            return source.rows(symbol, finer, 0, len(stamps))
        misfit = misfit or _off_grid(symbol, stamps, row, finer, timeframe)
    if misfit is not None:
        raise misfit
    source.stamps(symbol, timeframe)
    raise DataNotFound("no finer series to resample from", symbol=symbol, timeframe=timeframe.value)
