"""Higher bars that know the future are refused, honest ones never are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from ktrdr.data.bars import BarSeries
from ktrdr.data.check import check_series
from ktrdr.data.imports.importer import import_file
from ktrdr.data.lookahead import bars_early, check_lookahead
from ktrdr.data.resample import resample
from ktrdr.data.store.repository import Repository
from ktrdr.errors import DataLookahead, DataTimeframe, KtrdrError
from ktrdr.time import Timeframe


def new_york_days(base: BarSeries, *, misread: bool) -> BarSeries:
    """Days that close at 17:00 New York, dated right or 21 hours early: by the UTC date of their first instant."""
    local = pl.col("timestamp").dt.convert_time_zone("America/New_York").dt.offset_by("7h").dt.date()
    days = base.to_frame().group_by(local.alias("date"), maintain_order=True).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )  # fmt: skip
    dates = days["date"].cast(pl.Datetime("ns", "UTC")).dt.offset_by("-1d" if misread else "0d")
    return BarSeries.from_frame(days.with_columns(dates.alias("timestamp")), base.symbol, Timeframe.D1)


@pytest.mark.parametrize("timeframe", [Timeframe.H4, Timeframe.D1, Timeframe.W1])
def test_resampled_bars_are_honest_and_the_same_a_bar_early_are_not(
    timeframe: Timeframe, walk: Callable[..., BarSeries]
) -> None:
    base = walk(24 * 7 * 30)
    honest = resample(base, timeframe)
    check_lookahead(honest, base)
    early = replace(honest, timestamp=honest.timestamp - timeframe.ns)
    with pytest.raises(DataLookahead, match=f"{timeframe.seconds // 3600} h of trading"):
        check_lookahead(early, base)


@pytest.mark.parametrize("bars", [3, 10, 19, 20])
def test_a_few_bars_convict_when_they_fit_exactly(bars: int, walk: Callable[..., BarSeries]) -> None:
    base = walk(24 * 40)
    honest = resample(base, Timeframe.D1).rows(5, 5 + bars)
    early = replace(honest, timestamp=honest.timestamp - 21 * Timeframe.H1.ns)
    with pytest.raises(DataLookahead):
        check_lookahead(early, base)


def test_days_dated_late_are_honest_in_every_window(walk: Callable[..., BarSeries]) -> None:
    base = walk(24 * 300)
    closes = resample(base, Timeframe.D1)
    late = replace(closes, close=base.close[20::24][: len(closes)])  # closed at 21:00, known at 24:00
    for bars in (1, 2, 3, 5, 10, 25):
        for first in range(0, 200, 7):
            assert bars_early(late.rows(first, first + bars), base) is None
    check_lookahead(late, base)
    assert bars_early(replace(late, timestamp=late.timestamp - Timeframe.D1.ns), base) is not None


def with_close(bars: BarSeries, close: np.ndarray[Any, np.dtype[np.float64]]) -> BarSeries:
    return replace(bars, close=close, high=np.maximum(bars.high, close), low=np.minimum(bars.low, close))


def test_noise_below_half_of_the_difference_convicts_and_above_does_not(walk: Callable[..., BarSeries]) -> None:
    base = walk(24 * 200)
    honest = resample(base, Timeframe.D1)
    shift = replace(honest, timestamp=honest.timestamp - Timeframe.D1.ns)
    at_end = base.close[23::24][:-1]  # the base close at the assumed end of day i + 1 is that of day i
    half = float(np.median(np.abs(honest.close[1:] - at_end))) / 2
    sign = np.where(np.arange(len(honest)) % 2, 1.0, -1.0)
    with pytest.raises(DataLookahead):
        check_lookahead(with_close(shift, honest.close + sign * 0.8 * half), base)
    check_lookahead(with_close(shift, honest.close + sign * 1.4 * half), base)


def test_series_that_do_not_meet_cannot_be_compared(walk: Callable[..., BarSeries]) -> None:
    base = walk(24 * 60)
    days = resample(base, Timeframe.D1)
    early = replace(days, timestamp=days.timestamp - Timeframe.D1.ns)
    elsewhere = replace(early, timestamp=early.timestamp - 4_000 * Timeframe.D1.ns)
    assert bars_early(early, base) is not None
    assert bars_early(elsewhere, base) is None
    check_lookahead(elsewhere, base)


@pytest.mark.real_data
def test_all_honest_pairs_of_real_files_pass(real_data: Path) -> None:
    repository = Repository(real_data)
    names = [name for name in repository.names() if "-GD" not in name[0]]
    series = {name: repository.load(*name) for name in names}
    pairs = 0
    for low, high in permutations(series.values(), 2):
        if low.symbol[:6] == high.symbol[:6] and low.timeframe < high.timeframe:
            check_lookahead(high, low)
            pairs += 1
    for base in series.values():
        for timeframe in Timeframe:
            if timeframe > base.timeframe and timeframe.seconds <= 20 * 86_400 and len(base) > 3_000:
                try:
                    made = resample(base, timeframe)
                except DataTimeframe:  # sessions shorter than the bar leave one bar a day
                    continue
                check_lookahead(made, base)
                pairs += 1
    assert pairs > 60


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["EURUSD_1h", "EURUSD_15m", "EURUSD_5m", "EURUSD-BID_1h", "XAUUSD-BID_1h"])
def test_new_york_days_dated_21_hours_early_are_refused(real_data: Path, name: str) -> None:
    symbol, _, timeframe = name.rpartition("_")
    base = Repository(real_data).load(symbol, Timeframe(timeframe))
    check_lookahead(new_york_days(base, misread=False), base)
    with pytest.raises(DataLookahead, match=r"2[0-2].* h of trading") as caught:
        check_lookahead(new_york_days(base, misread=True), base)
    assert caught.value.code == "data_lookahead"


@pytest.mark.real_data
def test_an_import_by_session_end_dates_new_york_days_right(
    real_data: Path, tmp_path: Path, repository: Repository
) -> None:
    import_file(real_data / "EURUSD_1h.parquet", repository, symbol="EURUSD", timeframe="1h")
    base = repository.load("EURUSD", Timeframe.H1)
    days = new_york_days(base, misread=True)
    at_open = pl.Series(days.timestamp).cast(pl.Datetime("ns")).dt.offset_by("17h")
    frame = days.to_frame().with_columns(at_open.dt.replace_time_zone("America/New_York").alias("timestamp"))
    frame.write_parquet(tmp_path / "days.parquet")
    with pytest.raises(KtrdrError, match="--session-end"):
        import_file(tmp_path / "days.parquet", repository, symbol="EURUSD", timeframe="1d")
    end = "17:00 America/New_York"
    report = import_file(tmp_path / "days.parquet", repository, symbol="EURUSD", timeframe="1d", session_end=end)
    assert np.array_equal(report.series.timestamp, new_york_days(base, misread=False).timestamp)
    assert check_series(repository, "EURUSD", "1d").problems == ()
    repository.store(days)
    assert [problem.code for problem in check_series(repository, "EURUSD", "1d").problems] == ["data_lookahead"]
