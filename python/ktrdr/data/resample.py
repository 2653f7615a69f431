"""Coarser bars from finer ones, on the UTC grid: days at 00:00 UTC, weeks on Mondays."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from ktrdr.data.bars import BarSeries
from ktrdr.errors import ArgumentInvalid, DataEmpty
from ktrdr.values import Timeframe


def resample(bars: BarSeries, timeframe: Timeframe) -> BarSeries:
    """Bars of ``timeframe`` made from finer ones; a last bar that has not ended by their last close is dropped.

    Raises ``ArgumentInvalid`` unless the target is coarser, ``DataEmpty`` if no bar is whole.
    """
    if timeframe <= bars.timeframe:
        raise ArgumentInvalid(
            "resampling makes coarser bars only",
            where="timeframe",
            found=timeframe.value,
            expected=f"> {bars.timeframe}",
        )
    every = "1w" if timeframe is Timeframe.W1 else f"{timeframe.seconds}s"
    firsts = [pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()]
    if bars.volume is not None:
        firsts.append(pl.col("volume").sum())
    frame = bars.to_frame().group_by_dynamic("timestamp", every=every, closed="left", label="left").agg(firsts)
    ended = pl.col("timestamp").dt.timestamp("ns") + timeframe.ns <= int(bars.close_ns[-1])
    whole = frame.filter(ended)
    if whole.is_empty():
        raise DataEmpty("no whole bar", symbol=bars.symbol, timeframe=timeframe.value)
    provenance = replace(bars.provenance, resampled_from=bars.timeframe)
    return BarSeries.from_frame(whole, bars.symbol, timeframe, provenance)
