"""Coarser bars from finer ones, on the UTC grid: days at 00:00 UTC, weeks on Mondays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl

from ktrdr._types import Floats, Stamps
from ktrdr.data.bars import BarSeries
from ktrdr.data.store.repository import BarSource
from ktrdr.errors import ArgumentInvalid, DataEmpty, DataNotFound
from ktrdr.time import Timeframe


def resample(bars: BarSeries, timeframe: Timeframe) -> BarSeries:
    """Bars of ``timeframe`` made from finer ones; a last bar that has not ended by their last close is dropped.

    ``half_spread`` and ``conversion_rate`` are those of the last finer bar; an ``atr`` is not carried over.
    Raises ``ArgumentInvalid`` unless the target is coarser, ``DataEmpty`` if no bar is whole.
    """
    if timeframe <= bars.timeframe:
        finest = f"longer than {bars.timeframe.value}"
        raise ArgumentInvalid("resampling makes longer bars only", where="timeframe", found=timeframe, expected=finest)
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


@dataclass(frozen=True)
class Resampling:
    """A source of bars in which a missing timeframe is made from the longest finer one there is.

    The whole finer series is resampled, then cut, so rows do not depend on what is asked for.
    """

    source: BarSource
    _made: dict[tuple[str, Timeframe], BarSeries] = field(default_factory=dict, repr=False, compare=False)

    @property
    def made(self) -> dict[Timeframe, Timeframe]:
        """The timeframes that were missing so far, with those they are made from."""
        return {
            timeframe: series.provenance.resampled_from
            for (_, timeframe), series in self._made.items()
            if series.provenance.resampled_from is not None
        }

    def stamps(self, symbol: str, timeframe: Timeframe) -> Stamps:
        """Every bar's open, ``[n_bars, int64, ns UTC]``; raises ``DataNotFound`` where nothing finer is there."""
        try:
            return self.source.stamps(symbol, timeframe)
        except DataNotFound:
            return self._make(symbol, timeframe).timestamp

    def rows(self, symbol: str, timeframe: Timeframe, first: int, stop: int) -> BarSeries:
        """The bars ``first`` up to, not including, ``stop``."""
        try:
            return self.source.rows(symbol, timeframe, first, stop)
        except DataNotFound:
            return self._make(symbol, timeframe).rows(first, stop)

    def context(self, context_id: str) -> tuple[Stamps, Floats]:
        """An external series, as the source has it."""
        return self.source.context(context_id)

    def _make(self, symbol: str, timeframe: Timeframe) -> BarSeries:
        if (symbol, timeframe) not in self._made:
            self._made[symbol, timeframe] = resample(longest_finer(self.source, symbol, timeframe), timeframe)
        return self._made[symbol, timeframe]


def longest_finer(source: BarSource, symbol: str, timeframe: Timeframe) -> BarSeries:
    """The whole series of the longest timeframe below; raises ``DataNotFound`` for the one asked for."""
    for finer in sorted((one for one in Timeframe if one < timeframe), reverse=True):
        try:
            return source.rows(symbol, finer, 0, len(source.stamps(symbol, finer)))
        except DataNotFound:
            continue
    source.stamps(symbol, timeframe)
    raise DataNotFound("no finer series to resample from", symbol=symbol, timeframe=timeframe.value)
